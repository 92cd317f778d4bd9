"""What of an order may be shown to everybody, so that nobody can work out what a single agency asks for.

Pure. A published figure is a sum over whole *blocks*: groups of agencies whose figures enter it together and leave it
together, each group safe by itself. So whatever is known about published figures of all releases, and about their
differences, stays true if the members of a block shift their figures among themselves; and how far they can is what
`is_safe` asks for. docs/decisions/ has the argument, and tests/publication/ the attacker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple


class CellKind(StrEnum):
    """What a published figure is about."""

    PRODUCT = "product"
    """A product in a year."""
    CLASS = "class"
    """The products of a class that have no figure of their own, together, in a year."""


class Cell(NamedTuple):
    """One published figure: `key` is a product's id or a class."""

    kind: CellKind
    key: str
    year: int


@dataclass(frozen=True)
class Protection:
    """When a group of agencies is safe.

    `agencies`: at least so many. `largest_share`: none has more of the sum than this. `rest_share`: what the sum holds
    beside any agency and any other that knows its own figure is at least this share of the first one's.
    """

    agencies: int = 3
    largest_share: Decimal = Decimal("0.7")
    rest_share: Decimal = Decimal("0.1")


@dataclass(frozen=True)
class Asked:
    """What a line of an agency's answer asks for of a product in a year, in pieces.

    `line` tells an agency's lines for a product and year apart by what they say, not by where they stand: a line that
    is said again is the same, and if its pieces change, it was read in another way. `least`: everybody may know that
    who asks at all asks for so many; one typed unit.
    """

    product_id: str
    year: int
    agency_code: str
    line: str
    quantity: Decimal
    least: Decimal = Decimal(1)

    @property
    def place(self) -> tuple[str, int, str, str]:
        """Which line it is, however it is read."""
        return self.product_id, self.year, self.agency_code, self.line

    @property
    def whose(self) -> tuple[str, int, str]:
        """Whose figure it is a part of."""
        return self.product_id, self.year, self.agency_code


@dataclass(frozen=True)
class Shown:
    """A line's part of a published figure, as it was when it entered, and the block with which it did.

    `until` is the release with which it left, None while it stands; `is_gone` if then nothing came in its place.
    """

    cell: Cell
    block: int
    asked: Asked
    until: int | None = None
    is_gone: bool = False


@dataclass(frozen=True)
class Goods:
    """A product as a class counts it: its class, if it has one, and how much one piece is in the unit of the class."""

    okpd2_class: str | None
    per_piece: Decimal = Decimal(1)


@dataclass
class Step:
    """What a release changes of what is shown. `waiting`: products of which something is asked that is not shown so."""

    leaving: list[Shown] = field(default_factory=list)
    entering: list[Shown] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)


class _Part(NamedTuple):
    """What one agency adds to a sum, and the least that everybody knows it adds."""

    agency_code: str
    value: Decimal
    least: Decimal


def is_safe(parts: Iterable[tuple[str, Decimal, Decimal]], protection: Protection) -> bool:
    """May the sum of these parts be known to everybody? A part is agency, value, and the least known of the value.

    The victim of an attack is any agency, the attacker any other, who knows its own figure.
    """
    values: dict[str, Decimal] = defaultdict(Decimal)
    movable: dict[str, Decimal] = defaultdict(Decimal)
    for agency_code, value, least in parts:
        values[agency_code] += value
        movable[agency_code] += value - least
    if len(values) < protection.agencies or max(values.values()) > protection.largest_share * sum(values.values()):
        return False
    all_movable = sum(movable.values())
    first, second = sorted(movable, key=lambda code: (-movable[code], code))[:2]
    for victim, value in values.items():
        attacker = second if victim == first else first
        if all_movable - movable[victim] - movable[attacker] < protection.rest_share * value:
            return False
    return True


def class_of(okpd2_code: str | None) -> str | None:
    """The class under which small figures are added up: a code's first three groups, `26.11.30`, or None."""
    groups = (okpd2_code or "").split(".")
    return ".".join(groups[:3]) if len(groups) >= 3 and all(len(group) == 2 for group in groups[:3]) else None


def step(
    shown: Iterable[Shown],
    asked: Iterable[Asked],
    in_play: Collection[str],
    goods: Mapping[str, Goods],
    former: Iterable[Shown] = (),
    protection: Protection | None = None,
    first_block: int = 1,
) -> Step:
    """What changes of what is shown, if this is asked for.

    `shown` are the standing parts of every cell in play: those of the products in play, and of the classes of these
    whole. `asked` is all that is asked for of the products in play. `goods` tells the classes of all of them; a product
    without one is shown by itself or not at all. `former` are groups that left, whole, as far as agencies in play were
    in them. New blocks are numbered from `first_block`.
    """
    return _Stepping(shown, asked, in_play, goods, former, protection or Protection(), first_block).result()


class _Stepping:
    """One step: first each product's own figure, then the classes' figures of what is left."""

    def __init__(
        self,
        shown: Iterable[Shown],
        asked: Iterable[Asked],
        in_play: Collection[str],
        goods: Mapping[str, Goods],
        former: Iterable[Shown],
        protection: Protection,
        first_block: int,
    ) -> None:
        self.in_play, self.goods, self.protection = in_play, goods, protection
        self.asked = {figure.place: figure for figure in asked}
        self.standing: dict[Cell, list[Shown]] = defaultdict(list)
        for part in sorted(shown, key=_order):
            self.standing[part.cell].append(part)
        self.next_block = first_block
        self.step = Step()
        # Ties: figures that the attacker knows to be what they were before, under this name or another.
        whose = {figure.whose for figure in self.asked.values()}
        self.groups: dict[tuple[Cell, int, int | None], list[Shown]] = defaultdict(list)
        self.said_before: dict[tuple[str, int, str, str], Shown] = {}
        self.said_elsewhere: dict[tuple[int, str, str | Decimal], Shown] = {}
        for part in sorted(former, key=lambda part: (part.until or 0, _order(part))):
            figure = part.asked
            self.groups[part.cell, part.block, part.until].append(part)
            self.said_before[figure.place] = part
            if part.is_gone:
                self.said_elsewhere |= dict.fromkeys(_names(figure), part)
        # What stands and is no longer asked for may be asked for under another name now.
        self.moving = {
            name: part
            for parts in self.standing.values()
            for part in parts
            if part.asked.product_id in in_play and part.asked.whose not in whose
            for name in _names(part.asked)
        }

    def result(self) -> Step:
        homes = {
            (part.asked.product_id, cell.year): cell
            for cell, parts in self.standing.items()
            for part in parts
            if part.asked.product_id in self.in_play
        }
        of_product: dict[tuple[str, int], list[Asked]] = defaultdict(list)
        for figure in sorted(self.asked.values(), key=lambda figure: figure.place):
            of_product[figure.product_id, figure.year].append(figure)
        in_class: dict[Cell, list[Asked]] = {cell: [] for cell in self.standing if cell.kind is CellKind.CLASS}
        for product_id, year in sorted({*homes, *of_product}):
            figures = of_product[product_id, year]
            home = homes.get((product_id, year), Cell(CellKind.PRODUCT, product_id, year))
            if home.kind is CellKind.PRODUCT and self._settle(home, figures):
                continue
            # Once shown among others, a product stays there: taking it out would tell what it was.
            goods = self.goods.get(product_id)
            if home.kind is CellKind.PRODUCT and not self.standing.get(home) and goods and goods.okpd2_class:
                home = Cell(CellKind.CLASS, goods.okpd2_class, year)
            if home.kind is CellKind.CLASS:
                in_class.setdefault(home, []).extend(figures)
        for cell in sorted(in_class):
            self._settle(cell, in_class[cell])
        self._look_who_waits()
        return self.step

    def _settle(self, cell: Cell, figures: Sequence[Asked]) -> bool:
        """Replace the blocks of a cell that may be replaced; is anything shown in it afterwards?"""
        change = _Change(self, cell, figures)
        for blocks, with_newcomers in change.options():
            if (found := change.made(blocks, with_newcomers)) is None:
                continue
            leaving, entering = found
            self.step.leaving += leaving
            left = set(leaving)
            self.standing[cell] = [part for part in self.standing[cell] if part not in left]
            for group in entering:
                block = [Shown(cell, self.next_block, figure) for figure in group]
                self.next_block += 1
                self.step.entering += block
                self.standing[cell] += block
            break
        return bool(self.standing[cell])

    def origin(self, figure: Asked) -> Shown | None:
        """What a figure is known to be the same as: something that was shown before, or that stands elsewhere."""
        by_text, by_pieces = _names(figure)
        return (
            self.moving.get(by_text)
            or self.moving.get(by_pieces)
            or self.said_before.get(figure.place)
            or self.said_elsewhere.get(by_text)
            or self.said_elsewhere.get(by_pieces)
        )

    def measure(self, cell: Cell, figure: Asked) -> Fraction:
        """How much a figure is in the unit of a cell."""
        return Fraction(figure.quantity) * Fraction(self._per_piece(cell, figure))

    def _per_piece(self, cell: Cell, figure: Asked) -> Decimal:
        return self.goods[figure.product_id].per_piece if cell.kind is CellKind.CLASS else Decimal(1)

    def is_safe(self, cell: Cell, figures: Iterable[Asked]) -> bool:
        """May the sum of these figures be known, in the unit of the cell?"""
        return is_safe(self._parts(cell, figures), self.protection)

    def _parts(self, cell: Cell, figures: Iterable[Asked]) -> Iterator[_Part]:
        for figure in figures:
            per_piece = self._per_piece(cell, figure)
            least = min(figure.quantity, figure.least)
            yield _Part(figure.agency_code, figure.quantity * per_piece, least * per_piece)

    def _look_who_waits(self) -> None:
        shown = {part.asked.place: part.asked for parts in self.standing.values() for part in parts}
        for place in {*self.asked, *(place for place in shown if place[0] in self.in_play)}:
            now, then = self.asked.get(place), shown.get(place)
            if now is None or then is None or now.quantity != then.quantity:
                self.step.waiting.add(place[0])


class _Change:
    """What of a cell may change, and what may come in its place."""

    def __init__(self, stepping: _Stepping, cell: Cell, figures: Sequence[Asked]) -> None:
        self.stepping, self.cell = stepping, cell
        asked = {figure.place: figure for figure in figures}
        standing = stepping.standing[cell]
        self.stale: dict[int, list[Shown]] = defaultdict(list)
        staying: dict[int, list[Shown]] = defaultdict(list)
        read_anew: dict[int, list[Asked]] = defaultdict(list)
        for part in standing:
            now = asked.get(part.asked.place)
            if part.asked.product_id not in stepping.in_play or (now and now.quantity == part.asked.quantity):
                staying[part.block].append(part)
                continue
            self.stale[part.block].append(part)
            if now:
                read_anew[part.block].append(now)
        self.replaceable = [
            block
            for block, stale in self.stale.items()
            if self._is_safe(stale)
            and (not staying[block] or self._is_safe(staying[block]))
            and self._is_read_in_one_way(stale, read_anew[block])
        ]
        self.read_anew = {block: read_anew[block] for block in self.replaceable if read_anew[block]}
        shown_places = {part.asked.place for part in standing}
        self.fresh: list[Asked] = []
        tied: dict[tuple[tuple[Cell, int, int | None], Fraction], list[tuple[Asked, Shown]]] = defaultdict(list)
        self.waiting: set[tuple[str, int, str]] = set()
        for place, figure in asked.items():
            if place in shown_places:
                continue
            origin = stepping.origin(figure)
            if origin is None:
                self.fresh.append(figure)
            elif origin.until is None:
                # It stands under another name still, and leaves first.
                self.waiting.add(figure.whose)
            else:
                factor = stepping.measure(cell, figure) / stepping.measure(origin.cell, origin.asked)
                tied[(origin.cell, origin.block, origin.until), factor].append((figure, origin))
        self.returning: list[list[Asked]] = []
        for (group, _), pairs in tied.items():
            again, before = [figure for figure, _ in pairs], {part for _, part in pairs}
            is_whole = len(again) == len(before) == len(stepping.groups[group])
            if is_whole and stepping.is_safe(cell, again):
                self.returning.append(again)
            else:
                self.waiting |= {figure.whose for figure in again}
        entrants = [*self.fresh, *(figure for again in self.returning for figure in again)]
        self.has_more = {figure.whose for figure in entrants} | self.waiting

    def options(self) -> Iterator[tuple[list[int], bool]]:
        """Which blocks to replace, and whether others come in with them, the most first; the last is nothing at all."""
        withdrawn = [
            block for block in self.replaceable if not self.has_more & {part.asked.whose for part in self.stale[block]}
        ]
        for blocks in (self.replaceable, withdrawn, []):
            yield blocks, True
            yield blocks, False

    def made(self, blocks: Collection[int], with_newcomers: bool) -> tuple[list[Shown], list[list[Asked]]] | None:
        """Who leaves and which groups enter if these blocks are replaced; None if that may not be.

        An agency's figure is never shown twice: what it says anew enters as what it said before leaves, or waits.
        """
        leaving = [part for block in blocks for part in self.stale[block]]
        replaced = {part.asked.whose for part in leaving}
        kept = {part.asked.whose for block, stale in self.stale.items() if block not in blocks for part in stale}
        kept |= self.waiting
        groups = [self.read_anew[block] for block in blocks if block in self.read_anew]
        for group in self.returning:
            if not kept & {figure.whose for figure in group}:
                groups.append(group)
            elif replaced & {figure.whose for figure in group}:
                return None
        fresh = [
            figure for figure in self.fresh if figure.whose not in kept and (with_newcomers or figure.whose in replaced)
        ]
        if replaced & kept or (fresh and not self.stepping.is_safe(self.cell, fresh)):
            return None
        return leaving, [*groups, *([fresh] if fresh else [])]

    def _is_safe(self, parts: Iterable[Shown]) -> bool:
        return self.stepping.is_safe(self.cell, [part.asked for part in parts])

    def _is_read_in_one_way(self, stale: Sequence[Shown], read_anew: Sequence[Asked]) -> bool:
        """What is read anew is tied to what was read before: all of a group by one factor, or the group stays."""
        if not read_anew:
            return True
        before = {part.asked.place: part.asked.quantity for part in stale}
        factors = {Fraction(figure.quantity) / Fraction(before[figure.place]) for figure in read_anew}
        return len(read_anew) == len(stale) and len(factors) == 1 and self.stepping.is_safe(self.cell, read_anew)


def _names(figure: Asked) -> tuple[tuple[int, str, str | Decimal], tuple[int, str, str | Decimal]]:
    """What a line is recognised by under another product: what it says, or the pieces that it asks for."""
    return (figure.year, figure.agency_code, figure.line), (figure.year, figure.agency_code, figure.quantity)


def _order(part: Shown) -> tuple[Cell, int, tuple[str, int, str, str]]:
    return part.cell, part.block, part.asked.place
