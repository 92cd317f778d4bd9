"""Small, seeded drops for bad nights: every kind of answer, in a few lines each.

What they hold is known to nobody but the files: the recount reads them from the archive.
"""

from __future__ import annotations

import csv
import io
import os
import random
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from openpyxl import Workbook

from tests.faults.recount import BATTERY, ECB

SURVEYS = ("ecb-2026", "battery-2026")
#: On the rosters of both surveys.
AGENCIES = ("dep-transport", "gorlift", "gorsvet", "vodokanal-fict", "gkb-71", "video-watch", "data-centre")

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Left:
    """A drop as it was left in the inbox."""

    path: str
    content: bytes
    modified_ns: int


@dataclass
class Sender:
    """Leaves drops, night after night; remembers what it sent, to correct, repeat or take back."""

    seed: int
    sent: dict[tuple[str, str], list[Rows]] = field(default_factory=lambda: defaultdict(list))
    left: list[Left] = field(default_factory=list)
    replaced: list[Left] = field(default_factory=list)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    def leave(self, inbox: Path, day: datetime, drops: int) -> list[Left]:
        """Leave that many drops, in the hours before `day`; at least one of them changes the order."""
        wanted = ["answer", *(self._kind() for _ in range(drops - 1))]
        self._chance.shuffle(wanted)
        return [self._leave(inbox, day, kind) for kind in wanted]

    def better(self, drop: Left) -> Left:
        """A drop with which an agency would replace this one: the same size, a second later."""
        content = drop.content
        if drop.path.endswith(".csv"):
            content = content.replace(b"ZQ1", b"ZQ2").replace(b"AGM", b"LFP")
        return Left(drop.path, content, drop.modified_ns + 10**9)

    def replace(self, drop: Left, later: Left) -> None:
        """Remember that `later` lies in the place of `drop`, which may have been received before."""
        self.left[self.left.index(drop)] = later
        self.replaced.append(drop)

    def leave_much(self, inbox: Path, day: datetime) -> None:
        """Leave a drop with thousands of lines, in the hours before `day`."""
        rows = [self._row(ECB) | {"part_number": f"ZQ{number}"} for number in range(1000, 4000)]
        self._put(inbox, day, "ecb-2026/gorlift", ("csv", _csv(ECB, rows, "utf-8")))

    def _kind(self) -> str:
        kinds = {
            "answer": 6, "copy": 3, "back": 2, "nil": 1, "hopeless": 1, "broken": 1, "stranger": 1, "no survey": 1,
        }  # fmt: skip
        return self._chance.choices(list(kinds), list(kinds.values()))[0]

    def _leave(self, inbox: Path, day: datetime, kind: str) -> Left:
        survey, agency = self._chance.choice(SURVEYS), self._chance.choice(AGENCIES)
        before = self.sent[survey, agency]
        if kind in ("copy", "back") and not before:
            kind = "answer"
        if kind == "stranger":
            agency = "unheard-of"
        if kind == "no survey":
            content = self._file(ECB, self._rows(ECB))
            return self._put(inbox, day, f"ecb-2031/{agency}", content)
        form = ECB if survey.startswith("ecb") else BATTERY
        if kind == "broken":
            return self._put(inbox, day, f"{survey}/{agency}", ("xlsx", b"PK\x03\x04" + self._chance.randbytes(200)))
        if kind == "nil":
            rows: Rows = []
        elif kind == "copy":
            rows = before[-1]
        elif kind == "back":
            rows = before[0]
        elif kind == "hopeless":
            rows = [row | {"unit": "ведро"} for row in self._rows(form)]
        else:
            rows = self._rows(form)
        if kind in ("answer", "copy", "back"):
            before.append(rows)
        return self._put(inbox, day, f"{survey}/{agency}", self._file(form, rows))

    def _rows(self, form: dict[str, str]) -> Rows:
        rows = [self._row(form) for _ in range(self._chance.randint(1, 6))]
        if self._chance.random() < 0.3:
            rows.append(dict(rows[0]))
        if self._chance.random() < 0.3:
            rows.append(self._row(form) | {"unit": "ведро"})
        if self._chance.random() < 0.3:
            rows.append(self._row(form) | {"demand_2026": "сколько дадут"})
        return rows

    def _row(self, form: dict[str, str]) -> dict[str, str]:
        chance = self._chance
        row = {
            "unit": "шт",
            "stock": chance.choice(("", "", "3", "12")),
            "unit_price_rub": chance.choice(("", "10,50", "3", "1234,567")),
            **{f"demand_{year}": chance.choice(("", "0", str(chance.randint(1, 400)))) for year in (2026, 2027, 2028)},
        }
        if form is ECB:
            packed = chance.random() < 0.2
            return row | {
                "item_name": "Микроконтроллер",
                "component_class": "Микросхема",
                "part_number": f"ZQ{chance.randint(1000, 1011)}",
                "okpd2_code": "26.11.30.110",
                "unit": "упак" if packed else chance.choice(("шт", "шт", "шт", "ед")),
                "pack_size": "25" if packed else "",
            }
        return row | {
            "item_name": "Батарея",
            "chemistry": chance.choice(("LFP", "AGM")),
            "battery_use": chance.choice(("Электробус", "ИБП")),
            "voltage_v": chance.choice(("12", "51,2")),
            "capacity_ah": chance.choice(("100", "7,2")),
            "okpd2_code": "27.20.23.130",
        }

    def _file(self, form: dict[str, str], rows: Rows) -> tuple[str, bytes]:
        """The rows as one of the formats that agencies use: its ending and its bytes."""
        if not rows:
            return "csv", "Потребность отсутствует\n".encode()
        ending = self._chance.choice(("csv", "cp1251", "xlsx", "zip"))
        if ending == "xlsx":
            return ending, _workbook(form, rows)
        if ending == "zip":
            half = (len(rows) + 1) // 2
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                for number, part in enumerate((rows[:half], rows[half:]), start=1):
                    if part:
                        archive.writestr(f"{number}.csv", _csv(form, part, "utf-8"))
            return ending, buffer.getvalue()
        return "csv", _csv(form, rows, "cp1251" if ending == "cp1251" else "utf-8-sig")

    def _put(self, inbox: Path, day: datetime, folder: str, file: tuple[str, bytes]) -> Left:
        ending, content = file
        moment = day - timedelta(seconds=self._chance.randint(10, 80_000))
        path = f"{folder}/ответ {len(self.left) + 1}.{ending}"
        left = Left(path, content, int(moment.timestamp()) * 1_000_000_000 + len(self.left))
        write_drop(inbox, left)
        self.left.append(left)
        return left


def write_drop(inbox: Path, left: Left) -> None:
    """Put a drop into the inbox, with its time."""
    file = inbox / left.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(left.content)
    os.utime(file, ns=(left.modified_ns,) * 2)


def _csv(form: dict[str, str], rows: Rows, encoding: str) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";")
    writer.writerow(form.values())
    writer.writerows([[row.get(name, "") for name in form] for row in rows])
    return buffer.getvalue().encode(encoding)


def _workbook(form: dict[str, str], rows: Rows) -> bytes:
    workbook = Workbook()
    sheet = workbook.active
    sheet.append(["Сведения о потребности"])
    sheet.append(list(form.values()))
    for row in rows:
        sheet.append([row.get(name, "") or None for name in form])
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()
