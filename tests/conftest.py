"""Shared fixtures: a real PostgreSQL, and a fresh warehouse in it for each test that asks for one."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql
from psycopg2.extensions import parse_dsn
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Warehouse:
    """DSNs of one database, a role each."""

    owner: str
    ingest: str
    builder: str
    analyst: str
    reader: str


def _url(admin: str, user: str, password: str, database: str) -> str:
    parts = parse_dsn(admin)
    return f"postgresql://{user}:{password}@{parts['host']}:{parts['port']}/{database}"


def _execute(dsn: str, *statements: sql.Composable) -> None:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


class _ByFolder(LoadScopeScheduling):
    """Keeps a folder's tests in one process, so that what they share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0].rpartition("/")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFolder:
    return _ByFolder(config, log)


@pytest.fixture(scope="session")
def admin_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A superuser's DSN of a PostgreSQL that nobody else uses.

    `CITY_ORDER_TEST_ADMIN_DSN` names one to use instead, to try another PostgreSQL version.
    """
    if given := os.environ.get("CITY_ORDER_TEST_ADMIN_DSN"):
        yield given
        return
    from include.local_platform.postgres import Cluster

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Durability is of no use to a cluster that the session throws away, nor are passwords that are slow to guess.
    settings = {"fsync": "off", "scram_iterations": "1"}
    cluster = Cluster(tmp_path_factory.mktemp("postgres"), port, secrets.token_hex(8), settings=settings)
    cluster.initialise()
    cluster.start()
    try:
        yield cluster.dsn("postgres")
    finally:
        cluster.remove()


@pytest.fixture(scope="session")
def template(admin_dsn: str) -> Iterator[tuple[str, dict[str, str]]]:
    """A migrated database to copy, and the roles' passwords."""
    from include.local_platform import postgres

    passwords = {role: secrets.token_hex(8) for role in postgres.ROLES}
    postgres.provision(admin_dsn, passwords)
    name = f"template_{secrets.token_hex(4)}"
    _execute(
        admin_dsn,
        sql.SQL("create database {} owner city_order_owner").format(sql.Identifier(name)),
        sql.SQL("revoke connect on database {} from public").format(sql.Identifier(name)),
    )
    owner = _url(admin_dsn, "city_order_owner", passwords["city_order_owner"], name)
    subprocess.run(
        [sys.executable, "-m", "alembic", "-c", "include/sql/alembic.ini", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "CITY_ORDER_OWNER_DSN": owner},
        check=True,
        capture_output=True,
    )
    yield name, passwords
    _execute(admin_dsn, sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@contextmanager
def fresh_warehouse(admin_dsn: str, template: tuple[str, dict[str, str]]) -> Iterator[Warehouse]:
    """A migrated warehouse that is gone afterwards."""
    source, passwords = template
    name = f"warehouse_{secrets.token_hex(4)}"
    _execute(
        admin_dsn,
        sql.SQL("create database {} template {} owner city_order_owner").format(
            sql.Identifier(name), sql.Identifier(source)
        ),
        sql.SQL(
            "grant connect on database {} to"
            " city_order_ingest, city_order_builder, city_order_analyst, city_order_reader"
        ).format(sql.Identifier(name)),
    )

    def dsn(role: str) -> str:
        return _url(admin_dsn, role, passwords[role], name)

    roles = ("owner", "ingest", "builder", "analyst", "reader")
    try:
        yield Warehouse(*(dsn(f"city_order_{role}") for role in roles))
    finally:
        _execute(admin_dsn, sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def warehouse(admin_dsn: str, template: tuple[str, dict[str, str]]) -> Iterator[Warehouse]:
    """A fresh migrated warehouse."""
    with fresh_warehouse(admin_dsn, template) as made:
        yield made
