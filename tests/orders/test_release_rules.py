"""Each rule of a release is broken by its case, and by nothing less."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from include.city_order import checks, orders, suites

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

LINE = "city_order.order_line_version"
CHIP = f"update {LINE} set {{}} where gross_energy_kwh is null and year = 2026"
BLOCK = f"update {LINE} set {{}} where gross_energy_kwh is not null"

#: For each expectation, by its rule and its field: what breaks it alone, and the row that is then told. The checks of
#: the table, which would refuse most of it, are taken away first: a rule is there for the day when they fail.
DAMAGE = {
    ("R01", "product_id"): (CHIP.format("product_id = null"), "product_id=None"),
    ("R02", "net_quantity"): (CHIP.format("net_quantity = gross_quantity + 1"), "net_quantity=11"),
    ("R03", "unit"): (CHIP.format("unit = '778'"), "unit=778"),
    ("R04", "year"): (CHIP.format("year = 2035"), "year=2035"),
    ("R05", "agencies"): (CHIP.format("agencies = 0"), "agencies=0"),
    ("R06", "priced_share"): (CHIP.format("priced_share = 1.2"), "priced_share=1.2"),
    ("R07", "amount_kopecks"): (CHIP.format("amount_kopecks = null"), "amount_kopecks=None"),
    ("R08", "gross_energy_kwh"): (BLOCK.format("net_energy_kwh = net_energy_kwh + 0.01"), "net_energy_kwh=0.850"),
    ("X06", "ordered_quantity"): (
        "update city_order.release_total set ordered_quantity = ordered_quantity - 1 where year = 2026",
        "accepted_quantity=20, ordered_quantity=19, excluded_quantity=0",
    ),
}

#: What lies at the edge of a rule, or is damage of another kind: no rule is broken.
NO_DAMAGE = {
    "nothing is left to buy": CHIP.format("net_quantity = 0"),
    "half of it is priced": CHIP.format("priced_share = 0.5"),
    "nothing is priced": CHIP.format("priced_share = 0, amount_kopecks = null"),
    "a gift": CHIP.format("amount_kopecks = 0"),
    "a rounded watt-hour": BLOCK.format("net_energy_kwh = net_energy_kwh + 0.001"),
    "another release": f"update {LINE} set net_quantity = gross_quantity + 1 where release_id = 0",
}


@pytest.fixture
def draft(desk: Any) -> int:
    """A draft with a priced line, a battery and an exclusion, and tables that refuse nothing."""
    desk.product("block", chemistry="lead", voltage_v="12", capacity_ah="7", battery_use="stationary")
    desk.submit(
        "depot",
        [
            {"product": "chip", "demand_2026": 10, "demand_2027": 5, "unit_price_rub": 3},
            {"product": "block", "demand_2026": 10},
            {"product": "kit", "unit": "839", "demand_2026": 2},
        ],
    )
    release_id = desk.build()
    for relation, kind in ((LINE, "c"), (LINE, "p"), ("city_order.release_total", "c")):
        for (name,) in desk.execute(
            "select conname from pg_constraint where conrelid = %s::regclass and contype = %s", relation, kind
        ):
            desk.execute(f"alter table {relation} drop constraint {name}")
    desk.execute(f"alter table {LINE} alter product_id drop not null")
    return release_id


@contextmanager
def _undone(desk: Any, release_id: int) -> Iterator[None]:
    """What is done to a draft meanwhile is undone: a check of its own connection must see it, so it is committed."""
    saved = {relation: desk.execute(f"select * from {relation}") for relation in (LINE, "city_order.release_total")}
    try:
        yield
    finally:
        for relation, rows in saved.items():
            desk.execute(f"delete from {relation} where release_id = %s", release_id)
            for row in rows:
                desk.execute(f"insert into {relation} values ({', '.join(['%s'] * len(row))})", *row)


def _broken(desk: Any, release_id: int) -> dict[str, str]:
    return checks.check_release(desk.dsns.builder, release_id, suites.of_releases())


def test_every_expectation_has_a_case() -> None:
    written = [(rule.rule_id, rule.field) for suite in suites.of_releases() for rule in suite.rules]
    assert sorted(written) == sorted(DAMAGE)
    assert len(written) == len({rule_id for rule_id, _ in written}), "one complaint would hide another"


def test_no_suite_of_releases_judges_an_answer() -> None:
    assert {suite.name for suite in suites.of_releases()} == {"release", "release_total"}
    assert {suite.stage for suite in suites.load()} == {*suites.STAGES, suites.LOAD}


def test_a_rule_is_broken_by_its_case_alone(desk: Any, draft: int, subtests: Any) -> None:
    sentences = {rule.rule_id: rule.sentence for suite in suites.of_releases() for rule in suite.rules}
    assert _broken(desk, draft) == {}
    for (rule_id, _), (statement, row) in DAMAGE.items():
        with subtests.test(rule_id), _undone(desk, draft):
            desk.execute(statement)
            broken = _broken(desk, draft)
            assert list(broken) == [rule_id]
            assert broken[rule_id].startswith(f"{rule_id}: {sentences[rule_id]}\n")
            assert row in broken[rule_id]
            assert "include/expectations/release" in broken[rule_id]


def test_what_breaks_no_rule_passes(desk: Any, draft: int, subtests: Any) -> None:
    for what, statement in NO_DAMAGE.items():
        with subtests.test(what), _undone(desk, draft):
            desk.execute(statement)
            assert _broken(desk, draft) == {}


def test_a_broken_rule_stops_the_release(desk: Any, draft: int) -> None:
    # The audit of bounds sees this too; only the rule sees that the survey does not ask for the year.
    desk.execute("delete from city_order.release_year where year = 2027")
    with pytest.raises(orders.AuditFailed) as failure:
        orders.audit(desk.dsns.builder, draft)
    message = str(failure.value)
    assert f"Release {draft} of ecb-2026 stays draft: it breaks R04." in message
    assert "R04: An order line is of a year that the survey does not ask for." in message
    assert "unit=796, year=2027, gross_quantity=5" in message
    assert "What to do" in message
    assert desk.execute("select status from city_order.release") == [("draft",)]


def test_only_what_a_release_sets_anew_is_looked_at(desk: Any) -> None:
    desk.submit("depot", [{"product": "chip", "demand_2026": 10}])
    desk.publish()
    desk.submit("park", [{"product": "lamp", "demand_2027": 1}])
    release_id = desk.build()
    assert len(desk.rows("order_line", release_id)) == 2
    desk.execute("select set_config('city_order.release', %s, false)", str(release_id))
    assert desk.execute("select product_id from city_order.line_to_check") == [(desk.product_id("lamp"),)]
    assert desk.execute("select ordered_quantity from city_order.total_to_check order by year") == [(10,), (1,)]


def test_a_roll_back_may_show_years_that_are_asked_for_no_more(desk: Any) -> None:
    desk.submit("depot", [{"product": "chip", "demand_2030": 10}])
    first = desk.publish()
    desk.execute("delete from reference.survey_year where year = 2030")
    desk.submit("depot", [{"product": "chip", "demand_2026": 10}])
    desk.publish()
    again = orders.roll_back(desk.dsns.builder, "ecb-2026", first, "Иванова", "wrong years")
    assert [row["year"] for row in desk.rows("order_line", again)] == [2030]
