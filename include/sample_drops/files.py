"""Sheets to the bytes of a file: XLSX, XLS, ODS, CSV, ZIP. The same sheets give the same bytes."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

from include.sample_drops.forms import Cell, Sheet

#: Archives and workbooks record when they were made; ours always say this.
_MADE_AT = datetime(2026, 11, 9, 12, 0, 0)


def xlsx(sheets: list[Sheet], author: str = "City Order") -> bytes:
    """A workbook; merged headings are merged, text stays text, whatever it begins with."""
    import xlsxwriter

    buffer = io.BytesIO()
    as_text = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(buffer, {"in_memory": True, **as_text}) as book:
        book.set_properties({"author": author, "created": _MADE_AT})
        for sheet in sheets:
            page = book.add_worksheet(sheet.name)
            for row_number, row in enumerate(sheet.rows):
                for column_number, value in enumerate(row):
                    if value is not None:
                        page.write(row_number, column_number, _number_or_text(value))
            for first_row, first_column, last_row, last_column in sheet.merges:
                heading = sheet.rows[first_row][first_column]
                page.merge_range(first_row, first_column, last_row, last_column, heading)
    return buffer.getvalue()


def xls(sheets: list[Sheet]) -> bytes:
    """A workbook of the old kind; without merged cells."""
    import xlwt

    book = xlwt.Workbook(encoding="utf-8")
    for sheet in sheets:
        page = book.add_sheet(sheet.name)
        for row_number, row in enumerate(sheet.rows):
            for column_number, value in enumerate(row):
                if value is not None:
                    page.write(row_number, column_number, _number_or_text(value))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


_ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_ODS_MANIFEST = f"""<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">
<manifest:file-entry manifest:full-path="/" manifest:media-type="{_ODS_TYPE}"/>
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>
</manifest:manifest>
"""
_ODS_CONTENT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content office:version="1.2"
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>
</office:document-content>
"""


def ods(sheets: list[Sheet]) -> bytes:
    """An OpenDocument spreadsheet; without merged cells. Written by hand: libraries stamp the time."""
    tables = "".join(
        f"<table:table table:name={quoteattr(sheet.name)}>{''.join(map(_ods_row, sheet.rows))}</table:table>"
        for sheet in sheets
    )
    return _stored(
        [
            ("mimetype", _ODS_TYPE.encode()),
            ("META-INF/manifest.xml", _ODS_MANIFEST.encode()),
            ("content.xml", _ODS_CONTENT.format(tables=tables).encode()),
        ]
    )


def _ods_row(row: list[Cell]) -> str:
    return f"<table:table-row>{''.join(map(_ods_cell, row)) or '<table:table-cell/>'}</table:table-row>"


def _ods_cell(value: Cell) -> str:
    if value is None:
        return "<table:table-cell/>"
    text = f"<text:p>{escape(_text(value, ','))}</text:p>"
    if isinstance(value, int | Decimal):
        return f'<table:table-cell office:value-type="float" office:value="{value}">{text}</table:table-cell>'
    return f'<table:table-cell office:value-type="string">{text}</table:table-cell>'


def csv_text(sheet: Sheet, encoding: str, delimiter: str) -> bytes:
    """A CSV as the office suite saves it: decimal commas, unless the comma parts the columns."""
    point = "." if delimiter == "," else ","
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    for row in sheet.rows:
        writer.writerow([_text(value, point) for value in row])
    if encoding == "utf-16":  # with its mark and in one byte order on every machine
        return b"\xff\xfe" + buffer.getvalue().encode("utf-16-le")
    return buffer.getvalue().encode(encoding)


def zip_of(members: list[tuple[str, bytes]], encoding: str) -> bytes:
    """An archive of files. With cp866 its names are written as old Russian archivers do, unmarked."""
    if encoding != "cp866":
        return _stored(members)
    # zipfile writes ASCII or marked UTF-8 only: write stand-ins of the same length, then put the names in.
    stand_ins = {name: "".join(c if c.isascii() else "~" for c in name) for name, _ in members}
    archive = _stored([(stand_ins[name], content) for name, content in members])
    for name, stand_in in stand_ins.items():
        archive = archive.replace(stand_in.encode("ascii"), name.encode("cp866"))
    return archive


def _stored(members: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            entry = zipfile.ZipInfo(name, _MADE_AT.timetuple()[:6])
            entry.create_system = 0
            entry.compress_type = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def _number_or_text(value: Cell) -> Cell:
    return float(value) if isinstance(value, Decimal) else value


def _text(value: Cell, point: str) -> str:
    if value is None:
        return ""
    return str(value).replace(".", point) if isinstance(value, Decimal) else str(value)
