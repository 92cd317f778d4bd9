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

_TO_ANSWER = """
select receipt_no
from landing.receipt
where verdict is not null and (answered_at is null or receipt_no = any(%(receipts)s))
order by receipt_no
"""

# The lines are those of the judgement: what later receipts supersede is no part of the answer.
# survey and agency are codes of the reference tables, never the names of the drop's folders.
_RECEIPTS = """
select
    receipt.receipt_no,
    receipt.verdict,
    receipt.reason,
    receipt.original_path,
    receipt.arrived_at,
    receipt.answer_path,
    receipt.answer_sha256,
    survey.survey_code as survey,
    coalesce(survey.title, '') as survey_title,
    survey.closes_date,
    agency.agency_code as agency,
    coalesce(agency_version.name, '') as agency_name,
    coalesce(reading.reason, '') as reading_reason,
    coalesce(reading.format, '') as format,
    coalesce(reading.encoding, '') as encoding,
    coalesce(reading.nil_return, false) as nil_return,
    case
        when receipt.verdict in ('quarantined', 'rejected', 'duplicate') then 0 else judgement.lines_accepted
    end as lines_accepted,
    case
        when receipt.verdict in ('quarantined', 'rejected') then receipt.lines_delivered
        when receipt.verdict = 'duplicate' then 0
        else judgement.lines_rejected
    end as lines_rejected,
    case
        when receipt.verdict in ('quarantined', 'rejected') then 0
        when receipt.verdict = 'duplicate' then receipt.lines_delivered
        else judgement.lines_duplicate
    end as lines_duplicate,
    repeated.receipt_no as repeats_receipt_no,
    repeated.arrived_at as repeats_arrived_at
from landing.receipt
left join quality.judgement on judgement.receipt_no = receipt.receipt_no and judgement.stands
left join staging.reading on reading.receipt_no = receipt.receipt_no
left join reference.survey on survey.survey_code = receipt.survey_code
left join reference.agency on agency.agency_code = receipt.agency_code
left join lateral (
    select name
    from reference.agency_version
    where agency_version.agency_code = agency.agency_code
    order by valid_from <= coalesce(survey.reference_as_of_date, receipt.drop_date) desc, valid_from desc
    limit 1
) as agency_version on true
left join core.submission on submission.submission_id = receipt.repeats_submission_id
left join landing.receipt as repeated on repeated.receipt_no = submission.receipt_no
where receipt.receipt_no = any(%(receipts)s) and receipt.verdict is not null
order by receipt.receipt_no
"""

#: What of such a row is a fact of the protocol; the rest says where it lies.
_OF_THE_RECEIPT = (
    "receipt_no", "verdict", "reason", "original_path", "arrived_at", "survey_title", "agency_name", "closes_date",
    "reading_reason", "format", "encoding", "nil_return", "lines_accepted", "lines_rejected", "lines_duplicate",
    "repeats_receipt_no", "repeats_arrived_at",
)  # fmt: skip

_SHEETS = """
select distinct receipt_no, case when member = '' then sheet else member || ': ' || sheet end as sheet
from staging.form_column
where receipt_no = any(%(receipts)s) and sheet <> ''
order by receipt_no, sheet
"""

# Each element is a row of the reader's LeftOut: member, sheet, row number, why.
_LEFT_OUT = """
select
    reading.receipt_no,
    entry ->> 3 as why,
    count(*) as rows,
    coalesce(array_agg(distinct entry ->> 0) filter (where entry ->> 3 = 'unknown_format'), '{}') as members
from staging.reading
cross join lateral jsonb_array_elements(reading.left_out) as entry
where reading.receipt_no = any(%(receipts)s)
group by reading.receipt_no, entry ->> 3
"""

_FINDINGS = """
select receipt_no, rule_id, severity, member, sheet, cell, line_position, field, value, message
from quality.standing_finding
where receipt_no = any(%(receipts)s)
"""

_RECORD = """
update landing.receipt
set answer_path = answer.path, answer_sha256 = answer.sha256, answered_at = now()
from (values %s) as answer (receipt_no, path, sha256)
where receipt.receipt_no = answer.receipt_no
"""

# A revision beside the one before it in the receipts' order, item by item. An item is a product that is asked for:
# the rows of a form that an agency leaves blank say nothing about what two files have in common.
_CORRECTIONS = """
with

revision as not materialized (
    select submission.submission_id, receipt.*
    from landing.receipt
    inner join quality.judgement using (receipt_no)
    inner join core.submission using (receipt_no, rules_version, reference_version)
    where judgement.stands and receipt.verdict <> 'duplicate'
),

pair as (
    select
        revision.receipt_no,
        revision.submission_id,
        replaced.submission_id as replaced_submission_id,
        replaced.receipt_no as replaced_receipt_no,
        replaced.arrived_at as replaced_arrived_at
    from revision
    cross join lateral (
        select earlier.*
        from revision as earlier
        where
            earlier.survey_code = revision.survey_code and earlier.agency_code = revision.agency_code
            and (
                earlier.drop_date, earlier.modified_ns, earlier.original_path collate "C",
                earlier.sha256, earlier.receipt_no
            ) < (
                revision.drop_date, revision.modified_ns, revision.original_path collate "C",
                revision.sha256, revision.receipt_no
            )
        order by
            earlier.drop_date desc, earlier.modified_ns desc, earlier.original_path collate "C" desc,
            earlier.sha256 desc, earlier.receipt_no desc
        limit 1
    ) as replaced
    where revision.receipt_no = any(%(receipts)s)
),

item as (
    select
        pair.receipt_no,
        line.product_id,
        min(line.line_position) as line_position,
        bool_or(line.submission_id = pair.submission_id) as asked_now,
        bool_or(line.submission_id = pair.replaced_submission_id) as asked_before,
        (array_agg(concat_ws(
            ', ', line.item_name, line.part_number, line.manufacturer,
            replace(trim_scale(line.voltage_v)::text, '.', ',') || ' В',
            replace(trim_scale(line.capacity_ah)::text, '.', ',') || ' А·ч'
        ) order by line.line_position))[1] as label
    from pair
    inner join core.demand_line as line on line.submission_id in (pair.submission_id, pair.replaced_submission_id)
    where
        greatest(
            line.demand_2026, line.demand_2027, line.demand_2028, line.demand_2029, line.demand_2030,
            line.demand_2031, line.demand_2032, line.demand_2033, line.demand_2034, line.demand_2035
        ) > 0
    group by pair.receipt_no, line.product_id
)

select
    pair.receipt_no,
    pair.replaced_receipt_no,
    pair.replaced_arrived_at,
    count(*) filter (where item.asked_now) as items,
    count(*) filter (where item.asked_now and item.asked_before) as shared,
    count(*) filter (where not item.asked_now) as leaving,
    coalesce(
        (array_agg(item.label order by item.line_position, item.product_id) filter (where not item.asked_now))
        [1:%(items_shown)s], '{}'
    ) as leaving_items
from pair
left join item on item.receipt_no = pair.receipt_no
group by pair.receipt_no, pair.replaced_receipt_no, pair.replaced_arrived_at
"""


def write(dsn: str, outbox: Path, receipts: list[int]) -> list[int]:
    """Answer these receipts, and every other that has a verdict and no answer yet. Returns those answered anew.

    A receipt without a verdict is left for later. Role: city_order_ingest. Raises OSError if the outbox cannot be
    written; what was answered until then stays recorded.
    """
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(_TO_ANSWER, {"receipts": receipts})
        waiting = [row["receipt_no"] for row in warehouse.rows(cursor)]
    answered: list[int] = []
    for start in range(0, len(waiting), CHUNK_RECEIPTS):
        answered += _answer(dsn, outbox, waiting[start : start + CHUNK_RECEIPTS])
    log.info("%d protocols written to %s, %d stand as they are", len(answered), outbox, len(waiting) - len(answered))
    return answered


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
        heads = _select(cursor, _RECEIPTS, receipts)
        sheets = _by_receipt(_select(cursor, _SHEETS, receipts))
        left_out = _by_receipt(_select(cursor, _LEFT_OUT, receipts))
        findings = _by_receipt(_select(cursor, _FINDINGS, receipts))
        corrections = _by_receipt(_select(cursor, _CORRECTIONS, receipts))
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


def _select(cursor: Cursor, query: str, receipts: list[int]) -> list[dict[str, Any]]:
    cursor.execute(query, {"receipts": receipts, "items_shown": protocol.ITEMS_SHOWN})
    return warehouse.rows(cursor)


def _by_receipt(rows: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Rows by their receipt, whose number is taken out of them."""
    grouped = defaultdict[int, list[dict[str, Any]]](list)
    for row in rows:
        grouped[row.pop("receipt_no")].append(row)
    return grouped
