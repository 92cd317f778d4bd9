"""The sandbox against real hostile files, and against children that misbehave in every other way."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path

import pytest
import xlsxwriter

from include.city_order import sandbox
from include.city_order.readings import Form, Limits, RawLine, Reading, SheetCopy, WorkbookCopy

LIMITS = Limits(wall_seconds=20)


@pytest.fixture
def drop(tmp_path):
    def write(data: bytes) -> Path:
        path = tmp_path / "drop"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def child(tmp_path, drop, form):
    """Run Python code in place of the reader, after it has confined itself as the reader does."""

    def run(code: str, limits: Limits = LIMITS) -> sandbox.Ended:
        program = tmp_path / "program.py"
        confined = (
            "import json, runpy, sys\n"
            f"box = runpy.run_path({str(sandbox.BOX)!r}, run_name='box')\n"
            "box['confine'](json.loads(json.loads(sys.argv[1])['limits']))\n"
        )
        program.write_text(confined + code)
        with drop(b"the drop").open("rb") as handle:
            return sandbox.run(program, handle.fileno(), form, limits)

    return run


def judged(ended: sandbox.Ended, form: Form) -> tuple[str, str]:
    reading = sandbox._judge(ended, form)
    return reading.outcome, reading.reason


@pytest.fixture(scope="session")
def big_text(text_file, answer) -> bytes:
    line = [1, "Микроконтроллер", "Микросхема", "К1986ВЕ92QI", "26.11.30", "шт", 1500, 12, "x" * 100]
    return text_file([*answer, *[line] * 150_000])


def test_an_answer_comes_through_whole(drop, xlsx, answer, form):
    reading = sandbox.read(drop(xlsx(answer)), form)
    assert (reading.outcome, reading.reason, reading.format) == ("read", "", "xlsx")
    assert (reading.sender_inn, reading.sender_inn_cell) == ("0012345678", "Лист1!B2")
    assert (reading.sender_kpp, reading.sender_kpp_cell) == ("001201001", "Лист1!E2")
    assert [line.row_number for line in reading.lines] == [5, 6]
    assert reading.lines[0] == RawLine(
        "",
        "Лист1",
        5,
        {
            "line_no": "1",
            "item_name": "Микроконтроллер",
            "component_class": "Микросхема",
            "part_number": "К1986ВЕ92QI",
            "okpd2_code": "26.11.30",
            "unit": "шт",
            "demand_2026": "1500",
            "demand_2027": "12.5",
        },
    )
    assert reading.tables[0].columns["demand_2027"] == "H"
    assert reading.missing_fields == ()


def test_a_reading_survives_the_pipe(drop, xlsx, answer, form):
    reading = sandbox.read(drop(xlsx([*answer, ["Итого", "", "", "", "", "", 1500, 52.5], ["прим."]])), form)
    assert reading.totals and len(reading.left_out) == 2
    assert Reading.from_json(reading.to_json()) == reading


def test_skipped_files_of_a_zip_are_listed(drop, zip_file, xlsx, answer, form):
    reading = sandbox.read(drop(zip_file({"a.xlsx": xlsx(answer), "письмо.pdf": b"%PDF-1.7"})), form)
    assert len(reading.lines) == 2
    assert [tuple(row) for row in reading.left_out] == [("письмо.pdf", "", 0, "unknown_format")]


def test_a_copy_holds_values_at_their_addresses(drop, xlsx, answer):
    rows = [*answer, [], ["", "=1+1", -0.5, 1e16, True, datetime.date(2026, 11, 25), ""]]
    copy = sandbox.copy(drop(xlsx({"Ответ": rows, "~Списки": [["шт"]], "Пусто": []})))
    assert copy.whole
    assert [(sheet.member, sheet.name, sheet.hidden) for sheet in copy.sheets] == [
        ("", "Ответ", False),
        ("", "Списки", True),
        ("", "Пусто", False),
    ]
    copied = copy.sheets[0].rows
    assert copied[4] == [1, "Микроконтроллер", "Микросхема", "К1986ВЕ92QI", "26.11.30", "шт", 1500, 12.5]
    assert copied[1] == ["ИНН", "0012345678", "", "КПП", "001201001"]
    assert (copied[2], copied[6]) == ([], [])
    assert copied[7][:5] == ["", "=1+1", -0.5, 1e16, "ИСТИНА"]
    assert len(copied) == 8
    assert [type(value) for value in copied[4]] == [int, str, str, str, str, str, int, float]
    assert copy.sheets[2].rows == []


def test_a_copy_of_a_zip_names_the_members(drop, zip_file, xlsx, text_file, answer):
    copy = sandbox.copy(drop(zip_file({"a.xlsx": xlsx(answer), "б.csv": text_file([["1", "2"]])})))
    assert [(sheet.member, sheet.name) for sheet in copy.sheets] == [("a.xlsx", "Лист1"), ("б.csv", "")]
    assert copy.sheets[1].rows == [["1", "2"]]


def test_a_sheet_that_is_too_large_to_copy_is_left_off_whole(drop, xlsx):
    sheets = {"Малый": [["а", "б"]], "Большой": [["в"] * 3] * 10, "Ещё": [["г"] * 8]}
    copy = sandbox.copy(drop(xlsx(sheets)), replace(LIMITS, copy_cells=10))
    assert ([sheet.name for sheet in copy.sheets], copy.whole) == (["Малый", "Ещё"], False)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04junk", b"%PDF-1.7"])
def test_what_cannot_be_read_has_no_copy(drop, data):
    assert sandbox.copy(drop(data)) == WorkbookCopy([], whole=False)


def test_a_copy_meets_the_limits_too(drop, big_text):
    assert sandbox.copy(drop(big_text), replace(LIMITS, wall_seconds=0.3)) == WorkbookCopy([], whole=False)
    much_memory = replace(LIMITS, memory_bytes=150 * 1024 * 1024)
    assert sandbox.copy(drop(big_text), much_memory) == WorkbookCopy([], whole=False)


def test_a_copy_survives_the_pipe():
    copy = WorkbookCopy([SheetCopy("a.csv", "", False, [[], ["", 1, -0.5, "=1"]])], whole=False)
    assert WorkbookCopy.from_json(copy.to_json()) == copy


@pytest.mark.parametrize(
    "change",
    [
        {"whole": 1},
        {"extra": 1},
        {"sheets": [["", "", "no", []]]},
        {"sheets": [["", None, False, []]]},
        {"sheets": [["", "", False, ["text"]]]},
        {"sheets": [["", "", False, [[None]]]]},
        {"sheets": [["", "", False, [[True]]]]},
        {"sheets": [["", "", False, [[float("nan")]]]]},
        {"sheets": [["", "", False]]},
        {"sheets": 5},
    ],
)
def test_an_odd_copy_is_not_believed(change):
    data = json.loads(WorkbookCopy([SheetCopy("", "", False, [["а"]])]).to_json())
    with pytest.raises(ValueError, match="not a copy"):
        WorkbookCopy.from_json(json.dumps(data | change))
    with pytest.raises(ValueError, match="not a copy"):
        WorkbookCopy.from_json('{"whole": true, "sheets": [["", "", false, [[1e999]]]]}')


@pytest.mark.parametrize(("data", "reason"), [(b"", "empty"), (b"%PDF-1.7", "pdf"), (b"PK\x03\x04junk", "broken")])
def test_what_cannot_be_read_says_why(drop, form, data, reason):
    reading = sandbox.read(drop(data), form)
    assert (reading.outcome, reading.reason) == ("unreadable", reason)


def test_a_file_over_the_upload_limit_is_not_even_opened_in_the_child(drop, form):
    reading = sandbox.read(drop(b"x" * 1001), form, replace(LIMITS, upload_bytes=1000))
    assert (reading.outcome, reading.reason) == ("unreadable", "too_large")


@pytest.mark.parametrize("measured", [True, False])
def test_the_sparse_workbook_does_no_harm(tmp_path, form, measured):
    """1.7 KB that the workbook reader spreads out to 512 GiB; without the measuring the memory limit holds."""
    path = tmp_path / "sparse.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write("A1", "x")
    sheet.write("XFD1048576", "x")
    book.close()
    limits = LIMITS if measured else replace(LIMITS, rows=10**12, columns=10**12, sheet_cells=10**12)
    reading = sandbox.read(path, form, limits)
    expected = ("unreadable", "too_many_rows") if measured else ("limit", "memory")
    assert (reading.outcome, reading.reason) == expected


def test_a_zip_bomb_does_no_harm(drop, zip_file, form):
    reading = sandbox.read(drop(zip_file({"a.csv": bytes(20 * 1024 * 1024)})), form)
    assert (reading.outcome, reading.reason) == ("unreadable", "inflates_too_much")


def test_memory_is_limited(drop, big_text, form):
    reading = sandbox.read(drop(big_text), form, replace(LIMITS, memory_bytes=150 * 1024 * 1024))
    assert (reading.outcome, reading.reason) == ("limit", "memory")


def test_processor_time_is_limited(child, form):
    assert judged(child("while True: pass", replace(LIMITS, cpu_seconds=1)), form) == ("limit", "cpu")


def test_waiting_time_is_limited(drop, big_text, form):
    reading = sandbox.read(drop(big_text), form, replace(LIMITS, wall_seconds=0.3))
    assert (reading.outcome, reading.reason) == ("limit", "time")


def test_a_child_that_closes_its_pipes_and_stays_is_stopped(child, form):
    code = "import os, time\nos.close(1); os.close(2)\ntime.sleep(60)"
    assert judged(child(code, replace(LIMITS, wall_seconds=0.5)), form) == ("limit", "time")


def test_output_is_limited(child, form):
    code = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    assert judged(child(code, replace(LIMITS, output_bytes=1_000_000)), form) == ("limit", "output")


def test_much_on_standard_error_blocks_nothing(child):
    ended = child("import sys\nsys.stderr.write('x' * 1_000_000)\nsys.stdout.write('done')")
    assert (ended.code, ended.output) == (0, b"done")
    assert len(ended.errors) < 1_000_000 + 20_000


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os; os.kill(os.getpid(), 11)", ("limit", "crash")),
        ("import os; os.kill(os.getpid(), 9)", ("limit", "memory")),
        ("raise KeyError('x')", ("limit", "crash")),
        ("bytearray(10**11)", ("limit", "memory")),
        ("", ("unreadable", "broken")),
        ("print('{}')", ("unreadable", "broken")),
        ("print('[' * 100000)", ("unreadable", "broken")),
        ("""print('{"outcome": "accepted"}')""", ("unreadable", "broken")),
    ],
)
def test_whatever_end_a_child_takes_has_a_name(child, form, code, expected):
    assert judged(child(code), form) == expected


def test_a_child_has_no_environment_and_no_file_but_the_drop(child, monkeypatch):
    monkeypatch.setenv("CITY_ORDER_TEST_PASSWORD", "must not be seen")
    ended = child(
        "import os\n"
        "print(json.dumps({'environ': dict(os.environ), 'cwd': os.getcwd(), 'drop': sys.stdin.read(),\n"
        "    'files': [int(n) for n in os.listdir('/proc/self/fd')], 'proc': open('/proc/self/environ').read()}))"
    )
    seen = json.loads(ended.output)
    # LC_CTYPE is set by Python itself where there is no locale.
    assert set(seen["environ"]) <= {"LC_CTYPE"}
    assert seen["proc"] == ""
    assert (seen["cwd"], seen["drop"]) == ("/", "the drop")
    # 3 is the listing itself.
    assert sorted(seen["files"]) == [0, 1, 2, 3]


def test_a_child_can_write_no_file(child, tmp_path):
    ended = child(f"open({str(tmp_path / 'leak')!r}, 'wb', buffering=0).write(b'x' * 100)")
    assert b"OSError: [Errno 27]" in ended.errors
    assert (tmp_path / "leak").stat().st_size == 0


def test_a_child_sits_in_a_session_of_its_own(child):
    ended = child("import os; print(os.getsid(0) == os.getpid())")
    assert ended.output == b"True\n"


def honest() -> dict[str, object]:
    reading = Reading("read", format="csv", lines=[RawLine("", "", 2, {"item_name": "а", "demand_2031": "5"})])
    return json.loads(reading.to_json())


def test_an_honest_answer_is_believed(form):
    assert sandbox._believe(json.dumps(honest()).encode(), form).lines[0].values["demand_2031"] == "5"


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "accepted"},
        {"reason": 5},
        {"cells_read": -1},
        {"nil_return": "yes"},
        {"extra": 1},
        {"lines": [["", "", "2", {}]]},
        {"lines": [["", "", 2, {"item_name": None}]]},
        {"lines": [["", "", 2, {"name; drop table": "x"}]]},
        {"lines": [["", "", 2, {"demand_２０２６": "5"}]]},
        {"lines": [["", "", 2]]},
        {"totals": [["", "", 2, {"demand_20260": "5"}]]},
        {"missing_fields": ["name; drop table"]},
        {"ambiguous_fields": {"item_name": "C5"}},
        {"tables": [["", "", "no", 1, 1, {}, ""]]},
        {"left_out": [["", "", 1]]},
    ],
)
def test_an_odd_answer_is_not_believed(form, change):
    reading = sandbox._believe(json.dumps(honest() | change).encode(), form)
    assert (reading.outcome, reading.reason) == ("unreadable", "broken")
