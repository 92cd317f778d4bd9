"""A desk that lands submissions in core as the intake leaves them, without files: orders begin where intake ends."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import cursor as Cursor

from include.city_order import orders, releases, warehouse
from include.city_order.vocabulary import DEMAND_YEARS, demand_field

SURVEY = "ecb-2026"
NUMBERS = ("stock", "contracted", "unit_price_rub", *map(demand_field, DEMAND_YEARS))


def table(text: str) -> list[dict[str, str]]:
    """Rows of a small CSV table with a heading; blanks around values do not count."""
    return [
        {name.strip(): (value or "").strip() for name, value in row.items()}
        for row in csv.DictReader(text.strip().splitlines())
    ]


def rows_of(cursor: Cursor, name: str, release_id: int) -> list[dict[str, Any]]:
    """What a release holds in one of its tables; numbers as Decimal."""
    if name == "submission_total":
        name = "submission_total inner join city_order.release_input using (submission_id)"
    cursor.execute(f"select * from city_order.{name} where release_id = %s", (release_id,))
    return warehouse.rows(cursor)


class Desk:
    """Lands submissions in the warehouse of one test, as its owner.

    Products are called by names of the test's own; tests of several cases keep them apart by `case`.
    """

    case = ""

    def __init__(self, dsns: Any):
        self.dsns = dsns
        self.connection = psycopg2.connect(dsns.owner)
        self.connection.autocommit = True
        self.cursor: Cursor = self.connection.cursor()

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        self.cursor.execute(statement, values or None)
        return self.cursor.fetchall() if self.cursor.description else []

    def insert(self, into: str, /, **values: Any) -> None:
        """Insert one row, unless its key is there."""
        places = ", ".join(["%s"] * len(values))
        self.execute(
            f"insert into {into} ({', '.join(values)}) values ({places}) on conflict do nothing", *values.values()
        )

    def survey(
        self, survey_code: str = SURVEY, programme: str = "ecb", years: Iterable[int] = range(2026, 2031)
    ) -> str:
        self.insert(
            "reference.survey",
            survey_code=survey_code,
            programme=programme,
            title="Опрос",
            opens_date="2026-10-01",
            closes_date="2026-11-30",
            rules_as_of_date="2026-10-01",
            reference_as_of_date="2026-10-01",
            rules_version="rules-1",
            reference_version="reference-1",
            # Small orders change by much: where a person is to be asked, the test says so.
            approval_share=None,
        )
        for year in years:
            self.insert("reference.survey_year", survey_code=survey_code, year=year, certainty="planned")
        return survey_code

    def family(self, parent: str, *subordinates: str) -> None:
        """Make agencies subordinate to another, from before any survey on."""
        for number, agency in enumerate((parent, *subordinates)):
            self.insert("reference.agency", agency_code=agency)
            self.insert(
                "reference.agency_version",
                agency_code=agency,
                valid_from="2020-01-01",
                name=agency,
                inn="0000000000",
                kpp=f"{number:09}",
                parent_code=None if agency == parent else parent,
                source="test",
                source_date="2020-01-01",
            )

    def product_id(self, name: str) -> str:
        return hashlib.sha256(f"{self.case} {name}".encode()).hexdigest()[:16]

    def product(self, name: str, programme: str = "ecb", **identity: Any) -> str:
        """A product; a generic one called `name` if nothing else is said."""
        identity = identity or {"name_key": name}
        self.insert("core.product", product_id=self.product_id(name), programme=programme, **identity)
        return self.product_id(name)

    def submit(
        self,
        agency_code: str,
        lines: Iterable[Mapping[str, Any]] = (),
        *,
        survey_code: str = SURVEY,
        receipt_no: int | None = None,
        rules: str = "rules-1",
        reference: str = "reference-1",
        rejected: int = 0,
    ) -> int:
        """Land what an agency answers; it stands, and what stood before is superseded. Returns the submission's number.

        A line names its product, and holds what a line of core.demand_line holds; a piece is the usual unit.
        `receipt_no` judges a receipt again, under other versions.
        """
        lines = [dict(line) for line in lines]
        content = hashlib.sha256(json.dumps(lines, sort_keys=True, default=str).encode()).hexdigest()
        self.insert("reference.agency", agency_code=agency_code)
        if receipt_no is None:
            receipt_no = self.receipt(agency_code, survey_code)
        self.execute("update quality.judgement set stands = false where receipt_no = %s", receipt_no)
        self.insert(
            "quality.judgement",
            receipt_no=receipt_no,
            rules_version=rules,
            reference_version=reference,
            stands=True,
            outcome="loadable",
            reason="",
            reading_sha256=content,
            content_sha256=content,
            lines_delivered=len(lines) + rejected,
            lines_accepted=len(lines),
            lines_rejected=rejected,
            lines_duplicate=0,
            warnings=0,
        )
        before = self.withdraw(agency_code, survey_code)
        ((submission_id,),) = self.execute(
            "insert into core.submission (survey_code, agency_code, revision, receipt_no, rules_version,"
            " reference_version, reading_sha256, content_sha256) values (%s, %s, (select count(*) + 1 from"
            " core.submission where survey_code = %s and agency_code = %s), %s, %s, %s, %s, %s)"
            " returning submission_id",
            *(survey_code, agency_code, survey_code, agency_code, receipt_no, rules, reference, content, content),
        )
        for number in before:
            self.execute(
                "update core.submission set withdrawn_at = null, superseded_by = %s where submission_id = %s",
                *(submission_id, number),
            )
        self.execute(
            "update landing.receipt set verdict = 'accepted', lines_delivered = %s, lines_accepted = %s,"
            " lines_rejected = %s, lines_superseded = 0 where receipt_no = %s",
            *(len(lines) + rejected, len(lines), rejected, receipt_no),
        )
        for position, line in enumerate(lines, start=1):
            self._land(submission_id, receipt_no, position, line)
        return submission_id

    def receipt(self, agency_code: str, survey_code: str = SURVEY) -> int:
        ((number,),) = self.execute("select count(*) + 1 from landing.receipt")
        ((receipt_no,),) = self.execute(
            "insert into landing.receipt (drop_key, survey_code, agency_code, drop_date, original_path, sha256,"
            " size_bytes, modified_ns, arrived_at) values (%s, %s, %s, '2026-11-20', %s, %s, 1, %s, now())"
            " returning receipt_no",
            *(
                f"drop {number}",
                survey_code,
                agency_code,
                f"{survey_code}/{agency_code}/{number}.xlsx",
                "0" * 64,
                number,
            ),
        )
        return receipt_no

    def withdraw(self, agency_code: str, survey_code: str = SURVEY) -> list[int]:
        """What stands for the agency stops to count, and nothing comes in its place."""
        withdrawn = self.execute(
            "update core.submission set withdrawn_at = now() where survey_code = %s and agency_code = %s"
            " and superseded_by is null and withdrawn_at is null returning submission_id, receipt_no",
            *(survey_code, agency_code),
        )
        for _, receipt_no in withdrawn:
            self.execute(
                "update landing.receipt set lines_superseded = lines_accepted, lines_accepted = 0"
                " where receipt_no = %s",
                receipt_no,
            )
        return [submission_id for submission_id, _ in withdrawn]

    def _land(self, submission_id: int, receipt_no: int, position: int, line: dict[str, Any]) -> None:
        line = {name: None if value == "" else value for name, value in line.items()}
        name = line.pop("product")
        unit = line.pop("unit", None) or "796"
        pieces = line.pop("pieces_per_unit", None) or ("1" if unit == "796" else None)
        outside = line.pop("outside_horizon", None)
        self.product(name)
        self.insert(
            "core.demand_line",
            submission_id=submission_id,
            line_position=position,
            receipt_no=receipt_no,
            member="",
            sheet="Лист1",
            row_number=position + 10,
            raw="{}",
            cleaned_by="{}",
            product_id=self.product_id(name),
            unit=unit,
            pieces_per_unit=pieces,
            item_name=line.pop("item_name", name),
            outside_horizon=json.dumps(dict(pair.split(":") for pair in outside.split()) if outside else {}),
            **line,
        )

    def build(self, survey_code: str = SURVEY) -> int | None:
        return orders.build(self.dsns.builder, survey_code)

    def publish(self, survey_code: str = SURVEY) -> int:
        """Build, audit and publish; the release's number."""
        release_id = self.build(survey_code)
        assert release_id is not None
        orders.audit(self.dsns.builder, release_id)
        orders.publish(self.dsns.builder, release_id)
        return release_id

    def rows(self, name: str, release_id: int) -> list[dict[str, Any]]:
        """What a release holds in one of its tables; numbers as Decimal."""
        return rows_of(self.cursor, name, release_id)

    def figures(self, release_id: int) -> str:
        return releases.figures_digest(self.cursor, release_id)


@pytest.fixture
def desk(warehouse: Any) -> Iterator[Desk]:
    """An empty warehouse with one survey, and a desk to fill it."""
    desk = Desk(warehouse)
    desk.survey()
    yield desk
    desk.connection.close()
