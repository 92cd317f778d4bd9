"""The agency's own sheets in its protocol: values at their addresses, faulty cells marked, nothing else of the drop."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from openpyxl import Workbook, load_workbook

from include.city_order import protocol, protocol_copy
from include.city_order.personal_data import HIDDEN
from include.city_order.protocol_facts import Finding, LeftOut, ProtocolFacts, Table
from include.city_order.readings import SheetCopy, WorkbookCopy

ROWS = [
    ["Заявка"],
    [],
    ["№ п/п", "Наименование изделия", "Единица измерения"],
    [1, "Микросхема", "коробка"],
    [2, "Резистор"],
    ["", "", 26.5],
]
FACTS = ProtocolFacts(
    receipt_no=15,
    verdict="partly_accepted",
    reason="",
    original_path="ecb-2026/dep-it/Ответ.xlsx",
    arrived_at=datetime(2026, 11, 10, 21, 30, tzinfo=UTC),
    tables=(Table("", "Лист1", False, 3, 3),),
    format="xlsx",
    lines_accepted=1,
    lines_rejected=1,
)
UNIT = Finding("L07", "E", "", "Лист1", "C4", 1, "unit", "коробка", "Укажите единицу измерения.", expected="шт")
ERROR, WARNING, UNRECOGNISED = "FFF8CBAD", "FFFFF2CC", "FFD9D9D9"


def sheet(name: str = "Лист1", rows: list | None = None, member: str = "", hidden: bool = False) -> SheetCopy:
    return SheetCopy(member, name, hidden, ROWS if rows is None else rows)


def opened(facts: ProtocolFacts, *sheets: SheetCopy, whole: bool = True) -> Workbook:
    return load_workbook(BytesIO(protocol.render(facts, WorkbookCopy(list(sheets), whole))))


def marked(workbook: Workbook) -> dict[str, tuple[str, str]]:
    """Colour and comment of each commented cell of the agency's own sheets, by sheet and cell."""
    return {
        f"{page.title}!{cell.coordinate}": (cell.fill.fgColor.rgb, cell.comment.text)
        for page in workbook.worksheets[1:-1]
        for row in page.iter_rows()
        for cell in row
        if cell.comment
    }


def labelled(workbook: Workbook) -> dict[str, str]:
    rows = workbook["Протокол"].iter_rows(max_col=2, values_only=True)
    return {row[0]: row[1] for row in rows if row[1]}


def test_values_stand_at_their_addresses_between_summary_and_remarks():
    workbook = opened(FACTS, sheet())
    assert workbook.sheetnames == ["Протокол", "Лист1", "Замечания"]
    own = workbook["Лист1"]
    assert {cell.coordinate: cell.value for row in own.iter_rows() for cell in row if cell.value is not None} == {
        "A1": "Заявка", "A3": "№ п/п", "B3": "Наименование изделия", "C3": "Единица измерения", "A4": 1,
        "B4": "Микросхема", "C4": "коробка", "A5": 2, "B5": "Резистор", "C6": 26.5,
    }  # fmt: skip
    assert own["A3"].font.bold and not own["A4"].font.bold
    assert own.freeze_panes == "A4"
    assert labelled(workbook)["Ваши листы"] == "«Лист1»: пометок нет"
    assert "Как их читать" not in labelled(workbook)


def test_a_faulty_cell_has_its_colour_and_says_what_is_wrong_and_how_to_mend_it():
    workbook = opened(replace(FACTS, findings=(UNIT,)), sheet())
    assert marked(workbook) == {
        "Лист1!C4": (
            ERROR,
            "Ошибка: Укажите единицу измерения.\nГрафа: Единица измерения\nВведено: коробка\nОжидается: шт",
        )
    }
    assert workbook["Лист1"]["C4"].value == "коробка"
    assert labelled(workbook)["Ваши листы"] == "«Лист1»: ячеек с ошибками — 1"
    assert workbook["Лист1"].sheet_properties.tabColor.rgb == "FFC00000"


def test_an_empty_cell_and_one_beyond_the_copy_are_marked_at_their_addresses():
    findings = (replace(UNIT, cell="C5", line_position=2, value=""), replace(UNIT, cell="F90", line_position=3))
    found = marked(opened(replace(FACTS, findings=findings), sheet()))
    assert set(found) == {"Лист1!C5", "Лист1!F90"}
    assert "Введено: (пусто)" in found["Лист1!C5"][1]


def test_a_cell_with_several_findings_has_the_gravest_colour_and_all_sentences_errors_first():
    warning = replace(UNIT, severity="W", rule_id="A01", message="Проверьте.")
    colour, text = marked(opened(replace(FACTS, findings=(warning, UNIT)), sheet()))["Лист1!C4"]
    assert colour == ERROR
    assert text.index("Ошибка: Укажите") < text.index("Предупреждение: Проверьте.")


def test_a_warning_and_a_row_that_was_not_recognised_have_colours_of_their_own():
    left_out = (LeftOut("not_recognised", 1, places=(("", "Лист1", 6),)),)
    facts = replace(FACTS, findings=(replace(UNIT, severity="W", waiver="так решили"),), left_out=left_out)
    workbook = opened(facts, sheet())
    found = marked(workbook)
    assert (found["Лист1!C4"][0], found["Лист1!A6"][0]) == (WARNING, UNRECOGNISED)
    assert "Действует разрешение: так решили." in found["Лист1!C4"][1]
    assert labelled(workbook)["Ваши листы"] == "«Лист1»: ячеек с предупреждениями — 1, нераспознанных строк — 1"


@pytest.mark.parametrize(
    ("cell", "places"),
    [
        ("Лист1!B1", {"Лист1!B1"}),
        ("Лист1!J3, Лист1!M3", {"Лист1!J3", "Лист1!M3"}),
        ("Лист1!J3, Лист2!J3", {"Лист1!J3", "Лист2!J3"}),
        ("Лист 1, 2!J4, Лист 1, 2!M4", set()),
        ("Лист1!A1048577", set()),
        ("Лист1!XFE1", set()),
    ],
)
def test_what_stands_above_the_lines_is_marked_too(cell: str, places: set[str]):
    finding = Finding("F10", "E", "", "", cell, None, "sender_inn", "77", "Исправьте ИНН.")
    assert set(marked(opened(replace(FACTS, findings=(finding,)), sheet(), sheet("Лист2")))) == places


def test_a_finding_is_marked_on_the_sheet_of_its_own_file_in_a_zip():
    tables = (
        Table("а.xlsx", "Лист1", False, 3, 3),
        Table("б.xlsx", "Лист1", True, 3, 3),
        Table("в.csv", "", False, 3, 3),
    )
    findings = (replace(UNIT, member="б.xlsx"), replace(UNIT, member="в.csv", sheet="", cell="C5"))
    copies = (sheet(member="а.xlsx"), sheet(member="б.xlsx", hidden=True), sheet("", member="в.csv"))
    workbook = opened(replace(FACTS, format="zip", tables=tables, findings=findings), *copies)
    assert workbook.sheetnames == ["Протокол", "Лист1 (а)", "Лист1 (б)", "в", "Замечания"]
    assert set(marked(workbook)) == {"Лист1 (б)!C4", "в!C5"}
    assert labelled(workbook)["Ваши листы"] == (
        "«Лист1 (а)» — ваш файл «а.xlsx», лист «Лист1»: пометок нет\n"
        "«Лист1 (б)» — ваш файл «б.xlsx», лист «Лист1» (у вас он скрыт): ячеек с ошибками — 1\n"
        "«в» — ваш файл «в.csv»: ячеек с ошибками — 1"
    )
    links = [cell.hyperlink.location for cell in workbook["Замечания"]["C"] if cell.hyperlink]
    assert links == ["'Лист1 (б)'!C4", "'в'!C5"]


def test_a_text_file_has_a_page():
    facts = replace(FACTS, tables=(Table("", "", False, 3, 3),), findings=(replace(UNIT, sheet=""),))
    workbook = opened(facts, sheet(""))
    assert workbook.sheetnames == ["Протокол", "Ваш файл", "Замечания"]
    assert set(marked(workbook)) == {"Ваш файл!C4"}


NAMES = [
    "Протокол", "замечания", "История: 2026/27 [новая]?*\\", "Очень длинное имя листа, которое Excel не примет",
    "Очень длинное имя листа, которое Excel не примет никак", "'в кавычках'", "лист1", "Лист1", "History", "", "=1+1",
    "О'Нил",
]  # fmt: skip


def test_names_of_sheets_fit_a_workbook_and_are_told_apart():
    findings = tuple(replace(UNIT, sheet=name) for name in NAMES)
    tables = tuple(Table("", name, False, 3, 3) for name in NAMES)
    workbook = opened(replace(FACTS, tables=tables, findings=findings), *map(sheet, NAMES))
    own = workbook.sheetnames[1:-1]
    assert workbook.sheetnames[0] == "Протокол" and workbook.sheetnames[-1] == "Замечания"
    assert len(own) == len({name.casefold() for name in workbook.sheetnames}) - 2 == len(NAMES)
    assert max(map(len, own)) <= 31
    assert {place.rpartition("!")[2] for place in marked(workbook)} == {"C4"}
    assert len(marked(workbook)) == len(NAMES)
    for name, title in zip(NAMES, own, strict=True):
        assert name in (title, "") or f"«{title}» — ваш лист «{name}»" in labelled(workbook)["Ваши листы"]


def test_personal_data_stays_in_the_archive():
    rows = [
        ["Исполнитель: Иванов И.И., тел. 8 (495) 123-45-67"],
        ["Исполнитель", "Петров Пётр"],
        ["Тел.", 84951234567, "доб. 5"],
        ["ИНН", 500100732259, "500100732259"],
        ["ИНН", 7707083893],
        [89161234567],
        ["Директор", 12],
    ]
    workbook = opened(FACTS, sheet(rows=rows))
    content = protocol.render(FACTS, WorkbookCopy([sheet(rows=rows)]))
    with zipfile.ZipFile(BytesIO(content)) as archive:
        everything = "".join(archive.read(name).decode() for name in archive.namelist())
    for secret in ("Иванов", "Петров", "1234567", "123-45-67", "500100732259"):
        assert secret not in everything
    own = workbook["Лист1"]
    assert (own["B2"].value, own["B3"].value, own["B4"].value, own["C4"].value, own["A6"].value) == (HIDDEN,) * 5
    assert (own["B5"].value, own["B7"].value) == (7707083893, 12)


def test_sheets_named_after_persons_are_marked_as_the_reading_names_them():
    tables = (Table("", HIDDEN, False, 3, 3), Table("", f"{HIDDEN} (2)", False, 3, 3))
    facts = replace(FACTS, tables=tables, findings=(replace(UNIT, sheet=f"{HIDDEN} (2)"),))
    workbook = opened(facts, sheet("Иванов И.И."), sheet("Петров П.П."))
    assert workbook.sheetnames[1:-1] == ["_скрыто_", "_скрыто_ (2)"]
    assert set(marked(workbook)) == {"_скрыто_ (2)!C4"}


def test_no_cell_is_blamed_on_a_sheet_that_may_be_another():
    facts = replace(FACTS, tables=(Table("", HIDDEN, False, 3, 3),), findings=(replace(UNIT, sheet=HIDDEN),))
    assert marked(opened(facts, sheet("Иванов И.И."), sheet("Петров П.П."))) == {}
    copied = {"Лист1", "Лист1 (2)"}
    tables = tuple(Table("", name, False, 3, 3) for name in copied)
    facts = replace(FACTS, tables=tables, findings=(UNIT,))
    assert set(marked(opened(facts, sheet(), sheet("Лист1 (2)")))) == {"Лист1!C4"}


HOSTILE = ["=1+1", "+1", "-1", "@x", "{=1+1}", "http://example.org", "\t=1+1", "0012", "1e5", "TRUE", "{{ 1 }}", "'x"]


def test_what_stood_in_a_cell_is_no_formula_link_or_other_number():
    content = protocol.render(FACTS, WorkbookCopy([sheet(rows=[[text] for text in HOSTILE])]))
    own = load_workbook(BytesIO(content))["Лист1"]
    assert [cell.value for cell in own["A"]] == HOSTILE
    assert {(cell.data_type, cell.number_format, cell.quotePrefix) for cell in own["A"]} == {("s", "@", True)}
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert not [name for name in archive.namelist() if b"<f>" in archive.read(name)]
        assert not [name for name in archive.namelist() if "external" in name.lower() or "vba" in name.lower()]


def test_numbers_keep_all_their_digits():
    rows = [[123456789012345, 1234567890123456, 0.1, -2.5, 1e300]]
    own = opened(FACTS, sheet(rows=rows))["Лист1"]
    assert [cell.value for cell in own[1]] == [123456789012345, "1234567890123456", 0.1, -2.5, 1e300]


def test_what_is_too_large_is_left_out_and_the_protocol_says_so():
    nothing = opened(replace(FACTS, findings=(UNIT,)), whole=False)
    assert nothing.sheetnames == ["Протокол", "Замечания"]
    assert labelled(nothing)["Копия файла"].startswith("Большие листы в протокол не копируются.")
    tables = (*FACTS.tables, Table("", "Реестр", False, 1, 1))
    told = labelled(opened(replace(FACTS, tables=tables, findings=(UNIT,)), sheet(), whole=False))
    assert told["Копия файла"].startswith("Не приложены: Реестр. Большие листы")
    assert told["Ваши листы"] == "«Лист1»: ячеек с ошибками — 1"


def test_what_was_not_read_has_no_copy_and_says_nothing_of_one():
    workbook = load_workbook(BytesIO(protocol.render(replace(FACTS, verdict="rejected", reason="F01"))))
    assert workbook.sheetnames == ["Протокол", "Замечания"]
    assert not {"Копия файла", "Ваши листы"} & set(labelled(workbook))


def test_comments_are_bounded_and_colours_are_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(protocol, "COMMENTS_SHOWN", 3)
    warnings = [replace(UNIT, cell=f"C{row}", line_position=row, severity="W") for row in range(4, 9)]
    workbook = opened(replace(FACTS, findings=(*warnings, replace(UNIT, cell="C9", line_position=9))), sheet())
    assert set(marked(workbook)) == {"Лист1!C9", "Лист1!C4", "Лист1!C5"}, "errors first"
    assert workbook["Лист1"]["C8"].fill.fgColor.rgb == WARNING
    assert "Примечания есть у первых 3 ячеек" in labelled(workbook)["Как их читать"]


def test_a_long_comment_is_cut():
    finding = replace(UNIT, value="ж" * 30_000)
    text = marked(opened(replace(FACTS, findings=(finding,)), sheet()))["Лист1!C4"][1]
    assert len(text) == protocol.COMMENT_LENGTH and text.endswith("…")


def test_the_same_facts_and_copy_give_the_same_bytes():
    facts = replace(FACTS, findings=(UNIT, replace(UNIT, cell="C5", line_position=2)))
    first = protocol.render(facts, WorkbookCopy([sheet()]))
    assert protocol.render(replace(facts, findings=facts.findings[::-1]), WorkbookCopy([sheet()])) == first
    assert protocol.render(facts, WorkbookCopy([sheet(rows=[["иное"]])])) != first


@pytest.mark.parametrize(("cell", "position"), [("A1", (0, 0)), ("AA10", (9, 26)), ("XFD1048576", (1_048_575, 16_383))])
def test_a_cell_has_a_position(cell: str, position: tuple[int, int]):
    assert protocol_copy.cell_position(cell) == position
    assert protocol_copy.cell_position(f"{cell}0" if cell == "XFD1048576" else "A0") is None
