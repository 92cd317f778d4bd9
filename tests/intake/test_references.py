"""The reference files decide: what is in them is in the warehouse, and what is wrong is said with file and line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.city_order import references
from include.city_order.identity import matching_key
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


def test_the_version_does_not_change_with_what_judges_no_answer(folder: Path, edit: Edit):
    first = references.version(folder, AS_OF)
    add(folder, "domestic_countries", "Армения,вымысел,2026-09-15")
    add(folder, "domestic_analogs", ANALOG)
    add(folder, "rejected_aliases", "XYZ,XYZ-1,,причина,сектор,2026-09-18,вымысел,2026-09-15")
    edit("parts", "BE-T1000,baikal,,,", "BE-T1000,baikal,BE-T1,FCBGA,")
    edit("part_aliases", "Baikal-T1,BE-T1000,baikal,Сектор", "Baikal-T1,BE-T1000,baikal,Другой сектор")
    assert references.version(folder, AS_OF) == first
    add(folder, "part_aliases", ALIAS)
    assert references.version(folder, AS_OF) != first


@pytest.mark.parametrize("row", ["796", "1,2,3,4,5,6,7,8,9,10"])
def test_a_row_of_another_width_is_named(folder: Path, row: str):
    lines = (folder / "okei.csv").read_text(encoding="utf-8").count("\n")
    add(folder, "okei", row)
    with pytest.raises(ReferenceError, match=rf"okei\.csv:{lines + 1}: the row has more or fewer cells"):
        references.read(folder, "okei")


ANALOG = "LM358DR,ti,К561ЛА7,angstrem,redesign,вымысел,группа,,,,,вымысел,2026-09-15"
ALIAS = "1986VE1T,1986ВЕ1Т,milandr,сектор,2026-09-18,вымысел,2026-09-15"
AGENCY = "newcomer,2020-01-01,,Новая,0021431696,009901001,,,вымысел,2026-09-15"


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("agencies", AGENCY.replace("newcomer", "New_comer"), "agency_code 'New_comer': write small Latin letters"),
        ("agencies", AGENCY.replace("newcomer", "a" * 64), "at most 63"),
        ("agencies", AGENCY.replace("0021431696", "0021431697"), "inn '0021431697': .* check digit"),
        ("agencies", AGENCY.replace("0021431696", "21431696"), "inn '21431696': .* ten digits"),
        ("agencies", AGENCY.replace("009901001", "9901001"), "kpp '9901001': .* nine digits"),
        ("agencies", AGENCY.replace("2020-01-01", "01.02.2020"), "valid_from '01.02.2020': write it as 2020-02-01"),
        ("agencies", AGENCY.replace("2020-01-01", "20200101"), "valid_from '20200101': write a date"),
        ("agencies", AGENCY.replace("2020-01-01,", "2020-01-01,2019-12-31"), "valid_to 2019-12-31 is before"),
        ("agencies", AGENCY.replace("Новая", ""), "name is blank"),
        ("agencies", f"{AGENCY}\n{AGENCY}", "agency_code, valid_from: stands on line"),
        ("okpd2", "26.11,Иные,2014-02-01,,вымысел,2026-09-15", "stands on line 2 already"),
        ("okei", "1,а,А,а,0,,false,вымысел,2026-09-15", "pieces '0': write a number above 0"),
        ("okei", '1,а,А,а,,"2,5",false,вымысел,2026-09-15', "packs '2,5': write a number above 0"),
        ("chemistries", "zinc,Цинк,Zn,-1.5,,вымысел,2026-09-15", "cell_voltage_v '-1.5'"),
        ("manufacturers", "mikron,Микрон,Россия,вымысел,2026-09-15", "manufacturer_code: stands on line 3"),
        ("parts", "1986 BE 1T,milandr,,,,,,вымысел,2026-09-15", "part_number, manufacturer_code: stands on line 2"),
        ("parts", "XYZ-1,milandr,XYZ,,-40.5,85,,вымысел,2026-09-15", "temperature_min_c '-40.5': write whole degrees"),
        ("parts", "XYZ-1,milandr,,QFP,,,,вымысел,2026-09-15", "base_part is blank: fill it in, or leave out"),
        ("part_aliases", ALIAS.replace("сектор", ""), "decided_by is blank: fill it in"),
        ("part_aliases", ALIAS.replace("2026-09-18", ""), "decided_date is blank: fill it in"),
        ("part_aliases", ALIAS.replace("2026-09-18", "18.09.2026"), "decided_date '18.09.2026': write it as 2026"),
        ("manufacturer_aliases", "mikron,Микрон-1,сектор,,вымысел,2026-09-15", "decided_date is blank"),
        ("rejected_aliases", "XYZ,,,причина,сектор,2026-09-18,вымысел,2026-09-15", "are blank: say of which part"),
        ("rejected_aliases", "XYZ,XYZ-1,ti,,сектор,2026-09-18,вымысел,2026-09-15", "reason is blank"),
        ("domestic_analogs", ANALOG.replace("redesign", "good"), "grade 'good': write one of pin_compatible"),
        ("domestic_analogs", ANALOG.replace("группа,,", "группа,совет,"), "approved_by and approved_date say together"),
        ("domestic_analogs", ANALOG.replace(",,,,,", ",,,,2027-01-01,"), "register_expiry_date 2027-01-01: write the"),
        ("domestic_analogs", ANALOG.replace("вымысел,группа", ",группа"), "reason is blank"),
        ("domestic_analogs", f"{ANALOG}\n{ANALOG.replace('LM358DR', 'lm-358 DR')}", "stands on line"),
        ("need_kinds", "repair,Ремонт,,вымысел,вчера", "source_date 'вчера': write a date"),
        ("need_kinds", 'other,"Иное,,вымысел,2026-09-15', "not CSV"),
        ("need_kinds", "other,И\0ное,,вымысел,2026-09-15", r"a control character \(U\+0000\)"),
    ],
)
def test_a_mistake_in_a_row_is_named_with_file_and_line(folder: Path, name: str, row: str, said: str):
    references.read(folder, name)
    add(folder, name, row)
    line = (folder / f"{name}.csv").read_text(encoding="utf-8").count("\n")
    with pytest.raises(ReferenceError, match=rf"{name}\.csv:{line}: .*{said}"):
        references.read(folder, name)


def test_a_line_is_counted_as_an_editor_does(folder: Path):
    lines = (folder / "need_kinds.csv").read_text(encoding="utf-8").count("\n")
    add(folder, "need_kinds", '\nother,"Иное\nи прочее",,вымысел,2026-09-15\n,Без кода,,вымысел,2026-09-15')
    with pytest.raises(ReferenceError, match=rf"need_kinds\.csv:{lines + 4}: need_kind is blank"):
        references.read(folder, "need_kinds")


def test_a_file_that_a_spreadsheet_saved_is_read_or_explained(folder: Path):
    path = folder / "need_kinds.csv"
    text, rows = path.read_text(encoding="utf-8"), references.read(folder, "need_kinds")
    path.write_text(text, encoding="utf-8-sig", newline="\r\n")
    assert references.read(folder, "need_kinds") == rows
    path.write_text(text, encoding="cp1251")
    with pytest.raises(ReferenceError, match=r"need_kinds\.csv:2: .*save it as UTF-8"):
        references.read(folder, "need_kinds")
    path.write_text(text.replace(",", ";"), encoding="utf-8")
    with pytest.raises(ReferenceError, match=r"need_kinds\.csv:1: the header lacks need_kind, name, .* with commas"):
        references.read(folder, "need_kinds")


def test_a_file_that_is_none_of_the_references_is_named(folder: Path):
    shutil.copy(folder / "okei.csv", folder / "okei (2).csv")
    with pytest.raises(ReferenceError, match=r"okei \(2\)\.csv:1: not one of the reference files"):
        references.refresh("postgresql://nobody@127.0.0.1:1/none", SURVEYS, folder)


def test_a_code_that_no_file_holds_is_named_and_all_of_them_at_once(folder: Path):
    orphan = AGENCY.replace("009901001,,", "009901001,dep-nowhere,later")
    add(folder, "agencies", orphan)
    add(folder, "manufacturer_aliases", "nobody,Никто,сектор,2026-09-18,вымысел,2026-09-15")
    add(folder, "part_aliases", "ALIAS-1,К1986ВЕ1QI,mikron,сектор,2026-09-18,вымысел,2026-09-15")
    add(folder, "rejected_aliases", "ALIAS-2,XYZ-1,nobody,причина,сектор,2026-09-18,вымысел,2026-09-15")
    with pytest.raises(ReferenceError) as error:
        references.refresh("postgresql://nobody@127.0.0.1:1/none", SURVEYS, folder)
    told = [line.removeprefix(f"{folder}/").split(": ") for line in str(error.value).splitlines()]
    ends = {
        name: (folder / f"{name}.csv").read_text(encoding="utf-8").count("\n")
        for name in ("agencies", "manufacturer_aliases", "part_aliases", "rejected_aliases")
    }
    assert [(place, what) for place, what, *_ in told] == [
        (f"agencies.csv:{ends['agencies']}", "parent_code 'dep-nowhere'"),
        (f"agencies.csv:{ends['agencies']}", "successor_code 'later'"),
        (f"manufacturer_aliases.csv:{ends['manufacturer_aliases']}", "manufacturer_code 'nobody'"),
        (f"part_aliases.csv:{ends['part_aliases']}", "part_number, manufacturer_code 'К1986ВЕ1QI, mikron'"),
        (f"rejected_aliases.csv:{ends['rejected_aliases']}", "manufacturer_code 'nobody'"),
    ]


def agency(code: str, parent: str = "", valid_from: str = "2020-01-01", valid_to: str = "") -> str:
    return f"{code},{valid_from},{valid_to},Новая,0021431696,009901001,{parent},,вымысел,2026-09-15"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([agency("a", "a")], "1: parent_code 'a': on 2020-01-01 a under a: mend"),
        ([agency("a", "b"), agency("b", "a")], "1: parent_code 'b': on 2020-01-01 a under b under a: mend"),
        (
            [agency("x", "a"), agency("a", "b"), agency("b", "c"), agency("c", "a", "2021-05-01"), agency("c")],
            "2: parent_code 'b': on 2021-05-01 a under b under c under a: mend",
        ),
        (
            [agency("a", "b"), agency("b", "a", "2019-01-01"), agency("b", "", "2020-01-01", "2022-02-28")],
            "1: parent_code 'b': on 2022-03-01 a under b under a: mend",
        ),
    ],
    ids=["itself", "each other", "in a longer circle from some day on", "since a later version has ended"],
)
def test_an_agency_above_itself_is_named(folder: Path, rows: list[str], said: str):
    lines = (folder / "agencies.csv").read_text(encoding="utf-8").count("\n")
    for row in rows:
        add(folder, "agencies", row)
    with pytest.raises(ReferenceError) as error:
        references.refresh("postgresql://nobody@127.0.0.1:1/none", SURVEYS, folder)
    place, what = said.split(": ", 1)
    (told,) = str(error.value).splitlines()
    assert told.startswith(f"{folder}/agencies.csv:{lines + int(place)}: {what}")


def test_a_long_chain_of_parents_and_a_change_of_places_are_right(folder: Path):
    for number in range(50):
        add(folder, "agencies", agency(f"a{number}", f"a{number + 1}" if number < 49 else ""))
    # Once the institution was above the department; the old rows were not all closed.
    add(folder, "agencies", agency("above", "below", "2015-01-01", "2019-12-31"))
    add(folder, "agencies", agency("above", "", "2020-01-01"))
    add(folder, "agencies", agency("below", "", "2015-01-01"))
    add(folder, "agencies", agency("below", "above", "2020-01-01"))
    references._demand_right_files(folder)


def test_a_base_part_is_spelled_in_one_way(folder: Path):
    add(folder, "parts", "1986ВЕ92Х,milandr,1986BE-92,,,,,вымысел,2026-09-15")
    with pytest.raises(ReferenceError, match=r"parts\.csv:\d+: base_part '1986BE-92': line 7 writes '1986ВЕ92'"):
        references.refresh("postgresql://nobody@127.0.0.1:1/none", SURVEYS, folder)


def test_an_analog_is_domestic_and_replaces_what_is_not(folder: Path):
    foreign = ANALOG.replace("К561ЛА7,angstrem", "LM358DR,onsemi")
    add(folder, "domestic_analogs", foreign)
    add(folder, "domestic_analogs", ANALOG.replace("LM358DR,ti", "КТ815Г,kremny-el"))
    add(folder, "domestic_analogs", ANALOG.replace("К561ЛА7,angstrem", "К561ЛА7,mikron"))
    with pytest.raises(ReferenceError) as error:
        references.refresh("postgresql://nobody@127.0.0.1:1/none", SURVEYS, folder)
    last = (folder / "domestic_analogs.csv").read_text(encoding="utf-8").count("\n")
    told = [line.removeprefix(f"{folder}/").split(": ")[:3] for line in str(error.value).splitlines()]
    unknown, analog, part = told
    assert unknown == [
        f"domestic_analogs.csv:{last}",
        "analog_part_number, analog_manufacturer_code 'К561ЛА7, mikron'",
        "parts.csv has none",
    ]
    assert analog == [
        f"domestic_analogs.csv:{last - 2}",
        "analog_manufacturer_code 'onsemi'",
        "США is not one of the domestic countries",
    ]
    assert part == [
        f"domestic_analogs.csv:{last - 1}",
        "manufacturer_code 'kremny-el'",
        "Россия is one of the domestic countries",
    ]


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
        for table, name in (
            ("agency_version", "agencies"), ("okpd2", "okpd2"), ("unit", "okei"), ("part", "parts"),
            ("domestic_country", "domestic_countries"), ("domestic_analog", "domestic_analogs"),
            ("part_alias", "part_aliases"), ("rejected_alias", "rejected_aliases"),
        ):  # fmt: skip
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

    def test_a_judgement_of_an_analog_is_approved_and_taken_back(
        self, warehouse: Any, surveys: Path, folder: Path, edit: Edit
    ):
        add(folder, "domestic_analogs", ANALOG)
        references.refresh(warehouse.ingest, surveys, folder)
        versions = "select reference_version from reference.survey order by survey_code"
        before = self.column(warehouse.ingest, versions)
        key = matching_key("К561ЛА7")
        held = f"select approved_date::text from reference.domestic_analog where analog_matching_key = '{key}'"
        assert self.column(warehouse.ingest, held) == [None]
        approved = ANALOG.replace("группа,,", "группа,совет,2026-10-05")
        edit("domestic_analogs", ANALOG, approved)
        references.refresh(warehouse.ingest, surveys, folder)
        assert self.column(warehouse.ingest, held) == ["2026-10-05"]
        edit("domestic_analogs", approved + "\n", "")
        references.refresh(warehouse.ingest, surveys, folder)
        assert self.column(warehouse.ingest, held) == []
        # No answer is judged by it, so none is judged anew.
        assert self.column(warehouse.ingest, versions) == before

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
            ("manufacturer_aliases", "milandr,Миландр,", "mikron,ПКК «МИЛАНДР»,", r"aliases\.csv:3: .* means both"),
            ("agencies", "\ngorsvet,", "\ngorsvet-2,", r"ecb-2026\.yaml:55: .* has no agency gorsvet:"),
            ("agencies", "gorsvet,2015", "Gorsvet,2015", r"agencies\.csv:\d+: agency_code 'Gorsvet'"),
            ("parts", "1986ВЕ1Т,milandr", "1986ВЕ1Т,milandrr", r"parts\.csv:2: manufacturer_code 'milandrr'"),
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
