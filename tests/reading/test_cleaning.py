"""Raw beside clean, and the digest that tells a repeated answer."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.city_order.cleaning import CleanLine, Terms, clean_lines, content_digest
from include.city_order.formats import open_drop
from include.city_order.readings import Limits, RawLine
from include.city_order.tables import read_tables

HORIZON = (2026, 2027, 2028)
TERMS = Terms(
    units={"шт": "796", "штука": "796", "тыс. шт": "798"},
    chemistries={"LiFePO4": "lfp"},
    battery_uses={"Электробус": "e_bus"},
    need_kinds={"Ремонт": "repair"},
)


def cleaned(**values: str) -> CleanLine:
    (line,) = clean_lines([RawLine("", "Лист1", 7, values)], [], HORIZON, TERMS)
    return line


def test_a_line_keeps_what_was_typed_beside_what_it_means():
    line = cleaned(
        item_name="Микро  контроллер",
        part_number="К1986ВЕ92QI",
        okpd2_code="26,11,30",
        unit="Шт.",
        demand_2026="1 500",
        demand_2027="—",
        demand_2028="10-15",
        voltage_v="12,8",
        chemistry="LIFEPO4",
        need_kind="ремонт",
    )
    assert (line.sheet, line.row_number) == ("Лист1", 7)
    assert line.raw["okpd2_code"] == "26,11,30"
    assert line.values == {
        "item_name": "Микро контроллер",
        "part_number": "К1986ВЕ92QI",
        "okpd2_code": "26.11.30",
        "unit": "796",
        "demand_2026": Decimal(1500),
        "demand_2027": None,
        "demand_2028": None,
        "voltage_v": Decimal("12.8"),
        "chemistry": "lfp",
        "need_kind": "repair",
    }
    assert line.cleaned_by == {
        "item_name": "spaces",
        "okpd2_code": "comma_for_point",
        "unit": "spelling",
        "demand_2026": "thousands",
        "demand_2027": "nothing",
        "voltage_v": "decimal_comma",
        "chemistry": "spelling",
        "need_kind": "spelling",
    }


def test_what_is_not_understood_is_none_and_stays_raw():
    line = cleaned(unit="ведро", need_kind="впрок", chemistry="уголь")
    assert set(line.values.values()) == {None}
    assert line.cleaned_by == {}
    assert line.raw["need_kind"] == "впрок"


def test_years_outside_the_horizon_never_reach_the_values():
    line = cleaned(demand_2026="1", demand_2031="2,5", demand_2040="много")
    assert line.values == {"demand_2026": Decimal(1)}
    assert line.outside_horizon == {"2031": Decimal("2.5"), "2040": None}
    assert line.cleaned_by == {"demand_2031": "decimal_comma"}


def digest(*lines: dict[str, str], nil: bool = False) -> str:
    return content_digest([cleaned(**line) for line in lines], nil)


A = {"line_no": "1", "item_name": "Реле", "unit": "шт", "demand_2026": "5"}
B = {"line_no": "2", "item_name": "Диод", "unit": "шт", "demand_2026": "7"}


@pytest.mark.parametrize(
    "same",
    [
        [A | {"unit": "Штука", "demand_2026": "5,0"}, B],
        [A | {"item_name": " Реле\n"}, B],
        [A | {"comment": "—"}, B],
        [A | {"line_no": "17"}, B],
    ],
)
def test_the_same_content_has_the_same_digest(same):
    assert digest(*same) == digest(A, B)


@pytest.mark.parametrize(
    "other",
    [
        [A],
        [B, A],
        [A, B, B],
        [A, B | {"demand_2026": "8"}],
        [A, B | {"demand_2026": "7-8"}],
        [A, B | {"demand_2031": "7"}],
        [A, {**B, "demand_2027": B["demand_2026"], "demand_2026": "—"}],
        [A, B | {"unit": "ведро"}],
        [A | {"item_name": "Диод"}, B | {"item_name": "Реле"}],
    ],
)
def test_other_content_has_another_digest(other):
    assert digest(*other) != digest(A, B)


def test_what_was_not_understood_counts_as_typed():
    assert digest(A | {"demand_2026": "10-15"}) != digest(A | {"demand_2026": "10-16"})
    assert digest(A | {"demand_2026": "10-15"}) == digest(A | {"demand_2026": " 10-15"})


def test_a_nil_return_has_a_digest_of_its_own():
    assert len({digest(nil=True), digest(nil=False), digest(A)}) == 3


def test_place_is_no_content():
    line = cleaned(**A)
    moved = replace(line, member="a.xlsx", sheet="Другой", row_number=99)
    assert content_digest([line], False) == content_digest([moved], False)


def test_a_workbook_and_its_text_copy_are_the_same_answer(answer, xlsx, text_file, form):
    comma = [[str(cell).replace("12.5", "12,50") for cell in row] for row in answer]
    digests = set()
    for data in (xlsx(answer), text_file(comma), text_file(comma, "utf-8", "\t")):
        reading = read_tables(open_drop(data, Limits()).sheets, form)
        lines = clean_lines(reading.lines, reading.tables, HORIZON, TERMS)
        assert len(lines) == 2
        digests.add(content_digest(lines, reading.nil_return))
    assert len(digests) == 1


@given(st.dictionaries(st.sampled_from(["item_name", "unit", "demand_2026", "demand_2033", "okpd2_code"]), st.text()))
def test_any_text_is_cleaned_without_a_fault(values):
    line = cleaned(**values)
    assert line.raw == values
    assert set(line.values) | {f"demand_{year}" for year in line.outside_horizon} == set(values)
    assert len(content_digest([line], False)) == 64
