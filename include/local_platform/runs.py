"""The jobs that a person starts and watches: the nightly run, a backfill over past drop dates, a replay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

from include.city_order import gate, orders, summary
from include.city_order.drop_dates import drop_date
from include.city_order.replay import Asked
from include.city_order.vocabulary import MOSCOW
from include.local_platform import postgres, replaying
from include.local_platform.airflow import expect_running
from include.local_platform.failures import explain, task_name
from include.local_platform.home import Home, PlatformError
from include.local_platform.rest import Airflow

COLLECT = "collect_submissions"
BUILD = "build_city_order"
APPROVE = "approve_release"
REPLAY = "replay_survey"

ENDED = ("success", "failed")
ACTIVE = {"state": ["queued", "running"]}
POLL_S = 1.0


class RunFailed(PlatformError):
    """A run ended badly. The message gives the errors of its tasks, and the command to repeat."""


def nightly(home: Home, airflow: Airflow, since: datetime | None = None) -> None:
    """Run the nightly job now, follow it and its builds to the end, and print the summary.

    With `since`, the scheduled run that Airflow started by itself after that instant is the one to
    follow, if there is one. Raises PlatformError if a run fails.
    """
    _expect_dags(airflow)
    began = datetime.now(UTC)
    run = _scheduled_since(airflow, since) if since else None
    if run:
        began = min(began, _instant(run["queued_at"]))
        print(f"The scheduled run has begun by itself: {run['dag_run_id']}", flush=True)
    else:
        for active in airflow.runs(COLLECT, **ACTIVE):
            print("A run is active already; waiting for its end first", flush=True)
            _follow(home, airflow, active["dag_run_id"])
        run = airflow.trigger(COLLECT)
        print(f"Started {COLLECT}: {run['dag_run_id']}", flush=True)
    print(f"  {airflow.link(COLLECT, run['dag_run_id'])}", flush=True)
    _follow(home, airflow, run["dag_run_id"])
    _finish_builds(home, airflow, began)


def backfill(home: Home, airflow: Airflow, first: date, last: date) -> None:
    """Process the drop dates `first` to `last` again, night by night; then as `nightly` does.

    Raises PlatformError for a date before the DAG's start, while another backfill is active, and if a run
    fails: then the dates after it are cancelled.
    """
    details = _expect_dags(airflow)
    check_start(first, started=_instant(details["start_date"]))
    if any(not other["completed_at"] for other in airflow.backfills(COLLECT)):
        raise PlatformError(
            f"A backfill of {COLLECT} is active already, and Airflow takes one at a time.\n"
            "Wait until it is over (Airflow closes it within half a minute of its last night): "
            f"{airflow.ui}/dags/{COLLECT}/backfills\n"
            f'Or cancel it: "Cancel backfill" in the bar at the top of {airflow.ui}/dags/{COLLECT}'
        )
    began = datetime.now(UTC)
    bounds = drop_date_bounds(first, last)
    created = airflow.create_backfill(COLLECT, *bounds)
    print(f"Started backfill {created['id']} over the drop dates {first} to {last}", flush=True)
    for run in _nights(airflow, bounds):
        night = drop_date(_instant(run["logical_date"]))
        print(f"Drop date {night}: {airflow.link(COLLECT, run['dag_run_id'])}", flush=True)
        try:
            _follow(home, airflow, run["dag_run_id"], again=f"make backfill FROM={night} TO={last}")
        except RunFailed:
            _cancel(airflow, created["id"], night, last, bounds)
            raise
    _finish_builds(home, airflow, began)
    print("Waiting for Airflow to close the backfill: it looks twice a minute, and takes no other before", flush=True)
    while any(not other["completed_at"] for other in airflow.backfills(COLLECT)):
        time.sleep(POLL_S)


def replay(home: Home, airflow: Airflow, asked: Asked) -> None:
    """Judge a survey's answers again, follow that and the builds that come of it, and print what changed.

    Raises PlatformError if a run fails.
    """
    _expect_dags(airflow, REPLAY)
    began = datetime.now(UTC)
    last = replaying.newest_release(home, asked.survey_code)
    for active in airflow.runs(REPLAY, **ACTIVE):
        print("A replay is active already; waiting for its end first", flush=True)
        _follow(home, airflow, active["dag_run_id"], dag_id=REPLAY)
    run = airflow.trigger(
        REPLAY,
        {
            "survey": asked.survey_code,
            "agencies": list(asked.agencies),
            "history": asked.with_history,
            "reason": asked.reason,
            "who": asked.requested_by,
            "dry_run": False,
        },
    )
    run_id = run["dag_run_id"]
    print(f"Started {REPLAY}: {run_id}\n  {airflow.link(REPLAY, run_id)}", flush=True)
    _follow(home, airflow, run_id, again=f'make replay SURVEY={asked.survey_code} REASON="…"', dag_id=REPLAY)
    print(f"\n{replaying.answers_told(home, run_id)}\n", flush=True)
    _finish_builds(home, airflow, began)
    print(f"\n{replaying.order_told(home, asked.survey_code, last)}", flush=True)


def check_dates(first: date, last: date, *, now: datetime) -> None:
    """Refuse drop dates in the wrong order, and those that are not over. Raises PlatformError."""
    latest = drop_date(now) - timedelta(days=1)
    if first > last:
        raise PlatformError(f"The first drop date, {first}, is after the last, {last}. Exchange FROM and TO.")
    if last > latest:
        raise PlatformError(
            f"{last} is not over: a drop date ends at 01:00 Moscow time of the day after. "
            f"Give TO={latest} or earlier.\nNewer drops are collected by `make nightly`, which also takes quarantined "
            "receipts again whose survey or agency is known now."
        )


def check_start(first: date, *, started: datetime) -> None:
    """Refuse a drop date before the DAG's start. Raises PlatformError."""
    # A night that began before the DAG's start gives a green run without tasks.
    earliest = drop_date(started - timedelta(microseconds=1)) + timedelta(days=1)
    if first < earliest:
        raise PlatformError(f"{first} is before the first drop date, {earliest}. Give FROM={earliest} or later.")


def drop_date_bounds(first: date, last: date) -> tuple[str, str]:
    """The instants between which the nights of these drop dates begin, with Moscow's offset.

    Without the offset Airflow reads them as UTC, and loses the first night.
    """
    begin = datetime.combine(first, time_of_day.min, MOSCOW)
    end = datetime.combine(last, time_of_day(23, 59), MOSCOW)
    return begin.isoformat(), end.isoformat()


def _expect_dags(airflow: Airflow, also: str = BUILD, patience_s: float = 60) -> dict[str, Any]:
    """Wait until Airflow knows the DAGs; return the details of COLLECT. Raises PlatformError."""
    deadline = time.monotonic() + patience_s
    while True:
        found = {dag_id: airflow.dag(dag_id) for dag_id in (COLLECT, BUILD, APPROVE, also)}
        missing = [dag_id for dag_id, details in found.items() if not details]
        if not missing:
            break
        for error in airflow.import_errors():
            raise PlatformError(f"A DAG file cannot be imported: {error['filename']}\n{error['stack_trace']}")
        if time.monotonic() > deadline:
            raise PlatformError(f"Airflow does not find the DAG {missing[0]}; see logs/dag-processor.log in the home.")
        time.sleep(POLL_S)
    for dag_id, details in found.items():
        if details and details["is_paused"]:
            raise PlatformError(
                f"The DAG {dag_id} is paused, so nothing would run. Unpause it: {airflow.ui}/dags/{dag_id}"
            )
    return found[COLLECT] or {}


def _scheduled_since(airflow: Airflow, since: datetime, patience_s: float = 15) -> dict[str, Any] | None:
    """The scheduled run queued after `since`; a DAG that never ran gets one within a few seconds."""
    deadline = time.monotonic() + patience_s
    while True:
        runs = airflow.runs(COLLECT)
        for run in runs:
            if run["run_type"] == "scheduled" and _instant(run["queued_at"]) >= since:
                return run
        if runs or time.monotonic() > deadline:
            return None
        time.sleep(POLL_S)


def _nights(airflow: Airflow, bounds: tuple[str, str]) -> Iterator[dict[str, Any]]:
    """The runs of a backfill in the order in which Airflow starts them."""
    runs: list[dict[str, Any]] = []
    while page := airflow.runs(
        COLLECT,
        logical_date_gte=bounds[0],
        logical_date_lte=bounds[1],
        order_by="logical_date",
        offset=len(runs),
    ):
        runs += page
    yield from runs


def _cancel(airflow: Airflow, backfill_id: int, failed: date, last: date, bounds: tuple[str, str]) -> None:
    """Take back the nights of a backfill after the one that failed, so that it can be repeated at once."""
    if not airflow.cancel_backfill(backfill_id) or failed == last:
        return
    print(f"Cancelled the backfill: the drop dates after {failed} wait for the next one", flush=True)
    for run in airflow.runs(COLLECT, state=["running"], logical_date_gte=bounds[0], logical_date_lte=bounds[1]):
        print(f"  only {drop_date(_instant(run['logical_date']))} had begun, and runs to its end", flush=True)


def _follow(home: Home, airflow: Airflow, run_id: str, again: str = "make nightly", dag_id: str = COLLECT) -> None:
    """Print each task as its state changes until the run ends. Raises RunFailed, with the command to repeat."""
    told: dict[str, str] = {}
    while True:
        expect_running(home)
        run = airflow.run(dag_id, run_id)
        tasks = airflow.tasks(dag_id, run_id)
        for task in sorted(tasks, key=lambda task: task["start_date"] or "~"):
            name, state = task_name(task), task["state"]
            if state in (None, "scheduled", "queued", "removed") or told.get(name) == state:
                continue
            told[name] = state
            took = f"  {task['duration']:.1f} s" if task["duration"] and state != "running" else ""
            print(f"  {name:<24} {state}{took}", flush=True)
        if run["state"] in ENDED:
            break
        time.sleep(POLL_S)
    if run["state"] == "failed":
        raise _failure(home, airflow, dag_id, run_id, again)


def _failure(home: Home, airflow: Airflow, dag_id: str, run_id: str, again: str) -> RunFailed:
    why = explain(home, dag_id, run_id, airflow.tasks(dag_id, run_id))
    return RunFailed(
        f"The run {run_id} of {dag_id} failed: {airflow.link(dag_id, run_id)}\n{why}\nMend it, then again: {again}"
    )


def _finish_builds(home: Home, airflow: Airflow, began: datetime, patience_s: float = 60) -> None:
    """Wait until every survey with new input is built or held, then print the summary. Raises PlatformError.

    `patience_s` is for the time in which a survey waits and no build is under way.
    """
    told: set[str] = set()
    quiet_since = time.monotonic()
    analyst = postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.ANALYST_ROLE)
    while True:
        expect_running(home)
        # In this order, so that no build ends unseen between the questions.
        active = airflow.runs(BUILD, **ACTIVE)
        held = {} if active else orders.held(analyst)
        waiting = [] if active else [survey for survey in orders.surveys_to_build(analyst) if survey not in held]
        for run in reversed(airflow.runs(BUILD, run_after_gte=began.isoformat(), state=list(ENDED))):
            run_id = run["dag_run_id"]
            if run["state"] == "failed":
                raise _failure(home, airflow, BUILD, run_id, again="make nightly")
            if run_id not in told:
                told.add(run_id)
                print(f"  {BUILD} {run['partition_key'] or ''}  success  {run['duration']:.1f} s", flush=True)
        if active:
            quiet_since = time.monotonic()
        elif not waiting:
            break
        elif time.monotonic() - quiet_since > patience_s:
            raise PlatformError(
                f"No build came for {', '.join(waiting)}, which waits for one: {airflow.ui}/dags/{BUILD}\n"
                "See logs/scheduler.log in the home; `make nightly` announces it again."
            )
        time.sleep(POLL_S)
    print(summary.render(analyst), flush=True)
    if held:
        _tell_held(airflow, analyst, held)


def _tell_held(airflow: Airflow, analyst: str, held: dict[str, str], patience_s: float = 60) -> None:
    """Say why surveys are held back, and where a person decides."""
    deadline = time.monotonic() + patience_s
    while True:
        questions = {found["survey_code"]: found["asked_in_run"] for found in gate.waiting(analyst)}
        to_ask = [survey for survey in held if survey in questions and not questions[survey]]
        if not to_ask or time.monotonic() > deadline:
            break
        time.sleep(POLL_S)
    for survey, why in held.items():
        print(f"\nHeld: {survey}. {why}", flush=True)
        if run_id := questions.get(survey):
            print(f"  Decide: {airflow.link(APPROVE, run_id)}/tasks/ask/required_actions", flush=True)
        elif survey in questions:
            print(f"  No run of {APPROVE} asks yet: {airflow.ui}/dags/{APPROVE}", flush=True)
    if questions:
        print(f"\nAll questions: {airflow.ui}/required_actions?response_received=false", flush=True)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
