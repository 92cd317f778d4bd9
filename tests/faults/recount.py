"""An independent recount: the archive's files read again in plain Python, to what the order must be.

Shares no code with the project, and knows only the forms that `drops` writes. It reads the registered receipts for who
sent which file when; everything else comes from the files' bytes.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from openpyxl import load_workbook

ECB = {
    "item_name": "Наименование изделия",
    "component_class": "Вид изделия",
    "part_number": "Обозначение",
    "okpd2_code": "Код ОКПД2",
    "unit": "Единица измерения",
    "pack_size": "Количество в упаковке",
    "demand_2026": "Потребность на 2026 год",
    "demand_2027": "Потребность на 2027 год",
    "demand_2028": "Потребность на 2028 год",
    "stock": "Остаток на складе",
    "unit_price_rub": "Цена за единицу, руб.",
}
BATTERY = {
    "item_name": "Наименование изделия",
    "chemistry": "Тип (химия)",
    "battery_use": "Назначение",
    "voltage_v": "Напряжение, В",
    "capacity_ah": "Ёмкость, А·ч",
    "okpd2_code": "Код ОКПД2",
    "unit": "Единица измерения",
    "demand_2026": "Потребность на 2026 год",
    "demand_2027": "Потребность на 2027 год",
    "demand_2028": "Потребность на 2028 год",
    "stock": "Остаток на складе",
    "unit_price_rub": "Цена за единицу, руб.",
}
FIELD_OF = {heading: name for form in (ECB, BATTERY) for name, heading in form.items()}
YEARS = (2026, 2027, 2028)
NUMBERS = ("pack_size", "stock", "unit_price_rub", "voltage_v", "capacity_ah", *(f"demand_{year}" for year in YEARS))
CODES = {"LFP": "lfp", "AGM": "lead_acid", "Электробус": "e_bus", "ИБП": "ups"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Registered:
    """A receipt as it was registered: who sent which bytes, and its place in the order of the agency's receipts."""

    receipt_no: int
    survey: str
    agency: str
    place: tuple[Any, ...]
    sha256: str


@dataclass
class Verdict:
    """How a receipt must end; the counts are of its lines."""

    kind: str
    delivered: int = 0
    accepted: int = 0
    rejected: int = 0
    superseded: int = 0
    duplicate: int = 0


@dataclass
class Recount:
    """What must be: verdicts by receipt, and each survey's order lines and exclusions by their keys."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    order: dict[str, dict[tuple[Any, ...], tuple[Any, ...]]] = field(default_factory=dict)
    excluded: dict[str, dict[tuple[Any, ...], Decimal]] = field(default_factory=dict)


def recount(
    receipts: Iterable[Registered], content: Callable[[str], bytes], surveys: set[str], rosters: dict[str, set[str]]
) -> Recount:
    """What the warehouse must hold of these receipts, whose bytes `content` gives by their SHA-256."""
    result = Recount(order={survey: {} for survey in surveys}, excluded={survey: {} for survey in surveys})
    by_agency: dict[tuple[str, str], list[Registered]] = defaultdict(list)
    for receipt in receipts:
        by_agency[receipt.survey, receipt.agency].append(receipt)
    standing: dict[str, dict[str, list[Row]]] = {survey: {} for survey in surveys}
    for (survey, agency), sent in by_agency.items():
        if survey not in surveys:
            result.verdicts.update({receipt.receipt_no: Verdict("quarantined") for receipt in sent})
            continue
        stands, last, before = None, [], None
        for receipt in sorted(sent, key=lambda receipt: receipt.place):
            rows = _rows(content(receipt.sha256))
            verdict = _judge(rows) if agency in rosters[survey] else _refused("quarantined", rows)
            result.verdicts[receipt.receipt_no] = verdict
            loadable = verdict.kind not in ("rejected", "quarantined")
            if loadable and rows == before:
                verdict.kind = "duplicate"
                verdict.accepted = verdict.rejected = 0
                verdict.duplicate = verdict.delivered
            elif loadable:
                if stands:
                    stands.superseded, stands.accepted = stands.accepted, 0
                stands, last = verdict, [row for row in rows or [] if row["state"] == "accepted"]
            before = rows if loadable else None
        if stands:
            standing[survey][agency] = last
    for survey, answers in standing.items():
        _add_up(answers, result.order[survey], result.excluded[survey])
    return result


def _rows(data: bytes) -> list[Row] | None:
    """The lines of a file, each with its state; None if it cannot be read."""
    grids: list[list[list[str]]]
    try:
        if data[:2] != b"PK":
            grids = [_grid(data)]
        else:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = archive.namelist()
                if "[Content_Types].xml" in names:
                    sheet = load_workbook(io.BytesIO(data)).active
                    grids = [[["" if cell is None else str(cell) for cell in row] for row in sheet.values]]
                else:
                    grids = [_grid(archive.read(name)) for name in sorted(names)]
    except zipfile.BadZipFile:
        return None
    rows: list[Row] = []
    for grid in grids:
        heading = next((number for number, cells in enumerate(grid) if "Единица измерения" in cells), None)
        if heading is None:
            continue
        fields = [FIELD_OF[cell] for cell in grid[heading]]
        rows += [dict(zip(fields, cells, strict=True)) for cells in grid[heading + 1 :]]
    seen = []
    for row in rows:
        for name in NUMBERS:
            row[name] = _number(row.get(name, ""))
        # The same item with the same quantities is a repeat, whatever price stands beside it.
        line = {name: value for name, value in row.items() if name != "unit_price_rub"}
        bad = row["unit"] == "ведро" or "?" in row.values()
        row["state"] = "rejected" if bad else "duplicate" if line in seen else "accepted"
        if row["state"] == "accepted":
            seen.append(line)
    return rows


def _grid(data: bytes) -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1251")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


def _number(typed: str) -> Any:
    if not typed:
        return None
    try:
        return Decimal(typed.replace(",", "."))
    except InvalidOperation:
        return "?"


def _judge(rows: list[Row] | None) -> Verdict:
    if rows is None:
        return Verdict("rejected")
    states = [row["state"] for row in rows]
    counts = {state: states.count(state) for state in ("accepted", "rejected", "duplicate")}
    if rows and not counts["accepted"]:
        return _refused("rejected", rows)
    return Verdict("partly_accepted" if counts["rejected"] else "accepted", len(rows), **counts)


def _refused(kind: str, rows: list[Row] | None) -> Verdict:
    lines = len(rows or ())
    return Verdict(kind, lines, rejected=lines)


def _add_up(
    answers: dict[str, list[Row]],
    order: dict[tuple[Any, ...], tuple[Any, ...]],
    excluded: dict[tuple[Any, ...], Decimal],
) -> None:
    """Gross and net pieces, money, agencies and lines of each (product, year); what has no way to pieces apart."""
    gross: dict[Any, Decimal] = defaultdict(Decimal)
    net: dict[Any, Decimal] = defaultdict(Decimal)
    kopecks: dict[Any, Decimal | None] = defaultdict(lambda: None)
    who: dict[Any, set[str]] = defaultdict(set)
    lines: dict[Any, int] = defaultdict(int)
    for agency, rows in answers.items():
        need: dict[Any, dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        in_hand: dict[Any, Decimal] = defaultdict(Decimal)
        for row in rows:
            product = _product(row)
            if row["unit"] == "ед":
                for year in YEARS:
                    if row[f"demand_{year}"]:
                        excluded[agency, product, year] = (
                            excluded.get((agency, product, year), Decimal()) + row[f"demand_{year}"]
                        )
                continue
            pieces = row["pack_size"] or Decimal(1)
            in_hand[product] += (row["stock"] or 0) * pieces
            for year in YEARS:
                asked = row[f"demand_{year}"]
                if not asked:
                    continue
                need[product][year] += asked * pieces
                gross[product, year] += asked * pieces
                lines[product, year] += 1
                who[product, year].add(agency)
                if row["unit_price_rub"] is not None:
                    money = (asked * row["unit_price_rub"] * 100).quantize(Decimal(1), ROUND_HALF_UP)
                    kopecks[product, year] = (kopecks[product, year] or Decimal()) + money
        for product, years in need.items():
            left = in_hand[product]
            for year in YEARS:
                taken = min(left, years[year])
                left -= taken
                net[product, year] += years[year] - taken
    for key, pieces in gross.items():
        order[key] = (pieces, net[key], kopecks[key], len(who[key]), lines[key])


def _product(row: Row) -> tuple[Any, ...]:
    if "chemistry" in row:
        return CODES[row["chemistry"]], CODES[row["battery_use"]], row["voltage_v"], row["capacity_ah"]
    return (row["part_number"],)
