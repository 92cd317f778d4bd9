"""The sample drops: the same seed gives the same bytes and times, and the catalogue covers what it should."""

import csv
import io
import re
import zipfile
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest
import yaml
from python_calamine import CalamineWorkbook
from stdnum.ru import inn

from include.city_order.vocabulary import MOSCOW, Verdict
from include.sample_drops.__main__ import main
from include.sample_drops.catalogue import CATALOGUE, Intent, Look
from include.sample_drops.contents import content
from include.sample_drops.goods import BATTERIES, CHIPS, OTHERS
from include.sample_drops.writing import write

INCLUDE = Path(__file__).parents[2] / "include"
DATES = {date(2026, 11, 10), date(2026, 11, 11), date(2026, 11, 12)}
PHONE = re.compile(r"тел\. 8 \(499\) 000-\d\d-\d\d")


def of(intent):
    found = [drop for drop in CATALOGUE if drop.intent is intent]
    assert found, intent
    return found


def reference(name):
    with (INCLUDE / "reference" / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def cells(drop, sheet=0):
    """The typed rows of an XLSX drop."""
    page = openpyxl.load_workbook(io.BytesIO(content(drop, 2026))).worksheets[sheet]
    return [list(row) for row in page.iter_rows(values_only=True)]


def texts(drop):
    return [str(cell) for row in cells(drop) for cell in row if cell is not None]


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def inbox(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inbox")
    write(folder)
    return folder


def test_the_same_seed_gives_the_same_bytes_and_times(inbox, tmp_path):
    written = write(tmp_path, seed=2026)
    assert written == list(CATALOGUE)
    assert snapshot(tmp_path) == snapshot(inbox)
    assert set(snapshot(inbox)) == {drop.path for drop in CATALOGUE}


def test_no_archive_records_when_it_was_made():
    archives = [
        zipfile.ZipFile(io.BytesIO(content(drop, 2026)))
        for drop in (of(Intent.LARGEST)[0], *(d for d in CATALOGUE if d.path.endswith((".zip", ".ods"))))
    ]
    assert {entry.date_time[0] for archive in archives for entry in archive.infolist()} <= {1980, 2026}
    stamps = re.findall(r"\d{4}-\d\d-\d\dT[\d:]+", archives[0].read("docProps/core.xml").decode())
    assert set(stamps) == {"2026-11-09T12:00:00"}


def test_writing_again_leaves_the_same_drops(tmp_path):
    write(tmp_path)
    before = snapshot(tmp_path)
    write(tmp_path)
    assert snapshot(tmp_path) == before


def test_another_seed_gives_other_quantities():
    drop = of(Intent.LARGEST)[0]
    assert content(drop, 1) != content(drop, 2)


def test_times_differ_and_lie_on_the_drop_date(inbox):
    times = {drop.path: (inbox / drop.path).stat().st_mtime_ns for drop in CATALOGUE}
    assert len(set(times.values())) == len(times)
    for drop in CATALOGUE:
        left = datetime.fromtimestamp(times[drop.path] // 1_000_000_000, UTC).astimezone(MOSCOW)
        assert left.strftime("%Y-%m-%d %H:%M") == drop.left_at
        assert left < datetime(2026, 11, 20, tzinfo=MOSCOW)
        late = drop.intent is Intent.LATE
        assert (drop.drop_date > max(DATES)) == late
        assert late or drop.drop_date in DATES
        assert 8 <= left.hour < 20 or drop.path.endswith(("ночная смена.xlsx", "исправлено.xlsx"))
    assert {drop.drop_date for drop in CATALOGUE if drop.intent is not Intent.LATE} == DATES


def test_after_midnight_is_still_the_night_before():
    night = next(drop for drop in CATALOGUE if drop.path.endswith("ночная смена.xlsx"))
    assert night.moment.date() == date(2026, 11, 12)
    assert night.drop_date == date(2026, 11, 11)


def test_every_intent_and_every_verdict_is_there():
    drops = [drop for drop in CATALOGUE if drop.verdict]
    assert len(drops) >= 60
    assert len({drop.path for drop in CATALOGUE}) == len(CATALOGUE)
    assert {drop.intent for drop in CATALOGUE} == set(Intent)
    assert {drop.verdict for drop in drops} == set(Verdict)
    accepted = sum(drop.verdict is Verdict.ACCEPTED for drop in drops)
    assert accepted > len(drops) / 2


def test_every_kind_of_file_encoding_and_look_is_there():
    endings = {drop.path.rsplit(".", 1)[1] for drop in CATALOGUE}
    assert {"xlsx", "xls", "ods", "csv", "zip", "part", "db", "pdf"} <= endings
    assert {drop.encoding for drop in CATALOGUE if drop.path.endswith(".csv")} == {
        "cp1251", "utf-8-sig", "utf-8", "utf-16",
    }  # fmt: skip
    assert {drop.delimiter for drop in CATALOGUE if drop.path.endswith(".csv")} == {";", ",", "\t"}
    for look in Look:
        assert any(drop.look & look for drop in CATALOGUE), look
    # Only the XLSX writer merges cells.
    assert {drop.path.rsplit(".", 1)[1] for drop in CATALOGUE if drop.look & Look.MERGED} == {"xlsx"}


def test_lines_add_up_and_agree_with_the_verdict():
    for drop in CATALOGUE:
        if drop.verdict in (None, Verdict.QUARANTINED):
            assert drop.lines_delivered is None, drop.path
            continue
        assert drop.lines_delivered == drop.lines_accepted + drop.lines_rejected + drop.lines_duplicate
        assert (drop.verdict is Verdict.REJECTED) <= (drop.lines_accepted == 0), drop.path
        assert (drop.verdict is Verdict.PARTLY_ACCEPTED) == (drop.lines_accepted > 0 and drop.lines_rejected > 0)
        assert (drop.verdict is Verdict.DUPLICATE) == (drop.lines_duplicate == drop.lines_delivered > 0)
        assert (drop.verdict is Verdict.ACCEPTED) <= (not drop.rules), drop.path
        assert (drop.verdict in (Verdict.REJECTED, Verdict.ACCEPTED_WITH_WARNINGS)) <= bool(drop.rules)


def test_senders_fit_the_rosters():
    rosters = {
        path.stem: set(yaml.safe_load(path.read_text(encoding="utf-8"))["roster"])
        for path in (INCLUDE / "surveys").glob("*-2026.yaml")
    }
    known = {row["agency_code"] for row in reference("agencies")}
    for drop in CATALOGUE:
        if drop.intent is Intent.MISPLACED:
            assert drop.agency_code is None
        elif drop.intent is Intent.UNKNOWN_AGENCY:
            assert drop.agency_code not in known
        elif drop.intent is Intent.UNKNOWN_SURVEY:
            assert drop.survey_code not in rosters and drop.agency_code in known
        elif drop.intent is Intent.NOT_ON_ROSTER:
            assert drop.agency_code in known - rosters[drop.survey_code]
        else:
            assert drop.agency_code in rosters[drop.survey_code], drop.path


def test_the_largest_answer_names_over_80_chips_and_over_100_other_products():
    (drop,) = of(Intent.LARGEST)
    table = cells(drop)
    kind = next(row for row in table if "Вид изделия" in row).index("Вид изделия")
    kinds = Counter(row[kind] for row in table if row[kind] and not str(row[kind]).isdigit())
    del kinds["Вид изделия"]
    assert kinds["Микросхема"] > 80
    assert kinds.total() - kinds["Микросхема"] > 100
    assert kinds.total() == drop.lines_delivered


def test_a_merged_form_reads_as_the_canonical_heading():
    (drop,) = of(Intent.LARGEST)
    page = openpyxl.load_workbook(io.BytesIO(content(drop, 2026))).active
    top = next(cell for row in page.iter_rows() for cell in row if cell.value == "Потребность")
    below = page.cell(top.row + 1, top.column).value
    assert f"{top.value} {below}" == "Потребность на 2026 год"
    assert any(
        area.min_row == area.max_row == top.row and area.min_col == top.column and area.size["columns"] == 5
        for area in page.merged_cells.ranges
    )


def test_goods_are_distinct_and_known_to_the_reference():
    assert len({part.part_number for part in CHIPS + OTHERS}) == len(CHIPS + OTHERS)
    same = {(b.chemistry, b.voltage_v, b.capacity_ah, b.battery_use, b.manufacturer) for b in BATTERIES}
    assert len(same) == len({battery.item_name for battery in BATTERIES}) == len(BATTERIES)
    aliases = {row["alias"].casefold() for row in reference("manufacturer_aliases")}
    makers = {goods.manufacturer for goods in (*CHIPS, *OTHERS, *BATTERIES)} - {""}
    assert {maker for maker in makers if maker.casefold() not in aliases} == set()
    assert {part.part_number for part in CHIPS} <= {row["part_number"] for row in reference("parts")}
    codes = {row["okpd2_code"] for row in reference("okpd2") if not row["valid_to"]}
    assert {goods.okpd2_code for goods in (*CHIPS, *OTHERS, *BATTERIES)} <= codes
    for name, typed in (
        ("chemistries", {battery.chemistry for battery in BATTERIES}),
        ("battery_uses", {battery.battery_use for battery in BATTERIES}),
    ):
        spelled = {text.casefold() for row in reference(name) for text in row["spellings"].split("|")}
        assert {term for term in typed if term.casefold() not in spelled} == set()
    uses = {battery.battery_use for battery in BATTERIES}
    assert {"Электробус", "Трамвай", "Речной транспорт", "Электросамокат", "ИБП", "Аварийное освещение"} <= uses


def test_a_copy_is_the_same_bytes_and_a_resaved_file_is_not():
    by_path = {drop.path: drop for drop in CATALOGUE}
    for drop in of(Intent.EXACT_DUPLICATE) + of(Intent.WENT_BACK):
        assert content(drop, 2026) == content(by_path[drop.repeats], 2026)
    (resaved,) = of(Intent.RESAVED)
    original = by_path[resaved.repeats]
    assert content(resaved, 2026) != content(original, 2026)
    assert cells(resaved) == cells(original)


def test_a_correction_comes_later_with_other_quantities():
    by_path = {drop.path: drop for drop in CATALOGUE}
    for drop in of(Intent.CORRECTION) + of(Intent.PARTIAL_CORRECTION):
        original = by_path[drop.repeats]
        assert drop.drop_date > original.drop_date
        now, before = cells(drop), cells(original)
        assert len(now) == len(before)
        assert now != before


def test_another_half_shares_no_item_with_the_first():
    (half,) = of(Intent.OTHER_HALF)
    first = next(drop for drop in CATALOGUE if drop.path == half.repeats)
    named = []
    for drop in (first, half):
        book = CalamineWorkbook.from_filelike(io.BytesIO(content(drop, 2026)))
        named.append({str(row[3]) for row in book.get_sheet_by_index(0).to_python()[1:]})
    assert [len(parts) for parts in named] == [first.lines_delivered, half.lines_delivered]
    assert named[0].isdisjoint(named[1])


def test_bytes_are_what_the_intent_says():
    (broken,) = of(Intent.BROKEN)
    assert content(broken, 2026).startswith(b"PK") and not zipfile.is_zipfile(io.BytesIO(content(broken, 2026)))
    (instructed,) = of(Intent.INSTRUCTIONS_FIRST)
    assert cells(instructed, 0)[0] == ["Как заполнить форму"]
    assert any("Наименование изделия" in row for row in cells(instructed, 1))
    assert all("Потребность отсутствует" in texts(drop) for drop in of(Intent.NIL_RETURN))
    (lost,) = of(Intent.LOST_ZERO)
    stated = next(row[1] for row in cells(lost) if row[0] == "ИНН")
    assert len(stated) == 9 and inn.is_valid("0" + stated)
    (formulas,) = of(Intent.FORMULA_TEXT)
    assert any(text.startswith("=HYPERLINK(") for text in texts(formulas))
    page = openpyxl.load_workbook(io.BytesIO(content(formulas, 2026))).active
    assert all(cell.data_type != "f" for row in page.iter_rows() for cell in row)
    spaced = "".join(text for drop in of(Intent.NBSP) for text in texts(drop))
    assert "\u00a0" in spaced and "\u202f" in spaced
    assert any(text == "Итого" for text in texts(of(Intent.LARGEST)[0]))


def test_a_footer_holds_a_person_and_a_telephone():
    signed = [drop for drop in CATALOGUE if drop.look & Look.FOOTER]
    assert signed and all(any(PHONE.search(text) for text in texts(drop)) for drop in signed)
    (personal,) = of(Intent.PERSONAL_DATA)
    (twelve,) = [found[0] for text in texts(personal) if (found := re.findall(r"ИНН (\d{12})", text))]
    assert inn.is_valid(twelve) and twelve.startswith("00")


def test_csv_text_is_in_its_encoding_with_decimal_commas():
    drop = next(drop for drop in CATALOGUE if drop.encoding == "cp1251" and drop.survey_code == "ecb-2026")
    text = content(drop, 2026).decode("cp1251")
    assert re.search(r";\d+,\d+;", text)
    wide = next(drop for drop in CATALOGUE if drop.encoding == "utf-16")
    assert content(wide, 2026).decode("utf-16").startswith("№ п/п\t")
    assert content(next(d for d in CATALOGUE if d.path.endswith("form.csv")), 2026).startswith(b"\xef\xbb\xbf")


def test_a_zip_holds_two_workbooks_under_either_kind_of_name():
    marked, old = sorted(
        (drop for drop in CATALOGUE if drop.path.endswith(".zip")), key=lambda drop: drop.encoding == "cp866"
    )
    assert zipfile.ZipFile(io.BytesIO(content(marked, 2026))).namelist() == ["Часть 1.xlsx", "Часть 2.xlsx"]
    archive = zipfile.ZipFile(io.BytesIO(content(old, 2026)))
    assert archive.testzip() is None
    assert [name.encode("cp437").decode("cp866") for name in archive.namelist()] == ["Часть 1.xlsx", "Часть 2.xlsx"]


def test_a_new_survey_waits_with_valid_drops_of_its_years():
    waiting = of(Intent.UNKNOWN_SURVEY)
    assert len(waiting) >= 2 and all(drop.later_lines for drop in waiting)
    headings = {text for text in texts(waiting[0]) if text.startswith("на 20")}
    assert headings == {f"на {year} год" for year in range(2027, 2032)}


def test_the_command_says_what_it_wrote_and_what_next(tmp_path, capsys):
    assert main(["--to", str(tmp_path), "--seed", "7"]) == 0
    said = capsys.readouterr().out
    assert f"Wrote {len(CATALOGUE)} files under {tmp_path}" in said
    assert "Next: trigger collect_submissions" in said


def test_the_command_says_when_it_cannot_write(tmp_path, capsys):
    (tmp_path / "a file").touch()
    assert main(["--to", str(tmp_path / "a file")]) == 1
    assert "Name a folder you may write to" in capsys.readouterr().err
