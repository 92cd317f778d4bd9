"""The protocol: what an agency is told about one receipt, as a workbook in Russian.

A summary, the agency's own sheets with the faulty cells marked, and the complete list of remarks. Pure: facts and a
copy of the drop → bytes. The same facts give the same bytes, and nothing that an agency typed becomes a formula, a link
or a number that it was not: every text is written as a text cell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from include.city_order import protocol_copy, protocol_facts, protocol_words
from include.city_order.protocol_copy import REMARKS, SHEET_ROWS, SUMMARY, UNRECOGNISED, Mark, Page
from include.city_order.protocol_facts import Cause, Finding, ProtocolFacts
from include.city_order.protocol_words import clean_text
from include.city_order.readings import WorkbookCopy
from include.city_order.vocabulary import Severity

EXAMPLE_LENGTH = 200
PAGES_SHOWN = 30

#: The height of a line of text, in points, and the highest row in lines: what is longer is read in the cell itself.
LINE_HEIGHT = 13
LINES_SHOWN = 25

#: More comments than this make a workbook slow to open; all cells are coloured, and all remarks are in the list.
COMMENTS_SHOWN = 5000
COMMENT_LENGTH = 2000
_COMMENT_WIDTH, _COMMENT_HEIGHT, _COMMENT_LINE, _COMMENT_COLUMNS = 340, 420, 15, 50
#: Findings whose cell is a link to its mark.
LINKS_SHOWN = 10_000

#: The width of a page's column comes from so many of its rows, in characters.
_ROWS_MEASURED, _NARROWEST, _WIDEST = 300, 8, 44

#: The columns of the tables of the first and the last sheet: heading, width in characters.
_CAUSE_COLUMNS = (
    ("Вид замечания", 24), ("Что не так и как исправить", 72), ("Графа", 26), ("Сколько", 9), ("Где", 32),
    ("Пример того, что введено", 32), ("Что ожидается", 24),
)  # fmt: skip
_REMARK_COLUMNS = (
    ("Файл в архиве", 18), ("Лист", 18), ("Ячейка", 10), ("Графа", 26), ("Что введено", 32), ("Вид замечания", 17),
    ("Что не так и как исправить", 64), ("Что ожидается", 24), ("Правило", 10),
)  # fmt: skip

#: Excel shows when a workbook was made; a constant, so that equal facts give equal bytes.
_CREATED = datetime(2026, 1, 1)


def render(facts: ProtocolFacts, copy: WorkbookCopy | None = None) -> bytes:
    """The protocol as an XLSX, with the agency's own sheets if there is a copy of them.

    The same facts and copy give the same bytes.
    """
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
    workbook.set_properties(
        {"title": f"Протокол по квитанции {protocol_words.receipt_name(facts)}", "created": _CREATED}
    )
    formats = _formats(workbook)
    findings = protocol_facts.in_order(facts.findings)
    pages = protocol_copy.pages(facts, copy) if copy else []
    summary = workbook.add_worksheet(SUMMARY)
    _write_summary(summary, formats, facts, protocol_facts.causes(findings), _about_the_copy(facts, copy, pages))
    comments = COMMENTS_SHOWN
    for page in pages:
        comments -= _write_page(workbook.add_worksheet(page.title), formats, facts, page, comments)
    _write_remarks(workbook.add_worksheet(REMARKS), formats, facts, findings, pages)
    workbook.close()
    return buffer.getvalue()


# The first sheet


def _write_summary(
    sheet: Worksheet,
    formats: dict[str, Format],
    facts: ProtocolFacts,
    causes: list[Cause],
    about_the_copy: list[tuple[str, str]],
) -> None:
    for column, (_, width) in enumerate(_CAUSE_COLUMNS):
        sheet.set_column(column, column, width)
    _set_page(sheet, facts)
    _write_row(sheet, 0, [("Протокол форматно-логического контроля", formats["title"])])
    row = 2
    for block in [*protocol_words.blocks(facts), about_the_copy]:
        for label, value in block:
            style = {"Решение": "verdict", "Внимание": "attention"}.get(label, "value")
            _write_row(sheet, row, [(label, formats["label"]), (value, formats[style])], _CAUSE_COLUMNS)
            row += 1
        row += bool(block)
    if not causes:
        told = protocol_words.no_findings(facts)
        _write_row(sheet, row, [("Замечания", formats["label"]), (told, formats["value"])])
        return
    hint = f"Каждое замечание с адресом ячейки — на листе «{REMARKS}»."
    _write_row(sheet, row, [("Замечания по причинам", formats["section"]), (hint, formats["hint"])])
    _write_row(sheet, row + 1, [(heading, formats["heading"]) for heading, _ in _CAUSE_COLUMNS])
    for row_number, cause in enumerate(causes, row + 2):
        typed, expected = protocol_words.example(cause)
        first = cause.findings[0]
        message = protocol_words.with_waiver(protocol_words.sentence(first), first.waiver)
        cells: list[tuple[str | int, Format]] = [
            (protocol_words.SEVERITIES[Severity(cause.severity)], formats[cause.severity]),
            (message, formats["text"]),
            (protocol_words.cause_heading(cause), formats["text"]),
            (len(cause.findings), formats["count"]),
            (protocol_words.addresses(cause.findings), formats["typed"]),
            (clean_text(typed, EXAMPLE_LENGTH), formats["typed"]),
            (clean_text(expected, EXAMPLE_LENGTH), formats["typed"]),
        ]
        _write_row(sheet, row_number, cells, _CAUSE_COLUMNS)


def _about_the_copy(facts: ProtocolFacts, copy: WorkbookCopy | None, pages: list[Page]) -> list[tuple[str, str]]:
    """Where the agency finds its own sheets, and how they are marked."""
    if copy is None:
        return []
    shown = {(page.member, page.sheet) for page in pages}
    missing = [table for table in facts.tables if (table.member, table.sheet) not in shown]
    rows = []
    if pages:
        lines = [_about_page(page) for page in pages]
        rows.append(("Ваши листы", protocol_words.some(lines, PAGES_SHOWN, separator="\n")))
    if any(page.marks for page in pages):
        told = (
            "Ячейки с ошибками выделены красным, с предупреждениями — жёлтым, нераспознанные строки — серым. Наведите "
            "на выделенную ячейку: в примечании сказано, что не так и как исправить."
        )
        if sum(len(page.marks) for page in pages) > COMMENTS_SHOWN:
            told += f" Примечания есть у первых {COMMENTS_SHOWN} ячеек, остальные — на листе «{REMARKS}»."
        rows.append(("Как их читать", f"{told} В копии только значения: формул, ссылок и рисунков в ней нет."))
    if missing or not copy.whole:
        what = protocol_words.places(missing)
        told = f"Не приложены: {what}. " if pages and what else ""
        rows.append((
            "Копия файла",
            f"{told}Большие листы в протокол не копируются. Адреса ячеек с замечаниями — на листе «{REMARKS}».",
        ))  # fmt: skip
    return rows


def _about_page(page: Page) -> str:
    name = f"«{page.title}»"
    if page.member:
        name += f" — ваш файл «{page.member}»" + (f", лист «{page.sheet}»" if page.sheet else "")
    elif page.sheet not in ("", page.title):
        name += f" — ваш лист «{page.sheet}»"
    if page.hidden:
        name += " (у вас он скрыт)"
    counts = [
        ("ячеек с ошибками", page.count(Severity.ERROR)),
        ("ячеек с предупреждениями", page.count(Severity.WARNING)),
        ("нераспознанных строк", page.count(UNRECOGNISED)),
    ]
    return f"{name}: {', '.join(f'{what} — {count}' for what, count in counts if count) or 'пометок нет'}"


# The agency's own sheets


def _write_page(sheet: Worksheet, formats: dict[str, Format], facts: ProtocolFacts, page: Page, comments: int) -> int:
    """Write one of the agency's sheets, with at most so many comments; returns how many it got."""
    if page.count(Severity.ERROR):
        sheet.set_tab_color("#C00000")
    elif page.marks:
        sheet.set_tab_color("#FFC000")
    _set_page(sheet, facts)
    _set_widths(sheet, page)
    for row, values in enumerate(page.rows):
        is_heading = row in page.heading_rows
        for column, value in enumerate(values):
            mark = page.marks.get((row, column))
            if value == "" and not mark:
                continue
            style = formats[_style(value, mark, is_heading=is_heading)]
            _write_value(sheet, row, column, value, style)
    for (row, column), mark in page.marks.items():
        if row >= len(page.rows) or column >= len(page.rows[row]):
            sheet.write_blank(row, column, None, formats[_style("", mark, is_heading=False)])
    if page.heading_rows and max(page.heading_rows) < LINES_SHOWN:
        sheet.freeze_panes(max(page.heading_rows) + 1, 0)
    sheet.set_comments_author("Протокол")
    commented = list(page.marks.items())[:comments]
    for (row, column), mark in commented:
        _write_comment(sheet, row, column, mark)
    return len(commented)


def _style(value: str | int | float, mark: Mark | None, *, is_heading: bool) -> str:
    if mark:
        return f"{mark.severity} {'text' if isinstance(value, str) else 'number'}"
    if isinstance(value, str):
        return "own heading" if is_heading else "own text"
    return "own number"


def _write_value(sheet: Worksheet, row: int, column: int, value: str | int | float, style: Format) -> None:
    if not isinstance(value, str):
        sheet.write_number(row, column, value, style)
    elif text := clean_text(value):
        sheet.write_string(row, column, text, style)
    else:
        sheet.write_blank(row, column, None, style)


def _write_comment(sheet: Worksheet, row: int, column: int, mark: Mark) -> None:
    text = clean_text("\n\n".join(mark.comments), COMMENT_LENGTH)
    lines = sum(math.ceil(len(line) / _COMMENT_COLUMNS) or 1 for line in text.split("\n"))
    options = {
        "width": _COMMENT_WIDTH, "height": min((lines + 1) * _COMMENT_LINE, _COMMENT_HEIGHT), "font_size": 9,
    }  # fmt: skip
    sheet.write_comment(row, column, text, options)


def _set_widths(sheet: Worksheet, page: Page) -> None:
    """Columns as wide as what stands in them below the headings; what stands above flows over its neighbours."""
    begin = max(page.heading_rows, default=-1) + 1
    widths: dict[int, int] = {}
    for values in page.rows[begin : begin + _ROWS_MEASURED]:
        for column, value in enumerate(values):
            widths[column] = max(widths.get(column, 0), min(len(str(value)), _WIDEST))
    for column, width in widths.items():
        sheet.set_column(column, column, max(width, _NARROWEST) + 2)
    for row in page.heading_rows:
        texts = [(str(value), widths.get(column, 0)) for column, value in enumerate(page.rows[row : row + 1][0])]
        lines = max((_lines(text, max(width, _NARROWEST) + 2) for text, width in texts if text), default=1)
        if lines > 1:
            sheet.set_row(row, min(lines, LINES_SHOWN) * LINE_HEIGHT + 2)


# The last sheet


def _write_remarks(
    sheet: Worksheet, formats: dict[str, Format], facts: ProtocolFacts, findings: list[Finding], pages: list[Page]
) -> None:
    for column, (_, width) in enumerate(_REMARK_COLUMNS):
        sheet.set_column(column, column, width)
    _write_row(sheet, 0, [(heading, formats["heading"]) for heading, _ in _REMARK_COLUMNS])
    _set_page(sheet, facts)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    if not findings:
        _write_row(sheet, 1, [(protocol_words.no_findings(facts), formats["hint"])])
        return
    marked = {(page.member, page.sheet, position): page.title for page in pages for position in page.marks}
    room = SHEET_ROWS - 2
    for row, finding in enumerate(findings[:room], 1):
        cells = [
            (finding.member, formats["typed"]),
            (finding.sheet, formats["typed"]),
            (finding.cell, formats["text"]),
            (protocol_words.heading(finding), formats["text"]),
            (protocol_words.typed(finding), formats["typed"]),
            (protocol_words.SEVERITIES[Severity(finding.severity)], formats[finding.severity]),
            (protocol_words.remark(finding), formats["text"]),
            (finding.expected, formats["typed"]),
            (finding.rule_id, formats["text"]),
        ]
        _write_row(sheet, row, cells, _REMARK_COLUMNS)
        if row <= LINKS_SHOWN and (target := _link(finding, marked)):
            sheet.write_url(row, 2, target, formats["link"], finding.cell)
    sheet.autofilter(0, 0, min(len(findings), room), len(_REMARK_COLUMNS) - 1)
    if len(findings) > room:
        more = f"И ещё {len(findings) - room}: больше строк лист не вмещает."
        _write_row(sheet, SHEET_ROWS - 1, [(more, formats["hint"])])


def _link(finding: Finding, marked: dict[tuple[str, str, tuple[int, int]], str]) -> str:
    """A link within the workbook to the first cell of a finding, or "" if it is not shown."""
    for member, sheet, cell in protocol_facts.cells(finding)[:1]:
        position = protocol_copy.cell_position(cell)
        if position and (title := marked.get((member, sheet, position))):
            quoted = title.replace("'", "''")
            return f"internal:'{quoted}'!{cell}"
    return ""


# Cells


def _write_row(
    sheet: Worksheet, row: int, cells: Sequence[tuple[str | int, Format]], columns: Sequence[tuple[str, int]] = ()
) -> None:
    """Write texts as text cells, whatever they look like, and whole numbers as numbers.

    With `columns` the row is as high as its texts need at the columns' widths: not every program sees to that.
    """
    lines = 1
    for column, (value, style) in enumerate(cells):
        _write_value(sheet, row, column, value, style)
        if columns and isinstance(value, str):
            lines = max(lines, _lines(clean_text(value), columns[column][1]))
    if lines > 1:
        sheet.set_row(row, min(lines, LINES_SHOWN) * LINE_HEIGHT + 2)


def _lines(text: str, width: int) -> int:
    """About how many lines a text takes in a column of that width. Long words and wide letters take some more."""
    if len(text) < width * 0.9 and "\n" not in text:
        return 1
    return sum(math.ceil(len(line) / (width * 0.9)) or 1 for line in text[: LINES_SHOWN * width].split("\n"))


def _formats(workbook: xlsxwriter.Workbook) -> dict[str, Format]:
    # '@' keeps a cell text when a person edits it.
    text = {"font_name": "Arial", "font_size": 10, "num_format": "@", "text_wrap": True, "valign": "top"}
    cell = text | {"border": 1, "border_color": "#BFBFBF"}
    # A typed «=1+1» stays text in whatever program the cell is edited or pasted.
    own = text | {"text_wrap": False, "quote_prefix": True}
    number = own | {"num_format": "General", "quote_prefix": False}
    colours = {Severity.ERROR.value: "#F8CBAD", Severity.WARNING.value: "#FFF2CC", UNRECOGNISED: "#D9D9D9"}
    marked = {
        f"{severity} {kind}": properties | {"bg_color": colour, "border": 1, "border_color": "#7F7F7F"}
        for severity, colour in colours.items()
        for kind, properties in {"text": own, "number": number}.items()
    }
    return {
        name: workbook.add_format(properties)
        for name, properties in {
            "title": text | {"bold": True, "font_size": 14, "text_wrap": False},
            "section": text | {"bold": True, "font_size": 11, "text_wrap": False},
            "hint": text | {"font_color": "#595959"},
            "label": text | {"font_color": "#595959"},
            "value": text,
            "verdict": text | {"bold": True, "font_size": 12},
            "attention": text | {"bold": True, "bg_color": "#FFF2CC"},
            "heading": cell | {"bold": True, "bg_color": "#DDEBF7", "valign": "vcenter"},
            "text": cell,
            "typed": cell | {"quote_prefix": True},
            "link": cell | {"font_color": "#0563C1", "underline": 1},
            "count": cell | {"num_format": "0", "align": "center"},
            Severity.ERROR.value: cell | {"bg_color": colours[Severity.ERROR]},
            Severity.WARNING.value: cell | {"bg_color": colours[Severity.WARNING]},
            "own text": own,
            "own heading": own | {"bold": True, "text_wrap": True, "border": 1, "border_color": "#BFBFBF"},
            "own number": number,
            **marked,
        }.items()
    }


def _set_page(sheet: Worksheet, facts: ProtocolFacts) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    sheet.set_footer(f"&LКвитанция {protocol_words.receipt_name(facts)}&RСтраница &P из &N")
