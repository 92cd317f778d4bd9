"""The table finder: odd but valid layouts give the same lines as the plain one."""

from __future__ import annotations

import datetime
import io
from collections import Counter
from dataclasses import replace

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from include.city_order.formats import Sheet, cell_text, open_drop
from include.city_order.headings import Headings, heading_key, heading_year
from include.city_order.readings import DEMAND, NOTICES_KEPT, Form, Limits, Reading, cell_address, column_letter
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


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("item_name", "Hаимeнование издeлия"),  # Latin H, e
        ("okpd2_code", "KОД OКПД2"),  # Latin K, O
        ("item_name", "Наим. изд."),
        ("item_name", "Наименование изделия*"),
        ("item_name", "Наименование изделия¹"),
        ("unit", "Един. измер."),
        ("part_number", "Обозн."),
        ("comment", "Примеч."),
        ("comment", "Примечание (при наличии)"),
        ("stock", "Остаток на складе, шт."),
        ("stock", "Ост. на складе"),
        ("pack_size", "Кол-во в упаковке (шт.)"),
        ("unit_price_rub", "Цена за единицу"),
        ("unit_price_rub", "Цена за единицу (руб. с НДС)"),
        ("manufacturer", "Производитель (если известен)"),
    ],
)
def test_other_ways_to_write_a_heading(form, field, typed):
    assert Headings(form).field(typed) == field


@pytest.mark.parametrize(
    "typed",
    [
        "Изделие-аналог", "Н. и.", "П.", "Цена за единицу, тыс. руб.", "Цена за единицу без НДС", "Обозначение аналога",
        "Остаток", "1", "",
    ],
)  # fmt: skip
def test_headings_that_mean_no_field(form, typed):
    assert Headings(form).field(typed) is None


def test_an_abbreviation_that_fits_two_fields_means_none(form):
    both = replace(form, headings=form.headings | {"used_in": ("Применение",)})
    assert Headings(form).field("Прим.") == "comment"
    assert Headings(both).field("Прим.") is None


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
        ("План 2027", 2027),
        ("Планируется на 2027 год", 2027),
        ("на 2028", 2028),
        ("Количество, 2028 г.", 2028),
        ("Кол-во на 2028 г., шт.", 2028),
        ("2027 (шт)", 2027),
        ("Прогноз потребности на 2030", 2030),
        ("Требуется в 2027 году", 2027),
        ("Заявка 2027", 2027),
        ("потребность\nна  2029\u00a0год", 2029),
        ("Пoтpeбность нa 2027 гoд", 2027),
        ("Потр. на 2027", 2027),
        ("Потребность на 2026 год, кВт·ч", None),
        ("Потребность на 2026 год, тыс. руб.", None),
        ("Факт 2025", None),
        ("Израсходовано в 2025 году", None),
        ("Год выпуска 2026", None),
        ("Доля импорта в 2026 году", None),
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


@pytest.mark.parametrize(
    "numbers",
    [["(1)", "(2)", "(3)"], ["А", "Б", "1", "2"], ["1.", "2.", "3.", "4=2+3"], ["1", "2", "2.1", "2.2", "3", "4"]],
)
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


def test_sums_under_the_years_are_no_sum_of_the_row(read_rows):
    upper = [*HEADINGS, "2026 год", "", "2027 год", ""]
    lower = [""] * 6 + ["количество", "сумма"] * 2
    reading = read_rows([upper, lower, [*LINE_1[:6], "5", "100", "6", "120"]])
    assert reading.lines[0].values == dict(zip(FIELDS, [*LINE_1[:6], "5", "6"], strict=True))
    assert reading.ambiguous_fields == {}


def test_a_part_of_a_year_gives_way_to_the_whole(read_rows):
    upper = [*HEADINGS, "Потребность на 2026 год", "", ""]
    lower = [""] * 6 + ["всего", "1 квартал", "в т.ч. резерв"]
    reading = read_rows([upper, lower, [*LINE_1[:6], "9", "5", "4"]])
    assert reading.lines[0].values["demand_2026"] == "9"
    assert reading.ambiguous_fields == {}


def test_parts_of_a_year_without_the_whole_are_not_added_up(read_rows):
    upper = [*HEADINGS, "Потребность на 2026 год", ""]
    lower = [""] * 6 + ["I квартал", "II квартал"]
    assert read_rows([upper, lower, [*LINE_1[:6], "5", "4"]]).ambiguous_fields == {
        "demand_2026": ["Лист1!G2", "Лист1!H2"]
    }


def test_years_in_any_order_and_wording(read_rows):
    head = [*HEADINGS, "2027", "План 2026 г.", "Потребность (2028)"]
    assert read_rows([head, [*LINE_1[:6], "27", "26", "28"]]).lines[0].values == VALUES_1 | {
        "demand_2026": "26", "demand_2027": "27", "demand_2028": "28",
    }  # fmt: skip


def sheet_of(rows, name="Лист1", hidden=False, **facts):
    return Sheet("", name, hidden, iter([[str(cell) for cell in row] for row in rows]), **facts)


def test_cells_merged_both_ways_over_the_headings(form):
    rows = [
        ["№ п/п", "Изделие", "", "", "ОКПД2", "Ед. изм.", "Потребность", "", ""],
        ["", "Наименование изделия", "Вид изделия", "Обозначение", "", "", "по годам", "", "Резерв"],
        ["", "", "", "", "", "", "2026", "2027", ""],
        LINE_1,
    ]
    rows[0][4] = "Код ОКПД2"
    merged = [(0, 0, 2, 0), (0, 1, 0, 3), (1, 1, 2, 1), (1, 2, 2, 2), (1, 3, 2, 3), (0, 4, 2, 4), (0, 5, 2, 5),
              (0, 6, 0, 7), (1, 6, 1, 7), (1, 8, 2, 8)]  # fmt: skip
    reading = read_tables([sheet_of(rows, merged=merged)], form)
    assert values(reading) == [VALUES_1]
    assert (reading.tables[0].first_row, reading.tables[0].last_row) == (1, 3)


def test_a_heading_stands_only_over_the_columns_that_its_cell_is_merged_over(form):
    """Without the merged cells the blank one over 2029 looks like a part of «Законтрактовано»."""
    rows = [
        [*HEADINGS, "Потребность на", "", "Законтрактовано", ""],
        [""] * 6 + ["2026", "2027", "в 2025", "2028"],
        [*LINE_1, "3", "4"],
    ]
    with_merged = read_tables([sheet_of(rows, merged=[(0, 6, 0, 7)])], form)
    assert with_merged.lines[0].values == VALUES_1 | {"demand_2028": "4"}
    assert "demand_2028" not in read_tables([sheet_of(rows)], form).lines[0].values


def test_a_form_whose_every_column_is_merged_of_several(form):
    wide = [[cell for text in row for cell in (text, "")] for row in ([*HEADINGS, "2026", "2027"], LINE_1, LINE_2)]
    merged = [(row, 2 * column, row, 2 * column + 1) for row in range(3) for column in range(8)]
    reading = read_tables([sheet_of(wide, merged=merged)], form)
    assert values(reading) == [VALUES_1, VALUES_2]
    assert reading.ambiguous_fields == {}


def test_cells_merged_over_lines_count_in_each_of_them_and_quantities_once(form):
    rows = [
        HEAD,
        ["1", "Микросхема", "ИС", "К1", "26.11.30", "шт", "5", "6"],
        ["", "", "", "К2", "", "", "7", ""],
        [],
        ["", "", "", "К3", "", "упак", "8", ""],
        ["2", "Реле", "", "К4", "", "", "9", "1"],
    ]
    merged = [(1, 1, 4, 1), (1, 2, 3, 2), (1, 5, 2, 5), (1, 7, 4, 7), (5, 3, 5, 4)]
    lines = read_tables([sheet_of(rows, merged=merged)], form).lines
    assert [line.values for line in lines] == [
        dict(zip(FIELDS, rows[1], strict=True)),
        {"item_name": "Микросхема", "component_class": "ИС", "part_number": "К2", "unit": "шт", "demand_2026": "7"},
        {"item_name": "Микросхема", "part_number": "К3", "unit": "упак", "demand_2026": "8"},
        {"line_no": "2", "item_name": "Реле", "part_number": "К4", "demand_2026": "9", "demand_2027": "1"},
    ]
    assert [line.marks for line in lines] == [
        {}, dict.fromkeys(["item_name", "component_class", "unit"], "merged"), {"item_name": "merged"}, {},
    ]  # fmt: skip


def test_a_merged_cell_makes_no_lines_of_its_own(form):
    rows = [HEAD, LINE_1, [""] * 8, ["", "", "", "", "", "", "", ""], ["", "", "", "", "", "", "", "", "см. выше"]]
    reading = read_tables([sheet_of(rows, merged=[(1, column, 4, column) for column in range(8)])], form)
    assert values(reading) == [VALUES_1]
    assert why(reading) == [(5, "note")]


def test_a_group_heading_merged_over_the_table_is_a_note(form):
    rows = [HEAD, ["1", "Микросхемы отечественные"], LINE_1]
    assert why(read_tables([sheet_of(rows, merged=[(1, 1, 1, 7)])], form)) == [(2, "note")]
    assert len(read_tables([sheet_of(rows)], form).lines) == 2


def test_cells_that_hold_dates_are_marked(form):
    rows = [HEAD, [*LINE_1[:3], "10.01.2026", *LINE_1[4:]], LINE_2]
    reading = read_tables([sheet_of(rows, dates={(1, 3), (2, 20)})], form)
    assert [line.marks for line in reading.lines] == [{"part_number": "date"}, {}]


def test_a_row_of_units_below_the_headings_belongs_to_them(read_rows):
    units = ["", "", "", "", "", "код", "тыс. шт.", "тыс. шт."]
    reading = read_rows([[*HEADINGS, "2026", "2027"], units, LINE_1])
    assert values(reading) == [VALUES_1]
    assert (reading.tables[0].last_row, reading.tables[0].unit_in_heading) == (2, "тыс. шт")


@pytest.mark.parametrize(
    "above", [["", "", "", "", "", "", "Потребность, тыс. шт.", ""], ["", "", "ТТХ", "", "", "", "тыс. шт."]]
)
def test_a_row_over_the_years_alone_belongs_to_the_headings(read_rows, above):
    reading = read_rows([["Заявка"], above, [*HEADINGS, "2026", "2027"], LINE_1])
    assert values(reading) == [VALUES_1]
    assert (reading.tables[0].first_row, reading.tables[0].unit_in_heading) == (2, "тыс. шт")


@pytest.mark.parametrize(
    "above",
    [
        ["Потребность города, тыс. шт."],
        ["", "ИНН", "0012345678", "", "", "", "КПП", "001201001"],
        ["", "", "", "", "", "", "", "Утверждаю"],
        ["", "", "", "", "", "", "Стоимость", ""],
    ],
)
def test_other_rows_above_the_headings_do_not(read_rows, above):
    reading = read_rows([above, [*HEADINGS, "2026", "2027"], LINE_1])
    assert values(reading) == [VALUES_1]
    assert (reading.tables[0].first_row, reading.tables[0].unit_in_heading) == (2, "")


def test_the_unit_in_the_heading_is_recorded(read_rows):
    head = [*HEADINGS, "Потребность на 2026 год, тыс. шт."]
    assert read_rows([head, LINE_1[:7]]).tables[0].unit_in_heading == "тыс. шт"


@pytest.mark.parametrize(
    ("years", "unit", "missing"),
    [
        (["Потребность на 2026 год, шт.", "Потребность на 2027 год, шт"], "шт", ()),
        (["2026 (тыс. шт.)", "2027, тысяч штук"], "тыс. шт", ()),
        (["2026 год, компл.", "2027 год, комплектов"], "компл", ()),
        (["Потребность на 2026 год, шт.", "Потребность на 2027 год"], "шт", ("unit",)),
        (["Потребность на 2026 год, тыс.", "Потребность на 2027 год, тыс."], "тыс", ("unit",)),
        (["Потребность в комплектующих на 2026 год", "Потребность на 2027 год (ед. изм. см. гр. 3)"], "", ("unit",)),
    ],
)
def test_year_headings_that_all_name_a_unit_need_no_column_of_units(read_rows, years, unit, missing):
    reading = read_rows([HEADINGS[:5] + years, [*LINE_1[:5], "5", "6"]])
    assert reading.tables[0].unit_in_heading == unit
    assert (reading.missing_fields, reading.ambiguous_fields) == (missing, {})


def test_a_unit_over_the_years_counts_for_all_of_them(read_rows):
    upper = [*HEADINGS[:5], "Потребность по годам, тыс. шт.", ""]
    reading = read_rows([upper, [""] * 5 + ["2026", "2027"], [*LINE_1[:5], "5", "6"]])
    assert (reading.tables[0].unit_in_heading, reading.missing_fields) == ("тыс. шт", ())


@pytest.mark.parametrize(
    ("tail", "cells"),
    [
        (["2026 год, шт.", "2027 год, тыс. шт."], ["Лист1!G1", "Лист1!H1"]),
        (["2026 год, тыс. шт.", "2027 год, тыс. шт.", "Остаток на складе, шт."], ["Лист1!G1", "Лист1!I1"]),
        (["2026 год", "2027 год, упак", "Законтрактовано (шт)"], ["Лист1!H1", "Лист1!I1"]),
    ],
)
def test_headings_that_name_different_units_are_ambiguous(read_rows, tail, cells):
    assert read_rows([[*HEADINGS, *tail], LINE_1]).ambiguous_fields == {"unit": cells}


@pytest.mark.parametrize(
    "word", ["Итого", "ИТОГО:", "И Т О Г О:", "Итoгo", "Всего по разделу", "Подытог", "Общий итог", "Сумма:"]
)
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


def test_headings_in_two_rows_repeated_on_a_later_page_are_left_out(read_rows):
    upper, lower = [*HEADINGS, "Потребность по годам", ""], [""] * 6 + ["2026", "2027 г."]
    numbers = [str(n) for n in range(1, 9)]
    reading = read_rows([upper, lower, numbers, LINE_1, upper, lower, numbers, LINE_2])
    assert values(reading) == [VALUES_1, VALUES_2]
    assert [kind for _, kind in why(reading)] == ["numbering", "heading", "heading", "numbering"]
    assert reading.ambiguous_fields == {}


def test_a_second_table_in_another_order_is_refused_and_both_cells_are_named(read_rows):
    other = [HEAD[0], HEAD[2], HEAD[1], *HEAD[3:6], HEAD[7], HEAD[6]]
    reading = read_rows([HEAD, LINE_1, [], other, LINE_2])
    assert reading.ambiguous_fields == {
        "component_class": ["Лист1!C1", "Лист1!B4"],
        "item_name": ["Лист1!B1", "Лист1!C4"],
        "demand_2027": ["Лист1!H1", "Лист1!G4"],
        "demand_2026": ["Лист1!G1", "Лист1!H4"],
    }


def test_a_column_that_holds_another_field_further_down_is_refused(read_rows):
    reading = read_rows([HEAD, LINE_1, [*HEAD[:7], "Примечание"], LINE_2])
    assert reading.ambiguous_fields == {"comment": ["Лист1!H1", "Лист1!H3"]}


@pytest.mark.parametrize("word", ["шт", "Прочее", "2026", "Микросхема"])
def test_cells_that_say_a_word_of_the_headings_make_no_heading(read_rows, word):
    assert len(read_rows([HEAD, ["1", "Реле", word, "Обозначение", word, "шт", "", ""]]).lines) == 1


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


def test_a_table_that_goes_on_without_headings_does_not_vanish_silently(form):
    reading = read_tables(
        [
            sheet_of([["ИНН:", "0012345678", "КПП:", "001201001"], ["1", "2", "3", "4"]], "Титул"),
            sheet_of([HEAD, LINE_1], "1"),
            sheet_of([LINE_2, ["", "", "", "5"], ["3", "Реле", "шт", "5"], ["а", "б", "в", "г"]], "2"),
        ],
        form,
    )
    assert values(reading) == [VALUES_1]
    assert [tuple(row) for row in reading.left_out] == [
        ("", "Титул", 2, "not_recognised"), ("", "2", 1, "not_recognised"), ("", "2", 3, "not_recognised"),
    ]  # fmt: skip
    assert (reading.rows_seen, reading.rows_recognised) == (4, 1)


def test_a_hidden_list_is_no_continuation_and_a_hidden_continuation_is_told(form):
    codes = [["шт", "796", "Микросхема", "Ремонт"], ["упак", "778", "Реле", "Резерв"]]
    reading = read_tables(
        [sheet_of([HEAD, LINE_1], "1"), sheet_of(codes, "Списки", True), sheet_of([LINE_2], "2", True)], form
    )
    assert [tuple(row) for row in reading.left_out] == [("", "2", 1, "not_recognised")]
    assert [tuple(notice) for notice in reading.notices] == [("", "2", "", "hidden_sheet")]


def test_rows_of_sheets_without_tables_are_nobodys_where_there_is_no_table(read_rows):
    reading = read_rows([["1", "Реле", "шт", "5"]])
    assert (reading.left_out, reading.rows_seen) == ([], 0)


def test_what_is_hidden_of_the_table_is_told(form):
    rows = [["Заявка"], [*HEAD, "Примечание"], LINE_1, LINE_2, ["Итого", "", "", "", "", "", "1500", "50"]]
    facts = {"hidden_rows": {0, 1, 3, 4, 9}, "hidden_columns": {2, 8, 11}}
    hidden = read_tables([sheet_of(rows, hidden=True, **facts)], form)
    assert [tuple(notice) for notice in hidden.notices] == [
        ("", "Лист1", "", "hidden_sheet"),
        ("", "Лист1", "A4", "hidden_row"),
        # The remark's column is hidden too, and holds nothing.
        ("", "Лист1", "C2", "hidden_column"),
    ]
    assert read_tables([sheet_of(rows)], form).notices == []


def test_hidden_sheets_rows_and_columns_without_lines_are_nobodys_business(form):
    lists = [["Код ОКПД2", "Единица измерения", "Вид изделия"], ["26.11.30", "шт", "Микросхема"]]
    sheets = [
        sheet_of([HEAD, LINE_1]),
        sheet_of(lists, "Списки", True, hidden_rows={1}, hidden_columns={0}, uncached={(1, 0)}),
        sheet_of([HEAD], "Пустой", True),
    ]
    assert read_tables(sheets, form).notices == []


def test_formulas_that_were_never_calculated_are_told_where_the_table_needs_them(form):
    rows = [["Всего:", ""], HEAD, [*LINE_1[:7], ""], [], LINE_2, ["Итого", "", "", "", "", "", "", ""]]
    uncached = {(0, 1), (2, 7), (3, 6), (4, 12), (5, 6)}
    reading = read_tables([sheet_of(rows, uncached=uncached)], form)
    assert [tuple(notice) for notice in reading.notices] == [
        ("", "Лист1", "H3", "no_cached_value"),
        # A row of nothing but formulas looks blank.
        ("", "Лист1", "G4", "no_cached_value"),
    ]


def test_so_many_notices_of_a_kind_are_kept(form):
    rows = [HEAD, *([LINE_1] * (NOTICES_KEPT + 5))]
    notices = read_tables([sheet_of(rows, hidden_rows=set(range(len(rows))), uncached={(1, 6)})], form).notices
    assert Counter(notice.what for notice in notices) == {"hidden_row": NOTICES_KEPT, "no_cached_value": 1}


SURVEYS = {
    "ecb-2026": "Потребность города в электронной компонентной базе на 2026–2030 годы",
    "ecb-2027": "Потребность города в электронной компонентной базе на 2027–2031 годы",
    "battery-2026": "Потребность города в аккумуляторных батареях на 2026–2030 годы",
    "short-2026": "Потребность города",
}


@pytest.mark.parametrize(
    ("above", "code", "cell"),
    [
        ([["Обследование", "ecb-2027"]], "ecb-2027", "B1"),
        ([[], ["Код обследования: ECB–2027"]], "ecb-2027", "A2"),
        ([["есb-2027"]], "ecb-2027", "A1"),  # Cyrillic е, с
        ([["", "ПОТРЕБНОСТЬ ГОРОДА в электронной компонентной базе\nна 2027-2031 годы"]], "ecb-2027", "B1"),
        ([["Потребность города в аккумуляторных батареях на 2026–2030 годы (форма 1)"]], "battery-2026", "A1"),
        ([["battery-2026"], ["ecb-2026"]], "ecb-2026", "A2"),  # its own wins
        ([["battery-2026, ecb-2027"]], "ecb-2027", "A1"),
        ([[SURVEYS["battery-2026"]], ["Код обследования", "battery-2026"]], "battery-2026", "B2"),  # rather its code
        ([["battery-2026-copy"], ["xecb-2027"], ["Потребность"]], "", ""),
        ([], "", ""),
    ],
)
def test_the_survey_that_the_form_names(form, above, code, cell):
    reading = read_tables([Sheet("", "", False, iter([*above, HEAD, LINE_1]))], replace(form, surveys=SURVEYS))
    assert (reading.sender_survey, reading.sender_survey_cell) == (code, cell)


@pytest.mark.parametrize(
    ("title_page", "code"),
    [
        ([["Обследование:", "battery-2026"]], "battery-2026"),
        ([[SURVEYS["battery-2026"]]], "battery-2026"),
        ([["Взамен нашего ответа на battery-2026 сообщаем"]], ""),
        ([[f"Письмо о том, что {SURVEYS['battery-2026']} уточняется"]], ""),
    ],
)
def test_on_a_sheet_without_a_table_only_a_label_or_the_title_alone_names_the_survey(form, title_page, code):
    sheets = [sheet_of(title_page, "Титул"), sheet_of([HEAD, LINE_1])]
    assert read_tables(sheets, replace(form, surveys=SURVEYS)).sender_survey == code


def test_a_survey_named_below_the_headings_is_not_the_forms(form):
    rows = [HEAD, [*LINE_1, "см. battery-2026"]]
    assert read_tables([sheet_of(rows)], replace(form, surveys=SURVEYS)).sender_survey == ""


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
        (["ИHH: 0012345678, KПП: 001201001"], "0012345678", "A1", "001201001", "A1"),  # Latin H and K
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
        [["Нет потребности"]],
        [["Потребности в электронных компонентах на 2026–2030 годы нет."]],
        [["ГБУ «Ромашка» не имеет потребности в электронных компонентах"]],
        [["Потребность в изделиях: не планируется"], HEAD],
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
        [["Потребность есть, но сведений о ценах нет в наличии"], HEAD],
        [["Если потребности нет, так и напишите"], HEAD],
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


WORDS = st.sampled_from(
    [
        *HEAD,
        "Итого",
        "в т.ч.",
        "Раздел 1",
        '"',
        "—",
        "5",
        "1 500",
        "2026",
        "шт",
        "тел. 123",
        "ИНН",
        "ecb-2027",
        "12.10.2026",
    ]
)
GRIDS = st.lists(st.lists(st.one_of(st.just(""), WORDS, st.text(max_size=8)), max_size=10), max_size=12)
PLACES = st.tuples(st.integers(0, 14), st.integers(0, 11))


@settings(max_examples=200, deadline=None)
@given(
    grid=GRIDS,
    with_table=st.booleans(),
    merged=st.lists(st.tuples(*[st.integers(0, 14)] * 4), max_size=6),
    uncached=st.sets(PLACES, max_size=4),
    hidden=st.booleans(),
)
def test_whatever_a_sheet_holds_every_row_below_the_headings_is_accounted_for(
    grid, with_table, merged, uncached, hidden
):
    rows = [HEAD, *grid] if with_table else grid
    form = Form(
        programme="ecb",
        headings={field.name: (field.heading,) for field in fields_of(Programme.ECB)},
        required=("item_name", DEMAND),
        horizon=(2026, 2027),
        surveys=SURVEYS,
    )
    merged = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in merged]
    facts = {"merged": merged, "uncached": uncached, "hidden_rows": {1, 3}, "hidden_columns": {1}, "dates": uncached}
    reading = read_tables([Sheet("", "Лист1", hidden, iter(rows), **facts)], form)
    assert reading.rows_recognised <= reading.rows_seen
    assert reading.sender_survey in {"", *SURVEYS}
    assert Reading.from_json(reading.to_json()) == reading
    if reading.tables:
        (table,) = reading.tables
        told = [line.row_number for line in reading.lines] + [row.row_number for row in reading.left_out]
        below = [n for n, row in enumerate(rows, 1) if n > table.last_row and any(map(str.strip, row))]
        assert sorted(told) == below
        assert {name for line in reading.lines for name in line.marks} <= set(table.columns)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_other_spellings_of_the_headings_give_the_same_lines(data):
    """Case, spaces, line breaks, look-alikes, notes and the wording of the years change nothing."""
    latin = str.maketrans("АВЕКМНОРСТХаеорсух", "ABEKMHOPCTXaeopcyx")

    def respelt(heading: str) -> str:
        text = "".join(sign.translate(latin) if data.draw(st.booleans()) else sign for sign in heading)
        text = data.draw(st.sampled_from([str, str.upper, str.lower]))(text)
        text = data.draw(st.sampled_from([" ", "\n", "  ", "\u00a0"])).join(text.split())
        return text + data.draw(st.sampled_from(["", ":", "*", " ", ".", " (при наличии)", "¹"]))

    wordings = ["Потребность на {} год", "{} г.", "{}", "План {}", "Кол-во на {} год, шт.", "Заявка, {}"]
    years = [data.draw(st.sampled_from(wordings)).format(year) for year in (2026, 2027)]
    rows = [[*map(respelt, HEADINGS), *years], LINE_1, LINE_2]
    fields = fields_of(Programme.ECB)
    form = Form(
        programme="ecb",
        headings={field.name: (field.heading,) for field in fields},
        required=(*(field.name for field in fields if field.required), DEMAND),
        horizon=(2026, 2027),
    )
    reading = read_tables([sheet_of(rows)], form)
    assert values(reading) == [VALUES_1, VALUES_2]
    assert (reading.missing_fields, reading.ambiguous_fields) == ((), {})


def test_what_a_workbook_says_beside_its_values_reaches_the_reading(form):
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet = book.add_worksheet("Форма")
    for column, heading in enumerate(HEADINGS):
        sheet.merge_range(0, column, 1, column, heading)
    sheet.merge_range(0, 6, 0, 7, "Потребность, тыс. шт.")
    sheet.write_row(1, 6, [2026, 2027])
    sheet.write_row(2, 0, [1, "", "Микросхема", "К1986ВЕ92QI", "26.11.30", "тыс. шт", 1500, 10])
    sheet.write_row(3, 0, [2, "", "Микросхема", "", "26.11.30", "тыс. шт", 7])
    sheet.write_datetime(3, 3, datetime.datetime(2026, 1, 10), book.add_format({"num_format": "dd.mmm"}))
    sheet.write_formula(3, 7, "=G4*2", value="")
    sheet.merge_range(2, 1, 3, 1, "Микроконтроллер")
    sheet.set_row(3, None, None, {"hidden": True})
    sheet.set_column(4, 4, None, None, {"hidden": True})
    book.close()
    reading = read_tables(open_drop(buffer.getvalue(), Limits()).sheets, form)
    first, second = reading.lines
    assert first.values == VALUES_1 | {"unit": "тыс. шт"}
    assert (second.values["item_name"], second.values["part_number"]) == ("Микроконтроллер", "10.01.2026")
    assert second.marks == {"item_name": "merged", "part_number": "date"}
    assert (reading.tables[0].unit_in_heading, reading.tables[0].last_row) == ("тыс. шт", 2)
    assert {tuple(notice)[2:] for notice in reading.notices} == {
        ("A4", "hidden_row"), ("E1", "hidden_column"), ("H4", "no_cached_value"),
    }  # fmt: skip
