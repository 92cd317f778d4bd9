"""A release as files: every format says the same, and says it again with the same bytes."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import openpyxl
import pyarrow.parquet as pq
import pytest

from include.city_order import (
    archive,
    export_csv,
    export_page,
    export_parquet,
    export_workbook,
    exports,
    orders,
    publication,
    releases,
    warehouse,
)
from include.city_order.release_tables import (
    Chart,
    Column,
    Kind,
    ReleaseExport,
    Table,
    Tier,
    classes_chart,
    number,
    of_every_year,
    products_chart,
    years_chart,
)
from include.city_order.vocabulary import Programme
from tests.publication.test_publication import CHIPS, answer

HOSTILE = '=HYPERLINK("http://a.example","<script>alert(1)</script>")'

COLUMNS = (
    Column("product_name", "Наименование", Kind.STRING, "Как называется."),
    Column("part_number", "Обозначение", Kind.STRING, "Если есть.", required=False),
    Column("year", "Год", Kind.INTEGER, "Календарный год."),
    Column("gross_quantity", "Потребность", Kind.NUMBER, "В штуках."),
)
ROWS = (
    ("Микросхема", "К1986ВЕ92QI", 2026, Decimal("12345.50")),
    (HOSTILE, None, 2027, Decimal("1E+2")),
    ("-5 °C & <b>", "+7", 2027, Decimal("0.000000001")),
)
EXPORT = ReleaseExport(
    tier=Tier.PUBLISHED,
    survey_code="ecb-2026",
    survey_title="Потребность <в компонентах>",
    programme=Programme.ECB,
    release_id=12,
    published_at=datetime(2026, 11, 14, 22, 30, tzinfo=UTC),
    input_fingerprint="f" * 64,
    figures_sha256="a" * 64,
    code_version="0.1.0",
    roster_agencies=31,
    answered_agencies=22,
    certainties=((2026, "funded"), (2027, "planned")),
    money="цены с НДС",
    notes=("Примечание.",),
    tables=(Table("order_line", "Строки заказа", "Потребность.", COLUMNS, ("product_name", "year"), ROWS),),
    charts=(
        chart
        for chart in (
            classes_chart(
                [("26.11.30", 2026, Decimal(5)), ("26.11.21", 2027, Decimal(3))], "796", (2026, 2027), "Классы"
            ),
            products_chart([("1", HOSTILE, Decimal(7)), ("2", "Б", Decimal(9))], "Изделия"),
        )
        if chart
    ),  # type: ignore[arg-type]
)
EXPORT = replace(EXPORT, charts=tuple(EXPORT.charts))


def test_equal_exports_give_equal_bytes():
    assert exports.files(EXPORT) == exports.files(replace(EXPORT, notes=tuple(EXPORT.notes)))


def test_every_format_carries_release_fingerprint_vat_and_completeness():
    files = exports.files(EXPORT)
    said = ("12", "f" * 64, "цены с НДС", "ответили 22 из 31 организаций (71 %)")
    workbook = openpyxl.load_workbook(BytesIO(files["order.xlsx"]))
    told = {str(cell.value) for row in workbook["Сведения"].iter_rows() for cell in row}
    assert told >= set(said)
    page = files["order.html"].decode()
    assert all(fact in page for fact in said)
    package = json.loads(files["datapackage.json"])["city_order"]
    assert {str(value) for value in package.values()} >= set(said)
    metadata = pq.read_schema(BytesIO(files["order_line.parquet"])).metadata
    assert {value.decode() for value in metadata.values()} >= set(said)


def test_the_workbook_has_the_rows_charts_that_excel_draws_and_no_formula():
    content = export_workbook.render(EXPORT)
    workbook = openpyxl.load_workbook(BytesIO(content))
    sheet = workbook["Строки заказа"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == ("Наименование", "Обозначение", "Год", "Потребность")
    assert rows[1] == ("product_name", "part_number", "year", "gross_quantity")
    assert rows[2:] == [tuple(float(v) if isinstance(v, Decimal) else v for v in row) for row in ROWS]
    assert {cell.data_type for found in workbook for row in found.iter_rows() for cell in row} <= {"s", "n"}
    assert len(workbook["Графики"]._charts) == len(EXPORT.charts) == 2
    with ZipFile(BytesIO(content)) as parts:
        charts = [name for name in parts.namelist() if name.startswith("xl/charts/chart")]
        references = [
            element.text
            for name in charts
            for element in ElementTree.fromstring(parts.read(name)).iter()
            if element.tag.endswith("}f")
        ]
    assert len(charts) == 2
    assert references
    for reference in references:
        name, area = reference.split("!")
        assert any(cell.value is not None for row in _cells(workbook[name.strip("'")], area) for cell in row)


def _cells(sheet: Any, area: str) -> Any:
    found = sheet[area.replace("$", "")]
    return found if isinstance(found, tuple) else ((found,),)


def test_the_csv_is_what_its_description_says():
    files = export_csv.render(EXPORT)
    package = json.loads(files["datapackage.json"])
    assert package["profile"] == "tabular-data-package"
    assert re.fullmatch(r"[a-z0-9._-]+", package["name"])
    (resource,) = package["resources"]
    content = files[resource["path"]]
    assert (resource["bytes"], resource["hash"]) == (len(content), f"sha256:{hashlib.sha256(content).hexdigest()}")
    heading, *rows = csv.reader(StringIO(content.decode(resource["encoding"]), newline=""))
    fields = resource["schema"]["fields"]
    assert heading == [field["name"] for field in fields]
    assert set(resource["schema"]["primaryKey"]) <= set(heading)
    for row in rows:
        for field, text in zip(fields, row, strict=True):
            assert text or not field["constraints"]["required"]
            if text and field["type"] != "string":
                assert re.fullmatch(r"-?\d+" if field["type"] == "integer" else r"-?\d+(\.\d+)?", text)
    assert [row[3] for row in rows] == ["12345.5", "100", "0.000000001"]
    assert [row[0] for row in rows] == ["Микросхема", f"'{HOSTILE}", "'-5 °C & <b>"], "no cell is a formula"
    assert rows[2][1] == "'+7"


@pytest.mark.parametrize(
    ("typed", "written"),
    [("=1+1", "'=1+1"), ("  =1+1", "'  =1+1"), ("\xa0+7", "'\xa0+7"), ("＝1+1", "'＝1+1"), ("＠a", "'＠a"),
     ("\n-1", "'\n-1"), ("\ta", "'\ta"), ("'a", "''a"), ("a'", "a'"), ("a\n=1", "a\n=1"), ("К1986", "К1986")],
)  # fmt: skip
def test_no_cell_of_the_csv_begins_like_a_formula_and_one_apostrophe_less_is_the_text(typed: str, written: str):
    (table,) = EXPORT.tables
    export = replace(EXPORT, tables=(replace(table, rows=((typed, None, 2026, Decimal(-5)),)),))
    files = export_csv.render(export)
    _, row = csv.reader(StringIO(files["order_line.csv"].decode(), newline=""))
    assert row == [written, "", "2026", "-5"], "numbers stay numbers"
    assert row[0].removeprefix("'") == typed
    assert "уберите из начала один апостроф" in json.loads(files["datapackage.json"])["description"]


def test_parquet_has_exact_numbers_and_the_texts_as_they_are():
    table = pq.read_table(BytesIO(export_parquet.render(EXPORT)["order_line.parquet"]))
    assert table.to_pylist() == [dict(zip(table.column_names, row, strict=True)) for row in ROWS]
    assert not table.schema.field("year").nullable
    assert table.schema.field("part_number").nullable


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_whole_by_itself_and_runs_nothing():
    page = Page()
    source = export_page.render(EXPORT).decode()
    page.feed(source)
    names = [tag for tag, _ in page.tags]
    assert names.count("svg") == 2
    assert not {"script", "iframe", "img", "link", "object", "b"} & set(names)
    assert not [value for _, given in page.tags for name, value in given.items() if name in ("src", "href", "onload")]
    assert HOSTILE in page.text
    assert "@page" in source and "@media print" in source
    for drawn in re.findall(r"<svg.*?</svg>", source, re.DOTALL):
        ElementTree.fromstring(drawn)


def test_the_page_shows_the_first_rows_of_a_long_table_and_says_so():
    (table,) = EXPORT.tables
    long = replace(table, rows=tuple(("Изделие", None, 2026, Decimal(row)) for row in range(1000)))
    source = export_page.render(replace(EXPORT, tables=(long,))).decode()
    assert source.count("<td>Изделие</td>") == export_page.ROWS_SHOWN
    assert "из 1000; все строки — в файле order_line.csv" in source


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(Decimal("1234567.50"), None, "1\u00a0234\u00a0567,5"), (5, None, "5"), (Decimal("70.97"), 0, "71"),
     (Decimal("0"), None, "0"), (Decimal("1E+3"), None, "1\u00a0000")],
)  # fmt: skip
def test_numbers_are_written_as_in_russian(value: Decimal | int, places: int | None, text: str):
    assert number(value, places) == text


CODED = (
    Column("need_kind", "Вид потребности", Kind.STRING, "Зачем.",
           codes=(("operation", "Эксплуатация"), ("repair", "Ремонт & <замена>"))),
    Column("cause", "Причина изменения", Kind.STRING, "Почему.", required=False,
           codes=(("correction", "исправление"),)),
)  # fmt: skip


def test_the_codes_that_occur_are_explained_beside_the_facts_and_no_others():
    tables = (
        Table("order_line_by_need_kind", "По видам", "Виды.", CODED, ("need_kind",), (("repair", None),)),
        Table(
            "release_change", "Изменения", "Причины.", CODED, ("cause",), (("repair", "correction"), ("other", None))
        ),
    )
    export = replace(EXPORT, tables=tables)
    assert export.legend == (
        ("Вид потребности", "repair", "Ремонт & <замена>"), ("Причина изменения", "correction", "исправление"),
    )  # fmt: skip
    sheet = openpyxl.load_workbook(BytesIO(export_workbook.render(export)))["Сведения"]
    rows = [row[:2] for row in sheet.iter_rows(values_only=True)]
    start = rows.index(("Обозначения", None))
    assert rows[start + 1 : start + 4] == [
        ("Вид потребности", "repair — Ремонт & <замена>"), ("Причина изменения", "correction — исправление"),
        (None, None),
    ]  # fmt: skip
    page = export_page.render(export).decode()
    assert "<code>repair</code> — Ремонт &amp; &lt;замена&gt;" in page
    assert "Эксплуатация" not in page
    assert "Обозначения" not in export_page.render(EXPORT).decode()


def test_a_total_is_of_products_whose_every_year_is_told():
    def record(product: str, year: int, pieces: int | None) -> dict[str, Any]:
        return {"product_id": product, "year": year, "pieces": pieces}

    whole = [record("whole", 2026, 1), record("whole", 2027, 2)]
    lacking = [record("a year", 2027, 900), record("a figure", 2026, 900), record("a figure", 2027, None)]
    assert of_every_year([*lacking, *whole], ("product_id",), "pieces", (2026, 2027)) == whole
    assert of_every_year(lacking, ("product_id",), "pieces", (2026, 2027)) == []


def test_what_is_not_known_is_a_gap_and_what_nobody_asked_for_a_zero():
    lines = [("26.11.30", 2026, None), ("26.11.30", 2027, Decimal(5)), ("26.11.30", 2027, None)]
    chart = classes_chart(lines, "796", (2026, 2027, 2028), "Классы")
    assert chart
    assert [values for _, values in chart.series] == [(None,), (Decimal(5),), (Decimal(0),)]
    amounts = years_chart({2026: None, 2027: Decimal(3)}, (2026, 2027), "Суммы", "млн руб.")
    assert amounts
    export = replace(EXPORT, charts=(chart, amounts))
    page = export_page.render(export).decode()
    assert [told.count("<title>") for told in re.findall(r"<svg.*?</svg>", page, re.DOTALL)] == [2, 1]
    cells = openpyxl.load_workbook(BytesIO(export_workbook.render(export)))["Графики"]
    assert [[cell.value for cell in row] for row in cells["A3:D3"]] == [["26.11.30", None, 5, 0]]
    assert years_chart({2026: None}, (2026, 2027), "Суммы", "млн руб.") is None


def test_a_chart_of_products_tells_products_of_one_name_apart():
    lines = [
        ("1234567800000000", "АКБ", Decimal(5)), ("8765432100000000", "АКБ", Decimal(6)), ("3", "Реле", Decimal(9)),
        ("1234567800000000", "АКБ", Decimal(3)), ("3", "Реле РЭС", Decimal(2)),
    ]  # fmt: skip
    chart = products_chart(lines, "Изделия")
    assert chart
    assert chart.categories == ("Реле", "АКБ, код 12345678", "АКБ, код 87654321"), "spelt in two ways, it is one"
    assert chart.series == (("всего за все годы", (Decimal(11), Decimal(8), Decimal(6))),)


def test_the_page_shows_of_a_long_name_what_tells_it_from_others():
    name = "Батарея аккумуляторная свинцовая стационарная герметизированная"
    chart = products_chart([("1" * 16, name, Decimal(1)), ("2" * 16, name, Decimal(2))], "Изделия")
    assert chart
    page = export_page.render(replace(EXPORT, charts=(chart,))).decode()
    shown = re.findall(r"([^<>]+)<title>Батарея", page)
    assert len(set(shown)) == 2
    assert all(len(label) <= 44 for label in shown)


def test_without_years_nothing_is_drawn():
    """A release of before years were kept may have none."""
    lines = [("26.11.30", 2026, Decimal(5))]
    assert classes_chart(lines, "796", (), "Классы") is None
    assert years_chart({2026: Decimal(3)}, (), "Суммы", "млн руб.") is None
    assert of_every_year([{"product_id": "a", "year": 2026, "pieces": 1}], ("product_id",), "pieces", ()) == []
    page = export_page.render(replace(EXPORT, charts=(Chart("Пусто", "шт.", ("26.11.30",), ()),))).decode()
    assert "<svg" not in page and "Пусто" not in page


# From the warehouse


@pytest.fixture
def published(desk: Any) -> tuple[Any, int]:
    """A release in which one product is shown to everybody, and one is not."""
    for agency in "abc":
        answer(desk, agency, {("chip", 2026): 10, ("chip", 2027): 20})
    answer(desk, "d", {("secret", 2026): 7777})
    release_id = desk.publish()
    publication.disclose(desk.dsns.builder, "ecb-2026")
    return desk, release_id


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.warehouse
def test_both_tiers_are_written_once_and_again_with_the_same_bytes(published: tuple[Any, int], tmp_path: Path):
    desk, release_id = published
    written = exports.write(desk.dsns.builder, tmp_path, "ecb-2026")
    assert [str(folder.relative_to(tmp_path)) for folder in written] == [
        f"_orders/ecb-2026/{release_id}", f"_published/ecb-2026/{release_id}",
    ]  # fmt: skip
    before = [read(folder) for folder in written]
    assert exports.write(desk.dsns.builder, tmp_path, "ecb-2026") == []
    assert exports.write(desk.dsns.builder, tmp_path / "anew", "ecb-2026")
    anew = [read(tmp_path / "anew" / folder.relative_to(tmp_path)) for folder in written]
    assert anew == before
    assert not list(tmp_path.rglob(".*")), "nothing half-written is left"


@pytest.mark.warehouse
def test_the_published_files_tell_nothing_that_is_withheld(published: tuple[Any, int], tmp_path: Path):
    desk, _ = published
    internal, shown = (read(folder) for folder in exports.write(desk.dsns.builder, tmp_path, "ecb-2026"))
    assert b"7777" in internal["order_line.csv"]
    assert [line.split(",")[1:] for line in shown["order_line.csv"].decode().splitlines()[1:]] == [
        ["chip", "", "", "26.11.30.000.02.01.1", "796", str(year), "planned", str(quantity), "", "3", "1"]
        for year, quantity in ((2026, 30), (2027, 60))
    ]
    for name in ("order_line.csv", "class_line.csv", "order.html", "datapackage.json"):
        assert b"secret" not in shown[name] and b"7777" not in shown[name]
    workbook = openpyxl.load_workbook(BytesIO(shown["order.xlsx"]))
    assert not [
        cell for sheet in workbook for row in sheet.iter_rows() for cell in row if cell.value in ("secret", 7777)
    ]


def three_nights(desk: Any, outbox: Path) -> dict[Path, dict[str, bytes]]:
    """Three releases, each handed out in its night, the last folders first."""
    handed_out: list[Path] = []
    for pieces in (10, 11, 12):
        for agency in "abc":
            answer(desk, agency, {("chip", 2026): pieces, ("chip", 2027): 20})
        desk.publish()
        publication.disclose(desk.dsns.builder, "ecb-2026")
        handed_out = exports.write(desk.dsns.builder, outbox, "ecb-2026") + handed_out
    assert len(handed_out) == 6
    return {folder: read(folder) for folder in handed_out}


@pytest.mark.warehouse
def test_a_folder_whose_name_is_on_the_disk_has_its_files_there(
    published: tuple[Any, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A power cut leaves a folder whole, or none."""
    synced: list[tuple[str, set[str]]] = []
    monkeypatch.setattr(
        archive, "sync_folder", lambda folder: synced.append((folder.name, {path.name for path in folder.iterdir()}))
    )
    desk, release_id = published
    written = exports.write(desk.dsns.builder, tmp_path, "ecb-2026")
    assert [names for _, names in synced[::2]] == [set(read(folder)) for folder in written]
    assert synced[1::2] == [("ecb-2026", {str(release_id)})] * 2


@pytest.mark.warehouse
def test_the_folder_of_any_release_comes_back_with_the_same_bytes(desk: Any, tmp_path: Path):
    before = three_nights(desk, tmp_path)
    (newest, _), (middle, published_middle), (_, published_first) = zip(*[iter(before)] * 2, strict=True)
    lost = [newest, middle, published_middle, published_first]
    for folder in lost:
        shutil.rmtree(folder)
    assert exports.write(desk.dsns.builder, tmp_path, "ecb-2026") == lost, "the last release first"
    assert {folder: read(folder) for folder in before} == before


@pytest.mark.warehouse
def test_figures_are_read_only_of_folders_that_are_missing(desk: Any, tmp_path: Path, monkeypatch: Any):
    _, _, missing, *_ = three_nights(desk, tmp_path)
    shutil.rmtree(missing)
    read_of = []
    for tier in (exports.internal, exports.published):

        def watched(cursor: Any, release: Any, tier: Any = tier) -> ReleaseExport:
            read_of.append((tier.__name__, release["release_id"]))
            return tier(cursor, release)

        monkeypatch.setattr(exports, tier.__name__, watched)
    assert exports.write(desk.dsns.builder, tmp_path, "ecb-2026") == [missing]
    assert read_of == [("internal", int(missing.name))]


@pytest.mark.warehouse
def test_releases_that_nobody_was_shown_or_that_are_too_old_are_left_out(desk: Any, tmp_path: Path):
    *_, internal, published_first = three_nights(desk, tmp_path / "then")
    desk.execute("alter table city_order.release disable trigger user")
    desk.execute("update city_order.release set terms_sha256 = null where release_id = %s", int(internal.name))
    desk.execute("alter table city_order.release enable trigger user")
    answer(desk, "d", {("chip", 2026): 1})
    draft = desk.build()
    assert draft
    written = exports.write(desk.dsns.builder, tmp_path / "now", "ecb-2026")
    assert len(written) == 4
    assert not {str(draft), published_first.name} & {folder.name for folder in written}


@pytest.mark.warehouse
def test_notes_say_whether_figures_are_published_and_how_many_agencies_each_holds(desk: Any):
    for agency in "abcdefghi":
        desk.insert("reference.agency", agency_code=agency)
        desk.insert("reference.roster", survey_code="ecb-2026", agency_code=agency)
    desk.execute("update reference.survey set published_agencies = 4, published_largest_share = 0.65,"
                 " published_answered_share = 0.6")  # fmt: skip
    notes = []
    for agencies in ("abc", "defghi", "a"):
        for agency in agencies:
            answer(desk, agency, {("chip", 2026): 10 + len(notes)})
        desk.publish()
        publication.disclose(desk.dsns.builder, "ecb-2026")
        notes.append(" ".join(export_of(desk, Tier.PUBLISHED).notes))
        if len(notes) == 2:
            desk.execute("update reference.survey set published_agencies = 6")
    closed, opened, stricter = notes
    assert "Показателей в этом выпуске ещё нет" in closed and "не меньше 60 % опрошенных" in closed
    assert "сложены по классам" not in closed and "складывается" not in closed
    assert "их не меньше 4, и ни на одну не приходится больше 65 %" in opened
    assert "сложены по классам" in opened
    assert "их не меньше 4" in stricter, "what was let in with four still stands"


@pytest.mark.warehouse
def test_products_of_one_name_are_bars_of_their_own_in_both_tiers(desk: Any):
    every_year = {"okpd2_code": CHIPS, **{f"demand_{year}": 2 for year in range(2026, 2031)}}
    for agency in "abc":
        desk.submit(agency, [
            {"product": "one", "item_name": "Реле", **every_year},
            {"product": "other", "item_name": "Реле", **every_year, "demand_2026": 5},
        ])  # fmt: skip
    desk.publish()
    publication.disclose(desk.dsns.builder, "ecb-2026")
    for tier in Tier:
        products = next(chart for chart in export_of(desk, tier).charts if chart.horizontal)
        assert products.categories == tuple(f"Реле, код {desk.product_id(name)[:8]}" for name in ("other", "one"))
        assert products.series == (("всего за все годы", (Decimal(39), Decimal(30))),)


@pytest.mark.warehouse
def test_an_exclusion_is_called_as_its_product_is_everywhere_else(desk: Any):
    desk.submit("a", [
        {"product": "relay", "item_name": "Реле", "okpd2_code": CHIPS, "demand_2026": 5},
        {"product": "relay", "item_name": "Реле", "okpd2_code": CHIPS, "unit": "839", "demand_2026": 5},
        {"product": "relay", "item_name": "А. Реле", "okpd2_code": CHIPS, "unit": "839", "demand_2026": 6},
    ])  # fmt: skip
    desk.publish()
    tables = {table.name: list(table.records()) for table in export_of(desk, Tier.INTERNAL).tables}
    ((excluded),) = tables["exclusion"]
    assert (excluded["product_name"], excluded["quantity"], excluded["agencies"]) == ("Реле", 11, 1)
    assert {row["product_name"] for row in tables["order_line"]} == {"Реле"}


def first_night(desk: Any) -> None:
    for agency in "abc":
        answer(desk, agency, {("chip", 2026): 10, ("chip", 2027): 20})
    answer(desk, "depot", {("diode", 2026): 5})
    kit = {"product": "kit", "unit": "839", "demand_2026": 2}
    desk.submit("d", [kit, {"product": "pump", "demand_2026": 3, "unit_price_rub": 7, "need_kind": "repair"}])


def a_correction_and_a_repetition(desk: Any) -> None:
    answer(desk, "a", {("chip", 2026): 11})
    answer(desk, "office", {("diode", 2026): 5, ("relay", 2026): 1})


def withdrawals_and_newcomers(desk: Any) -> None:
    desk.withdraw("d")
    answer(desk, "depot", {("diode", 2026): 6})
    for agency in "efg":
        answer(desk, agency, {("chip", 2026): 9, ("relay", 2027): 4})


def another_day_of_the_references(desk: Any) -> None:
    """The order is built whole."""
    desk.execute("update reference.survey set reference_version = 'reference-2'")
    answer(desk, "d", {("pump", 2028): 8})


def export_of(desk: Any, tier: Tier) -> ReleaseExport:
    """The last release as the files have it."""
    with warehouse.transaction(desk.dsns.builder) as cursor:
        if tier is Tier.INTERNAL:
            release = releases.published(cursor, "ecb-2026")
            assert release
            return exports.internal(cursor, release)
        cursor.execute("select * from published.release order by release_id desc limit 1")
        return exports.published(cursor, warehouse.rows(cursor)[0])


@pytest.mark.warehouse
def test_charts_for_everybody_draw_only_what_is_published_for_every_year(desk: Any):
    """A product with one great year of five would be on top, and a class whose rest is withheld would seem to grow."""
    every_year = {f"demand_{year}": 2 for year in range(2026, 2031)}
    for agency in "abc":
        desk.submit(agency, [
            {"product": "whole", "okpd2_code": CHIPS, **every_year},
            {"product": "once", "okpd2_code": CHIPS, "demand_2026": 500},
            {"product": "diode", "okpd2_code": "26.11.21.110", **every_year, "demand_2030": 7},
            {"product": f"rest of {agency}", "okpd2_code": "26.11.21.110", **every_year},
        ])  # fmt: skip
    # The rest of the chips in one year is one agency's: their total of that year is withheld.
    desk.submit("d", [{"product": "secret", "okpd2_code": CHIPS, "demand_2027": 40}])
    desk.publish()
    publication.disclose(desk.dsns.builder, "ecb-2026")
    classes, products = export_of(desk, Tier.PUBLISHED).charts
    assert (classes.heading, classes.categories) == (
        "Опубликованная потребность по классам ОКПД2 (опубликованы все годы)", ("26.11.21",),
    )  # fmt: skip
    assert [values for _, values in classes.series] == [(Decimal(12),)] * 4 + [(Decimal(27),)]
    assert (products.heading, products.categories, products.series) == (
        "Изделия с наибольшей потребностью (опубликованы все годы)", ("diode", "whole"),
        (("всего за все годы", (Decimal(45), Decimal(30))),),
    )  # fmt: skip
    inside, *_ = export_of(desk, Tier.INTERNAL).charts
    assert dict(zip(inside.categories, inside.series[1][1], strict=True)) == {"26.11.30": 46, "26.11.21": 12}


@pytest.mark.warehouse
def test_nothing_is_drawn_for_everybody_if_no_year_is_whole(published: tuple[Any, int]):
    desk, _ = published
    export = export_of(desk, Tier.PUBLISHED)
    assert export.tables[0].rows
    assert export.charts == ()


@pytest.mark.warehouse
def test_changes_and_kinds_of_need_name_the_product_even_one_that_left_the_order(desk: Any):
    desk.insert("reference.manufacturer", manufacturer_code="severny", name="Северный", country="Россия",
                source="test", source_date="2026-01-01")  # fmt: skip
    desk.product("relay", matching_key="RES9", manufacturer_code="severny")
    relay = {"product": "relay", "okpd2_code": CHIPS, "part_number": "РЭС-9", "demand_2026": 7, "need_kind": "repair"}
    desk.submit("a", [relay])
    desk.submit("b", [{"product": "pump", "okpd2_code": CHIPS, "demand_2026": 1}])
    desk.publish()
    desk.withdraw("a")
    pump = {"product": "pump", "okpd2_code": CHIPS, "demand_2026": 2, "stock": 9, "unit_price_rub": 3.5}
    desk.submit("b", [{**pump, "need_kind": "reserve"}])
    desk.publish()
    tables = {table.name: list(table.records()) for table in export_of(desk, Tier.INTERNAL).tables}
    named = (
        "product_name", "part_number", "manufacturer", "cause", "gross_before", "gross_after",
        "net_before", "net_after", "amount_before_rub", "amount_after_rub", "other_kind_quantity", "changed_agencies",
    )  # fmt: skip
    assert [tuple(row[name] for name in named) for row in tables["release_change"]] == [
        ("pump", None, None, "correction", 1, 2, 1, 0, None, 7, 1, 1),
        ("relay", "РЭС-9", "Северный", "withdrawal", 7, 0, 7, 0, None, None, 0, 1),
    ]
    ((kind),) = tables["order_line_by_need_kind"]
    assert (kind["product_name"], kind["manufacturer"], kind["need_kind"]) == ("pump", None, "reserve")


@pytest.mark.warehouse
def test_rows_are_sorted_by_class_and_name(desk: Any):
    asked = (("valve", "26.11.21.110"), ("bolt", CHIPS), ("anchor", CHIPS), ("zip", "26.11.21.110"), ("none", None))
    for agency in "abc":
        desk.submit(agency, [
            *({"product": name, "okpd2_code": code, "demand_2026": 5, "demand_2027": 6} for name, code in asked),
            *({"product": f"{name} kit", "okpd2_code": code, "unit": "839", "demand_2026": 5} for name, code in asked),
        ])  # fmt: skip
    desk.publish()
    publication.disclose(desk.dsns.builder, "ecb-2026")
    desk.withdraw("c")
    desk.publish()
    sorted_so = ["valve", "zip", "anchor", "bolt", "none"]
    of_name = {
        table.name: [(row["product_name"], row["year"]) for row in table.records()]
        for table in export_of(desk, Tier.INTERNAL).tables
    }
    of_two_years = [(name, year) for name in sorted_so for year in (2026, 2027)]
    kits = of_name.pop("exclusion")
    assert of_name == dict.fromkeys(("order_line", "order_line_by_need_kind", "release_change"), of_two_years)
    assert kits == [(f"{name} kit", 2026) for name in sorted_so]
    shown = [row["product_name"] for row in export_of(desk, Tier.PUBLISHED).tables[0].records()]
    assert list(dict.fromkeys(shown)) == [name for name in sorted_so if name in shown]
    assert len(set(shown)) >= 4


@pytest.mark.warehouse
def test_every_code_that_the_warehouse_knows_is_described(desk: Any):
    name_repair(desk, "Ремонт")
    answer(desk, "d", {("pump", 2026): 4})
    release_id = desk.publish()
    with warehouse.transaction(desk.dsns.builder) as cursor:
        columns = exports.columns_of(cursor, release_id)
    for table, name in (("release_change", "cause"), ("exclusion_version", "reason")):
        ((rule,),) = desk.execute(
            "select pg_get_constraintdef(oid) from pg_constraint where contype = 'c'"
            " and conrelid = %s::regclass and conname ~ %s",
            *(f"city_order.{table}", f"{name}_check$"),
        )
        assert dict(columns[name].codes).keys() == set(re.findall(r"'(\w+)'", rule))
    assert "repair — Ремонт" in columns["need_kind"].description
    assert "not_stated — не указан" in columns["need_kind"].description
    assert "correction — " in columns["cause"].description


def name_repair(desk: Any, name: str) -> None:
    desk.insert("reference.need_kind", need_kind="repair", name=name, source="test", source_date="2026-01-01")


@pytest.mark.warehouse
def test_the_files_of_a_release_call_codes_as_they_were_called_when_it_was_built(desk: Any, tmp_path: Path):
    desk.execute("insert into reference.loaded_version (files_sha256, load_no) values ('a', 7)")
    name_repair(desk, "Ремонт")
    for code, name in (("839", "Комплект"), ("796", "Штука")):
        desk.insert("reference.unit", okei_code=code, symbol=name, name=name, source="test", source_date="2026-01-01")
    first_night(desk)
    desk.publish()
    publication.disclose(desk.dsns.builder, "ecb-2026")
    (units,) = {column.codes for table in export_of(desk, Tier.INTERNAL).tables for column in table.columns
                if column.name == "unit"}  # fmt: skip
    assert units == (("796", "Штука"), ("839", "Комплект"), ("245", "Киловатт-час")), (
        "answers never ask in kWh, classes of batteries do"
    )
    written = exports.write(desk.dsns.builder, tmp_path, "ecb-2026")
    before = [read(folder) for folder in written]
    assert len(before) == 2

    desk.execute("update reference.loaded_version set load_no = 8")
    desk.execute("update reference.unit set name = 'Одна штука' where okei_code = '796'")
    desk.execute("update reference.need_kind set name = 'Починка'")
    desk.execute("delete from reference.unit where okei_code = '839'")
    desk.insert(
        "reference.unit", okei_code="778", symbol="упак", name="Упаковка", source="test", source_date="2026-01-01"
    )
    for folder in written:
        shutil.rmtree(folder)
    assert exports.write(desk.dsns.builder, tmp_path, "ecb-2026") == written
    assert [read(folder) for folder in written] == before

    answer(desk, "d", {("pump", 2026): 4})
    desk.publish()
    export = export_of(desk, Tier.INTERNAL)
    assert [name for _, code, name in export.legend if code == "796"] == ["Одна штука"]
    (described,) = {column.description for table in export.tables for column in table.columns
                    if column.name == "need_kind"}  # fmt: skip
    assert "repair — Починка" in described
    assert "Ремонт" in json.dumps(json.loads(before[0]["datapackage.json"]), ensure_ascii=False)


@pytest.mark.warehouse
def test_a_release_of_before_names_were_kept_calls_kinds_of_need_as_they_were_first_kept(desk: Any):
    answer(desk, "d", {("pump", 2026): 4})
    release_id = desk.publish()
    desk.execute("insert into reference.loaded_version (files_sha256, load_no) values ('a', 7)")
    name_repair(desk, "Ремонт")
    desk.execute("update reference.loaded_version set load_no = 8")
    desk.execute("update reference.need_kind set name = 'Починка'")
    with warehouse.transaction(desk.dsns.builder) as cursor:
        assert ("repair", "Ремонт") in exports.columns_of(cursor, release_id)["need_kind"].codes


@pytest.mark.warehouse
def test_a_rebuild_of_every_earlier_release_gives_the_files_of_its_night_byte_for_byte(desk: Any, tmp_path: Path):
    """What has come since changes nothing: corrections, withdrawals, other terms, a roll-back."""
    desk.family("office", "depot")
    written: dict[int, list[Path]] = {}
    for night in (first_night, a_correction_and_a_repetition, withdrawals_and_newcomers, another_day_of_the_references):
        night(desk)
        release_id = desk.publish()
        publication.disclose(desk.dsns.builder, "ecb-2026")
        written[release_id] = exports.write(desk.dsns.builder, tmp_path, "ecb-2026")
    again = orders.roll_back(desk.dsns.builder, "ecb-2026", sorted(written)[1], "Иванова", "wrong prices")
    publication.disclose(desk.dsns.builder, "ecb-2026")
    written[again] = exports.write(desk.dsns.builder, tmp_path, "ecb-2026")
    kept = {release_id: [read(folder) for folder in folders] for release_id, folders in written.items()}
    desk.execute("update reference.survey_year set certainty = 'indicative'")
    desk.execute("update reference.survey set title = 'Другое название'")
    causes = set()
    for release_id, (internal, shown) in kept.items():
        with orders.rebuilt(desk.dsns.builder, release_id) as (cursor, draft_id):
            recorded = releases.release(cursor, release_id)
            assert exports.files(exports.internal(cursor, recorded, rows_of=draft_id)) == internal
        with warehouse.transaction(desk.dsns.builder) as cursor:
            cursor.execute("select * from published.release where release_id = %s", (release_id,))
            (row,) = warehouse.rows(cursor)
            assert exports.files(exports.published(cursor, row)) == shown
        causes |= {row["cause"] for row in csv.DictReader(StringIO(internal["release_change.csv"].decode("utf-8-sig")))}
    assert len({frozenset(internal.items()) for internal, _ in kept.values()}) == len(kept) == 5
    assert causes >= {"new_submission", "correction", "withdrawal", "double_counting", "roll_back"}
