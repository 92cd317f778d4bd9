"""The archive: every drop once, named by its SHA-256, never changed. Everything after `receive` reads from here."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import IO

CHUNK_BYTES = 1 << 20


class ChangedWhileCopied(Exception):
    """The drop was written to, moved or replaced since it was seen: it is left for the next run."""


class CannotBeRead(Exception):
    """The drop is there, and cannot be read: somebody has to mend its rights, or the disk."""


def path_of(archive: Path, sha256: str) -> Path:
    """Where the bytes with this digest lie."""
    return archive / sha256[:2] / sha256


def store(archive: Path, drop: Path, size_bytes: int, modified_ns: int) -> str:
    """Copy a drop into the archive and return its SHA-256.

    Temporary name, fsync, rename: a file in the archive is always whole. Raises ChangedWhileCopied unless size
    and modification time are the given ones before and after, and CannotBeRead if it may not be opened. Bytes that
    the archive holds already stay as they are.
    """
    archive.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with os.fdopen(_open(drop), "rb") as source:
        descriptor, name = tempfile.mkstemp(prefix=".new-", dir=archive)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as copy:
                before = os.fstat(source.fileno())
                left = size_bytes
                # A drop that grows as fast as it is copied is not copied for ever.
                while left >= 0 and (chunk := _read(source)):
                    left -= len(chunk)
                    digest.update(chunk)
                    copy.write(chunk)
                after = os.fstat(source.fileno())
                copy.flush()
                os.fsync(copy.fileno())
            if {(status.st_size, status.st_mtime_ns) for status in (before, after)} != {(size_bytes, modified_ns)}:
                raise ChangedWhileCopied(str(drop))
            target = path_of(archive, digest.hexdigest())
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                temporary.chmod(0o444)
                temporary.rename(target)
                sync_folder(target.parent)
                sync_folder(archive)
            return digest.hexdigest()
        finally:
            temporary.unlink(missing_ok=True)


def _read(source: IO[bytes]) -> bytes:
    try:
        return source.read(CHUNK_BYTES)
    except OSError as error:
        raise CannotBeRead(error.strerror) from error


def _open(drop: Path) -> int:
    """A descriptor of the drop. What became a link or a pipe since the scan is neither followed nor waited for."""
    try:
        descriptor = os.open(drop, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError as error:
        raise CannotBeRead(error.strerror) from error
    except OSError as error:
        raise ChangedWhileCopied(str(drop)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ChangedWhileCopied(str(drop))
    return descriptor


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
