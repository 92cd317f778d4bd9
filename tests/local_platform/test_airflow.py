"""Airflow's components: their environment, and finding and ending their processes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from include.city_order.replay import Asked
from include.local_platform import airflow, commands
from include.local_platform.home import CHECKOUT, Home, PlatformError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home", ui_port=18080, db_port=15439)
    found.create()
    return found


@pytest.fixture
def spawned() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of a test; whatever it leaves is killed."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def _spawn(code: str, environ: dict[str, str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **environ}, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    return process


def test_the_configuration_is_ours_alone(home: Home) -> None:
    env = airflow.environment(home, {"AIRFLOW__CORE__EXECUTOR": "Other", "AIRFLOW_CONFIG": "/x", "LANG": "C.UTF-8"})
    assert env["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW_CONFIG" not in env
    assert env["LANG"] == "C.UTF-8"


def test_everything_listens_on_loopback_at_the_homes_ports(home: Home) -> None:
    env = airflow.environment(home, {})
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__API__PORT"] == "18080"
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"
    addresses = [value for name, value in env.items() if "CONN" in name]
    assert len(addresses) == 4
    assert all("@127.0.0.1:15439/" in address for address in addresses)
    assert "--skip-serve-logs" in airflow.COMPONENTS["scheduler"]


def test_two_homes_share_neither_folder_nor_secret(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other", ui_port=18081, db_port=15440)
    other.create()
    ours, theirs = airflow.environment(home, {}), airflow.environment(other, {})
    differ = {name for name in ours if ours[name] != theirs[name]}
    private = {name for name in ours if "CONN" in name or "KEY" in name or "SECRET" in name or "PASSWORDS" in name}
    folders = {"AIRFLOW_HOME", "CITY_ORDER_HOME", "CITY_ORDER_INBOX", "CITY_ORDER_ARCHIVE", "CITY_ORDER_OUTBOX"}
    assert len(private) == 8
    assert private | folders <= differ


def test_tasks_never_get_the_owners_or_the_superusers_password(home: Home) -> None:
    values = " ".join(airflow.environment(home, {}).values())
    assert home.secret("city_order_ingest") in values
    assert home.secret("city_order_owner") not in values
    assert home.secret("postgres") not in values


def test_the_users_folders_pass_through(home: Home, tmp_path: Path) -> None:
    default = airflow.environment(home, {})
    assert default["CITY_ORDER_INBOX"] == str(home.root / "inbox")
    assert default["CITY_ORDER_SURVEYS"] == str(CHECKOUT / "include" / "surveys")
    given = {"CITY_ORDER_INBOX": str(tmp_path), "CITY_ORDER_SURVEYS": "/s", "CITY_ORDER_REFERENCE": "/r"}
    assert given.items() <= airflow.environment(home, given).items()


def test_the_users_proxy_does_not_stand_between_our_processes(home: Home) -> None:
    assert airflow.environment(home, {"NO_PROXY": "intranet"})["no_proxy"] == "127.0.0.1,localhost,intranet"


def test_the_login_is_in_a_private_file_before_airflow_would_print_one(home: Home) -> None:
    password = airflow.write_password(home)
    path = Path(airflow.environment(home, {})["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert json.loads(path.read_text()) == {"admin": password}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def _record(home: Home, component: str, pid: int, create_time: float) -> None:
    (home.run / f"{component}.json").write_text(json.dumps({"pid": pid, "create_time": create_time}))


def test_a_recycled_pid_is_not_a_component(home: Home) -> None:
    me = psutil.Process()
    _record(home, "scheduler", me.pid, me.create_time())
    assert airflow.running(home, "scheduler") == me
    _record(home, "scheduler", me.pid, me.create_time() - 100)
    assert airflow.running(home, "scheduler") is None


def test_a_zombie_is_not_a_component(home: Home, spawned: list[subprocess.Popen[bytes]]) -> None:
    process = _spawn("print()", {})
    spawned.append(process)
    dead = psutil.Process(process.pid)
    _record(home, "scheduler", dead.pid, dead.create_time())
    deadline = time.monotonic() + 5
    while dead.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.01)
    assert dead.status() == psutil.STATUS_ZOMBIE
    assert airflow.running(home, "scheduler") is None


def test_an_ended_component_is_named_with_the_end_of_its_log(home: Home) -> None:
    me = psutil.Process()
    for component in airflow.COMPONENTS:
        _record(home, component, me.pid, me.create_time())
    airflow.expect_running(home)
    _record(home, "scheduler", me.pid, me.create_time() - 100)
    airflow.log_file(home, "scheduler").write_text("first\nlast words\n")
    with pytest.raises(PlatformError, match=r"(?s)scheduler has ended.*last words"):
        airflow.expect_running(home)


def test_stop_ends_stubborn_orphans_of_this_home_and_nobody_else(
    home: Home, spawned: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow, "STOP_PATIENCE_S", 0.3)
    ours = {"AIRFLOW_HOME": str(home.folder("airflow")), airflow.COMPONENT_VARIABLE: "scheduler"}
    orphan = _spawn(STUBBORN, ours)
    # A shell in which the user exported the same home, and a component of another home.
    shell = _spawn(STUBBORN, {"AIRFLOW_HOME": ours["AIRFLOW_HOME"], "CITY_ORDER_HOME": str(home.root)})
    neighbour = _spawn(STUBBORN, {**ours, "AIRFLOW_HOME": "/elsewhere/airflow"})
    spawned += [orphan, shell, neighbour]
    assert airflow.stop(home) == []
    assert not psutil.pid_exists(orphan.pid)
    assert shell.poll() is None
    assert neighbour.poll() is None


@pytest.fixture
def scheduler(home: Home, tmp_path: Path, spawned: list[subprocess.Popen[bytes]]) -> dict[str, str]:
    """What a running scheduler was started with: its own references, and the default inbox and surveys."""
    env = airflow.environment(home, {"CITY_ORDER_REFERENCE": str(tmp_path / "мои справочники")})
    # Its first word says that it has its environment: until a new program has begun, it shows none.
    process = _spawn("import time; print(flush=True); time.sleep(60)", env)
    spawned.append(process)
    _record(home, "scheduler", process.pid, psutil.Process(process.pid).create_time())
    return {name: env[name] for name in ("CITY_ORDER_INBOX", "CITY_ORDER_SURVEYS", "CITY_ORDER_REFERENCE")}


def test_a_shell_with_the_folders_of_the_running_platform_passes(home: Home, scheduler: dict[str, str]) -> None:
    airflow.expect_same_folders(home, scheduler)
    airflow.expect_same_folders(home, {"CITY_ORDER_REFERENCE": scheduler["CITY_ORDER_REFERENCE"]})


def test_a_shell_with_other_folders_than_the_running_platform_is_told_both(
    home: Home, scheduler: dict[str, str]
) -> None:
    theirs = scheduler["CITY_ORDER_REFERENCE"]
    with pytest.raises(PlatformError) as refusal:
        airflow.expect_same_folders(home, {"CITY_ORDER_REFERENCE": "/new"})
    assert f"runs with CITY_ORDER_REFERENCE={theirs}, this shell has /new" in str(refusal.value)
    assert "make down, then make up" in str(refusal.value)
    with pytest.raises(PlatformError) as refusal:
        airflow.expect_same_folders(home, {})
    assert f"this shell sets none: {CHECKOUT / 'include' / 'reference'}" in str(refusal.value)
    assert f"export CITY_ORDER_REFERENCE='{theirs}'" in str(refusal.value)
    with pytest.raises(PlatformError, match="unset CITY_ORDER_INBOX"):
        airflow.expect_same_folders(home, scheduler | {"CITY_ORDER_INBOX": "/new"})


def test_a_platform_that_does_not_run_is_of_any_folder(home: Home) -> None:
    airflow.expect_same_folders(home, {"CITY_ORDER_REFERENCE": "/new"})


def test_commands_that_use_the_folders_stop_beside_a_platform_with_others(
    home: Home, scheduler: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_expect_warehouse", lambda _: None)
    monkeypatch.setattr(commands, "_start_databases", lambda _: pytest.fail("the command goes on"))
    monkeypatch.setenv("CITY_ORDER_REFERENCE", "/new")
    asked = Asked("ecb-2026", reason="why", requested_by="who")
    for command in (
        lambda: commands.up(home),
        lambda: commands.demo(home),
        lambda: commands.replay(home, asked, is_dry_run=True),
        lambda: commands.form(home, "ecb-2026", "", home.root),
        lambda: commands.check(home, home.root / "a.csv", "ecb-2026", "gorsvet", home.root),
        lambda: commands.proposals(home, "ecb-2026", None),
        lambda: commands.roll_back(home, "ecb-2026", 1, "why", "who"),
    ):
        with pytest.raises(PlatformError, match="runs with CITY_ORDER_REFERENCE="):
            command()
