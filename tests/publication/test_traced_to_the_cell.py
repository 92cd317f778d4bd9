"""From a figure of the sample order to the cells of the files that agencies sent, and from a cell to where it went.

The archived files are opened by libraries, never by the project's reader; units are converted here, by hand.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
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
        self.column, self.line = self._place(row["cell"])

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

    def at(self, cell: str) -> str:
        """What stands in a cell."""
        column, line = self._place(cell)
        return self._at(line, column)

    def over(self, cell: str) -> set[str]:
        """What stands above it, near the top."""
        column, _ = self._place(cell)
        return {self._at(row, column) for row in self.table[:12]}

    def _place(self, cell: str) -> tuple[int, list[str]]:
        letters, number = coordinate_from_string(cell)
        return column_index_from_string(letters) - 1, self.table[number - 1]

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


#: What a line says beside its quantities: the columns of its cell, of what was typed and of what counts, and headings.
BESIDE = (
    ("stock_cell", "typed_stock", "stock_quantity", {"Остаток на складе", "Остаток"}),
    ("contracted_cell", "typed_contracted", "contracted_quantity", {"Законтрактовано", "По контрактам"}),
    ("price_cell", "typed_price", "unit_price_rub", {"Цена за единицу, руб.", "Цена, руб."}),
    ("need_kind_cell", "typed_need_kind", "need_kind", {"Вид потребности", "Вид нужды"}),
)
KINDS = {"Эксплуатация": "operation", "Ремонт": "repair", "Новое строительство": "new_build", "Резерв": "reserve"}


def test_stock_contracts_price_and_kind_of_need_stand_where_their_cells_say(sample_order: Any):
    said: Counter[tuple[str, bool]] = Counter()
    for view, beside in (("order_line_source", BESIDE), ("in_hand_source", BESIDE[:2])):
        for row in sample_order.select(f"select * from city_order.{view}"):
            found = Opened(sample_order, {**row, "cell": row["stock_cell"]})
            for cell, typed, counted, headings in beside:
                text = found.at(row[cell])
                assert found.over(row[cell]) & headings
                said[cell, bool(text)] += 1
                if not text:
                    assert row[typed] is None and row[counted] in (None, "not_stated")
                elif cell == "need_kind_cell":
                    assert (row[typed], row[counted]) == (text, KINDS[text])
                else:
                    per_unit = 1 if cell == "price_cell" else row["pieces_per_unit"] or 1
                    assert _number(row[typed]) == _number(text) == row[counted] / per_unit
    assert {cell for (cell, filled), rows in said.items() if filled and rows > 100} == {cell for cell, *_ in BESIDE}
    assert {cell for (cell, filled), rows in said.items() if not filled and rows > 100} == {
        cell for cell, *_ in BESIDE[:3]
    }


def test_amounts_net_quantities_and_kinds_add_up_from_cells(sample_order: Any):
    """Of every order line. What an agency has in hand covers its own earliest years first."""
    amounts: dict[tuple[Any, ...], Decimal] = {}
    kinds: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    asked: dict[tuple[Any, ...], dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    of_lines = {}
    for row in sample_order.select("select * from city_order.order_line_source"):
        found = Opened(sample_order, row)
        line = row["release_id"], row["product_id"], row["year"]
        if price := found.at(row["price_cell"]):
            amount = (found.typed * _number(price) * 100).quantize(Decimal(1), ROUND_HALF_UP)
            assert amount == row["amount_kopecks"]
            amounts[line] = amounts.get(line, Decimal(0)) + amount
        else:
            assert row["amount_kopecks"] is None
        kinds[*line, row["need_kind"]] += found.pieces or 0
        asked[row["release_id"], row["product_id"], row["agency_code"]][row["year"]] += found.pieces or 0
        of_lines[row["release_id"], row["submission_id"], row["line_position"]] = _in_hand(row)
    in_hand: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for row in sample_order.select("select * from city_order.in_hand_source where unit = '796'"):
        line = row["release_id"], row["submission_id"], row["line_position"]
        assert of_lines.pop(line, _in_hand(row)) == _in_hand(row) > 0
        in_hand[row["release_id"], row["product_id"], row["agency_code"]] += _in_hand(row)
    assert len(in_hand) > 100
    assert not any(of_lines.values())
    net: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for (release_id, product_id, agency_code), years in asked.items():
        left = in_hand[release_id, product_id, agency_code]
        for year, pieces in sorted(years.items()):
            net[release_id, product_id, year] += max(pieces - left, 0)
            left = max(left - pieces, 0)
    ordered = sample_order.select("select * from city_order.order_line")
    lines = {(row["release_id"], row["product_id"], row["year"]): row for row in ordered}
    assert {line: row["amount_kopecks"] for line, row in lines.items()} == {line: amounts.get(line) for line in lines}
    assert {line: row["net_quantity"] for line, row in lines.items()} == net
    assert sum(row["net_quantity"] < row["gross_quantity"] for row in ordered) > 100
    by_kind = sample_order.select("select * from city_order.order_line_by_need_kind")
    assert {
        (row["release_id"], row["product_id"], row["year"], row["need_kind"]): row["gross_quantity"] for row in by_kind
    } == kinds


def _in_hand(row: dict[str, Any]) -> Decimal:
    return (row["stock_quantity"] or Decimal(0)) + (row["contracted_quantity"] or Decimal(0))


def form(desk: Any, receipt_no: int, **letters: str) -> None:
    """The columns of a receipt's form, by their fields."""
    blank = dict.fromkeys(
        ("sender_inn", "sender_inn_typed", "sender_inn_problem", "sender_inn_cell", "sender_kpp", "sender_kpp_cell"), ""
    )
    desk.insert(
        "staging.reading", receipt_no=receipt_no, reading_sha256="", outcome="read", lines_delivered=1,
        nil_return=False, missing_fields="{}", ambiguous_fields="{}", tables="[]", left_out="[]", **blank,
    )  # fmt: skip
    for field, letter in letters.items():
        desk.insert(
            "staging.form_column", receipt_no=receipt_no, member="", sheet="Лист1", field=field, column_letter=letter
        )


def test_a_surplus_leads_to_the_cells_of_what_is_in_hand_even_of_lines_that_ask_for_nothing(desk: Any):
    desk.family("office", "branch")
    desk.submit("a", [
        {"product": "chip", "demand_2027": 3, "stock": 1, "pieces_per_unit": 10},
        {"product": "chip", "stock": 2, "contracted": 40},
        {"product": "chip", "demand_2028": 5, "stock": 0},
        {"product": "kit", "demand_2027": 1, "stock": 6, "unit": "839"},
    ])  # fmt: skip
    desk.submit("b", [{"product": "chip", "demand_2027": 100}])
    # What the office has is left to its branch, as its demand is.
    for agency in ("office", "branch"):
        desk.submit(agency, [{"product": "pump", "demand_2027": 5, "contracted": 9}])
    # The form of one agency has no column for stock, and nobody has read the other's anew.
    receipts = dict(desk.execute("select agency_code, receipt_no from core.submission"))
    form(desk, receipts["a"], stock="F", contracted="G", demand_2027="K", demand_2028="L")
    form(desk, receipts["branch"], contracted="D", demand_2027="E")
    desk.execute('update core.demand_line set raw = \'{"stock": "2 шт."}\' where line_position = 2')
    release_id = desk.publish()

    def rows(view: str, *columns: str) -> list[tuple[Any, ...]]:
        names = {desk.product_id(name): name for name in ("chip", "kit", "pump")}
        found = desk.rows(view, release_id)
        return sorted((names[row["product_id"]], *(row[column] for column in columns)) for row in found)

    held = ("agency_code", "line_position", "unit", "stock_cell", "contracted_cell", "stock_quantity",
            "contracted_quantity", "typed_stock")  # fmt: skip
    assert rows("in_hand_source", *held) == [
        ("chip", "a", 1, "796", "F11", "G11", 10, None, None),
        ("chip", "a", 2, "796", "F12", "G12", 2, 40, "2 шт."),
        ("kit", "a", 4, "839", "F14", "G14", 6, None, None),
        ("pump", "branch", 1, "796", None, "D11", None, 9, None),
    ]
    # 52 in hand, 30 and 5 asked for; 6 and 1; 9 and 5.
    assert rows("surplus", "agency_code", "unit", "surplus_quantity") == [
        ("chip", "a", "796", 17), ("kit", "a", "839", 5), ("pump", "branch", "796", 4),
    ]  # fmt: skip
    asked = ("agency_code", "year", "cell", "stock_cell", "stock_quantity", "price_cell", "amount_kopecks", "need_kind")
    assert rows("order_line_source", *asked) == [
        ("chip", "a", 2027, "K11", "F11", 10, None, None, "not_stated"),
        ("chip", "a", 2028, "L13", "F13", 0, None, None, "not_stated"),
        ("chip", "b", 2027, None, None, None, None, None, "not_stated"),
        ("pump", "branch", 2027, "E11", None, None, None, None, "not_stated"),
    ]


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
