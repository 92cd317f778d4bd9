"""A recount in plain Python that goes line by line and knows no SQL; and what the warehouse has made of the same."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from include.city_order.vocabulary import DEMAND_YEARS, demand_field

DEMANDS = [demand_field(year) for year in DEMAND_YEARS]
PIECE = "796"

#: What an agency asks for: lines of text by the names of their fields, and the name of the product. A line has a
#: position of its own where lines before it were refused.
Answer = list[dict[str, Any]]


@dataclass(frozen=True)
class Terms:
    """What an order depends on besides the answers."""

    #: Each agency's direct subordinates; nobody is below itself.
    kin: Mapping[str, Collection[str]] = field(default_factory=dict)
    #: What one piece of a product holds.
    energy_kwh: Mapping[str, Decimal] = field(default_factory=dict)
    handled: str = "child_counts"


def everybody_below(agency: str, terms: Terms) -> Iterator[str]:
    """The agency's subordinates, theirs, and so on."""
    for child in terms.kin.get(agency, ()):
        yield child
        yield from everybody_below(child, terms)


def repeated(answers: Mapping[str, Answer], terms: Terms) -> dict[tuple[str, str, str, int], Decimal]:
    """What an agency asks for as one below it does, or as all its own subordinates do in sum, in pieces and every year.

    By product, agency, who is below it, and year; the pieces are those that the one below asks for.
    """
    asked: dict[tuple[str, str], dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for agency, answer in answers.items():
        for line in answer:
            for year in DEMAND_YEARS:
                if line["pieces_per_unit"] is not None and Decimal(line.get(demand_field(year)) or 0):
                    pieces = Decimal(line[demand_field(year)]) * Decimal(line["pieces_per_unit"])
                    asked[agency, line["product"]][year] += pieces
    found = {}
    for (agency, product), years in asked.items():
        in_sum: dict[int, Decimal] = defaultdict(Decimal)
        for child in terms.kin.get(agency, ()):
            for year, quantity in asked.get((child, product), {}).items():
                in_sum[year] += quantity
        for relative in everybody_below(agency, terms):
            theirs = asked.get((relative, product), {})
            if theirs == years or (in_sum == years and relative in terms.kin[agency]):
                found.update({(product, agency, relative, year): pieces for year, pieces in theirs.items()})
    return found


def quartile(prices: list[Decimal], share: str) -> Decimal:
    """The first price, from below, up to which that share of them lies."""
    return sorted(prices)[math.ceil(len(prices) * Decimal(share)) - 1]


def shown_prices(prices: list[Decimal]) -> tuple[Any, ...]:
    """How many prices there are, their quartiles, and how far these lie apart."""
    lower, median, upper = (quartile(prices, share) for share in ("0.25", "0.5", "0.75"))
    return len(prices), lower, median, upper, _rounded((upper - lower) / median, "0.0001") if median else None


def recount(answers: Mapping[str, Answer], terms: Terms) -> dict[str, Any]:
    """What the order must be: order lines, exclusions, surplus and the rest by their keys."""
    order: dict[tuple[str, int], dict[str, Any]] = {}
    kinds: dict[tuple[str, int, str], Decimal] = defaultdict(Decimal)
    excluded: dict[tuple[str, int, int], tuple[str, str, str, Decimal]] = {}
    surplus: dict[tuple[str, str, str], Decimal] = {}
    prices: dict[str, list[Decimal]] = defaultdict(list)
    counted: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
    accepted: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
    twice = repeated(answers, terms)
    left_to_others = {(parent, product) for product, parent, _, _ in twice if terms.handled == "child_counts"}
    for agency, answer in answers.items():
        asked: dict[tuple[str, str], dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        in_hand: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for place, line in enumerate(answer, start=1):
            position, product = line.get("position", place), line["product"]
            way = line["pieces_per_unit"] is not None
            counts = not (way and (agency, product) in left_to_others)
            pieces = Decimal(line["pieces_per_unit"] or 1)
            unit = PIECE if way else line["unit"]
            if counts:
                stock = Decimal(line["stock"] or 0) + Decimal(line["contracted"] or 0)
                in_hand[product, unit] += stock * pieces
            for pair in line["outside_horizon"].split():
                year, _, quantity = pair.partition(":")
                if Decimal(quantity):
                    accepted[agency, unit, int(year)] += Decimal(quantity) * pieces
                    what = ("year_outside_horizon", product, unit, Decimal(quantity) * pieces)
                    excluded[agency, position, int(year)] = what
            has_demand = False
            for year in DEMAND_YEARS:
                typed = Decimal(line.get(demand_field(year)) or 0)
                if not typed:
                    continue
                has_demand = True
                accepted[agency, unit, year] += typed * pieces
                if not counts:
                    excluded[agency, position, year] = ("counted_by_subordinate", product, unit, typed * pieces)
                    continue
                asked[product, unit][year] += typed * pieces
                if not way:
                    excluded[agency, position, year] = ("no_way_to_pieces", product, unit, typed)
                    continue
                nothing = {"gross": Decimal(), "net": Decimal(), "priced": Decimal(), "amount": None, "lines": 0}
                figures = order.setdefault((product, year), {**nothing, "who": set()})
                figures["gross"] += typed * pieces
                counted[agency, product, year] += typed * pieces
                kinds[product, year, line["need_kind"] or "not_stated"] += typed * pieces
                figures["lines"] += 1
                figures["who"].add(agency)
                if line["unit_price_rub"] is not None:
                    kopecks = _rounded(typed * Decimal(line["unit_price_rub"]) * 100, "1")
                    figures["priced"] += typed * pieces
                    figures["amount"] = (figures["amount"] or 0) + kopecks
            if way and counts and has_demand and line["unit_price_rub"] is not None:
                prices[product].append(_rounded(Decimal(line["unit_price_rub"]) * 100 / pieces, "0.0001"))
        for (product, unit), left in in_hand.items():
            for year in DEMAND_YEARS:
                wanted = asked[product, unit][year]
                taken = min(wanted, left)
                left -= taken
                if wanted and unit == PIECE:
                    order[product, year]["net"] += wanted - taken
            if left:
                surplus[agency, product, unit] = left
    totals: dict[tuple[str, int], list[Decimal]] = defaultdict(lambda: [Decimal()] * 3)
    for (_, unit, year), quantity in accepted.items():
        totals[unit, year][0] += quantity
    for (_, year), figures in order.items():
        totals[PIECE, year][1] += figures["gross"]
    for (_, _, year), (_, _, unit, quantity) in excluded.items():
        totals[unit, year][2] += quantity
    energy = terms.energy_kwh
    return {
        "order": {
            (product, year): (
                figures["gross"],
                figures["net"],
                figures["gross"] * energy[product] if product in energy else None,
                figures["net"] * energy[product] if product in energy else None,
                figures["amount"],
                round(figures["priced"] / figures["gross"], 12),
                len(figures["who"]),
                figures["lines"],
            )
            for (product, year), figures in order.items()
        },
        "kinds": dict(kinds),
        "excluded": excluded,
        "surplus": surplus,
        "prices": {product: shown_prices(asked) for product, asked in prices.items()},
        "twice": {key: (quantity, terms.handled) for key, quantity in twice.items()},
        "totals": {key: tuple(sums) for key, sums in totals.items()},
        "accepted": dict(accepted),
        "counted": dict(counted),
    }


#: The rows of a release in a table of `city_order`, with the agency where a submission stands.
Rows = Callable[[str], list[dict[str, Any]]]


def _once(rows: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    """Rows by their keys: a row that stands twice would be seen as one."""
    listed = list(rows)
    found = dict(listed)
    assert len(found) == len(listed)
    return found


def built(rows: Rows, names: Mapping[str, str]) -> dict[str, Any]:
    """What the warehouse has made of it, by the same keys. `names` are the products' in the recount."""
    counted: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
    for row in rows("order_line_source"):
        counted[row["agency_code"], names[row["product_id"]], row["year"]] += row["gross_quantity"]
    return {
        "order": _once(
            (
                (names[row["product_id"]], row["year"]),
                (
                    row["gross_quantity"],
                    row["net_quantity"],
                    row["gross_energy_kwh"],
                    row["net_energy_kwh"],
                    row["amount_kopecks"],
                    round(row["priced_share"], 12),
                    row["agencies"],
                    row["lines"],
                ),
            )
            for row in rows("order_line")
        ),
        "kinds": _once(
            ((names[row["product_id"]], row["year"], row["need_kind"]), row["gross_quantity"])
            for row in rows("order_line_by_need_kind")
        ),
        "excluded": _once(
            (
                (row["agency_code"], row["line_position"], row["year"]),
                (row["reason"], names[row["product_id"]], row["unit"], row["quantity"]),
            )
            for row in rows("exclusion")
        ),
        "surplus": _once(
            ((row["agency_code"], names[row["product_id"]], row["unit"]), row["surplus_quantity"])
            for row in rows("surplus")
        ),
        "prices": _once(
            (
                names[row["product_id"]],
                (
                    row["prices"],
                    row["price_lower_kopecks"],
                    row["price_median_kopecks"],
                    row["price_upper_kopecks"],
                    row["price_spread"],
                ),
            )
            for row in rows("product")
            if row["prices"]
        ),
        "twice": _once(
            (
                (names[row["product_id"]], row["agency_code"], row["subordinate_code"], row["year"]),
                (row["gross_quantity"], row["handled"]),
            )
            for row in rows("double_counting")
        ),
        "totals": _once(
            (
                (row["unit"], row["year"]),
                (row["accepted_quantity"], row["ordered_quantity"], row["excluded_quantity"]),
            )
            for row in rows("release_total")
        ),
        "accepted": _once(
            ((row["agency_code"], row["unit"], row["year"]), row["quantity"]) for row in rows("submission_total")
        ),
        "counted": dict(counted),
    }


#: What counts of one agency: pieces, pieces less what it has in hand, kopecks, and pieces by kind of need.
Share = tuple[Decimal, Decimal, Decimal | None, Mapping[str, Decimal]]
NOTHING: Share = (Decimal(), Decimal(), None, {})


def shares(answers: Mapping[str, Answer], terms: Terms) -> dict[tuple[str, str, int], Share]:
    """What counts of each agency, by agency, product and year."""
    left_to_others = {
        (parent, product) for product, parent, _, _ in repeated(answers, terms) if terms.handled == "child_counts"
    }
    found: dict[tuple[str, str, int], Share] = {}
    for agency, answer in answers.items():
        for product in {line["product"] for line in answer}:
            lines = [line for line in answer if line["product"] == product and line["pieces_per_unit"] is not None]
            if (agency, product) in left_to_others:
                continue
            left = sum(
                (Decimal(line[field] or 0) * Decimal(line["pieces_per_unit"]) for line in lines
                 for field in ("stock", "contracted")), Decimal()
            )  # fmt: skip
            for year in DEMAND_YEARS:
                asked = [(line, Decimal(line.get(demand_field(year)) or 0)) for line in lines]
                kinds: dict[str, Decimal] = defaultdict(Decimal)
                for line, typed in asked:
                    if typed:
                        kinds[line["need_kind"] or "not_stated"] += typed * Decimal(line["pieces_per_unit"])
                gross = sum(kinds.values(), Decimal())
                taken = min(gross, left)
                left -= taken
                priced = [
                    _rounded(typed * Decimal(line["unit_price_rub"]) * 100, "1")
                    for line, typed in asked
                    if typed and line["unit_price_rub"] is not None
                ]
                if gross:
                    found[agency, product, year] = gross, gross - taken, sum(priced) if priced else None, kinds
    return found


#: What a release tells of a change: its cause; pieces, net pieces and kopecks, before and after; and how many pieces
#: are of another kind of need.
Change = tuple[Any, ...]


def changes(
    before: Mapping[tuple[str, str, int], Share] | None,
    after: Mapping[tuple[str, str, int], Share],
    stood: Mapping[str, Any],
    standing: Mapping[str, Any],
    *,
    empty: Iterable[str] = (),
    fallen: str = "withdrawal",
) -> dict[tuple[str, str, int], Change]:
    """What of each agency counts in another way than in the release before, and why; a first release has none.

    `stood` and `standing` name the answer of each agency that counted before, and that counts now; `empty` are the
    agencies that now ask for nothing. `fallen` is why an answer counts no more, and none in its place.
    """
    found = {}
    for key in {*before, *after} if before is not None else ():
        agency = key[0]
        old, new = (before or {}).get(key, NOTHING), after.get(key, NOTHING)
        if old == new:
            continue
        if standing.get(agency) == stood.get(agency):
            cause = "double_counting"
        elif agency not in stood:
            cause = "new_submission"
        elif agency not in standing:
            cause = fallen
        else:
            cause = "withdrawal" if agency in empty else "correction"
        more = [new[3].get(kind, Decimal()) - old[3].get(kind, Decimal()) for kind in {*old[3], *new[3]}]
        moved = min(sum(part for part in more if part > 0), -sum(part for part in more if part < 0))
        found[key] = (cause, old[0], new[0], old[1], new[1], old[2], new[2], moved)
    return found


def told_changes(rows: Rows, names: Mapping[str, str]) -> dict[tuple[str, str, int], Change]:
    """What a release says that it changes, by the same keys."""
    told = (
        "cause", "gross_before", "gross_after", "net_before", "net_after", "amount_before_kopecks",
        "amount_after_kopecks", "other_kind_quantity",
    )  # fmt: skip
    return _once(
        ((row["agency_code"], names[row["product_id"]], row["year"]), tuple(row[name] for name in told))
        for row in rows("release_change")
    )


def _rounded(number: Decimal, places: str) -> Decimal:
    return number.quantize(Decimal(places), ROUND_HALF_UP)
