"""What can befall a night, each as a function that plays it and says what happened and which law broke.

A season is one City Order through several nights of the same kind; its first night is quiet. Every choice comes from
the season's seed.
"""

from __future__ import annotations

import copy
import os
import random
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2

from tests.faults.drops import write_drop
from tests.faults.mutants import Mutant
from tests.faults.night import TASKS, Attempt, Fault, Run, Stuck, Unhealed, finish, kill_myself, stop_myself
from tests.faults.world import Server, World, world

#: A task that stands this long behind another's lock would stand until that one ends.
BEHIND_A_LOCK_S = 0.4

#: Of a hundred faults in one task, how many befall each.
SHARE = {
    "receive": 11, "read": 8, "judge": 12, "load": 46, "answer": 7, "announce": 2, "build": 8, "audit": 3, "publish": 3,
}  # fmt: skip


@dataclass(frozen=True)
class Event:
    """What befell a task: where it was, how its attempt ended, and what was wrong then or when the night was over."""

    scenario: str
    task: str
    place: str
    ended: str
    complaints: tuple[str, ...] = ()


@dataclass
class Season:
    """A City Order through some nights."""

    world: World
    chance: random.Random
    #: The task that faults befall; '' for any.
    only_task: str = ""
    events: list[Event] = field(default_factory=list)

    @property
    def broken(self) -> bool:
        """Whether a law was broken so far."""
        return any(event.complaints for event in self.events)

    def quiet_night(self) -> None:
        """A night to learn from."""
        self.world.next_night(drops=4)
        run = Run()
        while run.step:
            self.do(run)
        self.end_night("quiet", "", "", "done")

    def do(self, run: Run) -> None:
        """The next task of a run, with nothing in its way."""
        task = run.task
        attempt = Attempt(self.world, run)
        ended = attempt.wait()
        if ended != "done":
            raise Unhealed(f"{task} {ended or 'hangs'}: {attempt.error}")

    def until(self, run: Run, task: str) -> bool:
        """Run until this task is next. False if the run is over before: there was nothing to build."""
        while run.step and run.task != task:
            self.do(run)
        return bool(run.step)

    def a_point(self, task: str) -> int:
        return self.chance.randint(1, max(2, self.world.points.get(task, 10)))

    def a_task(self) -> str:
        return self.only_task or self.chance.choices(TASKS, [SHARE[task] for task in TASKS])[0]

    def heal(self, run: Run) -> None:
        """Clear the task, or leave it all to the next nightly run; both must do."""
        finish(self.world, Run() if self.chance.random() < 0.3 else run)

    def now_broken(self) -> tuple[str, ...]:
        return tuple(self.world.complaints(at_rest=False))

    def note(self, scenario: str, task: str, place: str, ended: str) -> None:
        """Something happened in the middle of a night: which law is broken by it?"""
        self.events.append(Event(scenario, task, place, ended, self.now_broken()))

    def end_night(self, scenario: str, task: str, place: str, ended: str) -> None:
        """The night is over, and nothing may be left undone."""
        if complaints := tuple(self.world.complaints(at_rest=True)):
            self.events.append(Event(scenario, task, place, ended, complaints))


def kills(season: Season) -> None:
    """SIGKILL of two task processes in one night, each at a point of its own choosing or at any moment."""
    season.world.next_night()
    run = Run()
    for task in sorted({season.a_task() for _ in range(2)}, key=TASKS.index):
        if not season.until(run, task):
            break
        if season.chance.random() < 0.8:
            attempt = Attempt(season.world, run, Fault(season.a_point(task), kill_myself))
        else:
            attempt = Attempt(season.world, run)
            attempt.wait(season.chance.random() * season.world.seconds.get(task, 0.1))
            attempt.kill()
        ended = attempt.wait()
        if ended == "killed":
            season.note("kill", task, attempt.trace.place, ended)
        elif ended == "failed":
            raise Unhealed(attempt.error)
    season.heal(run)
    season.end_night("kill", "", "", "")


def database_stops(season: Season) -> None:
    """PostgreSQL is stopped at once (`immediate`, as by a crash) in the middle of a task, and started again."""
    cluster = season.world.server.cluster
    season.world.next_night()
    run, task = Run(), season.a_task()
    if season.until(run, task):
        pid = int((cluster.data / "postmaster.pid").read_text().split("\n")[0])

        def stop() -> None:
            os.kill(pid, signal.SIGQUIT)
            _wait_until_closed(cluster.port)

        attempt = Attempt(season.world, run, Fault(season.a_point(task), stop))
        ended = attempt.wait()
        cluster.stop("immediate")
        cluster.start()
        season.note("database stop", task, attempt.trace.place, ended)
    season.heal(run)
    season.end_night("database stop", "", "", "")


def _wait_until_closed(port: int) -> None:
    for _ in range(500):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            time.sleep(0.01)
            continue
        return


def overlaps(season: Season) -> None:
    """Two attempts of one task: the first stands still at a point, as an orphan may, while the second does the work.

    The orphan wakes when the second attempt is done, or the whole run, or a night later.
    """
    season.world.next_night()
    run, task = Run(), season.a_task()
    if season.until(run, task):
        orphan_run = copy.deepcopy(run)
        orphan = Attempt(season.world, orphan_run, Fault(season.a_point(task), stop_myself))
        ended, place = orphan.wait(), orphan.trace.place
        if ended == "paused":
            wakes = season.chance.choice(("after the task", "after the run", "a night later"))
            if wakes == "a night later" and _beside(season, run, orphan, whole=True):
                season.world.next_night()
                run = Run()
            if wakes != "after the task":
                _beside(season, run, orphan, whole=True)
            else:
                _beside(season, run, orphan)
            orphan.go_on()
            ended = orphan.wait()
            if not ended:
                orphan.kill()
                raise Stuck(f"the orphan of {task} does not end")
            season.note("overlap", task, place, f"{ended}, woken {wakes}")
        elif ended == "done":
            run = orphan_run
    season.heal(run)
    season.end_night("overlap", task, "", "")


def _beside(season: Season, run: Run, other: Attempt, *, whole: bool = False) -> bool:
    """Do a run's next task (or all of them) beside a paused attempt; let that one go on if it holds a needed lock.

    Returns whether the paused attempt still stands still.
    """
    still = True
    while run.step:
        attempt = Attempt(season.world, run)
        ended = attempt.wait(BEHIND_A_LOCK_S + 2 * season.world.seconds.get(run.task, 0.5))
        if not ended:
            other.go_on()
            still = False
            ended = attempt.wait()
        if ended not in ("done", "failed"):
            raise Stuck(f"{run.step} beside another is {ended or 'stuck'}")
        if not whole or not still:
            break
        if ended == "failed":
            finish(season.world, run)
    return still


def backfills(season: Season) -> None:
    """A backfill over a past drop date, from its first task to its last, in the middle of a nightly run's task."""
    season.world.next_night()
    nightly, task = Run(), season.a_task()
    dates = season.world.select("select distinct drop_date from landing.receipt order by 1")
    past = Run(drop_date=season.chance.choice(dates)["drop_date"])
    if season.until(nightly, task):
        attempt = Attempt(season.world, nightly, Fault(season.a_point(task), stop_myself))
        ended, place = attempt.wait(), attempt.trace.place
        if ended == "paused":
            _beside(season, past, attempt, whole=True)
            attempt.go_on()
            ended = attempt.wait()
            season.note("backfill beside nightly", task, place, ended)
    finish(season.world, past)
    finish(season.world, nightly)
    season.end_night("backfill beside nightly", task, "", "")


def two_builds(season: Season) -> None:
    """Two builds of one survey at once: one stands still in any of its three tasks while the other does all three."""
    season.world.next_night()
    run = Run()
    if season.until(run, "build"):
        other = copy.deepcopy(run)
        task = season.chance.choice(TASKS[6:])
        while run.task != task:
            season.do(run)
        attempt = Attempt(season.world, run, Fault(season.a_point(task), stop_myself))
        ended, place = attempt.wait(), attempt.trace.place
        if ended == "paused":
            _beside(season, other, attempt, whole=True)
            attempt.go_on()
            ended = attempt.wait()
            season.note("two builds", task, place, ended)
        finish(season.world, other)
    finish(season.world, run)
    season.end_night("two builds", "build", "", "")


def lost_replies(season: Season) -> None:
    """The link to the database is cut after a COMMIT was carried out, before its answer came."""
    season.world.next_night()
    run = Run()
    task = season.chance.choices(TASKS, [4, 4, 4, 4, 3, 0, 3, 2, 3])[0]
    if season.until(run, task):
        with _cut_link(season.world.server.cluster.port, season.chance.randint(1, 3)) as port:
            season.world.port = port
            attempt = Attempt(season.world, run)
            ended = attempt.wait()
            season.world.port = None
        season.note("lost commit reply", task, "after", ended)
    season.heal(run)
    season.end_night("lost commit reply", task, "", "")


@contextmanager
def _cut_link(to: int, commit: int) -> Iterator[int]:
    """The port of a proxy that closes a connection after the given number of COMMITs, without their last answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        pid = os.fork()
        if pid == 0:
            try:
                _proxy(listening, to, commit)
            finally:
                os._exit(0)
        try:
            yield listening.getsockname()[1]
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _proxy(listening: socket.socket, to: int, commits_left: int) -> None:
    other_end: dict[socket.socket, socket.socket] = {}
    clients: set[socket.socket] = set()
    cutting: socket.socket | None = None
    while True:
        for ready in select.select([listening, *other_end], [], [])[0]:
            if ready is listening:
                client = listening.accept()[0]
                server = socket.create_connection(("127.0.0.1", to))
                other_end |= {client: server, server: client}
                clients.add(client)
                continue
            if ready not in other_end:
                continue
            data = b""
            with suppress(OSError):
                data = ready.recv(1 << 16)
            other = other_end[ready]
            if not data or ready is cutting:
                for end in (ready, other):
                    end.close()
                    del other_end[end]
                continue
            if ready in clients and b"COMMIT\0" in data and commits_left:
                commits_left -= 1
                if not commits_left:
                    cutting = other
            other.sendall(data)


def held_locks(season: Season) -> None:
    """Somebody holds the lock that a task needs, for a while."""
    season.world.next_night()
    run = Run()
    task = season.only_task or season.chance.choice(("receive", "judge", "load", "answer", "build", "publish"))
    if season.until(run, task):
        survey = run.step.partition(" ")[2]
        name = {"judge": "load", "answer": "answers"}.get(task, f"{task} {survey}".strip())
        with closing(_session(season.world)) as holder:
            holder.cursor().execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
            attempt = Attempt(season.world, run)
            waited = attempt.wait(BEHIND_A_LOCK_S + 2 * season.world.seconds.get(task, 0.5))
            if waited:
                season.events.append(Event("held lock", task, "before", waited, ("it did not wait for its lock",)))
        if not waited:
            season.note("held lock", task, "before", attempt.wait())
    season.heal(run)
    season.end_night("held lock", task, "", "")


def deadlocks(season: Season) -> None:
    """A person's session holds a table, and wants the lock that the loading task holds: the task is the victim."""
    season.world.next_night()
    run = Run()
    season.until(run, "load")
    with closing(_session(season.world)) as person, closing(_session(season.world)) as watcher:
        watcher.autocommit = True
        person.cursor().execute("set local deadlock_timeout = '1h'; lock table landing.receipt in share mode")
        attempt = Attempt(season.world, run)
        waits = False
        for _ in range(2000):
            cursor = watcher.cursor()
            cursor.execute(
                "select exists(select 1 from pg_locks where relation = 'landing.receipt'::regclass and not granted)"
            )
            waits = bool((cursor.fetchone() or (False,))[0])
            if waits or attempt.wait(0.001):
                break
        want = threading.Thread(
            target=lambda: person.cursor().execute("select pg_advisory_xact_lock(hashtextextended('load', 0))")
        )
        if waits:
            want.start()
            ended = attempt.wait()
            want.join()
            season.note("deadlock", "load", "inside", ended)
    season.heal(run)
    season.end_night("deadlock", "load", "", "")


def _session(of: World) -> Any:
    """A person's connection."""
    return psycopg2.connect(of.server.cluster.dsn(of.database))


def full_disks(season: Season) -> None:
    """The disk of the archive is full, in the middle of a scan. Needs the right to mount a tmpfs."""
    left = season.world.next_night(drops=5)
    archive = season.world.site.archive
    with _tmpfs(archive, sum(len(drop.content) for drop in left) // 2):
        run = Run()
        attempt = Attempt(season.world, run)
        ended = attempt.wait()
        season.note("disk of the archive full", "receive", "at a file", ended)
    season.heal(run)
    season.end_night("disk of the archive full", "receive", "", "")


@contextmanager
def _tmpfs(folder: Path, free_bytes: int) -> Iterator[None]:
    """A folder whose disk has little room; what is written to it meanwhile is kept when the disk grows."""
    kept = folder.with_name(f"{folder.name} kept")
    folder.mkdir(exist_ok=True)
    folder.rename(kept)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], check=True, capture_output=True)
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", str(folder)], check=True)
        used = os.statvfs(folder)
        size = (used.f_blocks - used.f_bfree) * used.f_frsize + free_bytes
        subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True, capture_output=True)
        yield
        subprocess.run(["cp", "-a", f"{folder}/.", str(kept)], check=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
        kept.rename(folder)


def full_database_disks(season: Season) -> None:
    """The disk of the database is full, in any task that writes. The server lies on a small tmpfs."""
    season.world.next_night()
    season.world.sender.leave_much(season.world.site.inbox, season.world.morning)
    run, task = Run(), season.chance.choice(("receive", "read", "judge", "load", "build"))
    if season.until(run, task):
        cluster = season.world.server.cluster
        ballast = cluster.place / "ballast"
        with suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        attempt = Attempt(season.world, run)
        ended = attempt.wait()
        ballast.unlink()
        cluster.start()
        season.note("disk of the database full", task, attempt.trace.place, ended)
    season.heal(run)
    season.end_night("disk of the database full", task, "", "")


def replaced_drops(season: Season) -> None:
    """An agency replaces the drop that is copied last at some point of the scan: most of the scan lies before that."""
    sender, inbox = season.world.sender, season.world.site.inbox
    drop = max(season.world.next_night(), key=lambda left: left.path)
    later = sender.better(drop)
    run = Run()
    attempt = Attempt(season.world, run, Fault(season.a_point("receive"), lambda: write_drop(inbox, later)))
    ended = attempt.wait()
    if (inbox / drop.path).stat().st_mtime_ns == later.modified_ns:
        sender.replace(drop, later)
        season.note("drop replaced", "receive", attempt.trace.place, ended)
    # What was left for later is taken by the next run.
    finish(season.world, run)
    season.world.next_night(drops=1)
    finish(season.world, Run())
    season.end_night("drop replaced", "receive", "", "")


def clock_jumps(season: Season) -> None:
    """The clock goes days ahead or back, or its zone changes, from one night to the next; and a task is killed."""
    season.world.clock_error = timedelta(hours=season.chance.choice((-50, -3, 0, 3, 50)))
    season.world.zone = season.chance.choice(("UTC", "Asia/Vladivostok", "America/Los_Angeles", "Europe/Moscow"))
    season.world.next_night()
    run = Run()
    attempt = Attempt(season.world, run, Fault(season.a_point("receive"), kill_myself))
    season.note("clock jump", "receive", attempt.trace.place, attempt.wait())
    season.heal(run)
    season.end_night("clock jump", "", "", "")


SCENARIOS: dict[str, Callable[[Season], None]] = {
    "kills": kills,
    "database stops": database_stops,
    "overlaps": overlaps,
    "backfills": backfills,
    "two builds": two_builds,
    "lost replies": lost_replies,
    "held locks": held_locks,
    "deadlocks": deadlocks,
    "full archive": full_disks,
    "full database": full_database_disks,
    "replaced drops": replaced_drops,
    "clock jumps": clock_jumps,
}


def may_mount(folder: Path) -> bool:
    """Whether this user may mount a tmpfs, which a full disk is played with."""
    folder.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True).returncode:
        return False
    subprocess.run(["umount", str(folder)], check=True)
    return True


def play(
    server: Server, folder: Path, scenario: str, seed: int, nights: int, mutant: Mutant | None = None
) -> list[Event]:
    """A season of this kind: what happened. Whatever broke is among the complaints; nothing is raised."""
    with world(server, folder, seed) as place:
        if mutant:
            place.change = mutant.change
            if mutant.in_database:
                server.execute(mutant.in_database, place.database)
        season = Season(place, random.Random(seed), mutant.task if mutant else "")
        try:
            season.quiet_night()
            for _ in range(nights):
                SCENARIOS[scenario](season)
                if mutant and season.broken:
                    break
        except (Stuck, Unhealed, psycopg2.Error) as error:
            season.events.append(Event(scenario, "", "", "unhealed", (f"{type(error).__name__}: {error}",)))
        return season.events
