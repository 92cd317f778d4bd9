"""A drop of the catalogue to its bytes: make its lines, change them as its intent says, lay them out."""

from __future__ import annotations

import csv
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random

import yaml

from include.city_order.vocabulary import Programme, demand_field
from include.sample_drops import files, forms
from include.sample_drops.catalogue import CATALOGUE, Drop, Intent, Look
from include.sample_drops.goods import CHIPS, OTHERS, Line, battery_lines, component_lines

_HERE = Path(__file__).parent
_SURVEYS = (_HERE.parent / "surveys", _HERE / "after_a_new_survey")
_AGENCIES = _HERE.parent / "reference" / "agencies.csv"
_NIL = "Потребность отсутствует"
_ALIKE = (Intent.EXACT_DUPLICATE, Intent.WENT_BACK)
_BY_PATH = {drop.path: drop for drop in CATALOGUE}


def content(drop: Drop, seed: int) -> bytes:
    """The drop's bytes, by its own entry, the seed, its survey's file and its agency; not by other drops."""
    if drop.intent in _ALIKE:
        return content(_original(drop), seed)
    if drop.intent is Intent.NOT_A_DROP:
        return _no_drop(drop)
    if drop.intent is Intent.SCAN:
        return b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF\n"
    whole = _file(drop, seed)
    return whole[: len(whole) * 6 // 10] if drop.intent is Intent.BROKEN else whole


def _no_drop(drop: Drop) -> bytes:
    if drop.path.endswith(".part"):
        return b"PK\x03\x04" + bytes(600)
    if drop.path.endswith("Thumbs.db"):
        return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2040)
    return b"\x05" + bytes(164)


def _file(drop: Drop, seed: int) -> bytes:
    survey = _survey(drop.survey_code)
    lines = _lines(drop, survey, seed)
    suffix = drop.path.rsplit(".", 1)[1]
    if suffix == "zip":
        half = len(lines) // 2
        parts = (("Часть 1.xlsx", lines[:half]), ("Часть 2.xlsx", lines[half:]))
        members = [(name, files.xlsx(_sheets(drop, survey, part))) for name, part in parts]
        return files.zip_of(members, drop.encoding)
    sheets = _sheets(drop, survey, lines)
    match suffix:
        case "xlsx":
            author = "Другой редактор" if drop.intent is Intent.RESAVED else "City Order"
            return files.xlsx(sheets, author)
        case "xls":
            return files.xls(sheets)
        case "ods":
            return files.ods(sheets)
        case "csv":
            return files.csv_text(sheets[0], drop.encoding, drop.delimiter)
    raise ValueError(f"{drop.path}: no writer for .{suffix}; use xlsx, xls, ods, csv or zip")


def _sheets(drop: Drop, survey: dict, lines: list[Line]) -> list[forms.Sheet]:
    sender = _sender(drop)
    laid = forms.columns(survey, drop.look)
    if drop.intent is Intent.NIL_RETURN and not drop.look & Look.MERGED:
        return [forms.notice(survey["title"], sender, _NIL)]
    if drop.intent is Intent.MISSING_COLUMN:
        laid = [column for column in laid if column.field != "okpd2_code"]
    if drop.intent is Intent.YEAR_TWICE:
        second = next(column for column in laid if column.year == 2027)
        laid.insert(laid.index(second), second)
    if drop.intent is Intent.YEAR_OUTSIDE:
        last = next(index for index, column in enumerate(laid) if column.year == 2030)
        laid.insert(last + 1, forms.Column(demand_field(2032), "Потребность на 2032 год", 2032))
    form = forms.sheet(
        survey["title"], sender, laid, lines, drop.look, _NIL if drop.intent is Intent.NIL_RETURN else ""
    )
    if drop.intent is Intent.INSTRUCTIONS_FIRST:
        how: list[list[forms.Cell]] = [["Как заполнить форму"], ["Одна строка — одно изделие."]]
        return [forms.Sheet("Инструкция", how), form]
    return [form]


def _sender(drop: Drop) -> forms.Sender:
    code = "school-1501" if drop.intent is Intent.OTHERS_INN else drop.agency_code
    stated = _agencies().get(code or "")
    if stated is None:
        return forms.Sender("ГКУ «Неизвестное учреждение»")
    inn = stated["inn"].removeprefix("0") if drop.intent is Intent.LOST_ZERO else stated["inn"]
    return forms.Sender(_agencies()[drop.agency_code or ""]["name"], inn, stated["kpp"])


# ---- lines -------------------------------------------------------------------------------------------


def _lines(drop: Drop, survey: dict, seed: int) -> list[Line]:
    years = range(min(survey["horizon"]), max(survey["horizon"]) + 1)
    count = drop.lines_delivered if drop.lines_delivered is not None else drop.later_lines or 5
    if drop.intent is Intent.BROKEN:
        count = 12
    if drop.intent is Intent.OTHER_HALF:
        taken = {line["part_number"] for line in _lines(_original(drop), survey, seed)}
        pool = [part for part in CHIPS + OTHERS if part.part_number not in taken]
        return component_lines(_random(drop, seed), count, years, pool)
    if drop.intent is Intent.SUMS_UP:
        theirs = _lines(_original(drop), survey, seed)
        named = {line["item_name"] for line in theirs}
        own = battery_lines(_random(drop, seed), count, years, drop.agency_code)
        return [line for line in own if line["item_name"] not in named][: count - len(theirs)] + theirs
    rng = _random(_original(drop) if drop.repeats else drop, seed)
    if survey["programme"] == Programme.BATTERY:
        lines = battery_lines(rng, count, years, drop.agency_code)
    elif drop.intent is Intent.LARGEST:
        lines = component_lines(rng, count - len(OTHERS), years, CHIPS)
        lines += component_lines(rng, len(OTHERS), years, OTHERS)
    elif drop.intent is Intent.SPELLINGS:
        known = [part for part in CHIPS if part.part_number in _RETYPED]
        lines = component_lines(rng, count, years, known)
    elif drop.intent is Intent.LOOK_ALIKE:
        known = [part for part in CHIPS if part.part_number in _MISTYPED]
        lines = component_lines(rng, len(known), years, known)
        lines += component_lines(rng, count - len(known), years, OTHERS)
    else:
        lines = component_lines(rng, count, years, CHIPS + OTHERS)
    change = _CHANGES.get(drop.intent)
    if change:
        change(lines, years)
    return lines


def _random(drop: Drop, seed: int) -> Random:
    return Random(f"{seed}:{drop.path}")  # noqa: S311 (the same seed must give the same bytes)


def _thousands(lines: list[Line], years: range) -> None:
    """Half a thousand is five hundred pieces; a price is that of the typed unit."""
    for line in lines:
        line.update(unit="тыс. шт", unit_price_rub=None, stock=None, contracted=None)
        for year in years:
            line[demand_field(year)] = Decimal("12.5") + year - years[0]
    lines[0].update(
        item_name="Карта со встроенной интегральной схемой",
        component_class="Смарт-карта",
        part_number="MIK51SC72D",
        manufacturer="АО «Микрон»",
        country="Россия",
        okpd2_code="26.12.30.000",
        unit_price_rub=Decimal("61500.00"),
    )


def _packs(lines: list[Line], years: range) -> None:
    """Packs with their size, and units that need none; quantities and prices are those of the unit."""
    packed = (("упак", 100, 100), ("боб", 500, 500), ("компл", 10, 10), ("набор", 25, 25))
    counted = (("дюжина", None, 12), ("пара", None, 2), ("сто шт", None, 100))
    for line, (unit, pack_size, pieces) in zip(lines, packed + counted, strict=False):
        line.update(unit=unit, pack_size=pack_size, unit_price_rub=None, stock=None, contracted=None)
        for year in years:
            if isinstance(asked := line[demand_field(year)], int):
                line[demand_field(year)] = asked // pieces + 1


def _nbsp(lines: list[Line], years: range) -> None:
    """Thousands parted as office suites do: U+00A0, in every other line U+202F."""
    for number, line in enumerate(lines):
        space = "\u00a0" if number % 2 else "\u202f"
        for year in years:
            if isinstance(pieces := line[demand_field(year)], int):
                line[demand_field(year)] = f"{pieces * 10:,}".replace(",", space)


def _unit_without_pieces(lines: list[Line], years: range) -> None:
    lines[0]["unit"] = "ед"
    lines[1]["unit"] = "изд."


def _formula_text(lines: list[Line], years: range) -> None:
    lines[0]["comment"] = '=HYPERLINK("http://example.invalid/";"Открыть")'
    lines[1]["comment"] = "@SUM(A1:A9)"
    lines[2]["comment"] = "<b>срочно</b>; drop table demand_line; --"


def _personal_data(lines: list[Line], years: range) -> None:
    lines[0]["comment"] = "Контактное лицо Тестова Анна Борисовна, тел. +7 (000) 000-01-03"
    lines[1]["comment"] = "Ранее поставлял ИП, ИНН 001234567887"


_RETYPED = {
    "К1986ВЕ92QI": ("K1986BE92QI", "PKK Milandr"),  # Latin letters
    "К1986ВЕ1QI": ("MDR32F1QI", "Milandr"),  # export name
    "1892ВМ14Я": ("1892 BM14Я", "ELVEES"),
    "К1948ВК018": ("MIK32 АМУР", 'АО "Микрон"'),
    "STM32F103C8T6": ("stm32f103c8t6", "ST"),
    "LM2596S-5.0": ("LM2596S–5.0", "TI"),  # an en dash
    "MT41K256M16TW-107:P": ("MT41K256M16TW-107:P", "Micron"),
    "ATMEGA328P-AU": ("ATmega328P‑AU", "Atmel"),  # a hyphen that does not break
    "MAX485ESA+": ("MAX485 ESA+", "Maxim Integrated"),
}


def _spellings(lines: list[Line], years: range) -> None:
    for line in lines:
        line["part_number"], line["manufacturer"] = _RETYPED[str(line["part_number"])]


#: Names that look like a known part: a letter for a zero, a doubled letter, no package.
_MISTYPED = {"STM32F103C8T6": "STM32F1O3C8T6", "LM2596S-5.0": "LM2596SS-5.0", "ATMEGA328P-AU": "ATmega328P"}


def _look_alike(lines: list[Line], years: range) -> None:
    for line in lines:
        line["part_number"] = _MISTYPED.get(str(line["part_number"]), line["part_number"])


def _correction(lines: list[Line], years: range) -> None:
    for line in lines[::3]:
        for year in years:
            if isinstance(pieces := line[demand_field(year)], int):
                line[demand_field(year)] = pieces + pieces // 4 + 1


def _partial_correction(lines: list[Line], years: range) -> None:
    _correction(lines, years)
    lines[1][demand_field(years[1])] = -40
    lines[5]["unit"] = "поддон"
    lines[7][demand_field(years[0])] = "по мере необходимости"


def _some_errors(lines: list[Line], years: range) -> None:
    lines[1]["unit"] = "поддон"
    lines[3][demand_field(years[0])] = -15
    lines[5]["okpd2_code"] = "2611.30"
    lines[7]["unit"] = "упак"
    lines[9] = dict(lines[8])  # the same line twice
    lines[11][demand_field(years[0])] = "по мере необходимости"
    lines[13][demand_field(years[1])] = Decimal("2.5")
    lines[15]["okpd2_code"] = "26.11.99.000"  # of a class that is held, and not in it
    lines[17]["okpd2_code"] = "26.11.22.900"  # ended before the survey opened


def _all_errors(lines: list[Line], years: range) -> None:
    for number, line in enumerate(lines):
        if number % 2:
            line["unit"] = "поддон"
        else:
            line[demand_field(years[0])] = -10 - number


def _incomplete_batteries(lines: list[Line], years: range) -> None:
    lines[1]["capacity_ah"] = None
    lines[4]["voltage_v"] = 0
    lines[6]["chemistry"] = None
    lines[9][demand_field(years[0])] = "10-15"


def _no_demand(lines: list[Line], years: range) -> None:
    for year in years:
        lines[3][demand_field(year)] = None
        lines[7][demand_field(year)] = 0


def _year_outside(lines: list[Line], years: range) -> None:
    for line in lines[:3]:
        line[demand_field(2032)] = 12


def _class_outside(lines: list[Line], years: range) -> None:
    lines[2].update(item_name="Модуль вычислительный", component_class="Модуль", okpd2_code="26.20.40.190")


def _same_item_other_quantity(lines: list[Line], years: range) -> None:
    lines[5] = dict(lines[4])
    lines[5][demand_field(years[0])] = int(str(lines[4][demand_field(years[0])] or 0)) + 7


_CHANGES: dict[Intent, Callable[[list[Line], range], None]] = {
    Intent.THOUSANDS: _thousands,
    Intent.PACKS: _packs,
    Intent.NBSP: _nbsp,
    Intent.UNIT_WITHOUT_PIECES: _unit_without_pieces,
    Intent.FORMULA_TEXT: _formula_text,
    Intent.PERSONAL_DATA: _personal_data,
    Intent.SPELLINGS: _spellings,
    Intent.LOOK_ALIKE: _look_alike,
    Intent.CORRECTION: _correction,
    Intent.PARTIAL_CORRECTION: _partial_correction,
    Intent.SOME_ERRORS: _some_errors,
    Intent.ALL_ERRORS: _all_errors,
    Intent.INCOMPLETE_BATTERIES: _incomplete_batteries,
    Intent.NO_DEMAND: _no_demand,
    Intent.YEAR_OUTSIDE: _year_outside,
    Intent.CLASS_OUTSIDE: _class_outside,
    Intent.SAME_ITEM_OTHER_QUANTITY: _same_item_other_quantity,
}


# ---- what the sample reads ---------------------------------------------------------------------------


def _original(drop: Drop) -> Drop:
    if drop.repeats is None:
        raise ValueError(f"{drop.path}: {drop.intent} needs `repeats`, the path of the drop it starts from")
    return _BY_PATH[drop.repeats]


@cache
def _survey(code: str) -> dict:
    for folder in _SURVEYS:
        path = folder / f"{code}.yaml"
        if path.exists():
            return yaml.safe_load(path.read_text(encoding="utf-8"))
    raise FileNotFoundError(f"no {code}.yaml in {' or '.join(folder.name for folder in _SURVEYS)}")


@cache
def _agencies() -> dict[str, dict[str, str]]:
    """Each agency by its code, as its last row names it."""
    with _AGENCIES.open(encoding="utf-8", newline="") as handle:
        return {row["agency_code"]: row for row in csv.DictReader(handle)}
