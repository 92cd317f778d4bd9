"""Names in standing answers that nobody knows, beside those that they look like: a list for a person to decide.

Nothing here changes what a line asks for. A decision is a line in `part_aliases.csv`, `manufacturer_aliases.csv` or
`rejected_aliases.csv`, and is taken back by taking the line out. What a night costs follows what is new: a name is
compared once with what is known; all are compared anew when the known names change.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from psycopg2.extensions import cursor as Cursor

from include.city_order import likeness, references, warehouse
from include.city_order.identity import manufacturer_key, matching_key
from include.city_order.likeness import Name
from include.city_order.protocol_data import guarded

log = logging.getLogger(__name__)

#: Names that are compared, and their proposals held, at a time.
CHUNK = 2_000

_COLUMNS = (
    "kind", "typed_key", "typed_manufacturer_code", "known_key", "known_manufacturer_code", "in_reference",
    "known_name", "score", "reason",
)  # fmt: skip

PART, MANUFACTURER = "part", "manufacturer"

Row = dict[str, Any]


@dataclass(frozen=True)
class Listed:
    """The proposals of a survey, best first, and how many more the files have decided since the last night."""

    proposals: list[Row]
    decided: int


def find(dsn: str) -> int:
    """Compare the names that are new, or all if what is known has changed; returns how many were compared."""
    with warehouse.transaction(dsn) as cursor:
        warehouse.lock(cursor, "proposals")
        known = _known(cursor)
        cursor.execute(warehouse.statement("proposals/names_to_compare"), {"known_version": known.version})
        names = warehouse.rows(cursor)
        if not names:
            return 0
        warehouse.copy_rows(
            cursor,
            _temporary(cursor, "compared_now", "core.compared_name", "kind, typed_key, typed_manufacturer_code"),
            ("kind", "typed_key", "typed_manufacturer_code"),
            ((row["kind"], row["typed_key"], row["typed_manufacturer_code"]) for row in names),
        )
        _temporary(cursor, "found_candidate", "core.alias_candidate", ", ".join(_COLUMNS))
        _remember(cursor, names, known.version)
        for start in range(0, len(names), CHUNK):
            chunk = names[start : start + CHUNK]
            found = {row[:5]: row for row in _candidates(cursor, chunk, known)}
            warehouse.copy_rows(cursor, "found_candidate", _COLUMNS, found.values())
        _replace(cursor)
    log.info("Compared %s names that nobody knows.", len(names))
    return len(names)


def listed(dsn: str, reference: Path, survey_code: str) -> Listed:
    """What the warehouse proposes of a survey, less what the files have decided meanwhile. Any role may ask that reads.

    Raises LookupError if the warehouse knows no such survey, ReferenceError if a file is wrong.
    """
    decided = _decided(reference)
    with warehouse.transaction(dsn) as cursor:
        cursor.execute("select survey_code from reference.survey order by 1")
        known = [code for (code,) in cursor.fetchall()]
        if survey_code not in known:
            raise LookupError(f"The warehouse knows no survey {survey_code!r}. It knows: {', '.join(known) or 'none'}.")
        cursor.execute(
            "select * from core.alias_proposal where survey_code = %s"
            ' order by score desc, pieces desc, typed_key collate "C", known_key collate "C",'
            " typed_manufacturer_code, known_manufacturer_code",
            (survey_code,),
        )
        rows = warehouse.rows(cursor)
    still_open = [row for row in rows if not _is_decided(row, decided)]
    return Listed(still_open, len(rows) - len(still_open))


def drafts(proposal: Mapping[str, Any], today: date) -> list[tuple[str, str]]:
    """The lines that accept a proposal, each with its file; who decides and when is left to be filled in.

    A part that no file has must get into `parts.csv` first, its manufacturer filled in if nobody stated it.
    """
    source = f"proposal, score {proposal['score']}: {proposal['reason']}"
    maker = proposal["known_manufacturer_code"]
    if proposal["kind"] == MANUFACTURER:
        return [("manufacturer_aliases.csv", _line(maker, proposal["typed_name"], "", "", source, today))]
    alias = _line(proposal["typed_name"], proposal["known_name"], maker, "", "", source, today)
    if proposal["in_reference"]:
        return [("part_aliases.csv", alias)]
    part = _line(proposal["known_name"], maker, "", "", "", "", "", "", today)
    return [("parts.csv", part), ("part_aliases.csv", alias)]


def rejection(proposal: Mapping[str, Any], today: date) -> str:
    """The line of `rejected_aliases.csv` that rejects a proposal; why, who and when is left to be filled in."""
    part = proposal["known_name"] if proposal["kind"] == PART else ""
    source = f"proposal, score {proposal['score']}: {proposal['reason']}"
    return _line(proposal["typed_name"], part, proposal["known_manufacturer_code"], "", "", "", source, today)


def as_csv(rows: Sequence[Mapping[str, Any]], today: date) -> bytes:
    """The list as a file: UTF-8 with its mark, `;` between the cells; cells that could begin a formula are guarded."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=";", lineterminator="\r\n")
    columns = (
        "score", "reason", "kind", "typed_name", "typed_manufacturer_code", "known_name", "known_manufacturer_code",
        "in_reference",
    )  # fmt: skip
    stakes = ("agencies", "receipts", "lines", "pieces", "first_seen_date", "to_accept", "to_reject")
    writer.writerow((*columns, *stakes))
    for row in rows:
        told = [
            " ".join(row["agencies"]),
            " ".join(map(str, row["receipts"])),
            row["lines"],
            f"{row['pieces']:f}",
            str(row["first_seen_at"].date()),
            "\n".join(f"{file}: {line}" for file, line in drafts(row, today)),
            f"rejected_aliases.csv: {rejection(row, today)}",
        ]
        writer.writerow([guarded(value) for value in (*(_text(row[column]) for column in columns), *told)])
    return buffer.getvalue().encode("utf-8-sig")


# What is known


@dataclass(frozen=True)
class _Known:
    """Parts (their other names too) and names of manufacturers; `version` is a digest of both."""

    parts: list[Row]
    manufacturers: dict[str, list[Name]]
    version: str

    def names_of(self, manufacturer_code: str) -> tuple[list[Name], list[Row]]:
        """The names of a manufacturer's parts, or of all parts if it is blank; and what each stands for."""
        rows = [row for row in self.parts if manufacturer_code in ("", row["manufacturer_code"])]
        return [Name(row["key"], row["spelled"]) for row in rows], rows


def _known(cursor: Cursor) -> _Known:
    cursor.execute(warehouse.statement("proposals/known_parts"))
    parts = warehouse.rows(cursor)
    cursor.execute(
        "select manufacturer_code, manufacturer_key, alias from reference.manufacturer_alias order by 1, 2, 3"
    )
    manufacturers: dict[str, list[Name]] = {}
    aliases = cursor.fetchall()
    for code, key, alias in aliases:
        manufacturers.setdefault(code, []).append(Name(key, alias))
    digest = hashlib.sha256(json.dumps([likeness.VERSION, parts, aliases], ensure_ascii=False).encode())
    return _Known(parts, manufacturers, digest.hexdigest()[:16])


# What is found


def _candidates(cursor: Cursor, names: Sequence[Row], known: _Known) -> Iterator[tuple[Any, ...]]:
    """What some names look like, as rows of core.alias_candidate."""
    by_maker: dict[str, list[Name]] = {}
    for row in names:
        if row["kind"] == PART:
            by_maker.setdefault(row["typed_manufacturer_code"], []).append(Name(row["typed_key"], row["typed_name"]))
    others = _other_unknown_parts(cursor, list(by_maker))
    for maker, typed in by_maker.items():
        yield from _known_parts(maker, typed, known)
        for twin in likeness.twin_proposals(typed, others[maker]):
            yield (
                *(PART, twin.typed.key, maker, twin.known.key, maker),
                *(False, twin.known.spelled, twin.score, f"{twin.reason}; the reference has neither"),
            )
    yield from _known_manufacturers(cursor, names, known)


def _known_parts(maker: str, typed: list[Name], known: _Known) -> Iterator[tuple[Any, ...]]:
    known_names, parts = known.names_of(maker)
    # Two manufacturers may make a part of one name, and a part may have several names like the typed one.
    makes: dict[str, list[Row]] = {}
    for row in parts:
        makes.setdefault(row["key"], []).append(row)
    best: dict[tuple[str, str, str], tuple[Any, ...]] = {}
    for proposal in likeness.part_proposals(typed, known_names):
        for row in makes[proposal.known.key]:
            reason = proposal.reason
            if row["key"] != row["matching_key"]:
                reason += f" (of its other name «{row['spelled']}»)"
            best.setdefault(
                (proposal.typed.key, row["matching_key"], row["manufacturer_code"]),
                (
                    *(PART, proposal.typed.key, maker, row["matching_key"], row["manufacturer_code"]),
                    *(True, row["part_number"], proposal.score, reason),
                ),
            )
    yield from best.values()


def _known_manufacturers(cursor: Cursor, names: Sequence[Row], known: _Known) -> Iterator[tuple[Any, ...]]:
    typed = [Name(row["typed_key"], row["typed_name"]) for row in names if row["kind"] == MANUFACTURER]
    if not typed:
        return
    cursor.execute(
        warehouse.statement("proposals/makers_of_parts"), {"manufacturer_keys": [name.key for name in typed]}
    )
    makers: dict[str, set[str]] = {}
    for key, code in cursor.fetchall():
        makers.setdefault(key, set()).add(code)
    for code, proposal in likeness.manufacturer_proposals(typed, known.manufacturers, makers):
        yield (
            *(MANUFACTURER, proposal.typed.key, "", proposal.known.key, code),
            *(True, proposal.known.spelled, proposal.score, proposal.reason),
        )


def _other_unknown_parts(cursor: Cursor, makers: list[str]) -> dict[str, list[Name]]:
    cursor.execute(warehouse.statement("proposals/other_unknown_parts"), {"manufacturer_codes": makers})
    others: dict[str, list[Name]] = {maker: [] for maker in makers}
    for key, maker, spelled in cursor.fetchall():
        others[maker].append(Name(key, spelled))
    return others


def _temporary(cursor: Cursor, name: str, table: str, columns: str) -> str:
    cursor.execute(f"create temporary table {name} on commit drop as select {columns} from {table} with no data")
    return name


def _remember(cursor: Cursor, names: Sequence[Row], version: str) -> None:
    """Take the names as compared; what is found is kept in the same transaction."""
    columns = ("kind", "typed_key", "typed_manufacturer_code", "typed_name", "known_version")
    temporary = _temporary(cursor, "new_compared_name", "core.compared_name", ", ".join(columns))
    rows = ((*(row[column] for column in columns[:-1]), version) for row in names)
    warehouse.copy_rows(cursor, temporary, columns, rows)
    cursor.execute(
        f"insert into core.compared_name ({', '.join(columns)}) select {', '.join(columns)} from {temporary}"
        " on conflict (kind, typed_key, typed_manufacturer_code) do update set"
        " typed_name = excluded.typed_name, known_version = excluded.known_version, compared_at = now()"
    )


def _replace(cursor: Cursor) -> None:
    """Let the candidates of the compared names be those found; the others stay, and so does `first_seen_at`."""
    key = ", ".join(_COLUMNS[:5])
    cursor.execute("analyze compared_now")
    cursor.execute("analyze found_candidate")
    cursor.execute(
        f"""
        delete from core.alias_candidate as held
        where
            ({key}) not in (select {key} from found_candidate)
            and exists (
                select 1 from compared_now as compared
                where
                    compared.kind = held.kind and compared.typed_key = held.typed_key
                    and compared.typed_manufacturer_code = held.typed_manufacturer_code
                union all
                select 1 from compared_now as compared
                where
                    not held.in_reference and compared.kind = held.kind and compared.typed_key = held.known_key
                    and compared.typed_manufacturer_code = held.known_manufacturer_code
            )
        """
    )
    changed = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[5:])
    cursor.execute(
        f"insert into core.alias_candidate ({', '.join(_COLUMNS)})"
        f" select distinct on ({key}) {', '.join(_COLUMNS)} from found_candidate order by {key}"
        f" on conflict ({key}) do update set {changed}"
    )


# What the files have decided


@dataclass(frozen=True)
class _Decided:
    parts: set[tuple[str, str]]
    manufacturers: set[str]
    rejected: set[tuple[str, str, str]]


def _decided(reference: Path) -> _Decided:
    parts = {
        (matching_key(row[column]), row["manufacturer_code"])
        for file, column in (("parts", "part_number"), ("part_aliases", "alias"))
        for row in references.read(reference, file)
    }
    return _Decided(
        parts=parts | {(key, "") for key, _ in parts},
        manufacturers={manufacturer_key(row["alias"]) for row in references.read(reference, "manufacturer_aliases")},
        rejected={
            (
                (matching_key if row["part_number"] else manufacturer_key)(row["alias"]),
                matching_key(row["part_number"]),
                row["manufacturer_code"],
            )
            for row in references.read(reference, "rejected_aliases")
        },
    )


def _is_decided(row: Row, decided: _Decided) -> bool:
    part = row["known_key"] if row["kind"] == PART else ""
    if (row["typed_key"], part, row["known_manufacturer_code"]) in decided.rejected:
        return True
    if row["kind"] == MANUFACTURER:
        return row["typed_key"] in decided.manufacturers
    return (row["typed_key"], row["typed_manufacturer_code"]) in decided.parts


def _line(*cells: object) -> str:
    """One line of a reference file."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()


def _text(value: Any) -> str | int:
    return value if isinstance(value, int) and not isinstance(value, bool) else str(value)
