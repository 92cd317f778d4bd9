"""The collection, run whole by Airflow on a metadata database of its own, with a handful of sample drops."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from include.sample_drops import writing

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

ROOT = Path(__file__).resolve().parents[2]
DROPS = {
    "ecb-2026/gorsvet/потребность_эк.csv": "accepted",
    "ecb-2026/school-1501/Школа 1501 ЭКБ.xlsx": "accepted",
    "ecb-2026/ambulance-fict/скорая экб.xlsx": "rejected",
    "ecb-2026/mystery-office/Заявка.xlsx": "quarantined",
    "battery-2026/zhilischnik-south/АКБ Южный.xlsx": "partly_accepted",
}

PROGRAM = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from airflow.models.asset import AssetEvent
from airflow.utils.session import create_session

bag = DagBag(dag_folder=sys.argv[1], bundle_path=sys.argv[1], bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
run = bag.dags["collect_submissions"].test()
with create_session() as session:
    events = sorted(str(event.partition_key) for event in session.query(AssetEvent))
tasks = sorted((task.task_id, str(task.state)) for task in run.get_task_instances())
print("RESULT " + json.dumps({"state": run.state, "tasks": tasks, "events": events}))
"""


def environment(warehouse: Any, home: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CITY_ORDER"))},
        "PYTHONPATH": str(ROOT),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "no_plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW_CONN_WAREHOUSE_INGEST": warehouse.ingest,
        "CITY_ORDER_INBOX": str(home / "inbox"),
        "CITY_ORDER_ARCHIVE": str(home / "archive"),
        "CITY_ORDER_OUTBOX": str(home / "outbox"),
        "CITY_ORDER_SURVEYS": str(home / "surveys"),
        "CITY_ORDER_REFERENCE": str(ROOT / "include/reference"),
    }


def run(arguments: list[str], env: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=env, cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


def test_a_night_runs_green_whatever_the_agencies_sent(warehouse: Any, tmp_path: Path):
    samples = tmp_path / "samples"
    writing.write(samples)
    for path in DROPS:
        target = tmp_path / "inbox" / path
        target.parent.mkdir(parents=True)
        shutil.copy2(samples / path, target)
    shutil.copytree(ROOT / "include/surveys", tmp_path / "surveys")
    battery = tmp_path / "surveys/battery-2026.yaml"
    # Open today, whenever that is: its form is to be laid out.
    text = re.sub(r"opens: \S+\ncloses: \S+", "opens: 2020-01-01\ncloses: 2099-12-31", battery.read_text("utf-8"))
    battery.write_text(text, "utf-8")
    env = environment(warehouse, tmp_path)
    run(["-m", "airflow", "db", "migrate"], env, tmp_path)
    printed = run(["-c", PROGRAM, str(ROOT / "dags")], env, tmp_path)
    (line,) = (line for line in printed.splitlines() if line.startswith("RESULT "))
    result = json.loads(line.removeprefix("RESULT "))
    assert result["state"] == "success"
    assert result["tasks"] == [
        [task, "success"]
        for task in (
            "announce",
            "answer",
            "judge",
            "load",
            "propose_aliases",
            "publish_forms",
            "read",
            "read",
            "receive",
        )
    ]
    assert result["events"] == ["battery-2026", "ecb-2026"]
    connection = psycopg2.connect(warehouse.owner)
    try:
        cursor = connection.cursor()
        cursor.execute("select original_path, verdict, answer_path from landing.receipt")
        receipts = cursor.fetchall()
    finally:
        connection.close()
    assert {path: verdict for path, verdict, _ in receipts} == DROPS
    outbox = tmp_path / "outbox"
    answers = sorted(str(file.relative_to(outbox)) for file in outbox.rglob("*-protocol.xlsx"))
    assert answers == sorted(answer for _, _, answer in receipts)
    assert len(answers) == len(DROPS)
    assert (outbox / "battery-2026/battery-2026-form.xlsx").is_file()
