"""What a protocol is made from: the facts of one receipt, and its findings in the order in which a person meets them.

Plain data and pure functions. A fact is a code or a figure; `protocol_words` has the words for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from include.city_order.readings import DEMAND, cell_address
from include.city_order.vocabulary import Severity

#: A revision that shares less with the one it replaces, of the items of the larger, is told so first: two files of one
#: answer, sent apart, look like that.
LITTLE_IN_COMMON = 0.2

_YEAR_OF_DEMAND = re.compile(rf"{DEMAND}_\d{{4}}")
_CELL = re.compile(r"([A-Z]*)(\d*)")

#: An address as `cell_address` makes it: member, sheet, cell.
_ADDRESS = re.compile(r"(?:(.*): )?(?:(.*)!)?([A-Z]{1,3}\d+)")
#: Between the cells of a heading that stands twice.
_BETWEEN_CELLS = re.compile(r"(?<=\d), ")


@dataclass(frozen=True)
class Finding:
    """One rule broken by a cell, a line or the whole file. `cell` is "" unless cells are meant.

    The first cell is that of the line which this one repeats, or "". `expected` is what we would expect there, and
    `waiver` the permission by which an error is no more than a warning, each "" if there is none. A line's field may
    have no column in its table: `cell` is then that of the item's name.
    """

    rule_id: str
    severity: str
    member: str
    sheet: str
    cell: str
    line_position: int | None
    field: str
    value: str
    message: str
    expected: str = ""
    waiver: str = ""
    has_column: bool = True
    first_member: str = ""
    first_sheet: str = ""
    first_cell: str = ""

    @property
    def repeated_address(self) -> str:
        """Where the line is that this one repeats, or ""."""
        return cell_address(self.first_member, self.first_sheet, self.first_cell) if self.first_cell else ""


@dataclass(frozen=True)
class Table:
    """Where a table of the form was read: its heading rows count from 1."""

    member: str
    sheet: str
    hidden: bool
    first_row: int
    last_row: int


@dataclass(frozen=True)
class LeftOut:
    """How many rows were read and are no lines, for one reason.

    `members` are the files of a ZIP that hold no table. `places` (member, sheet, row) are the first of the rows that
    were not recognised.
    """

    why: str
    rows: int
    members: tuple[str, ...] = ()
    places: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Correction:
    """What a revision does to the one before it.

    `items` are those of this revision, `shared` of them are in the replaced one too; `leaving` counts the
    replaced one's items that are no longer asked for, and `leaving_items` names the first of them.
    """

    replaced_receipt_no: int
    replaced_arrived_at: datetime
    items: int
    shared: int
    leaving: int
    leaving_items: tuple[str, ...]

    @property
    def of_items(self) -> int:
        """The items of the larger of the two revisions: what the shared ones are few of."""
        return max(self.items, self.shared + self.leaving)

    @property
    def has_little_in_common(self) -> bool:
        """Both revisions ask for something, and hardly for the same."""
        both_ask = bool(self.items and self.shared + self.leaving)
        return both_ask and self.shared < LITTLE_IN_COMMON * self.of_items


@dataclass(frozen=True)
class ProtocolFacts:
    """All that the protocol of one receipt is made from, but for the copy of its workbook.

    Codes and names of survey and agency are "" and `closes_date` is None if they could not be resolved; `sha256` is
    that of the drop; `reading_reason` is the reader's reason code. The lines accepted, rejected and duplicate add up
    to the lines read, whatever later receipts did to them.
    """

    receipt_no: int
    verdict: str
    reason: str
    original_path: str
    arrived_at: datetime
    sha256: str = ""
    survey_code: str = ""
    survey_title: str = ""
    agency_code: str = ""
    agency_name: str = ""
    closes_date: date | None = None
    reading_reason: str = ""
    format: str = ""
    encoding: str = ""
    encoding_ground: str = ""
    tables: tuple[Table, ...] = ()
    nil_return: bool = False
    rows_seen: int = 0
    rows_recognised: int = 0
    lines_accepted: int = 0
    lines_rejected: int = 0
    lines_duplicate: int = 0
    left_out: tuple[LeftOut, ...] = ()
    repeats_receipt_no: int | None = None
    repeats_arrived_at: datetime | None = None
    correction: Correction | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def lines_read(self) -> int:
        """How many lines the reader found."""
        return self.lines_accepted + self.lines_rejected + self.lines_duplicate

    @property
    def unrecognised_rows(self) -> list[tuple[str, str, int]]:
        """(member, sheet, row) of the first rows that were not recognised."""
        return [place for left_out in self.left_out for place in left_out.places]


@dataclass(frozen=True)
class Cause:
    """Findings that one sentence explains, in the order of their addresses. The years of demand are one field."""

    severity: str
    findings: tuple[Finding, ...]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Findings as a person meets them in the file, a heading's sheet apart from its cell; the whole file's first."""
    return sorted(map(_with_sheet_apart, findings), key=_place)


def causes(findings: Iterable[Finding]) -> list[Cause]:
    """Findings grouped by rule, field and sentence: errors first, then the whole file's, then the most frequent."""
    groups: dict[tuple[str, str, str, str, str], list[Finding]] = {}
    for finding in findings:
        field = DEMAND if _YEAR_OF_DEMAND.fullmatch(finding.field) else finding.field
        key = (finding.severity, finding.rule_id, field, finding.message, finding.waiver)
        groups.setdefault(key, []).append(finding)
    ordered = sorted(
        groups.items(),
        key=lambda group: (
            group[0][0] != Severity.ERROR,
            any(finding.line_position is not None for finding in group[1]),
            -len(group[1]),
            group[0],
        ),
    )
    return [Cause(severity, tuple(group)) for (severity, *_), group in ordered]


def cells(finding: Finding) -> list[tuple[str, str, str]]:
    """(member, sheet, cell) of each cell that a finding means; none if it means the whole file, or cannot be told."""
    if not finding.cell:
        return []
    addresses = _BETWEEN_CELLS.split(finding.cell)
    if finding.line_position is not None or finding.sheet or finding.member:
        return [(finding.member, finding.sheet, cell) for cell in addresses]
    parts = [_ADDRESS.fullmatch(address) for address in addresses]
    if not all(parts):
        return []
    return [(part[1] or "", part[2] or "", part[3]) for part in parts if part]


def _with_sheet_apart(finding: Finding) -> Finding:
    """A finding above the lines names its cells by whole addresses: told by sheet and cell, if they are of one."""
    if finding.line_position is not None or finding.sheet or finding.member or not finding.cell:
        return finding
    found = cells(finding)
    places = {(member, sheet) for member, sheet, _ in found}
    # Cells of several sheets, or a name that reads like an address: told as they are.
    if len(places) != 1:
        return finding
    [(member, sheet)] = places
    return replace(finding, member=member, sheet=sheet, cell=", ".join(cell for _, _, cell in found))


def _place(finding: Finding) -> tuple[object, ...]:
    match = _CELL.match(finding.cell)
    letters, digits = match.groups() if match else ("", "")
    return (
        finding.line_position or 0, finding.member, finding.sheet, int(digits or 0), len(letters), letters,
        finding.severity, finding.rule_id, finding.field, finding.value, finding.message, finding.expected,
        finding.waiver,
    )  # fmt: skip
