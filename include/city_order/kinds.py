"""What a file is, told by its content: a name can say anything.

`tell` gives the format of what holds a table, and raises Unreadable with the kind's own reason for all else.
"""

from __future__ import annotations

import base64
import binascii
import re
import zipfile

from include.city_order.binary_workbooks import OLE2, OleFile
from include.city_order.readings import Limits, Unreadable
from include.city_order.zipped import inflate, open_zip, part_name

#: Formats that hold a table; `zip` holds files of the others.
WORKBOOKS = ("xlsx", "xlsm", "xlsb", "ods", "xls")
#: What a file of no table is, for those kinds that a person can be told how to mend.
FOREIGN = (
    "unknown_format", "pdf", "word_document", "presentation", "picture", "web_page", "email", "signature", "rar",
    "seven_zip", "other_archive", "nested_archive", "empty",
)  # fmt: skip

_BEGINNINGS = (
    (b"%PDF-", "pdf"),
    (b"{\\rtf", "word_document"),
    (b"Rar!\x1a\x07", "rar"),
    (b"7z\xbc\xaf\x27\x1c", "seven_zip"),
    (b"\x1f\x8b", "other_archive"),
    (b"BZh91AY&SY", "other_archive"),
    (b"\xfd7zXZ\0", "other_archive"),
    (b"\x28\xb5\x2f\xfd", "other_archive"),
    (b"MSCF\0", "other_archive"),
    (b"\x60\xea", "other_archive"),
    (b"\xff\xd8\xff", "picture"),
    (b"\x89PNG\r\n", "picture"),
    (b"GIF87a", "picture"),
    (b"GIF89a", "picture"),
    (b"II*\0", "picture"),
    (b"MM\0*", "picture"),
    (b"8BPS", "picture"),
    (b"AT&TFORM", "picture"),
    (b"\xd7\xcd\xc6\x9a", "picture"),
    (b"\0\0\0\x0cjP  ", "picture"),
    (b"\x78\x9f\x3e\x22", "email"),
    (b"-----BEGIN ", "signature"),
)
#: What the root of an OLE2 file holds, by what it then is. A workbook may hold a letter, and a letter a workbook, but
#: not in its root.
_OLE2_KINDS = (
    ("EncryptedPackage", "encrypted"),
    ("Workbook", "xls"),
    ("Book", "xls"),
    ("WordDocument", "word_document"),
    ("PowerPoint Document", "presentation"),
    ("__properties_version1.0", "email"),
)
_ODF_KINDS = {"text": "word_document", "presentation": "presentation", "graphics": "picture", "image": "picture"}
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_BASE64 = re.compile(rb"[A-Za-z0-9+/\r\n]{64,}={0,2}\s*")
_MAIL_HEADERS = re.compile(
    rb"(?:Received|Return-Path|From|To|Cc|Date|Subject|Message-ID|MIME-Version|Delivered-To|Reply-To|DKIM-Signature"
    rb"|Content-Type|Content-Transfer-Encoding|X-[\w-]+): ?\S",
    re.IGNORECASE,
)
_WEB_PAGE = re.compile(
    rb"(?:<\?xml[^>]*>|<!--.*?-->|\s)*<(?:!doctype\s+html|html|head|body|table|meta|div|style)\b",
    re.IGNORECASE | re.DOTALL,
)


def tell(data: bytes, limits: Limits) -> str:
    """The format of a file with a table: one of `WORKBOOKS`, `zip`, or `csv` for what may be plain text."""
    if not data:
        raise Unreadable("empty")
    if data.startswith(OLE2):
        return _tell_ole2(data)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _tell_zip(data, limits)
    kind = _told_by_beginning(data)
    if kind:
        raise Unreadable(kind)
    return "csv"


def _told_by_beginning(data: bytes) -> str:
    begin = data[:1024].lstrip(b"\xef\xbb\xbf \r\n\t")
    for mark, kind in _BEGINNINGS:
        if begin.startswith(mark):
            return kind
    if data.startswith(b"BM") and int.from_bytes(data[2:6], "little") == len(data):
        return "picture"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "picture"
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif", b"ftyphevc"):
        return "picture"
    if data[257:262] == b"ustar" or (data[2:5] == b"-lh" and data[6:7] == b"-"):
        return "other_archive"
    if _is_signature(data):
        return "signature"
    return _told_by_markup(data) or _told_by_headers(begin)


def _told_by_markup(data: bytes) -> str:
    """What a text is that begins with a tag, in whatever encoding."""
    begin = data[:2048].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t")
    if _WEB_PAGE.match(begin):
        return "web_page"
    if begin.startswith(b"<"):
        return "picture" if b"<svg" in begin else "unknown_format"
    return ""


def _is_signature(data: bytes) -> bool:
    """A signature by itself (PKCS#7), in bytes or as the text of bytes: what it signs cannot be told from it."""
    if data[:1] == b"0" and _SIGNED_DATA in data[:32]:
        return True
    if not data.startswith(b"MI") or not _BASE64.match(data):
        return False
    try:
        begin = base64.b64decode(re.sub(rb"\s", b"", data[:200])[:64])
    except (ValueError, binascii.Error):
        return False
    return begin[:1] == b"0" and _SIGNED_DATA in begin


def _told_by_headers(begin: bytes) -> str:
    """`email` for a text that begins as a letter does, `web_page` for a page saved together with its pictures."""
    lines = re.split(rb"\r?\n", begin)
    if begin.startswith(b"From ") and len(lines) > 1:
        lines = lines[1:]
    headers = 0
    for line in lines[:12]:
        if _MAIL_HEADERS.match(line):
            headers += 1
        elif not (headers and line[:1] in (b" ", b"\t")):
            break
    if headers < 2:
        return ""
    if b"multipart/related" in begin and b"Received:" not in begin and b"\nTo:" not in begin:
        return "web_page"
    return "email"


def _tell_ole2(data: bytes) -> str:
    ole = OleFile(data)
    for stream, kind in _OLE2_KINDS:
        if stream in ole:
            if kind == "xls":
                return kind
            raise Unreadable(kind)
    raise Unreadable("unknown_format")


def _tell_zip(data: bytes, limits: Limits) -> str:
    archive, entries = open_zip(data, limits)
    with archive:
        parts = {part_name(entry): entry for entry in entries}
        lower = {name.lower() for name in parts}
        if "mimetype" in parts and "content.xml" in parts:
            return _tell_odf(data, parts)
        if "[content_types].xml" in lower:
            return _tell_ooxml(lower)
        if "Index/Document.iwa" in parts or "Index.zip" in parts:
            raise Unreadable("unknown_format")
        return "zip"


def _tell_ooxml(parts: set[str]) -> str:
    if "xl/workbook.bin" in parts:
        return "xlsb"
    if "xl/workbook.xml" in parts:
        return "xlsm" if "xl/vbaproject.bin" in parts else "xlsx"
    for folder, kind in (("word/", "word_document"), ("ppt/", "presentation")):
        if any(name.startswith(folder) for name in parts):
            raise Unreadable(kind)
    raise Unreadable("unknown_format")


def _tell_odf(data: bytes, parts: dict[str, zipfile.ZipInfo]) -> str:
    mimetype = b"".join(inflate(data, parts["mimetype"])).strip().decode("ascii", errors="replace")
    family, _, kind = mimetype.rpartition(".")
    kind = kind.removesuffix("-template")
    if family != "application/vnd.oasis.opendocument" or kind != "spreadsheet":
        raise Unreadable(_ODF_KINDS.get(kind, "unknown_format"))
    manifest = parts.get("META-INF/manifest.xml")
    if manifest and b"encryption-data" in b"".join(inflate(data, manifest)):
        raise Unreadable("encrypted")
    return "ods"
