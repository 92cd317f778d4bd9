"""The verdicts of one agency's receipts, and which of them stands."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.city_order import verdicts
from include.city_order.verdicts import LOADABLE, QUARANTINED, REJECTED, Judged, Settled


def receipt(number: int, said: str) -> Judged:
    """One receipt: `a` is content, `a!` has a warning, `a-` a rejected line, `a=` a repeated one, `0` is a nil return,
    `r` is rejected, `q` quarantined."""
    if said in "rq":
        return Judged(number, REJECTED if said == "r" else QUARANTINED, said, 3, 0, 3, 0, 0)
    if said == "0":
        return Judged(number, LOADABLE, "nil", 0, 0, 0, 0, 0)
    rejected, duplicate, warnings = said.count("-"), said.count("="), said.count("!")
    return Judged(number, LOADABLE, said[0], 5, 5 - rejected - duplicate, rejected, duplicate, warnings)


def settle(story: str) -> list[Settled]:
    return verdicts.settle([receipt(number, said) for number, said in enumerate(story.split(), start=1)])


@pytest.mark.parametrize(
    ("story", "ended", "stands"),
    [
        ("a", "accepted", 1),
        ("0", "accepted", 1),
        ("a!", "accepted_with_warnings", 1),
        ("a=", "accepted_with_warnings", 1),
        ("a-", "partly_accepted", 1),
        ("a-!", "partly_accepted", 1),
        ("r", "rejected", None),
        ("q", "quarantined", None),
        ("a b", "accepted accepted", 2),
        ("a a", "accepted duplicate", 1),
        ("a a a", "accepted duplicate duplicate", 1),
        ("a- a-", "partly_accepted duplicate", 1),
        ("a b a", "accepted accepted accepted", 3),
        ("a b b a", "accepted accepted duplicate accepted", 4),
        ("a r", "accepted rejected", 1),
        ("a q", "accepted quarantined", 1),
        ("a r a", "accepted rejected accepted", 3),
        ("r a", "rejected accepted", 2),
        ("r r", "rejected rejected", None),
        ("0 0", "accepted duplicate", 1),
        ("a 0", "accepted accepted", 2),
        ("", "", None),
    ],
)
def test_a_story_ends(story: str, ended: str, stands: int | None):
    settled = settle(story)
    assert " ".join(result.verdict for result in settled) == ended
    standing = [result.receipt_no for result in settled if result.loads and result.superseded_by is None]
    assert standing == ([] if stands is None else [stands])


def test_a_duplicate_repeats_what_stood_then_and_has_no_line_of_its_own():
    first, second, third, fourth, fifth = settle("a a b b a")
    assert (second.repeats, fourth.repeats) == (1, 3)
    assert (second.loads, second.lines_duplicate, second.lines_accepted) == (False, 5, 0)
    assert (first.superseded_by, third.superseded_by, fifth.superseded_by) == (3, 5, None)
    assert (first.lines_superseded, third.lines_superseded, fifth.lines_accepted) == (5, 5, 5)


def test_lines_of_a_refused_receipt_are_rejected():
    rejected, quarantined = settle("r q")
    assert rejected.lines_rejected == quarantined.lines_rejected == 3


def test_a_superseded_receipt_keeps_its_rejected_lines():
    first, _ = settle("a-= b")
    assert (first.lines_accepted, first.lines_superseded, first.lines_rejected, first.lines_duplicate) == (0, 3, 1, 1)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"quarantined": True, "file_errors": 1}, QUARANTINED),
        ({"file_errors": 1}, REJECTED),
        ({"lines_accepted": 0}, REJECTED),
        ({"lines_accepted": 1}, LOADABLE),
        ({"lines_delivered": 0, "lines_accepted": 0}, LOADABLE),
    ],
)
def test_what_a_receipt_is_worth_by_itself(facts: dict[str, int], expected: str):
    whole = {"quarantined": False, "file_errors": 0, "lines_delivered": 3, "lines_accepted": 3}
    assert verdicts.outcome(**{**whole, **facts}) == expected  # type: ignore[arg-type]


STORIES = st.lists(st.sampled_from(["a", "b", "c", "a-", "b!", "0", "r", "q"]), min_size=1, max_size=9).map(" ".join)


@given(STORIES)
def test_counts_add_up_and_at_most_one_stands(story: str):
    settled = settle(story)
    judged = [receipt(number, said) for number, said in enumerate(story.split(), start=1)]
    for result, given_receipt in zip(settled, judged, strict=True):
        four = (result.lines_accepted, result.lines_rejected, result.lines_superseded, result.lines_duplicate)
        assert min(four) >= 0
        assert sum(four) == given_receipt.lines_delivered
        assert result.loads == (given_receipt.outcome == LOADABLE and result.repeats is None)
    standing = [result.receipt_no for result in settled if result.loads and result.superseded_by is None]
    loadable = [judged_receipt.receipt_no for judged_receipt in judged if judged_receipt.outcome == LOADABLE]
    assert len(standing) == (1 if loadable else 0)
    # What stands says what the last loadable receipt says.
    contents = {judged_receipt.receipt_no: judged_receipt.content_sha256 for judged_receipt in judged}
    assert [contents[number] for number in standing] == [contents[number] for number in loadable[-1:]]


@given(STORIES, st.integers(0, 8))
def test_a_receipt_never_changes_what_was_before_it_but_to_supersede(story: str, cut: int):
    whole = settle(story)
    part = settle(" ".join(story.split()[:cut]))
    for early, late in zip(part, whole, strict=False):
        assert (early.verdict, early.loads, early.repeats) == (late.verdict, late.loads, late.repeats)
        assert early.superseded_by in (None, late.superseded_by)
        lines = early.lines_accepted + early.lines_superseded
        assert replace(late, superseded_by=None, lines_accepted=lines, lines_superseded=0) == replace(
            early, superseded_by=None, lines_accepted=lines, lines_superseded=0
        )
