"""The agency's own workbook in its protocol: the same sheets and addresses, values only, with the faulty cells marked.

Pure: facts and a copy of the drop in, pages out. Personal data is masked here as everywhere behind the archive.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from include.city_order import protocol_facts, protocol_words
from include.city_order.personal_data import HIDDEN, mask, mask_beside, mask_name, mask_names
from include.city_order.protocol_facts import ProtocolFacts
from include.city_order.readings import SheetCopy, WorkbookCopy
from include.city_order.vocabulary import Severity

Value = str | int | float

SUMMARY, REMARKS = "Протокол", "Замечания"

#: What a sheet's name may have, and what it may not be.
TITLE_UNITS = 31
_REFUSED_IN_TITLE = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_RESERVED = {SUMMARY.casefold(), REMARKS.casefold(), "history", "журнал"}

#: Beyond so many digits a spreadsheet rounds, and so many may be a telephone or the INN of a person.
_EXACT_DIGITS, _PERSONAL_DIGITS = 15, 10

#: The mark of a row that was not recognised: neither an error nor a warning.
UNRECOGNISED = "?"

SHEET_ROWS, SHEET_COLUMNS = 1_048_576, 16_384
_CELL = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})")


@dataclass
class Mark:
    """What a cell is marked with: the gravest of its findings, and what they all say."""

    severity: str
    comments: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """One of the agency's sheets, as its protocol shows it under the name `title`.

    `member` and `sheet` are its names in findings. `marks` are by row and column, from 0; `heading_rows` likewise.
    """

    title: str
    member: str
    sheet: str
    hidden: bool
    rows: list[list[Value]]
    heading_rows: frozenset[int]
    marks: dict[tuple[int, int], Mark]

    def count(self, severity: str) -> int:
        """How many of its cells are marked so."""
        return sum(mark.severity == severity for mark in self.marks.values())


def pages(facts: ProtocolFacts, copy: WorkbookCopy) -> list[Page]:
    """The sheets of a copy, masked and marked. A sheet that findings cannot be told to belong to has no marks."""
    places = _places(copy.sheets, [(table.member, table.sheet) for table in facts.tables])
    marks = _marks(facts)
    titles = _titles(places)
    shown = []
    for sheet, title, (member, name, is_certain) in zip(copy.sheets, titles, places, strict=True):
        headings = {
            row - 1
            for table in facts.tables
            if (table.member, table.sheet) == (member, name)
            for row in range(table.first_row, table.last_row + 1)
            if row <= len(sheet.rows)
        }
        shown.append(
            Page(
                title, member, name, sheet.hidden, _masked(sheet.rows),
                frozenset(headings if is_certain else ()), marks.get((member, name), {}) if is_certain else {},
            )
        )  # fmt: skip
    return shown


def cell_position(cell: str) -> tuple[int, int] | None:
    """Row and column of a cell, from 0; None if no sheet has it."""
    match = _CELL.fullmatch(cell)
    if not match:
        return None
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    row = int(match[2])
    return (row - 1, column - 1) if row <= SHEET_ROWS and column <= SHEET_COLUMNS else None


def _marks(facts: ProtocolFacts) -> dict[tuple[str, str], dict[tuple[int, int], Mark]]:
    """Marks of cells, by member and sheet: the errors' comments first, then in the order of the findings."""
    found: dict[tuple[str, str], dict[tuple[int, int], Mark]] = defaultdict(dict)
    ordered = sorted(protocol_facts.in_order(facts.findings), key=lambda finding: finding.severity != Severity.ERROR)
    for finding in ordered:
        for member, sheet, cell in protocol_facts.cells(finding):
            if position := cell_position(cell):
                mark = found[member, sheet].setdefault(position, Mark(finding.severity))
                if (said := protocol_words.comment(finding)) not in mark.comments:
                    mark.comments.append(said)
    for member, sheet, row in facts.unrecognised_rows:
        if position := cell_position(f"A{row}"):
            mark = found[member, sheet].setdefault(position, Mark(UNRECOGNISED))
            mark.comments.append(protocol_words.NOT_RECOGNISED)
    return found


def _places(sheets: Sequence[SheetCopy], of_tables: Iterable[tuple[str, str]]) -> list[tuple[str, str, bool]]:
    """(member, sheet, whether that is certain) of each copied sheet, in the words of the reading.

    The reading masked the names of the sheets that hold tables, and numbered those that became equal. The same is
    done here with all names; where it would not give the tables' names, a mark might stand on the wrong sheet.
    """
    members, of_members = _as_read((sheet.member for sheet in sheets), {member for member, _ in of_tables})
    names, of_names = _as_read((sheet.name for sheet in sheets), {name for _, name in of_tables})
    return [
        (members[sheet.member], names[sheet.name], sheet.member in of_members and sheet.name in of_names)
        for sheet in sheets
    ]


def _as_read(names: Iterable[str], known: set[str]) -> tuple[dict[str, str], set[str]]:
    """Names as the reading has them, and those of which that is certain."""
    raw = list(dict.fromkeys(names))
    masked = mask_names(raw)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in raw:
        groups[mask_name(name)].append(name)
    certain = set()
    for plain, group in groups.items():
        told = {masked[name] for name in group}
        numbered = re.compile(rf"{re.escape(plain)} \(\d+\)")
        of_group = {name for name in known if name == plain or (numbered.fullmatch(name) and name not in raw)}
        if group == [plain] or told == of_group or not of_group:
            certain |= set(group)
    return masked, certain


def _titles(places: Sequence[tuple[str, str, bool]]) -> list[str]:
    """A name for each page, as a workbook can bear it: its own, with its file's for a sheet of a ZIP."""
    taken = set(_RESERVED)
    titles = []
    for member, name, _ in places:
        stem = member.rsplit("/", 1)[-1].rpartition(".")[0] or member
        wanted = f"{name} ({stem})" if name and member else name or stem or "Ваш файл"
        wanted = _REFUSED_IN_TITLE.sub("_", protocol_words.clean_text(wanted)).strip("' ") or "Лист"
        title, number = _cut(wanted), 1
        while title.casefold() in taken:
            number += 1
            ending = f" ({number})"
            title = _cut(wanted, TITLE_UNITS - len(ending)) + ending
        taken.add(title.casefold())
        titles.append(title)
    return titles


def _cut(title: str, units: int = TITLE_UNITS) -> str:
    return protocol_words.clean_text(title, units).strip("' ")


def _masked(rows: list[list[Value]]) -> list[list[Value]]:
    return [_masked_row(row) for row in rows]


def _masked_row(row: list[Value]) -> list[Value]:
    masked: list[Value] = []
    label = ""
    for value in row:
        if value == "":
            masked.append(value)
        elif isinstance(value, str):
            masked.append(mask_beside(label, value))
            label = value
        else:
            masked.append(_masked_number(label, value))
            label = ""
    return masked


def _masked_number(label: str, number: int | float) -> Value:
    """A number, or its digits as text where a spreadsheet would round them, or nothing of what is a person's."""
    text = str(int(number))
    if len(text) > _EXACT_DIGITS:
        return mask(text) if isinstance(number, int) else number
    if int(number) == number and (label or len(text) >= _PERSONAL_DIGITS) and mask_beside(label, text) != text:
        return HIDDEN
    return number
