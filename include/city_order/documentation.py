"""The generated pages: `docs/rules.md` from the suites, `docs/data-dictionary.md` from the warehouse's comments.

`make docs` writes them; a test compares them with what they are made from, so that a stale page fails.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from include.city_order import suites, warehouse
from include.city_order.vocabulary import FIELDS, Severity

DOCS = Path(__file__).resolve().parents[2] / "docs"

_RULES_HEAD = """# Rules

Generated from `include/expectations/` by `make docs`: do not edit. E refuses the line or the file, W is told and
passes. A rule may be checked by several expectations, each with its own sentence. *Since* is the first survey day that
it judges; the example breaks it.
"""

_RELEASE_RULES_HEAD = """## Rules of a release

A release that breaks one of these, or one of the [audits](../include/sql/audits/), is not published. They look at the
order lines that the release sets anew, and at its totals.
"""

_DICTIONARY_HEAD = """# Data dictionary

Generated from the warehouse's comments by `make docs`: do not edit. Suffixes: `_id` and `_no` identify, `_code` is a
code as text, `_at` an instant, `_date` a Moscow date; units stand in the names (`capacity_ah`, `size_bytes`).
"""

_COLUMNS = """
select
    namespace.nspname as schema_name,
    obj_description(namespace.oid, 'pg_namespace') as schema_comment,
    relation.relname as relation_name,
    relation.relkind = 'v' as is_view,
    obj_description(relation.oid, 'pg_class') as relation_comment,
    attribute.attname as column_name,
    format_type(attribute.atttypid, attribute.atttypmod) as column_type,
    attribute.attnotnull as is_required,
    col_description(relation.oid, attribute.attnum) as column_comment
from pg_catalog.pg_class as relation
inner join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
inner join pg_catalog.pg_attribute as attribute on attribute.attrelid = relation.oid
where
    namespace.nspname = any(%s) and relation.relkind in ('r', 'v')
    and attribute.attnum > 0 and not attribute.attisdropped
order by array_position(%s, namespace.nspname::text), relation.relkind, relation.relname, attribute.attnum
"""

SCHEMAS = ["reference", "landing", "staging", "quality", "core", "city_order", "published"]


def rules_page() -> str:
    """`docs/rules.md` as it should be."""
    headings = {field.name: field.heading for field in FIELDS}
    rows = [
        "| rule | severity | field | programmes | the agency reads | since | example | why |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rules = [(rule, suite) for suite in suites.load() for rule in suite.rules]
    for rule, suite in sorted(rules, key=lambda pair: (pair[0].rule_id, pair[0].severity == Severity.WARNING)):
        field = {"": "the file", "*": "the cell meant"}.get(rule.field, headings.get(rule.field, rule.field))
        rows.append(
            f"| {rule.rule_id} | {rule.severity} | {field} | {', '.join(suite.programmes)} | {rule.sentence} "
            f"| {rule.since} | {rule.example} | {rule.notes} |"
        )
    of_releases = [
        "| rule | looks at | an engineer reads | since | example | why |",
        "|---|---|---|---|---|---|",
        *(
            f"| {rule.rule_id} | `{suite.checks}`: `{rule.field}` | {rule.sentence} | {rule.since} | {rule.example} "
            f"| {rule.notes} |"
            for suite in suites.of_releases()
            for rule in suite.rules
        ),
    ]
    return "\n".join([_RULES_HEAD, *rows, "", _RELEASE_RULES_HEAD, *of_releases]) + "\n"


def data_dictionary_page(dsn: str) -> str:
    """`docs/data-dictionary.md` as it should be, from a warehouse at the last migration."""
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(_COLUMNS, (SCHEMAS, SCHEMAS))
        columns = warehouse.rows(cursor)
    page, schema, relation = [_DICTIONARY_HEAD], None, None
    for column in columns:
        if column["schema_name"] != schema:
            schema = column["schema_name"]
            page.append(f"\n## {schema}\n\n{column['schema_comment']}\n")
        name = f"{schema}.{column['relation_name']}"
        if name != relation:
            relation = name
            kind = " (view)" if column["is_view"] else ""
            page.append(f"\n### {name}{kind}\n\n{' '.join((column['relation_comment'] or '').split())}\n")
            page.append("| column | type | |" if not column["is_view"] else "| column | type |")
            page.append("|---|---|---|" if not column["is_view"] else "|---|---|")
        required = "" if column["is_required"] or column["is_view"] else ", may be empty"
        cells = [f"`{column['column_name']}`", f"{column['column_type']}{required}"]
        if not column["is_view"]:
            cells.append(" ".join((column["column_comment"] or "").split()))
        page.append("| " + " | ".join(cells) + " |")
    return "\n".join(page) + "\n"


def main() -> None:
    """Write both pages."""
    parser = argparse.ArgumentParser(description="Write the generated pages of docs/.")
    parser.add_argument("--dsn", required=True, help="a warehouse at the last migration: make dsn prints one")
    dsn = parser.parse_args().dsn
    for name, text in (("rules.md", rules_page()), ("data-dictionary.md", data_dictionary_page(dsn))):
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")


if __name__ == "__main__":
    main()
