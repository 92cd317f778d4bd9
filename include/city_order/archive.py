"""The archive: every drop once, named by its SHA-256, never changed. Everything after `receive` reads from here."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

CHUNK_BYTES = 1 << 20


class ChangedWhileCopied(Exception):
    """The drop was written to while it was copied: it is left for the next run."""


def path_of(archive: Path, sha256: str) -> Path:
    """Where the bytes with this digest lie."""
    return archive / sha256[:2] / sha256


def store(archive: Path, drop: Path, size_bytes: int, modified_ns: int) -> str:
    """Copy a drop into the archive and return its SHA-256.

    Temporary name, fsync, rename: a file in the archive is always whole. Raises ChangedWhileCopied unless size
    and modification time are the given ones before and after. Bytes that the archive holds already stay as they are.
    """
    archive.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    descriptor, name = tempfile.mkstemp(prefix=".new-", dir=archive)
    temporary = Path(name)
    try:
        # O_NOFOLLOW: what became a link since the scan is not followed out of the inbox.
        with os.fdopen(os.open(drop, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source, os.fdopen(descriptor, "wb") as copy:
            before = os.fstat(source.fileno())
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                copy.write(chunk)
            after = os.fstat(source.fileno())
            copy.flush()
            os.fsync(copy.fileno())
        seen = {(status.st_size, status.st_mtime_ns) for status in (before, after)}
        if seen != {(size_bytes, modified_ns)}:
            raise ChangedWhileCopied(str(drop))
        target = path_of(archive, digest.hexdigest())
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            temporary.chmod(0o444)
            temporary.rename(target)
            _sync(target.parent)
            _sync(archive)
        return digest.hexdigest()
    finally:
        temporary.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
