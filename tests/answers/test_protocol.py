"""What the agency reads: protocols are rendered, opened again, and read cell by cell."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from include.city_order import protocol, protocol_facts, protocol_words
from include.city_order.protocol_facts import Correction, Finding, LeftOut, ProtocolFacts, Table
from include.city_order.readings import STOPPED, UNREADABLE
from include.city_order.vocabulary import Verdict

PARTLY = ProtocolFacts(
    receipt_no=15,
    verdict="partly_accepted",
    reason="",
    original_path="ecb-2026/dep-it/Ответ на опрос.xlsx",
    arrived_at=datetime(2026, 11, 10, 21, 30, tzinfo=UTC),
    survey_title="Потребность города в электронных компонентах",
    agency_name="Департамент информационных технологий",
    closes_date=date(2026, 11, 20),
    format="xlsx",
    tables=(Table("", "Лист1", False, 4, 5), Table("", "Лист2", True, 1, 1)),
    lines_accepted=178,
    lines_rejected=2,
    lines_duplicate=1,
    left_out=(LeftOut("total", 3), LeftOut("note", 2)),
)
UNIT = Finding("L07", "E", "", "Лист1", "H5", 3, "unit", "коробка", "Укажите единицу измерения по ОКЕИ.")


def opened(facts: ProtocolFacts) -> tuple[Worksheet, Worksheet]:
    workbook = load_workbook(BytesIO(protocol.render(facts)))
    assert workbook.sheetnames == ["Протокол", "Замечания"]
    return workbook["Протокол"], workbook["Замечания"]


def remarks(facts: ProtocolFacts) -> list[dict[str, object]]:
    """The rows of the last sheet below its headings, by column."""
    return [{cell.column_letter: cell.value for cell in row} for row in opened(facts)[1].iter_rows(min_row=2)]


def labelled(facts: ProtocolFacts) -> dict[str, str]:
    """The first sheet's values by their labels."""
    return {row[0]: row[1] for row in opened(facts)[0].iter_rows(max_col=2, values_only=True) if row[1]}


def grouped(facts: ProtocolFacts) -> list[tuple]:
    """The rows of the first sheet's table of causes."""
    rows = list(opened(facts)[0].iter_rows(max_col=7, values_only=True))
    start = next(number for number, row in enumerate(rows) if row[0] == "Вид замечания")
    return rows[start + 1 :]


def test_a_partly_accepted_file_is_told_what_was_read_and_what_to_do():
    said = labelled(PARTLY)
    assert said["Квитанция"] == "№ 15"
    assert said["Обследование"] == PARTLY.survey_title
    assert said["Организация"] == PARTLY.agency_name
    assert said["Файл"] == "Ответ на опрос.xlsx"
    assert said["Получен"] == "11 ноября 2026 года, 00:30 по московскому времени"
    assert said["Решение"] == "Принят частично"
    assert said["Что это значит"].startswith("Принято строк: 178 из 181. Строки с ошибками (2) в заказ не войдут")
    assert "целиком" in said["Что делать"]
    assert said["До какого времени"].startswith("До 23:59 20 ноября 2026 года по московскому времени.")
    assert said["Формат файла"] == "книга Excel (XLSX)"
    assert said["Прочитанные листы"] == "Лист1, Лист2"
    assert said["Прочитано строк"] == "181: принято 178, не принято 2, повторов 1"
    assert said["Не считаются строками"] == "примечания и заголовки разделов: 2; строки итогов: 3"


@pytest.mark.parametrize(
    ("arrived_at", "beginning"),
    [
        (datetime(2026, 11, 19, 20, 59, tzinfo=UTC), "До 23:59 20 ноября 2026 года по московскому времени. Файл"),
        (datetime(2026, 11, 20, 20, 59, tzinfo=UTC), "До 23:59 20 ноября 2026 года по московскому времени. Когда вы"),
        (datetime(2026, 11, 20, 21, 0, tzinfo=UTC), "Срок приёма ответов прошёл: он закончился 20 ноября 2026 года"),
    ],
)
def test_the_term_is_measured_from_the_arrival_in_moscow_time(arrived_at: datetime, beginning: str):
    assert labelled(replace(PARTLY, arrived_at=arrived_at))["До какого времени"].startswith(beginning)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_its_words(verdict: Verdict):
    said = labelled(replace(PARTLY, verdict=verdict))
    assert said["Решение"] == protocol_words.VERDICTS[verdict]
    assert said["Что это значит"].endswith(".")
    assert said["Что делать"].endswith(".")


def test_a_quarantined_file_is_told_that_the_department_acts():
    facts = ProtocolFacts(1, "quarantined", "unknown_agency", "ecb-2026/кто-то/ответ.xlsx", PARTLY.arrived_at)
    said = labelled(facts)
    assert said["Организация"] == "не определена"
    assert said["Где лежал"] == "ecb-2026/кто-то/ответ.xlsx"
    assert "нет в справочнике" in said["Что это значит"]
    assert said["Что делать"].startswith("От вас ничего не требуется")
    assert said["Замечания"] == "Строки ещё не проверялись."
    assert "До какого времени" not in said


@pytest.mark.parametrize("code", list(protocol_words.REASONS))
def test_every_reason_has_its_own_sentence(code: str):
    verdict = "quarantined" if code.startswith(("limit_", "unknown_s", "unknown_a", "misplaced")) else "rejected"
    said = labelled(replace(PARTLY, verdict=verdict, reason=code))
    assert protocol_words.REASONS[code][0] in said["Что это значит"]
    assert said["Что делать"] == protocol_words.REASONS[code][1]


@pytest.mark.parametrize("code", [*UNREADABLE, *(f"limit_{code}" for code in STOPPED), "infected"])
def test_whatever_the_reader_says_has_words_of_its_own(code: str):
    what, todo = protocol_words.REASONS[code]
    assert what.endswith(".") and todo.endswith(".")
    same = [other for other, words in protocol_words.REASONS.items() if words == (what, todo)]
    assert same == [code]


def test_the_reader_s_reason_explains_a_refusal_that_names_only_a_rule():
    said = labelled(replace(PARTLY, verdict="rejected", reason="F01", reading_reason="encrypted"))
    assert said["Что делать"] == "Снимите с файла пароль и пришлите его снова."


@pytest.mark.parametrize("code", ["encrypted", "broken", "unknown_format", "too_large", "empty", "no_member"])
def test_the_remark_on_an_unreadable_file_names_its_own_reason(code: str):
    finding = Finding("F01", "E", "", "", "", None, "", code, "Файл повреждён, закрыт паролем или слишком велик.")
    facts = replace(PARTLY, verdict="rejected", reason="F01", reading_reason=code, findings=(finding,))
    assert [row[1] for row in grouped(facts)] == [" ".join(protocol_words.REASONS[code])]
    assert opened(facts)[1]["G2"].value == " ".join(protocol_words.REASONS[code])


ROSTER = Finding("F07", "E", "", "", "", None, "", "", "Ваша организация не входит в перечень.")
INN = Finding("F10", "E", "", "", "Лист1!B3", None, "sender_inn", "7700", "Исправьте ИНН.")
KPP = replace(INN, rule_id="F07", field="sender_kpp", cell="Лист1!B4")


@pytest.mark.parametrize(
    ("findings", "beginning"),
    [
        ((ROSTER,), "Если вашу организацию должны опросить, обратитесь в департамент."),
        ((ROSTER, INN), "Если вашу организацию должны опросить, обратитесь в департамент."),
        ((INN,), "Если ошибка в шапке формы, исправьте ИНН и КПП"),
        ((KPP, INN), "Если ошибка в шапке формы, исправьте ИНН и КПП"),
    ],
)
def test_a_file_of_the_wrong_sender_is_not_asked_for_in_the_same_folder(findings: tuple, beginning: str):
    todo = labelled(replace(PARTLY, verdict="rejected", reason="F07", findings=findings))["Что делать"]
    assert todo.startswith(beginning)
    assert "в папку своей организации" in todo
    assert "в ту же папку" not in todo
    assert ("остальные ошибки" in todo) == (ROSTER in findings and INN in findings)


def test_a_form_of_another_survey_is_not_asked_for_in_the_same_folder():
    other = Finding("F11", "E", "", "", "Лист1!B2", None, "sender_survey", "battery-2026", "Названо другое.")
    said = labelled(replace(PARTLY, verdict="rejected", reason="F11", findings=(other,)))
    assert "в папку того обследования" in said["Что делать"]
    assert "в ту же папку" not in said["Что делать"]


def test_lines_of_a_refused_file_are_told_as_not_checked():
    facts = replace(PARTLY, verdict="rejected", reason="F10", findings=(INN,), lines_accepted=0, lines_rejected=5)
    assert "Они не проверялись" in labelled(facts)["Прочитано строк"]
    assert "Они не проверялись" not in labelled(replace(facts, reason="no_line_left"))["Прочитано строк"]


def test_a_sender_s_warning_changes_nothing_of_what_to_do():
    findings = (replace(INN, severity="W"), Finding("F04", "E", "", "", "", None, "", "", "Нет строк."))
    said = labelled(replace(PARTLY, verdict="rejected", reason="F04", findings=findings))
    assert said["Что делать"] == "Исправьте ошибки и пришлите файл снова, целиком, в ту же папку."


@pytest.mark.parametrize(("others", "nothing_to_do"), [((), True), ((replace(UNIT, severity="W"),), False)])
def test_a_remark_with_nothing_to_mend_asks_for_nothing(others: tuple, nothing_to_do: bool):
    late = Finding("F08", "W", "", "", "", None, "", "", "Ответ получен после окончания приёма.")
    said = labelled(replace(PARTLY, verdict="accepted_with_warnings", findings=(late, *others)))
    assert said["Что делать"].startswith("Делать ничего не нужно.") == nothing_to_do
    assert ("исправьте её" in said["Что делать"]) != nothing_to_do


def test_lines_of_a_quarantined_file_are_read_and_not_yet_judged():
    facts = replace(PARTLY, verdict="quarantined", lines_accepted=0, lines_rejected=5, lines_duplicate=0)
    said = labelled(facts)
    assert said["Прочитано строк"] == "5. Строки ещё не проверялись."
    assert said["Замечания"] == "Строки ещё не проверялись."
    assert opened(facts)[1]["A2"].value == "Строки ещё не проверялись."


def test_an_unknown_reason_gets_a_general_sentence_and_never_its_code():
    said = labelled(replace(PARTLY, verdict="quarantined", reason="solar_storm"))
    assert said["Что это значит"] == "Файл получен, но проверить его автоматически не удалось."
    assert not [text for text in said.values() if "solar_storm" in text]


def test_a_duplicate_names_the_receipt_that_it_repeats():
    facts = replace(
        PARTLY, verdict="duplicate", repeats_receipt_no=7, repeats_arrived_at=datetime(2026, 10, 5, 9, 0, tzinfo=UTC)
    )
    assert "квитанции № 7 (получен 5 октября 2026 года, 12:00" in labelled(facts)["Что это значит"]


def test_a_nil_return_is_accepted_as_such():
    facts = replace(PARTLY, verdict="accepted", nil_return=True, lines_accepted=0, lines_rejected=0, lines_duplicate=0)
    assert labelled(facts)["Что это значит"] == "Принято сообщение о том, что потребности нет."


def test_a_correction_names_what_leaves_the_order():
    leaving = tuple(f"Микросхема {number}" for number in range(20))
    correction = Correction(12, datetime(2026, 10, 5, 9, 0, tzinfo=UTC), 30, 28, 23, leaving)
    said = labelled(replace(PARTLY, correction=correction))
    assert said["Прежний ответ"].startswith("Этот файл заменяет целиком ваш ответ по квитанции № 12 (получен 5 октября")
    named = said["Больше не в заказе: 23"].split("\n")
    assert named == [*leaving, "и ещё 3"]
    assert "Внимание" not in said
    accepted = replace(PARTLY, verdict="accepted", findings=(), correction=correction)
    assert "больше не входят в заказ" in labelled(accepted)["Что делать"]
    assert "больше не" not in labelled(replace(accepted, correction=replace(correction, leaving=0)))["Что делать"]


@pytest.mark.parametrize(
    ("items", "shared", "leaving", "warned"),
    [(20, 0, 5, True), (20, 3, 5, True), (20, 4, 5, False), (20, 20, 5, False), (1, 1, 206, True), (1, 1, 4, False)],
)
def test_a_revision_with_little_in_common_says_so_first(items: int, shared: int, leaving: int, warned: bool):
    correction = Correction(12, datetime(2026, 10, 5, 9, 0, tzinfo=UTC), items, shared, leaving, ())
    said = labelled(replace(PARTLY, correction=correction))
    assert ("Внимание" in said) == warned
    if warned:
        assert next(iter(said)) == "Внимание", "the first thing below the title"
        assert said["Внимание"].startswith("Этот файл целиком заменяет ваш ответ по квитанции № 12")
        assert f"почти нет: {shared} из {max(items, shared + leaving)}." in said["Внимание"]


def test_a_nil_return_before_or_after_has_no_items_to_compare():
    assert not Correction(12, PARTLY.arrived_at, 20, 0, 0, ()).has_little_in_common
    assert not Correction(12, PARTLY.arrived_at, 0, 0, 20, ()).has_little_in_common


def test_findings_are_grouped_by_cause_errors_first():
    warning = Finding("L10", "W", "", "Лист1", "D5", 3, "part_number", "", "Укажите обозначение.")
    whole = Finding("F02", "E", "", "", "", None, "missing", "", "Нет обязательной графы.")
    units = [replace(UNIT, cell=f"H{row}", line_position=row, value=f"коробка {row}") for row in range(5, 12)]
    rows = grouped(replace(PARTLY, findings=(*[warning] * 9, *reversed(units), whole)))
    assert rows == [
        ("Ошибка", "Нет обязательной графы.", "весь файл", 1, "весь файл", None, None),
        (
            "Ошибка", UNIT.message, "Единица измерения", 7,
            "Лист1!H5, H6, H7, H8, H9 и ещё 2", "коробка 5", None,
        ),
        (
            "Предупреждение", "Укажите обозначение.", "Обозначение", 9,
            "Лист1!D5, D5, D5, D5, D5 и ещё 4", "(пусто)", None,
        ),
    ]  # fmt: skip


def test_findings_of_one_cause_without_cells_are_told_apart_by_what_they_are_about():
    missing = Finding("X03", "W", "", "", "", None, "", "", "Изделия больше нет.")
    names = [f"Изделие {number}" for number in range(1, 8)]
    rows = grouped(replace(PARTLY, findings=tuple(replace(missing, value=name) for name in names)))
    assert rows == [
        (
            "Предупреждение", "Изделия больше нет.", "весь файл", 7,
            "Изделие 1, Изделие 2, Изделие 3, Изделие 4, Изделие 5 и ещё 2", "Изделие 1", None,
        ),
    ]  # fmt: skip


def test_a_finding_about_the_whole_file_shows_no_code_of_the_reader():
    whole = Finding("F01", "E", "", "", "", None, "", "solar_storm", "Файл не удалось прочитать.")
    facts = replace(PARTLY, findings=(whole,))
    assert grouped(facts) == [("Ошибка", "Файл не удалось прочитать.", "весь файл", 1, "весь файл", None, None)]
    assert opened(facts)[1]["E2"].value is None


@pytest.mark.parametrize(
    ("cell", "member", "sheet", "split"),
    [
        ("B3", None, None, "B3"),
        ("Лист1!B3", None, "Лист1", "B3"),
        ("ответ: новый.xlsx: Лист!1!B3", "ответ: новый.xlsx", "Лист!1", "B3"),
        ("Лист1!J4, Лист1!M4", None, "Лист1", "J4, M4"),
        ("Лист 1, 2!J4, Лист 1, 2!M4", None, None, "Лист 1, 2!J4, Лист 1, 2!M4"),
        ("Лист1!J4, Лист2!J4", None, None, "Лист1!J4, Лист2!J4"),
    ],
)
def test_a_finding_above_the_lines_has_its_sheet_and_cell_apart(
    cell: str, member: str | None, sheet: str | None, split: str
):
    facts = replace(PARTLY, findings=(replace(INN, cell=cell),))
    told = opened(facts)[1]
    assert tuple(told[f"{column}2"].value for column in "ABCE") == (member, sheet, split, "7700")
    where = cell.replace("Лист1!J4, Лист1!M4", "Лист1!J4, M4")
    assert grouped(facts) == [("Ошибка", "Исправьте ИНН.", "ИНН", 1, where, "7700", None)]


def test_columns_that_stand_twice_have_no_example():
    twice = Finding("F02", "E", "", "", "Лист1!J4, Лист1!M4", None, "stock", "", "Оставьте одну графу.")
    facts = replace(PARTLY, findings=(twice,))
    assert grouped(facts)[0][5] is None
    assert opened(facts)[1]["E2"].value is None


def test_a_form_without_years_lacks_the_demand_columns():
    missing = Finding("F02", "E", "", "", "", None, "demand", "", "Не найдена обязательная графа.")
    assert grouped(replace(PARTLY, findings=(missing,)))[0][2] == "Потребность на … год"


def test_an_empty_cell_of_a_line_is_called_so_on_both_sheets():
    facts = replace(PARTLY, findings=(replace(UNIT, value=""),))
    assert grouped(facts)[0][5] == "(пусто)"
    assert opened(facts)[1]["E2"].value == "(пусто)"
    assert grouped(replace(PARTLY, findings=(replace(UNIT, value=""), replace(UNIT, cell="H6"))))[0][5] == "коробка"


def test_a_repeat_names_the_line_that_it_repeats():
    repeat = replace(
        UNIT, rule_id="D01", field="item_name", cell="B9", message="Строка повторяет другую.",
        first_sheet="Лист1", first_cell="B5",
    )  # fmt: skip
    facts = replace(PARTLY, findings=(repeat, replace(repeat, cell="B10", line_position=4, first_cell="B6")))
    assert [row[1:5] for row in grouped(facts)] == [
        ("Строка повторяет другую.", "Наименование изделия", 2,
         "Лист1!B9 (то же в Лист1!B5), B10 (то же в Лист1!B6)"),
    ]  # fmt: skip
    assert opened(facts)[1]["G2"].value == "Строка повторяет другую. То же изделие — в ячейке Лист1!B5."


def test_a_sentence_about_several_years_is_one_cause():
    years = [replace(UNIT, field=f"demand_{year}", cell=cell) for year, cell in ((2026, "J5"), (2027, "K5"))]
    (row,) = grouped(replace(PARTLY, findings=tuple(years)))
    assert row[2:5] == ("Потребность по годам", 2, "Лист1!J5, K5")
    assert grouped(replace(PARTLY, findings=(years[1],)))[0][2] == "Потребность на 2027 год"


def test_what_is_expected_is_told_on_both_sheets():
    facts = replace(PARTLY, findings=(replace(UNIT, expected="шт"), replace(UNIT, cell="H6", value="")))
    assert grouped(facts)[0][5:] == ("коробка", "шт")
    assert opened(facts)[1]["H2"].value == "шт"


def test_a_waiver_is_told_with_its_reason_and_its_end():
    waived = replace(UNIT, severity="W", waiver="учёт ведут в бухтах, до 31 декабря 2026 года")
    facts = replace(PARTLY, findings=(waived, replace(UNIT, cell="H6", severity="W")))
    told = f"{UNIT.message} Действует разрешение: {waived.waiver}."
    assert sorted(row[1] for row in grouped(facts)) == [UNIT.message, told]
    assert opened(facts)[1]["G2"].value == told


def test_a_finding_about_the_file_that_names_an_item_shows_it():
    missing = Finding("X03", "W", "", "", "", None, "", "Микросхема 1636РР1У", "Изделия нет в ответе.", expected="1649")
    facts = replace(PARTLY, findings=(missing,))
    assert grouped(facts)[0][2:] == ("весь файл", 1, "весь файл", "Микросхема 1636РР1У", "1649")
    assert opened(facts)[1]["E2"].value == "Микросхема 1636РР1У"


def test_a_finding_about_a_sheet_or_a_cell_of_no_field_is_told_so():
    hidden = Finding("F05", "W", "", "Лист2", "", None, "", "", "На скрытом листе есть данные.")
    facts = replace(PARTLY, findings=(hidden, replace(hidden, cell="A7")))
    assert [(row["D"], row["C"]) for row in remarks(facts)] == [("весь лист", None), (None, "A7")]


@pytest.mark.parametrize(
    ("encoding", "ground", "told"),
    [
        ("cp866", "letters", "кодировка DOS (CP866) (выбрана по русским словам в тексте)"),
        ("utf-8", "mark", "кодировка UTF-8 (по метке в начале файла)"),
        ("utf-8, cp1251", "mark, strict",
         "кодировка UTF-8, Windows-1251 (по метке в начале файла; весь текст читается в ней без ошибок)"),
        ("cp1251", "", "кодировка Windows-1251"),
    ],
)  # fmt: skip
def test_an_encoding_is_told_with_its_ground(encoding: str, ground: str, told: str):
    facts = replace(PARTLY, format="csv", encoding=encoding, encoding_ground=ground)
    assert labelled(facts)["Формат файла"] == f"текстовая таблица (CSV), {told}"


def test_rows_that_were_not_recognised_are_named():
    places = tuple(("", "Лист1", row) for row in range(12, 20))
    left_out = (LeftOut("not_recognised", 8, places=places),)
    told = labelled(replace(PARTLY, left_out=left_out))["Не считаются строками"]
    assert told == "нераспознанные строки: 8 (Лист1!A12, Лист1!A13, Лист1!A14, Лист1!A15, Лист1!A16 и ещё 3)"


def test_what_is_only_tried_out_has_no_number():
    assert labelled(replace(PARTLY, receipt_no=-1))["Квитанция"] == "предварительная проверка: файл ещё не сдан"


def test_one_rule_with_two_sentences_is_two_causes():
    findings = (UNIT, replace(UNIT, message="Укажите количество в упаковке."), replace(UNIT, field="pack_size"))
    assert len(protocol_facts.causes(findings)) == 3


def test_every_finding_has_a_row_on_the_second_sheet():
    demand = replace(
        UNIT, member="a.xlsx", field="demand_2027", value="по мере необходимости", severity="W", rule_id="L05"
    )
    sheet = opened(replace(PARTLY, findings=(demand, UNIT)))[1]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == (
        "Файл в архиве", "Лист", "Ячейка", "Графа", "Что введено", "Вид замечания",
        "Что не так и как исправить", "Что ожидается", "Правило",
    )  # fmt: skip
    assert rows[1:] == [
        (None, "Лист1", "H5", "Единица измерения", "коробка", "Ошибка", UNIT.message, None, "L07"),
        (
            "a.xlsx",
            "Лист1",
            "H5",
            "Потребность на 2027 год",
            "по мере необходимости",
            "Предупреждение",
            UNIT.message,
            None,
            "L05",
        ),
    ]
    assert sheet.freeze_panes == "A2"
    assert sheet.print_title_rows == "$1:$1"
    assert sheet.page_setup.orientation == "landscape"


def test_a_file_without_findings_says_so():
    second = opened(replace(PARTLY, verdict="accepted"))[1]
    assert labelled(replace(PARTLY, verdict="accepted"))["Замечания"] == "Замечаний нет."
    assert second["A2"].value == "Замечаний нет."


HOSTILE = [
    '=HYPERLINK("http://x")', "+1", "-1", "@x", "{=1+1}", "http://example.org", "mailto:a@example.org",
    "internal:'Замечания'!A1", "0012", "1e5", "NaN", "<b>&amp;</b>", "_x0041_",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_what_was_typed_stays_text(value: str):
    finding = replace(UNIT, member=value, sheet=value, value=value, message=value)
    facts = replace(
        PARTLY,
        original_path=value,
        agency_name=value,
        survey_title=value,
        tables=(Table(value, value, False, 1, 1),),
        findings=(finding,),
    )
    content = protocol.render(facts)
    held = 0
    for sheet in load_workbook(BytesIO(content)).worksheets:
        assert not sheet._hyperlinks
        for cell in (cell for row in sheet.iter_rows() for cell in row if cell.value is not None):
            assert cell.data_type == ("n" if isinstance(cell.value, int) else "s"), cell.coordinate
            held += cell.value == value
    assert held >= 8
    with zipfile.ZipFile(BytesIO(content)) as archive:
        sheets = [archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/")]
        assert len(sheets) == 2
        assert not [sheet for sheet in sheets if b"<f>" in sheet or b"<hyperlink" in sheet]


def test_typed_cells_are_marked_as_text_for_other_programs():
    cell = opened(replace(PARTLY, findings=(replace(UNIT, value="=1+1"),)))[1]["E2"]
    assert (cell.value, cell.data_type, cell.number_format, cell.quotePrefix) == ("=1+1", "s", "@", True)


def test_control_signs_are_taken_out():
    sheet = opened(replace(PARTLY, findings=(replace(UNIT, value="а\x00б\x1b[31mв\u202eг\ud800д\r\nе\tж\ufffe"),)))[1]
    assert sheet["E2"].value == "аб[31mвгд\nе\tж"


@pytest.mark.parametrize("letter", ["ж", "😀"])
def test_long_text_is_cut_to_what_a_cell_holds(letter: str):
    value = opened(replace(PARTLY, findings=(replace(UNIT, value=letter * 40_000),)))[1]["E2"].value
    assert value.endswith("…")
    assert 32_760 <= len(value.encode("utf-16-le")) / 2 <= 32_767
    assert len(grouped(replace(PARTLY, findings=(replace(UNIT, value=letter * 40_000),)))[0][5]) <= 200


def test_text_of_just_the_length_of_a_cell_is_whole():
    assert protocol_words.clean_text("ж" * 32_767) == "ж" * 32_767


def test_the_same_facts_give_the_same_bytes_whatever_their_order():
    findings = [replace(UNIT, cell=f"H{row}", line_position=row, value=str(row)) for row in range(2, 40)]
    first = protocol.render(replace(PARTLY, findings=tuple(findings)))
    assert protocol.render(replace(PARTLY, findings=tuple(reversed(findings)))) == first
    assert protocol.render(replace(PARTLY, findings=tuple(findings[:-1]))) != first


def test_an_address_names_its_sheet_once():
    places = [("", "Лист1", "C5"), ("", "Лист1", "C6"), ("а.xlsx", "Лист1", "C5"), ("а.xlsx", "", "")]
    findings = tuple(
        replace(UNIT, member=member, sheet=sheet, cell=cell, line_position=number)
        for number, (member, sheet, cell) in enumerate(places, 1)
    )
    assert grouped(replace(PARTLY, findings=findings))[0][4] == "Лист1!C5, C6; а.xlsx: Лист1!C5; а.xlsx"


def test_a_row_is_as_high_as_its_longest_text():
    message = "Укажите единицу измерения по ОКЕИ. " * 10
    sheet = opened(replace(PARTLY, findings=(UNIT, replace(UNIT, cell="H6", line_position=4, message=message))))[1]
    assert sheet.row_dimensions[2].height is None, "one line: the program's own height"
    assert sheet.row_dimensions[3].height >= 6 * protocol.LINE_HEIGHT
