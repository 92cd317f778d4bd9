"""The department's own antivirus, played by a small script: what it finds is put aside, what ails it is our fault."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from include.city_order import antivirus, sandbox
from include.city_order.drop_dates import Night
from include.city_order.readings import Reading
from include.city_order.site import Site
from tests.intake.nights import answer, collect, leave, receipts, select, verdicts

#: Ends as ClamAV's scanner does, by what the file holds; and writes down what it was asked.
SCANNER = """#!/bin/sh
printf '%s\\n' "$@" >> "{asked}"
for last; do :; done
grep -q HARMFUL "$last" && exit 1
grep -q PUZZLING "$last" && {{ echo 'no virus definitions' >&2; exit 2; }}
exit 0
"""


@pytest.fixture
def scanner(tmp_path: Path) -> Path:
    path = tmp_path / "my scanner"
    path.write_text(SCANNER.format(asked=tmp_path / "asked"))
    path.chmod(0o755)
    return path


def told(path: Path, setting: str) -> bool:
    return antivirus.is_infected(path, {antivirus.SETTING: setting})


def test_what_it_finds_is_infected(scanner: Path, tmp_path: Path):
    drop = tmp_path / "a drop; $(rm -rf ~) {}.xlsx"
    drop.write_text("table")
    assert told(drop, f"'{scanner}'") is False
    drop.write_text("HARMFUL")
    assert told(drop, f"'{scanner}' --no-summary") is True
    assert (tmp_path / "asked").read_text().splitlines() == [str(drop), "--no-summary", str(drop)]


def test_the_path_stands_where_the_braces_do(scanner: Path, tmp_path: Path):
    drop = tmp_path / "drop"
    drop.write_text("HARMFUL")
    assert told(drop, f"'{scanner}' --file={{}} {tmp_path / 'asked'}") is False
    assert (tmp_path / "asked").read_text().splitlines() == [f"--file={drop}", str(tmp_path / "asked")]


@pytest.mark.parametrize("setting", ["", "  "])
def test_without_an_antivirus_nothing_is_infected(tmp_path: Path, setting: str):
    assert told(tmp_path / "not even there", setting) is False
    assert antivirus.is_infected(tmp_path / "not even there", {}) is False


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("/no/such/scanner -x", "CITY_ORDER_ANTIVIRUS cannot be run .*No such file.*/no/such/scanner -x"),
        ("scan 'open quote", "CITY_ORDER_ANTIVIRUS is no command line .*open quote"),
        ("/bin/sh -c 'kill -9 $$'", "CITY_ORDER_ANTIVIRUS ended with -9"),
    ],
)
def test_an_antivirus_that_does_not_work_is_our_fault(tmp_path: Path, setting: str, says: str):
    with pytest.raises(RuntimeError, match=says):
        told(tmp_path, setting)


def test_what_an_antivirus_says_of_its_fault_is_passed_on(scanner: Path, tmp_path: Path):
    drop = tmp_path / "drop"
    drop.write_text("PUZZLING")
    with pytest.raises(RuntimeError, match=r"ended with 2, and 0 is clean, 1 infected: .*no virus definitions"):
        told(drop, f"'{scanner}'")


@pytest.mark.slow
@pytest.mark.warehouse
def test_an_infected_drop_is_put_aside_and_its_agency_told(site: Site, scanner: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(antivirus.SETTING, f"'{scanner}'")
    opened: list[str] = []
    read = sandbox.read

    def noted(path: Path, *rest: object) -> Reading:
        opened.append(path.read_text())
        return read(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(sandbox, "read", noted)
    leave(site, "ecb-2026/gorsvet/a.csv", answer({}))
    leave(site, "ecb-2026/gorlift/b.csv", answer({"item_name": "HARMFUL"}))
    collect(site)
    assert verdicts(site) == {"ecb-2026/gorsvet/a.csv": "accepted", "ecb-2026/gorlift/b.csv": "quarantined"}
    assert receipts(site)["ecb-2026/gorlift/b.csv"]["reason"] == "infected"
    assert receipts(site)["ecb-2026/gorlift/b.csv"]["lines_delivered"] == 0
    # It was not even opened.
    assert len(opened) == 1


@pytest.mark.slow
@pytest.mark.warehouse
def test_a_drop_that_is_known_to_be_infected_later_stands_no_longer(
    site: Site, scanner: Path, monkeypatch: pytest.MonkeyPatch
):
    leave(site, "ecb-2026/gorsvet/a.csv", answer({"item_name": "HARMFUL"}))
    collect(site)
    assert list(verdicts(site).values()) == ["accepted"]
    monkeypatch.setenv(antivirus.SETTING, f"'{scanner}'")
    (day,) = {row["drop_date"] for row in select(site, "select drop_date from landing.receipt")}
    collect(site, Night(day))
    assert list(verdicts(site).values()) == ["quarantined"]
    # A false alarm: the scanner was mended.
    monkeypatch.delenv(antivirus.SETTING)
    collect(site, Night(day))
    assert list(verdicts(site).values()) == ["accepted"]


@pytest.mark.slow
@pytest.mark.warehouse
def test_a_scanner_that_does_not_work_stops_the_night_before_anything_is_opened(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(antivirus.SETTING, "/no/such/scanner")
    leave(site, "ecb-2026/gorsvet/a.csv", answer({}))
    with pytest.raises(RuntimeError, match="Mend the setting"):
        collect(site)
    assert select(site, "select * from staging.reading") == []
    monkeypatch.delenv(antivirus.SETTING)
    assert os.environ.get(antivirus.SETTING) is None
    collect(site)
    assert list(verdicts(site).values()) == ["accepted"]
