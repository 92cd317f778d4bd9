"""Great Expectations, which judges, and the one scan that lists the lines find the same."""

from __future__ import annotations

import csv
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from include.city_order import checks, references, suites, surveys, warehouse
from include.city_order.suites import Suite

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

ROOT = Path(__file__).resolve().parents[2]
LINES = 200
RECEIPTS = 12

#: What a cell may hold after cleaning, what cleaning cannot make among it: a rule must not lean on the cleaner.
NUMBERS = [None, None, *map(Decimal, ("0", "1", "10", "2.5", "0.0005", "-1", "999999999999", "1000000000000", "NaN"))]
CHOICES: dict[str, list[Any]] = {
    "okpd2_code": [None, "26.11.30", "26.11.22.900", "26.11.99", "27.12.24.110", "99.99", "x", "27.20.23.130"],
    "unit": [None, "796", "796", "798", "778", "642"],
    "pack_size": [None, Decimal(25), Decimal(0), Decimal("-1"), Decimal("NaN")],
    "chemistry": [None, "lfp", "lead_acid"],
    "voltage_v": [None, *map(Decimal, ("12", "0", "1500", "1500.1", "-5", "NaN"))],
    "capacity_ah": [None, *map(Decimal, ("7.2", "0", "100000", "100001", "NaN"))],
    "item_name": [None, "Микросхема", "Батарея"],
    "name_key": ["микросхема", "батарея"],
    "part_number": [None, "К1986ВЕ92QI", "K1986BE92QI"],
    "matching_key": ["K1986BE92QI"],
    "heading_unit": [None, "796", "798"],
    "energy_kwh": [None, *map(Decimal, ("0.0864", "0.09", "0", "NaN"))],
    "unit_price_rub": [None, Decimal(100), Decimal("NaN")],
    "amount_rub": [None, *map(Decimal, ("0", "1000", "1000.5", "1100", "NaN"))],
    "stock": NUMBERS,
    "demand_2026": NUMBERS,
    "demand_2027": NUMBERS,
}

NOTICES = ("hidden_sheet", "hidden_row", "hidden_column", "no_cached_value", "macros", "external_link")

#: What breaks no rule of a line: without such lines there would be none left to compare with each other.
GOOD: dict[str, list[Any]] = {
    "okpd2_code": ["26.11.30", "27.20.23.130"],
    "unit": ["796", "796", "798"],
    "pack_size": [None],
    "chemistry": ["lfp"],
    "voltage_v": [Decimal(12)],
    "capacity_ah": [Decimal("7.2")],
    "item_name": ["Батарея"],
    "name_key": ["батарея"],
    "part_number": ["К1986ВЕ92QI"],
    "matching_key": ["K1986BE92QI"],
    "heading_unit": [None],
    "energy_kwh": [None, Decimal("0.0864")],
    "unit_price_rub": [None],
    "amount_rub": [None],
    "stock": [None],
    "demand_2026": [Decimal(10), Decimal(20)],
    "demand_2027": [None],
}


def stage(cursor: warehouse.Cursor, dice: random.Random, survey_code: str, programme: str) -> int:
    """Receipts of one survey with random facts and lines, in a batch of their own."""
    cursor.execute("insert into staging.batch default values returning batch_id")
    (batch_id,) = cursor.fetchone() or (0,)
    with (ROOT / "include/reference/agencies.csv").open(encoding="utf-8", newline="") as file:
        agencies = list(csv.DictReader(file))[:RECEIPTS]
    for number, agency in enumerate(agencies):
        cursor.execute(
            "insert into landing.receipt (drop_key, survey_code, agency_code, drop_date, original_path, sha256,"
            " size_bytes, modified_ns, arrived_at) values (%s, %s, %s, '2026-11-10', 'a', repeat('0', 64), 1, 1, %s)"
            " returning receipt_no",
            (
                f"{survey_code} {number}",
                survey_code,
                agency["agency_code"],
                dice.choice(["2026-11-12T23:59:59+03", "2026-11-13T00:00+03"]),
            ),
        )
        (receipt_no,) = cursor.fetchone() or (0,)
        of_no_file_rule = number % 2
        reading = {
            "receipt_no": receipt_no,
            "reading_sha256": "",
            "outcome": "read" if of_no_file_rule else dice.choice(["read", "read", "unreadable"]),
            "content_sha256": dice.choice("ab"),
            "lines_delivered": LINES // RECEIPTS if of_no_file_rule else dice.choice([0, LINES // RECEIPTS]),
            "nil_return": dice.random() < 0.2,
            "missing_fields": "{}" if of_no_file_rule else dice.choice(["{}", "{unit,demand}"]),
            "ambiguous_fields": {} if of_no_file_rule else dice.choice([{}, {"unit": ["F4", "G4"]}]),
            "sender_inn": agency["inn"] if of_no_file_rule else dice.choice(["", agency["inn"], "0000000000"]),
            "sender_inn_typed": dice.choice([agency["inn"], agency["inn"][1:]]),
            "sender_inn_problem": "" if of_no_file_rule else dice.choice(["", "length", "scientific"]),
            "sender_inn_cell": "B1",
            "sender_kpp": "" if of_no_file_rule else dice.choice(["", agency["kpp"], "001299999"]),
            "sender_kpp_cell": "B2",
            "sender_survey": "" if of_no_file_rule else dice.choice(["", survey_code, "ecb-1999"]),
            "sender_survey_cell": "B3",
            "rows_seen": dice.choice([0, 20, 21]),
            "rows_recognised": dice.choice([0, 19, 20]),
            "tables": [{}] if of_no_file_rule else dice.choice([[], [{}]]),
            "left_out": [],
        }
        warehouse.copy_rows(cursor, "staging.reading", list(reading), [list(reading.values())])
        cursor.execute("insert into staging.batch_receipt values (%s, %s)", (batch_id, receipt_no))
        notices = [(receipt_no, "", "Форма", "A1", what) for what in NOTICES for _ in range(dice.randint(0, 2))]
        warehouse.copy_rows(cursor, "staging.notice", ("receipt_no", "member", "sheet", "cell", "what"), notices)
        totals = [
            [receipt_no, "", "Форма", row_number, {}, {"demand_2026": dice.randint(0, 60), "stock": 1, "unit": 1}]
            for row_number in dice.sample(range(1, 20), 3)
        ]
        columns = ("receipt_no", "member", "sheet", "row_number", "raw", "stated")
        warehouse.copy_rows(cursor, "staging.total_row", columns, totals)
        fields = list(CHOICES)
        rows = []
        for position in range(1, LINES // RECEIPTS + 1):
            choices = dice.choice([GOOD, CHOICES])
            values = {name: dice.choice(choices[name]) for name in fields}
            if programme == "ecb":
                values |= {"chemistry": None, "voltage_v": None, "capacity_ah": None, "energy_kwh": None}
            raw = {name: "typed" for name in fields if values[name] is not None or choices is CHOICES}
            outside = {} if choices is GOOD else dice.choice([{}, {"2031": dice.choice([None, "5", "-5"])}])
            raw |= {f"demand_{year}": "typed" for year in outside}
            cleaned_by = dice.choice([{}, {"part_number": "date_for_part"}]) if choices is CHOICES else {}
            rows.append([receipt_no, position, "", "Форма", position, raw, cleaned_by, outside, *values.values()])
        columns = (
            "receipt_no",
            "line_position",
            "member",
            "sheet",
            "row_number",
            "raw",
            "cleaned_by",
            "outside_horizon",
        )
        warehouse.copy_rows(cursor, "staging.line", (*columns, *fields), rows)
    return int(batch_id)


def judged_by_gx(dsn: str, batch_id: int, of_stage: list[Suite]) -> tuple[dict[tuple[str, int], int], dict[str, Any]]:
    """How often GX, asked to count, finds each rule of the suites broken; and its batches, to list them by."""
    gx = checks._great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    url = sqlalchemy.make_url(dsn).set(drivername="postgresql+psycopg2")
    url = url.update_query_dict({"options": f"-c city_order.batch={batch_id}"})
    source = context.data_sources.add_postgres(
        "warehouse", connection_string=url.render_as_string(hide_password=False), create_temp_table=False
    )
    counts, batches = {}, {}
    for suite in of_stage:
        validation = checks._validation(gx, context, source, suite)
        for outcome in validation.run(result_format="BASIC").results:
            checks._passed(outcome, suite)  # raises if the rule could not be evaluated
            # Of a relation without rows GX counts nothing.
            counts[suite.name, checks._position(outcome)] = outcome.result["unexpected_count"] or 0
        batches[suite.name] = validation.data.get_batch()
    return counts, batches


@pytest.mark.parametrize("survey_code", ["ecb-2026", "battery-2026"])
@pytest.mark.parametrize("seed", range(2))
def test_gx_counts_what_the_scan_lists(warehouse_with_references: Any, survey_code: str, seed: int):
    dsn = warehouse_with_references.ingest
    survey = surveys.load(ROOT / "include/surveys")[survey_code]
    # Across answers there is nothing to find without other answers: test_across.py has them.
    of_one_answer = [suite for suite in suites.load() if suite.stage != suites.ACROSS]
    in_force = suites.in_force(of_one_answer, survey.programme, survey.rules_as_of)
    with warehouse.transaction(dsn) as cursor:
        batch_id = stage(cursor, random.Random(seed), survey_code, survey.programme)
    by_gx: dict[tuple[str, int], int] = {}
    by_scan: Counter[tuple[str, int]] = Counter()
    for stage_name in suites.STAGES:
        of_stage = [suite for suite in in_force if suite.stage == stage_name]
        counts, batches = judged_by_gx(dsn, batch_id, of_stage)
        by_gx |= counts
        for suite in of_stage:
            # The sentence tells which of two rules with one id a row was listed for.
            rules = [replace(rule, sentence=f"{suite.name} {number}") for number, rule in enumerate(suite.rules)]
            checks._list_violations(dsn, batch_id, suite, rules, batches[suite.name])
    with warehouse.transaction(dsn) as cursor:
        cursor.execute(
            "select message, count(*) from staging.violation where batch_id = %s group by message", (batch_id,)
        )
        for message, count in cursor.fetchall():
            name, number = message.split(" ")
            by_scan[name, int(number)] = count
    assert by_gx == {rule: by_scan[rule] for rule in by_gx}
    broken = {rule for rule, count in by_gx.items() if count}
    assert len(broken) >= 0.8 * len(by_gx), f"too few rules were broken to compare them: {sorted(set(by_gx) - broken)}"

    # And a whole check, which asks GX for yes or no only, comes to the same number.
    with warehouse.transaction(dsn) as cursor:
        cursor.execute("delete from staging.violation")
    assert checks.check(dsn, batch_id, in_force) == sum(by_scan.values())


@pytest.fixture
def warehouse_with_references(warehouse: Any) -> Any:
    references.refresh(warehouse.ingest, ROOT / "include/surveys", ROOT / "include/reference")
    return warehouse
