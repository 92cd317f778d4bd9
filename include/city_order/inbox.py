"""The inbox: what agencies left, as `<survey>/<agency>/<any name>`. It is only ever read."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from include.city_order.personal_data import mask_path

log = logging.getLogger(__name__)

#: Half-uploaded files, and what programs leave beside the files that people work on: left for later.
UNFINISHED_ENDINGS = (".part", ".filepart", ".tmp")
UNFINISHED_BEGINNINGS = ("~$", ".~lock")
NO_DROPS = ("Thumbs.db", ".DS_Store")


@dataclass(frozen=True)
class Drop:
    """A file as an agency left it. `path` is below the inbox, as text; `size_bytes` and `modified_ns` as seen first.

    `survey_code` and `agency_code` are its folders' names, whatever they are; `agency_code` is None for a file that
    does not lie in `<survey>/<agency>/`.
    """

    file: Path
    path: str
    survey_code: str | None
    agency_code: str | None
    size_bytes: int
    modified_ns: int

    @property
    def key(self) -> str:
        """The same path, size and modification time is received once; a digest, as a path may hold personal data."""
        return hashlib.sha256(f"{self.path}\0{self.size_bytes}\0{self.modified_ns}".encode()).hexdigest()


def scan(inbox: Path) -> Iterator[Drop]:
    """Every drop in the inbox. Links and other things that are no plain files are passed over."""

    def cannot_be_read(error: OSError) -> None:
        log.error("%s cannot be read: %s. Mend its rights", mask_path(_text(str(error.filename))), error.strerror)

    for folder, folders, names in os.walk(inbox, onerror=cannot_be_read):
        folders.sort()
        for name in sorted(names):
            if not _is_drop(name):
                continue
            file = Path(folder, name)
            try:
                status = file.lstat()
            except FileNotFoundError:
                continue  # renamed or taken back since the folder was listed
            if not stat.S_ISREG(status.st_mode):
                continue
            parts = [_text(part) for part in file.relative_to(inbox).parts]
            yield Drop(
                file=file,
                path="/".join(parts),
                survey_code=parts[0] if len(parts) > 1 else None,
                agency_code=parts[1] if len(parts) == 3 else None,
                size_bytes=status.st_size,
                modified_ns=status.st_mtime_ns,
            )


def _is_drop(name: str) -> bool:
    return not (name in NO_DROPS or name.startswith(UNFINISHED_BEGINNINGS) or name.lower().endswith(UNFINISHED_ENDINGS))


def _text(name: str) -> str:
    """A name as text that can be stored: bytes that are no UTF-8 are written out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
