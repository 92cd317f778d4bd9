"""A release as a workbook: its facts, charts that Excel draws itself, and a sheet for each table.

Pure: the same export gives the same bytes, and nothing that an agency typed becomes a formula or a link.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from include.city_order.release_tables import Chart, Kind, ReleaseExport, Table

#: What a sheet can hold, its two rows of headings left out.
SHEET_ROWS = 1_048_576 - 2
CELL_UNITS = 32_767

#: Rows of a sheet that a chart of so many bars takes.
_CHART_ROWS = 22
_CHART_WIDTH = 900
_CHART_HEIGHT = 400

#: Characters of a line of a note, and the points that it is high.
_NOTE_WIDTH = 100
_LINE_HEIGHT = 15

#: Excel shows when a workbook was made; a constant, so that equal exports give equal bytes.
_CREATED = datetime(2026, 1, 1)

_WIDTHS = {Kind.STRING: 26, Kind.INTEGER: 11, Kind.NUMBER: 16}
_NUMBERS = {Kind.INTEGER: "#,##0", Kind.NUMBER: "#,##0.######"}


def render(export: ReleaseExport) -> bytes:
    """The release as an XLSX. Equal exports give equal bytes."""
    buffer = BytesIO()
    workbook = xlsxwriter.Workbook(
        buffer,
        {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    )
    workbook.set_properties({"title": export.title, "created": _CREATED})
    formats: dict[Any, Format] = {
        "title": workbook.add_format({"bold": True, "font_size": 14}),
        "heading": workbook.add_format({"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#E8EEF4"}),
        "name": workbook.add_format({"italic": True, "font_color": "#666666"}),
        "text": workbook.add_format({"text_wrap": True, "valign": "top"}),
        **{kind: workbook.add_format({"num_format": pattern}) for kind, pattern in _NUMBERS.items()},
    }
    _write_facts(workbook.add_worksheet("Сведения"), formats, export)
    if export.charts:
        _write_charts(workbook, workbook.add_worksheet("Графики"), formats, export.charts)
    for table in export.tables:
        _write_table(workbook.add_worksheet(_sheet_name(table.heading)), formats, table)
    workbook.close()
    return buffer.getvalue()


def _write_facts(sheet: Worksheet, formats: dict[Any, Format], export: ReleaseExport) -> None:
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, _NOTE_WIDTH)
    sheet.write_string(0, 0, export.title, formats["title"])
    row = 2
    for _, heading, value in export.facts:
        sheet.write_string(row, 0, heading, formats["heading"])
        sheet.write_string(row, 1, value, formats["text"])
        row += 1
    for year, _ in export.certainties:
        sheet.write_string(row, 0, "Год", formats["heading"])
        sheet.write_string(row, 1, export.year_heading(year), formats["text"])
        row += 1
    if export.legend:
        row += 1
        sheet.write_string(row, 0, "Обозначения", formats["title"])
        row += 1
    for heading, code, meaning in export.legend:
        sheet.write_string(row, 0, heading, formats["heading"])
        sheet.write_string(row, 1, f"{code} — {meaning}", formats["text"])
        row += 1
    for note in export.notes:
        row += 1
        # Not every program fits a row to its text.
        sheet.set_row(row, _LINE_HEIGHT * -(-len(note) // _NOTE_WIDTH))
        sheet.write_string(row, 1, note, formats["text"])
    _lay_out(sheet)


def _write_charts(
    workbook: xlsxwriter.Workbook, sheet: Worksheet, formats: dict[Any, Format], charts: tuple[Chart, ...]
) -> None:
    """Each chart beside the small table that it draws."""
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 12, 14)
    top = 0
    for chart in charts:
        sheet.write_string(top, 0, f"{chart.heading}, {chart.unit}", formats["title"])
        drawn = workbook.add_chart({"type": "bar" if chart.horizontal else "column"})
        last = top + 1 + len(chart.categories)
        for place, category in enumerate(chart.categories):
            sheet.write_string(top + 2 + place, 0, category, formats["text"])
        for column, (name, values) in enumerate(chart.series, start=1):
            sheet.write_string(top + 1, column, name, formats["heading"])
            for place, value in enumerate(values):
                if value is not None:
                    sheet.write_number(top + 2 + place, column, float(value), formats[Kind.NUMBER])
            drawn.add_series(
                {
                    "name": [sheet.name, top + 1, column],
                    "categories": [sheet.name, top + 2, 0, last, 0],
                    "values": [sheet.name, top + 2, column, last, column],
                }
            )
        drawn.set_title({"name": chart.heading, "name_font": {"size": 12}})
        drawn.set_y_axis({"reverse": True} if chart.horizontal else {"name": chart.unit, "num_format": "#,##0"})
        drawn.set_x_axis({"name": chart.unit, "num_format": "#,##0"} if chart.horizontal else {})
        drawn.set_legend({"none": True} if len(chart.series) == 1 else {"position": "bottom"})
        drawn.set_size({"width": _CHART_WIDTH, "height": _CHART_HEIGHT})
        sheet.insert_chart(top, len(chart.series) + 2, drawn)
        top += max(_CHART_ROWS, len(chart.categories) + 4)
    _lay_out(sheet)


def _write_table(sheet: Worksheet, formats: dict[Any, Format], table: Table) -> None:
    """Russian headings, English names, and the rows; of more than a sheet holds, the first."""
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, _WIDTHS[column.kind])
        sheet.write_string(0, place, column.heading, formats["heading"])
        sheet.write_string(1, place, column.name, formats["name"])
    for row, values in enumerate(table.rows[:SHEET_ROWS], start=2):
        for place, value in enumerate(values):
            if isinstance(value, int | Decimal):
                sheet.write_number(row, place, float(value), formats[table.columns[place].kind])
            elif value is not None:
                sheet.write_string(row, place, value[: CELL_UNITS // 2])
    if len(table.rows) > SHEET_ROWS:
        more = f"Лист вмещает {SHEET_ROWS} строк из {len(table.rows)}: остальные в файле {table.name}.csv"
        sheet.write_comment(0, 0, more, {"author": "", "visible": True})
    sheet.freeze_panes(2, 0)
    sheet.autofilter(1, 0, max(2, 1 + min(len(table.rows), SHEET_ROWS)), len(table.columns) - 1)
    sheet.repeat_rows(0, 1)
    _lay_out(sheet)


def _lay_out(sheet: Worksheet) -> None:
    """For whoever prints it: on A4, across, as wide as the paper."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&C&P / &N")


def _sheet_name(heading: str) -> str:
    return heading[:31]
