"""The protocol of a file before it is dropped: a whole night over one file, of which nothing stays.

What the night does is done here by the same flows, in a rehearsal of the warehouse and over folders of its own. So
the answer is that of the coming night, if nothing else changes until then.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from include.city_order import answers, archive, inbox, intake, references, warehouse
from include.city_order.protocol_facts import ProtocolFacts
from include.city_order.site import Site

#: The number of the receipt in a rehearsal: below those that agencies are told.
RECEIPT_NO = -1


class NotADrop(ValueError):
    """A file that no night would collect: says why, and what to do."""


@dataclass(frozen=True)
class Preview:
    """How the file would end, and the files of its protocol."""

    facts: ProtocolFacts
    written: tuple[Path, ...]


def check(site: Site, file: Path, survey_code: str, agency_code: str, to: Path) -> Preview:
    """Judge a file as if it lay in the agency's folder of the inbox now, and write its protocol into the folder `to`.

    Nothing else is written: not to the warehouse, nor to the site's folders. Role: city_order_ingest. Raises NotADrop
    for a file that is not collected under its name, and OSError if `to` cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="city-order-check-") as place:
        home = Path(place)
        here = replace(site, inbox=home / "inbox", archive=home / "archive", outbox=home / "outbox")
        drop = _leave(here.inbox / survey_code / agency_code, file, here.inbox)
        with warehouse.rehearsal(here.warehouse):
            references.refresh(here.warehouse, here.surveys, here.reference)
            sha256 = archive.store(here.archive, drop.file, drop.size_bytes, drop.modified_ns)
            with warehouse.transaction(here.warehouse) as cursor:
                intake.register(cursor, drop, sha256, datetime.now(UTC), receipt_no=RECEIPT_NO)
            intake.read(here, [RECEIPT_NO])
            intake.load(here, intake.judge(here, [RECEIPT_NO]))
            answers.write(here, [RECEIPT_NO], others=False)
            (facts,) = answers.facts(here.warehouse, [RECEIPT_NO])
        return Preview(facts, tuple(_hand_over(here.outbox, to, drop.file.stem)))


def _leave(folder: Path, file: Path, into: Path) -> inbox.Drop:
    """A copy of the file, as the agency would leave it."""
    folder.mkdir(parents=True)
    shutil.copyfile(file, folder / file.name)
    drops = list(inbox.scan(into))
    if not drops:
        raise NotADrop(
            f"{file.name} is the name of a file that is still being written, or of none that anybody sends: the night "
            "leaves it in the inbox. Rename it"
        )
    return drops[0]


def _hand_over(outbox: Path, to: Path, stem: str) -> list[Path]:
    """Copy the protocol's files: `answer-protocol.xlsx` for `answer.xlsx`."""
    to.mkdir(parents=True, exist_ok=True)
    handed = []
    for written in sorted(path for path in outbox.rglob("*") if path.is_file()):
        target = to / f"{stem}{written.name.removeprefix(str(RECEIPT_NO))}"
        shutil.copyfile(written, target)
        handed.append(target)
    return handed
