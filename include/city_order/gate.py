"""What stands between an audited release and its readers: a brake that a person set, a change that one must approve."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from include.city_order import questions, warehouse
from include.city_order.vocabulary import DECISION_PATIENCE

#: So many changes of each cause, and so many agencies, does a question show.
CHANGES_SHOWN = 5


class Held(Exception):
    """A release may not be published as things stand. The message says why, and who may do what."""


class Decided(Exception):
    """What was to be decided about a release has been decided otherwise, and stays so. The message says how."""


class NothingToAsk(Exception):
    """A release waits for no answer, or another run asks for it already. The message says which."""


def set_brake(dsn: str, survey_code: str, who: str, why: str) -> str:
    """Stop publishing a survey until the brake is lifted: releases are built and audited all the same.

    Returns a sentence; a brake that is set already stays as it is. Raises ValueError without `who` or `why`,
    LookupError if the warehouse knows no such survey.
    """
    demand_told(who=who, why=why)
    with warehouse.transaction(dsn) as cursor:
        _expect_known(cursor, survey_code)
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
    told = _brake_in_words(survey_code, brake)
    if new:
        return told
    return f"Already: {told} Your reason is not recorded: to change it, lift the brake and set it anew."


def lift_brake(dsn: str, survey_code: str, who: str) -> str:
    """Let releases of a survey be published again. Returns a sentence; LookupError if no brake is set."""
    demand_told(who=who)
    with warehouse.transaction(dsn) as cursor:
        _expect_known(cursor, survey_code)
        cursor.execute(
            "update city_order.brake set lifted_at = now(), lifted_by = %s"
            " where survey_code = %s and lifted_at is null",
            (who, survey_code),
        )
        if not cursor.rowcount:
            raise LookupError(f"No brake is set on {survey_code}.")
    return (
        f"The brake on {survey_code} is lifted by {who}: "
        "the next build publishes what stands, or asks first if it changes much."
    )


def let_wait(cursor: Cursor, release: Mapping[str, Any]) -> None:
    """Let an audited release wait for a person if it changes much; those before it wait no longer."""
    _ask_if_much_changes(cursor, release)
    # Two audits of a survey at once would not see each other's questions. Also the release itself waits no longer, if
    # a later one was audited before it.
    warehouse.lock(cursor, f"ask about {release['survey_code']}")
    cursor.execute(
        "select max(release_id) from city_order.release where survey_code = %s and status <> 'draft'",
        (release["survey_code"],),
    )
    ((latest,),) = cursor.fetchall()
    end_questions(cursor, release["survey_code"], but=latest)


def end_questions(cursor: Cursor, survey_code: str, *, but: int | None) -> list[int]:
    """End a survey's open questions as overtaken, but one; returns the releases that they were about."""
    cursor.execute(
        """
        update city_order.approval set decision = 'overtaken', decided_at = now()
        from city_order.release
        where
            approval.release_id = release.release_id and release.survey_code = %s
            and approval.decision is null and approval.release_id is distinct from %s
        returning approval.release_id
        """,
        (survey_code, but),
    )
    return [release_id for (release_id,) in cursor.fetchall()]


def _ask_if_much_changes(cursor: Cursor, release: Mapping[str, Any]) -> None:
    cursor.execute("select approval_share from reference.survey where survey_code = %s", (release["survey_code"],))
    ((limit,),) = cursor.fetchall()
    if release["rolled_back_to_release_id"] or limit is None:
        return
    changed = [(release[column], what) for column, what in questions.SHARES.items() if release[column] is not None]
    if why := [f"{_percent(share)} of the {what}" for share, what in changed if share > limit]:
        cursor.execute(
            "insert into city_order.approval (release_id, why) values (%s, %s) on conflict do nothing",
            (
                release["release_id"],
                f"It changes {questions.listed(why)} of release {release['replaces_release_id']}; "
                f"{release['survey_code']} lets {_percent(limit)} pass by itself.",
            ),
        )


def waiting(dsn: str) -> list[dict[str, Any]]:
    """Releases that wait for a person, the oldest first.

    Each has release_id, survey_code, why, asked_at; and asked_in_run, None until a run of `approve_release` asks.
    """
    with warehouse.transaction(dsn) as cursor:
        return open_questions(cursor)


def open_questions(cursor: Cursor) -> list[dict[str, Any]]:
    """As `waiting`, in a transaction that is under way."""
    cursor.execute(
        "select approval.release_id, release.survey_code, approval.why, approval.asked_at, approval.asked_in_run"
        " from city_order.approval inner join city_order.release using (release_id)"
        " where approval.decision is null and release.status = 'audited' order by approval.release_id"
    )
    return warehouse.rows(cursor)


def key_if_waiting(dsn: str, release_id: int) -> str | None:
    """The partition key under which a release is asked about, if it waits for a person."""
    for found in waiting(dsn):
        if found["release_id"] == release_id:
            return questions.key(found["survey_code"], release_id)
    return None


def ask(dsn: str, partition_key: str, run_id: str, *, in_any_case: bool = False) -> dict[str, Any]:
    """Let a run of `approve_release` ask about a release; returns release_id, subject and body.

    Of several runs one asks, unless it is told to in any case; once it has waited too long, another may.
    Raises NothingToAsk if it is not this one or if all is decided, LookupError if the key names no release.
    """
    survey_code, release_id = questions.release_of(partition_key)
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(
            "select approval.*, clock_timestamp() < approval.expires_at as is_open"
            " from city_order.release left join city_order.approval using (release_id)"
            " where release.release_id = %s and release.survey_code = %s for update of release",
            (release_id, survey_code),
        )
        found = warehouse.rows(cursor)
        if not found:
            raise LookupError(f"There is no release {release_id} of {survey_code}.")
        approval = found[0]
        if approval["release_id"] is None:
            raise NothingToAsk(f"Release {release_id} of {survey_code} waits for nobody.")
        if approval["decision"]:
            raise NothingToAsk(_sentence(_decision_in_words(approval)))
        if approval["is_open"] and approval["asked_in_run"] != run_id and not in_any_case:
            raise NothingToAsk(f"Release {release_id} of {survey_code} is asked about in {approval['asked_in_run']}.")
        cursor.execute(
            "update city_order.approval set asked_in_run = %s, expires_at = clock_timestamp() + %s"
            " where release_id = %s",
            (run_id, DECISION_PATIENCE, release_id),
        )
        facts = {"release_id": release_id, "shown": CHANGES_SHOWN}
        cursor.execute(warehouse.statement("orders/question"), facts)
        (release,) = warehouse.rows(cursor)
        told = {}
        for name in ("changes_by_cause", "changes_by_agency", "declined_before"):
            cursor.execute(warehouse.statement(f"orders/{name}"), facts)
            told[name] = warehouse.rows(cursor)
        return {
            "release_id": release_id,
            "subject": questions.subject(release),
            "body": questions.body(release, **told),
        }


def decide(dsn: str, release_id: int, *, approve: bool, who: str, comment: str = "") -> str:
    """Record what a person decides about a release that waits; publish an approved one with `orders.publish`.

    Returns a sentence. A decision stays: raises Decided if another was made, LookupError if none is waited for.
    """
    demand_told(who=who)
    return _decide(dsn, release_id, "approved" if approve else "declined", who, comment.strip())


def expire(dsn: str, release_id: int, run_id: str) -> str:
    """Record that nobody has decided in time, if this run asks last: the release stays audited. As `decide`."""
    return _decide(dsn, release_id, "expired", None, "", run_id)


def _decide(
    dsn: str, release_id: int, decision: str, who: str | None, comment: str, asked_in_run: str | None = None
) -> str:
    with warehouse.transaction(dsn) as cursor:
        cursor.execute("select * from city_order.approval where release_id = %s for update", (release_id,))
        found = warehouse.rows(cursor)
        if not found:
            raise LookupError(f"Release {release_id} waits for nobody.")
        if found[0]["decision"] is None and asked_in_run not in (None, found[0]["asked_in_run"]):
            raise Decided(f"Release {release_id} is asked about again, in {found[0]['asked_in_run']}.")
        if found[0]["decision"] is None:
            cursor.execute(
                "update city_order.approval set decision = %s, decided_by = %s, decided_at = now(), comment = %s"
                " where release_id = %s returning *",
                (decision, who, comment, release_id),
            )
            found = warehouse.rows(cursor)
    told = _decision_in_words(found[0])
    if found[0]["decision"] != decision:
        raise Decided(f"This answer changes nothing: {told}, and that stays.")
    return _sentence(told)


def _decision_in_words(approval: Mapping[str, Any]) -> str:
    """How a question ended, without a full stop."""
    said = f": {approval['comment']}" if approval["comment"] else ""
    ended = {
        "approved": f"was approved by {approval['decided_by']}{said}",
        "declined": f"was declined by {approval['decided_by']}{said}",
        "expired": "was not decided in time",
        "overtaken": "was overtaken before anybody decided: what it is built from, or would replace, is another by now",
    }
    return f"release {approval['release_id']} {ended[approval['decision']]}"


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
        if approval["decision"] != "approved":
            raise Held(f"{_sentence(_decision_in_words(approval))} {_THEN[approval['decision']]}")


#: What comes after a question that did not end with an approval.
_THEN = {
    "declined": "What is published stays until the input or the models change.",
    "expired": "The next night builds it anew, and asks again.",
    "overtaken": "What stands by now counts.",
}


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _expect_known(cursor: Cursor, survey_code: str) -> None:
    cursor.execute("select survey_code from reference.survey order by survey_code")
    known = [code for (code,) in cursor]
    if survey_code not in known:
        raise LookupError(f"The warehouse knows no survey {survey_code!r}. It knows: {', '.join(known) or 'none'}.")


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
