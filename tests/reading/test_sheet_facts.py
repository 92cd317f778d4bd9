"""What a workbook says beside its values, in every format that says it; and how far a sheet may reach."""

from __future__ import annotations

import datetime
import io
import struct
from collections.abc import Callable

import openpyxl
import pytest
import xlsxwriter
import xlwt

from include.city_order.formats import Sheet, Unreadable, open_drop
from include.city_order.readings import Limits
from tests.corpus import handmade, writers
from tests.corpus.goods import Page

LIMITS = Limits()
DAY = datetime.datetime(2026, 11, 25)

SHEET = (
    '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<sheetData>{rows}</sheetData></worksheet>"
)


ONE_CELL = Page((("а",),), "Лист1")


def by_hand(rows: str) -> bytes:
    """An XLSX whose only sheet has these rows."""
    return handmade.workbook_of_sheet(SHEET.format(rows=rows).encode())


def written(write: Callable[[xlsxwriter.Workbook, xlsxwriter.worksheet.Worksheet], None]) -> bytes:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    write(book, book.add_worksheet("Лист1"))
    book.close()
    return buffer.getvalue()


def read(data: bytes, limits: Limits = LIMITS) -> list[tuple[Sheet, list[list[str]]]]:
    return [(sheet, list(sheet.rows)) for sheet in open_drop(data, limits).sheets]


def reason_of(data: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(Unreadable) as fault:
        read(data, limits)
    return fault.value.reason


def xls(write: Callable[[xlwt.Workbook, xlwt.Worksheet], None]) -> bytes:
    book = xlwt.Workbook()
    write(book, book.add_sheet("Лист1"))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def ods(rows: str, before: str = "") -> bytes:
    table = f'<table:table table:name="Лист1">{before}{rows}</table:table>'
    return handmade.plain_zip(
        {
            "mimetype": handmade.ODS,
            "content.xml": (
                f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {handmade._ODF}><office:body>'
                f"<office:spreadsheet>{table}</office:spreadsheet></office:body></office:document-content>"
            ).encode(),
            "META-INF/manifest.xml": b"<manifest:manifest/>",
        }
    )


def ods_cell(text: str, **numbers: int) -> str:
    told = "".join(f' table:number-{name.replace("_", "-")}="{number}"' for name, number in numbers.items())
    return f'<table:table-cell office:value-type="string"{told}><text:p>{text}</text:p></table:table-cell>'


# XLSX


def test_merged_cells_are_told_as_far_as_the_sheet_reaches():
    def write(book, sheet):
        sheet.write("C1", "x")
        sheet.merge_range("B3:C5", "m")
        sheet.merge_range("A10:XFD20", "to the end")

    ((sheet, _),) = read(written(write))
    assert sorted(sheet.merged) == [(2, 1, 4, 2), (9, 0, 9, 2)]


def test_hidden_rows_and_columns_are_told():
    def write(book, sheet):
        for row in range(6):
            sheet.write_row(row, 0, ["а", "б", "в", "г"])
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.set_row(4, 30)
        sheet.set_column("B:C", 10, None, {"hidden": True})

    ((sheet, _),) = read(written(write))
    assert (sheet.hidden_rows, sheet.hidden_columns) == ({2}, {1, 2})


def test_a_formula_without_a_stored_result_is_told():
    buffer = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["=1+1", "text", 5])
    book.active["C3"] = "=SUM(A1:A2)"
    book.save(buffer)
    ((sheet, _),) = read(buffer.getvalue())
    assert sheet.uncached == {(0, 0), (2, 2)}


def test_a_stored_result_may_be_an_empty_text():
    rows = (
        '<row r="1"><c r="A1" t="str"><f>B1</f><v></v></c><c r="B1"><f>1+1</f><v>2</v></c>'
        '<c s="1" r="C1"><f t="shared" si="0"/></c><c r="D1" t="str"><f>"a"</f><v>a</v></c>'
        '<c r="E1"><f>1</f><v/></c></row>'
    )
    ((sheet, _),) = read(by_hand(rows))
    assert sheet.uncached == {(0, 2), (0, 4)}


def test_error_values_read_as_a_person_sees_them():
    rows = (
        '<row r="2"><c r="B2" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="C2" t="e"><v>#N/A</v></c>'
        '<c r="D2"><v>5</v></c><c r="F2" t="e"><v>#REF!</v></c></row>'
    )
    ((_, cells),) = read(by_hand(rows))
    assert cells[1] == ["", "#ДЕЛ/0!", "#Н/Д", "5", "", "#ССЫЛКА!"]


def test_dates_are_text_and_told():
    def write(book, sheet):
        day, minute = book.add_format({"num_format": "dd.mm.yyyy"}), book.add_format({"num_format": "hh:mm"})
        sheet.write_row(1, 1, ["25.11.2026", 45000])
        sheet.write_datetime(2, 3, DAY, day)
        sheet.write_datetime(2, 4, DAY.replace(hour=7, minute=5), day)
        sheet.write_datetime(2, 5, datetime.time(7, 5), minute)

    ((sheet, rows),) = read(written(write))
    assert rows[2] == ["", "", "", "25.11.2026", "25.11.2026 07:05", "07:05"]
    assert rows[1] == ["", "25.11.2026", "45000", "", "", ""]
    assert sheet.dates == {(2, 3), (2, 4)}


def test_a_prefix_of_elements_hides_nothing():
    rows = '<x:row r="1" hidden="1"><x:c r="A1"><x:f>1</x:f></x:c><x:c r="B1" t="e"><x:v>#N/A</x:v></x:c></x:row>'
    sheet = SHEET.format(rows=rows).replace("worksheet xmlns", "worksheet xmlns:x")
    for name in ("worksheet", "sheetData"):
        sheet = sheet.replace(f"<{name}", f"<x:{name}").replace(f"</{name}", f"</x:{name}")
    ((found, cells),) = read(handmade.workbook_of_sheet(sheet.encode()))
    assert (found.hidden_rows, found.uncached, cells) == ({0}, {(0, 0)}, [["", "#Н/Д"]])


def test_sheets_and_facts_belong_together_whatever_their_files_are_called():
    def write(book, sheet):
        sheet.write("A1", "первый")
        second = book.add_worksheet("Второй")
        second.write("A1", "второй")
        second.set_row(0, None, None, {"hidden": True})
        book.add_chartsheet("График")
        third = book.add_worksheet("Третий")
        third.write("A1", "третий")
        third.set_column("A:A", 5, None, {"hidden": True})

    found = [(sheet.name, set(sheet.hidden_rows), set(sheet.hidden_columns)) for sheet, _ in read(written(write))]
    assert found == [("Лист1", set(), set()), ("Второй", {0}, set()), ("Третий", set(), {0})]


def test_a_row_cut_between_two_pieces_is_seen_whole():
    """The sheet is looked through in pieces of a megabyte; every row of it is hidden and has a formula."""
    rows = "".join(
        f'<row r="{n}" hidden="1"><c r="A{n}" t="inlineStr"><is><t>{"x" * 200}</t></is></c>'
        f'<c r="B{n}"><f>1</f></c></row>'
        for n in range(1, 12_001)
    )
    ((sheet, cells),) = read(by_hand(rows))
    assert sheet.hidden_rows == set(range(12_000))
    assert sheet.uncached == {(n, 1) for n in range(12_000)}
    assert len(cells) == 12_000


# Other formats


def test_an_xls_tells_the_same():
    def write(book, sheet):
        sheet.write_merge(0, 1, 0, 1, "m")
        for row in range(2, 5):
            sheet.write(row, 0, "а")
            sheet.write(row, 2, 5)
        sheet.write(5, 0, DAY, xlwt.easyxf(num_format_str="DD.MM.YYYY"))
        sheet.row(5).set_cell_error(1, "#DIV/0!")
        sheet.row(3).hidden = True
        sheet.col(2).hidden = True

    ((sheet, rows),) = read(xls(write))
    assert (list(sheet.merged), sheet.hidden_rows, sheet.hidden_columns) == ([(0, 0, 1, 1)], {3}, {2})
    assert rows[5][:2] == ["25.11.2026", "#ДЕЛ/0!"]
    assert sheet.dates == {(5, 0)}


def test_an_ods_tells_the_same():
    rows = (
        f"<table:table-row>{ods_cell('m', columns_spanned=2, rows_spanned=2)}<table:covered-table-cell/>{ods_cell('x')}"
        "</table:table-row>"
        '<table:table-row table:number-rows-repeated="2"><table:table-cell/></table:table-row>'
        f'<table:table-row table:visibility="filter" table:number-rows-repeated="2">{ods_cell("скрыто")}'
        "</table:table-row>"
        '<table:table-row><table:table-cell table:number-columns-repeated="2"/>'
        '<table:table-cell office:value-type="date" office:date-value="2026-11-25"><text:p>25.11.26</text:p>'
        '</table:table-cell><table:table-cell table:formula="of:=1+1"/>'
        '<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="" '
        'calcext:value-type="error"><text:p>#ДЕЛ/0!</text:p></table:table-cell>'
        '<table:table-cell office:value-type="time" office:time-value="PT07H05M00S"/>'
        '<table:table-cell office:value-type="time" office:time-value="PT30H05M00S"/></table:table-row>'
    )
    columns = (
        '<table:table-column table:number-columns-repeated="2"/><table:table-column table:visibility="collapse"/>'
        '<table:table-column table:number-columns-repeated="16381"/>'
    )
    ((sheet, cells),) = read(ods(rows, columns))
    assert (list(sheet.merged), sheet.hidden_rows, sheet.hidden_columns) == ([(0, 0, 1, 1)], {3, 4}, {2})
    assert (sheet.uncached, sheet.dates) == ({(5, 3)}, {(5, 2)})
    assert cells[5] == ["", "", "25.11.2026", "", "#ДЕЛ/0!", "07:05", "30:05"]


def test_an_xlsb_tells_the_same():
    def cell(kind: int, column: int, value: bytes) -> bytes:
        return handmade._record(kind, struct.pack("<II", column, 0) + value)

    sheet_part = (
        handmade._record(129)
        + handmade._record(60, struct.pack("<IIIIH", 1, 2, 10, 0, 1))
        + handmade._record(148, struct.pack("<IIII", 0, 3, 0, 2))
        + handmade._record(145)
        + handmade._record(0, struct.pack("<IIHBBBI", 3, 0, 300, 0, 0x10, 0, 0))
        + cell(6, 0, handmade._wide("а"))
        + cell(3, 1, b"\x07")
        + handmade._record(146)
        + handmade._record(176, struct.pack("<IIII", 3, 9, 0, 1))
        + handmade._record(130)
    )
    ((sheet, rows),) = read(handmade.raw_xlsb(ONE_CELL, sheets={1: sheet_part}))
    assert (list(sheet.merged), sheet.hidden_rows, sheet.hidden_columns) == ([(3, 0, 3, 1)], {3}, {1, 2})
    assert rows[3] == ["а", "#ДЕЛ/0!"]


# Of the whole file


def test_macros_and_links_to_other_files_are_told():
    assert open_drop(handmade.raw_xlsx(ONE_CELL), LIMITS).notices == ()
    parts = {"xl/vbaProject.bin": b"\0", "xl/externalLinks/externalLink1.xml": b"<externalLink/>"}
    book = handmade.raw_xlsx(ONE_CELL, parts=parts)
    opened = open_drop(handmade.plain_zip({"a.xlsm": book}), LIMITS)
    assert [tuple(notice) for notice in opened.notices] == [
        ("a.xlsm", "", "", "macros"),
        ("a.xlsm", "", "", "external_link"),
    ]
    assert open_drop(book, LIMITS).format == "xlsm"


def test_macros_of_an_xls_are_told():
    stream = handmade.biff(ONE_CELL)
    assert [notice.what for notice in open_drop(handmade.ole2({"Workbook": stream}), LIMITS).notices] == []
    with_macros = handmade.ole2({"Workbook": stream, "_VBA_PROJECT_CUR": b"x"})
    assert [notice.what for notice in open_drop(with_macros, LIMITS).notices] == ["macros"]


def test_an_xls_with_a_password_is_encrypted():
    assert reason_of(handmade.xls_with_password(ONE_CELL)) == "encrypted"


# Limits


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(rows=3), "too_many_rows"),
        (Limits(columns=3), "too_many_columns"),
        (Limits(sheet_cells=15), "too_large"),
        (Limits(cell_characters=3), "long_cell"),
        (Limits(sheets=1), "too_many_sheets"),
        (Limits(rows=4, columns=4, sheet_cells=16, cell_characters=4, sheets=2), ""),
    ],
)
@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods", "xlsb"])
def test_every_format_has_the_same_limits(kind, limits, reason):
    page = Page((("а", "б", "в", "г"), ("1", "2", "3", "дело"), ("1",), (5, "", "", 6)), "Лист1")
    pages = (page, Page((("а",),), "Лист2"))
    data = {"xlsx": writers.xlsx, "xls": writers.xls, "ods": handmade.raw_ods, "xlsb": handmade.raw_xlsb}[kind](*pages)
    if reason:
        assert reason_of(data, limits) == reason
    else:
        assert len(read(data, limits)) == 2


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ('<row r="1048576"><c r="A1048576"><v>1</v></c></row>', "too_many_rows"),
        ('<row r="2"><c r="XFD2"><v>1</v></c></row>', "too_many_columns"),
        # The order of attributes, and of cells, is free.
        ('<row r="2"><c s="1" r="XFD2"><v>1</v></c><c r="A2"><v>1</v></c></row>', "too_many_columns"),
        # Without addresses cells stand side by side.
        ("<row>" + "<c><v>1</v></c>" * 501 + "</row>", "too_many_columns"),
        ("<row><c><v>1</v></c></row>" * 200_001, "too_many_rows"),
        # Beyond any sheet.
        ('<row r="2"><c r="ZZZZZZ2"><v>1</v></c></row>', "too_many_columns"),
        # What holds nothing harms no one.
        ('<row r="1048576"><c r="XFD1048576" s="1"/></row>', ""),
        ('<row r="1048576"><c r="XFD1048576" s="1"></c></row>', ""),
    ],
)
def test_two_far_cells_are_told_before_the_sheet_is_spread_out(cell, reason):
    data = by_hand(f'<row r="1"><c r="A1"><v>1</v></c></row>{cell}')
    if reason:
        assert reason_of(data) == reason
    else:
        assert [row for _, rows in read(data) for row in rows if any(row)] == [["1"]]


def test_far_cells_of_an_ods_and_an_xlsb_are_told():
    far = f'<table:table-row table:number-rows-repeated="1048576">{ods_cell("x")}</table:table-row>'
    wide = f"<table:table-row>{ods_cell('x', columns_repeated=16384)}</table:table-row>"
    assert reason_of(ods(far)) == "too_many_rows"
    assert reason_of(ods(wide)) == "too_many_columns"
    sparse = handmade.xlsb_sheet([(0, [(0, 1)]), (1_048_575, [(16_383, 1)])], (1_048_575, 16_383))
    assert reason_of(handmade.raw_xlsb(ONE_CELL, sheets={1: sparse})) == "too_many_rows"


def test_a_declared_reach_for_which_no_memory_would_do_is_broken():
    """The reader of values makes room for what is declared, before it looks what is there."""
    stream = handmade.biff(ONE_CELL)
    declared = stream.index(struct.pack("<HH", 0x200, 14)) + 4
    texts = stream.index(struct.pack("<H", 0xFC)) + 8
    for at, lie in ((declared, struct.pack("<IIHH", 200, 31, 0, 5)), (texts, struct.pack("<I", 0x7FFF_FFFF))):
        lying = stream[:at] + lie + stream[at + len(lie) :]
        assert reason_of(handmade.ole2({"Workbook": lying})) == "broken"


@pytest.mark.parametrize("address", ["E999999999999999999999", "99999999"])
def test_an_address_beyond_counting_is_broken(address):
    assert reason_of(by_hand(f'<row r="1"><c r="{address}"><v>1</v></c></row>')) == "broken"


def test_a_cell_may_lie_in_another_row_than_its_own():
    assert reason_of(by_hand('<row r="1"><c r="A999999"><v>1</v></c></row>')) == "too_many_rows"


def test_an_ods_that_ends_in_the_middle_is_broken_at_once():
    """The reader of values never ends where an attribute is cut."""
    assert (
        reason_of(ods('<table:table-row><table:table-cell office:value-type|"string"/></table:table-row>')) == "broken"
    )
    assert reason_of(ods("<table:table-row>")) == "broken"


@pytest.mark.parametrize("record", [(0, b"\0\0\0\0"), (5, b"\0\0")])
def test_a_binary_record_cut_short_is_broken(record):
    part = handmade._record(129) + handmade._record(145) + handmade._record(*record) + handmade._record(146)
    assert reason_of(handmade.raw_xlsb(ONE_CELL, sheets={1: part})) == "broken"


def test_an_xls_that_names_one_sheet_a_thousand_times_is_not_read_a_thousand_times():
    stream = handmade.biff(ONE_CELL)
    at = stream.index(struct.pack("<H", 0x85))
    length = 4 + struct.unpack_from("<H", stream, at + 2)[0]
    many = stream[:at] + stream[at : at + length] * 1000 + stream[at + length :]
    assert reason_of(handmade.ole2({"Workbook": many})) == "too_many_sheets"


@pytest.mark.parametrize("number", ["9" * 5000, "-1", "", "1e9"])
def test_a_number_that_is_none_is_no_error_of_ours(number):
    row = f'<table:table-row table:number-rows-repeated="{number}">{ods_cell("x")}</table:table-row>'
    assert reason_of(ods(row)) == "broken"


def test_a_document_type_is_refused_where_a_workbook_has_none():
    rows = '<row r="1"><c r="A1"><v>1</v></c></row>'
    sheet = SHEET.format(rows=rows).replace("?>", '?><!DOCTYPE worksheet [<!ENTITY a "b">]>', 1)
    assert reason_of(handmade.workbook_of_sheet(sheet.encode())) == "doctype"
    assert reason_of(handmade.raw_ods(ONE_CELL, before_root="<!DOCTYPE a>")) == "doctype"


def test_an_old_manifest_may_name_its_document_type():
    data = handmade.raw_ods(
        Page((("а",),), "Лист1"),
        manifest='<!DOCTYPE manifest:manifest PUBLIC "-//OpenOffice.org//DTD Manifest 1.0//EN" "M.dtd">',
    )
    assert len(read(data)) == 1
