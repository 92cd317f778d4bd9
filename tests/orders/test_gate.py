"""What holds an audited release: a brake, and a change that a person must approve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg2
import pytest

from include.city_order import gate, orders, references, surveys

from .conftest import SURVEY

pytestmark = pytest.mark.warehouse

INCLUDE = Path(references.__file__).parents[1]


def _published(desk: Any) -> list[tuple[int]]:
    return desk.execute("select release_id from city_order.published_release where survey_code = %s", SURVEY)


def _audited(desk: Any) -> int:
    release_id = desk.build()
    orders.audit(desk.dsns.builder, release_id)
    return release_id


def _let_pass(desk: Any, share: float | None) -> None:
    desk.execute("update reference.survey set approval_share = %s", share)


def _ask(product: str, demand: int) -> dict[str, Any]:
    return {"product": product, "demand_2026": demand}


# The brake


def test_with_the_brake_on_releases_are_built_and_audited_and_not_published(desk: Any) -> None:
    desk.submit("depot", [_ask("chip", 1)])
    first = desk.publish()
    assert "by Иванова: prices look wrong" in gate.set_brake(desk.dsns.builder, SURVEY, "Иванова", "prices look wrong")
    desk.submit("depot", [_ask("chip", 2)])
    second = _audited(desk)
    for _ in range(2):
        with pytest.raises(gate.Held, match="A brake is set on ecb-2026 by Иванова: prices look wrong"):
            orders.publish(desk.dsns.builder, second)
    assert _published(desk) == [(first,)]
    assert orders.held(desk.dsns.analyst)[SURVEY].startswith("A brake is set on ecb-2026 by Иванова")
    assert desk.build() == second, "the next night takes up what is there"
    assert "by the chief" in gate.lift_brake(desk.dsns.builder, SURVEY, "the chief")
    orders.publish(desk.dsns.builder, second)
    assert _published(desk) == [(second,)]
    assert desk.execute("select set_by, reason, lifted_by, lifted_at >= set_at from city_order.brake") == [
        ("Иванова", "prices look wrong", "the chief", True)
    ]


def test_a_brake_is_of_one_survey_set_once_and_by_somebody_for_a_reason(desk: Any) -> None:
    other = desk.survey("battery-2026", programme="battery")
    gate.set_brake(desk.dsns.builder, other, "a", "b")
    assert gate.set_brake(desk.dsns.builder, other, "c", "d").startswith("Already: A brake is set on battery-2026 by a")
    desk.submit("depot", [_ask("chip", 1)])
    desk.publish()
    for who, why in (("", "b"), ("a", " ")):
        with pytest.raises(ValueError, match="Say "):
            gate.set_brake(desk.dsns.builder, SURVEY, who, why)
    with pytest.raises(LookupError, match="No brake is set on ecb-2026"):
        gate.lift_brake(desk.dsns.builder, SURVEY, "a")
    gate.lift_brake(desk.dsns.builder, other, "a")
    gate.set_brake(desk.dsns.builder, other, "again", "b")
    assert desk.execute("select count(*), count(lifted_at) from city_order.brake") == [(2, 1)]


# Approval


@pytest.mark.parametrize(
    ("chips", "relays", "lamps", "why"),
    [
        # Ten order lines, of 100 pieces each: one changes by 200, by 210; two by a little, three by a little.
        (300, 100, 100, ""),
        (310, 100, 100, "It changes 21.0 % of the gross pieces of release 1; ecb-2026 lets 20.0 % pass by itself."),
        (101, 101, 100, ""),
        (101, 101, 101, "It changes 30.0 % of the order lines of release 1; ecb-2026 lets 20.0 % pass by itself."),
        (0, 0, 0, "It changes 30.0 % of the gross pieces and 30.0 % of the order lines of release 1;"),
    ],
)
def test_a_release_that_changes_much_waits_for_a_person(
    desk: Any, chips: int, relays: int, lamps: int, why: str
) -> None:
    _let_pass(desk, 0.2)
    desk.submit("park", [_ask(f"pump {number}", 100) for number in range(7)])
    desk.submit("depot", [_ask("chip", 100), _ask("relay", 100), _ask("lamp", 100)])
    first = desk.publish()
    desk.submit("depot", [_ask("chip", chips), _ask("relay", relays), _ask("lamp", lamps)])
    assert orders.held(desk.dsns.analyst) == {}, "a build is still to come"
    second = _audited(desk)
    if not why:
        assert gate.waiting(desk.dsns.builder) == []
        orders.publish(desk.dsns.builder, second)
        return
    (waiting,) = gate.waiting(desk.dsns.builder)
    assert waiting["release_id"] == second
    assert waiting["why"].startswith(why)
    (reason,) = orders.held(desk.dsns.analyst).values()
    assert reason.startswith(f"Release {second} waits for approval. {why}")
    with pytest.raises(gate.Held, match=f"Release {second} waits for approval"):
        orders.publish(desk.dsns.builder, second)
    assert _published(desk) == [(first,)]
    assert gate.decide(desk.dsns.builder, second, approve=True, who="Петров", comment="ok") == (
        f"Release {second} is approved by Петров."
    )
    assert gate.waiting(desk.dsns.builder) == []
    orders.publish(desk.dsns.builder, second)
    assert _published(desk) == [(second,)]
    assert desk.execute("select decision, decided_by, comment from city_order.approval") == [
        ("approved", "Петров", "ok")
    ]


def test_a_declined_release_is_not_published_until_the_input_changes(desk: Any) -> None:
    _let_pass(desk, 0.2)
    # Of six order lines, one changes.
    desk.submit("park", [_ask(f"lamp {number}", 1) for number in range(5)])
    desk.submit("depot", [_ask("chip", 100)])
    desk.publish()
    desk.submit("depot", [_ask("chip", 100_000)])
    slip = _audited(desk)
    gate.decide(desk.dsns.builder, slip, approve=False, who="Петров", comment="a unit slip")
    with pytest.raises(gate.Held, match="was declined by Петров: a unit slip"):
        orders.publish(desk.dsns.builder, slip)
    assert (
        gate.decide(desk.dsns.builder, slip, approve=False, who="Another") == f"Release {slip} is declined by Петров."
    )
    with pytest.raises(ValueError, match="was declined by Петров: that stays"):
        gate.decide(desk.dsns.builder, slip, approve=True, who="Another")
    with pytest.raises(psycopg2.errors.RaiseException, match="was decided before"):
        desk.execute("update city_order.approval set decision = 'approved'")
    assert desk.build() == slip, "nobody is asked again"
    desk.submit("depot", [_ask("chip", 101)])
    mended = _audited(desk)
    orders.publish(desk.dsns.builder, mended)
    assert _published(desk) == [(mended,)]


def test_who_waits_too_long_is_overtaken(desk: Any) -> None:
    _let_pass(desk, 0.2)
    # Of six order lines, one changes.
    desk.submit("park", [_ask(f"lamp {number}", 1) for number in range(5)])
    desk.submit("depot", [_ask("chip", 100)])
    desk.publish()
    desk.submit("depot", [_ask("chip", 200)])
    waits = _audited(desk)
    desk.submit("depot", [_ask("chip", 110)])
    faster = desk.publish()
    gate.decide(desk.dsns.builder, waits, approve=True, who="Петров")
    with pytest.raises(orders.Overtaken):
        orders.publish(desk.dsns.builder, waits)
    assert _published(desk) == [(faster,)]
    with pytest.raises(LookupError, match="waits for nobody"):
        gate.decide(desk.dsns.builder, faster, approve=True, who="Петров")


def test_a_survey_may_let_everything_pass_and_a_first_release_always_does(desk: Any) -> None:
    _let_pass(desk, 0)
    desk.submit("depot", [_ask("chip", 100)])
    desk.publish()
    _let_pass(desk, None)
    desk.submit("depot", [_ask("relay", 1)])
    desk.publish()
    assert gate.waiting(desk.dsns.builder) == []
    _let_pass(desk, 0)
    desk.submit("depot", [_ask("relay", 2)])
    _audited(desk)
    assert len(gate.waiting(desk.dsns.builder)) == 1


# What a survey's file says of it


@pytest.mark.parametrize(
    ("said", "double_counting", "share"),
    [
        ("", "child_counts", "0.2"),
        ("double_counting: both_count\napproval: {changed_share: 0.35}\n", "both_count", "0.35"),
        ("approval: {changed_share: null}\n", "child_counts", None),
    ],
)
def test_a_survey_says_what_counts_and_what_a_person_must_approve(
    warehouse: Any, tmp_path: Path, said: str, double_counting: str, share: str | None
) -> None:
    text = (INCLUDE / "surveys/battery-2026.yaml").read_text(encoding="utf-8")
    (tmp_path / "battery-2026.yaml").write_text(f"{text}\n{said}", encoding="utf-8")
    references.refresh(warehouse.ingest, tmp_path, INCLUDE / "reference")
    with psycopg2.connect(warehouse.owner) as connection, connection.cursor() as cursor:
        cursor.execute("select double_counting, approval_share::text from reference.survey")
        assert cursor.fetchall() == [(double_counting, share)]
    connection.close()


@pytest.mark.parametrize(
    ("said", "mistake"),
    [
        ("double_counting: parent_counts\n", "double_counting: write 'child_counts' or 'both_count'"),
        ("approval: {changed_share: -1}\n", "approval.changed_share: write greater than or equal to 0"),
        ("approval: {share: 1}\n", "approval.share: no such key is known"),
    ],
)
def test_a_mistake_in_it_is_told_with_its_place(tmp_path: Path, said: str, mistake: str) -> None:
    text = (INCLUDE / "surveys/battery-2026.yaml").read_text(encoding="utf-8")
    (tmp_path / "battery-2026.yaml").write_text(f"{text}\n{said}", encoding="utf-8")
    with pytest.raises(surveys.SurveyError) as refused:
        surveys.load(tmp_path)
    assert mistake in str(refused.value)
    assert f"battery-2026.yaml:{len(text.splitlines()) + 2}:" in str(refused.value)
