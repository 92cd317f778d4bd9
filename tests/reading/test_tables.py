"""The table finder: odd but valid layouts give the same lines as the plain one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.city_order.formats import Sheet, cell_text, open_drop
from include.city_order.headings import heading_key, heading_year
from include.city_order.readings import DEMAND, Form, Limits, cell_address, column_letter
from include.city_order.tables import read_tables
from include.city_order.vocabulary import Programme, fields_of

HEADINGS = ["№ п/п", "Наименование изделия", "Вид изделия", "Обозначение", "Код ОКПД2", "Единица измерения"]
YEARS = ["Потребность на 2026 год", "Потребность на 2027 год"]
HEAD = HEADINGS + YEARS
LINE_1 = ["1", "Микроконтроллер", "Микросхема", "К1986ВЕ92QI", "26.11.30", "шт", "1500", "10"]
LINE_2 = ["2", "Стабилизатор", "Микросхема", "LM2596S-5.0", "26.11.30", "шт", "", "40"]
FIELDS = ["line_no", "item_name", "component_class", "part_number", "okpd2_code", "unit", "demand_2026", "demand_2027"]
VALUES_1 = dict(zip(FIELDS, LINE_1, strict=True))
VALUES_2 = {name: text for name, text in zip(FIELDS, LINE_2, strict=True) if text}


def values(reading):
    return [line.values for line in reading.lines]


def why(reading):
    return [(row.row_number, row.why) for row in reading.left_out]


@pytest.mark.parametrize(
    ("index", "letter"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (16383, "XFD")]
)
def test_column_letters(index, letter):
    assert column_letter(index) == letter


def test_cell_addresses():
    assert cell_address("", "", "C5") == "C5"
    assert cell_address("а.xlsx", "Лист1", "C5") == "а.xlsx: Лист1!C5"


@pytest.mark.parametrize(
    "typed",
    [
        "Единица  измерения",
        "ЕДИНИЦА\nИЗМЕРЕНИЯ",
        "Единица\u00a0измерения:",
        "Ед. изм.",
        " ед.изм. ",
        "«Единица измерения»",
    ],
)
def test_headings_are_compared_by_their_letters(read_rows, typed):
    head = [typed if text == "Единица измерения" else text for text in HEAD]
    assert values(read_rows([head, LINE_1])) == [VALUES_1]


def test_yo_and_ye_are_one_letter_in_headings():
    assert heading_key("Ёмкость, А·ч") == heading_key("Емкость, А*ч")


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("Потребность на 2026 год", 2026),
        ("потребность, 2031", 2031),
        ("2026", 2026),
        ("2026 г.", 2026),
        ("2026г", 2026),
        ("на 2027 год, тыс. шт.", 2027),
        ("Остаток на складе на 2026 год", None),
        ("Цена 2026 г., руб.", None),
        ("Законтрактовано на 2026 год", None),
        ("Потребность на 2026-2028 годы", None),
        ("Потребность", None),
        ("Модель 2026", None),
        ("120265", None),
        ("", None),
    ],
)
def test_years_of_demand(text, year):
    assert heading_year(text) == year


def test_years_outside_the_horizon_are_read_too(read_rows):
    reading = read_rows([[*HEAD, "Потребность на 2040 год"], [*LINE_1, "7"]])
    assert values(reading) == [VALUES_1 | {"demand_2040": "7"}]


def test_a_heading_merged_over_the_years(read_rows):
    reading = read_rows([[*HEADINGS, "Потребность по годам", ""], [""] * 6 + ["2026", "2027 г."], LINE_1, LINE_2])
    assert values(reading) == [VALUES_1, VALUES_2]
    assert (reading.tables[0].first_row, reading.tables[0].last_row) == (1, 2)


def test_three_heading_rows_and_a_row_that_numbers_the_columns(read_rows):
    reading = read_rows(
        [
            ["Ведомость"],
            [*HEADINGS, "Потребность", ""],
            [""] * 6 + ["по годам", ""],
            [""] * 6 + ["2026", "2027"],
            [str(n) for n in range(1, 9)],
            LINE_1,
        ]
    )
    assert values(reading) == [VALUES_1]
    assert why(reading) == [(5, "numbering")]


@pytest.mark.parametrize("numbers", [["(1)", "(2)", "(3)"], ["А", "Б", "1", "2"], ["1.", "2.", "3.", "4=2+3"]])
def test_other_ways_to_number_the_columns(read_rows, numbers):
    assert why(read_rows([HEAD, numbers, LINE_1])) == [(2, "numbering")]


def test_a_first_line_of_figures_is_no_numbering(read_rows):
    line = ["1", "2", "3", "4", "26.11.30", "6", "7", "8"]
    assert len(read_rows([HEAD, line]).lines) == 1


def test_a_heading_cut_over_two_rows(read_rows):
    upper = ["№", "Наименование", "Вид", "Обозначение", "Код", "Единица", "Потребность на", "Потребность на"]
    lower = ["п/п", "изделия", "изделия", "", "ОКПД2", "измерения", "2026 год", "2027 год"]
    assert values(read_rows([upper, lower, LINE_1])) == [VALUES_1]


def test_a_title_right_above_the_headings_is_no_heading(read_rows):
    reading = read_rows([["Потребность города на 2026 год"], HEAD, LINE_1])
    assert values(reading) == [VALUES_1]
    assert reading.tables[0].first_row == 2
    assert reading.ambiguous_fields == {}


def test_a_price_under_a_year_is_no_demand(read_rows):
    upper = [*HEADINGS, "2026 год", ""]
    lower = [""] * 6 + ["количество", "сумма"]
    reading = read_rows([upper, lower, [*LINE_1[:6], "5", "100"]])
    assert reading.lines[0].values["demand_2026"] == "5"
    assert list(reading.tables[0].columns) == [*FIELDS[:7]]


def test_the_unit_in_the_heading_is_recorded(read_rows):
    head = [*HEADINGS, "Потребность на 2026 год, тыс. шт."]
    assert read_rows([head, LINE_1[:7]]).tables[0].unit_in_heading == "тыс. шт"


@pytest.mark.parametrize("word", ["Итого", "ИТОГО:", "Итoгo", "Всего по разделу", "Подытог", "Общий итог", "Сумма:"])
def test_totals_are_left_out_and_kept_for_comparison(read_rows, word):
    for row in ([word, "", "", "", "", "", "1500", "50"], ["", word, "", "", "", "", "1500", "50"]):
        reading = read_rows([HEAD, LINE_1, row])
        assert values(reading) == [VALUES_1]
        assert why(reading) == [(3, "total")]
        assert reading.totals[0].values["demand_2027"] == "50"


@pytest.mark.parametrize("word", ["в т.ч.", "В т. ч. импортные", "в том числе отечественные"])
def test_a_part_of_a_total_is_left_out_and_compared_with_nothing(read_rows, word):
    reading = read_rows([HEAD, LINE_1, ["", word, "", "", "", "", "700", "50"]])
    assert (why(reading), reading.totals) == ([(3, "total")], [])


@pytest.mark.parametrize("name", ["Всепогодный датчик", "Итоговый счётчик", "Втулка"])
def test_names_that_begin_like_totals_are_lines(read_rows, name):
    assert len(read_rows([HEAD, ["1", name, "", "", "", "шт", "5", ""]]).lines) == 1


@pytest.mark.parametrize(
    "row",
    [
        ["Раздел 1. Микросхемы"],
        ["", "Раздел 2"],
        ["2", "Раздел 2. Разъёмы"],
        ["IV.", "Группа изделий"],
        ["", "", "", "", "", "", "цены указаны с НДС"],
        ["Примечание:", "", "цены указаны с НДС"],
        ["3", "", "", "", "", "шт"],
        ["3", "", "Микросхема", "", "", "шт"],
    ],
)
def test_notes_are_left_out_and_listed(read_rows, row):
    reading = read_rows([HEAD, LINE_1, row, LINE_2])
    assert values(reading) == [VALUES_1, VALUES_2]
    assert why(reading) == [(3, "note")]


@pytest.mark.parametrize(
    "row",
    [
        ["Исполнитель", "", "Петров", "", "тел. 123"],
        ["", "Руководитель", "", "", "", "", "", "", "Сидоров"],
        ["Главный инженер", "", "", "", "", "", "12.10.2026", "Сидоров"],
        ["М.П."],
        ["Дата: 12.10.2026"],
    ],
)
def test_signatures_are_left_out_and_listed(read_rows, row):
    reading = read_rows([HEAD, LINE_1, row, LINE_2])
    assert values(reading) == [VALUES_1, VALUES_2]
    assert why(reading) == [(3, "signature")]


@pytest.mark.parametrize(
    "row",
    [
        ["3", "", "", "", "26.11.30", "шт"],
        ["", "", "Микросхема", "", "", "", "", "", "на складе", "нет"],
        ["согласно приложению", "", "см. письмо"],
    ],
)
def test_a_row_that_is_nothing_known_is_told(read_rows, row):
    reading = read_rows([HEAD, LINE_1, row, LINE_2])
    assert why(reading) == [(3, "not_recognised")]
    assert (reading.rows_seen, reading.rows_recognised) == (3, 2)


@pytest.mark.parametrize(
    "row",
    [
        ["3", "Кварцевый резонатор", "", "", "", "шт"],
        ["", "Кварцевый резонатор", "Прочее"],
        ["", "", "", "", "", "", "5"],
        ["3", "", "", "HC-49U", "", "шт"],
    ],
)
def test_an_item_without_demand_and_a_demand_without_item_are_lines(read_rows, row):
    assert len(read_rows([HEAD, LINE_1, row]).lines) == 2


def test_headings_repeated_on_a_later_page_are_left_out(read_rows):
    reading = read_rows([HEAD, LINE_1, HEAD, LINE_2])
    assert values(reading) == [VALUES_1, VALUES_2]
    assert why(reading) == [(3, "heading")]


def test_text_stays_as_typed_and_rows_keep_their_numbers(read_rows):
    reading = read_rows([["Заголовок"], [], HEAD, [], ["1", "  Микро\nсхема ", "", "", "", "", " 1 500,0 "]])
    assert reading.lines[0].row_number == 5
    assert reading.lines[0].values["item_name"] == "  Микро\nсхема "
    assert reading.lines[0].values["demand_2026"] == " 1 500,0 "


def test_a_missing_required_column_is_named(read_rows):
    head = [text for text in HEAD if text not in ("Код ОКПД2", *YEARS)]
    assert read_rows([head, LINE_1[:5]]).missing_fields == ("okpd2_code", DEMAND)


def test_without_any_table_all_required_are_missing(read_rows, form):
    reading = read_rows([["Уважаемые коллеги!"], ["Сообщаем", "следующее"]])
    assert reading.missing_fields == form.required
    assert (reading.tables, reading.lines, reading.nil_return) == ([], [], False)


def test_a_field_or_a_year_in_two_columns_is_ambiguous(read_rows):
    reading = read_rows([[], [*HEAD, "Ед. изм.", "2026 год"], [*LINE_1, "кг", "3"]])
    assert reading.ambiguous_fields == {"unit": ["Лист1!F2", "Лист1!I2"], "demand_2026": ["Лист1!G2", "Лист1!J2"]}
    assert values(reading) == [VALUES_1]


def test_a_whole_heading_beats_one_that_only_ends_alike(read_rows):
    upper = [*HEAD, "Замена", ""]
    lower = [""] * 8 + ["Обозначение", "Примечание"]
    reading = read_rows([upper, lower, [*LINE_1, "другое", "да"]])
    assert values(reading) == [VALUES_1 | {"comment": "да"}]
    assert reading.ambiguous_fields == {}


def test_all_sheets_with_tables_are_read_and_lists_are_not(form):
    def sheet(name, rows, hidden=False):
        return Sheet("", name, hidden, iter(rows))

    reading = read_tables(
        [
            sheet("Титул", [["ИНН:", "0012345678"]]),
            sheet("1", [HEAD, LINE_1]),
            sheet("2", [[], HEAD, LINE_2], hidden=True),
            sheet("Списки", [["Код ОКПД2", "Единица измерения", "Вид изделия"], ["26.11.30", "шт", "Микросхема"]]),
        ],
        form,
    )
    assert [(line.sheet, line.row_number) for line in reading.lines] == [("1", 2), ("2", 3)]
    assert [table.hidden for table in reading.tables] == [False, True]
    assert reading.missing_fields == ()
    assert [tuple(row) for row in reading.left_out] == [("", "Списки", 1, "no_demand")]
    assert (reading.sender_inn, reading.sender_inn_cell) == ("0012345678", "Титул!B1")


def test_a_required_column_missing_on_one_sheet_is_missing(form):
    short = [[text for text in HEAD if text != "Вид изделия"], [*LINE_1[:2], *LINE_1[3:]]]
    reading = read_tables([Sheet("", "1", False, iter([HEAD, LINE_1])), Sheet("", "2", False, iter(short))], form)
    assert reading.missing_fields == ("component_class",)


@pytest.mark.parametrize(
    ("row", "inn", "inn_cell", "kpp", "kpp_cell"),
    [
        (["ИНН", "0012345678"], "0012345678", "B1", "", ""),
        (["ИНН:", "", "0012345678", "КПП", "001201001"], "0012345678", "C1", "001201001", "E1"),
        (["ИНН 0012345678"], "0012345678", "A1", "", ""),
        (["Организация: ГБУ «Ромашка», ИНН 0012345678, КПП 0012AB001"], "0012345678", "A1", "0012AB001", "A1"),
        (["ИНН/КПП: 0012345678/001201001"], "0012345678", "A1", "001201001", "A1"),
        (["ИНН / КПП", "0012345678 / 001201001"], "0012345678", "B1", "001201001", "B1"),
        (["ИНН/КПП", "0012345678", "001201001"], "0012345678", "B1", "001201001", "C1"),
        (["ИНН организации (10 цифр)", "12345678"], "12345678", "B1", "", ""),
        (["ИНН", "7,7E+09"], "7,7E+09", "B1", "", ""),
        (["ИНН: не знаю"], "не знаю", "A1", "", ""),
        (["ИНН", "КПП", "001201001"], "", "", "001201001", "C1"),
        (["ИНН"], "", "", "", ""),
        (["Наименование", "Винница"], "", "", "", ""),
    ],
)
def test_the_sender_is_found_above_the_table(read_rows, row, inn, inn_cell, kpp, kpp_cell):
    reading = read_rows([row, HEAD, LINE_1], name="")
    assert (reading.sender_inn, reading.sender_inn_cell) == (inn, inn_cell)
    assert (reading.sender_kpp, reading.sender_kpp_cell) == (kpp, kpp_cell)


def test_an_inn_inside_the_table_is_not_the_senders(read_rows):
    assert read_rows([HEAD, LINE_1, ["ИНН", "0012345678"]]).sender_inn == ""


@pytest.mark.parametrize(
    "rows",
    [
        [["Потребность отсутствует"]],
        [["Сообщаем, что потребность в электронных компонентах на 2026–2028 годы ОТСУТСТВУЕТ."]],
        [["Потребность отсутствует"], HEAD],
        [HEAD, ["1", "Потребность отсутствует"]],
        [HEAD, ["1", "потребность отсутствует", "", "", "", "", "0", "-"]],
        [HEAD, [], ["", "", "Потребности отсутствуют"]],
    ],
)
def test_a_nil_return(read_rows, rows):
    reading = read_rows(rows)
    assert reading.nil_return
    assert (reading.lines, reading.missing_fields) == ([], ())


@pytest.mark.parametrize(
    "rows",
    [
        [["Потребность отсутствует"], HEAD, LINE_1],
        [["Если потребность отсутствует, напишите «потребность отсутствует» в первой строке"], HEAD],
        [HEAD],
        [["Отечественный аналог отсутствует"], HEAD],
    ],
)
def test_no_nil_return(read_rows, rows):
    assert not read_rows(rows).nil_return


def test_every_row_is_a_line_or_listed_or_blank(read_rows):
    rows = [HEAD, LINE_1, [], ["Раздел"], LINE_2, ["Итого", "", "", "", "", "", "1500", "50"], ["подпись"]]
    reading = read_rows(rows)
    assert len(reading.lines) + len(reading.left_out) == sum(any(row) for row in rows[1:])
    assert reading.cells_read == sum(bool(cell) for row in rows for cell in row)


def test_one_answer_reads_the_same_from_a_workbook_and_from_text(answer, xlsx, text_file, form):
    found = []
    for data in (xlsx(answer), text_file(answer), text_file(answer, "utf-16", "\t")):
        reading = read_tables(open_drop(data, Limits()).sheets, form)
        found.append([(line.row_number, line.values) for line in reading.lines])
    assert len(found[0]) == 2
    assert found[0] == found[1] == found[2]


FORM_FIELDS = fields_of(Programme.BATTERY)
BATTERY_FORM = Form(
    programme="battery",
    headings={field.name: (field.heading,) for field in FORM_FIELDS},
    required=(*(field.name for field in FORM_FIELDS if field.required), DEMAND),
    horizon=(2026, 2027, 2028),
)
COLUMNS = [(field.name, field.heading) for field in FORM_FIELDS] + [
    (f"{DEMAND}_{year}", f"Потребность на {year} год") for year in (2026, 2027, 2028)
]
CELLS = st.one_of(
    st.just(""), st.integers(1, 10**6).map(str), st.sampled_from(["Аккумулятор", "6СТ-60", "12,8", "LFP", "—"])
)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_same_lines_wherever_the_table_stands_and_however_its_columns_are_ordered(data):
    """Rows above, columns before, foreign columns, the order, two-row headings and the numbering change nothing."""
    lines = data.draw(st.lists(st.fixed_dictionaries({name: CELLS for name, _ in COLUMNS[1:]}), min_size=1, max_size=4))
    lines = [{"line_no": str(n), **line, "item_name": "Батарея"} for n, line in enumerate(lines, 1)]
    order = data.draw(st.permutations([*COLUMNS, ("", "Чужой столбец"), ("", "Ещё один")]))
    before = data.draw(st.integers(0, 5))
    above = data.draw(st.lists(st.sampled_from([[], ["Заявка на 2026 год"], ["Организация", "ГБУ"]]), max_size=40))
    in_two_rows = data.draw(st.booleans())
    indent = [""] * before
    if in_two_rows:
        # Years moved together, as under one merged heading.
        years = [column for column in order if column[0].startswith(DEMAND)]
        order = [column for column in order if not column[0].startswith(DEMAND)] + years
        upper = [heading for _, heading in order[: -len(years)]] + ["Потребность", "", ""]
        lower = [""] * (len(order) - len(years)) + [name.rpartition("_")[2] for name, _ in years]
        heading = [upper, lower]
    else:
        heading = [[heading for _, heading in order]]
    numbering = [[str(n) for n in range(1, len(order) + 1)]] if data.draw(st.booleans()) else []
    body = [[line.get(name, "чужое") for name, _ in order] for line in lines]
    rows = [*above, *([*indent, *row] for row in [*heading, *numbering, *body])]

    reading = read_tables([Sheet("", "Лист1", False, iter(rows))], BATTERY_FORM)

    assert values(reading) == [{name: text for name, text in line.items() if text} for line in lines]
    first = len(above) + len(heading) + len(numbering) + 1
    assert [line.row_number for line in reading.lines] == list(range(first, first + len(lines)))
    assert reading.missing_fields == ()
    assert reading.ambiguous_fields == {}
    assert len(reading.left_out) == len(numbering)
    table = reading.tables[0]
    assert table.columns == {name: column_letter(before + at) for at, (name, _) in enumerate(order) if name}


def test_the_text_of_a_number_cell_is_what_the_line_holds(answer, xlsx, form):
    reading = read_tables(open_drop(xlsx(answer), Limits()).sheets, form)
    assert reading.lines[0].values["demand_2027"] == cell_text(12.5) == "12.5"
