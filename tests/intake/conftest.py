"""A City Order for each test that asks for one, and one night over all sample drops, run once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg2.extensions import parse_dsn

from include.city_order.site import Site
from include.sample_drops import writing
from tests.intake.nights import collect, execute, site_of

INGEST = "city_order_ingest"


@pytest.fixture
def site(warehouse: Any, tmp_path: Path) -> Site:
    """An empty inbox, an empty archive, a fresh warehouse."""
    return site_of(warehouse.ingest, tmp_path)


@pytest.fixture(scope="session")
def sample_inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample drops. Tests only read it."""
    inbox = tmp_path_factory.mktemp("samples")
    writing.write(inbox)
    return inbox


@pytest.fixture(scope="session")
def sample_night(
    admin_dsn: str, template: tuple[str, dict[str, str]], sample_inbox: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """All sample drops, collected in one night. Tests leave what stands in the warehouse as it is."""
    source, passwords = template
    name = f"samples_{secrets.token_hex(4)}"
    execute(admin_dsn, "create database {} template {} owner city_order_owner", name, source)
    execute(admin_dsn, "grant connect on database {} to city_order_ingest", name)
    server = parse_dsn(admin_dsn)
    dsn = f"postgresql://{INGEST}:{passwords[INGEST]}@{server['host']}:{server['port']}/{name}"
    site = site_of(dsn, tmp_path_factory.mktemp("sample_night"), inbox=sample_inbox)
    collect(site)
    yield site
    execute(admin_dsn, "drop database {} with (force)", name)
