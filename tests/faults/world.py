"""A City Order of its own for bad nights: a PostgreSQL server, a warehouse in it, an inbox, an archive, an outbox.

And the laws that must hold in it: `complaints` says which do not.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
import yaml
from psycopg2 import sql

from include.city_order import orders, releases, warehouse
from include.city_order.site import Site
from include.local_platform import postgres
from tests.faults.drops import Left, Sender
from tests.faults.recount import Recount, Registered, recount

ROOT = Path(__file__).resolve().parents[2]
SURVEYS = ROOT / "include" / "surveys"
REFERENCE = ROOT / "include" / "reference"

#: The morning of the first night; each night after it is a day later.
FIRST_MORNING = datetime(2026, 10, 6, 1, 0, 5, tzinfo=ZoneInfo("Europe/Moscow"))


class Server:
    """A PostgreSQL server with a migrated database to copy. It loses nothing but speed when it is stopped."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        # The machine itself is not stopped: what a killed server has written, the kernel keeps.
        settings = {"fsync": "off", "max_connections": "60", "deadlock_timeout": "200ms", **(settings or {})}
        self.cluster = postgres.Cluster(folder, port, secrets.token_hex(8), settings=settings)
        self.passwords = {role: secrets.token_hex(8) for role in postgres.ROLES}

    def __enter__(self) -> Server:
        self.cluster.initialise()
        self.cluster.start()
        postgres.provision(self.cluster.dsn("postgres"), self.passwords)
        subprocess.run(
            [sys.executable, "-m", "alembic", "-c", "include/sql/alembic.ini", "upgrade", "head"],
            cwd=ROOT,
            env={**os.environ, "CITY_ORDER_OWNER_DSN": self.dsn("warehouse", postgres.OWNER_ROLE)},
            check=True,
            capture_output=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.remove()

    def dsn(self, database: str, role: str) -> str:
        """A connection of one of the project's roles."""
        return self.cluster.dsn(database, role, self.passwords[role])

    def execute(self, statement: str, database: str = "postgres", *names: str) -> None:
        """A statement of the superuser, outside a transaction, with identifiers."""
        with closing(psycopg2.connect(self.cluster.dsn(database))) as connection:
            connection.autocommit = True
            connection.cursor().execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    @contextmanager
    def warehouse(self) -> Iterator[str]:
        """The name of a fresh migrated warehouse, which goes when the block ends."""
        name = f"warehouse_{secrets.token_hex(4)}"
        self.execute(
            "create database {} template warehouse owner city_order_owner strategy file_copy", "postgres", name
        )
        roles = "city_order_ingest, city_order_builder, city_order_analyst"
        self.execute(f"grant connect, temporary on database {{}} to {roles}", "postgres", name)
        try:
            yield name
        finally:
            self.cluster.start()
            self.execute("drop database {} with (force)", "postgres", name)


@dataclass
class World:
    """One City Order. `change` is called in each forked attempt before its task: how a mutant gets in."""

    server: Server
    database: str
    folder: Path
    seed: int
    change: Callable[[], None] = lambda: None
    nights: int = 0
    #: Added to the clock that the tasks see, and the zone of their machine.
    clock_error: timedelta = timedelta()
    zone: str = "UTC"
    #: The way to the database, if not straight.
    port: int | None = None
    sender: Sender = field(init=False)
    #: How many points a task last had, and how long it took.
    points: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    #: What was published before tonight, by survey.
    published: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sender = Sender(self.seed)
        self.site.inbox.mkdir(parents=True)

    @property
    def site(self) -> Site:
        """Where it lies, for the tasks that collect."""
        folders = (self.folder / name for name in ("inbox", "archive", "outbox"))
        return Site(self._dsn(postgres.INGEST_ROLE), *folders, SURVEYS, REFERENCE)

    @property
    def builder(self) -> str:
        """Its warehouse, for the tasks that build."""
        return self._dsn(postgres.BUILDER_ROLE)

    def _dsn(self, role: str) -> str:
        port = self.port or self.server.cluster.port
        return postgres.uri(port, self.database, role, self.server.passwords[role])

    @property
    def morning(self) -> datetime:
        """When tonight's run begins."""
        return FIRST_MORNING + timedelta(days=self.nights)

    @property
    def now(self) -> datetime:
        """What the clock says tonight."""
        return self.morning + self.clock_error

    def next_night(self, drops: int = 3) -> list[Left]:
        """A day passes; agencies leave drops."""
        self.published = {survey: self._order(survey) for survey in survey_codes()}
        self.nights += 1
        return self.sender.leave(self.site.inbox, self.morning, drops)

    def select(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """What a query of the superuser gives."""
        with warehouse.transaction(self.server.cluster.dsn(self.database)) as cursor:
            cursor.execute(query, parameters or None)
            return warehouse.rows(cursor)

    def complaints(self, *, at_rest: bool) -> list[str]:
        """The laws that do not hold. Right after a fault, work may be unfinished; `at_rest`, none may be."""
        found = [*self._archive_complaints(), *self._equation_complaints()]
        receipts = self.select("select * from landing.receipt order by receipt_no")
        registered = {(row["sha256"], row["modified_ns"], row["agency_code"]) for row in receipts}
        if len(registered) != len(receipts):
            found.append("a drop was received twice")
        left, replaced = (set(map(_as_registered, drops)) for drops in (self.sender.left, self.sender.replaced))
        if unknown := registered - left - replaced:
            found.append(f"{len(unknown)} receipts are of drops that nobody left")
        if at_rest and left - registered:
            found.append(f"{len(left - registered)} drops were not received")
        scans = [list(scan) for _, scan in groupby(receipts, key=lambda row: row["received_at"])]
        for before, after in pairwise(scans):
            if max(row["drop_date"] for row in before) > min(row["drop_date"] for row in after):
                found.append(f"receipt {after[0]['receipt_no']} has an earlier drop date than one received before it")
        if found:
            return found
        must_be = self._recount(receipts)
        found += self._verdict_complaints(receipts, must_be, at_rest)
        for survey in survey_codes():
            order = self._order(survey)
            whole = (must_be.order[survey], must_be.excluded[survey])
            if order != whole and (at_rest or order != self.published[survey]):
                found.append(f"the order of {survey} is not what the archive says: {_difference(order, whole)}")
        if at_rest:
            found += [f"{survey} is still to build" for survey in orders.surveys_to_build(self.builder)]
            found += self._answer_complaints(receipts)
        return found

    def _archive_complaints(self) -> list[str]:
        found = []
        for file in self.site.archive.glob("*/*"):
            if hashlib.sha256(file.read_bytes()).hexdigest() != file.name:
                found.append(f"the archive's {file.name} holds other bytes")
        for row in self.select("select distinct sha256 from landing.receipt"):
            if not (self.site.archive / row["sha256"][:2] / row["sha256"]).is_file():
                found.append(f"the archive lacks {row['sha256']}")
        return found

    def _equation_complaints(self) -> list[str]:
        found = [
            f"receipt {row['receipt_no']}: the lines do not add up"
            for row in self.select(
                "select receipt_no from landing.receipt where verdict is not null and lines_delivered"
                " <> lines_accepted + lines_rejected + lines_superseded + lines_duplicate"
            )
        ]
        found += [
            f"submission {row['submission_id']} is not whole"
            for row in self.select(
                "select submission_id from core.submission inner join quality.judgement using (receipt_no)"
                " where judgement.stands and submission.reading_sha256 = judgement.reading_sha256"
                " and judgement.lines_accepted <> (select count(*) from core.demand_line"
                " where demand_line.submission_id = submission.submission_id)"
            )
        ]
        found += [
            f"{row['survey_code']} has {row['published']} published releases and shows one that is {row['shown']}"
            for row in self.select(
                "select survey_code, shown.status as shown, (select count(*) from city_order.release"
                " where release.survey_code = pointer.survey_code and release.status = 'published') as published"
                " from city_order.published_release as pointer"
                " inner join city_order.release as shown using (survey_code, release_id)"
            )
            if (row["published"], row["shown"]) != (1, "published")
        ]
        with warehouse.transaction(self.builder) as cursor:
            cursor.execute("select release_id from city_order.published_release")
            for (release_id,) in cursor.fetchall():
                found += releases.complaints(cursor, release_id).values()
        return found

    def _recount(self, receipts: list[dict[str, Any]]) -> Recount:
        def content(sha256: str) -> bytes:
            return (self.site.archive / sha256[:2] / sha256).read_bytes()

        of_receipts = [
            Registered(
                row["receipt_no"],
                row["survey_code"],
                row["agency_code"],
                (row["drop_date"], row["modified_ns"], row["original_path"].encode()),
                row["sha256"],
            )
            for row in receipts
        ]
        rosters = {code: set(survey["roster"]) for code, survey in _survey_files().items()}
        return recount(of_receipts, content, set(survey_codes()), rosters)

    def _verdict_complaints(self, receipts: list[dict[str, Any]], must_be: Recount, at_rest: bool) -> list[str]:
        found = []
        for row in receipts:
            if row["verdict"] is None:
                # Without a verdict it is taken by the next run: `receipts_of_tonight` asks for nothing else.
                if at_rest:
                    found.append(f"receipt {row['receipt_no']} has no verdict")
                continue
            verdict = must_be.verdicts[row["receipt_no"]]
            said = row["verdict"].removesuffix("_with_warnings")
            counts = [row[f"lines_{state}"] for state in ("accepted", "rejected", "superseded", "duplicate")]
            right = [verdict.accepted, verdict.rejected, verdict.superseded, verdict.duplicate]
            # Until a later receipt of the agency is settled, a count may still be that of the night before.
            if at_rest and (said, counts) != (verdict.kind, right):
                found.append(f"receipt {row['receipt_no']} is {said} {counts}, and must be {verdict.kind} {right}")
        return found

    def _order(self, survey: str) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """What readers see of a survey, by the recount's keys."""
        order = {
            (_product_key(row), row["year"]): (
                row["gross_quantity"], row["net_quantity"], row["amount_kopecks"], row["agencies"], row["lines"],
            )
            for row in self.select(
                "select shown.*, known.chemistry, known.battery_use, known.voltage_v, known.capacity_ah"
                " from city_order.current_order_line as shown inner join core.product as known using (product_id)"
                " where survey_code = %s",
                survey,
            )
        }  # fmt: skip
        excluded = {
            (row["agency_code"], _product_key(row), row["year"]): row["quantity"]
            for row in self.select(
                "select exclusion.agency_code, exclusion.year, sum(exclusion.quantity) as quantity,"
                " shown.part_number, known.chemistry, known.battery_use, known.voltage_v, known.capacity_ah"
                " from city_order.published_release inner join city_order.exclusion using (release_id)"
                " inner join city_order.product as shown using (release_id, product_id)"
                " inner join core.product as known using (product_id)"
                " where survey_code = %s group by 1, 2, 4, 5, 6, 7, 8",
                survey,
            )
        }
        return order, excluded

    def _answer_complaints(self, receipts: list[dict[str, Any]]) -> list[str]:
        found = []
        for row in receipts:
            for ending, digest in (
                ("xlsx", "answer_sha256"),
                ("csv", "answer_csv_sha256"),
                ("json", "answer_json_sha256"),
            ):
                file = self.site.outbox / f"{(row['answer_path'] or 'no answer').removesuffix('xlsx')}{ending}"
                if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != row[digest]:
                    found.append(f"receipt {row['receipt_no']} has not the answer that is recorded: {ending}")
        stems = {(row["answer_path"] or "").removesuffix("xlsx") for row in receipts}
        answers = {stem + ending for stem in stems for ending in ("xlsx", "csv", "json")}
        lying = {
            str(file.relative_to(self.site.outbox))
            for file in self.site.outbox.rglob("*-protocol.*")
            if file.name[0] != "."
        }
        return found + [f"the outbox holds {path}, which answers nothing" for path in sorted(lying - answers)]


@contextmanager
def world(server: Server, folder: Path, seed: int) -> Iterator[World]:
    """A fresh City Order, which goes when the block ends."""
    with server.warehouse() as database:
        try:
            yield World(server, database, folder, seed)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _as_registered(drop: Left) -> tuple[str, int, str]:
    return hashlib.sha256(drop.content).hexdigest(), drop.modified_ns, drop.path.split("/")[1]


def survey_codes() -> tuple[str, ...]:
    """The surveys of the house."""
    return tuple(sorted(_survey_files()))


@cache
def _survey_files() -> dict[str, dict[str, Any]]:
    return {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in SURVEYS.glob("*.yaml")}


def _product_key(row: dict[str, Any]) -> tuple[Any, ...]:
    if row["chemistry"]:
        return row["chemistry"], row["battery_use"], row["voltage_v"], row["capacity_ah"]
    return (row["part_number"],)


def _difference(found: Any, expected: Any) -> str:
    """The first figure that differs."""
    for what, left, right in zip(("line", "exclusion"), found, expected, strict=True):
        for key in sorted({*left, *right}, key=str):
            if left.get(key) != right.get(key):
                return f"{what} {key} is {left.get(key)}, and must be {right.get(key)}"
    return "nothing"
