"""The reference files decide: what is in them is in the warehouse, and what is wrong is said with file and line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.city_order import references
from include.city_order.references import ReferenceError
from tests.intake.nights import REFERENCE, SURVEYS, select, site_of

AS_OF = date(2026, 10, 1)
Edit = Callable[[str, str, str], None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(REFERENCE, tmp_path / "reference")
    return tmp_path / "reference"


@pytest.fixture
def edit(folder: Path) -> Edit:
    """Replace a text that stands in a file, which must have it."""

    def replace(name: str, old: str, new: str) -> None:
        path = folder / f"{name}.csv"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace


def add(folder: Path, name: str, line: str) -> None:
    with (folder / f"{name}.csv").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def test_the_version_names_the_day_and_changes_with_the_content(folder: Path, edit: Edit):
    first = references.version(folder, AS_OF)
    assert first == references.version(REFERENCE, AS_OF)
    assert first.startswith("2026-10-01-")
    assert references.version(folder, date(2026, 10, 2)).startswith("2026-10-02-")
    edit("okei", "796,шт,Штука", "796,шт,Штуки")
    assert references.version(folder, AS_OF) != first


def test_the_version_does_not_change_with_what_begins_later(folder: Path):
    first = references.version(folder, AS_OF)
    add(folder, "okpd2", "26.11.30.777,Новые,2026-10-02,,вымысел,2026-09-15")
    assert references.version(folder, AS_OF) == first
    assert references.version(folder, date(2026, 10, 2))[11:] != references.version(REFERENCE, date(2026, 10, 2))[11:]


@pytest.mark.parametrize("row", ["796", "1,2,3,4,5,6,7,8,9,10"])
def test_a_row_of_another_width_is_named(folder: Path, row: str):
    lines = (folder / "okei.csv").read_text(encoding="utf-8").count("\n")
    add(folder, "okei", row)
    with pytest.raises(ReferenceError, match=rf"okei\.csv:{lines + 1}: the row has more or fewer cells"):
        references.read(folder, "okei")


def test_terms_hold_codes_names_symbols_and_spellings():
    terms = references.terms(REFERENCE)
    assert {terms.units[text] for text in ("796", "шт", "штука", "pcs")} == {"796"}
    assert terms.chemistries["lifepo4"] == terms.chemistries["lfp"] == "lfp"
    assert terms.battery_uses["электробус"] == "e_bus"
    assert terms.need_kinds["зип"] == "reserve"


@pytest.mark.warehouse
class TestRefresh:
    @pytest.fixture
    def surveys(self, tmp_path: Path) -> Path:
        shutil.copytree(SURVEYS, tmp_path / "surveys")
        return tmp_path / "surveys"

    def loaded_at(self, dsn: str) -> Any:
        return select(
            site_of(dsn, Path("/nonexistent"), inbox=Path("/")), "select loaded_at from reference.loaded_version"
        )

    def column(self, dsn: str, query: str) -> list[Any]:
        site = site_of(dsn, Path("/nonexistent"), inbox=Path("/"))
        return [next(iter(row.values())) for row in select(site, query)]

    def test_the_schema_equals_the_files(self, warehouse: Any, surveys: Path, folder: Path):
        known = references.refresh(warehouse.ingest, surveys, folder)
        assert self.column(warehouse.ingest, "select survey_code from reference.survey order by 1") == sorted(known)
        for table, name in (("agency_version", "agencies"), ("okpd2", "okpd2"), ("unit", "okei"), ("part", "parts")):
            expected = len(references.read(folder, name))
            assert self.column(warehouse.ingest, f"select count(*) from reference.{table}") == [expected]
        (roster,) = self.column(warehouse.ingest, "select count(*) from reference.roster")
        assert roster == sum(len(survey.roster) for survey in known.values())

    def test_nothing_happens_when_nothing_changed(self, warehouse: Any, surveys: Path, folder: Path):
        references.refresh(warehouse.ingest, surveys, folder)
        first = self.loaded_at(warehouse.ingest)
        references.refresh(warehouse.ingest, surveys, folder)
        assert self.loaded_at(warehouse.ingest) == first
        add(folder, "agencies", "newcomer,2020-01-01,,Новая,0021431696,009901001,,,вымысел,2026-09-15")
        references.refresh(warehouse.ingest, surveys, folder)
        assert self.loaded_at(warehouse.ingest) != first
        assert self.column(warehouse.ingest, "select name from reference.agency_version where kpp = '009901001'") == [
            "Новая"
        ]

    def test_what_left_a_file_leaves_the_schema(self, warehouse: Any, surveys: Path, folder: Path, edit: Edit):
        references.refresh(warehouse.ingest, surveys, folder)
        held = "select count(*) from reference.okpd2 where okpd2_code = '26.11.30.110'"
        assert self.column(warehouse.ingest, held) == [1]
        path = folder / "okpd2.csv"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.startswith("26.11.30.110,")), encoding="utf-8")
        versions = "select reference_version from reference.survey order by survey_code"
        before = self.column(warehouse.ingest, versions)
        references.refresh(warehouse.ingest, surveys, folder)
        assert self.column(warehouse.ingest, held) == [0]
        assert not set(before) & set(self.column(warehouse.ingest, versions))

    def test_a_new_survey_and_a_shorter_roster_appear(self, warehouse: Any, surveys: Path, folder: Path):
        references.refresh(warehouse.ingest, surveys, folder)
        text = (surveys / "ecb-2026.yaml").read_text(encoding="utf-8")
        (surveys / "ecb-2030.yaml").write_text(text.replace("survey: ecb-2026", "survey: ecb-2030"), encoding="utf-8")
        (surveys / "ecb-2026.yaml").write_text(text.replace("  - gorsvet\n", ""), encoding="utf-8")
        references.refresh(warehouse.ingest, surveys, folder)
        rosters = "select survey_code from reference.roster where agency_code = 'gorsvet' order by 1"
        assert self.column(warehouse.ingest, rosters) == ["battery-2026", "ecb-2030"]

    @pytest.mark.parametrize(
        ("name", "old", "new", "said"),
        [
            ("manufacturer_aliases", "milandr,Миландр,", "mikron,ПКК «МИЛАНДР»,", r"means both"),
            ("agencies", "\ngorsvet,", "\ngorsvet-2,", r"-2026\.yaml: the roster names agencies .* gorsvet\."),
            ("okei", "796,шт,Штука", "796,шт", r"okei\.csv:2"),
        ],
    )
    def test_a_wrong_file_changes_nothing(
        self, warehouse: Any, surveys: Path, folder: Path, edit: Edit, name: str, old: str, new: str, said: str
    ):
        references.refresh(warehouse.ingest, surveys, folder)
        first = self.loaded_at(warehouse.ingest)
        agencies = self.column(warehouse.ingest, "select agency_code from reference.agency order by 1")
        edit(name, old, new)
        with pytest.raises(ReferenceError, match=said):
            references.refresh(warehouse.ingest, surveys, folder)
        assert self.loaded_at(warehouse.ingest) == first
        assert self.column(warehouse.ingest, "select agency_code from reference.agency order by 1") == agencies
