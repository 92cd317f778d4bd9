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
from include.local_platform.home import CHECKOUT


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


def test_a_date_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["backfill", "--from", "2026-02-30", "--to", "2026-03-01"])
    assert "'2026-02-30' is not a date" in capsys.readouterr().err
