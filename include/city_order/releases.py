"""What a release is made of in the warehouse: its inputs and terms, its rows, its figures, and the audits of them.

A release sets anew the rows of the products that it touches; a release that is *whole* touches all. The others of its
rows are those of the releases before it: the views of `city_order` show any release whole. Models are
`include/sql/city_order/`, audits `include/sql/audits/`.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor

from include.city_order import warehouse

ROOT = Path(__file__).resolve().parents[2]

#: The models in the order in which they are filled: each reads only what stands before it. First what a release is
#: built from, then its figures.
INPUT_MODELS = (
    "city_order.release_year",
    "city_order.input_change",
    "city_order.release_input",
    "city_order.touched_product",
    "city_order.submission_total",
)
FIGURE_MODELS = (
    "city_order.double_counting",
    "city_order.product",
    "city_order.order_line",
    "city_order.order_line_by_need_kind",
    "city_order.exclusion",
    "city_order.surplus",
    "city_order.release_change",
    "city_order.release_total",
)
MODELS = (*INPUT_MODELS, *FIGURE_MODELS)

#: Views that show any release whole, over tables of versions.
VERSIONED = {
    "city_order.release_input",
    "city_order.double_counting",
    "city_order.product",
    "city_order.order_line",
    "city_order.order_line_by_need_kind",
    "city_order.exclusion",
    "city_order.surplus",
}

#: What a sort or a hash of a whole build may take: without it they go to disk.
WORK_MEM = "512MB"

#: Offending rows of an audit that its message shows.
ROWS_SHOWN = 5

#: A receipt was judged in a transaction that began before it was seen: none takes as long as this.
LONGEST_TRANSACTION = timedelta(days=1)

# A digest is a sum of digests in four words of 64 bits.
_WORD = 1 << 64


@cache
def sql_version() -> str:
    """Digest of the model files, and of how figures are digested: what is changed makes a new order."""
    digest = hashlib.sha256()
    for model in (*MODELS, "orders.figures"):
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


# What a release is built from


def survey_inputs(cursor: Cursor) -> list[dict[str, Any]]:
    """What the order of each survey is made from."""
    return _inputs(cursor, None)


def survey_input(cursor: Cursor, survey_code: str) -> dict[str, Any]:
    """What a survey's order is made from. Raises LookupError if the warehouse knows no such survey."""
    for survey in _inputs(cursor, survey_code):
        return survey
    known = ", ".join(survey["survey_code"] for survey in _inputs(cursor, None)) or "none"
    raise LookupError(f"The warehouse knows no survey {survey_code!r}. It knows: {known}.")


def fingerprint(cursor: Cursor, survey_code: str) -> str:
    """Digest of all that a survey's order depends on: standing submissions, the survey, its versions, the models.

    Raises LookupError if the warehouse knows no such survey.
    """
    return input_digest(survey_input(cursor, survey_code))


def input_digest(survey: Mapping[str, Any]) -> str:
    """The fingerprint of what an order is made from."""
    return _digest({name: value for name, value in survey.items() if name != "confirmed_fingerprint"})


def terms_digest(survey: Mapping[str, Any]) -> str:
    """Digest of what the figures depend on besides submissions. Under new terms, a release is built whole."""
    names = ("programme", "reference_version", "horizon", "double_counting")
    return _digest({name: survey[name] for name in names})


def has_something_new(survey: Mapping[str, Any]) -> bool:
    """Whether a survey's input differs from what its published release is known to say.

    A survey whose file is gone asks for no year: what it has published stays as it is.
    """
    if survey["horizon"] is None:
        return False
    if survey["confirmed_fingerprint"] is None:
        return bool(survey["submissions"])
    return survey["confirmed_fingerprint"] != input_digest(survey)


def _inputs(cursor: Cursor, survey_code: str | None) -> list[dict[str, Any]]:
    cursor.execute(warehouse.statement("orders/survey_input"), {"survey_code": survey_code})
    return warehouse.rows(cursor)


def _digest(made_from: Mapping[str, Any]) -> str:
    text = json.dumps({**made_from, "sql_version": sql_version()}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


# A release and its rows


def named(release_id: int | None) -> str:
    """A release in a sentence."""
    return f"release {release_id}" if release_id else "no release"


def release(cursor: Cursor, release_id: int) -> dict[str, Any]:
    """The row of a release. Raises LookupError if there is none."""
    cursor.execute("select * from city_order.release where release_id = %s", (release_id,))
    for found in warehouse.rows(cursor):
        return found
    raise LookupError(f"There is no release {release_id}. It may be of another warehouse.")


def published(cursor: Cursor, survey_code: str) -> dict[str, Any] | None:
    """The release that readers of a survey see."""
    cursor.execute(
        "select release.* from city_order.published_release inner join city_order.release using (release_id)"
        " where published_release.survey_code = %s",
        (survey_code,),
    )
    return next(iter(warehouse.rows(cursor)), None)


def is_whole(release: Mapping[str, Any]) -> bool:
    """Whether a release set the rows of every product anew."""
    return release["whole_release_id"] is None


def touched_products(cursor: Cursor, release: Mapping[str, Any]) -> str | None:
    """The products that a release sets anew, as models and audits take them; None if it is whole."""
    if is_whole(release):
        return None
    cursor.execute("select product_id from city_order.touched_product where release_id = %s", (release["release_id"],))
    return array(product_id for (product_id,) in cursor)


def array(product_ids: Iterable[str]) -> str:
    """A list of products as a literal: the planner sees how long it is, and parses it quickly."""
    return "{" + ",".join(product_ids) + "}"


def work_on_all(cursor: Cursor) -> None:
    """Let the rest of a transaction use the memory that whole builds and audits need, and join in one go.

    Rows that have just been written have no statistics: taken for few, each would be looked up among the others.
    """
    cursor.execute("select set_config('work_mem', %s, true), set_config('enable_nestloop', 'off', true)", (WORK_MEM,))


def fill(cursor: Cursor, model: str, parameters: Mapping[str, Any]) -> int:
    """Fill the table of a model, or the versions that its view shows; returns the number of rows."""
    return warehouse.fill(cursor, table_of(model), parameters, model)


def table_of(model: str) -> str:
    """The table that a model fills."""
    return f"{model}_version" if model in VERSIONED else model


# Figures


def figures_digest(cursor: Cursor, release_id: int) -> str:
    """Digest of a release's figures: years, order lines, prices, exclusions and surplus, without ids and times."""
    return _as_digest(_figures(cursor, release_id, None))


def figures_after(cursor: Cursor, base: Mapping[str, Any], release_id: int, touched: str) -> str:
    """The digest of a release that touches some products, out of its base's and of the figures of those."""
    kept = [int(base["figures_sha256"][place : place + 16], 16) for place in range(0, 64, 16)]
    words = zip(
        kept,
        _figures(cursor, base["release_id"], touched),
        _figures(cursor, release_id, touched),
        strict=True,
    )
    return _as_digest([kept - replaced + new for kept, replaced, new in words])


def _figures(cursor: Cursor, release_id: int, touched: str | None) -> list[int]:
    cursor.execute(warehouse.statement("orders/figures"), {"release_id": release_id, "touched": touched})
    (words,) = cursor.fetchall()
    return [int(word) for word in words]


def _as_digest(words: Iterable[int]) -> str:
    return "".join(f"{word % _WORD:016x}" for word in words)


# Audits


def complaints(cursor: Cursor, release_id: int, *, whole: bool = True) -> dict[str, str]:
    """Run every audit over a release; for each that finds offending rows, its law and the first of them, readable.

    Not `whole`, it looks at what the release sets anew, at a cost that follows the change.
    """
    audits = sorted(path.stem for path in (warehouse.SQL_FOLDER / "audits").glob("*.sql"))
    if not audits:
        raise FileNotFoundError(f"No audits in {warehouse.SQL_FOLDER / 'audits'}: nothing is published unaudited.")
    parameters: dict[str, Any] = {"release_id": release_id, "touched": None, "judged_since": None}
    if not whole:
        audited = release(cursor, release_id)
        parameters["touched"] = touched_products(cursor, audited)
        if not is_whole(audited):
            base = release(cursor, audited["replaces_release_id"])
            parameters["judged_since"] = base["built_at"] - LONGEST_TRANSACTION
    if parameters["touched"] is None:
        work_on_all(cursor)
    found = {audit: _complaint(cursor, audit, parameters) for audit in audits}
    return {audit: complaint for audit, complaint in found.items() if complaint}


def _complaint(cursor: Cursor, name: str, parameters: Mapping[str, Any]) -> str:
    """What an audit has found, readable; nothing if it found nothing."""
    statement = warehouse.statement(f"audits/{name}")
    cursor.execute(f"select * from ({statement}) as offending limit %(limit)s", {**parameters, "limit": ROWS_SHOWN + 1})
    law = " ".join(line.removeprefix("--").strip() for line in statement.split("\nwith\n")[0].splitlines())
    return complaint(f"{name}: {law}", warehouse.rows(cursor), f"include/sql/audits/{name}.sql")


def complaint(law: str, offending: list[dict[str, Any]], written_in: str) -> str:
    """A law, the first of the rows that break it, and where it is written; nothing if no row does."""
    if not offending:
        return ""
    shown = [", ".join(f"{key}={value}" for key, value in row.items()) for row in offending[:ROWS_SHOWN]]
    more = ["… and more"] if len(offending) > ROWS_SHOWN else []
    return "\n  ".join([law, *shown, *more, f"({written_in})"])
