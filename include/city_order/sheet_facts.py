"""What a workbook says beside its values: how far each sheet reaches, what is hidden, merged, not calculated.

A workbook is looked through here, in pieces, before the reader of values spreads it out: two far cells would be a
rectangle of half a terabyte. Limits are met here, by what holds content: a column formatted to its end harms no one.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

from include.city_order.readings import Limits, Unreadable
from include.city_order.zipped import inflate, part_name

#: A row of the widest allowed sheet, each cell as long as cells can be, is longer; no honest one is.
_LONGEST_ROW = 64 * 1024 * 1024
#: So many cells without a stored result are remembered: no one mends more one by one.
_UNCACHED_KEPT = 100_000
_ROOT_BYTES = 4096
#: What Excel shows for its errors.
ERRORS = {
    "#NULL!": "#ПУСТО!",
    "#DIV/0!": "#ДЕЛ/0!",
    "#VALUE!": "#ЗНАЧ!",
    "#REF!": "#ССЫЛКА!",
    "#NAME?": "#ИМЯ?",
    "#NUM!": "#ЧИСЛО!",
    "#N/A": "#Н/Д",
}


@dataclass(slots=True)
class SheetFacts:
    """Of one sheet, rows and columns counted from 0. `errors` holds the text of error values, by row and column."""

    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    uncached: set[tuple[int, int]] = field(default_factory=set)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    errors: dict[int, dict[int, str]] = field(default_factory=dict)

    def add_error(self, row: int, column: int, code: str) -> None:
        """Remember an error value."""
        self.errors.setdefault(row, {})[column] = ERRORS.get(code, code)

    def add_uncached(self, row: int, column: int) -> None:
        """Remember a formula without a stored result."""
        if len(self.uncached) < _UNCACHED_KEPT:
            self.uncached.add((row, column))


class BookFacts(NamedTuple):
    """Of a workbook: the facts of its sheets in their order, and what of `Notice.what` holds for all of it."""

    sheets: list[SheetFacts]
    notices: tuple[str, ...] = ()


def demand_within(rows: int, columns: int, limits: Limits) -> None:
    """Raise Unreadable if a sheet that reaches so far is beyond a limit."""
    if rows > limits.rows:
        raise Unreadable("too_many_rows")
    if columns > limits.columns:
        raise Unreadable("too_many_columns")
    if rows * columns > limits.sheet_cells:
        raise Unreadable("too_large")


def column_number(letters: bytes) -> int:
    """The number of a column counted from 1: A → 1, XFD → 16384."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


# XLSX and XLSM


class _Patterns(NamedTuple):
    """What is looked for in a sheet whose elements have a prefix (`x:row`), usually none.

    Each begins with fixed signs, which makes it ten times as fast as one that does not.
    """

    row: bytes
    cells: tuple[bytes, ...]
    formula_mark: bytes
    hidden_row: re.Pattern[bytes]
    column: re.Pattern[bytes]
    filled: re.Pattern[bytes]
    formula: re.Pattern[bytes]
    error: re.Pattern[bytes]

    @classmethod
    def of(cls, prefix: bytes) -> _Patterns:
        p = re.escape(prefix)
        return cls(
            row=b"<" + prefix + b"row",
            cells=tuple(b"<" + prefix + b"c" + sign for sign in (b" ", b">", b"/>")),
            formula_mark=b"<" + prefix + b"f",
            hidden_row=re.compile(rb'<%brow\s[^>]*\bhidden="(?:1|true)"[^>]*(?<!/)>' % p),
            column=re.compile(rb'<%bcol\s[^>]*\bhidden="(?:1|true)"[^>]*>' % p),
            filled=re.compile(rb'<%bc\s(?:[^>]*?\s)?r="([A-Za-z]{1,8})(\d{1,9})"[^>]*(?<!/)>(?!</)' % p),
            formula=re.compile(
                rb"<%bc\s([^>]*)>\s*<%bf\b[^>]*?(?:/>|>[^<]*</%bf>)\s*(<%bv\s*/>|<%bv>\s*</%bv>|<%bv\b|)" % ((p,) * 7)
            ),
            error=re.compile(
                rb'<%bc\s([^>]*\bt="e"[^>]*)>(?:\s*<%bf\b[^>]*?(?:/>|>[^<]*</%bf>))?\s*<%bv>([^<]*)' % ((p,) * 4)
            ),
        )


_WORKSHEET = re.compile(rb"<(\w+:)?worksheet[\s>]")
_ROW_NUMBERS = re.compile(rb' r="(\d{1,9})"')
#: The letters of cells beyond column Z.
_FAR_COLUMNS = re.compile(rb' r="([A-Za-z]{2,8})\d')
#: The rows of far cells, which need not be those that the cells stand in. None has eight digits: the reader of values
#: would lose count.
_FAR_ROWS = re.compile(rb' r="[A-Za-z]{1,8}(\d{6,8})')
_ADDRESS = re.compile(rb'(?:^|\s)r="([A-Za-z]{1,8})?(\d{1,9})"')
_NUMBER_OF = {name: re.compile(rb'\b%b="(\d{1,9})"' % name) for name in (b"min", b"max")}
_EXTERNAL = ("xl/externallinks/",)
_MACROS = "xl/vbaproject.bin"
_XML_PARTS = (".xml", ".rels")
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")


def xlsx_facts(data: bytes, entries: list[zipfile.ZipInfo], limits: Limits) -> BookFacts:
    """Look through all parts of an XLSX, each inflated once and none held."""
    parts = {part_name(entry).lower(): entry for entry in entries}
    by_part: dict[str, SheetFacts] = {}
    for entry in entries:
        name = part_name(entry).lower()
        pieces = inflate(data, entry)
        first = next(pieces, b"")
        root = _WORKSHEET.search(first[:_ROOT_BYTES])
        if root:
            by_part[name] = _xlsx_sheet(data, entry, _Patterns.of(root[1] or b""), limits)
        elif first[:_ROOT_BYTES].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
            demand_no_doctype(_chain(first, pieces))
        elif name.endswith(_XML_PARTS) and first.startswith(_UTF16):
            # The reader of values takes no XML in UTF-16: it would see nothing where there is a table.
            raise Unreadable("broken")
        else:
            for _ in pieces:
                pass
    sheets = [by_part.get(name, SheetFacts()) for name in _sheet_parts(data, parts)]
    return BookFacts(sheets, book_notices(parts))


def book_notices(parts: Iterable[str]) -> tuple[str, ...]:
    """What the names of an XLSX's or XLSB's parts tell of it."""
    names = list(parts)
    found = []
    if _MACROS in names:
        found.append("macros")
    if any(name.startswith(_EXTERNAL) for name in names):
        found.append("external_link")
    return tuple(found)


def demand_no_doctype(pieces: Iterable[bytes]) -> None:
    """Raise Unreadable for a part with a document type: the only use of one in a workbook is to do harm."""
    tail = b""
    for piece in pieces:
        if b"<!DOCTYPE" in tail + piece or b"<!doctype" in tail + piece:
            raise Unreadable("doctype")
        tail = piece[-16:]


def _chain(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from pieces


def _xlsx_sheet(data: bytes, entry: zipfile.ZipInfo, patterns: _Patterns, limits: Limits) -> SheetFacts:
    """The facts of a sheet. First an upper bound of its reach is taken, which is quick; if need be the exact one."""
    facts = SheetFacts()
    rows, far_column, cells_in_row = 0, 26, 0
    unaddressed = False
    for position, block in enumerate(_blocks(inflate(data, entry), patterns.row)):
        if position == 0:
            demand_no_doctype([block])
            _xlsx_columns(block, patterns, facts)
            unaddressed = bool(_unaddressed(block, patterns))
        numbers = _ROW_NUMBERS.findall(block)
        rows = max(rows, max(map(int, numbers))) if numbers else rows + block.count(patterns.row)
        far_rows = set(_FAR_ROWS.findall(block))
        if any(len(row) > 7 for row in far_rows):
            raise Unreadable("broken")
        rows = max(rows, max(map(int, far_rows), default=0))
        far_column = max(far_column, max(map(column_number, set(_FAR_COLUMNS.findall(block))), default=0))
        if unaddressed:
            cells_in_row = max(cells_in_row, _unaddressed(block, patterns))
        if b"hidden" in block:
            _xlsx_hidden_rows(block, patterns, facts)
        if patterns.formula_mark in block:
            _xlsx_formulas(block, patterns, facts)
        if b't="e"' in block:
            _xlsx_errors(block, patterns, facts)
    columns = far_column + cells_in_row
    if rows > limits.rows or columns > limits.columns or rows * columns > limits.sheet_cells:
        _demand_filled_within(_blocks(inflate(data, entry), patterns.row), patterns, limits)
    return facts


def _unaddressed(block: bytes, patterns: _Patterns) -> int:
    """The most cells of a row, if some bear no address: then they stand one beside another. Else 0."""
    addressed = block.count(b' r="') - len(_ROW_NUMBERS.findall(block))
    if sum(map(block.count, patterns.cells)) <= addressed:
        return 0
    return max(sum(map(row.count, patterns.cells)) for row in block.split(patterns.row))


def _blocks(pieces: Iterable[bytes], opening: bytes) -> Iterator[bytes]:
    """Pieces cut anew before an opening tag, so that no row is cut in two."""
    rest = b""
    for piece in pieces:
        rest += piece
        cut = rest.rfind(opening)
        if cut > 0:
            yield rest[:cut]
            rest = rest[cut:]
        elif len(rest) > _LONGEST_ROW:
            raise Unreadable("too_large")
    yield rest


def _xlsx_columns(block: bytes, patterns: _Patterns, facts: SheetFacts) -> None:
    for match in patterns.column.finditer(block):
        first, last = (_NUMBER_OF[name].search(match[0]) for name in (b"min", b"max"))
        if first and last:
            facts.hidden_columns.update(range(int(first[1]) - 1, min(int(last[1]), 1 << 14)))


def _xlsx_hidden_rows(block: bytes, patterns: _Patterns, facts: SheetFacts) -> None:
    for match in patterns.hidden_row.finditer(block):
        address = _ADDRESS.search(match[0])
        if address:
            facts.hidden_rows.add(int(address[2]) - 1)


def _xlsx_formulas(block: bytes, patterns: _Patterns, facts: SheetFacts) -> None:
    for match in patterns.formula.finditer(block):
        attributes, value = match[1], match[2]
        stored = value.endswith(b"v") or (value and b't="str"' in attributes)
        place = None if stored else _place(attributes)
        if place:
            facts.add_uncached(*place)


def _xlsx_errors(block: bytes, patterns: _Patterns, facts: SheetFacts) -> None:
    for match in patterns.error.finditer(block):
        place = _place(match[1])
        if place:
            facts.add_error(*place, match[2].decode("utf-8", errors="replace").strip())


def _place(attributes: bytes) -> tuple[int, int] | None:
    address = _ADDRESS.search(attributes)
    if not address or not address[1]:
        return None
    return int(address[2]) - 1, column_number(address[1]) - 1


def _demand_filled_within(blocks: Iterable[bytes], patterns: _Patterns, limits: Limits) -> None:
    rows = columns = 0
    for block in blocks:
        cells_in_row = _unaddressed(block, patterns)
        if cells_in_row:
            rows += block.count(patterns.row)
            columns = max(columns, cells_in_row)
        for match in patterns.filled.finditer(block):
            rows = max(rows, int(match[2]))
            columns = max(columns, column_number(match[1]))
        demand_within(rows, columns, limits)


def _sheet_parts(data: bytes, parts: dict[str, zipfile.ZipInfo]) -> list[str]:
    """The part of each sheet, in the workbook's order. What is not well-formed the reader of values will refuse."""

    def elements(part: str, element: str) -> list[dict[str, str]]:
        return xml_attributes(b"".join(inflate(data, parts[part])), element) if part in parts else []

    def targets(part: str) -> dict[str, str]:
        folder, _, name = part.rpartition("/")
        found = elements(f"{folder}/_rels/{name}.rels".lstrip("/"), "Relationship")
        return {item.get("Id", ""): _resolved(folder, item.get("Target", "")) for item in found}

    roots = [
        item for item in elements("_rels/.rels", "Relationship") if item.get("Type", "").endswith("/officeDocument")
    ]
    if not roots:
        return []
    book = _resolved("", roots[0].get("Target", ""))
    by_id = targets(book)
    ids = [
        next((value for name, value in item.items() if name == "id" or name.endswith(":id")), "")
        for item in elements(book, "sheet")
    ]
    return [by_id.get(name, "") for name in ids]


def _resolved(folder: str, target: str) -> str:
    """A relation's target as the name of a part."""
    if target.startswith("/"):
        return target.lstrip("/").lower()
    return f"{folder}/{target}".lstrip("/").lower()


def xml_attributes(xml: bytes, element: str) -> list[dict[str, str]]:
    """The attributes of each element of that local name, as far as the text is well-formed."""
    found: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == element:
            found.append(attributes)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    # The last three: it names an encoding that there is not, or that may not be loaded here.
    with suppress(expat.ExpatError, LookupError, ValueError, OSError):
        parser.Parse(xml, True)
    return found


# ODS

_ODS_TOKEN = re.compile(rb"<table:table(-row)?(?=[\s>/])")
_ODS_COLUMN = re.compile(rb"<table:table-column\b([^>]*)>")
_ODS_CELL = re.compile(rb"<table:(?:covered-)?table-cell\b([^>]*?)(/?)>")
_ODS_TEXT = re.compile(rb"<text:p\b[^>]*>([^<]*)")
_ODS_NUMBER = {
    name: re.compile(rb'\btable:%b="(\d{1,9})"' % name)
    for name in (b"number-rows-repeated", b"number-columns-repeated", b"number-rows-spanned", b"number-columns-spanned")
}
_ODS_HIDDEN = re.compile(rb'\btable:visibility="(?:collapse|filter)"')
#: What makes it worth while to look at each cell of a row: cells and rows that stand for many, and the facts.
_ODS_MARKS = (b"table:number-", b"table:formula=", b"table:visibility=")
_ODS_CONTENT = (b"office:value", b"<text:p", b"table:formula=")
_ODS_LINKS = (b"['file:", b"[&apos;file:")
_ODS_XML = ("content.xml", "styles.xml", "meta.xml", "settings.xml")


def ods_facts(data: bytes, entries: list[zipfile.ZipInfo], limits: Limits) -> BookFacts:
    """Look through all parts of an ODS, each inflated once and none held."""
    sheets: list[SheetFacts] = []
    notices = set()
    for entry in entries:
        name = part_name(entry)
        if name == "content.xml":
            sheets, linked = _ods_sheets(inflate(data, entry), limits)
            if linked:
                notices.add("external_link")
        elif name in _ODS_XML:
            demand_no_doctype(inflate(data, entry))
        else:
            for _ in inflate(data, entry):
                pass
        if name.startswith(("Basic/", "Scripts/")) and not name.endswith(("/", "-lc.xml", "-lb.xml")):
            notices.add("macros")
    return BookFacts(sheets, tuple(sorted(notices)))


def _ods_sheets(pieces: Iterable[bytes], limits: Limits) -> tuple[list[SheetFacts], bool]:
    sheets: list[SheetFacts] = []
    linked = False
    row = 0
    for position, block in enumerate(_blocks(_well_formed(pieces), b"<table:table-row")):
        if position == 0:
            demand_no_doctype([block])
        # Where nothing of a block is special, its rows are only counted.
        special = any(mark in block for mark in _ODS_MARKS)
        linked = linked or (special and any(mark in block for mark in _ODS_LINKS))
        marks = [*_ODS_TOKEN.finditer(block)]
        ends = [mark.start() for mark in marks[1:]] + [len(block)]
        for mark, end in zip(marks, ends, strict=False):
            if not mark[1]:
                row = 0
                sheets.append(SheetFacts())
                _ods_columns(block[mark.start() : end], sheets[-1])
            elif special and sheets:
                row = _ods_row(block[mark.start() : end], row, sheets[-1], limits)
            else:
                row += 1
                demand_within(row, block.count(b"<table:table-cell", mark.start(), end), limits)
    return sheets, linked


def _well_formed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of an XML part, all of them. Where one does not end well the reader of values would never end."""

    def refuse(*_: object) -> None:
        raise Unreadable("doctype")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    try:
        for piece in pieces:
            parser.Parse(piece, False)
            yield piece
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, ValueError, OSError):
        raise Unreadable("broken") from None


def _ods_columns(chunk: bytes, facts: SheetFacts) -> None:
    column = 0
    for match in _ODS_COLUMN.finditer(chunk):
        count = _ods_number(b"number-columns-repeated", match[1])
        if _ODS_HIDDEN.search(match[1]):
            facts.hidden_columns.update(range(column, min(column + count, 1 << 14)))
        column += count


def _ods_row(chunk: bytes, row: int, facts: SheetFacts, limits: Limits) -> int:
    """Take the facts of one row, which may stand for many; returns the number of the next."""
    head, _, body = chunk.partition(b">")
    count = _ods_number(b"number-rows-repeated", head)
    if not any(mark in body for mark in _ODS_CONTENT):
        return row + count
    demand_within(row + count, _ods_cells(body, row, facts), limits)
    if _ODS_HIDDEN.search(head):
        facts.hidden_rows.update(range(row, row + count))
    return row + count


def _ods_cells(body: bytes, row: int, facts: SheetFacts) -> int:
    """Take the facts of a row's cells; returns how far those with content reach."""
    column = reach = 0
    cells = [*_ODS_CELL.finditer(body)]
    ends = [cell.start() for cell in cells[1:]] + [len(body)]
    for cell, end in zip(cells, ends, strict=False):
        attributes = cell[1]
        count = _ods_number(b"number-columns-repeated", attributes)
        if b"office:value" in attributes or not cell[2]:
            reach = column + count
        if b"table:formula=" in attributes and b"office:value" not in attributes:
            facts.add_uncached(row, column)
        if b'value-type="error"' in attributes:
            text = _ODS_TEXT.search(body, cell.end(), end)
            if text:
                facts.add_error(row, column, text[1].decode("utf-8", errors="replace"))
        if b"-spanned=" in attributes:
            down = _ods_number(b"number-rows-spanned", attributes)
            across = _ods_number(b"number-columns-spanned", attributes)
            if down > 1 or across > 1:
                facts.merged.append((row, column, row + down - 1, column + across - 1))
        column += count
    return reach


def _ods_number(name: bytes, attributes: bytes) -> int:
    found = _ODS_NUMBER[name].search(attributes)
    return int(found[1]) if found else 1
