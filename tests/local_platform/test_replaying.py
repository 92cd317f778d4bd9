"""`make replay`: what it says when something is missing, and the dry run without Airflow."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.city_order import replay
from include.city_order.replay import Asked
from include.city_order.site import Site
from include.local_platform import commands, replaying
from include.local_platform.__main__ import main
from include.local_platform.home import Home
from tests.intake.nights import answer, collect, leave, site_of


@pytest.fixture
def no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A platform that never was up, with the default surveys."""
    for name in list(os.environ):
        if name.startswith("CITY_ORDER"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CITY_ORDER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--survey", "ecb-2026"], 'REASON="why". Or see first what would change: DRY_RUN=1'),
        (["--survey", "ecb-2026", "--reason", " "], 'REASON="why"'),
        (["--survey", "ecb-2062", "--reason", "why"], "There is no survey ecb-2062: did you mean ecb-2026"),
        (["--survey", "ecb-2026", "--agencies", "gorsvet, gorlft", "--reason", "why"], "There is no agency gorlft"),
        (["--survey", "ecb-2026", "--dry-run"], "Start the platform first: make up"),
    ],
)
def test_what_cannot_be_replayed_is_told_before_anything_starts(
    no_home: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main(["replay", *words]) == 1
    assert told in capsys.readouterr().err
    assert not no_home.exists()


def test_what_is_asked_for_arrives(no_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Asked, bool]] = []
    monkeypatch.setattr(commands, "replay", lambda _, asked, *, is_dry_run: calls.append((asked, is_dry_run)))
    words = [
        "replay",
        "--survey",
        "ecb-2026",
        "--agencies",
        "gorsvet, gorlift,",
        "--reason",
        "псевдоним",
        "--who",
        "И.",
    ]
    assert main(words) == 0
    assert main([*words, "--history", "--dry-run"]) == 0
    asked = Asked("ecb-2026", ("gorsvet", "gorlift"), False, "И.", "псевдоним")
    assert calls == [(asked, False), (replace(asked, with_history=True), True)]


@pytest.mark.slow
@pytest.mark.warehouse
def test_a_dry_run_tells_how_far_it_is_and_what_would_change(
    warehouse: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site: Site = site_of(warehouse.ingest, tmp_path)
    leave(site, "ecb-2026/gorsvet/1.csv", answer({}))
    collect(site)
    home = Home(tmp_path / "home", 1, 2)
    monkeypatch.setattr(replaying, "site", lambda *_: site)
    told = replaying.rehearse(home, Asked("ecb-2026", ("gorsvet",), requested_by="И."))
    assert "  1 of 1 receipts read\n  Judging 1 receipts\n" in capsys.readouterr().out
    assert "Replay of ecb-2026, a dry run: 1 receipt of 1 agency judged" in told
    assert "Verdicts: none changes." in told
    assert 'make replay SURVEY=ecb-2026 AGENCIES=gorsvet REASON="why"' in told
    assert replay.newest_release(site.warehouse, "ecb-2026") is None
