"""Whatever the format, each finding is marked and commented at its own cell. Protocols are opened as a clerk does.

The faults and their addresses are written here before the run; the drops go through the real night.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from include.city_order import answers
from include.sample_drops import files
from include.sample_drops.forms import Sheet
from tests.corpus import handmade
from tests.corpus.goods import Page
from tests.intake.nights import HEADINGS, LINE, collect, leave, select, site_of

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

COLUMNS = {field: "ABCDEFGH"[place] for place, field in enumerate(HEADINGS, start=1)}
#: Rows from 1: a title, a blank row, the headings, the lines from row 4 on; column A is empty.
FAULTS: list[tuple[dict[str, str], str, str]] = [
    ({}, "", ""),
    ({"unit": "ведро"}, "unit", "L07"),
    ({"demand_2026": "по мере необходимости"}, "demand_2026", "L05"),
    ({"okpd2_code": ""}, "okpd2_code", "L03"),
    ({"unit": "упак"}, "item_name", "L07"),
    ({"demand_2027": "-5"}, "demand_2027", "L05"),
    ({"okpd2_code": "26.20.40.190"}, "okpd2_code", "L04"),
]
EXPECTED = {(COLUMNS[field] + str(row), rule) for row, (_, field, rule) in enumerate(FAULTS, start=4) if field}


def faulty(name: str = "Заявка") -> Sheet:
    lines = [[LINE | {"part_number": f"К1986ВЕ{row}"} | fault][0] for row, (fault, _, _) in enumerate(FAULTS, start=90)]
    table = [[None, *HEADINGS.values()], *([None, *(line.get(field) or None for field in HEADINGS)] for line in lines)]
    return Sheet(name, [[None, "Заявка на компоненты"], [], *table])


def xlsm() -> bytes:
    plain = zipfile.ZipFile(io.BytesIO(files.xlsx([faulty()])))
    macros = io.BytesIO()
    with zipfile.ZipFile(macros, "w") as archive:
        for name in plain.namelist():
            kinds = (b"openxmlformats-officedocument.spreadsheetml.sheet.main", b"ms-excel.sheet.macroEnabled.main")
            archive.writestr(name, plain.read(name).replace(*kinds))
    return macros.getvalue()


FORMATS: dict[str, Callable[[], bytes]] = {
    "ответ.xlsx": lambda: files.xlsx([faulty()]),
    "ответ.xlsm": xlsm,
    "ответ.xls": lambda: files.xls([faulty()]),
    "ответ.xlsb": lambda: handmade.raw_xlsb(Page(faulty().rows, "Заявка")),
    "ответ.ods": lambda: files.ods([faulty()]),
    "ответ.csv": lambda: files.csv_text(faulty(), "cp1251", ";"),
    "ответ.txt": lambda: files.csv_text(faulty(), "utf-16", "\t"),
    "два листа.xlsx": lambda: files.xlsx([Sheet("Протокол", [["Пояснения"]]), faulty("Замечания")]),
    "архив.zip": lambda: files.zip_of(
        [("Пояснение.csv", "слова;слова".encode()), ("ответ.xlsx", files.xlsx([faulty()]))], "utf-8"
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_finding_is_marked_at_its_cell(warehouse: Any, tmp_path: Path, name: str):
    site = site_of(warehouse.ingest, tmp_path)
    leave(site, f"ecb-2026/dep-it/{name}", FORMATS[name]())
    assert answers.write(site, collect(site)) == [1]
    (row,) = select(site, "select answer_path, verdict from landing.receipt")
    assert row["verdict"] == "partly_accepted"
    workbook = load_workbook(site.outbox / row["answer_path"])
    remarks = told(workbook.worksheets[-1])
    assert {(remark["Ячейка"], remark["Правило"]) for remark in remarks if remark["Ячейка"]} == EXPECTED
    for remark in remarks:
        if not remark["Ячейка"]:
            continue
        # A clerk clicks on the address.
        sheet, _, address = remark["link"].rpartition("!")
        cell = workbook[sheet.strip("'")][address]
        assert address == remark["Ячейка"]
        assert remark["Что не так и как исправить"] in cell.comment.text
        assert cell.fill.fgColor.rgb == {"Ошибка": "FFF8CBAD", "Предупреждение": "FFFFF2CC"}[remark["Вид замечания"]]
        typed = {"(пусто)": None, "(графы нет)": LINE["item_name"]}.get(remark["Что введено"], remark["Что введено"])
        assert cell.value == typed
    marked = {
        cell.coordinate
        for page in workbook.worksheets[1:-1]
        for cells in page.iter_rows()
        for cell in cells
        if cell.comment
    }
    assert marked == {address for address, _ in EXPECTED}


def test_what_a_workbook_hides_or_adds_up_wrongly_is_marked_where_it_stands(warehouse: Any, tmp_path: Path):
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = "Заявка"
    page.append(list(HEADINGS.values()))
    for number in range(4):
        line = LINE | {"part_number": f"К1986ВЕ9{number}", "demand_2026": 10, "demand_2027": 20}
        page.append([line[field] for field in HEADINGS])
    page.append(["Итого", None, None, None, None, 30, 81])
    page["F3"] = "=5+5"
    page.row_dimensions[4].hidden = True
    page.column_dimensions["B"].hidden = True
    content = io.BytesIO()
    book.save(content)
    site = site_of(warehouse.ingest, tmp_path)
    leave(site, "ecb-2026/dep-it/ответ.xlsx", content.getvalue())
    answers.write(site, collect(site))
    (row,) = select(site, "select answer_path, verdict from landing.receipt")
    assert row["verdict"] == "accepted_with_warnings"
    own = load_workbook(site.outbox / row["answer_path"])["Заявка"]
    begins = {"F3": "В ячейке стоит формула", "A4": "В скрытой строке", "B1": "В скрытой графе", "G6": "Итог не равен"}
    comments = {cell.coordinate: cell.comment.text for cells in own.iter_rows() for cell in cells if cell.comment}
    assert comments.keys() == begins.keys()
    for address, beginning in begins.items():
        assert comments[address].startswith(f"Предупреждение: {beginning}")
    assert comments["G6"].endswith("Введено: 81\nОжидается: 80")
    assert own["F3"].value is None, "no formula, and no value that was never stored"
    assert not own.row_dimensions[4].hidden and not own.column_dimensions["B"].hidden


def told(sheet: Worksheet) -> list[dict[str, Any]]:
    """The rows of the list of remarks by their headings, with the link of the cell."""
    headings = [cell.value for cell in sheet[1]]
    return [
        {heading: cell.value for heading, cell in zip(headings, row, strict=True)}
        | {"link": row[2].hyperlink.location if row[2].hyperlink else ""}
        for row in sheet.iter_rows(min_row=2)
    ]
