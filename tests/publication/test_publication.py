"""The published tier in the warehouse: what a manufacturer sees, release after release."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import psycopg2
import pytest

from include.city_order import publication
from include.city_order.disclosure import Cell, CellKind, Goods
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
def test_the_warehouse_shows_what_the_rule_shows_and_the_attacker_finds_nothing(desk: Any, seed: int):
    """It looks at what was touched and what waits; the history in memory looks at all, every time."""
    chance = random.Random(seed)
    products = ("chip", "diode", "relay")
    sizes = iter(chance.sample(range(5, 400), 390))
    memory = Publication(World(dict.fromkeys(products, Goods("26.11.30"))))
    for night in range(5):
        for agency in chance.sample("abcdefghi", 6 if night == 0 else 3):
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
    assert len(memory.knowledge().sums) > 4
    assert not any(memory.knowledge().located(insider) for insider in (None, *"abcdefghi"))


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
