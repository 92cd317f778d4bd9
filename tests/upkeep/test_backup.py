"""Backup and restore by their commands: a fresh home with an equal digest, or a plain word why not. And rotation.

One home lives through the module, in the order in which the tests stand; what is restored, each restores for itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from cryptography.fernet import Fernet, MultiFernet

from include.city_order import archive, warehouse
from include.city_order.site import Site
from include.local_platform import backup as backups
from include.local_platform import postgres, rotation
from include.local_platform.home import CHECKOUT, Home, PlatformError
from tests.conftest import Warehouse
from tests.intake.nights import answer, digests, leave, receipts, select, site_of
from tests.upkeep.conftest import leave_drops, one_night

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

#: All that a restore must bring back; what readers see of the order, and what agencies were told, among it.
TABLES = (
    "landing.receipt", "landing.scan", "staging.line", "quality.finding", "core.submission", "core.demand_line",
    "city_order.release", "city_order.published_release", "city_order.order_line_version",
)  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Place:
    """A home of its own, and the commands in it; of the platform, only PostgreSQL is ever started."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root, _free_port(), _free_port())

    @property
    def cluster(self) -> postgres.Cluster:
        return postgres.Cluster(self.home.folder("postgres"), self.home.db_port, self.home.secret("postgres"))

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(*(postgres.dsn(self.home, "warehouse", role) for role in postgres.ROLES[1:]))

    @property
    def site(self) -> Site:
        return site_of(self.warehouse.ingest, self.home.root)

    def provision(self) -> None:
        passwords = {role: self.home.secret(role) for role in postgres.ROLES}
        postgres.provision(self.cluster.dsn("postgres"), passwords)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CITY_ORDER")}
        environ |= {
            "CITY_ORDER_HOME": str(self.home.root),
            "CITY_ORDER_UI_PORT": str(self.home.ui_port),
            "CITY_ORDER_DB_PORT": str(self.home.db_port),
        }
        command = [sys.executable, "-m", "include.local_platform", *arguments]
        return subprocess.run(command, cwd=CHECKOUT, env=environ, capture_output=True, text=True)

    def does(self, *arguments: str) -> str:
        """What a command says that must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def refuses(self, *arguments: str) -> str:
        """Why a command did not do it."""
        done = self.run(*arguments)
        assert done.returncode == 1, f"{done.stdout}\n{done.stderr}"
        return done.stderr

    def remove(self) -> None:
        if (self.home.folder("postgres")).exists():
            self.cluster.remove()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A home after one night, its PostgreSQL running."""
    place = Place(tmp_path_factory.mktemp("source") / "мой дом")
    try:
        place.home.create()
        place.cluster.initialise()
        place.cluster.start()
        place.provision()
        place.home.remember_ports()
        backups.migrate(place.warehouse.owner)
        leave_drops(place.site)
        one_night(place.warehouse, place.site)
        yield place
    finally:
        place.remove()


@pytest.fixture(scope="module")
def kept(source: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one backup of it."""
    folder = tmp_path_factory.mktemp("backups") / "на диске"
    assert "digest: " in source.does("backup", "--to", str(folder))
    return folder


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "fresh")
    yield place
    place.remove()


def _rows(place: Place) -> dict[str, str]:
    return digests(replace(place.site, warehouse=place.warehouse.owner), TABLES)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to, symlinks=True))


def _edit(file: Path, content: bytes) -> None:
    file.chmod(0o600)
    file.write_bytes(content)


def test_a_fresh_home_gets_all_of_it_and_goes_on(source: Place, kept: Path, fresh: Place):
    said = fresh.does("restore", "--from", str(kept))
    backup, restored = re.findall(r"^digest of the (?:backup|restored)\s+([0-9a-f]{64})$", said, re.M)
    assert backup == restored
    assert not fresh.cluster.running()

    fresh.cluster.start()
    fresh.provision()
    assert {name: value for name, value in _secrets(fresh).items() if value == _secrets(source).get(name)} == {}
    before = _rows(source)
    assert [name for name, counted in before.items() if counted.endswith(" 0 rows")] == []
    assert _rows(fresh) == before
    assert _files(fresh.home.folder("archive")) == _files(source.home.folder("archive"))
    assert _files(fresh.home.folder("outbox")) == _files(source.home.folder("outbox"))

    # The inbox beside it again, its times kept: nothing is received twice, and what is new is.
    subprocess.run(["cp", "-a", f"{source.home.folder('inbox')}/.", fresh.home.folder("inbox")], check=True)
    one_night(fresh.warehouse, fresh.site)
    assert len(receipts(fresh.site)) == len(receipts(source.site)) == 6
    leave(fresh.site, "ecb-2026/dep-sport/заявка.csv", answer({"demand_2026": "3"}))
    one_night(fresh.warehouse, fresh.site)
    assert receipts(fresh.site)["ecb-2026/dep-sport/заявка.csv"]["receipt_no"] == 7
    assert len(select(fresh.site, "select * from city_order.release")) == 2

    again = fresh.refuses("restore", "--from", str(kept))
    assert "There is a warehouse already" in again
    assert len(receipts(fresh.site)) == 7


def test_only_its_owner_reads_a_backup(source: Place, kept: Path, tmp_path: Path):
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o750)
    assert "chmod 700" in source.refuses("backup", "--to", str(tmp_path / "open"))
    assert list((tmp_path / "open").iterdir()) == []


def test_no_secret_is_in_a_backup(source: Place, kept: Path):
    manifest = next(kept.glob("2*/manifest.json")).read_text()
    assert not [name for name, value in _secrets(source).items() if value in manifest]


def test_the_next_backup_copies_only_what_is_new(source: Place, kept: Path, tmp_path: Path):
    folder = _copy(kept, tmp_path / "backups")
    held = {path: path.stat().st_ino for path in (folder / "archive").rglob("*") if path.is_file()}
    new = leave(source.site, "ecb-2026/dep-zhkh/заявка.csv", answer({"demand_2026": "5"}))
    one_night(source.warehouse, source.site)
    source.does("backup", "--to", str(folder))
    now = {path: path.stat().st_ino for path in (folder / "archive").rglob("*") if path.is_file()}
    assert held.items() <= now.items()
    assert [path.read_bytes() for path in now.keys() - held.keys()] == [new.read_bytes()]
    first, second = sorted(folder.glob("2*"))
    assert backups.find(folder) == second
    assert backups.find(first) == first


def test_a_restore_that_stopped_half_way_is_not_taken_for_a_home_and_is_repeated(
    source: Place, kept: Path, fresh: Place, tmp_path: Path
):
    folder = _copy(kept, tmp_path / "backups")
    damaged = next(path for path in (folder / "archive").rglob("*") if path.is_file())
    whole = damaged.read_bytes()
    _edit(damaged, b"something else")
    assert f"is damaged: {damaged}" in fresh.refuses("restore", "--from", str(folder))
    assert "A restore was begun here and not finished" in fresh.refuses("up")

    # And an answer that was written anew while the backup was made is not in it: the next night writes it again.
    _edit(damaged, whole)
    answers = json.loads((backups.find(folder) / "manifest.json").read_text())["answers"]
    # Not a CSV: those without a finding are equal, and kept once.
    path, lost = next((path, sha256) for path, sha256 in answers.items() if path.endswith(".json"))
    archive.path_of(folder / "answers", lost).unlink()
    assert f"1 of {len(answers)} answers are not there" in fresh.does("restore", "--from", str(folder))
    assert not (fresh.home.folder("outbox") / path).exists()
    fresh.cluster.start()
    fresh.provision()
    assert len(receipts(fresh.site)) == 6
    one_night(fresh.warehouse, fresh.site)
    assert (fresh.home.folder("outbox") / path).read_bytes() == (source.home.folder("outbox") / path).read_bytes()


def test_figures_that_are_not_those_of_the_release_are_no_restore(source: Place, tmp_path: Path):
    """A row that a superuser changed behind the release's back: the backup is true to it, the figures are not."""
    owner = source.warehouse.owner
    backups.write_contents(tmp_path, owner, dump=False)
    (tmp_path / "contents.json").rename(tmp_path / "manifest.json")
    _tamper(source, "gross_quantity + 1")
    try:
        with pytest.raises(PlatformError, match=r"They differ, in: city_order\.order_line_version$"):
            (tmp_path / "restored").mkdir()
            backups.write_contents(tmp_path / "restored", owner, dump=False)
            backups.check(tmp_path, tmp_path / "restored", owner)
        (tmp_path / "manifest.json").write_bytes((tmp_path / "restored/contents.json").read_bytes())
        with pytest.raises(PlatformError, match="but recomputed: "):
            backups.check(tmp_path, tmp_path / "restored", owner)
    finally:
        _tamper(source, "gross_quantity - 1")


def _tamper(place: Place, gross_quantity: str) -> None:
    with warehouse.transaction(place.cluster.dsn("warehouse")) as cursor:
        cursor.execute("set session_replication_role = replica")
        cursor.execute(f"update city_order.order_line_version set gross_quantity = {gross_quantity}")


def test_a_backup_that_fails_leaves_nothing_that_looks_like_one(source: Place, tmp_path: Path):
    one = receipts(source.site)["ecb-2026/dep-it/заявка.csv"]["sha256"]
    file = archive.path_of(source.home.folder("archive"), one)
    away = file.rename(tmp_path / "away")
    try:
        assert f"A drop is missing from the archive: {file}" in source.refuses("backup", "--to", str(tmp_path / "to"))
    finally:
        away.rename(file)
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["archive"]
    assert "holds no backup" in source.refuses("restore", "--from", str(tmp_path / "to"))


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("warehouse.dump", lambda old: old[:-100], "warehouse.dump is damaged"),
        ("manifest.json", lambda old: re.sub(rb'"0\d{3}"', b'"9999"', old), "revision 9999(?s:.*)git pull"),
    ],
)
def test_what_cannot_be_restored_is_refused_before_anything_is_made(
    kept: Path, fresh: Place, tmp_path: Path, file: str, content, words: str
):
    backup = backups.find(_copy(kept, tmp_path / "backups"))
    _edit(backup / file, content((backup / file).read_bytes()))
    assert re.search(words, fresh.refuses("restore", "--from", str(backup)))
    assert not fresh.home.root.exists()


def _secrets(place: Place) -> dict[str, str]:
    return {path.name: path.read_text().strip() for path in place.home.secrets.iterdir()}


def test_rotation_makes_every_secret_anew_without_needing_the_old_ones(source: Place):
    fernet = source.home.secret("fernet_key", lambda: Fernet.generate_key().decode())
    token = Fernet(fernet).encrypt(b"kept")
    source.home.secret("jwt_secret")
    before = _secrets(source)
    old = source.warehouse
    rows = _rows(source)

    rotation.forget(source.home)
    source.cluster.reset_password()
    source.cluster.start()
    source.provision()

    during = _secrets(source)["fernet_key"]
    assert MultiFernet([Fernet(key) for key in during.split(",")]).decrypt(token) == b"kept"
    rotation.finish(source.home)
    source.home.secret("jwt_secret")
    after = _secrets(source)
    assert set(after) == set(before)
    assert [name for name in after if after[name] == before[name]] == []
    assert after["fernet_key"] == during.split(",")[0]
    assert fernet not in after["fernet_key"]
    assert _rows(source) == rows
    for dsn in (old.owner, old.ingest, old.builder, old.analyst):
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(dsn)
    stranger = postgres.Cluster(source.cluster.folder, source.home.db_port, before["postgres"])
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(stranger.dsn("postgres"))


def test_a_rotation_that_stopped_half_way_is_repeated(source: Place):
    source.cluster.stop()
    rotation.forget(source.home)  # And here the machine went away.
    assert "make rotate" in source.refuses("up")
    rotation.forget(source.home)
    assert _secrets(source).keys() == {"fernet_key"}
    assert len(_secrets(source)["fernet_key"].split(",")) == 3
    source.cluster.reset_password()
    source.cluster.start()
    source.provision()
    assert len(receipts(source.site)) >= 6
