"""The published tier in the warehouse: what a manufacturer sees, release after release."""

from __future__ import annotations

import csv
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import openpyxl
import psycopg2
import pyarrow.parquet as pq
import pytest

from include.city_order import exports, publication
from include.city_order.disclosure import Cell, CellKind, Goods
from tests.publication.attacker import Knowledge, Sum
from tests.publication.histories import Publication, World

pytestmark = pytest.mark.warehouse

CHIPS = "26.11.30.000.02.01.1"


def answer(desk: Any, agency: str, asks: Mapping[tuple[str, int], int]) -> None:
    """Land what an agency asks for, by product and year."""
    lines: dict[str, dict[str, Any]] = {}
    for (product, year), pieces in asks.items():
        if pieces:
            line = lines.setdefault(product, {"product": product, "okpd2_code": CHIPS})
            line[f"demand_{year}"] = str(pieces)
    desk.submit(agency, lines.values())


def read(desk: Any, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a manufacturer reads."""
    connection = psycopg2.connect(desk.dsns.reader)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()
    finally:
        connection.close()


def release(desk: Any) -> int:
    release_id = desk.publish()
    assert publication.disclose(desk.dsns.builder, "ecb-2026") == release_id
    return release_id


def figures(desk: Any, release_id: int) -> dict[tuple[str, int], int]:
    rows = read(
        desk, "select product_name, year, gross_quantity from published.order_line where release_id = %s", release_id
    )
    return {(name, year): int(quantity) for name, year, quantity in rows}


def test_a_manufacturer_reads_what_the_survey_was_called_when_its_release_was_built(desk: Any):
    answer(desk, "a", {("chip", 2026): 10})
    desk.publish()
    desk.execute("update reference.survey set title = 'Другое название'")
    publication.disclose(desk.dsns.builder, "ecb-2026")
    assert read(desk, "select survey_title from published.release") == [("Опрос",)]


def test_a_manufacturer_sees_a_figure_from_the_release_on_that_may_show_it(desk: Any):
    answer(desk, "a", {("chip", 2026): 10, ("diode", 2026): 7})
    answer(desk, "b", {("chip", 2026): 20})
    first = release(desk)
    assert figures(desk, first) == {}
    answer(desk, "c", {("chip", 2026): 30})
    second = release(desk)
    assert figures(desk, second) == {("chip", 2026): 60}
    answer(desk, "d", {("chip", 2026): 15})
    third = release(desk)
    assert figures(desk, third) == {("chip", 2026): 60}, "one that comes in would be told"
    for agency in "ef":
        answer(desk, agency, {("chip", 2026): 20})
    fourth = release(desk)
    assert figures(desk, fourth) == {("chip", 2026): 115}
    assert [figures(desk, number) for number in (first, second, third)] == [{}, *([{("chip", 2026): 60}] * 2)]
    assert read(desk, "select distinct since_release_id from published.current_order_line") == [(fourth,)]
    assert publication.disclose(desk.dsns.builder, "ecb-2026") == fourth, "again is nothing new"


def test_the_rest_of_a_class_is_shown_if_it_hides_everybody(desk: Any):
    for agency, product in zip("abc", ("diode", "relay", "triode"), strict=True):
        answer(desk, agency, {("chip", 2026): 10, (product, 2026): 5, (product, 2027): 8})
    number = release(desk)
    assert figures(desk, number) == {("chip", 2026): 30}
    lines = read(
        desk,
        "select okpd2_class, unit, year, listed_quantity, rest_quantity, rest_products, rest_agencies, total_quantity"
        " from published.class_line where release_id = %s order by year",
        number,
    )
    assert lines == [("26.11.30", "796", 2026, 30, 15, 3, 3, 45), ("26.11.30", "796", 2027, 0, 24, 3, 3, 24)]
    answer(desk, "a", {("chip", 2026): 10, ("diode", 2026): 50, ("diode", 2027): 8})
    assert read(desk, "select rest_quantity from published.class_line where release_id = %s and year = 2026",
                release(desk)) == [(15,)]  # fmt: skip


def test_a_total_is_not_shown_if_it_would_tell_what_is_left_out(desk: Any):
    for agency in "abc":
        answer(desk, agency, {("chip", 2026): 10})
    answer(desk, "d", {("diode", 2026): 77})
    number = release(desk)
    assert read(desk, "select listed_quantity, rest_quantity, total_quantity from published.class_line"
                      " where release_id = %s", number) == [(30, None, None)]  # fmt: skip
    assert desk.execute("select count(*) from city_order.publication_wait") == [(1,)]


def states(desk: Any) -> dict[tuple[str, int], list[Any]]:
    """What an analyst sees of these products: by name and year."""
    names = {desk.product_id(name): name for name in ("chip", "diode", "relay", "triode", "lamp", "fuse")}
    connection = psycopg2.connect(desk.dsns.analyst)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select product_id, year, asked_pieces, shown_pieces, agencies, since_release_id, state, release_id"
                " from city_order.publication_state"
            )
            return {(names[product_id], year): row for product_id, year, *row in map(tuple, cursor)}
    finally:
        connection.close()


def test_an_analyst_sees_how_each_product_is_published(desk: Any):
    """A figure of its own, one among others, one that waits, and none."""
    for agency, product in zip("abc", ("diode", "relay", "triode"), strict=True):
        answer(desk, agency, {("chip", 2026): 10, ("lamp", 2026): 10, (product, 2027): 5})
    answer(desk, "d", {("fuse", 2026): 77})
    first = release(desk)
    answer(desk, "e", {("chip", 2026): 4})
    second = release(desk)
    rest = [5, 5, 1, first, "in_class_rest", second]
    assert states(desk) == {
        ("lamp", 2026): [30, 30, 3, first, "listed", second],
        ("chip", 2026): [34, 30, 4, first, "frozen", second],
        ("fuse", 2026): [77, 0, 1, None, "hidden", second],
        ("diode", 2027): rest,
        ("relay", 2027): rest,
        ("triode", 2027): rest,
    }
    desk.withdraw("a")
    third = release(desk)
    found = states(desk)
    assert found["diode", 2027] == [0, 5, 0, first, "frozen", third], "it is asked for no more, and still shown"
    assert found["lamp", 2026] == [20, 30, 2, first, "frozen", third]


def test_classes_of_batteries_are_in_kwh(desk: Any):
    desk.survey("battery-2026", "battery")
    kinds = {"block": ("12", "7"), "pack": ("600", "200")}
    for name, (voltage, capacity) in kinds.items():
        desk.product(name, "battery", chemistry=name, battery_use="ups", voltage_v=voltage, capacity_ah=capacity)
    for agency in "abc":
        desk.submit(
            agency,
            [{"product": "block", "okpd2_code": "27.20.22.000", "demand_2026": 100, "voltage_v": 12, "capacity_ah": 7}],
            survey_code="battery-2026",
        )
    desk.publish("battery-2026")
    number = publication.disclose(desk.dsns.builder, "battery-2026")
    assert read(desk, "select gross_quantity, gross_energy_kwh from published.order_line where release_id = %s",
                number) == [(300, Decimal("25.2"))]  # fmt: skip
    assert read(desk, "select unit, listed_quantity from published.class_line where release_id = %s", number) == [
        ("245", Decimal("25.2"))
    ]


def test_publication_begins_when_enough_have_answered(desk: Any):
    for agency in "abcdefgh":
        desk.insert("reference.agency", agency_code=agency)
        desk.insert("reference.roster", survey_code="ecb-2026", agency_code=agency)
    for agency in "abc":
        answer(desk, agency, {("chip", 2026): 10})
    first = release(desk)
    assert read(desk, "select is_open, answered_agencies, roster_agencies from published.release") == [(False, 3, 8)]
    answer(desk, "d", {("chip", 2026): 10})
    second = release(desk)
    assert figures(desk, first) == {}
    assert figures(desk, second) == {("chip", 2026): 40}


def test_what_is_read_in_another_way_waits_for_its_whole_block(desk: Any):
    for agency in "abc":
        desk.submit(agency, [{"product": "chip", "okpd2_code": CHIPS, "unit": "778", "pieces_per_unit": "10",
                              "demand_2026": 5}])  # fmt: skip
    assert figures(desk, release(desk)) == {("chip", 2026): 150}
    for agency in "ab":
        receipt = desk.execute("select receipt_no from core.submission where agency_code = %s", agency)[0][0]
        desk.submit(agency, [{"product": "chip", "okpd2_code": CHIPS, "unit": "778", "pieces_per_unit": "100",
                              "demand_2026": 5}], receipt_no=receipt, rules="rules-2")  # fmt: skip
    assert figures(desk, release(desk)) == {("chip", 2026): 150}


def test_a_roll_back_brings_back_the_group_that_left(desk: Any):
    from include.city_order import gate, orders

    for number, agency in enumerate("abc"):
        answer(desk, agency, {("chip", 2026): 10 + number})
    first = release(desk)
    for number, agency in enumerate("abc"):
        answer(desk, agency, {("chip", 2026): 20 + number})
    second = release(desk)
    assert figures(desk, second) == {("chip", 2026): 63}
    orders.roll_back(desk.dsns.builder, "ecb-2026", first, "a person", "a mistake")
    gate.lift_brake(desk.dsns.builder, "ecb-2026", "a person")
    number = publication.disclose(desk.dsns.builder, "ecb-2026")
    assert number is not None and number > second
    assert figures(desk, number) == {("chip", 2026): 33}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_warehouse_shows_what_the_rule_shows_and_the_attacker_finds_nothing(desk: Any, seed: int, tmp_path: Path):
    """It looks at what was touched and what waits; the history in memory looks at all, every time.

    The attacker has all that was ever handed out: every number of every file of every release. With the department's
    files he would find much.
    """
    chance = random.Random(seed)
    products = ("chip", "diode", "relay")
    sizes = iter(chance.sample(range(5, 400), 390))
    memory = Publication(World(dict.fromkeys(products, Goods("26.11.30"))))
    handed_out: list[Sum] = []
    kept_back: list[Sum] = []
    for night in range(6):
        # At last one answers that has not before, and none beside it.
        for agency in chance.sample("abcdefghi", 6 if night == 0 else 3) if night < 5 else "j":
            asks = {(product, year): next(sizes) for product in products for year in (2026, 2027)
                    if chance.random() < 0.7}  # fmt: skip
            answer(desk, agency, asks)
            memory.world.send(agency, asks)
        number = release(desk)
        totals = memory.publish().totals()
        assert figures(desk, number) == {
            (cell.key, cell.year): total for cell, total in totals.items() if cell.kind is CellKind.PRODUCT
        }
        rest = read(desk, "select okpd2_class, year, rest_quantity from published.class_line"
                          " where release_id = %s and rest_quantity is not null", number)  # fmt: skip
        assert {Cell(CellKind.CLASS, okpd2_class, year): total for okpd2_class, year, total in rest} == {
            cell: total for cell, total in totals.items() if cell.kind is CellKind.CLASS
        }
        internal, shown = exports.write(desk.dsns.builder, tmp_path, "ecb-2026")
        handed_out += list(told(shown, memory, memory.cells()))
        kept_back += list(told(internal, memory, asked_for(memory)))
    knowledge = memory.knowledge()
    assert len(knowledge.sums) > 4
    known = set(knowledge.sums)
    knowledge.learn(handed_out)
    assert known < set(knowledge.sums), "margins say more than the figures by themselves"
    assert not any(knowledge.located(insider) for insider in (None, *"abcdefghij"))
    leaking = Knowledge(memory.world.truth, memory.world.agency_of)
    leaking.learn(kept_back)
    assert leaking.located()


#: The columns of the files that say how much, and those that say which, when or of whom.
MEASURES = {"gross_quantity", "listed_quantity", "rest_quantity", "total_quantity"}
INTERNAL_MEASURES = {"net_quantity", "amount_rub", "priced_share", "lines"}
PLACES = {
    "product_id", "product_name", "part_number", "manufacturer", "okpd2_code", "okpd2_class", "unit", "year",
    "certainty", "agencies", "since_release_id", "rest_products", "rest_agencies",
}  # fmt: skip


def told(folder: Path, memory: Publication, cells: Mapping[Cell, Sum]) -> Iterator[Sum]:
    """Every number of the files of a release, as a sum of what agencies typed: the attacker knows who is in which."""
    order, classes = (
        list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())) if path.exists() else []
        for path in (folder / "order_line.csv", folder / "class_line.csv")
    )
    for row in (*order, *classes):
        year = int(row["year"])
        of_class = Cell(CellKind.CLASS, row.get("okpd2_class", ""), year)
        listed = [terms for cell, terms in cells.items() if cell.kind is CellKind.PRODUCT and cell.year == year]
        sums = {
            "gross_quantity": [cells.get(Cell(CellKind.PRODUCT, row.get("product_name", ""), year), {})],
            "listed_quantity": listed,
            "rest_quantity": [cells.get(of_class, {})],
            "total_quantity": [*listed, cells.get(of_class, {})],
        }
        said = {name for name, text in row.items() if text} - PLACES
        assert said & MEASURES and said <= MEASURES | INTERNAL_MEASURES | {"prices"}
        for name in said & MEASURES:
            terms: dict[int, Fraction] = defaultdict(Fraction)
            for typed, times in (term for part in sums[name] for term in part.items()):
                terms[typed] += times
            assert Fraction(row[name]) == sum(memory.world.truth[typed] * times for typed, times in terms.items())
            yield dict(terms)


def asked_for(memory: Publication) -> dict[Cell, Sum]:
    """All that is asked for, whoever may know it: what the department's files add up."""
    found: dict[Cell, dict[int, Fraction]] = defaultdict(dict)
    for (product, year, _, _), figure in memory.world.standing.items():
        found[Cell(CellKind.PRODUCT, product, year)] |= figure.made_of
    return dict(found)


def test_no_price_is_handed_out(desk: Any, tmp_path: Path):
    """The lowest price would be somebody's, and so would the highest; the department sees quartiles."""
    prices = {"a": "101.25", "b": "207.35", "c": "303.75"}
    for agency, price in prices.items():
        line = {"product": "chip", "okpd2_code": CHIPS, "demand_2026": 10, "unit_price_rub": price}
        desk.submit(agency, [line])
    release(desk)
    internal, shown = exports.write(desk.dsns.builder, tmp_path, "ecb-2026")
    assert Decimal(30) in numbers_of(shown)
    secrets = {Decimal(price) for price in prices.values()} | {10 * Decimal(price) for price in prices.values()}
    assert not numbers_of(shown) & secrets
    assert numbers_of(internal) & secrets, "what the department sees would give a price away"
    columns = read(
        desk, "select table_name, column_name from information_schema.columns where table_schema = 'published'"
    )
    assert columns
    assert not [name for _, name in columns if re.search("price|amount|kopecks|rub", name)]


def numbers_of(folder: Path) -> set[Decimal]:
    """Every number that the files of a release say, in any format."""
    texts = [
        path.read_text(encoding="utf-8-sig") for path in folder.iterdir() if path.suffix in (".csv", ".html", ".json")
    ]
    workbook = openpyxl.load_workbook(folder / "order.xlsx")
    texts += [str(cell.value) for sheet in workbook for row in sheet.iter_rows() for cell in row]
    for path in folder.glob("*.parquet"):
        texts += [str(value) for row in pq.read_table(path).to_pylist() for value in row.values()]
    found = (number for text in texts for number in re.findall(r"\d+(?:[.,]\d+)?", text))
    return {Decimal(number.replace(",", ".")).normalize() for number in found}


@pytest.mark.parametrize(
    "statement",
    [
        "update published.order_line_version set gross_quantity = 1",
        "delete from published.order_line_version",
        "update published.order_line_version set until_release_id = null",
        "delete from published.release",
        "delete from city_order.published_part",
        "insert into published.release select release_id, survey_code, '', '', now(), '', '', '', 1, 1, 3, 1, 1, 1,"
        " true from city_order.release where status = 'draft'",
    ],
)
def test_what_was_published_stays_published(desk: Any, statement: str):
    """Even from its owner."""
    for agency in "abc":
        answer(desk, agency, {("chip", 2026): 10})
    release(desk)
    for agency in "abc":
        answer(desk, agency, {("chip", 2026): 11})
    release(desk)
    answer(desk, "a", {("chip", 2026): 12})
    assert desk.build()
    with pytest.raises(psycopg2.errors.RaiseException):
        desk.execute(statement)
