"""What the DAG files share, and the only module here that knows Airflow.

Nothing is read when a DAG file is parsed: connections and folders are looked up inside tasks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, CronDataIntervalTimetable

from include.city_order import drop_dates
from include.city_order.drop_dates import Night
from include.city_order.site import Site
from include.city_order.vocabulary import MOSCOW

if TYPE_CHECKING:
    from include.city_order.replay import Asked

#: Wakes `build_city_order`, a partition for each survey whose standing answers differ from its published order.
DEMAND = Asset("city_order_demand", uri="city-order://core/demand_line")

#: Wakes `approve_release`, a partition for each release that waits for a person: see `questions.key`.
APPROVAL = Asset("city_order_approval", uri="city-order://city_order/approval")

#: What the UI calls a chunk of receipts: "26 receipts from 1".
CHUNK_LABEL = (
    "{% set chunk = task.op_kwargs['chunk'] %}"
    "{{ chunk | length }} receipts{% if chunk %} from {{ chunk[0] }}{% endif %}"
)

#: Every task may be repeated, so it is: a lost connection or a killed worker heals by itself.
DEFAULTS: dict[str, Any] = {
    "owner": "city-order",
    "retries": 3,
    "retry_delay": timedelta(seconds=10),
}

#: The first drop date begins here: earlier ones cannot be backfilled.
FIRST_NIGHT = datetime(2026, 9, 1, tzinfo=MOSCOW)

_CONNECTIONS = {"ingest": "warehouse_ingest", "builder": "warehouse_builder", "analyst": "warehouse_analyst"}


def nightly(at: str) -> CronDataIntervalTimetable:
    """Every night at this Moscow time ("01:00"); a run's data interval is the 24 hours before: one drop date."""
    hour, minute = at.split(":")
    return CronDataIntervalTimetable(f"{int(minute)} {int(hour)} * * *", timezone="Europe/Moscow")


def dsn(role: str) -> str:
    """The warehouse's DSN under a role, from the Airflow connection `warehouse_<role>`."""
    from airflow.sdk import Connection

    connection = Connection.get(_CONNECTIONS[role])
    return connection.get_uri().replace("postgres://", "postgresql://", 1)


def site(role: str) -> Site:
    """Folders from the environment, the warehouse under a role."""

    def folder(name: str) -> Path:
        if not os.environ.get(name):
            raise RuntimeError(f"{name} is not set: give the folder to the scheduler's environment")
        return Path(os.environ[name])

    return Site(
        warehouse=dsn(role),
        inbox=folder("CITY_ORDER_INBOX"),
        archive=folder("CITY_ORDER_ARCHIVE"),
        outbox=folder("CITY_ORDER_OUTBOX"),
        surveys=folder("CITY_ORDER_SURVEYS"),
        reference=folder("CITY_ORDER_REFERENCE"),
    )


def publish(release_id: int) -> str:
    """Publish an audited release; the task is skipped, with the reason, if a later one was faster or one holds it."""
    from airflow.sdk.exceptions import AirflowSkipException

    from include.city_order import gate, orders

    try:
        return orders.publish(dsn("builder"), release_id)
    except (orders.Overtaken, gate.Held) as reason:
        raise AirflowSkipException(str(reason)) from reason


def disclose(survey_code: str) -> int | None:
    """Bring the published tier of a survey up to its published release; its number, if there is one."""
    from include.city_order import publication

    return publication.disclose(dsn("builder"), survey_code)


def export(survey_code: str) -> int:
    """Write what is published of a survey as files for both tiers; how many folders are new."""
    from include.city_order import exports

    place = site("builder")
    return len(exports.write(place.warehouse, place.outbox, survey_code))


@contextmanager
def asked_replay(context: Any) -> Iterator[Asked]:
    """What the form of `replay_survey` asks for; what is wrong with it fails the task at once."""
    from airflow.sdk.exceptions import AirflowFailException

    from include.city_order.forms import Unknown
    from include.city_order.references import ReferenceError
    from include.city_order.replay import Asked, CannotReplay
    from include.city_order.surveys import SurveyError

    given = context["params"]
    asked = Asked(
        survey_code=given["survey"],
        agencies=tuple(given["agencies"]),
        with_history=given["history"],
        requested_by=given["who"].strip() or context["dag_run"].triggering_user_name or "not known",
        reason=given["reason"],
    )
    try:
        yield asked
    except (CannotReplay, Unknown, SurveyError, ReferenceError) as error:
        # A mistake in a file or in the form does not heal by trying again.
        raise AirflowFailException(str(error)) from error


def announce_demand(outlet_events: Any) -> list[str]:
    """Wake one build per survey whose input differs from its release, or that asks in vain; returns the surveys."""
    from include.city_order import orders

    surveys = orders.surveys_to_build(dsn("ingest"))
    if surveys:
        outlet_events[DEMAND].add_partitions(surveys)
    return surveys


def slots() -> int:
    """How many reading tasks may run at once: as many as there are worker slots."""
    from airflow.sdk.configuration import conf

    return conf.getint("core", "parallelism")


def today() -> date:
    """Today, by Moscow's calendar."""
    return datetime.now(MOSCOW).date()


def night(context: Any) -> Night:
    """What the run is for, from its task context: see `drop_dates.night`."""
    return drop_dates.night(
        backfill=context["dag_run"].run_type == "backfill",
        interval_start=context.get("data_interval_start"),
        interval_end=context.get("data_interval_end"),
        now=datetime.now(UTC),
    )
