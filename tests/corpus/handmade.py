"""Files made byte by byte: what odd, old and hostile programs write, and no library would."""

from __future__ import annotations

import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from tests.corpus.goods import Page
from tests.corpus.writers import Formula, shown, xls_book

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_DECLARED = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def column_name(index: int) -> str:
    """A, B, …, Z, AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(65 + rest) + name
    return name


# XLSX


class Stored(NamedTuple):
    """A cell of XLSX that holds this text in the place of a number, or of another kind of value."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Style:
    """How a producer writes XLSX.

    `strings`: shared, inline, or str (as if a formula had given them), rich (shared, in runs with phonetic hints).
    `refs`: whether cells and rows say where they stand. `dimension`: what the sheet says of its own extent.
    `streamed`: sizes stand behind the data, as a program writes that cannot seek.
    """

    strings: str = "shared"
    refs: bool = True
    row_numbers: bool = True
    prefix: str = ""
    absolute: bool = False
    dimension: str = ""
    stored: bool = False
    streamed: bool = False
    sheet_file: str = "worksheets/sheet{}.xml"
    extra: str = ""
    byte_order_mark: bool = False
    spaced: bool = False
    tail: str = ""


#: The producers that are met most, and the ways that are met least.
STYLES: dict[str, Style] = {
    "excel": Style(dimension="A1:Z99", tail='<pageMargins left="0.7" right="0.7" top="0.75" bottom="0.75"/>'),
    "libreoffice": Style(
        extra='<sheetPr filterMode="false"><pageSetUpPr fitToPage="false"/></sheetPr>',
        dimension="A1:XFD1048576",
        tail='<printOptions headings="false" gridLines="false"/>',
    ),
    "myoffice": Style(strings="inline", absolute=True, spaced=True),
    "r7_office": Style(extra="<sheetPr/>", absolute=True, dimension="A1"),
    "poi_streaming": Style(strings="inline", streamed=True),
    "no_references": Style(refs=False),
    "no_references_at_all": Style(refs=False, row_numbers=False, strings="inline"),
    "open_xml_sdk": Style(prefix="x:"),
    "open_xml_sdk_inline": Style(prefix="x:", strings="inline", byte_order_mark=True),
    "rich_text": Style(strings="rich"),
    "results_of_formulas": Style(strings="str"),
    "stored": Style(stored=True, sheet_file="worksheets/sheet.xml"),
    "streamed": Style(streamed=True, spaced=True),
}  # fmt: skip


def raw_xlsx(
    *pages: Page, style: Style = Style(), parts: Mapping[str, bytes] | None = None, before_root: str = ""
) -> bytes:
    """A workbook written by hand; `parts` are added to it, or stand in the place of its own."""
    tag = style.prefix
    texts: dict[str, int] = {}
    sheets = [_sheet_xml(page, style, texts, before_root) for page in pages]
    names = [style.sheet_file.format(number) for number in range(1, len(pages) + 1)]
    declared_prefix = f":{tag[:-1]}" if tag else ""
    listed = "".join(
        f'<{tag}sheet name={quoteattr(page.name)} sheetId="{n}" r:id="rId{n}" state="{_state(page)}"/>'
        for n, page in enumerate(pages, start=1)
    )
    root = "/xl/" if style.absolute else ""
    targets = [(f"{RELATIONS}/worksheet", root + name) for name in names]
    targets += [
        (f"{RELATIONS}/styles", root + "styles.xml"),
        (f"{RELATIONS}/sharedStrings", root + "sharedStrings.xml"),
    ]
    package = {
        "[Content_Types].xml": _content_types(names),
        "_rels/.rels": _relationships([(f"{RELATIONS}/officeDocument", f"{'/' * style.absolute}xl/workbook.xml")]),
        "xl/workbook.xml": f'{_DECLARED}<{tag}workbook xmlns{declared_prefix}="{MAIN}" xmlns:r="{RELATIONS}">'
        f"<{tag}sheets>{listed}</{tag}sheets></{tag}workbook>",
        "xl/_rels/workbook.xml.rels": _relationships(targets),
        "xl/styles.xml": _styles(),
        "xl/sharedStrings.xml": _shared_strings(texts, style),
        **{f"xl/{name}": sheet for name, sheet in zip(names, sheets, strict=True)},
    }  # fmt: skip
    mark = "\ufeff" if style.byte_order_mark else ""
    contents = {name: (mark + content).encode() for name, content in package.items()} | dict(parts or {})
    if style.streamed:
        return streamed_zip(contents)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            method = zipfile.ZIP_STORED if style.stored else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 10, 12, 0, 0)), content, method)
    return buffer.getvalue()


def _state(page: Page) -> str:
    return "hidden" if page.hidden else "visible"


class _Unseekable(io.RawIOBase):
    """A stream that takes bytes and gives none back, so that a ZIP puts sizes behind the data."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.taken += data
        return len(data)


def streamed_zip(contents: Mapping[str, bytes]) -> bytes:
    """A ZIP in which the sizes stand behind the data."""
    stream = _Unseekable()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        for name, content in contents.items():
            with archive.open(zipfile.ZipInfo(name, (2026, 11, 10, 12, 0, 0)), "w") as entry:
                entry.write(content)
    return bytes(stream.taken)


def _content_types(names: Iterable[str]) -> str:
    parts = [
        ("/xl/workbook.xml", "sheet.main"),
        ("/xl/styles.xml", "styles"),
        ("/xl/sharedStrings.xml", "sharedStrings"),
        *((f"/xl/{name}", "worksheet") for name in names),
    ]
    overrides = "".join(
        f'<Override PartName="{part}" ContentType="{_SPREADSHEET}.{kind}+xml"/>' for part, kind in parts
    )
    return (
        f'{_DECLARED}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )


def _relationships(targets: Iterable[tuple[str, str]]) -> str:
    listed = "".join(
        f'<Relationship Id="rId{n}" Type="{kind}" Target="{target}"/>' for n, (kind, target) in enumerate(targets, 1)
    )
    return f'{_DECLARED}<Relationships xmlns="{_PACKAGE}/relationships">{listed}</Relationships>'


def _styles() -> str:
    return (
        f'{_DECLARED}<styleSheet xmlns="{MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="2"><xf numFmtId="0" xfId="0"/><xf numFmtId="14" xfId="0" applyNumberFormat="1"/></cellXfs>'
        "</styleSheet>"
    )


def _shared_strings(texts: Mapping[str, int], style: Style) -> str:
    tag = style.prefix
    items = []
    for text in texts:
        plain = f'<{tag}t xml:space="preserve">{escape(text)}</{tag}t>'
        if style.strings == "rich":
            half = len(text) // 2
            runs = (text[:half], text[half:])
            plain = "".join(
                f'<{tag}r><{tag}rPr><{tag}b/></{tag}rPr><{tag}t xml:space="preserve">{escape(run)}</{tag}t></{tag}r>'
                for run in runs
                if run
            )
            plain += f'<{tag}rPh sb="0" eb="1"><{tag}t>подсказка</{tag}t></{tag}rPh>'
        items.append(f"<{tag}si>{plain}</{tag}si>")
    prefix = f":{tag[:-1]}" if tag else ""
    return (
        f'{_DECLARED}<{tag}sst xmlns{prefix}="{MAIN}" count="{len(texts)}" uniqueCount="{len(texts)}">'
        f"{''.join(items)}</{tag}sst>"
    )


def _sheet_xml(page: Page, style: Style, texts: dict[str, int], before_root: str) -> str:
    tag, gap = style.prefix, "\n  " if style.spaced else ""
    rows = []
    for row_number, row in enumerate(page.rows):
        cells = []
        for column, cell in enumerate(row):
            # Without addresses a cell stands where the ones before it end: the blank ones must be there.
            if cell in ("", None) and style.refs:
                continue
            where = f' r="{column_name(column)}{row_number + 1}"' if style.refs else ""
            cells.append(gap + _cell_xml(cell, where, style, texts))
        if not cells and style.row_numbers:
            continue
        number = f' r="{row_number + 1}"' if style.row_numbers else ""
        hidden = ' hidden="1"' if row_number in page.hidden_rows else ""
        rows.append(f'{gap}<{tag}row{number}{hidden} spans="1:30">{"".join(cells)}</{tag}row>')
    merged = "".join(
        f'<{tag}mergeCell ref="{column_name(c1)}{r1 + 1}:{column_name(c2)}{r2 + 1}"/>' for r1, c1, r2, c2 in page.merged
    )
    prefix = f":{tag[:-1]}" if tag else ""
    dimension = f'<{tag}dimension ref="{style.dimension}"/>' if style.dimension else ""
    return (
        f'{_DECLARED}{before_root}<{tag}worksheet xmlns{prefix}="{MAIN}" xmlns:r="{RELATIONS}">{style.extra}{dimension}'
        f"{gap}<{tag}sheetData>{''.join(rows)}</{tag}sheetData>"
        f"{f'<{tag}mergeCells>{merged}</{tag}mergeCells>' if merged else ''}{style.tail}</{tag}worksheet>"
    )


def _cell_xml(cell: Any, where: str, style: Style, texts: dict[str, int]) -> str:
    tag = style.prefix
    if cell in ("", None):
        return f"<{tag}c{where}/>"
    if isinstance(cell, Formula):
        cached = "" if cell.cached is None else f"<{tag}v>{escape(str(cell.cached))}</{tag}v>"
        kind = ' t="str"' if isinstance(cell.cached, str) else ""
        return f"<{tag}c{where}{kind}><{tag}f>{escape(cell.text.removeprefix('='))}</{tag}f>{cached}</{tag}c>"
    if isinstance(cell, Stored):
        return f"<{tag}c{where}{cell.kind}><{tag}v>{escape(cell.text)}</{tag}v></{tag}c>"
    if isinstance(cell, bool):
        return f'<{tag}c{where} t="b"><{tag}v>{int(cell)}</{tag}v></{tag}c>'
    if isinstance(cell, (int, float)):
        return f"<{tag}c{where}><{tag}v>{cell!r}</{tag}v></{tag}c>"
    text = shown(cell)
    if style.strings == "inline":
        body = f'<{tag}is><{tag}t xml:space="preserve">{escape(text)}</{tag}t></{tag}is>'
        return f'<{tag}c{where} t="inlineStr">{body}</{tag}c>'
    if style.strings == "str":
        return f'<{tag}c{where} t="str"><{tag}v>{escape(text)}</{tag}v></{tag}c>'
    return f'<{tag}c{where} t="s"><{tag}v>{texts.setdefault(text, len(texts))}</{tag}v></{tag}c>'


def part_of(package: bytes, name: str) -> bytes:
    """One part of a workbook."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return archive.read(name)


def workbook_of_sheet(sheet: bytes) -> bytes:
    """A workbook by hand whose only sheet is `sheet`, whatever that holds."""
    return raw_xlsx(Page([[]]), parts={"xl/worksheets/sheet1.xml": sheet})


def sheet_of_cells(cells: Iterable[tuple[int, int, str]]) -> bytes:
    """A sheet part with texts in single cells (row and column from 1, in the order of rows), and nothing else."""
    rows: dict[int, str] = {}
    for row, column, text in cells:
        address = f"{column_name(column - 1)}{row}"
        rows[row] = rows.get(row, "") + f'<c r="{address}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'
    body = "".join(f'<row r="{row}">{content}</row>' for row, content in rows.items())
    return f'{_DECLARED}<worksheet xmlns="{MAIN}"><sheetData>{body}</sheetData></worksheet>'.encode()


def sheet_of_rows(rows: int, columns: int = 3) -> Iterator[bytes]:
    """A sheet part of many rows in pieces; the numbers differ, so that it packs like an honest one."""
    yield f'{_DECLARED}<worksheet xmlns="{MAIN}"><sheetData>'.encode()
    names = [column_name(column) for column in range(columns)]
    for first in range(1, rows + 1, 10_000):
        yield "".join(_row_of_numbers(row, names) for row in range(first, min(first + 10_000, rows + 1))).encode()
    yield b"</sheetData></worksheet>"


def _row_of_numbers(row: int, names: list[str]) -> str:
    cells = "".join(f'<c r="{name}{row}"><v>{row * 7919 % 99991}</v></c>' for name in names)
    return f'<row r="{row}">{cells}</row>'


# XLSB


def _record(kind: int, content: bytes = b"") -> bytes:
    """A BIFF12 record: its kind and length in groups of seven bits."""
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length, size = b"", len(content)
    while True:
        length += bytes([size & 0x7F | (0x80 if size > 0x7F else 0)])
        size >>= 7
        if not size:
            return head + length + content


def _wide(text: str) -> bytes:
    encoded = text.encode("utf-16-le")
    return struct.pack("<I", len(encoded) // 2) + encoded


def xlsb_sheet(rows: Iterable[tuple[int, Iterable[tuple[int, Any]]]], last: tuple[int, int]) -> bytes:
    """A binary sheet: rows (from 0) of cells (from 0); `last` is the extent that it declares."""
    body = bytearray(_record(129) + _record(148, struct.pack("<IIII", 0, last[0], 0, last[1])) + _record(145))
    for row_number, cells in rows:
        body += _record(0, struct.pack("<IIHHBI", row_number, 0, 300, 0, 0, 0))
        for column, cell in cells:
            place = struct.pack("<II", column, 0)
            if isinstance(cell, (int, float)):
                body += _record(5, place + struct.pack("<d", cell))
            else:
                body += _record(6, place + _wide(shown(cell)))
    return bytes(body + _record(146) + _record(130))


#: A binary sheet with a row that does not say which it is.
SHORT_ROW = (
    _record(129) + _record(148, struct.pack("<IIII", 0, 1, 0, 1)) + _record(145) + _record(0)
    + _record(5, struct.pack("<IId", 0, 0, 1.0)) + _record(146) + _record(130)
)  # fmt: skip


def raw_xlsb(*pages: Page, sheets: Mapping[int, bytes] | None = None) -> bytes:
    """A binary workbook; `sheets` are parts to put in the place of its own, by their number from 1."""
    listed = b"".join(
        _record(156, struct.pack("<II", int(page.hidden), n) + _wide(f"rId{n}") + _wide(page.name))
        for n, page in enumerate(pages, start=1)
    )
    book = _record(131) + _record(143) + listed + _record(144) + _record(132)
    binary = "application/vnd.ms-excel"
    overrides = (
        '<Override PartName="/xl/workbook.bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/>'
    )
    contents = {
        "_rels/.rels": _relationships([(f"{RELATIONS}/officeDocument", "xl/workbook.bin")]).encode(),
        "xl/workbook.bin": book,
        "xl/_rels/workbook.bin.rels": _relationships(
            [(f"{RELATIONS}/worksheet", f"worksheets/sheet{n}.bin") for n in range(1, len(pages) + 1)]
        ).encode(),
    }
    for n, page in enumerate(pages, start=1):
        rows = [
            (number, [(column, cell) for column, cell in enumerate(row) if cell not in ("", None)])
            for number, row in enumerate(page.rows)
        ]
        width = max((len(row) for row in page.rows), default=1)
        made = xlsb_sheet(rows, (max(len(page.rows) - 1, 0), max(width - 1, 0)))
        contents[f"xl/worksheets/sheet{n}.bin"] = (sheets or {}).get(n, made)
        overrides += f'<Override PartName="/xl/worksheets/sheet{n}.bin" ContentType="{binary}.worksheet"/>'
    types = (
        f'{_DECLARED}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{overrides}</Types>'
    )
    return plain_zip({"[Content_Types].xml": types.encode(), **contents})


# ODS

_ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
)
ODS = b"application/vnd.oasis.opendocument.spreadsheet"


def raw_ods(*pages: Page, tail: str = "", manifest: str = "", before_root: str = "", mimetype: bytes = ODS) -> bytes:
    """A spreadsheet as LibreOffice lays it out: equal neighbours are told once, and the sheet goes on to its end.

    `tail` is put behind the rows of each sheet, `before_root` before the document.
    """
    tables = "".join(_ods_table(page, tail) for page in pages)
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{before_root}<office:document-content {_ODF} office:version="1.3">'
        '<office:automatic-styles><style:style style:name="ta1" style:family="table">'
        '<style:table-properties table:display="true"/></style:style>'
        '<style:style style:name="ta2" style:family="table"><style:table-properties table:display="false"/>'
        f"</style:style></office:automatic-styles><office:body><office:spreadsheet>{tables}</office:spreadsheet>"
        "</office:body></office:document-content>"
    )
    manifest = manifest or (
        '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3">'
        '<manifest:file-entry manifest:full-path="/" '
        'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    return plain_zip(
        {"mimetype": mimetype, "content.xml": content.encode(), "META-INF/manifest.xml": manifest.encode()}
    )


def _ods_table(page: Page, tail: str) -> str:
    rows, blank = [], 0
    for number, row in enumerate(page.rows):
        cells = _ods_cells(row)
        if not cells:
            blank += 1
            continue
        if blank:
            rows.append(
                f'<table:table-row table:number-rows-repeated="{blank}">'
                '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
            )
            blank = 0
        hidden = ' table:visibility="collapse"' if number in page.hidden_rows else ""
        rows.append(f"<table:table-row{hidden}>{cells}</table:table-row>")
    shown_as = "ta2" if page.hidden else "ta1"
    opening = f'<table:table table:name={quoteattr(page.name)} table:style-name="{shown_as}">'
    return f"{opening}{''.join(rows)}{tail}</table:table>"


def _ods_cells(row: Sequence[Any]) -> str:
    last = max((column for column, cell in enumerate(row) if cell not in ("", None)), default=-1)
    cells: list[tuple[str, int]] = []
    for cell in row[: last + 1]:
        if cell in ("", None):
            made = "<table:table-cell{}/>"
        elif isinstance(cell, (int, float)):
            made = (
                f'<table:table-cell office:value-type="float" office:value="{cell}" calcext:value-type="float"{{}}>'
                f"<text:p>{shown(cell)}</text:p></table:table-cell>"
            )
        else:
            lines = "".join(
                f"<text:p>{escape(line).replace('  ', '<text:s/><text:s/>').replace(chr(9), '<text:tab/>')}</text:p>"
                for line in shown(cell).split("\n")
            )
            kind = 'office:value-type="string" calcext:value-type="string"'
            made = f"<table:table-cell {kind}{{}}>{lines}</table:table-cell>"
        if cells and cells[-1][0] == made:
            cells[-1] = (made, cells[-1][1] + 1)
        else:
            cells.append((made, 1))
    told = [
        made.replace("{}", f' table:number-columns-repeated="{count}"' if count > 1 else "", 1) for made, count in cells
    ]
    return "".join(told)


# ZIP


@dataclass(frozen=True)
class Entry:
    """An entry of a ZIP with every field open to a lie. `size` and `packed` are what both headers declare."""

    name: bytes
    content: bytes = b""
    flags: int = 0
    method: int = 8
    size: int | None = None
    packed: int | None = None
    crc: int | None = None
    attributes: int = 0
    system: int = 0


def raw_zip(*entries: Entry, comment: bytes = b"", count: int | None = None) -> bytes:
    """A ZIP of these entries, as they say."""
    body, directory = bytearray(), bytearray()
    for entry in entries:
        data = entry.content
        if entry.method == 8:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            data = packer.compress(entry.content) + packer.flush()
        crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
        sizes = (
            len(data) if entry.packed is None else entry.packed,
            len(entry.content) if entry.size is None else entry.size,
        )
        about = struct.pack(
            "<HHHHHIIIHH", 20, entry.flags, entry.method, 0x6000, 0x5D6A, crc, *sizes, len(entry.name), 0
        )
        directory += b"PK\x01\x02" + struct.pack("<BB", 20, entry.system) + about
        directory += struct.pack("<HHHII", 0, 0, 0, entry.attributes, len(body)) + entry.name
        body += b"PK\x03\x04" + about + entry.name + data
    number = len(entries) if count is None else count
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, number, number, len(directory), len(body), len(comment))
    return bytes(body + directory + end + comment)


def plain_zip(contents: Mapping[str, bytes]) -> bytes:
    """A ZIP with names in UTF-8."""
    return raw_zip(*(Entry(name.encode(), content, flags=0x800) for name, content in contents.items()))


def mac_zip(contents: Mapping[str, bytes]) -> bytes:
    """A ZIP as macOS makes it: names in UTF-8 with letters in two pieces, and nothing says so."""
    names = {unicodedata.normalize("NFD", name): content for name, content in contents.items()}
    return raw_zip(*(Entry(name.encode(), content, system=3) for name, content in names.items()))


def russian_windows_zip(contents: Mapping[str, bytes]) -> bytes:
    """A ZIP as the Explorer of a Russian Windows writes it: names in code page 866, and nothing says so."""
    return raw_zip(*(Entry(name.encode("cp866"), content) for name, content in contents.items()))


# OLE2: the old binary formats, messages of Outlook, and encrypted workbooks


def ole2(streams: Mapping[str, bytes]) -> bytes:
    """A compound file with these streams in its root."""
    sector = 512
    chains, data, at = [], b"", 0
    for content in streams.values():
        # Up to 4096 bytes a stream would lie in another place.
        padded = content.ljust(4096, b"\0")
        padded += b"\0" * (-len(padded) % sector)
        chains.append((at, len(padded)))
        data += padded
        at += len(padded) // sector
    names = [
        ("Root Entry", 5, 0xFFFFFFFE, 0),
        *zip(streams, [2] * len(chains), *zip(*chains, strict=True), strict=True),
    ]
    directory = b"".join(
        (name.encode("utf-16-le") + b"\0\0").ljust(64, b"\0")
        + struct.pack("<HBB", len(name) * 2 + 2, kind, 1)
        + struct.pack("<III", 0xFFFFFFFF, number + 1 if 0 < number < len(names) - 1 else 0xFFFFFFFF,
                      1 if number == 0 else 0xFFFFFFFF)
        + b"\0" * 36 + struct.pack("<IQ", start, size)
        for number, (name, kind, start, size) in enumerate(names)
    )  # fmt: skip
    directory += b"\0" * (-len(directory) % sector)
    directory_at = at
    at += len(directory) // sector
    fat_sectors = 1
    while (at + fat_sectors) * 4 > fat_sectors * sector:
        fat_sectors += 1
    fat = [0xFFFFFFFF] * (fat_sectors * sector // 4)
    for start, size in [*chains, (directory_at, len(directory))]:
        sectors = size // sector
        for index in range(start, start + sectors):
            fat[index] = index + 1 if index < start + sectors - 1 else 0xFFFFFFFE
    for index in range(fat_sectors):
        fat[at + index] = 0xFFFFFFFD
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
        + struct.pack("<IIIIIIIII", 0, fat_sectors, directory_at, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
        + struct.pack("<109I", *[at + index if index < fat_sectors else 0xFFFFFFFF for index in range(109)])
    )  # fmt: skip
    return header + data + directory + struct.pack(f"<{len(fat)}I", *fat)


def biff(*pages: Page) -> bytes:
    """The stream of records that a workbook of Excel 97 consists of."""
    return xls_book(*pages).get_biff_data()


def after_beginning(stream: bytes, kind: int, content: bytes) -> bytes:
    """The stream with one record more behind its beginning."""
    first = 4 + struct.unpack("<H", stream[2:4])[0]
    return stream[:first] + struct.pack("<HH", kind, len(content)) + content + stream[first:]


def xls_with_password(*pages: Page) -> bytes:
    """A workbook of Excel 97 that says it is encrypted (FilePass, RC4)."""
    file_pass = struct.pack("<HHH", 1, 1, 1) + bytes(range(48))
    return ole2({"Workbook": after_beginning(biff(*pages), 0x2F, file_pass)})
