"""The models against a recount in plain Python that goes line by line and knows no SQL, night after night."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from include.city_order import checks, orders
from include.city_order.vocabulary import DEMAND_YEARS

from .recounting import DEMANDS, Answer, Share, Terms, built, changes, recount, shares, told_changes

pytestmark = [pytest.mark.warehouse, pytest.mark.slow]

UNITS = (("796", "1"), ("798", "1000"), ("778", "2.5"), ("839", None))
COUNTER = itertools.count(5000)
KIN = {"office": ("depot", "park"), "depot": ("branch",)}
AGENCIES = ("office", "depot", "park", "branch", "clinic")
TERMS = Terms(KIN, {"block": Decimal("0.0864"), "cell": Decimal("0.00032")})


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


#: What an agency does of a night: it answers, its answer is withdrawn, or it repeats what others have answered: one of
#: them, or several.
OTHERS = st.one_of(st.sampled_from(AGENCIES).map(lambda agency: (agency,)), st.sampled_from([*KIN.values()]))
ANSWERS = st.lists(lines(), max_size=4)
ACTIONS = st.one_of(ANSWERS, st.none(), OTHERS)
#: In some nights an office sums up what its subordinates answer, or repeats a branch of one: by chance it seldom would.
NIGHTS = st.one_of(
    st.dictionaries(st.sampled_from(AGENCIES), ACTIONS, min_size=1),
    st.fixed_dictionaries({"depot": ANSWERS, "park": ANSWERS, "office": st.just(KIN["office"])}),
    st.fixed_dictionaries({"branch": ANSWERS, "depot": ACTIONS, "office": st.just(KIN["depot"])}),
)
HISTORIES = st.lists(NIGHTS, min_size=1, max_size=4)


def _outcomes(desk: Any, survey: str) -> dict[str, Decimal]:
    """What accepted lines ask for, by where it ended up."""
    rows = desk.execute(
        "select outcome, sum(quantity) from city_order.line_outcome where survey_code = %s group by outcome", survey
    )
    return dict(rows)


def _figures(found: dict[str, Any]) -> dict[str, Any]:
    """What of a recount a release is told by: if no more than who asks and where it stands is new, none is needed."""
    excluded: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for (agency, _, year), (*what, quantity) in found["excluded"].items():
        excluded[agency, year, *what] += quantity
    kept = {table: rows for table, rows in found.items() if table not in ("accepted", "counted")}
    return {**kept, "excluded": excluded}


def _ways_to_repeat(twice: dict[tuple[str, str, str, int], tuple[Decimal, str]]) -> Counter[str]:
    """Whom agencies repeat in a release: products of an agency, by how it is related to those who ask for the same."""
    asked: dict[tuple[str, str], dict[str, dict[int, Decimal]]] = defaultdict(lambda: defaultdict(dict))
    for (product, agency, below, year), (quantity, _) in twice.items():
        asked[product, agency][below][year] = quantity
    ways: Counter[str] = Counter()
    for (_, agency), answers in asked.items():
        direct = [years for below, years in answers.items() if below in KIN[agency]]
        ways["a direct subordinate"] += bool(direct)
        ways["one further below"] += len(answers) > len(direct)
        ways["several in sum"] += any(years != direct[0] for years in direct)
    return ways


@pytest.fixture
def ways_to_repeat() -> Iterator[Counter[str]]:
    """What the histories bring about: if one way hardly occurred, they would show little of it."""
    ways: Counter[str] = Counter()
    yield ways
    assert len(ways) == 3 and min(ways.values()) >= 5, ways


@pytest.fixture(autouse=True)
def without_rules_of_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations takes a fifth of a second a release, however small, and here are hundreds.

    What its rules find is tried in test_release_rules.py; here, the recount finds it.
    """
    monkeypatch.setattr(checks, "check_release", lambda *_: {})


# Without shrinking: each try is nights in a warehouse, and a failing history is short enough to read.
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
@given(history=HISTORIES)
def test_each_night_gives_the_order_that_a_recount_gives(
    desk: Any, ways_to_repeat: Counter[str], history: list[dict[str, Any]]
) -> None:
    """Whatever agencies send, correct and withdraw, in whatever order.

    A night that builds what changed builds what a build of all would, says what it changed, and leaves the releases
    before as they were.
    """
    # One warehouse serves all examples: each is a survey of its own.
    survey = desk.survey(f"battery-{next(COUNTER)}", programme="battery", years=DEMAND_YEARS)
    for parent, subordinates in KIN.items():
        desk.family(parent, *subordinates)
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
    counted: dict[tuple[str, str, int], Share] | None = None
    published: dict[int, str] = {}
    for night in history:
        for agency, action in night.items():
            answer = action
            if isinstance(action, tuple):
                answer = [line for other in action for line in answers.get(other, [])]
            if answer is None:
                desk.withdraw(agency, survey)
                answers.pop(agency, None)
                standing.pop(agency, None)
            else:
                standing[agency] = desk.submit(agency, answer, survey_code=survey)
                answers[agency] = answer
        release_id = desk.build(survey)
        must_be, count = recount(answers, TERMS), shares(answers, TERMS)
        if release_id is None:
            assert _figures(last) == _figures(must_be) if last else not standing
            continue
        orders.audit(desk.dsns.builder, release_id)
        # Before it is published, and after, it is seen as a whole.
        rows = partial(desk.rows, release_id=release_id)
        assert built(rows, names) == must_be
        orders.publish(desk.dsns.builder, release_id)
        assert built(rows, names) == must_be
        empty = [agency for agency, answer in answers.items() if not answer]
        assert told_changes(rows, names) == changes(counted, count, stood, standing, empty=empty)
        published[release_id] = desk.figures(release_id)
        ways_to_repeat += _ways_to_repeat(must_be["twice"])
        last, counted, stood = must_be, count, dict(standing)
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
