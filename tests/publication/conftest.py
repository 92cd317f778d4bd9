"""The desk of the order's tests, for whoever publishes what it lands; and the sample drops, published once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extras import RealDictCursor

from include.city_order import exports, orders, publication
from tests.conftest import Warehouse, fresh_warehouse
from tests.intake.conftest import sample_inbox
from tests.intake.nights import collect, site_of
from tests.orders.conftest import desk, table

__all__ = ["desk", "sample_inbox", "table"]


@dataclass(frozen=True)
class SampleOrder:
    """The sample drops in an inbox, and what has become of them. Tests only look at it."""

    dsns: Warehouse
    inbox: Path
    archive: Path
    outbox: Path
    #: The published release of each survey.
    releases: dict[str, int]

    def select(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What the owner reads, by the names of the columns."""
        connection = psycopg2.connect(self.dsns.owner, cursor_factory=RealDictCursor)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, values or None)
                return [dict(row) for row in cursor.fetchall()]
        finally:
            connection.close()


@pytest.fixture(scope="session")
def sample_order(
    admin_dsn: str, template: tuple[str, dict[str, str]], sample_inbox: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SampleOrder]:
    """One night over all sample drops, then an order of each survey, published and handed out."""
    home = tmp_path_factory.mktemp("sample_order")
    with fresh_warehouse(admin_dsn, template) as made:
        site = site_of(made.ingest, home, inbox=sample_inbox)
        collect(site)
        numbers = {}
        for survey in ("ecb-2026", "battery-2026"):
            release_id = orders.build(made.builder, survey)
            assert release_id
            orders.audit(made.builder, release_id)
            orders.publish(made.builder, release_id)
            assert publication.disclose(made.builder, survey) == release_id
            assert len(exports.write(made.builder, home / "outbox", survey)) == 2
            numbers[survey] = release_id
        yield SampleOrder(made, sample_inbox, site.archive, home / "outbox", numbers)
