"""Archived answers are judged again by a person's wish: first as a dry run that touches nothing, then for real."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from include.city_order import answers, forms, gate, intake, orders, references, replay, replay_words
from include.city_order.drop_dates import Night
from include.city_order.replay import Asked, CannotReplay
from include.city_order.replay_words import ChangedAnswers, ChangedOrder
from include.city_order.site import Site
from tests.intake.nights import answer, collect, digests, leave, receipts, select, standing, verdicts
from tests.intake.test_judging_again import DAY, edit, own_data, standing_path
from tests.intake.test_preview import everything, files

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

SURVEY = "ecb-2026"
ASKED = Asked(SURVEY, requested_by="Иванова", reason="новый псевдоним")

#: A figure of the order as readers see it: no release, no times.
ORDER = """
select product_name, part_number, manufacturer, unit, year, gross_quantity::text, net_quantity::text, agencies, lines
from city_order.current_order_line where survey_code = 'ecb-2026' order by product_id, unit, year
"""


def replayed(site: Site, asked: Asked = ASKED, run: str = "a run") -> ChangedAnswers:
    """A real replay, as the DAG runs it."""
    chunks = replay.begin(site, asked, run, slots=2)
    for chunk in chunks:
        intake.read(site, chunk)
    loaded = replay.load(site, run, intake.judge(site, [receipt for chunk in chunks for receipt in chunk]))
    answers.write(site, loaded)
    return replay.answers(site.warehouse, run)


def published(builder: str) -> int | None:
    """Build, audit and publish what is new of the survey."""
    release_id = orders.build(builder, SURVEY)
    if release_id is not None:
        orders.audit(builder, release_id)
        orders.publish(builder, release_id)
    return release_id


def add_alias(site: Site, alias: str, part_number: str) -> Path:
    """Let a designation mean a part that the references hold; returns the file that was changed."""
    file = site.reference / "part_aliases.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    known = next(row for row in rows if row["part_number"] == part_number)
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows([*rows, {**known, "alias": alias}])
    return file


def without_numbers(order: ChangedOrder) -> ChangedOrder:
    return replace(order, totals=replace(order.totals, release_id=0))


def without_run(changed: ChangedAnswers) -> ChangedAnswers:
    return replace(changed, is_dry_run=True, replay_id=0)


@pytest.fixture
def ordered(site: Site, warehouse: Any, tmp_path: Path) -> Site:
    """Three agencies ask for a chip, one of them by a name that nobody knows; the order is published."""
    site = own_data(site, tmp_path)
    edit(site.surveys / "ecb-2026.yaml", "closes:", "approval: {changed_share: null}\ncloses:")
    for agency, line in (
        ("gorsvet", {}),
        ("gorlift", {"part_number": "Кристалл-92", "demand_2026": "5", "demand_2027": ""}),
        ("video-watch", {"part_number": "Кристалл-92", "okpd2_code": "26.11.30.120", "demand_2026": "7"}),
    ):
        leave(site, f"{SURVEY}/{agency}/1.csv", answer(line))
    collect(site)
    answers.write(site, [])
    assert published(warehouse.builder)
    return site


def test_an_alias_is_seen_before_it_counts_then_counts_and_can_be_taken_back(ordered: Site, warehouse: Any):
    site = ordered
    with pytest.raises(RuntimeError, match="rolled back"):
        orders.rehearse(site.warehouse, SURVEY)
    before, order_before = everything(site, warehouse.owner), select(site_of(warehouse), ORDER)
    file = site.reference / "part_aliases.csv"
    old = file.read_bytes()
    add_alias(site, "Кристалл-92", "К1986ВЕ92QI")
    folders = (site.inbox, site.archive, site.outbox, site.reference, site.surveys)
    lying = files(*folders)

    changed, order = replay.rehearse(site, ASKED)

    assert (everything(site, warehouse.owner), files(*folders)) == (before, lying)
    assert changed.receipts_read == 3
    assert changed.verdicts == ()
    (moved,) = changed.moved
    assert (moved.lines, moved.agencies, moved.is_merged, moved.is_split) == (2, 2, True, False)
    assert moved.name_before == "Кристалл-92, manufacturer not stated"
    assert moved.name_after == "К1986ВЕ92QI, ПКК Миландр"
    assert order
    assert {cause.cause for cause in order.causes} == {"changed_mapping"}
    assert sorted((figure.year, figure.gross_before, figure.gross_after) for figure in order.figures) == [
        (2026, 0, 12), (2026, 12, 0), (2027, 0, 20), (2027, 20, 0),
    ]  # fmt: skip

    assert without_run(replayed(site)) == without_run(changed)
    release_id = published(warehouse.builder)
    assert release_id
    assert without_numbers(replay.order(warehouse.analyst, release_id)) == without_numbers(order)
    after = select(site_of(warehouse), ORDER)
    assert [(row["part_number"], row["year"], row["gross_quantity"], row["agencies"]) for row in after] == [
        ("К1986ВЕ92QI", 2026, "22", 3), ("К1986ВЕ92QI", 2027, "40", 2),
    ]  # fmt: skip

    file.write_bytes(old)
    (back,) = replayed(site, run="back").moved
    assert (back.lines, back.is_merged, back.is_split) == (2, False, True)
    published(warehouse.builder)
    assert select(site_of(warehouse), ORDER) == order_before
    # Both judgements of each receipt stay readable, and no submission was landed twice.
    assert select(site, "select count(*) as n from quality.judgement") == [{"n": 6}]
    assert select(site, "select count(*) as n from core.submission") == [{"n": 6}]


def test_what_waits_already_is_told_apart_from_what_a_replay_changes(ordered: Site, warehouse: Any):
    """Of gorsvet a correction is accepted and not published: not built at first, then held by a brake."""
    site = ordered
    leave(site, f"{SURVEY}/gorsvet/2.csv", answer({"demand_2026": "1000"}), "2026-11-10 13:00")
    collect(site)

    def told() -> tuple[list[tuple[str, int, int, int]], str]:
        _, order = replay.rehearse(site, ASKED)
        assert order
        changes = [
            (figure.cause, figure.year, int(figure.gross_before), int(figure.gross_after)) for figure in order.figures
        ]
        return sorted(changes), replay_words.order_as_text(SURVEY, order, is_dry_run=True)

    alone, said = told()
    assert alone == []
    assert "this replay changes no figure" in said
    assert "Without this replay 1 figure waits already, against release" in said
    assert "taken into the order by the next build" in said
    assert "All of it together" in said

    file = site.reference / "part_aliases.csv"
    old = file.read_bytes()
    add_alias(site, "Кристалл-92", "К1986ВЕ92QI")
    moved = [
        ("changed_mapping", 2026, 0, 12), ("changed_mapping", 2026, 12, 0),
        ("changed_mapping", 2027, 0, 20), ("changed_mapping", 2027, 20, 0),
    ]  # fmt: skip
    by_alias, said = told()
    assert by_alias == moved
    assert "this replay changes 6 figures beside what waits already" in said
    file.write_bytes(old)

    gate.set_brake(warehouse.builder, SURVEY, "Петрова", "опечатка")
    built = orders.build(warehouse.builder, SURVEY)
    assert built
    orders.audit(warehouse.builder, built)
    alone, said = told()
    assert alone == []
    assert "Петрова" in said
    assert "This replay builds nothing new" in said
    add_alias(site, "Кристалл-92", "К1986ВЕ92QI")
    by_alias, said = told()
    assert by_alias == moved
    assert "Петрова" in said
    assert "All of it together" in said
    file.write_bytes(old)


def test_a_replay_may_take_back_all_that_waits(ordered: Site, warehouse: Any):
    site = ordered
    file = site.reference / "part_aliases.csv"
    old = file.read_bytes()
    add_alias(site, "Кристалл-92", "К1986ВЕ92QI")
    replayed(site)
    file.write_bytes(old)
    _, order = replay.rehearse(site, ASKED)
    assert order
    assert sorted((figure.year, figure.gross_before, figure.gross_after) for figure in order.figures) == [
        (2026, 0, 12), (2026, 12, 0), (2027, 0, 20), (2027, 20, 0),
    ]  # fmt: skip
    said = replay_words.order_as_text(SURVEY, order, is_dry_run=True)
    assert "takes all of that back" in said
    assert "a person is asked" not in said


def test_a_mistake_in_the_references_is_told_before_anything_is_read(site: Site, tmp_path: Path, monkeypatch: Any):
    site = own_data(site, tmp_path)
    leave(site, f"{SURVEY}/gorsvet/1.csv", answer({}))
    collect(site)
    edit(site.reference / "part_aliases.csv", "alias,", "alais,")
    monkeypatch.setattr(intake, "read", lambda *_: pytest.fail("read before the references were looked at"))
    with pytest.raises(references.ReferenceError, match=r"part_aliases\.csv"):
        replay.rehearse(site, ASKED)


def site_of(warehouse: Any) -> Site:
    """For what readers see."""
    nowhere = Path()
    return Site(warehouse.analyst, nowhere, nowhere, nowhere, nowhere, nowhere)


def test_a_changed_threshold_shows_the_verdicts_that_it_changes(site: Site, warehouse: Any, tmp_path: Path):
    site = own_data(site, tmp_path)
    leave(site, f"{SURVEY}/gorsvet/1.csv", answer({}) + "Итого;;;;;11;20\n".encode())
    leave(site, f"{SURVEY}/gorlift/1.csv", answer({}))
    collect(site)
    assert set(verdicts(site).values()) == {"accepted", "accepted_with_warnings"}
    before = everything(site, warehouse.owner)
    edit(site.surveys / "ecb-2026.yaml", "closes:", "thresholds: {F06: {difference: 2}}\ncloses:")
    changed, order = replay.rehearse(site, ASKED)
    assert everything(site, warehouse.owner) == before
    (receipt,) = changed.verdicts
    assert (receipt.agency_code, receipt.verdict_before, receipt.verdict_after, receipt.rules) == (
        "gorsvet", "accepted_with_warnings", "accepted", "F06 -1",
    )  # fmt: skip
    assert changed.moved == ()
    assert order and order.totals.replaces_release_id is None


def test_twice_is_once_and_the_replay_is_on_record(ordered: Site, warehouse: Any):
    site = ordered
    add_alias(site, "Кристалл-92", "К1986ВЕ92QI")
    asked = replace(ASKED, agencies=("gorlift",))
    first = replayed(site, asked)
    assert (first.receipts_read, first.agencies, len(first.moved)) == (1, 1, 1)
    was, protocols = digests(site), files(site.outbox)
    assert replayed(site, asked) == first
    again = replayed(site, asked, run="another")
    assert (again.receipts_read, again.receipts, again.moved) == (1, (), ())
    assert (digests(site), files(site.outbox)) == (was, protocols)
    recorded = select(
        site_of(warehouse),
        "select run_key, agencies, requested_by, reason, ended_at is not null as has_ended, rules_version,"
        " reference_version, (select array_agg(original_path) from core.replayed_receipt inner join landing.receipt"
        " using (receipt_no) where replayed_receipt.replay_id = replay.replay_id) as paths"
        " from core.replay order by replay_id",
    )
    (versions,) = select(
        site, "select rules_version, reference_version from reference.survey where survey_code = 'ecb-2026'"
    )
    assert recorded == [
        {
            "run_key": run, "agencies": ["gorlift"], "requested_by": "Иванова", "reason": "новый псевдоним",
            "has_ended": True, **versions, "paths": [f"{SURVEY}/gorlift/1.csv"],
        }
        for run in ("a run", "another")
    ]  # fmt: skip


def test_what_stands_and_what_could_stand_is_read_and_history_only_if_asked_for(site: Site):
    for hour, content in enumerate((answer({}), answer({"demand_2026": "11"}), b"%PDF-1.7"), start=10):
        leave(site, f"{SURVEY}/gorsvet/{hour}.csv", content, f"2026-11-10 {hour}:00")
    leave(site, f"{SURVEY}/gorlift/scan.csv", b"%PDF-1.7")
    leave(site, "battery-2026/gorsvet/other.csv", answer({}))
    collect(site)
    numbers = {path: row["receipt_no"] for path, row in receipts(site).items()}

    def read(asked: Asked, run: str) -> set[str]:
        chosen = {number for chunk in replay.begin(site, asked, run, slots=2) for number in chunk}
        return {path for path, number in numbers.items() if number in chosen}

    could_stand = {f"{SURVEY}/gorsvet/11.csv", f"{SURVEY}/gorsvet/12.csv"}
    assert read(ASKED, "all") == {*could_stand, f"{SURVEY}/gorlift/scan.csv"}
    assert read(replace(ASKED, agencies=("gorsvet",)), "one") == could_stand
    assert read(replace(ASKED, agencies=("gorsvet",), with_history=True), "history") == {
        *could_stand, f"{SURVEY}/gorsvet/10.csv",
    }  # fmt: skip


def test_an_answer_that_stands_again_is_judged_again_too(site: Site, tmp_path: Path):
    site = own_data(site, tmp_path)
    gone = {"okpd2_code": "26.11.30.120"}
    leave(site, f"{SURVEY}/gorsvet/1.csv", answer({}, gone | {"demand_2026": "7"}), "2026-11-10 10:00")
    leave(site, f"{SURVEY}/gorsvet/2.csv", answer(gone), "2026-11-10 11:00")
    collect(site)
    assert standing_path(site) == ["2.csv"]
    file = site.reference / "okpd2.csv"
    kept = [row for row in file.read_text(encoding="utf-8").splitlines(True) if not row.startswith("26.11.30.120,")]
    file.write_text("".join(kept), encoding="utf-8")
    changed, _ = replay.rehearse(site, ASKED)
    assert without_run(replayed(site)) == without_run(changed)
    assert [(receipt.verdict_before, receipt.verdict_after, receipt.standing) for receipt in changed.verdicts] == [
        ("accepted_with_warnings", "partly_accepted", "stands now"),
        ("accepted", "rejected", "stands no more"),
    ]
    assert changed.receipts_read == 2
    assert standing_path(site) == ["1.csv"]
    assert select(
        site,
        "select count(*) as n from core.submission inner join reference.survey using (survey_code)"
        " where superseded_by is null and withdrawn_at is null"
        " and submission.reference_version = survey.reference_version",
    ) == [{"n": 1}]


def test_a_night_in_the_middle_of_a_replay_harms_neither(ordered: Site, warehouse: Any, tmp_path: Path):
    """A correction is received, judged and loaded between a replay's reading and its loading."""
    site = ordered
    add_alias(site, "Кристалл-92", "К1986ВЕ92QI")
    chunks = replay.begin(site, ASKED, "a run", slots=1)
    leave(
        site, f"{SURVEY}/gorlift/2.csv", answer({"part_number": "Кристалл-92", "demand_2026": "6"}), "2026-11-10 13:00"
    )
    collect(site)
    intake.read(site, chunks[0])
    judged = intake.judge(site, chunks[0])
    collect(site, DAY)
    replay.load(site, "a run", judged)
    assert standing_path(site, "gorlift") == ["2.csv"]
    stands = standing(site)
    collect(site, DAY)
    collect(site, Night())
    assert standing(site) == stands
    assert published(warehouse.builder)
    assert [(row["part_number"], row["gross_quantity"]) for row in select(site_of(warehouse), ORDER)] == [
        ("К1986ВЕ92QI", "23"), ("К1986ВЕ92QI", "60"),
    ]  # fmt: skip


def test_a_dry_run_keeps_no_night_waiting_while_it_reads(
    ordered: Site, warehouse: Any, monkeypatch: pytest.MonkeyPatch
):
    site = ordered
    add_alias(site, "Кристалл-92", "К1986ВЕ92QI")
    tried: list[str] = []
    read = intake.read

    def a_night_begins(site: Site, chosen: list[int]) -> int:
        other = psycopg2.connect(site.warehouse, options="-c lock_timeout=1000")
        with other, other.cursor() as cursor:
            for touched in ("reference.survey set title = title", "landing.receipt set reason = reason"):
                cursor.execute(f"update {touched}")
                tried.append(touched)
        other.close()
        return read(site, chosen)

    monkeypatch.setattr(intake, "read", a_night_begins)
    changed, _ = replay.rehearse(site, ASKED)
    assert len(tried) == 2
    assert changed.moved


def test_what_cannot_be_replayed_is_told(site: Site, subtests: Any):
    leave(site, f"{SURVEY}/gorsvet/1.csv", answer({}))
    collect(site)
    for asked, mistake, said in (
        (replace(ASKED, survey_code="ecb-2062"), forms.Unknown, "did you mean ecb-2026"),
        (replace(ASKED, agencies=("gorsvett",)), forms.Unknown, "did you mean gorsvet"),
        (replace(ASKED, survey_code="battery-2026"), CannotReplay, "Nothing has been received from battery-2026"),
        (replace(ASKED, agencies=("gorlift",)), CannotReplay, "from gorlift in ecb-2026"),
    ):
        with subtests.test(said):
            with pytest.raises(mistake, match=said):
                replay.rehearse(site, asked)
            with pytest.raises(mistake, match=said):
                replay.begin(site, asked, "a run", slots=1)
    for lacking in ({"reason": " "}, {"requested_by": ""}):
        with subtests.test(lacking), pytest.raises(CannotReplay, match="both are recorded"):
            replay.begin(site, replace(ASKED, **lacking), "a run", slots=1)
    assert select(site, "select * from core.replay") == []
