"""Backup and restore: the warehouse, the archive and the answers, in a folder that looks so:

    archive/ab/abcdef…      every drop once, named by its SHA-256: shared by all backups in the folder
    answers/ab/abcdef…      every protocol likewise
    2026-11-23T085114Z/     a backup: warehouse.dump, and manifest.json, which names all that belongs to it

A drop is registered only when it is whole in the archive, which never changes. So files copied after the dump are all
that the dump names, and nobody has to stop for it. Airflow's own database is in no backup.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import ScriptDirectory

from include.city_order import archive as drops
from include.city_order import releases, warehouse
from include.local_platform import postgres
from include.local_platform.home import CHECKOUT, PlatformError

CONTENTS_SQL = Path(__file__).with_name("contents.sql")

MANIFEST, CONTENTS, DUMP = "manifest.json", "contents.json", "warehouse.dump"

#: What an interrupted backup left is deleted by a later one when it is this old.
LEFTOVER_S = 24 * 3600

#: What of a manifest a restored warehouse must show again.
_COMPARED = ("schema_revision", "tables", "published", "archive", "answers")


def begin(folder: Path) -> Path:
    """A new, still unnamed backup in a folder of backups. Raises PlatformError if others could read it there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_closed(folder)
        for left in folder.glob(".partial-*"):
            if time.time() - left.stat().st_mtime > LEFTOVER_S:
                shutil.rmtree(left)
        return Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
    except OSError as error:
        raise PlatformError(f"{folder} cannot take a backup: {error}") from error


def check_closed(folder: Path) -> None:
    """Raises PlatformError unless only its owner can enter a folder of backups: they hold personal data."""
    if folder.stat().st_mode & 0o077:
        raise PlatformError(
            "A backup holds personal data, and others than its owner can enter the folder that it should go to.\n"
            "Close it to them (chmod 700), or name a folder that does not exist yet."
        )


def write_contents(into: Path, dsn: str, *, dump: bool) -> None:
    """Let psql write what a database holds, and if asked its dump, into a folder. Raises PlatformError."""
    command = ["psql", "-qX", *(["-v", "dump=yes"] if dump else []), "-f", str(CONTENTS_SQL)]
    _run_client(command, dsn, cwd=into, what="Reading the warehouse")


def keep(partial: Path, archive: Path, outbox: Path) -> Path:
    """Add the archive and the answers to a begun backup, and give it its name, by which it is known to be whole.

    Only files that the folder lacks are copied. Returns the backup. Raises PlatformError if a drop is not in the
    archive, or not what its name says.
    """
    folder = partial.parent
    check_closed(folder)
    os.umask(0o022)  # Only the folder itself keeps others out, so that a server's containers can read what is in it.
    contents = _contents(partial)
    for sha256 in contents["archive"]:
        _copy_drop(archive, folder / "archive", sha256, "the archive")
    for path, sha256 in contents["answers"].items():
        source = outbox / path
        # One that was written anew since the dump is left out: after a restore, the next night writes it again.
        if not drops.path_of(folder / "answers", sha256).exists() and source.is_file():
            with contextlib.suppress(drops.ChangedWhileCopied):
                _store(folder / "answers", source)
    manifest = {**contents, "dump_sha256": _sha256(partial / DUMP)}
    (partial / CONTENTS).unlink()
    (partial / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    for file in (DUMP, MANIFEST):
        (partial / file).chmod(0o444)
        _sync(partial / file)
    partial.chmod(0o755)
    _sync(partial)
    named = partial.with_name(manifest["taken_at"])
    partial.rename(named)
    _sync(named.parent)
    return named


def find(source: Path) -> Path:
    """The backup that is meant: this one, or the newest in a folder of backups. Raises PlatformError."""
    if (source / MANIFEST).is_file():
        return source
    found = sorted(path.parent for path in source.glob(f"[0-9]*/{MANIFEST}"))
    if not found:
        raise PlatformError(f"{source} holds no backup. Name the folder that was given to the backup as TO.")
    return found[-1]


def check_whole(backup: Path) -> None:
    """Raises PlatformError if a backup's dump is not what it was, or is of a newer schema than this checkout's."""
    manifest = _manifest(backup)
    if _sha256(backup / DUMP) != manifest["dump_sha256"]:
        raise PlatformError(f"{backup / DUMP} is damaged: it is not what {MANIFEST} names. Take an older backup.")
    known = {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}
    if manifest["schema_revision"] not in known:
        raise PlatformError(
            f"{backup} is of schema revision {manifest['schema_revision']}, which this checkout does not know: it is "
            "older than the backup.\nUpdate it first: git pull"
        )


def describe(backup: Path) -> str:
    """What a backup holds, in words, with its digest."""
    manifest = _manifest(backup)
    receipts = manifest["tables"]["landing.receipt"]["rows"]
    releases = ", ".join(f"{number} with figures {figures}" for number, figures in manifest["published"].items())
    return (
        f"{receipts} receipts, {len(manifest['archive'])} drops, {len(manifest['answers'])} answers, "
        f"schema {manifest['schema_revision']}\npublished releases: {releases or 'none'}\ndigest: {digest(manifest)}"
    )


def put_back(backup: Path, archive: Path, outbox: Path) -> None:
    """Copy a backup's drops and answers to where they belong, each held against its SHA-256. May be repeated.

    Raises PlatformError if one is damaged, or a drop missing.
    """
    manifest = _manifest(backup)
    for sha256 in manifest["archive"]:
        _copy_drop(backup.parent / "archive", archive, sha256, "the backup")
    for path, sha256 in manifest["answers"].items():
        source = drops.path_of(backup.parent / "answers", sha256)
        if not source.is_file():
            continue
        if _sha256(source) != sha256:
            raise PlatformError(f"{source} is damaged. Delete it, and begin again: the next night writes that answer.")
        (outbox / path).parent.mkdir(parents=True, exist_ok=True)
        temporary = (outbox / path).with_name(f".{Path(path).name}.restored")
        shutil.copyfile(source, temporary)
        temporary.chmod(0o644)
        temporary.replace(outbox / path)


def load(backup: Path, dsn: str) -> None:
    """Fill an empty database from a backup's dump, whole or not at all. Raises PlatformError."""
    command = ["pg_restore", "--no-owner", f"--role={postgres.OWNER_ROLE}", "--exit-on-error", "--single-transaction"]
    command += ["--dbname", postgres.RESTORED_DATABASE, str(backup / DUMP)]
    _run_client(command, dsn, cwd=backup, what="Loading the dump")


def check(backup: Path, restored: Path, owner_dsn: str) -> str:
    """Hold a restored database against its backup, migrate it to this checkout, and recompute its figures.

    `restored` holds its contents as psql wrote them. Answers that the backup lacks are left to the next night.
    Returns what was compared, in words. Raises PlatformError if anything differs.
    """
    manifest = _manifest(backup)
    found = _contents(restored)
    lines = [f"digest of the backup    {digest(manifest)}", f"digest of the restored  {digest(found)}"]
    if digest(found) != digest(manifest):
        differing = [name for name, table in manifest["tables"].items() if found["tables"].get(name) != table]
        raise PlatformError("\n".join([*lines, f"They differ, in: {', '.join(differing) or 'what is not a table'}"]))
    migrate(owner_dsn)
    with warehouse.transaction(owner_dsn) as cursor:
        for release_id, figures in manifest["published"].items():
            if not releases.release(cursor, int(release_id))["terms_sha256"]:
                # It is older than digests of this kind; its rows were compared above.
                continue
            lines.append(f"figures of release {release_id}: {figures}")
            if (recomputed := releases.figures_digest(cursor, int(release_id))) != figures:
                raise PlatformError("\n".join([*lines, f"but recomputed: {recomputed}"]))
        answers = backup.parent / "answers"
        lost = [path for path, sha256 in manifest["answers"].items() if not drops.path_of(answers, sha256).is_file()]
        # An answer is recorded by its workbook; its other files lie beside it.
        workbooks = [str(Path(path).with_suffix(".xlsx")) for path in lost]
        cursor.execute("update landing.receipt set answered_at = null where answer_path = any(%s)", (workbooks,))
    if lost:
        lines.append(f"{len(lost)} of {len(manifest['answers'])} answers are not there: the next night writes them")
    return "\n".join(lines)


def digest(contents: Mapping[str, Any]) -> str:
    """One digest of all that a warehouse holds, out of its contents or its manifest."""
    compared = {name: contents[name] for name in _COMPARED}
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()


def migrate(owner_dsn: str) -> None:
    """Bring a database to the schema of this checkout. Raises PlatformError."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "-c", "include/sql/alembic.ini", "upgrade", "head"],
        cwd=CHECKOUT,
        env={**os.environ, "CITY_ORDER_OWNER_DSN": owner_dsn},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise PlatformError(f"Migrating the restored warehouse failed:\n{done.stderr.strip()}")


def _run_client(command: list[str], dsn: str, *, cwd: Path, what: str) -> None:
    """Run one of PostgreSQL's client programs; the password goes through its environment, never its command line."""
    binaries = postgres.wheel_binaries()
    env = {"PATH": f"{binaries}{os.pathsep}{os.defpath}", "LC_ALL": "C", **postgres.client_environment(dsn)}
    done = subprocess.run([str(binaries / command[0]), *command[1:]], cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode:
        raise PlatformError(f"{what} failed:\n{done.stderr.strip()}")


def _manifest(backup: Path) -> dict[str, Any]:
    return dict(json.loads((backup / MANIFEST).read_text(encoding="utf-8")))


def _contents(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / CONTENTS).read_text(encoding="utf-8")))


def _copy_drop(source: Path, target: Path, sha256: str, whose: str) -> None:
    if drops.path_of(target, sha256).exists():
        return
    file = drops.path_of(source, sha256)
    try:
        found = _store(target, file)
    except (FileNotFoundError, drops.ChangedWhileCopied) as error:
        raise PlatformError(f"A drop is missing from {whose}: {file}") from error
    if found != sha256:
        raise PlatformError(f"A drop in {whose} is damaged: {file} has the SHA-256 {found}.")


def _store(target: Path, file: Path) -> str:
    """Copy a file into a folder of files named by their SHA-256, whole or not at all; its SHA-256."""
    status = file.stat()
    return drops.store(target, file, status.st_size, status.st_mtime_ns)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _alembic() -> Config:
    return Config(CHECKOUT / "include/sql/alembic.ini")
