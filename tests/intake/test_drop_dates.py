"""When a drop arrived, which night it belongs to, and what a run is for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from include.city_order import drop_dates
from include.city_order.drop_dates import Night
from include.city_order.vocabulary import MOSCOW


def moscow(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MOSCOW)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-11 12:00", date(2026, 11, 11)),
        ("2026-11-11 23:59:59", date(2026, 11, 11)),
        ("2026-11-12 00:40", date(2026, 11, 11)),
        ("2026-11-12 00:59:59.999999", date(2026, 11, 11)),
        ("2026-11-12 01:00", date(2026, 11, 12)),
        ("2026-01-01 00:30", date(2025, 12, 31)),
    ],
)
def test_the_night_begins_at_one_in_moscow(moment: str, expected: date):
    assert drop_dates.drop_date(moscow(moment)) == expected
    assert drop_dates.drop_date(moscow(moment).astimezone(UTC)) == expected


def test_a_drop_date_is_the_moscow_date_on_which_the_interval_starts():
    start = datetime(2026, 11, 10, 22, 0, tzinfo=UTC)  # 01:00 on the 11th in Moscow
    assert drop_dates.drop_date(start) == date(2026, 11, 11)
    assert drop_dates.drop_date(start - timedelta(microseconds=1)) == date(2026, 11, 10)


NOW = moscow("2026-11-12 01:00")
LAST = moscow("2026-11-11 01:00")


@pytest.mark.parametrize(
    ("modified", "last_scan", "believed"),
    [
        ("2026-11-11 15:00", LAST, True),
        ("2026-11-11 01:00", LAST, True),
        ("2026-11-12 01:00", LAST, True),
        ("2026-11-11 00:59:59", LAST, False),
        ("2020-01-01 00:00", LAST, False),
        ("2026-11-12 01:00:01", LAST, False),
        ("2020-01-01 00:00", None, True),
        ("2026-11-12 01:00:01", None, False),
    ],
)
def test_a_modification_time_is_believed_between_two_scans(modified: str, last_scan: datetime | None, believed: bool):
    assert drop_dates.arrival(moscow(modified), last_scan, NOW) == (moscow(modified) if believed else NOW)


START, END = moscow("2026-11-11 01:00"), moscow("2026-11-12 01:00")
THIS_NIGHT = Night()
THAT_NIGHT = Night(date(2026, 11, 11))


@pytest.mark.parametrize(
    ("backfill", "interval", "now", "expected"),
    [
        pytest.param(False, (START, END), "2026-11-12 01:00:05", THIS_NIGHT, id="scheduled, on time"),
        pytest.param(False, (START, END), "2026-11-13 00:59:59", THIS_NIGHT, id="scheduled, hours late"),
        pytest.param(False, (START, END), "2026-11-13 01:00", THAT_NIGHT, id="of an earlier interval"),
        pytest.param(False, (None, None), "2026-11-12 15:00", THIS_NIGHT, id="by hand, no date"),
        pytest.param(True, (START, END), "2026-11-20 12:00", THAT_NIGHT, id="backfill"),
        pytest.param(True, (START, END), "2026-11-12 01:00:05", THAT_NIGHT, id="backfill of the latest interval"),
    ],
)
def test_what_a_run_is_for(backfill: bool, interval: tuple[datetime, datetime], now: str, expected: Night):
    start, end = interval
    found = drop_dates.night(backfill=backfill, interval_start=start, interval_end=end, now=moscow(now))
    assert found == expected
    assert found.receives == (expected is THIS_NIGHT)


def test_a_clock_that_was_set_back_makes_no_scan_earlier_than_the_last():
    last, later = moscow("2026-11-12 01:00"), moscow("2026-11-13 01:00")
    assert drop_dates.scan_began(later, last) == later
    assert drop_dates.scan_began(last - timedelta(days=2), last) == last
    assert drop_dates.scan_began(last - timedelta(days=2), None) == last - timedelta(days=2)
