"""The limits are settings, and docs/reading.md says which, how large, and why."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from include.city_order import readings
from include.city_order.readings import INFECTED, STOPPED, UNREADABLE, Limits

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reading.md"


def test_without_settings_the_limits_are_the_usual_ones():
    assert Limits.from_environment({}) == Limits()
    assert Limits.from_environment({"CITY_ORDER_LIMIT_ROWS": "", "CITY_ORDER_HOME": "/x", "ROWS": "5"}) == Limits()


@pytest.mark.parametrize("name", [item.name for item in fields(Limits)])
def test_every_limit_can_be_set(name):
    limits = Limits.from_environment({f"CITY_ORDER_LIMIT_{name.upper()}": " 12_345 "})
    assert {item.name for item in fields(Limits) if getattr(limits, item.name) != getattr(Limits(), item.name)} == {
        name
    }
    assert getattr(limits, name) == 12_345


@pytest.mark.parametrize("value", ["0", "-5", "1.5", "many", "1e6", "١٢", "9" * 19, "9" * 5000, "5 rows"])
def test_a_value_that_is_none_is_told_with_its_setting(value):
    with pytest.raises(
        ValueError, match=r"CITY_ORDER_LIMIT_ROWS is '.*': give a whole number above zero, such as 200000"
    ):
        Limits.from_environment({"CITY_ORDER_LIMIT_ROWS": value})


def test_a_limit_that_there_is_not_is_told_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"CITY_ORDER_LIMIT_ROW sets no limit: .*CITY_ORDER_LIMIT_ROWS"):
        Limits.from_environment({"CITY_ORDER_LIMIT_ROW": "5"})


def test_limits_survive_the_pipe():
    limits = Limits.from_environment({"CITY_ORDER_LIMIT_COLUMNS": "7"})
    assert Limits.from_json(limits.to_json()) == limits


def test_the_page_has_the_limits_of_the_code():
    """Name, default and reason: the reason is the comment above the field."""
    source = Path(readings.__file__).read_text(encoding="utf-8")
    commented = re.findall(r"((?:    #:? .*\n)+)    (\w+): (?:int|float) = ", source.partition("class Limits")[2])
    reasons = {
        name: " ".join(line.strip().lstrip("#: ") for line in comment.splitlines()) for comment, name in commented
    }
    expected = [
        f"| `{item.name.upper()}` | {getattr(Limits(), item.name):_} | {reasons[item.name]} |"
        for item in fields(Limits)
    ]
    assert re.findall(r"^\| `[A-Z_]+` \|.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE) == expected


def test_the_page_names_every_reason():
    page = PAGE.read_text(encoding="utf-8")
    assert [code for code in (*UNREADABLE, *STOPPED, INFECTED) if f"`{code}`" not in page] == []
