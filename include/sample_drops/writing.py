"""Put the sample drops into an inbox."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from include.sample_drops.catalogue import CATALOGUE, Drop
from include.sample_drops.contents import content


def modified_ns(drop: Drop, seed: int) -> int:
    """The drop's modification time in ns since 1970: its minute is the catalogue's, the rest the seed's."""
    within_minute = Random(f"{seed}:{drop.path}:time").randrange(60_000_000_000)  # noqa: S311
    return int(drop.moment.timestamp()) * 1_000_000_000 + within_minute


def write(folder: Path | str, seed: int = 2026) -> list[Drop]:
    """Write every drop of the catalogue under `folder`; what is written again is the same drop.

    A file appears whole and already dated: a scan that looks meanwhile sees it or does not.
    """
    for drop in CATALOGUE:
        path = Path(folder, drop.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(path.name + ".tmp")
        unfinished.write_bytes(content(drop, seed))
        moment = modified_ns(drop, seed)
        os.utime(unfinished, ns=(moment, moment))
        unfinished.replace(path)
    return list(CATALOGUE)
