"""Names that nobody knows, for whoever decides: what they look like, what is at stake, and the lines to decide with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg2

from include.city_order import proposals
from include.city_order.references import ReferenceError
from include.city_order.vocabulary import MOSCOW
from include.local_platform import airflow, postgres
from include.local_platform.home import Home, PlatformError


def listed(home: Home, survey_code: str, to: Path | None) -> str:
    """What is proposed of a survey, best first, and what to do next; all of it into the file `to`, if one is given.

    Where nothing is proposed, the file has its heading only. PostgreSQL must run, Airflow need not. Nothing is changed.
    """
    reference = airflow.reference(os.environ)
    today = datetime.now(MOSCOW).date()
    with _mistakes_named():
        found = proposals.listed(
            postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.ANALYST_ROLE), reference, survey_code
        )
    said = [f"{_told(len(found.proposals))} of {survey_code} {_decided(found.decided)}"]
    written = [_written(to, proposals.as_csv(found.proposals, today))] if to else []
    if not found.proposals:
        return "\n".join([*said, "Names are compared at the end of each night: make nightly", *written])
    for row in found.proposals:
        said += ["", *_in_words(row, today)]
    first = found.proposals[0]
    said += [
        "",
        "Nothing is merged until you decide. For each:",
        f"  the same: put its lines into {reference}/, with decided_by (a body) and decided_date filled in",
        f"  not the same: {reference}/rejected_aliases.csv, with the reason too, and nobody is asked again:",
        f"    {proposals.rejection(first, today)}",
        f"  then see what it would change: make replay SURVEY={survey_code} DRY_RUN=1",
        f'  and let it count: make replay SURVEY={survey_code} REASON="names decided"',
        "Whoever takes the line out again, and replays, has the order as it was.",
        *written,
    ]
    return "\n".join(said)


def _written(to: Path, content: bytes) -> str:
    try:
        to.write_bytes(content)
    except OSError as error:
        raise PlatformError(f"{to} cannot be written: {error.strerror}. Say where else: TO=file.csv") from error
    return f"The list as a file: {to}"


def _in_words(row: dict[str, Any], today: date) -> Iterator[str]:
    typed_by = row["typed_manufacturer_code"] or "manufacturer not stated"
    known = f"{row['known_name']} ({row['known_manufacturer_code'] or 'manufacturer not stated'})"
    if row["kind"] == proposals.MANUFACTURER:
        yield f"{row['score']:>3}  manufacturer {row['typed_name']} → {known}"
    else:
        yield f"{row['score']:>3}  {row['typed_name']} ({typed_by}) → {known}"
    yield f"     {row['reason']}"
    yield (
        f"     asked by {', '.join(row['agencies'])}, receipts {', '.join(map(str, row['receipts']))}:"
        f" lines {row['lines']}, pieces of all years {row['pieces']:,f}; first seen {row['first_seen_at'].date()}"
    )
    for file, line in proposals.drafts(row, today):
        yield f"     {file}: {line}"


def _told(proposed: int) -> str:
    return f"{proposed or 'No'} proposal{'' if proposed == 1 else 's'}"


def _decided(decided: int) -> str:
    if not decided:
        return "to decide"
    return f"to decide; {decided} more decided in the files, and counted from the next replay or backfill"


@contextmanager
def _mistakes_named() -> Iterator[None]:
    """What the user can put right, said in the platform's way."""
    try:
        yield
    except (LookupError, ReferenceError) as error:
        raise PlatformError(str(error)) from error
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn) as error:
        raise PlatformError("The warehouse has an older schema than this checkout. Mend it: make up") from error
    except psycopg2.OperationalError as error:
        raise PlatformError(f"The warehouse cannot be reached: {error}Start it: make up") from error
