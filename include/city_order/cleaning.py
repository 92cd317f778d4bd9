"""A line as typed → a line of typed values, and the digest by which two answers are seen to be equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from include.city_order import values
from include.city_order.readings import DEMAND, RawLine, TableFound
from include.city_order.values import Cleaned, spelling
from include.city_order.vocabulary import FIELDS, Kind

__all__ = ["CleanLine", "CleanTotal", "Terms", "clean_lines", "clean_totals", "content_digest", "spelling"]

_KINDS = {item.name: item.kind for item in FIELDS}
#: Of the fields besides the years, those whose numbers a totals row adds up.
_SUMMED = frozenset({"stock", "contracted", "amount_rub", "energy_kwh"})


@dataclass(frozen=True)
class Terms:
    """The words that have codes: spelling → code. Spellings may be given as people write them."""

    units: Mapping[str, str]
    chemistries: Mapping[str, str]
    battery_uses: Mapping[str, str]
    need_kinds: Mapping[str, str]

    def __post_init__(self) -> None:
        for name in ("units", "chemistries", "battery_uses", "need_kinds"):
            given: Mapping[str, str] = getattr(self, name)
            object.__setattr__(self, name, {spelling(text): code for text, code in given.items()})

    def of(self, name: str) -> Mapping[str, str] | None:
        """The table of a field; None if the field has none."""
        return {
            "unit": self.units,
            "chemistry": self.chemistries,
            "battery_use": self.battery_uses,
            "need_kind": self.need_kinds,
        }.get(name)


@dataclass(frozen=True)
class CleanLine:
    """A demand line, raw beside clean.

    `values` has an entry for each non-blank cell, None where nothing was said or it could not be understood;
    quantities are Decimal. `cleaned_by` names the rule only where one changed or emptied the text.
    `outside_horizon` holds the demand under years that the survey does not ask for, by year. `heading_unit` is the
    unit that the headings of the quantities name, None if they name none that is known.
    """

    member: str
    sheet: str
    row_number: int
    raw: dict[str, str]
    values: dict[str, str | Decimal | None]
    cleaned_by: dict[str, str] = field(default_factory=dict)
    outside_horizon: dict[str, Decimal | None] = field(default_factory=dict)
    heading_unit: str | None = None


@dataclass(frozen=True)
class CleanTotal:
    """A totals row: what was typed, and the numbers that it states, by field (`demand_<year>` for any year)."""

    member: str
    sheet: str
    row_number: int
    raw: dict[str, str]
    stated: dict[str, Decimal]


def clean_lines(
    lines: Iterable[RawLine], tables: Iterable[TableFound], horizon: tuple[int, ...], terms: Terms
) -> list[CleanLine]:
    """The lines with typed values, each under what the headings of its table say."""
    heading_units = {(table.member, table.sheet): table.unit_in_heading for table in tables}
    return [_clean(line, heading_units.get((line.member, line.sheet), ""), horizon, terms) for line in lines]


def clean_totals(totals: Iterable[RawLine], terms: Terms) -> list[CleanTotal]:
    """The totals rows with the numbers that they state; what is no number is left out."""
    result = []
    for row in totals:
        stated: dict[str, Decimal] = {}
        for name, text in row.values.items():
            if name.startswith(f"{DEMAND}_") or name in _SUMMED:
                value = _clean_field(name, text, terms).value
                if isinstance(value, Decimal):
                    stated[name] = value
        result.append(CleanTotal(row.member, row.sheet, row.row_number, dict(row.values), stated))
    return result


def _clean(line: RawLine, unit_in_heading: str, horizon: tuple[int, ...], terms: Terms) -> CleanLine:
    """The line with typed values. Every raw field ends in `values` or, by its year, in `outside_horizon`."""
    years = {f"{DEMAND}_{year}" for year in horizon}
    heading_unit = terms.units.get(spelling(unit_in_heading))
    result = CleanLine(line.member, line.sheet, line.row_number, dict(line.values), {}, heading_unit=heading_unit)
    if heading_unit and "unit" not in line.values:
        result.raw["unit"] = unit_in_heading
        result.values["unit"] = heading_unit
        result.cleaned_by["unit"] = "unit_in_heading"
    for name, text in line.values.items():
        cleaned = _clean_field(name, text, terms)
        if cleaned.rule:
            result.cleaned_by[name] = cleaned.rule
        if name.startswith(f"{DEMAND}_") and name not in years:
            assert not isinstance(cleaned.value, str)
            result.outside_horizon[name.removeprefix(f"{DEMAND}_")] = cleaned.value
        else:
            result.values[name] = cleaned.value
    return result


def content_digest(lines: Iterable[CleanLine], nil_return: bool) -> str:
    """SHA-256 (hex) of what an answer says: its rows in their order, in whatever place and format.

    Their order counts, as it decides which of two equal lines is the repeat.

    A cell counts by its clean value, else by its collapsed text; one that says nothing counts as blank. The
    running number of a row is not content.
    """
    rows = [_row_digest(line) for line in lines]
    return hashlib.sha256("\n".join(["nil" if nil_return else "", *rows]).encode()).hexdigest()


def _clean_field(name: str, text: str, terms: Terms) -> Cleaned:
    table = terms.of(name)
    if table is not None:
        return values.term(text, table)
    kind = Kind.QUANTITY if name.startswith(f"{DEMAND}_") else _KINDS[name]
    if kind in (Kind.QUANTITY, Kind.NUMBER):
        return values.number(text)
    return values.code(text) if kind is Kind.CODE else values.free_text(text)


def _row_digest(line: CleanLine) -> str:
    outside = {f"{DEMAND}_{year}": value for year, value in line.outside_horizon.items()}
    said = []
    for name, value in sorted((line.values | outside).items()):
        if name == "line_no" or (value is None and line.cleaned_by.get(name) == "nothing"):
            continue
        if value is None:
            value = values.collapsed(line.raw[name])
        said.append([name, values.number_text(value) if isinstance(value, Decimal) else value])
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
