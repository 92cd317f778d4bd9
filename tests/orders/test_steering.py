"""`make brake`, `make lift-brake`, `make roll-back` and `make reconcile`: what they do, and what they say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from include.city_order import orders, releases
from include.local_platform import commands, postgres
from include.local_platform.__main__ import main
from include.local_platform.home import Home

from .conftest import SURVEY

pytestmark = pytest.mark.warehouse


@pytest.fixture
def home(desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose PostgreSQL is that of the tests."""
    monkeypatch.setenv("CITY_ORDER_HOME", str(tmp_path / "home"))
    home = Home.find(os.environ)
    home.create()
    monkeypatch.setattr(postgres, "dsn", lambda _home, _database, role: getattr(desk.dsns, role.split("_")[-1]))
    monkeypatch.setattr(commands, "_expect_warehouse", lambda _home: None)
    return home


def _nights(desk: Any) -> list[int]:
    numbers = []
    for demand in (1, 2):
        desk.submit("depot", [{"product": "chip", "demand_2026": demand}])
        numbers.append(desk.publish())
    return numbers


def _published(desk: Any) -> int:
    ((release_id,),) = desk.execute("select release_id from city_order.published_release")
    return release_id


def test_a_brake_is_set_and_lifted_by_somebody(desk: Any, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    _nights(desk)
    assert main(["brake", "--survey", SURVEY, "--reason", 'prices "wrong"', "--who", "Иванова"]) == 0
    said = capsys.readouterr().out
    assert f'A brake is set on {SURVEY} by Иванова: prices "wrong".' in said
    assert f"make lift-brake SURVEY={SURVEY}" in said
    assert main(["brake", "--survey", SURVEY, "--reason", "again", "--who", ""]) == 0
    assert "Already: A brake is set on ecb-2026 by Иванова" in capsys.readouterr().out
    assert main(["lift-brake", "--survey", SURVEY, "--who", "Петров"]) == 0
    said = capsys.readouterr().out
    assert f"The brake on {SURVEY} is lifted by Петров" in said and "Nothing new waits for it" in said
    assert main(["brake", "--survey", SURVEY, "--reason", "again"]) == 0
    desk.submit("depot", [{"product": "chip", "demand_2026": 3}])
    assert main(["lift-brake", "--survey", SURVEY]) == 0
    assert "Something new waits for it. Next: make nightly" in capsys.readouterr().out
    whose = desk.execute("select set_by, lifted_by from city_order.brake order by brake_id")
    assert whose[0] == ("Иванова", "Петров")
    assert whose[1][0] == whose[1][1] and whose[1][0].strip(), "the user of this machine"


def test_after_a_roll_back_both_tiers_and_the_files_follow(
    desk: Any, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = _nights(desk)
    words = ["roll-back", "--survey", SURVEY, "--release", str(first), "--reason", "wrong prices", "--who", "Иванова"]
    assert main(words) == 0
    said = capsys.readouterr().out
    again = _published(desk)
    assert f"Release {again} of {SURVEY} is published. It says what release {first} said, and the brake is set" in said
    for folder in ("_orders", "_published"):
        path = home.folder("outbox") / folder / SURVEY / str(again)
        assert path.is_dir()
        assert str(path) in said
    assert f"make lift-brake SURVEY={SURVEY}" in said
    with psycopg2.connect(desk.dsns.reader) as connection, connection.cursor() as cursor:
        cursor.execute("select release_id from published.release where survey_code = %s", (SURVEY,))
        assert cursor.fetchall() == [(again,)]
    connection.close()
    assert desk.execute("select rolled_back_by, reason from city_order.release where release_id = %s", again) == [
        ("Иванова", "wrong prices")
    ]
    assert [row["gross_quantity"] for row in desk.rows("order_line", again)] == [1]
    assert orders.held(desk.dsns.analyst) == {}, "a build is still to come"


def test_a_roll_back_whose_files_cannot_be_written_says_what_has_happened(
    desk: Any, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    first, _ = _nights(desk)
    home.folder("outbox").rmdir()
    home.folder("outbox").write_text("no folder")
    assert main(["roll-back", "--survey", SURVEY, "--release", str(first), "--reason", "wrong"]) == 1
    said = capsys.readouterr().err
    assert f"Release {_published(desk)} of {SURVEY} is published" in said
    assert "its files could not be written" in said and "make nightly" in said


def test_what_is_published_can_be_recounted(desk: Any, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reconcile"]) == 0
    assert "Nothing is published yet" in capsys.readouterr().out
    _nights(desk)
    other = desk.survey("battery-2026", programme="battery")
    desk.submit("depot", [{"product": "cell", "demand_2026": 1}], survey_code=other)
    desk.publish(other)
    before = desk.execute("select count(*), max(release_id) from city_order.release")
    assert main(["reconcile", "--survey", ""]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split(". Compared: ")[0] for line in said] == [
        "Release 3 of battery-2026: nothing differs",
        "Release 2 of ecb-2026: nothing differs",
    ]
    assert all("with a rebuild from its recorded inputs" in line for line in said)
    assert desk.execute("select count(*), max(release_id) from city_order.release") == before, "nothing is kept"
    assert main(["reconcile", "--survey", SURVEY]) == 0
    assert "battery" not in capsys.readouterr().out


def test_what_does_not_add_up_is_named_with_what_to_do(
    desk: Any, home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _nights(desk)
    desk.execute("alter table city_order.order_line_version disable trigger user")
    desk.execute("update city_order.order_line_version set gross_quantity = 3, net_quantity = 3 where release_id = 2")
    assert main(["reconcile"]) == 1
    said = capsys.readouterr()
    assert "Release 2 of ecb-2026: something differs: " in said.out
    assert "quantity_equation" in said.out and "figures" in said.out
    assert "ecb-2026, quantity_equation: Law 3" in said.err
    assert "ecb-2026, release 2 recorded the figures" in said.err
    assert "What to do: " in said.err and "make brake SURVEY=ecb-2026 REASON=" in said.err
    # What other models have built has other figures, and may.
    monkeypatch.setattr(releases, "sql_version", lambda: "another")
    assert main(["reconcile"]) == 1
    said = capsys.readouterr()
    assert "not its figures, which are by other models" in said.out
    assert "recorded the figures" not in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["brake", "--survey", "ecb-2062", "--reason", "x"], "knows no survey 'ecb-2062'. It knows: ecb-2026."),
        (["brake", "--survey", SURVEY, "--reason", " "], "Say why: it is recorded"),
        (["lift-brake", "--survey", SURVEY], "No brake is set on ecb-2026"),
        (["lift-brake", "--survey", "ecb-2062"], "knows no survey 'ecb-2062'"),
        (["roll-back", "--survey", SURVEY, "--release", "77", "--reason", "x"], "There is no release 77."),
        (["roll-back", "--survey", SURVEY, "--release", "2", "--reason", "x"], "that can be rolled back to: 1"),
        (["roll-back", "--survey", "ecb-2062", "--release", "1", "--reason", "x"], "can be rolled back to: none"),
        (["roll-back", "--survey", SURVEY, "--release", "last", "--reason", "x"], "RELEASE=last is not a number"),
        (["reconcile", "--survey", "ecb-2062"], "Nothing is published of ecb-2062. Published are: ecb-2026"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    desk: Any, home: Home, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    numbers = _nights(desk)
    assert numbers == [1, 2]
    assert main(words) == 1
    assert told in capsys.readouterr().err
    assert _published(desk) == numbers[-1]
    assert desk.execute("select count(*) from city_order.brake") == [(0,)]
