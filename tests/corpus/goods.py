"""Believable goods, each cell as it is typed and as it is meant, and forms laid out from them.

What is meant is written here and in the builders, from the words of the form. It never comes from the reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

Value = str | Decimal | None

HORIZON = (2026, 2027, 2028)
YEARS = tuple(f"demand_{year}" for year in HORIZON)

#: The headings of the form.
HEADINGS = {
    "line_no": "№ п/п",
    "item_name": "Наименование изделия",
    "component_class": "Вид изделия",
    "part_number": "Обозначение",
    "chemistry": "Тип (химия)",
    "battery_use": "Назначение",
    "voltage_v": "Напряжение, В",
    "capacity_ah": "Ёмкость, А·ч",
    "manufacturer": "Производитель",
    "country": "Страна происхождения",
    "okpd2_code": "Код ОКПД2",
    "unit": "Единица измерения",
    "pack_size": "Количество в упаковке",
    **{f"demand_{year}": f"Потребность на {year} год" for year in HORIZON},
    "stock": "Остаток на складе",
    "contracted": "Законтрактовано",
    "unit_price_rub": "Цена за единицу, руб.",
    "used_in": "Где применяется",
    "need_kind": "Вид потребности",
    "comment": "Примечание",
}
_ECB = ("line_no", "item_name", "component_class", "part_number", "okpd2_code", "unit", *YEARS)
_BATTERY = (
    "line_no",
    "item_name",
    "chemistry",
    "battery_use",
    "voltage_v",
    "capacity_ah",
    "okpd2_code",
    "unit",
    *YEARS,
)
#: The columns of a form, from the fewest to most of them.
COLUMNS = {
    "ecb": (
        _ECB,
        (*_ECB[:4], "manufacturer", *_ECB[4:], "stock", "comment"),
        (*_ECB[:4], "manufacturer", "country", "okpd2_code", "unit", *YEARS, "stock", "contracted", "unit_price_rub",
         "used_in", "need_kind", "comment"),
    ),
    "battery": (
        _BATTERY,
        (*_BATTERY, "stock", "comment"),
        (*_BATTERY[:6], "manufacturer", "country", *_BATTERY[6:], "contracted", "unit_price_rub", "need_kind"),
    ),
}  # fmt: skip

#: Name, class, part number, manufacturer, OKPD2, price of a piece: spelled as the references spell them.
_PARTS = (
    ("Микроконтроллер", "Микросхема", "К1986ВЕ92QI", "ПКК Миландр", "26.11.30.110", "412.5"),
    ("Микроконтроллер с Ethernet", "Микросхема", "К1986ВЕ1QI", "ПКК Миландр", "26.11.30.110", "980"),
    ("Память статическая", "Микросхема", "1645РУ1У", "ПКК Миландр", "26.11.30.120", "1250.75"),
    ("Микроконтроллер RISC-V", "Микросхема", "К1948ВК018", "Микрон", "26.11.30.110", "310"),
    ("Логический элемент", "Микросхема", "1533ЛА3", "Микрон", "26.11.30.190", "18.4"),
    ("Триггер", "Микросхема", "1533ТМ2", "Микрон", "26.11.30.190", "21"),
    ("Процессор сигнальный", "Микросхема", "1892ВМ3Т", "НПЦ ЭЛВИС", "26.11.30.110", "7400"),
    ("Процессор сигнальный двухъядерный", "Микросхема", "1892ВМ10Я", "НПЦ ЭЛВИС", "26.11.30.110", "9100"),
)
#: Name, chemistry (typed, meant), use (typed, meant), volts, ampere-hours, OKPD2, price.
_BATTERIES = (
    ("Батарея тяговая", ("LFP", "lfp"), ("Электробус", "e_bus"), "51.2", "100", "27.20.23.130", "98000"),
    ("Аккумулятор для ИБП", ("свинцово-кислотная", "lead_acid"), ("ИБП", "ups"), "12", "7.2", "27.20.22.000", "2100"),
    ("Аккумулятор 6СТ-60", ("свинцовая", "lead_acid"), ("Стартерная", "starter"), "12", "60", "27.20.21.000", "6900"),
    ("Аккумулятор светильника", ("никель-кадмиевая", "nicd"), ("Аварийное освещение", "emergency_lighting"), "3.6",
     "4", "27.20.23.110", "850"),
    ("Аккумулятор радиостанции", ("Ni-MH", "nimh"), ("Переносное оборудование", "portable"), "7.2", "2.1",
     "27.20.23.120", "3400"),
    ("Батарея самоката", ("NMC", "nmc"), ("Электросамокат", "scooter"), "36", "10.4", "27.20.23.130", "14500"),
)  # fmt: skip


class Cell(NamedTuple):
    """What is typed into a cell (text, a number, a date), and what the line means by it (None: nothing)."""

    typed: Any
    meant: Value


Row = dict[str, Cell]


def number(value: int | str | Decimal) -> Cell:
    """A number, typed as one."""
    meant = Decimal(value)
    return Cell(int(meant) if meant == int(meant) else float(meant), meant)


def text(typed: str, meant: Value = None) -> Cell:
    """A text that means itself, or what is said."""
    return Cell(typed, typed if meant is None else meant)


def nothing(typed: str = "") -> Cell:
    """A cell that says nothing."""
    return Cell(typed, None)


def goods(rng: Random, count: int, programme: str = "ecb") -> list[Row]:
    """So many rows of different goods, every field filled; no rule has anything to say of them."""
    if programme == "ecb":
        picked = rng.sample(_PARTS, min(count, len(_PARTS)))
        rows = [_part(*good) for good in picked]
        rows += [_part("Микросхема", "Микросхема", f"КОР-{n:06d}", "Микрон", "26.11.30.190", "15") for n in
                 range(count - len(rows))]  # fmt: skip
    else:
        rows = [_battery(*good) for good in rng.sample(_BATTERIES, min(count, len(_BATTERIES)))]
    for position, row in enumerate(rows, start=1):
        row["line_no"] = Cell(position, str(position))
        asked = rng.randint(1, 900)
        for year in YEARS:
            row[year] = number(asked)
            # Never equal years: rule X05 would wonder.
            asked += rng.randint(1, 4000)
        row["stock"] = number(rng.randint(0, 30))
        row["contracted"] = number(rng.randint(0, 9))
    return rows


def _shared(maker: str, country: str, okpd2: str, price: str) -> Row:
    return {
        "manufacturer": text(maker),
        "country": text(country),
        "okpd2_code": text(okpd2),
        "unit": text("шт", "796"),
        "pack_size": nothing(),
        "unit_price_rub": number(price),
        "used_in": text("Контроллер светофора"),
        "need_kind": text("Эксплуатация", "operation"),
        "comment": text("по плану работ"),
    }


def _part(name: str, component_class: str, part_number: str, maker: str, okpd2: str, price: str) -> Row:
    return {
        "item_name": text(name),
        "component_class": text(component_class),
        "part_number": text(part_number),
        **_shared(maker, "Россия", okpd2, price),
    }


def _battery(
    name: str, chemistry: tuple[str, str], use: tuple[str, str], volts: str, hours: str, okpd2: str, price: str
) -> Row:
    return {
        "item_name": text(name),
        "chemistry": text(*chemistry),
        "battery_use": text(*use),
        "voltage_v": number(volts),
        "capacity_ah": number(hours),
        **_shared("Лиотех", "Россия", okpd2, price),
    }


@dataclass(frozen=True)
class Meant:
    """A line as it is meant: where it stands, and every field that says something. `typed` is what raw must keep."""

    row_number: int
    values: Mapping[str, Value]
    typed: Mapping[str, str]
    sheet: str = ""
    member: str = ""


@dataclass(frozen=True)
class Page:
    """A sheet to be written: its rows of cells, and what else there is to say of it. All counted from 0."""

    rows: Sequence[Sequence[Any]]
    name: str = "Форма"
    hidden: bool = False
    merged: tuple[tuple[int, int, int, int], ...] = ()
    hidden_rows: tuple[int, ...] = ()
    hidden_columns: tuple[int, ...] = ()


@dataclass(frozen=True)
class Laid:
    """A form laid out, with the lines that it means."""

    page: Page
    lines: tuple[Meant, ...]

    def named(self, name: str, **about: Any) -> Laid:
        """The same on a sheet of another name."""
        lines = tuple(replace(line, sheet=name) for line in self.lines)
        return Laid(replace(self.page, name=name, **about), lines)

    def with_page(self, **about: Any) -> Laid:
        """The same with other facts of the sheet."""
        return Laid(replace(self.page, **about), self.lines)

    def in_text(self) -> tuple[Meant, ...]:
        """The lines as a text file has them: without a sheet."""
        return tuple(replace(line, sheet="") for line in self.lines)


def lay(
    rows: Sequence[Row],
    fields: Sequence[str],
    *,
    headings: Mapping[str, Any] | None = None,
    block: Sequence[Sequence[Any]] | None = None,
    above: Iterable[Sequence[Any]] = (),
    between: Iterable[Sequence[Any]] = (),
    inserted: Mapping[int, Sequence[Sequence[Any]]] | None = None,
    indent: int = 0,
    name: str = "Форма",
) -> Laid:
    """A form: `above`, the headings (or a whole heading `block`), `between`, the rows.

    `fields` are the columns; one that no row knows stays blank, or shows what `headings` says over it. `inserted`
    gives rows of the sheet that are no lines, by the position of the row before which they stand (len(rows): the end).
    """
    named = {**HEADINGS, **(headings or {})}
    margin = [""] * indent
    block = [[named.get(field, "") for field in fields]] if block is None else block
    sheet: list[list[Any]] = [list(row) for row in above]
    sheet += [[*margin, *row] for row in (*block, *between)]
    lines = []
    for position, row in enumerate(rows):
        sheet += [[*margin, *extra] for extra in (inserted or {}).get(position, ())]
        cells = {field: row.get(field, nothing()) for field in fields}
        sheet.append([*margin, *(cell.typed for cell in cells.values())])
        lines.append(
            Meant(
                len(sheet),
                {field: cell.meant for field, cell in row.items() if field in cells and cell.meant is not None},
                {field: cell.typed for field, cell in cells.items() if isinstance(cell.typed, str) and cell.typed},
                name,
            )
        )
    sheet += [[*margin, *extra] for extra in (inserted or {}).get(len(rows), ())]
    return Laid(Page(sheet, name), tuple(lines))


def form(rng: Random, programme: str = "ecb", count: int | None = None, width: int | None = None, **how: Any) -> Laid:
    """A form of some goods in some of its columns; `how` as of `lay`."""
    rows = goods(rng, count or rng.randint(1, 5), programme)
    fields = COLUMNS[programme][rng.randrange(3) if width is None else width]
    return lay(rows, how.pop("fields", fields), **how)
