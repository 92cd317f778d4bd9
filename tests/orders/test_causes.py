"""Why a release changes what it changes, where nobody sent anything; and what it says of changed models."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from include.city_order import gate, orders, releases

from .conftest import SURVEY

pytestmark = pytest.mark.warehouse

ONE, TWO = [{"product": "chip", "demand_2026": 1}], [{"product": "chip", "demand_2026": 2}]
#: What judged anew, by whose versions differ from those before.
VERSIONS = {
    "changed_rule": {"rules": "rules-2", "reference": "reference-1"},
    "changed_reference": {"rules": "rules-1", "reference": "reference-2"},
}


def _refuse(desk: Any, receipt_no: int, *, rules: str = "rules-1", reference: str = "reference-1") -> None:
    """Judge a receipt anew: it does not load."""
    desk.execute("update quality.judgement set stands = false where receipt_no = %s", receipt_no)
    desk.insert(
        "quality.judgement",
        receipt_no=receipt_no, rules_version=rules, reference_version=reference, stands=True, outcome="rejected",
        reason="R", reading_sha256="0", lines_delivered=1, lines_accepted=0, lines_rejected=1, lines_duplicate=0,
        warnings=0,
    )  # fmt: skip


def _fall(desk: Any, agency: str, receipt_no: int, **versions: str) -> None:
    """Judge the receipt that counts anew: it is refused, and the answer before it counts again, if there is one."""
    _refuse(desk, receipt_no, **versions)
    ((fallen,),) = desk.execute("select submission_id from core.submission where receipt_no = %s", receipt_no)
    desk.withdraw(agency)
    desk.execute(
        "update landing.receipt set lines_accepted = lines_superseded, lines_superseded = 0 from core.submission"
        " where submission.receipt_no = receipt.receipt_no and submission.superseded_by = %s",
        fallen,
    )
    desk.execute("update core.submission set superseded_by = null where superseded_by = %s", fallen)


def _built_by_others(desk: Any, release_id: int) -> None:
    """Make a release one of other models; what it holds can be changed then."""
    for table in ("release", "order_line_version"):
        desk.execute(f"alter table city_order.{table} disable trigger user")
    desk.execute(
        "update city_order.release set sql_version = 'other', terms_sha256 = 'other' where release_id = %s", release_id
    )


def _causes(desk: Any, release_id: int) -> dict[str, tuple[str, Decimal, Decimal]]:
    """What changes of each agency, and why; both tables say the same."""
    found = {
        row["agency_code"]: (row["cause"], row["gross_before"], row["gross_after"])
        for row in desk.rows("release_change", release_id)
    }
    inputs = {row["agency_code"]: row["cause"] for row in desk.rows("input_change", release_id)}
    assert {agency: cause for agency, (cause, *_) in found.items() if agency in inputs} == inputs
    return found


@pytest.mark.parametrize("cause", VERSIONS)
def test_an_earlier_answer_that_counts_again_is_no_correction(desk: Any, cause: str) -> None:
    desk.submit("depot", ONE)
    later = desk.receipt("depot")
    desk.submit("depot", TWO, receipt_no=later)
    desk.publish()
    _fall(desk, "depot", later, **VERSIONS[cause])
    assert _causes(desk, desk.publish()) == {"depot": (cause, 2, 1)}


@pytest.mark.parametrize("cause", VERSIONS)
def test_an_answer_that_is_refused_later_is_no_withdrawal(desk: Any, cause: str) -> None:
    receipt_no = desk.receipt("depot")
    desk.submit("depot", TWO, receipt_no=receipt_no)
    desk.submit("park", ONE)
    desk.publish()
    _fall(desk, "depot", receipt_no, **VERSIONS[cause])
    assert _causes(desk, desk.publish()) == {"depot": (cause, 2, 0)}


def test_whoever_left_the_roster_has_withdrawn_nothing(desk: Any) -> None:
    """The roster is in no version: the judgement itself is another."""
    receipt_no = desk.receipt("depot")
    desk.submit("depot", TWO, receipt_no=receipt_no)
    desk.submit("park", ONE)
    desk.publish()
    desk.withdraw("depot")
    desk.execute(
        "update quality.judgement set outcome = 'rejected', judged_at = now() where receipt_no = %s", receipt_no
    )
    assert _causes(desk, desk.publish()) == {"depot": ("changed_rule", 2, 0)}


@pytest.mark.parametrize("cause", VERSIONS)
@pytest.mark.parametrize("has_answered", [False, True])
def test_an_answer_that_was_refused_first_is_not_new(desk: Any, cause: str, has_answered: bool) -> None:
    desk.submit("park", ONE)
    if has_answered:
        desk.submit("depot", ONE)
    refused = desk.receipt("depot")
    _refuse(desk, refused)
    desk.publish()
    desk.submit("depot", TWO, receipt_no=refused, **VERSIONS[cause])
    assert _causes(desk, desk.publish()) == {"depot": (cause, int(has_answered), 2)}


def test_who_sends_a_new_answer_corrects_even_if_the_old_one_is_refused(desk: Any) -> None:
    receipt_no = desk.receipt("depot")
    desk.submit("depot", TWO, receipt_no=receipt_no)
    desk.publish()
    _fall(desk, "depot", receipt_no, rules="rules-2")
    desk.submit("depot", ONE, rules="rules-2")
    assert _causes(desk, desk.publish()) == {"depot": ("correction", 2, 1)}


def test_a_rebuild_tells_the_causes_that_were_told(desk: Any) -> None:
    """Whatever a receipt is judged to be later."""
    desk.submit("park", ONE)
    desk.publish()
    receipt_no = desk.receipt("depot")
    desk.submit("depot", TWO, receipt_no=receipt_no)
    told = desk.publish()
    _fall(desk, "depot", receipt_no, rules="rules-2")
    desk.submit("depot", ONE, receipt_no=receipt_no, rules="rules-3")
    desk.publish()
    with orders.rebuilt(desk.dsns.builder, told) as (cursor, draft_id):
        cursor.execute("select agency_code, cause from city_order.release_change where release_id = %s", (draft_id,))
        assert cursor.fetchall() == [("depot", "new_submission")]


def test_another_way_to_handle_double_counting_is_a_changed_rule(desk: Any) -> None:
    desk.family("office", "depot")
    desk.submit("office", TWO)
    desk.submit("depot", TWO)
    desk.publish()
    desk.execute("update reference.survey set double_counting = 'both_count' where survey_code = %s", SURVEY)
    assert _causes(desk, desk.publish()) == {"office": ("changed_rule", 0, 2)}


def test_another_parent_is_a_changed_reference(desk: Any) -> None:
    desk.family("office", "depot")
    desk.submit("office", TWO)
    desk.submit("depot", TWO)
    desk.publish()
    desk.execute("update reference.agency_version set parent_code = null where agency_code = 'depot'")
    desk.execute("update reference.survey set reference_version = 'reference-2' where survey_code = %s", SURVEY)
    assert _causes(desk, desk.publish()) == {"office": ("changed_reference", 0, 2)}


def test_what_only_other_models_change_is_told_without_an_agency(desk: Any) -> None:
    """The release before was built by models that counted one piece less, and no amount."""
    desk.submit("park", [{"product": "chip", "demand_2026": 5, "unit_price_rub": 2}])
    desk.submit("depot", [{**ONE[0], "unit_price_rub": 3}])
    first = desk.publish()
    _built_by_others(desk, first)
    desk.execute(
        "update city_order.order_line_version set gross_quantity = 5, net_quantity = 4, amount_kopecks = null,"
        " priced_share = 0 where release_id = %s",
        first,
    )
    desk.submit("depot", [{**TWO[0], "unit_price_rub": 3}])
    release_id = desk.publish()
    told = [
        (row["agency_code"], row["cause"], row["gross_before"], row["gross_after"], row["net_before"], row["net_after"],
         row["amount_before_kopecks"], row["amount_after_kopecks"])
        for row in desk.rows("release_change", release_id)
    ]  # fmt: skip
    assert sorted(told, key=str) == [
        ("depot", "correction", 1, 2, 1, 2, 300, 600),
        (None, "changed_model", 4, 5, 3, 5, -300, 1000),
    ]
    assert releases.complaints(desk.cursor, release_id) == {}


def test_a_rebuild_tells_the_cause_whatever_has_been_judged_since(desk: Any) -> None:
    """Who left the roster comes back: the judgement is the old one again."""
    receipt_no = desk.receipt("depot")
    desk.submit("depot", TWO, receipt_no=receipt_no)
    desk.submit("park", ONE)
    desk.publish()
    ((left,),) = desk.execute("select submission_id from core.submission where receipt_no = %s", receipt_no)
    outcome = "update quality.judgement set outcome = %s, judged_at = now() where receipt_no = %s"
    desk.withdraw("depot")
    desk.execute(outcome, "rejected", receipt_no)
    gone = desk.publish()
    desk.execute(outcome, "loadable", receipt_no)
    desk.execute("update core.submission set withdrawn_at = null where submission_id = %s", left)
    desk.execute(
        "update landing.receipt set lines_accepted = lines_superseded, lines_superseded = 0 where receipt_no = %s",
        receipt_no,
    )
    back = desk.publish()
    assert _causes(desk, gone) == {"depot": ("changed_rule", 2, 0)}
    assert _causes(desk, back) == {"depot": ("changed_rule", 0, 2)}, "it was sent before"
    for release_id in (gone, back):
        with orders.rebuilt(desk.dsns.builder, release_id) as (cursor, draft_id):
            cursor.execute("select cause from city_order.release_change where release_id = %s", (draft_id,))
            assert cursor.fetchall() == [("changed_rule",)]


def test_a_quarantined_answer_is_new_when_it_is_known_whose_it_is(desk: Any) -> None:
    desk.submit("park", ONE)
    receipt_no = desk.receipt("depot")
    _refuse(desk, receipt_no)
    desk.execute("update quality.judgement set outcome = 'quarantined' where receipt_no = %s", receipt_no)
    desk.publish()
    desk.submit("depot", TWO, receipt_no=receipt_no, rules="rules-2")
    assert _causes(desk, desk.publish()) == {"depot": ("new_submission", 0, 2)}


def test_a_sum_that_ends_by_a_third_answer_is_no_changed_reference(desk: Any) -> None:
    """Though the references changed in that night, too."""
    desk.family("office", "depot", "park", "museum")
    desk.submit("office", [{"product": "chip", "demand_2026": 3}])
    desk.submit("depot", ONE)
    desk.submit("park", TWO)
    desk.publish()
    desk.submit("museum", TWO)
    desk.execute("update reference.survey set reference_version = 'reference-2' where survey_code = %s", SURVEY)
    assert _causes(desk, desk.publish()) == {
        "museum": ("new_submission", 0, 2), "office": ("double_counting", 0, 3),
    }  # fmt: skip


def test_who_is_only_judged_anew_is_counted_anew_since_others_changed(desk: Any) -> None:
    desk.family("office", "depot")
    receipt_no = desk.receipt("office")
    desk.submit("office", TWO, receipt_no=receipt_no)
    desk.submit("depot", TWO)
    desk.publish()
    desk.submit("office", TWO, receipt_no=receipt_no, rules="rules-2")
    desk.submit("depot", ONE, rules="rules-2")
    found = {row["agency_code"]: row["cause"] for row in desk.rows("release_change", desk.publish())}
    assert found == {"depot": "correction", "office": "double_counting"}


def test_double_counting_that_only_other_models_find_is_no_agencys(desk: Any) -> None:
    desk.family("office", "depot")
    desk.submit("office", TWO)
    desk.submit("depot", TWO)
    first = desk.publish()
    _built_by_others(desk, first)
    desk.execute(
        "update city_order.order_line_version set gross_quantity = 4, net_quantity = 4, agencies = 2, lines = 2"
        " where release_id = %s",
        first,
    )
    desk.execute("alter table city_order.double_counting_version disable trigger user")
    desk.execute("delete from city_order.double_counting_version where release_id = %s", first)
    desk.submit("park", [{"product": "pump", "demand_2026": 1}])
    release_id = desk.publish()
    assert _causes(desk, release_id) == {"park": ("new_submission", 0, 1), None: ("changed_model", 4, 2)}


def test_what_an_unpublished_release_had_is_still_a_correction(desk: Any) -> None:
    """A brake holds the first release with it; the next one, with another's, is published."""
    desk.submit("depot", ONE)
    desk.submit("park", ONE)
    desk.publish()
    desk.submit("depot", TWO)
    orders.audit(desk.dsns.builder, desk.build())
    desk.submit("park", TWO)
    assert _causes(desk, desk.publish()) == {"depot": ("correction", 1, 2), "park": ("correction", 1, 2)}


def test_what_a_roll_back_took_away_comes_back_for_its_old_reasons(desk: Any) -> None:
    desk.submit("depot", ONE)
    first = desk.publish()
    desk.submit("depot", TWO)
    desk.submit("park", ONE)
    desk.publish()
    back = orders.roll_back(desk.dsns.builder, SURVEY, first, "Иванова", "wrong")
    gate.lift_brake(desk.dsns.builder, SURVEY, "Иванова")
    assert {cause for cause, *_ in _causes(desk, back).values()} == {"roll_back"}
    assert _causes(desk, desk.publish()) == {"depot": ("correction", 1, 2), "park": ("new_submission", 0, 1)}
