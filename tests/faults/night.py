"""The nightly job as Airflow runs it, with each attempt of a task in a process forked from this one.

What a finished task returned is kept for the next ones, and an attempt that ended badly is made again: the results and
retries of the DAGs, without the seconds that Airflow's own processes take. The tasks are the nine that make the order;
forms, proposals, disclosure, exports, questions and replays are not among them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any

from include.city_order import answers, checks, gate, intake, orders
from include.city_order.drop_dates import Night
from tests.faults.watching import Trace, watch
from tests.faults.world import World

#: An attempt that takes longer hangs: with so little to do, a second is long.
PATIENCE_S = 60.0

TASKS = ("receive", "read", "judge", "load", "answer", "announce", "build", "audit", "publish")


class Stuck(Exception):
    """An attempt did not end."""


class Unhealed(Exception):
    """A task failed however often it was tried. The message holds its last error."""


def preload() -> None:
    """Import now what an attempt would import: Great Expectations alone takes seconds."""
    checks._great_expectations()


def _receive(world: World, run: Run, _: str) -> Any:
    return intake.receive(world.site, Night(run.drop_date), slots=2)


def _read(world: World, run: Run, _: str) -> Any:
    return [intake.read(world.site, chunk) for chunk in run.results["receive"]]


def _judge(world: World, run: Run, _: str) -> Any:
    return intake.judge(world.site, [receipt for chunk in run.results["receive"] for receipt in chunk])


def _load(world: World, run: Run, _: str) -> Any:
    return intake.load(world.site, run.results["judge"])


def _answer(world: World, run: Run, _: str) -> Any:
    return answers.write(world.site, run.results["load"])


def _announce(world: World, run: Run, _: str) -> Any:
    return orders.surveys_to_build(world.site.warehouse)


def _build(world: World, run: Run, survey: str) -> Any:
    return orders.build(world.builder, survey)


def _audit(world: World, run: Run, survey: str) -> Any:
    return orders.audit(world.builder, run.results[f"build {survey}"])


def _publish(world: World, run: Run, survey: str) -> Any:
    release_id = run.results[f"build {survey}"]
    with contextlib.suppress(orders.Overtaken, gate.Decided):  # the task is skipped
        try:
            orders.publish(world.builder, release_id)
        except gate.Held:
            # A few agencies' drops are much of a small order: a person is there, and approves.
            gate.decide(world.builder, release_id, approve=True, who="a test")
            orders.publish(world.builder, release_id)


_DO: dict[str, Callable[[World, Run, str], Any]] = {
    "receive": _receive, "read": _read, "judge": _judge, "load": _load, "answer": _answer, "announce": _announce,
    "build": _build, "audit": _audit, "publish": _publish,
}  # fmt: skip


@dataclass
class Run:
    """One run of the job: its tasks still to do, and what the finished ones returned."""

    drop_date: date | None = None
    to_do: deque[str] = field(default_factory=lambda: deque(TASKS[:6]))
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def step(self) -> str:
        """The task that comes next, with its survey: `load`, `build ecb-2026`; '' at the end."""
        return self.to_do[0] if self.to_do else ""

    @property
    def task(self) -> str:
        return self.step.partition(" ")[0]

    def finish(self, result: Any) -> None:
        """Go on to the next task."""
        step = self.to_do.popleft()
        self.results[step] = result
        if step == "announce":
            self.to_do += [f"{task} {survey}" for survey in result for task in TASKS[6:]]
        if step.startswith("build") and result is None:
            # Nothing new: audit and publish are skipped.
            self.to_do.popleft()
            self.to_do.popleft()


@dataclass(frozen=True)
class Fault:
    """What befalls an attempt: `act` is called in its process when the `at`-th point is reached."""

    at: int
    act: Callable[[], None]


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stop_myself() -> None:
    """Stand still until somebody lets the process go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


class Attempt:
    """One attempt of a run's next task, in a process of its own."""

    def __init__(self, world: World, run: Run, fault: Fault | None = None) -> None:
        self.world, self.run, self.trace = world, run, Trace()
        self.began = time.monotonic()
        self.seconds = 0.0
        self.error = ""
        self._ended = ""
        self._result, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._result)
            _become(world, run, fault, self.trace, writing)
        os.close(writing)

    def wait(self, patience_s: float = PATIENCE_S) -> str:
        """How it ends: `done`, `failed`, `killed`; or `paused`; or '' if it is still at work."""
        deadline = time.monotonic() + patience_s
        while not self._ended:
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if pid and os.WIFSTOPPED(status):
                return "paused"
            if pid:
                self.seconds = time.monotonic() - self.began
                self._ended = self._end(status)
            elif time.monotonic() > deadline:
                return ""
            else:
                time.sleep(0.001)
        return self._ended

    def go_on(self) -> None:
        """Let a paused attempt go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        if not self._ended:
            os.kill(self.pid, signal.SIGKILL)

    def _end(self, status: int) -> str:
        with os.fdopen(self._result, "rb") as pipe:
            said = pipe.read()
        if os.WIFSIGNALED(status):
            return "killed"
        answer = json.loads(said)
        if "error" in answer:
            self.error = answer["error"]
            return "failed"
        self.world.points[self.run.task] = self.trace.points
        self.world.seconds[self.run.task] = self.seconds
        self.run.finish(answer["result"])
        return "done"


def _become(world: World, run: Run, fault: Fault | None, trace: Trace, writing: int) -> None:
    """The life of a forked process; it never returns."""
    try:
        logging.disable()
        os.environ["TZ"] = world.zone
        time.tzset()
        intake.datetime = _clock(world.now)  # type: ignore[misc, attr-defined]
        world.change()
        watch(trace, *((fault.at, fault.act) if fault else ()))
        task, _, survey = run.step.partition(" ")
        answer = {"result": _DO[task](world, run, survey)}
    except BaseException:
        answer = {"error": traceback.format_exc()[-3000:]}
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(json.dumps(answer).encode())
    os._exit(0)


def _clock(now: datetime) -> type[datetime]:
    """A clock that stands at tonight."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return now.astimezone(tz)

    return Clock


def finish(world: World, run: Run, retries: int = 3) -> None:
    """Make the rest of a run, with each task retried as the DAGs do. Raises Unhealed or Stuck."""
    while run.step:
        for last in range(retries, -1, -1):
            attempt = Attempt(world, run)
            ended = attempt.wait()
            if ended == "done":
                break
            if not ended:
                attempt.kill()
                attempt.wait()
                raise Stuck(f"{run.step} does not end")
            if not last:
                raise Unhealed(f"{run.step} {ended}: {attempt.error}")
