"""The outbox: what agencies find there, the answers to them and the forms for them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from include.city_order import archive


def put(path: Path, content: bytes) -> None:
    """Write a file that is always whole: readers see the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(descriptor, 0o644)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    archive.sync_folder(path.parent)
