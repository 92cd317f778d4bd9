"""Each audit finds the fault that it is for, names it, and stops the release; a right release passes all of them."""

from __future__ import annotations

from typing import Any

import pytest

from include.city_order import orders, releases, warehouse

pytestmark = pytest.mark.warehouse

AUDITS = {
    "bounds", "change_equation", "inputs", "keys", "line_equation", "quantity_equation", "running_totals",
    "stock_equation",
}  # fmt: skip

#: The smallest damage that breaks one law and no other: what it is, and the audit that must say so.
DAMAGE = {
    "an order line is lost": (
        "quantity_equation",
        "delete from city_order.order_line_version where year = 2027",
    ),
    "an order line counts too much": (
        "quantity_equation",
        "update city_order.order_line_version set gross_quantity = gross_quantity + 1, net_quantity = net_quantity + 1"
        " where year = 2027",
    ),
    "an exclusion is not listed": (
        "quantity_equation",
        "delete from city_order.exclusion_version where reason = 'no_way_to_pieces'",
    ),
    "an exclusion is under another year": (
        "quantity_equation",
        "update city_order.exclusion_version set year = year + 1 where reason = 'year_outside_horizon'",
    ),
    "a kind of need counts too little": (
        "quantity_equation",
        "delete from city_order.order_line_by_need_kind_version where year = 2027",
    ),
    "a total loses what it carried": (
        "running_totals",
        "update city_order.release_total set accepted_quantity = accepted_quantity - 1,"
        " ordered_quantity = ordered_quantity - 1 where year = 2027",
    ),
    "a total does not add up": (
        "running_totals",
        "update city_order.release_total set ordered_quantity = ordered_quantity + 1 where year = 2027",
    ),
    "the amount is not what order lines come to": (
        "running_totals",
        "update city_order.release set amount_kopecks = amount_kopecks + 1",
    ),
    "stock is taken off twice": (
        "stock_equation",
        "update city_order.order_line_version set net_quantity = net_quantity - 1 where year = 2027",
    ),
    "surplus is not listed": (
        "stock_equation",
        "delete from city_order.surplus_version",
    ),
    "a receipt tells of lines that did not land": (
        "line_equation",
        "update landing.receipt set lines_accepted = lines_accepted + 1, lines_rejected = lines_rejected - 1"
        " where lines_rejected > 0",
    ),
    "lines that count are told as superseded": (
        "line_equation",
        "update landing.receipt set lines_superseded = lines_accepted, lines_accepted = 0 where agency_code = 'park'",
    ),
    "a rejected receipt counts": (
        "line_equation",
        "update landing.receipt set verdict = 'rejected' where agency_code = 'park'",
    ),
    "the counts of a receipt do not add up": (
        "line_equation",
        "alter table landing.receipt drop constraint receipt_check;"
        "update landing.receipt set lines_delivered = lines_delivered + 1 where agency_code = 'park'",
    ),
    "an input answers for another agency": (
        "inputs",
        "insert into reference.agency values ('other');"
        "update core.submission set agency_code = 'other' where agency_code = 'park'",
    ),
    "an input answers another survey": (
        "inputs",
        "update core.submission set survey_code = 'battery-2026' where agency_code = 'park'",
    ),
    "an excluded product has no name": (
        "keys",
        "delete from city_order.product_version where product_name = 'kit'",
    ),
    "an exclusion is another agency's": (
        "keys",
        "update city_order.exclusion_version set agency_code = 'park'",
    ),
    "an exclusion is of a line that is not there": (
        "keys",
        "update city_order.exclusion_version set line_position = line_position + 100",
    ),
    "an order line is there twice": (
        "keys",
        "alter table city_order.order_line_version drop constraint order_line_pkey;"
        "update city_order.order_line_version set gross_quantity = 5, net_quantity = 5 where year = 2027;"
        "insert into city_order.order_line_version select * from city_order.order_line_version where year = 2027",
    ),
    "an amount is no number": (
        "bounds",
        "alter table city_order.order_line_version drop constraint order_line_amount_kopecks_check;"
        "update city_order.order_line_version set amount_kopecks = 'NaN', priced_share = 1",
    ),
    "a price is no number": (
        "bounds",
        "alter table city_order.product_version drop constraint product_upper_check;"
        "update city_order.product_version set prices = 1, price_lower_kopecks = 1, price_median_kopecks = 1,"
        " price_upper_kopecks = 'Infinity', price_spread = 0 where product_name = 'kit'",
    ),
    "more agencies ask than answered": (
        "bounds",
        "update city_order.order_line_version set agencies = 9, lines = 9",
    ),
}

#: The same of a release that replaces another, and of what it says that it changes.
UNTOLD = {
    "a change is not told": "delete from city_order.release_change where year = 2027",
    "more pieces change": "update city_order.release_change set gross_after = gross_after + 1 where year = 2027",
    "more net pieces change": "update city_order.release_change set net_before = net_before + 1 where year = 2027",
    "a greater amount changes": "update city_order.release_change set amount_after_kopecks = amount_after_kopecks + 1",
    "a change is nobody's": "update city_order.release_change set agency_code = null, cause = 'changed_model'",
}


@pytest.fixture
def draft(desk: Any) -> int:
    """A draft with something in each of its tables, after a history of every kind of receipt."""
    desk.survey("battery-2026", programme="battery")
    first = [{"product": "chip", "demand_2026": 1}]
    desk.submit("depot", first)
    again = desk.receipt("park")
    desk.submit("park", [{"product": "pump", "demand_2026": 7}], receipt_no=again)
    desk.submit("park", [{"product": "chip", "demand_2026": 7, "stock": 9}], receipt_no=again, rules="rules-2")
    lines = [
        {"product": "chip", "demand_2026": 3, "demand_2027": 10, "stock": 2, "outside_horizon": "2040:5"},
        {"product": "kit", "unit": "839", "demand_2026": 2},
    ]
    desk.submit("depot", lines, rejected=2)
    desk.submit("school")
    desk.submit("clinic", first)
    desk.withdraw("clinic")
    duplicate, rejected, _under_way = (desk.receipt("depot") for _ in range(3))
    desk.execute(
        "update landing.receipt set verdict = 'duplicate', lines_delivered = 2, lines_duplicate = 2,"
        " repeats_submission_id = (select max(submission_id) from core.submission) where receipt_no = %s",
        duplicate,
    )
    desk.execute(
        "update landing.receipt set verdict = 'rejected', lines_delivered = 3, lines_rejected = 3"
        " where receipt_no = %s",
        rejected,
    )
    return desk.build()


def _status(desk: Any, release_id: int) -> str:
    ((status,),) = desk.execute("select status from city_order.release where release_id = %s", release_id)
    return status


def test_the_audits_are_these_and_each_opens_with_its_law() -> None:
    files = {path.stem: path.read_text(encoding="utf-8") for path in (warehouse.SQL_FOLDER / "audits").glob("*.sql")}
    assert set(files) == AUDITS == {audit for audit, _ in DAMAGE.values()} | {"change_equation"}
    assert all(text.startswith("-- Law ") for text in files.values())


def test_a_right_release_passes_and_is_audited(desk: Any, draft: int) -> None:
    orders.audit(desk.dsns.builder, draft)
    assert _status(desk, draft) == "audited"
    orders.audit(desk.dsns.builder, draft)
    assert _status(desk, draft) == "audited"


def test_an_audit_finds_its_fault_and_only_that(desk: Any, draft: int, subtests: Any) -> None:
    desk.connection.autocommit = False
    for damage, (audit, statement) in DAMAGE.items():
        with subtests.test(damage):
            desk.execute(statement)
            assert list(releases.complaints(desk.cursor, draft)) == [audit]
        desk.connection.rollback()


def test_a_broken_release_stays_a_draft_and_the_message_says_why(desk: Any, draft: int) -> None:
    desk.execute("delete from city_order.order_line_version where year = 2027")
    with pytest.raises(orders.AuditFailed) as failure:
        orders.audit(desk.dsns.builder, draft)
    message = str(failure.value)
    assert f"Release {draft} of ecb-2026 stays draft" in message
    assert "quantity_equation: Law 3: what the accepted lines ask for" in message
    assert "unit=796, year=2027, accepted_quantity=10, ordered_quantity=0, excluded_quantity=0" in message
    assert "include/sql/audits/quantity_equation.sql" in message
    assert "What to do" in message
    assert _status(desk, draft) == "draft"


def test_a_long_list_of_rows_is_cut_and_a_missing_release_named(desk: Any) -> None:
    desk.submit("depot", [{"product": f"chip {number}", "demand_2026": 1} for number in range(9)])
    release_id = desk.build()
    desk.execute("update city_order.order_line_version set agencies = 2, lines = 2")
    with pytest.raises(orders.AuditFailed, match="… and more"):
        orders.audit(desk.dsns.builder, release_id)
    with pytest.raises(LookupError, match="There is no release 77"):
        orders.audit(desk.dsns.builder, 77)


def test_what_a_release_changes_is_told_whole(desk: Any, subtests: Any) -> None:
    """Each of the damages is found, and by no other audit; a release of before it was so is let pass."""
    desk.submit("depot", [{"product": "chip", "demand_2026": 1}])
    desk.publish()
    desk.submit("depot", [{"product": "chip", "demand_2026": 1, "demand_2027": 2, "unit_price_rub": 3}])
    release_id = desk.build()
    assert releases.complaints(desk.cursor, release_id) == {}
    desk.connection.autocommit = False
    for damage, statement in UNTOLD.items():
        with subtests.test(damage):
            desk.execute(statement)
            for whole in (True, False):
                assert list(releases.complaints(desk.cursor, release_id, whole=whole)) == ["change_equation"]
            desk.execute("update city_order.release set tells_every_change = false where release_id = %s", release_id)
            assert releases.complaints(desk.cursor, release_id) == {}
        desk.connection.rollback()


def test_the_amount_that_is_carried_on_is_looked_at_every_night(desk: Any) -> None:
    """A release that carries on from one of before amounts were recorded is held to what can be counted."""
    desk.submit("park", [{"product": "lamp", "demand_2026": 1, "unit_price_rub": 7}])
    desk.submit("depot", [{"product": "chip", "demand_2026": 1, "unit_price_rub": 3}])
    base = desk.publish()
    desk.submit("depot", [{"product": "chip", "demand_2026": 1, "unit_price_rub": 4}])
    release_id = desk.build()
    assert releases.complaints(desk.cursor, release_id, whole=False) == {}
    desk.execute("update city_order.release set amount_kopecks = 300 where release_id = %s", release_id)
    (complaint,) = releases.complaints(desk.cursor, release_id, whole=False).values()
    assert "amount_kopecks=300, amount_of_lines_kopecks=1100" in complaint
    desk.execute("alter table city_order.release disable trigger user")
    desk.execute("update city_order.release set amount_kopecks = null where release_id = %s", base)
    assert releases.complaints(desk.cursor, release_id, whole=False) == {}
    assert list(releases.complaints(desk.cursor, release_id)) == ["running_totals"]
