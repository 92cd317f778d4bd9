"""What the bad nights showed: a sentence for each, a table of all, and the page that keeps it."""

from __future__ import annotations

import os
import platform
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.faults.night import TASKS
from tests.faults.watching import PLACES

Result = dict[str, Any]

_BEGIN, _END = "<!-- what make faults found: begin -->\n", "<!-- what make faults found: end -->\n"


def complaints(result: Result) -> list[str]:
    """The laws that a result saw broken."""
    if result["kind"] == "airflow":
        return list(result["wrong"])
    return [
        f"{event['task']} {event['place']} {event['ended']}: {complaint}"
        for event in result.get("events", ())
        for complaint in event["complaints"]
    ]


def all_well(results: list[Result]) -> bool:
    """Whether no law was broken."""
    return not any(complaints(result) for result in results)


def sentence(result: Result) -> str:
    """One result, for those who watch."""
    if result["kind"] == "skipped":
        return f"{result['name']}: skipped, {result['why']}"
    broken = complaints(result)
    how = "; ".join(["BROKEN", *broken[:3]]) if broken else "every law held"
    if result["kind"] == "airflow":
        return f"{result['name']}: finished after {result['finished_s']:.0f} s, {how}"
    return f"{result['name']}: {len(_faults(result))} faults in {result['seconds']:.0f} s, {how}"


def _faults(result: Result) -> list[dict[str, Any]]:
    """What befell tasks: the events with a place."""
    return [event for event in result.get("events", ()) if event["place"]]


def table(results: list[Result]) -> str:
    """Where the faults hit, as Markdown: kills and stops by task and place, other faults by kind, Airflow's nights."""
    parts = []
    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        for event in _faults(result):
            by_kind[event["scenario"]].append(event)
    for kind, what in (("kill", "SIGKILL of a task's process"), ("database stop", "Immediate stop of PostgreSQL")):
        if hit := by_kind.pop(kind, None):
            parts.append(_phases(what, hit))
    if by_kind:
        parts.append("### Other faults\n")
        parts.append(
            _markdown(
                ("fault", "times", "in", "the attempt it befell"),
                [
                    (kind, len(hit), _counts(event["task"] for event in hit), _counts(event["ended"] for event in hit))
                    for kind, hit in sorted(by_kind.items())
                ],
            )
        )
    nights = [result for result in results if result["kind"] == "airflow"]
    if nights:
        slowest = max(night["finished_s"] for night in nights)
        parts.append(f"### On the real Airflow\n\n{len(nights)} nights; the slowest was over {slowest:.0f} s later.\n")
        parts.append(
            _markdown(
                ("killed", "during", "its state then", "attempts", "over after, s"),
                [
                    (night["victim"], night["name"].partition(" during ")[2], night["state"], night["attempts"],
                     f"{night['finished_s']:.0f}")
                    for night in nights
                ],
            )
        )  # fmt: skip
    skipped = sorted({f"{result['name']}: {result['why']}" for result in results if result["kind"] == "skipped"})
    if skipped:
        parts.append("Skipped: " + "; ".join(skipped) + "\n")
    broken = [f"- {result['name']}: {complaint}" for result in results for complaint in complaints(result)]
    parts.append("### Laws broken\n\n" + ("\n".join(broken) if broken else "None.") + "\n")
    return "\n".join(parts)


def _phases(title: str, hit: list[dict[str, Any]]) -> str:
    cells = Counter((event["task"], event["place"]) for event in hit)
    rows: list[tuple[Any, ...]] = [
        (task, *(cells[task, place] or "" for place in PLACES), sum(cells[task, place] for place in PLACES))
        for task in TASKS
    ]
    rows.append(("all", *(sum(cells[task, place] for task in TASKS) for place in PLACES), len(hit)))
    share = sum(event["task"] == "load" for event in hit) / len(hit)
    inside = sum(event["task"] == "load" and event["place"] in ("inside", "at commit") for event in hit) / len(hit)
    words = f"{len(hit)} times; {share:.0%} of them in `load`, {inside:.0%} inside its transaction."
    return f"### {title}\n\n{words}\n\n" + _markdown(("task", *PLACES, "all"), rows)


def _counts(words: Any) -> str:
    return ", ".join(f"{word} {times}" for word, times in Counter(words).most_common())


def _markdown(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def write(page: Path, results: list[Result]) -> None:
    """Keep the table in the page, with date and machine."""
    cores, memory = os.cpu_count(), psutil.virtual_memory().total / 2**30
    minutes = sum(result["seconds"] for result in results if result["kind"] == "season") / (cores or 1) / 60
    airflow_minutes = sum(result["seconds"] for result in results if result["kind"] == "airflow") / 60
    found = (
        f"{_BEGIN}\nOf {datetime.now(UTC):%Y-%m-%d}, on {cores} cores and {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}. The seasons at flow level took {minutes:.0f} minutes, the nights on the "
        f"real Airflow {airflow_minutes:.0f}.\n\nThis is of the code of that day, and of the tasks {', '.join(TASKS)}: "
        f"after a change of these it is due again.\n\n{table(results)}\n{_END}"
    )
    text = page.read_text(encoding="utf-8")
    page.write_text(re.sub(f"{_BEGIN}.*{_END}", lambda _: found, text, flags=re.DOTALL), encoding="utf-8")
