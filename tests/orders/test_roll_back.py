"""A roll-back lets readers see again what an earlier release said; reconciliation recounts what they see."""

from __future__ import annotations

from typing import Any

import pytest

from include.city_order import gate, orders, releases

from .conftest import SURVEY

pytestmark = pytest.mark.warehouse

#: What readers see of a release: all that is versioned.
SHOWN = sorted(name.removeprefix("city_order.") for name in releases.VERSIONED)


def _nights(desk: Any) -> list[int]:
    """Three published releases: the second corrects, withdraws and adds, the third corrects again."""
    desk.family("ministry", "depot")
    desk.submit("depot", [{"product": "chip", "demand_2026": 10, "stock": 3}, {"product": "lamp", "demand_2026": 2}])
    desk.submit("park", [{"product": "kit", "unit": "839", "demand_2026": 1}, {"product": "pump", "demand_2027": 1}])
    desk.submit("ministry", [{"product": "lamp", "demand_2026": 2}])
    numbers = [desk.publish()]
    desk.submit("depot", [{"product": "chip", "demand_2026": 11, "outside_horizon": "2031:4", "unit_price_rub": 5}])
    desk.withdraw("park")
    desk.submit("clinic", [{"product": "new", "demand_2026": 1}])
    numbers.append(desk.publish())
    desk.submit("depot", [{"product": "chip", "demand_2026": 12}])
    return [*numbers, desk.publish()]


def _shown(desk: Any, release_id: int) -> dict[str, list[Any]]:
    return {
        name: sorted(
            repr({column: value for column, value in row.items() if column != "release_id"})
            for row in desk.rows(name, release_id)
        )
        for name in SHOWN
    }


def _published(desk: Any) -> int:
    ((release_id,),) = desk.execute("select release_id from city_order.published_release")
    return release_id


@pytest.mark.parametrize("place", [0, 1])
def test_a_roll_back_publishes_what_the_earlier_release_said(desk: Any, place: int) -> None:
    numbers = _nights(desk)
    to = numbers[place]
    before = {number: _shown(desk, number) for number in numbers}
    again = orders.roll_back(desk.dsns.builder, SURVEY, to, "Иванова", "wrong prices")
    assert _published(desk) == again
    assert _shown(desk, again) == before[to]
    assert {number: _shown(desk, number) for number in numbers} == before
    assert desk.figures(again) == desk.figures(to)
    assert orders.rebuild(desk.dsns.builder, again) == desk.figures(to)
    assert orders.reconcile(desk.dsns.builder, SURVEY) == {}
    assert desk.execute(
        "select replaces_release_id, rolled_back_to_release_id, rolled_back_by, reason, order_lines"
        " from city_order.release where release_id = %s",
        again,
    ) == [(numbers[-1], to, "Иванова", "wrong prices", len(before[to]["order_line"]))]
    assert {row["cause"] for row in desk.rows("release_change", again)} == {"roll_back"}
    totals = [
        sorted((row["unit"], row["year"], row["ordered_quantity"]) for row in desk.rows("release_total", number))
        for number in (to, again)
    ]
    assert totals[0] == totals[1]


def test_the_next_build_does_not_undo_it_until_a_person_says_so(desk: Any) -> None:
    numbers = _nights(desk)
    again = orders.roll_back(desk.dsns.builder, SURVEY, numbers[0], "Иванова", "wrong prices")
    assert orders.surveys_to_build(desk.dsns.builder) == [SURVEY]
    next_night = desk.build()
    orders.audit(desk.dsns.builder, next_night)
    with pytest.raises(gate.Held, match="by Иванова: rolled back to release 1: wrong prices"):
        orders.publish(desk.dsns.builder, next_night)
    assert _published(desk) == again
    gate.lift_brake(desk.dsns.builder, SURVEY, "Иванова")
    assert desk.publish() == next_night
    assert _shown(desk, next_night) == _shown(desk, numbers[-1])
    assert desk.figures(next_night) == desk.figures(numbers[-1])


def test_a_roll_back_reaches_behind_a_release_that_was_built_whole(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.submit("depot", [{"product": "chip", "demand_2026": 10}])
    desk.submit("park", [{"product": "pump", "demand_2026": 10}])
    first = desk.publish()
    desk.submit("depot", [{"product": "chip", "demand_2026": 11}])
    second = desk.publish()
    desk.execute("update reference.survey set reference_version = 'reference-2'")
    desk.submit("depot", [{"product": "chip", "demand_2026": 12}])
    third = desk.publish()
    wholes = desk.execute("select release_id, whole_release_id from city_order.release order by 1")
    assert wholes == [(first, None), (second, first), (third, None)]
    again = orders.roll_back(desk.dsns.builder, SURVEY, second, "Иванова", "wrong")
    assert _shown(desk, again) == _shown(desk, second)
    assert desk.execute("select whole_release_id from city_order.release where release_id = %s", again) == [(None,)]
    assert orders.reconcile(desk.dsns.builder, SURVEY) == {}


def test_only_what_was_published_and_is_not_now_can_be_rolled_back_to(desk: Any) -> None:
    numbers = _nights(desk)
    desk.submit("depot", [{"product": "chip", "demand_2026": 13}])
    draft = desk.build()
    other = desk.survey("battery-2026", programme="battery")
    for survey, release_id in ((SURVEY, numbers[-1]), (SURVEY, draft), (other, numbers[0])):
        with pytest.raises(ValueError, match="can be rolled back to"):
            orders.roll_back(desk.dsns.builder, survey, release_id, "Иванова", "wrong")
    with pytest.raises(LookupError, match="There is no release 77"):
        orders.roll_back(desk.dsns.builder, SURVEY, 77, "Иванова", "wrong")
    with pytest.raises(ValueError, match="Say why"):
        orders.roll_back(desk.dsns.builder, SURVEY, numbers[0], "Иванова", " ")
    assert _published(desk) == numbers[-1]
    assert desk.execute("select 1 from city_order.brake") == []


# Reconciliation


def test_a_reconciliation_finds_what_the_nightly_audits_do_not_look_at(desk: Any) -> None:
    _nights(desk)
    desk.submit("clinic", [{"product": "new", "demand_2026": 2}])
    desk.publish()
    assert orders.reconcile(desk.dsns.builder, SURVEY) == {}
    desk.connection.autocommit = False
    # Past the laws: a row that the last release has not touched.
    desk.execute("alter table city_order.order_line_version disable trigger user")
    desk.execute(
        "update city_order.order_line_version set gross_quantity = gross_quantity + 1"
        " where gross_quantity = 12 and until_release_id is null"
    )
    assert desk.cursor.rowcount == 1
    assert releases.complaints(desk.cursor, _published(desk), whole=False) == {}
    desk.connection.commit()
    assert set(orders.reconcile(desk.dsns.builder, SURVEY)) == {"figures", "quantity_equation", "stock_equation"}


def test_a_survey_without_a_release_has_nothing_to_reconcile(desk: Any) -> None:
    assert orders.reconcile(desk.dsns.builder, SURVEY) == {}


# A change costs what changed


def test_a_release_sets_only_what_it_touches(desk: Any) -> None:
    numbers = _nights(desk)
    desk.submit("clinic", [{"product": "new", "demand_2026": 2}])
    last = desk.publish()
    held = {
        name: desk.execute(f"select count(*) from city_order.{name}_version where release_id = %s", last)[0][0]
        for name in SHOWN
    }
    assert held == {
        "double_counting": 0,
        "exclusion": 0,
        "order_line": 1,
        "order_line_by_need_kind": 1,
        "product": 1,
        "release_input": 1,
        "surplus": 0,
    }
    assert len(desk.rows("order_line", last)) == len(desk.rows("order_line", numbers[-1])) == 3


def test_where_most_inputs_change_all_is_built(desk: Any) -> None:
    for number in range(21):
        desk.submit(f"agency-{number}", [{"product": f"chip {number}", "demand_2026": 1}])
    desk.publish()
    for number in range(21):
        desk.submit(f"agency-{number}", [{"product": f"chip {number}", "demand_2026": 2}])
    desk.publish()
    assert desk.execute("select whole_release_id from city_order.release") == [(None,), (None,)]
    assert orders.reconcile(desk.dsns.builder, SURVEY) == {}
