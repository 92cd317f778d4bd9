"""Files that are odd and right: every line must come out with exactly the values that the agency meant."""

from __future__ import annotations

import csv
import datetime
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.corpus import foreign, handmade, writers
from tests.corpus.catalogue import Drop, accepted, category
from tests.corpus.goods import (
    COLUMNS,
    HEADINGS,
    HORIZON,
    YEARS,
    Cell,
    Laid,
    Page,
    Row,
    form,
    goods,
    lay,
    nothing,
    number,
    text,
)
from tests.corpus.writers import Formula
from tests.rules.cases import Agency

#: The ways to write one sheet; what comes after the point is the file's extension.
KINDS = ("xlsx", "openpyxl.xlsx", "xls", "ods", "raw.ods", "raw.xlsx", "xlsb", "csv")
#: Those that tell which cells are merged, and what rows are hidden.
TELLING = ("xlsx", "openpyxl.xlsx", "ods", "raw.xlsx")

SURVEYS = Path(__file__).resolve().parents[2] / "include/surveys"


def written(kind: str, laid: Laid, **options: Any) -> tuple[str, bytes, tuple[Any, ...]]:
    """(name, content, lines) of a form written in one of the `KINDS`."""
    name = f"answer.{kind.rpartition('.')[2]}"
    if kind == "csv":
        return name, writers.delimited(laid.page, **options), laid.in_text()
    write = {**writers.WORKBOOKS, "raw.ods": handmade.raw_ods, "raw.xlsx": handmade.raw_xlsx, "xlsb": handmade.raw_xlsb}
    return name, write[kind](laid.page), laid.lines


def pick(kinds: Sequence[Any], number_: int) -> Any:
    """The one of these whose turn it is."""
    return kinds[number_ % len(kinds)]


# How it is written


@category(24)
def plain_answers(rng: Random, number_: int, agency: Agency) -> Drop:
    """Nothing odd: every format, both programmes, forms of all widths."""
    programme = pick(("ecb", "battery"), number_ // len(KINDS))
    return accepted(*written(pick(KINDS, number_), form(rng, programme, width=number_ % 3)), programme=programme)


@category(26)
def xlsx_producers(rng: Random, number_: int, agency: Agency) -> Drop:
    """XLSX as Excel, LibreOffice, МойОфис, Р7-Офис and libraries write it: texts, addresses, prefixes, packing."""
    style = handmade.STYLES[pick(list(handmade.STYLES), number_)]
    laid = form(rng, above=[["Заявка"], []])
    return accepted("answer.xlsx", handmade.raw_xlsx(laid.page, style=style), laid.lines)


@category(9)
def ods_producers(rng: Random, number_: int, agency: Agency) -> Drop:
    """ODS with equal neighbours told once, and a sheet that is formatted to its end."""
    laid = form(rng, above=[["Заявка"], [], []], indent=number_ % 3)
    tail = (
        "",
        '<table:table-row table:number-rows-repeated="1048000"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row>',
        '<table:table-row table:number-rows-repeated="5"><table:table-cell table:style-name="x"/></table:table-row>',
    )[number_ % 3]
    return accepted("answer.ods", handmade.raw_ods(laid.page, tail=tail), laid.lines)


_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "big-endian", "cp1251", "cp866", "koi8-r")


@category(27)
def encodings(rng: Random, number_: int, agency: Agency) -> Drop:
    """Every encoding that is met, with a mark and without; the letters tell."""
    encoding = pick(_ENCODINGS, number_)
    delimiter = pick(";\t,", number_ // len(_ENCODINGS))
    # KOI8-R has no №.
    laid = form(rng, width=1 + number_ % 2, headings={"line_no": "N п/п"})
    if encoding == "big-endian":
        content = b"\xfe\xff" + writers.delimited(laid.page, encoding="utf-16-be", delimiter=delimiter)
    else:
        content = writers.delimited(laid.page, encoding=encoding, delimiter=delimiter)
    return accepted(pick(("answer.csv", "answer.txt", "answer.tsv"), number_), content, laid.in_text())


@category(12)
def delimiters(rng: Random, number_: int, agency: Agency) -> Drop:
    """Semicolon, tab, bar and comma; lines that end in CRLF, LF or CR; the line that Excel hides."""
    delimiter = pick(";\t|,", number_)
    newline = pick(("\r\n", "\n", "\r"), number_)
    laid = form(rng, pick(("ecb", "battery"), number_ // 2), width=number_ % 3, headings={"line_no": "№"})
    # Excel's own first line is not a row of the sheet.
    before = f"sep={delimiter}\r\n" if number_ % 5 == 4 else ""
    content = writers.delimited(laid.page, encoding="cp1251", delimiter=delimiter, newline=newline, before=before)
    return accepted("answer.csv", content, laid.in_text(), programme=pick(("ecb", "battery"), number_ // 2))


@category(12)
def quoting(rng: Random, number_: int, agency: Agency) -> Drop:
    """Quotes around everything, and inside them line breaks, delimiters and quotes."""
    odd = (
        text("строка первая\nстрока вторая", "строка первая строка вторая"),
        text("светофоры; парковки"),
        text('для «Пуск» и "Стоп"'),
        text("a,b;c\td", "a,b;c d"),
    )
    rows = goods(rng, 4)
    for row in rows:
        row["comment"] = rng.choice(odd)
    rows[number_ % 4]["comment"] = odd[number_ % 4]
    laid = lay(rows, COLUMNS["ecb"][1], inserted={2: [[]]} if number_ % 3 == 0 else None)
    if number_ % 2:
        # Trailing delimiters, as of a sheet that was wider once.
        laid = laid.with_page(rows=[[*row, "", "", ""] if row else row for row in laid.page.rows])
    quoting_ = csv.QUOTE_ALL if number_ % 4 < 2 else csv.QUOTE_MINIMAL
    return accepted("answer.csv", writers.delimited(laid.page, quoting=quoting_), laid.in_text())


@category(16)
def false_extensions(rng: Random, number_: int, agency: Agency) -> Drop:
    """The content tells the format; the name says another, or nothing."""
    _, content, lines = written(pick(KINDS, number_), form(rng))
    names = (
        "answer.pdf",
        "answer",
        "ОТВЕТ.XLS",
        "answer.xlsx",
        "answer.doc",
        "answer.csv",
        "форма заявки.zip",
        "a.b.c",
    )
    return accepted(pick(names, number_ // 3), content, lines)


@category(6)
def formatted_to_the_end(rng: Random, number_: int, agency: Agency) -> Drop:
    """Borders and colours down to the last row and column, without a content."""
    laid = form(rng)
    plain = handmade.raw_xlsx(laid.page)
    ends = (
        '<row r="1048576" spans="1:16384"/>',
        '<row r="1000"><c r="A1000" s="1"/><c r="XFD1000" s="1"/></row>',
        "".join(f'<row r="{row}"><c r="A{row}" s="1"/><c r="B{row}" s="0"/></row>' for row in range(100, 20_000)),
    )[number_ % 3]
    sheet = handmade.part_of(plain, "xl/worksheets/sheet1.xml").replace(
        b"</sheetData>", ends.encode() + b"</sheetData>"
    )
    return accepted("answer.xlsx", handmade.raw_xlsx(laid.page, parts={"xl/worksheets/sheet1.xml": sheet}), laid.lines)


@category(6)
def long_tables(rng: Random, number_: int, agency: Agency) -> Drop:
    """Thousands of lines."""
    kind = pick(("xlsx", "csv", "raw.ods", "xls", "xlsb", "raw.xlsx"), number_)
    return accepted(*written(kind, form(rng, count=1500, width=0)))


# Where the table is


def _latin(heading: str) -> str:
    """The same to the eye: letters that Latin has too are Latin."""
    return heading.translate(str.maketrans("АВЕКМНОРСТХаеорсух", "ABEKMHOPCTXaeopcyx"))


_SPELLINGS = (
    str.upper,
    str.lower,
    lambda heading: heading.replace(" ", "\n"),
    lambda heading: heading.replace(" ", "  "),
    lambda heading: heading.replace(" ", "\u00a0"),
    lambda heading: f" {heading}* ",
    lambda heading: f"{heading}:",
    _latin,
    lambda heading: _latin(heading.upper()),
    lambda heading: heading.replace("ва", "\u00adва"),
    lambda heading: unicodedata.normalize("NFD", heading),
    lambda heading: heading.replace(",", " ,").replace(".", ""),
)


@category(24)
def heading_spellings(rng: Random, number_: int, agency: Agency) -> Drop:
    """Headings in capitals, broken, spaced, with marks, with Latin look-alikes, with hidden hyphens."""
    programme = pick(("ecb", "battery"), number_ // len(_SPELLINGS))
    spell = pick(_SPELLINGS, number_)
    headings = {name: spell(heading) for name, heading in HEADINGS.items()}
    kind = pick(("xlsx", "csv", "ods", "raw.xlsx"), number_ // 2)
    laid = form(rng, programme, width=number_ % 3, headings=headings)
    return accepted(*written(kind, laid), programme=programme)


@category(18)
def headings_of_two_rows(rng: Random, number_: int, agency: Agency) -> Drop:
    """«Потребность» merged over its years, the other headings merged downwards."""
    fields = COLUMNS["ecb"][number_ % 3]
    over = pick(("Потребность", "Потребность по годам", "Потребность в изделиях"), number_)
    years = pick((("2026 год", "2027 год", "2028 год"), (2026, 2027, 2028), ("2026 г.", "2027 г.", "2028 г.")), number_)
    first = fields.index(YEARS[0])
    upper = ["" if name in YEARS[1:] else over if name == YEARS[0] else HEADINGS[name] for name in fields]
    lower = [years[YEARS.index(name)] if name in YEARS else "" for name in fields]
    laid = form(rng, fields=fields, block=[upper, lower], above=[["Заявка на изделия"], []])
    down = [(2, column, 3, column) for column, name in enumerate(fields) if name not in YEARS]
    laid = laid.with_page(merged=((2, first, 2, first + 2), *down))
    return accepted(*written(pick((*TELLING, "xls", "csv"), number_), laid))


@category(12)
def headings_of_three_rows(rng: Random, number_: int, agency: Agency) -> Drop:
    """A group over the item's columns and one over the years, in three rows."""
    fields = COLUMNS["ecb"][1]
    first, of_item = fields.index(YEARS[0]), fields.index("item_name")
    top = [""] * len(fields)
    top[of_item], top[first] = "Сведения об изделии", "Потребность"
    middle = ["" if name in YEARS else HEADINGS[name] for name in fields]
    middle[first] = "в том числе по годам"
    lower = [f"{HORIZON[YEARS.index(name)]} год" if name in YEARS else "" for name in fields]
    laid = form(rng, fields=fields, block=[top, middle, lower])
    merged = ((0, of_item, 0, of_item + 3), (0, first, 0, first + 2), (1, first, 1, first + 2))
    return accepted(*written(pick((*TELLING, "xls", "csv"), number_), laid.with_page(merged=merged)))


@category(12)
def numbering_rows(rng: Random, number_: int, agency: Agency) -> Drop:
    """A row below the headings that only numbers the columns."""
    fields = COLUMNS["ecb"][number_ % 3]
    count = len(fields)
    numbering = (
        list(range(1, count + 1)),
        [f"({n})" for n in range(1, count + 1)],
        [f"{n}." for n in range(1, count + 1)],
        ["А", "Б", *map(str, range(1, count - 1))],
    )[number_ % 4]
    laid = form(rng, fields=fields, between=[numbering])
    return accepted(*written(pick(KINDS, number_), laid))


@category(20)
def title_blocks(rng: Random, number_: int, agency: Agency) -> Drop:
    """Above the table: whose answer it is, to which survey, in many ways of writing it."""
    inn, kpp = agency.inn, agency.kpp
    blocks: tuple[list[list[Any]], ...] = (
        [["Организация", "ГБУ «Условное»"], ["ИНН", inn], ["КПП", kpp], []],
        [["Заявка на электронные компоненты"], [f"ИНН: {inn}"], [f"КПП: {kpp}"]],
        [["ИНН/КПП", f"{inn}/{kpp}"], []],
        [["", "", "ИНН", "", inn, "КПП", kpp], []],
        [[f"ИНН {inn}, КПП {kpp}"], [], []],
        [["Наименование организации: ГБУ «Условное»"], ["ИНН / КПП организации", f"{inn} / {kpp}"]],
        [["ИНН", f" {inn} "], ["КПП", kpp], ["Обследование", "ecb-corpus"]],
        [["Код обследования: ecb-corpus"], ["Организация:", "ГБУ"]],
        [["Потребность города в изделиях для проверки чтения на 2026–2028 годы"], ["ИНН", inn]],
        [["Приложение № 2 к письму"], *[[] for _ in range(number_ % 20)], ["Заявка на 2026–2028 годы"], ["инн", inn]],
    )  # fmt: skip
    laid = form(rng, above=pick(blocks, number_))
    return accepted(*written(pick(("xlsx", "raw.ods", "csv", "xls"), number_), laid))


@category(20)
def year_wordings(rng: Random, number_: int, agency: Agency) -> Drop:
    """Years in any wording and any order, as text and as numbers."""
    wordings = (
        "Потребность на {} год", "{} г.", "{}", "План {}", "{} год", "Потребность в {} г.", "Потребность на {} г.",
        "ПОТРЕБНОСТЬ\nНА {} ГОД", "Потребность, {}", "на {} год",
    )  # fmt: skip
    wording = pick(wordings, number_)
    headings: dict[str, Any] = {f"demand_{year}": wording.format(year) for year in HORIZON}
    if wording == "{}" and number_ // len(wordings) % 2:
        headings = {f"demand_{year}": year for year in HORIZON}
    years = rng.sample(YEARS, 3)
    fields = [name for name in COLUMNS["ecb"][number_ % 3] if name not in YEARS]
    at = rng.randrange(3, len(fields) + 1)
    laid = form(rng, fields=[*fields[:at], *years, *fields[at:]], headings=headings)
    return accepted(*written(pick(("xlsx", "csv", "ods", "xls", "xlsb"), number_), laid))


@category(16)
def column_orders(rng: Random, number_: int, agency: Agency) -> Drop:
    """Columns in any order, with columns of the agency's own between them, from any column on."""
    foreign = {"own_1": "Отдел", "own_2": "Инвентарный номер", "own_3": "Код вида расходов"}
    programme = pick(("ecb", "battery"), number_)
    fields = [*COLUMNS[programme][number_ % 3], *foreign]
    rng.shuffle(fields)
    rows = goods(rng, 3, programme)
    laid = lay(rows, fields, headings=foreign, indent=number_ % 4, above=[[]] * (number_ % 5))
    of_agency = [[cell if cell != "" else "своё" for cell in row] for row in laid.page.rows]
    first = len(laid.page.rows) - len(rows)
    body = [*laid.page.rows[:first], *of_agency[first:]]
    body = [[*[""] * (number_ % 4), *row[number_ % 4 :]] if row else row for row in body]
    return accepted(*written(pick(KINDS, number_), laid.with_page(rows=body)), programme=programme)


def _synonyms(programme: str) -> dict[str, list[str]]:
    return yaml.safe_load((SURVEYS / f"{programme}-2026.yaml").read_text(encoding="utf-8"))["headings"]


@category(16)
def synonyms(rng: Random, number_: int, agency: Agency) -> Drop:
    """What people write over a column, as the survey's file lists it."""
    programme = pick(("ecb", "battery"), number_)
    headings = {name: rng.choice(others) for name, others in _synonyms(programme).items()}
    laid = form(rng, programme, width=number_ % 3, headings=headings)
    return accepted(*written(pick(KINDS, number_), laid), programme=programme)


@category(12)
def units_in_headings(rng: Random, number_: int, agency: Agency) -> Drop:
    """No column for the unit: the headings of the years name it."""
    typed, code = pick((("тыс. шт.", "798"), ("шт", "796"), ("тыс.шт", "798"), ("шт.", "796")), number_)
    rows = goods(rng, 3)
    for row in rows:
        row["unit"] = text(typed, code)
    fields = [name for name in COLUMNS["ecb"][0] if name != "unit"]
    if number_ % 3 == 0:
        upper = ["" if name in YEARS[1:] else HEADINGS.get(name, "") for name in fields]
        upper[fields.index(YEARS[0])] = f"Потребность, {typed}"
        lower = [f"{HORIZON[YEARS.index(name)]} г." if name in YEARS else "" for name in fields]
        laid = lay(rows, fields, block=[upper, lower])
    else:
        wording = pick(("Потребность на {} год, {}", "{} г. ({})"), number_)
        laid = lay(rows, fields, headings={f"demand_{year}": wording.format(year, typed) for year in HORIZON})
    lines = tuple(replace(line, values={**line.values, "unit": code}) for line in laid.lines)
    return accepted(*written(pick(("xlsx", "csv", "raw.ods"), number_), Laid(laid.page, lines)))


@category(10)
def several_sheets(rng: Random, number_: int, agency: Agency) -> Drop:
    """Tables on several sheets, beside lists and instructions."""
    rows = goods(rng, 6)
    laid = [lay(rows[:2], COLUMNS["ecb"][1], name="Светофоры"), lay(rows[2:], COLUMNS["ecb"][0], name="Парковки")]
    notes = Page([["Как заполнять"], ["Впишите количества."], [], ["По вопросам пишите в департамент."]], "Инструкция")
    lists = Page([["Единицы", "Вид изделия"], ["шт", "Микросхема"], ["упак", "Реле"]], "Списки")
    more = pick(([notes], [notes, lists], [lists]), number_)
    pages = [laid[0].page, *more, laid[1].page] if number_ % 2 else [*more, laid[0].page, laid[1].page]
    write = pick((writers.xlsx, writers.by_openpyxl, writers.xls, writers.ods, handmade.raw_xlsb), number_)
    name = pick(("a.xlsx", "a.xlsx", "a.xls", "a.ods", "a.xlsb"), number_)
    order = [line for part in laid for line in part.lines]
    return accepted(name, write(*pages), tuple(order))


@category(12)
def blank_rows_and_margins(rng: Random, number_: int, agency: Agency) -> Drop:
    """Blank rows above, between and below the lines, blank columns before them, and rows of spaces."""
    rows = goods(rng, 4)
    blank = pick(([[], []], [["", " ", "\u00a0"]], [["   "] * 8]), number_)
    laid = lay(
        rows,
        COLUMNS["ecb"][number_ % 3],
        above=[[]] * (number_ % 30),
        indent=number_ % 6,
        inserted={1: blank, 3: blank, 4: blank},
    )
    return accepted(*written(pick(KINDS, number_), laid))


@category(24)
def totals_and_notes(rng: Random, number_: int, agency: Agency) -> Drop:
    """Totals that are right, subtotals, «в т.ч.», sections, notes and signatures: no lines."""
    rows = goods(rng, 4)
    fields = COLUMNS["ecb"][number_ % 3]

    def total(label: str, of: Sequence[Row]) -> list[Any]:
        sums = {year: sum(row[year].typed for row in of) for year in YEARS}
        return ["" if name not in YEARS else sums[name] for name in fields[:1]] + [
            label if name == "item_name" else sums.get(name, "") for name in fields[1:]
        ]

    def part(label: str) -> list[Any]:
        return [label if name == "item_name" else 1 if name in YEARS else "" for name in fields]

    inserted: tuple[dict[int, Sequence[Sequence[Any]]], ...] = (
        {4: [total("Итого", rows)]},
        {4: [total("ИТОГО:", rows), ["Исполнитель", "", "_________", "(подпись)"]]},
        {4: [total("Всего", rows), part("в т.ч. импортных"), part("в том числе на замену")]},
        {0: [["Раздел 1. Микросхемы"]], 2: [["Раздел 2. Прочее"]]},
        {0: [["Раздел 1. Светофоры"]], 2: [total("Итого по разделу 1", rows[:2]), ["Раздел 2. Парковки"]],
         4: [total("Итого по разделу 2", rows[2:]), total("Всего", rows)]},
        {4: [[], ["Примечание: количества уточняются до 1 декабря."], ["* с учётом запаса"]]},
        {4: [[], ["Руководитель", "", "", "", "М.П."], ["Дата", "10.11.2026"]]},
        {2: [["", "Изделия для парковок"]], 4: [total("Всего по заявке", rows)]},
    )  # fmt: skip
    laid = lay(rows, fields, inserted=pick(inserted, number_))
    return accepted(*written(pick(("xlsx", "csv", "ods", "xls", "raw.xlsx"), number_), laid))


@category(8)
def amounts_beside_quantities(rng: Random, number_: int, agency: Agency) -> Drop:
    """Under each year two columns: how many, and for how much. Only the first is demand."""
    rows = goods(rng, 3)
    plain = [name for name in COLUMNS["ecb"][0] if name not in YEARS]
    fields = list(plain)
    for year in YEARS:
        fields += [year, f"sum_{year}"]
        for row in rows:
            row[f"sum_{year}"] = Cell(row[year].typed * 15, None)
    words = pick((("количество", "сумма, руб."), ("кол-во", "стоимость, руб."), ("шт.", "руб.")), number_)
    upper = [
        HEADINGS.get(name, "") if name in plain else f"{name[-4:]} год" if name in YEARS else "" for name in fields
    ]
    lower = ["" if name in plain else words[0] if name in YEARS else words[1] for name in fields]
    first = len(plain)
    merged = tuple((0, at, 0, at + 1) for at in range(first, first + 6, 2))
    merged += tuple((0, at, 1, at) for at in range(first))
    laid = lay(rows, fields, block=[upper, lower]).with_page(merged=merged)
    return accepted(*written(pick((*TELLING, "xls", "csv"), number_), laid))


@category(9)
def sums_beside_years(rng: Random, number_: int, agency: Agency) -> Drop:
    """A column that adds up the years is no year."""
    rows = goods(rng, 3)
    for row in rows:
        row["all"] = Cell(sum(row[year].typed for year in YEARS), None)
    heading = pick(("Итого за 2026–2028 годы", "Всего", "Итого потребность 2026-2028 гг."), number_)
    fields = pick(((*COLUMNS["ecb"][0], "all"), (*COLUMNS["ecb"][0][:-3], "all", *YEARS)), number_)
    laid = lay(rows, fields, headings={"all": heading})
    return accepted(*written(pick(("xlsx", "csv", "ods"), number_), laid))


@category(8)
def repeated_headings(rng: Random, number_: int, agency: Agency) -> Drop:
    """The headings again, as on each printed page."""
    rows = goods(rng, 6)
    fields = COLUMNS["ecb"][number_ % 3]
    again = [HEADINGS[name] for name in fields]
    laid = lay(rows, fields, inserted={2: [again], 4: [[], again]})
    return accepted(*written(pick(("xlsx", "csv", "ods", "xls"), number_), laid))


@category(6)
def rows_that_are_only_numbered(rng: Random, number_: int, agency: Agency) -> Drop:
    """A form with room for fifty rows, numbered, of which some are filled in."""
    rows = goods(rng, 3)
    laid = lay(rows, COLUMNS["ecb"][number_ % 3], inserted={3: [[n] for n in range(4, 51)]})
    return accepted(*written(pick(("xlsx", "csv", "ods"), number_), laid))


@category(6)
def decorated_workbooks(rng: Random, number_: int, agency: Agency) -> Drop:
    """Pictures, charts, notes, drop-downs, filters, protection: nothing of it is a value."""
    laid = form(rng, width=1)
    return accepted("answer.xlsx", writers.xlsx(laid.page, decorated=True), laid.lines)


@category(6)
def thousands_with_decimals(rng: Random, number_: int, agency: Agency) -> Drop:
    """One and a half thousand is fifteen hundred pieces, and whole."""
    rows = goods(rng, 2)
    rows[0]["unit"] = text("тыс. шт", "798")
    rows[0]["demand_2026"] = pick(
        (text("1,5", Decimal("1.5")), Cell(1.5, Decimal("1.5")), text("0.001", Decimal("0.001"))), number_
    )
    return accepted(*written(pick(("xlsx", "csv", "ods"), number_ // 2), lay(rows, COLUMNS["ecb"][1])))


# What is typed


_DITTO = ('"', '-"-', "-//-", "--//--", "〃", "то же", '— " —')


@category(21)
def ditto_marks(rng: Random, number_: int, agency: Agency) -> Drop:
    """«То же» and its marks take the value of the row above, over any number of rows."""
    mark = pick(_DITTO, number_)
    rows = goods(rng, 4)
    names = rng.sample(["item_name", "component_class", "okpd2_code", "unit", "manufacturer"], 3)
    for above, row in pairwise(rows):
        for name in names:
            row[name] = Cell(mark, above[name].meant)
    laid = lay(rows, COLUMNS["ecb"][1])
    return accepted(*written(pick(("xlsx", "csv", "ods", "xls", "xlsb"), number_), laid))


@category(12)
def merged_cells_in_the_body(rng: Random, number_: int, agency: Agency) -> Drop:
    """A cell merged over several rows says its text of each of them."""
    rows = goods(rng, 4)
    fields = COLUMNS["ecb"][1]
    names = rng.sample(["item_name", "component_class", "okpd2_code", "unit", "manufacturer", "comment"], 3)
    first = number_ % 2
    for row in rows[first + 1 : first + 3]:
        for name in names:
            row[name] = Cell("", rows[first][name].meant)
    laid = lay(rows, fields)
    merged = tuple((first + 1, fields.index(name), first + 3, fields.index(name)) for name in names)
    return accepted(
        *written(pick(("xlsx", "openpyxl.xlsx", "ods", "raw.xlsx"), number_), laid.with_page(merged=merged))
    )


_NUMBERS: tuple[tuple[str, str], ...] = (
    ("1 000", "1000"), ("1\u00a0000", "1000"), ("1\u202f000", "1000"), ("1\u2009000", "1000"),
    ("12 345 678", "12345678"),
    ("1000,0", "1000"), ("1000.00", "1000"), ("1 250,00", "1250"), (" 15 ", "15"), ("15\u00a0", "15"),
    ("\u200b15", "15"),
    ("1 тыс.", "1000"), ("1,5 тыс.", "1500"), ("2 тыс. шт", "2000"), ("2 тыс. шт.", "2000"), ("2 млн", "2000000"),
    ("1,5 млн. шт.", "1500000"), ("100 шт", "100"), ("100 шт.", "100"), ("1 000 шт", "1000"), ("0", "0"),
    ("'100", "100"),
)  # fmt: skip


@category(22)
def number_spellings(rng: Random, number_: int, agency: Agency) -> Drop:
    """Numbers stored as text: spaces of every kind, commas and points, thousands in words, pieces in words."""
    rows = goods(rng, 2)
    typed, meant = pick(_NUMBERS, number_)
    rows[0]["demand_2026"] = text(typed, Decimal(meant))
    typed, meant = rng.choice(_NUMBERS)
    rows[1]["demand_2027"] = text(typed, Decimal(meant))
    laid = lay(rows, COLUMNS["ecb"][number_ % 3])
    return accepted(*written(pick(("xlsx", "csv", "ods", "xls"), number_), laid))


@category(12)
def fractions(rng: Random, number_: int, agency: Agency) -> Drop:
    """Volts, hours and prices with a comma or a point, as text and as numbers."""
    rows = goods(rng, 3, "battery")
    for row in rows:
        for name in ("voltage_v", "capacity_ah", "unit_price_rub"):
            value = row[name].meant
            assert isinstance(value, Decimal)
            typed = pick((f"{value:.2f}", f"{value:.1f}".replace(".", ","), f"{value:.2f}".replace(".", ",")), number_)
            if Decimal(typed.replace(",", ".")) == value:
                row[name] = text(typed, value)
    laid = lay(rows, (*COLUMNS["battery"][0], "unit_price_rub"))
    return accepted(*written(pick(KINDS, number_), laid), programme="battery")


@category(14)
def text_stored_as_numbers(rng: Random, number_: int, agency: Agency) -> Drop:
    """Codes and designations in cells that hold numbers."""
    rows = goods(rng, 2)
    rows[0]["unit"] = Cell(796, "796")
    rows[0]["part_number"] = Cell(*pick(((1986, "1986"), (74.5, "74.5"), (100200300, "100200300")), number_))
    rows[1]["okpd2_code"] = Cell(26.11, "26.11")
    rows[1]["comment"] = Cell(15, "15")
    kind = pick(("xlsx", "openpyxl.xlsx", "xls", "ods", "raw.ods", "raw.xlsx", "xlsb"), number_)
    return accepted(*written(kind, lay(rows, COLUMNS["ecb"][1])))


@category(20)
def nothing_in_words(rng: Random, number_: int, agency: Agency) -> Drop:
    """A dash and «нет» say nothing, in every column where nothing may be said."""
    word = pick(("—", "-", "–", "нет", "Нет", "н/д", "отсутствует", "не требуется", "---", " — "), number_)
    rows = goods(rng, 2)
    for name in ("stock", "contracted", "comment", "manufacturer", "country", "used_in"):
        rows[0][name] = nothing(word)
    rows[1]["demand_2026"] = nothing(word)
    return accepted(*written(pick(("xlsx", "csv", "ods"), number_), lay(rows, COLUMNS["ecb"][2])))


_UNITS = (
    ("шт.", "796", None), ("Штука", "796", None), ("ШТ", "796", None), ("796", "796", None), ("штук", "796", None),
    ("тыс. шт", "798", None), ("тыс. шт.", "798", None), ("тысяча штук", "798", None), ("798", "798", None),
    ("дюжина", "641", None), ("пар", "715", None), ("сто шт", "797", None), ("млн шт", "799", None),
    ("упак", "778", 25), ("упаковка", "778", 100), ("компл.", "839", 4), ("комплект", "839", 2), ("набор", "704", 10),
    ("рулон", "736", 3000), ("катушка", "616", 2500), ("778", "778", 50),
)  # fmt: skip


@category(21)
def units_and_packs(rng: Random, number_: int, agency: Agency) -> Drop:
    """Units by name, by sign and by code; packs that say their size."""
    rows = goods(rng, 2)
    typed, code, size = pick(_UNITS, number_)
    rows[0]["unit"] = text(typed, code)
    rows[0]["pack_size"] = nothing() if size is None else number(size)
    fields = [*COLUMNS["ecb"][0][:6], "pack_size", *YEARS]
    return accepted(*written(pick(("xlsx", "csv", "ods", "xls"), number_), lay(rows, fields)))


_CHEMISTRIES = (
    ("LiFePO4", "lfp"), ("литий-железо-фосфат", "lfp"), ("ЛЖФ", "lfp"), ("lfp", "lfp"),
    ("ЛИТИЙ-ЖЕЛЕЗО-ФОСФАТНАЯ", "lfp"),
    ("литий–железо–фосфатная", "lfp"),
)  # fmt: skip


@category(12)
def terms(rng: Random, number_: int, agency: Agency) -> Drop:
    """Words that have codes, in the spellings of the references."""
    (row,) = goods(rng, 1, "battery")
    row |= {
        "item_name": text("Батарея тяговая"),
        "chemistry": text(*pick(_CHEMISTRIES, number_)),
        "battery_use": text(
            *pick((("электробусы", "e_bus"), ("Трамвай", "tram"), ("погрузчик", "special_machine")), number_)
        ),
        "voltage_v": number("51.2"),
        "capacity_ah": number(100),
        "okpd2_code": text("27.20.23.130"),
        "unit_price_rub": number(98_000),
        "need_kind": text(*pick((("ТО", "operation"), ("капитальный ремонт", "repair"), ("ЗИП", "reserve")), number_)),
    }
    return accepted(*written(pick(KINDS, number_), lay([row], COLUMNS["battery"][2])), programme="battery")


@category(12)
def code_spellings(rng: Random, number_: int, agency: Agency) -> Drop:
    """OKPD2 with spaces, with commas for points, with signs that show nothing."""
    rows = goods(rng, 1)
    typed = pick(
        ("26.11.30.110 ", "26. 11. 30. 110", "26,11,30,110", "26.11\u00ad.30.110", "\u00a026.11.30.110", "26,11"),
        number_,
    )
    rows[0]["okpd2_code"] = text(typed, "26.11" if typed == "26,11" else "26.11.30.110")
    return accepted(*written(pick(("xlsx", "csv", "ods"), number_), lay(rows, COLUMNS["ecb"][number_ % 3])))


@category(10)
def dates_in_words(rng: Random, number_: int, agency: Agency) -> Drop:
    """A date in a note is the text that a person sees."""
    rows = goods(rng, 2)
    day = datetime.date(2026, 1 + number_ % 12, 1 + number_)
    rows[0]["comment"] = Cell(day, day.strftime("%d.%m.%Y"))
    rows[1]["comment"] = text("поставка до 01.03.2027")
    kind = pick(("xlsx", "openpyxl.xlsx", "xls", "ods", "csv"), number_)
    return accepted(*written(kind, lay(rows, COLUMNS["ecb"][1])))


@category(9)
def formulas_with_results(rng: Random, number_: int, agency: Agency) -> Drop:
    """A formula counts by the result that is stored with it."""
    rows = goods(rng, 2)
    asked = rng.randint(10, 99)
    rows[0]["demand_2026"] = Cell(Formula(f"={asked}-1", asked - 1), Decimal(asked - 1))
    rows[1]["comment"] = Cell(Formula('="по плану "&"работ"', "по плану работ"), "по плану работ")
    kind = pick(("xlsx", "raw.xlsx", "ods"), number_)
    return accepted(*written(kind, lay(rows, COLUMNS["ecb"][1])))


@category(10)
def invisible_signs(rng: Random, number_: int, agency: Agency) -> Drop:
    """Signs that show nothing mean nothing; letters in two pieces are letters."""
    rows = goods(rng, 1)
    odd = (
        text("Микро\u00adконтроллер", "Микроконтроллер"),
        text("Микроконтроллер\u200b", "Микроконтроллер"),
        text("\ufeffМикроконтроллер", "Микроконтроллер"),
        text("Микроконтроллер\u00a0 малый", "Микроконтроллер малый"),
        text(unicodedata.normalize("NFD", "Устройство чёткой йодной защиты"), "Устройство чёткой йодной защиты"),
    )
    rows[0]["item_name"] = pick(odd, number_)
    rows[0]["unit"] = text("ш\u00adт", "796")
    return accepted(*written(pick(("xlsx", "csv", "ods", "raw.xlsx"), number_), lay(rows, COLUMNS["ecb"][1])))


@category(15)
def nil_returns(rng: Random, number_: int, agency: Agency) -> Drop:
    """«Потребность отсутствует» is an answer."""
    head = [HEADINGS[name] for name in COLUMNS["ecb"][1]]
    if number_ >= 10:
        # A text too short for statistics.
        encoding = pick(("cp1251", "cp866", "koi8-r", "utf-16", "utf-8-sig"), number_)
        return accepted("ответ.txt", "Потребность отсутствует\r\n".encode(encoding), ())
    pages = (
        [["Потребность отсутствует"]],
        [["Сообщаем, что потребность в электронных компонентах на 2026–2028 годы отсутствует."]],
        [["ИНН", agency.inn], head, ["", "Потребность отсутствует"]],
        [head, ["1", "потребность отсутствует", "", "", "", "", "", "0", "0", "0"]],
        [["Потребность отсутствует"], [], head],
    )
    kind = pick(("xlsx", "csv", "ods", "xls"), number_)
    return accepted(*written(kind, Laid(Page(pick(pages, number_)), ())))


#: What strangers type to see what happens. All of it is text.
HOSTILE = (
    "'); drop table core.submission; --",
    "Robert'); DELETE FROM landing.receipt WHERE ('1'='1",
    "{{ conn.warehouse_ingest.password }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "%(receipts)s %s %d {0} {name!r} ${HOME} $(reboot) `id`",
    '=HYPERLINK("http://example.org";"A")',
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd",
    "+1+1",
    "-2+3",
    "<script>alert(1)</script>",
    "\\N",
    "\\.",
    "../../etc/passwd",
    "\u202egnp.exe",
    "\U0001f50b\U0001f50b\U0001f50b",
    "NULL",
    "undefined",
    "&lt;&amp;]]>",
    "x" * 3000,
)


@category(40)
def hostile_text(rng: Random, number_: int, agency: Agency) -> Drop:
    """SQL, templates and formulas in every field that takes words: kept as they are, and harmless."""
    rows = goods(rng, 2)
    payload = pick(HOSTILE, number_)
    for name in ("item_name", "part_number", "component_class", "manufacturer", "country", "used_in", "comment"):
        rows[0][name] = text(payload)
    rows[1]["comment"] = text(rng.choice(HOSTILE))
    kind = pick(("xlsx", "csv", "ods", "xls", "openpyxl.xlsx", "raw.xlsx", "xlsb"), number_)
    return accepted(*written(kind, lay(rows, COLUMNS["ecb"][2])))


_HOSTILE_NAMES = (
    "'); drop table landing.receipt; --.csv",
    "{{ 7 * 7 }}{% raw %}.csv",
    "=HYPERLINK(1).csv",
    "-rf.csv",
    "..csv",
    "a\nb\tc.csv",
    "$(reboot);`id`&&.csv",
    "\u202evsc.exe",
    "%s%d%(x)s{0}.csv",
    "д" * 120 + ".csv",
    " .csv",
    "CON.csv",
    "a.csv.exe",
    "\\\\server\\share.csv",
    "\U0001f50b.csv",
    "'\"<>&.csv",
)


@category(24)
def hostile_names(rng: Random, number_: int, agency: Agency) -> Drop:
    """Names of files, of sheets and of members that try to be code."""
    laid = form(rng)
    name = pick(_HOSTILE_NAMES, number_)
    if number_ < len(_HOSTILE_NAMES):
        return accepted(name, writers.delimited(laid.page), laid.in_text())
    called = pick(("'); drop --", "{{ 7 * 7 }}", "=1+1", "%s %(x)s", "{0}", "<b>&amp;", "-", "''"), number_)
    named = laid.named(called)
    return accepted("answer.xlsx", handmade.raw_xlsx(named.page), named.lines)


# Archives


_LETTERS = {
    "письмо.docx": foreign.office("word/document.xml"),
    "скан.pdf": foreign.PDF,
    "Фото.jpg": foreign.JPEG,
    "подпись.sig": foreign.SIGNATURE,
    "readme.rtf": foreign.RTF,
    "Thumbs.db": handmade.ole2({"Catalog": b""}),
    "старое.zip": writers.zipped({"a.txt": b"1"}),
    "письмо.eml": foreign.EMAIL,
}


@category(24)
def archives(rng: Random, number_: int, agency: Agency) -> Drop:
    """Several files of one answer in one ZIP: names in code page 866, folders, letters and pictures beside them."""
    rows = goods(rng, 5)
    first, second = lay(rows[:2], COLUMNS["ecb"][1]), lay(rows[2:], COLUMNS["ecb"][0])
    folder = pick(("", "Заявка/", "2026/Заявка (итог)/"), number_)
    names = f"{folder}Форма светофоры.xlsx", f"{folder}ёмкость № 2.csv"
    members = {names[0]: writers.xlsx(first.page), names[1]: writers.delimited(second.page, encoding="cp1251")}
    letter = pick(list(_LETTERS), number_)
    members |= {folder + letter: _LETTERS[letter]} if number_ % 2 else {}
    members |= {"__MACOSX/._x.xlsx": b"\0\5\x16\7", ".DS_Store": b"\0\0\0\1Bud1"} if number_ % 5 == 0 else {}
    lines = tuple(
        replace(line, member=name)
        for name, found in ((names[0], first.lines), (names[1], second.in_text()))
        for line in found
    )
    ways = writers.zipped, handmade.russian_windows_zip, handmade.plain_zip, handmade.mac_zip, handmade.streamed_zip
    write = pick(ways, number_)
    return accepted(pick(("answer.zip", "answer.xlsx", "ответ"), number_), write(members), lines)
