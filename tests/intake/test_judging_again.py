"""What happens to answers that are judged again: rules, references, rosters and readings change between nights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from include.city_order import checks, intake, sandbox
from include.city_order.drop_dates import Night
from include.city_order.readings import Reading
from include.city_order.site import Site
from include.sample_drops import files
from include.sample_drops.forms import Sheet
from tests.intake.nights import (
    HEADINGS,
    LINE,
    REFERENCE,
    SURVEYS,
    answer,
    collect,
    execute,
    leave,
    receipts,
    select,
    verdicts,
)

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

WITH_MAKER = {**HEADINGS, "manufacturer": "Производитель"}

DAY = Night(date(2026, 11, 10))


def own_data(site: Site, folder: Path) -> Site:
    """The site with surveys and references of its own, to change."""
    shutil.copytree(SURVEYS, folder / "surveys")
    shutil.copytree(REFERENCE, folder / "reference")
    return replace(site, surveys=folder / "surveys", reference=folder / "reference")


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def standing_path(site: Site, agency: str = "gorsvet") -> list[str]:
    return [
        row["original_path"].rpartition("/")[2]
        for row in select(
            site,
            "select original_path from core.submission inner join landing.receipt using (receipt_no)"
            " where submission.agency_code = %s and superseded_by is null and withdrawn_at is null",
            (agency,),
        )
    ]


def test_an_unknown_manufacturer_that_reads_like_our_code_is_another_product(site: Site):
    leave(
        site, "ecb-2026/gorsvet/1.csv", answer({"part_number": "ZZ-1", "manufacturer": "Baikal"}, headings=WITH_MAKER)
    )
    leave(
        site,
        "ecb-2026/gorlift/1.csv",
        answer({"part_number": "ZZ-1", "manufacturer": "Байкал Электроникс"}, headings=WITH_MAKER),
    )
    collect(site)
    assert set(verdicts(site).values()) == {"accepted"}
    assert len(select(site, "select distinct product_id from core.demand_line")) == 2


def test_an_agency_that_left_the_reference_is_unknown(site: Site, tmp_path: Path):
    site = own_data(site, tmp_path)
    leave(site, "ecb-2026/zoo-fict/1.csv", answer({}))
    collect(site)
    assert verdicts(site) == {"ecb-2026/zoo-fict/1.csv": "rejected"}
    file = site.reference / "agencies.csv"
    lines = [line for line in file.read_text(encoding="utf-8").splitlines(True) if not line.startswith("zoo-fict,")]
    file.write_text("".join(lines), encoding="utf-8")
    leave(site, "ecb-2026/zoo-fict/2.pdf", b"%PDF-1.7", "2026-11-10 13:00")
    collect(site)
    collect(site, DAY)
    assert {row["reason"] for row in receipts(site).values() if row["verdict"] == "quarantined"} == {"unknown_agency"}


def test_a_mended_heading_is_a_new_answer_and_no_repetition(site: Site):
    sender = "ИНН;{}\n"
    leave(site, "ecb-2026/gorsvet/1.csv", sender.format("7707083893").encode() + answer({}), "2026-11-10 10:00")
    leave(site, "ecb-2026/gorsvet/2.csv", answer({}), "2026-11-10 11:00")
    collect(site)
    assert list(verdicts(site).values()) == ["rejected", "accepted"]
    assert select(site, "select rule_id from quality.standing_finding order by 1") == [{"rule_id": "F10"}]


def test_a_duplicate_says_so_and_says_it_no_more_when_it_is_none(site: Site, warehouse: Any):
    leave(site, "ecb-2026/gorsvet/1.csv", answer({}), "2026-11-10 10:00")
    leave(site, "ecb-2026/gorsvet/3.csv", answer({}), "2026-11-10 12:00")
    collect(site)
    said = "select receipt_no, rule_id from quality.standing_finding"
    assert [row["rule_id"] for row in select(site, said)] == ["F03"]
    execute(warehouse.owner, "delete from landing.scan")  # so that the date of the next drop is believed
    leave(site, "ecb-2026/gorsvet/2.csv", answer({"demand_2026": "11"}), "2026-11-10 11:00")
    collect(site)
    assert select(site, said) == []
    assert set(verdicts(site).values()) == {"accepted"}
    assert standing_path(site) == ["3.csv"]


def test_generic_products_of_two_codes_are_two_lines(site: Site):
    generic = {"part_number": "", "item_name": "Микросхема"}
    leave(site, "ecb-2026/gorsvet/1.csv", answer(generic, generic | {"okpd2_code": "26.11.30.120"}))
    collect(site)
    assert verdicts(site) == {"ecb-2026/gorsvet/1.csv": "accepted_with_warnings"}
    assert select(site, "select distinct rule_id from quality.standing_finding") == [{"rule_id": "L10"}]


def test_a_backfill_hears_an_agency_that_joined_the_roster(site: Site, tmp_path: Path):
    site = own_data(site, tmp_path)
    leave(site, "ecb-2026/zoo-fict/1.csv", answer({}))
    collect(site)
    assert verdicts(site) == {"ecb-2026/zoo-fict/1.csv": "rejected"}
    edit(site.surveys / "ecb-2026.yaml", "roster:\n", "roster:\n  - zoo-fict\n")
    collect(site, DAY)
    assert verdicts(site) == {"ecb-2026/zoo-fict/1.csv": "accepted"}


def test_the_next_night_takes_what_waited_for_its_survey(site: Site, tmp_path: Path):
    site = own_data(site, tmp_path)
    hidden = (site.surveys / "ecb-2026.yaml").rename(tmp_path / "ecb-2026.yaml")
    leave(site, "ecb-2026/gorsvet/1.csv", answer({}))
    collect(site)
    assert verdicts(site) == {"ecb-2026/gorsvet/1.csv": "quarantined"}
    hidden.rename(site.surveys / "ecb-2026.yaml")
    collect(site)
    assert verdicts(site) == {"ecb-2026/gorsvet/1.csv": "accepted"}


def test_a_bad_hour_of_the_machine_takes_no_answer_back(site: Site, monkeypatch: pytest.MonkeyPatch):
    leave(site, "ecb-2026/gorsvet/1.csv", answer({}), "2026-11-10 10:00")
    leave(site, "ecb-2026/gorsvet/2.csv", answer({"demand_2026": "11"}), "2026-11-10 11:00")
    collect(site)
    monkeypatch.setattr(sandbox, "read", lambda *_: Reading("limit", "time"))
    collect(site, DAY)
    assert standing_path(site) == ["2.csv"]
    assert set(verdicts(site).values()) == {"accepted"}


def test_a_slow_judge_does_not_bring_old_rules_back(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    site = own_data(site, tmp_path)
    leave(site, "ecb-2026/gorsvet/1.csv", answer({}, {"okpd2_code": "26.11.30.120", "demand_2026": "7"}))
    check = checks.check

    def slowly(*arguments: Any) -> int:
        found = check(*arguments)
        monkeypatch.setattr(checks, "check", check)
        file = site.reference / "okpd2.csv"
        lines = [
            row for row in file.read_text(encoding="utf-8").splitlines(True) if not row.startswith("26.11.30.120,")
        ]
        file.write_text("".join(lines), encoding="utf-8")
        collect(site, DAY)
        return found

    monkeypatch.setattr(checks, "check", slowly)
    collect(site)
    assert verdicts(site) == {"ecb-2026/gorsvet/1.csv": "partly_accepted"}
    collect(site)
    assert verdicts(site) == {"ecb-2026/gorsvet/1.csv": "partly_accepted"}


def test_what_is_read_anew_between_judging_and_loading_waits_for_its_own_judgement(site: Site, tmp_path: Path):
    site = own_data(site, tmp_path)
    leave(site, "ecb-2026/gorsvet/1.csv", answer({"unit": "банка", "part_number": "К1986ВЕ1QI"}, {}))
    chunks = intake.receive(site, Night(), slots=1)
    intake.read(site, chunks[0])
    judged = intake.judge(site, chunks[0])
    edit(site.reference / "okei.csv", "шт|штука|", "шт|штука|банка|")
    other = intake.receive(site, DAY, slots=1)
    intake.read(site, other[0])
    intake.load(site, judged)
    assert verdicts(site) == {"ecb-2026/gorsvet/1.csv": None}
    intake.load(site, intake.judge(site, other[0]))
    assert verdicts(site) == {"ecb-2026/gorsvet/1.csv": "accepted"}
    assert select(site, "select count(*) as lines from core.demand_line") == [{"lines": 2}]


def test_members_whose_masked_names_are_equal_keep_their_cells(site: Site, tmp_path: Path):
    turned = {name: WITH_MAKER[name] for name in reversed(WITH_MAKER)}
    packed = tmp_path / "answer.zip"
    with ZipFile(packed, "w") as archive:
        archive.writestr("Иванов И.И.csv", answer({"unit": "ведро"}, headings=WITH_MAKER))
        archive.writestr("Петров П.П.csv", answer({"unit": "ведро", "demand_2026": "3"}, headings=turned))
    leave(site, "ecb-2026/gorsvet/answer.zip", packed.read_bytes())
    collect(site)
    found = select(
        site, "select member, cell from quality.standing_finding where rule_id = 'L07' order by line_position"
    )
    columns = [list(headings).index("unit") for headings in (WITH_MAKER, turned)]
    assert [row["cell"] for row in found] == [f"{chr(ord('A') + column)}2" for column in columns]
    assert len({row["member"] for row in found}) == 2
    assert not any("Иванов" in row["member"] or "Петров" in row["member"] for row in found)


def test_addresses_above_the_lines_name_masked_sheets_as_the_lines_do(site: Site):
    table = [list(HEADINGS.values()), list(LINE.values()), ["Итого", None, None, None, None, 10]]
    first, second = Sheet("Иванов И.И.", table), Sheet("Петров П.П.", [["ИНН", "7700000000"], *table])
    leave(site, "ecb-2026/gorsvet/answer.xlsx", files.xlsx([first, second]))
    collect(site)
    (row,) = select(site, "select sender_inn_cell, left_out from staging.reading")
    assert row["sender_inn_cell"] == "[скрыто] (2)!B1"
    assert [row[:3] for row in row["left_out"]] == [["", "[скрыто]", 3], ["", "[скрыто] (2)", 4]]
