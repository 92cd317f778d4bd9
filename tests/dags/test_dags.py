"""The DAG files: which DAGs there are, when they run, and in which order their tasks do."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DAGS = ROOT / "dags"

#: The edges of each DAG: task → the tasks that wait for it.
EDGES = {
    "collect_submissions": {
        "receive": {"read", "judge", "publish_forms"},
        "read": {"judge"},
        "judge": {"load"},
        "load": {"answer", "announce", "propose_aliases"},
        "answer": set(),
        "announce": set(),
        "propose_aliases": set(),
        "publish_forms": set(),
    },
    "build_city_order": {
        "build": {"audit"},
        "audit": {"announce", "publish"},
        "announce": set(),
        "publish": {"disclose"},
        "disclose": {"export"},
        "export": set(),
    },
    "approve_release": {
        "describe": {"ask", "decide"},
        "ask": {"decide"},
        "decide": {"publish"},
        "publish": {"disclose"},
        "disclose": {"export"},
        "export": set(),
    },
    "replay_survey": {
        "rehearse": set(),
        "begin": {"read", "judge"},
        "read": {"judge"},
        "judge": {"load"},
        "load": {"answer", "announce"},
        "answer": set(),
        "announce": set(),
    },
}

#: How many runs of a DAG may be active: a question that waits must keep no other from being asked.
RUNS = {"collect_submissions": 1, "build_city_order": 1, "approve_release": 1000, "replay_survey": 1}


@pytest.fixture(scope="module")
def dags() -> dict[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=DAGS, bundle_path=DAGS, bundle_name="dags")
    assert bag.import_errors == {}
    return dict(bag.dags)


def test_there_is_one_dag_for_each_file_and_no_other(dags: dict[str, Any]):
    assert set(dags) == set(EDGES)
    assert {path.stem for path in DAGS.glob("*.py")} == set(EDGES)


@pytest.mark.parametrize("dag_id", EDGES)
def test_tasks_run_in_this_order(dags: dict[str, Any], dag_id: str):
    assert {task.task_id: task.downstream_task_ids for task in dags[dag_id].tasks} == EDGES[dag_id]


@pytest.mark.parametrize("dag_id", EDGES)
def test_a_dag_says_what_it_is_for_and_how_often_it_runs_at_a_time(dags: dict[str, Any], dag_id: str):
    dag = dags[dag_id]
    assert (dag.catchup, dag.max_active_runs) == (False, RUNS[dag_id])
    assert dag.tags
    for said in ("What red means", "What to do"):
        assert said in dag.doc_md
    for task_id in EDGES[dag_id]:
        assert f"`{task_id}`" in dag.doc_md


@pytest.mark.parametrize("dag_id", EDGES)
def test_every_task_may_be_repeated(dags: dict[str, Any], dag_id: str):
    assert dags[dag_id].tasks
    for task in dags[dag_id].tasks:
        assert task.retries >= 1, task.task_id
        assert task.owner == "city-order"


def test_a_night_of_the_collection_is_a_drop_date(dags: dict[str, Any]):
    timetable = dags["collect_submissions"].timetable
    assert type(timetable).__name__ == "CronDataIntervalTimetable"
    assert timetable.expression == "0 1 * * *"
    assert str(timetable.timezone) == "Europe/Moscow"


@pytest.mark.parametrize(
    ("folder", "name", "old", "new", "said"),
    [
        ("surveys", "ecb-2026.yaml", "closes: 2026-11-12", "closes: 12.11.2026", "write it as 2026-11-12"),
        ("reference", "okei.csv", "796,шт,Штука", "796,шт", r"okei\.csv:2: "),
    ],
)
def test_a_mistake_in_a_file_fails_at_once_as_trying_again_cannot_mend_it(
    dags: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    folder: str, name: str, old: str, new: str, said: str,
):  # fmt: skip
    from airflow.sdk.exceptions import AirflowFailException

    for kind in ("surveys", "reference"):
        shutil.copytree(ROOT / "include" / kind, tmp_path / kind)
    path = tmp_path / folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    for kind in ("inbox", "archive", "outbox", "surveys", "reference"):
        monkeypatch.setenv(f"CITY_ORDER_{kind.upper()}", str(tmp_path / kind))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_INGEST", "postgresql://nobody@127.0.0.1:1/none")
    receive = dags["collect_submissions"].get_task("receive")
    with pytest.raises(AirflowFailException, match=said):
        receive.python_callable(dag_run=SimpleNamespace(run_type="manual"))


def test_what_is_handed_out_is_looked_after_even_if_nothing_is_new(dags: dict[str, Any]):
    rules = {task.task_id: task.trigger_rule.value for task in dags["build_city_order"].tasks}
    assert rules == {**dict.fromkeys(rules, "all_success"), "disclose": "none_failed"}


def test_the_build_is_woken_by_the_collection(dags: dict[str, Any]):
    announce = dags["collect_submissions"].get_task("announce")
    (demand,) = announce.outlets
    assert dags["build_city_order"].timetable.asset_condition.uri == demand.uri
    assert type(dags["build_city_order"].timetable).__name__ == "PartitionedAssetTimetable"


def test_a_question_is_woken_by_what_can_be_skipped(dags: dict[str, Any]):
    outlets = {task.task_id: [outlet.uri for outlet in task.outlets] for task in dags["build_city_order"].tasks}
    uri = dags["approve_release"].timetable.asset_condition.uri
    # A task with an outlet that succeeds leaves an event under its run's key, which names no release.
    assert {task_id for task_id, uris in outlets.items() if uri in uris} == {"announce"}
    assert type(dags["approve_release"].timetable).__name__ == "PartitionedAssetTimetable"


def test_a_question_waits_for_three_days_and_nobody_is_taken_to_have_approved(dags: dict[str, Any]):
    ask = dags["approve_release"].get_task("ask")
    assert (ask.response_timeout, ask.options, ask.defaults) == (timedelta(days=3), ["Approve", "Reject"], ["Reject"])
    assert list(ask.params) == ["comment"]


def test_an_answer_to_an_outdated_question_ends_its_run_well(dags: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    """So does the end of its time."""
    from airflow.sdk.exceptions import AirflowSkipException

    from include.city_order import gate

    def outdated(*_: Any, **__: Any) -> None:
        raise gate.Decided("release 7 was overtaken")

    monkeypatch.setattr(gate, "decide", outdated)
    monkeypatch.setattr(gate, "expire", outdated)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_BUILDER", "postgresql://nobody@127.0.0.1:1/none")
    decide = dags["approve_release"].get_task("decide").python_callable
    for person in ({"name": "Иванова"}, None):
        answer = {"responded_by_user": person, "params_input": {}, "chosen_options": ["Approve"]}
        with pytest.raises(AirflowSkipException, match="release 7 was overtaken"):
            decide({"release_id": 7}, answer, dag_run=SimpleNamespace(run_id="a run"))


def test_a_replay_is_a_dry_run_unless_somebody_says_otherwise(dags: dict[str, Any]):
    from airflow.sdk.exceptions import AirflowSkipException

    form = dags["replay_survey"].params
    assert form["dry_run"] is True
    assert form["history"] is False
    for dry_run, skipped in ((True, "begin"), (False, "rehearse")):
        with pytest.raises(AirflowSkipException):
            dags["replay_survey"].get_task(skipped).python_callable(params={"dry_run": dry_run})


def test_a_replay_of_what_there_is_not_fails_at_once(
    dags: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from airflow.sdk.exceptions import AirflowFailException

    for kind in ("inbox", "archive", "outbox"):
        monkeypatch.setenv(f"CITY_ORDER_{kind.upper()}", str(tmp_path / kind))
    for kind in ("surveys", "reference"):
        monkeypatch.setenv(f"CITY_ORDER_{kind.upper()}", str(ROOT / "include" / kind))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_INGEST", "postgresql://nobody@127.0.0.1:1/none")
    form = {"survey": "ecb-2062", "agencies": [], "reason": "why", "who": "", "history": False}
    for dry_run, task_id in ((True, "rehearse"), (False, "begin")):
        with pytest.raises(AirflowFailException, match="did you mean ecb-2026"):
            dags["replay_survey"].get_task(task_id).python_callable(
                params={**form, "dry_run": dry_run}, run_id="a run", dag_run=SimpleNamespace(triggering_user_name="me")
            )
