"""How receipts end: the verdict of each, and which submission of an agency stands. Pure functions.

`settle` looks at all judged receipts of one (survey, agency) at once, in their order. It knows nothing of when
each arrived or was judged, so that any order of arrival gives the same standing submission.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.city_order.vocabulary import Verdict

QUARANTINED = "quarantined"
REJECTED = "rejected"
LOADABLE = "loadable"


@dataclass(frozen=True)
class Judged:
    """One receipt under the judgement that stands. `content_sha256` is None if nothing could be read."""

    receipt_no: int
    outcome: str
    content_sha256: str | None
    lines_delivered: int
    lines_accepted: int
    lines_rejected: int
    lines_duplicate: int
    warnings: int


@dataclass(frozen=True)
class Settled:
    """How one receipt ended.

    `repeats` is the receipt whose submission a duplicate repeats; `superseded_by` the receipt whose submission
    replaced this one's. `loads` says whether it has a submission of its own. The four counts add up to the lines
    delivered.
    """

    receipt_no: int
    verdict: Verdict
    loads: bool
    repeats: int | None
    superseded_by: int | None
    lines_accepted: int
    lines_rejected: int
    lines_superseded: int
    lines_duplicate: int


def outcome(*, quarantined: bool, file_errors: int, lines_delivered: int, lines_accepted: int) -> str:
    """What a receipt is worth by itself, the first that fits. A nil return has no line, and is loadable."""
    if quarantined:
        return QUARANTINED
    if file_errors or (lines_delivered and not lines_accepted):
        return REJECTED
    return LOADABLE


def settle(receipts: Sequence[Judged]) -> list[Settled]:
    """The verdicts of one agency's receipts in one survey, which are given in the receipts' order.

    A receipt with the same content as the one before it is a duplicate of the submission that stood then; a copy of
    an older one is a new revision: the agency went back. The last that loads stands.
    """
    repeats: dict[int, int] = {}
    loads: list[int] = []
    previous: Judged | None = None
    for receipt in receipts:
        if receipt.outcome == LOADABLE:
            same = previous is not None and previous.content_sha256 == receipt.content_sha256
            if same and previous is not None and previous.outcome == LOADABLE:
                repeats[receipt.receipt_no] = loads[-1]
            else:
                loads.append(receipt.receipt_no)
        previous = receipt
    following: list[int | None] = [*loads[1:], None]
    next_loaded = dict(zip(loads, following, strict=False))
    return [_settled(receipt, repeats.get(receipt.receipt_no), next_loaded) for receipt in receipts]


def _settled(receipt: Judged, repeats: int | None, next_loaded: dict[int, int | None]) -> Settled:
    verdict = _verdict(receipt, repeats)
    loads = receipt.receipt_no in next_loaded
    superseded_by = next_loaded.get(receipt.receipt_no)
    accepted = rejected = superseded = duplicate = 0
    if repeats is not None:
        duplicate = receipt.lines_delivered
    elif not loads:
        rejected = receipt.lines_delivered
    else:
        rejected, duplicate = receipt.lines_rejected, receipt.lines_duplicate
        if superseded_by is None:
            accepted = receipt.lines_accepted
        else:
            superseded = receipt.lines_accepted
    return Settled(
        receipt.receipt_no, verdict, loads, repeats, superseded_by, accepted, rejected, superseded, duplicate
    )


def _verdict(receipt: Judged, repeats: int | None) -> Verdict:
    if receipt.outcome == QUARANTINED:
        return Verdict.QUARANTINED
    if receipt.outcome == REJECTED:
        return Verdict.REJECTED
    if repeats is not None:
        return Verdict.DUPLICATE
    if receipt.lines_rejected:
        return Verdict.PARTLY_ACCEPTED
    if receipt.warnings or receipt.lines_duplicate:
        return Verdict.ACCEPTED_WITH_WARNINGS
    return Verdict.ACCEPTED
