"""A seeded sample of the bad nights, and what they are held against."""

from __future__ import annotations

import os
import signal
from decimal import Decimal
from pathlib import Path

import pytest

from tests.faults.__main__ import plan
from tests.faults.mutants import MUTANTS, Mutant
from tests.faults.night import Attempt, Fault, Run, finish, kill_myself
from tests.faults.recount import ECB, Registered, recount
from tests.faults.scenarios import SCENARIOS, may_mount, play
from tests.faults.world import Server, world

#: Seasons in which a mutant must have shown itself.
SEASONS = 3


@pytest.mark.slow
@pytest.mark.warehouse
@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "full database"])
def test_no_law_breaks(server: Server, tmp_path: Path, scenario: str) -> None:
    if scenario == "full archive" and not may_mount(tmp_path / "disk"):
        pytest.skip("this user may not mount a small disk")
    events = play(server, tmp_path / "world", scenario, seed=7, nights=2)
    assert events
    assert [event for event in events if event.complaints] == []


@pytest.mark.slow
@pytest.mark.warehouse
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mutant_is_caught(server: Server, tmp_path: Path, mutant: Mutant) -> None:
    for seed in range(1, SEASONS + 1):
        events = play(server, tmp_path / f"world {seed}", mutant.scenario, seed, 5, mutant)
        if any(event.complaints for event in events):
            return
    pytest.fail(f"{mutant.name}: not seen in {SEASONS} seasons of {mutant.scenario}")


@pytest.mark.slow
@pytest.mark.warehouse
def test_an_attempt_dies_at_the_point_that_was_named(server: Server, tmp_path: Path) -> None:
    with world(server, tmp_path / "world", seed=1) as here:
        here.next_night()
        run = Run()
        # The first point of all lies before the first statement of `receive`.
        attempt = Attempt(here, run, Fault(1, kill_myself))
        assert (attempt.wait(), attempt.trace.points, attempt.trace.place) == ("killed", 1, "before")
        assert run.step == "receive"
        assert here.select("select count(*) as receipts from landing.receipt") == [{"receipts": 0}]
        whole = Attempt(here, run)
        assert (whole.wait(), run.step) == ("done", "read")
        assert whole.trace.points > 20
        finish(here, run)
        assert here.complaints(at_rest=True) == []


@pytest.mark.slow
@pytest.mark.warehouse
def test_what_is_left_undone_is_complained_of(server: Server, tmp_path: Path) -> None:
    with world(server, tmp_path / "world", seed=2) as here:
        here.next_night()
        assert here.complaints(at_rest=True)
        run = Run()
        while run.step != "load":
            assert Attempt(here, run).wait() == "done"
        assert here.complaints(at_rest=False) == []
        assert any("no verdict" in complaint for complaint in here.complaints(at_rest=True))
        paused = Attempt(here, run, Fault(1, lambda: os.kill(os.getpid(), signal.SIGSTOP)))
        assert paused.wait() == "paused"
        paused.go_on()
        assert paused.wait() == "done"
        finish(here, run)
        assert here.complaints(at_rest=True) == []
        # The superuser's hand in the published order.
        here.server.execute(
            "alter table city_order.order_line_version disable trigger user;"
            " update city_order.order_line_version set gross_quantity = gross_quantity + 1",
            here.database,
        )
        assert any("quantity_equation" in complaint for complaint in here.complaints(at_rest=True))


def test_the_recount_counts_as_a_person_would() -> None:
    heading = ";".join(ECB.values())
    first = (
        f"{heading}\nМК;МС;ZQ1;26;упак;10;2;3;;15;2,5\nМК;МС;ZQ1;26;упак;10;2;3;;15;2,5\nМК;МС;ZQ2;26;ведро;;9;;;;\n"
    )
    second = f"{heading}\nМК;МС;ZQ1;26;шт;;5;;;;\nМК;МС;ZQ3;26;ед;;4;;;;\n"
    files = {"a": first.encode(), "b": second.encode("cp1251"), "c": b"PK\x03\x04"}
    receipts = [
        Registered(1, "s", "depot", (1,), "b"),
        Registered(2, "s", "depot", (2,), "a"),
        Registered(3, "s", "depot", (3,), "a"),
        Registered(4, "s", "depot", (4,), "c"),
        Registered(5, "s", "park", (5,), "b"),
        Registered(6, "s", "nobody", (6,), "b"),
        Registered(7, "t", "park", (7,), "b"),
    ]
    counted = recount(receipts, files.__getitem__, {"s"}, {"s": {"depot", "park"}})
    found = {
        number: (verdict.kind, verdict.accepted, verdict.superseded) for number, verdict in counted.verdicts.items()
    }
    assert found == {
        1: ("accepted", 0, 2),
        2: ("partly_accepted", 1, 0),
        3: ("duplicate", 0, 0),
        4: ("rejected", 0, 0),
        5: ("accepted", 2, 0),
        6: ("quarantined", 0, 0),
        7: ("quarantined", 0, 0),
    }
    # Of the depot's 20 and 30 pieces, 150 in stock leave nothing; 2 × 2.50 and 3 × 2.50 roubles. The park needs 5.
    assert counted.order["s"] == {
        (("ZQ1",), 2026): (Decimal(25), Decimal(5), Decimal(500), 2, 2),
        (("ZQ1",), 2027): (Decimal(30), Decimal(0), Decimal(750), 1, 1),
    }
    assert counted.excluded["s"] == {("park", ("ZQ3",), 2026): Decimal(4)}


def test_the_plan_has_every_scenario_and_no_season_twice() -> None:
    cases = plan()
    assert {case.scenario for case in cases} == set(SCENARIOS)
    assert len({case.name for case in cases}) == len(cases)
    # A night has up to two kills and one stop; some find their task over before.
    assert sum(case.nights for case in cases if case.scenario == "kills") >= 300
    assert sum(case.nights for case in cases if case.scenario == "database stops") >= 60
