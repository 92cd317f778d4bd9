"""One run over all cases of all rules: each case is an agency of its own, so that none can disturb another."""

from __future__ import annotations

import csv
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import xlsxwriter
from psycopg2 import sql
from psycopg2.extensions import parse_dsn

from include.city_order import answers, intake, warehouse
from include.city_order.drop_dates import Night
from include.city_order.site import Site
from tests.rules.cases import CASES, CLOSES, FORM, Agency, Answer, Case, agency_of

ROOT = Path(__file__).resolve().parents[2]
INGEST = "city_order_ingest"
SURVEY = """
survey: {code}
programme: {programme}
title: "Опрос для проверки правил: {programme}"
opens: 2021-10-01
closes: {closes}
rules_as_of: 2026-10-01
reference_as_of: 2026-10-01
horizon: {{2026: funded, 2027: planned}}
okpd2: ["{asked_for}"]
roster: [{roster}]
"""

_TOLD = ("rule_id", "severity", "field", "sheet", "cell", "value", "expected", "message")


@dataclass(frozen=True)
class Ended:
    """How a receipt ended.

    Findings are (rule, severity, field, sheet, cell, value, expected, sentence); `lines` counts accepted, rejected and
    duplicate. `protocol` is the workbook that the agency gets.
    """

    verdict: str
    reason: str
    findings: list[tuple[str, ...]]
    lines: tuple[int, int, int]
    protocol: Path


@pytest.fixture(scope="session")
def judged(
    admin_dsn: str, template: tuple[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Ended]]:
    """How the last receipt of each agency ended: the answers of all cases, collected together."""
    home = tmp_path_factory.mktemp("rules")
    _write_reference(home / "reference")
    _write_surveys(home / "surveys")
    for case in CASES:
        for which in ("good", "bad"):
            _leave(home / "inbox", case, agency_of(case, which), getattr(case, which))
    source, passwords = template
    name = f"rules_{secrets.token_hex(4)}"
    _execute(admin_dsn, "create database {} template {} owner city_order_owner", name, source)
    _execute(admin_dsn, "grant connect on database {} to city_order_ingest", name)
    server = parse_dsn(admin_dsn)
    site = Site(
        warehouse=f"postgresql://{INGEST}:{passwords[INGEST]}@{server['host']}:{server['port']}/{name}",
        inbox=home / "inbox",
        archive=home / "archive",
        outbox=home / "outbox",
        surveys=home / "surveys",
        reference=home / "reference",
    )
    (receipts,) = intake.receive(site, Night(), slots=1)
    intake.read(site, receipts)
    intake.load(site, intake.judge(site, receipts))
    answers.write(site, receipts)
    yield _ended(site)
    _execute(admin_dsn, "drop database {} with (force)", name)


def _execute(dsn: str, statement: str, *names: str) -> None:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    try:
        connection.cursor().execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
    finally:
        connection.close()


def _write_reference(folder: Path) -> None:
    shutil.copytree(ROOT / "include/reference", folder)
    agencies = folder / "agencies.csv"
    header = next(csv.reader([agencies.read_text(encoding="utf-8").splitlines()[0]]))
    with agencies.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number in range(2 * len(CASES)):
            agency = Agency(number)
            name = f"Учреждение {number}"
            writer.writerow(
                [agency.code, "2015-01-01", "", name, agency.inn, agency.kpp, "", "", "вымысел", "2026-09-15"]
            )


def _write_surveys(folder: Path) -> None:
    folder.mkdir()
    for programme, asked_for in (("ecb", "26.11"), ("battery", "27.20")):
        roster = [
            agency_of(case, which).code
            for case in CASES
            for which in ("good", "bad")
            if case.programme == programme and getattr(case, which).on_roster
        ]
        code = f"{programme}-rules"
        (folder / f"{code}.yaml").write_text(
            SURVEY.format(
                code=code, programme=programme, closes=CLOSES.date(), asked_for=asked_for, roster=", ".join(roster)
            ),
            encoding="utf-8",
        )


def _leave(inbox: Path, case: Case, agency: Agency, answer: Answer) -> None:
    folder = inbox / f"{case.programme}-rules" / agency.code
    folder.mkdir(parents=True)
    content = answer.raw or _workbook(answer, answer.rows(case.programme, agency))
    for number in range(answer.copies):
        file = folder / f"{number}.xlsx"
        file.write_bytes(content)
        moment = int(answer.left_at.timestamp() + number) * 1_000_000_000
        os.utime(file, ns=(moment, moment))


def _workbook(answer: Answer, rows: list[list[str]]) -> bytes:
    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet(FORM)
        for row_number, row in enumerate(rows):
            for column, text in enumerate(row):
                if text:
                    sheet.write_string(row_number, column, text)
        if answer.change:
            answer.change(book, sheet)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, content in answer.parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _ended(site: Site) -> dict[str, Ended]:
    with warehouse.transaction(site.warehouse) as cursor:
        cursor.execute("select * from landing.receipt order by receipt_no")
        receipts = warehouse.rows(cursor)
        cursor.execute("select * from quality.standing_finding order by finding_id")
        findings = warehouse.rows(cursor)
    last: dict[str, dict[str, Any]] = {}
    for receipt in sorted(receipts, key=lambda receipt: receipt["modified_ns"]):
        last[receipt["agency_code"]] = receipt
    return {
        agency: Ended(
            receipt["verdict"],
            receipt["reason"],
            [tuple(row[name] for name in _TOLD) for row in findings if row["receipt_no"] == receipt["receipt_no"]],
            (receipt["lines_accepted"], receipt["lines_rejected"], receipt["lines_duplicate"]),
            site.outbox / receipt["answer_path"],
        )
        for agency, receipt in last.items()
    }
