"""Lay lines out as agencies do: title block, headings, a row of column numbers, totals, a footer."""

from __future__ import annotations

from dataclasses import dataclass, field

from include.city_order.vocabulary import demand_field, fields_of
from include.sample_drops.catalogue import Look
from include.sample_drops.goods import Line

Cell = object  # None, str, int or Decimal
Merge = tuple[int, int, int, int]  # first row, first column, last row, last column, from 0

_UNIT_CODES = {"шт": "796"}
_UNIT_NAMES = {"шт": "Штука"}


@dataclass
class Sheet:
    """A sheet as typed: its rows, and which cells are merged."""

    name: str
    rows: list[list[Cell]] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)


@dataclass(frozen=True)
class Sender:
    """What the title block says of the agency; an unknown agency states its name alone."""

    name: str
    inn: Cell = None
    kpp: str | None = None


@dataclass(frozen=True)
class Column:
    """A column of the form: the field under it, its heading, and its year if it is one of demand."""

    field: str
    heading: str
    year: int | None = None


def columns(survey: dict, look: Look) -> list[Column]:
    """The form's columns in order; the years stand after the size of a pack."""
    synonyms = survey["headings"] if look & Look.SYNONYMS else {}
    year_heading = "Потребность на {} г." if look & Look.SYNONYMS else "Потребность на {} год"
    laid: list[Column] = []
    for form_field in fields_of(survey["programme"]):
        heading = synonyms.get(form_field.name, [form_field.heading])[0]
        laid.append(Column(form_field.name, heading))
        if form_field.name == "pack_size":
            laid += [Column(demand_field(year), year_heading.format(year), year) for year in survey["horizon"]]
    return laid


def sheet(title: str, sender: Sender, laid: list[Column], lines: list[Line], look: Look, said: str = "") -> Sheet:
    """One filled form. `said` is a sentence in place of lines, such as a nil return's."""
    made = Sheet("Потребность")
    if look & Look.TITLE:
        _title(made, title, sender)
    if look & Look.MERGED:
        _two_row_headings(made, laid)
    else:
        made.rows.append([column.heading for column in laid])
    if look & Look.NUMBERED:
        made.rows.append([str(number) for number in range(1, len(laid) + 1)])
    for number, line in enumerate(lines, start=1):
        made.rows.append([_typed({"line_no": number, **line}, column.field, look) for column in laid])
    if said:
        made.rows.append([said if column.field == "item_name" else None for column in laid])
    if look & Look.TOTALS and lines:
        made.rows.append(_totals(laid, lines))
    if look & Look.FOOTER:
        made.rows += [[], ["Исп. Тестова А. Б., тел. 8 (499) 000-01-02"]]
    return made


def notice(title: str, sender: Sender, said: str) -> Sheet:
    """A sheet without a table: the title block and one sentence."""
    made = Sheet("Письмо")
    _title(made, title, sender)
    made.rows.append([said])
    return made


def _title(made: Sheet, title: str, sender: Sender) -> None:
    made.rows += [[title], ["Организация", sender.name]]
    if sender.inn is not None:
        made.rows += [["ИНН", sender.inn], ["КПП", sender.kpp]]
    made.rows.append([])


def _two_row_headings(made: Sheet, laid: list[Column]) -> None:
    """«Потребность» over «на 2026 год» …; every other heading is merged downwards."""
    top = len(made.rows)
    years = [index for index, column in enumerate(laid) if column.year]
    word = laid[years[0]].heading.split(" ", 1)[0]
    upper: list[Cell] = [None if column.year else column.heading for column in laid]
    upper[years[0]] = word
    made.rows.append(upper)
    made.rows.append([column.heading.split(" ", 1)[1] if column.year else None for column in laid])
    made.merges.append((top, years[0], top, years[-1]))
    made.merges += [(top, index, top + 1, index) for index, column in enumerate(laid) if not column.year]


def _typed(line: Line, name: str, look: Look) -> Cell:
    value = line.get(name)
    if name == "unit" and look & Look.UNIT_CODES:
        return _UNIT_CODES.get(str(value), value)
    if name == "unit" and look & Look.UNIT_NAMES:
        return _UNIT_NAMES.get(str(value), value)
    return value


def _totals(laid: list[Column], lines: list[Line]) -> list[Cell]:
    def total(column: Column) -> Cell:
        if column.field == "item_name":
            return "Итого"
        if column.year:
            return sum(value for line in lines if isinstance(value := line.get(column.field), int))
        return None

    return [total(column) for column in laid]
