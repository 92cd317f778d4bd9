"""A release as it is handed out: its facts, its tables and its charts, whatever the file format.

Pure, and the same for both tiers. Column names are English, everything else that people read is Russian.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from include.city_order.vocabulary import MOSCOW, Certainty, Programme

#: What a figure may be; a number is exact.
Value = str | int | Decimal | None

CERTAINTIES = {
    Certainty.FUNDED: "обеспечен бюджетом",
    Certainty.PLANNED: "плановый",
    Certainty.INDICATIVE: "ориентировочный",
}

#: Why an order leaves something out.
REASONS = {
    "no_way_to_pieces": "единицу нельзя перевести в штуки",
    "year_outside_horizon": "год вне горизонта",
    "counted_by_subordinate": "учтено у подведомственных организаций",
}

#: Why a figure is not what it was in the release before.
CAUSES = {
    "new_submission": "в прежнем выпуске не было ответа организации",
    "correction": "организация прислала новый ответ взамен прежнего",
    "withdrawal": "организация сообщила, что потребности больше нет",
    "changed_mapping": "строка ответа отнесена к другому изделию",
    "changed_unit": "единица ответа иначе переводится в штуки",
    "changed_rule": "нового ответа нет, изменились правила проверки или учёта",
    "changed_reference": "нового ответа нет, изменились справочники",
    "double_counting": "ответ прежний, но учтён иначе: об изделии сообщают и подведомственные организации",
    "changed_model": "ответы прежние, изменился расчёт заказа",
    "roll_back": "возврат к прежнему выпуску",
}

#: OKEI codes of what charts add up.
UNITS = {"796": "шт.", "245": "кВт·ч"}

#: How many bars a chart has at most: more cannot be read.
CLASSES_SHOWN = 8
PRODUCTS_SHOWN = 15

#: Letters of a product's id that tell it from others of its name.
_CODE_SHOWN = 8


class Tier(StrEnum):
    """Whom an export is for: the department, or everybody."""

    INTERNAL = "internal"
    PUBLISHED = "published"


class Kind(StrEnum):
    """What a column holds, in words of Frictionless Table Schema."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"


@dataclass(frozen=True)
class Column:
    """One column: its English name, its Russian heading, what it says, and what its codes mean."""

    name: str
    heading: str
    kind: Kind
    description: str
    required: bool = True
    codes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Table:
    """Rows in the order of the columns; the key tells them apart. People read them from the top."""

    name: str
    heading: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    def records(self) -> Iterator[dict[str, Any]]:
        """The rows by the names of the columns."""
        names = [column.name for column in self.columns]
        for row in self.rows:
            yield dict(zip(names, row, strict=True))


@dataclass(frozen=True)
class Chart:
    """Bars: one group for each category, one bar of it for each series, None where nothing is known.

    `horizontal` if categories are long names.
    """

    heading: str
    unit: str
    categories: tuple[str, ...]
    series: tuple[tuple[str, tuple[Decimal | None, ...]], ...]
    horizontal: bool = False


@dataclass(frozen=True)
class ReleaseExport:
    """All that an export of one release is made from. Equal ones give equal bytes."""

    tier: Tier
    survey_code: str
    survey_title: str
    programme: Programme
    release_id: int
    published_at: datetime
    input_fingerprint: str
    figures_sha256: str
    code_version: str
    roster_agencies: int
    answered_agencies: int
    certainties: tuple[tuple[int, str], ...]
    money: str
    notes: tuple[str, ...]
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...]

    @property
    def title(self) -> str:
        """What the export is, in one line."""
        tier = "" if self.tier is Tier.INTERNAL else " (открытые сведения)"
        return f"Заказ города: {self.survey_title}. Выпуск № {self.release_id}{tier}"

    @property
    def facts(self) -> tuple[tuple[str, str, str], ...]:
        """What each export carries: English name, Russian heading, value."""
        return (
            ("survey_code", "Обследование", self.survey_code),
            ("survey_title", "Название обследования", self.survey_title),
            ("release_id", "Выпуск", str(self.release_id)),
            ("published_at", "Опубликован (по Москве)", f"{self.published_at.astimezone(MOSCOW):%d.%m.%Y %H:%M}"),
            ("completeness", "Полнота", self.completeness),
            ("vat_basis", "Цены и НДС", self.money),
            ("input_fingerprint", "Отпечаток исходных данных", self.input_fingerprint),
            ("figures_sha256", "Отпечаток показателей", self.figures_sha256),
            ("code_version", "Версия программы", self.code_version),
        )

    @property
    def legend(self) -> tuple[tuple[str, str, str], ...]:
        """The codes that stand in the tables: heading of the column, code, meaning; each once."""
        found: dict[Column, set[Value]] = defaultdict(set)
        for table in self.tables:
            for place, column in enumerate(table.columns):
                if column.codes:
                    found[column].update(row[place] for row in table.rows)
        return tuple(
            (column.heading, code, meaning)
            for column, there in found.items()
            for code, meaning in column.codes
            if code in there
        )

    @property
    def completeness(self) -> str:
        """How much of the roster the figures stand for."""
        share = self.answered_share
        told = f"ответили {self.answered_agencies} из {self.roster_agencies} организаций"
        return told if share is None else f"{told} ({number(Decimal(share) * 100, 0)} %)"

    @property
    def answered_share(self) -> Decimal | None:
        """The share of the roster that has answered; None if nobody was asked."""
        return Decimal(self.answered_agencies) / self.roster_agencies if self.roster_agencies else None

    def year_heading(self, year: int) -> str:
        """A year with how firm it is."""
        certainty = dict(self.certainties).get(year)
        return f"{year} ({CERTAINTIES[Certainty(certainty)]})" if certainty else str(year)


def number(value: Decimal | int, places: int | None = None) -> str:
    """A number as it is written in Russian: groups of three, a decimal comma, no trailing zeros."""
    if places is not None:
        value = round(Decimal(value), places) if places else Decimal(round(Decimal(value)))
    text = f"{Decimal(value):,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", "\u00a0").replace(".", ",")


def of_every_year(
    records: Iterable[Mapping[str, Any]], key: tuple[str, ...], measure: str, years: Iterable[int]
) -> list[Mapping[str, Any]]:
    """The records of those keys whose measure is told for each of the years: only they have a total.

    If no year is known, nothing is known to be whole.
    """
    records = list(records)
    told: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for record in records:
        if record[measure] is not None:
            told[tuple(record[name] for name in key)].add(record["year"])
    wanted = set(years)
    return [record for record in records if wanted and told[tuple(record[name] for name in key)] >= wanted]


def add_up(lines: Iterable[tuple[int, Decimal | None]]) -> dict[int, Decimal | None]:
    """Sums by year; None for a year of whose lines none has a quantity. A year without lines is not in it."""
    sums: dict[int, Decimal | None] = {}
    for year, quantity in lines:
        before = sums.get(year)
        sums[year] = before if quantity is None else (before or Decimal(0)) + quantity
    return sums


def classes_chart(
    lines: Iterable[tuple[str, int, Decimal | None]], unit: str, years: Iterable[int], what: str
) -> Chart | None:
    """What is asked for of the largest classes, by year, of all lines of class, year and quantity.

    None of no lines, or if no year is known. A year without lines is a zero, so whoever does not show all lines gives
    only classes with a line for each year.
    """
    lines_of: dict[str, list[tuple[int, Decimal | None]]] = defaultdict(list)
    for okpd2_class, year, quantity in lines:
        lines_of[okpd2_class].append((year, quantity))
    sums = {name: add_up(found) for name, found in lines_of.items()}
    largest = sorted(sums, key=lambda name: (-sum(value or 0 for value in sums[name].values()), name))[:CLASSES_SHOWN]
    series = tuple((str(year), tuple(sums[name].get(year, Decimal(0)) for name in largest)) for year in years)
    if not largest or not series:
        return None
    return Chart(
        what if len(sums) <= CLASSES_SHOWN else f"{what}: {CLASSES_SHOWN} крупнейших",
        UNITS[unit],
        tuple(largest),
        series,
    )


def products_chart(lines: Iterable[tuple[str, str, Decimal]], what: str) -> Chart | None:
    """The products of which most pieces are asked for, of lines of product, label and pieces; None of no lines.

    Different products may have one label, as batteries of one name do: then the beginning of the product's id follows.
    """
    totals: dict[str, Decimal] = defaultdict(Decimal)
    labels: dict[str, str] = {}
    for product_id, label, quantity in lines:
        totals[product_id] += quantity
        labels.setdefault(product_id, label)
    largest = sorted(totals, key=lambda product_id: (-totals[product_id], labels[product_id], product_id))
    largest = largest[:PRODUCTS_SHOWN]
    if not largest:
        return None
    products_of = Counter(labels.values())
    categories = (
        f"{label}, код {product_id[:_CODE_SHOWN]}" if products_of[label] > 1 else label
        for product_id, label in ((product_id, labels[product_id]) for product_id in largest)
    )
    series = (("всего за все годы", tuple(totals[product_id] for product_id in largest)),)
    return Chart(what, UNITS["796"], tuple(categories), series, horizontal=True)


def years_chart(
    amounts: Mapping[int, Decimal | None], export_years: Iterable[int], what: str, unit: str
) -> Chart | None:
    """One bar a year, none where the amount is None; no chart if there is nothing in any year."""
    years = tuple(export_years)
    if not any(amounts.get(year) for year in years):
        return None
    return Chart(what, unit, tuple(map(str, years)), ((unit, tuple(amounts.get(year, Decimal(0)) for year in years)),))


def product_label(name: str, part_number: str | None, manufacturer: str | None) -> str:
    """A product as a chart names it: by part number if it has one, with the manufacturer."""
    label = part_number or name
    return f"{label}, {manufacturer}" if manufacturer else label
