"""The command line and the Makefile: what they say when something is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from include.local_platform.__main__ import main
from include.local_platform.home import CHECKOUT, DEFAULT_PORTS, Home


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing but what make needs, in a folder with a difficult name."""
    folder = tmp_path / "Город и заказ"
    folder.mkdir()
    for name in ("Makefile", "requirements.txt", "constraints.txt"):
        shutil.copy(CHECKOUT / name, folder)
    return folder


def _make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}
    return subprocess.run(["make", *arguments], cwd=checkout, env=environ, capture_output=True, text=True)


def _python_that(checkout: Path, lacks: str) -> str:
    """A Python that first runs `lacks`, then the code that it was given."""
    path = checkout / "python"
    path.write_text(f"""#!/bin/sh\nexec "{sys.executable}" -c '{lacks}\nimport sys; exec(sys.argv[1])' "$2"\n""")
    path.chmod(0o755)
    return "./python"


def test_make_alone_lists_every_target(checkout: Path) -> None:
    done = _make(checkout)
    phony = re.search(r"^\.PHONY: (.*)$", (checkout / "Makefile").read_text(), re.MULTILINE)
    assert phony
    listed = re.findall(r"^  (\S+) +\S", done.stdout, re.MULTILINE)
    assert listed == phony[1].split()


def test_a_missing_python_is_named(checkout: Path) -> None:
    done = _make(checkout, "up", "PYTHON=python9")
    assert done.returncode == 2
    assert "python9 was not found" in done.stderr


def test_an_old_python_is_refused(checkout: Path) -> None:
    python = _python_that(checkout, "import sys; sys.version_info = (3, 10)")
    done = _make(checkout, "up", f"PYTHON={python}")
    assert done.returncode == 2
    assert "needs Python 3.11 or later" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_without_venv_is_refused_with_the_cure(checkout: Path) -> None:
    python = _python_that(checkout, 'import sys; sys.modules["ensurepip"] = None')
    done = _make(checkout, "up", f"PYTHON={python}")
    assert done.returncode == 2
    assert "apt install python3-venv" in done.stderr
    assert not (checkout / ".venv").exists()


def test_it_installs_once_and_again_when_the_requirements_change(checkout: Path) -> None:
    stamp = checkout / ".venv" / "installed"
    assert "pip install" in _make(checkout, "-n", "dsn").stdout
    stamp.parent.mkdir()
    stamp.touch()
    assert "pip install" not in _make(checkout, "-n", "dsn").stdout
    changed = stamp.stat().st_mtime + 10
    os.utime(checkout / "constraints.txt", (changed, changed))
    assert "pip install" in _make(checkout, "-n", "dsn").stdout


def test_backfill_asks_for_its_dates(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "installed").touch()
    done = _make(checkout, "backfill", "FROM=2026-11-10")
    assert done.returncode == 2
    assert "make backfill FROM=2026-11-10 TO=2026-11-14" in done.stderr


@pytest.mark.parametrize(("target", "words"), [("backup", "make backup TO="), ("restore", "make restore FROM=")])
def test_backup_and_restore_ask_for_their_folder(checkout: Path, target: str, words: str) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "installed").touch()
    done = _make(checkout, target)
    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["form"], "make form SURVEY=ecb-2026"),
        (["check", "FILE=a.xlsx", "SURVEY=ecb-2026"], "make check FILE=answer.xlsx SURVEY=ecb-2026 AGENCY=gorsvet"),
        (["check", "FILE=a.xlsx", "AGENCY=gorsvet"], "make check FILE=answer.xlsx SURVEY=ecb-2026 AGENCY=gorsvet"),
        (["check", "SURVEY=ecb-2026", "AGENCY=gorsvet"], "make check FILE=answer.xlsx SURVEY=ecb-2026 AGENCY=gorsvet"),
        (["replay"], "make replay SURVEY=ecb-2026 DRY_RUN=1"),
        (["brake", "SURVEY=ecb-2026"], 'make brake SURVEY=ecb-2026 REASON="'),
        (["brake", "REASON=wrong"], 'make brake SURVEY=ecb-2026 REASON="'),
        (["lift-brake"], "make lift-brake SURVEY=ecb-2026"),
        (["roll-back", "SURVEY=ecb-2026", "RELEASE=12"], 'RELEASE=12 REASON="'),
        (["roll-back", "SURVEY=ecb-2026", "REASON=wrong"], 'RELEASE=12 REASON="'),
        (["roll-back", "RELEASE=12", "REASON=wrong"], 'RELEASE=12 REASON="'),
    ],
)
def test_commands_ask_for_what_they_need(checkout: Path, words: list[str], told: str) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "installed").touch()
    done = _make(checkout, *words)
    assert done.returncode == 2
    assert told in done.stderr


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def cloned(checkout: Path, tmp_path: Path) -> Path:
    """A clone of the checkout, whose Python only notes by which code it was called for what."""
    _git(checkout, "init", "-q", "-b", "main")
    _git(checkout, "add", ".")
    _git(checkout, "commit", "-qm", "first")
    clone = tmp_path / "clone"
    _git(tmp_path, "clone", "-q", str(checkout), str(clone))
    (clone / ".venv/bin").mkdir(parents=True)
    (clone / ".venv/installed").touch()
    python = clone / ".venv/bin/python"
    python.write_text('#!/bin/sh\necho "$3 by $(git log -1 --format=%s)" >>calls\n')
    python.chmod(0o755)
    return clone


def test_an_upgrade_stops_the_old_code_and_starts_the_new(checkout: Path, cloned: Path) -> None:
    (checkout / "new").touch()
    _git(checkout, "add", ".")
    _git(checkout, "commit", "-qm", "second")
    done = _make(cloned, "upgrade")
    assert done.returncode == 0, done.stderr
    assert (cloned / "calls").read_text().splitlines() == ["down by first", "up by second"]


def test_an_upgrade_that_cannot_pull_starts_the_old_code_again(checkout: Path, cloned: Path) -> None:
    shutil.rmtree(checkout)
    done = _make(cloned, "upgrade")
    assert done.returncode == 2
    assert "Nothing was upgraded: git pull failed" in done.stderr
    assert (cloned / "calls").read_text().splitlines() == ["down by first", "up by first"]


def test_a_reason_arrives_as_it_was_typed(cloned: Path) -> None:
    python = cloned / ".venv/bin/python"
    python.write_text('#!/bin/sh\nfor word; do echo "$word"; done >>calls\n')
    reason = "цены «не те», \"10\" `x` 'y'; нет"
    assert _make(cloned, "brake", "SURVEY=ecb-2026", f"REASON={reason}", "WHO=О'Коннор").returncode == 0
    said = ["brake", "--survey", "ecb-2026", "--reason", reason, "--who", "О'Коннор"]
    assert (cloned / "calls").read_text().splitlines() == ["-m", "include.local_platform", *said]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["backup", "--to", "backups"], "Start the platform first: make up"),
        (["brake", "--survey", "ecb-2026", "--reason", "x"], "Start the platform first: make up"),
        (["rotate"], "`make up` makes them"),
    ],
)
def test_upkeep_of_a_home_that_never_was_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str], words: str
) -> None:
    monkeypatch.setenv("CITY_ORDER_HOME", str(tmp_path / "home"))
    assert main(command) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_dsn_of_a_home_that_never_was_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CITY_ORDER_HOME", str(tmp_path / "home"))
    assert main(["dsn"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "make up" in said.err
    assert not (tmp_path / "home").exists()


def test_down_of_a_home_that_never_was_up_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CITY_ORDER_HOME", str(tmp_path / "home"))
    assert main(["down"]) == 0
    assert "Nothing to stop" in capsys.readouterr().out


def test_down_names_every_place_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = _stopped_home(tmp_path, monkeypatch)
    assert main(["down"]) == 0
    assert f"All data stays in {home.root}; " in capsys.readouterr().out
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (home.folder("postgres") / "place").write_text(f"{elsewhere}\n")
    assert main(["down"]) == 0
    assert f"All data stays in {home.root} and {elsewhere}; " in capsys.readouterr().out


def test_dsn_of_a_stopped_home_says_so_beside_the_dsn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _stopped_home(tmp_path, monkeypatch)
    assert main(["dsn"]) == 0
    said = capsys.readouterr()
    assert re.fullmatch(r"postgresql://city_order_analyst:\S+@127\.0\.0\.1:5439/warehouse\n", said.out)
    assert said.err == "PostgreSQL is not running. Start it: make up\n"
    assert main(["dsn", "--tier", "published"]) == 0
    assert capsys.readouterr().out.startswith("postgresql://city_order_reader:")


def test_a_tier_that_there_is_not_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _stopped_home(tmp_path, monkeypatch)
    assert main(["dsn", "--tier", "publishd"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "There is no tier publishd of the warehouse: say TIER=published" in said.err


def test_a_reader_that_has_read_enough_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _stopped_home(tmp_path, monkeypatch)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "include.local_platform", "dsn"]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    done = subprocess.run(command, cwd=CHECKOUT, env=buffered, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == "PostgreSQL is not running. Start it: make up\n"


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("12.11.2026", "2026-11-14", "FROM=12.11.2026 is not a date: write it as 2026-11-12"),
        ("2026-11-12", "31.11.2026", "TO=31.11.2026 is not a date: write it as year-month-day"),
        ("2026-02-30", "2026-03-01", "FROM=2026-02-30 is not a date: write it as year-month-day"),
        ("2026-11-14", "2026-11-12", "Exchange FROM and TO"),
        ("2026-11-14", "9000-01-01", "9000-01-01 is not over"),
    ],
)
def test_impossible_dates_are_refused_before_anything_starts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    first: str,
    last: str,
    words: str,
) -> None:
    monkeypatch.setenv("CITY_ORDER_HOME", str(tmp_path / "home"))
    assert main(["backfill", "--from", first, "--to", last]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def _stopped_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home that was up before, with the default ports."""
    for variable in DEFAULT_PORTS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CITY_ORDER_HOME", str(tmp_path / "home"))
    home = Home.find(os.environ)
    home.create()
    home.folder("postgres").mkdir()
    home.remember_ports()
    return home
