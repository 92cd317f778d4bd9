"""What reading a drop gives: the form that was looked for, the lines that were found, and how it ended.

Plain data, made to cross the pipe between the sandbox's child and its parent as JSON. `from_json` believes
nothing: whatever is not of the shape below raises ValueError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, NamedTuple

#: The name under which `Form.required` asks for at least one year column, and `Reading.missing_fields` says
#: that there is none.
DEMAND = "demand"

#: How reading ended: the lines are there; the file is at fault; a limit of the sandbox was met.
OUTCOMES = ("read", "unreadable", "limit")

#: Why a file is unreadable: it is no table, or it is broken, closed or beyond what any answer needs.
UNREADABLE = (
    "empty", "broken", "encrypted", "unknown_format", "no_member",
    "pdf", "word_document", "presentation", "picture", "web_page", "email", "signature", "rar", "seven_zip",
    "other_archive", "nested_archive",
    "too_large", "too_many_entries", "inflates_too_much", "too_many_sheets", "too_many_rows", "too_many_columns",
    "long_cell", "unsafe_name", "doctype", "unknown_encoding",
)  # fmt: skip
#: Which limit stopped the reader: its memory, its CPU seconds, its output; or it was killed from outside, waited too
#: long for the machine, or crashed.
STOPPED = ("memory", "cpu", "output", "killed", "time", "crash")
#: The reason of a drop that the antivirus kept from being read.
INFECTED = "infected"


class Unreadable(Exception):
    """The drop cannot be read; the argument is the reason, one of `UNREADABLE`."""

    @property
    def reason(self) -> str:
        """The reason code."""
        return str(self.args[0])


def column_letter(index: int) -> str:
    """The letter of a column counted from 0: 0 → A, 26 → AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def cell_address(member: str, sheet: str, cell: str) -> str:
    """One cell as a person finds it: `C5`, `Лист1!C5`, `answer.xlsx: Лист1!C5`."""
    address = f"{sheet}!{cell}" if sheet else cell
    return f"{member}: {address}" if member else address


_LIMIT_SETTING = "CITY_ORDER_LIMIT_"
#: The kernel counts memory in so many bits.
_LIMIT_MOST = 2**62


@dataclass(frozen=True)
class Limits:
    """What one drop may cost. Sizes in bytes, times in seconds. Each is a setting, see `from_environment`."""

    #: An answer of 200 000 rows needs about 1.1 GB at its highest; four readers fit into an 8 GB machine.
    memory_bytes: int = 1536 * 1024 * 1024
    #: The same answer takes under 20 s; a file that needs six times that is no survey answer.
    cpu_seconds: int = 120
    #: A safety net: the CPU seconds decide, and waiting for a busy machine is not the file's fault.
    wall_seconds: float = 900
    #: What the parent is ready to hold: the answer of 200 000 rows comes to about 150 MB.
    output_bytes: int = 256 * 1024 * 1024
    #: The largest real answers are under 10 MB; a bigger file is a scan or a mistake.
    upload_bytes: int = 50 * 1024 * 1024
    #: What a ZIP or workbook may inflate to; a sheet of 200 000 rows is about 150 MB of XML.
    inflated_bytes: int = 300 * 1024 * 1024
    #: Honest sheets compress up to about 50 times, a bomb of zeros 1 000 times.
    inflated_ratio: int = 200
    #: A workbook has some tens of parts, an answer some tens of files.
    entries: int = 2000
    #: The reader holds a sheet as a full rectangle, 32 bytes a cell: A1 and XFD1048576 would be 512 GiB.
    sheet_cells: int = 10_000_000
    #: An answer has a form, its lists and some sheets of notes; a workbook of hundreds is a register.
    sheets: int = 100
    #: The largest city answer has some thousands of rows; this leaves it room forty times over.
    rows: int = 200_000
    #: The form has under 40 columns; a sheet formatted to its end is no wider than what it holds.
    columns: int = 500
    #: What a cell of a spreadsheet can hold.
    cell_characters: int = 32_767
    #: So much of a workbook is shown again in its protocol; a bigger one is answered by addresses alone.
    copy_cells: int = 400_000

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Limits:
        """The limits, each as `CITY_ORDER_LIMIT_<ITS NAME>` says where that is set."""
        given: dict[str, int] = {}
        known = {_LIMIT_SETTING + item.name.upper(): item.name for item in fields(cls)}
        for setting, value in environ.items():
            if not setting.startswith(_LIMIT_SETTING) or not value.strip():
                continue
            if setting not in known:
                raise ValueError(f"{setting} sets no limit: take it away, or name one of {', '.join(sorted(known))}")
            text = value.strip().replace("_", "")
            if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= _LIMIT_MOST):
                raise ValueError(
                    f"{setting} is {value!r}: give a whole number above zero, such as {getattr(cls, known[setting])}"
                )
            given[known[setting]] = int(text)
        return cls(**given)

    def to_json(self) -> str:
        """For the pipe."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Limits:
        """What `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Form:
    """What to look for in a drop: the survey's headings.

    `headings` gives for each field its accepted headings, the canonical one first, year columns left out: any
    heading that names a year of demand is found by itself. `required` fields must have a column in every
    table (`DEMAND`: at least one year column). `horizon` is the survey's years. `surveys` gives the title of every
    survey by its code, the form's own first, so that a form which names another one is noticed.
    """

    programme: str
    headings: dict[str, tuple[str, ...]]
    required: tuple[str, ...]
    horizon: tuple[int, ...]
    surveys: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """For the pipe."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Form:
        """What `to_json` wrote."""
        data = json.loads(text)
        return cls(
            programme=data["programme"],
            headings={name: tuple(accepted) for name, accepted in data["headings"].items()},
            required=tuple(data["required"]),
            horizon=tuple(data["horizon"]),
            surveys=data["surveys"],
        )


@dataclass(frozen=True, slots=True)
class RawLine:
    """One row as the agency typed it.

    `values` holds the non-blank cells by field (`demand_<year>` for any year). `member` is the file's name
    inside a ZIP, else ""; `sheet` is "" in a text file; rows count from 1. `marks` says, for some fields, what the
    text alone does not: `date` (the cell holds a date), `merged` (the text is that of a cell merged over this row).
    """

    member: str
    sheet: str
    row_number: int
    values: dict[str, str]
    marks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TableFound:
    """Where a table stands: its heading rows (first to last, from 1) and the column letter of each field.

    `unit_in_heading` is the unit named in the headings of the year columns («тыс. шт»), as typed, else "".
    """

    member: str
    sheet: str
    hidden: bool
    first_row: int
    last_row: int
    columns: dict[str, str]
    unit_in_heading: str = ""


class LeftOut(NamedTuple):
    """A non-blank row that is no line, and why.

    `why`: total, note, signature, numbering, heading (repeated further down), not_recognised (two filled cells or
    more, and none of these), no_demand (the heading of a whole table without a year column, beside tables that have
    one), unknown_format (a file of a ZIP that holds no table).
    """

    member: str
    sheet: str
    row_number: int
    why: str


class Notice(NamedTuple):
    """Something about the file itself that a person should know of.

    `what`: hidden_sheet, hidden_row, hidden_column (they hold data of the table), no_cached_value (a formula whose
    result was never stored), macros, external_link. `cell` is its address, "A12" for a row, "" for a sheet or file.
    """

    member: str
    sheet: str
    cell: str
    what: str


#: So many notices of one kind are kept: more would tell nothing new.
NOTICES_KEPT = 1000


@dataclass(frozen=True)
class Reading:
    """All that a drop said, and how reading it ended.

    `reason` is "" for `read`, else one of `UNREADABLE` or `STOPPED`, or `INFECTED` (with the outcome `limit`).
    `missing_fields` are the required fields without a column in some table (all of them if no table was found, none
    for a nil return in free text; `unit` is not missing if the year headings name one).
    `ambiguous_fields` gives the heading cells of a field, or of one year, that has more than one column, or of a unit
    that the year headings name differently; the lines hold the first. `totals` are the totals rows as typed, for
    comparison: they are no lines. `sender_survey` is the code of the survey that the form itself names, of
    `Form.surveys`. Of the non-blank rows below the headings (`rows_seen`) `rows_recognised` are of a known kind.
    `encoding_ground` says why a text's encoding was chosen: mark, declared, strict (all of it decodes), letters (of
    several that decode, the one that gives Russian words).
    """

    outcome: str
    reason: str = ""
    format: str = ""
    encoding: str = ""
    tables: list[TableFound] = field(default_factory=list)
    lines: list[RawLine] = field(default_factory=list)
    totals: list[RawLine] = field(default_factory=list)
    missing_fields: tuple[str, ...] = ()
    ambiguous_fields: dict[str, list[str]] = field(default_factory=dict)
    sender_inn: str = ""
    sender_inn_cell: str = ""
    sender_kpp: str = ""
    sender_kpp_cell: str = ""
    sender_survey: str = ""
    sender_survey_cell: str = ""
    nil_return: bool = False
    left_out: list[LeftOut] = field(default_factory=list)
    cells_read: int = 0
    rows_seen: int = 0
    rows_recognised: int = 0
    notices: list[Notice] = field(default_factory=list)
    encoding_ground: str = ""

    def to_json(self) -> str:
        """For the pipe."""
        data = {item.name: getattr(self, item.name) for item in fields(self)}
        return json.dumps(data, ensure_ascii=False, default=_row)

    @classmethod
    def from_json(cls, text: str | bytes) -> Reading:
        """The reading in `text`. Raises ValueError if it is not exactly of this shape."""
        try:
            data = json.loads(text)
            reading = cls(
                **data
                | {
                    "tables": [TableFound(*row) for row in data["tables"]],
                    "lines": [RawLine(*row) for row in data["lines"]],
                    "totals": [RawLine(*row) for row in data["totals"]],
                    "left_out": [LeftOut(*row) for row in data["left_out"]],
                    "notices": [Notice(*row) for row in data["notices"]],
                    "missing_fields": tuple(data["missing_fields"]),
                }
            )
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a reading: {error}") from None
        _demand_shape(reading)
        return reading


@dataclass(frozen=True)
class SheetCopy:
    """One sheet as values only, for the protocol: text, numbers, "" for blank; dates and logical values as text.

    `rows` begin at row 1 and column A, and end with the last filled cell of each row and the last filled row.
    """

    member: str
    name: str
    hidden: bool
    rows: list[list[str | int | float]]


@dataclass(frozen=True)
class WorkbookCopy:
    """The sheets of a drop. `whole` is false if some were too large to copy, or the drop could not be read."""

    sheets: list[SheetCopy] = field(default_factory=list)
    whole: bool = True

    def to_json(self) -> str:
        """For the pipe."""
        sheets = [[sheet.member, sheet.name, sheet.hidden, sheet.rows] for sheet in self.sheets]
        return json.dumps({"sheets": sheets, "whole": self.whole}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> WorkbookCopy:
        """The copy in `text`. Raises ValueError if it is not exactly of this shape."""
        try:
            data = json.loads(text, parse_constant=_no_number)
            copy = cls(**data | {"sheets": [SheetCopy(*sheet) for sheet in data["sheets"]]})
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a copy: {error}") from None
        good = type(copy.whole) is bool and all(
            type(sheet.member) is type(sheet.name) is str
            and type(sheet.hidden) is bool
            and type(sheet.rows) is list
            and all(type(row) is list and set(map(type, row)) <= {str, int, float} for row in sheet.rows)
            and all(value - value == 0 for row in sheet.rows for value in row if type(value) is float)
            for sheet in copy.sheets
        )
        if not good:
            raise ValueError("not a copy: a value is of the wrong type")
        return copy


def _no_number(word: str) -> float:
    raise ValueError(f"not a copy: {word}")


def _row(record: RawLine | TableFound) -> list[Any]:
    """Records cross the pipe as rows, without their names: a third of the size."""
    return [getattr(record, item.name) for item in fields(record)]


def _demand_shape(reading: Reading) -> None:
    texts: list[Any] = [
        reading.reason, reading.format, reading.encoding, reading.sender_inn, reading.sender_inn_cell,
        reading.sender_kpp, reading.sender_kpp_cell, reading.sender_survey, reading.sender_survey_cell,
        reading.encoding_ground, *reading.missing_fields,
        *(text for notice in reading.notices for text in notice),
    ]  # fmt: skip
    numbers: list[Any] = [reading.cells_read, reading.rows_seen, reading.rows_recognised]
    maps: list[Any] = []
    for table in reading.tables:
        texts += (table.member, table.sheet, table.unit_in_heading)
        numbers += (table.first_row, table.last_row)
        maps.append(table.columns)
    for line in (*reading.lines, *reading.totals):
        texts += (line.member, line.sheet)
        numbers.append(line.row_number)
        maps += (line.values, line.marks)
    for member, sheet, row_number, why in reading.left_out:
        texts += (member, sheet, why)
        numbers.append(row_number)
    good = (
        reading.outcome in OUTCOMES
        and all(type(text) is str for text in texts)
        and all(type(number) is int and number >= 0 for number in numbers)
        and all(type(pairs) is dict and all(type(text) is str for text in pairs.values()) for pairs in maps)
        and type(reading.nil_return) is bool
        and all(type(table.hidden) is bool for table in reading.tables)
        and type(reading.ambiguous_fields) is dict
        and all(
            type(cells) is list and all(type(cell) is str for cell in cells)
            for cells in reading.ambiguous_fields.values()
        )
    )
    if not good:
        raise ValueError("not a reading: a value is of the wrong type")
