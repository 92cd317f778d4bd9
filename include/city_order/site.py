"""Where this City Order lives: its folders, and its warehouse under one role."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Site:
    """`warehouse` is a DSN, of the role that the caller needs; the rest are folders."""

    warehouse: str
    inbox: Path
    archive: Path
    outbox: Path
    surveys: Path
    reference: Path
