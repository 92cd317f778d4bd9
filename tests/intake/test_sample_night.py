"""One night over the sample drops: every drop ends as the catalogue says, and nothing is lost or counted twice."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from typing import Any

import openpyxl
import psycopg2
import pytest

from include.city_order import archive
from include.city_order.drop_dates import Night
from include.city_order.site import Site
from include.city_order.vocabulary import Verdict
from include.sample_drops.catalogue import CATALOGUE, Drop, Intent, Look
from tests.intake.nights import all_text, collect, digests, receipts, select

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

DROPS = [drop for drop in CATALOGUE if drop.verdict is not None]
#: Plain forms of one sheet, which a few lines of Python can read.
PLAIN = [
    drop
    for drop in DROPS
    if drop.verdict is Verdict.ACCEPTED
    and drop.look in (Look.PLAIN, Look.TITLE)
    and drop.lines_delivered
    and drop.path.endswith((".xlsx", ".csv"))
]
_NUMBER = re.compile(r"[\d\s\u00a0\u202f]+(?:[.,]\d+)?")


@pytest.fixture(scope="module")
def rows(sample_night: Site) -> dict[str, dict[str, Any]]:
    return receipts(sample_night)


def test_every_drop_became_one_receipt_and_nothing_else_did(rows: dict[str, dict[str, Any]]):
    assert set(rows) == {drop.path for drop in DROPS}


@pytest.mark.parametrize("drop", DROPS, ids=lambda drop: drop.path)
def test_a_drop_ends_as_the_catalogue_says(drop: Drop, sample_night: Site, rows: dict[str, dict[str, Any]]):
    row = rows[drop.path]
    assert row["verdict"] == drop.verdict, row["reason"]
    assert row["drop_date"] == drop.drop_date
    assert row["judged_at"] is not None
    if drop.lines_delivered is not None:
        assert row["lines_delivered"] == drop.lines_delivered
        assert row["lines_rejected"] == drop.lines_rejected
        assert row["lines_duplicate"] == drop.lines_duplicate
        assert row["lines_accepted"] + row["lines_superseded"] == drop.lines_accepted
    said = select(
        sample_night,
        "select rule_id from quality.standing_finding where receipt_no = %s",
        (row["receipt_no"],),
    )
    assert set(drop.rules) <= {finding["rule_id"] for finding in said}
    if drop.verdict is Verdict.ACCEPTED:
        assert said == []


def test_what_stands_is_what_was_accepted(sample_night: Site):
    unequal = select(
        sample_night,
        "select receipt.receipt_no, receipt.lines_accepted, receipt.lines_superseded,"
        " count(line.line_position) as lines"
        " from landing.receipt left join core.submission on submission.receipt_no = receipt.receipt_no"
        " left join core.demand_line as line using (submission_id) group by receipt.receipt_no"
        " having count(line.line_position) <> receipt.lines_accepted + receipt.lines_superseded",
    )
    assert unequal == []
    standing = select(
        sample_night,
        "select count(*) as submissions, count(distinct (survey_code, agency_code)) as agencies from core.submission"
        " where superseded_by is null and withdrawn_at is null",
    )
    answered = {
        (drop.survey_code, drop.agency_code)
        for drop in DROPS
        if drop.verdict in (Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_WARNINGS, Verdict.PARTLY_ACCEPTED)
    }
    assert standing == [{"submissions": len(answered), "agencies": len(answered)}]


def test_a_second_half_sent_as_its_own_file_is_shown_to_a_person(sample_night: Site, rows: dict[str, dict[str, Any]]):
    shown = select(sample_night, "select receipt_no, replaced_receipt_no from core.little_in_common")
    halves = [drop for drop in DROPS if drop.intent is Intent.OTHER_HALF]
    assert halves
    assert shown == [
        {"receipt_no": rows[half.path]["receipt_no"], "replaced_receipt_no": rows[half.repeats]["receipt_no"]}
        for half in halves
    ]


@pytest.mark.parametrize("drop", PLAIN, ids=lambda drop: drop.path)
def test_quantities_recounted_from_the_archive_by_hand(drop: Drop, sample_night: Site, rows: dict[str, dict[str, Any]]):
    by_hand = _recount(archive.path_of(sample_night.archive, rows[drop.path]["sha256"]).read_bytes(), drop)
    years = ", ".join(f"coalesce(sum(demand_{year}), 0) as y{year}" for year in by_hand)
    (loaded,) = select(
        sample_night,
        f"select {years} from core.demand_line where receipt_no = %s",
        (rows[drop.path]["receipt_no"],),
    )
    assert any(by_hand.values())
    assert {int(name[1:]): quantity for name, quantity in loaded.items()} == by_hand


def _recount(content: bytes, drop: Drop) -> dict[int, Decimal]:
    """Year → the sum of its column, in the units that were typed. Shares no code with the loader."""
    if drop.path.endswith(".csv"):
        text = content.decode(drop.encoding)
        cells = [list(row) for row in csv.reader(io.StringIO(text), delimiter=drop.delimiter)]
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(content), data_only=True).active
        assert sheet is not None
        cells = [["" if value is None else str(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    top = next(number for number, row in enumerate(cells) if "Наименование изделия" in row)
    years = {int(found[1]): at for at, text in enumerate(cells[top]) if (found := re.match(r"Потр.* (20\d\d) ", text))}
    sums = dict.fromkeys(years, Decimal(0))
    for row in cells[top + 1 :]:
        if row and "Итого" not in row:
            for year, at in years.items():
                if _NUMBER.fullmatch(row[at]):
                    sums[year] += Decimal(re.sub(r"\s", "", row[at]).replace(",", "."))
    return sums


def test_a_second_night_changes_no_row(sample_night: Site):
    before = digests(sample_night)
    assert all(" 0 rows" not in digest for digest in before.values())
    collect(sample_night)
    assert digests(sample_night) == before


def test_a_backfill_of_each_drop_date_changes_no_row(sample_night: Site):
    before = digests(sample_night)
    dates = sorted({drop.drop_date for drop in DROPS})
    assert len(dates) == 4
    for day in dates:
        assert collect(sample_night, Night(day))
    assert digests(sample_night) == before
    assert select(sample_night, "select verdict from landing.receipt where verdict is null") == []


def test_personal_data_is_nowhere_but_in_the_archive(
    sample_night: Site, template: tuple[str, dict[str, str]], rows: dict[str, dict[str, Any]]
):
    parts = psycopg2.extensions.parse_dsn(sample_night.warehouse)
    owner = (
        f"postgresql://city_order_owner:{template[1]['city_order_owner']}"
        f"@{parts['host']}:{parts['port']}/{parts['dbname']}"
    )
    dumped = all_text(sample_night, owner)
    (drop,) = (drop for drop in DROPS if drop.intent == "personal_data")
    typed = archive.path_of(sample_night.archive, rows[drop.path]["sha256"]).read_bytes()
    sheet = openpyxl.load_workbook(io.BytesIO(typed)).active
    assert sheet is not None
    written = " ".join(str(cell) for row in sheet.iter_rows(values_only=True) for cell in row if cell)
    secrets = {
        *re.findall(r"(?:\+7|8)[ (][\d ()-]{10,}\d", written),
        *re.findall(r"\b\d{12}\b", written),
        *re.findall(r"[А-Я][а-я]+ [А-Я]\. ?[А-Я]\.", written),
        *re.findall(r"[А-Я][а-я]+ [А-Я][а-я]+ [А-Я][а-я]+(?:ич|вна)\b", written),
    }
    assert len(secrets) >= 3, written[-600:]
    assert "К1986ВЕ" in dumped
    assert [secret for secret in secrets if secret in dumped] == []


def test_nothing_was_deleted_when_a_correction_replaced_an_answer(sample_night: Site):
    revisions = select(
        sample_night,
        "select submission.revision, submission.superseded_by is null as stands, receipt.original_path,"
        " (select count(*) from core.demand_line as line where line.submission_id = submission.submission_id) as lines"
        " from core.submission inner join landing.receipt using (receipt_no)"
        " where submission.survey_code = 'ecb-2026' and submission.agency_code = 'traffic-centre' order by revision",
    )
    paths = [drop.path for drop in DROPS if drop.path.startswith("ecb-2026/traffic-centre/")]
    assert [row["original_path"] for row in revisions] == paths
    assert [row["stands"] for row in revisions] == [False, False, True]
    assert [row["lines"] for row in revisions] == [24, 24, 24]


def test_the_archive_holds_each_drop_byte_for_byte_and_nothing_else(
    sample_night: Site, rows: dict[str, dict[str, Any]]
):
    files = {file.name: file for file in sample_night.archive.rglob("*") if file.is_file()}
    assert set(files) == {row["sha256"] for row in rows.values()}
    for path, row in rows.items():
        assert files[row["sha256"]].read_bytes() == (sample_night.inbox / path).read_bytes()
