"""Nights for the intake tests: leave drops, collect them, look at what became of them."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from include.city_order import intake, warehouse
from include.city_order.drop_dates import Night
from include.city_order.site import Site
from include.city_order.vocabulary import MOSCOW

ROOT = Path(__file__).resolve().parents[2]
SURVEYS = ROOT / "include/surveys"
REFERENCE = ROOT / "include/reference"

HEADINGS = {
    "item_name": "Наименование изделия",
    "component_class": "Вид изделия",
    "part_number": "Обозначение",
    "okpd2_code": "Код ОКПД2",
    "unit": "Единица измерения",
    "demand_2026": "Потребность на 2026 год",
    "demand_2027": "Потребность на 2027 год",
}
LINE = {
    "item_name": "Микроконтроллер",
    "component_class": "Микросхема",
    "part_number": "К1986ВЕ92QI",
    "okpd2_code": "26.11.30.110",
    "unit": "шт",
    "demand_2026": "10",
    "demand_2027": "20",
}

#: Tables that hold what was received, judged and loaded; the rest is staging, references and releases.
LASTING = (
    "landing.receipt",
    "quality.judgement",
    "quality.finding",
    "core.submission",
    "core.product",
    "core.demand_line",
)


def site_of(dsn: str, home: Path, *, surveys: Path = SURVEYS, inbox: Path | None = None) -> Site:
    """A City Order of its own below `home`, with the house's surveys and references."""
    inbox = inbox or home / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    return Site(dsn, inbox, home / "archive", home / "outbox", surveys, REFERENCE)


def answer(*lines: Mapping[str, str], headings: Mapping[str, str] = HEADINGS, encoding: str = "utf-8") -> bytes:
    """A CSV answer to ecb-2026; each line says only what it has of its own."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";")
    writer.writerow(headings.values())
    for line in lines:
        writer.writerow([{**LINE, **line}.get(name, "") for name in headings])
    return buffer.getvalue().encode(encoding)


def leave(site: Site, path: str | bytes, content: bytes, moment: str = "2026-11-10 12:00") -> Path:
    """Put a drop into the inbox, dated to a Moscow minute."""
    file = site.inbox / os.fsdecode(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    seconds = int(datetime.fromisoformat(moment).replace(tzinfo=MOSCOW).timestamp())
    os.utime(file, ns=(seconds * 1_000_000_000,) * 2)
    return file


def collect(site: Site, night: Night | None = None) -> list[int]:
    """One night, as the DAG runs it; returns the receipts that it looked at."""
    chunks = intake.receive(site, night or Night(), slots=2)
    for chunk in chunks:
        intake.read(site, chunk)
    return intake.load(site, intake.judge(site, [receipt for chunk in chunks for receipt in chunk]))


def select(site: Site, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """What a query gives, each row by its names."""
    with warehouse.transaction(site.warehouse) as cursor:
        cursor.execute(query, parameters or None)
        return warehouse.rows(cursor)


def receipts(site: Site) -> dict[str, dict[str, Any]]:
    """All receipts by their path."""
    return {row["original_path"]: row for row in select(site, "select * from landing.receipt order by receipt_no")}


def verdicts(site: Site) -> dict[str, str]:
    """All verdicts by the path of the receipt."""
    return {path: row["verdict"] for path, row in receipts(site).items()}


def digests(site: Site, tables: Iterable[str] = LASTING) -> dict[str, str]:
    """A digest of every row of each table: ids count, times do not."""
    found = {}
    with warehouse.transaction(site.warehouse) as cursor:
        for table in tables:
            schema, name = table.split(".")
            cursor.execute(
                "select column_name from information_schema.columns where table_schema = %s and table_name = %s"
                " and column_name not like '%%\\_at' order by 1",
                (schema, name),
            )
            columns = [sql.Identifier(column) for (column,) in cursor.fetchall()]
            cursor.execute(
                sql.SQL(
                    "select md5(coalesce(string_agg(whole::text, chr(10) order by whole::text), '')), count(*)"
                    " from (select {} from {}) as whole"
                ).format(sql.SQL(", ").join(columns), sql.Identifier(schema, name))
            )
            row = cursor.fetchone()
            assert row
            found[table] = f"{row[0]} {row[1]} rows"
    return found


#: What stands: all that the order is built from, without numbers that depend on the order of arrival.
STANDING = """
select
    submission.survey_code, submission.agency_code, submission.content_sha256, submission.rules_version,
    submission.reference_version, receipt.original_path,
    md5(coalesce(string_agg(
        (to_jsonb(line) - 'submission_id' - 'receipt_no')::text, chr(10) order by line.line_position
    ), '')) as lines
from core.submission
inner join landing.receipt using (receipt_no)
left join core.demand_line as line using (submission_id)
where submission.superseded_by is null and submission.withdrawn_at is null
group by submission.submission_id, receipt.original_path
order by submission.survey_code, submission.agency_code
"""


def standing(site: Site) -> str:
    """A digest of what stands."""
    return hashlib.sha256(repr(select(site, STANDING)).encode()).hexdigest()


def all_text(site: Site, owner: str) -> str:
    """Every row of every table of the warehouse, as text."""
    tables = select(
        site,
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
        " and table_schema in ('reference', 'landing', 'staging', 'quality', 'core')",
    )
    assert len(tables) > 15
    dumped = []
    for table in tables:
        name = f"{table['table_schema']}.{table['table_name']}"
        rows = select(replace(site, warehouse=owner), f"select whole::text as text from {name} as whole")
        dumped += [row["text"] for row in rows]
    return "\n".join(dumped)


def execute(dsn: str, statement: str, *names: str) -> None:
    """A statement outside a transaction, with identifiers."""
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    try:
        connection.cursor().execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
    finally:
        connection.close()
