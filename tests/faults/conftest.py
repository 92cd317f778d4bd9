"""A PostgreSQL server that a test may stop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.night import preload
from tests.faults.world import Server


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    preload()
    with Server(tmp_path_factory.mktemp("bad_nights") / "postgres") as running:
        yield running
