"""Which drop dates can be backfilled, and what Airflow is asked for them; what is told of a survey that is held."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from include.city_order import gate
from include.local_platform.home import PlatformError
from include.local_platform.rest import Airflow
from include.local_platform.runs import _tell_held, check_dates, check_start, drop_date_bounds

#: 00:59 and 01:00 in Moscow on 24 November: the drop date of the 23rd ends between them.
BEFORE_THE_NIGHT = datetime(2026, 11, 23, 21, 59, tzinfo=UTC)
IN_THE_NIGHT = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


def test_a_drop_date_can_be_repeated_as_soon_as_it_is_over() -> None:
    check_dates(date(2026, 11, 20), date(2026, 11, 23), now=IN_THE_NIGHT)
    with pytest.raises(PlatformError, match=r"2026-11-23 is not over.*Give TO=2026-11-22"):
        check_dates(date(2026, 11, 20), date(2026, 11, 23), now=BEFORE_THE_NIGHT)


@pytest.mark.parametrize(
    ("started", "earliest"),
    [
        (datetime(2026, 8, 31, 21, 0, tzinfo=UTC), date(2026, 9, 1)),  # midnight in Moscow
        (datetime(2026, 8, 31, 22, 0, tzinfo=UTC), date(2026, 9, 1)),  # the night itself
        (datetime(2026, 8, 31, 22, 1, tzinfo=UTC), date(2026, 9, 2)),
        (datetime(2026, 9, 1, 0, 0, tzinfo=UTC), date(2026, 9, 2)),
    ],
)
def test_the_first_drop_date_is_that_of_the_first_night_after_the_start(started: datetime, earliest: date) -> None:
    check_start(earliest, started=started)
    day_before = date.fromordinal(earliest.toordinal() - 1)
    with pytest.raises(PlatformError, match=f"Give FROM={earliest}"):
        check_start(day_before, started=started)


def test_dates_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(PlatformError, match="Exchange FROM and TO"):
        check_dates(date(2026, 11, 12), date(2026, 11, 11), now=IN_THE_NIGHT)


def test_the_bounds_hold_the_night_of_every_drop_date() -> None:
    bounds = drop_date_bounds(date(2026, 11, 10), date(2026, 11, 14))
    assert bounds == ("2026-11-10T00:00:00+03:00", "2026-11-14T23:59:00+03:00")


class _Ui:
    """What of a client tells where things are in the UI."""

    ui = "http://ui"
    link = Airflow.link


@pytest.mark.parametrize(
    ("asked_in_run", "told"),
    [
        ("run 1", "  Decide: http://ui/dags/approve_release/runs/run%201/tasks/ask/required_actions\n"),
        (None, "  No run of approve_release asks yet: http://ui/dags/approve_release\n"),
    ],
)
def test_a_survey_that_is_held_is_told_with_where_to_decide(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked_in_run: str | None, told: str
) -> None:
    waiting = [{"survey_code": "ecb-2027", "asked_in_run": asked_in_run}]
    monkeypatch.setattr(gate, "waiting", lambda _: waiting)
    held = {"ecb-2027": "Release 12 waits for approval.", "ecb-2026": "A brake is set."}
    _tell_held(_Ui(), "dsn", held, patience_s=0)
    said = capsys.readouterr().out
    assert f"\nHeld: ecb-2027. Release 12 waits for approval.\n{told}" in said
    assert "\nHeld: ecb-2026. A brake is set.\n\nAll questions: http://ui/required_actions?" in said
    waiting.clear()
    _tell_held(_Ui(), "dsn", {"ecb-2026": "A brake is set."}, patience_s=0)
    assert capsys.readouterr().out == "\nHeld: ecb-2026. A brake is set.\n"
