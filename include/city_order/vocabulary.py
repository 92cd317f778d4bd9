"""The words that everything else uses: fields of the form, verdicts, states, reasons.

Standard library only; every other module may import this one. The glossary (`docs/glossary.md`)
says what each word means and what it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

MOSCOW = ZoneInfo("Europe/Moscow")

#: The calendar years that have a column of their own in the warehouse (`demand_2026` …).
#: A survey whose horizon leaves this range needs a migration; `surveys.load` says so.
DEMAND_YEARS = range(2026, 2036)

#: Bump when reading or cleaning changes what a cell becomes: it is part of the rules version.
READER_VERSION = 2

#: How long a person may take to decide whether a release is published.
DECISION_PATIENCE = timedelta(days=3)


class Programme(StrEnum):
    """A family of goods that is surveyed together."""

    ECB = "ecb"
    BATTERY = "battery"


class Verdict(StrEnum):
    """How a receipt ended. The first that fits, in this order."""

    QUARANTINED = "quarantined"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    PARTLY_ACCEPTED = "partly_accepted"
    ACCEPTED_WITH_WARNINGS = "accepted_with_warnings"
    ACCEPTED = "accepted"


class LineState(StrEnum):
    """Where a delivered line stands: each line has exactly one state."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    DUPLICATE = "duplicate"


class Severity(StrEnum):
    """E stops the line or the file, W is told and passes."""

    ERROR = "E"
    WARNING = "W"


class Certainty(StrEnum):
    """How firm a year of a survey's horizon is: the city budget is a three-year one."""

    FUNDED = "funded"
    PLANNED = "planned"
    INDICATIVE = "indicative"


class DoubleCounting(StrEnum):
    """What counts if an agency asks for the same as one below it, or as its direct subordinates in sum."""

    CHILD_COUNTS = "child_counts"
    BOTH_COUNT = "both_count"


class ReleaseStatus(StrEnum):
    """How far a release is; it only moves forward."""

    DRAFT = "draft"
    AUDITED = "audited"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


class Kind(StrEnum):
    """What a field's text is cleaned to."""

    TEXT = "text"
    CODE = "code"
    UNIT = "unit"
    QUANTITY = "quantity"
    NUMBER = "number"
    TERM = "term"


@dataclass(frozen=True)
class Field:
    """One column of the form.

    `name` is its name everywhere (form, warehouse, suites); `heading` is the canonical Russian
    heading; `programmes` are those whose form has it; `required` means that a file without such
    a column is refused (F02).
    """

    name: str
    heading: str
    kind: Kind
    programmes: tuple[Programme, ...] = (Programme.ECB, Programme.BATTERY)
    required: bool = False


_ECB = (Programme.ECB,)
_BATTERY = (Programme.BATTERY,)

#: The form without its year columns, in the order of the columns.
FIELDS: tuple[Field, ...] = (
    Field("line_no", "№ п/п", Kind.TEXT),
    Field("item_name", "Наименование изделия", Kind.TEXT, required=True),
    Field("component_class", "Вид изделия", Kind.TEXT, _ECB, required=True),
    Field("part_number", "Обозначение", Kind.TEXT, _ECB),
    Field("manufacturer", "Производитель", Kind.TEXT),
    Field("country", "Страна происхождения", Kind.TEXT),
    Field("okpd2_code", "Код ОКПД2", Kind.CODE, required=True),
    Field("unit", "Единица измерения", Kind.UNIT, required=True),
    Field("pack_size", "Количество в упаковке", Kind.NUMBER),
    Field("stock", "Остаток на складе", Kind.QUANTITY),
    Field("contracted", "Законтрактовано", Kind.QUANTITY),
    Field("unit_price_rub", "Цена за единицу, руб.", Kind.NUMBER),
    Field("amount_rub", "Сумма, руб.", Kind.NUMBER),
    Field("used_in", "Где применяется", Kind.TEXT),
    Field("need_kind", "Вид потребности", Kind.TEXT),
    Field("domestic_analog", "Отечественный аналог", Kind.TEXT),
    Field("chemistry", "Тип (химия)", Kind.TERM, _BATTERY, required=True),
    Field("battery_use", "Назначение", Kind.TERM, _BATTERY, required=True),
    Field("voltage_v", "Напряжение, В", Kind.NUMBER, _BATTERY, required=True),
    Field("capacity_ah", "Ёмкость, А·ч", Kind.NUMBER, _BATTERY, required=True),
    Field("energy_kwh", "Энергия, кВт·ч", Kind.NUMBER, _BATTERY),
    Field("comment", "Примечание", Kind.TEXT),
)


def fields_of(programme: Programme | str) -> tuple[Field, ...]:
    """The fields of a programme's form, year columns left out."""
    return tuple(field for field in FIELDS if programme in field.programmes)


def demand_field(year: int) -> str:
    """The field that holds a year's demand: 2027 → `demand_2027`."""
    return f"demand_{year}"
