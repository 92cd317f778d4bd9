"""How a replay is told: what changed, nothing else, and safe against what was typed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from include.city_order import replay_words
from include.city_order.replay_words import (
    ROWS_SHOWN,
    ChangedAnswers,
    ChangedCause,
    ChangedFigure,
    ChangedOrder,
    ChangedReceipt,
    MovedLines,
    OrderTotals,
    Waiting,
)

RECEIPT = ChangedReceipt(
    7, "gorsvet", "accepted", "partly_accepted", 12, 11, True, True, {"L06": 1, "L10": 2}, {"L10": 2, "L12": 1}
)
MOVED = MovedLines("a", "b", "Кристалл-92|\n\x1b[31m", "К1986ВЕ92QI, ПКК Миландр", 3, 2, True, False)
ANSWERS = ChangedAnswers(
    "ecb-2026", False, 4, 20, 19, "2026-10-01-aaaaaaaa", "2026-10-01-bbbbbbbb", (RECEIPT,), (MOVED,)
)
NOTHING = replace(ANSWERS, is_dry_run=True, receipts=(), moved=())
ORDER = ChangedOrder(
    OrderTotals(
        6, 5, 100, 101, Decimal("50012.00"), Decimal(50000), Decimal("0.3"), Decimal("0.01"), None, Decimal("0.2")
    ),
    (
        ChangedCause(
            "changed_mapping",
            2,
            2,
            1,
            Decimal(12),
            Decimal("24.000"),
            Decimal(3),
            Decimal(3),
            Decimal(0),
            Decimal(1050),
        ),
    ),
    (
        ChangedFigure(
            "b",
            "Микроконтроллер",
            None,
            "796",
            2027,
            "changed_mapping",
            1,
            Decimal(0),
            Decimal("12.50"),
            Decimal(0),
            Decimal(7),
            Decimal(99),
            Decimal(99),
        ),
    ),
)


def test_the_terminal_is_told_who_ends_otherwise_by_which_rules_and_which_products_move() -> None:
    said = replay_words.answers_as_text(ANSWERS)
    assert "Replay of ecb-2026, number 4: 20 receipts of 19 agencies judged by rules 2026-10-01-aaaaaaaa" in said
    assert "Verdicts: 1 receipt ends otherwise." in said
    (row,) = (line.split("  ") for line in said.splitlines() if "gorsvet" in line)
    assert [cell.strip() for cell in row if cell.strip()] == [
        "7", "gorsvet", "accepted → partly_accepted", "12 → 11", "L06 -1, L12 +1",
    ]  # fmt: skip
    assert "Кристалл-92| [31m  merged into  К1986ВЕ92QI, ПКК Миландр  3      2" in said
    assert ANSWERS.counts == {"receipts_read": 20, "verdicts_changed": 1, "remarks_changed": 0, "lines_moved": 3}


def test_where_nothing_changes_that_is_said() -> None:
    assert replay_words.answers_as_text(NOTHING).splitlines()[2:] == [
        "Verdicts: none changes.",
        "",
        "Products: each line asks for the one that it asked for before.",
    ]
    assert replay_words.order_as_text("ecb-2026", None, is_dry_run=True) == "Order of ecb-2026: no figure changes."


def test_remarks_alone_are_told_apart_from_verdicts() -> None:
    same_verdict = replace(RECEIPT, verdict_after="accepted")
    fallen = replace(RECEIPT, receipt_no=8, verdict_after="accepted", stands_after=False)
    changed = replace(ANSWERS, receipts=(same_verdict, fallen))
    assert (changed.verdicts, changed.remarks) == ((fallen,), (same_verdict,))
    said = replay_words.answers_as_text(changed)
    assert "The same verdict with other remarks: 1 receipt." in said
    assert "stands no more" in said


def test_a_typed_text_breaks_no_table_of_markdown() -> None:
    said = replay_words.answers_as_markdown(ANSWERS)
    assert "| Кристалл-92\\| [31m | merged into | К1986ВЕ92QI, ПКК Миландр | 3 | 2 |" in said
    assert "\x1b" not in said


def test_an_order_is_told_by_cause_and_whether_a_person_is_asked() -> None:
    said = replay_words.order_as_text("ecb-2026", ORDER, is_dry_run=False)
    assert "against release 5, in release 6: 2 figures change, order lines 101 → 100, pieces 50,000 → 50,012." in said
    assert "the survey lets 20.0 % pass: a person is asked before it is published." in said
    assert [line.split() for line in said.splitlines() if "changed_mapping  " in line] == [
        ["changed_mapping", "2", "2", "1", "12", "→", "24", "3", "0", "→", "10.5"]
    ]
    assert [line.split() for line in said.splitlines() if "Микроконтроллер" in line] == [
        ["Микроконтроллер", "2027", "796", "0", "→", "12.5", "0", "→", "7", "0.99", "1", "changed_mapping"]
    ]
    by_itself = replace(ORDER, totals=replace(ORDER.totals, approval_share=Decimal("0.3")))
    assert "it is published by itself" in replay_words.order_as_markdown("ecb-2026", by_itself, is_dry_run=True)
    priced = replace(by_itself, totals=replace(by_itself.totals, changed_amount_share=Decimal("0.4")))
    assert (
        "Changed: 30.0 % of the pieces, 1.0 % of the order lines and 40.0 % of the amount; "
        "the survey lets 30.0 % pass: a person is asked before it is published."
    ) in replay_words.order_as_text("ecb-2026", priced, is_dry_run=True)
    first = replace(ORDER, totals=replace(ORDER.totals, replaces_release_id=None))
    assert "no release to compare with" in replay_words.order_as_text("ecb-2026", first, is_dry_run=True)


def test_long_tables_are_cut_and_say_so() -> None:
    many = replace(ANSWERS, receipts=tuple(replace(RECEIPT, receipt_no=number) for number in range(ROWS_SHOWN + 5)))
    said = replay_words.answers_as_text(many)
    assert f"Verdicts: {ROWS_SHOWN + 5} receipts end otherwise." in said
    assert "… and 5 more" in said
    assert said.count("gorsvet") == ROWS_SHOWN


WAITING = Waiting(replace(ORDER.totals, release_id=4, order_lines=102, pieces=Decimal(60000)), 899, "Declined by X.")


def told(totals: OrderTotals, figures: bool, waiting: Waiting) -> str:
    order = ChangedOrder(totals, ORDER.causes if figures else (), ORDER.figures if figures else (), waiting)
    return replay_words.order_as_text("ecb-2026", order, is_dry_run=True)


def test_what_waits_already_is_told_beside_what_the_replay_changes() -> None:
    said = told(ORDER.totals, True, WAITING).split("\n\n")
    assert said[0].startswith(
        "Order of ecb-2026: this replay changes 2 figures beside what waits already, "
        "order lines 102 → 100, pieces 60,000 → 50,012."
    )
    assert said[1].startswith("The figures that change most")
    assert said[2:] == [
        "Without this replay 899 figures wait already, against release 5: Declined by X.",
        "All of it together, against release 5: order lines 101 → 100, pieces 50,000 → 50,012. "
        "Changed: 30.0 % of the pieces and 1.0 % of the order lines; the survey lets 20.0 % pass: "
        "a person is asked before it is published.",
    ]


def test_nobody_is_told_to_be_asked_again_about_what_is_held_and_stays() -> None:
    said = told(WAITING.totals, False, WAITING)
    assert said.startswith("Order of ecb-2026: this replay changes no figure.\n\nWithout this replay 899 figures wait")
    assert said.endswith("Declined by X. This replay builds nothing new: that stays as it is.")
    not_built = told(WAITING.totals, False, replace(WAITING, held=""))
    assert "899 figures wait already, against release 5: accepted, and taken into the order by the next" in not_built
    assert "a person is asked before it is published" in not_built


def test_what_a_replay_takes_back_leaves_nothing_to_ask_about() -> None:
    said = told(replay_words.taken_back(WAITING.totals), True, WAITING)
    assert "this replay changes 2 figures beside what waits already, order lines 102 → 101" in said
    assert said.endswith("This replay takes all of that back: release 5 stays.")
