"""The warehouse: connections, locks, bulk loading, and the models that fill its tables.

A model is one SELECT under `include/sql/`, named after the table that it fills
(`city_order/order_line.sql` fills `city_order.order_line`). Parameters are bound, never pasted in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

SQL_FOLDER = Path(__file__).resolve().parents[1] / "sql"

#: Rows sent to COPY at a time: bounds the memory of a load whatever its size.
COPY_CHUNK_ROWS = 5_000


@contextmanager
def transaction(dsn: str, *, repeatable_read: bool = False) -> Iterator[Cursor]:
    """One transaction on a connection of its own: committed at the end of the block, or rolled back whole."""
    connection = psycopg2.connect(dsn, application_name="city-order")
    try:
        if repeatable_read:
            connection.set_session(isolation_level="REPEATABLE READ")
        with connection, connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


def lock(cursor: Cursor, name: str) -> None:
    """Wait for the advisory lock of that name; it is held until the transaction ends."""
    cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))


def statement(path: str) -> str:
    """The text of `include/sql/<path>.sql`."""
    return (SQL_FOLDER / f"{path}.sql").read_text(encoding="utf-8")


def fill(cursor: Cursor, table: str, parameters: Mapping[str, Any]) -> int:
    """Insert what the model of `schema.table` selects; returns the number of rows.

    The model's columns are matched by name, so that their order in the file does not matter.
    """
    select = statement(table.replace(".", "/")).strip()
    cursor.execute(f"select * from ({select}\n) as model limit 0", parameters)
    columns = [column.name for column in cursor.description or ()]
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
