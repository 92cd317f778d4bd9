"""What is a drop and what is not, and how each is archived once."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from include.city_order import archive, inbox, outbox


def put(folder: Path, path: str, content: bytes = b"x") -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def found(folder: Path) -> dict[str, inbox.Drop]:
    return {drop.path: drop for drop in inbox.scan(folder)}


@pytest.mark.parametrize(
    "name", ["a.xlsx.part", "a.filepart", "a.tmp", "A.TMP", "~$a.xlsx", ".~lock.a.xlsx#", "Thumbs.db", ".DS_Store"]
)
def test_unfinished_and_foreign_files_are_left_for_later(tmp_path: Path, name: str):
    put(tmp_path, f"ecb-2026/gorsvet/{name}")
    put(tmp_path, "ecb-2026/gorsvet/a.xlsx")
    assert list(found(tmp_path)) == ["ecb-2026/gorsvet/a.xlsx"]


@pytest.mark.parametrize(
    ("path", "survey", "agency"),
    [
        ("ecb-2026/gorsvet/a.xlsx", "ecb-2026", "gorsvet"),
        ("ecb-2026/a.xlsx", "ecb-2026", None),
        ("a.xlsx", None, None),
        ("ecb-2026/gorsvet/deeper/a.xlsx", "ecb-2026", None),
        ("ecb-2026/gorsvet/template.xlsx", "ecb-2026", "gorsvet"),
    ],
)
def test_a_drop_lies_in_its_survey_and_agency_or_is_misplaced(
    tmp_path: Path, path: str, survey: str | None, agency: str | None
):
    put(tmp_path, path)
    (drop,) = inbox.scan(tmp_path)
    assert (drop.path, drop.survey_code, drop.agency_code) == (path, survey, agency)


def test_links_pipes_and_folders_are_passed_over(tmp_path: Path):
    outside = put(tmp_path, "outside/secret.csv")
    folder = tmp_path / "inbox/ecb-2026/gorsvet"
    put(folder, "a.csv")
    (folder / "link.csv").symlink_to(outside)
    (folder / "gone.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "inbox/ecb-2026/linked").symlink_to(outside.parent)
    os.mkfifo(folder / "pipe.csv")
    (folder / "folder.csv").mkdir()
    assert list(found(tmp_path / "inbox")) == ["ecb-2026/gorsvet/a.csv"]


def test_a_name_that_is_no_utf8_is_written_out(tmp_path: Path):
    folder = tmp_path / "ecb-2026/gorsvet"
    folder.mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xcf\xee.csv")).write_bytes(b"x")
    (drop,) = inbox.scan(tmp_path)
    assert drop.path == "ecb-2026/gorsvet/\\xcf\\xee.csv"
    assert drop.file.read_bytes() == b"x"


def test_a_key_is_of_path_size_and_time(tmp_path: Path):
    file = put(tmp_path, "ecb-2026/gorsvet/a.csv", b"12")
    os.utime(file, ns=(10, 10))
    (drop,) = inbox.scan(tmp_path)
    keys = {drop.key}
    file.write_bytes(b"34")
    os.utime(file, ns=(10, 10))
    keys.add(next(inbox.scan(tmp_path)).key)
    assert len(keys) == 1
    os.utime(file, ns=(11, 11))
    keys.add(next(inbox.scan(tmp_path)).key)
    file.write_bytes(b"345")
    os.utime(file, ns=(11, 11))
    keys.add(next(inbox.scan(tmp_path)).key)
    file.rename(file.with_name("b.csv"))
    keys.add(next(inbox.scan(tmp_path)).key)
    assert len(keys) == 4


def test_bytes_are_stored_once_whole_and_read_only(tmp_path: Path):
    content = os.urandom(archive.CHUNK_BYTES + 7)
    digest = hashlib.sha256(content).hexdigest()
    store = tmp_path / "archive"
    inodes = set()
    for name in ("a.csv", "b.csv"):
        file = put(tmp_path, f"inbox/{name}", content)
        status = file.stat()
        assert archive.store(store, file, status.st_size, status.st_mtime_ns) == digest
        assert file.read_bytes() == content
        inodes.add(archive.path_of(store, digest).stat().st_ino)
    kept = [file for file in store.rglob("*") if file.is_file()]
    assert kept == [archive.path_of(store, digest)]
    assert kept[0].read_bytes() == content
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o444
    assert len(inodes) == 1


def test_what_was_renamed_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A rename is on the disk when its folder is: in the archive and in the outbox."""
    file = put(tmp_path, "inbox/a.csv")
    status = file.stat()
    synced: list[tuple[str, list[str]]] = []

    def sync(folder: Path) -> None:
        synced.append((folder.name, sorted(path.name for path in folder.iterdir())))

    monkeypatch.setattr(archive, "sync_folder", sync)
    digest = archive.store(tmp_path / "archive", file, status.st_size, status.st_mtime_ns)
    assert synced == [(digest[:2], [digest]), ("archive", [digest[:2]])]
    synced.clear()
    outbox.put(tmp_path / "outbox/gorsvet/1-protocol.xlsx", b"x")
    assert synced == [("gorsvet", ["1-protocol.xlsx"])]


@pytest.mark.parametrize("change", [b"longer than it was", b"same"])
def test_a_drop_that_changed_since_it_was_seen_is_left(tmp_path: Path, change: bytes):
    file = put(tmp_path, "inbox/a.csv", b"size")
    status = file.stat()
    file.write_bytes(change)
    os.utime(file, ns=(status.st_mtime_ns + 1,) * 2)
    with pytest.raises(archive.ChangedWhileCopied):
        archive.store(tmp_path / "archive", file, status.st_size, status.st_mtime_ns)
    assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] == []


def test_a_drop_that_is_written_to_while_it_is_copied_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = put(tmp_path, "inbox/a.csv", b"first half")
    status = file.stat()
    real = hashlib.sha256
    writes = 0

    class Digest:
        """Lets the agency's program write on with each piece that is read, as often as anybody would look."""

        def __init__(self) -> None:
            self.digest = real()

        def update(self, chunk: bytes) -> None:
            nonlocal writes
            writes += 1
            assert writes < 100, "copies for ever"
            self.digest.update(chunk)
            with file.open("ab") as other:
                other.write(b", second half")

        def hexdigest(self) -> str:
            return self.digest.hexdigest()

    monkeypatch.setattr(archive.hashlib, "sha256", Digest)
    with pytest.raises(archive.ChangedWhileCopied):
        archive.store(tmp_path / "archive", file, status.st_size, status.st_mtime_ns)
    assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] == []


def test_a_drop_that_became_a_link_is_not_followed(tmp_path: Path):
    secret = put(tmp_path, "outside/secret.csv")
    status = secret.stat()
    link = tmp_path / "a.csv"
    link.symlink_to(secret)
    with pytest.raises(archive.ChangedWhileCopied):
        archive.store(tmp_path / "archive", link, status.st_size, status.st_mtime_ns)
    assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] == []


def test_a_drop_that_became_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(archive.ChangedWhileCopied):
        archive.store(tmp_path / "archive", tmp_path / "a.csv", 0, 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_drop_that_may_not_be_read_says_so(tmp_path: Path):
    file = put(tmp_path, "a.csv")
    file.chmod(0)
    with pytest.raises(archive.CannotBeRead):
        archive.store(tmp_path / "archive", file, 1, file.stat().st_mtime_ns)
