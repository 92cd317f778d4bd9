"""`make faults`: bad nights, from `receive` to `publish`, and what they left behind.

Results are kept as they come, under the home, by the code that they were made with: an interrupted run goes on from
there, and a changed one begins anew. Needs no running platform, and disturbs none.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from include.local_platform.home import Home
from tests.faults import airflow_nights, report
from tests.faults.night import preload
from tests.faults.scenarios import may_mount, play
from tests.faults.world import ROOT, Server

#: A server on a disk of this size: its template, a warehouse and a little more.
SMALL_DISK = "size=300m"


@dataclass(frozen=True)
class Case:
    """A season: its scenario, its seed and its nights."""

    scenario: str
    seed: int
    nights: int

    @property
    def name(self) -> str:
        return f"{self.scenario} {self.seed}"


def plan() -> list[Case]:
    """All seasons at flow level. The rare ones first: should something break there, one sees it early."""
    rare = (
        "overlaps", "backfills", "two builds", "lost replies", "held locks", "deadlocks", "full archive",
        "full database", "replaced drops", "clock jumps",
    )  # fmt: skip
    seasons = [Case(scenario, seed, 3 if scenario.startswith("full") else 6) for scenario in rare for seed in (1, 2)]
    seasons += [Case("database stops", seed, 10) for seed in range(1, 8)]
    return seasons + [Case("kills", seed, 12) for seed in range(1, 31)]


def code_digest() -> str:
    """Digest of the code that a result holds for."""
    digest = hashlib.sha256()
    for folder in ("dags", "include", "tests/faults"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()[:12]


class Results:
    """What is known so far, a JSON object a line; several processes may add to it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def add(self, result: dict[str, Any]) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(json.dumps(result, ensure_ascii=False) + "\n")

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]

    def done(self) -> set[str]:
        return {result["name"] for result in self.all()}


def _season(case: Case, server: Server, folder: Path) -> dict[str, Any]:
    began = time.monotonic()
    if case.scenario.startswith("full") and not may_mount(folder / "disk"):
        return {"name": case.name, "kind": "skipped", "why": "this user may not mount a small disk", "seconds": 0}
    with ExitStack() as stack:
        if case.scenario == "full database":
            disk = stack.enter_context(_small_disk(folder / "disk"))
            server = stack.enter_context(Server(disk / "postgres", {"max_wal_size": "48MB", "min_wal_size": "32MB"}))
        events = play(server, folder / "world", case.scenario, case.seed, case.nights)
    seconds = round(time.monotonic() - began, 1)
    return {"name": case.name, "kind": "season", "events": [asdict(event) for event in events], "seconds": seconds}


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{SMALL_DISK},mode=0755", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _in_parallel(cases: list[Case], work: Callable[[Iterator[Case]], None]) -> None:
    """Forks a worker per core; each takes the next case that nobody has taken."""
    taken = mmap.mmap(-1, 4)
    with tempfile.TemporaryFile() as lock:

        def next_cases() -> Iterator[Case]:
            while True:
                fcntl.lockf(lock, fcntl.LOCK_EX)
                (position,) = struct.unpack("i", taken[:])
                taken[:] = struct.pack("i", position + 1)
                fcntl.lockf(lock, fcntl.LOCK_UN)
                if position >= len(cases):
                    return
                yield cases[position]

        workers = []
        for _ in range(min(os.cpu_count() or 1, len(cases))):
            pid = os.fork()
            if pid == 0:
                try:
                    work(next_cases())
                    os._exit(0)
                except (KeyboardInterrupt, SystemExit):
                    os._exit(1)
                except BaseException as error:
                    print(f"A worker ended: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                    os._exit(1)
            workers.append(pid)
        try:
            for pid in workers:
                os.waitpid(pid, 0)
        except BaseException:
            for pid in workers:
                with suppress(ProcessLookupError, ChildProcessError):
                    os.kill(pid, signal.SIGTERM)
                    os.waitpid(pid, 0)
            raise


def _flow_level(results: Results) -> None:
    cases = [case for case in plan() if case.name not in results.done()]
    if not cases:
        return
    print(f"{len(cases)} seasons at flow level, {os.cpu_count()} at a time", flush=True)
    preload()

    def work(mine: Iterator[Case]) -> None:
        with tempfile.TemporaryDirectory(prefix="bad-nights-") as folder:
            Path(folder).chmod(0o711)
            with Server(Path(folder) / "postgres") as server:
                for case in mine:
                    result = _season(case, server, Path(folder))
                    results.add(result)
                    print(report.sentence(result), flush=True)

    _in_parallel(cases, work)


def _airflow(results: Results) -> None:
    cases = [case for case in airflow_nights.CASES if case.name not in results.done()]
    if not cases:
        return
    print(f"{len(cases)} nights on the real Airflow", flush=True)
    with tempfile.TemporaryDirectory(prefix="bad-nights-") as folder:
        Path(folder).chmod(0o711)
        try:
            for case in cases:
                began = time.monotonic()
                outcome = airflow_nights.run(case, Path(folder))
                seconds = round(time.monotonic() - began, 1)
                result = {"name": case.name, "kind": "airflow", "seconds": seconds, **outcome.as_json()}
                results.add(result)
                print(report.sentence(result), flush=True)
        finally:
            for left in airflow_nights.close(Path(folder)):
                print(f"Left behind by the platform: {left}", file=sys.stderr)


def main() -> int:
    """Run what is not known yet; print the table. Returns 1 if a law was broken or something is missing."""
    # Told to end, it takes its servers with it, as it does on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--only", choices=("flow", "airflow"), help="one half of it")
    asked = parser.parse_args()
    home = Home.find(os.environ)
    results = Results(home.root / "faults" / f"{code_digest()}.jsonl")
    began = time.monotonic()
    if known := len(results.done()):
        print(f"{known} results are known already for this code: {results.file}", flush=True)
    if asked.only != "airflow":
        _flow_level(results)
    if asked.only != "flow":
        _airflow(results)
    found = results.all()
    print(report.table(found))
    print(f"This took {time.monotonic() - began:.0f} s. All results: {results.file}")
    missing = {case.name for case in (*plan(), *airflow_nights.CASES)} - results.done()
    if missing:
        print(f"{len(missing)} cases are still to do. To go on: make faults")
    elif report.all_well(found):
        report.write(ROOT / "docs" / "reliability.md", found)
        print("Every law held. The table is in docs/reliability.md")
    return 0 if report.all_well(found) and not (missing and asked.only is None) else 1


if __name__ == "__main__":
    sys.exit(main())
