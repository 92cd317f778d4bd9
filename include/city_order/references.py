"""The reference files under `include/reference/`, and their way into the schema `reference`.

The files decide: `refresh` makes the schema equal to them, in one transaction, and only when they changed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from include.city_order import suites, surveys, warehouse
from include.city_order.cleaning import Terms, spelling
from include.city_order.fillable_form import Choice
from include.city_order.identifiers import is_inn, is_kpp
from include.city_order.identity import manufacturer_key, matching_key, name_key
from include.city_order.suites import Rule, Suite
from include.city_order.surveys import Survey

Row = dict[str, str]


class ReferenceError(ValueError):
    """A reference file that cannot be used: says file, line, and what is wrong."""


@dataclass(frozen=True)
class _File:
    """What a file must have: columns besides its source, a key that stands once, and codes that other files hold.

    `key` gives each of its columns, and what is compared of it. `refers` gives columns that repeat the first key
    columns of the named file. Answers are judged by its rows, unless it `judges` nothing: then no change of it is a
    change of the reference version. Nor is a change of the columns that are `told` beside: no answer is judged by them.
    """

    columns: str
    key: Mapping[str, Callable[[str], str]]
    refers: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    judges: bool = True
    told: str = ""

    def needed(self) -> list[str]:
        """The header."""
        return [*self.columns.split(), "source", "source_date"]

    def key_of(self, values: Iterable[str]) -> tuple[str, ...]:
        """What is compared of the values of the key's columns, or of the first of them."""
        return tuple(compared(value) for compared, value in zip(self.key.values(), values, strict=False))


_FILES = {
    "agencies": _File(
        "agency_code valid_from valid_to name inn kpp parent_code successor_code",
        {"agency_code": str, "valid_from": str},
        {("parent_code",): "agencies", ("successor_code",): "agencies"},
    ),
    "okei": _File("okei_code symbol name spellings pieces packs", {"okei_code": str}),
    "okpd2": _File("okpd2_code name valid_from valid_to", {"okpd2_code": str, "valid_from": str}),
    "manufacturers": _File("manufacturer_code name country", {"manufacturer_code": str}),
    "manufacturer_aliases": _File(
        "manufacturer_code alias decided_by decided_date",
        {"alias": str},
        {("manufacturer_code",): "manufacturers"},
        told="decided_by decided_date",
    ),
    "parts": _File(
        "part_number manufacturer_code base_part package temperature_min_c temperature_max_c acceptance",
        {"part_number": matching_key, "manufacturer_code": str},
        {("manufacturer_code",): "manufacturers"},
        told="base_part package temperature_min_c temperature_max_c acceptance",
    ),
    "part_aliases": _File(
        "alias part_number manufacturer_code decided_by decided_date",
        {"alias": matching_key, "manufacturer_code": str},
        {("part_number", "manufacturer_code"): "parts"},
        told="decided_by decided_date",
    ),
    # The part may be one that only answers name: then it is in no other file.
    "rejected_aliases": _File(
        "alias part_number manufacturer_code reason decided_by decided_date",
        {"alias": matching_key, "part_number": matching_key, "manufacturer_code": str},
        {("manufacturer_code",): "manufacturers"},
        judges=False,
    ),
    "chemistries": _File("chemistry name spellings cell_voltage_v okpd2", {"chemistry": str}),
    "battery_uses": _File("battery_use name spellings", {"battery_use": str}),
    "need_kinds": _File("need_kind name spellings", {"need_kind": str}),
    "domestic_countries": _File("country", {"country": str}, judges=False),
    "domestic_analogs": _File(
        "part_number manufacturer_code analog_part_number analog_manufacturer_code grade reason proposed_by approved_by"
        " approved_date register_entry register_expiry_date",
        {
            "part_number": matching_key,
            "manufacturer_code": str,
            "analog_part_number": matching_key,
            "analog_manufacturer_code": str,
        },
        {
            ("part_number", "manufacturer_code"): "parts",
            ("analog_part_number", "analog_manufacturer_code"): "parts",
        },
        judges=False,
    ),
}

_MAY_BE_BLANK = {
    "valid_to", "parent_code", "successor_code", "spellings", "pieces", "packs", "cell_voltage_v", "okpd2",
    "approved_by", "approved_date", "register_entry", "register_expiry_date",
    "base_part", "package", "temperature_min_c", "temperature_max_c", "acceptance",
}  # fmt: skip
#: What else may be blank in one file.
_MAY_BE_BLANK_IN = {"rejected_aliases": {"part_number", "manufacturer_code"}}
_GRADES = ("pin_compatible", "functional", "redesign")


def _is_date(text: str) -> bool:
    try:
        return str(date.fromisoformat(text)) == text
    except ValueError:
        return False


def _is_above_zero(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]+(\.[0-9]+)?", text)) and float(text) > 0


#: What a filled cell of a column must be, and how to mend another one.
_CELLS: dict[str, tuple[Callable[[str], object], Callable[[str], str]]] = {
    "agency_code": (
        re.compile(r"[a-z0-9][a-z0-9-]{0,62}").fullmatch,
        lambda text: "write small Latin letters, digits and hyphens, at most 63",
    ),
    "inn": (is_inn, lambda text: "write an organisation's INN: ten digits, the last of them the check digit"),
    "kpp": (is_kpp, lambda text: "write a KPP: nine digits"),
    "grade": (_GRADES.__contains__, lambda text: f"write one of {', '.join(_GRADES)}"),
    **dict.fromkeys(
        ("valid_from", "valid_to", "source_date", "approved_date", "register_expiry_date", "decided_date"),
        (_is_date, surveys.how_to_write_a_date),
    ),
    **dict.fromkeys(
        ("pieces", "packs", "cell_voltage_v"),
        (_is_above_zero, lambda text: "write a number above 0, with a point, like 3.2"),
    ),
    **dict.fromkeys(
        ("temperature_min_c", "temperature_max_c"),
        (re.compile(r"-?[0-9]{1,3}").fullmatch, lambda text: "write whole degrees Celsius, like -40"),
    ),
}


def read(folder: Path, name: str) -> list[Row]:
    """The rows of one file, each by its header; blank cells are ''. Raises ReferenceError, a line for each mistake."""
    return [row for _, row in _read(folder, name)]


def _read(folder: Path, name: str) -> list[tuple[int, Row]]:
    """The rows, each with the line on which it begins."""
    path = folder / f"{name}.csv"
    if name not in _FILES:
        raise ReferenceError(f"{path}:1: not one of the reference files ({', '.join(_FILES)}): move it elsewhere")
    (_, header), *body = _records(path) or [(1, [])]
    if missing := [column for column in _FILES[name].needed() if column not in header]:
        raise ReferenceError(
            f"{path}:1: the header lacks {', '.join(missing)}: write {','.join(_FILES[name].needed())}, with commas"
        )
    rows: list[tuple[int, Row]] = []
    mistakes: list[str] = []
    lines_by_key: dict[tuple[str, ...], int] = {}
    for line, cells in body:
        if len(cells) != len(header):
            mistakes.append(
                f"{path}:{line}: the row has more or fewer cells than the header: count its commas,"
                " and put quotes around a text that has one"
            )
            continue
        row = dict(zip(header, cells, strict=True))
        mistakes += [f"{path}:{line}: {what}" for what in _wrong_cells(row, name)]
        key = _FILES[name].key_of(row[column] for column in _FILES[name].key)
        if (first := lines_by_key.setdefault(key, line)) != line:
            columns = ", ".join(_FILES[name].key)
            mistakes.append(f"{path}:{line}: {columns}: stands on line {first} already: keep one of the two rows")
        rows.append((line, row))
    if mistakes:
        raise ReferenceError("\n".join(mistakes))
    return rows


def _records(path: Path) -> list[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(surveys.read_text(path, ReferenceError), newline=""), strict=True)
    records: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            if cells:
                records.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ReferenceError(f"{path}:{line}: not CSV: {error}: look for a quote that is not closed") from None
    return records


def _wrong_cells(row: Row, name: str) -> Iterator[str]:
    may_be_blank = _MAY_BE_BLANK | _MAY_BE_BLANK_IN.get(name, set())
    for column in _FILES[name].needed():
        text = row[column]
        if not text.strip() and column not in may_be_blank:
            yield f"{column} is blank: fill it in"
        elif text and column in _CELLS:
            is_right, how_to_mend = _CELLS[column]
            if not is_right(text):
                yield f"{column} {text!r}: {how_to_mend(text)}"
    if row.get("valid_to") and row["valid_to"] < row["valid_from"]:
        yield f"valid_to {row['valid_to']} is before valid_from {row['valid_from']}: mend either"
    if bool(row.get("approved_by")) != bool(row.get("approved_date")):
        yield "approved_by and approved_date say together who approved and when: fill in both, or neither"
    if name == "rejected_aliases" and not row["part_number"] and not row["manufacturer_code"]:
        yield "part_number and manufacturer_code are blank: say of which part, or of which manufacturer, it is no name"
    if name == "parts" and not row["base_part"] and any(row[column] for column in _FILES[name].told.split()):
        yield "base_part is blank: fill it in, or leave out what makes the orderable part"
    if row.get("register_expiry_date") and not row["register_entry"]:
        yield f"register_expiry_date {row['register_expiry_date']}: write the entry that expires in register_entry"


def _demand_right_files(folder: Path) -> None:
    """Every file by itself, then what they say of one another."""
    files: dict[str, list[tuple[int, Row]]] = {}
    mistakes: list[str] = []
    for name in dict.fromkeys((*_FILES, *(path.stem for path in sorted(folder.glob("*.csv"))))):
        try:
            files[name] = _read(folder, name)
        except ReferenceError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ReferenceError("\n".join(mistakes))
    for name, file in _FILES.items():
        for columns, other in file.refers.items():
            key = list(_FILES[other].key)[: len(columns)]
            held = {_FILES[other].key_of(row[column] for column in key) for _, row in files[other]}
            for line, row in files[name]:
                values = [row[column] for column in columns]
                if any(values) and _FILES[other].key_of(values) not in held:
                    mistakes.append(
                        f"{folder / name}.csv:{line}: {', '.join(columns)} {', '.join(values)!r}:"
                        f" {other}.csv has none: add it there, or mend it here"
                    )
    mistakes += _agencies_above_themselves(folder, files)
    mistakes += _base_parts_spelled_twice(folder, files)
    mistakes += _analogs_of_the_wrong_origin(folder, files)
    if mistakes:
        raise ReferenceError("\n".join(mistakes))


def _agencies_above_themselves(folder: Path, files: dict[str, list[tuple[int, Row]]]) -> Iterator[str]:
    """On no day is an agency subordinate to its own subordinates: whose answers repeat whose could not be said."""
    rows = files["agencies"]
    # Who is under nobody, or only under such ones, is in no circle: few agencies are left, and mostly none.
    doubtful: set[str] = set()
    left = {row["agency_code"] for _, row in rows}
    while left != doubtful:
        doubtful = left
        left = {row["agency_code"] for _, row in rows if {row["agency_code"], row["parent_code"]} <= doubtful}
    versions = [version for version in rows if version[1]["agency_code"] in doubtful]
    versions.sort(key=lambda version: version[1]["valid_from"])
    ends = {row["valid_to"] for _, row in versions if row["valid_to"]} - {str(date.max)}
    days = {row["valid_from"] for _, row in versions} | {str(date.fromisoformat(end) + timedelta(1)) for end in ends}
    told: list[set[str]] = []
    for day in sorted(days):
        # Of the versions of that day, the latest.
        valid = {
            row["agency_code"]: (line, row["parent_code"])
            for line, row in versions
            if row["valid_from"] <= day <= (row["valid_to"] or str(date.max))
        }
        for agency, (line, parent) in sorted(valid.items(), key=lambda version: version[1]):
            chain, above = [agency], parent
            while above in valid and above not in chain:
                chain.append(above)
                above = valid[above][1]
            if above == agency and set(chain) not in told:
                told.append(set(chain))
                yield (
                    f"{folder / 'agencies'}.csv:{line}: parent_code {parent!r}: on {day} {' under '.join(chain)} under"
                    f" {agency}: mend the parent of one of them"
                )


def _base_parts_spelled_twice(folder: Path, files: dict[str, list[tuple[int, Row]]]) -> Iterator[str]:
    """A base part of a manufacturer has one spelling: the order is added up by it."""
    first: dict[tuple[str, str], tuple[int, str]] = {}
    for line, row in files["parts"]:
        spelled = row["base_part"]
        there, other = first.setdefault((matching_key(spelled), row["manufacturer_code"]), (line, spelled))
        if other != spelled:
            yield (
                f"{folder / 'parts'}.csv:{line}: base_part {spelled!r}: line {there} writes {other!r}:"
                " write one of the two"
            )


def _analogs_of_the_wrong_origin(folder: Path, files: dict[str, list[tuple[int, Row]]]) -> Iterator[str]:
    """An analog is a domestic part in place of a foreign one."""
    domestic = {row["country"] for _, row in files["domestic_countries"]}
    countries = {row["manufacturer_code"]: row["country"] for _, row in files["manufacturers"]}
    for line, row in files["domestic_analogs"]:
        for column, must_be_domestic in (("manufacturer_code", False), ("analog_manufacturer_code", True)):
            country = countries.get(row[column])
            if country and (country in domestic) != must_be_domestic:
                what = "not one of the domestic countries" if must_be_domestic else "one of the domestic countries"
                yield (
                    f"{folder / 'domestic_analogs'}.csv:{line}: {column} {row[column]!r}: {country} is {what}:"
                    " mend the row, or domestic_countries.csv"
                )


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


def choices(folder: Path, survey: Survey) -> dict[str, list[Choice]]:
    """What the drop-down lists of a survey's form offer, by field: what is known on its day, and will count."""
    held = {
        row["okpd2_code"]: row["name"]
        for row in read(folder, "okpd2")
        if row["valid_from"] <= str(survey.reference_as_of) <= (row["valid_to"] or "9999")
        and row["okpd2_code"].startswith(tuple(survey.okpd2))
    }
    return {
        # A unit with no way to the base unit would be accepted, and left out of the order.
        "unit": [Choice(row["symbol"], row["name"]) for row in read(folder, "okei") if row["pieces"] or row["packs"]],
        "okpd2_code": [
            Choice(code, name)
            for code, name in held.items()
            if not any(other != code and other.startswith(code) for other in held)
        ],
        "component_class": [Choice(name, code) for code, name in held.items() if len(code) == len("26.11.30")],
        "chemistry": [Choice(row["name"]) for row in read(folder, "chemistries")],
        "battery_use": [Choice(row["name"]) for row in read(folder, "battery_uses")],
        "need_kind": [Choice(row["name"]) for row in read(folder, "need_kinds")],
    }


def agency_on(folder: Path, agency_code: str, day: date) -> Row:
    """What an agency is called on a day: of its rows the last that has begun by then, else the last of all."""
    rows = [row for row in read(folder, "agencies") if row["agency_code"] == agency_code]
    if not rows:
        raise ReferenceError(f"{folder / 'agencies.csv'}:1: has no agency {agency_code}: add it")
    return max(rows, key=lambda row: (row["valid_from"] <= str(day), row["valid_from"]))


def version(folder: Path, as_of: date) -> str:
    """That day, and a digest of every row that judges, in force on it or before. Example: `2026-10-01-5a6b7c8d`."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.csv")):
        rows = read(folder, path.stem)
        told = set(_FILES[path.stem].told.split())
        for row in rows if _FILES[path.stem].judges else ():
            if row.get("valid_from", "") <= str(as_of):
                judging = sorted(cell for cell in row.items() if cell[0] not in told)
                digest.update(repr((path.stem, judging)).encode())
    return f"{as_of}-{digest.hexdigest()[:8]}"


def expect_right(surveys_folder: Path, folder: Path) -> tuple[dict[str, Survey], dict[str, list[Suite]]]:
    """The surveys, and the rules in force for each. Raises SurveyError or ReferenceError if a file is wrong."""
    known = surveys.load(surveys_folder)
    _demand_right_files(folder)
    _demand_known_agencies(known, surveys_folder, folder)
    all_suites = suites.load()
    rules = {
        code: suites.in_force(all_suites, survey.programme, survey.rules_as_of, survey.thresholds)
        for code, survey in known.items()
    }
    _demand_known_rules(known, rules, surveys_folder)
    return known, rules


def refresh(dsn: str, surveys_folder: Path, folder: Path) -> dict[str, Survey]:
    """Make the schema `reference` equal to the files, if they changed since; returns the surveys.

    Raises SurveyError or ReferenceError, and changes nothing, if a file is wrong.
    """
    known, rules = expect_right(surveys_folder, folder)
    versions = {
        code: (survey.rules_version(suites.canonical(rules[code])), version(folder, survey.reference_as_of))
        for code, survey in known.items()
    }
    state = hashlib.sha256(repr(sorted(versions.items())).encode())
    for path in (*sorted(surveys_folder.glob("*.yaml")), *sorted(folder.glob("*.csv"))):
        state.update(path.name.encode() + path.read_bytes())
    with warehouse.transaction(dsn) as cursor:
        warehouse.lock(cursor, "reference")
        cursor.execute("select files_sha256 from reference.loaded_version")
        if cursor.fetchone() != (state.hexdigest(),):
            # First, as rows that change are kept under the number of their load.
            cursor.execute(
                "insert into reference.loaded_version (files_sha256, load_no) values (%s, 1)"
                " on conflict (only_row) do update set files_sha256 = excluded.files_sha256, loaded_at = now(),"
                " load_no = loaded_version.load_no + 1",
                (state.hexdigest(),),
            )
            _replace(cursor, known, versions, folder)
    return known


def _demand_known_agencies(known: dict[str, Survey], surveys_folder: Path, folder: Path) -> None:
    agencies = {row["agency_code"] for row in read(folder, "agencies")}
    unknown = [
        (surveys_folder / f"{code}.yaml", place, agency)
        for code, survey in known.items()
        for place, agency in enumerate(survey.roster)
        if agency not in agencies
    ]
    if unknown:
        raise ReferenceError(
            "\n".join(
                f"{path}:{surveys.line_of(path, ('roster', place))}: roster: {folder / 'agencies.csv'} has no agency"
                f" {agency}: add it there first, or mend it here"
                for path, place, agency in unknown
            )
        )


def _demand_known_rules(known: dict[str, Survey], rules: dict[str, list[Suite]], surveys_folder: Path) -> None:
    """Every threshold is one of its rule's, and every waiver of a rule that can be waived."""
    mistakes: list[tuple[Path, surveys.Location, str]] = []
    for code, survey in known.items():
        path = surveys_folder / f"{code}.yaml"
        in_force: dict[str, list[Rule]] = {}
        for rule in (rule for suite in rules[code] for rule in suite.rules):
            in_force.setdefault(rule.rule_id, []).append(rule)
        for rule_id, own in survey.thresholds.items():
            names = {name for rule in in_force.get(rule_id, ()) for name in rule.thresholds}
            for name in own:
                if name not in names:
                    mean = f"write one of {', '.join(sorted(names))}" if names else f"{rule_id} has none: remove it"
                    mistakes.append((path, ("thresholds", rule_id, name), f"no such threshold of {rule_id}: {mean}"))
        for place, waiver in enumerate(survey.waivers):
            where: surveys.Location = ("waivers", place, "rule")
            if waiver.rule not in in_force:
                mistakes.append((path, where, f"no rule {waiver.rule} judges this survey: see docs/rules.md"))
            elif not any(rule.may_be_waived for rule in in_force[waiver.rule]):
                mistakes.append((path, where, f"{waiver.rule} cannot be waived: the order could not count such a line"))
    if mistakes:
        raise surveys.SurveyError(
            "\n".join(
                f"{path}:{surveys.line_of(path, where)}: {'.'.join(map(str, where))}: {what}"
                for path, where, what in mistakes
            )
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
                "reference_as_of_date", "rules_version", "reference_version", "thresholds", "double_counting",
                "approval_share", "published_agencies", "published_largest_share", "published_rest_share",
                "published_answered_share",
            ),
            ("survey_code",),
            lambda: (
                (
                    code, survey.programme.value, survey.title, survey.opens, survey.closes,
                    survey.rules_as_of, survey.reference_as_of, *versions[code],
                    json.dumps(survey.model_dump(mode="json")["thresholds"]),
                    survey.double_counting.value,
                    None if survey.approval.changed_share is None else str(survey.approval.changed_share),
                    *(
                        str(getattr(survey.publication, term))
                        for term in ("agencies", "largest_share", "rest_share", "answered_share")
                    ),
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
        _Table(
            "reference.waiver",
            (
                "survey_code", "agency_code", "rule_id", "item", "matching_key", "name_key", "reason", "until_date",
            ),
            ("survey_code", "agency_code", "rule_id", "item"),
            lambda: (
                (
                    code, waiver.agency, waiver.rule, waiver.item, matching_key(waiver.item) or None,
                    name_key(waiver.item) or None, waiver.reason, waiver.until,
                )
                for code, survey in known.items()
                for waiver in survey.waivers
            ),
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
            ("manufacturer_key", "alias", "manufacturer_code", "decided_by", "decided_date", *sourced),
            ("manufacturer_key",),
            lambda: iter(_manufacturer_aliases(folder).values()),
        ),
        _Table(
            "reference.part",
            (
                "matching_key", "manufacturer_code", "part_number", "base_key", "base_part", "package",
                "temperature_min_c", "temperature_max_c", "acceptance", *sourced,
            ),
            ("matching_key", "manufacturer_code"),
            lambda: (
                (
                    matching_key(row["part_number"]), row["manufacturer_code"], row["part_number"],
                    matching_key(row["base_part"]) or None, row["base_part"] or None, row["package"] or None,
                    row["temperature_min_c"] or None, row["temperature_max_c"] or None, row["acceptance"] or None,
                    *_source(row),
                )
                for row in read(folder, "parts")
            ),
        ),
        _Table(
            "reference.part_alias",
            ("alias_key", "manufacturer_code", "matching_key", "alias", "decided_by", "decided_date", *sourced),
            ("alias_key", "manufacturer_code"),
            lambda: (
                (
                    matching_key(row["alias"]), row["manufacturer_code"], matching_key(row["part_number"]),
                    row["alias"], *_decision(row),
                )
                for row in read(folder, "part_aliases")
            ),
        ),
        _Table(
            "reference.rejected_alias",
            (
                "alias_key", "matching_key", "manufacturer_code", "alias", "part_number", "reason", "decided_by",
                "decided_date", *sourced,
            ),
            ("alias_key", "matching_key", "manufacturer_code"),
            lambda: (
                (
                    (matching_key if row["part_number"] else manufacturer_key)(row["alias"]),
                    matching_key(row["part_number"]), row["manufacturer_code"], row["alias"],
                    row["part_number"] or None, row["reason"], *_decision(row),
                )
                for row in read(folder, "rejected_aliases")
            ),
        ),
        plain("chemistry", "chemistries", ("chemistry",), ("chemistry", "name", "cell_voltage_v", *sourced)),
        _Table(
            "reference.chemistry_okpd2",
            ("chemistry", "okpd2_prefix"),
            ("chemistry", "okpd2_prefix"),
            lambda: (
                (row["chemistry"], prefix)
                for row in read(folder, "chemistries")
                for prefix in row["okpd2"].split("|")
                if prefix
            ),
        ),
        plain("battery_use", "battery_uses", ("battery_use",), ("battery_use", "name", *sourced)),
        plain("need_kind", "need_kinds", ("need_kind",), ("need_kind", "name", *sourced)),
        plain("domestic_country", "domestic_countries", ("country",), ("country", *sourced)),
        _Table(
            "reference.domestic_analog",
            (
                "matching_key", "manufacturer_code", "analog_matching_key", "analog_manufacturer_code", "grade",
                "reason", "proposed_by", "approved_by", "approved_date", "register_entry", "register_expiry_date",
                *sourced,
            ),
            ("matching_key", "manufacturer_code", "analog_matching_key", "analog_manufacturer_code"),
            lambda: (
                (
                    matching_key(row["part_number"]), row["manufacturer_code"],
                    matching_key(row["analog_part_number"]), row["analog_manufacturer_code"], row["grade"],
                    row["reason"], row["proposed_by"], row["approved_by"] or None, row["approved_date"] or None,
                    row["register_entry"] or None, row["register_expiry_date"] or None, *_source(row),
                )
                for row in read(folder, "domestic_analogs")
            ),
        ),
    ]  # fmt: skip


def _manufacturer_aliases(folder: Path) -> dict[str, tuple[str, ...]]:
    """Aliases by their key: several spellings may compare equal. Two manufacturers under one key is a mistake."""
    aliases: dict[str, tuple[str, ...]] = {}
    for line, row in _read(folder, "manufacturer_aliases"):
        key = manufacturer_key(row["alias"])
        entry = (key, row["alias"], row["manufacturer_code"], *_decision(row))
        if aliases.setdefault(key, entry)[2] != row["manufacturer_code"]:
            raise ReferenceError(
                f"{folder / 'manufacturer_aliases.csv'}:{line}: {row['alias']!r} means both {aliases[key][2]}"
                f" and {row['manufacturer_code']}: keep one"
            )
    return aliases


def _source(row: Row) -> tuple[str, str]:
    return row["source"], row["source_date"]


def _decision(row: Row) -> tuple[str, str, str, str]:
    """Who decided and when, and where it comes from."""
    return row["decided_by"], row["decided_date"], *_source(row)


def _spellings(folder: Path, name: str, code: str) -> dict[str, str]:
    return {
        spelling(typed): row[code]
        for row in read(folder, name)
        for typed in (row[code], row["name"], *row["spellings"].split("|"))
    }
