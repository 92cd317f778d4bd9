"""`make form` and `make check`: what they write, and what they say when something is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import psycopg2
import pytest

from include.local_platform import before_dropping, postgres
from include.local_platform.__main__ import main
from include.local_platform.home import CHECKOUT, Home, PlatformError
from tests.intake.nights import answer, collect, leave

PARTLY = answer({}, {"part_number": "К1986ВЕ1QI", "unit": "ведро"}, {"part_number": "К1986ВЕ3Т", "unit": "ведро"})


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No platform, and the default surveys."""
    for name in list(os.environ):
        if name.startswith("CITY_ORDER"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CITY_ORDER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_form_needs_no_platform(in_a_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["form", "--survey", "ecb-2026"]) == 0
    assert main(["form", "--survey", "ecb-2026", "--agency", "gorsvet", "--to", "new/folder"]) == 0
    assert main(["form", "--survey", "battery-2026", "--agency", "", "--to", "бланк.xlsx"]) == 0
    files = ["ecb-2026-form.xlsx", "new/folder/ecb-2026-gorsvet-form.xlsx", "бланк.xlsx"]
    said = capsys.readouterr().out
    for name in files:
        assert openpyxl.load_workbook(in_a_folder / name).sheetnames[0] == "Форма"
        assert f"The form: {in_a_folder / name}" in said
    assert "make check FILE=… SURVEY=ecb-2026 AGENCY=gorsvet\n" in said
    assert "make check FILE=… SURVEY=ecb-2026 AGENCY=…\n" in said
    assert not (in_a_folder / "home").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--survey", "ecb-2062"], "There is no survey ecb-2062: did you mean ecb-2026"),
        (["--survey", "ecb-2026", "--agency", "gorsvett"], "gorsvett is not on the roster of ecb-2026: did you mean"),
        (["--survey", "ecb-2026", "--to", "a file"], "cannot be written"),
    ],
)
def test_a_form_that_cannot_be_made_says_why(
    in_a_folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    (in_a_folder / "a file").write_text("")
    assert main(["form", *words]) == 1
    assert told in capsys.readouterr().err
    assert not list(in_a_folder.glob("**/*.xlsx"))


def test_a_mistake_in_a_survey_is_named_with_its_line(
    in_a_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CHECKOUT / "include/surveys", in_a_folder / "surveys")
    path = in_a_folder / "surveys/ecb-2026.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("closes: 2026-11-12", "closes: 12.11.2026"), "utf-8")
    monkeypatch.setenv("CITY_ORDER_SURVEYS", str(in_a_folder / "surveys"))
    assert main(["form", "--survey", "ecb-2026"]) == 1
    assert "ecb-2026.yaml:6: closes" in capsys.readouterr().err


def test_a_check_starts_nothing(in_a_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["check", "--file", "a.csv", "--survey", "ecb-2026", "--agency", "gorsvet"]
    assert main(words) == 1
    assert "Start the platform first: make up" in capsys.readouterr().err
    assert not (in_a_folder / "home").exists()
    home = Home.find(os.environ)
    home.create()
    home.remember_ports()
    before = sorted((in_a_folder / "home").rglob("*"))
    assert main(words) == 1
    assert "PostgreSQL is not running. Start it: make up" in capsys.readouterr().err
    new = set((in_a_folder / "home").rglob("*")) - set(before)
    assert {path.parent.name for path in new} <= {"secrets"}


@pytest.fixture
def home(in_a_folder: Path, monkeypatch: pytest.MonkeyPatch, warehouse: Any) -> Home:
    """A home whose warehouse is the test's."""
    monkeypatch.setattr(postgres, "dsn", lambda home, database, role: {"city_order_ingest": warehouse.ingest}[role])
    found = Home.find(os.environ)
    found.create()
    return found


@pytest.mark.slow
@pytest.mark.warehouse
def test_a_check_tells_the_verdict_each_cause_once_and_where_the_protocol_is(home: Home, in_a_folder: Path) -> None:
    file = in_a_folder / "ответ.csv"
    file.write_bytes(PARTLY)
    said = before_dropping.check(home, file, "ecb-2026", "gorsvet", in_a_folder / "to")
    assert said.startswith("Verdict: partly_accepted. Lines: 3 delivered = 1 accepted + 2 rejected + 0 duplicate\n")
    assert "Решение: Принят частично" in said
    assert "предварительная проверка" in said
    assert "Ошибка: Единица измерения, E3, E4\n  Единица измерения не распознана." in said
    assert said.count("не распознана") == 1
    assert "  Введено: ведро\n" in said
    assert f"To hand the file in, put it into {home.folder('inbox')}/ecb-2026/gorsvet" in said
    written = {path.name for path in (in_a_folder / "to").iterdir()}
    assert written == {f"ответ-protocol.{ending}" for ending in ("xlsx", "csv", "json")}
    assert all(str(in_a_folder / "to" / name) in said for name in written)
    assert [path for name in ("inbox", "archive", "outbox") for path in home.folder(name).iterdir()] == []


@pytest.mark.slow
@pytest.mark.warehouse
def test_nobody_is_told_to_hand_in_a_file_again(home: Home, in_a_folder: Path, warehouse: Any) -> None:
    here = before_dropping.site(home, os.environ)
    leave(here, "ecb-2026/gorsvet/1.csv", PARTLY)
    collect(here)
    file = in_a_folder / "ответ.csv"
    file.write_bytes(PARTLY)
    said = before_dropping.check(home, file, "ecb-2026", "gorsvet", in_a_folder / "to")
    assert said.startswith("Verdict: duplicate")
    assert said.endswith("Nothing was stored.")


@pytest.mark.slow
@pytest.mark.warehouse
def test_the_whole_file_is_named_once(home: Home, in_a_folder: Path) -> None:
    file = in_a_folder / "ответ.pdf"
    file.write_bytes(b"%PDF-1.7")
    said = before_dropping.check(home, file, "ecb-2026", "gorsvet", in_a_folder / "to")
    assert ": весь файл\n" in said
    assert "весь файл, весь файл" not in said


@pytest.mark.slow
@pytest.mark.warehouse
def test_what_cannot_be_checked_is_refused_in_words(home: Home, in_a_folder: Path, warehouse: Any) -> None:
    def refused(survey: str = "ecb-2026", agency: str = "gorsvet", name: str = "a.csv", to: str = "to") -> str:
        with pytest.raises(PlatformError) as error:
            before_dropping.check(home, in_a_folder / name, survey, agency, in_a_folder / to)
        return str(error.value)

    (in_a_folder / "a.csv").write_bytes(PARTLY)
    (in_a_folder / "~$a.xlsx").write_bytes(PARTLY)
    assert "There is no file" in refused(name="b.csv")
    assert "no survey ecb-2062: did you mean ecb-2026" in refused(survey="ecb-2062")
    assert "no agency gorsvett: did you mean gorsvet" in refused(agency="gorsvett")
    assert "Rename it" in refused(name="~$a.xlsx")
    assert "TO=folder" in refused(to="home/inbox/ecb-2026/gorsvet")
    assert "cannot be written" in refused(to="a.csv")
    # A run that loads has changed what the check would change too.
    before_dropping.check(home, in_a_folder / "a.csv", "ecb-2026", "gorsvet", in_a_folder / "to")
    connection = psycopg2.connect(warehouse.owner)
    try:
        connection.cursor().execute("lock table core.product in access exclusive mode")
        assert "try again in a minute" in refused()
        connection.rollback()
        connection.cursor().execute("alter table landing.receipt rename column arrived_at to came_at")
        connection.commit()
        assert "older schema than this checkout" in refused()
    finally:
        connection.close()
