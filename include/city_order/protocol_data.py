"""The protocol for machines: the same facts as JSON, and its findings as CSV. `docs/protocol.md` explains the keys.

Pure: facts → bytes. The same facts give the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from include.city_order import protocol_facts, protocol_words
from include.city_order.protocol_facts import Finding, ProtocolFacts
from include.city_order.protocol_words import clean_text
from include.city_order.readings import cell_address
from include.city_order.vocabulary import MOSCOW, Verdict

#: Raised when a key changes its meaning or goes; a new key leaves it.
VERSION = 1

#: The columns of the CSV, which are the keys of a finding in the JSON too.
FINDING_KEYS = (
    "receipt_no", "severity", "rule_id", "member", "sheet", "cell", "line_position", "field", "heading", "value",
    "expected", "message", "waiver", "repeats",
)  # fmt: skip

#: With these a spreadsheet begins a formula, in plain or full width; the apostrophe is the guard itself.
_BEGINS_FORMULA = "=+-@'＝＋－＠"
GUARD = "'"


def as_json(facts: ProtocolFacts) -> bytes:
    """All facts of a protocol, in a fixed order of keys, as UTF-8."""
    return (json.dumps(_cleaned(_whole(facts)), ensure_ascii=False, indent=1) + "\n").encode()


def as_csv(facts: ProtocolFacts) -> bytes:
    """The findings, one a row, with a row of keys above: UTF-8 with its mark, `;` between the cells.

    A file without findings gives the keys alone. Cells that a spreadsheet might take for a formula are guarded.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    writer.writerow(FINDING_KEYS)
    for finding in protocol_facts.in_order(facts.findings):
        writer.writerow([guarded(value) for value in _finding(facts, finding).values()])
    return buffer.getvalue().encode("utf-8-sig")


def guarded(value: str | int | None) -> str:
    """A cell of a CSV that no spreadsheet runs: an apostrophe stands before what could begin a formula.

    Before an apostrophe too, so that whoever takes one away from the beginning has just what was there.
    """
    if value is None or isinstance(value, int):
        return "" if value is None else str(value)
    text = clean_text(value)
    begins = text.lstrip()[:1]
    return GUARD + text if text[:1] in ("\t", "\n") or (begins and begins in _BEGINS_FORMULA) else text


def _whole(facts: ProtocolFacts) -> dict[str, Any]:
    meaning, todo = protocol_words.meaning(facts)
    correction = facts.correction
    return {
        "format": "city-order-protocol",
        "version": VERSION,
        "receipt_no": facts.receipt_no,
        "survey_code": facts.survey_code,
        "survey_title": facts.survey_title,
        "agency_code": facts.agency_code,
        "agency_name": facts.agency_name,
        "original_path": facts.original_path,
        "sha256": facts.sha256,
        "arrived_at": facts.arrived_at.astimezone(MOSCOW).isoformat(),
        "closes_date": facts.closes_date and facts.closes_date.isoformat(),
        "verdict": facts.verdict,
        "verdict_text": protocol_words.VERDICTS[Verdict(facts.verdict)],
        "reason": facts.reason,
        "meaning": meaning,
        "todo": todo,
        "repeats_receipt_no": facts.repeats_receipt_no,
        "correction": correction
        and {
            "replaced_receipt_no": correction.replaced_receipt_no,
            "items": correction.items,
            "shared": correction.shared,
            "leaving": correction.leaving,
            "leaving_items": list(correction.leaving_items),
        },
        "reading": {
            "reason": facts.reading_reason,
            "format": facts.format,
            "encoding": facts.encoding,
            "encoding_ground": facts.encoding_ground,
            "nil_return": facts.nil_return,
            "tables": [vars(table) for table in facts.tables],
            "rows_seen": facts.rows_seen,
            "rows_recognised": facts.rows_recognised,
            "left_out": [
                {"why": row.why, "rows": row.rows, "members": list(row.members),
                 "first": [cell_address(member, sheet, f"A{number}") for member, sheet, number in row.places]}
                for row in sorted(facts.left_out, key=lambda row: row.why)
            ],
        },
        "lines": {
            "read": facts.lines_read,
            "accepted": facts.lines_accepted,
            "rejected": facts.lines_rejected,
            "duplicate": facts.lines_duplicate,
        },
        "findings": [_finding(facts, finding) for finding in protocol_facts.in_order(facts.findings)],
    }  # fmt: skip


def _finding(facts: ProtocolFacts, finding: Finding) -> dict[str, str | int | None]:
    values = (
        facts.receipt_no, finding.severity, finding.rule_id, finding.member, finding.sheet, finding.cell,
        finding.line_position, finding.field, protocol_words.heading(finding), finding.value, finding.expected,
        protocol_words.sentence(finding), finding.waiver, finding.repeated_address,
    )  # fmt: skip
    return dict(zip(FINDING_KEYS, values, strict=True))


def _cleaned(value: Any) -> Any:
    """Texts as cells hold them: a lone surrogate, for one, has no UTF-8."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, Mapping):
        return {key: _cleaned(item) for key, item in value.items()}
    return [_cleaned(item) for item in value] if isinstance(value, list) else value
