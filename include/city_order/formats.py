"""The bytes of a drop → sheets of text, whatever its format.

Runs inside the sandbox: standard library and calamine only. Cells become the text that a person sees.
"""

from __future__ import annotations

import datetime
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from decimal import Decimal
from typing import Any, NamedTuple

import python_calamine

from include.city_order.binary_workbooks import xls_facts, xlsb_facts
from include.city_order.kinds import FOREIGN, tell
from include.city_order.readings import Limits, Notice, Unreadable
from include.city_order.sheet_facts import BookFacts, SheetFacts, demand_within, ods_facts, xlsx_facts
from include.city_order.text_tables import decode, text_rows
from include.city_order.zipped import inflate, member_name, open_zip

__all__ = ["Opened", "Sheet", "Unreadable", "cell_text", "copied_value", "open_drop"]

_DATES = frozenset({datetime.date, datetime.datetime})
#: So many dates of a sheet are remembered: more is a register of something else.
_DATES_KEPT = 1_000_000
_ODS_DURATION = re.compile(r"PT(\d{1,6})H(\d{1,2})M(\d{1,2})(?:[.,]\d*)?S")
#: What file managers put beside the files of a folder.
_DEBRIS = re.compile(r"(?:^|/)(?:__MACOSX/|\.|Thumbs\.db$|desktop\.ini$|~\$)", re.IGNORECASE)


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
    """A drop told and opened.

    `skipped` names the files of a ZIP that are of no format that holds a table; `notices` are of whole files.
    `encoding` and `encoding_ground` are of the texts, as `Reading` has them; of several in a ZIP they are listed.
    """

    format: str
    encoding: str
    sheets: Iterator[Sheet]
    skipped: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    encoding_ground: str = ""


class _File(NamedTuple):
    """One file of a drop, opened."""

    sheets: Iterator[Sheet]
    notices: tuple[Notice, ...] = ()
    encoding: str = ""
    encoding_ground: str = ""


def cell_text(value: Any) -> str:
    """The text that a person sees in a cell: 5.0 → 5, 0.1 + 0.2 → 0.3, dates as 25.11.2026."""
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
        date = cell_text(value.date())
        return date if value.time() == datetime.time() else f"{date} {cell_text(value.time())}"
    if isinstance(value, datetime.date):
        return f"{value.day:02}.{value.month:02}.{value.year:04}"
    if isinstance(value, datetime.time):
        return f"{value:%H:%M:%S}" if value.second or value.microsecond else f"{value:%H:%M}"
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
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
    kind = tell(data, limits)
    if kind == "zip":
        return _open_zip(data, limits, cell)
    file = _open_file(kind, data, "", limits, cell)
    return Opened(kind, file.encoding, _counted(file.sheets, limits), (), file.notices, file.encoding_ground)


def _open_zip(data: bytes, limits: Limits, cell: Callable[[Any], Any]) -> Opened:
    """The tables of a ZIP. A file of another kind, and a ZIP within it, is skipped, unless there is no other."""
    readable: list[tuple[str, str, bytes]] = []
    skipped: list[str] = []
    kinds: set[str] = set()
    archive, entries = open_zip(data, limits)
    with archive:
        for entry in entries:
            name = member_name(entry)
            if entry.is_dir() or _DEBRIS.search(name):
                continue
            content = b"".join(inflate(data, entry))
            try:
                kind = tell(content, limits)
                if kind == "zip":
                    raise Unreadable("nested_archive")
            except Unreadable as fault:
                if fault.reason not in FOREIGN:
                    raise
                kinds.add(fault.reason)
                skipped.append(name)
                continue
            readable.append((kind, name, content))
    files = []
    for kind, name, content in readable:
        try:
            files.append(_open_file(kind, content, name, limits, cell))
        except Unreadable as fault:
            # Only once it is decoded does a file without a kind show that it is no text.
            if fault.reason not in FOREIGN:
                raise
            kinds.add(fault.reason)
            skipped.append(name)
    if not files:
        raise Unreadable(kinds.pop() if len(kinds) == 1 else "no_member")
    return Opened(
        "zip",
        ", ".join(sorted({file.encoding for file in files if file.encoding})),
        _counted((sheet for file in files for sheet in file.sheets), limits),
        tuple(skipped),
        tuple(notice for file in files for notice in file.notices),
        ", ".join(sorted({file.encoding_ground for file in files if file.encoding_ground})),
    )


def _counted(sheets: Iterator[Sheet], limits: Limits) -> Iterator[Sheet]:
    for number, sheet in enumerate(sheets, start=1):
        if number > limits.sheets:
            raise Unreadable("too_many_sheets")
        yield sheet


def _open_file(kind: str, data: bytes, member: str, limits: Limits, cell: Callable[[Any], Any]) -> _File:
    if kind == "csv":
        text, encoding, ground = decode(data)
        return _File(iter([Sheet(member, "", False, text_rows(text, limits))]), (), encoding, ground)
    facts = _facts(kind, data, limits)
    notices = tuple(Notice(member, "", "", what) for what in facts.notices)
    return _File(_workbook_sheets(data, member, facts, limits, cell), notices)


def _facts(kind: str, data: bytes, limits: Limits) -> BookFacts:
    if kind == "xls":
        return xls_facts(data, limits)
    archive, entries = open_zip(data, limits)
    with archive:
        look_through = {"ods": ods_facts, "xlsb": xlsb_facts}.get(kind, xlsx_facts)
        return look_through(data, entries, limits)


def _workbook_sheets(
    data: bytes, member: str, facts: BookFacts, limits: Limits, cell: Callable[[Any], Any]
) -> Iterator[Sheet]:
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        if not workbook.sheets_metadata:
            raise Unreadable("broken")
        if len(workbook.sheets_metadata) > limits.sheets:
            raise Unreadable("too_many_sheets")
        for position, meta in enumerate(workbook.sheets_metadata):
            if meta.typ != python_calamine.SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_index(position)
            if sheet.end:
                demand_within(sheet.end[0] + 1, sheet.end[1] + 1, limits)
            known = facts.sheets[position] if position < len(facts.sheets) else SheetFacts()
            dates: set[tuple[int, int]] = set()
            yield Sheet(
                member=member,
                name=meta.name,
                hidden=meta.visible != python_calamine.SheetVisibleEnum.Visible,
                rows=_rows(sheet, known, dates, limits, cell),
                merged=_clipped(known.merged or _merged(sheet), sheet),
                hidden_rows=known.hidden_rows,
                hidden_columns=known.hidden_columns,
                uncached=known.uncached,
                dates=dates,
            )
    except python_calamine.PasswordError:
        raise Unreadable("encrypted") from None
    except (python_calamine.CalamineError, OSError):
        # An OSError is the reader's word for a part that ends too early.
        raise Unreadable("broken") from None
    except (MemoryError, Unreadable, GeneratorExit):
        raise
    except BaseException as error:
        # A panic of the native reader does not derive from Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise Unreadable("broken") from None


def _rows(
    sheet: Any, facts: SheetFacts, dates: set[tuple[int, int]], limits: Limits, cell: Callable[[Any], Any]
) -> Iterator[list[Any]]:
    # The rows above the first cell are given, the columns before it are not.
    start = sheet.start[1] if sheet.start else 0
    for number, values in enumerate(sheet.iter_rows()):
        joined = "".join([value for value in values if type(value) is str])
        if len(joined) > limits.cell_characters and any(
            type(value) is str and len(value) > limits.cell_characters for value in values
        ):
            raise Unreadable("long_cell")
        if not _DATES.isdisjoint(map(type, values)) and len(dates) < _DATES_KEPT:
            dates.update((number, start + column) for column, value in enumerate(values) if type(value) in _DATES)
        if "\0" in joined or "PT" in joined:
            values = [_mended(value) for value in values]
        row = [value if type(value) is str else cell(value) for value in values]
        if start:
            row = [""] * start + row
        for column, text in facts.errors.get(number, {}).items():
            row += [""] * (column + 1 - len(row))
            row[column] = row[column] or text
        yield row


def _mended(value: Any) -> Any:
    """A text without what no one can have typed; an ODS gives spans of time in a notation of its own."""
    if type(value) is not str:
        return value
    duration = _ODS_DURATION.fullmatch(value)
    if duration:
        hours, minutes, seconds = map(int, duration.groups())
        return cell_text(datetime.timedelta(hours=hours, minutes=minutes, seconds=seconds))
    return cell_text(value)


def _merged(sheet: Any) -> list[tuple[int, int, int, int]]:
    return [(top, left, bottom, right) for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()]


def _clipped(ranges: Iterable[tuple[int, int, int, int]], sheet: Any) -> list[tuple[int, int, int, int]]:
    """Merged ranges as far as the sheet reaches, for a range can reach to the end of all sheets."""
    if not sheet.end:
        return []
    last_row, last_column = sheet.end
    return [
        (top, left, min(bottom, last_row), min(right, last_column))
        for top, left, bottom, right in ranges
        if top <= last_row and left <= last_column
    ]
