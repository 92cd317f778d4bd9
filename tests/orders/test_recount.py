"""The models against a recount in plain Python that goes line by line and knows no SQL, night after night."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from include.city_order import orders
from include.city_order.vocabulary import DEMAND_YEARS, demand_field

pytestmark = [pytest.mark.warehouse, pytest.mark.slow]

UNITS = (("796", "1"), ("798", "1000"), ("778", "2.5"), ("839", None))
DEMANDS = [demand_field(year) for year in DEMAND_YEARS]
COUNTER = itertools.count(5000)
PARENT, SUBORDINATES = "office", ("depot", "park")
AGENCIES = (PARENT, *SUBORDINATES, "clinic")
ENERGY = {"block": Decimal("0.0864"), "cell": Decimal("0.00032")}

Answer = list[dict[str, Any]]


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
        "need_kind": draw(st.sampled_from((None, "repair", "reserve"))),
        "stock": draw(numbers(20, 1)),
        "contracted": draw(numbers(20, 0)),
        "unit_price_rub": draw(numbers(9, 4)),
        **draw(st.dictionaries(st.sampled_from(DEMANDS), numbers(30, 2), min_size=1, max_size=6)),
        "outside_horizon": " ".join(f"{year}:{quantity}" for year, quantity in sorted(outside.items())),
    }


#: What an agency does of a night: it answers, its answer is withdrawn, or it repeats what another agency has answered.
ACTIONS = st.one_of(st.lists(lines(), max_size=4), st.none(), st.sampled_from(AGENCIES))
HISTORIES = st.lists(st.dictionaries(st.sampled_from(AGENCIES), ACTIONS, min_size=1), min_size=1, max_size=4)


def repeated(answers: dict[str, Answer]) -> set[str]:
    """Products for which the parent asks for what a subordinate asks for, in pieces, every year."""

    def asked(agency: str, product: str) -> list[Decimal]:
        return [
            sum(
                (
                    Decimal(line.get(field) or 0) * Decimal(line["pieces_per_unit"])
                    for line in answers.get(agency, ())
                    if line["product"] == product and line["pieces_per_unit"] is not None
                ),
                Decimal(),
            )
            for field in DEMANDS
        ]

    return {
        product
        for product in ("block", "cell", "other")
        if any(asked(PARENT, product)) and asked(PARENT, product) in [asked(child, product) for child in SUBORDINATES]
    }


def quartile(prices: list[Decimal], share: str) -> Decimal:
    """The first price, from below, up to which that share of them lies."""
    return sorted(prices)[math.ceil(len(prices) * Decimal(share)) - 1]


def recount(answers: dict[str, Answer]) -> dict[str, Any]:
    """What the order must be: order lines, exclusions, surplus and the rest by their keys."""
    order: dict[tuple[str, int], dict[str, Any]] = {}
    kinds: dict[tuple[str, int, str], Decimal] = defaultdict(Decimal)
    excluded: dict[tuple[str, int, int], tuple[str, str, str, Decimal]] = {}
    surplus: dict[tuple[str, str, str], Decimal] = {}
    prices: dict[str, list[Decimal]] = defaultdict(list)
    counted: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
    twice = repeated(answers)
    for agency, answer in answers.items():
        asked: dict[tuple[str, str], dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        in_hand: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for position, line in enumerate(answer, start=1):
            way = line["pieces_per_unit"] is not None
            counts = not (way and agency == PARENT and line["product"] in twice)
            pieces = Decimal(line["pieces_per_unit"] or 1)
            unit = "796" if way else line["unit"]
            if counts:
                stock = Decimal(line["stock"] or 0) + Decimal(line["contracted"] or 0)
                in_hand[line["product"], unit] += stock * pieces
            for pair in line["outside_horizon"].split():
                year, _, quantity = pair.partition(":")
                if Decimal(quantity):
                    what = ("year_outside_horizon", line["product"], unit, Decimal(quantity) * pieces)
                    excluded[agency, position, int(year)] = what
            has_demand = False
            for year in DEMAND_YEARS:
                typed = Decimal(line.get(demand_field(year)) or 0)
                if not typed:
                    continue
                has_demand = True
                if not counts:
                    excluded[agency, position, year] = (
                        "counted_by_subordinate", line["product"], unit, typed * pieces
                    )  # fmt: skip
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
                counted[agency, line["product"], year] += typed * pieces
                kinds[line["product"], year, line["need_kind"] or "not_stated"] += typed * pieces
                figures["lines"] += 1
                if agency not in figures["who"]:
                    figures["who"].append(agency)
                if line["unit_price_rub"] is not None:
                    kopecks = (typed * Decimal(line["unit_price_rub"]) * 100).quantize(Decimal(1), ROUND_HALF_UP)
                    figures["priced"] += typed * pieces
                    figures["amount"] = (figures["amount"] or 0) + kopecks
            if way and counts and has_demand and line["unit_price_rub"] is not None:
                price = Decimal(line["unit_price_rub"]) * 100 / pieces
                prices[line["product"]].append(price.quantize(Decimal("0.0001"), ROUND_HALF_UP))
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
                figures["gross"] * ENERGY[key[0]] if key[0] in ENERGY else None,
                figures["net"] * ENERGY[key[0]] if key[0] in ENERGY else None,
                figures["amount"],
                round(figures["priced"] / figures["gross"], 12),
                len(figures["who"]),
                figures["lines"],
            )
            for key, figures in order.items()
        },
        "kinds": dict(kinds),
        "excluded": excluded,
        "surplus": surplus,
        "prices": {
            product: (len(asked), *(quartile(asked, share) for share in ("0.25", "0.5", "0.75")))
            for product, asked in prices.items()
        },
        "counted": dict(counted),
    }


def built(desk: Any, release_id: int, names: dict[str, str]) -> dict[str, Any]:
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
        "kinds": {
            (names[row["product_id"]], row["year"], row["need_kind"]): row["gross_quantity"]
            for row in desk.rows("order_line_by_need_kind", release_id)
        },
        "excluded": {
            (row["agency_code"], row["line_position"], row["year"]): (
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
        "prices": {
            names[row["product_id"]]: (
                row["prices"],
                row["price_lower_kopecks"],
                row["price_median_kopecks"],
                row["price_upper_kopecks"],
            )
            for row in desk.rows("product", release_id)
            if row["prices"]
        },
        "counted": _traced(desk, release_id, names),
    }


def _traced(desk: Any, release_id: int, names: dict[str, str]) -> dict[tuple[str, str, int], Decimal]:
    """The order as its sources add up to it, agency by agency."""
    traced: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
    for row in desk.rows("order_line_source", release_id):
        traced[row["agency_code"], names[row["product_id"]], row["year"]] += row["gross_quantity"]
    return dict(traced)


def changes(
    before: dict[str, Any], after: dict[str, Any], standing: dict[str, int], stood: dict[str, int]
) -> dict[tuple[str, str, int], tuple[str, Decimal, Decimal]]:
    """What of each agency counts in another way than in the release before, and why."""
    found = {}
    for agency, product, year in {*before["counted"], *after["counted"]}:
        key = (agency, product, year)
        figures = [counted["counted"].get(key, Decimal()) for counted in (before, after)]
        if figures[0] == figures[1]:
            continue
        if standing.get(agency) == stood.get(agency):
            cause = "double_counting"
        elif agency not in stood:
            cause = "new_submission"
        else:
            cause = "correction" if agency in standing else "withdrawal"
        found[key] = (cause, *figures)
    return found


def _outcomes(desk: Any, survey: str) -> dict[str, Decimal]:
    """What accepted lines ask for, by where it ended up."""
    rows = desk.execute(
        "select outcome, sum(quantity) from city_order.line_outcome where survey_code = %s group by outcome", survey
    )
    return dict(rows)


# Without shrinking: each try is nights in a warehouse, and a failing history is short enough to read.
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
@given(history=HISTORIES)
def test_each_night_gives_the_order_that_a_recount_gives(desk: Any, history: list[dict[str, Any]]) -> None:
    """Whatever agencies send, correct and withdraw, in whatever order.

    A night that builds what changed builds what a build of all would, says what it changed, and leaves the releases
    before as they were.
    """
    # One warehouse serves all examples: each is a survey of its own.
    survey = desk.survey(f"battery-{next(COUNTER)}", programme="battery", years=DEMAND_YEARS)
    desk.family(PARENT, *SUBORDINATES)
    battery = {"programme": "battery", "chemistry": None, "battery_use": None}
    names = {
        desk.product("block", **battery, voltage_v="12", capacity_ah="7.2"): "block",
        desk.product("cell", **battery, voltage_v="3.2", capacity_ah="0.1"): "cell",
        desk.product("other", **battery): "other",
    }
    answers: dict[str, Answer] = {}
    standing: dict[str, int] = {}
    stood: dict[str, int] = {}
    last: dict[str, Any] | None = None
    published: dict[int, str] = {}
    for night in history:
        for agency, action in night.items():
            answer = answers.get(action, []) if isinstance(action, str) else action
            if answer is None:
                desk.withdraw(agency, survey)
                answers.pop(agency, None)
                standing.pop(agency, None)
            else:
                standing[agency] = desk.submit(agency, answer, survey_code=survey)
                answers[agency] = answer
        release_id = desk.build(survey)
        must_be = recount(answers)
        if release_id is None:
            assert last is None or last == must_be
            continue
        orders.audit(desk.dsns.builder, release_id)
        # Before it is published, and after, it is seen as a whole.
        assert built(desk, release_id, names) == must_be
        orders.publish(desk.dsns.builder, release_id)
        assert built(desk, release_id, names) == must_be
        told = {
            (row["agency_code"], names[row["product_id"]], row["year"]): (
                row["cause"], row["gross_before"], row["gross_after"],
            )
            for row in desk.rows("release_change", release_id)
        }  # fmt: skip
        assert told == (changes(last, must_be, standing, stood) if last else {})
        published[release_id] = desk.figures(release_id)
        last, stood = must_be, dict(standing)
    if published:
        assert orders.reconcile(desk.dsns.builder, survey) == {}
        outcomes = defaultdict(Decimal, _outcomes(desk, survey))
        assert outcomes.pop("order_line", 0) == sum(last["counted"].values())
        for _, reason, quantity in [(key, what[0], what[3]) for key, what in last["excluded"].items()]:
            outcomes[reason] -= quantity
        assert set(outcomes.values()) <= {0}
    recorded = desk.execute(
        "select release_id, figures_sha256 from city_order.release where survey_code = %s and status <> 'draft'", survey
    )
    assert dict(recorded) == published == {number: desk.figures(number) for number in published}
