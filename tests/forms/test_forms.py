"""The fillable form: what it holds, and that a form filled by its own instructions is accepted without a warning."""

from __future__ import annotations

import csv
import io
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from include.city_order import answers, fillable_form, forms, references, suites, surveys
from include.city_order.fillable_form import FORM_SHEET, HELP_SHEET, LISTS_SHEET
from include.city_order.site import Site
from include.city_order.vocabulary import Severity, fields_of
from tests.intake.nights import REFERENCE, SURVEYS, collect, leave, select, site_of

SURVEY_CODES = ("ecb-2026", "battery-2026")
AGENCY = "gorsvet"


def book(survey_code: str, agency_code: str = "") -> Workbook:
    """The form as a person opens it."""
    content = forms.make(forms.find(SURVEYS, survey_code), REFERENCE, agency_code)
    return openpyxl.load_workbook(io.BytesIO(content))


def texts(sheet: Worksheet) -> list[list[Any]]:
    """The rows of a sheet without their blank cells."""
    return [[cell for cell in row if cell is not None] for row in sheet.iter_rows(values_only=True)]


def heading_row(sheet: Worksheet) -> int:
    """The row of the form's headings."""
    (row,) = (cell.row for cell in sheet["A"] if cell.value == "№ п/п")
    return row


def column_of(sheet: Worksheet, heading: str) -> int:
    """The column under a heading."""
    (column,) = (cell.column for cell in sheet[heading_row(sheet)] if cell.value == heading)
    return column


def examples(form: Workbook) -> dict[str, Any]:
    """The example line, by heading, as the instructions give it."""
    sheet = form[HELP_SHEET]
    (first,) = (cell.row for cell in sheet["A"] if cell.value == "Графа")
    found = {}
    for heading, _, example in sheet.iter_rows(min_row=first + 1, max_col=3, values_only=True):
        if heading is None or heading == "Что мы проверяем":
            break
        found[heading] = example
    return found


def lists(form: Workbook) -> dict[str, list[str]]:
    """What each drop-down list offers, by the heading of its column, as a program that shows it would find it."""
    sheet = form[FORM_SHEET]
    found = {}
    for validation in sheet.data_validations.dataValidation:
        if validation.type == "list":
            match = re.fullmatch(rf"'{LISTS_SHEET}'!\$A\$(\d+):\$A\$(\d+)", validation.formula1)
            assert match
            (cells,) = validation.sqref.ranges
            heading = sheet.cell(heading_row(sheet), cells.min_col).value
            found[heading] = [form[LISTS_SHEET].cell(row, 1).value for row in range(int(match[1]), int(match[2]) + 1)]
    return found


def fill(form: Workbook, *lines: dict[str, Any]) -> bytes:
    """The form with these lines, saved by another program than the one that made it."""
    sheet = form[FORM_SHEET]
    for row, line in enumerate(lines, start=heading_row(sheet) + 1):
        for heading, value in line.items():
            if value is not None:
                sheet.cell(row, column_of(sheet, heading), value)
    buffer = io.BytesIO()
    form.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("survey_code", SURVEY_CODES)
def test_the_same_survey_gives_the_same_bytes(survey_code: str):
    survey = forms.find(SURVEYS, survey_code)
    assert forms.make(survey, REFERENCE, AGENCY) == forms.make(survey, REFERENCE, AGENCY)
    assert forms.make(survey, REFERENCE, AGENCY) != forms.make(survey, REFERENCE)


def test_every_field_says_how_it_is_filled_in():
    for programme in ("ecb", "battery"):
        assert {field.name for field in fields_of(programme)} <= set(fillable_form.GUIDANCE)


@pytest.mark.parametrize("survey_code", SURVEY_CODES)
def test_it_asks_for_all_that_is_read(survey_code: str):
    form, survey = book(survey_code), forms.find(SURVEYS, survey_code)
    assert form.sheetnames == [FORM_SHEET, HELP_SHEET, LISTS_SHEET]
    assert {sheet.sheet_state for sheet in form} == {"visible"}
    sheet = form[FORM_SHEET]
    headings = [cell.value for cell in sheet[heading_row(sheet)]]
    asked = {field.heading for field in fields_of(survey.programme)}
    assert set(headings) == asked | {f"Потребность на {year} год" for year in survey.horizon}
    assert len(headings) == len(set(headings))
    assert list(examples(form)) == headings
    above = texts(sheet)[: heading_row(sheet) - 1]
    assert [survey.title] in above
    assert ["Код обследования", survey_code] in above


def test_the_form_of_an_agency_names_it():
    with (REFERENCE / "agencies.csv").open(encoding="utf-8") as file:
        (agency,) = (row for row in csv.DictReader(file) if row["agency_code"] == AGENCY)
    above = texts(book("ecb-2026", AGENCY)[FORM_SHEET])
    assert [["Организация", agency["name"]], ["ИНН", agency["inn"]], ["КПП", agency["kpp"]]] == above[2:5]
    assert agency["inn"][0] == "0", "a zero in front is what a number would lose"


def test_an_agency_that_was_renamed_has_the_name_of_the_surveys_day():
    assert references.agency_on(REFERENCE, "dep-it", date(2026, 6, 30))["name"].startswith("Департамент информационных")
    assert references.agency_on(REFERENCE, "dep-it", date(2026, 7, 1))["name"].startswith("Департамент цифрового")
    assert references.agency_on(REFERENCE, "dep-it", date(1999, 1, 1))["name"].startswith("Департамент цифрового")
    with pytest.raises(references.ReferenceError, match=r"has no agency dep-itt: add it"):
        references.agency_on(REFERENCE, "dep-itt", date(2026, 7, 1))


@pytest.mark.parametrize(
    ("survey_code", "with_lists"),
    [
        ("ecb-2026", {"Вид изделия", "Код ОКПД2", "Единица измерения", "Вид потребности"}),
        ("battery-2026", {"Код ОКПД2", "Единица измерения", "Вид потребности", "Тип (химия)", "Назначение"}),
    ],
)
def test_lists_offer_what_the_night_understands(survey_code: str, with_lists: set[str]):
    found, survey = lists(book(survey_code)), forms.find(SURVEYS, survey_code)
    assert set(found) == with_lists
    assert all(values and len(values) == len(set(values)) for values in found.values())
    assert {"шт", "тыс. шт", "упак"} <= set(found["Единица измерения"])
    # Accepted, and then left out of the order: better not offered.
    assert not {"ед", "изд", "А·ч"} & set(found["Единица измерения"])
    assert all(code.startswith(tuple(survey.okpd2)) for code in found["Код ОКПД2"])
    assert "26.11.22.900" not in found["Код ОКПД2"], "a code that ended before the survey's day"


@pytest.mark.parametrize("survey_code", SURVEY_CODES)
def test_cells_take_what_their_rules_accept(survey_code: str):
    form = book(survey_code)
    sheet = form[FORM_SHEET]
    first = heading_row(sheet) + 1
    checks = {}
    for validation in sheet.data_validations.dataValidation:
        (cells,) = validation.sqref.ranges
        assert (cells.min_row, cells.max_row - cells.min_row + 1) == (first, fillable_form.LINES)
        checks[sheet.cell(first - 1, cells.min_col).value] = validation
        assert validation.prompt and len(validation.prompt) <= 255 and len(validation.promptTitle) <= 32
        assert len(validation.error or "") <= 255
    assert set(checks) == {cell.value for cell in sheet[first - 1]}
    quantity = checks["Потребность на 2026 год"]
    assert (quantity.type, quantity.formula1, quantity.formula2) == ("decimal", "0", "999999999999")
    assert quantity.error.startswith("Число не удалось понять однозначно.")
    assert checks["Единица измерения"].showErrorMessage
    assert not checks["Код ОКПД2"].showErrorMessage, "another code is a matter of the rules"
    # A part number must not become a date, nor a code a number.
    for heading in ("Код ОКПД2", "Наименование изделия", *(["Обозначение"] if survey_code == "ecb-2026" else [])):
        letter = sheet.cell(1, column_of(sheet, heading)).column_letter
        assert form[FORM_SHEET].column_dimensions[letter].number_format == "@"
    if survey_code == "battery-2026":
        cell = sheet.cell(first, column_of(sheet, "Напряжение, В")).coordinate
        assert checks["Напряжение, В"].formula1 == f"AND(ISNUMBER({cell}),{cell}>0,{cell}<=1500)"


@pytest.mark.parametrize("survey_code", SURVEY_CODES)
def test_it_says_beforehand_every_sentence_of_a_check(survey_code: str):
    survey = forms.find(SURVEYS, survey_code)
    told = {row[1]: row[2] for row in texts(book(survey_code)[HELP_SHEET]) if len(row) == 3}
    rules = [
        (rule, suite)
        for suite in suites.in_force(suites.load(), survey.programme, survey.rules_as_of, survey.thresholds)
        for rule in suite.rules
        if suite.stage in suites.STAGES
    ]
    assert len(rules) > 15
    for rule, suite in rules:
        of = "Строку" if suite.of_lines else "Файл"
        stops = rule.severity is Severity.ERROR
        assert told[rule.sentence] == (f"{of} не примем" if stops else "Примем с замечанием"), rule.rule_id


# The night


@pytest.fixture
def site(warehouse: Any, tmp_path: Path) -> Site:
    return site_of(warehouse.ingest, tmp_path)


def ended(site: Site) -> list[tuple[str, int, list[str]]]:
    """Verdict, lines accepted, and what was said, of every receipt."""
    numbers = [row["receipt_no"] for row in select(site, "select receipt_no from landing.receipt order by 1")]
    return [
        (facts.verdict, facts.lines_accepted, [f"{finding.rule_id} {finding.message}" for finding in facts.findings])
        for facts in answers.facts(site.warehouse, numbers)
    ]


@pytest.mark.slow
@pytest.mark.warehouse
@pytest.mark.parametrize("agency_code", ["", AGENCY])
@pytest.mark.parametrize("survey_code", SURVEY_CODES)
def test_filled_by_its_own_instructions_it_is_accepted_without_a_warning(
    site: Site, survey_code: str, agency_code: str
):
    form = book(survey_code, agency_code)
    line = examples(form)
    leave(site, f"{survey_code}/{AGENCY}/форма.xlsx", fill(form, line))
    collect(site)
    assert ended(site) == [("accepted", 1, [])]
    (loaded,) = select(site, "select * from core.demand_line")
    assert (loaded["demand_2026"], loaded["demand_2030"], loaded["stock"]) == (20, 60, 10)
    assert loaded["amount_rub"] == loaded["unit_price_rub"] * (20 + 30 + 40 + 50 + 60)
    assert loaded["cleaned_by"].keys() <= {"unit", "need_kind", "chemistry", "battery_use"}


@pytest.mark.slow
@pytest.mark.warehouse
@pytest.mark.parametrize("survey_code", SURVEY_CODES)
def test_whatever_is_chosen_from_its_lists_is_accepted_without_a_warning(site: Site, survey_code: str):
    form = book(survey_code, AGENCY)
    line = examples(form)
    lines = []
    for heading, values in lists(form).items():
        if heading in ("Код ОКПД2", "Тип (химия)") and survey_code == "battery-2026":
            continue  # A chemistry, its code and its voltage belong together: see below.
        lines += [{**line, heading: value, "Количество в упаковке": 10} for value in values]
    if survey_code == "battery-2026":
        lines += [{**line, **together} for together in chemistries(lists(form)["Тип (химия)"])]
    lines = [
        {**each, "№ п/п": number, "Наименование изделия": f"{each['Наименование изделия']} {number}",
         "Обозначение" if survey_code == "ecb-2026" else "Примечание": f"АБВ{number}Г"}
        for number, each in enumerate(lines, start=1)
    ]  # fmt: skip
    assert len(lines) > 30
    leave(site, f"{survey_code}/{AGENCY}/форма.xlsx", fill(form, *lines))
    collect(site)
    assert ended(site) == [("accepted", len(lines), [])]


def chemistries(offered: list[str]) -> list[dict[str, Any]]:
    """For each chemistry that is offered a voltage of its cells, and a code of its own."""
    with (REFERENCE / "chemistries.csv").open(encoding="utf-8") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    codes = {row.value for row in references.choices(REFERENCE, forms.find(SURVEYS, "battery-2026"))["okpd2_code"]}
    found = []
    for name in offered:
        voltage = round(10 * float(rows[name]["cell_voltage_v"]), 2)
        prefixes = [prefix for prefix in rows[name].get("okpd2", "").split("|") if prefix]
        code = next((code for code in sorted(codes) for prefix in prefixes if code.startswith(prefix)), "27.20.23.190")
        found.append(
            {"Тип (химия)": name, "Напряжение, В": voltage, "Код ОКПД2": code,
             "Энергия, кВт·ч": round(voltage * 100 / 1000, 4)}
        )  # fmt: skip
    return found


@pytest.mark.slow
@pytest.mark.warehouse
def test_an_empty_form_is_no_answer_and_the_words_for_no_need_are_one(site: Site):
    words = next(step for row in texts(book("ecb-2026")[HELP_SHEET]) for step in row if "отсутствует" in str(step))
    (said,) = re.findall(r"два слова: (.*)\.", words)
    leave(site, "ecb-2026/gorsvet/пустая.xlsx", fill(book("ecb-2026")))
    leave(site, "ecb-2026/video-watch/нет.xlsx", fill(book("ecb-2026"), {"Наименование изделия": said}))
    collect(site)
    (empty, nil) = ended(site)
    assert (empty[0], [finding[:3] for finding in empty[2]]) == ("rejected", ["F04"])
    assert nil == ("accepted", 0, [])


# The outbox


@pytest.fixture
def open_site(tmp_path: Path) -> Site:
    """Without a warehouse: forms are made from files."""
    shutil.copytree(SURVEYS, tmp_path / "surveys")
    return site_of("no warehouse", tmp_path, surveys=tmp_path / "surveys")


def lying(site: Site) -> dict[str, int]:
    """The forms in the outbox, and when each was written."""
    return {
        path.relative_to(site.outbox).as_posix(): path.stat().st_mtime_ns
        for path in site.outbox.rglob("*")
        if path.is_file()
    }


def test_a_form_lies_in_the_outbox_while_its_survey_is_open(open_site: Site):
    opens, closes = date(2026, 10, 1), date(2026, 11, 12)
    assert forms.publish(open_site, date(2026, 9, 30)) == []
    assert lying(open_site) == {}
    assert sorted(forms.publish(open_site, opens)) == ["battery-2026", "ecb-2026"]
    first = lying(open_site)
    assert set(first) == {"ecb-2026/ecb-2026-form.xlsx", "battery-2026/battery-2026-form.xlsx"}
    assert forms.publish(open_site, closes) == []
    assert forms.publish(open_site, date(2026, 11, 13)) == []
    assert lying(open_site) == first


def test_a_form_is_written_again_only_if_it_changed_or_is_gone(open_site: Site):
    today = date(2026, 10, 15)
    forms.publish(open_site, today)
    first = lying(open_site)
    path = open_site.surveys / "ecb-2026.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("closes: 2026-11-12", "closes: 2026-11-20"), "utf-8")
    assert forms.publish(open_site, today) == ["ecb-2026"]
    second = lying(open_site)
    assert {name for name in first if second[name] != first[name]} == {"ecb-2026/ecb-2026-form.xlsx"}
    form = openpyxl.load_workbook(open_site.outbox / "ecb-2026/ecb-2026-form.xlsx")
    assert any("20 ноября 2026 года" in str(cell.value) for row in form[FORM_SHEET] for cell in row)
    (open_site.outbox / "battery-2026/battery-2026-form.xlsx").unlink()
    assert forms.publish(open_site, today) == ["battery-2026"]


def test_a_slip_in_a_code_is_answered_with_what_may_be_meant():
    with pytest.raises(forms.Unknown, match=r"no survey ecb-2062: did you mean ecb-2026"):
        forms.find(SURVEYS, "ecb-2062")
    with pytest.raises(forms.Unknown, match=r"no survey чужой: known are battery-2026, ecb-2026"):
        forms.find(SURVEYS, "чужой")
    survey = forms.find(SURVEYS, "ecb-2026")
    with pytest.raises(forms.Unknown, match=r"gorsvett is not on the roster of ecb-2026: did you mean gorsvet"):
        forms.make(survey, REFERENCE, "gorsvett")


def test_a_survey_of_other_goods_has_an_example_of_its_own(tmp_path: Path):
    text = (SURVEYS / "ecb-2026.yaml").read_text(encoding="utf-8").replace("ecb-2026", "ecb-2030")
    text = re.sub(r"okpd2: \[.*\]", 'okpd2: ["27.33.1"]', text)
    (tmp_path / "ecb-2030.yaml").write_text(text, encoding="utf-8")
    survey = surveys.load(tmp_path)["ecb-2030"]
    laid = fillable_form.columns(survey, references.choices(REFERENCE, survey))
    example = {column.field: str(column.example) for column in laid}
    assert example["okpd2_code"].startswith("27.33.1")
