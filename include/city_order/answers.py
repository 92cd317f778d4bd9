"""The answers to agencies: each receipt's protocol, in the outbox.

An answer rests on the receipt's standing judgement and on the revisions before it, so that a receipt which
comes later does not change it. It is written again only if it changed or its file is gone.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from include.city_order import protocol, warehouse
from include.city_order.protocol import Correction, Finding, LeftOut, ProtocolFacts

log = logging.getLogger(__name__)

#: Receipts answered at a time: bounds the memory, and what an interrupted run has to do again.
CHUNK_RECEIPTS = 200

#: Folder of answers to senders that could not be resolved.
UNRESOLVED = "_unresolved"

#: What of such a row is a fact of the protocol; the rest says where it lies.
_OF_THE_RECEIPT = (
    "receipt_no", "verdict", "reason", "original_path", "arrived_at", "survey_title", "agency_name", "closes_date",
    "reading_reason", "format", "encoding", "nil_return", "lines_accepted", "lines_rejected", "lines_duplicate",
    "repeats_receipt_no", "repeats_arrived_at",
)  # fmt: skip

_RECORD = """
update landing.receipt
set answer_path = answer.path, answer_sha256 = answer.sha256, answered_at = now()
from (values %s) as answer (receipt_no, path, sha256)
where receipt.receipt_no = answer.receipt_no
"""


def write(dsn: str, outbox: Path, receipts: list[int], *, others: bool = True) -> list[int]:
    """Answer these receipts, and every other that has a verdict and no answer yet. Returns those answered anew.

    A receipt without a verdict is left for later. Without `others` only these are answered. Role: city_order_ingest.
    Raises OSError if the outbox cannot be written; what was answered until then stays recorded.
    """
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(warehouse.statement("answers/to_answer"), {"receipts": receipts, "others": others})
        waiting = [row["receipt_no"] for row in warehouse.rows(cursor)]
    answered: list[int] = []
    for start in range(0, len(waiting), CHUNK_RECEIPTS):
        answered += _answer(dsn, outbox, waiting[start : start + CHUNK_RECEIPTS])
    log.info("%d protocols written to %s, %d stand as they are", len(answered), outbox, len(waiting) - len(answered))
    return answered


def facts(dsn: str, receipts: list[int]) -> list[ProtocolFacts]:
    """What the protocols of these receipts say."""
    return [said for _, said in _gather(dsn, receipts)]


def _answer(dsn: str, outbox: Path, receipts: list[int]) -> list[int]:
    """Write the protocols that changed or whose files are gone, then record them together."""
    anew: list[tuple[int, str, str]] = []
    moved: list[Path] = []
    # The lock is held until the answers are recorded: of two writers, the later one has the later facts.
    with warehouse.transaction(dsn) as cursor:
        warehouse.lock(cursor, "answers")
        for receipt, facts in _gather(dsn, receipts):
            content = protocol.render(facts)
            sha256 = hashlib.sha256(content).hexdigest()
            path, old_path = _path(receipt), receipt["answer_path"]
            if (path, sha256) == (old_path, receipt["answer_sha256"]) and (outbox / path).is_file():
                continue
            _put(outbox / path, content)
            anew.append((facts.receipt_no, path, sha256))
            if old_path and old_path != path:
                moved.append(outbox / old_path)
        execute_values(cursor, _RECORD, anew)
    for old in moved:
        old.unlink(missing_ok=True)
    return [receipt_no for receipt_no, _, _ in anew]


def _path(receipt: dict[str, Any]) -> str:
    """Where a receipt's protocol lies, below the outbox. Codes of the reference tables, never names of a drop."""
    resolved = receipt["survey"] and receipt["agency"]
    folder = f"{receipt['survey']}/{receipt['agency']}" if resolved else UNRESOLVED
    return f"{folder}/{receipt['receipt_no']}-protocol.xlsx"


def _put(path: Path, content: bytes) -> None:
    """Write a file that is always whole: readers see the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(descriptor, 0o644)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _gather(dsn: str, receipts: list[int]) -> list[tuple[dict[str, Any], ProtocolFacts]]:
    """The receipts with the facts of their protocols, from one snapshot, in a few queries whatever their number."""
    with warehouse.transaction(dsn, repeatable_read=True) as cursor:
        heads = _select(cursor, "answers/receipts", receipts)
        sheets = _by_receipt(_select(cursor, "answers/sheets", receipts))
        left_out = _by_receipt(_select(cursor, "answers/left_out", receipts))
        findings = _by_receipt(_select(cursor, "answers/findings", receipts))
        corrections = _by_receipt(_select(cursor, "answers/corrections", receipts))
    gathered = []
    for head in heads:
        receipt_no = head["receipt_no"]
        facts = ProtocolFacts(
            **{name: head[name] for name in _OF_THE_RECEIPT},
            sheets=tuple(row["sheet"] for row in sheets[receipt_no]),
            left_out=tuple(LeftOut(**row | {"members": tuple(row["members"])}) for row in left_out[receipt_no]),
            findings=tuple(Finding(**row) for row in findings[receipt_no]),
            correction=next(
                (Correction(**row | {"leaving_items": tuple(row["leaving_items"])}) for row in corrections[receipt_no]),
                None,
            ),
        )
        gathered.append((head, facts))
    return gathered


def _select(cursor: Cursor, statement: str, receipts: list[int]) -> list[dict[str, Any]]:
    cursor.execute(warehouse.statement(statement), {"receipts": receipts, "items_shown": protocol.ITEMS_SHOWN})
    return warehouse.rows(cursor)


def _by_receipt(rows: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Rows by their receipt, whose number is taken out of them."""
    grouped = defaultdict[int, list[dict[str, Any]]](list)
    for row in rows:
        grouped[row.pop("receipt_no")].append(row)
    return grouped
