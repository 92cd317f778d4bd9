"""For each rule across answers a good world and the smallest change of it that breaks that rule alone.

A world is what an agency answers now, what it answered before, and what others answer: its parent, its children,
strangers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from include.city_order.vocabulary import MOSCOW
from tests.rules.cases import HEADINGS, LINES, Agency

Line = dict[str, str]


class Survey(NamedTuple):
    """A survey of the worlds, and when they answer it."""

    name: str
    closes: str
    years: tuple[int, ...]

    @property
    def answered_at(self) -> datetime:
        return datetime.fromisoformat(f"{self.closes}T12:00").replace(tzinfo=MOSCOW)


#: From the oldest on. The oldest shares no year with the last.
OLDEST = Survey("oldest", "2019-11-11", (2026,))
BEFORE = Survey("before", "2020-11-11", (2026, 2027, 2028))
NOW = Survey("now", "2021-11-11", (2027, 2028, 2029))
SURVEYS = (OLDEST, BEFORE, NOW)

NIL_RETURN = "Потребность отсутствует"

#: The line under the headings of a text form.
FIRST_LINE = 2


def line(*quantities: int, **more: str) -> Line:
    """A line that asks for these quantities, year by year. `{part}` is a part number that the world has for itself."""
    return {"quantities": " ".join(map(str, quantities)), "part_number": "{part}", **more}


Lines = tuple[Line, ...]


@dataclass(frozen=True)
class World:
    """What is answered: now by the agency, and before by it, by what it was (`was`) and by what was merged into it.

    `stands` answered the same survey earlier, `beside` answers in the same night. A relative is called `parent` or
    `child…`; every other name is a stranger's.
    """

    now: Lines | str
    before: Lines = ()
    oldest: Lines = ()
    was: Mapping[str, Lines] = field(default_factory=dict)
    stands: Mapping[str, Lines] = field(default_factory=dict)
    beside: Mapping[str, Lines] = field(default_factory=dict)
    programme: str = "ecb"

    def agencies(self) -> list[str]:
        """The names of all that answer; the agency itself is ''."""
        return ["", *self.was, *self.stands, *self.beside]


@dataclass(frozen=True)
class Case:
    """A rule, told from others by its suite, field and notes; two worlds; where and with what the bad one breaks it."""

    suite: str
    rule_id: str
    field: str
    notes: str
    good: World
    bad: World
    cell: str = ""
    value: str = ""
    meant: str = ""
    expected: str = ""


def headings(programme: str, survey: Survey) -> dict[str, str]:
    """The form of a survey: field to heading, from column A on."""
    fixed = {name: text for name, text in HEADINGS[programme].items() if not name.startswith("demand_")}
    years = {f"demand_{year}": f"Потребность на {year} год" for year in survey.years}
    more = {"manufacturer": "Производитель", "unit_price_rub": "Цена за единицу, руб.", "comment": "Примечание"}
    return {**fixed, **years, **more}


def form(programme: str, survey: Survey, lines: Lines | str, part: str) -> bytes:
    """An answer as CSV: lines, or a text that stands alone."""
    laid = headings(programme, survey)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";")
    if isinstance(lines, str):
        writer.writerow([lines])
    else:
        writer.writerow(laid.values())
        for number, said in enumerate(lines, start=1):
            quantities = zip(survey.years, said["quantities"].split(), strict=True)
            whole = {
                **LINES[programme],
                "line_no": str(number),
                **{name: text.format(part=part) for name, text in said.items()},
                **{f"demand_{year}": quantity for year, quantity in quantities},
            }
            writer.writerow([whole.get(name, "") for name in laid])
    return buffer.getvalue().encode()


def cell(name: str, programme: str = "ecb", row: int = FIRST_LINE) -> str:
    """The address of a field in an answer of now."""
    return "ABCDEFGHIJKLMNOP"[list(headings(programme, NOW)).index(name)] + str(row)


_OTHER = line(1, 2, 3, part_number="{part}-2")
_PRICES = {f"stranger-{price}": (line(1, 2, 3, unit_price_rub=price),) for price in ("90", "95", "105", "110")}
_ONE_PRICE = {f"stranger-{number}": (line(1, 2, 3, unit_price_rub="100"),) for number in range(5)}
_PRICES_OF_ONE = tuple(
    line(1, 2, 3, unit_price_rub=price, used_in=price) for price in ("100", "101", "102", "103", "104", "200")
)


def _prices(own: str) -> World:
    return World(now=(line(1, 2, 3, unit_price_rub=own),), beside=_PRICES)


CASES: tuple[Case, ...] = (
    Case("across_item", "X01", "*",
         "More than so many times, or less than that part of, what the agency asked for in the last survey, and by at "
         "least the floor.",
         World(before=(line(7, 100, 100),), now=(line(301, 299, 0),)),
         World(before=(line(7, 100, 100),), now=(line(301, 300, 0),)),
         cell("demand_2027"), "301", "demand_2027",
         "в прошлом обследовании (ecb-before) за 2027–2028 годы: 200 шт, теперь 601"),
    Case("across_item", "X02", "unit",
         "A thousand times or a thousandth, give or take 2 %: a unit slip, told instead of X01.",
         World(before=(line(7, 10, 20),), now=(line(10, 20, 30),)),
         World(before=(line(7, 10, 20),), now=(line(10, 20, 30, unit="тыс. шт"),)),
         cell("unit"), "тыс. шт", "unit", "в прошлом обследовании (ecb-before) за 2027–2028 годы: 30 шт, теперь 30000"),
    Case("across_missing", "X03", "",
         "An item of the last survey is missing, and no remark names it. A line that was refused, or asks for nothing, "
         "names it too.",
         World(before=(line(0, 4, 5), _OTHER), now=(_OTHER,)),
         World(before=(line(0, 5, 5), _OTHER), now=(_OTHER,)),
         "", "Микроконтроллер {part}", "", "в прошлом обследовании (ecb-before) за 2027–2028 годы: 10 шт"),
    Case("across_answer", "X03", "", "A nil return after a large demand: told once, not for each item.",
         World(before=(line(1000, 50, 44), _OTHER), now=NIL_RETURN),
         World(before=(line(1000, 50, 45), _OTHER), now=NIL_RETURN),
         expected="в прошлом обследовании (ecb-before) за 2027–2028 годы: изделий 2"),
    Case("across_answer", "X05", "",
         "All years are equal, in nearly all lines that ask for anything. An unchanged copy of the last answer is told "
         "as that.",
         World(now=(line(200, 200, 201),)), World(now=(line(200, 200, 200),))),
    Case("across_answer", "X05", "",
         "An unchanged copy of the last survey: the same years ask for the same and new years for nothing, or column "
         "follows column.",
         World(before=(line(100, 200, 300),), now=(line(100, 200, 301),)),
         World(before=(line(100, 200, 300),), now=(line(100, 200, 300),)),
         expected="в прошлом обследовании (ecb-before) за 2027–2028 годы: изделий 1"),
    Case("across_kin", "X04", "item_name", "A line asks for the same as a subordinate's: double counting.",
         World(now=(line(20, 30, 0),), beside={"child": (line(20, 29, 1),)}),
         World(now=(line(20, 30, 0),), beside={"child": (line(20, 30, 0),)}),
         cell("item_name"), "Микроконтроллер", "item_name", "столько же: «Учреждение child» (квитанция № {receipt})"),
    Case("across_kin", "X04", "item_name",
         "A line asks for what the direct subordinates ask for in sum: double counting.",
         World(now=(line(50, 50, 0),), beside={"child-1": (line(20, 30, 0),)}, stands={"child-2": (line(30, 21, 0),)}),
         World(now=(line(50, 50, 0),), beside={"child-1": (line(20, 30, 0),)}, stands={"child-2": (line(30, 20, 0),)}),
         cell("item_name"), "Микроконтроллер", "item_name",
         "в сумме столько же: Учреждение child-1; Учреждение child-2"),
    Case("across_kin", "X04", "item_name",
         "A line asks for the same as an agency above whose answer stands: double counting, told to who came later.",
         World(now=(line(20, 30, 0),), stands={"parent": (line(20, 29, 1),)}),
         World(now=(line(20, 30, 0),), stands={"parent": (line(20, 30, 0),)}),
         cell("item_name"), "Микроконтроллер", "item_name", "столько же: «Учреждение parent» (квитанция № {receipt})"),
    Case("across_price", "X07", "unit_price_rub",
         "A price for one piece outside the product's median ± so many median deviations, where enough agencies "
         "state one. A unit slip (X02) is told as that.",
         _prices("155"), _prices("155,01"),
         cell("unit_price_rub"), "155,01", "unit_price_rub", "обычно 105 руб. за штуку"),
)  # fmt: skip

#: Worlds, and the rules that are told of in each, in their order: what they leave alone, and what they see through.
WORLDS: dict[str, tuple[World, list[str]]] = {
    "little_may_change_much": (World(before=(line(0, 1, 1),), now=(line(20, 31, 0),)), []),
    "at_the_floor_much_is_told": (World(before=(line(0, 1, 1),), now=(line(20, 32, 0),)), ["X01"]),
    "less_than_a_third": (World(before=(line(0, 100, 100),), now=(line(33, 33, 0),)), ["X01"]),
    "only_the_years_of_both_are_compared": (World(before=(line(9000, 10, 10),), now=(line(10, 11, 9000),)), []),
    "just_no_unit_slip": (World(before=(line(0, 100, 100),), now=(line(102_100, 102_100, 0),)), ["X01"]),
    "just_a_unit_slip": (World(before=(line(0, 100, 100),), now=(line(102_000, 101_999, 0),)), ["X02"]),
    "a_thousandth": (World(before=(line(0, 50_000, 50_000),), now=(line(50, 50, 0),)), ["X02"]),
    "a_unit_slip_of_shifted_columns": (World(before=(line(10, 20, 30),), now=(line(10_000, 20_000, 30_000),)), ["X02"]),
    "of_a_line_without_demand_only_that_is_told": (World(before=(line(0, 100, 100),), now=(line(0, 0, 0),)), ["L06"]),
    "an_item_may_stand_in_two_lines": (
        World(before=(line(0, 100, 100),), now=(line(50, 50, 0), line(50, 50, 0, used_in="Светофор"))), [],
    ),
    "another_maker_of_the_part_is_no_other_item": (
        World(before=(line(0, 100, 100),), now=(line(100, 101, 0, manufacturer="Неизвестный завод"),)), [],
    ),
    "a_remark_names_what_is_missing": (
        World(before=(line(0, 50, 50), _OTHER), now=({**_OTHER, "comment": "Вместо - {part}- больше не нужно"},)), [],
    ),
    "a_remark_about_something_else": (
        World(before=(line(0, 50, 50), _OTHER), now=({**_OTHER, "comment": "Больше не нужно"},)), ["X03"],
    ),
    "a_refused_line_names_its_item": (
        World(before=(line(0, 50, 50), _OTHER), now=(line(50, 50, 0, unit="ведро"), _OTHER)), ["L07"],
    ),
    "a_refused_battery_is_known_by_its_name": (
        World(
            programme="battery",
            before=(line(0, 50, 50), line(1, 2, 3, capacity_ah="7", item_name="Батарея малая")),
            now=(line(50, 50, 0, capacity_ah=""), line(2, 3, 4, capacity_ah="7", item_name="Батарея малая")),
        ),
        ["L12"],
    ),
    "of_many_missing_the_largest_are_told": (
        World(
            before=(*(line(0, 50, number, part_number=f"{{part}}-{number}") for number in range(3, 33)), _OTHER),
            now=(_OTHER,),
        ),
        ["X03"] * 20,
    ),
    "the_last_answer_counts_and_not_an_older_one": (
        World(oldest=(line(900),), before=(line(0, 100, 100),), now=(line(100, 101, 0),)), [],
    ),
    "without_a_year_in_common_the_average_counts": (World(oldest=(line(900),), now=(line(290, 300, 300),)), ["X01"]),
    "renamed": (World(was={"was": (line(0, 100, 100),)}, now=(line(601, 0, 0),)), ["X01"]),
    "merged": (
        World(was={"was": (line(0, 100, 100),)}, before=(line(0, 100, 100),), now=(line(601, 500, 0),)), [],
    ),
    "a_nil_return_after_little": (World(before=(line(0, 50, 49),), now=NIL_RETURN), []),
    "the_same_few_every_year": (World(now=(line(100, 100, 100),)), []),
    "flat_but_for_some": (
        World(now=(line(200, 200, 200), *(line(9, 9, 8, part_number=f"{{part}}-{number}") for number in (2, 3)))), [],
    ),
    "a_flat_copy_is_a_copy": (World(before=(line(200, 200, 200),), now=(line(200, 200, 200),)), ["X05"]),
    "a_copy_with_another_item_is_none": (
        World(before=(line(100, 200, 300),), now=(line(100, 200, 300), _OTHER)), [],
    ),
    "the_same_years_and_nothing_new": (World(before=(line(1, 300, 250),), now=(line(300, 250, 0),)), ["X05"]),
    "a_plan_that_goes_on_is_no_copy": (World(before=(line(1, 300, 250),), now=(line(300, 250, 200),)), []),
    "a_few_like_the_parents": (World(now=(line(20, 29, 0),), stands={"parent": (line(20, 29, 0),)}), []),
    "the_parent_is_told_where_both_answer": (World(now=(line(20, 30, 0),), beside={"parent": (line(20, 30, 0),)}), []),
    "strangers_may_need_the_same": (World(now=(line(20, 30, 0),), stands={"stranger": (line(20, 30, 0),)}), []),
    "prices_are_of_a_piece": (
        World(now=(line(1, 2, 3, unit="тыс. шт", unit_price_rub="100000"),), stands=_PRICES), [],
    ),
    "of_standing_answers_too": (World(now=(line(1, 2, 3, unit_price_rub="200"),), stands=_PRICES), ["X07"]),
    "an_agency_alone_sets_no_price": (World(now=_PRICES_OF_ONE), []),
    "too_few_prices": (
        World(now=(line(1, 2, 3, unit_price_rub="200"),), beside=dict(list(_PRICES.items())[1:])), [],
    ),
    "prices_that_hardly_differ": (World(now=(line(1, 2, 3, unit_price_rub="115"),), beside=_ONE_PRICE), []),
    "far_from_prices_that_hardly_differ": (
        World(now=(line(1, 2, 3, unit_price_rub="115,01"),), beside=_ONE_PRICE), ["X07"],
    ),
    "a_unit_slip_explains_its_price": (
        World(
            before=(line(0, 10, 20),), now=(line(10, 20, 30, unit="тыс. шт", unit_price_rub="100"),), beside=_PRICES,
        ),
        ["X02"],
    ),
}  # fmt: skip


def worlds() -> list[World]:
    """Every world once, those of the cases first; a world's number is its place here."""
    return [world for case in CASES for world in (case.good, case.bad)] + [world for world, _ in WORLDS.values()]


def number_of(case: Case, which: str) -> int:
    """The number of a case's world; `which` is `good` or `bad`."""
    return 2 * CASES.index(case) + (which == "bad")


def agency_of(number: int, name: str = "") -> Agency:
    """An agency of a world: ten at most."""
    return Agency(10 * number + worlds()[number].agencies().index(name))


def part_of(number: int) -> str:
    """The part that a world has for itself."""
    return f"АБВ{number:03d}"
