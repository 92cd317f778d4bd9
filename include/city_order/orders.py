"""From the standing submissions of a survey to its published release: build, audit, publish.

Each step may be run twice, at the same time or after a crash, and has its effect once: only the warehouse decides.
A release is built from what it recorded as its inputs, in one snapshot; it is published only if nothing else was
published since. Models are `include/sql/city_order/`, audits `include/sql/audits/`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor

from include.city_order import warehouse
from include.city_order.vocabulary import ReleaseStatus

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]

#: The models in the order in which they are filled: each reads only what stands before it.
MODELS = (
    "city_order.release_input",
    "city_order.product",
    "city_order.order_line",
    "city_order.exclusion",
    "city_order.surplus",
    "city_order.release_change",
)

#: Offending rows of an audit that its message shows.
ROWS_SHOWN = 5

# The figures of a release, line by line: no ids, no times, and 5 is the same figure as 5.00.
_FIGURES = (
    """
    select row(
        product_id, unit, year, trim_scale(gross_quantity), trim_scale(net_quantity), trim_scale(gross_energy_kwh),
        trim_scale(net_energy_kwh), amount_kopecks, trim_scale(priced_share), agencies, lines
    )::text
    from city_order.order_line
    where release_id = %(release_id)s
    order by product_id collate "C", unit collate "C", year
    """,
    """
    select row(reason, agency_code, product_id, unit, year, trim_scale(sum(quantity)))::text
    from city_order.exclusion
    where release_id = %(release_id)s
    group by reason, agency_code, product_id, unit, year
    order by reason collate "C", agency_code collate "C", product_id collate "C", unit collate "C", year
    """,
    """
    select row(agency_code, product_id, unit, trim_scale(surplus_quantity))::text
    from city_order.surplus
    where release_id = %(release_id)s
    order by agency_code collate "C", product_id collate "C", unit collate "C"
    """,
)


class AuditFailed(Exception):
    """A release breaks a law, and must not be published. The message names the audits and their rows."""


class Overtaken(Exception):
    """Another release was published after this one was built; the next night builds anew where needed."""


@cache
def sql_version() -> str:
    """Digest of the model files: a changed model makes a new order."""
    digest = hashlib.sha256()
    for model in MODELS:
        digest.update(f"{model}\n{warehouse.statement(model.replace('.', '/'))}".encode())
    return digest.hexdigest()


@cache
def code_version() -> str:
    """What built a release: `CITY_ORDER_CODE_VERSION`, or the project's version with its git commit, if it has one."""
    if given := os.environ.get("CITY_ORDER_CODE_VERSION"):
        return given
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return version
    return f"{version}+{asked.stdout.strip()}" if asked.returncode == 0 else version


def surveys_to_build(dsn: str) -> list[str]:
    """Codes of the surveys whose standing input differs from that of their published release.

    A survey that nobody has answered, and that has no release, is not among them. Any role of the project may ask.
    """
    with warehouse.transaction(dsn) as cursor:
        return [
            survey["survey_code"] for survey in _inputs(cursor, None) if _has_something_new(survey, _digest(survey))
        ]


def fingerprint(cursor: Cursor, survey_code: str) -> str:
    """Digest of all that a survey's order depends on: standing submissions, the survey, its versions, the models.

    Raises LookupError if the warehouse knows no such survey.
    """
    return _digest(_input(cursor, survey_code))


def figures_digest(cursor: Cursor, release_id: int) -> str:
    """Digest of a release's figures: order lines, exclusions and surplus, without ids and times."""
    digest = hashlib.sha256()
    for statement in _FIGURES:
        cursor.execute(statement, {"release_id": release_id})
        for (figures,) in cursor:
            digest.update(f"{figures}\n".encode())
        digest.update(b"\n")
    return digest.hexdigest()


def build(dsn: str, survey_code: str) -> int | None:
    """Build a draft of the survey's order; return its number, or None if the published release already says it all.

    A draft that an interrupted run has left is taken up again, if input, base and code are the same. If the input
    is new but no figure changes, the published release stays, and the input is remembered as confirming it.
    Raises LookupError if the warehouse knows no such survey.
    """
    # A snapshot is taken before a lock is waited for. So the lock is held by a transaction of its own:
    # the build that waited then sees what the other has done.
    with warehouse.transaction(dsn) as guard:
        warehouse.lock(guard, f"build {survey_code}")
        with warehouse.transaction(dsn, repeatable_read=True) as cursor:
            return _build(cursor, _input(cursor, survey_code))


def complaints(cursor: Cursor, release_id: int) -> dict[str, str]:
    """Run every audit over a release; for each that finds offending rows, its law and the first of them, readable."""
    audits = sorted(path.stem for path in (warehouse.SQL_FOLDER / "audits").glob("*.sql"))
    if not audits:
        raise FileNotFoundError(f"No audits in {warehouse.SQL_FOLDER / 'audits'}: nothing is published unaudited.")
    found = {audit: _complaint(cursor, audit, release_id) for audit in audits}
    return {audit: complaint for audit, complaint in found.items() if complaint}


def audit(dsn: str, release_id: int) -> None:
    """Hold a release against every audit; a draft that passes becomes audited, any other keeps its status.

    Raises AuditFailed with the offending rows, LookupError if there is no such release.
    """
    with warehouse.transaction(dsn) as cursor:
        release = _release(cursor, release_id)
        if broken := complaints(cursor, release_id):
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
    log.info("Release %s of %s passed all audits.", release_id, release["survey_code"])


def publish(dsn: str, release_id: int) -> str:
    """Make an audited release the one that readers see, unless another was published since it was built.

    Returns a sentence that says what happened; a release that was published before is left as it is.
    Raises Overtaken if it came too late, ValueError if it is not audited, LookupError if there is no such release.
    """
    with warehouse.transaction(dsn) as cursor:
        survey_code = _release(cursor, release_id)["survey_code"]
        warehouse.lock(cursor, f"publish {survey_code}")
        release = _release(cursor, release_id)
        replaced = release["replaces_release_id"]
        if release["status"] in (ReleaseStatus.PUBLISHED, ReleaseStatus.SUPERSEDED):
            return f"Release {release_id} of {survey_code} was published before; it is {release['status']} now."
        if release["status"] != ReleaseStatus.AUDITED:
            raise ValueError(f"Release {release_id} is a {release['status']}: audit it, then publish it.")
        cursor.execute("select release_id from city_order.published_release where survey_code = %s", (survey_code,))
        pointer = cursor.fetchone()
        published = pointer[0] if pointer else None
        if published != replaced:
            raise Overtaken(
                f"Release {release_id} of {survey_code} was built to replace {_named(replaced)}, "
                f"but {_named(published)} is published by now. It stays audited, and is not published. "
                "If what stands differs from what is published, the next night builds again; to build now, "
                f"trigger build_city_order with partition key {survey_code}."
            )
        if replaced:
            _move(cursor, replaced, ReleaseStatus.SUPERSEDED)
        _move(cursor, release_id, ReleaseStatus.PUBLISHED)
        cursor.execute(
            """
            insert into city_order.published_release (survey_code, release_id, confirmed_fingerprint)
            values (%(survey_code)s, %(release_id)s, %(input_fingerprint)s)
            on conflict (survey_code) do update set
                release_id = excluded.release_id, confirmed_fingerprint = excluded.confirmed_fingerprint
            """,
            release,
        )
    sentence = f"Release {release_id} of {survey_code} is published and replaces {_named(replaced)}."
    log.info(sentence)
    return sentence


def _inputs(cursor: Cursor, survey_code: str | None) -> list[dict[str, Any]]:
    cursor.execute(warehouse.statement("orders/survey_input"), {"survey_code": survey_code})
    return warehouse.rows(cursor)


def _input(cursor: Cursor, survey_code: str) -> dict[str, Any]:
    for survey in _inputs(cursor, survey_code):
        return survey
    known = ", ".join(survey["survey_code"] for survey in _inputs(cursor, None)) or "none"
    raise LookupError(f"The warehouse knows no survey {survey_code!r}. It knows: {known}.")


def _digest(survey: dict[str, Any]) -> str:
    made_from = {name: value for name, value in survey.items() if name != "confirmed_fingerprint"}
    text = json.dumps({**made_from, "sql_version": sql_version()}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _has_something_new(survey: dict[str, Any], digest: str) -> bool:
    if survey["confirmed_fingerprint"] is None:
        return bool(survey["submissions"])
    return survey["confirmed_fingerprint"] != digest


def _build(cursor: Cursor, survey: dict[str, Any]) -> int | None:
    survey_code = survey["survey_code"]
    draft = {
        "survey_code": survey_code,
        "replaces_release_id": None,
        "input_fingerprint": _digest(survey),
        "code_version": code_version(),
        "rules_version": survey["rules_version"],
        "reference_version": survey["reference_version"],
        "sql_version": sql_version(),
    }
    if not _has_something_new(survey, draft["input_fingerprint"]):
        log.info("Nothing new in %s.", survey_code)
        return None
    cursor.execute(
        """
        select release.release_id, release.figures_sha256
        from city_order.published_release
        inner join city_order.release using (release_id)
        where published_release.survey_code = %s
        """,
        (survey_code,),
    )
    draft["replaces_release_id"], published_figures = cursor.fetchone() or (None, None)
    if left := _left_unpublished(cursor, draft):
        log.info("Release %s of %s was built before and not published: it is taken up again.", left, survey_code)
        return left

    cursor.execute("savepoint before_the_draft")
    release_id = _fill(cursor, draft, inputs=len(survey["submissions"] or ()))
    figures = figures_digest(cursor, release_id)
    if figures == published_figures:
        cursor.execute("rollback to savepoint before_the_draft")
        cursor.execute(
            "update city_order.published_release set confirmed_fingerprint = %(input_fingerprint)s "
            "where survey_code = %(survey_code)s",
            draft,
        )
        log.info("New input of %s, and no figure changes: %s stays.", survey_code, _named(draft["replaces_release_id"]))
        return None
    cursor.execute("update city_order.release set figures_sha256 = %s where release_id = %s", (figures, release_id))
    return release_id


def _left_unpublished(cursor: Cursor, draft: dict[str, Any]) -> int | None:
    """The release that an interrupted or refused run built of the same input, on the same base, by the same code."""
    cursor.execute(
        """
        select max(release_id) from city_order.release
        where
            survey_code = %(survey_code)s and status in ('draft', 'audited')
            and input_fingerprint = %(input_fingerprint)s and code_version = %(code_version)s
            and replaces_release_id is not distinct from %(replaces_release_id)s
        """,
        draft,
    )
    return _only_value(cursor)


def _fill(cursor: Cursor, draft: dict[str, Any], inputs: int) -> int:
    """Insert a draft and fill it by the models; `inputs` is how many submissions stand in this snapshot."""
    cursor.execute(
        """
        insert into city_order.release (
            survey_code, status, replaces_release_id, input_fingerprint, code_version,
            rules_version, reference_version, sql_version
        )
        values (
            %(survey_code)s, 'draft', %(replaces_release_id)s, %(input_fingerprint)s, %(code_version)s,
            %(rules_version)s, %(reference_version)s, %(sql_version)s
        )
        returning release_id
        """,
        draft,
    )
    release_id = _only_value(cursor)
    parameters = {"release_id": release_id, "survey_code": draft["survey_code"]}
    filled = {model: warehouse.fill(cursor, model, parameters) for model in MODELS}
    # An audit cannot tell this later: by then, something else may stand.
    if filled["city_order.release_input"] != inputs:
        raise RuntimeError(
            f"Release {release_id} of {draft['survey_code']} recorded {filled['city_order.release_input']} inputs, "
            f"but {inputs} submissions stand: mend include/sql/city_order/release_input.sql. Nothing was kept."
        )
    counts = ", ".join(f"{model} {count}" for model, count in filled.items())
    log.info("Built release %s of %s, rows: %s.", release_id, draft["survey_code"], counts)
    return release_id


def _complaint(cursor: Cursor, name: str, release_id: int) -> str:
    """What an audit has found, readable; nothing if it found nothing."""
    statement = warehouse.statement(f"audits/{name}")
    cursor.execute(
        f"select * from ({statement}) as offending limit %(limit)s",
        {"release_id": release_id, "limit": ROWS_SHOWN + 1},
    )
    offending = warehouse.rows(cursor)
    if not offending:
        return ""
    law = " ".join(line.removeprefix("--").strip() for line in statement.split("\nwith\n")[0].splitlines())
    shown = [", ".join(f"{key}={value}" for key, value in row.items()) for row in offending[:ROWS_SHOWN]]
    more = ["… and more"] if len(offending) > ROWS_SHOWN else []
    return "\n  ".join([f"{name}: {law}", *shown, *more, f"(include/sql/audits/{name}.sql)"])


def _release(cursor: Cursor, release_id: int) -> dict[str, Any]:
    cursor.execute("select * from city_order.release where release_id = %s", (release_id,))
    for release in warehouse.rows(cursor):
        return release
    raise LookupError(f"There is no release {release_id}. It may be of another warehouse.")


def _move(cursor: Cursor, release_id: int, status: ReleaseStatus) -> None:
    cursor.execute(
        "update city_order.release set status = %s, "
        "published_at = case when %s then now() else published_at end where release_id = %s",
        (status, status == ReleaseStatus.PUBLISHED, release_id),
    )


def _named(release_id: int | None) -> str:
    return f"release {release_id}" if release_id else "no release"


def _only_value(cursor: Cursor) -> Any:
    """The one value of the one row that the last statement returned."""
    ((value,),) = cursor.fetchall()
    return value
