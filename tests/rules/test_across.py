"""The rules across answers: each is broken by its case alone, and leaves alone what it should."""

from __future__ import annotations

import csv
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import parse_dsn

from include.city_order import checks, comparisons, intake, suites, surveys, warehouse
from include.city_order.drop_dates import Night
from include.city_order.site import Site
from tests.intake.nights import REFERENCE, execute, select, site_of
from tests.rules.cases_across import (
    BEFORE,
    CASES,
    NOW,
    OLDEST,
    SURVEYS,
    WORLDS,
    Case,
    Lines,
    Survey,
    agency_of,
    form,
    number_of,
    part_of,
    worlds,
)
from tests.rules.test_agreement import judged_by_gx

INGEST = "city_order_ingest"
ACROSS = [suite for suite in suites.load() if suite.stage == suites.ACROSS]
RULES = {(suite.name, rule.rule_id, rule.field, rule.notes): rule for suite in ACROSS for rule in suite.rules}

SURVEY = """
survey: {programme}-{survey.name}
programme: {programme}
title: Опрос для сравнений
opens: 2019-01-01
closes: {survey.closes}
rules_as_of: 2026-10-01
reference_as_of: 2026-10-01
horizon: {{{horizon}}}
okpd2: ["26.11", "27.20"]
roster: [{roster}]
"""


def key(case: Case) -> tuple[str, str, str, str]:
    return case.suite, case.rule_id, case.field, case.notes


def named(case: Case) -> str:
    return f"{case.suite} {case.rule_id} {case.notes[:40]}"


def test_every_rule_has_one_case_and_every_case_a_rule():
    assert len(RULES) == sum(len(suite.rules) for suite in ACROSS), "two rules have the same notes"
    assert sorted(map(key, CASES)) == sorted(RULES)


@dataclass(frozen=True)
class Judged:
    """All worlds, each of whose surveys was answered in its own night: what became of the answers to the last one."""

    site: Site
    #: The receipts of the last night.
    last: list[int]
    #: By the agency's code: the receipt, its verdict, its findings.
    receipt: dict[str, int]
    verdict: dict[str, str]
    findings: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def judged(
    admin_dsn: str, template: tuple[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Judged]:
    home = tmp_path_factory.mktemp("across")
    source, passwords = template
    name = f"across_{secrets.token_hex(4)}"
    execute(admin_dsn, "create database {} template {} owner city_order_owner", name, source)
    execute(admin_dsn, "grant connect on database {} to city_order_ingest", name)
    server = parse_dsn(admin_dsn)
    dsn = f"postgresql://{INGEST}:{passwords[INGEST]}@{server['host']}:{server['port']}/{name}"
    site = replace(site_of(dsn, home, surveys=home / "surveys"), reference=home / "reference")
    _write_reference(site.reference)
    _write_surveys(site.surveys)
    nights = _leave_all(site)
    # All arrive in one scan, which believes their times; each night is then judged and loaded for itself.
    (receipts,) = intake.receive(site, Night(), slots=1)
    intake.read(site, receipts)
    numbers = {row["original_path"]: row["receipt_no"] for row in select(site, "select * from landing.receipt")}
    for paths in nights:
        last = [numbers[path] for path in paths]
        intake.load(site, intake.judge(site, last))
    rows = select(site, "select * from landing.receipt where receipt_no = any(%s)", (last,))
    findings = select(site, "select * from quality.standing_finding order by rule_id, finding_id")
    yield Judged(
        site,
        last,
        _receipts_now(site),
        {row["agency_code"]: row["verdict"] for row in rows},
        {
            row["agency_code"]: [finding for finding in findings if finding["receipt_no"] == row["receipt_no"]]
            for row in rows
        },
    )
    execute(admin_dsn, "drop database {} with (force)", name)


def _receipts_now(site: Site) -> dict[str, int]:
    rows = select(site, "select * from landing.receipt where survey_code like %s", (f"%-{NOW.name}",))
    return {row["agency_code"]: row["receipt_no"] for row in rows}


def _write_reference(folder: Path) -> None:
    shutil.copytree(REFERENCE, folder)
    agencies = folder / "agencies.csv"
    header = agencies.read_text(encoding="utf-8").splitlines()[0]
    with agencies.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header.split(","))
        writer.writeheader()
        for number, world in enumerate(worlds()):
            own = agency_of(number).code
            for name in world.agencies():
                agency = agency_of(number, name)
                parent = {"parent": "", "child": own}.get(name.split("-")[0], "")
                if not name and "parent" in world.agencies():
                    parent = agency_of(number, "parent").code
                writer.writerow(
                    {
                        "agency_code": agency.code,
                        "valid_from": "2015-01-01",
                        "valid_to": "2021-01-01" if name in world.was else "",
                        "name": f"Учреждение {name}".strip(),
                        "inn": agency.inn,
                        "kpp": agency.kpp,
                        "parent_code": parent,
                        "successor_code": own if name in world.was else "",
                        "source": "вымысел",
                        "source_date": "2026-09-15",
                    }
                )


def _write_surveys(folder: Path) -> None:
    folder.mkdir()
    for programme in ("ecb", "battery"):
        roster = [
            agency_of(number, name).code
            for number, world in enumerate(worlds())
            if world.programme == programme
            for name in world.agencies()
        ]
        for survey in SURVEYS:
            text = SURVEY.format(
                programme=programme,
                survey=survey,
                horizon=", ".join(f"{year}: planned" for year in survey.years),
                roster=", ".join(roster),
            )
            (folder / f"{programme}-{survey.name}.yaml").write_text(text, encoding="utf-8")


def _leave_all(site: Site) -> list[list[str]]:
    """The drops of all worlds; their paths, night by night."""
    nights: list[list[str]] = [[], [], [], []]
    for number, world in enumerate(worlds()):

        def leave(night: int, survey: Survey, name: str, lines: Lines | str, number: int = number) -> None:
            if lines:
                programme = worlds()[number].programme
                path = f"{programme}-{survey.name}/{agency_of(number, name).code}/ответ.csv"
                file = site.inbox / path
                file.parent.mkdir(parents=True)
                file.write_bytes(form(programme, survey, lines, part_of(number)))
                moment = int(survey.answered_at.timestamp()) * 1_000_000_000
                os.utime(file, ns=(moment, moment))
                nights[night].append(path)

        leave(0, OLDEST, "", world.oldest)
        leave(1, BEFORE, "", world.before)
        for name, lines in world.was.items():
            leave(1, BEFORE, name, lines)
        for name, lines in world.stands.items():
            leave(2, NOW, name, lines)
        for name, lines in world.beside.items():
            leave(3, NOW, name, lines)
        leave(3, NOW, "", world.now)
    return nights


@pytest.mark.slow
@pytest.mark.warehouse
@pytest.mark.parametrize("case", CASES, ids=named)
class TestCase:
    def test_the_good_answer_breaks_nothing(self, case: Case, judged: Judged):
        agency = agency_of(number_of(case, "good")).code
        assert judged.findings[agency] == []
        assert judged.verdict[agency] == "accepted"

    def test_the_bad_answer_breaks_this_rule_alone(self, case: Case, judged: Judged):
        rule = RULES[key(case)]
        number = number_of(case, "bad")
        (finding,) = judged.findings[agency_of(number).code]
        told = [name for name in ("child", "parent") if name in case.bad.agencies()]
        receipt = judged.receipt[agency_of(number, told[0]).code] if told else ""
        expected = {
            "rule_id": rule.rule_id,
            "severity": "W",
            "field": case.meant or case.field,
            "cell": case.cell,
            "value": case.value.format(part=part_of(number)),
            "expected": case.expected.format(receipt=receipt),
            "message": rule.sentence,
        }
        assert {name: finding[name] for name in expected} == expected
        assert judged.verdict[agency_of(number).code] == "accepted_with_warnings"

    def test_of_the_others_nobody_is_told_anything(self, case: Case, judged: Judged):
        for which, world in (("good", case.good), ("bad", case.bad)):
            for name in world.beside:
                assert judged.findings[agency_of(number_of(case, which), name).code] == []


@pytest.mark.slow
@pytest.mark.warehouse
@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_told_what_concerns_it(name: str, judged: Judged):
    number = 2 * len(CASES) + list(WORLDS).index(name)
    findings = judged.findings[agency_of(number).code]
    assert [finding["rule_id"] for finding in findings] == WORLDS[name][1], [
        (finding["rule_id"], finding["expected"], finding["value"]) for finding in findings
    ]


@pytest.mark.slow
@pytest.mark.warehouse
def test_gx_counts_what_the_scan_lists(judged: Judged):
    dsn = judged.site.warehouse
    survey = surveys.load(judged.site.surveys)[f"ecb-{NOW.name}"]
    in_force = [suite for suite in suites.in_force(ACROSS, survey.programme, survey.rules_as_of) if suite.rules]
    batch_id = _open_batch(judged)
    comparisons.gather(dsn, batch_id)
    by_gx, batches = judged_by_gx(dsn, batch_id, in_force)
    by_scan: Counter[tuple[str, int]] = Counter()
    for suite in in_force:
        # The sentence tells which of two rules with one id a row was listed for.
        rules = [replace(rule, sentence=f"{suite.name} {number}") for number, rule in enumerate(suite.rules)]
        checks._list_violations(dsn, batch_id, suite, rules, batches[suite.name])
    for row in select(
        judged.site, "select message, count(*) from staging.violation where batch_id = %s group by message", (batch_id,)
    ):
        suite_name, number = row["message"].split(" ")
        by_scan[suite_name, int(number)] = row["count"]
    assert len(by_gx) == len(RULES)
    assert all(by_gx.values()), f"nothing broke some of them: {by_gx}"
    assert by_gx == by_scan


def _open_batch(judged: Judged, receipts: list[int] | None = None) -> int:
    with warehouse.transaction(judged.site.warehouse) as cursor:
        cursor.execute("insert into staging.batch default values returning batch_id")
        (batch_id,) = cursor.fetchone() or (0,)
        cursor.execute(
            "insert into staging.batch_receipt select %s, receipt_no from unnest(%s::bigint[]) as last (receipt_no)",
            (batch_id, judged.last if receipts is None else receipts),
        )
    return int(batch_id)


@pytest.mark.slow
@pytest.mark.warehouse
def test_gathering_again_changes_nothing_and_nothing_outlives_the_batch(judged: Judged):
    tables = ("compared_item", "compared_answer", "repeated_line", "compared_price")
    batch_id = _open_batch(judged)

    def gathered() -> dict[str, list[dict[str, Any]]]:
        query = "select * from staging.{} where batch_id = %s order by 1, 2, 3"
        return {table: select(judged.site, query.format(table), (batch_id,)) for table in tables}

    comparisons.gather(judged.site.warehouse, batch_id)
    first = gathered()
    assert all(first.values())
    comparisons.gather(judged.site.warehouse, batch_id)
    assert gathered() == first
    with warehouse.transaction(judged.site.warehouse) as cursor:
        cursor.execute("delete from staging.batch where batch_id = %s", (batch_id,))
    assert not any(gathered().values())


@pytest.mark.slow
@pytest.mark.warehouse
def test_a_survey_may_set_its_own_thresholds(judged: Judged):
    """What one piece more would have told, a lower threshold tells."""
    number = 2 * len(CASES) + list(WORLDS).index("little_may_change_much")
    receipt_no = judged.receipt[agency_of(number).code]
    survey = surveys.load(judged.site.surveys)[f"ecb-{NOW.name}"]

    def rules_told(own: suites.Thresholds) -> list[str]:
        batch_id = _open_batch(judged, [receipt_no])
        checks.check(
            judged.site.warehouse, batch_id, suites.in_force(suites.load(), survey.programme, survey.rules_as_of, own)
        )
        rows = select(judged.site, "select rule_id from staging.violation where batch_id = %s", (batch_id,))
        return [row["rule_id"] for row in rows]

    assert rules_told({}) == []
    assert rules_told({"X01": {"floor": 49}}) == ["X01"]
    assert rules_told({"X01": {"floor": 49, "times": 26}}) == []


#: Fifty agencies that answered five surveys before, in two revisions of a hundred lines.
HISTORY = """
insert into reference.agency (agency_code)
select 'old-' || number from generate_series(1, 50) as number;
insert into reference.agency_version (agency_code, valid_from, name, inn, kpp, source, source_date)
select agency_code, '2015-01-01', 'Учреждение', '0000000000', '001201001', '', '2026-01-01'
from reference.agency where agency_code like 'old-%%';
insert into reference.survey (
    survey_code, programme, title, opens_date, closes_date, rules_as_of_date, reference_as_of_date, rules_version,
    reference_version
)
select
    'ecb-old-' || year, 'ecb', '', make_date(year, 1, 1), make_date(year, 12, 1), '2026-10-01', '2026-10-01', 'r', 'r'
from generate_series(2014, 2018) as year;
insert into landing.receipt (
    drop_key, survey_code, agency_code, drop_date, original_path, sha256, size_bytes, modified_ns, arrived_at
)
select
    concat_ws(' ', survey_code, agency_code, revision), survey_code, agency_code, survey.closes_date, '',
    repeat('0', 64), 1, revision, survey.closes_date
from reference.survey, reference.agency, generate_series(1, 2) as revision
where survey_code like 'ecb-old-%%' and agency_code like 'old-%%';
insert into quality.judgement (
    receipt_no, rules_version, reference_version, stands, outcome, reason, reading_sha256, lines_delivered,
    lines_accepted, lines_rejected, lines_duplicate, warnings
)
select receipt_no, 'r', 'r', true, 'loadable', '', '', 100, 100, 0, 0, 0
from landing.receipt where survey_code like 'ecb-old-%%';
insert into core.submission (
    survey_code, agency_code, revision, receipt_no, rules_version, reference_version, reading_sha256, content_sha256,
    withdrawn_at
)
select survey_code, agency_code, modified_ns, receipt_no, 'r', 'r', '', '', case when modified_ns = 1 then now() end
from landing.receipt where survey_code like 'ecb-old-%%';
insert into core.demand_line (
    submission_id, line_position, receipt_no, member, sheet, row_number, raw, cleaned_by, product_id, pieces_per_unit,
    item_name, unit, unit_price_rub, demand_2026, outside_horizon
)
select submission_id, number, receipt_no, '', '', number, '{}', '{}', product.product_id, 1, '', '796', 1, 1, '{}'
from core.submission
cross join generate_series(1, 100) as number
cross join (select product_id from core.product order by product_id limit 1) as product
where survey_code like 'ecb-old-%%'
"""


@pytest.mark.slow
@pytest.mark.warehouse
def test_comparing_reads_no_lines_but_those_it_compares(judged: Judged, admin_dsn: str):
    """However many surveys the warehouse has seen: lines are found by their submissions, never all looked through."""
    server, dsn = parse_dsn(admin_dsn), parse_dsn(judged.site.warehouse)
    owner = f"postgresql://{server['user']}:{server['password']}@{server['host']}:{server['port']}/{dsn['dbname']}"
    batch_id = _open_batch(judged, judged.last[-40:])
    with warehouse.transaction(owner) as cursor:
        cursor.execute(HISTORY, {})
        cursor.execute("analyze")
        for name in ("compared_receipt", "compared_line"):
            statement = warehouse.statement(f"across/{name}")
            cursor.execute(f"create temporary table {name} on commit drop as {statement}", {"batch_id": batch_id})
            cursor.execute(f"analyze {name}")
        for table in ("compared_item", "repeated_line", "compared_price"):
            cursor.execute(
                f"explain (analyze, format json) {warehouse.statement(f'staging/{table}')}", {"batch_id": batch_id}
            )
            scans = [node for node in _nodes(cursor.fetchall()) if node.get("Relation Name") == "demand_line"]
            assert scans, f"{table} reads no lines at all"
            read = sum(scan["Actual Rows"] * scan["Actual Loops"] for scan in scans)
            assert read < 500, f"{table} reads {read} lines"
            assert "Seq Scan" not in {scan["Node Type"] for scan in scans}, table
        cursor.connection.rollback()


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plan, dict):
        yield plan
        plan = list(plan.values())
    if isinstance(plan, list | tuple):
        for part in plan:
            yield from _nodes(part)
