"""Drops for the reading tests: real files of each format, made in memory from rows of cells."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import xlsxwriter

from include.city_order.formats import Sheet
from include.city_order.readings import DEMAND, Form, Reading
from include.city_order.tables import read_tables
from include.city_order.vocabulary import Programme, fields_of

Rows = Sequence[Sequence[Any]]


@pytest.fixture(scope="session")
def form() -> Form:
    fields = fields_of(Programme.ECB)
    synonyms = {"unit": ("Ед. изм.",), "part_number": ("Тип, марка",), "manufacturer": ("Изготовитель",)}
    return Form(
        programme="ecb",
        headings={field.name: (field.heading, *synonyms.get(field.name, ())) for field in fields},
        required=(*(field.name for field in fields if field.required), DEMAND),
        horizon=(2026, 2027, 2028),
    )


@pytest.fixture(scope="session")
def read_rows(form: Form) -> Callable[..., Reading]:
    """Read one sheet given as rows of text."""

    def read(rows: Rows, name: str = "Лист1") -> Reading:
        return read_tables([Sheet("", name, False, iter([[str(cell) for cell in row] for row in rows]))], form)

    return read


@pytest.fixture(scope="session")
def xlsx() -> Callable[..., bytes]:
    """A workbook; `sheets` maps names to rows, a name that begins with `~` is hidden."""

    def make(sheets: dict[str, Rows] | Rows) -> bytes:
        buffer = io.BytesIO()
        book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False})
        for name, rows in (sheets if isinstance(sheets, dict) else {"Лист1": sheets}).items():
            sheet = book.add_worksheet(name.lstrip("~"))
            if name.startswith("~"):
                sheet.hide()
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if cell not in ("", None):
                        sheet.write(number, column, cell)
        book.close()
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def text_file() -> Callable[..., bytes]:
    def make(rows: Rows, encoding: str = "cp1251", delimiter: str = ";") -> bytes:
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
        return buffer.getvalue().encode(encoding)

    return make


@pytest.fixture(scope="session")
def zip_file() -> Callable[[dict[str, bytes]], bytes]:
    def make(members: dict[str, bytes]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def answer() -> list[list[Any]]:
    """A plain answer: a title, the sender, the headings, two lines."""
    return [
        ["Сведения о потребности в электронных компонентах"],
        ["ИНН", "0012345678", "", "КПП", "001201001"],
        [],
        [
            "№ п/п",
            "Наименование изделия",
            "Вид изделия",
            "Обозначение",
            "Код ОКПД2",
            "Единица измерения",
            "Потребность на 2026 год",
            "Потребность на 2027 год",
            "Примечание",
        ],
        [1, "Микроконтроллер", "Микросхема", "К1986ВЕ92QI", "26.11.30", "шт", 1500, 12.5, ""],
        [2, "Стабилизатор", "Микросхема", "LM2596S-5.0", "26.11.30", "шт", "", 40, "срочно"],
    ]
