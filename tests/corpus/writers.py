"""Sheets as files, as the usual programs write them: one function a format."""

from __future__ import annotations

import csv
import datetime
import io
import re
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import openpyxl
import xlsxwriter
import xlwt
from odf import opendocument, style, table
from odf.text import P

from tests.corpus.goods import Page

_NOW = re.compile(rb">\d{4}-\d\d-\d\dT[\d:.]+Z?<")


class Formula(NamedTuple):
    """A formula and the result that is stored with it; None: it was never computed."""

    text: str
    cached: Any


def shown(cell: Any) -> str:
    """What a program writes into a text file for a cell."""
    if isinstance(cell, Formula):
        return shown(cell.cached)
    if cell is None:
        return ""
    if isinstance(cell, datetime.date):
        return cell.strftime("%d.%m.%Y")
    return str(cell).replace(".", ",") if isinstance(cell, float) else str(cell)


def xlsx(*pages: Page, decorated: bool = False) -> bytes:
    """A workbook by XlsxWriter; `decorated` with all that is no value."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": datetime.datetime(2026, 11, 10)})
    dated = book.add_format({"num_format": "dd.mm.yyyy"})
    for page in pages:
        sheet = book.add_worksheet(page.name)
        for first_row, first_column, last_row, last_column in page.merged:
            sheet.merge_range(first_row, first_column, last_row, last_column, "")
        for row_number, row in enumerate(page.rows):
            for column, cell in enumerate(row):
                if isinstance(cell, Formula):
                    sheet.write_formula(row_number, column, cell.text, None, cell.cached)
                elif isinstance(cell, datetime.date):
                    sheet.write_datetime(row_number, column, cell, dated)
                elif isinstance(cell, str) and cell:
                    sheet.write_string(row_number, column, cell)
                elif cell not in ("", None):
                    sheet.write(row_number, column, cell)
        for row_number in page.hidden_rows:
            sheet.set_row(row_number, None, None, {"hidden": True})
        for column in page.hidden_columns:
            sheet.set_column(column, column, None, None, {"hidden": True})
        if page.hidden:
            sheet.hide()
        if decorated:
            _decorate(book, sheet, len(page.rows))
    book.close()
    return buffer.getvalue()


def _decorate(book: xlsxwriter.Workbook, sheet: Any, rows: int) -> None:
    picture = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 58, 0, 0, 54, 40, 1, 1, 1, 24, 0, 4, 2835, 2835, 0, 0) + bytes(4)
    sheet.insert_image(rows + 3, 2, "логотип.bmp", {"image_data": io.BytesIO(picture)})
    sheet.write_comment(rows - 1, 1, "Уточнить до 1 декабря")
    sheet.data_validation(1, 5, 100, 5, {"validate": "list", "source": ["шт", "упак"]})
    sheet.conditional_format(1, 6, 100, 8, {"type": "cell", "criteria": ">", "value": 100, "format": book.add_format()})
    sheet.autofilter(0, 0, rows - 1, 8)
    sheet.freeze_panes(1, 0)
    sheet.protect("пароль")
    book.define_name("Единицы", f"='{sheet.name}'!$F$1:$F$9")
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": f"='{sheet.name}'!$G$2:$G$4"})
    sheet.insert_chart(rows + 5, 1, chart)
    of_its_own = book.add_chart({"type": "line"})
    of_its_own.add_series({"values": f"='{sheet.name}'!$G$2:$G$4"})
    book.add_chartsheet("Диаграмма").set_chart(of_its_own)


def by_openpyxl(*pages: Page) -> bytes:
    """A workbook by openpyxl; its formulas have no stored results."""
    book = openpyxl.Workbook()
    assert book.active is not None
    book.remove(book.active)
    for page in pages:
        sheet = book.create_sheet(page.name)
        for row_number, row in enumerate(page.rows, start=1):
            for column, cell in enumerate(row, start=1):
                if isinstance(cell, Formula):
                    sheet.cell(row_number, column).value = cell.text
                elif cell not in ("", None):
                    target = sheet.cell(row_number, column)
                    target.value = cell
                    if isinstance(cell, str):
                        target.data_type = "s"
        for first_row, first_column, last_row, last_column in page.merged:
            sheet.merge_cells(
                start_row=first_row + 1,
                start_column=first_column + 1,
                end_row=last_row + 1,
                end_column=last_column + 1,
            )
        for row_number in page.hidden_rows:
            sheet.row_dimensions[row_number + 1].hidden = True
        if page.hidden:
            sheet.sheet_state = "hidden"
    buffer = io.BytesIO()
    book.save(buffer)
    return _undated(buffer.getvalue())


def _undated(package: bytes) -> bytes:
    """The same without the time at which it was written: equal builds give equal bytes."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    return zipped([(name, _NOW.sub(b">2026-11-10T12:00:00Z<", content)) for name, content in parts])


def xls_book(*pages: Page) -> xlwt.Workbook:
    """A workbook of Excel 97, not yet written."""
    book = xlwt.Workbook(encoding="utf-8")
    dated = xlwt.easyxf(num_format_str="DD.MM.YYYY")
    for page in pages:
        sheet = book.add_sheet(page.name)
        inside = {
            (row, column) for r1, c1, r2, c2 in page.merged for row in range(r1, r2 + 1) for column in range(c1, c2 + 1)
        }
        for row_number, row in enumerate(page.rows):
            for column, cell in enumerate(row):
                if cell in ("", None) or (row_number, column) in inside:
                    continue
                if isinstance(cell, datetime.date):
                    sheet.write(row_number, column, cell, dated)
                else:
                    sheet.write(row_number, column, cell.cached if isinstance(cell, Formula) else cell)
        for r1, c1, r2, c2 in page.merged:
            corner = page.rows[r1][c1] if c1 < len(page.rows[r1]) else ""
            sheet.write_merge(r1, r2, c1, c2, corner)
        if page.hidden:
            sheet.visibility = 1
    return book


def xls(*pages: Page) -> bytes:
    """A workbook of Excel 97."""
    buffer = io.BytesIO()
    xls_book(*pages).save(buffer)
    return buffer.getvalue()


def ods(*pages: Page) -> bytes:
    """A spreadsheet by odfpy, in the way of LibreOffice."""
    document = opendocument.OpenDocumentSpreadsheet()
    unseen = style.Style(name="unseen", family="table")
    unseen.addElement(style.TableProperties(display="false"))
    document.automaticstyles.addElement(unseen)
    for page in pages:
        sheet = table.Table(name=page.name, **({"stylename": unseen} if page.hidden else {}))
        starts = {(r1, c1): (r2 - r1 + 1, c2 - c1 + 1) for r1, c1, r2, c2 in page.merged}
        covered = {
            (row, column) for r1, c1, r2, c2 in page.merged for row in range(r1, r2 + 1) for column in range(c1, c2 + 1)
        } - starts.keys()
        width = max((len(row) for row in page.rows), default=0)
        for row_number, row in enumerate(page.rows):
            line = table.TableRow(**({"visibility": "collapse"} if row_number in page.hidden_rows else {}))
            for column, cell in enumerate([*row, *[""] * (width - len(row))]):
                if (row_number, column) in covered:
                    line.addElement(table.CoveredTableCell())
                    continue
                about = _ods_value(cell)
                if span := starts.get((row_number, column)):
                    about |= {"numberrowsspanned": span[0], "numbercolumnsspanned": span[1]}
                element = table.TableCell(**about)
                for part in shown(cell).split("\n") if shown(cell) else ():
                    element.addElement(P(text=part))
                line.addElement(element)
            sheet.addElement(line)
        document.spreadsheet.addElement(sheet)
    buffer = io.BytesIO()
    document.write(buffer)
    return buffer.getvalue()


def _ods_value(cell: Any) -> dict[str, Any]:
    if isinstance(cell, Formula):
        formula = {"formula": "of:" + cell.text}
        return formula if cell.cached is None else _ods_value(cell.cached) | formula
    if isinstance(cell, bool):
        return {"valuetype": "boolean", "booleanvalue": str(cell).lower()}
    if isinstance(cell, (int, float)):
        return {"valuetype": "float", "value": cell}
    if isinstance(cell, datetime.date):
        return {"valuetype": "date", "datevalue": cell.isoformat()[:10]}
    return {"valuetype": "string"} if cell not in ("", None) else {}


def delimited(
    page: Page,
    *,
    encoding: str = "utf-8",
    delimiter: str = ";",
    newline: str = "\r\n",
    quoting: int = csv.QUOTE_MINIMAL,
    before: str = "",
) -> bytes:
    """A text file with delimiters."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, lineterminator=newline, quoting=quoting).writerows(
        [[shown(cell) for cell in row] for row in page.rows]
    )
    return (before + buffer.getvalue()).encode(encoding)


def zipped(members: Mapping[str, bytes] | Sequence[tuple[str, bytes]]) -> bytes:
    """A ZIP as a modern program writes it: names in UTF-8, and so flagged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 10, 12, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


#: How a workbook may be written: its extension, and the writer.
WORKBOOKS: dict[str, Callable[..., bytes]] = {"xlsx": xlsx, "openpyxl.xlsx": by_openpyxl, "xls": xls, "ods": ods}
