"""The protection of single agencies: which groups are safe, and when a published figure may change."""

from __future__ import annotations

from decimal import Decimal

import pytest

from include.city_order.disclosure import Cell, CellKind, Protection, class_of, is_safe, step
from tests.publication.histories import GOODS, Publication, World, a_history

CHIP = ("chip", 2026)
OWN = Cell(CellKind.PRODUCT, "chip", 2026)
OTHERS = Cell(CellKind.CLASS, "26.11.30", 2026)


def safe(*values: int, least: int = 0, protection: Protection | None = None) -> bool:
    parts = [(f"agency-{number}", Decimal(value), Decimal(least)) for number, value in enumerate(values)]
    return is_safe(parts, protection or Protection())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), False),
        ((10,), False),
        ((10, 10), False),
        ((10, 10, 10), True),
        # The largest has more than 70 %.
        ((80, 15, 14), False),
        ((70, 16, 14), True),
        # The second largest knows its own: what is left must hide the largest.
        ((100, 95, 9), False),
        ((100, 95, 10), True),
    ],
)
def test_a_group_is_safe_if_it_is_large_and_nobody_dominates_it(values: tuple[int, ...], expected: bool):
    assert safe(*values) is expected


def test_what_everybody_knows_of_a_figure_hides_nobody():
    assert safe(1, 1, 1, least=0)
    assert not safe(1, 1, 1, least=1), "three agencies that ask for three pieces ask for one each"
    assert safe(20, 20, 3, least=1)
    assert not safe(20, 20, 2, least=1), "one of two pieces is known: the other is half of what has to be hidden"


def test_an_agency_counts_once_however_many_figures_it_has():
    parts = [("a", Decimal(10), Decimal(0)), ("a", Decimal(10), Decimal(0)), ("b", Decimal(10), Decimal(0))]
    assert not is_safe(parts, Protection())


def test_a_class_is_three_groups_of_a_code():
    assert class_of("26.11.30.000") == class_of("26.11.30") == "26.11.30"
    assert [class_of(code) for code in (None, "", "26.11", "26.11.3", "26")] == [None] * 5


def asked_by(world: World, **pieces: int) -> None:
    for agency, number in pieces.items():
        world.send(agency, {CHIP: number})


@pytest.fixture
def publication() -> Publication:
    """Three agencies ask for a chip, and it is shown."""
    publication = Publication(World())
    asked_by(publication.world, a=10, b=20, c=30)
    publication.publish()
    assert publication.totals() == {OWN: 60}
    return publication


def test_a_figure_stays_until_enough_agencies_changed(publication: Publication):
    world = publication.world
    asked_by(world, d=40)
    assert publication.publish().totals() == {OWN: 60}
    assert publication.last.waiting == {"chip"}
    asked_by(world, e=40)
    assert publication.publish().totals() == {OWN: 60}
    asked_by(world, f=40)
    assert publication.publish().totals() == {OWN: 180}
    assert publication.last.waiting == set()


def test_enough_agencies_must_change_in_a_figure_that_hides_each(publication: Publication):
    asked_by(publication.world, d=4000, e=1, f=1)
    assert publication.publish().totals() == {OWN: 60}


def test_a_correction_waits_for_others_and_those_who_stay_must_be_safe_too(publication: Publication):
    world = publication.world
    asked_by(world, a=11, b=21)
    assert publication.publish().totals() == {OWN: 60}
    asked_by(world, c=31)
    assert publication.publish().totals() == {OWN: 63}
    asked_by(world, d=10, e=20, f=30)
    assert publication.publish().totals() == {OWN: 123}
    # One of each block: neither may change.
    asked_by(world, a=1, d=1, e=1)
    assert publication.publish().totals() == {OWN: 123}
    # The second block as a whole, and the first still not.
    asked_by(world, f=1)
    assert publication.publish().totals() == {OWN: 123}, "three that ask for one piece each"
    asked_by(world, d=5, e=5, f=5)
    assert publication.publish().totals() == {OWN: 63 + 15}


def test_who_withdraws_is_shown_until_enough_others_changed(publication: Publication):
    world = publication.world
    asked_by(world, a=0)
    assert publication.publish().totals() == {OWN: 60}
    asked_by(world, b=0, c=0)
    assert publication.publish().totals() == {}
    assert publication.last.waiting == set()


def test_what_is_asked_for_by_few_is_shown_among_others_of_its_class():
    publication = Publication(World())
    world = publication.world
    world.send("a", {("chip", 2026): 10, ("diode", 2026): 5})
    world.send("b", {("diode", 2026): 10})
    world.send("c", {("reel", 2026): 10, ("relay", 2026): 10})
    assert publication.publish().totals() == {OTHERS: 35}
    assert publication.last.waiting == {"relay"}


def test_what_is_shown_among_others_does_not_leave_them():
    publication = Publication(World())
    world = publication.world
    world.send("a", {CHIP: 10})
    world.send("b", {("diode", 2026): 10})
    world.send("c", {("reel", 2026): 10})
    assert publication.publish().totals() == {OTHERS: 30}
    # By itself the chip is safe now. But without it the others are two: their sum would tell each of the other.
    asked_by(world, d=10, e=10)
    assert publication.publish().totals() == {OTHERS: 30}
    asked_by(world, f=10)
    assert publication.publish().totals() == {OTHERS: 60}


def test_what_is_read_in_another_way_changes_for_all_or_for_none(publication: Publication):
    world = publication.world
    world.measure_anew("chip", 10, ["a", "b"])
    assert publication.publish().totals() == {OWN: 60}
    world.measure_anew("chip", 10, ["c"])
    assert publication.publish().totals() == {OWN: 600}


def test_what_was_shown_under_another_name_comes_back_as_the_same_group(publication: Publication):
    world = publication.world
    world.send("d", {("diode", 2026): 12})
    world.rename("chip", "diode")
    assert publication.publish().totals() == {}, "first it leaves"
    publication.publish()
    diode = Cell(CellKind.PRODUCT, "diode", 2026)
    assert publication.totals() == {diode: 60}, "and d, alone, waits"
    assert publication.last.waiting == {"diode"}


def test_what_is_shown_does_not_depend_on_how_much_is_looked_at_anew():
    """A step that looks at the touched products alone, and at those that wait, shows what a look at all does."""
    for seed in range(12):
        publication = a_history(seed, releases=4)
        before, former = list(publication.shown), list(publication.former)
        waiting = set(publication.last.waiting)
        world = publication.world
        world.send("agency-1", {**world.asks("agency-1"), ("chip", 2026): 17})
        world.send("agency-2", {**world.asks("agency-2"), ("chip", 2026): 18})
        world.send("agency-3", {**world.asks("agency-3"), ("chip", 2026): 19})
        publication.publish()
        in_play = waiting | {"chip"}
        some = step(
            [part for part in before if part.cell.kind is CellKind.CLASS or part.asked.product_id in in_play],
            [figure.asked for figure in world.standing.values() if figure.asked.product_id in in_play],
            in_play,
            world.goods,
            former,
            first_block=1 + max((part.block for part in [*before, *former]), default=0),
        )
        assert some.leaving == publication.last.leaving
        assert some.entering == publication.last.entering
        assert some.waiting == publication.last.waiting


def test_the_classes_of_the_goods_are_as_the_tests_need_them():
    assert len({goods.okpd2_class for goods in GOODS.values()}) == 2
