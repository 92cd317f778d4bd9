"""A real cluster: who may connect where, and that it gets up again after a kill."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest

from include.local_platform import postgres
from include.local_platform.home import PlatformError
from include.local_platform.postgres import Cluster

pytestmark = pytest.mark.slow

PASSWORDS = {role: f"it's {role}'s: %/@" for role in postgres.ROLES}

#: Who may connect where. Nobody else, nowhere else.
ALLOWED = {
    ("airflow", "airflow"),
    ("city_order_owner", "warehouse"),
    ("city_order_ingest", "warehouse"),
    ("city_order_builder", "warehouse"),
    ("city_order_analyst", "warehouse"),
    ("city_order_reader", "warehouse"),
}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("кластер с пробелом")
    found = Cluster(folder, _free_port(), "super's secret", settings={"fsync": "off"})
    try:
        found.initialise()
        found.start()
        postgres.provision(found.dsn("postgres"), PASSWORDS)
        yield found
    finally:
        found.remove()


def _ask(cluster: Cluster, statement: str) -> object:
    connection = psycopg2.connect(cluster.dsn("warehouse"))
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
            assert row
            return row[0]
    finally:
        connection.close()


@pytest.mark.parametrize("role", postgres.ROLES)
@pytest.mark.parametrize("database", ["airflow", "warehouse", "postgres", "template1"])
def test_each_role_enters_its_own_database_only(cluster: Cluster, role: str, database: str) -> None:
    dsn = cluster.dsn(database, role, PASSWORDS[role])
    if (role, database) in ALLOWED:
        psycopg2.connect(dsn).close()
    else:
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            psycopg2.connect(dsn)


def test_a_wrong_password_is_refused(cluster: Cluster) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(cluster.dsn("warehouse", "city_order_analyst", "guessed"))


def test_provisioning_again_changes_passwords_and_keeps_the_databases(cluster: Cluster) -> None:
    before = _ask(cluster, "select oid from pg_database where datname = 'warehouse'")
    renewed = {**PASSWORDS, "city_order_analyst": "renewed"}
    postgres.provision(cluster.dsn("postgres"), renewed)
    psycopg2.connect(cluster.dsn("warehouse", "city_order_analyst", "renewed")).close()
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(cluster.dsn("warehouse", "city_order_analyst", PASSWORDS["city_order_analyst"]))
    postgres.provision(cluster.dsn("postgres"), PASSWORDS)
    assert _ask(cluster, "select oid from pg_database where datname = 'warehouse'") == before


def test_it_knows_cyrillic(cluster: Cluster) -> None:
    assert _ask(cluster, "select upper('ёлка') || ('Ёлка' ilike 'ёЛКА')::text") == "ЁЛКАtrue"


def _server(cluster: Cluster) -> psutil.Process:
    return psutil.Process(int((cluster.data / "postmaster.pid").read_text().split()[0]))


def test_it_listens_on_loopback_only(cluster: Cluster) -> None:
    listening = [found for found in _server(cluster).net_connections("all") if found.status == psutil.CONN_LISTEN]
    assert [tuple(found.laddr) for found in listening] == [("127.0.0.1", cluster.port)]


def test_it_never_runs_as_root(cluster: Cluster) -> None:
    assert _server(cluster).uids().effective != 0


def test_starting_and_stopping_may_be_repeated(cluster: Cluster) -> None:
    pid = _server(cluster).pid
    cluster.initialise()
    cluster.start()
    assert _server(cluster).pid == pid
    cluster.stop()
    cluster.stop()
    assert not cluster.running()
    cluster.start()
    assert cluster.running()


def test_it_gets_up_after_a_kill_with_its_data(cluster: Cluster) -> None:
    killed = _server(cluster)
    killed.send_signal(signal.SIGKILL)
    # Another object, as in another process: nobody reaps the zombie meanwhile.
    again = Cluster(cluster.folder, cluster.port, cluster.password, settings=cluster.settings)
    again.start()
    assert _server(again).pid != killed.pid
    assert _ask(again, "select current_database()") == "warehouse"


def test_a_pid_file_that_names_another_program_is_stale(cluster: Cluster) -> None:
    cluster.stop("immediate")
    pid_file = cluster.data / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{cluster.data}\n")
    assert not cluster.running()
    cluster.start()
    assert _server(cluster).pid != os.getpid()


def test_a_second_cluster_is_left_in_peace(cluster: Cluster, tmp_path: Path) -> None:
    other = Cluster(tmp_path / "other", _free_port(), "x", settings={"fsync": "off"})
    try:
        other.initialise()
        other.start()
        pid = _server(cluster).pid
        other.stop()
        assert _server(cluster).pid == pid
        stranger = Cluster(other.folder, cluster.port, "x")
        with pytest.raises(PlatformError, match=f"Port {cluster.port} of 127.0.0.1 is taken by postgres"):
            stranger.start()
    finally:
        other.remove()
    assert not other.place.exists()


def test_a_lost_password_is_explained(cluster: Cluster) -> None:
    with pytest.raises(PlatformError, match="the secrets do not belong to the data"):
        Cluster(cluster.folder, cluster.port, "forgotten").start()


def test_a_server_that_cannot_start_shows_its_log(cluster: Cluster, tmp_path: Path) -> None:
    broken = Cluster(tmp_path / "broken", _free_port(), "x", settings={"no_such_setting": "1"})
    try:
        broken.initialise()
        with pytest.raises(PlatformError, match=r"(?s)ended while starting.*no_such_setting"):
            broken.start()
    finally:
        broken.remove()
