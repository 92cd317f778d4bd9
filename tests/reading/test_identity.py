"""Identifiers of senders, and keys that bring spellings together without ever joining different things."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.city_order.identifiers import inn_problem, is_inn, is_kpp, is_personal_inn, restore_inn
from include.city_order.identity import manufacturer_key, matching_key, name_key
from include.city_order.values import Cleaned


def with_check_digit(nine: str) -> str:
    weights = (2, 4, 10, 3, 5, 9, 4, 6, 8)
    return nine + str(sum(weight * int(digit) for weight, digit in zip(weights, nine, strict=True)) % 11 % 10)


INN = with_check_digit("001234567")


@pytest.mark.parametrize(
    "text", ["0000000000", INN[:9], INN + "0", INN[:9] + str((int(INN[9]) + 1) % 10), "", " " + INN, "١" * 10]
)
def test_what_is_no_inn(text):
    assert is_inn(INN)
    assert not is_inn(text)


def test_a_persons_inn_is_told_from_an_organisations():
    assert is_personal_inn("500100732259") and not is_inn("500100732259")
    assert not is_personal_inn("500100732258") and not is_personal_inn("000000000000")


@pytest.mark.parametrize(
    ("text", "good"),
    [("770101001", True), ("7701AB001", True), ("000000000", False), ("77010100", False), ("7701аб001", False)],
)
def test_kpp(text, good):
    assert is_kpp(text) is good


def test_a_lost_leading_zero_is_put_back_by_a_named_rule():
    assert restore_inn(INN) == Cleaned(INN, "")
    assert restore_inn(f" {INN[:4]} {INN[4:]}") == Cleaned(INN, "spaces")
    assert restore_inn(INN[1:]) == Cleaned(INN, "leading_zero")


@pytest.mark.parametrize("text", ["", "000000000", INN[2:], "7.7E+09", "500100732259", "не знаю"])
def test_nothing_else_is_put_back(text):
    assert restore_inn(text) == Cleaned(None, "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("К1986ВЕ92QI", "K1986BE92QI"),
        ("к1986ве92qi", "K1986BE92QI"),
        ("LM2596S-5.0", "LM2596S 5.0"),
        ("LM2596S\u20115.0", "LM2596S–5.0"),
        ("\uff2c\uff2d2596S\u22125.0", "lm2596s5.0"),
        ("5576ХС4Т\u00a0", "5576XC4T"),
    ],
)
def test_spellings_of_one_part_match(one, other):
    assert matching_key(one) == matching_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LM2596S-5.0", "LM2596S-50"),
        ("BC847/2", "BC8472"),
        ("74HC0", "74HCO"),
        ("К1З4", "К134"),
        ("КБ1", "К61"),
        ("AD8,5", "AD85"),
    ],
)
def test_different_parts_do_not_match(one, other):
    assert matching_key(one) != matching_key(other)


@given(st.text())
def test_a_matching_key_is_stable(text):
    assert matching_key(matching_key(text)) == matching_key(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("АО «ПКК Миландр»", "ПКК МИЛАНДР, АО"),
        ('ООО "Ангстрем"', "Ангстрем"),
        ("Texas Instruments Inc.", "TEXAS INSTRUMENTS"),
        ("Murata Manufacturing Co., Ltd.", "Murata Manufacturing"),
        ("Акционерное общество «НИИЭТ»", "ао нииэт"),
        ("Публичное акционерное общество «Микрон»", "ПАО Микрон"),
        ("Общество с ограниченной ответственностью «Лиотех»", "О.О.О. Лиотех"),
        ("ЗАО «Зелёный Град»", "зеленый град"),
    ],
)
def test_spellings_of_one_manufacturer(one, other):
    assert manufacturer_key(one) == manufacturer_key(other) != ""


def test_manufacturers_are_not_joined_by_what_is_in_the_middle():
    assert manufacturer_key("Ангстрем-Т") != manufacturer_key("Ангстрем")
    assert manufacturer_key("АО") == "ао"


def test_names_of_generic_products():
    assert name_key("Кабель  «Витая пара».") == name_key("кабель витая пара")
    assert name_key("Резистор 0,1 Ом") != name_key("Резистор 01 Ом")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("12345", "length"),
        ("77O1234567", "length"),
        ("500100732259", "length"),
        ("00000 00000", "zeros"),
        (INN[:9] + str((int(INN[9]) + 1) % 10), "checksum"),
    ],
)
def test_what_is_wrong_with_an_inn_is_named(text, problem):
    assert inn_problem(text) == problem
