"""A line as typed → a line of typed values, and the digest by which two answers are seen to be equal."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from include.city_order import values
from include.city_order.headings import heading_unit
from include.city_order.readings import DEMAND, RawLine, TableFound
from include.city_order.values import Cleaned, spelling
from include.city_order.vocabulary import FIELDS, Kind

__all__ = ["CleanLine", "CleanTotal", "Terms", "clean_lines", "clean_totals", "content_digest", "spelling"]

_KINDS = {item.name: item.kind for item in FIELDS}
#: The units that may stand after a number, as `spelling` gives them: that in which the form asks for it.
_PIECES = frozenset({"шт", "штук", "штука", "штуки"})
_ROUBLES = frozenset({"руб", "р", "рубль", "рубля", "рублей", "₽"})
_UNIT_WORDS = {
    "pack_size": _PIECES,
    "unit_price_rub": _ROUBLES,
    "amount_rub": _ROUBLES,
    "voltage_v": frozenset({"в", "v", "вольт"}),
    "capacity_ah": frozenset({"а·ч", "а*ч", "ач", "а-ч", "ah"}),
    "energy_kwh": frozenset({"квт·ч", "квт*ч", "квтч", "квт-ч", "kwh"}),
}
#: Beside the quantities, numbers that go into the thousands: «тыс.» may follow, and «1,000» may mean a thousand.
_LARGE = frozenset({"pack_size", "unit_price_rub", "amount_rub"})
_MULTIPLE = re.compile(r"тыс|млн|милл|сто |сот|100|10\^")
#: Of the fields besides the years, those whose numbers a totals row adds up.
_SUMMED = frozenset({"stock", "contracted", "amount_rub", "energy_kwh"})


@dataclass(frozen=True)
class Terms:
    """The words that have codes: spelling → code. Spellings may be given as people write them."""

    units: Mapping[str, str]
    chemistries: Mapping[str, str]
    battery_uses: Mapping[str, str]
    need_kinds: Mapping[str, str]
    #: The units that are a multiple themselves («тыс. шт»), and the piece.
    multiples: frozenset[str] = field(init=False)
    piece: str | None = field(init=False)

    def __post_init__(self) -> None:
        for name in ("units", "chemistries", "battery_uses", "need_kinds"):
            given: Mapping[str, str] = getattr(self, name)
            object.__setattr__(self, name, {spelling(text): code for text, code in given.items()})
        multiples = frozenset(code for text, code in self.units.items() if _MULTIPLE.match(text))
        object.__setattr__(self, "multiples", multiples)
        object.__setattr__(self, "piece", self.units.get("шт"))

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
    unit that the headings of the years name, None if they name none that is known («тыс.» alone is «тыс. шт»).
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
    """The lines with typed values, each under the headings of its table and, for ditto marks, the line above.

    A table's lines follow one another.
    """
    units_in_headings = {(table.member, table.sheet): table.unit_in_heading for table in tables}
    years = frozenset(f"{DEMAND}_{year}" for year in horizon)
    result: list[CleanLine] = []
    place: tuple[str, str] | None = None
    above: dict[str, Cleaned] = {}
    for line in lines:
        if (line.member, line.sheet) != place:
            place, above = (line.member, line.sheet), {}
            unit_in_heading = units_in_headings.get(place, "")
            of_headings, only_compared = _heading_unit(unit_in_heading, terms)
        raw = dict(line.values)
        unit = None
        if "unit" not in raw and of_headings:
            raw["unit"] = unit_in_heading
            unit = Cleaned(of_headings, "unit_in_heading")
        cleaned = _clean_fields(line, unit, above, terms)
        result.append(
            CleanLine(
                line.member,
                line.sheet,
                line.row_number,
                raw,
                values={name: value for name, (value, _) in cleaned.items() if not _is_outside(name, years)},
                cleaned_by={name: rule for name, (_, rule) in cleaned.items() if rule},
                outside_horizon={
                    name.removeprefix(f"{DEMAND}_"): value
                    for name, (value, _) in cleaned.items()
                    if _is_outside(name, years) and not isinstance(value, str)
                },
                heading_unit=of_headings or only_compared,
            )
        )
        above = cleaned
    return result


def clean_totals(totals: Iterable[RawLine], terms: Terms) -> list[CleanTotal]:
    """The totals rows with the numbers that they state; what is no number is left out."""
    return [
        CleanTotal(
            row.member,
            row.sheet,
            row.row_number,
            dict(row.values),
            stated={
                name: value
                for name, text in row.values.items()
                if (_is_quantity(name) or name in _SUMMED)
                and isinstance(value := _clean_number(name, text, None, terms).value, Decimal)
            },
        )
        for row in totals
    ]


def _heading_unit(typed: str, terms: Terms) -> tuple[str | None, str | None]:
    """The code of a unit in the headings; and of «тыс.» alone that of «тыс. шт», only to be compared with a line's."""
    named = heading_unit([typed])
    if named and not named.names_a_thing:
        return None, terms.units.get(f"{named.name} шт")
    return terms.units.get(spelling(typed)) or (terms.units.get(named.name) if named else None), None


def _is_outside(name: str, years: frozenset[str]) -> bool:
    return name.startswith(f"{DEMAND}_") and name not in years


def _is_quantity(name: str) -> bool:
    return name.startswith(f"{DEMAND}_") or _KINDS[name] is Kind.QUANTITY


def content_digest(lines: Iterable[CleanLine], nil_return: bool) -> str:
    """SHA-256 (hex) of what an answer says: its rows in their order, in whatever place and format.

    Their order counts, as it decides which of two equal lines is the repeat.

    A cell counts by its clean value, else by its collapsed text; one that says nothing counts as blank. The
    running number of a row is not content.
    """
    rows = [_row_digest(line) for line in lines]
    return hashlib.sha256("\n".join(["nil" if nil_return else "", *rows]).encode()).hexdigest()


def _clean_fields(
    line: RawLine, unit: Cleaned | None, above: Mapping[str, Cleaned], terms: Terms
) -> dict[str, Cleaned]:
    """Each field of a line, cleaned. `unit` is that of the headings if the line has none; `above` is the line above."""
    if "unit" in line.values:
        unit = _clean_field("unit", line.values["unit"], line.marks.get("unit"), above, None, terms)
    cleaned = {} if unit is None else {"unit": unit}
    for name, text in line.values.items():
        if name != "unit":
            cleaned[name] = _clean_field(name, text, line.marks.get(name), above, unit, terms)
    return cleaned


def _clean_field(
    name: str, text: str, mark: str | None, above: Mapping[str, Cleaned], unit: Cleaned | None, terms: Terms
) -> Cleaned:
    if values.is_ditto(text):
        value, rule = above.get(name, Cleaned(None, ""))
        return Cleaned(value, rule if value is None else "ditto")
    if name == "part_number" and (mark == "date" or values.is_date_for_part(text)):
        return Cleaned(None, "date_for_part")
    cleaned = _clean_alone(name, text, unit, terms)
    if mark == "merged" and cleaned.value is not None:
        return Cleaned(cleaned.value, f"merged+{cleaned.rule}".rstrip("+"))
    return cleaned


def _clean_alone(name: str, text: str, unit: Cleaned | None, terms: Terms) -> Cleaned:
    table = terms.of(name)
    if table is not None:
        return values.term(text, table)
    if _is_quantity(name) or _KINDS[name] is Kind.NUMBER:
        return _clean_number(name, text, unit, terms)
    return values.code(text) if _KINDS[name] is Kind.CODE else values.free_text(text)


def _clean_number(name: str, text: str, unit: Cleaned | None, terms: Terms) -> Cleaned:
    """A number. Of a quantity «шт» and «тыс.» are understood only where they agree with the line's unit."""
    code = unit.value if unit else None
    if not _is_quantity(name):
        large = name in _LARGE
        return values.number(text, _UNIT_WORDS[name], may_scale=large, comma_is_decimal=not large)
    in_multiples = code in terms.multiples
    words = _PIECES if code is None or code == terms.piece else ()
    return values.number(text, words, may_scale=not in_multiples, comma_is_decimal=in_multiples)


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
