"""City Orders with a mistake built in, each of a kind that is easily made: the harness must catch every one.

A mutant is put into each forked attempt, never into the project. `scenario` is the bad night that shows it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.city_order import answers, archive, drop_dates, inbox, intake, orders, warehouse
from include.city_order.site import Site


@dataclass(frozen=True)
class Mutant:
    """A mistake: `change` makes it in an attempt's process, `in_database` in the warehouse; faults befall `task`."""

    name: str
    scenario: str
    task: str
    change: Callable[[], None]
    in_database: str = ""


def _no_lock() -> None:
    warehouse.lock = lambda cursor, name: None


def _torn_archive() -> None:
    """The copy is written under its final name."""

    def store(folder: Path, drop: Path, size_bytes: int, modified_ns: int) -> str:
        content = drop.read_bytes()
        sha256 = archive.hashlib.sha256(content).hexdigest()
        target = archive.path_of(folder, sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            with target.open("wb") as copy:
                for start in range(0, len(content), 100):
                    copy.write(content[start : start + 100])
                    copy.flush()
                    os.fsync(copy.fileno())
        return sha256

    archive.store = store


def _registered_before_archived() -> None:
    plain_store, plain_register = archive.store, intake._register_new_drops
    to_store: list[tuple[Any, ...]] = []

    def store(folder: Path, drop: Path, size_bytes: int, modified_ns: int) -> str:
        to_store.append((folder, drop, size_bytes, modified_ns))
        return archive.hashlib.sha256(drop.read_bytes()).hexdigest()

    def register(site: Any) -> None:
        plain_register(site)
        for drop in to_store:
            plain_store(*drop)

    archive.store, intake._register_new_drops = store, register


def _changed_drop_believed() -> None:
    plain_store = archive.store

    def store(folder: Path, drop: Path, size_bytes: int, modified_ns: int) -> str:
        now = drop.stat()
        return plain_store(folder, drop, now.st_size, now.st_mtime_ns)

    archive.store = store


def _wall_clock_in_a_key() -> None:
    inbox.Drop.key = property(lambda drop: f"{drop.path} {time.time_ns()}")  # type: ignore[assignment, method-assign]


def _clock_believed() -> None:
    drop_dates.scan_began = lambda now, last_scan: now


def _last_to_arrive_stands() -> None:
    plain = intake._settle

    def settle(judged: list[dict[str, Any]]) -> Any:
        sender = {(row["survey_code"] or "", row["agency_code"] or ""): 0 for row in judged}
        by_arrival = sorted(judged, key=lambda row: row["receipt_no"])
        return plain([row for one in sender for row in by_arrival
                      if (row["survey_code"] or "", row["agency_code"] or "") == one])  # fmt: skip

    intake._settle = settle


def _commit_per_table() -> None:
    """A submission is committed before its lines."""
    plain = warehouse.fill

    def fill(cursor: Any, table: str, parameters: Any) -> int:
        cursor.connection.commit()
        return plain(cursor, table, parameters)

    warehouse.fill = fill


def _verdict_before_load() -> None:
    plain = intake._land

    def land(cursor: Any, judged: Any, settled: Any) -> Any:
        landed = [row for row in judged if settled[row["receipt_no"]].loads]
        intake._give_verdicts(cursor, landed, settled, {})
        cursor.connection.commit()
        return plain(cursor, judged, settled)

    intake._land = land


def _pointer_before_audit() -> None:
    plain = orders.build

    def build(dsn: str, survey_code: str) -> int | None:
        release_id = plain(dsn, survey_code)
        if release_id:
            with warehouse.transaction(dsn) as cursor:
                cursor.execute("update city_order.published_release set release_id = %s where survey_code = %s",
                               (release_id, survey_code))  # fmt: skip
        return release_id

    orders.build = build


def _confirmed_before_published() -> None:
    plain = orders._fill

    def fill(cursor: Any, draft: Any) -> int:
        cursor.execute("update city_order.published_release set confirmed_fingerprint = %(input_fingerprint)s"
                       " where survey_code = %(survey_code)s", draft)  # fmt: skip
        return plain(cursor, draft)

    orders._fill = fill


def _answer_recorded_before_written() -> None:
    plain_put, plain_answer = answers._put, answers._answer
    to_put: list[tuple[Path, bytes]] = []

    def answer(site: Site, receipts: list[int]) -> list[int]:
        answered = plain_answer(site, receipts)
        for path, content in to_put:
            plain_put(path, content)
        return answered

    answers._put, answers._answer = lambda path, content: to_put.append((path, content)), answer


_NO_LAW_OF_POINTERS = "drop trigger published_only on city_order.published_release"
_NO_RECEIPT_KEY = "alter table landing.receipt drop constraint receipt_drop_key_key"
_NO_SUBMISSION_KEYS = """
alter table core.submission drop constraint submission_receipt_no_rules_version_reference_version_readi_key,
    drop constraint submission_survey_code_agency_code_revision_key;
drop index core.one_submission_stands
"""

MUTANTS = (
    Mutant("no lock", "held locks", "load", _no_lock),
    Mutant("no lock, no key of receipts", "overlaps", "receive", _no_lock, _NO_RECEIPT_KEY),
    Mutant("no lock, no keys of submissions", "overlaps", "load", _no_lock, _NO_SUBMISSION_KEYS),
    Mutant("archive without rename", "kills", "receive", _torn_archive),
    Mutant("registered before archived", "kills", "receive", _registered_before_archived),
    Mutant("a changed drop is believed", "replaced drops", "receive", _changed_drop_believed),
    Mutant("wall clock in a key", "kills", "receive", _wall_clock_in_a_key),
    Mutant("a clock set back is believed", "clock jumps", "receive", _clock_believed),
    Mutant("the last to arrive stands", "kills", "load", _last_to_arrive_stands),
    Mutant("commit per table", "kills", "load", _commit_per_table),
    Mutant("verdict before load", "database stops", "load", _verdict_before_load),
    Mutant("pointer moved before audit", "kills", "audit", _pointer_before_audit, _NO_LAW_OF_POINTERS),
    Mutant("input confirmed before it is published", "kills", "audit", _confirmed_before_published),
    Mutant("answer recorded before it is written", "kills", "answer", _answer_recorded_before_written),
)
