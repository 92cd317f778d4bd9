"""What holds an audited release: a brake, and a change that a person must approve."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from include.city_order import gate, orders, references, releases, surveys

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
    assert gate.lift_brake(desk.dsns.builder, SURVEY, "the chief").endswith(
        "is lifted by the chief: the next build publishes what stands, or asks first if it changes much."
    )
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
        (310, 100, 100, "It changes 21.0 % of the pieces of release 1; ecb-2026 lets 20.0 % pass by itself."),
        (101, 101, 100, ""),
        (101, 101, 101, "It changes 30.0 % of the order lines of release 1; ecb-2026 lets 20.0 % pass by itself."),
        (0, 0, 0, "It changes 30.0 % of the pieces and 30.0 % of the order lines of release 1;"),
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
        f"Release {second} was approved by Петров: ok."
    )
    assert gate.waiting(desk.dsns.builder) == []
    orders.publish(desk.dsns.builder, second)
    assert _published(desk) == [(second,)]
    assert desk.execute("select decision, decided_by, comment from city_order.approval") == [
        ("approved", "Петров", "ok")
    ]


@pytest.mark.parametrize(("stock", "is_asked"), [(100, False), (600, True)])
def test_a_slip_in_stock_asks_a_person(desk: Any, stock: int, is_asked: bool) -> None:
    """It leaves what is asked for as it is, and little of it to be bought."""
    _let_pass(desk, 0.2)
    desk.submit("park", [_ask(f"pump {number}", 100) for number in range(9)])
    desk.submit("depot", [_ask("chip", 600)])
    desk.publish()
    desk.submit("depot", [_ask("chip", 600) | {"stock": stock}])
    _audited(desk)
    why = [waiting["why"] for waiting in gate.waiting(desk.dsns.builder)]
    assert why == ["It changes 40.0 % of the pieces of release 1; ecb-2026 lets 20.0 % pass by itself."] * is_asked


def test_a_declined_release_is_not_published_until_the_input_changes(desk: Any) -> None:
    _let_pass(desk, 0.2)
    # Of six order lines, one changes.
    desk.submit("park", [_ask(f"lamp {number}", 1) for number in range(5)])
    desk.submit("depot", [_ask("chip", 100)])
    desk.publish()
    desk.submit("depot", [_ask("chip", 100_000)])
    slip = _audited(desk)
    gate.decide(desk.dsns.builder, slip, approve=False, who="Петров", comment=" a unit slip ")
    with pytest.raises(gate.Held, match=r"was declined by Петров: a unit slip\. What is published stays until"):
        orders.publish(desk.dsns.builder, slip)
    again = gate.decide(desk.dsns.builder, slip, approve=False, who="Another")
    assert again == f"Release {slip} was declined by Петров: a unit slip."
    with pytest.raises(gate.Decided, match=r"changes nothing: .* was declined by Петров: a unit slip, and that stays"):
        gate.decide(desk.dsns.builder, slip, approve=True, who="Another")
    with pytest.raises(psycopg2.errors.RaiseException, match="was decided before"):
        desk.execute("update city_order.approval set decision = 'approved'")
    assert desk.build() == slip, "nobody is asked again"
    desk.submit("depot", [_ask("chip", 101)])
    mended = _audited(desk)
    orders.publish(desk.dsns.builder, mended)
    assert _published(desk) == [(mended,)]


def _waiting(desk: Any, chips: int = 200) -> int:
    """A release that waits for a person: of six order lines, one changes."""
    _let_pass(desk, 0.2)
    desk.submit("park", [_ask(f"lamp {number}", 1) for number in range(5)])
    desk.submit("depot", [_ask("chip", 100)])
    desk.publish()
    desk.submit("depot", [_ask("chip", chips)])
    return _audited(desk)


def _decisions(desk: Any) -> list[tuple[Any, ...]]:
    return desk.execute("select release_id, decision, decided_by from city_order.approval order by release_id")


@pytest.mark.parametrize("chips", [110, 300])
def test_a_later_release_of_the_survey_ends_a_question(desk: Any, chips: int) -> None:
    """Whether it waits itself or not; a release of another survey does not."""
    waits = _waiting(desk)
    other = desk.survey("battery-2026", programme="battery")
    desk.submit("depot", [_ask("cell", 1)], survey_code=other)
    desk.publish(other)
    assert [found["release_id"] for found in gate.waiting(desk.dsns.builder)] == [waits]
    desk.submit("depot", [_ask("chip", chips)])
    later = _audited(desk)
    for approve in (True, False):
        with pytest.raises(gate.Decided, match=f"release {waits} was overtaken before anybody decided: what it is"):
            gate.decide(desk.dsns.builder, waits, approve=approve, who="Петров")
    with pytest.raises(gate.Held, match=r"was overtaken before .* is another by now\. What stands by now counts\."):
        orders.publish(desk.dsns.builder, waits)
    asked = chips == 300
    assert _decisions(desk) == [(waits, "overtaken", None), *([(later, None, None)] if asked else [])]
    if asked:
        gate.decide(desk.dsns.builder, later, approve=True, who="Петров")
    orders.publish(desk.dsns.builder, later)
    # Its audit, repeated, asks nobody.
    orders.audit(desk.dsns.builder, waits)
    assert gate.waiting(desk.dsns.builder) == []
    with pytest.raises(orders.Overtaken):
        orders.publish(desk.dsns.builder, waits)
    if not asked:
        with pytest.raises(LookupError, match="waits for nobody"):
            gate.decide(desk.dsns.builder, later, approve=True, who="Петров")


def test_an_audit_that_comes_after_that_of_a_later_release_asks_nobody(desk: Any) -> None:
    _waiting(desk)
    desk.submit("depot", [_ask("chip", 300)])
    slower = desk.build()
    desk.submit("depot", [_ask("chip", 400)])
    faster = _audited(desk)
    orders.audit(desk.dsns.builder, slower)
    assert [found["release_id"] for found in gate.waiting(desk.dsns.builder)] == [faster]


def _let_stand_again(desk: Any, agency: str, before: int) -> None:
    """The answer that an agency has sent so many answers before its last counts again."""
    ((submission_id,),) = desk.execute(
        "select submission_id from core.submission where agency_code = %s"
        " order by submission_id desc offset %s limit 1",
        *(agency, before),
    )
    desk.withdraw(agency)
    desk.execute("update core.submission set superseded_by = null where submission_id = %s", submission_id)
    desk.execute(
        "update landing.receipt set lines_accepted = 1, lines_superseded = 0 where receipt_no ="
        " (select receipt_no from core.submission where submission_id = %s)",
        submission_id,
    )


def test_an_approval_publishes_nothing_whose_input_was_taken_back(desk: Any) -> None:
    waits = _waiting(desk)
    published = _published(desk)
    _let_stand_again(desk, "depot", before=1)
    gate.decide(desk.dsns.builder, waits, approve=True, who="Иванова")
    with pytest.raises(orders.Overtaken, match=f"release {waits} stays audited, and is not published"):
        orders.publish(desk.dsns.builder, waits)
    assert _published(desk) == published
    assert orders.surveys_to_build(desk.dsns.builder) == []


@pytest.mark.parametrize("is_sent_again", [False, True])
def test_a_question_about_what_was_taken_back_ends_at_the_next_look(desk: Any, is_sent_again: bool) -> None:
    waits = _waiting(desk)
    gate.ask(desk.dsns.builder, f"ecb-2026:{waits}", "first run")
    other = desk.survey("battery-2026", programme="battery")
    desk.submit("school", [_ask("cell", 100)], survey_code=other)
    desk.publish(other)
    _let_pass(desk, 0.2)
    desk.submit("school", [_ask("cell", 200)], survey_code=other)
    of_another = desk.build(other)
    orders.audit(desk.dsns.builder, of_another)
    published = _published(desk)
    if is_sent_again:
        desk.submit("depot", [_ask("chip", 100)])
    else:
        _let_stand_again(desk, "depot", before=1)
    # Nothing is new, but a build is woken to say so; any role may ask.
    for role in ("ingest", "builder", "analyst"):
        assert SURVEY in orders.surveys_to_build(getattr(desk.dsns, role))
    assert desk.build() is None, "what is published stands again"
    for _ in range(2):
        assert _decisions(desk) == [(waits, "overtaken", None), (of_another, None, None)]
        assert orders.surveys_to_build(desk.dsns.builder) == [other]
        assert desk.build() is None
    # The run that asks learns it from whoever answers, or when its time is over.
    told = f"release {waits} was overtaken before anybody decided: what it is built from, or would replace, is another"
    with pytest.raises(gate.Decided, match=told):
        gate.decide(desk.dsns.builder, waits, approve=True, who="Иванова")
    with pytest.raises(gate.Decided, match=told):
        gate.expire(desk.dsns.builder, waits, "first run")
    with pytest.raises(gate.NothingToAsk, match="was overtaken before anybody decided"):
        gate.ask(desk.dsns.builder, f"ecb-2026:{waits}", "by hand", in_any_case=True)
    assert _published(desk) == published


def test_a_question_ends_if_an_input_without_a_new_figure_comes_instead(desk: Any) -> None:
    waits = _waiting(desk)
    desk.submit("depot", [{**_ask("chip", 100), "stock": 0}])
    assert desk.build() is None, "what is published says it all"
    assert _decisions(desk) == [(waits, "overtaken", None)]


def test_what_was_declined_ends_a_later_question_if_it_stands_again(desk: Any) -> None:
    declined = _waiting(desk)
    gate.decide(desk.dsns.builder, declined, approve=False, who="Петров")
    desk.submit("depot", [_ask("chip", 300)])
    later = _audited(desk)
    _let_stand_again(desk, "depot", before=1)
    assert desk.build() == declined
    assert _decisions(desk) == [(declined, "declined", "Петров"), (later, "overtaken", None)]
    with pytest.raises(gate.Held, match="was overtaken"):
        orders.publish(desk.dsns.builder, later)


def test_a_survey_whose_file_is_gone_keeps_what_it_has_published(desk: Any) -> None:
    waits = _waiting(desk)
    desk.execute("delete from reference.survey_year where survey_code = %s", SURVEY)
    gate.decide(desk.dsns.builder, waits, approve=True, who="Иванова")
    assert orders.surveys_to_build(desk.dsns.builder) == []
    assert desk.build() is None
    with pytest.raises(orders.Overtaken, match="its file is gone"):
        orders.publish(desk.dsns.builder, waits)


@pytest.mark.parametrize("end", ["declined", "waiting", "approved", "expired"])
def test_other_code_asks_nobody_again(desk: Any, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """But about what nobody decided in time."""
    asked = _waiting(desk)
    gate.ask(desk.dsns.builder, f"ecb-2026:{asked}", "run")
    if end == "expired":
        gate.expire(desk.dsns.builder, asked, "run")
    elif end != "waiting":
        gate.decide(desk.dsns.builder, asked, approve=end == "approved", who="Петров")
    before = _decisions(desk)
    monkeypatch.setenv("CITY_ORDER_CODE_VERSION", "mended")
    releases.code_version.cache_clear()
    try:
        again = _audited(desk)
    finally:
        monkeypatch.undo()
        releases.code_version.cache_clear()
    if end == "expired":
        assert again > asked
        assert _decisions(desk) == [*before, (again, None, None)]
    else:
        assert again == asked
        assert _decisions(desk) == before
        assert desk.build() == asked, "and the code of before finds it, too"


def test_an_input_that_comes_back_is_built_anew_and_asked_about_again(desk: Any) -> None:
    waits = _waiting(desk)
    desk.submit("depot", [_ask("chip", 300)])
    later = _audited(desk)
    _let_stand_again(desk, "depot", before=1)
    again = _audited(desk)
    assert again > later
    assert _decisions(desk) == [(waits, "overtaken", None), (later, "overtaken", None), (again, None, None)]
    assert desk.figures(again) == desk.figures(waits)


def test_what_nobody_decides_is_asked_again_by_the_next_night(desk: Any) -> None:
    waits = _waiting(desk)
    key = gate.key_if_waiting(desk.dsns.builder, waits)
    assert key == f"ecb-2026:{waits}"
    gate.ask(desk.dsns.builder, key, "first run")
    assert gate.expire(desk.dsns.builder, waits, "first run") == f"Release {waits} was not decided in time."
    with pytest.raises(gate.Held, match=r"was not decided in time\. The next night builds it anew, and asks again\."):
        orders.publish(desk.dsns.builder, waits)
    with pytest.raises(gate.Decided, match="was not decided in time, and that stays"):
        gate.decide(desk.dsns.builder, waits, approve=True, who="Петров")
    assert orders.held(desk.dsns.analyst) == {}, "a build is still to come"
    again = _audited(desk)
    assert _decisions(desk) == [(waits, "expired", None), (again, None, None)]
    assert list(orders.held(desk.dsns.analyst)) == [SURVEY]


# Approval by amount


def _priced(product: str, demand: int, rub: object = None) -> dict[str, Any]:
    return {**_ask(product, demand), "unit_price_rub": rub}


def _amounts(desk: Any, release_id: int) -> tuple[Any, ...]:
    """What a release records that it comes to; what its order lines do; and how much of that it records as changed."""
    (found,) = desk.execute(
        "select amount_kopecks, (select coalesce(sum(amount_kopecks), 0) from city_order.order_line as line"
        " where line.release_id = release.release_id), changed_amount_share"
        " from city_order.release where release_id = %s",
        release_id,
    )
    return found


def test_a_slip_of_a_price_waits_for_a_person(desk: Any) -> None:
    _let_pass(desk, 0.2)
    desk.submit("park", [_priced(f"lamp {number}", 1, 100) for number in range(9)])
    desk.submit("depot", [_priced("chip", 1, 100)])
    first = desk.publish()
    assert _amounts(desk, first) == (100_000, 100_000, None)
    desk.submit("depot", [_priced("chip", 1, 100_000)])
    second = _audited(desk)
    assert _amounts(desk, second) == (10_090_000, 10_090_000, Decimal("99.9"))
    (waiting,) = gate.waiting(desk.dsns.builder)
    assert waiting["why"].startswith("It changes 9990.0 % of the amount of release 1; ecb-2026 lets 20.0 % pass")
    with pytest.raises(gate.Held, match="waits for approval"):
        orders.publish(desk.dsns.builder, second)
    body = gate.ask(desk.dsns.builder, f"ecb-2026:{second}", "run")["body"]
    for said in (
        "| amount, million rub, incl. VAT | 0.001 | 0.101 |",
        "**correction**: 1 products, 0 pieces, 99,900 RUB",
        "| `chip` | 1 | 1 | 1 | +0 | 100 | 100,000 | +99,900 |",
        "| `depot` | 3 | 1 | 1 | × 1 | 100 | 100,000 | × 1,000 |",
    ):
        assert said in body, f"{said}\n\n{body}"
    # Mended, it passes by itself.
    desk.submit("depot", [_priced("chip", 1, 101)])
    assert _amounts(desk, desk.publish()) == (100_100, 100_100, Decimal("0.001"))


def test_all_that_changes_is_told_at_once(desk: Any) -> None:
    _let_pass(desk, 0.2)
    desk.submit("depot", [_priced("chip", 10, 5), _priced("relay", 10)])
    desk.publish()
    desk.submit("depot", [_priced("chip", 20, 5)])
    _audited(desk)
    (waiting,) = gate.waiting(desk.dsns.builder)
    assert waiting["why"].startswith(
        "It changes 100.0 % of the pieces, 100.0 % of the order lines and 100.0 % of the amount of release 1;"
    )


def test_where_nothing_had_a_price_nothing_is_compared(desk: Any) -> None:
    _let_pass(desk, 0.2)
    desk.submit("depot", [_priced("chip", 1), _priced("relay", 1)])
    assert _amounts(desk, desk.publish()) == (0, 0, None)
    desk.submit("depot", [_priced("chip", 1, 100), _priced("relay", 1)])
    assert _amounts(desk, desk.publish()) == (10_000, 10_000, None)
    # Nor is there anything to compare with when all prices are gone again, the night after.
    desk.submit("depot", [_priced("chip", 1), _priced("relay", 1)])
    third = _audited(desk)
    assert _amounts(desk, third) == (0, 0, 1)
    gate.decide(desk.dsns.builder, third, approve=True, who="Петров")
    orders.publish(desk.dsns.builder, third)
    desk.submit("depot", [_priced("chip", 1), _priced("relay", 1), _priced("lamp", 1)])
    assert _amounts(desk, _audited(desk)) == (0, 0, None)


def test_the_amount_is_carried_on_and_counted_anew_where_it_was_not(desk: Any) -> None:
    desk.submit("park", [_priced("lamp", 3, 10)])
    desk.submit("depot", [_priced("chip", 1, "0.335"), _priced("relay", 1, 2)])
    first = desk.publish()
    desk.submit("depot", [_priced("chip", 1, 1)])
    second = desk.publish()
    assert _amounts(desk, second) == (3100, 3100, round(Decimal(266) / 3234, 6))
    again = orders.roll_back(desk.dsns.builder, SURVEY, first, "Иванова", "wrong")
    assert _amounts(desk, again) == (*_amounts(desk, first)[:2], round(Decimal(266) / 3100, 6))
    gate.lift_brake(desk.dsns.builder, SURVEY, "Иванова")
    # A release of before amounts were recorded.
    desk.execute("alter table city_order.release disable trigger user")
    desk.execute("update city_order.release set amount_kopecks = null where release_id = %s", again)
    desk.execute("alter table city_order.release enable trigger user")
    desk.submit("depot", [_priced("chip", 1, 1), _priced("relay", 1, 3)])
    third = desk.publish()
    assert _amounts(desk, third) == (3400, 3400, round(Decimal(166) / 3234, 6))
    assert desk.execute("select whole_release_id from city_order.release where release_id = %s", third) == [(first,)]


def test_a_question_calls_the_survey_as_when_the_release_was_built(desk: Any) -> None:
    waits = _waiting(desk)
    desk.execute("update reference.survey set title = 'Другое название'")
    assert gate.ask(desk.dsns.builder, f"ecb-2026:{waits}", "run")["body"].startswith("`Опрос`: release")
    desk.execute("alter table city_order.release disable trigger user")
    desk.execute("update city_order.release set survey_title = null")
    assert gate.ask(desk.dsns.builder, f"ecb-2026:{waits}", "run")["body"].startswith("`Другое название`: release")


# Who asks


def test_a_release_is_asked_about_in_one_run(desk: Any) -> None:
    waits = _waiting(desk)
    key = f"ecb-2026:{waits}"
    first = gate.ask(desk.dsns.builder, key, "first run")
    assert first["release_id"] == waits
    assert gate.ask(desk.dsns.builder, key, "first run") == first, "it may be repeated"
    with pytest.raises(gate.NothingToAsk, match=f"Release {waits} of ecb-2026 is asked about in first run"):
        gate.ask(desk.dsns.builder, key, "second run")
    gate.ask(desk.dsns.builder, key, "by hand", in_any_case=True)
    with pytest.raises(gate.Decided, match="is asked about again, in by hand"):
        gate.expire(desk.dsns.builder, waits, "first run")
    (waiting,) = gate.waiting(desk.dsns.analyst)
    assert waiting["asked_in_run"] == "by hand"
    # Its run is lost: when the time is over, another asks.
    desk.execute("update city_order.approval set expires_at = now() - interval '1 second'")
    gate.ask(desk.dsns.builder, key, "next night")
    gate.decide(desk.dsns.builder, waits, approve=True, who="Петров", comment="ok")
    with pytest.raises(gate.NothingToAsk, match=f"^Release {waits} was approved by Петров: ok.$"):
        gate.ask(desk.dsns.builder, key, "by hand", in_any_case=True)


def test_nothing_is_asked_about_what_waits_for_nobody_or_is_not_there(desk: Any) -> None:
    desk.submit("depot", [_ask("chip", 1)])
    release_id = desk.publish()
    assert gate.key_if_waiting(desk.dsns.builder, release_id) is None
    with pytest.raises(gate.NothingToAsk, match=f"Release {release_id} of ecb-2026 waits for nobody"):
        gate.ask(desk.dsns.builder, f"ecb-2026:{release_id}", "run")
    for key, said in (
        ("", "names no release: write its survey and its number, like ecb-2027:12"),
        ("ecb-2026", "'ecb-2026' names no release"),
        ("ecb-2026:٣", "names no release"),
        ("ecb-2026:77", "There is no release 77 of ecb-2026"),
        (f"ecb-2027:{release_id}", f"There is no release {release_id} of ecb-2027"),
    ):
        with pytest.raises(LookupError, match=said):
            gate.ask(desk.dsns.builder, key, "run")


def test_a_question_says_what_changes_most_and_why(desk: Any) -> None:
    _let_pass(desk, 0.2)
    hostile = "chip | <script>alert(1)</script> `x` [click](https://evil.example) {{ 7 * 7 }}\n# Approve"
    desk.submit("park", [_ask(f"lamp {number}", 100) for number in range(7)])
    desk.submit("depot", [_ask("chip", 100), _ask("gone", 40)])
    first = desk.publish()
    desk.submit("park", [_ask(f"lamp {number}", 101 + number) for number in range(7)])
    desk.submit("depot", [{**_ask("chip", 1100), "demand_2027": 5}])
    desk.submit("clinic", [{**_ask("relay", 1_000_000), "item_name": hostile}])
    second = _audited(desk)
    question = gate.ask(desk.dsns.builder, f"ecb-2026:{second}", "run")
    assert question["subject"] == f"ecb-2026: publish release {second}?"
    body = question["body"]
    for said in (
        f"`Опрос`: release {second} has passed every audit. It changes",
        f"| | release {first}, published | release {second} |",
        "| pieces, all years | 840 | 1,001,833 |",
        "| order lines | 9 | 10 |",
        "| agencies that answered | 0 of 0 | 0 of 0 |",
        "**new submission**: 1 products, 1,000,000 pieces",
        "**correction**: 9 products, 1,073 pieces",
        "| `chip` | 1 | 100 | 1,105 | +1,005 |\n| `gone` | 1 | 40 | 0 | -40 |\n| `lamp 6` | 1 | 100 | 107 | +7 |",
        "… and 4 more products",
        f"where release_id = {second}`",
    ):
        assert said in body, f"{said}\n\n{body}"
    (row,) = (line for line in body.splitlines() if "1,000,000 | +1,000,000" in line)
    assert row == (
        "| `chip \\| <script>alert(1)</script> 'x' [click](https://evil.example) {{ 7 * 7 }}…`"
        " | 1 | 0 | 1,000,000 | +1,000,000 |"
    )


def test_a_question_says_whose_figures_change(desk: Any) -> None:
    """The five that change most, each with its receipt; one that is withdrawn has none."""
    _let_pass(desk, 0.2)
    desk.insert("reference.agency", agency_code="depot")
    for valid_from, name in (("2020-01-01", "Депо | `старое`\n# Approve"), ("2027-01-01", "Депо будущее")):
        desk.insert(
            "reference.agency_version",
            **{"agency_code": "depot", "valid_from": valid_from, "name": name, "inn": "0000000000"},
            **{"kpp": "000000000", "source": "test", "source_date": "2020-01-01"},
        )
    for agency in ("depot", "gone", *"abcdef"):
        desk.submit(agency, [_ask("chip", 100), _ask("relay", 7)])
    desk.publish()
    for number, agency in enumerate("abcdef"):
        desk.submit(agency, [_ask("chip", 120 - number), _ask("relay", 7)])
    receipt_no = desk.receipt("depot")
    desk.submit("depot", [_ask("chip", 100_000), _ask("relay", 7)], receipt_no=receipt_no)
    desk.submit("new", [_ask("relay", 90)])
    desk.withdraw("gone")
    release_id = _audited(desk)
    body = gate.ask(desk.dsns.builder, f"ecb-2026:{release_id}", "run")["body"]
    of_agencies = body[body.index("### The biggest changes by agency") :]
    rows = [line for line in of_agencies.splitlines() if line.startswith("| `")]
    receipts = dict(desk.execute("select agency_code, max(receipt_no) from landing.receipt group by agency_code"))
    assert rows == [
        f"| `depot, Депо \\| 'старое' # Approve` | {receipt_no} | 100 | 100,000 | × 1,000 |",
        "| `gone` | – | 107 | 0 | × 0 |",
        f"| `new` | {receipts['new']} | 0 | 90 | – |",
        f"| `a` | {receipts['a']} | 100 | 120 | × 1.2 |",
        f"| `b` | {receipts['b']} | 100 | 119 | × 1.19 |",
    ]
    assert "… and 4 more agencies" in of_agencies
    assert "was declined by" not in body


def test_a_question_says_who_declined_the_like_before(desk: Any) -> None:
    """Of the releases that would have replaced the same one: what replaces another is another question."""
    declined = _waiting(desk)
    said = "a | unit `slip`\n\n# Approve: " + "because " * 20
    gate.decide(desk.dsns.builder, declined, approve=False, who="Петров [x](https://evil.example)", comment=said)
    desk.submit("depot", [_ask("chip", 300)])
    overtaken = _audited(desk)
    desk.submit("depot", [_ask("chip", 400)])
    asked = _audited(desk)
    body = gate.ask(desk.dsns.builder, f"ecb-2026:{asked}", "run")["body"]
    (line,) = (line for line in body.splitlines() if "declined" in line)
    assert line == (
        f"Release {declined}, which would have replaced the same one, was declined by"
        f" `Петров [x](https://evil.example)`: `a \\| unit 'slip' # Approve: {'because ' * 19}because`."
    )
    assert f"Release {overtaken}" not in body
    gate.decide(desk.dsns.builder, asked, approve=True, who="Петров")
    orders.publish(desk.dsns.builder, asked)
    desk.submit("depot", [_ask("chip", 900)])
    other = _audited(desk)
    assert "declined" not in gate.ask(desk.dsns.builder, f"ecb-2026:{other}", "run")["body"]


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
