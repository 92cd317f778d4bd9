"""Binary workbooks: the directory of an OLE2 file, and the facts of sheets of XLS and XLSB, record by record."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator

from include.city_order.readings import Limits, Unreadable
from include.city_order.sheet_facts import ERRORS, BookFacts, SheetFacts, book_notices, demand_within, xml_attributes
from include.city_order.zipped import inflate, part_name

OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ERROR_CODES = dict(zip((0x00, 0x07, 0x0F, 0x17, 0x1D, 0x24, 0x2A), ERRORS, strict=True))


class OleFile:
    """The streams of an OLE2 file that stand directly under its root: all that tells what it is. Raises Unreadable."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        try:
            self._sector = 1 << struct.unpack_from("<H", data, 30)[0]
            if self._sector not in (512, 4096):
                raise Unreadable("broken")
            self._sectors = len(data) // self._sector
            first, self._small_below, small, _, more, _ = struct.unpack_from("<I4xIIIII", data, 48)
            self._table = self._sector_table(more)
            directory = b"".join(self._chain(first))
            self._small_table = self._numbers(b"".join(self._chain(small)))
            self._small: bytes | None = None
            self.streams = self._under_root(directory)
        except struct.error:
            raise Unreadable("broken") from None

    def __contains__(self, name: str) -> bool:
        return name in self.streams

    def read(self, name: str) -> bytes:
        """The content of a stream."""
        start, size = self.streams[name]
        if size >= self._small_below:
            return b"".join(self._chain(start))[:size]
        if self._small is None:
            self._small = b"".join(self._chain(self._root_start))
        pieces = []
        for number in self._follow(start, self._small_table, len(self._small) // 64):
            pieces.append(self._small[number * 64 : number * 64 + 64])
        return b"".join(pieces)[:size]

    def _sector_table(self, more: int) -> list[int]:
        numbers = list(struct.unpack_from("<109I", self._data, 76))
        seen: set[int] = set()
        while more < self._sectors and more not in seen:
            seen.add(more)
            part = self._numbers(self._at(more))
            numbers += part[:-1]
            more = part[-1] if part else self._sectors
        there = [number for number in numbers if number < self._sectors]
        return [entry for number in dict.fromkeys(there) for entry in self._numbers(self._at(number))]

    def _at(self, number: int) -> bytes:
        start = (number + 1) * self._sector
        return self._data[start : start + self._sector]

    @staticmethod
    def _numbers(data: bytes) -> list[int]:
        return list(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))

    def _chain(self, start: int) -> Iterator[bytes]:
        for number in self._follow(start, self._table, self._sectors):
            yield self._at(number)

    @staticmethod
    def _follow(start: int, table: list[int], most: int) -> Iterator[int]:
        steps = 0
        while start < len(table):
            yield start
            start = table[start]
            steps += 1
            if steps > most:
                # A chain that bites its own tail.
                raise Unreadable("broken")

    def _under_root(self, directory: bytes) -> dict[str, tuple[int, int]]:
        entries = []
        for offset in range(0, len(directory) - 127, 128):
            length, kind = struct.unpack_from("<HB", directory, offset + 64)
            name = directory[offset : offset + max(min(length, 64) - 2, 0)].decode("utf-16-le", errors="replace")
            left, right, child = struct.unpack_from("<III", directory, offset + 68)
            start, size = struct.unpack_from("<II", directory, offset + 116)
            entries.append((name, kind, left, right, child, start, size))
        if not entries or entries[0][1] != 5:
            raise Unreadable("broken")
        self._root_start = entries[0][5]
        streams: dict[str, tuple[int, int]] = {}
        seen: set[int] = set()
        waiting = [entries[0][4]]
        while waiting:
            number = waiting.pop()
            if number >= len(entries) or number in seen:
                continue
            seen.add(number)
            name, _, left, right, _, start, size = entries[number]
            streams[name] = (start, size)
            waiting += (left, right)
        return streams


def xls_facts(data: bytes, limits: Limits) -> BookFacts:
    """The facts of the sheets of an XLS of Excel 97 and later; of an older one nothing is known."""
    ole = OleFile(data)
    notices = {"macros"} if "_VBA_PROJECT_CUR" in ole else set()
    if "Workbook" not in ole:
        return BookFacts([], tuple(sorted(notices)))
    book = ole.read("Workbook")
    starts = []
    for kind, record in _xls_records(book, 0):
        if kind == 0x2F:
            raise Unreadable("encrypted")
        if kind == 0x85 and len(record) >= 4:
            starts.append(struct.unpack_from("<I", record)[0])
        if kind == 0xFC and len(record) >= 8 and struct.unpack_from("<I", record, 4)[0] > len(book):
            # More texts than bytes: the reader of values would make room for them all.
            raise Unreadable("broken")
        if kind == 0x1AE and record[2:4] not in (b"\x01\x04", b"\x01\x3a"):
            notices.add("external_link")
    if len(starts) > limits.sheets:
        raise Unreadable("too_many_sheets")
    return BookFacts([_xls_sheet(book, start, limits) for start in starts], tuple(sorted(notices)))


def _xls_records(book: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """(kind, content) of the records of one part of an XLS, those of charts within it left out."""
    depth = 0
    end = len(book)
    while start + 4 <= end:
        kind = book[start] | book[start + 1] << 8
        size = book[start + 2] | book[start + 3] << 8
        start += 4
        if kind == 0x809:
            depth += 1
        elif kind == 0x0A:
            depth -= 1
            if depth <= 0:
                return
        elif depth == 1:
            yield kind, book[start : start + size]
        start += size


def _xls_sheet(book: bytes, start: int, limits: Limits) -> SheetFacts:
    facts = SheetFacts()
    rows = columns = 0
    for kind, record in _xls_records(book, start):
        if kind in _XLS_CELLS and len(record) >= 4:
            row, column = record[0] | record[1] << 8, record[2] | record[3] << 8
            rows, columns = max(rows, row + 1), max(columns, column + 1)
            if kind == 0x205 and record[7:8] == b"\x01":
                facts.add_error(row, column, _ERROR_CODES.get(record[6], "#N/A"))
            elif kind == 0x06 and record[12:14] == b"\xff\xff" and record[6] == 2:
                facts.add_error(row, column, _ERROR_CODES.get(record[8], "#N/A"))
        elif kind == 0x200 and len(record) >= 10:
            _demand_true_reach(*struct.unpack_from("<IIHH" if len(record) >= 14 else "<HHHH", record))
        elif kind == 0x208 and len(record) >= 16 and record[12] & 0x20:
            facts.hidden_rows.add(record[0] | record[1] << 8)
        elif kind == 0x7D and len(record) >= 10 and record[8] & 1:
            first, last = struct.unpack_from("<HH", record)
            facts.hidden_columns.update(range(first, min(last + 1, 256)))
    demand_within(rows, columns, limits)
    return facts


def _demand_true_reach(first_row: int, rows: int, first_column: int, columns: int) -> None:
    """Raise Unreadable if a sheet of an XLS declares an impossible reach: the reader of values makes room for it."""
    if rows and columns and not (first_row < rows <= 1 << 16 and first_column < columns <= 1 << 8):
        raise Unreadable("broken")


#: Records of an XLS that hold a value: numbers, texts, formulas, errors, rows of numbers.
_XLS_CELLS = frozenset({0x06, 0xBD, 0xD6, 0xFD, 0x203, 0x204, 0x205, 0x27E})


def xlsb_facts(data: bytes, entries: list[zipfile.ZipInfo], limits: Limits) -> BookFacts:
    """The facts of the sheets of an XLSB."""
    parts = {part_name(entry).lower(): entry for entry in entries}
    sheets: dict[str, SheetFacts] = {}
    for name, entry in parts.items():
        if name.startswith("xl/worksheets/") and name.endswith(".bin"):
            sheets[name] = _xlsb_sheet(b"".join(inflate(data, entry)), limits)
        else:
            for _ in inflate(data, entry):
                pass
    targets = (
        {
            item.get("Id", ""): f"xl/{item.get('Target', '')}".lower()
            for item in xml_attributes(b"".join(inflate(data, parts["xl/_rels/workbook.bin.rels"])), "Relationship")
        }
        if "xl/_rels/workbook.bin.rels" in parts
        else {}
    )
    order = [
        targets.get(_xlsb_text(record, 8), "")
        for kind, record in _xlsb_records(b"".join(inflate(data, parts["xl/workbook.bin"])))
        if kind == 156
    ]
    return BookFacts([sheets.get(name, SheetFacts()) for name in order], book_notices(parts))


def _xlsb_records(part: bytes) -> Iterator[tuple[int, bytes]]:
    at, end = 0, len(part)
    while at + 1 < end:
        kind = part[at]
        at += 1
        if kind & 0x80:
            kind = kind & 0x7F | (part[at] & 0x7F) << 7
            at += 1
        size = shift = 0
        while at < end and shift < 28:
            byte = part[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if at + size > end:
            raise Unreadable("broken")
        yield kind, part[at : at + size]
        at += size


def _xlsb_text(record: bytes, at: int) -> str:
    if len(record) < at + 4:
        return ""
    (length,) = struct.unpack_from("<I", record, at)
    return record[at + 4 : at + 4 + 2 * min(length, 1 << 15)].decode("utf-16-le", errors="replace")


def _xlsb_sheet(part: bytes, limits: Limits) -> SheetFacts:
    facts = SheetFacts()
    row = rows = columns = 0
    for kind, record in _xlsb_records(part):
        if kind <= 11 and len(record) < (8 if kind else 12):
            # The reader of values would take what it lacks from the record before.
            raise Unreadable("broken")
        if 2 <= kind <= 11:
            (column,) = struct.unpack_from("<I", record)
            rows, columns = max(rows, row + 1), max(columns, column + 1)
            if kind in (3, 11) and len(record) >= 9:
                facts.add_error(row, column, _ERROR_CODES.get(record[8], "#N/A"))
        elif kind == 0:
            (row,) = struct.unpack_from("<I", record)
            if record[11] & 0x10:
                facts.hidden_rows.add(row)
        elif kind == 60 and len(record) >= 18 and record[16] & 1:
            first, last = struct.unpack_from("<II", record)
            facts.hidden_columns.update(range(first, min(last + 1, 1 << 14)))
        elif kind == 176 and len(record) >= 16:
            top, bottom, left, right = struct.unpack_from("<IIII", record)
            facts.merged.append((top, left, bottom, right))
    demand_within(rows, columns, limits)
    return facts
