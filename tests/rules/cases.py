"""For each rule a good answer that breaks nothing, and the smallest change of it that breaks that rule alone.

The good answer lies as near to the bad one as the rule lets it: 23:59:59 is in time, 00:00:00 is late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from include.city_order.vocabulary import MOSCOW

#: The last second of the closing day.
CLOSES = datetime(2021, 11, 12, 23, 59, 59, tzinfo=MOSCOW)

Line = dict[str, str]

#: The forms of the cases: their fields, from column A on, and the headings over them.
HEADINGS: dict[str, dict[str, str]] = {
    "ecb": {
        "line_no": "№ п/п",
        "item_name": "Наименование изделия",
        "component_class": "Вид изделия",
        "part_number": "Обозначение",
        "okpd2_code": "Код ОКПД2",
        "unit": "Единица измерения",
        "pack_size": "Количество в упаковке",
        "demand_2026": "Потребность на 2026 год",
        "demand_2027": "Потребность на 2027 год",
        "stock": "Остаток на складе",
        "unit_price_rub": "Цена за единицу, руб.",
        "used_in": "Где применяется",
    },
    "battery": {
        "line_no": "№ п/п",
        "item_name": "Наименование изделия",
        "chemistry": "Тип (химия)",
        "battery_use": "Назначение",
        "voltage_v": "Напряжение, В",
        "capacity_ah": "Ёмкость, А·ч",
        "okpd2_code": "Код ОКПД2",
        "unit": "Единица измерения",
        "demand_2026": "Потребность на 2026 год",
        "demand_2027": "Потребность на 2027 год",
    },
}

LINES: dict[str, Line] = {
    "ecb": {
        "line_no": "1",
        "item_name": "Микроконтроллер",
        "component_class": "Микросхема",
        "part_number": "К1986ВЕ92QI",
        "okpd2_code": "26.11.30.110",
        "unit": "шт",
        "demand_2026": "10",
        "demand_2027": "20",
    },
    "battery": {
        "line_no": "1",
        "item_name": "Батарея тяговая",
        "chemistry": "LFP",
        "battery_use": "Электробус",
        "voltage_v": "51,2",
        "capacity_ah": "100",
        "okpd2_code": "27.20.23.130",
        "unit": "шт",
        "demand_2026": "10",
        "demand_2027": "20",
    },
}

_WARNED = "accepted_with_warnings"
#: The sheet of a case.
FORM = "Форма"

#: Rows of a case's sheet, counted from 1: INN and KPP, a blank one, the headings, the lines.
HEADING_ROW = 4
FIRST_LINE, SECOND_LINE = 5, 6


class Agency(NamedTuple):
    """A fictional agency with a valid INN of the unassigned region 00."""

    number: int

    @property
    def code(self) -> str:
        return f"agency-{self.number:03d}"

    @property
    def inn(self) -> str:
        digits = f"00{self.number + 1_000_000:07d}"
        weighed = zip((2, 4, 10, 3, 5, 9, 4, 6, 8), digits, strict=True)
        return digits + str(sum(weight * int(digit) for weight, digit in weighed) % 11 % 10)

    @property
    def inn_without_zero(self) -> str:
        return self.inn.removeprefix("0")

    @property
    def kpp(self) -> str:
        return f"0012{self.number:05d}"


@dataclass(frozen=True)
class Answer:
    """What an agency sends. `inn` and `kpp` are typed for its own; `columns` adds or (None) removes headings.

    `named` is the survey that the form names, in row 3; `below` are rows under the lines that are none. `change` is
    done to the workbook and its sheet last, with so many `lines_added`, and `parts` are put into its archive. `raw` are
    bytes in place of a form, `rows_only` rows in place of one. `copies` are left one second apart.
    """

    lines: tuple[Mapping[str, str], ...] = ({},)
    inn: str | None = None
    kpp: str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    twice: str = ""
    named: str = ""
    below: tuple[Mapping[str, str], ...] = ()
    change: Callable[[Workbook, Worksheet], Any] | None = None
    lines_added: int = 0
    parts: Mapping[str, bytes] = field(default_factory=dict)
    raw: bytes = b""
    rows_only: tuple[tuple[str, ...], ...] = ()
    copies: int = 1
    left_at: datetime = CLOSES - timedelta(days=1)
    on_roster: bool = True

    def headings(self, programme: str) -> dict[str, str]:
        laid = {**HEADINGS[programme], **self.columns}
        return {name: heading for name, heading in laid.items() if heading is not None}

    def rows(self, programme: str, agency: Agency) -> list[list[str]]:
        if self.rows_only:
            return [list(row) for row in self.rows_only]
        headings = self.headings(programme)
        again = [headings[self.twice]] if self.twice else []
        return [
            ["ИНН", (self.inn or agency.inn).format(agency=agency)],
            ["КПП", (self.kpp or agency.kpp).format(agency=agency)],
            ["Обследование", self.named] if self.named else [],
            [*headings.values(), *again],
            *([{**LINES[programme], **line}.get(name, "") for name in headings] for line in self.lines),
            *([row.get(name, "") for name in headings] for row in self.below),
        ]


@dataclass(frozen=True)
class Case:
    """A rule, told from others by its suite, field and notes; two answers; and where the bad one breaks it.

    `cell` is the finding's: a field's name and a row become the address; any other text is meant as it is, on the
    `sheet` that is said. `value` is what was typed there, `expected` what would be right, `meant` the finding's field
    where the rule leaves it open (`*`).
    """

    suite: str
    rule_id: str
    field: str
    notes: str
    verdict: str
    good: Answer
    bad: Answer
    cell: str | tuple[str, int] = ""
    sheet: str | None = None
    value: str = ""
    expected: str = ""
    meant: str = ""
    programme: str = "ecb"

    @property
    def place(self) -> str:
        """The finding's sheet: the form, if a cell of a line is meant; cells of the title block name it themselves."""
        if self.sheet is not None:
            return self.sheet
        return "" if isinstance(self.cell, str) else FORM

    @property
    def address(self) -> str:
        if isinstance(self.cell, str):
            return self.cell
        name, row = self.cell
        return "ABCDEFGHIJKLMNOP"[list(self.bad.headings(self.programme)).index(name)] + str(row)


def _line(
    suite: str, rule_id: str, name: str, notes: str, good: str, bad: str, verdict: str = "rejected", **rest
) -> Case:
    """A case of one cell: `good` and `bad` are typed into the column `name`, and nothing else differs.

    `also` is typed into both, under `columns` that both have beside those of the form.
    """
    also = rest.pop("also", {})
    columns = rest.pop("columns", {})
    return Case(
        suite,
        rule_id,
        rest.pop("field", name),
        notes,
        verdict,
        Answer(lines=({**also, name: good},), columns=columns),
        Answer(lines=({**also, name: bad},), columns=columns),
        cell=rest.pop("cell", (name, FIRST_LINE)),
        value=bad,
        meant=name,
        **rest,
    )


_SUMS_AND_2031 = {"demand_2031": "Потребность на 2031 год", "amount_rub": "Сумма, руб."}
_SUM = {"unit_price_rub": "100", "amount_rub": "3000"}
_NULL_TWIN = 'A blank passes "between": this is its twin.'
_LEAD_CODE = "27.20.22.000"
_FRACTION = "Fractional pieces; half a thousand is five hundred pieces, and right."

_THOUSANDS = {f"demand_{year}": f"Потребность на {year} год, тыс. шт" for year in (2026, 2027)}
#: A row with two filled cells that is neither a line nor anything else that forms hold.
_OF_NO_KIND = {"stock": "5", "used_in": "Светофор"}


def _distinct(number: int) -> tuple[Line, ...]:
    """So many lines, none of which repeats another."""
    return tuple({"used_in": f"Светофор {which}"} for which in range(number))


def _beside_a_hidden_sheet(book: Workbook, sheet: Worksheet) -> None:
    """A second sheet with a table of its own, hidden."""
    hidden = book.add_worksheet("Старое")
    hidden.write_row(0, 0, [*HEADINGS["ecb"].values()])
    hidden.write_row(1, 0, [{**LINES["ecb"], "used_in": "Светофор"}.get(name, "") for name in HEADINGS["ecb"]])
    hidden.hide()


def _notice(
    notes: str,
    change: Callable[[Workbook, Worksheet], Any] | None,
    cell: str,
    *,
    sheet: str = FORM,
    **rest: Any,
) -> Case:
    """A case of a fact about the file itself."""
    told = Answer(change=change, **rest)
    return Case("notice", "F05", "", notes, _WARNED, Answer(), told, cell=cell, sheet=sheet)


CASES: tuple[Case, ...] = (
    # file.json
    Case("file", "F01", "", "Unreadable, encrypted, or over the limits.", "rejected",
         Answer(), Answer(raw=b"%PDF-1.7\n1 0 obj\n"), value="pdf"),
    Case("file", "F02", "", "No table whose headings we know: said once, not once for each required heading.",
         "rejected",
         Answer(rows_only=(("Потребность отсутствует",),)), Answer(rows_only=(("Потребность уточняется",),))),
    Case("file", "F04", "", "No lines, and no word that there is no need.", "rejected",
         Answer(lines=(dict.fromkeys(LINES["ecb"], "") | {"item_name": "Потребность отсутствует"},)),
         Answer(lines=())),
    Case("file", "F07", "", "The folder's agency is not on the survey's roster.", "rejected",
         Answer(), Answer(on_roster=False)),
    Case("file", "F07", "sender_kpp",
         "Branches share an INN, so the KPP decides whose answer it is. Where the INN itself is wrong, F10 says so.",
         "rejected", Answer(kpp="{agency.kpp}"), Answer(kpp="001299999"), cell=f"{FORM}!B2", value="001299999",
         expected="{agency.kpp}"),
    Case("file", "F08", "", "Received after 23:59:59 Moscow time of the closing date.", _WARNED,
         Answer(left_at=CLOSES), Answer(left_at=CLOSES + timedelta(seconds=1))),
    Case("file", "F10", "sender_inn", "Wrong length, only zeros, or a wrong check digit.", "rejected",
         Answer(), Answer(inn="0010000001"), cell=f"{FORM}!B1", value="0010000001", expected="{agency.inn}"),
    Case("file", "F10", "sender_inn", "A right INN, but not the folder's agency.", "rejected",
         Answer(), Answer(inn=Agency(0).inn), cell=f"{FORM}!B1", value=Agency(0).inn, expected="{agency.inn}"),
    Case("file", "F10", "sender_inn", "Nine digits: with a zero before them they are the agency's INN.", _WARNED,
         Answer(), Answer(inn="{agency.inn_without_zero}"), cell=f"{FORM}!B1",
         value="{agency.inn_without_zero}", expected="{agency.inn}"),
    Case("file", "F10", "sender_inn", "An INN that was stored as a number and shown in powers of ten.", "rejected",
         Answer(), Answer(inn="7,7E+09"), cell=f"{FORM}!B1", value="7,7E+09", expected="{agency.inn}"),
    Case("file", "F11", "sender_survey",
         "The form names another survey than its folder. What it lacks of this one's is not told beside it.",
         "rejected",
         Answer(named="ecb-rules"), Answer(named="battery-rules", columns={"component_class": None}),
         cell=f"{FORM}!B3", value="battery-rules", expected="Опрос для проверки правил: ecb"),
    Case("file", "F09", "", "Rows that are of no known kind are not counted.", _WARNED,
         Answer(lines=_distinct(19), below=(_OF_NO_KIND,)), Answer(lines=_distinct(18), below=(_OF_NO_KIND,))),
    # notice.json
    _notice("A hidden sheet holds a table: read, and told.", _beside_a_hidden_sheet, "", sheet="Старое",
            lines_added=1),
    _notice("A hidden row holds data: read, and told.",
            lambda book, sheet: sheet.set_row(FIRST_LINE - 1, None, None, {"hidden": True}), f"A{FIRST_LINE}"),
    _notice("A hidden column holds data: read, and told.",
            lambda book, sheet: sheet.set_column("D:D", None, None, {"hidden": True}), "D4"),
    _notice("A formula whose result was never stored reads as blank.",
            lambda book, sheet: sheet.write_formula("J5", "=1+1", None, ""), "J5"),
    _notice("Macros are never run.", None, "", sheet="", parts={"xl/vbaProject.bin": b"macros"}),
    _notice("What links to other files shows what it showed last; whether that is true only the agency knows.",
            None, "", sheet="", parts={"xl/externalLinks/externalLink1.xml": b"<externalLink/>"}),
    # heading.json
    Case("heading", "F02", "*", "A required field maps to no column.", "rejected",
         Answer(columns={"used_in": None}), Answer(columns={"component_class": None}), meant="component_class"),
    Case("heading", "F02", "*", "A field, or a year, maps to more than one column.", "rejected",
         Answer(), Answer(twice="stock"), cell=f"{FORM}!J4, {FORM}!M4", meant="stock"),
    # line.json
    _line("line", "L03", "okpd2_code", "Blank or malformed.", "26.11.30.110", "26.11.30.11"),
    _line("line", "L03", "okpd2_code", "Of a class that we hold, and not in it as of the survey's date.",
          "26.11.22.390", "26.11.22.900"),
    _line("line", "L04", "okpd2_code",
          "Well formed, but outside the programme's set, or of a class that we do not hold.",
          "26.11.30", "27.12.24.110", _WARNED),
    Case("line", "L06", "item_name", "All years blank or zero: counts zero.", _WARNED,
         Answer(lines=({"demand_2026": "0", "demand_2027": "1"},)),
         Answer(lines=({"demand_2026": "0", "demand_2027": "—"},)),
         cell=("item_name", FIRST_LINE), value="Микроконтроллер"),
    _line("line", "L01", "item_name", "A line that does not say what is wanted.", "Микроконтроллер", ""),
    _line("line", "L07", "unit", "Unit not resolved.", "796", "ведро"),
    _line("line", "L07", "unit",
          "The headings of the quantities name another unit than the line.",
          "798", "шт", columns=_THOUSANDS),
    _line("line", "L09", "amount_rub",
          "The stated sum differs from price × all quantities, where all of them are understood.",
          "3015", "3015,08", _WARNED, columns={"amount_rub": "Сумма, руб."},
          also={"unit_price_rub": "100"}, expected="3000"),
    Case("line", "L07", "pack_size", "A pack, set or reel without a size.", "rejected",
         Answer(lines=({"unit": "упак", "pack_size": "25"},)), Answer(lines=({"unit": "упак"},)),
         cell=("pack_size", FIRST_LINE)),
    # quantity.json
    _line("quantity", "L05", "demand_2026", "Something was typed, and it is not a finite number.",
          "1 000", "по мере необходимости", field="*"),
    _line("quantity", "L05", "stock",
          "Negative, or beyond any plausible size; NaN sorts above all numbers, so it fails here too.",
          "0", "-1", field="*"),
    _line("quantity", "L05", "demand_2027", _FRACTION, "0,5", "0,0005", field="*", also={"unit": "тыс. шт"}),
    Case("quantity", "L08", "*", "Left out of the order, and listed as an exclusion.", _WARNED,
         # Their sum is right without that year: L09 has nothing to tell.
         Answer(columns=_SUMS_AND_2031, lines=(_SUM,)),
         Answer(columns=_SUMS_AND_2031, lines=(_SUM | {"demand_2031": "7"},)),
         cell=("demand_2031", FIRST_LINE), value="7", meant="demand_2031"),
    # ecb_line.json
    _line("ecb_line", "L02", "component_class",
          "A required column, and nothing in it: the line counts without a class.", "Микросхема", "", _WARNED),
    _line("ecb_line", "L10", "part_number",
          "Only a generic name, no part number. Where a date stands in its place, L16 says so.",
          "К1986ВЕ92QI", "", _WARNED),
    _line("ecb_line", "L11", "part_number", "The spelling differs from every known one of the same matching key.",
          "MDR32F9Q2I", "К 1986-BE92QI", _WARNED, expected="К1986ВЕ92QI"),
    _line("ecb_line", "L16", "part_number", "A part number that a spreadsheet turned into a date: never guessed.",
          "10.01-2", "10.янв", _WARNED),
    # total.json
    Case("total", "F06", "*",
         "A stated total is none of the sums that it may be: the sheet so far, a section, the sheet, the file.",
         _WARNED,
         Answer(below=({"item_name": "Итого", "demand_2026": "10,5", "demand_2027": "20"},)),
         Answer(below=({"item_name": "Итого", "demand_2026": "10,6", "demand_2027": "20"},)),
         cell=("demand_2026", SECOND_LINE), value="10,6", expected="10", meant="demand_2026"),
    # battery_line.json
    _line("battery_line", "L02", "battery_use",
          "What the battery is for is part of what it is: unknown uses are a product of their own.",
          "ИБП", "скорая помощь", _WARNED, programme="battery"),
    _line("battery_line", "L12", "chemistry", "A battery without a chemistry cannot be ordered.",
          "свинцово-кислотная", "хорошая", programme="battery", also={"okpd2_code": _LEAD_CODE, "voltage_v": "12"}),
    _line("battery_line", "L12", "voltage_v", _NULL_TWIN, "12,8", "", programme="battery"),
    _line("battery_line", "L12", "voltage_v",
          "A battery without a voltage cannot be ordered; 1500 V is the upper end of low-voltage direct current.",
          "1500", "1501", programme="battery"),
    _line("battery_line", "L12", "capacity_ah", _NULL_TWIN, "7,2", "", programme="battery"),
    _line("battery_line", "L12", "capacity_ah", "A battery without a capacity cannot be ordered.",
          "0,1", "0", programme="battery"),
    _line("battery_line", "L13", "energy_kwh",
          "Stated energy of one battery against V × Ah / 1000; the computed one counts.",
          "5,376", "5,38", _WARNED, programme="battery", columns={"energy_kwh": "Энергия, кВт·ч"}, expected="5,12"),
    _line("battery_line", "L14", "voltage_v", "The voltage is no whole number of cells of that chemistry.",
          "12,5", "12", _WARNED, programme="battery", expected="12,8"),
    _line("battery_line", "L15", "okpd2_code",
          "The code is in a class of other chemistries. A code that does not exist is L03's.",
          "27.20.23", "27.20.23.110", _WARNED, programme="battery"),
    # receipt.json
    Case("receipt", "F03", "",
         "The same content as the answer that stood: not loaded again. Known only when all receipts of an agency are "
         "settled, so load says it.", "duplicate", Answer(), Answer(copies=2)),
    # repeat.json
    Case("repeat", "D01", "item_name",
         "The same item, manufacturer, unit, use and kind of need, equal quantities: a duplicate line.", _WARNED,
         Answer(lines=({}, {"used_in": "Светофор"})), Answer(lines=({}, {"line_no": "2"})),
         cell=("item_name", SECOND_LINE), value="Микроконтроллер"),
    Case("repeat", "D01", "item_name", "The same item with other quantities: both count.", _WARNED,
         Answer(lines=({}, {"part_number": "К1986ВЕ1QI"})), Answer(lines=({}, {"demand_2027": "21"})),
         cell=("item_name", SECOND_LINE), value="Микроконтроллер"),
)  # fmt: skip


def agency_of(case: Case, which: str) -> Agency:
    """The agency that sends one answer of a case; `which` is `good` or `bad`."""
    return Agency(2 * CASES.index(case) + (which == "bad"))
