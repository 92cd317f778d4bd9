"""A city of any size to measure: a server of its own, and warehouses filled by SQL with what its agencies answer."""

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
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from include.city_order import releases, warehouse
from include.local_platform import postgres

ROOT = Path(__file__).resolve().parents[2]
SURVEY = "ecb-2026"

#: Lines for each product of the catalogue: a larger city has more agencies, which ask for more products.
LINES_PER_PRODUCT = 20

#: Figures that the naive order must have as ours.
FIGURES = (
    "product_id", "unit", "year", "gross_quantity", "net_quantity", "gross_energy_kwh", "net_energy_kwh",
    "amount_kopecks", "priced_share", "agencies", "lines",
)  # fmt: skip


class Server:
    """A PostgreSQL server with the platform's own settings; it loses nothing but speed if the machine stops."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.cluster = postgres.Cluster(folder, port, secrets.token_hex(8), settings={"fsync": "off"})
        self.passwords = {role: secrets.token_hex(8) for role in postgres.ROLES}

    def __enter__(self) -> Server:
        self.cluster.initialise()
        self.cluster.start()
        postgres.provision(self.cluster.dsn("postgres"), self.passwords)
        subprocess.run(
            [sys.executable, "-m", "alembic", "-c", "include/sql/alembic.ini", "upgrade", "head"],
            cwd=ROOT,
            env={**os.environ, "CITY_ORDER_OWNER_DSN": self.dsn(postgres.OWNER_ROLE, postgres.WAREHOUSE_DATABASE)},
            check=True,
            capture_output=True,
        )
        return self

    def __exit__(self, *reason: object) -> None:
        self.cluster.remove()

    def dsn(self, role: str, database: str) -> str:
        return postgres.uri(self.cluster.port, database, role, self.passwords[role])

    def new_database(self, name: str) -> None:
        """A copy of the migrated warehouse."""
        with _autocommit(self.cluster.dsn("postgres")) as cursor:
            database = sql.Identifier(name)
            source, owner = sql.Identifier(postgres.WAREHOUSE_DATABASE), sql.Identifier(postgres.OWNER_ROLE)
            cursor.execute(
                sql.SQL("create database {} template {} owner {}").format(database, source, owner),
            )
            cursor.execute(
                sql.SQL("grant connect, temporary on database {} to {}").format(
                    database, sql.Identifier(postgres.BUILDER_ROLE)
                )
            )


@dataclass
class City:
    """A survey of `lines` demand lines in a database of its own."""

    server: Server
    lines: int
    lines_per_answer: int

    @property
    def database(self) -> str:
        return f"city_{self.lines}"

    @property
    def builder(self) -> str:
        return self.server.dsn(postgres.BUILDER_ROLE, self.database)

    @property
    def agencies(self) -> int:
        return self.lines // self.lines_per_answer

    @property
    def products(self) -> int:
        return self.lines // LINES_PER_PRODUCT

    @contextmanager
    def administrator(self) -> Iterator[Cursor]:
        with _autocommit(self.server.cluster.dsn(self.database)) as cursor:
            yield cursor

    def settle(self) -> None:
        """What autovacuum does within minutes of much being written."""
        with self.administrator() as cursor:
            cursor.execute("vacuum (analyze)")

    def answer(self) -> None:
        """All agencies answer."""
        self.server.new_database(self.database)
        parameters = {"lines": self.lines, "lines_per_answer": self.lines_per_answer, "products": self.products}
        with warehouse.transaction(self.server.cluster.dsn(self.database)) as cursor:
            cursor.execute("set local work_mem = '256MB'")
            cursor.execute("set local maintenance_work_mem = '512MB'")
            cursor.execute(_statement("demand"), parameters)
        self.settle()

    def correct(self, night: int) -> None:
        """An institution sends its answer again, with one line in ten changed."""
        agency_code = f"agency-{(10 * night + 7) % self.agencies}"
        with warehouse.transaction(self.server.dsn(postgres.OWNER_ROLE, self.database)) as cursor:
            cursor.execute(_statement("correction"), {"agency_code": agency_code})

    def rebuild_order_lines(self, release_id: int) -> None:
        """Fill a copy of the table of order lines by its model, as a whole build fills it."""
        with self.administrator() as cursor:
            cursor.execute("drop table if exists rebuilt_order_line")
            cursor.execute("create table rebuilt_order_line (like city_order.order_line_version including all)")
            _work_as_a_whole_build(cursor)
            parameters = {"release_id": release_id, "touched": None}
            warehouse.fill(cursor, "public.rebuilt_order_line", parameters, "city_order.order_line")

    def build_naively(self, release_id: int) -> None:
        """Fill another copy as it is usually written."""
        with self.administrator() as cursor:
            cursor.execute("drop table if exists naive_order_line")
            cursor.execute("create table naive_order_line (like city_order.order_line_version including all)")
            _work_as_a_whole_build(cursor)
            cursor.execute(_statement("naive"), {"release_id": release_id})

    def figures_that_differ(self, release_id: int) -> dict[str, int]:
        """How many rows the release, the rebuilt table and the naive one do not have alike, and how many they are."""
        figures = sql.SQL(", ").join(map(sql.Identifier, FIGURES))
        published = sql.SQL("select {} from city_order.order_line where release_id = {}").format(
            figures, sql.Literal(release_id)
        )
        counts = {}
        with self.administrator() as cursor:
            for table in ("rebuilt_order_line", "naive_order_line"):
                other = sql.SQL("select {} from {}").format(figures, sql.Identifier(table))
                for one, without in ((published, other), (other, published)):
                    cursor.execute(sql.SQL("select count(*) from ({} except all {}) as odd").format(one, without))
                    counts[table] = counts.get(table, 0) + _only_value(cursor)
            cursor.execute("select count(*) from naive_order_line")
            counts["rows"] = _only_value(cursor)
        return counts

    def size_bytes(self) -> int:
        with self.administrator() as cursor:
            cursor.execute("select pg_database_size(current_database())")
            return int(_only_value(cursor))


def _work_as_a_whole_build(cursor: Cursor) -> None:
    """The memory that a whole build has, for ours and for the naive one."""
    cursor.execute("select set_config('work_mem', %s, false)", (releases.WORK_MEM,))


def _statement(name: str) -> str:
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")


def _only_value(cursor: Cursor) -> Any:
    ((value,),) = cursor.fetchall()
    return value


@contextmanager
def _autocommit(dsn: str) -> Iterator[Cursor]:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
