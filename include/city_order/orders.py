"""From the standing submissions of a survey to its published release: build, audit, publish; and back again.

Each step may be run twice, at the same time or after a crash, and has its effect once: only the warehouse decides.
A release is built from what it recorded as its inputs, in one snapshot; it is published only if nothing else was
published since. What a release is made of, and what it costs, is told in `releases`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.city_order import gate, questions, releases, suites, warehouse
from include.city_order.releases import named
from include.city_order.vocabulary import Programme, ReleaseStatus

log = logging.getLogger(__name__)

#: Where more inputs than these change, and over half of all, a release is built whole: to tell what stays costs more.
MANY_INPUTS = 20


class AuditFailed(Exception):
    """A release breaks a law, and must not be published. The message names the audits and their rows."""


class Overtaken(Exception):
    """Another release was published after this one was built; the next night builds anew where needed."""


def surveys_to_build(dsn: str) -> list[str]:
    """Codes of the surveys whose standing input differs from that of their published release, or that ask in vain.

    Of the latter nothing is new, but a question about a release of before is open: a build ends it. A survey that
    nobody has answered, and that has no release, is not among them. Any role of the project may ask.
    """
    with warehouse.transaction(dsn) as cursor:
        surveys = releases.survey_inputs(cursor)
        asking = {question["survey_code"] for question in gate.open_questions(cursor)}
    return [
        survey["survey_code"]
        for survey in surveys
        if releases.has_something_new(survey) or survey["survey_code"] in asking
    ]


def held(dsn: str) -> dict[str, str]:
    """Surveys of which all that is new is built and audited, and held back: survey code → why, in a sentence.

    Any role of the project may ask.
    """
    reasons = {}
    with warehouse.transaction(dsn) as cursor:
        for survey in releases.survey_inputs(cursor):
            if not releases.has_something_new(survey):
                continue
            left = _left_unpublished(cursor, _draft(survey, releases.published(cursor, survey["survey_code"])))
            if left and (release := releases.release(cursor, left))["status"] == ReleaseStatus.AUDITED:
                try:
                    gate.demand_free(cursor, release)
                except gate.Held as reason:
                    reasons[survey["survey_code"]] = str(reason)
    return reasons


def build(dsn: str, survey_code: str) -> int | None:
    """Build a draft of the survey's order; return its number, or None if the published release already says it all.

    A draft that an interrupted run has left is taken up again, if input, base and code are the same; what a person is
    asked about, has approved or declined, whatever the code. If the input is new but no figure changes, the published
    release stays, and the input is remembered as confirming it. Questions about what stands no more end.
    Raises LookupError if the warehouse knows no such survey.
    """
    with _snapshot_of_builds(dsn, survey_code) as cursor:
        release_id = _build(cursor, releases.survey_input(cursor, survey_code))
        # A draft ends the questions before it when it passes its audit.
        if release_id is None or releases.release(cursor, release_id)["status"] == ReleaseStatus.AUDITED:
            for ended in gate.end_questions(cursor, survey_code, but=release_id):
                log.info("Nobody need decide about release %s of %s any more.", ended, survey_code)
    return release_id


def rehearse(dsn: str, survey_code: str) -> int | None:
    """Draft the survey's order in a rehearsal of the warehouse; return the draft's number, None if nothing is new.

    Its changes can be looked at until the rehearsal ends. What is built already of the same is not drafted again.
    Raises RuntimeError outside of a rehearsal, LookupError if the warehouse knows no such survey.
    """
    if not warehouse.rehearsed_connection(dsn):
        raise RuntimeError("a release that is only rehearsed must be rolled back: use warehouse.rehearsal")
    with warehouse.transaction(dsn) as cursor:
        survey = releases.survey_input(cursor, survey_code)
        if not releases.has_something_new(survey):
            return None
        base = releases.published(cursor, survey_code)
        draft = _draft(survey, base)
        if left := _left_unpublished(cursor, draft):
            return left
        release_id = _fill(cursor, draft)
        _complete(cursor, release_id, base)
    return release_id


def audit(dsn: str, release_id: int) -> None:
    """Hold a release against every audit and rule; a draft that passes becomes audited, any other keeps its status.

    One that changes much waits for a person from then on, and those before it wait no longer. Raises AuditFailed with
    the offending rows, LookupError if there is no such release.
    """
    with warehouse.transaction(dsn) as cursor:
        release = releases.release(cursor, release_id)
        if broken := releases.complaints(cursor, release_id, whole=False) | _broken_rules(dsn, cursor, release):
            raise AuditFailed(
                f"Release {release_id} of {release['survey_code']} stays {release['status']}: "
                f"it breaks {', '.join(broken)}.\n\n"
                + "\n\n".join(broken.values())
                + "\n\nWhat to do: readers still see the release published before, so there is time. Each audit is "
                "a SELECT that can be run by hand. Mend what made the rows (a model, a rule, a load), not the rows, "
                f"then start the build of {release['survey_code']} again."
            )
        cursor.execute(
            "update city_order.release set status = %s where release_id = %s and status = %s",
            (ReleaseStatus.AUDITED, release_id, ReleaseStatus.DRAFT),
        )
        gate.let_wait(cursor, release)
    log.info("Release %s of %s passed all audits.", release_id, release["survey_code"])


def _broken_rules(dsn: str, cursor: Cursor, release: dict[str, Any]) -> dict[str, str]:
    """The rules of a release that it breaks, with the first rows that do."""
    from include.city_order import checks  # What only publishes does without Great Expectations.

    cursor.execute(
        "select programme, rules_as_of_date from reference.survey where survey_code = %s", (release["survey_code"],)
    )
    ((programme, day),) = cursor.fetchall()
    rules = suites.in_force(suites.of_releases(), Programme(programme), day)
    return checks.check_release(dsn, release["release_id"], rules)


def publish(dsn: str, release_id: int) -> str:
    """Make an audited release the one that readers see, unless another was published since it was built.

    Returns a sentence that says what happened; a release that was published before is left as it is.
    Raises Overtaken if it came too late, gate.Held if a brake or a missing approval holds it, ValueError if it is not
    audited, LookupError if there is no such release.
    """
    with warehouse.transaction(dsn) as cursor:
        survey_code = releases.release(cursor, release_id)["survey_code"]
        warehouse.lock(cursor, f"publish {survey_code}")
        release = releases.release(cursor, release_id)
        replaced = release["replaces_release_id"]
        if release["status"] in (ReleaseStatus.PUBLISHED, ReleaseStatus.SUPERSEDED):
            return f"Release {release_id} of {survey_code} was published before; it is {release['status']} now."
        if release["status"] != ReleaseStatus.AUDITED:
            raise ValueError(f"Release {release_id} is a {release['status']}: audit it, then publish it.")
        pointer = releases.published(cursor, survey_code)
        published = pointer["release_id"] if pointer else None
        if published != replaced:
            raise Overtaken(
                f"Release {release_id} of {survey_code} was built to replace {named(replaced)}, "
                f"but {named(published)} is published by now. It stays audited, and is not published. "
                "If what stands differs from what is published, the next night builds again; to build now, "
                f"trigger build_city_order with partition key {survey_code}."
            )
        # It may have waited, and what it was built from be taken back: then the question is about nothing.
        if not release["rolled_back_to_release_id"] and not releases.has_something_new(
            releases.survey_input(cursor, survey_code)
        ):
            is_taken_back = f"is by now what {named(published)} was built from" if published else "is nothing by now"
            raise Overtaken(
                f"What stands of {survey_code} {is_taken_back}, or its file is gone: "
                f"release {release_id} stays audited, and is not published. Nothing is to be done."
            )
        gate.demand_free(cursor, release)
        if replaced:
            _move(cursor, replaced, ReleaseStatus.SUPERSEDED)
        _move(cursor, release_id, ReleaseStatus.PUBLISHED)
        _end_replaced_rows(cursor, release)
        cursor.execute(
            """
            insert into city_order.published_release (survey_code, release_id, confirmed_fingerprint)
            values (%(survey_code)s, %(release_id)s, %(input_fingerprint)s)
            on conflict (survey_code) do update set
                release_id = excluded.release_id, confirmed_fingerprint = excluded.confirmed_fingerprint
            """,
            release,
        )
    sentence = f"Release {release_id} of {survey_code} is published and replaces {named(replaced)}."
    log.info(sentence)
    return sentence


def roll_back(dsn: str, survey_code: str, to_release_id: int, who: str, why: str) -> int:
    """Let readers see again what an earlier release said: publish a new one with its content. Returns its number.

    Who and why are recorded, and the brake is set: the next builds are not published until a person lifts it.
    Raises ValueError if that release was never published, or is published now; Overtaken if a build was faster.
    """
    gate.demand_told(who=who, why=why)
    with _snapshot_of_builds(dsn, survey_code) as cursor:
        release_id = _build_as(cursor, releases.release(cursor, to_release_id), survey_code, who, why)
        brake = gate.set_brake(dsn, survey_code, who, f"rolled back to release {to_release_id}: {why}")
    audit(dsn, release_id)
    log.info("%s %s", publish(dsn, release_id), brake)
    return release_id


def roll_back_choices(dsn: str, survey_code: str) -> list[int]:
    """The releases of a survey that can be rolled back to, the latest first."""
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(
            "select release_id from city_order.release where survey_code = %s and status = %s"
            " and terms_sha256 is not null order by release_id desc",
            (survey_code, ReleaseStatus.SUPERSEDED),
        )
        return [release_id for (release_id,) in cursor]


@contextmanager
def rebuilt(dsn: str, release_id: int) -> Iterator[tuple[Cursor, int]]:
    """Build a release anew from its recorded inputs, by the models of today; none of it has happened afterwards.

    Gives a cursor that sees it, with what it changes against the release that it replaced, and the number under which
    it does.
    """
    with warehouse.transaction(dsn) as cursor:
        recorded = releases.release(cursor, release_id)
        draft = {**recorded, "whole_release_id": None, "as_release_id": release_id}
        cursor.execute("savepoint before_the_rebuild")
        try:
            yield cursor, _fill(cursor, draft)
        finally:
            cursor.execute("rollback to savepoint before_the_rebuild")


def rebuild(dsn: str, release_id: int) -> str:
    """The figures digest that a rebuild of a release gives."""
    with rebuilt(dsn, release_id) as (cursor, draft_id):
        return releases.figures_digest(cursor, draft_id)


def reconcilable(dsn: str) -> dict[str, tuple[int, bool]]:
    """The published release of each survey that has one, and whether its figures are by the models of today.

    Of another, `reconcile` compares no figures. Any role of the project may ask.
    """
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(
            "select release.survey_code, release.release_id, release.sql_version"
            " from city_order.published_release inner join city_order.release using (release_id)"
            " order by release.survey_code"
        )
        return {survey: (release_id, models == releases.sql_version()) for survey, release_id, models in cursor}


def reconcile(dsn: str, survey_code: str) -> dict[str, str]:
    """Recount a survey's published release from all accepted lines; what differs, by what was compared.

    The nightly audits look at what changed; this looks at all, at the cost of a whole build.
    """
    with warehouse.transaction(dsn, repeatable_read=True) as cursor:
        release = releases.published(cursor, survey_code)
        if not release:
            return {}
        release_id, recorded = release["release_id"], release["figures_sha256"]
        found = releases.complaints(cursor, release_id)
        by_these_models = release["sql_version"] == releases.sql_version()
        if by_these_models and (counted := releases.figures_digest(cursor, release_id)) != recorded:
            found["figures"] = f"{named(release_id)} recorded the figures {recorded}, and its rows give {counted}"
    if by_these_models and (counted := rebuild(dsn, release_id)) != recorded:
        found["rebuild"] = f"{named(release_id)} recorded the figures {recorded}, and a rebuild gives {counted}"
    return found


@contextmanager
def _snapshot_of_builds(dsn: str, survey_code: str) -> Iterator[Cursor]:
    """One transaction at a time for each survey, in a snapshot that is taken when no other is under way."""
    # A snapshot is taken before a lock is waited for. So the lock is held by a transaction of its own:
    # the build that waited then sees what the other has done.
    with warehouse.transaction(dsn) as guard:
        warehouse.lock(guard, f"build {survey_code}")
        with warehouse.transaction(dsn, repeatable_read=True) as cursor:
            yield cursor


def _build(cursor: Cursor, survey: dict[str, Any]) -> int | None:
    survey_code = survey["survey_code"]
    base = releases.published(cursor, survey_code)
    draft = _draft(survey, base)
    if not releases.has_something_new(survey):
        log.info("Nothing new in %s.", survey_code)
        return None
    if left := _left_unpublished(cursor, draft):
        log.info("Release %s of %s was built before and not published: it is taken up again.", left, survey_code)
        return left

    cursor.execute("savepoint before_the_draft")
    release_id = _fill(cursor, draft)
    figures = _complete(cursor, release_id, base)
    if base and figures == _comparable_figures(cursor, base):
        cursor.execute("rollback to savepoint before_the_draft")
        cursor.execute(
            "update city_order.published_release set confirmed_fingerprint = %(input_fingerprint)s "
            "where survey_code = %(survey_code)s",
            draft,
        )
        log.info("New input of %s, and no figure changes: %s stays.", survey_code, named(base["release_id"]))
        return None
    return release_id


def _draft(survey: dict[str, Any], base: dict[str, Any] | None) -> dict[str, Any]:
    """What a release of all that stands would record, if it replaced `base`."""
    terms = releases.terms_digest(survey)
    same_terms = base is not None and base["terms_sha256"] == terms
    return {
        "survey_code": survey["survey_code"],
        "replaces_release_id": base["release_id"] if base else None,
        "whole_release_id": (base["whole_release_id"] or base["release_id"]) if base and same_terms else None,
        "input_fingerprint": releases.input_digest(survey),
        "terms_sha256": terms,
        "code_version": releases.code_version(),
        "rules_version": survey["rules_version"],
        "reference_version": survey["reference_version"],
        "sql_version": releases.sql_version(),
        "double_counting": survey["double_counting"],
        "as_release_id": None,
        "inputs": survey["submissions"],
    }


def _left_unpublished(cursor: Cursor, draft: dict[str, Any]) -> int | None:
    """The release that an interrupted or refused run built of the same input, on the same base.

    By the same code, or a person is asked about it or has decided: that is not asked again for other code. One about
    which nobody decided while it could be is left as it is: a new one asks again.
    """
    cursor.execute(
        """
        select release_id
        from city_order.release
        left join city_order.approval using (release_id)
        where
            survey_code = %(survey_code)s and status in ('draft', 'audited') and rolled_back_to_release_id is null
            and input_fingerprint = %(input_fingerprint)s
            and replaces_release_id is not distinct from %(replaces_release_id)s
            and case
                when approval.release_id is null then code_version = %(code_version)s
                else coalesce(approval.decision in ('approved', 'declined'), true)
            end
        order by approval.release_id is null, release_id desc
        limit 1
        """,
        draft,
    )
    return next((release_id for (release_id,) in cursor.fetchall()), None)


def _comparable_figures(cursor: Cursor, release: dict[str, Any]) -> str:
    """The digest of a release's figures; anew if other models, or another way of digesting, gave it."""
    if release["sql_version"] == releases.sql_version():
        return release["figures_sha256"]
    return releases.figures_digest(cursor, release["release_id"])


def _fill(cursor: Cursor, draft: dict[str, Any]) -> int:
    """Insert a draft and fill it by the models.

    `whole_release_id` is the release that a change is counted from, None to build all; `as_release_id` names a release
    whose inputs are taken, instead of what stands; `inputs` is how many submissions stand in this snapshot.
    """
    release_id = _insert(cursor, draft)
    recorded = releases.release(cursor, release_id)
    parameters = {
        **draft,
        "release_id": release_id,
        "reference_as_of_date": recorded["reference_as_of_date"],
        "reference_load_no": recorded["reference_load_no"],
        "base_release_id": draft["replaces_release_id"],
        "is_whole": draft["whole_release_id"] is None,
        "is_roll_back": draft.get("rolled_back_to_release_id") is not None,
        "models_version": releases.sql_version(),
        "touched": None,
    }
    filled = {}
    for model in releases.INPUT_MODELS:
        filled[model] = releases.fill(cursor, model, parameters)
        if model == "city_order.input_change" and filled[model] > max(MANY_INPUTS, draft.get("inputs", 0) / 2):
            parameters["is_whole"] = True
            cursor.execute("update city_order.release set whole_release_id = null where release_id = %s", (release_id,))
    _check_inputs(cursor, draft, release_id)
    if parameters["is_whole"]:
        releases.work_on_all(cursor)
    parameters["touched"] = releases.touched_products(cursor, releases.release(cursor, release_id))
    for model in releases.FIGURE_MODELS:
        filled[model] = releases.fill(cursor, model, parameters)
    counts = ", ".join(f"{model} {count}" for model, count in filled.items())
    log.info("Built release %s of %s, rows: %s.", release_id, draft["survey_code"], counts)
    return release_id


def _check_inputs(cursor: Cursor, draft: dict[str, Any], release_id: int) -> None:
    """Raise RuntimeError if a release did not record each standing submission; rows of the roster are counted."""
    cursor.execute("select count(*) from city_order.inputs_of(%s)", (release_id,))
    recorded = _only_value(cursor)
    # An audit cannot tell this later: by then, something else may stand.
    if not draft["as_release_id"] and recorded != draft["inputs"]:
        raise RuntimeError(
            f"Release {release_id} of {draft['survey_code']} recorded {recorded} inputs, "
            f"but {draft['inputs']} submissions stand: mend include/sql/city_order/release_input.sql. Nothing was kept."
        )


def _build_as(cursor: Cursor, earlier: dict[str, Any], survey_code: str, who: str, why: str) -> int:
    """A draft on top of the published release, whose content is that of an earlier one."""
    earlier_id = earlier["release_id"]
    base = releases.published(cursor, survey_code)
    if not base or earlier["survey_code"] != survey_code or earlier["status"] != ReleaseStatus.SUPERSEDED:
        raise ValueError(
            f"Release {earlier_id} is {earlier['status']}, of {earlier['survey_code']}: only a release of "
            f"{survey_code} that was published before, and is not now, can be rolled back to."
        )
    if not earlier["terms_sha256"]:
        raise ValueError(f"Release {earlier_id} is older than roll-backs: it lacks figures that releases have now.")
    start = {release["whole_release_id"] or release["release_id"] for release in (earlier, base)}
    # What other models have digested can be counted on from no more.
    goes_on = len(start) == 1 and base["sql_version"] == releases.sql_version()
    draft = {
        **earlier,
        "replaces_release_id": base["release_id"],
        "whole_release_id": start.pop() if goes_on else None,
        "code_version": releases.code_version(),
        "rolled_back_to_release_id": earlier_id,
        "rolled_back_by": who,
        "reason": why,
    }
    release_id = _insert(cursor, draft)
    parameters = {
        **draft,
        "release_id": release_id,
        "base_release_id": base["release_id"],
        "as_release_id": earlier_id,
        "is_whole": draft["whole_release_id"] is None,
        "is_roll_back": True,
        "models_version": releases.sql_version(),
        "touched": None,
    }
    for model in ("city_order.release_year", "city_order.input_change", "city_order.release_input"):
        releases.fill(cursor, model, parameters)
    _touch_since(cursor, parameters)
    parameters["touched"] = releases.touched_products(cursor, releases.release(cursor, release_id))
    for model in releases.FIGURE_MODELS:
        if model in releases.VERSIONED:
            _copy(cursor, model, parameters)
        else:
            releases.fill(cursor, model, parameters)
    if (figures := _complete(cursor, release_id, base)) != _comparable_figures(cursor, earlier):
        raise RuntimeError(f"A copy of release {earlier_id} has the figures {figures}. Nothing was kept.")
    return release_id


def _touch_since(cursor: Cursor, parameters: dict[str, Any]) -> None:
    """All that the releases since the earlier one have touched; what a whole release touches, if one came between."""
    if parameters["is_whole"]:
        releases.fill(cursor, "city_order.touched_product", parameters)
        return
    cursor.execute(
        """
        insert into city_order.touched_product (release_id, product_id)
        select distinct %(release_id)s::bigint, touched_product.product_id
        from city_order.touched_product
        inner join city_order.release using (release_id)
        where
            release.survey_code = %(survey_code)s and release.status in ('published', 'superseded')
            and release.release_id > %(as_release_id)s and release.release_id <= %(base_release_id)s
        """,
        parameters,
    )


def _copy(cursor: Cursor, model: str, parameters: dict[str, Any]) -> None:
    """Set a release's rows as an earlier release has them."""
    view = sql.Identifier(*model.split("."))
    cursor.execute(sql.SQL("select * from {} limit 0").format(view))
    columns = sql.SQL(", ").join(
        sql.Identifier(column.name) for column in cursor.description or () if column.name != "release_id"
    )
    cursor.execute(
        sql.SQL(
            "insert into {table} (release_id, {columns}) select %(release_id)s, {columns} from {view}"
            " where release_id = %(as_release_id)s"
            " and (%(touched)s::text[] is null or product_id = any(%(touched)s::text[]))"
        ).format(table=sql.Identifier(*releases.table_of(model).split(".")), columns=columns, view=view),
        parameters,
    )


def _insert(cursor: Cursor, draft: dict[str, Any]) -> int:
    columns = (
        "survey_code", "replaces_release_id", "whole_release_id", "input_fingerprint", "terms_sha256", "code_version",
        "rules_version", "reference_version", "sql_version", "double_counting", "rolled_back_to_release_id",
        "rolled_back_by", "reason",
    )  # fmt: skip
    cursor.execute(
        f"insert into city_order.release (status, {', '.join(columns)}, reference_as_of_date, reference_load_no,"
        f" survey_title) select 'draft', {', '.join(['%s'] * len(columns))},"
        " coalesce(%s, survey.reference_as_of_date), coalesce(%s, reference.current_load_no()),"
        " coalesce(%s, survey.title)"
        " from reference.survey where survey.survey_code = %s returning release_id",
        [
            *(draft.get(column) for column in columns),
            *(
                draft.get(column)
                for column in ("reference_as_of_date", "reference_load_no", "survey_title", "survey_code")
            ),
        ],
    )
    return _only_value(cursor)


def _complete(cursor: Cursor, release_id: int, base: dict[str, Any] | None) -> str:
    """Record what a draft adds up to: its figures, how complete it is, how much it changes. Returns the figures."""
    draft = releases.release(cursor, release_id)
    touched = releases.touched_products(cursor, draft)
    if base is None or touched is None:
        figures = releases.figures_digest(cursor, release_id)
    else:
        figures = releases.figures_after(cursor, base, release_id, touched)
    base_amount = _amount(cursor, base) if base else 0
    parameters = {
        "release_id": release_id,
        "survey_code": draft["survey_code"],
        "base_release_id": base["release_id"] if base else None,
        "count_base": base is not None and base["order_lines"] is None,
        "kept": base["order_lines"] if base and touched is not None else 0,
        "base_amount_kopecks": base_amount,
        "kept_amount": base_amount if touched is not None else 0,
        "touched": touched,
    }
    cursor.execute(warehouse.statement("orders/changed_share"), parameters)
    shares = next(iter(warehouse.rows(cursor)), dict.fromkeys(questions.SHARES))
    cursor.execute(
        """
        update city_order.release set
            figures_sha256 = %(figures)s,
            changed_gross_share = %(changed_gross_share)s,
            changed_lines_share = %(changed_lines_share)s,
            changed_amount_share = %(changed_amount_share)s,
            roster_agencies = (select count(*) from reference.roster where survey_code = %(survey_code)s),
            answered_agencies = (
                select count(*)
                from reference.roster
                inner join city_order.inputs_of(%(release_id)s) using (agency_code)
                where survey_code = %(survey_code)s
            ),
            order_lines = %(kept)s + (
                select count(*) from city_order.order_line_version where release_id = %(release_id)s
            ) - (
                select count(*) from city_order.order_line
                where release_id = %(base_release_id)s and product_id = any(%(touched)s::text[])
            ),
            amount_kopecks = %(kept_amount)s + (
                select coalesce(sum(amount_kopecks), 0)
                from city_order.order_line_version where release_id = %(release_id)s
            ) - (
                select coalesce(sum(amount_kopecks), 0) from city_order.order_line
                where release_id = %(base_release_id)s and product_id = any(%(touched)s::text[])
            )
        where release_id = %(release_id)s
        """,
        {**parameters, **shares, "figures": figures},
    )
    return figures


def _amount(cursor: Cursor, release: dict[str, Any]) -> Decimal:
    """What a release's order lines come to, in kopecks; counted, if it is older than that it is recorded."""
    if release["amount_kopecks"] is None:
        cursor.execute(
            "select coalesce(sum(amount_kopecks), 0) from city_order.order_line where release_id = %s",
            (release["release_id"],),
        )
        return _only_value(cursor)
    return release["amount_kopecks"]


def _move(cursor: Cursor, release_id: int, status: ReleaseStatus) -> None:
    cursor.execute(
        "update city_order.release set status = %s, "
        "published_at = case when %s then now() else published_at end where release_id = %s",
        (status, status == ReleaseStatus.PUBLISHED, release_id),
    )


def _end_replaced_rows(cursor: Cursor, release: dict[str, Any]) -> None:
    """The rows that a published release set anew stand no more; after a whole release, none before it does."""
    touched = releases.touched_products(cursor, release)
    if touched is None:
        return
    changed_agency = "select agency_code from city_order.input_change where release_id = %(release_id)s"
    for model in sorted(releases.VERSIONED):
        is_input = model == "city_order.release_input"
        changed = f"agency_code in ({changed_agency})" if is_input else "product_id = any(%(touched)s::text[])"
        cursor.execute(
            sql.SQL(
                """
                update {table} set until_release_id = %(release_id)s
                where
                    until_release_id is null and {changed}
                    and release_id = any(array(
                        select earlier.release_id from city_order.release as earlier
                        where
                            earlier.survey_code = %(survey_code)s
                            and earlier.release_id between %(whole_release_id)s and %(replaces_release_id)s
                            and earlier.status in ('published', 'superseded')
                    ))
                """
            ).format(table=sql.Identifier(*releases.table_of(model).split(".")), changed=sql.SQL(changed)),
            {**release, "touched": touched},
        )


def _only_value(cursor: Cursor) -> Any:
    """The one value of the one row that the last statement returned."""
    ((value,),) = cursor.fetchall()
    return value
