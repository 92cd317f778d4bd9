"""What stands between an audited release and its readers: a brake that a person set, a change that one must approve."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from include.city_order import warehouse


class Held(Exception):
    """A release may not be published as things stand. The message says why, and who may do what."""


def set_brake(dsn: str, survey_code: str, who: str, why: str) -> str:
    """Stop publishing a survey until the brake is lifted: releases are built and audited all the same.

    Returns a sentence; a brake that is set already stays as it is. Raises ValueError without `who` or `why`.
    """
    demand_told(who=who, why=why)
    with warehouse.transaction(dsn) as cursor:
        # A publication that is under way ends before the brake is set: after that, there is none.
        warehouse.lock(cursor, f"publish {survey_code}")
        cursor.execute(
            "insert into city_order.brake (survey_code, set_by, reason) values (%s, %s, %s)"
            " on conflict (survey_code) where lifted_at is null do nothing",
            (survey_code, who, why),
        )
        new = cursor.rowcount
        brake = _brake(cursor, survey_code)
    assert brake
    return f"{'' if new else 'Already: '}{_brake_in_words(survey_code, brake)}"


def lift_brake(dsn: str, survey_code: str, who: str) -> str:
    """Let releases of a survey be published again. Returns a sentence; LookupError if no brake is set."""
    demand_told(who=who)
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(
            "update city_order.brake set lifted_at = now(), lifted_by = %s"
            " where survey_code = %s and lifted_at is null",
            (who, survey_code),
        )
        if not cursor.rowcount:
            raise LookupError(f"No brake is set on {survey_code}.")
    return f"The brake on {survey_code} is lifted by {who}: the next build publishes what stands."


def ask_if_much_changes(cursor: Cursor, release: Mapping[str, Any]) -> None:
    """Let an audited release wait for a person if it changes more than its survey lets pass by itself."""
    cursor.execute("select approval_share from reference.survey where survey_code = %s", (release["survey_code"],))
    ((limit,),) = cursor.fetchall()
    if release["rolled_back_to_release_id"] or limit is None:
        return
    changed = (("gross pieces", release["changed_gross_share"]), ("order lines", release["changed_lines_share"]))
    why = [f"{_percent(share)} of the {what}" for what, share in changed if share is not None and share > limit]
    if why:
        cursor.execute(
            "insert into city_order.approval (release_id, why) values (%s, %s) on conflict do nothing",
            (
                release["release_id"],
                f"It changes {' and '.join(why)} of release {release['replaces_release_id']}; "
                f"{release['survey_code']} lets {_percent(limit)} pass by itself.",
            ),
        )


def waiting(dsn: str) -> list[dict[str, Any]]:
    """Releases that wait for a person, the oldest first: release_id, survey_code, why, asked_at."""
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(
            "select approval.release_id, release.survey_code, approval.why, approval.asked_at"
            " from city_order.approval inner join city_order.release using (release_id)"
            " where approval.decision is null and release.status = 'audited' order by approval.release_id"
        )
        return warehouse.rows(cursor)


def decide(dsn: str, release_id: int, *, approve: bool, who: str, comment: str = "") -> str:
    """Record what a person decides about a release that waits; publish an approved one with `orders.publish`.

    Returns a sentence. A decision stays: raises ValueError if another was made, LookupError if none is waited for.
    """
    demand_told(who=who)
    decision = "approved" if approve else "declined"
    with warehouse.transaction(dsn) as cursor:
        cursor.execute("select * from city_order.approval where release_id = %s for update", (release_id,))
        found = warehouse.rows(cursor)
        if not found:
            raise LookupError(f"Release {release_id} waits for nobody.")
        before = found[0]
        if before["decision"] not in (None, decision):
            raise ValueError(f"Release {release_id} was {before['decision']} by {before['decided_by']}: that stays.")
        if before["decision"] is None:
            cursor.execute(
                "update city_order.approval set decision = %s, decided_by = %s, decided_at = now(), comment = %s"
                " where release_id = %s",
                (decision, who, comment, release_id),
            )
    return f"Release {release_id} is {decision} by {before['decided_by'] or who}."


def demand_free(cursor: Cursor, release: Mapping[str, Any]) -> None:
    """Raise Held if a brake is set on the survey, or if a person has not approved the release.

    A roll-back passes: a person decided it, and it sets the brake itself.
    """
    if release["rolled_back_to_release_id"]:
        return
    if brake := _brake(cursor, release["survey_code"]):
        raise Held(_brake_in_words(release["survey_code"], brake))
    cursor.execute("select * from city_order.approval where release_id = %s", (release["release_id"],))
    for approval in warehouse.rows(cursor):
        if approval["decision"] is None:
            raise Held(f"Release {release['release_id']} waits for approval. {approval['why']}")
        if approval["decision"] == "declined":
            raise Held(
                f"Release {release['release_id']} was declined by {approval['decided_by']}: {approval['comment']}. "
                "What is published stays until the input changes."
            )


def _brake(cursor: Cursor, survey_code: str) -> dict[str, Any] | None:
    cursor.execute("select * from city_order.brake where survey_code = %s and lifted_at is null", (survey_code,))
    return next(iter(warehouse.rows(cursor)), None)


def _brake_in_words(survey_code: str, brake: Mapping[str, Any]) -> str:
    return (
        f"A brake is set on {survey_code} by {brake['set_by']}: {brake['reason']}. "
        "Releases end as audited until it is lifted."
    )


def demand_told(**texts: str) -> None:
    """Raise ValueError if something that is recorded of a person's decision is blank."""
    for name, text in texts.items():
        if not text.strip():
            raise ValueError(f"Say {name}: it is recorded.")


def _percent(share: Decimal) -> str:
    return f"{share * 100:.1f} %"
