"""The answers to agencies: each receipt's protocol, in the outbox, as a workbook for people and as CSV and JSON.

An answer rests on the receipt's standing judgement and on the revisions before it, so that a receipt which
comes later does not change it. It is written again only if its facts changed, or its files are not what they were.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import xlsxwriter
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from include.city_order import archive, protocol, protocol_data, protocol_words, sandbox, warehouse
from include.city_order.outbox import put as _put
from include.city_order.protocol_facts import Correction, Finding, LeftOut, ProtocolFacts, Table, in_order
from include.city_order.readings import WorkbookCopy
from include.city_order.site import Site

log = logging.getLogger(__name__)

#: Receipts answered at a time: bounds what an interrupted run has to do again.
CHUNK_RECEIPTS = 50

#: Drops opened at a time, each in its sandbox, and copies held: bounds the memory.
COPIES_AT_ONCE = 2

#: So many rows that were not recognised are marked in their sheets.
ROWS_SHOWN = 1000

#: Folder of answers to senders that could not be resolved.
UNRESOLVED = "_unresolved"

#: The files of an answer, by the endings of their names.
SUFFIXES = (".xlsx", ".csv", ".json")

#: What makes the files out of the facts: when it changes, so may they. The reader's version stands in the vocabulary.
_MADE_BY = (
    "personal_data", "protocol", "protocol_copy", "protocol_data", "protocol_facts", "protocol_words", "vocabulary",
)  # fmt: skip

#: What of such a row is no fact of the protocol, but says where it lies.
_RECORDED = ("answer_path", "answer_sha256", "answer_csv_sha256", "answer_json_sha256", "answer_facts_sha256")

_RECORD = """
update landing.receipt
set
    answer_path = answer.path,
    answer_facts_sha256 = answer.facts_sha256,
    answer_sha256 = answer.xlsx_sha256,
    answer_csv_sha256 = answer.csv_sha256,
    answer_json_sha256 = answer.json_sha256,
    answered_at = case when answer.is_new then now() else coalesce(receipt.answered_at, now()) end
from (values %s) as answer (receipt_no, path, facts_sha256, xlsx_sha256, csv_sha256, json_sha256, is_new)
where receipt.receipt_no = answer.receipt_no
"""


@dataclass(frozen=True)
class _Answer:
    """One receipt's answer as it is recorded, and as its facts now say that it should be."""

    facts: ProtocolFacts
    recorded: dict[str, Any]
    was_read: bool

    @property
    def path(self) -> str:
        """Where its workbook lies, below the outbox. Codes of the reference tables, never names of a drop."""
        facts = self.facts
        resolved = facts.survey_code and facts.agency_code
        folder = f"{facts.survey_code}/{facts.agency_code}" if resolved else UNRESOLVED
        return f"{folder}/{facts.receipt_no}-protocol.xlsx"

    @cached_property
    def facts_sha256(self) -> str:
        """A digest of the facts, and of what makes the files out of them."""
        said = json.dumps([_code_version(), asdict(self.facts)], ensure_ascii=False, default=str)
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

    def stands(self, outbox: Path) -> bool:
        """Nothing has changed since it was written: neither facts nor files."""
        recorded = self.recorded
        if (self.path, self.facts_sha256) != (recorded["answer_path"], recorded["answer_facts_sha256"]):
            return False
        digests = (recorded["answer_sha256"], recorded["answer_csv_sha256"], recorded["answer_json_sha256"])
        files = (outbox / _beside(self.path, suffix) for suffix in SUFFIXES)
        return all(_digest(file) == digest for file, digest in zip(files, digests, strict=True))


def write(site: Site, receipts: list[int], *, others: bool = True) -> list[int]:
    """Answer these receipts, and every other that has a verdict and no answer yet. Returns those answered anew.

    A receipt without a verdict is left for later. Without `others` only these are answered. Role: city_order_ingest.
    Raises OSError if the outbox cannot be written or a drop is not in the archive; what was answered until then stays
    recorded.
    """
    with warehouse.transaction(site.warehouse) as cursor:
        cursor.execute(warehouse.statement("answers/to_answer"), {"receipts": receipts, "others": others})
        waiting = [row["receipt_no"] for row in warehouse.rows(cursor)]
    answered: list[int] = []
    for start in range(0, len(waiting), CHUNK_RECEIPTS):
        answered += _answer(site, waiting[start : start + CHUNK_RECEIPTS])
        log.info("%d of %d protocols looked at, %d of them written", min(start + CHUNK_RECEIPTS, len(waiting)),
                 len(waiting), len(answered))  # fmt: skip
    return answered


def facts(dsn: str, receipts: list[int]) -> list[ProtocolFacts]:
    """What the protocols of these receipts say."""
    return [answer.facts for answer in _gather(dsn, receipts)]


def _answer(site: Site, receipts: list[int]) -> list[int]:
    """Write the protocols that changed or whose files are gone, then record them together."""
    made: list[tuple[Any, ...]] = []
    anew: list[int] = []
    moved: list[Path] = []
    # The lock is held until the answers are recorded: of two writers, the later one has the later facts.
    with warehouse.transaction(site.warehouse) as cursor:
        warehouse.lock(cursor, "answers")
        changed = [answer for answer in _gather(site.warehouse, receipts) if not answer.stands(site.outbox)]
        for answer, copy in _with_copies(site.archive, changed):
            contents = (
                protocol.render(answer.facts, copy),
                protocol_data.as_csv(answer.facts),
                protocol_data.as_json(answer.facts),
            )
            digests = [hashlib.sha256(content).hexdigest() for content in contents]
            is_new = False
            for suffix, content, digest in zip(SUFFIXES, contents, digests, strict=True):
                file = site.outbox / _beside(answer.path, suffix)
                if _digest(file) != digest:
                    _put(file, content)
                    is_new = True
            receipt_no = answer.facts.receipt_no
            made.append((receipt_no, answer.path, answer.facts_sha256, *digests, is_new))
            anew += [receipt_no] * is_new
            if (old := answer.recorded["answer_path"]) and old != answer.path:
                moved += [site.outbox / _beside(old, suffix) for suffix in SUFFIXES]
        execute_values(cursor, _RECORD, made)
    for file in moved:
        file.unlink(missing_ok=True)
    return anew


def _with_copies(archived: Path, answers: Iterable[_Answer]) -> Iterator[tuple[_Answer, WorkbookCopy | None]]:
    """Answers with the copies of their drops, None for what was not read; the next are opened meanwhile."""
    with ThreadPoolExecutor(COPIES_AT_ONCE) as pool:
        opened: deque[tuple[_Answer, Future[WorkbookCopy] | None]] = deque()
        for answer in answers:
            file = archive.path_of(archived, answer.facts.sha256)
            opened.append((answer, pool.submit(sandbox.copy, file) if answer.was_read else None))
            if len(opened) > COPIES_AT_ONCE:
                yield _taken(*opened.popleft())
        while opened:
            yield _taken(*opened.popleft())


def _taken(answer: _Answer, copy: Future[WorkbookCopy] | None) -> tuple[_Answer, WorkbookCopy | None]:
    return answer, copy.result() if copy else None


@cache
def _code_version() -> str:
    """A digest of what makes the files out of the facts."""
    digest = hashlib.sha256(xlsxwriter.__version__.encode())
    for module in _MADE_BY:
        digest.update(Path(__file__).with_name(f"{module}.py").read_bytes())
    return digest.hexdigest()


def _beside(path: str, suffix: str) -> str:
    """The file of an answer with that ending, where its workbook lies at `path`."""
    return path.removesuffix(SUFFIXES[0]) + suffix


def _digest(file: Path) -> str | None:
    """The SHA-256 of a file, None if it is not there."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def _gather(dsn: str, receipts: list[int]) -> list[_Answer]:
    """The receipts with the facts of their protocols, from one snapshot, in a few queries whatever their number."""
    with warehouse.transaction(dsn, repeatable_read=True) as cursor:
        heads = _select(cursor, "answers/receipts", receipts)
        left_out = _by_receipt(_select(cursor, "answers/left_out", receipts))
        findings = _by_receipt(_select(cursor, "answers/findings", receipts))
        corrections = _by_receipt(_select(cursor, "answers/corrections", receipts))
    gathered = []
    for head in heads:
        receipt_no = head["receipt_no"]
        recorded = {name: head.pop(name) for name in _RECORDED}
        was_read = head.pop("was_read")
        gathered.append(
            _Answer(
                ProtocolFacts(
                    **head | {"tables": tuple(map(_table, head["tables"]))},
                    left_out=tuple(map(_left_out, left_out[receipt_no])),
                    findings=tuple(in_order(Finding(**row) for row in findings[receipt_no])),
                    correction=next(map(_correction, corrections[receipt_no]), None),
                ),
                recorded,
                was_read,
            )
        )
    return gathered


def _table(row: dict[str, Any]) -> Table:
    return Table(row["member"], row["sheet"], row["hidden"], row["first_row"], row["last_row"])


def _left_out(row: dict[str, Any]) -> LeftOut:
    places = tuple((member, sheet, number) for member, sheet, number in row["places"])
    return LeftOut(**row | {"members": tuple(row["members"]), "places": places})


def _correction(row: dict[str, Any]) -> Correction:
    return Correction(**row | {"leaving_items": tuple(row["leaving_items"])})


def _select(cursor: Cursor, statement: str, receipts: list[int]) -> list[dict[str, Any]]:
    shown = {"items_shown": protocol_words.ITEMS_SHOWN, "rows_shown": ROWS_SHOWN}
    cursor.execute(warehouse.statement(statement), {"receipts": receipts, **shown})
    return warehouse.rows(cursor)


def _by_receipt(rows: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Rows by their receipt, whose number is taken out of them."""
    grouped = defaultdict[int, list[dict[str, Any]]](list)
    for row in rows:
        grouped[row.pop("receipt_no")].append(row)
    return grouped
