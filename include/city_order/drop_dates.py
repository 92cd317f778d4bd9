"""When a drop arrived, which drop date it has, and what a run of `collect_submissions` is for.

The night begins at 01:00 Moscow time: a drop date is the Moscow date of the arrival less one hour, which is the
Moscow date on which the data interval of the run that collects it starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from include.city_order.vocabulary import MOSCOW

#: A drop date begins this long after Moscow midnight.
NIGHT_BEGINS = timedelta(hours=1)

#: The schedule's step: a run whose interval ended longer ago than this is not the latest.
ONE_NIGHT = timedelta(days=1)


@dataclass(frozen=True)
class Night:
    """What one run processes: the receipts of `drop_date`, or (None) new drops and all receipts that wait."""

    drop_date: date | None = None

    @property
    def receives(self) -> bool:
        """Whether the run looks into the inbox. A run over a past date only re-processes what is archived."""
        return self.drop_date is None


def drop_date(moment: datetime) -> date:
    """The drop date of an arrival, or of the start of a data interval. `moment` knows its time zone."""
    # In this order: Airflow's pendulum loses the time zone when it subtracts in a zone that is not its own.
    return (moment - NIGHT_BEGINS).astimezone(MOSCOW).date()


def scan_began(now: datetime, last_scan: datetime | None) -> datetime:
    """When a scan began: now, but never before the last one (None in a first scan).

    A clock that was set back must not make a later answer look like an earlier one, which would then not stand.
    """
    return now if last_scan is None else max(now, last_scan)


def arrival(modified: datetime, last_scan: datetime | None, now: datetime) -> datetime:
    """When a drop arrived.

    The modification time if it lies between the last finished scan and now, otherwise now. In a first scan
    (`last_scan` None) it is believed, unless it lies in the future.
    """
    if modified <= now and (last_scan is None or modified >= last_scan):
        return modified
    return now


def night(*, backfill: bool, interval_start: datetime | None, interval_end: datetime | None, now: datetime) -> Night:
    """What a run is for.

    A run without a data interval (by hand, no date) and the run of the latest interval receive. A backfill run,
    and any run of an earlier interval, re-processes the drop date on which its interval starts.
    """
    if interval_start is None or interval_end is None:
        return Night()
    if not backfill and now < interval_end + ONE_NIGHT:
        return Night()
    return Night(drop_date(interval_start))
