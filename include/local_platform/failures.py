"""Why a run failed, in the words of the tasks that failed."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from include.local_platform.home import Home


def explain(home: Home, dag_id: str, run_id: str, tasks: list[dict[str, Any]]) -> str:
    """For each failed task instance of a run: its error, whole, and the log of its last attempt."""
    failed = [task for task in tasks if task["state"] == "failed"]
    if not failed:
        return "No task failed: the run was cancelled, or marked as failed in the UI."
    return "\n".join(_explain_task(home, dag_id, run_id, task) for task in failed)


def task_name(task: dict[str, Any]) -> str:
    """A task instance's name; a mapped one has its index: `read[2]`."""
    return str(task["task_id"]) if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"


def last_log(home: Home, dag_id: str, run_id: str, task: dict[str, Any]) -> Path | None:
    """The log of a task instance's last attempt, or None if no attempt got as far as a log."""
    folder = home.folder("airflow") / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task['task_id']}"
    if task["map_index"] >= 0:
        folder /= f"map_index={task['map_index']}"
    attempts = {int(log.stem.removeprefix("attempt=")): log for log in folder.glob("attempt=*.log")}
    return attempts[max(attempts)] if attempts else None


def error_in(log: Path) -> str:
    """The exception that ended a task, with all its lines; of a task that was killed, its last words.

    A log holds a JSON object a line; a line that is none (cut off by a kill) is passed over.
    """
    exception = last_words = ""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            last_words = entry["event"]
        except (ValueError, KeyError, TypeError):
            continue
        if entry.get("error_detail"):
            error = entry["error_detail"][0]
            exception = "\n".join([f"{error['exc_type']}: {error['exc_value']}", *error.get("exc_notes", [])])
    return exception or f"No exception, so it was probably killed. Its log ends with: {last_words}"


def _explain_task(home: Home, dag_id: str, run_id: str, task: dict[str, Any]) -> str:
    log = last_log(home, dag_id, run_id, task)
    if log is None:
        words = f"It left no log, so it never began: see {home.logs / 'scheduler.log'}"
    else:
        words = f"{error_in(log)}\nlog: {log}"
    return f"{task_name(task)} failed:\n{textwrap.indent(words, '  ')}"
