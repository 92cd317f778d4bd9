"""An upgrade from every earlier schema, with data in place; and a landed revision stays as it landed."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor
from psycopg2.extensions import parse_dsn

from include.city_order import orders, warehouse
from include.city_order.site import Site
from include.local_platform import postgres
from tests.conftest import ROOT, Warehouse
from tests.intake.nights import answer, leave, receipts, select, site_of
from tests.upkeep.conftest import Databases, one_night

MIGRATIONS = ROOT / "include/sql/migrations"
CONFIG = Config(ROOT / "include/sql/alembic.ini")
#: Oldest first.
REVISIONS = [script.revision for script in ScriptDirectory.from_config(CONFIG).walk_revisions()][::-1]

#: (table, column) of everything that holds rows, in one order for all databases.
COLUMNS = """
select n.nspname || '.' || c.relname, array_agg(a.attname::text order by a.attname)
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind = any(%s) and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'public')
group by 1 order by 1
"""

IDENTITIES = """
select table_schema || '.' || table_name, column_name from information_schema.columns where is_identity = 'YES'
"""


def migrate(dsn: str, revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY_ORDER_OWNER_DSN", dsn)
    command.upgrade(CONFIG, revision)


def columns(cursor: Cursor, *relkinds: str) -> dict[str, list[str]]:
    cursor.execute(COLUMNS, (list(relkinds),))
    return dict(cursor.fetchall())


def _names(names: list[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _table(name: str) -> sql.Identifier:
    return sql.Identifier(*name.split("."))


def copy_night(newest: str, older: str) -> None:
    """Fill an older schema with what its tables hold of a whole night. `older` is the superuser's DSN."""
    with warehouse.transaction(newest) as source, warehouse.transaction(older) as target:
        # Rows come table by table: keys are whole only at the end.
        target.execute("set session_replication_role = replica")
        # What was a table may be a view of versions by now, and shows the same.
        theirs, held = columns(source, "r", "v"), columns(target, "r")
        for table, own in held.items():
            common = _names([column for column in own if column in theirs.get(table, ())])
            buffer = io.BytesIO()
            source.copy_expert(sql.SQL("copy (select {} from {}) to stdout").format(common, _table(table)), buffer)
            buffer.seek(0)
            target.copy_expert(sql.SQL("copy {} ({}) from stdin").format(_table(table), common), buffer)
        if "landing.receipt" in held and "core.submission" not in held:
            # As long as nothing could be loaded, no receipt had a verdict.
            target.execute("update landing.receipt set verdict = null, repeats_submission_id = null")
        target.execute(IDENTITIES)
        for table, column in target.fetchall():
            statement = sql.SQL("select setval(pg_get_serial_sequence(%s, %s), max({})) from {}")
            target.execute(statement.format(sql.Identifier(column), _table(table)), (table, column))


def rows_of(cursor: Cursor, tables: dict[str, list[str]]) -> dict[str, tuple[int, str]]:
    """How many rows each table holds, and a digest of them in these columns."""
    cursor.execute("set timezone = 'UTC'")
    found = {}
    for table, named in tables.items():
        statement = sql.SQL("select count(*), md5(coalesce(string_agg(line, '' order by line), '')) from ({}) as held")
        selected = sql.SQL("select row({})::text as line from {}").format(_names(named), _table(table))
        cursor.execute(statement.format(selected))
        found[table] = cursor.fetchone()
    return found


def catalogue(dsn: str) -> str:
    """The whole schema with its grants and comments, as pg_dump writes it."""
    program = postgres.wheel_binaries() / "pg_dump"
    env = {**os.environ, **postgres.client_environment(dsn)}
    done = subprocess.run([program, "--schema-only"], env=env, capture_output=True, text=True, check=True)
    # Of the dump's own: a word that is new each time.
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict")))


@pytest.fixture(scope="module")
def in_one_go(databases: Databases, template: tuple[str, dict[str, str]]) -> str:
    """The schema of a database that was empty until it was migrated."""
    found = catalogue(databases.dsn(template[0]))
    assert found.count("CREATE TABLE") > 30
    return found


@pytest.mark.slow
@pytest.mark.warehouse
@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_an_upgrade_keeps_the_data_and_gives_the_schema_of_a_new_warehouse(
    revision: str,
    databases: Databases,
    night: tuple[Warehouse, Site],
    in_one_go: str,
    monkeypatch: pytest.MonkeyPatch,
):
    older = databases.create()
    superuser = databases.dsn(str(parse_dsn(older.owner)["dbname"]))
    migrate(older.owner, revision, monkeypatch)
    copy_night(night[0].owner, superuser)
    with warehouse.transaction(superuser) as cursor:
        held = columns(cursor, "r")
        before = rows_of(cursor, held)
    # No survey of the house grants a waiver, and no night replays.
    held_in = {table for table, (count, _) in before.items() if count}
    held_in |= {"reference.waiver", "core.replay", "core.replayed_receipt"}
    assert {table for table in before if table.startswith(("reference.", "landing.", "core."))} <= held_in
    assert "city_order.order_line" not in before or before["city_order.order_line"][0]

    migrate(older.owner, "head", monkeypatch)

    with warehouse.transaction(superuser) as cursor:
        assert rows_of(cursor, held) == before
    assert catalogue(superuser) == in_one_go


@pytest.mark.slow
@pytest.mark.warehouse
def test_the_nights_go_on_after_an_upgrade(
    databases: Databases, night: tuple[Warehouse, Site], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    older = databases.create()
    migrate(older.owner, REVISIONS[-2], monkeypatch)
    copy_night(night[0].owner, databases.dsn(str(parse_dsn(older.owner)["dbname"])))
    migrate(older.owner, "head", monkeypatch)

    site = replace(night[1], warehouse=older.ingest)
    before = receipts(site)
    one_night(older, site)
    assert receipts(site) == before, "a quiet night changes nothing"
    assert orders.surveys_to_build(older.builder) == []

    own = replace(site_of(older.ingest, tmp_path), archive=site.archive)
    leave(own, "ecb-2026/dep-sport/заявка.csv", answer({"part_number": "К1986ВЕ92QI"}))
    releases = select(site, "select * from city_order.release")
    one_night(older, own)
    assert len(receipts(site)) == len(before) + 1
    assert len(select(site, "select * from city_order.release")) == len(releases) + 1


@pytest.mark.slow
@pytest.mark.warehouse
def test_the_first_night_after_the_models_changed_tells_what_only_they_changed(
    databases: Databases, night: tuple[Warehouse, Site], monkeypatch: pytest.MonkeyPatch
):
    """Models of before counted a piece less of one product, and found nothing that is asked for twice."""
    older = databases.create()
    migrate(older.owner, "head", monkeypatch)
    superuser = databases.dsn(str(parse_dsn(older.owner)["dbname"]))
    copy_night(night[0].owner, superuser)
    site = replace(night[1], warehouse=older.ingest)
    with warehouse.transaction(superuser) as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute("update city_order.release set sql_version = 'other', terms_sha256 = 'other'")
        cursor.execute("update city_order.published_release set confirmed_fingerprint = 'other'")
        cursor.execute("delete from city_order.double_counting_version")
        cursor.execute(
            "update city_order.order_line_version"
            " set gross_quantity = gross_quantity - 1, net_quantity = net_quantity - 1 where net_quantity > 1"
            " and product_id = (select min(product_id) from city_order.order_line_version where net_quantity > 1)"
        )
        assert cursor.rowcount > 0
        counted = cursor.rowcount
    before = {row["release_id"] for row in select(site, "select release_id from city_order.release")}
    one_night(older, site)
    changes = select(
        site,
        "select change.*, replaces_release_id from city_order.release_change as change"
        " inner join city_order.release using (release_id) where replaces_release_id is not null",
    )
    assert {(row["agency_code"], row["cause"]) for row in changes} == {(None, "changed_model")}
    assert len(changes) == counted
    assert all(row["gross_after"] - row["gross_before"] == 1 for row in changes)
    assert {row["replaces_release_id"] for row in changes} <= before
    assert orders.surveys_to_build(older.builder) == []


@pytest.mark.warehouse
def test_a_warehouse_newer_than_the_checkout_is_refused(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch):
    connection = psycopg2.connect(warehouse.owner)
    with connection, connection.cursor() as cursor:
        cursor.execute("update public.alembic_version set version_num = '9999'")
    connection.close()
    with pytest.raises(SystemExit, match=r"revision 9999, which this checkout does not know(?s:.*)git pull"):
        migrate(warehouse.owner, "head", monkeypatch)


def test_a_landed_revision_is_never_edited():
    landed = dict(reversed(line.split()) for line in (MIGRATIONS / "landed.sha256").read_text().splitlines())
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (MIGRATIONS / "versions").iterdir()
        if path.is_file()
    }
    edited = sorted(name for name in landed if found.get(name) != landed[name])
    assert edited == [], "these landed, and warehouses have run them: restore them, and add a new revision instead"
    new = sorted(set(found) - set(landed))
    assert new == [], (
        "a revision lands with its digest, after which it is never edited: "
        f"(cd include/sql/migrations/versions && sha256sum {' '.join(new)} >> ../landed.sha256)"
    )
