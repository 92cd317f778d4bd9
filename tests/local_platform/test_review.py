"""`make proposals`: what it prints for whoever decides, and what it says when something is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.city_order import proposals, references
from include.local_platform import postgres, review
from include.local_platform.__main__ import main
from include.local_platform.home import CHECKOUT, Home, PlatformError
from tests.orders.conftest import Desk


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home that was never started, and references to decide in."""
    for name in list(os.environ):
        if name.startswith("CITY_ORDER"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CITY_ORDER_HOME", str(tmp_path / "home"))
    shutil.copytree(CHECKOUT / "include/reference", tmp_path / "reference")
    monkeypatch.setenv("CITY_ORDER_REFERENCE", str(tmp_path / "reference"))
    return Home.find(os.environ)


def test_it_needs_a_platform_and_starts_nothing(home: Home, capsys: pytest.CaptureFixture[str]):
    assert main(["proposals", "--survey", "ecb-2026"]) == 1
    assert "Start the platform first: make up" in capsys.readouterr().err
    assert not home.root.exists()
    home.create()
    home.remember_ports()
    assert main(["proposals", "--survey", "ecb-2026", "--to", "list.csv"]) == 1
    assert "PostgreSQL is not running. Start it: make up" in capsys.readouterr().err


@pytest.fixture
def desk(home: Home, warehouse: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Desk]:
    """A warehouse with two names that nobody knows; the command may only read it."""
    monkeypatch.setattr(postgres, "dsn", lambda home, database, role: {"city_order_analyst": warehouse.analyst}[role])
    references.refresh(warehouse.ingest, CHECKOUT / "include/surveys", tmp_path / "reference")
    desk = Desk(warehouse)
    desk.product("twice", matching_key="K1986VE92QI")
    desk.product("maker", matching_key="K1986BE92QI", manufacturer_key="милландр")
    asked = {"product": "twice", "part_number": "K1986VE92QI", "demand_2026": "1200"}
    desk.submit("gorsvet", [asked, {"product": "maker", "manufacturer": "Милландр", "demand_2026": "1"}])
    desk.submit("gorlift", [asked])
    yield desk
    desk.connection.close()


@pytest.mark.slow
@pytest.mark.warehouse
def test_it_says_what_is_proposed_and_how_to_decide(home: Home, desk: Desk, tmp_path: Path):
    assert review.listed(home, "ecb-2026", None).startswith("No proposals of ecb-2026 to decide\nNames are compared")
    # A list of another day would be taken for today's.
    (tmp_path / "list.csv").write_text("yesterday", encoding="utf-8")
    nothing = review.listed(home, "ecb-2026", tmp_path / "list.csv")
    assert nothing.endswith(f"\nThe list as a file: {tmp_path / 'list.csv'}")
    assert (tmp_path / "list.csv").read_bytes().splitlines()[1:] == []
    assert (tmp_path / "list.csv").read_bytes().startswith("\ufeffscore;reason;".encode())
    proposals.find(desk.dsns.ingest)
    said = review.listed(home, "ecb-2026", tmp_path / "list.csv")
    assert said.startswith(
        "2 proposals of ecb-2026 to decide\n\n 95  K1986VE92QI (manufacturer not stated) → К1986ВЕ92QI"
    )
    assert "the same by sound" in said
    assert "asked by gorlift, gorsvet, receipts 1, 2: lines 2, pieces of all years 2,400; first seen 20" in said
    assert "part_aliases.csv: K1986VE92QI,К1986ВЕ92QI,milandr,,," in said
    assert "\n 90  manufacturer Милландр → Миландр (milandr)\n" in said
    assert "manufacturer_aliases.csv: milandr,Милландр,,," in said
    assert f"{tmp_path / 'reference'}/rejected_aliases.csv" in said
    assert "make replay SURVEY=ecb-2026 DRY_RUN=1" in said
    assert (tmp_path / "list.csv").read_bytes().count(b"\r\n") == 3
    with (tmp_path / "reference/rejected_aliases.csv").open("a", encoding="utf-8") as file:
        file.write("K1986VE92QI,К1986ВЕ92QI,milandr,Нет,Сектор,2026-11-25,вымысел,2026-11-25\n")
    assert review.listed(home, "ecb-2026", None).startswith("1 proposal of ecb-2026 to decide; 1 more decided in the")


@pytest.mark.slow
@pytest.mark.warehouse
def test_what_cannot_be_listed_is_refused_in_words(home: Home, desk: Desk, tmp_path: Path):
    with pytest.raises(PlatformError, match="knows no survey 'ecb-2062'"):
        review.listed(home, "ecb-2062", None)
    proposals.find(desk.dsns.ingest)
    with pytest.raises(PlatformError, match=r"cannot be written: .* Say where else: TO="):
        review.listed(home, "ecb-2026", tmp_path)
    (tmp_path / "reference/part_aliases.csv").write_text("alias\n", encoding="utf-8")
    with pytest.raises(PlatformError, match=r"part_aliases\.csv:1: the header lacks"):
        review.listed(home, "ecb-2026", None)
