"""One night over the whole corpus: each file is the answer of an agency of its own, so that none disturbs another."""

from __future__ import annotations

import csv
import os
import secrets
import shutil
import sysconfig
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg2.extensions import parse_dsn

from include.city_order import intake, sandbox
from include.city_order.drop_dates import Night
from include.city_order.sandbox import Ended
from include.city_order.site import Site
from include.city_order.vocabulary import DEMAND_YEARS, FIELDS, LineState, demand_field
from tests.corpus import judged, odd_but_valid, refused
from tests.corpus.catalogue import Drop, numbered
from tests.corpus.goods import HORIZON
from tests.intake.nights import REFERENCE, SURVEYS, execute, select
from tests.rules.cases import CLOSES, Agency

#: Whoever imports them has entered their builders.
__all__ = ["judged", "odd_but_valid", "refused"]

INGEST = "city_order_ingest"
TITLES = {
    "ecb": "Потребность города в изделиях для проверки чтения на 2026–2028 годы",
    "battery": "Батареи города для проверки чтения на 2026–2028 годы",
}
VALUES = (*(field.name for field in FIELDS), *(demand_field(year) for year in DEMAND_YEARS))
#: What is looked for in the folders of the installed packages.
SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".csv", ".tsv")

Place = tuple[str, str, int]


@dataclass(frozen=True)
class Left:
    """A file of the corpus (`drop`, without its content), or of an installed package (`installed`)."""

    agency: Agency
    path: str
    category: str
    number: int
    drop: Drop | None = None
    installed: str = ""


@dataclass(frozen=True)
class Result:
    """How a file ended. `lines` and `loaded` give values and raw texts by member, sheet and row."""

    verdict: str
    reason: str
    rules: frozenset[str]
    lines: dict[Place, tuple[dict[str, Any], dict[str, str]]]
    loaded: dict[Place, dict[str, Any]]
    counts: tuple[int, int, int]
    readers: tuple[Ended, ...]


def installed_files() -> list[Path]:
    """Every spreadsheet and CSV that came with the installed packages."""
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    found = {path for folder in folders for path in Path(folder).rglob("*") if path.suffix.lower() in SPREADSHEETS}
    return sorted(path for path in found if path.is_file())


@pytest.fixture(scope="session")
def corpus_site(
    admin_dsn: str, template: tuple[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Site]]:
    """Makes a City Order of its own, with an empty warehouse and the house's references."""
    source, passwords = template
    server = parse_dsn(admin_dsn)
    made = []

    def make(label: str) -> Site:
        home = tmp_path_factory.mktemp(label)
        name = f"{label}_{secrets.token_hex(4)}"
        execute(admin_dsn, "create database {} template {} owner city_order_owner", name, source)
        made.append(name)
        execute(admin_dsn, "grant connect on database {} to city_order_ingest", name)
        dsn = f"postgresql://{INGEST}:{passwords[INGEST]}@{server['host']}:{server['port']}/{name}"
        return Site(dsn, home / "inbox", home / "archive", home / "outbox", home / "surveys", home / "reference")

    yield make
    for name in made:
        execute(admin_dsn, "drop database {} with (force)", name)


@pytest.fixture(scope="session")
def corpus(corpus_site: Callable[[str], Site]) -> list[tuple[Left, Result]]:
    """How every file of the corpus ended, and every spreadsheet that came with the installed packages."""
    site = corpus_site("corpus")
    site.inbox.mkdir()
    left = [*_leave_corpus(site.inbox), *_leave_installed(site.inbox)]
    prepare(site, [(file.agency, file.drop is None or file.drop.on_roster) for file in left])
    readers: dict[str, list[Ended]] = defaultdict(list)
    with pytest.MonkeyPatch.context() as patch:
        _watch(patch, readers)
        collect(site)
    return list(zip(left, _results(site, left, readers), strict=True))


def collect(site: Site) -> None:
    """One night, with two readers at a time."""
    chunks = intake.receive(site, Night(), slots=2)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda chunk: intake.read(site, chunk), chunks))
    intake.load(site, intake.judge(site, [receipt for chunk in chunks for receipt in chunk]))


def prepare(site: Site, agencies: Sequence[tuple[Agency, bool]]) -> None:
    """References that know these agencies, and surveys whose rosters have those that are said to be on it."""
    shutil.copytree(REFERENCE, site.reference)
    file = site.reference / "agencies.csv"
    header = file.read_text(encoding="utf-8").splitlines()[0].split(",")
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, header, restval="")
        writer.writeheader()
        for agency, _ in agencies:
            writer.writerow(
                {
                    "agency_code": agency.code,
                    "valid_from": "2015-01-01",
                    "name": f"Учреждение {agency.number}",
                    "inn": agency.inn,
                    "kpp": agency.kpp,
                    "source": "вымысел",
                    "source_date": "2026-09-15",
                }
            )
    site.surveys.mkdir()
    for programme, title in TITLES.items():
        survey = yaml.safe_load((SURVEYS / f"{programme}-2026.yaml").read_text(encoding="utf-8"))
        survey |= {
            "survey": f"{programme}-corpus",
            "title": title,
            "opens": CLOSES.date().replace(month=10),
            "closes": CLOSES.date(),
            "horizon": dict.fromkeys(HORIZON, "funded"),
            "roster": [agency.code for agency, on_roster in agencies if on_roster],
        }
        text = yaml.safe_dump(survey, allow_unicode=True, sort_keys=False, width=10_000)
        (site.surveys / f"{programme}-corpus.yaml").write_text(text, encoding="utf-8")


def leave(inbox: Path, path: str, content: bytes, number: int) -> None:
    """Put a drop into the inbox; its second of the closing day is its number, by which its receipt is known."""
    file = inbox / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, ns=(_modified_ns(number),) * 2)


def _modified_ns(number: int) -> int:
    return (int(CLOSES.timestamp()) - 80_000 + number) * 10**9


def _leave_corpus(inbox: Path) -> Iterator[Left]:
    for category, number, agency in numbered():
        drop = category.drop(number, agency)
        folder = f"{drop.programme}-corpus/{agency.code}" if drop.folder is None else drop.folder
        path = f"{folder}/{drop.name}" if folder else drop.name
        leave(inbox, path, drop.content, agency.number)
        yield Left(agency, path, category.name, number, replace(drop, content=b""))


def _leave_installed(inbox: Path) -> Iterator[Left]:
    first = sum(1 for _ in numbered())
    for number, file in enumerate(installed_files()):
        agency = Agency(first + number)
        path = f"ecb-corpus/{agency.code}/{file.name}"
        leave(inbox, path, file.read_bytes(), agency.number)
        yield Left(agency, path, "installed", number, installed=str(file))


def _watch(patch: pytest.MonkeyPatch, readers: dict[str, list[Ended]]) -> None:
    """Note how each reader ended, by the name of the archived file: its digest."""
    run = sandbox.run

    def noted(program: Path, drop: int, *rest: Any) -> Ended:
        ended = run(program, drop, *rest)
        readers[Path(f"/proc/self/fd/{drop}").readlink().name].append(ended)
        return ended

    patch.setattr(sandbox, "run", noted)


def _results(site: Site, left: Sequence[Left], readers: dict[str, list[Ended]]) -> Iterator[Result]:
    receipts = {row["modified_ns"]: row for row in select(site, "select * from landing.receipt")}
    readings = {
        row["receipt_no"]: row for row in select(site, "select receipt_no, outcome, reason from staging.reading")
    }
    rules = defaultdict(set)
    for row in select(site, "select receipt_no, rule_id from quality.standing_finding"):
        rules[row["receipt_no"]].add(row["rule_id"])
    lines: dict[int, dict[Place, tuple[dict[str, Any], dict[str, str]]]] = defaultdict(dict)
    for row in select(site, "select * from staging.line"):
        lines[row["receipt_no"]][row["member"], row["sheet"], row["row_number"]] = (_said(row), row["raw"])
    loaded: dict[int, dict[Place, dict[str, Any]]] = defaultdict(dict)
    for row in select(site, "select * from core.demand_line"):
        loaded[row["receipt_no"]][row["member"], row["sheet"], row["row_number"]] = _said(row)
    for file in left:
        receipt = receipts[_modified_ns(file.agency.number)]
        number = receipt["receipt_no"]
        reading = readings.get(number, {"reason": ""})
        quarantined = receipt["reason"] if receipt["verdict"] == "quarantined" else ""
        yield Result(
            receipt["verdict"],
            reading["reason"] or quarantined,
            frozenset(rules[number]),
            lines[number],
            loaded[number],
            (receipt["lines_delivered"], receipt["lines_accepted"],
             sum(receipt[f"lines_{state}"] for state in LineState)),
            tuple(next((ended for name, ended in readers.items() if receipt["sha256"] in name), [])),
        )  # fmt: skip


def _said(row: dict[str, Any]) -> dict[str, Any]:
    """The values of a line that say something. Numbers that are equal are equal, however many decimals they show."""
    found = {name: row[name] for name in VALUES if row.get(name) is not None}
    return {name: value.normalize() if isinstance(value, Decimal) else value for name, value in found.items()}
