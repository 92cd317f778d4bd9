"""What an agency needs before it drops a file: a form to fill in, and the answer that its file would get."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg2

from include.city_order import forms, preview, protocol_words
from include.city_order.protocol_facts import ProtocolFacts, causes
from include.city_order.references import ReferenceError
from include.city_order.site import Site
from include.city_order.surveys import SurveyError
from include.city_order.vocabulary import Severity, Verdict
from include.local_platform import airflow, postgres
from include.local_platform.home import Home, PlatformError


def form(environ: Mapping[str, str], survey_code: str, agency_code: str, to: Path) -> Path:
    """Write the form of a survey, with an agency's name on it if one is given; returns its file.

    `to` is a folder, or the file to be. Nothing needs to run for it.
    """
    with mistakes_named():
        content = forms.make(forms.find(airflow.surveys(environ), survey_code), airflow.reference(environ), agency_code)
    file = to if to.suffix.lower() == ".xlsx" else to / forms.file_name(survey_code, agency_code)
    _expect_writable(file.parent)
    file.write_bytes(content)
    return file


def check(home: Home, file: Path, survey_code: str, agency_code: str, to: Path) -> str:
    """Write the protocol of a file that is not dropped yet into the folder `to`; returns what it says, in short.

    PostgreSQL must run, Airflow need not.
    """
    if not file.is_file() or not os.access(file, os.R_OK):
        raise PlatformError(f"There is no file {file} that can be read. Give the answer to be checked: FILE=path")
    inbox = airflow.inbox(home, os.environ)
    if to.is_relative_to(inbox):
        raise PlatformError(
            f"The protocol would lie in the inbox, and be collected as an answer: {to}\n"
            "Say where else it should go: TO=folder"
        )
    here = site(home, os.environ)
    _expect_writable(to)
    with mistakes_named():
        forms.find(here.surveys, survey_code)
        forms.expect_known(here.reference, agency_code)
        told = preview.check(here, file, survey_code, agency_code, to)
    written = "\n".join(f"  {path}" for path in told.written)
    said = f"{_in_short(told.facts)}\n\nThe protocol:\n{written}\nNothing was stored."
    if told.facts.verdict == Verdict.DUPLICATE:
        return said
    return f"{said} To hand the file in, put it into {inbox / survey_code / agency_code}"


def site(home: Home, environ: Mapping[str, str]) -> Site:
    """The home's folders, and its warehouse as the role that takes answers in."""
    return Site(
        warehouse=postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.INGEST_ROLE),
        inbox=airflow.inbox(home, environ),
        archive=home.folder("archive"),
        outbox=home.folder("outbox"),
        surveys=airflow.surveys(environ),
        reference=airflow.reference(environ),
    )


@contextmanager
def mistakes_named() -> Iterator[None]:
    """What the user of a rehearsal can put right, said in the platform's way."""
    try:
        yield
    except (forms.Unknown, preview.NotADrop, SurveyError, ReferenceError) as error:
        raise PlatformError(str(error)) from error
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn) as error:
        raise PlatformError("The warehouse has an older schema than this checkout. Mend it: make up") from error
    except (
        psycopg2.errors.LockNotAvailable, psycopg2.errors.DeadlockDetected, psycopg2.errors.QueryCanceled,
    ) as error:  # fmt: skip
        raise PlatformError(
            "A run is loading answers right now, or another check or dry run is under way. Nothing was stored: try"
            " again in a minute"
        ) from error
    except psycopg2.OperationalError as error:
        raise PlatformError(f"The warehouse cannot be reached: {error}Start it: make up") from error


def _expect_writable(folder: Path) -> None:
    """Make the folder if need be. Raises PlatformError if nothing can be written into it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise PlatformError(
            f"{folder} cannot be written: {error.strerror}. Say where else to write: TO=folder"
        ) from error


def _in_short(facts: ProtocolFacts) -> str:
    """The verdict and its lines, what the protocol says of the file, and each cause with its first cells."""
    said = [
        f"Verdict: {facts.verdict}. Lines: {facts.lines_read} delivered = {facts.lines_accepted} accepted"
        f" + {facts.lines_rejected} rejected + {facts.lines_duplicate} duplicate"
    ]
    for block in protocol_words.blocks(facts):
        said.append("")
        said += [f"{label}: {words}" for label, words in block]
    for cause in causes(facts.findings):
        first = cause.findings[0]
        severity = protocol_words.SEVERITIES[Severity(first.severity)]
        # Of the file as a whole, field and place are the same words.
        where = dict.fromkeys((protocol_words.cause_heading(cause), protocol_words.addresses(cause.findings)))
        said += ["", f"{severity}: {', '.join(where)}"]
        said.append(f"  {protocol_words.remark(first)}")
        typed, expected = protocol_words.example(cause)
        said += [f"  Введено: {typed}"] * bool(typed) + [f"  Ожидается: {expected}"] * bool(expected)
    return "\n".join(map(protocol_words.clean_text, said))
