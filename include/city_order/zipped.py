"""ZIP files that strangers made: nothing is believed but what was counted, and nothing is ever unpacked to a disk."""

from __future__ import annotations

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator

from include.city_order.readings import Limits, Unreadable

PIECE_BYTES = 1 << 20
_PACKED_BYTES = 1 << 16
#: An entry up to this size is no bomb, however well it was packed.
_HARMLESS = 16 * 1024 * 1024
#: The mark of an entry in the directory. ZIPs packed inside, unpressed, have some too.
_DIRECTORY_MARK = b"PK\x01\x02"
_UNICODE_PATH = 0x7075
_SYMLINK_MAKERS = (3, 19)


def open_zip(data: bytes, limits: Limits) -> tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]:
    """A ZIP and its directory, if what it declares is within the limits. Raises Unreadable."""
    if data.count(_DIRECTORY_MARK) > 10 * limits.entries:
        raise Unreadable("too_many_entries")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
        raise Unreadable("broken") from None
    entries = archive.infolist()
    if len(entries) > limits.entries:
        raise Unreadable("too_many_entries")
    for entry in entries:
        _demand_harmless(entry, limits)
    if sum(entry.file_size for entry in entries) > limits.inflated_bytes:
        raise Unreadable("inflates_too_much")
    return archive, entries


def _demand_harmless(entry: zipfile.ZipInfo, limits: Limits) -> None:
    if entry.flag_bits & 1:
        raise Unreadable("encrypted")
    name = entry.orig_filename.replace("\\", "/")
    absolute = name.startswith("/") or name[1:2] == ":"
    link = entry.create_system in _SYMLINK_MAKERS and stat.S_ISLNK(entry.external_attr >> 16)
    if absolute or link or "\0" in name or ".." in name.split("/"):
        raise Unreadable("unsafe_name")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Unreadable("other_archive")
    if entry.file_size > max(limits.inflated_ratio * entry.compress_size, _HARMLESS):
        raise Unreadable("inflates_too_much")


def part_name(entry: zipfile.ZipInfo) -> str:
    """The name of a workbook's part, in one spelling."""
    return entry.filename.replace("\\", "/")


def member_name(entry: zipfile.ZipInfo) -> str:
    """The name of a file in a ZIP, as its sender saw it.

    Without a mark that it is Unicode it is UTF-8 if it can be (macOS, Linux), else code page 866 (Russian Windows).
    """
    name = _unicode_path(entry) or entry.filename
    if not entry.flag_bits & 0x800 and name == entry.filename:
        raw = name.encode("cp437", errors="replace")
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            name = raw.decode("cp866")
    return unicodedata.normalize("NFC", name.replace("\\", "/"))


def _unicode_path(entry: zipfile.ZipInfo) -> str:
    """The name in Info-ZIP's Unicode field, if it belongs to the present name; else ""."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        raw = entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437", errors="replace")
        if kind == _UNICODE_PATH and field[:5] == b"\x01" + struct.pack("<I", zlib.crc32(raw)):
            return field[5:].decode("utf-8", errors="replace").replace("\0", "")
    return ""


def inflate(data: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The content of one entry in pieces, counted as it comes: the size in the directory may be a lie."""
    head = data[entry.header_offset : entry.header_offset + 30]
    if len(head) < 30 or not head.startswith(b"PK\x03\x04"):
        raise Unreadable("broken")
    start = entry.header_offset + 30 + sum(struct.unpack("<HH", head[26:30]))
    packed = data[start : start + entry.compress_size]
    size = checksum = 0
    for piece in _cut(packed, PIECE_BYTES) if entry.compress_type == zipfile.ZIP_STORED else _decompress(packed):
        size += len(piece)
        if size > entry.file_size:
            raise Unreadable("broken")
        checksum = zlib.crc32(piece, checksum)
        yield piece
    if size < entry.file_size or checksum != entry.CRC:
        raise Unreadable("broken")


def _cut(packed: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(packed), size):
        yield packed[start : start + size]


def _decompress(packed: bytes) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in _cut(packed, _PACKED_BYTES):
            while piece and not inflater.eof:
                yield inflater.decompress(piece, PIECE_BYTES)
                piece = inflater.unconsumed_tail
        yield inflater.flush()
    except zlib.error:
        raise Unreadable("broken") from None
