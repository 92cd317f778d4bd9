"""Text → values: every usual spelling is understood, and nothing else is."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.city_order.values import (
    RULES,
    Cleaned,
    code,
    collapsed,
    free_text,
    is_date_for_part,
    is_ditto,
    is_nothing,
    number,
    number_text,
    spelling,
    term,
)


@pytest.mark.parametrize(
    ("text", "value", "rule"),
    [
        ("1500", "1500", ""),
        ("12.5", "12.5", ""),
        ("-3", "-3", ""),
        ("+3", "3", ""),
        (" 1500 ", "1500", ""),
        ("12,5", "12.5", "decimal_comma"),
        ("1 500", "1500", "thousands"),
        ("1\u00a0500\u00a0000", "1500000", "thousands"),
        ("1\u202f500,50", "1500.50", "thousands+decimal_comma"),
        ("\u22125", "-5", ""),
        ("1\u2007500\u2009000", "1500000", "thousands"),
        ("1'000", "1000", "thousands"),
        ("1’000’000,5", "1000000.5", "thousands+decimal_comma"),
        ("'1500", "1500", "apostrophe"),
        ("\ufeff1500\u200b", "1500", ""),
        ("1,000", "1.000", "decimal_comma"),
        ("0", "0", ""),
        ("999999999999999", "999999999999999", ""),
    ],
)
def test_numbers(text, value, rule):
    assert number(text) == Cleaned(Decimal(value), rule)


@pytest.mark.parametrize(
    "text",
    [
        "10-15",
        "по мере необходимости",
        "NaN",
        "Infinity",
        "-inf",
        "1_000",
        "7.7E+09",
        "1e3",
        "١٢٣",
        "１２",
        "10²",
        "½",
        "1.234,56",
        "1,234,567",
        "1 50",
        "15 00",
        "1 5000",
        "12 шт",
        "~100",
        "5.",
        ".5",
        "--5",
        "5%",
        "0x10",
        "5 / 6",
        "1000000000000000",
        "1\n500",
        "2026-11-25",
        "ИСТИНА",
        "#Н/Д",
        "1 тыс.",
        "''5",
        "1'0",
        "'",
        "- 5",
    ],
)
def test_what_is_no_number_is_not_guessed(text):
    assert number(text) == Cleaned(None, "")


PIECES = {"шт", "штук"}


def quantity(text: str) -> Cleaned:
    return number(text, PIECES, may_scale=True, comma_is_decimal=False)


@pytest.mark.parametrize(
    ("text", "value", "rule"),
    [
        ("100 шт", "100", "unit_word"),
        ("100шт.", "100", "unit_word"),
        ("1 500 Штук", "1500", "unit_word+thousands"),
        ("1 тыс.", "1000", "thousand_word"),
        ("1тыс", "1000", "thousand_word"),
        ("1,5 тыс. шт", "1500", "thousand_word+unit_word+decimal_comma"),
        ("1 200,5 тыс.шт.", "1200500", "thousand_word+unit_word+thousands+decimal_comma"),
        ("2 млн", "2000000", "million_word"),
        ("0,000001 миллиона", "1", "million_word+decimal_comma"),
        ("1 тысяча", "1000", "thousand_word"),
        ("0,125", "0.125", "decimal_comma"),
        ("1500,000", "1500.000", "decimal_comma"),
        ("1.125", "1.125", ""),
        ("12,5", "12.5", "decimal_comma"),
    ],
)
def test_quantities_in_words(text, value, rule):
    cleaned = quantity(text)
    assert cleaned == Cleaned(Decimal(value), rule)
    assert "E" not in str(cleaned.value)


@pytest.mark.parametrize("text", ["1,000", "12,500", "-999,125", "1.000", "12.340", "1,000 тыс.", "5,000 шт"])
def test_a_comma_that_may_part_thousands_is_not_guessed(text):
    assert quantity(text) == Cleaned(None, "comma_or_thousands")


@pytest.mark.parametrize(
    "text", ["5 упак", "5 тыс. упак", "5 шт/уп", "5 тыс тыс", "тыс.", "шт", "10-15 шт", "5%", "5 шт 3", "10 тыс. руб."]
)
def test_other_words_after_a_number_are_not_understood(text):
    assert quantity(text) == Cleaned(None, "")


@given(value=st.integers(1, 10**8), scale=st.sampled_from([("тыс.", 1000), ("млн", 10**6), ("", 1)]), gap=st.booleans())
def test_a_word_for_thousands_means_as_much_as_its_zeros(value, scale, gap):
    word, factor = scale
    assert quantity(f"{value}{' ' if gap else ''}{word}").value == value * factor


@pytest.mark.parametrize(
    "text",
    ['"', '-"-', "-//-", "--//--", "—//—", "// ", "〃", "то же", "То же самое", '« — " — »', '- " -', "''", ",,", "″"],
)
def test_ditto_marks(text):
    assert is_ditto(text)
    assert not is_nothing(text)


@pytest.mark.parametrize(
    "text", ["", "-", "—", "---", "«—»", '"-"', "/", "5", '5"', "тоже мне", "то есть", "нет", '"ГОСТ"', "'5"]
)
def test_no_ditto_marks(text):
    assert not is_ditto(text)


@pytest.mark.parametrize(
    "text",
    ["10.янв", "10 янв.", "янв.10", "май.26", "10-Jan", "Jan-26", "01.02.2026", "01/02/2026", "2026-02-01",
     "01.02.2026 00:00:00", " 10.янв "],
)  # fmt: skip
def test_dates_that_a_spreadsheet_made_of_part_numbers(text):
    assert is_date_for_part(text)


@pytest.mark.parametrize(
    "text", ["", "К1986ВЕ92QI", "MAR-10", "DEC-21", "32.01.2026", "01.02.26", "10.20.30", "2Т312", "26.11.30", "янв"]
)
def test_part_numbers_are_no_dates(text):
    assert not is_date_for_part(text)


@pytest.mark.parametrize(
    "text", ["", "  ", "-", "—", "–", "\u2212", "нет", "Нет.", "Н/Д", "н/д", "нет данных", "Отсутствует"]
)
def test_words_for_nothing(text):
    assert is_nothing(text)
    for clean in (number, code, free_text):
        assert clean(text) == Cleaned(None, "nothing")
    assert term(text, {"шт": "796"}) == Cleaned(None, "nothing")


@pytest.mark.parametrize("text", ["0", "нет аналога", "шт", "1"])
def test_words_that_say_something(text):
    assert not is_nothing(text)


@given(
    value=st.decimals(min_value=0, max_value=10**14, places=3),
    group=st.sampled_from(["", " ", "\u00a0", "\u202f", "\u2009"]),
    point=st.sampled_from([",", "."]),
    sign=st.sampled_from(["", "-", "+", "\u2212"]),
    around=st.sampled_from(["", " ", "\u00a0", "\n"]),
)
def test_every_usual_spelling_gives_the_number_back(value, group, point, sign, around):
    whole, _, part = f"{value:,f}".partition(".")
    typed = around + sign + whole.replace(",", group) + point + part + around
    expected = -value if sign in ("-", "\u2212") else value
    assert number(typed).value == expected


@given(st.text(max_size=20))
def test_a_quantity_is_as_its_number_or_says_how_it_differs(text):
    plain, asked = number(text), quantity(text)
    assert set(asked.rule.split("+")) <= {*RULES, ""}
    if asked.value != plain.value:
        assert asked.rule
    if asked.value is not None:
        assert asked.value.is_finite()


@given(st.text(max_size=20))
def test_any_text_is_told_without_a_fault(text):
    assert not (is_ditto(text) and is_nothing(text))
    assert not (is_ditto(text) and number(text).value is not None)
    is_date_for_part(text)


@given(st.text(max_size=20))
def test_a_value_is_always_finite_and_never_made_of_other_signs(text):
    value = number(text).value
    if value is not None:
        assert value.is_finite()
        assert "".join(sign for sign in text if sign in "0123456789").lstrip("0") == str(value.copy_abs()).replace(
            ".", ""
        ).lstrip("0")
        assert not any(sign.isalpha() for sign in text)


@given(st.text(alphabet="0123456789 .,-_eE\u00a0٣²", max_size=12))
def test_figures_in_disorder_give_no_value_or_the_one_they_spell(text):
    value = number(text).value
    assert value is None or value == Decimal("".join(text.split()).replace(",", "."))


@pytest.mark.parametrize(("value", "text"), [("5.00", "5"), ("5", "5"), ("500", "500"), ("0.0", "0"), ("1.50", "1.5")])
def test_equal_numbers_have_one_text(value, text):
    assert number_text(Decimal(value)) == text


@pytest.mark.parametrize(
    ("text", "value", "rule"),
    [
        ("26.11.30", "26.11.30", ""),
        (" 26.11.30\u00a0", "26.11.30", "spaces"),
        ("26. 11.30", "26.11.30", "spaces"),
        ("26,11,30", "26.11.30", "comma_for_point"),
        ("27,20,23, 130", "27.20.23.130", "spaces+comma_for_point"),
        ("2611,30", "2611,30", ""),
        ("26.11,30", "26.11,30", ""),
        ("2030-11-26", "2030-11-26", ""),
    ],
)
def test_codes(text, value, rule):
    assert code(text) == Cleaned(value, rule)


def test_free_text_is_collapsed_and_composed():
    assert free_text("Датчик  уровня\n(верхний)") == Cleaned("Датчик уровня (верхний)", "spaces")
    assert free_text("й".encode().decode()) == Cleaned("й", "")
    assert free_text("и\u0306") == Cleaned("й", "spaces")
    assert free_text("со\u00adбака\ufeff").value == "собака"


@given(st.text())
def test_collapsing_twice_is_collapsing_once(text):
    assert collapsed(collapsed(text)) == collapsed(text)


@pytest.mark.parametrize("text", ["тыс. шт.", "Тыс.шт", "ТЫС ШТ", " тыс.\u00a0шт ", "тыс шт."])
def test_spellings_of_one_unit(text):
    assert term(text, {spelling("тыс. шт"): "798"}) == Cleaned("798", "spelling")


@pytest.mark.parametrize("text", ["796 — шт", "796 (шт.)", "шт (796)", "шт. - 796"])
def test_a_code_with_its_name(text):
    assert term(text, {"шт": "796", "796": "796", "упак": "778"}) == Cleaned("796", "code_and_name")


@pytest.mark.parametrize("text", ["796 — упак", "797 шт", "796 упак шт", "796 796 шт"])
def test_a_code_with_another_name_is_not_understood(text):
    assert term(text, {"шт": "796", "796": "796", "упак": "778", "778": "778"}) == Cleaned(None, "")


def test_an_unknown_unit_is_not_guessed():
    assert term("штучка", {"шт": "796"}) == Cleaned(None, "")
    assert term("796", {"796": "796"}) == Cleaned("796", "")


@given(st.text())
def test_spelling_is_stable(text):
    assert spelling(spelling(text)) == spelling(text)


def test_the_page_lists_every_rule_and_what_it_does():
    page = Path(__file__).parents[2] / "docs" / "understanding.md"
    _, _, table = page.read_text(encoding="utf-8").partition("| rule | does |\n|---|---|\n")
    rows = table.partition("\n\n")[0].splitlines()
    assert rows == [f"| `{name}` | {does} |" for name, does in RULES.items()]
