"""Each model, by small cases that can be checked by hand: `golden/<model>/<case>.yaml`."""

from __future__ import annotations

import itertools
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.city_order import orders, releases, warehouse
from include.city_order.vocabulary import DEMAND_YEARS

from .conftest import table

pytestmark = pytest.mark.warehouse

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(GOLDEN.glob("*/*.yaml"))


def _by_agency(text: str) -> dict[str, list[dict[str, str]]]:
    lines = sorted(table(text), key=lambda line: line["agency"])
    grouped = itertools.groupby(lines, key=lambda line: line["agency"])
    return {
        agency: [{name: value for name, value in line.items() if name != "agency"} for line in group]
        for agency, group in grouped
    }


def _land(desk: Any, survey: str, case: dict[str, Any]) -> int:
    """What the case tells, up to the draft that it is about."""
    for name, rows in case.get("reference", {}).items():
        for row in rows:
            desk.insert(name, **row)
    for parent, subordinates in case.get("family", {}).items():
        desk.family(parent, *subordinates)
    for name, identity in case.get("products", {}).items():
        desk.product(name, case.get("programme", "ecb"), **identity)
    if rule := case.get("double_counting"):
        desk.execute("update reference.survey set double_counting = %s where survey_code = %s", rule, survey)
    receipts = {}
    if "before" in case:
        for agency, lines in _by_agency(case["before"]).items():
            receipts[agency] = desk.receipt(agency, survey)
            desk.submit(agency, lines, survey_code=survey, receipt_no=receipts[agency])
        desk.publish(survey)
    if case.get("other_terms"):
        desk.execute("update reference.survey set reference_version = 'reference-2' where survey_code = %s", survey)
    again = case.get("judged_again", {})
    for agency, lines in _by_agency(case["lines"]).items():
        versions = {"receipt_no": receipts[agency], **again[agency]} if agency in again else {}
        desk.submit(agency, lines, survey_code=survey, **versions)
    for agency in case.get("nil_returns", ()):
        desk.submit(agency, survey_code=survey)
    for agency in case.get("withdrawn", ()):
        desk.withdraw(agency, survey)
    release_id = desk.build(survey)
    assert release_id is not None
    return release_id


def _readable(desk: Any, row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """A row with what ids mean: the product's name in the case, and which answer of its agency a submission is."""
    row = {**row, "product": names.get(row.get("product_id", ""))}
    if "submission_id" in row:
        ((row["answer"],),) = desk.execute(
            "select revision from core.submission where submission_id = %s", row["submission_id"]
        )
    return row


def _text(value: Any) -> str:
    """A value as the case writes it: 2.50 is 2.5, nothing is nothing."""
    if isinstance(value, int | Decimal):
        return f"{Decimal(value).normalize():f}"
    return "" if value is None else value


def test_a_model_fills_its_table_as_the_case_says(desk: Any, subtests: Any) -> None:
    """One warehouse serves all cases: each is a survey with products of its own."""
    for number, path in enumerate(CASES):
        case = yaml.safe_load(path.read_text(encoding="utf-8"))
        desk.case = f"{path.parent.name}/{path.stem}"
        with subtests.test(desk.case):
            survey = desk.survey(f"ecb-{3000 + number}", case.get("programme", "ecb"), years=DEMAND_YEARS)
            release_id = _land(desk, survey, case)
            texts = [case["lines"], case.get("before", "product")]
            names = {desk.product_id(line["product"]): line["product"] for text in texts for line in table(text)}
            heading = [name.strip() for name in case["expected"].splitlines()[0].split(",")]
            rows = [_readable(desk, row, names) for row in desk.rows(path.parent.name, release_id)]
            actual = [tuple(_text(row[name]) for name in heading) for row in rows]
            expected = [tuple(row[name] for name in heading) for row in table(case["expected"])]
            assert sorted(actual) == sorted(expected)
            orders.audit(desk.dsns.builder, release_id)


def test_every_model_has_a_case() -> None:
    assert {f"city_order.{path.parent.name}" for path in CASES} == set(releases.MODELS)


def test_every_model_file_is_built_and_selects() -> None:
    files = (warehouse.SQL_FOLDER / "city_order").glob("*.sql")
    assert {f"city_order.{file.stem}" for file in files} == set(releases.MODELS)


@pytest.mark.parametrize("folder", ["city_order", "audits"])
def test_a_statement_that_names_years_names_all_of_them(folder: str) -> None:
    """A forgotten year would be lost in the model and in its audit alike."""
    named = {
        path.stem: set(re.findall(r"demand_(\d{4})", path.read_text(encoding="utf-8")))
        for path in (warehouse.SQL_FOLDER / folder).glob("*.sql")
    }
    naming = {name: years for name, years in named.items() if years}
    assert naming
    assert all(years == {str(year) for year in DEMAND_YEARS} for years in naming.values()), naming


@pytest.mark.parametrize(
    "model", ["order_line", "release_change", "order_line_by_need_kind", "double_counting", "submission_total"]
)
def test_a_model_does_for_every_year_what_it_does_for_one(model: str) -> None:
    """The columns of a year are written out; a slip in one year would hide among ten."""
    steps: dict[str, set[int]] = {}
    for line in warehouse.statement(f"city_order/{model}").splitlines():
        years = set(map(int, re.findall(r"20[23]\d", line)))
        # What is used up sums up the years before: the case of ten years tells each of them.
        if len(years) == 1 and not re.search("--|used_|in_hand", line):
            steps.setdefault(re.sub(r"20[23]\d", "year", line).rstrip(","), set()).update(years)
    assert steps
    assert {step: years for step, years in steps.items() if years != set(DEMAND_YEARS)} == {}


def test_a_product_is_touched_by_every_column_that_a_model_reads(desk: Any) -> None:
    """Otherwise a line could change, and the figures made from it would stay."""
    columns = desk.execute(
        "select column_name from information_schema.columns where table_schema = 'core' and table_name = 'demand_line'"
    )
    # Where a line stands, and what release_change compares of it: known of any line of a changed submission.
    place = {"submission_id", "line_position", "receipt_no", "member", "sheet", "row_number"}
    touching = set(re.findall(r"\w+", warehouse.statement("city_order/touched_product")))
    read = {
        name
        for model in releases.FIGURE_MODELS
        for name in re.findall(r"\w+", warehouse.statement(model.replace(".", "/")))
    }
    named = {name for (name,) in columns} - place
    assert len(named & read) > 15
    # A product has its own voltage and capacity: what a line has typed is not read.
    assert (named & read) - touching == {"voltage_v", "capacity_ah"}


def test_the_years_of_the_vocabulary_are_the_columns_of_core(desk: Any) -> None:
    columns = desk.execute(
        "select column_name from information_schema.columns where table_schema = 'core'"
        " and table_name = 'demand_line' and column_name like 'demand\\_%%'"
    )
    assert {name for (name,) in columns} == {f"demand_{year}" for year in DEMAND_YEARS}
