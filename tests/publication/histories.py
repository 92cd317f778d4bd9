"""Histories of a survey in memory: what agencies ask for, release after release, and what is published of it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

from include.city_order.disclosure import Asked, Cell, Goods, Protection, Shown, Step, step
from tests.publication.attacker import Knowledge, Sum, Typed

GOODS = {"chip": Goods("26.11.30"), "diode": Goods("26.11.30"), "reel": Goods("26.11.30"), "relay": Goods("27.12.24")}


@dataclass(frozen=True)
class Figure:
    """A figure, and what the attacker knows of it: which typed figures it is made of, and how often each counts."""

    asked: Asked
    made_of: Sum


@dataclass
class World:
    """The figures that stand, by product, year and agency, and all that were ever typed."""

    goods: Mapping[str, Goods] = field(default_factory=lambda: GOODS)
    standing: dict[tuple[str, int, str, str], Figure] = field(default_factory=dict)
    truth: dict[Typed, Fraction] = field(default_factory=dict)
    agency_of: dict[Typed, str] = field(default_factory=dict)

    def send(self, agency: str, figures: Mapping[tuple[str, int], int]) -> None:
        """An agency's new file replaces its former one; what is said as before is the same figure."""
        before = self.figures(agency)
        asks = self.asks(agency)
        for place in before:
            del self.standing[place]
        for (product, year), pieces in figures.items():
            if asks.get((product, year)) == pieces:
                self.standing.update({place: same for place, same in before.items() if place[:2] == (product, year)})
            elif pieces:
                typed = len(self.truth)
                self.truth[typed] = Fraction(pieces)
                self.agency_of[typed] = agency
                asked = Asked(product, year, agency, str(typed), Decimal(pieces))
                self.standing[asked.place] = Figure(asked, {typed: Fraction(1)})

    def figures(self, agency: str) -> dict[tuple[str, int, str, str], Figure]:
        return {place: figure for place, figure in self.standing.items() if place[2] == agency}

    def restore(self, agency: str, figures: Mapping[tuple[str, int, str, str], Figure]) -> None:
        """An agency asks again for what it asked for before, or a release is rolled back: the same figures."""
        for place in self.figures(agency):
            del self.standing[place]
        self.standing.update(figures)

    def asks(self, agency: str) -> dict[tuple[str, int], int]:
        asks: dict[tuple[str, int], int] = defaultdict(int)
        for (product, year, _, _), figure in self.figures(agency).items():
            asks[product, year] += int(figure.asked.quantity)
        return dict(asks)

    def rename(self, product: str, into: str) -> None:
        """Two products turn out to be one, from the same files; who asked for both asks in two lines for it."""
        for place, figure in sorted(self.standing.items()):
            if place[0] == product:
                del self.standing[place]
                asked = replace(figure.asked, product_id=into)
                self.standing[asked.place] = replace(figure, asked=asked)

    def measure_anew(self, product: str, times: int, agencies: Collection[str]) -> None:
        """A pack turns out to hold more, from the same files."""
        for place, figure in list(self.standing.items()):
            if place[0] == product and place[2] in agencies:
                before = figure.asked
                asked = replace(before, quantity=before.quantity * times, least=before.least * times)
                self.standing[place] = Figure(asked, {typed: each * times for typed, each in figure.made_of.items()})


#: Given what is shown, what left, what is asked, and who is in play: what changes.
Publisher = Callable[[Sequence[Shown], Sequence[Shown], Sequence[Asked], Mapping[str, Goods], Protection, int], Step]


def by_blocks(
    shown: Sequence[Shown],
    former: Sequence[Shown],
    asked: Sequence[Asked],
    goods: Mapping[str, Goods],
    protection: Protection,
    first_block: int,
) -> Step:
    """The publisher of City Order."""
    in_play = {figure.product_id for figure in asked} | {part.asked.product_id for part in shown}
    return step(shown, asked, in_play, goods, former, protection, first_block)


def afresh(
    shown: Sequence[Shown],
    former: Sequence[Shown],
    asked: Sequence[Asked],
    goods: Mapping[str, Goods],
    protection: Protection,
    first_block: int,
) -> Step:
    """A publisher that forgets what it published before: each release by itself is safe."""
    made = by_blocks((), (), asked, goods, protection, first_block)
    return Step(leaving=list(shown), entering=made.entering)


def forgetting_what_left(
    shown: Sequence[Shown],
    former: Sequence[Shown],
    asked: Sequence[Asked],
    goods: Mapping[str, Goods],
    protection: Protection,
    first_block: int,
) -> Step:
    """A publisher that does not ask whether a figure has been shown before, under this name or another."""
    return by_blocks(shown, (), asked, goods, protection, first_block)


@dataclass
class Publication:
    """What is published of a world, release after release, and what the attacker makes of it."""

    world: World
    publisher: Publisher = by_blocks
    protection: Protection = field(default_factory=Protection)
    totals_of: Callable[[Publication], Iterable[Sum]] | None = None
    shown: list[Shown] = field(default_factory=list)
    former: list[Shown] = field(default_factory=list)
    releases: int = 0
    last: Step = field(default_factory=Step)
    figure_of: dict[Shown, Figure] = field(default_factory=dict)
    sums: list[Sum] = field(default_factory=list)

    def publish(self) -> Publication:
        self.releases += 1
        asked = [figure.asked for figure in self.world.standing.values()]
        first_block = 1 + max((part.block for part in [*self.shown, *self.former]), default=0)
        self.last = self.publisher(self.shown, self.former, asked, self.world.goods, self.protection, first_block)
        whose = {figure.whose for figure in asked}
        left = set(self.last.leaving)
        self.former += [
            replace(part, until=self.releases, is_gone=part.asked.whose not in whose) for part in self.last.leaving
        ]
        self.shown = [part for part in self.shown if part not in left] + self.last.entering
        for part in self.last.entering:
            self.figure_of[part] = self.world.standing[part.asked.place]
        self.sums += self.cells().values()
        if self.totals_of:
            self.sums += self.totals_of(self)
        return self

    def cells(self) -> dict[Cell, dict[Typed, Fraction]]:
        """Every published sum as the attacker knows it: which typed figure counts how often."""
        found: dict[Cell, dict[Typed, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for part in self.shown:
            figure = self.figure_of[part]
            goods = self.world.goods[part.asked.product_id]
            per_piece = Fraction(goods.per_piece) if part.cell.kind == "class" else Fraction(1)
            for typed, times in figure.made_of.items():
                found[part.cell][typed] += times * per_piece
        return {cell: dict(terms) for cell, terms in found.items()}

    def totals(self) -> dict[Cell, Decimal]:
        found: dict[Cell, Decimal] = defaultdict(Decimal)
        for part in self.shown:
            of_class = part.cell.kind == "class"
            per_piece = self.world.goods[part.asked.product_id].per_piece if of_class else Decimal(1)
            found[part.cell] += part.asked.quantity * per_piece
        return dict(found)

    def knowledge(self) -> Knowledge:
        in_sums = {name for terms in self.sums for name in terms}
        knowledge = Knowledge({name: self.world.truth[name] for name in sorted(in_sums)}, self.world.agency_of)
        knowledge.learn(self.sums)
        return knowledge


def every_class_total(publication: Publication) -> list[Sum]:
    """Totals of all that is asked for in a class, whatever is withheld: what secondary suppression prevents."""
    found: dict[tuple[str, int], dict[Typed, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for figure in publication.world.standing.values():
        goods = publication.world.goods[figure.asked.product_id]
        for typed, times in figure.made_of.items():
            found[goods.okpd2_class, figure.asked.year][typed] += times
    return [dict(terms) for terms in found.values()]


def a_history(seed: int, publisher: Publisher = by_blocks, releases: int = 7, agencies: int = 12) -> Publication:
    """A random history: new files, corrections, withdrawals, returns to what was, renamed and re-measured products."""
    chance = random.Random(seed)
    codes = [f"agency-{number}" for number in range(1, agencies + 1)]
    batteries = chance.random() < 0.3
    per_piece = {"chip": "0.7", "diode": "2.4", "reel": "0.05"} if batteries else {}
    goods = {name: Goods(each.okpd2_class, Decimal(per_piece.get(name, "1"))) for name, each in GOODS.items()}
    publication = Publication(World(goods), publisher)
    world = publication.world
    history: dict[str, list[dict[tuple[str, int, str, str], Figure]]] = defaultdict(list)
    years = (2026, 2027)
    spread = chance.choice([40, 200, 5000])

    def pieces() -> int:
        return chance.choice([1, 10, 20, chance.randrange(1, 40), chance.randrange(5, 40), chance.randrange(1, spread)])

    for release in range(releases):
        for code in chance.sample(codes, chance.choice([1, 2, 4, 6, agencies]) if release else agencies * 2 // 3):
            asks = world.asks(code)
            if asks:
                history[code].append(world.figures(code))
            what = chance.random()
            if what < 0.08:
                asks = {}
            elif what < 0.25 and history[code]:
                world.restore(code, chance.choice(history[code]))
                continue
            else:
                for product in chance.sample(["chip", "diode", "reel"], chance.randrange(1, 4)):
                    for year in years:
                        asks = {**asks, (product, year): pieces() if chance.random() < 0.8 else 0}
            world.send(code, asks)
        if release and chance.random() < 0.1:
            # A roll-back.
            for code in codes:
                if history[code]:
                    world.restore(code, history[code][-1])
        if chance.random() < 0.15:
            world.rename(*chance.sample(["chip", "diode", "reel"], 2))
        if chance.random() < 0.15:
            world.measure_anew(chance.choice(["chip", "diode"]), 10, chance.sample(codes, chance.choice([2, agencies])))
        publication.publish()
    return publication
