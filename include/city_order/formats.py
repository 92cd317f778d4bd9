"""The bytes of a drop → sheets of text. The format is told by the content; a name can say anything.

Runs inside the sandbox: standard library and calamine only. Cells become the text that a person sees.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from decimal import Decimal
from typing import Any, NamedTuple

import python_calamine

from include.city_order.readings import Limits

DELIMITERS = ";\t|,"

_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: Beginnings of what is certainly no table in plain text, though parts of it may look like text.
_NOT_TEXT = (b"%PDF", b"{\\rtf", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"\xff\xd8\xff", b"\x89PNG", b"GIF8")
_ODS = b"application/vnd.oasis.opendocument.spreadsheet"
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "utf-8"),
    (b"\xff\xfe", "utf-16", "utf-16-le"),
    (b"\xfe\xff", "utf-16", "utf-16-be"),
)
_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\sr="(\d{1,7})"')
_WIDE = re.compile(rb'\sr="([A-Z]{2,3})\d')
_FILLED = re.compile(rb'<(?:\w+:)?c\s+r="([A-Z]{1,3})(\d{1,7})"[^>]*[^/>]>')
#: Longer than any tag that the patterns above look for, so that none is cut between two pieces.
_OVERLAP = 256
#: An entry up to this size is no bomb, however well it was packed.
_HARMLESS = 16 * 1024 * 1024
#: Put after the last record, to see whether the last quote was closed.
_END = "\x1e"


class Unreadable(Exception):
    """The drop cannot be read; the argument is the reason code of `Reading`."""

    @property
    def reason(self) -> str:
        """The reason code."""
        return str(self.args[0])


class Sheet(NamedTuple):
    """One sheet: its rows from the first on, each with its cells from column A on, as text.

    Rows and columns of the other facts count from 0; where a format does not tell, they are empty. `merged` holds
    ranges (first row, first column, last row, last column), `uncached` cells of formulas without a stored value,
    `dates` the cells that hold a date, filled while the rows are read.
    """

    member: str
    name: str
    hidden: bool
    rows: Iterator[list[str]]
    merged: Sequence[tuple[int, int, int, int]] = ()
    hidden_rows: Set[int] = frozenset()
    hidden_columns: Set[int] = frozenset()
    uncached: Set[tuple[int, int]] = frozenset()
    dates: Set[tuple[int, int]] = frozenset()


class Opened(NamedTuple):
    """A drop told and opened. `skipped` names the files of a ZIP that are of no format that holds a table."""

    format: str
    encoding: str
    sheets: Iterator[Sheet]
    skipped: tuple[str, ...] = ()


def cell_text(value: Any) -> str:
    """The text that a person sees in a cell: 5.0 → 5, 0.1 + 0.2 → 0.3, dates as 2026-11-25."""
    if isinstance(value, str):
        # A database does not store the NUL sign, and no one can have typed it.
        return value.replace("\0", "") if "\0" in value else value
    if isinstance(value, bool):
        return "ИСТИНА" if value else "ЛОЖЬ"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return format(Decimal(f"{value:.15g}"), "f")
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ") if value.time() != datetime.time() else value.date().isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)


def copied_value(value: Any) -> str | int | float:
    """A cell for a copy that holds values only: numbers stay numbers, all else is the text that a person sees."""
    if type(value) is int and abs(value) < 10**15:
        return value
    if type(value) is float and math.isfinite(value):
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    return cell_text(value)


def open_drop(data: bytes, limits: Limits, cell: Callable[[Any], Any] = cell_text) -> Opened:
    """Tell the format of `data` and open it. Raises Unreadable, also while the sheets are iterated.

    `cell` makes of each value of a workbook what stands in the rows.
    """
    kind = _tell(data, limits)
    if kind != "zip":
        encoding, sheets = _open_one(kind, data, "", limits, cell)
        return Opened(kind, encoding, sheets)
    readable: list[tuple[str, str, bytes]] = []
    skipped: list[str] = []
    with _zip(data) as archive:
        entries = _entries(archive, limits)
        for entry in entries:
            name = _member_name(entry)
            if entry.is_dir() or name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith("."):
                continue
            content = b"".join(_inflate(data, entry))
            try:
                inner = _tell(content, limits)
            except Unreadable as fault:
                if fault.reason not in ("unknown_format", "empty"):
                    raise
                inner = ""
            if inner in ("", "zip"):
                skipped.append(name)
            else:
                readable.append((inner, name, content))
    if not readable:
        raise Unreadable("no_member")
    opened = [_open_one(inner, content, name, limits, cell) for inner, name, content in readable]
    encodings = sorted({encoding for encoding, _ in opened if encoding})
    return Opened(kind, ", ".join(encodings), (sheet for _, sheets in opened for sheet in sheets), tuple(skipped))


def _tell(data: bytes, limits: Limits) -> str:
    if not data:
        raise Unreadable("empty")
    if data.startswith(_OLE2):
        if _utf16("EncryptedPackage") in data:
            raise Unreadable("encrypted")
        if _utf16("Workbook") in data or _utf16("Book") in data:
            return "xls"
        raise Unreadable("unknown_format")
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _tell_zip(data, limits)
    if data.startswith(_NOT_TEXT):
        raise Unreadable("unknown_format")
    return "csv"


def _tell_zip(data: bytes, limits: Limits) -> str:
    with _zip(data) as archive:
        entries = _entries(archive, limits)
        names = {entry.filename: entry for entry in entries}
        if "xl/workbook.bin" in names:
            return "xlsb"
        if "xl/workbook.xml" in names:
            return "xlsm" if "xl/vbaProject.bin" in names else "xlsx"
        if "mimetype" in names and "content.xml" in names:
            if b"".join(_inflate(data, names["mimetype"])).strip() != _ODS:
                raise Unreadable("unknown_format")
            manifest = names.get("META-INF/manifest.xml")
            if manifest and b"encryption-data" in b"".join(_inflate(data, manifest)):
                raise Unreadable("encrypted")
            return "ods"
        if "[Content_Types].xml" in names:
            raise Unreadable("unknown_format")
        return "zip"


def _open_one(
    kind: str, data: bytes, member: str, limits: Limits, cell: Callable[[Any], Any]
) -> tuple[str, Iterator[Sheet]]:
    if kind == "csv":
        encoding, text = _decode(data)
        return encoding, iter([Sheet(member, "", False, _text_rows(text))])
    if kind != "xls":
        _check_inside(data, limits)
    return "", _workbook_sheets(data, member, cell)


def _workbook_sheets(data: bytes, member: str, cell: Callable[[Any], Any]) -> Iterator[Sheet]:
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        for meta in workbook.sheets_metadata:
            if meta.typ != python_calamine.SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_name(meta.name)
            hidden = meta.visible != python_calamine.SheetVisibleEnum.Visible
            # The rows above the first cell are given, the columns before it are not.
            before = [""] * (sheet.start[1] if sheet.start else 0)
            rows = (before + [cell(value) for value in row] for row in sheet.iter_rows())
            yield Sheet(member, meta.name, hidden, rows)
    except python_calamine.PasswordError:
        raise Unreadable("encrypted") from None
    except python_calamine.CalamineError:
        raise Unreadable("broken") from None
    except (MemoryError, Unreadable, GeneratorExit):
        raise
    except BaseException as error:
        # A panic of the native reader does not derive from Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise Unreadable("broken") from None


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


# ZIP


def _zip(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
        raise Unreadable("broken") from None


def _entries(archive: zipfile.ZipFile, limits: Limits) -> list[zipfile.ZipInfo]:
    """The directory of a ZIP, if what it declares is within the limits."""
    entries = archive.infolist()
    declared = sum(entry.file_size for entry in entries)
    if len(entries) > limits.entries or declared > limits.inflated_bytes:
        raise Unreadable("too_large")
    for entry in entries:
        if entry.flag_bits & 1:
            raise Unreadable("encrypted")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable("broken")
        if entry.file_size > max(limits.inflated_ratio * entry.compress_size, _HARMLESS):
            raise Unreadable("too_large")
    return entries


def _inflate(data: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The content of one entry in pieces, counted as it comes: the size in the directory may be a lie."""
    head = data[entry.header_offset : entry.header_offset + 30]
    if len(head) < 30 or not head.startswith(b"PK\x03\x04"):
        raise Unreadable("broken")
    start = entry.header_offset + 30 + sum(struct.unpack("<HH", head[26:30]))
    packed = data[start : start + entry.compress_size]
    stored = entry.compress_type == zipfile.ZIP_STORED
    size = 0
    for piece in [packed] if stored else _decompress(packed):
        size += len(piece)
        if size > entry.file_size:
            raise Unreadable("broken")
        yield piece
    if size < entry.file_size:
        raise Unreadable("broken")


def _decompress(packed: bytes) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while packed and not inflater.eof:
        try:
            piece = inflater.decompress(packed, 1 << 20)
        except zlib.error:
            raise Unreadable("broken") from None
        packed = inflater.unconsumed_tail
        yield piece


def _member_name(entry: zipfile.ZipInfo) -> str:
    """The name of a file in a ZIP. Without the UTF-8 flag Russian Windows writes code page 866."""
    if entry.flag_bits & 0x800:
        return entry.filename
    return entry.filename.encode("cp437", errors="replace").decode("cp866")


def _check_inside(data: bytes, limits: Limits) -> None:
    """Inflate each part of a workbook once, holding none, and measure each sheet of an XLSX."""
    with _zip(data) as archive:
        for entry in _entries(archive, limits):
            if entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml"):
                if _rectangle(_inflate(data, entry)) > limits.sheet_cells:
                    _demand_filled_rectangle(_inflate(data, entry), limits)
            else:
                for _ in _inflate(data, entry):
                    pass


def _overlapping(pieces: Iterable[bytes]) -> Iterator[bytes]:
    tail = b""
    for piece in pieces:
        yield tail + piece
        tail = piece[-_OVERLAP:]


def _rectangle(pieces: Iterable[bytes]) -> int:
    """A quick upper bound of rows × columns, cells without content counted too."""
    last_row, last_column = 1, 26
    for piece in _overlapping(pieces):
        last_row = max(last_row, max(map(int, _ROW.findall(piece)), default=0))
        last_column = max(last_column, max(map(_column_number, set(_WIDE.findall(piece))), default=0))
    return last_row * last_column


def _demand_filled_rectangle(pieces: Iterable[bytes], limits: Limits) -> None:
    """The exact measure: only cells with content count, for a column formatted to its end harms no one."""
    last_row = last_column = 0
    for piece in _overlapping(pieces):
        for match in _FILLED.finditer(piece):
            last_row = max(last_row, int(match[2]))
            last_column = max(last_column, _column_number(match[1]))
            if last_row * last_column > limits.sheet_cells:
                raise Unreadable("too_large")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


# Text


def _decode(data: bytes) -> tuple[str, str]:
    """(encoding, text). A mark at the beginning decides; else UTF-8 if all of it is; else Windows-1251."""
    for mark, codec, name in _BOMS:
        if data.startswith(mark):
            try:
                return name, _text_only(data.decode(codec))
            except UnicodeDecodeError:
                raise Unreadable("broken") from None
    for codec in ("utf-8", "cp1251"):
        try:
            return codec, _text_only(data.decode(codec))
        except UnicodeDecodeError:
            continue
    raise Unreadable("unknown_format")


def _text_only(text: str) -> str:
    # A web page saved under a spreadsheet's name begins with a tag.
    if "\0" in text or text[:100].lstrip().startswith("<") or len(_CONTROL.findall(text)) > len(text) / 100:
        raise Unreadable("unknown_format")
    return text


def _text_rows(text: str) -> Iterator[list[str]]:
    """The records of a delimited text. Quotes that do not close would swallow lines unseen: `broken`."""
    csv.field_size_limit(1 << 20)
    # Excel's own first line, which it does not show.
    named = re.match(r"sep=([;,\t|])\r?\n", text)
    if named:
        text = text[named.end() :]
    delimiter = named[1] if named else _delimiter(text)
    width = 0
    for record in _records(text, delimiter):
        if record and record[-1].endswith(_END):
            if record != [_END]:
                raise Unreadable("broken")
            return
        # Two stray quotes in one column pair up over the rows between them.
        if width > 2 and any("\n" in value and value.count(delimiter) >= width - 1 for value in record):
            raise Unreadable("broken")
        width = max(width, len(record))
        yield record


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    """The records, and after them one that holds `_END` alone if every quote was closed."""
    whole = text if text.endswith(("\n", "\r")) else text + "\n"
    try:
        yield from csv.reader(io.StringIO(whole + _END, newline=""), delimiter=delimiter)
    except csv.Error:
        raise Unreadable("broken") from None


def _delimiter(text: str) -> str:
    """The sign that cuts most records into the same number of cells, three or more; else the one that cuts most.

    The comma comes last: in these files it is the decimal sign first of all.
    """
    sample = text[:100_000]
    fallback, most = ";", 0
    for delimiter in DELIMITERS:
        try:
            records = [record for record in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if record]
        except csv.Error:
            continue
        width, count = max(Counter(map(len, records)).items(), key=lambda pair: (pair[0] - 1) * pair[1], default=(0, 0))
        if width > 2 and count > len(records) / 2:
            return delimiter
        if (width - 1) * count > most:
            fallback, most = delimiter, (width - 1) * count
    return fallback
