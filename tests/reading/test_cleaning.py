"""Raw beside clean, and the digest that tells a repeated answer."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.city_order.cleaning import CleanLine, Terms, clean_lines, clean_totals, content_digest
from include.city_order.formats import open_drop
from include.city_order.readings import Limits, RawLine, TableFound
from include.city_order.tables import read_tables
from include.city_order.values import RULES, spelling

HORIZON = (2026, 2027, 2028)
TERMS = Terms(
    units={"шт": "796", "штука": "796", "796": "796", "тыс. шт": "798", "сто шт": "797", "упак": "778"},
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


def all_cleaned(*lines: RawLine, unit_in_heading: str = "") -> list[CleanLine]:
    tables = [TableFound("", "Лист1", False, 1, 1, {}, unit_in_heading)]
    return clean_lines(lines, tables, HORIZON, TERMS)


def test_a_ditto_mark_is_the_value_of_the_line_above():
    typed = {"item_name": "Реле  РЭС", "unit": "Шт.", "demand_2026": "1 500", "demand_2031": "7"}
    marks = {"item_name": '-"-', "unit": '"', "demand_2026": "то же", "demand_2031": '"', "country": '"'}
    first, second, third, other = all_cleaned(
        RawLine("", "Лист1", 2, typed),
        RawLine("", "Лист1", 4, marks),
        RawLine("", "Лист1", 5, {"item_name": "//", "demand_2026": "—"}),
        RawLine("", "Лист2", 2, {"item_name": '"', "demand_2026": '"'}),
    )
    assert second.raw["item_name"] == '-"-'
    assert second.values == {**first.values, "country": None}
    assert second.outside_horizon == {"2031": Decimal(7)}
    assert second.cleaned_by == dict.fromkeys(["item_name", "unit", "demand_2026", "demand_2031"], "ditto")
    assert third.values == {"item_name": "Реле РЭС", "demand_2026": None}
    assert third.cleaned_by == {"item_name": "ditto", "demand_2026": "nothing"}
    # Another sheet has its own lines above.
    assert (other.values, other.cleaned_by) == ({"item_name": None, "demand_2026": None}, {})


def test_a_ditto_mark_under_what_is_no_value_is_none_either():
    lines = all_cleaned(
        RawLine("", "Лист1", 2, {"demand_2026": "—", "demand_2027": "10-15", "part_number": "10.янв"}),
        RawLine("", "Лист1", 3, {"demand_2026": '"', "demand_2027": '"', "part_number": '"'}),
    )
    assert lines[1].values == dict.fromkeys(["demand_2026", "demand_2027", "part_number"])
    assert lines[1].cleaned_by == {"demand_2026": "nothing", "part_number": "date_for_part"}


@pytest.mark.parametrize(
    ("unit", "demand", "value"),
    [
        ("шт", "5 шт", "5"),
        ("шт", "1,5 тыс. шт", "1500"),
        ("", "5 шт", "5"),
        ("упак", "1 тыс.", "1000"),
        ("упак", "5 шт", None),
        ("упак", "1 тыс. шт", None),
        ("тыс. шт", "1 тыс.", None),
        ("тыс. шт", "1 тыс. шт", None),
        ("тыс. шт", "5 шт", None),
        ("тыс. шт", "1,125", "1.125"),
        ("сто шт", "1,125", "1.125"),
        ("шт", "1,125", None),
    ],
)
def test_words_after_a_quantity_agree_with_the_unit(unit, demand, value):
    line = cleaned(**{"demand_2026": demand, "stock": demand} | ({"unit": unit} if unit else {}))
    for field in ("demand_2026", "stock"):
        assert line.values[field] == (None if value is None else Decimal(value))


def test_the_units_that_a_column_is_in_may_follow_its_numbers():
    line = cleaned(
        voltage_v="12,8 В",
        capacity_ah="100 А·ч",
        energy_kwh="1,28 кВт*ч",
        unit_price_rub="1,5 тыс. руб.",
        pack_size="10 шт",
    )
    assert [str(value) for value in line.values.values()] == ["12.8", "100", "1.28", "1500", "10"]
    wrong = cleaned(
        voltage_v="12 А·ч", capacity_ah="100 мА·ч", unit_price_rub="5 $", pack_size="10 м", energy_kwh="1 тыс."
    )
    assert set(wrong.values.values()) == {None}


def test_what_may_be_thousands_is_a_decimal_where_thousands_are_none():
    line = cleaned(voltage_v="12,800", capacity_ah="1.500", unit_price_rub="1,500", pack_size="1.000")
    assert line.values["voltage_v"] == Decimal("12.8")
    assert line.values["capacity_ah"] == Decimal("1.5")
    assert (line.values["unit_price_rub"], line.values["pack_size"]) == (None, None)
    assert line.cleaned_by["unit_price_rub"] == line.cleaned_by["pack_size"] == "comma_or_thousands"


@pytest.mark.parametrize(("marks", "text"), [({"part_number": "date"}, "10.01.2026"), ({}, "10.янв")])
def test_a_part_number_that_became_a_date_is_no_value(marks, text):
    (line,) = all_cleaned(RawLine("", "Лист1", 2, {"part_number": text, "comment": "10.01.2026"}, marks))
    assert line.values == {"part_number": None, "comment": "10.01.2026"}
    assert (line.raw["part_number"], line.cleaned_by) == (text, {"part_number": "date_for_part"})


def test_the_text_of_a_merged_cell_says_so():
    values = {"item_name": "Реле", "unit": "Шт", "country": "—"}
    (line,) = all_cleaned(RawLine("", "Лист1", 2, values, dict.fromkeys(values, "merged")))
    assert line.values == {"item_name": "Реле", "unit": "796", "country": None}
    assert line.cleaned_by == {"item_name": "merged", "unit": "merged+spelling", "country": "nothing"}


@pytest.mark.parametrize(
    ("typed", "code"), [("тыс. шт", "798"), ("шт", "796"), ("штуках", "796"), ("тысяч штук", "798"), ("100 шт", "797")]
)
def test_a_unit_in_the_headings_counts_for_the_lines_without_one(typed, code):
    without, with_unit = all_cleaned(
        RawLine("", "Лист1", 2, {"demand_2026": "5"}),
        RawLine("", "Лист1", 3, {"unit": "упак", "demand_2026": "5"}),
        unit_in_heading=typed,
    )
    assert (without.raw["unit"], without.values["unit"]) == (typed, code)
    assert without.cleaned_by == {"unit": "unit_in_heading"}
    assert (with_unit.values["unit"], with_unit.cleaned_by) == ("778", {"unit": "spelling"})
    assert without.heading_unit == with_unit.heading_unit == code


def test_thousands_alone_in_a_heading_are_compared_and_no_unit():
    (line,) = all_cleaned(RawLine("", "Лист1", 2, {"demand_2026": "5"}), unit_in_heading="тыс")
    assert (line.values, line.heading_unit) == ({"demand_2026": Decimal(5)}, "798")
    (line,) = all_cleaned(RawLine("", "Лист1", 2, {"demand_2026": "5"}), unit_in_heading="")
    assert line.heading_unit is None


def test_a_totals_row_states_what_it_adds_up():
    values = {
        "item_name": "Итого",
        "demand_2026": "1 500",
        "demand_2040": "7",
        "stock": "—",
        "contracted": "много",
        "unit_price_rub": "5",
        "voltage_v": "12",
    }
    (total,) = clean_totals([RawLine("а.xlsx", "Лист1", 9, values)], TERMS)
    assert (total.member, total.sheet, total.row_number, total.raw) == ("а.xlsx", "Лист1", 9, values)
    assert total.stated == {"demand_2026": Decimal(1500), "demand_2040": Decimal(7)}


def remade(rule: str, text: str, above: object, codes: dict[str, str]) -> object:
    """What a rule, known by its name alone, makes of what was typed."""
    value: object = text
    for name in rule.split("+"):
        typed = str(value)
        match name:
            case "nothing" | "comma_or_thousands" | "date_for_part":
                return None
            case "ditto":
                return above
            case "unit_in_heading" | "spelling":
                return codes[spelling(typed)]
            case "code_and_name":
                return "".join(filter(str.isdigit, typed))
            case "apostrophe":
                value = typed.strip().lstrip("'’")
            case "unit_word":
                value = re.sub(r"\s*(шт|руб)\.?$", "", typed)
            case "thousand_word" | "million_word":
                zeros = 1000 if name == "thousand_word" else 10**6
                figures = typed.lower().partition("т" if zeros == 1000 else "м")[0]
                rest = rule.partition(name)[2].replace("+unit_word", "").strip("+")
                return Decimal(str(remade(rest, figures, above, codes)).strip()) * zeros
            case "thousands":
                value = "".join(sign for sign in typed if not sign.isspace() and sign not in "'’")
            case "decimal_comma" | "comma_for_point":
                value = typed.replace(",", ".")
            case "spaces":
                value = " ".join(typed.split())
    return value


TYPED = {
    "item_name": ["Реле", " Реле\n РЭС", '"', "—"],
    "part_number": ["К1", "10.янв", '-"-', "нет"],
    "okpd2_code": ["26.11.30", "26,11,30", "26.11.30 ", "то же"],
    "unit": ["шт", "Шт.", "796 — шт", "тыс. шт", '"'],
    "need_kind": ["Ремонт", "РЕМОНТ"],
    "demand_2026": ["5", "1 500", "12,5", "1 тыс.", "1,5 тыс. шт", "2 млн", "'7", "1,000", '"', "—", "10 шт", "много"],
    "unit_price_rub": ["61500", "1 500,50 руб.", "1,5 тыс. руб.", "5,000"],
}


@given(
    st.lists(
        st.fixed_dictionaries({}, optional={name: st.sampled_from(texts) for name, texts in TYPED.items()}), min_size=1
    ),
    st.sampled_from(["", "тыс. шт"]),
)
def test_every_value_can_be_made_again_from_what_was_typed_and_the_names_of_its_rules(rows, unit_in_heading):
    lines = all_cleaned(
        *(RawLine("", "Лист1", number, row) for number, row in enumerate(rows, 2)), unit_in_heading=unit_in_heading
    )
    above: dict[str, object] = {}
    for line in lines:
        for name, rule in line.cleaned_by.items():
            value, codes = line.values[name], TERMS.of(name) or {}
            again = remade(rule, line.raw[name], above.get(name), dict(codes))
            assert (Decimal(str(again)) if isinstance(value, Decimal) else again) == value, (name, rule)
        above = dict(line.values)


def test_every_rule_is_one_that_cleaning_can_name():
    lines = [
        *(RawLine("", "Лист1", 2, {name: text}) for name, texts in TYPED.items() for text in texts),
        *(RawLine("", "Лист1", 2, {name: text}) for name, texts in TYPED.items() for text in ('"', "x")),
        RawLine("", "Лист1", 3, {"item_name": "Реле"}, {"item_name": "merged"}),
        RawLine("", "Лист1", 3, {"item_name": '"'}),
    ]
    named = {rule for line in all_cleaned(*lines, unit_in_heading="шт") for rule in line.cleaned_by.values()}
    assert {name for rule in named for name in rule.split("+")} == set(RULES)


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
