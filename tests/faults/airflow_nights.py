"""Nights on the real Airflow in which something is killed at a named stage: what is left must be a quiet night's.

One platform lives through all nights, in a home below the folder that is given; between nights its warehouse, archive
and outbox are emptied. Everything is done by the commands that a person has: `nightly`, after a kill `up` where
something has to be started, and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psutil
import psycopg2

from include.city_order import orders, releases
from include.local_platform import airflow, postgres
from include.local_platform.home import Home
from include.sample_drops.writing import write

ROOT = Path(__file__).resolve().parents[2]

COLLECT = "collect_submissions"
BUILD = "build_city_order"

#: An interrupted run finishes by itself within this time.
PROMISE_S = 120
#: How long a night is waited for at all; one that comes late is told from one that never comes.
PATIENCE_S = 300
POLL_S = 0.03

TEMPLATE_DATABASE = "warehouse_template"

#: What readers see of the order, without ids and times.
ORDER = """
select survey_code, product_name, part_number, manufacturer, unit, year, gross_quantity::text, net_quantity::text,
    gross_energy_kwh::text, net_energy_kwh::text, amount_kopecks::text, priced_share::text, agencies, lines
from city_order.current_order_line
order by survey_code, product_id, unit, year
"""

#: How every drop ended, without its number.
ENDINGS = """
select original_path, verdict, reason, lines_delivered, lines_accepted, lines_rejected, lines_superseded,
    lines_duplicate
from landing.receipt order by original_path, modified_ns
"""


@dataclass(frozen=True)
class Stage:
    """A task, and the table at which an outsider's lock holds it open, in the middle of its transaction."""

    dag_id: str
    task_id: str
    table: str
    #: Within this time after its start the task is at work in a quiet night.
    at_work_s: float
    #: A task that only reads is held by nothing less than this.
    mode: str = "exclusive"


STAGES = {
    stage.task_id: stage
    for stage in (
        Stage(COLLECT, "receive", "landing.receipt", 0.15),
        Stage(COLLECT, "read", "staging.line", 3),
        Stage(COLLECT, "judge", "quality.finding", 7),
        Stage(COLLECT, "load", "core.demand_line", 0.3),
        Stage(COLLECT, "answer", "landing.receipt", 0.4),
        Stage(COLLECT, "announce", "city_order.published_release", 0.15, "access exclusive"),
        Stage(BUILD, "build", "city_order.order_line_version", 0.4),
        Stage(BUILD, "audit", "city_order.release", 4),
        Stage(BUILD, "publish", "city_order.published_release", 0.15),
    )
}


@dataclass(frozen=True)
class Case:
    """Kill `victim` during `stage`.

    `held`: an outsider's lock keeps the task in the middle of its transaction until the kill; otherwise the kill comes
    at a seeded moment after the task began. `until_retry`: the lock stays until the next attempt runs beside the
    orphan, and both work at once.
    """

    stage: str
    victim: str
    held: bool = True
    until_retry: bool = False

    @property
    def name(self) -> str:
        """How the case is asked for and recorded."""
        how = "beside its retry" if self.until_retry else "held" if self.held else "at once"
        return f"{self.victim} during {self.stage}, {how}"

    @property
    def needs_up(self) -> bool:
        """Whether something must be started again. Tasks and their supervisors heal without a command."""
        return self.victim not in ("supervisor", "task")


def _cases() -> Iterator[Case]:
    # Held and not in turn, so that every victim and every stage is hit both ways.
    for turn, victim in enumerate(("supervisor", "scheduler", "api-server")):
        for position, stage in enumerate(STAGES):
            yield Case(stage, victim, held=(turn + position) % 2 == 0)
    yield Case("load", "supervisor", until_retry=True)
    yield Case("build", "supervisor", until_retry=True)
    for stage, victim in (
        ("read", "task"),
        ("load", "task"),
        ("publish", "task"),
        ("receive", "power"),
        ("load", "power"),
        ("answer", "power"),
        ("publish", "power"),
        ("judge", "PostgreSQL"),
        ("build", "PostgreSQL"),
        ("judge", "dag-processor"),
    ):
        yield Case(stage, victim)


#: Every night, in the order in which they are run.
CASES = tuple(_cases())


@dataclass
class Outcome:
    """What one night showed; `wrong` is empty if it ended like a quiet one. Times in seconds."""

    name: str
    stage: str
    victim: str
    #: The state of the task instance in Airflow's database just before the kill.
    state: str = ""
    #: What its connection to the warehouse was doing then.
    doing: str = ""
    #: The attempts of the stage's task that were needed, and those of all tasks beyond their first.
    attempts: int = 1
    retries: int = 0
    #: From the kill (or from the beginning of `up`, where one was needed) until the night was over.
    finished_s: float = 0.0
    up_s: float | None = None
    #: How long the process of a killed supervisor's task lived on.
    orphan_s: float = 0.0
    digest: str = ""
    wrong: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether the night ended like a quiet one, in time."""
        return not self.wrong

    def as_json(self) -> dict[str, Any]:
        """For a file of results."""
        return asdict(self) | {"well": self.well}


def run(case: Case, folder: Path) -> Outcome:
    """One night with a kill, on the platform below `folder`, which is brought up if need be and stays up.

    `close(folder)` ends it.
    """
    platform = Platform(folder)
    quiet = platform.quiet_night()
    for attempt in range(5):
        with contextlib.suppress(Missed):
            return platform.night(case, quiet, attempt)
    raise RuntimeError(f"{case.name}: missed five times")


def close(folder: Path) -> list[str]:
    """Bring the platform down and delete its home; return what should not have been left, such as processes."""
    return Platform(folder).close()


class Platform:
    """A home of its own with the sample drops in its inbox, and the commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "home"
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CITY_ORDER"))}
        environ |= {"CITY_ORDER_HOME": str(self.root), "CITY_ORDER_INBOX": str(folder / "inbox")}
        found = Home.find(environ)
        ports = (found.ui_port, found.db_port) if found.existed else (_free_port(8393), _free_port(5493))
        self.environ = environ | {"CITY_ORDER_UI_PORT": str(ports[0]), "CITY_ORDER_DB_PORT": str(ports[1])}
        self.home = Home.find(self.environ)

    # The commands --------------------------------------------------------------------------------------------------

    def begin(self, command: str) -> subprocess.Popen[bytes]:
        """Begin a command as a person would; its words go to a file of the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{command}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "include.local_platform", command],
                cwd=ROOT,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def do(self, command: str) -> None:
        """Run a command to its end. Raises Late with its last words if it does not end well."""
        if not _ends_well(self.begin(command)):
            log = self.folder / f"{command}.log"
            raise Late(f"`{command}` did not end well:\n{log.read_text(errors='replace')[-2000:]}")

    # The databases -------------------------------------------------------------------------------------------------

    def dsn(self, database: str) -> str:
        """The superuser's way into a database of the home."""
        return postgres.uri(self.home.db_port, database, "postgres", self.home.secret("postgres"))

    def select(self, database: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with contextlib.closing(psycopg2.connect(self.dsn(database))) as connection, connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return cursor.fetchall()

    def last_run(self) -> int:
        """The number of Airflow's youngest run."""
        return self.select(postgres.AIRFLOW_DATABASE, "select coalesce(max(id), 0) from dag_run")[0][0]

    def reset(self) -> None:
        """An empty warehouse, archive and outbox; Airflow stays up."""
        with contextlib.closing(psycopg2.connect(self.dsn("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("select 1 from pg_database where datname = %s", (TEMPLATE_DATABASE,))
                if not cursor.fetchone():
                    self._make_template(cursor)
                database, owner = postgres.WAREHOUSE_DATABASE, postgres.OWNER_ROLE
                cursor.execute(f"drop database if exists {database} with (force)")
                cursor.execute(f"create database {database} template {TEMPLATE_DATABASE} owner {owner}")
        postgres.provision(self.dsn("postgres"), {role: self.home.secret(role) for role in postgres.ROLES})
        for name in ("archive", "outbox"):
            for path in self.home.folder(name).iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _make_template(self, cursor: Any) -> None:
        """A migrated warehouse in which nothing has happened."""
        unfinished = f"{TEMPLATE_DATABASE}_unfinished"
        cursor.execute(f"drop database if exists {unfinished} with (force)")
        cursor.execute(f"create database {unfinished} owner {postgres.OWNER_ROLE}")
        dsn = postgres.dsn(self.home, unfinished, postgres.OWNER_ROLE)
        subprocess.run(
            [sys.executable, "-m", "alembic", "-c", "include/sql/alembic.ini", "upgrade", "head"],
            cwd=ROOT,
            env={**self.environ, "CITY_ORDER_OWNER_DSN": dsn},
            check=True,
            capture_output=True,
        )
        cursor.execute(f"alter database {unfinished} rename to {TEMPLATE_DATABASE}")

    # Nights --------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Platform up, nothing under way, the drops in the inbox, and the warehouse empty."""
        if not (self.folder / "inbox").exists():
            write(self.folder / "inbox")
        try:
            self._come_to_rest()
        except Late:
            # What an earlier night left, and its outcome tells of, must not spoil this one.
            self.close()
            self._come_to_rest()
        self.reset()

    def _come_to_rest(self) -> None:
        self.do("up")
        self._wait(lambda: not self._active(), "runs of an earlier night")
        self._wait(lambda: not self.orphans(), "processes of an earlier night")

    def quiet_night(self) -> dict[str, Any]:
        """What a night leaves in which nothing is killed: that of `demo` in a fresh home. Kept in the folder."""
        kept = self.folder / "quiet-night.json"
        if not kept.exists():
            self.do("demo")
            if wrong := self.broken_laws():
                raise RuntimeError(f"Even a quiet night leaves this: {wrong}")
            kept.write_text(json.dumps({"digest": self.digest(), "endings": self.endings()}) + "\n")
        return dict(json.loads(kept.read_text()))

    def night(self, case: Case, quiet: dict[str, Any], attempt: int = 0) -> Outcome:
        """A night with a kill, and what it left. `attempt` is part of the seed. Raises Missed if no kill came about."""
        outcome = Outcome(case.name, case.stage, case.victim)
        self.prepare()
        before = self.last_run()
        nightly = self.begin("nightly")
        try:
            with Hold(self, case, before, attempt) as hold:
                outcome.state, outcome.doing = hold.reached()
                task = hold.task()
                _kill(self._victims(case, task))
                began = time.monotonic()
                if case.needs_up:
                    began = self._bring_up(case, hold, nightly, outcome)
                else:
                    if case.until_retry:
                        hold.next_attempt_waits()
                    hold.release()
                    self._wait(lambda: _gone(task), "the task of a killed supervisor")
                    outcome.orphan_s = round(time.monotonic() - began, 1)
            self._wait(lambda: self._over(before), "the night")
            outcome.finished_s = round(time.monotonic() - began, 1)
            if not case.needs_up and not _ends_well(nightly):
                outcome.wrong.append("`nightly` did not follow the night to its good end")
            if outcome.finished_s > PROMISE_S:
                outcome.wrong.append(f"finished after {outcome.finished_s} s, which is more than {PROMISE_S}")
        except Late as late:
            outcome.wrong.append(str(late))
            self._heal(outcome)
        finally:
            nightly.kill()
            nightly.wait()
        self._look(case, outcome, before, quiet)
        return outcome

    def _bring_up(self, case: Case, hold: Hold, nightly: subprocess.Popen[bytes], outcome: Outcome) -> float:
        """`up`, after `nightly` has lost what it followed; returns when it was begun."""
        # A dead scheduler's tasks live on: one that is held cannot end before `up` ends it.
        if case.victim != "scheduler":
            hold.release()
        _ends_well(nightly)
        began = time.monotonic()
        self.do("up")
        outcome.up_s = round(time.monotonic() - began, 1)
        return began

    def _heal(self, outcome: Outcome) -> None:
        """The next night's turn: whether it mends what this one did not."""
        try:
            self.do("nightly")
        except Late as late:
            outcome.wrong.append(f"nor did the next night heal it: {late}")
        else:
            outcome.wrong.append("the next night healed it")

    def _look(self, case: Case, outcome: Outcome, before: int, quiet: dict[str, Any]) -> None:
        """Hold what is left against the laws and the quiet night."""
        tries = self.select(
            postgres.AIRFLOW_DATABASE,
            "select task_id, max(try_number) from task_instance join dag_run using (dag_id, run_id)"
            " where dag_run.id > %s group by dag_id, run_id, task_id, map_index",
            before,
        )
        outcome.attempts = max((count for task_id, count in tries if task_id == case.stage), default=0)
        outcome.retries = sum(max(count - 1, 0) for _, count in tries)
        failed = self.select(
            postgres.AIRFLOW_DATABASE,
            "select run_id from dag_run where id > %s and state = 'failed' order by id",
            before,
        )
        outcome.wrong += [f"the run {run_id} failed" for (run_id,) in failed]
        outcome.wrong += self.broken_laws()
        outcome.digest = self.digest()
        if outcome.digest != quiet["digest"]:
            outcome.wrong.append(f"the order's digest is {outcome.digest}, a quiet night's {quiet['digest']}")
        if self.endings() != quiet["endings"]:
            outcome.wrong.append("drops ended otherwise than in a quiet night")
        try:
            self._wait(lambda: not self.orphans(), "processes of killed attempts", patience_s=30)
        except Late as late:
            outcome.wrong.append(str(late))

    # What is left --------------------------------------------------------------------------------------------------

    def digest(self) -> str:
        """Digest of the order as readers see it, without ids and times."""
        rows = self.select(postgres.WAREHOUSE_DATABASE, ORDER)
        return hashlib.sha256(repr(rows).encode()).hexdigest()[:16] if rows else "no order"

    def endings(self) -> list[list[Any]]:
        """How every drop ended."""
        return [list(row) for row in self.select(postgres.WAREHOUSE_DATABASE, ENDINGS)]

    def broken_laws(self) -> list[str]:
        """Everything that may not be, whatever was killed."""
        broken = []
        with contextlib.closing(psycopg2.connect(self.dsn(postgres.WAREHOUSE_DATABASE))) as connection:
            cursor = connection.cursor()
            cursor.execute(
                "select receipt_no, verdict, answer_path, lines_delivered,"
                " lines_accepted + lines_rejected + lines_superseded + lines_duplicate from landing.receipt"
            )
            receipts = cursor.fetchall()
            if not receipts:
                broken.append("nothing was received")
            for receipt_no, verdict, path, delivered, accounted in receipts:
                if verdict is None:
                    broken.append(f"receipt {receipt_no} has no verdict")
                if delivered is None or delivered != accounted:
                    broken.append(f"receipt {receipt_no}: {delivered} lines delivered, {accounted} accounted for")
                if path is None or not (self.home.folder("outbox") / path).is_file():
                    broken.append(f"receipt {receipt_no} has no protocol in the outbox")
            written = [path for path in self.home.folder("outbox").rglob("*-protocol.*") if path.is_file()]
            if len(written) != 3 * len(receipts):
                broken.append(f"{len(written)} files of protocols in the outbox for {len(receipts)} receipts")
            cursor.execute("select survey_code, release_id from city_order.release where status = 'published'")
            published = cursor.fetchall()
            twice = [code for code, count in Counter(code for code, _ in published).items() if count > 1]
            broken += [f"{code} has more than one published release" for code in twice]
            cursor.execute("select survey_code, release_id from city_order.published_release")
            if sorted(published) != sorted(cursor.fetchall()):
                broken.append("the pointer and the status of the published releases differ")
            for _, release_id in published:
                broken += [
                    f"{audit}: {complaint}" for audit, complaint in releases.complaints(cursor, release_id).items()
                ]
        if waiting := orders.surveys_to_build(self.dsn(postgres.WAREHOUSE_DATABASE)):
            broken.append(f"{', '.join(waiting)} still to be built")
        return broken

    def processes(self) -> list[psutil.Process]:
        """Every living process of the home: Airflow's by their environment, PostgreSQL's by their folder."""
        cluster = postgres.Cluster(self.home.folder("postgres"), self.home.db_port, "")
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                ours = process.environ().get("AIRFLOW_HOME") == str(self.home.folder("airflow"))
                if ours or process.cwd() == str(cluster.data):
                    found.append(process)
        return found

    def orphans(self) -> list[psutil.Process]:
        """Processes that a component has started, and that no living component knows any more."""
        known = set[psutil.Process]()
        for component in airflow.COMPONENTS:
            if alive := airflow.running(self.home, component):
                known |= {alive, *alive.children(recursive=True)}
        marked = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error, OSError):
                if airflow.COMPONENT_VARIABLE in process.environ() and process not in known:
                    marked.append(process)
        return marked

    def close(self) -> list[str]:
        """Bring everything down, and delete the home with the cluster that root keeps elsewhere. The drops stay."""
        left = []
        if self.root.exists():
            self.do("down")
            left = [f"{process.name()} ({process.pid}) lives on after `down`" for process in self.processes()]
            place = self.home.folder("postgres") / "place"
            if place.exists():
                shutil.rmtree(place.read_text().strip())
            shutil.rmtree(self.root)
        return left

    # Within a night ------------------------------------------------------------------------------------------------

    def _victims(self, case: Case, task: psutil.Process) -> list[psutil.Process]:
        if case.victim == "task":
            return [task]
        if case.victim == "supervisor":
            supervisor = task.parent()
            if supervisor is None:
                raise Late("the task had no supervisor any more")
            return [supervisor]
        if case.victim == "power":
            return self.processes()
        if case.victim == "PostgreSQL":
            pid = int((self._data() / "postmaster.pid").read_text().split("\n")[0])
            return [psutil.Process(pid)]
        component = airflow.running(self.home, case.victim)
        if component is None:
            raise Late(f"{case.victim} did not run")
        return [component]

    def _data(self) -> Path:
        return postgres.Cluster(self.home.folder("postgres"), self.home.db_port, "").data

    def _active(self) -> bool:
        states = "select count(*) from dag_run where state in ('queued', 'running')"
        return bool(self.select(postgres.AIRFLOW_DATABASE, states)[0][0])

    def _over(self, before: int) -> bool:
        """Whether the night's run and every build that it woke have ended, and nothing waits to be built."""
        runs = self.select(postgres.AIRFLOW_DATABASE, "select dag_id, state from dag_run where id > %s", before)
        if any(state == "failed" for _, state in runs):
            raise Late(f"the night ended badly: {runs}")
        if (COLLECT, "success") not in runs or any(state != "success" for _, state in runs):
            return False
        return not orders.surveys_to_build(self.dsn(postgres.WAREHOUSE_DATABASE))

    def _wait(self, done: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + patience_s
        while not done():
            if time.monotonic() > deadline:
                raise Late(f"{what}: not over after {patience_s:.0f} s")
            time.sleep(0.3)


class Late(Exception):
    """Something did not come, or came to nothing. The message says what."""


class Missed(Exception):
    """The task was over before it could be killed."""


class Hold:
    """Waits until the task of a case's stage is at work; if it is to be held, keeps it there until the release."""

    def __init__(self, platform: Platform, case: Case, before: int, attempt: int) -> None:
        self._platform = platform
        self._case = case
        self._attempt = attempt
        self._stage = STAGES[case.stage]
        self._before = before
        self._lock = psycopg2.connect(platform.dsn(postgres.WAREHOUSE_DATABASE))
        self._airflow = psycopg2.connect(platform.dsn(postgres.AIRFLOW_DATABASE))
        self._airflow.autocommit = True
        self._pid = 0

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._airflow.close()

    def reached(self) -> tuple[str, str]:
        """Wait for the moment of the kill; the task instance's state then, and what it does in the warehouse."""
        self._come(("queued", "running") if self._case.held else ("running",))
        if self._case.held:
            with self._lock.cursor() as cursor:
                cursor.execute(f"lock table {self._stage.table} in {self._stage.mode} mode")
            doing = self._waiting()[0]
        else:
            time.sleep(Random(f"{self._case.name}, {self._attempt}").uniform(0, self._stage.at_work_s))
            doing = self._doing()
        found = self._instance(("running",))
        if not found:
            raise Missed(f"{self._case.stage} was over before the kill")
        state, self._pid = found
        return state, doing

    def release(self) -> None:
        """Let go of the lock; where the server is gone, the lock went with it."""
        self._lock.close()

    def task(self) -> psutil.Process:
        """The process that runs the task. Raises Missed if it has ended."""
        try:
            return psutil.Process(self._pid)
        except psutil.NoSuchProcess:
            raise Missed(f"{self._case.stage} was over before the kill") from None

    def next_attempt_waits(self) -> None:
        """Wait until another attempt of the task waits in the warehouse beside the first."""
        deadline = time.monotonic() + PATIENCE_S
        while len(self._waiting()) < 2:
            if time.monotonic() > deadline:
                raise Late("no second attempt came to wait beside the first")
            time.sleep(POLL_S)

    def _come(self, states: tuple[str, ...]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self._instance(states) is None:
            if time.monotonic() > deadline:
                raise Late(f"{self._case.stage} did not begin")
            time.sleep(POLL_S)

    def _instance(self, states: tuple[str, ...]) -> tuple[str, int] | None:
        """State and pid of the stage's task instance in this night, a running one before others."""
        with self._airflow.cursor() as cursor:
            cursor.execute(
                "select task_instance.state, coalesce(task_instance.pid, 0) from task_instance"
                " join dag_run using (dag_id, run_id) where dag_run.id > %s and dag_id = %s and task_id = %s"
                " and task_instance.state = any(%s) order by task_instance.state <> 'running', map_index limit 1",
                (self._before, self._stage.dag_id, self._stage.task_id, list(states)),
            )
            return cursor.fetchone()

    def _waiting(self) -> list[str]:
        """What the connections do that wait for a lock, directly or behind another that waits."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = self._platform.select(
                "postgres",
                "select application_name, wait_event_type, query from pg_stat_activity"
                " where datname = %s and application_name = 'city-order' and wait_event_type = 'Lock'",
                postgres.WAREHOUSE_DATABASE,
            )
            if found:
                return [f"waits in: {_short(query)}" for _, _, query in found]
            if time.monotonic() > deadline:
                raise Late(f"{self._case.stage} never came to {self._stage.table}")
            time.sleep(POLL_S)

    def _doing(self) -> str:
        found = self._platform.select(
            "postgres",
            "select state, query from pg_stat_activity where datname = %s and application_name = 'city-order'"
            " order by xact_start limit 1",
            postgres.WAREHOUSE_DATABASE,
        )
        return f"{found[0][0]}: {_short(found[0][1])}" if found else "outside a transaction"


def _ends_well(process: subprocess.Popen[bytes]) -> bool:
    """Wait for a command; False if it fails, or does not end and is killed."""
    try:
        return process.wait(PATIENCE_S) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        return False


def _kill(processes: list[psutil.Process]) -> None:
    """SIGKILL to all, without a look between; PostgreSQL's main process alone is told to stop at once."""
    only_the_server = len(processes) == 1 and processes[0].name().startswith("postgres")
    how = signal.SIGQUIT if only_the_server else signal.SIGKILL
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, how)
    deadline = time.monotonic() + 30
    while not all(map(_gone, processes)) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _gone(process: psutil.Process) -> bool:
    """Whether a process has ended; who should bury it may not have done so yet."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _short(query: str) -> str:
    return " ".join(query.split())[:60]


def _free_port(first: int) -> int:
    for port in range(first, first + 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"no port is free from {first} on")
