"""The reference files under `include/reference/`, and their way into the schema `reference`.

The files decide: `refresh` makes the schema equal to them, in one transaction, and only when they changed.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from include.city_order import suites, surveys, warehouse
from include.city_order.cleaning import Terms, spelling
from include.city_order.identity import manufacturer_key, matching_key
from include.city_order.surveys import Survey

Row = dict[str, str]


class ReferenceError(ValueError):
    """A reference file that cannot be used: says file, line, and what is wrong."""


def read(folder: Path, name: str) -> list[Row]:
    """The rows of one file, each by its header; blank cells are ''."""
    path = folder / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise ReferenceError(f"{path}:{number}: the row has more or fewer cells than the header")
    return rows


def terms(folder: Path) -> Terms:
    """What people type for units, chemistries, uses and kinds of need, and the codes that they mean."""
    units = {
        spelling(typed): row["okei_code"]
        for row in read(folder, "okei")
        for typed in (row["okei_code"], row["symbol"], row["name"], *row["spellings"].split("|"))
    }
    return Terms(
        units=units,
        chemistries=_spellings(folder, "chemistries", "chemistry"),
        battery_uses=_spellings(folder, "battery_uses", "battery_use"),
        need_kinds=_spellings(folder, "need_kinds", "need_kind"),
    )


def version(folder: Path, as_of: date) -> str:
    """That day, and a digest of every row in force on it or before. Example: `2026-10-01-5a6b7c8d`."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.csv")):
        for row in read(folder, path.stem):
            if row.get("valid_from", "") <= str(as_of):
                digest.update(repr((path.stem, sorted(row.items()))).encode())
    return f"{as_of}-{digest.hexdigest()[:8]}"


def refresh(dsn: str, surveys_folder: Path, folder: Path) -> dict[str, Survey]:
    """Make the schema `reference` equal to the files, if they changed since; returns the surveys.

    Raises SurveyError or ReferenceError, and changes nothing, if a file is wrong.
    """
    known = surveys.load(surveys_folder)
    _demand_known_agencies(known, surveys_folder, folder)
    all_suites = suites.load()
    versions = {
        code: (
            survey.rules_version(suites.canonical(suites.in_force(all_suites, survey.programme, survey.rules_as_of))),
            version(folder, survey.reference_as_of),
        )
        for code, survey in known.items()
    }
    state = hashlib.sha256(repr(sorted(versions.items())).encode())
    for path in (*sorted(surveys_folder.glob("*.yaml")), *sorted(folder.glob("*.csv"))):
        state.update(path.name.encode() + path.read_bytes())
    with warehouse.transaction(dsn) as cursor:
        warehouse.lock(cursor, "reference")
        cursor.execute("select files_sha256 from reference.loaded_version")
        if cursor.fetchone() != (state.hexdigest(),):
            _replace(cursor, known, versions, folder)
            cursor.execute(
                "insert into reference.loaded_version (files_sha256) values (%s)"
                " on conflict (only_row) do update set files_sha256 = excluded.files_sha256, loaded_at = now()",
                (state.hexdigest(),),
            )
    return known


def _demand_known_agencies(known: dict[str, Survey], surveys_folder: Path, folder: Path) -> None:
    agencies = {row["agency_code"] for row in read(folder, "agencies")}
    for code, survey in known.items():
        if unknown := [agency for agency in survey.roster if agency not in agencies]:
            raise ReferenceError(
                f"{surveys_folder / code}.yaml: the roster names agencies that {folder / 'agencies.csv'} lacks: "
                f"{', '.join(unknown)}. Add them there first."
            )


@dataclass(frozen=True)
class _Table:
    """How a table of the schema is filled. `key` columns find the row that an upsert changes."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rows: Callable[[], Iterator[tuple[str | date | None, ...]]]


def _replace(
    cursor: warehouse.Cursor, known: dict[str, Survey], versions: dict[str, tuple[str, str]], folder: Path
) -> None:
    for table in _tables(known, versions, folder):
        rows = list(table.rows())
        temporary = "new_" + table.name.partition(".")[2]
        columns = ", ".join(table.columns)
        cursor.execute(
            f"create temporary table {temporary} on commit drop as select {columns} from {table.name} with no data"
        )
        warehouse.copy_rows(cursor, temporary, table.columns, rows)
        changed = ", ".join(f"{column} = excluded.{column}" for column in table.columns)
        cursor.execute(
            f"insert into {table.name} ({columns}) select {columns} from {temporary}"
            f" on conflict ({', '.join(table.key)}) do update set {changed}"
        )
    # A row that left its file leaves the schema, children first; a code that answers refer to stays.
    for table in reversed(_tables(known, versions, folder)):
        if table.name in ("reference.agency", "reference.survey", "reference.manufacturer"):
            continue
        temporary = "new_" + table.name.partition(".")[2]
        matches = " and ".join(f"kept.{column} = held.{column}" for column in table.key)
        cursor.execute(
            f"delete from {table.name} as held where not exists (select from {temporary} as kept where {matches})"
        )


def _tables(known: dict[str, Survey], versions: dict[str, tuple[str, str]], folder: Path) -> list[_Table]:
    """Parents before children."""

    def plain(name: str, file: str, key: tuple[str, ...], columns: tuple[str, ...]) -> _Table:
        return _Table(
            f"reference.{name}",
            columns,
            key,
            lambda: (tuple(row[column] or None for column in columns) for row in read(folder, file)),
        )

    sourced = ("source", "source_date")
    return [
        _Table(
            "reference.agency",
            ("agency_code",),
            ("agency_code",),
            lambda: ((code,) for code in sorted({row["agency_code"] for row in read(folder, "agencies")})),
        ),
        plain(
            "agency_version",
            "agencies",
            ("agency_code", "valid_from"),
            ("agency_code", "valid_from", "valid_to", "name", "inn", "kpp", "parent_code", "successor_code", *sourced),
        ),
        _Table(
            "reference.survey",
            (
                "survey_code", "programme", "title", "opens_date", "closes_date", "rules_as_of_date",
                "reference_as_of_date", "rules_version", "reference_version",
            ),
            ("survey_code",),
            lambda: (
                (
                    code, survey.programme.value, survey.title, survey.opens, survey.closes,
                    survey.rules_as_of, survey.reference_as_of, *versions[code],
                )
                for code, survey in known.items()
            ),
        ),
        _Table(
            "reference.survey_year",
            ("survey_code", "year", "certainty"),
            ("survey_code", "year"),
            lambda: (
                (code, str(year), certainty.value)
                for code, survey in known.items()
                for year, certainty in survey.horizon.items()
            ),
        ),
        _Table(
            "reference.survey_okpd2",
            ("survey_code", "okpd2_prefix"),
            ("survey_code", "okpd2_prefix"),
            lambda: ((code, prefix) for code, survey in known.items() for prefix in survey.okpd2),
        ),
        _Table(
            "reference.roster",
            ("survey_code", "agency_code"),
            ("survey_code", "agency_code"),
            lambda: ((code, agency) for code, survey in known.items() for agency in survey.roster),
        ),
        plain("unit", "okei", ("okei_code",), ("okei_code", "symbol", "name", "pieces", "packs", *sourced)),
        plain(
            "okpd2", "okpd2", ("okpd2_code", "valid_from"), ("okpd2_code", "name", "valid_from", "valid_to", *sourced)
        ),
        plain(
            "manufacturer", "manufacturers", ("manufacturer_code",), ("manufacturer_code", "name", "country", *sourced)
        ),
        _Table(
            "reference.manufacturer_alias",
            ("manufacturer_key", "alias", "manufacturer_code", *sourced),
            ("manufacturer_key",),
            lambda: iter(_manufacturer_aliases(folder).values()),
        ),
        _Table(
            "reference.part",
            ("matching_key", "manufacturer_code", "part_number", *sourced),
            ("matching_key", "manufacturer_code"),
            lambda: (
                (matching_key(row["part_number"]), row["manufacturer_code"], row["part_number"], *_source(row))
                for row in read(folder, "parts")
            ),
        ),
        _Table(
            "reference.part_alias",
            ("alias_key", "manufacturer_code", "matching_key", "alias", *sourced),
            ("alias_key", "manufacturer_code"),
            lambda: (
                (
                    matching_key(row["alias"]), row["manufacturer_code"], matching_key(row["part_number"]),
                    row["alias"], *_source(row),
                )
                for row in read(folder, "part_aliases")
            ),
        ),
        plain("chemistry", "chemistries", ("chemistry",), ("chemistry", "name", "cell_voltage_v", *sourced)),
        plain("battery_use", "battery_uses", ("battery_use",), ("battery_use", "name", *sourced)),
    ]  # fmt: skip


def _manufacturer_aliases(folder: Path) -> dict[str, tuple[str, str, str, str, str]]:
    """Aliases by their key: several spellings may compare equal. Two manufacturers under one key is a mistake."""
    aliases: dict[str, tuple[str, str, str, str, str]] = {}
    for row in read(folder, "manufacturer_aliases"):
        key = manufacturer_key(row["alias"])
        entry = (key, row["alias"], row["manufacturer_code"], *_source(row))
        if aliases.setdefault(key, entry)[2] != row["manufacturer_code"]:
            raise ReferenceError(
                f"{folder / 'manufacturer_aliases.csv'}: {row['alias']!r} means both {aliases[key][2]}"
                f" and {row['manufacturer_code']}: keep one"
            )
    return aliases


def _source(row: Row) -> tuple[str, str]:
    return row["source"], row["source_date"]


def _spellings(folder: Path, name: str, code: str) -> dict[str, str]:
    return {
        spelling(typed): row[code]
        for row in read(folder, name)
        for typed in (row[code], row["name"], *row["spellings"].split("|"))
    }
