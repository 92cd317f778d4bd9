"""The warehouse: connections, locks, rehearsals, bulk loading, and the models that fill its tables.

A model is one SELECT under `include/sql/`, named after the table that it fills
(`city_order/order_line.sql` fills `city_order.order_line`). Parameters are bound, never pasted in.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"

#: Rows sent to COPY at a time: bounds the memory of a load whatever its size.
COPY_CHUNK_ROWS = 5_000

#: What a rehearsal may cost the warehouse, and how long it waits for rows that a run is changing. The wait is shorter
#: than PostgreSQL's deadlock_timeout (1 s): where both wait for each other it is the rehearsal that gives up.
REHEARSAL_STATEMENT_MS = 120_000
REHEARSAL_LOCK_MS = 500


class RehearsalConnection(Connection):
    """A connection whose work nothing can commit: not our own code, and not a library that was handed it."""

    def commit(self) -> None:
        """Do nothing: the rehearsal goes on."""

    def rollback(self) -> None:
        """Do nothing: what went before in the rehearsal stays visible to it."""

    def close(self) -> None:
        """Do nothing: the rehearsal needs the connection still."""

    def end(self) -> None:
        """Roll all of it back, and close."""
        try:
            super().rollback()
        finally:
            super().close()


@dataclass
class _Rehearsal:
    dsn: str
    connection: RehearsalConnection
    thread: int = field(default_factory=threading.get_ident)
    savepoints: Iterator[int] = field(default_factory=lambda: count(1))


_rehearsal: _Rehearsal | None = None


@contextmanager
def rehearsal(dsn: str) -> Iterator[None]:
    """Let every transaction of this process happen on one connection, and none of it have happened afterwards.

    A rehearsal sees its own work as if it were committed; nobody else does. It takes none of the named locks, so no
    run waits for it, except for rows that both change. One at a time in all: the second waits for the first. Numbers
    that the database deals out are used up.
    """
    global _rehearsal
    if _rehearsal:
        raise RuntimeError("a rehearsal is under way already")
    connection = psycopg2.connect(
        dsn,
        application_name="city-order rehearsal",
        connection_factory=RehearsalConnection,
        options=f"-c statement_timeout={REHEARSAL_STATEMENT_MS} -c idle_in_transaction_session_timeout=10min",
    )
    try:
        with connection.cursor() as cursor:
            lock_rehearsals = "select pg_advisory_xact_lock(hashtextextended('rehearsal', 0))"
            cursor.execute(lock_rehearsals)
            cursor.execute("select set_config('lock_timeout', %s, true)", (str(REHEARSAL_LOCK_MS),))
        _rehearsal = _Rehearsal(dsn, connection)
        yield
    finally:
        _rehearsal = None
        connection.end()


def rehearsed_connection(dsn: str) -> RehearsalConnection | None:
    """The connection of the rehearsal that is under way, or None. For what connects by itself."""
    if not _rehearsal:
        return None
    if dsn != _rehearsal.dsn or threading.get_ident() != _rehearsal.thread:
        # Another connection would commit for good.
        raise RuntimeError("a rehearsal has one warehouse, one role and one thread")
    return _rehearsal.connection


@contextmanager
def transaction(dsn: str, *, repeatable_read: bool = False) -> Iterator[Cursor]:
    """One transaction on a connection of its own: committed at the end of the block, or rolled back whole.

    In a rehearsal, a part of its only transaction.
    """
    if rehearsed := rehearsed_connection(dsn):
        with _savepoint(rehearsed) as cursor:
            yield cursor
        return
    connection = psycopg2.connect(dsn, application_name="city-order")
    try:
        if repeatable_read:
            connection.set_session(isolation_level="REPEATABLE READ")
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@contextmanager
def _savepoint(connection: RehearsalConnection) -> Iterator[Cursor]:
    assert _rehearsal
    name = sql.Identifier(f"rehearsal_{next(_rehearsal.savepoints)}")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("savepoint {}").format(name))
        try:
            yield cursor
        except BaseException:
            cursor.execute(sql.SQL("rollback to savepoint {}").format(name))
            raise
        cursor.execute(sql.SQL("release savepoint {}").format(name))


def lock(cursor: Cursor, name: str) -> None:
    """Wait for the advisory lock of that name; it is held until the transaction ends.

    A rehearsal takes none: what nobody else will see needs no protection, and no run is to wait for it.
    """
    if isinstance(cursor.connection, RehearsalConnection):
        return
    cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))


def statement(path: str) -> str:
    """The text of `include/sql/<path>.sql`."""
    return (SQL_FOLDER / f"{path}.sql").read_text(encoding="utf-8")


#: What each model selects, by its text. To ask costs as much planning as to fill: once for a process.
_columns_of: dict[str, list[str]] = {}


def fill(cursor: Cursor, table: str, parameters: Mapping[str, Any], model: str = "") -> int:
    """Insert what the model of `schema.table` selects, or another model; returns the number of rows.

    The model's columns are matched by name, so that their order in the file does not matter.
    """
    select = statement((model or table).replace(".", "/")).strip()
    if select not in _columns_of:
        cursor.execute(f"select * from ({select}\n) as model limit 0", parameters)
        _columns_of[select] = [column.name for column in cursor.description or ()]
    columns = _columns_of[select]
    insert = sql.SQL("insert into {table} ({columns})\n").format(
        table=sql.Identifier(*table.split(".")), columns=sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    cursor.execute(insert + sql.SQL(select), parameters)
    return cursor.rowcount


def copy_rows(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """COPY rows into a table, in chunks; dicts and lists become JSON, None becomes NULL. Returns their number."""
    command = sql.SQL("copy {table} ({columns}) from stdin with (format csv)").format(
        table=sql.Identifier(*table.split(".")), columns=sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count, buffer = 0, list[str]()
    for row in rows:
        buffer.append(",".join(map(_field, row)))
        count += 1
        if len(buffer) == COPY_CHUNK_ROWS:
            cursor.copy_expert(command, StringIO("\n".join(buffer) + "\n"))
            buffer.clear()
    if buffer:
        cursor.copy_expert(command, StringIO("\n".join(buffer) + "\n"))
    return count


def _field(value: Any) -> str:
    """One CSV field: NULL is nothing at all, every text is quoted."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return '"' + str(value).replace('"', '""') + '"'


def rows(cursor: Cursor) -> list[dict[str, Any]]:
    """What the last statement selected, each row by the names of its columns."""
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
