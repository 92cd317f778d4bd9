"""The fillable form of a survey, as a workbook in Russian: the table to fill in, how to do it, and the lists.

Made from the survey and its suites, so that it asks for what is read, and says beforehand what would be said of a
mistake. Pure: the same survey, rules and lists give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, NamedTuple

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from include.city_order.readings import DEMAND
from include.city_order.suites import STAGES, Suite
from include.city_order.surveys import Survey
from include.city_order.vocabulary import Kind, Severity, demand_field, fields_of

FORM_SHEET, HELP_SHEET, LISTS_SHEET = "Форма", "Как заполнить", "Списки"

#: So many lines have lists and checks: the largest answer has some hundreds.
LINES = 2000

#: The rows of the form's sheet, from 0.
_TITLE, _SURVEY, _NAME, _INN, _KPP, _TERM, _LEGEND, _HEADINGS = 0, 1, 2, 3, 4, 5, 6, 8
#: The column of what is said after a label above the table.
_SAID = 2

#: What a message of a drop-down list or check can hold.
_MESSAGE, _MESSAGE_TITLE = 255, 32

#: Excel shows when a workbook was made; a constant, so that equal surveys give equal bytes.
_CREATED = datetime(2026, 1, 1)

_MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня",
    "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip


class Choice(NamedTuple):
    """An entry of a drop-down list, and what it means if it does not say so itself."""

    value: str
    meaning: str = ""


#: The drop-down lists, by field.
Choices = Mapping[str, Sequence[Choice]]


@dataclass(frozen=True)
class Sender:
    """What stands above the table of the form of one agency."""

    name: str
    inn: str
    kpp: str


@dataclass(frozen=True)
class Guidance:
    """How a field is filled in, an example of it, and the width of its column in characters."""

    how: str
    example: str | int | float = ""
    width: int = 14


#: The suite whose rules are about every number of a line.
_NUMBERS = "quantity"

#: The price of the example, in roubles: the sum of its line follows from it.
_PRICE = 450.5

#: Fields in which any other text will do too: their lists only suggest.
_SUGGESTED = {"component_class", "need_kind", "okpd2_code"}

GUIDANCE = {
    "line_no": Guidance("Номер строки по порядку.", 1, 6),
    "item_name": Guidance("Что это за изделие, словами.", "Микроконтроллер", 34),
    "component_class": Guidance("Класс изделия: выберите из списка.", "Схемы интегральные электронные", 26),
    "part_number": Guidance(
        "Обозначение целиком, как в документации на изделие. Ячейка текстовая: в дату оно не превратится.",
        "К1986ВЕ92QI",
        22,
    ),
    "manufacturer": Guidance("Кто выпускает изделие.", "ПКК Миландр", 22),
    "country": Guidance("Страна, где изделие выпущено.", "Россия", 16),
    "okpd2_code": Guidance("Код с точками: выберите из списка. Что значит код, сказано на листе «Списки».",
                           "26.11.30.110", 14),
    "unit": Guidance("Выберите из списка. Количества во всей строке указывайте в этой единице.", "шт", 12),
    "pack_size": Guidance("Сколько штук в одной упаковке, комплекте, наборе или катушке. Для штук не нужно."),
    "stock": Guidance("Сколько таких изделий есть на складе: одно число в той же единице.", 10),
    "contracted": Guidance("Сколько уже заказано по контрактам, но ещё не поставлено: одно число.", 5),
    "unit_price_rub": Guidance("Цена одной единицы измерения в рублях, с НДС.", _PRICE),
    "amount_rub": Guidance("Цена, умноженная на потребность за все годы, в рублях."),
    "used_in": Guidance("В чём изделие применяется.", "Дорожный контроллер светофора", 24),
    "need_kind": Guidance("Зачем изделие нужно: выберите из списка.", "Эксплуатация", 18),
    "domestic_analog": Guidance("Для импортного изделия: отечественный аналог, если вы его знаете.", "", 22),
    "chemistry": Guidance("Тип батареи: выберите из списка.", "Литий-железо-фосфатная", 24),
    "battery_use": Guidance("Где батарея работает: выберите из списка.", "Электробус", 20),
    "voltage_v": Guidance("Номинальное напряжение одной батареи в вольтах: одно число.", 25.6),
    "capacity_ah": Guidance("Номинальная ёмкость одной батареи в ампер-часах: одно число.", 100),
    "energy_kwh": Guidance("Напряжение × ёмкость / 1000, для одной батареи. Можно не заполнять.", 2.56),
    "comment": Guidance("Всё, что стоит знать об этой строке.", "", 30),
}  # fmt: skip

#: Examples where another programme than `ecb` needs its own.
_OTHER_EXAMPLES: dict[str, dict[str, str]] = {
    "battery": {
        "item_name": "Батарея тяговая", "manufacturer": "Лиотех", "okpd2_code": "27.20.23.130",
        "used_in": "Городские электробусы",
    },
}  # fmt: skip

#: What rules about the file mean, by their field, and what follows if a rule is broken: of a line, of the file.
_ABOVE_THE_TABLE = {"": "Весь файл", "sender_survey": "Код обследования", "sender_inn": "ИНН", "sender_kpp": "КПП"}
_NOT_ACCEPTED = {True: "Строку не примем", False: "Файл не примем"}

_OF_A_YEAR = "Сколько нужно на этот год: одно число, без слов. Если не нужно, оставьте пустым."


@dataclass(frozen=True)
class Column:
    """A column of the form: `example` is "" where the example line leaves it blank."""

    field: str
    heading: str
    kind: Kind
    required: bool
    how: str
    example: str | int | float
    width: int


def columns(survey: Survey, choices: Choices) -> list[Column]:
    """The columns of the survey's form; the years stand after the size of a pack."""
    years = [
        Column(demand_field(year), f"Потребность на {year} год", Kind.QUANTITY, False, _OF_A_YEAR, 20 + 10 * place, 14)
        for place, year in enumerate(survey.horizon)
    ]
    laid: list[Column] = []
    for field in fields_of(survey.programme):
        guidance = GUIDANCE[field.name]
        example = _OTHER_EXAMPLES.get(survey.programme, {}).get(field.name, guidance.example)
        offered = [choice.value for choice in choices.get(field.name, ())]
        if offered and example and example not in offered:
            example = offered[0]
        if field.name == "amount_rub":
            example = _PRICE * sum(year.example for year in years if isinstance(year.example, int))
        laid.append(
            Column(field.name, field.heading, field.kind, field.required, guidance.how, example, guidance.width)
        )
        if field.name == "pack_size":
            laid += years
    return laid


def render(survey: Survey, rules: Sequence[Suite], choices: Choices, sender: Sender | None = None) -> bytes:
    """The form as an XLSX, with the sender's name and numbers filled in if it is for one agency."""
    laid = columns(survey, choices)
    buffer = BytesIO()
    workbook = xlsxwriter.Workbook(
        buffer,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    workbook.set_properties({"title": survey.title, "subject": survey.survey, "created": _CREATED})
    styles = _styles(workbook)
    form, guide, lists = (workbook.add_worksheet(name) for name in (FORM_SHEET, HELP_SHEET, LISTS_SHEET))
    ranges = _write_lists(lists, styles, laid, choices)
    _write_form(form, styles, survey, laid, sender)
    checked = [suite for suite in rules if suite.stage in STAGES]
    for position, column in enumerate(laid):
        validation = _validation(column, position, ranges.get(column.field), checked)
        form.data_validation(_HEADINGS + 1, position, _HEADINGS + LINES, position, validation)
    _write_guide(guide, styles, survey, laid, checked, sender)
    workbook.close()
    return buffer.getvalue()


# The form


def _write_form(
    sheet: Worksheet, styles: dict[str, Format], survey: Survey, laid: Sequence[Column], sender: Sender | None
) -> None:
    for position, column in enumerate(laid):
        is_text = column.kind not in (Kind.QUANTITY, Kind.NUMBER)
        sheet.set_column(position, position, column.width, styles["typed_text" if is_text else "typed_number"])
    for row in range(_HEADINGS):
        # The styles of the columns are for the lines; the rows above the table have their own.
        sheet.set_row(row, None, styles["above"])
    sheet.write_string(_TITLE, 0, survey.title, styles["title"])
    above = {
        _SURVEY: ("Код обследования", survey.survey, "said"),
        _NAME: ("Организация", sender.name if sender else "", "to_fill"),
        _INN: ("ИНН", sender.inn if sender else "", "to_fill"),
        _KPP: ("КПП", sender.kpp if sender else "", "to_fill"),
    }
    for row, (label, said, style) in above.items():
        sheet.write_string(row, 0, label, styles["label"])
        _write_text(sheet, row, _SAID, said, styles[style])
    sheet.write_string(_TERM, 0, f"{_term(survey)} Как заполнять, сказано на листе «{HELP_SHEET}».", styles["hint"])
    sheet.write_string(_LEGEND, 0, "Графы с тёмным заголовком обязательны, остальные — по желанию.", styles["hint"])
    for position, column in enumerate(laid):
        is_needed = column.required or column.field.startswith(f"{DEMAND}_")
        sheet.write_string(_HEADINGS, position, column.heading, styles["required" if is_needed else "optional"])
    sheet.set_row(_HEADINGS, 48)
    sheet.freeze_panes(_HEADINGS + 1, 2)
    sheet.ignore_errors({"number_stored_as_text": f"A1:AZ{_HEADINGS + LINES + 1}"})
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(_HEADINGS)


def _validation(column: Column, position: int, offered: str | None, rules: Sequence[Suite]) -> dict[str, Any]:
    """What the cells of a column take, what is said beside them, and what is said of anything else."""
    asked = {
        "input_title": _cut(column.heading, _MESSAGE_TITLE),
        "input_message": _cut(_how(column), _MESSAGE),
    }
    is_number = column.kind in (Kind.QUANTITY, Kind.NUMBER)
    if not offered and not is_number:
        return {"validate": "any", **asked}
    refused = {
        "error_title": _cut(column.heading, _MESSAGE_TITLE),
        "error_message": _cut(_said_of_a_mistake(column, rules), _MESSAGE),
    }
    if offered:
        return {"validate": "list", "source": offered, "show_error": column.field not in _SUGGESTED, **asked, **refused}
    return {**_bounds(column.field, position, rules), **asked, **refused}


def _bounds(field: str, position: int, rules: Sequence[Suite]) -> dict[str, Any]:
    """The numbers that a field may hold, as its suites have the bounds."""
    between = [
        rule.expectation["kwargs"]
        for suite in rules
        for rule in suite.rules
        if rule.expectation["type"] == "expect_column_values_to_be_between"
        and rule.severity == Severity.ERROR
        and (rule.expectation["kwargs"]["column"] == field or suite.name == _NUMBERS)
    ]
    least = max(bound["min_value"] for bound in between)
    most = min(bound["max_value"] for bound in between)
    if not any(bound.get("strict_min") and bound["min_value"] == least for bound in between):
        return {"validate": "decimal", "criteria": "between", "minimum": least, "maximum": most}
    cell = xl_rowcol_to_cell(_HEADINGS + 1, position)
    return {"validate": "custom", "value": f"=AND(ISNUMBER({cell}),{cell}>{least},{cell}<={most})"}


def _said_of_a_mistake(column: Column, rules: Sequence[Suite]) -> str:
    """The sentence of the first rule that stops such a cell."""
    is_number = column.kind in (Kind.QUANTITY, Kind.NUMBER)
    stopping = (
        rule.sentence
        for suite in rules
        for rule in suite.rules
        if rule.severity == Severity.ERROR and (rule.field == column.field or (is_number and suite.name == _NUMBERS))
    )
    return next(stopping, column.how)


# How to fill it in


def _write_guide(
    sheet: Worksheet,
    styles: dict[str, Format],
    survey: Survey,
    laid: Sequence[Column],
    rules: Sequence[Suite],
    sender: Sender | None,
) -> None:
    widths = (30, 78, 34)
    for position, width in enumerate(widths):
        sheet.set_column(position, position, width)
    sheet.set_portrait()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.write_string(0, 0, f"Как заполнить форму обследования {survey.survey}", styles["title"])
    row = 1
    for number, step in enumerate(_steps(survey, sender), start=1):
        sheet.merge_range(row, 0, row, len(widths) - 1, f"{number}. {step}", styles["text"])
        sheet.set_row(row, _height(step, sum(widths)))
        row += 1
    row = _write_table(
        sheet, row + 1, styles, widths, "Графы", ("Графа", "Как заполнять", "Пример"),
        [(column.heading, _how(column), column.example) for column in laid],
    )  # fmt: skip
    _write_table(
        sheet, row + 1, styles, widths, "Что мы проверяем", ("Где", "Что вы прочтёте в протоколе", "Что тогда"),
        _checks(laid, rules),
    )  # fmt: skip


def _steps(survey: Survey, sender: Sender | None) -> list[str]:
    who = (
        "Проверьте название организации, ИНН и КПП над таблицей."
        if sender
        else "Впишите над таблицей название организации, ИНН и КПП."
    )
    return [
        f"{who} Если отвечает филиал, КПП должен быть его.",
        f"Заполните лист «{FORM_SHEET}»: одно изделие — одна строка. Заголовки граф не меняйте. Итоги не нужны: мы "
        "сложим сами.",
        f"Где у ячейки есть список, выбирайте из него: все списки стоят на листе «{LISTS_SHEET}».",
        "В графы с числами вписывайте только числа, без слов, формул и промежутков «от и до». Чего не знаете, оставьте "
        "пустым.",
        "Если в строках не хватает места, пишите ниже: строк может быть сколько угодно.",
        "Если потребности нет ни в чём, впишите в первую строку таблицы два слова: потребность отсутствует.",
        "Сохраните файл как книгу Excel (XLSX), без пароля, и положите в папку своей организации. На другой день рядом "
        "с ответами появится протокол: что принято, что нет и как исправить.",
        f"{_term(survey)} Исправления присылайте целым файлом, со всеми строками: новый файл заменит прежний.",
    ]


def _how(column: Column) -> str:
    return ("Обязательно. " if column.required else "") + column.how


def _checks(laid: Sequence[Column], rules: Sequence[Suite]) -> list[tuple[str, str, str]]:
    """Where, what is said, and what follows: each sentence once, the file's first and then in the order of the form."""
    headings = {**_ABOVE_THE_TABLE, **{column.field: column.heading for column in laid}}
    places = list(headings)
    told: dict[tuple[bool, int, bool, str], tuple[str, str, str]] = {}
    for suite in rules:
        # Where a rule is about whatever cell its relation shows.
        any_cell = "Заголовки граф" if suite.stage == "file" else "Числа"
        for rule in suite.rules:
            stops = rule.severity == Severity.ERROR
            place = places.index(rule.field) if rule.field in headings else len(places)
            follows = _NOT_ACCEPTED[suite.of_lines] if stops else "Примем с замечанием"
            told[suite.of_lines, place, not stops, rule.sentence] = (
                headings.get(rule.field, any_cell), rule.sentence, follows,
            )  # fmt: skip
    return [told[key] for key in sorted(told)]


def _write_table(
    sheet: Worksheet,
    row: int,
    styles: dict[str, Format],
    widths: Sequence[int],
    title: str,
    heads: Sequence[str],
    body: Sequence[Sequence[str | int | float]],
) -> int:
    """A titled table from `row` on; returns the row after it."""
    sheet.write_string(row, 0, title, styles["section"])
    for position, head in enumerate(heads):
        sheet.write_string(row + 1, position, head, styles["head"])
    for number, cells in enumerate(body, start=row + 2):
        for position, said in enumerate(cells):
            if isinstance(said, str):
                _write_text(sheet, number, position, said, styles["cell"])
            else:
                sheet.write_number(number, position, said, styles["number"])
        sheet.set_row(number, max(_height(str(said), width) for said, width in zip(cells, widths, strict=True)))
    return row + 2 + len(body)


# The lists


def _write_lists(
    sheet: Worksheet, styles: dict[str, Format], laid: Sequence[Column], choices: Choices
) -> dict[str, str]:
    """The lists below one another, so that no row looks like a line of a form; returns the cells of each, by field."""
    sheet.set_column(0, 0, 50)
    sheet.set_column(1, 1, 80)
    row, ranges = 0, {}
    for column in laid:
        offered = choices.get(column.field)
        if not offered:
            continue
        sheet.write_string(row, 0, column.heading, styles["section"])
        first = row + 1
        for row, choice in enumerate(offered, start=first):
            sheet.write_string(row, 0, choice.value, styles["text"])
            if choice.meaning:
                sheet.write_string(row, 1, choice.meaning, styles["text"])
        ranges[column.field] = f"='{LISTS_SHEET}'!$A${first + 1}:$A${row + 1}"
        row += 2
    return ranges


# Words and cells


def _term(survey: Survey) -> str:
    day = survey.closes
    return f"Ответ ждём до 23:59 {day.day} {_MONTHS[day.month - 1]} {day.year} года по московскому времени."


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _height(text: str, width: int) -> float:
    """The height of a row, in points, that shows a text in a column of that width."""
    return 14.0 * (1 + int(len(text) / (width * 0.95))) + 2


def _write_text(sheet: Worksheet, row: int, column: int, text: str, style: Format) -> None:
    if text:
        sheet.write_string(row, column, text, style)
    else:
        sheet.write_blank(row, column, None, style)


def _styles(workbook: xlsxwriter.Workbook) -> dict[str, Format]:
    # '@' keeps a cell text: a code keeps its zeros, and a part number does not become a date.
    text = {"font_name": "Arial", "font_size": 10, "num_format": "@", "valign": "top"}
    number = {"font_name": "Arial", "font_size": 10, "valign": "top"}
    heading = text | {"bold": True, "text_wrap": True, "border": 1, "valign": "vcenter", "align": "center"}
    cell = {"border": 1, "border_color": "#BFBFBF", "text_wrap": True}
    return {
        name: workbook.add_format(properties)
        for name, properties in {
            "above": text,
            "title": text | {"bold": True, "font_size": 14},
            "section": text | {"bold": True, "font_size": 11},
            "label": text | {"font_color": "#595959"},
            "said": text | {"bold": True},
            "to_fill": text | {"bold": True, "bottom": 1},
            "hint": text | {"font_color": "#595959"},
            "required": heading | {"bg_color": "#9DC3E6"},
            "optional": heading | {"bg_color": "#EAF1FB"},
            "typed_text": text | {"text_wrap": True},
            "typed_number": number,
            "text": text | {"text_wrap": True},
            "head": heading | {"bg_color": "#EAF1FB"},
            "cell": text | cell,
            "number": number | cell | {"align": "left"},
        }.items()
    }
