"""`make replay`: what judging a survey's answers again would change, and doing it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from include.city_order import replay, replay_words
from include.city_order.replay import Asked
from include.local_platform import airflow, postgres
from include.local_platform.before_dropping import mistakes_named, site
from include.local_platform.home import Home, PlatformError


def expect_known(asked: Asked) -> None:
    """Refuse a survey or an agency that there is not. Nothing needs to run for it."""
    with mistakes_named():
        replay.expect_known(airflow.surveys(os.environ), airflow.reference(os.environ), asked)


def rehearse(home: Home, asked: Asked) -> str:
    """What a replay would change, told; nothing is stored. PostgreSQL must run, Airflow need not."""
    with mistakes_named(), _progress_shown(), _refusals_named():
        answers, order = replay.rehearse(site(home, os.environ), asked)
    return "\n\n".join(
        (
            replay_words.answers_as_text(answers),
            replay_words.order_as_text(asked.survey_code, order, is_dry_run=True),
            f"Nothing was stored. To let it count: make replay SURVEY={asked.survey_code}"
            + (f" AGENCIES={','.join(asked.agencies)}" if asked.agencies else "")
            + (" HISTORY=1" if asked.with_history else "")
            + ' REASON="why"',
        )
    )


def answers_told(home: Home, run_id: str) -> str:
    """What the replay of a run changed of the answers."""
    return replay_words.answers_as_text(replay.answers(_analyst(home), run_id))


def newest_release(home: Home, survey_code: str) -> int | None:
    """The last release of a survey, published or not."""
    return replay.newest_release(_analyst(home), survey_code)


def order_told(home: Home, survey_code: str, since_release_id: int | None) -> str:
    """What the releases since that one changed of the order: the last of them against the one that it replaces."""
    newest = newest_release(home, survey_code)
    is_new = newest is not None and newest != since_release_id
    order = replay.order(_analyst(home), newest) if newest is not None and is_new else None
    return replay_words.order_as_text(survey_code, order, is_dry_run=False)


def _analyst(home: Home) -> str:
    return postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.ANALYST_ROLE)


@contextmanager
def _refusals_named() -> Iterator[None]:
    try:
        yield
    except replay.CannotReplay as error:
        raise PlatformError(str(error)) from error


@contextmanager
def _progress_shown() -> Iterator[None]:
    """How far a dry run is, line by line: to read many files takes minutes."""
    shown = logging.StreamHandler(sys.stdout)
    shown.setFormatter(logging.Formatter("  %(message)s"))
    log = logging.getLogger(replay.__name__)
    level, log.propagate = log.level, False
    log.addHandler(shown)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(shown)
        log.setLevel(level)
        log.propagate = True
