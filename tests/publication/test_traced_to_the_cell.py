"""From a figure of the sample order to the cells of the files that agencies sent, and from a cell to where it went.

The archived files are opened by libraries, never by the project's reader; units are converted here, by hand.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter, defaultdict
from decimal import Decimal
from functools import cache
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
import python_calamine
from openpyxl.utils.cell import column_index_from_string, coordinate_from_string, get_column_letter

from include.city_order import archive
from include.sample_drops.catalogue import CATALOGUE

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

Table = list[list[str]]

#: Pieces in what people type for a unit; a pack says for itself how many, and of the others nobody knows.
PIECES = {"шт": 1, "штука": 1, "796": 1, "тыс шт": 1000, "сто шт": 100, "дюжина": 12, "пара": 2}
PACKS = {"упак", "боб", "компл", "набор"}
UNIT, PACK_SIZE = ("Единица измерения", "Ед. изм."), ("Количество в упаковке", "В упаковке, шт.")
TEXTS = {drop.path: drop for drop in CATALOGUE if drop.path.endswith(".csv")}


@cache
def _table(content: bytes, path: str, member: str, sheet: str) -> Table:
    """A sheet of an archived file, as its cells show it."""
    if path.endswith(".zip"):
        with ZipFile(io.BytesIO(content), metadata_encoding="cp866") as members:
            return _table(members.read(member), member, "", sheet)
    if path.endswith(".csv"):
        text = content.decode(TEXTS[path].encoding)
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=TEXTS[path].delimiter))
    if path.endswith(".xlsx"):
        rows = openpyxl.load_workbook(io.BytesIO(content), data_only=True)[sheet].iter_rows(values_only=True)
    else:
        rows = (
            python_calamine.load_workbook(io.BytesIO(content)).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        )
    return [["" if value is None else str(value) for value in row] for row in rows]


def _number(text: str) -> Decimal:
    """What a cell says: spaces part thousands, a comma parts decimals."""
    return Decimal(re.sub(r"\s", "", text).replace(",", "."))


class Opened:
    """The file behind a row of a view, opened at the row's cell."""

    def __init__(self, order: Any, row: dict[str, Any]) -> None:
        content = archive.path_of(order.archive, row["sha256"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
        assert (order.inbox / row["original_path"]).read_bytes() == content
        self.table = _table(content, row["original_path"], row["member"], row["sheet"])
        letters, number = coordinate_from_string(row["cell"])
        self.column, self.line = column_index_from_string(letters) - 1, self.table[number - 1]

    @property
    def typed(self) -> Decimal:
        return _number(self.line[self.column])

    @property
    def heading(self) -> str:
        """The nearest heading above that names a year."""
        return next(f"{match[0]}" for row in self.table if (match := re.search(r"20\d\d", self._at(row, self.column))))

    @property
    def pieces(self) -> Decimal | None:
        """How many pieces the typed quantity is; None if nobody knows."""
        unit = self.cell(*UNIT).strip(" .").replace(".", "").lower()
        if unit in PACKS:
            return self.typed * _number(self.cell(*PACK_SIZE))
        return self.typed * PIECES[unit] if unit in PIECES else None

    def cell(self, *headings: str) -> str:
        """What the line says under one of these headings."""
        for row in self.table[:12]:
            for column, text in enumerate(row):
                if text in headings:
                    return self.line[column]
        raise LookupError(f"no column {headings}")

    @staticmethod
    def _at(row: list[str], column: int) -> str:
        return row[column] if column < len(row) else ""


def _sources(order: Any, release_id: int, product_id: str, year: int) -> list[dict[str, Any]]:
    return order.select(
        "select * from city_order.order_line_source where release_id = %s and product_id = %s and year = %s",
        *(release_id, product_id, year),
    )


def _figures(order: Any, survey: str, table: str, **what: str) -> list[dict[str, str]]:
    """Rows of the department's file that say this."""
    path = order.outbox / "_orders" / survey / str(order.releases[survey]) / f"{table}.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.DictReader(file) if what.items() <= row.items()]


def test_pieces_of_a_part_that_agencies_sent_in_four_formats(sample_order: Any):
    (figure,) = _figures(sample_order, "ecb-2026", "order_line", part_number="IRFZ44NPBF", year="2027")
    sources = _sources(sample_order, sample_order.releases["ecb-2026"], figure["product_id"], 2027)
    assert {row["original_path"].rpartition(".")[2] for row in sources} == {"csv", "ods", "xlsx", "zip"}
    opened = [Opened(sample_order, row) for row in sources]
    assert len(opened) == int(figure["lines"])
    assert len({row["agency_code"] for row in sources}) == int(figure["agencies"])
    assert sum(found.pieces for found in opened) == Decimal(figure["gross_quantity"])
    assert {found.heading for found in opened} == {"2027"}
    prices = [(found, found.cell("Цена за единицу, руб.", "Цена, руб.")) for found in opened]
    amount = sum(round(found.typed * _number(price) * 100) for found, price in prices if price)
    assert amount == Decimal(figure["amount_rub"]) * 100


def test_kilowatt_hours_of_a_battery_from_eight_files(sample_order: Any):
    name = "Батарея стартерная 6СТ-90"
    (figure,) = _figures(sample_order, "battery-2026", "order_line", product_name=name, year="2027")
    sources = _sources(sample_order, sample_order.releases["battery-2026"], figure["product_id"], 2027)
    assert {row["original_path"].rpartition(".")[2] for row in sources} == {"csv", "xls", "xlsx", "zip"}
    opened = [Opened(sample_order, row) for row in sources]
    assert len(opened) == int(figure["lines"]) == 8
    assert sum(found.pieces for found in opened) == Decimal(figure["gross_quantity"])
    energy = sum(
        found.pieces
        * _number(found.cell("Напряжение, В", "Номинальное напряжение, В"))
        * _number(found.cell("Ёмкость, А·ч", "Номинальная ёмкость, А·ч"))
        / 1000
        for found in opened
    )
    assert energy == Decimal(figure["gross_energy_kwh"])


@pytest.mark.parametrize(
    ("reason", "unit", "year"),
    [
        ("no_way_to_pieces", "657", "2027"),
        ("year_outside_horizon", "796", "2032"),
        ("counted_by_subordinate", "796", "2027"),
    ],
)
def test_what_the_order_leaves_out(sample_order: Any, reason: str, unit: str, year: str):
    figures = _figures(sample_order, "battery-2026", "exclusion", reason=reason, unit=unit, year=year)
    sources = sample_order.select(
        "select * from city_order.line_outcome where survey_code = 'battery-2026' and outcome = %s and unit = %s"
        " and year = %s",
        *(reason, unit, int(year)),
    )
    opened = [Opened(sample_order, row) for row in sources]
    assert {found.heading for found in opened} == {year}
    assert sum(found.typed for found in opened) == sum(Decimal(figure["quantity"]) for figure in figures) > 0
    assert {found.pieces is None for found in opened} == {reason == "no_way_to_pieces"}


def test_every_line_of_the_order_adds_up_from_cells(sample_order: Any):
    """All of them, not the chosen ones alone."""
    sums: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for row in sample_order.select("select * from city_order.order_line_source"):
        found = Opened(sample_order, row)
        assert found.heading == str(row["year"])
        assert row["typed_unit"] == found.cell(*UNIT)
        assert found.typed * row["pieces_per_unit"] == row["gross_quantity"]
        sums[row["release_id"], row["product_id"], row["year"]] += found.pieces or 0
    ordered = sample_order.select("select release_id, product_id, year, gross_quantity from city_order.order_line")
    assert len(ordered) > 1000
    assert sums == {(*list(row.values())[:3],): row["gross_quantity"] for row in ordered}


def test_every_number_under_a_year_of_a_line_that_counts_ended_up_somewhere(sample_order: Any):
    """In the order line of its product, or in an exclusion: each cell once, with its quantity."""
    outcomes: dict[tuple[Any, ...], dict[str, Any]] = defaultdict(dict)
    for row in sample_order.select("select * from city_order.line_outcome"):
        assert row["cell"] not in outcomes[_place(row)]
        outcomes[_place(row)][row["cell"]] = row
    lines = defaultdict(set)
    for row in sample_order.select(LINES):
        lines[_place(row)].add(row["row_number"])
    assert len(lines) > 40
    said: Counter[str] = Counter()
    for place, rows in outcomes.items():
        table = Opened(sample_order, next(iter(rows.values()))).table
        columns = {at for row in table[:12] for at, text in enumerate(row) if re.fullmatch(OF_A_YEAR, text)}
        cells = {f"{get_column_letter(at + 1)}{number}" for number in lines[place] for at in columns
                 if (text := table[number - 1][at]) and _number(text)}  # fmt: skip
        assert cells == set(rows), place
        for row in rows.values():
            found = Opened(sample_order, row)
            assert row["quantity"] == (found.typed if found.pieces is None else found.pieces)
            assert row["quantity"] == found.typed * (row["pieces_per_unit"] or 1)
            assert (row["pieces_per_unit"] is None) == (row["outcome"] == "no_way_to_pieces")
            assert row["typed_unit"] == found.cell(*UNIT)
            said[row["outcome"]] += 1
    assert set(said) == {"order_line", "no_way_to_pieces", "year_outside_horizon", "counted_by_subordinate"}


OF_A_YEAR = r"(Потребность )?(на )?20\d\d (год|г\.)"
LINES = """
select original_path, sha256, member, sheet, row_number
from city_order.published_release
inner join city_order.release_input using (release_id)
inner join core.demand_line using (submission_id)
inner join landing.receipt using (receipt_no)
"""


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["original_path"], row["sha256"], row["member"], row["sheet"]


def test_a_line_is_found_where_its_outcome_says(sample_order: Any):
    """One query each way: an outcome names the row of the order, or of the exclusions, that holds it."""
    strays = sample_order.select(
        """
        select outcome.*
        from city_order.line_outcome as outcome
        left join city_order.order_line_source as source
            on
                outcome.release_id = source.release_id and outcome.submission_id = source.submission_id
                and outcome.line_position = source.line_position and outcome.year = source.year
        left join city_order.exclusion
            on
                outcome.release_id = exclusion.release_id and outcome.submission_id = exclusion.submission_id
                and outcome.line_position = exclusion.line_position and outcome.year = exclusion.year
        where
            case when outcome.outcome = 'order_line'
                then outcome.quantity is distinct from source.gross_quantity or exclusion.reason is not null
                else
                    (outcome.outcome, outcome.quantity) is distinct from (exclusion.reason, exclusion.quantity)
                    or source.submission_id is not null
            end
        """
    )
    assert strays == []
