"""Why a run failed: what a person reads of its tasks and their logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from include.local_platform.failures import error_in, explain
from include.local_platform.home import Home

DAG, RUN = "collect_submissions", "manual__2026-11-23T06:57:07+00:00"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", ui_port=18080, db_port=15439)


def _task(task_id: str, state: str = "failed", map_index: int = -1) -> dict[str, Any]:
    return {"task_id": task_id, "state": state, "map_index": map_index}


def _error(exc_type: str, exc_value: str, **more: Any) -> dict[str, Any]:
    """A log line as Airflow writes it when a task raises."""
    detail = {"exc_type": exc_type, "exc_value": exc_value, "exc_notes": [], "frames": [], **more}
    return {"level": "error", "event": "Task failed with exception", "error_detail": [detail]}


def _log(home: Home, where: str, *entries: dict[str, Any]) -> Path:
    path = home.folder("airflow") / "logs" / f"dag_id={DAG}" / f"run_id={RUN}" / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    return path


def test_each_failed_task_is_shown_with_its_whole_error_and_its_last_log(home: Home) -> None:
    for attempt in (1, 9):
        _log(home, f"task_id=read/map_index=2/attempt={attempt}.log", _error("OSError", f"attempt {attempt}"))
    last = _log(home, "task_id=read/map_index=2/attempt=10.log", _error("ValueError", "лампы.yaml, line 3:\nno unit"))
    answer = _log(home, "task_id=answer/attempt=1.log", _error("PermissionError", "outbox"))
    tasks = [
        _task("receive", "success"),
        _task("read", map_index=2),
        _task("load", "upstream_failed"),
        _task("answer"),
    ]
    assert explain(home, DAG, RUN, tasks).splitlines() == [
        "read[2] failed:",
        "  ValueError: лампы.yaml, line 3:",
        "  no unit",
        f"  log: {last}",
        "answer failed:",
        "  PermissionError: outbox",
        f"  log: {answer}",
    ]


def test_the_last_error_counts_with_its_notes(home: Home) -> None:
    log = _log(
        home,
        "task_id=load/attempt=1.log",
        _error("OperationalError", "tried once"),
        _error("UniqueViolation", "twice", exc_notes=["receipt 4"]),
        {"level": "info", "event": "::endgroup::"},
    )
    assert error_in(log) == "UniqueViolation: twice\nreceipt 4"


def test_a_killed_task_shows_its_last_words(home: Home) -> None:
    log = _log(home, "task_id=judge/attempt=1.log", {"event": "begun"}, {"event": "judging 413 lines"})
    with log.open("a") as file:
        file.write('{"event": "cut o')
    assert error_in(log).endswith("ends with: judging 413 lines")


def test_a_task_without_a_log_points_to_the_scheduler(home: Home) -> None:
    assert str(home.logs / "scheduler.log") in explain(home, DAG, RUN, [_task("receive")])


def test_a_run_that_a_person_failed_says_so(home: Home) -> None:
    assert "cancelled, or marked as failed" in explain(home, DAG, RUN, [_task("receive", "success")])
