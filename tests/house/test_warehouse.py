"""The warehouse explains itself, and each role may do what it needs and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors, sql

pytestmark = pytest.mark.warehouse

SCHEMAS = ["reference", "landing", "staging", "quality", "core", "city_order"]


@pytest.fixture
def query(warehouse: Any) -> Iterator[Any]:
    connection = psycopg2.connect(warehouse.owner)

    def rows(text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with connection, connection.cursor() as cursor:
            cursor.execute(text, parameters or None)
            return cursor.fetchall()

    yield rows
    connection.close()


def attempt(dsn: str, statement: sql.Composable | str) -> type[Exception] | None:
    """What a statement raises under a role, or None if it may; it is rolled back either way."""
    # A role that only reads by default could change that, so privileges must hold without it.
    connection = psycopg2.connect(dsn, options="-c default_transaction_read_only=off")
    try:
        connection.cursor().execute(statement)
        return None
    except psycopg2.Error as error:
        return type(error)
    finally:
        connection.rollback()
        connection.close()


def test_the_schemas_are_these(query: Any):
    found = query("select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'")
    assert {name for (name,) in found} == {*SCHEMAS, "public"}


def test_every_schema_table_view_and_column_has_a_comment(query: Any):
    relations = query(
        "select n.nspname || '.' || c.relname, obj_description(c.oid, 'pg_class') from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace where n.nspname = any(%s)"
        " and c.relkind in ('r', 'p', 'v', 'm')",
        SCHEMAS,
    )
    assert len(relations) > 30
    assert [name for name, comment in relations if not (comment or "").strip()] == []
    columns = query(
        "select n.nspname || '.' || c.relname || '.' || a.attname, col_description(c.oid, a.attnum) from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid"
        " where n.nspname = any(%s) and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped",
        SCHEMAS,
    )
    assert len(columns) > 200
    assert [name for name, comment in columns if not (comment or "").strip()] == []
    schemas = query(
        "select nspname, obj_description(oid, 'pg_namespace') from pg_namespace where nspname = any(%s)", SCHEMAS
    )
    assert [name for name, comment in schemas if not comment] == []


def test_every_table_says_its_grain(query: Any):
    comments = query(
        "select n.nspname || '.' || c.relname, obj_description(c.oid, 'pg_class') from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace where n.nspname = any(%s) and c.relkind = 'r'",
        SCHEMAS,
    )
    assert [name for name, comment in comments if "Grain:" not in comment] == []


def test_instants_are_at_and_moscow_dates_are_date(query: Any):
    columns = query(
        "select table_schema || '.' || table_name || '.' || column_name, data_type from information_schema.columns"
        " where table_schema = any(%s) and (data_type = 'date' or data_type like 'timestamp%%')",
        SCHEMAS,
    )
    assert columns
    assert [name for name, kind in columns if kind == "timestamp without time zone"] == []
    assert [name for name, kind in columns if kind == "timestamp with time zone" and not name.endswith("_at")] == []
    dates = [
        name for name, kind in columns if kind == "date" and not name.endswith(("_date", ".valid_from", ".valid_to"))
    ]
    assert dates == []


def privileges(query: Any, role: str) -> set[tuple[str, str]]:
    """(relation, privilege) that a role has, by itself or through others."""
    rows = query(
        "select n.nspname || '.' || c.relname, p.privilege from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace"
        " cross join (values ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) as p (privilege)"
        " where (n.nspname = any(%s) or n.nspname = 'public') and c.relkind in ('r', 'p', 'v', 'm')"
        " and has_table_privilege(%s, c.oid, p.privilege) and has_schema_privilege(%s, n.oid, 'USAGE')",
        SCHEMAS,
        role,
        role,
    )
    return set(rows)


def schemas_of(held: set[tuple[str, str]], *kinds: str) -> set[str]:
    return {name.split(".")[0] for name, kind in held if kind in kinds}


WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


def test_the_analyst_reads_what_is_loaded_and_writes_nowhere(query: Any):
    held = privileges(query, "city_order_analyst")
    assert schemas_of(held, *WRITES) == set()
    assert schemas_of(held, "SELECT") == {"reference", "landing", "quality", "core", "city_order"}
    assert {name for name, _ in held if name.startswith("landing.")} == {"landing.receipt"}


def test_ingest_writes_what_arrived_and_no_release(query: Any):
    held = privileges(query, "city_order_ingest")
    assert schemas_of(held, *WRITES) == {"reference", "landing", "staging", "quality", "core"}
    deletes = {name for name, kind in held if kind == "DELETE" and name.split(".")[0] in ("landing", "quality", "core")}
    assert deletes == {"quality.finding"}, "revisions supersede and never delete"
    assert "TRUNCATE" not in {kind for _, kind in held}


def test_the_builder_writes_releases_and_nothing_before_them(query: Any):
    held = privileges(query, "city_order_builder")
    assert schemas_of(held, *WRITES) == {"city_order"}
    assert "staging" not in schemas_of(held, "SELECT")


@pytest.mark.parametrize("role", ["ingest", "builder", "analyst"])
def test_no_role_makes_tables(warehouse: Any, role: str):
    for schema in ("public", *SCHEMAS):
        statement = sql.SQL("create table {} (a integer)").format(sql.Identifier(schema, "made_by_a_test"))
        assert attempt(getattr(warehouse, role), statement) is errors.InsufficientPrivilege, schema


@pytest.mark.parametrize(
    ("role", "statement", "raised"),
    [
        ("analyst", "select * from staging.line", errors.InsufficientPrivilege),
        ("analyst", "select * from landing.scan", errors.InsufficientPrivilege),
        ("analyst", "delete from core.submission", errors.InsufficientPrivilege),
        ("analyst", "select * from landing.receipt", None),
        ("analyst", "select * from city_order.current_order_line", None),
        ("ingest", "insert into city_order.published_release select", errors.InsufficientPrivilege),
        ("ingest", "delete from landing.receipt", errors.InsufficientPrivilege),
        ("ingest", "delete from quality.finding", None),
        ("builder", "update landing.receipt set verdict = 'accepted'", errors.InsufficientPrivilege),
        ("builder", "update core.submission set superseded_by = null", errors.InsufficientPrivilege),
        ("builder", "select * from core.demand_line", None),
    ],
)
def test_privileges_hold_when_tried(warehouse: Any, role: str, statement: str, raised: type[Exception] | None):
    assert attempt(getattr(warehouse, role), statement) is raised
