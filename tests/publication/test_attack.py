"""The attack on the published tier: every published sum of every release as linear constraints on agencies' figures."""

from __future__ import annotations

import ast
import inspect
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from include.city_order import disclosure
from include.city_order.disclosure import Asked, Goods, Protection, Shown, Step, is_safe
from tests.publication.attacker import Knowledge
from tests.publication.histories import (
    Figure,
    Publication,
    Publisher,
    World,
    a_history,
    afresh,
    by_blocks,
    every_class_total,
    forgetting_what_left,
)

CHIP = ("chip", 2026)


#: Histories that leaked while the rule lacked a part of what it has now.
LEAKED = (317, 330, 360, 424, 457, 464, 469, 896)


@pytest.mark.parametrize("seed", [*range(12), *LEAKED])
def test_no_figure_is_located_by_all_that_was_ever_published(seed: int):
    """Nor by an agency that knows all its own figures."""
    knowledge = a_history(seed).knowledge()
    for insider in (None, *sorted({knowledge.agency_of[name] for name in knowledge.truth})):
        assert knowledge.located(insider) == []


def test_the_histories_publish_much_and_change_it_often():
    """Otherwise the attack would find nothing for want of anything to look at."""
    histories = [a_history(seed) for seed in range(12)]
    assert sum(len(history.knowledge().sums) for history in histories) > 70
    assert sum(bool(history.former) for history in histories) >= 6


def test_a_publisher_that_forgets_gives_away_what_changed():
    knowledge = [a_history(seed, afresh).knowledge() for seed in range(3)]
    assert all(each.located() for each in knowledge)


# Each protection is switched off by itself, in a history that needs it: then the attacker finds something, and else
# nothing.


def asked(**pieces: int) -> Publication:
    publication = Publication(World())
    for agency, number in pieces.items():
        publication.world.send(agency, {CHIP: number})
    return publication


def test_a_rest_that_is_not_asked_for_is_a_leak():
    leaking = asked(a=100, b=95, c=6)
    leaking.protection = Protection(rest_share=Decimal(0))
    assert leaking.publish().knowledge().located("b")
    assert not asked(a=100, b=95, c=6).publish().knowledge().sums


def test_a_known_typed_unit_that_is_taken_for_unknown_is_a_leak():
    """Everybody knows that who asks for a chip asks for one: six who ask for one hide nobody."""
    leaking = asked(a=12, b=1, c=1, d=1, e=1, f=1, g=1)
    leaking.publisher = without_known_units
    assert leaking.publish().knowledge().located()
    assert not asked(a=12, b=1, c=1, d=1, e=1, f=1, g=1).publish().knowledge().sums


def without_known_units(
    shown: Sequence[Shown],
    former: Sequence[Shown],
    asked: Sequence[Asked],
    goods: Mapping[str, Goods],
    protection: Protection,
    first_block: int,
) -> Step:
    return by_blocks(shown, former, [replace(each, least=Decimal(0)) for each in asked], goods, protection, first_block)


# `agencies` and `largest_share` have no such history, and none can exist to within ±10 %: `rest_share` covers them,
# which is 0.1 at least, in a survey's YAML and in the warehouse. Every sum must hold something beside any two
# agencies, so it has three. And what it holds beside an agency and any other that knows itself is 10 % of the first,
# so nobody is told to within 10 %. The two ask for more than that: for more than three agencies, where a survey wants
# them; and that the largest may be about 40 % larger, for all that those can tell who ask for nothing.


@pytest.mark.parametrize("seed", range(20))
def test_where_a_rest_is_asked_for_there_are_three_agencies(seed: int):
    chance = random.Random(seed)
    for _ in range(200):
        pieces = [chance.choice([1, 2, 10, chance.randrange(1, 5000)]) for _ in range(chance.randrange(2, 6))]
        parts = [(f"agency-{place}", Decimal(each), Decimal(1)) for place, each in enumerate(pieces)]
        assert is_safe(parts, Protection(agencies=1)) == is_safe(parts, Protection())


def test_where_a_rest_is_asked_for_who_dominates_is_told_more_nearly_but_not_to_10_percent():
    dominated = {"a": 1000, "b": 80, "c": 80, "d": 80}
    leaking = asked(**dominated)
    leaking.protection = Protection(largest_share=Decimal(1))
    knowledge = leaking.publish().knowledge()
    assert knowledge.sums
    assert not any(knowledge.located(insider) for insider in (None, *dominated))
    assert knowledge.located(within=0.4)
    assert not asked(**dominated).publish().knowledge().sums
    just_not = asked(a=1000, b=150, c=150, d=150).publish().knowledge()
    assert just_not.sums
    assert not just_not.located(within=0.4)


def test_two_agencies_are_told_if_nothing_is_asked_for_beside_them():
    """Both protections have to be off for that; either keeps them by itself."""
    leaking = asked(a=50, b=50)
    leaking.protection = Protection(agencies=2, rest_share=Decimal(0))
    assert leaking.publish().knowledge().located("b")
    for protection in (Protection(agencies=2), Protection(rest_share=Decimal(0))):
        history = asked(a=50, b=50)
        history.protection = protection
        assert not history.publish().knowledge().sums


def follow(publisher: Publisher, publication: Publication, *nights: Callable[[World], None]) -> Knowledge:
    publication.publisher = publisher
    publication.publish()
    for night in nights:
        night(publication.world)
        publication.publish()
    return publication.knowledge()


def test_a_figure_that_is_not_frozen_is_a_leak():
    def one_more(world: World) -> None:
        world.send("d", {CHIP: 25})

    def one_corrects(world: World) -> None:
        world.send("a", {CHIP: 0})

    for night in (one_more, one_corrects):
        assert follow(afresh, asked(a=10, b=20, c=30, e=40), night).located()
        assert not follow(by_blocks, asked(a=10, b=20, c=30, e=40), night).located()


def test_a_total_of_all_is_a_leak_if_one_product_is_withheld():
    """Secondary suppression: a total is published only if what it holds beyond the listed products is safe."""

    def history() -> Publication:
        publication = asked(a=10, b=20, c=30)
        publication.world.send("d", {("diode", 2026): 77})
        return publication

    leaking = history()
    leaking.totals_of = every_class_total
    assert leaking.publish().knowledge().located()
    protected = history().publish()
    assert len(protected.knowledge().sums) == 1
    assert not protected.knowledge().located()


def test_a_product_that_moves_out_of_the_others_is_a_leak():
    def history() -> Publication:
        publication = Publication(World())
        world = publication.world
        world.send("a", {CHIP: 30})
        world.send("b", {CHIP: 30})
        for agency in "cde":
            world.send(agency, {("diode" if agency == "c" else "reel", 2026): 20})
        return publication

    def a_third(world: World) -> None:
        world.send("f", {CHIP: 25})

    assert follow(afresh, history(), a_third).located()
    assert not follow(by_blocks, history(), a_third).located()


def test_a_product_that_is_renamed_is_a_leak_if_nobody_remembers():
    def rename(world: World) -> None:
        world.send("d", {("diode", 2026): 12})
        world.send("e", {("diode", 2026): 1})
        world.rename("chip", "diode")

    def nothing_more(world: World) -> None:
        pass

    nights = (rename, nothing_more, nothing_more)
    assert follow(forgetting_what_left, asked(a=10, b=20, c=30), *nights).located("e")
    assert not follow(by_blocks, asked(a=10, b=20, c=30), *nights).located("e")


def test_an_answer_that_comes_back_is_a_leak_if_nobody_remembers():
    """All correct, and then two of them go back to what they said: with a new one, a second sum of old figures."""

    def correct(world: World) -> None:
        for number, agency in enumerate("abc"):
            world.before[agency] = world.figures(agency)  # type: ignore[attr-defined]
            world.send(agency, {CHIP: 11 + number})

    def go_back(world: World) -> None:
        for agency in "ab":
            world.restore(agency, world.before[agency])  # type: ignore[attr-defined]
        world.send("c", {CHIP: 28})

    def history() -> Publication:
        publication = asked(a=10, b=20, c=30)
        publication.world.before = {}  # type: ignore[attr-defined]
        return publication

    leaking = follow(forgetting_what_left, history(), correct, go_back)
    protected = follow(by_blocks, history(), correct, go_back)
    assert len(leaking.sums) == 3
    assert len(protected.sums) == 2
    assert not any(protected.located(insider) for insider in (None, *"abc"))


def test_packs_that_are_read_anew_are_a_leak_if_not_all_are():
    """Two of three are read as ten times as much: two equations, and the third is their difference."""

    def read_anew(world: World) -> None:
        world.measure_anew("chip", 10, ["a", "b"])

    assert follow(afresh, asked(a=10, b=20, c=30), read_anew).located()
    assert not follow(by_blocks, asked(a=10, b=20, c=30), read_anew).located()


# Releases after one another. Each line of the rule that keeps blocks whole is taken out by itself.


def sending(**pieces: int) -> Callable[[World], None]:
    """Agencies send what they ask for now, 0 if nothing."""

    def night(world: World) -> None:
        for agency, number in pieces.items():
            world.send(agency, {CHIP: number})

    return night


def going_back(agencies: str, *, gone: str) -> Callable[[World], None]:
    """Agencies ask again for what they asked for first; others ask for nothing."""

    def night(world: World) -> None:
        for agency in agencies:
            first = min(typed for typed, whose in world.agency_of.items() if whose == agency)
            figure = Asked(*CHIP, agency, str(first), Decimal(int(world.truth[first])))
            world.restore(agency, {figure.place: Figure(figure, {first: Fraction(1)})})
        for agency in gone:
            world.send(agency, {})

    return night


def reading_anew(world: World) -> None:
    """Packs of three hold ten times as much, the fourth's twice."""
    world.measure_anew("chip", 10, "abc")
    world.measure_anew("chip", 2, "d")


def renaming(world: World) -> None:
    """Chips turn out to be diodes, for which two ask."""
    world.send("d", {("diode", 2026): 12})
    world.send("e", {("diode", 2026): 1})
    world.rename("chip", "diode")


def nothing(world: World) -> None:
    pass


def two_among_others() -> Publication:
    """Chips of two, shown with what three others ask for of their class, and two of these ask for a piece each."""
    publication = asked(a=60, b=60)
    for agency, pieces in (("c", 58), ("d", 1), ("e", 1)):
        publication.world.send(agency, {("diode", 2026): pieces})
    return publication


@pytest.mark.parametrize(
    ("line", "instead", "history", "nights", "insider"),
    [
        pytest.param(
            "if self._is_safe(stale)", "if True", lambda: asked(a=10, b=20, c=30, d=40), [sending(a=0)], None,
            id="who leaves is safe",
        ),
        pytest.param(
            "and (not staying[block] or self._is_safe(staying[block]))", "",
            lambda: asked(a=10, b=20, c=30, d=40), [sending(a=0, b=0, c=0)], None,
            id="who stays is safe",
        ),
        pytest.param(
            "or (fresh and (not self.stepping.is_safe(self.cell, fresh)))", "",
            lambda: asked(a=10, b=20, c=30), [sending(d=40)], None,
            id="who comes in is safe",
        ),
        pytest.param(
            "and self._is_read_in_one_way(stale, read_anew[block])", "",
            lambda: asked(a=10, b=20, c=30, d=40), [reading_anew], None,
            id="what is read anew is read in one way",
        ),
        pytest.param(
            "or self.said_before.get(figure.place)", "",
            lambda: asked(a=10, b=20, c=30, d=40),
            [sending(a=11, b=21, c=31, d=41), going_back("abc", gone="d")], None,
            id="what comes back is known",
        ),
        pytest.param(
            "len(again) == len(before) == len(stepping.groups[group])", "True",
            lambda: asked(a=10, b=20, c=30, d=40),
            [sending(a=11, b=21, c=31, d=41), going_back("abc", gone="d")], None,
            id="what comes back is whole",
        ),
        pytest.param(
            "self.moving.get(by_text) or self.moving.get(by_pieces) or ", "",
            lambda: asked(a=10, b=20, c=30), [renaming], "e",
            id="what moves is known",
        ),
        pytest.param(
            "or self.said_elsewhere.get(by_text) or self.said_elsewhere.get(by_pieces)", "",
            lambda: asked(a=10, b=20, c=30), [renaming, nothing], "e",
            id="what moved is known",
        ),
        pytest.param(
            "home = homes.get((product_id, year), Cell(CellKind.PRODUCT, product_id, year))",
            "home = Cell(CellKind.PRODUCT, product_id, year)",
            two_among_others, [sending(f=25)], "f",
            id="what is shown among others stays there",
        ),
    ],
)  # fmt: skip
def test_every_line_that_keeps_blocks_whole_hides_something(
    line: str,
    instead: str,
    history: Callable[[], Publication],
    nights: Sequence[Callable[[World], None]],
    insider: str | None,
):
    assert follow(without(line, instead), history(), *nights).located(insider)
    protected = follow(by_blocks, history(), *nights)
    assert protected.sums
    assert not any(protected.located(each) for each in (None, *"abcdef"))


def without(line: str, instead: str) -> Publisher:
    """The publisher of City Order with a part of a line of its rule replaced."""
    parts = (disclosure._Change, disclosure._Stepping, disclosure.step)
    # Each statement on one line, whatever the formatter made of it.
    source = "\n".join(ast.unparse(ast.parse(inspect.getsource(part))) for part in parts)
    assert source.count(line) == 1, "the rule reads otherwise now: say here what to take out"
    names = dict(vars(disclosure))
    exec(source.replace(line, instead), names)

    def publisher(
        shown: Sequence[Shown],
        former: Sequence[Shown],
        asked: Sequence[Asked],
        goods: Mapping[str, Goods],
        protection: Protection,
        first_block: int,
    ) -> Step:
        in_play = {figure.product_id for figure in asked} | {part.asked.product_id for part in shown}
        return names["step"](shown, asked, in_play, goods, former, protection, first_block)

    return publisher
