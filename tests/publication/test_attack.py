"""The attack on the published tier: every published sum of every release as linear constraints on agencies' figures."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from include.city_order.disclosure import Protection
from tests.publication.attacker import Knowledge
from tests.publication.histories import (
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


# Each protection is switched off in a history that needs it: then the attacker finds something, and else nothing.


def two_agencies() -> Publication:
    return asked(a=50, b=50)


def one_that_dominates() -> Publication:
    return asked(a=1000, b=20, c=20, d=20)


def one_that_its_neighbour_knows() -> Publication:
    return asked(a=100, b=95, c=6)


def asked(**pieces: int) -> Publication:
    publication = Publication(World())
    for agency, number in pieces.items():
        publication.world.send(agency, {CHIP: number})
    return publication


@pytest.mark.parametrize(
    ("history", "without", "insider"),
    [
        pytest.param(two_agencies, Protection(agencies=1, rest_share=Decimal(0)), "b", id="contributors"),
        pytest.param(
            one_that_dominates, Protection(largest_share=Decimal(1), rest_share=Decimal(0)), None, id="dominance"
        ),
        pytest.param(one_that_its_neighbour_knows, Protection(rest_share=Decimal(0)), "b", id="the rest"),
    ],
)
def test_a_sum_that_is_unsafe_by_itself_is_a_leak(
    history: Callable[[], Publication], without: Protection, insider: str | None
):
    leaking = history()
    leaking.protection = without
    assert leaking.publish().knowledge().located(insider)
    assert not history().publish().knowledge().sums


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
