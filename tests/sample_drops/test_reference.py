"""The reference lists and the surveys: keys are unique, codes are right, one list's codes exist in another."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from stdnum.ru import inn

from include.city_order.identity import matching_key
from include.city_order.vocabulary import DEMAND_YEARS, Certainty, fields_of

INCLUDE = Path(__file__).parents[2] / "include"
SURVEYS = [
    *sorted((INCLUDE / "surveys").glob("*-2026.yaml")),
    INCLUDE / "sample_drops" / "after_a_new_survey" / "ecb-2027.yaml",
]
OKPD2 = re.compile(r"\d{2}(\.\d(\d(\.\d(\d(\.\d{3})?)?)?)?)?")
KEYS = {
    "agencies": ("agency_code", "valid_from"),
    "okei": ("okei_code",),
    "okpd2": ("okpd2_code", "valid_from"),
    "manufacturers": ("manufacturer_code",),
    "manufacturer_aliases": ("alias",),
    "parts": ("part_number", "manufacturer_code"),
    "part_aliases": ("alias",),
    "rejected_aliases": ("alias", "part_number", "manufacturer_code"),
    "chemistries": ("chemistry",),
    "battery_uses": ("battery_use",),
    "need_kinds": ("need_kind",),
    "domestic_countries": ("country",),
    "domestic_analogs": ("part_number", "manufacturer_code", "analog_part_number", "analog_manufacturer_code"),
}
SPELLED = ("okei", "chemistries", "battery_uses", "need_kinds")


def rows(name):
    with (INCLUDE / "reference" / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, strict=True))


def survey(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_these_are_all_the_lists():
    assert {path.stem for path in (INCLUDE / "reference").glob("*.csv")} == set(KEYS)


@pytest.mark.parametrize("name", KEYS)
def test_a_list_has_rows_with_unique_keys_and_a_dated_source(name):
    found = rows(name)
    assert found
    keys = Counter(tuple(row[part].casefold() for part in KEYS[name]) for row in found)
    assert [key for key, times in keys.items() if times > 1] == []
    for row in found:
        assert None not in row and None not in row.values(), row  # as many cells as headings
        assert row["source"] and re.fullmatch(r"\d{4}-\d{2}-\d{2}", row["source_date"]), row


@pytest.mark.parametrize("name", ["agencies", "okpd2"])
def test_validity_ends_after_it_begins_and_does_not_overlap(name):
    last = {}
    for row in sorted(rows(name), key=lambda row: (row[KEYS[name][0]], row["valid_from"])):
        code = row[KEYS[name][0]]
        assert row["valid_from"] < (row["valid_to"] or "9999"), row
        assert last.get(code, "") < row["valid_from"], row
        last[code] = row["valid_to"] or "9999"


def test_agencies_have_right_numbers_and_lie_in_the_unassigned_region():
    agencies = rows("agencies")
    assert len({row["agency_code"] for row in agencies}) >= 44
    for row in agencies:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row["agency_code"])
        assert len(row["inn"]) == 10 and row["inn"].startswith("00") and inn.is_valid(row["inn"]), row
        assert re.fullmatch(r"\d{4}[0-9A-Z]{2}\d{3}", row["kpp"]), row


def test_an_agency_is_its_inn_and_kpp():
    codes = {}
    for row in rows("agencies"):
        codes.setdefault((row["inn"], row["kpp"]), set()).add(row["agency_code"])
    assert {pair: shared for pair, shared in codes.items() if len(shared) > 1} == {}
    by_inn = Counter(number for number, _ in codes)
    assert 2 in by_inn.values()  # branches share an INN


def test_parents_and_successors_exist_and_the_special_cases_are_there():
    agencies = rows("agencies")
    codes = {row["agency_code"] for row in agencies}
    assert {row["parent_code"] for row in agencies} - {""} <= codes
    merged = [row for row in agencies if row["successor_code"]]
    assert merged and all(row["successor_code"] in codes and row["valid_to"] for row in merged)
    assert 2 in Counter(row["agency_code"] for row in agencies).values()  # one was renamed


def test_units_convert_by_themselves_only_where_they_may():
    units = {row["okei_code"]: row for row in rows("okei")}
    pieces = {code: row["pieces"] for code, row in units.items() if row["pieces"]}
    assert pieces == {"796": "1", "641": "12", "715": "2", "797": "100", "798": "1000", "799": "1000000"}
    sized = {code: row["packs"] for code, row in units.items() if row["needs_pack_size"] == "true"}
    assert sized == {
        "778": "1", "782": "1000", "839": "1", "673": "1000", "704": "1", "616": "1", "736": "1",
    }  # fmt: skip
    assert {row["needs_pack_size"] for row in units.values()} == {"true", "false"}
    assert [code for code in units if code in sized and code in pieces] == []
    assert {"642", "657", "745", "840", "263", "264"} <= set(units)


@pytest.mark.parametrize("name", SPELLED)
def test_a_spelling_means_one_thing(name):
    meant = Counter(
        spelling.casefold().replace(".", "").strip() for row in rows(name) for spelling in row["spellings"].split("|")
    )
    assert meant and [spelling for spelling, times in meant.items() if times > 1] == []
    assert all(row["name"] in row["spellings"].split("|") for row in rows(name) if name != "okei")


def test_okpd2_codes_are_well_formed_and_have_their_parents_up_to_a_held_class():
    codes = {row["okpd2_code"] for row in rows("okpd2")}
    assert [code for code in codes if not OKPD2.fullmatch(code)] == []
    held = {"26.11", "26.12", "27.12.2", "27.20", "27.33.1", "27.90.5", "27.90.6"}
    shorter = {7: 5, 8: 7, 12: 8}  # a code's length, its parent's length
    tops = {code for code in codes if code[: shorter.get(len(code), 0)] not in codes}
    assert tops == held


def test_parts_and_aliases_name_makers_that_exist():
    makers = {row["manufacturer_code"] for row in rows("manufacturers")}
    parts = {(row["part_number"], row["manufacturer_code"]) for row in rows("parts")}
    assert len(makers) >= 30 and len(parts) >= 150
    assert {maker for _, maker in parts} <= makers
    assert {row["manufacturer_code"] for row in rows("manufacturer_aliases")} == makers
    assert {(row["part_number"], row["manufacturer_code"]) for row in rows("part_aliases")} <= parts


@pytest.mark.parametrize(("name", "spelled"), [("parts", "part_number"), ("part_aliases", "alias")])
def test_no_two_parts_of_one_maker_have_one_matching_key(name, spelled):
    keys = Counter((matching_key(row[spelled]), row["manufacturer_code"]) for row in rows(name))
    assert keys and [key for key, times in keys.items() if times > 1] == []


@pytest.mark.parametrize("name", ["part_aliases", "manufacturer_aliases", "rejected_aliases"])
def test_the_sample_says_that_who_decided_is_invented(name):
    decided = rows(name)
    assert [row for row in decided if "вымышлен" not in row["decided_by"]] == []
    assert [row for row in decided if not "2026-09-15" <= row["decided_date"] <= "2026-10-01"] == []


def test_the_sample_tells_base_parts_of_some_parts_and_of_their_variants():
    parts = rows("parts")
    known = [row for row in parts if row["base_part"]]
    assert 50 < len(known) < len(parts)
    variants = {row["part_number"] for row in known if row["base_part"] == "1986ВЕ92"}
    assert variants == {"1986ВЕ92У", "К1986ВЕ92QI", "К1986ВЕ92FI"}
    assert [row for row in known if matching_key(row["base_part"]) == matching_key(row["part_number"])] == []


def test_the_sample_judges_analogs_and_claims_no_approval():
    analogs = rows("domestic_analogs")
    assert {row["grade"] for row in analogs} == {"pin_compatible", "functional", "redesign"}
    assert [row for row in analogs if row["approved_by"] or row["approved_date"] or row["register_entry"]] == []
    assert [row for row in analogs if "fictional" not in row["source"] or "вымышлен" not in row["proposed_by"]] == []


@pytest.mark.parametrize("path", SURVEYS, ids=lambda path: path.stem)
def test_a_survey_is_whole(path):
    told = survey(path)
    assert [key for key in told if key not in ("publication", "thresholds")] == [
        "survey", "programme", "title", "opens", "closes", "rules_as_of", "reference_as_of", "horizon",
        "okpd2", "headings", "roster",
    ]  # fmt: skip
    assert told["survey"] == path.stem
    assert told["opens"] < told["closes"]
    assert set(told["horizon"]) <= set(DEMAND_YEARS) and len(told["horizon"]) == 5
    assert set(told["horizon"].values()) == set(Certainty)
    assert all(OKPD2.fullmatch(code) for code in told["okpd2"])


@pytest.mark.parametrize("path", SURVEYS, ids=lambda path: path.stem)
def test_a_roster_names_agencies_that_exist_on_the_survey_s_date(path):
    told = survey(path)
    day = told["reference_as_of"].isoformat()
    living = {row["agency_code"] for row in rows("agencies") if row["valid_from"] <= day <= (row["valid_to"] or "9999")}
    assert len(told["roster"]) >= 40
    assert len(set(told["roster"])) == len(told["roster"])
    assert set(told["roster"]) <= living
    assert living - set(told["roster"])  # some are known and not asked


@pytest.mark.parametrize("path", SURVEYS, ids=lambda path: path.stem)
def test_a_heading_means_one_field(path):
    told = survey(path)
    fields = fields_of(told["programme"])
    assert set(told["headings"]) <= {field.name for field in fields}
    meant = Counter(
        "".join(sign for sign in heading.casefold().replace("ё", "е") if sign.isalnum())
        for field in fields
        for heading in (field.heading, *told["headings"].get(field.name, []))
    )
    assert [heading for heading, times in meant.items() if times > 1] == []
