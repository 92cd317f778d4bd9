"""A whole night with a release: what upgrades and restores must keep."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from include.city_order import answers, gate, orders, proposals
from include.city_order.site import Site
from include.local_platform import postgres
from tests.conftest import Warehouse
from tests.intake.nights import answer, collect, execute, leave, site_of


class Databases:
    """Makes databases on the tests' server, and knows how each role connects."""

    def __init__(self, admin_dsn: str, passwords: dict[str, str]) -> None:
        self.admin_dsn = admin_dsn
        self.passwords = passwords
        self.made: list[str] = []

    def create(self, template: str = "template1") -> Warehouse:
        """A new database, a copy of `template`."""
        name = f"upkeep_{secrets.token_hex(4)}"
        execute(self.admin_dsn, "create database {} template {} owner city_order_owner", name, template)
        execute(self.admin_dsn, "grant connect on database {} to city_order_ingest, city_order_builder", name)
        self.made.append(name)
        return Warehouse(*(self.dsn(name, role) for role in postgres.ROLES[1:]))

    def dsn(self, database: str, role: str | None = None) -> str:
        """How a role connects; without one, the superuser."""
        server = parse_dsn(self.admin_dsn)
        user, password = (role, self.passwords[role]) if role else (server["user"], server["password"])
        return f"postgresql://{user}:{password}@{server['host']}:{server['port']}/{database}"

    def drop(self) -> None:
        for name in self.made:
            execute(self.admin_dsn, "drop database {} with (force)", name)


@pytest.fixture(scope="session")
def databases(admin_dsn: str, template: tuple[str, dict[str, str]]) -> Iterator[Databases]:
    found = Databases(admin_dsn, template[1])
    yield found
    found.drop()


def one_night(warehouse: Warehouse, site: Site) -> None:
    """What the nightly run does: collect, answer, propose aliases, and publish whatever is to be built."""
    answers.write(site, collect(site))
    proposals.find(site.warehouse)
    for survey in orders.surveys_to_build(warehouse.builder):
        release = orders.build(warehouse.builder, survey)
        assert release
        orders.audit(warehouse.builder, release)
        # A few drops are much of a small order: a person is there, and approves.
        if release in {waiting["release_id"] for waiting in gate.waiting(warehouse.builder)}:
            gate.decide(warehouse.builder, release, approve=True, who="a test")
        orders.publish(warehouse.builder, release)


def leave_drops(site: Site) -> None:
    """Drops of every kind: accepted, with warnings, partly, repeated, corrected, rejected, quarantined.

    One of them has a letter for a digit: its part is proposed for review.
    """
    agency = "ecb-2026/dep-it"
    leave(site, f"{agency}/заявка.csv", answer({"demand_2026": "10"}, {"part_number": "STM32F4O7VGT6"}))
    leave(
        site,
        f"{agency}/она же.csv",
        answer({"demand_2026": "10"}, {"part_number": "STM32F4O7VGT6"}),
        "2026-11-10 13:00",
    )
    leave(site, "ecb-2026/metro-fict/заявка.csv", answer({"demand_2026": "7", "unit": "упак"}, {"part_number": ""}))
    leave(site, "ecb-2026/metro-fict/поправка.csv", answer({"demand_2026": "8"}), "2026-11-11 12:00")
    leave(site, "ecb-2026/metro-fict/сломан.xlsx", b"PK\3\4 of something else", "2026-11-11 13:00")
    leave(site, "ecb-2027/dep-it/рано.csv", answer({"demand_2026": "1"}))


@pytest.fixture(scope="session")
def night(
    databases: Databases, template: tuple[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Warehouse, Site]:
    """A warehouse of the newest schema, and the City Order around it, after one night. Tests leave it as it is."""
    warehouse = databases.create(template[0])
    home: Path = tmp_path_factory.mktemp("night")
    site = site_of(warehouse.ingest, home)
    leave_drops(site)
    one_night(warehouse, site)
    return warehouse, site
