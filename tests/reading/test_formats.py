"""Bytes → sheets of text: each format told by its content, each fault named."""

from __future__ import annotations

import datetime
import io
import struct
import zipfile
import zlib

import pytest
import xlsxwriter
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

from include.city_order.formats import Unreadable, cell_text, open_drop
from include.city_order.readings import Limits

LIMITS = Limits()


def rows_of(data: bytes) -> list[list[str]]:
    opened = open_drop(data, LIMITS)
    return [row for sheet in opened.sheets for row in sheet.rows]


def reason_of(data: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(Unreadable) as fault:
        for sheet in open_drop(data, limits).sheets:
            list(sheet.rows)
    return fault.value.reason


def trimmed(rows: list[list[str]]) -> list[list[str]]:
    """Rows without their trailing blanks: formats differ in how far they fill a row."""
    cut = []
    for row in rows:
        while row and not row[-1]:
            row = row[:-1]
        cut.append(row)
    return cut


def xls(rows: list[list[object]]) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Лист1")
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            if cell != "":
                sheet.write(number, column, cell)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def ods(rows: list[list[object]]) -> bytes:
    document = OpenDocumentSpreadsheet()
    table = Table(name="Лист1")
    for row in rows:
        line = TableRow()
        for value in row:
            if isinstance(value, str):
                cell = TableCell(valuetype="string")
                cell.addElement(P(text=value))
            else:
                cell = TableCell(valuetype="float", value=str(value))
            line.addElement(cell)
        table.addElement(line)
    document.spreadsheet.addElement(table)
    buffer = io.BytesIO()
    document.write(buffer)
    return buffer.getvalue()


def test_one_answer_reads_the_same_in_every_workbook_format(answer, xlsx):
    expected = trimmed([[cell_text(cell) for cell in row] for row in answer])
    for kind, data in {"xlsx": xlsx(answer), "xls": xls(answer), "ods": ods(answer)}.items():
        opened = open_drop(data, LIMITS)
        assert opened.format == kind
        assert trimmed([row for sheet in opened.sheets for row in sheet.rows]) == expected, kind


def test_cells_before_the_first_used_column_keep_their_place(xlsx):
    rows = rows_of(xlsx([[], ["", "", "C2"]]))
    assert rows == [["", "", ""], ["", "", "C2"]]


def test_hidden_sheets_are_told(xlsx):
    opened = open_drop(xlsx({"Ответ": [["а"]], "~Справочник": [["б"]]}), LIMITS)
    assert [(sheet.name, sheet.hidden) for sheet in opened.sheets] == [("Ответ", False), ("Справочник", True)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5.0, "5"),
        (7701234567.0, "7701234567"),
        (0.1 + 0.2, "0.3"),
        (1e-07, "0.0000001"),
        (-3.0, "-3"),
        (True, "ИСТИНА"),
        (datetime.date(2026, 11, 5), "05.11.2026"),
        (datetime.datetime(2026, 11, 25), "25.11.2026"),
        (datetime.datetime(2026, 11, 25, 1, 2), "25.11.2026 01:02"),
        (datetime.datetime(2026, 11, 25, 1, 2, 3), "25.11.2026 01:02:03"),
        (datetime.date(1, 2, 3), "03.02.0001"),
        (datetime.time(7, 5), "07:05"),
        (datetime.timedelta(hours=30, minutes=5), "30:05"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        ("26.20", "26.20"),
        ("NA", "NA"),
        ("а\0б", "аб"),
    ],
)
def test_a_cell_reads_as_a_person_sees_it(value, text):
    assert cell_text(value) == text


def test_numbers_typed_as_text_stay_text(xlsx):
    assert rows_of(xlsx([["0274051582", "26.20", "007"]])) == [["0274051582", "26.20", "007"]]


def test_an_empty_file():
    assert reason_of(b"") == "empty"


def test_an_encrypted_member_is_told(zip_file, answer, text_file):
    data = bytearray(zip_file({"a.csv": text_file(answer)}))
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1
    assert reason_of(bytes(data)) == "encrypted"


def test_a_cut_workbook_is_broken(answer, xlsx):
    data = xlsx(answer)
    assert reason_of(data[: len(data) // 2]) == "broken"


def test_a_workbook_of_nonsense_is_broken(zip_file):
    assert reason_of(zip_file({"xl/workbook.xml": b"no xml", "[Content_Types].xml": b""})) == "broken"


def test_a_zip_gives_the_sheets_of_its_files_and_names_the_rest(zip_file, xlsx, text_file, answer):
    opened = open_drop(
        zip_file(
            {
                "Ответ.xlsx": xlsx(answer),
                "папка/Второй.csv": text_file(answer),
                "письмо.pdf": b"%PDF-1.7",
                "__MACOSX/Ответ.xlsx": b"junk",
                "папка/.DS_Store": b"junk",
            }
        ),
        LIMITS,
    )
    assert (opened.format, opened.encoding, opened.skipped) == ("zip", "cp1251", ("письмо.pdf",))
    assert [(sheet.member, sheet.name) for sheet in opened.sheets] == [
        ("Ответ.xlsx", "Лист1"),
        ("папка/Второй.csv", ""),
    ]


def test_names_in_code_page_866_are_decoded(zip_file, answer, text_file):
    name = "Ответ.csv"
    data = zip_file({"?" * len(name): text_file(answer)}).replace(b"?" * len(name), name.encode("cp866"))
    assert [sheet.member for sheet in open_drop(data, LIMITS).sheets] == [name]


def test_a_zip_without_tables(zip_file):
    assert reason_of(zip_file({"письмо.pdf": b"%PDF-1.7", "ещё.zip": zip_file({"a.csv": b"1;2"})})) == "no_member"
    assert reason_of(zip_file({})) == "no_member"


def test_one_broken_file_makes_the_whole_answer_unreadable(zip_file, answer, xlsx):
    data = xlsx(answer)
    assert reason_of(zip_file({"a.xlsx": data, "b.xlsx": data[:-500]})) == "broken"


def test_a_declared_bomb_is_refused_before_it_is_inflated(zip_file):
    bomb = zip_file({"a.csv": bytes(17 * 1024 * 1024)})
    assert len(bomb) < 50_000
    assert reason_of(bomb) == "inflates_too_much"


def test_a_bomb_that_lies_about_its_size_is_refused(zip_file):
    """The directory says 100 bytes; the content inflates to 17 MB."""
    size = 17 * 1024 * 1024
    for name in ("a.csv", "xl/workbook.xml"):
        data = zip_file({name: bytes(size)}).replace(struct.pack("<I", size), struct.pack("<I", 100))
        assert reason_of(data) == "broken"


def test_too_many_entries(zip_file):
    assert reason_of(zip_file({f"{n}.csv": b"1;2" for n in range(30)}), Limits(entries=20)) == "too_many_entries"


def test_too_much_in_all(zip_file):
    noise = zlib.compress(bytes(range(256)) * 10)
    members = {f"{n}.csv": noise * 50 for n in range(10)}
    assert reason_of(zip_file(members), Limits(inflated_bytes=10_000)) == "inflates_too_much"


def test_a_sheet_formatted_to_its_end_is_no_bomb(answer):
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(answer):
        sheet.write_row(number, 0, row)
    frame = book.add_format({"border": 1})
    sheet.write_blank("XFD1048576", None, frame)
    book.close()
    assert len([row for row in rows_of(buffer.getvalue()) if any(row)]) == 5


def test_repeated_zip_names_are_both_inflated_and_harmless():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", "1;2\n")
        with pytest.warns(UserWarning):
            archive.writestr("a.csv", "3;4\n")
    assert rows_of(buffer.getvalue()) == [["1", "2"], ["3", "4"]]
