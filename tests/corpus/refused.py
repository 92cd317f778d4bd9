"""Files that cannot be read: broken, closed, foreign, or made to do harm. Each has its own reason code."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from random import Random

from tests.corpus import foreign, handmade, writers
from tests.corpus.catalogue import Drop, category, unreadable
from tests.corpus.goods import Page, form
from tests.corpus.handmade import Entry
from tests.corpus.odd_but_valid import pick
from tests.rules.cases import Agency


def _table(rng: Random) -> Page:
    return form(rng, width=1).page


def _text(rng: Random, encoding: str = "utf-8") -> bytes:
    return writers.delimited(_table(rng), encoding=encoding)


# Foreign


@category(6)
def pdfs(rng: Random, number_: int, agency: Agency) -> Drop:
    content = pick((foreign.PDF, foreign.PDF + b"\0" * 500, writers.zipped({"скан.pdf": foreign.PDF})), number_)
    return unreadable(pick(("заявка.pdf", "заявка.xlsx"), number_), content, "pdf")


@category(10)
def word_documents(rng: Random, number_: int, agency: Agency) -> Drop:
    found = (
        foreign.office("word/document.xml"),
        foreign.RTF,
        foreign.word_of_1997(),
        foreign.open_document("text"),
        writers.zipped({"письмо.docx": foreign.office("word/document.xml")}),
    )
    return unreadable(
        pick(("заявка.docx", "заявка.xlsx", "заявка.doc"), number_), pick(found, number_), "word_document"
    )


@category(8)
def presentations(rng: Random, number_: int, agency: Agency) -> Drop:
    found = (
        foreign.office("ppt/presentation.xml"),
        foreign.powerpoint_of_1997(),
        foreign.open_document("presentation"),
        writers.zipped({"слайды.pptx": foreign.office("ppt/presentation.xml")}),
    )
    return unreadable("заявка.pptx", pick(found, number_), "presentation")


@category(11)
def pictures(rng: Random, number_: int, agency: Agency) -> Drop:
    found = (
        foreign.JPEG, foreign.EXIF, foreign.GIF, foreign.png(), foreign.BMP, foreign.TIFF, foreign.BIG_TIFF,
        foreign.WEBP, foreign.HEIC, writers.zipped({"1.jpg": foreign.JPEG}),
        writers.zipped({"1.png": foreign.png(), "2.gif": foreign.GIF}),
    )  # fmt: skip
    return unreadable(pick(("фото.jpg", "заявка.xlsx"), number_), pick(found, number_), "picture")


@category(7)
def web_pages(rng: Random, number_: int, agency: Agency) -> Drop:
    found = (
        foreign.HTML,
        foreign.HTML_AS_XLS,
        b"\xef\xbb\xbf" + foreign.HTML,
        b"\r\n\r\n  " + foreign.HTML,
        b"<!-- saved from url=(0014)about:internet -->\r\n" + foreign.HTML_AS_XLS,
        foreign.HTML.upper(),
        writers.zipped({"заявка.xls": foreign.HTML_AS_XLS}),
    )
    return unreadable(pick(("заявка.html", "заявка.xls"), number_), pick(found, number_), "web_page")


@category(5)
def emails(rng: Random, number_: int, agency: Agency) -> Drop:
    found = (
        foreign.EMAIL,
        foreign.EMAIL_SHORT,
        b"Return-Path: <office@example.org>\r\n" + foreign.EMAIL,
        foreign.outlook_message(),
        writers.zipped({"письмо.eml": foreign.EMAIL}),
    )
    return unreadable(pick(("письмо.eml", "письмо.msg", "заявка.txt"), number_), pick(found, number_), "email")


@category(5)
def signatures(rng: Random, number_: int, agency: Agency) -> Drop:
    found = (
        foreign.SIGNATURE,
        foreign.SIGNATURE_STREAMED,
        foreign.SIGNATURE_TEXT,
        foreign.SIGNATURE_TEXT.replace(b"PKCS7", b"CMS"),
        writers.zipped({"заявка.xlsx.sig": foreign.SIGNATURE}),
    )
    return unreadable(
        pick(("заявка.xlsx.sig", "заявка.p7s", "заявка.xlsx"), number_), pick(found, number_), "signature"
    )


@category(4)
def rars(rng: Random, number_: int, agency: Agency) -> Drop:
    return unreadable(
        pick(("заявка.rar", "заявка.zip"), number_), pick((foreign.RAR4, foreign.RAR5), number_ // 2), "rar"
    )


@category(2)
def seven_zips(rng: Random, number_: int, agency: Agency) -> Drop:
    return unreadable(pick(("заявка.7z", "заявка.zip"), number_), foreign.SEVEN_ZIP, "seven_zip")


@category(5)
def other_archives(rng: Random, number_: int, agency: Agency) -> Drop:
    how = pick(("gz", "tar", "tar.gz", "bz2", "xz"), number_)
    return unreadable(f"заявка.{how}", foreign.packed(how, _text(rng)), "other_archive")


@category(6)
def archives_in_archives(rng: Random, number_: int, agency: Agency) -> Drop:
    """One level of ZIP is read."""
    inner = pick(
        (writers.zipped({"a.csv": _text(rng)}), writers.zipped({}), writers.zipped({"a/b.zip": b"PK"})), number_
    )
    outer = writers.zipped({"внутри.zip": inner} if number_ % 2 else {"1.zip": inner, "2.zip": inner})
    return unreadable("заявка.zip", outer, "nested_archive")


@category(4)
def archives_without_a_table(rng: Random, number_: int, agency: Agency) -> Drop:
    """Nothing in it, or things of several kinds, and no table."""
    folder = zipfile.ZipInfo("папка/")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(folder, b"")
    found = (
        writers.zipped({}),
        buffer.getvalue(),
        writers.zipped({"скан.pdf": foreign.PDF, "письмо.docx": foreign.office("word/document.xml")}),
        writers.zipped({"__MACOSX/._a": b"\0\5\x16\7", ".DS_Store": b"\0\0\0\1Bud1"}),
    )
    return unreadable("заявка.zip", pick(found, number_), "no_member")


@category(4)
def nothing_inside(rng: Random, number_: int, agency: Agency) -> Drop:
    return unreadable(pick(("заявка.xlsx", "заявка.csv", "заявка", "заявка.zip"), number_), b"", "empty")


@category(20)
def of_no_known_format(rng: Random, number_: int, agency: Agency) -> Drop:
    """Programs, databases, music, noise."""
    found = (
        b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + bytes(500),
        b"\x7fELF\2\1\1\0" + bytes(500),
        b"SQLite format 3\0\x10\0\1\1\0@  " + bytes(500),
        b"PAR1" + rng.randbytes(500) + b"PAR1",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + rng.randbytes(500),
        b"ID3\4\0\0\0\0\0#" + rng.randbytes(500),
        rng.randbytes(3000),
        handmade.ole2({"Contents": rng.randbytes(5000)}),
        foreign.office("visio/document.xml"),
        foreign.open_document("database"),
    )
    return unreadable(
        pick(("заявка.xlsx", "заявка.csv", "заявка.bin"), number_), pick(found, number_), "unknown_format"
    )


# Broken and closed


@category(36)
def broken_files(rng: Random, number_: int, agency: Agency) -> Drop:
    """Cut in two, with parts missing or spoilt."""
    page = _table(rng)
    laid = pick(
        (writers.xlsx(page), writers.ods(page), handmade.raw_xlsb(page), writers.zipped({"a.csv": _text(rng)})), number_
    )
    half = len(laid) // 2
    sheet = handmade.part_of(handmade.raw_xlsx(page), "xl/worksheets/sheet1.xml")
    packed = handmade.raw_xlsx(page)
    cells = handmade.part_of(handmade.raw_ods(page), "content.xml")
    spoilt = cells.replace(b"</table:table></office:spreadsheet>", b"</table:tabble>")
    at = packed.index(b"xl/worksheets/sheet1.xml") + 60
    found = (
        laid[:half],
        laid[:-30],
        laid[:4] + bytes(40),
        writers.xls(page)[:1500],
        handmade.workbook_of_sheet(sheet[: len(sheet) // 2]),
        handmade.workbook_of_sheet(sheet.replace(b"</row>", b"</rwo>", 1)),
        packed[:at] + bytes([packed[at] ^ 0xFF]) + b"\xff" * 8 + packed[at + 9 :],
        handmade.raw_xlsx(page, parts={"xl/workbook.xml": b"<workbook><sheets><sheet"}),
        handmade.ole2({"Workbook": bytes(5000)}),
        handmade.plain_zip({"mimetype": handmade.ODS, "content.xml": b"<office:document-content"}),
        _text(rng).replace(b"\r\n", b'\r\n"', 1),
        b"\xff\xfe" + _text(rng, "utf-16-le")[:-1],
        b"\xff\xfe" + _text(rng, "utf-16-le") + b"\x00\xd8",
        b"\xef\xbb\xbf" + _text(rng, "cp1251"),
        handmade.raw_xlsx(
            page, parts={"xl/worksheets/sheet1.xml": sheet.decode().replace("UTF-8", "UTF-16").encode("utf-16")}
        ),
        handmade.raw_xlsx(page, parts={"xl/workbook.xml": b"<workbook/>"}),
        # The reader of values would look for an end that never comes, or take what it lacks from elsewhere.
        handmade.plain_zip({"mimetype": handmade.ODS, "content.xml": spoilt, "META-INF/manifest.xml": b"<m/>"}),
        handmade.raw_xlsb(Page([[]]), sheets={1: handmade.SHORT_ROW}),
    )
    return unreadable(pick(("заявка.xlsx", "заявка"), number_ // 12), pick(found, number_), "broken")


@category(12)
def with_a_password(rng: Random, number_: int, agency: Agency) -> Drop:
    """Encrypted, each format in its own way."""
    page = _table(rng)
    manifest = (
        '<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml" manifest:size="5000">'
        '<manifest:encryption-data manifest:checksum-type="SHA1/1K"/></manifest:file-entry></manifest:manifest>'
    )
    found = (
        foreign.encrypted_workbook(),
        handmade.xls_with_password(page),
        handmade.raw_ods(page, manifest=manifest),
        handmade.raw_zip(Entry(b"a.csv", _text(rng), flags=1)),
        handmade.raw_zip(Entry(b"a.csv", _text(rng), flags=1, method=99)),
        writers.zipped({"заявка.xlsx": foreign.encrypted_workbook()}),
    )
    return unreadable(pick(("заявка.xlsx", "заявка.xls"), number_ // 6), pick(found, number_), "encrypted")


@category(15)
def encodings_that_nobody_knows(rng: Random, number_: int, agency: Agency) -> Drop:
    """No encoding gives Russian words, or more than one is used: refused rather than guessed."""
    page = form(rng, width=1, headings={"line_no": "N"}).page
    plain = writers.delimited(page)
    found = (
        writers.delimited(page, encoding="iso8859-5"),
        writers.delimited(page, encoding="cp855"),
        plain + writers.delimited(page, encoding="cp1251"),
        plain[:200] + b"\xff\xfe" + plain[200:],
    )
    return unreadable("заявка.csv", pick(found, number_), "unknown_encoding")


@category(4)
def nul_bytes(rng: Random, number_: int, agency: Agency) -> Drop:
    """Text with signs that no text has."""
    plain = _text(rng)
    at = pick((5, len(plain) // 2, len(plain)), number_)
    return unreadable("заявка.csv", plain[:at] + b"\0" * (1 + number_) + plain[at:], "unknown_format")


# Beyond the limits


@category(2)
def too_large(rng: Random, number_: int, agency: Agency) -> Drop:
    """More bytes than any answer has."""
    return unreadable("заявка.csv", pick((b"1;2;3\r\n" * 8_000_000, bytes(53_000_000)), number_), "too_large")


@category(2)
def too_many_entries(rng: Random, number_: int, agency: Agency) -> Drop:
    """A ZIP of thousands of files, a workbook of thousands of parts."""
    many = {f"{n}.csv": b"1;2;3" for n in range(2001)}
    parts = {f"xl/media/{n}.xml": b"<x/>" for n in range(2001)}
    content = writers.zipped(many) if number_ % 2 else handmade.raw_xlsx(_table(rng), parts=parts)
    return unreadable("заявка.zip", content, "too_many_entries")


def _zeros(megabytes: int) -> tuple[bytes, int, int]:
    """Zeros packed, without holding them: (deflated, CRC, size)."""
    packer, crc, million = zlib.compressobj(9, zlib.DEFLATED, -15), 0, bytes(1 << 20)
    pieces = []
    for _ in range(megabytes):
        pieces.append(packer.compress(million))
        crc = zlib.crc32(million, crc)
    return b"".join([*pieces, packer.flush()]), crc, megabytes << 20


def _bomb(name: bytes, megabytes: int, *others: Entry, size: int | None = None) -> bytes:
    """A ZIP with an entry of so many megabytes of zeros behind `others`."""
    deflated, crc, true_size = _zeros(megabytes)
    archive = handmade.raw_zip(*others)
    (at,) = struct.unpack("<I", archive[-6:-2])
    directory = archive[at:-22]
    said = true_size if size is None else size
    about = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0x6000, 0x5D6A, crc, len(deflated), said, len(name), 0)
    directory += b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, at) + name
    body = archive[:at] + b"PK\x03\x04" + about + name + deflated
    count = len(others) + 1
    return body + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)


def _parts(package: bytes, *without: str) -> list[Entry]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return [Entry(name.encode(), archive.read(name)) for name in archive.namelist() if name not in without]


@category(7)
def bombs(rng: Random, number_: int, agency: Agency) -> Drop:
    """Small files that inflate without end."""
    book = handmade.raw_xlsx(_table(rng))
    found = (
        lambda: _bomb(b"a.csv", 40),
        lambda: _bomb(b"a.csv", 400),
        lambda: _bomb(b"xl/media/picture.bin", 60, *_parts(book)),
        lambda: _bomb(b"xl/sharedStrings.xml", 60, *_parts(book, "xl/sharedStrings.xml")),
        lambda: _bomb(b"content.xml", 60, Entry(b"mimetype", handmade.ODS, method=0)),
        lambda: _bomb(b"xl/worksheets/sheet9.xml", 320, *_parts(book)),
        # Overlapping entries: many names for the same packed bytes.
        lambda: _overlapping(200),
    )
    return unreadable("заявка.xlsx", pick(found, number_)(), "inflates_too_much")


def _overlapping(count: int) -> bytes:
    """A ZIP of many entries that are all the same two packed megabytes."""
    deflated, crc, size = _zeros(2)
    name = b"a"
    about = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0x6000, 0x5D6A, crc, len(deflated), size, len(name), 0)
    body = b"PK\x03\x04" + about + name + deflated
    one = b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(one) * count, len(body), 0)
    return body + one * count + b"PK\x05\x06" + end


@category(14)
def lying_sizes(rng: Random, number_: int, agency: Agency) -> Drop:
    """What the headers say of sizes and checksums is not so."""
    text = _text(rng)
    found = (
        handmade.raw_zip(Entry(b"a.csv", text, size=len(text) - 10)),
        handmade.raw_zip(Entry(b"a.csv", text, size=len(text) + 10)),
        handmade.raw_zip(Entry(b"a.csv", text, packed=20)),
        handmade.raw_zip(Entry(b"a.csv", text, crc=1)),
        handmade.raw_zip(Entry(b"a.csv", text, method=0, packed=5)),
        _bomb(b"a.csv", 40, size=1000),
        _bomb(b"xl/worksheets/sheet9.xml", 60, *_parts(handmade.raw_xlsx(_table(rng))), size=1000),
    )
    return unreadable("заявка.zip", pick(found, number_), "broken")


@category(16)
def unsafe_names(rng: Random, number_: int, agency: Agency) -> Drop:
    """Members that would lie outside, or lead there."""
    names = (
        b"../a.csv",
        b"/etc/cron.d/a.csv",
        b"C:\\a.csv",
        b"..\\..\\a.csv",
        b"a/../../b.csv",
        b"\\\\host\\a.csv",
        b"a/..",
    )
    text = _text(rng)
    good = Entry("Заявка.csv".encode(), text, flags=0x800)
    link = Entry(b"link.csv", b"/etc/passwd", method=0, attributes=0o120777 << 16, system=3)
    bad = pick((*(Entry(name, text) for name in names), link), number_)
    return unreadable("заявка.zip", handmade.raw_zip(*((good, bad) if number_ % 2 else (bad,))), "unsafe_name")


_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]>"
)
_FETCHING = '<!DOCTYPE x SYSTEM "http://192.0.2.1/x.dtd">'
_READING = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@category(24)
def document_types(rng: Random, number_: int, agency: Agency) -> Drop:
    """A DOCTYPE in a workbook's part: entities that explode, fetch and read files."""
    page = _table(rng)
    doctype = pick((_LAUGHS, _FETCHING, _READING), number_)
    book = handmade.raw_xlsx(page)

    def with_doctype(part: str) -> bytes:
        head, _, rest = handmade.part_of(book, part).decode().partition("?>")
        return f"{head}?>\n<!-- x -->{doctype}{rest}".encode()

    found = (
        lambda: handmade.raw_xlsx(page, before_root=doctype),
        lambda: handmade.raw_xlsx(page, parts={"xl/workbook.xml": with_doctype("xl/workbook.xml")}),
        lambda: handmade.raw_xlsx(page, parts={"xl/sharedStrings.xml": with_doctype("xl/sharedStrings.xml")}),
        lambda: handmade.raw_ods(page, before_root=doctype),
        lambda: handmade.raw_xlsx(page, parts={"xl/styles.xml": with_doctype("xl/styles.xml")}),
        lambda: handmade.raw_xlsx(page, parts={"docProps/core.xml": with_doctype("xl/workbook.xml")}),
        lambda: writers.zipped({"заявка.xlsx": handmade.raw_xlsx(page, before_root=doctype)}),
        lambda: handmade.raw_xlsx(page, before_root=f"<!--{'-x' * 40_000}-->{doctype}"),
    )
    return unreadable("заявка.xlsx", pick(found, number_ // 3)(), "doctype")


# Sheets beyond everything


def _streamed(pieces: Iterable[bytes], part: str, package: bytes) -> bytes:
    """A package with one part in its place that comes in pieces."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(package)) as given,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for name in given.namelist():
            if name == part:
                with archive.open(name, "w", force_zip64=False) as entry:
                    for piece in pieces:
                        entry.write(piece)
            else:
                archive.writestr(name, given.read(name))
    return buffer.getvalue()


@category(6)
def too_many_rows(rng: Random, number_: int, agency: Agency) -> Drop:
    """A million rows, really there or told in one."""
    found = (
        lambda: _streamed(
            handmade.sheet_of_rows(1_000_000), "xl/worksheets/sheet1.xml", handmade.raw_xlsx(_table(rng))
        ),
        lambda: b"".join(f"{n};{n * 7919 % 99991};{n % 7}\r\n".encode() for n in range(1_000_000)),
        lambda: handmade.raw_ods(
            _table(rng),
            tail='<table:table-row table:number-rows-repeated="1000000"><table:table-cell office:value-type="float" '
            'office:value="1"><text:p>1</text:p></table:table-cell></table:table-row>',
        ),
        lambda: handmade.raw_xlsb(
            Page([[]]), sheets={1: handmade.xlsb_sheet(((n, [(0, n)]) for n in range(0, 1_000_000, 4)), (1_000_000, 0))}
        ),
        lambda: handmade.workbook_of_sheet(handmade.sheet_of_cells([(1, 1, "a"), (1_048_576, 1, "z")])),
        lambda: b"\n" * 300_000 + _text(rng),
    )
    return unreadable("заявка.xlsx", pick(found, number_)(), "too_many_rows")


@category(6)
def sparse_sheets(rng: Random, number_: int, agency: Agency) -> Drop:
    """Two cells in the far corners: a reader that holds the rectangle between them dies."""
    corners = [(1, 1, "a"), (1_048_576, 16_384, "z")]
    # A cell may say another row than the one that it stands in.
    in_one_row = handmade.sheet_of_cells([(1, 1, "a"), (1, 2, "z")]).replace(b'"B1"', b'"B1048576"')
    found = (
        lambda: handmade.workbook_of_sheet(handmade.sheet_of_cells(corners)),
        lambda: handmade.raw_xlsb(
            Page([[]]),
            sheets={1: handmade.xlsb_sheet([(0, [(0, "a")]), (1_048_575, [(16_383, "z")])], (1_048_575, 16_383))},
        ),
        lambda: handmade.raw_ods(
            Page([["a"]]),
            tail='<table:table-row table:number-rows-repeated="1048574"><table:table-cell/></table:table-row>'
            '<table:table-row><table:table-cell table:number-columns-repeated="16383"/>'
            '<table:table-cell office:value-type="string"><text:p>z</text:p></table:table-cell></table:table-row>',
        ),
        lambda: writers.zipped({"a.xlsx": handmade.workbook_of_sheet(handmade.sheet_of_cells(corners))}),
        lambda: handmade.workbook_of_sheet(in_one_row),
        lambda: handmade.raw_xlsb(
            Page([[]]), sheets={1: handmade.xlsb_sheet([(0, [(0, "a")]), (1_048_575, [(16_383, "z")])], (0, 0))}
        ),
    )
    return unreadable("заявка.xlsx", pick(found, number_)(), "too_many_rows")


@category(5)
def too_many_columns(rng: Random, number_: int, agency: Agency) -> Drop:
    """A sheet that is wider than any form."""
    wide = Page([["x"] * 600, list(range(600))])
    found = (
        lambda: writers.xlsx(wide),
        lambda: writers.delimited(wide),
        lambda: handmade.raw_ods(Page([["a"]]), tail='<table:table-row><table:table-cell '
                                 'table:number-columns-repeated="900" '
                                 'office:value-type="float" office:value="1"/></table:table-row>'),
        lambda: handmade.raw_xlsb(wide),
        lambda: handmade.workbook_of_sheet(handmade.sheet_of_cells([(1, 1, "a"), (2, 16_384, "z")])),
    )  # fmt: skip
    return unreadable("заявка.xlsx", pick(found, number_)(), "too_many_columns")


@category(4)
def too_many_sheets(rng: Random, number_: int, agency: Agency) -> Drop:
    """A workbook of a hundred sheets and one."""
    pages = [Page([["а"]], f"Лист{n}") for n in range(1, 102)]
    write = pick((writers.xlsx, writers.xls, handmade.raw_ods, handmade.raw_xlsb), number_)
    return unreadable("заявка.xlsx", write(*pages), "too_many_sheets")


@category(10)
def cells_that_are_too_long(rng: Random, number_: int, agency: Agency) -> Drop:
    """A text that no cell of a spreadsheet can hold."""
    page = Page([["а"], ["д" * pick((32_768, 500_000), number_ // 5)]])
    write = pick(
        (writers.delimited, handmade.raw_xlsx, handmade.raw_ods, handmade.raw_xlsb, _inline),
        number_,
    )
    return unreadable("заявка.xlsx", write(page), "long_cell")


def _inline(page: Page) -> bytes:
    return handmade.raw_xlsx(page, style=handmade.STYLES["poi_streaming"])
