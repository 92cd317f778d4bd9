"""Nights on the real Airflow with a kill: two of those that `make faults` runs, drawn by a seed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psycopg2
import pytest

from tests.faults import airflow_nights
from tests.faults.airflow_nights import CASES, STAGES, Case

#: Another seed draws other nights.
SEED = os.environ.get("CITY_ORDER_FAULTS_SEED", "2026")


def test_every_stage_loses_its_scheduler_its_api_server_and_its_supervisor() -> None:
    lost = {(case.stage, case.victim) for case in CASES}
    assert lost >= {(stage, victim) for stage in STAGES for victim in ("scheduler", "api-server", "supervisor")}
    assert len(CASES) >= 20
    assert len({case.name for case in CASES}) == len(CASES)


def _sample() -> list[Case]:
    """A night that heals without a command, and one after `up`. A lost supervisor takes a minute: left to the whole."""
    chance = Random(SEED)
    by_itself = [case for case in CASES if case.victim == "task"]
    after_up = [case for case in CASES if case.needs_up]
    return [chance.choice(by_itself), chance.choice(after_up)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    here = tmp_path_factory.mktemp("nights")
    try:
        yield here
    finally:
        left = airflow_nights.close(here)
    assert left == []


@pytest.mark.slow
@pytest.mark.warehouse
@pytest.mark.parametrize("case", _sample(), ids=lambda case: case.name)
def test_a_night_with_a_kill_ends_like_a_quiet_one(case: Case, folder: Path) -> None:
    outcome = airflow_nights.run(case, folder)
    assert outcome.wrong == []
    assert outcome.state == "running"


#: What a bad night might leave, past every constraint and trigger; and what is then said of it.
SPOILT = {
    "has no verdict": "update landing.receipt set verdict = null where receipt_no = 1",
    "has no protocol in the outbox": "update landing.receipt set answer_path = 'elsewhere.xlsx' where receipt_no = 2",
    "quantity_equation": (
        "update city_order.order_line_version set gross_quantity = gross_quantity + 1"
        " where (release_id, product_id, unit, year) = (select release_id, product_id, unit, year"
        " from city_order.order_line_version order by 1, 2, 3, 4 limit 1)"
    ),
    "the pointer and the status": "delete from city_order.published_release where survey_code = 'ecb-2026'",
    "ecb-2026 still to be built": "select 1",
}


@pytest.mark.slow
@pytest.mark.warehouse
def test_what_is_spoilt_is_noticed(folder: Path) -> None:
    platform = airflow_nights.Platform(folder)
    quiet = platform.quiet_night()
    assert platform.broken_laws() == []
    with contextlib.closing(psycopg2.connect(platform.dsn("warehouse"))) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("set session_replication_role = replica")
        for complaint, spoil in SPOILT.items():
            cursor.execute(spoil)
            assert [wrong for wrong in platform.broken_laws() if complaint in wrong], complaint
    assert platform.digest() != quiet["digest"]
    assert platform.endings() != quiet["endings"]
