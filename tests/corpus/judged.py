"""Files that can be read and are doubtful or wrong: which rules must have something to say, and no other."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from tests.corpus import handmade, writers
from tests.corpus.catalogue import PARTLY, Drop, accepted, category, refused
from tests.corpus.goods import COLUMNS, HEADINGS, YEARS, Cell, Laid, Page, form, goods, lay, nothing, number, text
from tests.corpus.odd_but_valid import HOSTILE, pick, written
from tests.corpus.writers import Formula
from tests.rules.cases import Agency

# Told, and passes


@category(12)
def hidden_data(rng: Random, number_: int, agency: Agency) -> Drop:
    """A hidden sheet, row or column with data of the table counts, and is flagged; hidden lists are not data."""
    rows = goods(rng, 4)
    shown, unseen = lay(rows[:2], COLUMNS["ecb"][1]), lay(rows[2:], COLUMNS["ecb"][1], name="Скрытый")
    row, column = len(shown.page.rows) - 1, len(COLUMNS["ecb"][1]) - 1
    both = (*shown.lines, *unseen.lines)
    hidden = replace(unseen.page, hidden=True)
    lists = Page([["шт"], ["упак"]], "Списки", hidden=True)
    with_row = replace(shown.page, hidden_rows=(row,))
    with_column = replace(shown.page, hidden_columns=(column,))
    files: tuple[Callable[[], Drop], ...] = (
        lambda: accepted("a.xlsx", writers.xlsx(shown.page, hidden), both, warned=("F05",)),
        lambda: accepted("a.xls", writers.xls(shown.page, hidden), both, warned=("F05",)),
        lambda: accepted("a.ods", handmade.raw_ods(shown.page, hidden), both, warned=("F05",)),
        lambda: accepted("a.xlsb", handmade.raw_xlsb(shown.page, hidden), both, warned=("F05",)),
        lambda: accepted("a.xlsx", writers.xlsx(with_row), shown.lines, warned=("F05",)),
        lambda: accepted("a.xlsx", handmade.raw_xlsx(with_row), shown.lines, warned=("F05",)),
        lambda: accepted("a.ods", writers.ods(with_row), shown.lines, warned=("F05",)),
        lambda: accepted("a.xlsx", writers.xlsx(with_column), shown.lines, warned=("F05",)),
        lambda: accepted("a.xlsx", writers.xlsx(shown.page, lists), shown.lines),
        lambda: accepted("a.xls", writers.xls(shown.page, lists), shown.lines),
        lambda: accepted("a.xlsx", writers.xlsx(replace(shown.page, hidden_rows=(row + 5,))), shown.lines),
        lambda: accepted("a.ods", handmade.raw_ods(shown.page, lists), shown.lines),
    )
    return pick(files, number_)()


@category(4)
def macros(rng: Random, number_: int, agency: Agency) -> Drop:
    """A workbook with macros: they are ignored, and flagged."""
    laid = form(rng)
    content = handmade.raw_xlsx(laid.page, parts={"xl/vbaProject.bin": handmade.ole2({"VBA": b"\1" * 100})})
    return accepted(pick(("answer.xlsm", "answer.xlsx"), number_), content, laid.lines, warned=("F05",))


@category(4)
def external_links(rng: Random, number_: int, agency: Agency) -> Drop:
    """A workbook that takes values from another: what is stored counts, nothing is fetched, and it is flagged."""
    laid = form(rng)
    relation = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{handmade.RELATIONS}/externalLinkPath" '
        f'Target="{pick(("file:///C:/Users/a/план.xlsx", "http://192.0.2.1/a.xlsx"), number_)}" TargetMode="External"/>'
        "</Relationships>"
    )
    book = f'<externalBook xmlns:r="{handmade.RELATIONS}" r:id="rId1"/>'
    link = f'<externalLink xmlns="{handmade.MAIN}">{book}</externalLink>'
    parts = {
        "xl/externalLinks/externalLink1.xml": link.encode(),
        "xl/externalLinks/_rels/externalLink1.xml.rels": relation.encode(),
    }
    return accepted("answer.xlsx", handmade.raw_xlsx(laid.page, parts=parts), laid.lines, warned=("F05",))


@category(9)
def formulas_without_results(rng: Random, number_: int, agency: Agency) -> Drop:
    """A formula that was never computed reads as blank, and is flagged."""
    rows = goods(rng, 2)
    name = pick(("comment", "stock", "demand_2026"), number_)
    rows[number_ % 2][name] = Cell(Formula("=1+1", None), None)
    laid = lay(rows, COLUMNS["ecb"][1])
    kind = pick(("openpyxl.xlsx", "raw.xlsx", "ods"), number_)
    return accepted(*written(kind, laid), warned=("F05",))


@category(14)
def parts_that_became_dates(rng: Random, number_: int, agency: Agency) -> Drop:
    """A part number that the spreadsheet took for a date is flagged, and never guessed."""
    rows = goods(rng, 2)
    typed = pick(
        (datetime.date(2026, 1, 10), "10.янв", datetime.date(2026, 2, 1), "01.02.2026", "янв.10", "10.янв", "2.мар"),
        number_,
    )
    rows[0]["part_number"] = nothing(typed)
    kinds = ("xlsx", "ods", "xls", "openpyxl.xlsx") if isinstance(typed, datetime.date) else ("xlsx", "csv", "ods")
    laid = lay(rows, COLUMNS["ecb"][1])
    return accepted(*written(pick(kinds, number_ // 7), laid), warned=("L16",))


@category(12)
def stated_totals_that_differ(rng: Random, number_: int, agency: Agency) -> Drop:
    """A total that is not the sum of its lines."""
    rows = goods(rng, 3)
    fields = COLUMNS["ecb"][number_ % 3]
    sums = {year: sum(row[year].typed for row in rows) for year in YEARS}
    sums[pick(YEARS, number_)] += pick((1, 1000, -1), number_)
    label = pick(("Итого", "Всего:", "ИТОГО ПО ЗАЯВКЕ"), number_)
    total = [label if name == "item_name" else sums.get(name, "") for name in fields]
    laid = lay(rows, fields, inserted={3: [total]})
    return accepted(*written(pick(("xlsx", "csv", "ods", "xls"), number_), laid), warned=("F06",))


@category(4)
def sheets_without_headings(rng: Random, number_: int, agency: Agency) -> Drop:
    """A table that goes on upon a sheet without headings: not read, and not silent."""
    rows = goods(rng, 6)
    fields = COLUMNS["ecb"][1]
    first, second = lay(rows[:3], fields), lay(rows[3:], fields, block=[], name="Лист2")
    write = pick((writers.xlsx, writers.xls, handmade.raw_ods, handmade.raw_xlsb), number_)
    return accepted("answer.xlsx", write(first.page, second.page), first.lines, warned=("F09",))


@category(8)
def rows_not_recognised(rng: Random, number_: int, agency: Agency) -> Drop:
    """Rows of several cells that are neither lines nor totals nor notes."""
    rows = goods(rng, 3)
    fields = COLUMNS["ecb"][1]
    odd = [{"okpd2_code": "26.11.30.110", "unit": "шт"}.get(name, "") for name in fields]
    laid = lay(rows, fields, inserted={pick((1, 2, 3), number_): [odd, odd]})
    return accepted(*written(pick(("xlsx", "csv", "ods", "xls"), number_), laid), warned=("F09",))


@category(6)
def years_outside_the_survey(rng: Random, number_: int, agency: Agency) -> Drop:
    """A year that nobody asked for is left out, and the rest of the line stands."""
    rows = goods(rng, 2)
    year = pick(("demand_2025", "demand_2031", "demand_2029"), number_)
    rows[0][year] = Cell(7, None)
    fields = [*COLUMNS["ecb"][0], year]
    laid = lay(rows, fields, headings={year: f"Потребность на {year[-4:]} год"})
    return accepted(*written(pick(("xlsx", "csv"), number_), laid), warned=("L08",))


@category(6)
def a_zero_lost_in_the_inn(rng: Random, number_: int, agency: Agency) -> Drop:
    """Nine digits that a zero makes the agency's own."""
    typed = agency.inn[1:]
    above = pick(([["ИНН", typed]], [[f"ИНН: {typed}"]], [["ИНН/КПП", f"{typed}/{agency.kpp}"]]), number_)
    return accepted(*written(pick(("xlsx", "csv", "ods"), number_), form(rng, above=above)), warned=("F10",))


@category(8)
def no_demand_in_any_year(rng: Random, number_: int, agency: Agency) -> Drop:
    """A pre-printed row without a quantity counts zero."""
    rows = goods(rng, 2)
    for year in YEARS:
        rows[0][year] = pick((nothing(), nothing("—"), number(0), text("0", Decimal(0))), number_)
    return accepted(*written(pick(("xlsx", "csv"), number_), lay(rows, COLUMNS["ecb"][1])), warned=("L06",))


@category(6)
def generic_names(rng: Random, number_: int, agency: Agency) -> Drop:
    """An item without a part number."""
    rows = goods(rng, 2)
    rows[0]["part_number"] = nothing(pick(("", "—", "нет"), number_))
    return accepted(*written(pick(("xlsx", "csv"), number_), lay(rows, COLUMNS["ecb"][1])), warned=("L10",))


@category(6)
def other_spellings_of_parts(rng: Random, number_: int, agency: Agency) -> Drop:
    """A part that the references spell in another way: taken as typed, and told."""
    rows = goods(rng, 1)
    rows[0] |= {"part_number": text(pick(("K1986BE92QI", "К1986-ВЕ92QI", "К 1986ВЕ92QI"), number_))}
    rows[0] |= {"manufacturer": text("ПКК Миландр")}
    return accepted(*written(pick(("xlsx", "csv"), number_), lay(rows, COLUMNS["ecb"][1])), warned=("L11",))


@category(6)
def batteries_that_do_not_add_up(rng: Random, number_: int, agency: Agency) -> Drop:
    """An energy, a voltage or a code that does not go with the chemistry."""
    (row,) = goods(rng, 1, "battery")
    row |= {
        "item_name": text("Аккумулятор"),
        "chemistry": text("свинцовая", "lead_acid"),
        "battery_use": text("ИБП", "ups"),
        "voltage_v": number(12),
        "capacity_ah": number(100),
        "okpd2_code": text("27.20.22.000"),
        "energy_kwh": number("1.2"),
    }
    rule, wrong = pick(
        (
            ("L13", {"energy_kwh": number(12)}),
            ("L14", {"voltage_v": number(13), "energy_kwh": number("1.3")}),
            ("L15", {"okpd2_code": text("27.20.23.130")}),
        ),
        number_,
    )
    fields = (*COLUMNS["battery"][0], "energy_kwh")
    laid = lay([row | wrong], fields, headings={"energy_kwh": "Энергия, кВт·ч"})
    return accepted(*written(pick(("xlsx", "csv"), number_), laid), programme="battery", warned=(rule,))


@category(4)
def repeated_lines(rng: Random, number_: int, agency: Agency) -> Drop:
    """The same line twice counts once; with other quantities both count."""
    rows = goods(rng, 2)
    again = dict(rows[0])
    if number_ % 2:
        again["demand_2026"] = number(again["demand_2026"].typed + 1)
    return accepted(*written("xlsx", lay([*rows, again], COLUMNS["ecb"][1])), warned=("D01",))


# Some lines are refused


def _one_wrong(laid: Laid, kind: str, *rules: str, programme: str = "ecb") -> Drop:
    name, content, lines = written(kind, laid)
    return Drop(name, content, PARTLY, rules=frozenset(rules), lines=lines, programme=programme)


_NO_NUMBERS = (
    "NaN", "nan", "Infinity", "-Infinity", "inf", "∞", "1_0", "1_000", "١٢", "१२", "1e5", "1E5", "7,7E+09", "0x10",
    "10-15", "10–15", "от 5 до 7", "по мере необходимости", "12%", "1,2,3", "1.2.3", "1,000", "1.000,00", "--5", "5+5",
    "=5+5", "много", "?", "9" * 400, "1" + "0" * 15, "10 компл", "2 тыс. упак", "тыс.", "10 шт 5", "1 00 000", "1  000",
    "'); drop table core.demand_line; --", "{{ 7 * 7 }}", "½", "Ⅻ", "十", "#ЗНАЧ!", "#REF!",
)  # fmt: skip


@category(48)
def numbers_that_are_none(rng: Random, number_: int, agency: Agency) -> Drop:
    """What stands for a quantity and is no finite number: never guessed."""
    rows = goods(rng, 2)
    name = pick(("demand_2026", "demand_2027", "stock", "contracted"), number_)
    rows[0][name] = nothing(pick(_NO_NUMBERS, number_))
    kind = pick(("xlsx", "csv", "ods"), number_ // 3)
    return _one_wrong(lay(rows, COLUMNS["ecb"][2]), kind, "L05")


@category(8)
def values_that_no_spreadsheet_stores(rng: Random, number_: int, agency: Agency) -> Drop:
    """In the place of a number: not a number, infinity, an error."""
    rows = goods(rng, 2)
    stored = ("NaN", "INF", "1e400", "-1e400")
    errors = ("#DIV/0!", "#N/A", "#REF!", "#VALUE!")
    found = [*map(handmade.Stored, stored), *(handmade.Stored(error, ' t="e"') for error in errors)]
    rows[0]["demand_2026"] = Cell(pick(found, number_), None)
    return _one_wrong(lay(rows, COLUMNS["ecb"][1]), "raw.xlsx", "L05")


@category(12)
def impossible_quantities(rng: Random, number_: int, agency: Agency) -> Drop:
    """Below zero, in pieces of pieces, beyond everything."""
    rows = goods(rng, 2)
    typed = pick(("-5", "1,5", "0,001", "999999999999999", "-0,5", "1.25"), number_)
    rows[0]["demand_2027"] = text(typed, Decimal(typed.replace(",", ".")))
    return _one_wrong(lay(rows, COLUMNS["ecb"][1]), pick(("xlsx", "csv"), number_), "L05")


@category(14)
def units_that_nobody_knows(rng: Random, number_: int, agency: Agency) -> Drop:
    """A unit that is none, and a pack that does not say how much is in it."""
    rows = goods(rng, 2)
    rows[0]["unit"] = pick(
        (
            nothing("ведро"),
            nothing("999"),
            nothing("?"),
            nothing("—"),
            nothing(),
            text("упак", "778"),
            text("набор", "704"),
        ),
        number_,
    )
    return _one_wrong(lay(rows, COLUMNS["ecb"][1]), pick(("xlsx", "csv"), number_), "L07")


@category(4)
def units_that_contradict_the_heading(rng: Random, number_: int, agency: Agency) -> Drop:
    """Thousands in the heading, pieces in the row."""
    rows = goods(rng, 2)
    rows[1]["unit"] = text("тыс. шт", "798")
    headings = {year: f"Потребность на {year[-4:]} год, тыс. шт" for year in YEARS}
    laid = lay(rows, COLUMNS["ecb"][0], headings=headings)
    return _one_wrong(laid, pick(("xlsx", "csv"), number_), "L07")


@category(14)
def codes_that_are_none(rng: Random, number_: int, agency: Agency) -> Drop:
    """OKPD2 that is malformed, or of no class."""
    rows = goods(rng, 2)
    rows[0]["okpd2_code"] = pick(
        (
            text("26.11.30.11"),
            text("микросхема"),
            nothing(),
            nothing("—"),
            text("26.11.99.999"),
            text("263"),
            text("26.11.3O"),
        ),
        number_,
    )
    return _one_wrong(lay(rows, COLUMNS["ecb"][1]), pick(("xlsx", "csv"), number_), "L03")


@category(16)
def hostile_codes(rng: Random, number_: int, agency: Agency) -> Drop:
    """SQL, templates and formulas where a code, a unit or a term is due: a finding, and no harm."""
    rows = goods(rng, 2, "battery")
    payload = pick([text_ for text_ in HOSTILE if "\\" not in text_], number_)
    for name in ("unit", "chemistry"):
        rows[0][name] = nothing(payload)
    rows[0]["okpd2_code"] = text(payload, "".join(payload.split()))
    kind = pick(("xlsx", "csv"), number_)
    return _one_wrong(lay(rows, COLUMNS["battery"][0]), kind, "L03", "L07", "L12", programme="battery")


@category(6)
def batteries_without_what_counts(rng: Random, number_: int, agency: Agency) -> Drop:
    """No chemistry, no voltage, no capacity."""
    rows = goods(rng, 2, "battery")
    rows[0][pick(("chemistry", "voltage_v", "capacity_ah"), number_)] = nothing(pick(("", "—"), number_ // 3))
    kind = pick(("xlsx", "csv"), number_)
    return _one_wrong(lay(rows, COLUMNS["battery"][1]), kind, "L12", programme="battery")


@category(4)
def lines_without_a_name(rng: Random, number_: int, agency: Agency) -> Drop:
    """A part number and quantities, and no name of the item."""
    rows = goods(rng, 2)
    rows[0]["item_name"] = nothing(pick(("", "—"), number_))
    return _one_wrong(lay(rows, COLUMNS["ecb"][1]), pick(("xlsx", "csv"), number_), "L01")


# The file is refused


@category(20)
def columns_that_are_missing(rng: Random, number_: int, agency: Agency) -> Drop:
    """A required column is not there, or has a heading that nobody knows."""
    programme = pick(("ecb", "battery"), number_)
    names = {"ecb": ("item_name", "component_class", "okpd2_code", "unit", "years")}
    names["battery"] = ("chemistry", "battery_use", "voltage_v", "capacity_ah", "years")
    gone = names[programme][number_ // 2 % 5]
    fields = COLUMNS[programme][1]
    if number_ % 3:
        fields = tuple(name for name in fields if name != gone and not (gone == "years" and name in YEARS))
        laid = form(rng, programme, fields=fields)
    else:
        others = {name: "Сведения" for name in fields if name == gone or (gone == "years" and name in YEARS)}
        laid = form(rng, programme, fields=fields, headings=others)
    name, content, _ = written(pick(("xlsx", "csv", "ods", "xls"), number_), laid)
    return refused(name, content, "F02", programme=programme)


@category(12)
def two_columns_for_one_field(rng: Random, number_: int, agency: Agency) -> Drop:
    """Two candidates for one field: which of them is meant cannot be known."""
    again = pick(("unit", "okpd2_code", "demand_2026", "demand_2027", "item_name", "stock"), number_)
    fields = [*COLUMNS["ecb"][1], "again"]
    heading: Any = HEADINGS[again]
    if again.startswith("demand") and number_ % 4 < 2:
        heading = f"План {again[-4:]}"
    rows = goods(rng, 2)
    for row in rows:
        row["again"] = row[again]
    name, content, _ = written(pick(("xlsx", "csv", "ods"), number_), lay(rows, fields, headings={"again": heading}))
    return refused(name, content, "F02")


@category(4)
def units_of_years_that_differ(rng: Random, number_: int, agency: Agency) -> Drop:
    """No column for the unit, and headings of years that name different ones."""
    fields = [name for name in COLUMNS["ecb"][0] if name != "unit"]
    headings = {"demand_2026": "Потребность на 2026 год, шт", "demand_2027": "Потребность на 2027 год, тыс. шт"}
    headings["demand_2028"] = "Потребность на 2028 год, шт"
    name, content, _ = written(pick(("xlsx", "csv"), number_), form(rng, fields=fields, headings=headings))
    return refused(name, content, "F02")


@category(10)
def no_table_at_all(rng: Random, number_: int, agency: Agency) -> Drop:
    """Letters, other tables, nothing but blank cells."""
    pages = (
        [["Уважаемые коллеги!"], ["Заявку пришлём позже."]],
        [["ФИО", "Должность", "Отдел"], ["Сотрудник", "инженер", "связи"]],
        [["Дата", "Приход", "Расход"], ["10.11.2026", 5, 7], ["11.11.2026", 5, 7]],
        [[" "]],
        [["1", "2", "3"], ["4", "5", "6"]],
    )
    name, content, _ = written(pick(("xlsx", "csv", "ods"), number_), Laid(Page(pick(pages, number_)), ()))
    return refused(name, content, "F02")


@category(6)
def headings_without_lines(rng: Random, number_: int, agency: Agency) -> Drop:
    """The form, and nothing in it."""
    kind = pick(("xlsx", "csv", "ods"), number_)
    name, content, _ = written(kind, lay([], COLUMNS["ecb"][number_ % 3], above=[["Заявка"]]))
    return refused(name, content, "F04")


@category(18)
def inns_that_are_wrong(rng: Random, number_: int, agency: Agency) -> Drop:
    """The sender's INN is no INN, another's, or what a spreadsheet made of it."""
    right = agency.inn
    wrong = (
        "7.7E+09", "7,7E+09", "7.70123E+09", "0000000000", right[:-1] + str((int(right[-1]) + 1) % 10), right + "1",
        Agency(agency.number + 50_000).inn, "77", 7.7e9,
    )  # fmt: skip
    typed = pick(wrong, number_)
    above = [["ИНН", typed], []] if number_ // 9 == 0 else [["Организация"], [f"ИНН: {typed}"]]
    name, content, _ = written(pick(("xlsx", "csv", "ods"), number_), form(rng, above=above))
    return refused(name, content, "F10")


@category(3)
def kpps_of_others(rng: Random, number_: int, agency: Agency) -> Drop:
    """The KPP of another branch."""
    name, content, _ = written(
        pick(("xlsx", "csv", "ods"), number_), form(rng, above=[["ИНН", agency.inn], ["КПП", "001299999"]])
    )
    return refused(name, content, "F07")


@category(10)
def another_survey_named(rng: Random, number_: int, agency: Agency) -> Drop:
    """The form says that it answers another survey than the folder."""
    titles: Mapping[str, tuple[list[list[Any]], ...]] = {
        "ecb": (
            [["Обследование", "battery-corpus"], []],
            [["Код обследования: battery-corpus"]],
            [["Батареи города для проверки чтения на 2026–2028 годы"], ["ИНН", agency.inn]],
        ),
        "battery": (
            [["Обследование:", "ecb-corpus"], []],
            [["Потребность города в изделиях для проверки чтения на 2026–2028 годы"]],
        ),
    }
    programme = pick(("ecb", "battery"), number_)
    laid = form(rng, programme, above=pick(titles[programme], number_ // 2))
    name, content, _ = written(pick(("xlsx", "csv", "raw.ods"), number_), laid)
    return refused(name, content, "F11", programme=programme)


@category(2)
def not_on_the_roster(rng: Random, number_: int, agency: Agency) -> Drop:
    """An agency that the survey does not ask."""
    name, content, _ = written(pick(("xlsx", "csv"), number_), form(rng))
    return replace(refused(name, content, "F07"), on_roster=False)


# The department must act


@category(4)
def misplaced(rng: Random, number_: int, agency: Agency) -> Drop:
    """Left in no agency's folder."""
    laid = form(rng)
    folder = pick(("", "ecb-corpus", f"ecb-corpus/{agency.code}/ещё", "'; drop table landing.receipt; --"), number_)
    name = f"{number_}.csv"
    return Drop(name, writers.delimited(laid.page), "quarantined", "misplaced", folder=folder, lines=())


@category(4)
def unknown_surveys(rng: Random, number_: int, agency: Agency) -> Drop:
    """A folder of no survey that we know."""
    survey = pick(("ecb-2099", "{{ 7 * 7 }}", "'); drop table core.submission; --", "=1+1"), number_)
    content = writers.delimited(form(rng).page)
    return Drop("a.csv", content, "quarantined", "unknown_survey", folder=f"{survey}/{agency.code}", lines=())


@category(8)
def unknown_agencies(rng: Random, number_: int, agency: Agency) -> Drop:
    """A folder of no agency that we know."""
    named = pick(
        ("никто", "{{ 7 * 7 }}", "'; drop table core.submission; --", "%s", "$(id)", "-", "x" * 200, "\n"), number_
    )
    laid = form(rng)
    return Drop("a.csv", writers.delimited(laid.page), "quarantined", "unknown_agency", folder=f"ecb-corpus/{named}")
