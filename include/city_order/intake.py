"""From the inbox to the warehouse: receive, read, judge, load. Each step may be run again, and twice at once.

Receiving and loading hold an advisory lock for one transaction each; reading replaces a receipt's lines only if they
changed; judging writes one judgement per receipt, rules version and reference version. So a repeated step finds its
work done, and changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from psycopg2.extras import execute_values

from include.city_order import (
    antivirus,
    archive,
    checks,
    cleaning,
    drop_dates,
    identifiers,
    identity,
    inbox,
    references,
    sandbox,
    suites,
    surveys,
    verdicts,
    warehouse,
)
from include.city_order.drop_dates import Night
from include.city_order.personal_data import HIDDEN, mask, mask_name, mask_names, mask_path
from include.city_order.readings import INFECTED, STOPPED, Form, Notice, RawLine, Reading, cell_address
from include.city_order.site import Site
from include.city_order.vocabulary import DEMAND_YEARS, FIELDS, MOSCOW, LineState, Programme, demand_field

log = logging.getLogger(__name__)

#: The typed columns of a line, as the form's fields are named.
LINE_FIELDS = (
    *(field.name for field in FIELDS if field.name != "line_no"),
    *(demand_field(year) for year in DEMAND_YEARS),
)


# Receive -------------------------------------------------------------------------------------------------------------


def receive(site: Site, night: Night, *, slots: int) -> list[list[int]]:
    """Bring surveys and references up to date, archive the new drops, and say which receipts to process.

    Returns receipt numbers in at most `slots` chunks of about equal size in bytes; at least one chunk, if an empty
    one. A night over a past drop date receives nothing: it returns the receipts of that date.
    """
    references.refresh(site.warehouse, site.surveys, site.reference)
    if night.receives:
        _register_new_drops(site)
    with warehouse.transaction(site.warehouse) as cursor:
        if night.receives:
            cursor.execute(warehouse.statement("intake/receipts_of_tonight"))
        else:
            cursor.execute(warehouse.statement("intake/receipts_of_drop_date"), {"drop_date": night.drop_date})
        receipts = cursor.fetchall()
    what = "new drops and all that wait" if night.receives else f"receipts of drop date {night.drop_date}"
    log.info("%d receipts to process: %s", len(receipts), what)
    return chunks(receipts, slots)


def chunks(receipts: Sequence[tuple[int, int]], slots: int) -> list[list[int]]:
    """Receipts (number, bytes; the largest first), each dealt to the chunk that is lightest so far; at least one."""
    dealt: list[list[int]] = [[] for _ in range(max(1, min(slots, len(receipts))))]
    weights = [0] * len(dealt)
    for receipt_no, size_bytes in receipts:
        lightest = weights.index(min(weights))
        dealt[lightest].append(receipt_no)
        weights[lightest] += size_bytes + 1
    return [sorted(chunk) for chunk in dealt]


def _register_new_drops(site: Site) -> None:
    if not site.inbox.is_dir():
        raise FileNotFoundError(f"there is no inbox at {site.inbox}: create it, or set CITY_ORDER_INBOX to where it is")
    with warehouse.transaction(site.warehouse) as cursor:
        # One scan at a time: two runs that look at once would both see a drop as new.
        warehouse.lock(cursor, "receive")
        started = datetime.now(UTC)
        cursor.execute("select max(started_at) from landing.scan")
        (last_scan,) = cursor.fetchone() or (None,)
        if last_scan and started < last_scan:
            log.error("The clock went back: it says %s, the last scan began at %s. Mend the clock", started, last_scan)
        started = drop_dates.scan_began(started, last_scan)
        drops = {drop.key: drop for drop in inbox.scan(site.inbox)}
        cursor.execute("select drop_key from landing.receipt where drop_key = any(%s)", (list(drops),))
        known = {key for (key,) in cursor.fetchall()}
        received = 0
        for drop in sorted((drop for key, drop in drops.items() if key not in known), key=lambda drop: drop.path):
            try:
                sha256 = archive.store(site.archive, drop.file, drop.size_bytes, drop.modified_ns)
            except archive.ChangedWhileCopied:
                log.info("%s changed while it was copied: left for the next run", mask_path(drop.path))
                continue
            except archive.CannotBeRead as error:
                # One file must not keep the others waiting; it is tried again every night until somebody mends it.
                log.error(
                    "%s cannot be read, and is left for the next run: %s. Mend its rights", mask_path(drop.path), error
                )
                continue
            register(cursor, drop, sha256, drop_dates.arrival(_instant(drop.modified_ns), last_scan, started))
            received += 1
            if received % 100 == 0:
                log.info("%d drops archived", received)
        cursor.execute(
            "insert into landing.scan (started_at, finished_at, drops_received) values (%s, %s, %s)",
            (started, max(started, datetime.now(UTC)), received),
        )
    log.info("%d new drops archived, %d seen before", received, len(known))


def register(
    cursor: warehouse.Cursor, drop: inbox.Drop, sha256: str, arrived: datetime, *, receipt_no: int | None = None
) -> None:
    """Make the receipt of an archived drop. It gets the next number, unless it has one of its own."""
    receipt = {
        "drop_key": drop.key,
        "survey_code": _masked(drop.survey_code),
        "agency_code": _masked(drop.agency_code),
        "drop_date": drop_dates.drop_date(arrived),
        "original_path": mask_path(drop.path),
        "sha256": sha256,
        "size_bytes": drop.size_bytes,
        "modified_ns": drop.modified_ns,
        "arrived_at": arrived.astimezone(MOSCOW),
        **({} if receipt_no is None else {"receipt_no": receipt_no}),
    }
    cursor.execute(
        f"insert into landing.receipt ({', '.join(receipt)}) overriding system value"
        f" values ({', '.join(['%s'] * len(receipt))})",
        list(receipt.values()),
    )


def _masked(folder: str | None) -> str | None:
    return None if folder is None else mask_name(folder)


def _instant(modified_ns: int) -> datetime:
    """A modification time; one beyond all calendars counts as the end of time, which no drop has arrived at."""
    try:
        return datetime.fromtimestamp(modified_ns / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)


# Read ----------------------------------------------------------------------------------------------------------------


def read(site: Site, receipts: Sequence[int]) -> int:
    """Read receipts from the archive, each in its sandbox, clean their lines, and put both into staging.

    Receipts of an unknown survey have no form to be read by, and are passed over. Returns the number of lines read.
    """
    if not receipts:
        return 0
    known = surveys.load(site.surveys)
    titles = {code: survey.title for code, survey in known.items()}
    # Its own first: a form may name two.
    forms = {code: replace(survey.form, surveys={code: survey.title} | titles) for code, survey in known.items()}
    terms = references.terms(site.reference)
    with warehouse.transaction(site.warehouse) as cursor:
        cursor.execute(
            "select receipt_no, survey_code, sha256 from landing.receipt"
            " where receipt_no = any(%s) and agency_code is not null order by receipt_no",
            (list(receipts),),
        )
        found = cursor.fetchall()
    lines = 0
    for position, (receipt_no, survey_code, sha256) in enumerate(found, start=1):
        form = forms.get(survey_code)
        if form is None:
            continue
        reading = _masked_reading(_read(archive.path_of(site.archive, sha256), form))
        clean = cleaning.clean_lines(reading.lines, reading.tables, form.horizon, terms)
        with warehouse.transaction(site.warehouse) as cursor:
            _stage(cursor, receipt_no, reading, clean, cleaning.clean_totals(reading.totals, terms))
        lines += len(clean)
        log.info("receipt %d: %s %s, %d lines (%d of %d)", receipt_no, reading.outcome,
                 reading.reason or reading.format, len(clean), position, len(found))  # fmt: skip
    return lines


def _read(path: Path, form: Form) -> Reading:
    """The reading of a drop, unless the antivirus keeps it from being opened."""
    if antivirus.is_infected(path, os.environ):
        return Reading("limit", INFECTED)
    return sandbox.read(path, form)


def _masked_reading(reading: Reading) -> Reading:
    """The reading without personal data, in cells and in names of files and sheets: it ends in the archive."""
    places = [(table.member, table.sheet) for table in reading.tables]
    places += [(notice.member, notice.sheet) for notice in reading.notices]
    members = mask_names(member for member, _ in places)
    sheets = mask_names(sheet for _, sheet in places)

    def masked(line: RawLine) -> RawLine:
        values = {name: mask(text) for name, text in line.values.items()}
        return replace(line, member=members[line.member], sheet=sheets[line.sheet], values=values)

    def address(cell: str) -> str:
        for member, sheet in places:
            place = cell_address(member, sheet, "")
            if cell.startswith(place) and cell.removeprefix(place).isalnum():
                return cell_address(members[member], sheets[sheet], cell.removeprefix(place))
        return mask(cell)

    return replace(
        reading,
        lines=[masked(line) for line in reading.lines],
        totals=[masked(line) for line in reading.totals],
        tables=[replace(table, member=members[table.member], sheet=sheets[table.sheet]) for table in reading.tables],
        left_out=[
            row._replace(
                member=members.get(row.member) or mask_name(row.member),
                sheet=sheets.get(row.sheet) or mask_name(row.sheet),
            )
            for row in reading.left_out
        ],
        ambiguous_fields={name: list(map(address, cells)) for name, cells in reading.ambiguous_fields.items()},
        sender_inn_cell=address(reading.sender_inn_cell),
        sender_kpp_cell=address(reading.sender_kpp_cell),
        sender_survey_cell=address(reading.sender_survey_cell),
        notices=[
            notice._replace(member=members[notice.member], sheet=sheets[notice.sheet]) for notice in reading.notices
        ],
    )


def _stage(
    cursor: warehouse.Cursor,
    receipt_no: int,
    reading: Reading,
    clean: Sequence[cleaning.CleanLine],
    totals: Sequence[cleaning.CleanTotal],
) -> None:
    """Replace what is staged of a receipt, unless it was read just so before."""
    rows = [_line_row(receipt_no, position, line) for position, line in enumerate(clean, start=1)]
    said = json.dumps([reading.to_json(), rows], ensure_ascii=False, default=str)
    reading_sha256 = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
    warehouse.lock(cursor, f"read {receipt_no}")
    cursor.execute("select reading_sha256, outcome from staging.reading where receipt_no = %s", (receipt_no,))
    staged_sha256, staged_outcome = cursor.fetchone() or (None, None)
    if staged_sha256 == reading_sha256:
        return
    if reading.reason in STOPPED and staged_outcome in ("read", "unreadable"):
        # It was read before: a bad hour of the machine takes no answer back.
        log.warning(
            "receipt %d met the limit %s where it was read before: that reading stays", receipt_no, reading.reason
        )
        return
    cursor.execute("delete from staging.reading where receipt_no = %s", (receipt_no,))
    readable = reading.outcome == "read"
    inn = identifiers.restore_inn(reading.sender_inn)
    reading_row = {
        "receipt_no": receipt_no,
        "reading_sha256": reading_sha256,
        "outcome": reading.outcome,
        "reason": reading.reason,
        "format": reading.format,
        "encoding": reading.encoding,
        "content_sha256": cleaning.content_digest(clean, reading.nil_return) if readable else None,
        "lines_delivered": len(clean),
        "nil_return": reading.nil_return,
        "missing_fields": "{" + ",".join(reading.missing_fields) + "}",
        "ambiguous_fields": reading.ambiguous_fields,
        "sender_inn": inn.value or "",
        "sender_inn_typed": HIDDEN if identifiers.is_of_a_person(reading.sender_inn) else mask(reading.sender_inn),
        "sender_inn_problem": identifiers.inn_problem(reading.sender_inn),
        "sender_inn_cell": reading.sender_inn_cell,
        "sender_kpp": mask("".join(reading.sender_kpp.split())),
        "sender_kpp_cell": reading.sender_kpp_cell,
        "sender_survey": reading.sender_survey,
        "sender_survey_cell": reading.sender_survey_cell,
        "rows_seen": reading.rows_seen,
        "rows_recognised": reading.rows_recognised,
        "encoding_ground": reading.encoding_ground,
        "tables": [
            {"member": table.member, "sheet": table.sheet, "hidden": table.hidden,
             "first_row": table.first_row, "last_row": table.last_row}
            for table in reading.tables
        ],
        "left_out": [list(row) for row in reading.left_out],
    }  # fmt: skip
    warehouse.copy_rows(cursor, "staging.reading", list(reading_row), [list(reading_row.values())])
    warehouse.copy_rows(
        cursor,
        "staging.form_column",
        ("receipt_no", "member", "sheet", "field", "column_letter"),
        {
            (table.member, table.sheet, field): (receipt_no, table.member, table.sheet, field, letter)
            for table in reading.tables
            for field, letter in table.columns.items()
        }.values(),
    )
    warehouse.copy_rows(
        cursor,
        "staging.notice",
        ("receipt_no", *Notice._fields),
        ((receipt_no, *notice) for notice in reading.notices),
    )
    warehouse.copy_rows(
        cursor,
        "staging.total_row",
        ("receipt_no", "member", "sheet", "row_number", "raw", "stated"),
        ((receipt_no, row.member, row.sheet, row.row_number, row.raw, row.stated) for row in totals),
    )
    columns = (
        "receipt_no", "line_position", "member", "sheet", "row_number", "raw", "cleaned_by", "outside_horizon",
        "heading_unit", "matching_key", "manufacturer_key", "name_key", "line_no", *LINE_FIELDS,
    )  # fmt: skip
    warehouse.copy_rows(cursor, "staging.line", columns, rows)


def _line_row(receipt_no: int, position: int, line: cleaning.CleanLine) -> list[Any]:
    def key(name: str, of: Any) -> str | None:
        text = line.values.get(name)
        return (of(text) or None) if isinstance(text, str) else None

    outside = {year: None if value is None else str(value) for year, value in line.outside_horizon.items()}
    return [
        receipt_no, position, line.member, line.sheet, line.row_number, line.raw, line.cleaned_by, outside,
        line.heading_unit, key("part_number", identity.matching_key), key("manufacturer", identity.manufacturer_key),
        key("item_name", identity.name_key), line.values.get("line_no"),
        *(line.values.get(name) for name in LINE_FIELDS),
    ]  # fmt: skip


# Judge ---------------------------------------------------------------------------------------------------------------


def judge(site: Site, receipts: Iterable[int]) -> list[int]:
    """Check these receipts, and give each what it is worth by itself. A rejected file is a judgement, not an error.

    Judges those that have no judgement under the survey's present rules and references, or whose reading changed.
    Returns all receipts that `load` has to look at.
    """
    asked = sorted(set(receipts))
    if not asked:
        return []
    with warehouse.transaction(site.warehouse) as cursor:
        cursor.execute("delete from staging.batch where opened_at < now() - interval '2 days'")
        cursor.execute(warehouse.statement("intake/receipts_to_judge"), {"receipts": asked})
        to_judge = warehouse.rows(cursor)
    checkable = [row for row in to_judge if not _quarantine_reason(row)]
    with warehouse.transaction(site.warehouse) as cursor:
        warehouse.lock(cursor, "load")
        _record(cursor, [_quarantined(row, reason) for row in to_judge if (reason := _quarantine_reason(row))])
    all_suites = suites.load()

    def same_rules(row: dict[str, Any]) -> tuple[str, Any, str]:
        return row["programme"], row["rules_as_of_date"], json.dumps(row["thresholds"], sort_keys=True)

    for (programme, day, thresholds), group in groupby(sorted(checkable, key=same_rules), key=same_rules):
        rules = suites.in_force(all_suites, Programme(programme), day, json.loads(thresholds))
        _judge_batch(site, list(group), rules)
    log.info("%d receipts judged, %d of them quarantined", len(to_judge), len(to_judge) - len(checkable))
    return sorted({*asked, *(row["receipt_no"] for row in to_judge)})


def _quarantine_reason(row: dict[str, Any]) -> str:
    """Why the department or we must act before a receipt can be judged; '' if nothing keeps it from being checked."""
    if not row["placed"]:
        return "misplaced"
    if not row["survey_known"] or row["reading_outcome"] is None:
        # No reading: the survey's file has gone since it was loaded, and with it the form to read by.
        return "unknown_survey"
    if not row["agency_known"]:
        return "unknown_agency"
    if row["reading_reason"] == INFECTED:
        return INFECTED
    if row["reading_outcome"] == "limit":
        return f"limit_{row['reading_reason']}"
    return ""


def _quarantined(row: dict[str, Any], reason: str) -> dict[str, Any]:
    lines = row["lines_delivered"]
    return {
        **{name: row[name] for name in ("receipt_no", "rules_version", "reference_version", "reading_sha256")},
        "content_sha256": row["content_sha256"],
        "outcome": verdicts.QUARANTINED,
        "reason": reason,
        "lines_delivered": lines,
        "lines_accepted": 0,
        "lines_rejected": lines,
        "lines_duplicate": 0,
        "warnings": 0,
    }


def _judge_batch(site: Site, group: list[dict[str, Any]], rules: list[suites.Suite]) -> None:
    """Check receipts of one programme under the same rules, stage by stage, and record what they are worth."""
    versions = {row["receipt_no"]: row for row in group}
    with warehouse.transaction(site.warehouse) as cursor:
        cursor.execute("insert into staging.batch default values returning batch_id")
        (batch_id,) = cursor.fetchone() or (0,)
        execute_values(
            cursor,
            "insert into staging.batch_receipt (batch_id, receipt_no) values %s",
            [(batch_id, receipt_no) for receipt_no in versions],
        )
    found = checks.check(site.warehouse, batch_id, rules)
    log.info("batch %d: %d violations in %d receipts", batch_id, found, len(group))
    with warehouse.transaction(site.warehouse) as cursor:
        warehouse.lock(cursor, "load")
        cursor.execute(warehouse.statement("intake/batch_counts"), {"batch_id": batch_id})
        judgements = [_judgement(counts, versions[counts["receipt_no"]]) for counts in warehouse.rows(cursor)]
        recorded = _record(cursor, judgements)
        warehouse.fill(cursor, "quality.finding", {"batch_id": batch_id, "receipts": recorded})
        cursor.execute("delete from staging.batch where batch_id = %s", (batch_id,))


def _judgement(counts: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    lines = counts["lines_delivered"]
    accepted = 0 if counts["file_errors"] else lines - counts["lines_rejected"] - counts["lines_duplicate"]
    outcome = verdicts.outcome(
        quarantined=False, file_errors=counts["file_errors"], lines_delivered=lines, lines_accepted=accepted
    )
    whole = outcome == verdicts.REJECTED
    return {
        **{name: row[name] for name in ("receipt_no", "rules_version", "reference_version")},
        "reading_sha256": counts["reading_sha256"],
        "content_sha256": counts["content_sha256"],
        "outcome": outcome,
        "reason": counts["file_rules"] or ("no_line_left" if whole else ""),
        "lines_delivered": lines,
        "lines_accepted": 0 if whole else accepted,
        "lines_rejected": lines if whole else counts["lines_rejected"],
        "lines_duplicate": 0 if whole else counts["lines_duplicate"],
        "warnings": counts["warnings"],
    }


def _record(cursor: warehouse.Cursor, judgements: list[dict[str, Any]]) -> list[int]:
    """Let these judgements stand, in the place of any other of their receipts; their old findings go.

    Those by rules or references that are no longer the survey's are left out: a later run has judged, or will.
    Returns the receipts whose judgement stands.
    """
    cursor.execute(warehouse.statement("intake/stale_receipts"), {"judged": json.dumps(judgements)})
    stale = {receipt_no for (receipt_no,) in cursor.fetchall()}
    if stale:
        log.warning("%d receipts were judged by rules that have changed meanwhile: left to the next run", len(stale))
    judgements = [judgement for judgement in judgements if judgement["receipt_no"] not in stale]
    receipts = [judgement["receipt_no"] for judgement in judgements]
    if not judgements:
        return receipts
    columns = list(judgements[0])
    cursor.execute("update quality.judgement set stands = false where receipt_no = any(%s) and stands", (receipts,))
    changed = ", ".join(f"{column} = excluded.{column}" for column in columns)
    execute_values(
        cursor,
        f"insert into quality.judgement ({', '.join(columns)}, stands) values %s"
        f" on conflict (receipt_no, rules_version, reference_version)"
        f" do update set {changed}, stands = true, judged_at = now()",
        [(*judgement.values(), True) for judgement in judgements],
    )
    cursor.execute(
        "delete from quality.finding using quality.judgement where judgement.receipt_no = any(%s) and judgement.stands"
        " and (finding.receipt_no, finding.rules_version, finding.reference_version)"
        " = (judgement.receipt_no, judgement.rules_version, judgement.reference_version)",
        (receipts,),
    )
    return receipts


# Load ----------------------------------------------------------------------------------------------------------------


def load(site: Site, receipts: Iterable[int]) -> list[int]:
    """Land each loadable submission whole, let the right one stand, and give every receipt its verdict.

    One transaction under one lock: all of it, or nothing. Looks at every judged receipt of the agencies concerned,
    so the outcome does not depend on which of them came first. Returns all receipts that it looked at.
    """
    asked = sorted(set(receipts))
    if not asked:
        return []
    with warehouse.transaction(site.warehouse) as cursor:
        warehouse.lock(cursor, "load")
        cursor.execute(warehouse.statement("intake/judged_receipts"), {"receipts": asked})
        judged = _still_as_read(warehouse.rows(cursor))
        settled = _settle(judged)
        submissions = _land(cursor, judged, settled)
        _let_stand(cursor, judged, settled, submissions)
        _give_verdicts(cursor, judged, settled, submissions)
        _tell_duplicates(cursor, list(settled))
    counts = {verdict: sum(1 for s in settled.values() if s.verdict == verdict) for verdict in verdicts.Verdict}
    log.info("%s", ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count))
    return sorted(settled)


def _still_as_read(judged: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the agencies of whom a receipt was read anew since it was judged: that run judges and loads."""

    def sender(row: dict[str, Any]) -> tuple[Any, ...]:
        # Misplaced receipts have no agency in common.
        return row["survey_code"], row["agency_code"], None if row["agency_code"] else row["receipt_no"]

    moved = {sender(row) for row in judged if not row["reading_stands"]}
    if moved:
        log.warning("%d agencies are being read anew by another run, which will load them", len(moved))
    return [row for row in judged if sender(row) not in moved]


def _settle(judged: list[dict[str, Any]]) -> dict[int, verdicts.Settled]:
    names = verdicts.Judged.__dataclass_fields__
    settled = {}
    for (_, agency_code), group in groupby(judged, key=lambda row: (row["survey_code"], row["agency_code"])):
        sequence = [verdicts.Judged(**{name: row[name] for name in names}) for row in group]
        # Misplaced receipts have no agency in common: each stands for itself.
        sequences = [sequence] if agency_code is not None else [[receipt] for receipt in sequence]
        for receipts in sequences:
            settled.update({result.receipt_no: result for result in verdicts.settle(receipts)})
    return settled


def _land(
    cursor: warehouse.Cursor, judged: list[dict[str, Any]], settled: dict[int, verdicts.Settled]
) -> dict[int, int]:
    """Make a submission, with its products and lines, of every receipt that loads and has none. By receipt."""
    submissions = {row["receipt_no"]: row["submission_id"] for row in judged if row["submission_id"]}
    new = [row for row in judged if settled[row["receipt_no"]].loads and not row["submission_id"]]
    if not new:
        return submissions
    # They stand only after `_let_stand`; until then they count as withdrawn. The revision is set there too.
    landed = execute_values(
        cursor,
        "insert into core.submission (survey_code, agency_code, revision, receipt_no, rules_version,"
        " reference_version, reading_sha256, content_sha256, withdrawn_at) values %s"
        " returning receipt_no, submission_id",
        [
            (row["survey_code"], row["agency_code"], 1_000_000 + position, row["receipt_no"], row["rules_version"],
             row["reference_version"], row["reading_sha256"], row["content_sha256"], datetime.now(UTC))
            for position, row in enumerate(new)
        ],
        fetch=True,
    )  # fmt: skip
    submissions.update(landed)
    ids = {"submission_ids": [submission_id for _, submission_id in landed]}
    warehouse.fill(cursor, "core.product", ids)
    lines = warehouse.fill(cursor, "core.demand_line", ids)
    expected = sum(row["lines_accepted"] for row in new)
    if lines != expected:
        raise RuntimeError(
            f"{lines} lines would be loaded where {expected} were accepted: nothing was loaded. Run the task again: it "
            "reads and judges anew; if it fails again, a reading changed under the judgement (see docs/runbook.md)"
        )
    log.info("%d submissions landed with %d lines", len(landed), lines)
    return submissions


def _let_stand(
    cursor: warehouse.Cursor,
    judged: list[dict[str, Any]],
    settled: dict[int, verdicts.Settled],
    submissions: dict[int, int],
) -> None:
    """Say of every submission of these agencies whether it stands, or what replaced it; renumber the revisions."""
    cursor.execute(
        "select submission.submission_id, submission.receipt_no, submission.superseded_by,"
        " submission.withdrawn_at is not null from core.submission where submission.receipt_no = any(%s)",
        ([row["receipt_no"] for row in judged],),
    )
    moves = []
    for submission_id, receipt_no, superseded_by, withdrawn in cursor.fetchall():
        result = settled[receipt_no]
        if not result.loads:
            # Judged anew, it no longer loads: a duplicate gives way to what it repeats, a rejected one to nothing.
            replaced_by, stands = submissions.get(result.repeats or 0), False
        elif submissions[receipt_no] != submission_id:
            replaced_by, stands = submissions[receipt_no], False
        else:
            replaced_by, stands = submissions.get(result.superseded_by or 0), result.superseded_by is None
        if (superseded_by, withdrawn) != (replaced_by, not stands and replaced_by is None):
            moves.append((submission_id, replaced_by, stands))
    # Those that give way first: only one may stand at any moment.
    for stands in (False, True):
        changes = [move for move in moves if move[2] == stands]
        if changes:
            execute_values(
                cursor,
                "update core.submission set superseded_by = move.superseded_by::bigint, withdrawn_at = case"
                " when move.superseded_by is null and not move.stands then coalesce(withdrawn_at, now()) end"
                " from (values %s) as move (submission_id, superseded_by, stands)"
                " where submission.submission_id = move.submission_id",
                changes,
            )
    cursor.execute(
        warehouse.statement("intake/renumber_revisions"), {"receipts": [row["receipt_no"] for row in judged]}
    )


def _give_verdicts(
    cursor: warehouse.Cursor,
    judged: list[dict[str, Any]],
    settled: dict[int, verdicts.Settled],
    submissions: dict[int, int],
) -> None:
    given = []
    for row in judged:
        result = settled[row["receipt_no"]]
        states = {state: getattr(result, f"lines_{state}") for state in LineState}
        given.append(
            {
                "receipt_no": result.receipt_no,
                "verdict": result.verdict,
                "reason": row["reason"],
                "repeats_submission_id": submissions.get(result.repeats or 0),
                "lines_delivered": sum(states.values()),
                **{f"lines_{state}": lines for state, lines in states.items()},
            }
        )
    cursor.execute(warehouse.statement("intake/give_verdicts"), {"given": json.dumps(given)})


def _tell_duplicates(cursor: warehouse.Cursor, receipts: list[int]) -> None:
    """Write the finding of each duplicate, as the suite of this stage words it."""
    (suite,) = (suite for suite in suites.load() if suite.stage == suites.LOAD)
    for rule in suite.rules:
        cursor.execute(
            warehouse.statement("intake/tell_duplicates"),
            {"receipts": receipts, "rule_id": rule.rule_id, "severity": rule.severity, "message": rule.sentence},
        )
        cursor.execute(
            "delete from quality.finding using landing.receipt where finding.receipt_no = receipt.receipt_no"
            " and receipt.receipt_no = any(%s) and receipt.verdict <> 'duplicate' and finding.rule_id = %s",
            (receipts, rule.rule_id),
        )
