"""The warehouse explains itself, and each role may do what it needs and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors, sql
from psycopg2.extensions import parse_dsn

pytestmark = pytest.mark.warehouse

SCHEMAS = ["reference", "landing", "staging", "quality", "core", "city_order", "published"]


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

#: What a release sets anew, and what it is made from.
DRAFTED = (
    "city_order.release_year", "city_order.input_change", "city_order.touched_product", "city_order.submission_total",
    "city_order.release_total", "city_order.release_change", "city_order.release_input_version",
    "city_order.product_version", "city_order.order_line_version", "city_order.order_line_by_need_kind_version",
    "city_order.exclusion_version", "city_order.surplus_version", "city_order.double_counting_version",
)  # fmt: skip

#: All that each role may do, by schema or by table; of everything else it must be refused.
MAY: dict[str, dict[str, set[str]]] = {
    "analyst": {
        "reference": {"SELECT"},
        "landing.receipt": {"SELECT"},
        "quality": {"SELECT"},
        "core": {"SELECT"},
        "city_order": {"SELECT"},
        "published": {"SELECT"},
    },
    # It sees what hides every single agency, and nothing that this was made from.
    "reader": {
        "published.release": {"SELECT"},
        "published.order_line": {"SELECT"},
        "published.class_line": {"SELECT"},
        "published.current_order_line": {"SELECT"},
    },
    "ingest": {
        "reference": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "landing": {"SELECT", "INSERT", "UPDATE"},
        "staging": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "quality": {"SELECT", "INSERT", "UPDATE"},
        "quality.finding": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "core": {"SELECT", "INSERT", "UPDATE"},
        # What was loaded never changes: revisions supersede.
        "core.demand_line": {"SELECT", "INSERT"},
        "core.product": {"SELECT", "INSERT"},
        # What was compared is compared anew when the reference changes.
        "core.compared_name": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "core.alias_candidate": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "city_order": {"SELECT"},
        # What it drafts in a rehearsal cannot be committed: see what ingest can keep of an order, below.
        "city_order.release": {"SELECT", "INSERT", "UPDATE"},
        **{table: {"SELECT", "INSERT"} for table in DRAFTED},
    },
    "builder": {
        "reference": {"SELECT"},
        "landing.receipt": {"SELECT"},
        "quality": {"SELECT"},
        "core": {"SELECT"},
        "city_order": {"SELECT", "INSERT"},
        "city_order.release": {"SELECT", "INSERT", "UPDATE"},
        "city_order.published_release": {"SELECT", "INSERT", "UPDATE"},
        # They are decided once, and then stay: see AGAINST_A_RELEASE for what else must not change.
        "city_order.brake": {"SELECT", "INSERT", "UPDATE"},
        "city_order.approval": {"SELECT", "INSERT", "UPDATE"},
        # A product waits no more when it is shown.
        "city_order.published_part": {"SELECT", "INSERT"},
        "city_order.publication_wait": {"SELECT", "INSERT", "DELETE"},
        "published": {"SELECT"},
        "published.release": {"SELECT", "INSERT"},
        "published.order_line_version": {"SELECT", "INSERT"},
        "published.class_line_version": {"SELECT", "INSERT"},
    },
}


def may(role: str, relation: str) -> set[str]:
    allowed = MAY[role]
    return allowed.get(relation, allowed.get(relation.split(".")[0], set()))


def refused(connection: Any, relation: str, kind: str, column: str) -> bool:
    """Whether a statement that needs one privilege on a relation, and touches no row, is refused for lack of it."""
    text = {
        "SELECT": "select from {relation} limit 0",
        "INSERT": "insert into {relation} default values",
        # Without a column of its row, an update or delete needs no right to read.
        "UPDATE": "update {relation} set {column} = default where false",
        "DELETE": "delete from {relation} where false",
        "TRUNCATE": "truncate {relation}",
    }[kind]
    statement = sql.SQL(text).format(relation=sql.Identifier(*relation.split(".")), column=sql.Identifier(column))
    try:
        connection.cursor().execute(statement)
    except errors.InsufficientPrivilege:
        return True
    except (errors.IntegrityError, errors.RaiseException):
        return False  # It could have: only its empty row was not acceptable.
    except (errors.ObjectNotInPrerequisiteState, errors.WrongObjectType):
        return True  # A view of several tables takes no rows from anyone.
    finally:
        connection.rollback()
    return False


@pytest.fixture
def relations(query: Any) -> list[tuple[str, str, str]]:
    """(name, kind, a column that is no generated identity) of every table and view, out of the catalogue."""
    rows = query(
        "select n.nspname || '.' || c.relname, c.relkind::text, min(a.attname::text) from pg_class c"
        " join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid"
        " where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'm', 'f')"
        " and a.attnum > 0 and not a.attisdropped and a.attidentity = '' group by 1, 2"
    )
    assert len(rows) > 40
    return rows


@pytest.mark.parametrize("role", MAY)
def test_each_role_is_refused_whatever_it_need_not_do(warehouse: Any, relations: list[tuple[str, str, str]], role: str):
    """Tried for real: every role, on every table and view that there is, with every kind of statement."""
    # Some views want to know which batch they should show.
    options = "-c default_transaction_read_only=off -c city_order.batch=0"
    connection = psycopg2.connect(getattr(warehouse, role), options=options)
    wrong, tried = [], 0
    for relation, relkind, column in relations:
        for kind in ("SELECT", *WRITES):
            expected = kind in may(role, relation) and (kind == "SELECT" or relkind != "v")
            tried += 1
            if refused(connection, relation, kind, column) == expected:
                wrong.append(f"{kind} {relation} is {'refused' if expected else 'allowed'}")
    connection.close()
    assert tried > 200
    assert wrong == []


@pytest.mark.parametrize("role", MAY)
def test_the_catalogue_grants_what_was_tried_and_no_more(query: Any, relations: list[tuple[str, str, str]], role: str):
    """Through other roles, too. Of grants on views only reading is of use."""
    views = {name for name, relkind, _ in relations if relkind == "v"}
    held = {
        (name, kind) for name, kind in privileges(query, f"city_order_{role}") if kind == "SELECT" or name not in views
    }
    assert held == {
        (name, kind) for name, _, _ in relations for kind in may(role, name) if kind == "SELECT" or name not in views
    }


@pytest.mark.parametrize("role", MAY)
def test_no_role_belongs_to_another_or_has_an_attribute(query: Any, role: str):
    name = f"city_order_{role}"
    assert query("select roleid::regrole::text from pg_auth_members where member = %s::regrole", name) == []
    assert query(
        "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles where rolname = %s",
        name,
    ) == [(False,) * 5]


@pytest.mark.parametrize("role", MAY)
def test_no_role_makes_anything_that_stays(warehouse: Any, query: Any, role: str):
    schemas = [name for (name,) in query("select nspname from pg_namespace where nspname !~ '^pg_(toast|temp)'")]
    assert set(SCHEMAS) < set(schemas)
    for schema in schemas:
        for made in ("table {} (a integer)", "view {} as select 1 as a", "function {}() returns int return 1"):
            statement = sql.SQL(f"create {made}").format(sql.Identifier(schema, "made_by_a_test"))
            assert attempt(getattr(warehouse, role), statement) is errors.InsufficientPrivilege, (schema, made)
    for statement in ("create schema made_by_a_test", "create database made_by_a_test", "create role made_by_a_test"):
        assert attempt(getattr(warehouse, role), statement) in (
            errors.InsufficientPrivilege, errors.ActiveSqlTransaction,
        ), statement  # fmt: skip


#: Ways over or under the wall: passwords, files, programs, another's rights, the laws' triggers.
OVER_THE_WALL = (
    "select rolpassword from pg_authid",
    "select * from pg_hba_file_rules",
    "select pg_read_file('/etc/hostname')",
    "copy (select 1) to program 'true'",
    "copy (select 1) to '/tmp/made_by_a_test'",
    "set role city_order_owner",
    "set session authorization city_order_owner",
    "set session_replication_role = replica",
    "alter table city_order.order_line_version disable trigger all",
    "drop table city_order.order_line_version",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
)


@pytest.mark.parametrize("role", MAY)
def test_no_role_steps_over_the_wall(warehouse: Any, admin_dsn: str, role: str):
    superuser = psycopg2.connect(admin_dsn)  # One to terminate.
    raised = {statement: attempt(getattr(warehouse, role), statement) for statement in OVER_THE_WALL}
    superuser.cursor().execute("select")
    superuser.close()
    assert raised == dict.fromkeys(OVER_THE_WALL, errors.InsufficientPrivilege)


def provisioned(admin_dsn: str, passwords: dict[str, str], role: str, database: str) -> str:
    """A DSN to a database that provisioning made or found."""
    server = parse_dsn(admin_dsn)
    return f"postgresql://{role}:{passwords[role]}@{server['host']}:{server['port']}/{database}"


def test_the_analyst_makes_nothing_for_a_while_and_holds_nobody_up(
    admin_dsn: str, template: tuple[str, dict[str, str]]
):
    """In the warehouse that provisioning makes: it has no tables here."""

    def raised(role: str, statement: str) -> type[Exception] | None:
        return attempt(provisioned(admin_dsn, template[1], role, "warehouse"), statement)

    for statement in (
        "create temporary table t (a integer)",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_xact_lock_shared(1, 2)",
    ):
        for role in ("city_order_analyst", "city_order_reader"):
            assert raised(role, statement) is errors.InsufficientPrivilege, (role, statement)
        assert raised("city_order_ingest", statement) is None, statement
        assert raised("city_order_builder", statement) is None, statement
    for role in ("city_order_analyst", "city_order_reader", "city_order_ingest", "city_order_builder"):
        for statement in ("select lo_creat(-1)", "select lo_create(0)", "select lo_from_bytea(0, 'x')"):
            assert raised(role, statement) is errors.InsufficientPrivilege, (role, statement)


@pytest.mark.parametrize(
    "role",
    ["airflow", *(f"city_order_{role}" for role in ("owner", "ingest", "builder", "analyst", "reader"))],
)
@pytest.mark.parametrize("database", ["airflow", "postgres", "template1", "warehouse"])
def test_each_role_enters_one_database_only(
    admin_dsn: str, template: tuple[str, dict[str, str]], role: str, database: str
):
    dsn = provisioned(admin_dsn, template[1], role, database)
    if database == ("airflow" if role == "airflow" else "warehouse"):
        psycopg2.connect(dsn).close()
    else:
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            psycopg2.connect(dsn)


#: What a builder could do to an order behind the builds' back, and the law that stands in its way.
AGAINST_A_RELEASE = {
    "insert into city_order.order_line_version values"
    " (%(release)s, '0123456789abcdef', '796', 2026, 1, 1, null, null, null, 0, 1, 1)": "is no draft",
    "insert into city_order.surplus_version values"
    " (%(release)s, 'dep-it', '0123456789abcdef', '796', 1)": "is no draft",
    "insert into city_order.release_total values (%(release)s, '796', 2026, 1, 1, 0)": "is no draft",
    "insert into city_order.release_year values (%(release)s, 2040, 'planned')": "is no draft",
    "insert into city_order.release (survey_code, status, input_fingerprint, code_version, rules_version,"
    " reference_version, sql_version) values ('ecb-2026', 'published', '', '', '', '', '')": "born as a draft",
    "update city_order.release set figures_sha256 = '' where release_id = %(release)s": "only its status may move",
    "update city_order.release set status = 'draft' where release_id = %(release)s": "cannot go from",
    "update city_order.release set status = 'audited' where release_id = %(release)s": "cannot go from",
    "delete from city_order.release where release_id = %(release)s": "permission denied",
    "delete from city_order.published_release": "permission denied",
    "update city_order.order_line_version set gross_quantity = 1": "permission denied",
    "delete from city_order.order_line_version": "permission denied",
    "truncate city_order.order_line_version": "permission denied",
    "update city_order.brake set reason = 'another'": "was decided before",
    "update city_order.brake set lifted_at = null, lifted_by = null": "was decided before",
    "update city_order.approval set why = 'another'": "was decided before",
    "update city_order.approval set decision = 'approved'": "was decided before",
}


def test_the_builder_cannot_change_a_published_release(warehouse: Any):
    owner = psycopg2.connect(warehouse.owner)
    with owner, owner.cursor() as cursor:
        cursor.execute(
            "insert into reference.survey values ('ecb-2026', 'ecb', '', '2026-01-01', '2026-12-31', '2026-01-01',"
            " '2026-01-01', '', '')"
        )
        cursor.execute(
            "insert into city_order.release (survey_code, status, input_fingerprint, code_version, rules_version,"
            " reference_version, sql_version) values ('ecb-2026', 'draft', '', '', '', '', '') returning release_id"
        )
        row = cursor.fetchone()
        for status in ("audited", "published"):
            cursor.execute("update city_order.release set status = %s", (status,))
        cursor.execute(
            "insert into city_order.brake (survey_code, set_by, reason, lifted_at, lifted_by)"
            " values ('ecb-2026', 'a', 'b', now(), 'c')"
        )
        cursor.execute(
            "insert into city_order.approval (release_id, why, decision, decided_by, decided_at)"
            " values (%s, 'a', 'declined', 'b', now())",
            row,
        )
    owner.close()
    assert row
    builder = psycopg2.connect(warehouse.builder)
    for statement, law in AGAINST_A_RELEASE.items():
        with pytest.raises(psycopg2.Error, match=law), builder, builder.cursor() as cursor:
            cursor.execute(statement, {"release": row[0]})
    builder.close()


def test_ingest_can_keep_nothing_of_an_order(warehouse: Any, query: Any):
    """It drafts releases in dry runs of a replay, which are rolled back; nothing else becomes of its rights."""
    query(
        "insert into reference.survey values ('ecb-2026', 'ecb', '', '2026-01-01', '2026-12-31', '2026-01-01',"
        " '2026-01-01', '', '') returning survey_code"
    )
    draft = (
        "insert into city_order.release (survey_code, status, input_fingerprint, code_version, rules_version,"
        " reference_version, sql_version) values ('ecb-2026', 'draft', '', '', '', '', '') returning release_id"
    )
    ((of_the_builder,),) = query(draft)
    ingest = psycopg2.connect(warehouse.ingest)
    total = "insert into city_order.release_total values (%s, '796', 2026, 1, 1, 0)"
    with pytest.raises(psycopg2.Error, match="did not begin"), ingest, ingest.cursor() as cursor:
        cursor.execute(total, (of_the_builder,))
    with pytest.raises(psycopg2.Error, match="only rehearses"), ingest, ingest.cursor() as cursor:
        cursor.execute("update city_order.release set figures_sha256 = ''")
    with pytest.raises(psycopg2.Error, match="only rehearses"), ingest, ingest.cursor() as cursor:
        cursor.execute(draft)
        (own,) = cursor.fetchone() or (None,)
        cursor.execute(total, (own,))
    ingest.close()
    assert query("select release_id, figures_sha256 from city_order.release") == [(of_the_builder, None)]
    assert query("select count(*) from city_order.release_total") == [(0,)]
