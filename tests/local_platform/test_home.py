"""The home: its ports, its secrets, and what refuses to start."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local_platform import home as home_module
from include.local_platform.home import CHECKOUT, Home, PlatformError, check_port, check_space, port_is_free


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home.find({"CITY_ORDER_HOME": str(tmp_path / "мой дом")})
    found.create()
    return found


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Another program that holds a port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken


def test_without_an_environment_the_home_lies_in_the_checkout() -> None:
    assert Home.find({}).root == CHECKOUT / ".city-order"


def test_ports_are_the_default_until_others_were_remembered(home: Home) -> None:
    where = {"CITY_ORDER_HOME": str(home.root)}
    assert (home.ui_port, home.db_port) == (8080, 5439)
    Home.find({**where, "CITY_ORDER_UI_PORT": "8123", "CITY_ORDER_DB_PORT": "5123"}).remember_ports()
    assert Home.find(where) == Home(home.root, 8123, 5123)


def test_the_environment_is_stronger_than_memory(home: Home) -> None:
    Home(home.root, 8123, 5123).remember_ports()
    found = Home.find({"CITY_ORDER_HOME": str(home.root), "CITY_ORDER_UI_PORT": "8124"})
    assert (found.ui_port, found.db_port) == (8124, 5123)


@pytest.mark.parametrize("port", ["80", "http", "70000", "-1", "8080.0", "٨٠٨٠"])
def test_a_port_that_is_none_is_refused_by_name(port: str) -> None:
    with pytest.raises(PlatformError, match=r"CITY_ORDER_UI_PORT=.* is not a port"):
        Home.find({"CITY_ORDER_UI_PORT": port})


def test_a_broken_memory_says_which_file(home: Home) -> None:
    (home.root / "ports.json").write_text("{")
    with pytest.raises(PlatformError, match=r"ports\.json cannot be read"):
        Home.find({"CITY_ORDER_HOME": str(home.root)})


def test_a_secret_is_made_once_and_only_its_owner_reads_it(home: Home) -> None:
    before = os.umask(0)
    try:
        secret = home.secret("warehouse")
    finally:
        os.umask(before)
    assert home.secret("warehouse") == secret
    assert home.secret("another") != secret
    assert len(secret) >= 32
    assert (home.secrets / "warehouse").stat().st_mode & 0o777 == 0o600


def test_the_home_lets_others_only_through(home: Home) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in home.root.iterdir()}
    assert set(modes) == {"inbox", "archive", "outbox", "airflow", "secrets", "logs", "run"}
    assert set(modes.values()) == {0o700}
    assert home.root.stat().st_mode & 0o777 == 0o711


def test_a_free_port_passes() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    check_port(port, "CITY_ORDER_UI_PORT")


def test_a_taken_port_names_its_holder_and_a_way_out(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(PlatformError) as refusal:
        check_port(port, "CITY_ORDER_DB_PORT")
    message = str(refusal.value)
    assert f"Port {port} of 127.0.0.1 is taken" in message
    assert f"pid {os.getpid()}" in message
    offered = re.search(r"CITY_ORDER_DB_PORT=(\d+) make up", message)
    assert offered
    assert port_is_free(int(offered[1]))


def test_a_full_disk_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    check_space(home)
    monkeypatch.setattr(home_module, "LEAST_FREE_BYTES", 10**18)
    with pytest.raises(PlatformError, match=r"(?s)Only \d+ MB are free .*set CITY_ORDER_HOME") as refusal:
        check_space(home)
    assert str(home.root) in str(refusal.value)
