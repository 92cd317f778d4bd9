"""Airflow's components as plain processes: their environment, and starting and stopping them."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from include.local_platform import postgres
from include.local_platform.home import CHECKOUT, Home, PlatformError, replace, tail

ADMIN = "admin"

#: The worker slots: as many tasks run at once in all.
PARALLELISM = 3

COMPONENTS: dict[str, list[str]] = {
    "api-server": ["api-server"],
    # Logs are read from the shared disk; the log server would take a port and listen beyond loopback.
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
}

#: Set in the components only. By it, and by AIRFLOW_HOME, their orphans are known.
COMPONENT_VARIABLE = "CITY_ORDER_COMPONENT"

#: How long tasks may go on after `down`, before they are killed (and repeated after the next `up`).
STOP_PATIENCE_S = 10


def environment(home: Home, environ: Mapping[str, str]) -> dict[str, str]:
    """Airflow's whole configuration, for a child process. `environ` is the user's own environment."""
    inherited = {name: value for name, value in environ.items() if not name.startswith("AIRFLOW")}

    metadata = postgres.dsn(home, postgres.AIRFLOW_DATABASE, postgres.AIRFLOW_ROLE)
    settings = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": PARALLELISM,
        "CORE__MAX_ACTIVE_TASKS_PER_DAG": PARALLELISM,
        "CORE__DAGS_FOLDER": CHECKOUT / "dags",
        "CORE__PLUGINS_FOLDER": CHECKOUT / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__FERNET_KEY": home.secret("fernet_key", _fernet_key),
        "CORE__EXECUTION_API_SERVER_URL": f"{home.ui}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home.secrets / "ui_passwords.json",
        "DATABASE__SQL_ALCHEMY_CONN": metadata.replace("postgresql", "postgresql+psycopg2", 1),
        "API__HOST": "127.0.0.1",
        "API__PORT": home.ui_port,
        "API__BASE_URL": home.ui,
        "API__WORKERS": 1,
        "API__SECRET_KEY": home.secret("api_secret_key"),
        "API__INSTANCE_NAME": "City Order",
        "API_AUTH__JWT_SECRET": home.secret("jwt_secret", lambda: secrets.token_urlsafe(64)),
        # A task that has stopped reporting is found within 35 seconds, and one that a dead scheduler left within 40:
        # not within five minutes. Shorter times would take a busy machine's tasks for dead.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": 30,
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 5,
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": 10,
        # A task waits some minutes for an api-server that is being started, before its attempt has failed:
        # by default it may be a few seconds, and all attempts are used up while somebody types `make up`.
        "WORKERS__EXECUTION_API_RETRIES": 100,
        "WORKERS__EXECUTION_API_RETRY_WAIT_MAX": 5,
        # A new or changed DAG file shows soon.
        "DAG_PROCESSOR__REFRESH_INTERVAL": 15,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 15,
    }
    no_proxy = ",".join(["127.0.0.1", "localhost", *environ.get("NO_PROXY", environ.get("no_proxy", "")).split(",")])
    variables = {
        "AIRFLOW_HOME": home.folder("airflow"),
        "PYTHONPATH": CHECKOUT,
        "AIRFLOW_CONN_WAREHOUSE_INGEST": postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.INGEST_ROLE),
        "AIRFLOW_CONN_WAREHOUSE_BUILDER": postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.BUILDER_ROLE),
        "AIRFLOW_CONN_WAREHOUSE_ANALYST": postgres.dsn(home, postgres.WAREHOUSE_DATABASE, postgres.ANALYST_ROLE),
        "CITY_ORDER_HOME": home.root,
        "CITY_ORDER_ARCHIVE": home.folder("archive"),
        "CITY_ORDER_OUTBOX": home.folder("outbox"),
        **_folders(home, environ),
        "GX_ANALYTICS_ENABLED": False,
        # A proxy for the world outside must not stand between our own processes.
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        # Renaming a process would overwrite its environment, by which its orphans are known.
        "SPT_NOENV": "1",
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    }
    return inherited | {name: str(value) for name, value in variables.items()}


def inbox(home: Home, environ: Mapping[str, str]) -> Path:
    """The folder into which agencies leave their drops."""
    return Path(environ.get("CITY_ORDER_INBOX") or home.folder("inbox")).resolve()


def surveys(environ: Mapping[str, str]) -> Path:
    """The folder of the surveys' files."""
    return Path(environ.get("CITY_ORDER_SURVEYS") or CHECKOUT / "include" / "surveys").resolve()


def reference(environ: Mapping[str, str]) -> Path:
    """The folder of the reference files."""
    return Path(environ.get("CITY_ORDER_REFERENCE") or CHECKOUT / "include" / "reference").resolve()


def expect_same_folders(home: Home, environ: Mapping[str, str]) -> None:
    """Raise PlatformError if the platform runs with another inbox, surveys or references than `environ` names.

    What it runs with is asked of the processes themselves. Nothing needs to run for it.
    """
    here, default = _folders(home, environ), _folders(home, {})
    for component in COMPONENTS:
        for name, theirs in _folders_of_running(home, component).items():
            if theirs == here[name]:
                continue
            ours = f"this shell has {here[name]}" if environ.get(name) else f"this shell sets none: {here[name]}"
            same = f"unset {name}" if theirs == default[name] else f"export {name}={shlex.quote(theirs)}"
            raise PlatformError(
                f"The platform runs with {name}={theirs}, {ours}\n"
                f"To go on with what it runs with: {same}\n"
                "To bring it up with what this shell has: make down, then make up"
            )


def _folders(home: Home, environ: Mapping[str, str]) -> dict[str, str]:
    """The folders that the user may choose, by their variables."""
    return {
        "CITY_ORDER_INBOX": str(inbox(home, environ)),
        "CITY_ORDER_SURVEYS": str(surveys(environ)),
        "CITY_ORDER_REFERENCE": str(reference(environ)),
    }


def _folders_of_running(home: Home, component: str) -> dict[str, str]:
    """Those folders as a component has them; none if it does not run, or is another user's."""
    process = running(home, component)
    try:
        environ = process.environ() if process else {}
    except (psutil.Error, OSError):
        return {}
    return {name: environ[name] for name in _folders(home, {}) if environ.get(name)}


def write_password(home: Home) -> str:
    """The UI password of ADMIN, in the file from which Airflow reads it (else Airflow would log one)."""
    password = home.secret("ui_admin")
    replace(home.secrets / "ui_passwords.json", json.dumps({ADMIN: password}) + "\n")
    return password


def start(home: Home, component: str, env: Mapping[str, str]) -> None:
    """Start a component that does not run."""
    # What a killed component left (a scheduler's workers) must not work beside its successor.
    _end([process for process, name in _marked(home) if name == component], patience_s=0)
    log = log_file(home, component)
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    with log.open("ab") as out:
        process = psutil.Popen(
            [sys.executable, "-m", "airflow", *COMPONENTS[component]],
            cwd=CHECKOUT,
            env={**env, COMPONENT_VARIABLE: component},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    record = {"pid": process.pid, "create_time": process.create_time()}
    replace(_pid_file(home, component), json.dumps(record) + "\n")


def running(home: Home, component: str) -> psutil.Process | None:
    """The living process of a component; a recycled pid or a zombie is none."""
    try:
        record = json.loads(_pid_file(home, component).read_text())
        process = psutil.Process(record["pid"])
        same = abs(process.create_time() - record["create_time"]) < 2
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None


def expect_running(home: Home) -> None:
    """Raises PlatformError with the end of its log if a component has ended."""
    for component in COMPONENTS:
        if not running(home, component):
            log = log_file(home, component)
            raise PlatformError(f"Airflow's {component} has ended; `make up` starts it again.\n{tail(log)}")


def stop(home: Home) -> list[str]:
    """Stop every component with all its descendants and orphans; return the names of those that ran."""
    names = [component for component in COMPONENTS if running(home, component)]
    components = [process for component in names if (process := running(home, component))]
    theirs = _with_descendants(components)
    orphans = [process for process, _ in _marked(home) if process not in theirs]
    _end([*components, *orphans], STOP_PATIENCE_S)
    for component in COMPONENTS:
        _pid_file(home, component).unlink(missing_ok=True)
    return names


def log_file(home: Home, component: str) -> Path:
    """Where a component's output goes; that of the start before is beside it as `.previous.log`."""
    return home.logs / f"{component}.log"


def run_module(arguments: list[str], env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Begin `python -m …` from the checkout, its words going to `log`."""
    with log.open("wb") as out:
        command = [sys.executable, "-m", *arguments]
        return subprocess.Popen(command, cwd=CHECKOUT, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def finish(process: subprocess.Popen[bytes], what: str, log: Path) -> None:
    """Wait for a process of `run_module`. Raises PlatformError with the end of its log."""
    if process.wait():
        raise PlatformError(f"{what} failed (exit code {process.returncode}).\n{tail(log)}")


def _marked(home: Home) -> list[tuple[psutil.Process, str]]:
    """Every process that was started as, or by, a component of this home, with the component's name."""
    found = []
    for process in psutil.process_iter():
        try:
            environ = process.environ()
        except (psutil.Error, OSError):
            continue
        component = environ.get(COMPONENT_VARIABLE)
        if component and environ.get("AIRFLOW_HOME") == str(home.folder("airflow")):
            found.append((process, component))
    return found


def _end(processes: list[psutil.Process], patience_s: float) -> None:
    """SIGTERM to `processes`, patience, then SIGKILL to whatever is left of them and their descendants."""
    everything = _with_descendants(processes)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    deadline = time.monotonic() + patience_s
    while everything and time.monotonic() < deadline:
        _, left = psutil.wait_procs(everything, timeout=0.2)
        everything = _with_descendants(left)
    # Twice, since a process may have begun another between the look and the kill.
    for _ in range(2):
        everything = _with_descendants(everything)
        for process in everything:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everything, timeout=5)


def _with_descendants(processes: list[psutil.Process]) -> list[psutil.Process]:
    everything = set(processes)
    for process in processes:
        try:
            everything.update(process.children(recursive=True))
        except psutil.NoSuchProcess:
            continue
    return [process for process in everything if process.is_running()]


def _pid_file(home: Home, component: str) -> Path:
    return home.run / f"{component}.json"


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()
