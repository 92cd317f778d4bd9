"""Judge a survey's archived answers again, by today's rules and references, and tell what that changes.

A replay is a part of a night without an inbox: the same reading, judging and loading, over the receipts of a survey
that stand or could stand. What superseded revisions were judged by stays, unless all history is asked for. A dry run
does the same in a rehearsal of the warehouse, and drafts the order that would come of it; nothing of that stays.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor

from include.city_order import forms, intake, orders, references, releases, replay_words, warehouse
from include.city_order.replay_words import (
    ChangedAnswers,
    ChangedCause,
    ChangedFigure,
    ChangedOrder,
    ChangedReceipt,
    MovedLines,
    OrderTotals,
    Waiting,
)
from include.city_order.site import Site

log = logging.getLogger(__name__)

#: Receipts that a dry run reads before it says how far it is.
RECEIPTS_AT_A_TIME = 20


class CannotReplay(ValueError):
    """What was asked for cannot be replayed: says why, and what to do."""


@dataclass(frozen=True)
class Asked:
    """What a person wants judged again. No agencies: all. `with_history`: superseded revisions, too."""

    survey_code: str
    agencies: tuple[str, ...] = ()
    with_history: bool = False
    requested_by: str = ""
    reason: str = ""


def expect_known(surveys: Path, reference: Path, asked: Asked) -> None:
    """Raise forms.Unknown for a survey or an agency that there is not; SurveyError, ReferenceError for a wrong file."""
    forms.find(surveys, asked.survey_code)
    references.expect_right(surveys, reference)
    for agency_code in asked.agencies:
        forms.expect_known(reference, agency_code)


def rehearse(site: Site, asked: Asked) -> tuple[ChangedAnswers, ChangedOrder | None]:
    """What a replay would change of the answers, and of the order; None if nothing new is or becomes of the order.

    What waits to be published without it is told apart: the replay's own changes are against that. Nothing is stored.
    Role: city_order_ingest. Raises as `begin` does, but needs no reason.
    """
    expect_known(site.surveys, site.reference, asked)
    with warehouse.rehearsal(site.warehouse):
        unnamed = Asked(asked.survey_code, asked.agencies, asked.with_history, "nobody", "a dry run")
        replay_id, to_read = _register(site.warehouse, unnamed, run_key="")
        receipts = [receipt_no for receipt_no, _ in to_read]
        # The references come last: until they are changed, no run has to wait for this one.
        for place in range(0, len(receipts), RECEIPTS_AT_A_TIME):
            intake.read(site, receipts[place : place + RECEIPTS_AT_A_TIME])
            log.info("%d of %d receipts read", min(place + RECEIPTS_AT_A_TIME, len(receipts)), len(receipts))
        waiting = _waiting(site.warehouse, asked.survey_code)
        references.refresh(site.warehouse, site.surveys, site.reference)
        log.info("Judging %d receipts", len(receipts))
        _settle(site, replay_id, intake.judge(site, receipts))
        log.info("Drafting the order of %s", asked.survey_code)
        draft_id = orders.rehearse(site.warehouse, asked.survey_code)
        with warehouse.transaction(site.warehouse) as cursor:
            return _answers(cursor, replay_id), _rehearsed_order(cursor, draft_id, waiting)


def rehearse_and_tell(site: Site, asked: Asked) -> dict[str, int]:
    """Tell in the log what a replay would change; returns how much. As `rehearse`."""
    changed, order = rehearse(site, asked)
    log.info("%s", replay_words.answers_as_markdown(changed))
    log.info("%s", replay_words.order_as_markdown(asked.survey_code, order, is_dry_run=True))
    return {**changed.counts, "figures_changed": order.figures_changed if order else 0}


def begin(site: Site, asked: Asked, run_key: str, *, slots: int) -> list[list[int]]:
    """Bring references up to date, record the replay, and say which receipts to read, in at most `slots` chunks.

    `run_key` is the run: a repeated one goes on with its replay. Role: city_order_ingest. Raises CannotReplay without
    a reason or receipts, forms.Unknown for an unknown survey or agency, SurveyError or ReferenceError if a file is
    wrong.
    """
    if not asked.reason.strip() or not asked.requested_by.strip():
        raise CannotReplay("Say why the answers are judged again, and who wants it: both are recorded")
    expect_known(site.surveys, site.reference, asked)
    references.refresh(site.warehouse, site.surveys, site.reference)
    _, to_read = _register(site.warehouse, asked, run_key)
    return intake.chunks(to_read, slots)


def load(site: Site, run_key: str, receipts: list[int]) -> list[int]:
    """Load what the run has judged, record how its receipts ended, and tell it in the log.

    Returns all receipts that were looked at, for their answers. Role: city_order_ingest.
    """
    with warehouse.transaction(site.warehouse) as cursor:
        replay_id = _replay(cursor, run_key)["replay_id"]
    looked_at = _settle(site, replay_id, receipts)
    log.info("%s", replay_words.answers_as_markdown(answers(site.warehouse, run_key)))
    return looked_at


def answers(dsn: str, run_key: str) -> ChangedAnswers:
    """What the replay of a run changed. Any role that reads core may ask. LookupError if the run made none."""
    with warehouse.transaction(dsn) as cursor:
        return _answers(cursor, _replay(cursor, run_key)["replay_id"])


def newest_release(dsn: str, survey_code: str) -> int | None:
    """The last release of a survey, published or not."""
    with warehouse.transaction(dsn) as cursor:
        cursor.execute("select max(release_id) from city_order.release where survey_code = %s", (survey_code,))
        ((release_id,),) = cursor.fetchall()
    return release_id


def order(dsn: str, release_id: int) -> ChangedOrder:
    """What a release changes of the one that it replaces. LookupError if there is no such release."""
    with warehouse.transaction(dsn) as cursor:
        return _order(cursor, release_id)


def _register(dsn: str, asked: Asked, run_key: str) -> tuple[int, list[tuple[int, int]]]:
    """Record a replay and its receipts as they are now; what is recorded already stays.

    Returns its number, and number and bytes of the receipts to read, the largest first. Raises CannotReplay if there
    are none.
    """
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(
            "insert into core.replay (run_key, survey_code, agencies, with_history, requested_by, reason)"
            " values (%s, %s, %s, %s, %s, %s) on conflict (run_key) do nothing",
            (run_key, asked.survey_code, list(asked.agencies), asked.with_history, asked.requested_by, asked.reason),
        )
        replay_id: int = _replay(cursor, run_key)["replay_id"]
        cursor.execute(
            warehouse.statement("replay/receipts"),
            {
                "replay_id": replay_id,
                "survey_code": asked.survey_code,
                "agencies": list(asked.agencies),
                "with_history": asked.with_history,
            },
        )
        cursor.execute(
            "select receipt_no, size_bytes from core.replayed_receipt inner join landing.receipt using (receipt_no)"
            " where replay_id = %s and is_read_again order by size_bytes desc, receipt_no",
            (replay_id,),
        )
        to_read = cursor.fetchall()
        if not to_read:
            whom = f"{', '.join(asked.agencies)} in {asked.survey_code}" if asked.agencies else asked.survey_code
            raise CannotReplay(f"Nothing has been received from {whom}: there is nothing to judge again")
    return replay_id, to_read


def _settle(site: Site, replay_id: int, receipts: list[int]) -> list[int]:
    """Load what was judged, and record how all receipts of the replay ended; returns those that were looked at."""
    looked_at = set(intake.load(site, receipts))
    tried = set(receipts)
    while fallen := [receipt_no for receipt_no in _fallen_back(site.warehouse, replay_id) if receipt_no not in tried]:
        log.info("%d receipts stand again that were superseded before: judged again, too", len(fallen))
        tried.update(fallen)
        intake.read(site, fallen)
        looked_at.update(intake.load(site, intake.judge(site, fallen)))
    with warehouse.transaction(site.warehouse) as cursor:
        cursor.execute(warehouse.statement("replay/outcome"), {"replay_id": replay_id})
        cursor.execute(
            "update core.replay set ended_at = now(), rules_version = survey.rules_version,"
            " reference_version = survey.reference_version from reference.survey"
            " where replay_id = %s and survey.survey_code = replay.survey_code",
            (replay_id,),
        )
        cursor.execute(
            "update core.replayed_receipt set is_read_again = true where replay_id = %s and receipt_no = any(%s)",
            (replay_id, list(tried)),
        )
    return sorted(looked_at)


def _fallen_back(dsn: str, replay_id: int) -> list[int]:
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(warehouse.statement("replay/fallen_back"), {"replay_id": replay_id})
        return [receipt_no for (receipt_no,) in cursor.fetchall()]


def _replay(cursor: Cursor, run_key: str) -> Mapping[str, Any]:
    cursor.execute("select * from core.replay where run_key = %s", (run_key,))
    for found in warehouse.rows(cursor):
        return found
    raise LookupError(f"The run {run_key} has begun no replay.")


def _answers(cursor: Cursor, replay_id: int) -> ChangedAnswers:
    cursor.execute(
        "select replay.*, count(*) filter (where is_read_again) as receipts_read,"
        " count(distinct agency_code) filter (where is_read_again) as agencies_read"
        " from core.replay inner join core.replayed_receipt using (replay_id)"
        " inner join landing.receipt using (receipt_no) where replay_id = %s group by replay_id",
        (replay_id,),
    )
    (found,) = warehouse.rows(cursor)
    return ChangedAnswers(
        survey_code=found["survey_code"],
        is_dry_run=not found["run_key"],
        replay_id=replay_id,
        receipts_read=found["receipts_read"],
        agencies=found["agencies_read"],
        rules_version=found["rules_version"] or "",
        reference_version=found["reference_version"] or "",
        receipts=tuple(ChangedReceipt(**row) for row in _select(cursor, "changed_receipts", replay_id=replay_id)),
        moved=tuple(MovedLines(**row) for row in _select(cursor, "moved_lines", replay_id=replay_id)),
    )


def _waiting(dsn: str, survey_code: str) -> Waiting | None:
    """What a rehearsed replay finds new of an order, before it changes anything; None if no figure of it is."""
    with warehouse.transaction(dsn) as cursor:
        if not releases.published(cursor, survey_code):
            return None
    held = orders.held(dsn).get(survey_code, "")
    # What is held is built already; anything else has to be drafted to be known.
    release_id = orders.rehearse(dsn, survey_code)
    if not release_id:
        return None
    with warehouse.transaction(dsn) as cursor:
        order = _order(cursor, release_id)
    return Waiting(order.totals, order.figures_changed, held) if order.figures_changed else None


def _rehearsed_order(cursor: Cursor, draft_id: int | None, waiting: Waiting | None) -> ChangedOrder | None:
    order = _order(cursor, draft_id) if draft_id else None
    if waiting is None:
        return order
    if order and order.figures_changed:
        return _changed(cursor, order.totals, draft_id, waiting)
    return _changed(cursor, replay_words.taken_back(waiting.totals), None, waiting)


def _order(cursor: Cursor, release_id: int) -> ChangedOrder:
    return _changed(cursor, _totals(cursor, release_id), release_id, None)


def _totals(cursor: Cursor, release_id: int) -> OrderTotals:
    for found in _select(cursor, "order_totals", release_id=release_id):
        return OrderTotals(**found)
    raise LookupError(f"There is no release {release_id}. It may be of another warehouse.")


def _changed(cursor: Cursor, totals: OrderTotals, release_id: int | None, waiting: Waiting | None) -> ChangedOrder:
    """What a release (None: the published one as it is) changes of that which waits, else of the one it replaces."""
    sides = {
        "release_id": release_id,
        "waiting_release_id": waiting.totals.release_id if waiting else None,
        "replaces_release_id": totals.replaces_release_id,
    }
    return ChangedOrder(
        totals,
        tuple(ChangedCause(**row) for row in _select(cursor, "changed_causes", **sides)),
        tuple(ChangedFigure(**row) for row in _select(cursor, "changed_figures", **sides)),
        waiting,
    )


def _select(cursor: Cursor, statement: str, **parameters: int | None) -> list[dict[str, Any]]:
    cursor.execute(warehouse.statement(f"replay/{statement}"), parameters)
    return warehouse.rows(cursor)
