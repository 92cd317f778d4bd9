"""The models against a recount in plain Python that goes line by line and knows no SQL."""

from __future__ import annotations

import itertools
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.city_order import orders
from include.city_order.vocabulary import DEMAND_YEARS, demand_field

pytestmark = pytest.mark.warehouse

UNITS = (("796", "1"), ("798", "1000"), ("778", "2.5"), ("839", None))
DEMANDS = [demand_field(year) for year in DEMAND_YEARS]
COUNTER = itertools.count(5000)


def numbers(highest: int, places: int) -> st.SearchStrategy[str | None]:
    amounts = st.decimals(0, highest, places=places).map(str)
    return st.one_of(st.none(), st.just("0"), amounts)


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    unit, pieces = draw(st.sampled_from(UNITS))
    outside = draw(st.dictionaries(st.sampled_from(("2025", "2036")), st.integers(0, 9), max_size=2))
    return {
        "product": draw(st.sampled_from(("block", "cell", "other"))),
        "unit": unit,
        "pieces_per_unit": pieces,
        "stock": draw(numbers(20, 1)),
        "contracted": draw(numbers(20, 0)),
        "unit_price_rub": draw(numbers(9, 4)),
        **draw(st.dictionaries(st.sampled_from(DEMANDS), numbers(30, 2), min_size=1, max_size=6)),
        "outside_horizon": " ".join(f"{year}:{quantity}" for year, quantity in sorted(outside.items())),
    }


ANSWERS = st.dictionaries(st.sampled_from(("depot", "park", "clinic")), st.lists(lines(), max_size=5), min_size=1)


def recount(answers: dict[str, list[dict[str, Any]]], energy: dict[str, Decimal]) -> dict[str, Any]:
    """What the order must be: order lines, exclusions and surplus by their keys."""
    order: dict[tuple[str, int], dict[str, Any]] = {}
    excluded: dict[tuple[str, int, int], tuple[str, str, str, Decimal]] = {}
    surplus: dict[tuple[str, str, str], Decimal] = {}
    for agency, answer in answers.items():
        asked: dict[tuple[str, str], dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        in_hand: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for position, line in enumerate(answer, start=1):
            way = line["pieces_per_unit"] is not None
            pieces = Decimal(line["pieces_per_unit"] or 1)
            unit = "796" if way else line["unit"]
            in_hand[line["product"], unit] += (Decimal(line["stock"] or 0) + Decimal(line["contracted"] or 0)) * pieces
            for pair in line["outside_horizon"].split():
                year, _, quantity = pair.partition(":")
                if Decimal(quantity):
                    what = ("year_outside_horizon", line["product"], unit, Decimal(quantity) * pieces)
                    excluded[agency, position, int(year)] = what
            for year in DEMAND_YEARS:
                typed = Decimal(line.get(demand_field(year)) or 0)
                if not typed:
                    continue
                asked[line["product"], unit][year] += typed * pieces
                if not way:
                    excluded[agency, position, year] = ("no_way_to_pieces", line["product"], unit, typed)
                    continue
                figures = order.setdefault(
                    (line["product"], year),
                    {"gross": Decimal(), "net": Decimal(), "priced": Decimal(), "amount": None, "who": [], "lines": 0},
                )
                figures["gross"] += typed * pieces
                figures["lines"] += 1
                if agency not in figures["who"]:
                    figures["who"].append(agency)
                if line["unit_price_rub"] is not None:
                    kopecks = (typed * Decimal(line["unit_price_rub"]) * 100).quantize(Decimal(1), ROUND_HALF_UP)
                    figures["priced"] += typed * pieces
                    figures["amount"] = (figures["amount"] or 0) + kopecks
        for (product, unit), left in in_hand.items():
            for year in DEMAND_YEARS:
                wanted = asked[product, unit][year]
                taken = min(wanted, left)
                left -= taken
                if wanted and unit == "796":
                    order[product, year]["net"] += wanted - taken
            if left:
                surplus[agency, product, unit] = left
    return {
        "order": {
            key: (
                figures["gross"],
                figures["net"],
                figures["gross"] * energy[key[0]] if key[0] in energy else None,
                figures["net"] * energy[key[0]] if key[0] in energy else None,
                figures["amount"],
                round(figures["priced"] / figures["gross"], 12),
                len(figures["who"]),
                figures["lines"],
            )
            for key, figures in order.items()
        },
        "excluded": excluded,
        "surplus": surplus,
    }


def built(desk: Any, release_id: int, submissions: dict[int, str], names: dict[str, str]) -> dict[str, Any]:
    """What the warehouse has made of it, by the same keys."""
    return {
        "order": {
            (names[row["product_id"]], row["year"]): (
                row["gross_quantity"],
                row["net_quantity"],
                row["gross_energy_kwh"],
                row["net_energy_kwh"],
                row["amount_kopecks"],
                round(row["priced_share"], 12),
                row["agencies"],
                row["lines"],
            )
            for row in desk.rows("order_line", release_id)
        },
        "excluded": {
            (submissions[row["submission_id"]], row["line_position"], row["year"]): (
                row["reason"],
                names[row["product_id"]],
                row["unit"],
                row["quantity"],
            )
            for row in desk.rows("exclusion", release_id)
        },
        "surplus": {
            (row["agency_code"], names[row["product_id"]], row["unit"]): row["surplus_quantity"]
            for row in desk.rows("surplus", release_id)
        },
    }


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=ANSWERS)
def test_the_order_is_what_a_recount_gives(desk: Any, answers: dict[str, list[dict[str, Any]]]) -> None:
    # One warehouse serves all examples: each is a survey of its own.
    survey = desk.survey(f"battery-{next(COUNTER)}", programme="battery", years=DEMAND_YEARS)
    battery = {"programme": "battery", "chemistry": None, "battery_use": None}
    names = {
        desk.product("block", **battery, voltage_v="12", capacity_ah="7.2"): "block",
        desk.product("cell", **battery, voltage_v="3.2", capacity_ah="0.1"): "cell",
        desk.product_id("other"): "other",
    }
    submissions = {desk.submit(agency, answer, survey_code=survey): agency for agency, answer in answers.items()}
    release_id = desk.build(survey)
    orders.audit(desk.dsns.builder, release_id)
    energy = {"block": Decimal("0.0864"), "cell": Decimal("0.00032")}
    assert built(desk, release_id, submissions, names) == recount(answers, energy)
