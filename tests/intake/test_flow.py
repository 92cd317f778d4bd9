"""Nights in every order, twice, at once, and cut short: the same answers stand."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from include.city_order import intake, references
from include.city_order.drop_dates import Night
from include.city_order.site import Site
from include.sample_drops.catalogue import CATALOGUE
from tests.intake.nights import (
    REFERENCE,
    ROOT,
    SURVEYS,
    answer,
    collect,
    digests,
    leave,
    receipts,
    select,
    site_of,
    standing,
    verdicts,
)

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

FIRST = answer({}, {"part_number": "К1986ВЕ1QI"})
SECOND = answer({}, {"part_number": "К1986ВЕ1QI", "demand_2026": "11"})
PARTLY = answer({}, {"part_number": "К1986ВЕ1QI", "unit": "ведро"})
REFUSED = b"%PDF-1.7"

#: One agency's long story. A copy counts as one only right after what it copies.
STORY = {
    "1 first.csv": (FIRST, "accepted"),
    "2 copy.csv": (FIRST, "duplicate"),
    "3 correction.csv": (SECOND, "accepted"),
    "4 scan.pdf": (REFUSED, "rejected"),
    "5 correction again.csv": (SECOND, "accepted"),
    "6 back to the first.csv": (FIRST, "accepted"),
    "7 partly.csv": (PARTLY, "partly_accepted"),
    "8 partly, copy.csv": (PARTLY, "duplicate"),
}


def tell(site: Site, agency: str = "gorsvet", names: list[str] | None = None) -> None:
    for hour, (name, (content, _)) in enumerate(STORY.items(), start=9):
        if names is None or name in names:
            leave(site, f"ecb-2026/{agency}/{name}", content, f"2026-11-10 {hour:02d}:00")


def test_a_story_ends_as_told_and_nothing_is_deleted(site: Site):
    tell(site)
    collect(site)
    ended = receipts(site)
    assert {path.rpartition("/")[2]: row["verdict"] for path, row in ended.items()} == {
        name: verdict for name, (_, verdict) in STORY.items()
    }
    submissions = select(
        site,
        "select submission_id, revision, superseded_by, withdrawn_at, original_path, count(*) as lines"
        " from core.submission inner join landing.receipt using (receipt_no)"
        " inner join core.demand_line using (submission_id)"
        " group by submission_id, original_path order by revision",
    )
    assert [row["original_path"][17] for row in submissions] == list("13567")
    assert [row["revision"] for row in submissions] == [1, 2, 3, 4, 5]
    ids = [row["submission_id"] for row in submissions]
    assert [row["superseded_by"] for row in submissions] == [*ids[1:], None]
    assert {row["withdrawn_at"] for row in submissions} == {None}
    assert [row["lines"] for row in submissions] == [2, 2, 2, 2, 1]
    repeated = {path.rpartition("/")[2][0]: row["repeats_submission_id"] for path, row in ended.items()}
    assert (repeated["2"], repeated["8"]) == (ids[0], ids[4])


@pytest.mark.parametrize("seed", range(5))
def test_receipts_judged_and_loaded_one_by_one_in_any_order_let_the_same_stand(site: Site, seed: int):
    tell(site)
    leave(site, "battery-2026/gorsvet/a.csv", REFUSED)
    (chunk,) = intake.receive(site, Night(), slots=1)
    intake.read(site, chunk)
    order = random.Random(seed).sample(chunk, len(chunk))
    assert order != chunk
    for receipt in order:
        intake.load(site, intake.judge(site, [receipt]))
    one_by_one = standing(site), verdicts(site), told_counts(site)
    intake.load(site, intake.judge(site, chunk))
    assert (standing(site), verdicts(site), told_counts(site)) == one_by_one
    assert {path.rpartition("/")[2]: verdict for path, verdict in one_by_one[1].items()} == {
        **{name: verdict for name, (_, verdict) in STORY.items()},
        "a.csv": "rejected",
    }
    stands = select(
        site,
        "select original_path from core.submission inner join landing.receipt using (receipt_no)"
        " where superseded_by is null and withdrawn_at is null",
    )
    assert [row["original_path"] for row in stands] == ["ecb-2026/gorsvet/7 partly.csv"]


def told_counts(site: Site) -> list[dict[str, Any]]:
    return select(
        site,
        "select original_path, lines_delivered, lines_accepted, lines_rejected, lines_superseded, lines_duplicate"
        " from landing.receipt order by original_path",
    )


def test_night_after_night_is_the_same_as_all_at_once(warehouse: Any, tmp_path: Path):
    # What is seen after an earlier night arrived when it was seen: the survey must not have closed by then.
    surveys = tmp_path / "surveys"
    surveys.mkdir()
    text = (SURVEYS / "ecb-2026.yaml").read_text(encoding="utf-8")
    (surveys / "ecb-2026.yaml").write_text(text.replace("closes: 2026-11-12", "closes: 2199-12-31"), encoding="utf-8")
    site = site_of(warehouse.ingest, tmp_path, surveys=surveys)
    dates = [f"2026-11-{day:02d} 12:00" for day in range(10, 10 + len(STORY))]
    for (name, (content, _)), moment in zip(STORY.items(), dates, strict=True):
        leave(site, f"ecb-2026/gorsvet/{name}", content, moment)
        (chunk,) = intake.receive(site, Night(), slots=1)
        assert len(chunk) == 1
        intake.read(site, chunk)
        intake.load(site, intake.judge(site, chunk))
    ended = verdicts(site)
    assert {path.rpartition("/")[2]: verdict for path, verdict in ended.items()} == {
        name: verdict for name, (_, verdict) in STORY.items()
    }


def test_a_survey_that_comes_later_collects_its_drops_by_a_backfill(warehouse: Any, tmp_path: Path, sample_inbox: Path):
    surveys = tmp_path / "surveys"
    shutil.copytree(SURVEYS, surveys)
    site = site_of(warehouse.ingest, tmp_path, surveys=surveys)
    drops = [drop for drop in CATALOGUE if drop.survey_code == "ecb-2027"]
    assert len(drops) == 3
    for drop in drops:
        target = site.inbox / drop.path
        target.parent.mkdir(parents=True)
        shutil.copy2(sample_inbox / drop.path, target)
    collect(site)
    assert set(verdicts(site).values()) == {"quarantined"}
    assert {row["reason"] for row in receipts(site).values()} == {"unknown_survey"}
    shutil.copy2(ROOT / "include/sample_drops/after_a_new_survey/ecb-2027.yaml", surveys)
    waiting = {drop.path: drop for drop in drops}
    for day in sorted({drop.drop_date for drop in drops}):
        collect(site, Night(day))
        for path, row in receipts(site).items():
            if row["drop_date"] == day:
                del waiting[path]
                drop = next(drop for drop in drops if drop.path == path)
                assert (row["verdict"], row["lines_accepted"]) == ("accepted", drop.later_lines)
        assert {path for path, row in receipts(site).items() if row["verdict"] == "quarantined"} == set(waiting)
    assert not waiting


def test_an_agency_that_comes_later_is_judged_anew(warehouse: Any, tmp_path: Path):
    reference = tmp_path / "reference"
    shutil.copytree(REFERENCE, reference)
    surveys = tmp_path / "surveys"
    shutil.copytree(SURVEYS, surveys)
    site = replace(site_of(warehouse.ingest, tmp_path, surveys=surveys), reference=reference)
    leave(site, "ecb-2026/newcomer/a.csv", FIRST)
    leave(site, "ecb-2026/gorsvet/a.csv", FIRST)
    collect(site)
    assert verdicts(site) == {"ecb-2026/newcomer/a.csv": "quarantined", "ecb-2026/gorsvet/a.csv": "accepted"}
    with (reference / "agencies.csv").open("a", encoding="utf-8") as file:
        file.write("newcomer,2020-01-01,,Новая,0021431696,009901001,,,fictional,2026-09-15\n")
    survey = surveys / "ecb-2026.yaml"
    survey.write_text(survey.read_text(encoding="utf-8") + "  - newcomer\n", encoding="utf-8")
    collect(site, Night(date(2026, 11, 10)))
    assert verdicts(site) == {"ecb-2026/newcomer/a.csv": "accepted", "ecb-2026/gorsvet/a.csv": "accepted"}


def test_changed_references_judge_anew_and_the_old_judgement_stays(warehouse: Any, tmp_path: Path):
    reference = tmp_path / "reference"
    shutil.copytree(REFERENCE, reference)
    site = replace(site_of(warehouse.ingest, tmp_path), reference=reference)
    leave(site, "ecb-2026/gorsvet/a.csv", answer({}, {"part_number": "P-2", "okpd2_code": "26.11.30.120"}))
    collect(site)
    assert set(verdicts(site).values()) == {"accepted"}
    classes = reference / "okpd2.csv"
    kept = [line for line in classes.read_text(encoding="utf-8").splitlines() if not line.startswith("26.11.30.120,")]
    classes.write_text("\n".join(kept) + "\n", encoding="utf-8")
    collect(site, Night(date(2026, 11, 10)))
    (receipt,) = receipts(site).values()
    assert (receipt["verdict"], receipt["lines_accepted"], receipt["lines_rejected"]) == ("partly_accepted", 1, 1)
    assert [row["stands"] for row in select(site, "select stands from quality.judgement order by judged_at")] == [
        False,
        True,
    ]
    submissions = select(
        site, "select superseded_by is null as stands, revision from core.submission order by submission_id"
    )
    assert submissions == [{"stands": False, "revision": 1}, {"stands": True, "revision": 2}]
    # And back again: the first judgement stands once more, and nothing new is landed.
    shutil.copy2(REFERENCE / "okpd2.csv", classes)
    collect(site, Night(date(2026, 11, 10)))
    assert set(verdicts(site).values()) == {"accepted"}
    stand = select(site, "select superseded_by is null as stands from core.submission order by submission_id")
    assert [row["stands"] for row in stand] == [True, False]


def at_once(work: Callable[[], Any], times: int = 4) -> list[Any]:
    """The same work in several threads that start together; raises what any of them raised."""
    together = threading.Barrier(times)
    results: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        together.wait()
        try:
            results.append(work())
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    assert len(results) == times
    return results


def test_the_same_step_four_times_at_once_has_one_effect(site: Site, warehouse: Any, tmp_path: Path):
    tell(site)
    tell(site, "gorlift")
    alone = site_of(warehouse.ingest, tmp_path)
    chunks = at_once(lambda: intake.receive(site, Night(), slots=1))
    assert all(chunk == chunks[0] for chunk in chunks)
    assert len(receipts(site)) == 2 * len(STORY)
    scans = select(site, "select drops_received from landing.scan order by drops_received")
    assert [row["drops_received"] for row in scans] == [0, 0, 0, 2 * len(STORY)]
    receipt_numbers = chunks[0][0]
    at_once(lambda: intake.read(site, receipt_numbers), 2)
    intake.judge(site, receipt_numbers)
    at_once(lambda: intake.load(site, receipt_numbers))
    for agency in ("gorsvet", "gorlift"):
        ended = {path.rpartition("/")[2]: row for path, row in verdicts(site).items() if f"/{agency}/" in path}
        assert ended == {name: verdict for name, (_, verdict) in STORY.items()}
    assert select(site, "select count(*) as n from core.submission") == [{"n": 10}]
    before = digests(site)
    collect(alone)
    assert digests(site) == before


def test_judging_twice_at_once_leaves_each_finding_once(site: Site):
    tell(site)
    (chunk,) = intake.receive(site, Night(), slots=1)
    intake.read(site, chunk)
    intake.judge(site, [])
    at_once(lambda: intake.judge(site, chunk), 2)
    intake.load(site, chunk)
    twice = select(
        site,
        "select receipt_no, rule_id, line_position, field from quality.finding group by 1, 2, 3, 4 having count(*) > 1",
    )
    assert twice == []
    assert select(site, "select count(*) as n from quality.judgement where stands") == [{"n": len(STORY)}]


@pytest.mark.parametrize("dies_in", ["_let_stand", "_give_verdicts", "renumber"])
def test_a_load_that_dies_leaves_nothing_behind(site: Site, dies_in: str, monkeypatch: pytest.MonkeyPatch):
    tell(site)
    (chunk,) = intake.receive(site, Night(), slots=1)
    intake.read(site, chunk)
    intake.judge(site, chunk)
    before = digests(site)

    def die(*_: Any) -> None:
        raise ConnectionError("killed")

    with monkeypatch.context() as patched:
        if dies_in == "renumber":
            statement = intake.warehouse.statement
            patched.setattr(
                intake.warehouse,
                "statement",
                lambda path: "select 1 / 0" if path == "intake/renumber_revisions" else statement(path),
            )
        else:
            patched.setattr(intake, dies_in, die)
        with pytest.raises(Exception, match=r"killed|division by zero"):
            intake.load(site, chunk)
    assert digests(site) == before
    assert select(site, "select 1 from core.submission") == []
    intake.load(site, chunk)
    assert set(verdicts(site).values()) == {verdict for _, verdict in STORY.values()}


def test_a_drop_that_comes_a_night_later_than_its_date_arrived_when_it_was_seen(site: Site):
    leave(site, "ecb-2026/gorsvet/a.csv", FIRST)
    collect(site)
    before = datetime.now(UTC)
    leave(site, "ecb-2026/gorlift/a.csv", FIRST)  # dated before the first scan
    collect(site)
    arrived = {path: row["arrived_at"] for path, row in receipts(site).items()}
    assert arrived["ecb-2026/gorsvet/a.csv"].date() == date(2026, 11, 10)
    assert before <= arrived["ecb-2026/gorlift/a.csv"] <= datetime.now(UTC)


def test_references_are_refreshed_only_when_they_changed(site: Site):
    collect(site)
    (first,) = select(site, "select * from reference.loaded_version")
    tables = [f"reference.{name}" for name in ("agency_version", "okpd2", "unit", "roster", "survey")]
    before = digests(site, tables)
    references.refresh(site.warehouse, site.surveys, site.reference)
    assert select(site, "select * from reference.loaded_version") == [first]
    assert digests(site, tables) == before
