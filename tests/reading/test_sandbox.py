"""The sandbox against real hostile files, and against children that misbehave in every other way."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import xlsxwriter

from include.city_order import sandbox
from include.city_order.confinement import UNSEALED
from include.city_order.readings import Form, Limits, RawLine, Reading, SheetCopy, WorkbookCopy
from tests.corpus import handmade, writers
from tests.corpus.goods import Page

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
    """Run Python code in place of the reader, after it has shut itself in as the reader does; or with limits only."""

    def run(code: str, limits: Limits = LIMITS, *, sealed: bool = True) -> sandbox.Ended:
        program = tmp_path / "program.py"
        shut_in = (
            "import json, mmap, os, socket, sys, time\n"
            "header = json.loads(sys.argv[1])\n"
            "sys.path += header['import_from']\n"
            "from include.city_order import confinement, readings\n"
            "confinement.limit(readings.Limits.from_json(header['limits']))\n"
            f"assert not {sealed} or confinement.seal() == ''\n"
        )
        program.write_text(shut_in + code)
        with drop(b"the drop").open("rb") as handle:
            return sandbox.run(program, handle.fileno(), form, limits)

    return run


def judged(ended: sandbox.Ended, form: Form) -> tuple[str, str]:
    reason = sandbox._why_no_answer(ended)
    reading = Reading("limit", reason) if reason else sandbox._believe(ended.output, form)
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
    assert sandbox.copy(drop(big_text), replace(LIMITS, wall_seconds=0.1)) == WorkbookCopy([], whole=False)
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


def test_a_child_deaf_to_the_first_signal_is_stopped_by_the_next(child, form):
    code = "import signal\nsignal.signal(signal.SIGXCPU, lambda *_: None)\nwhile True: pass"
    assert judged(child(code, replace(LIMITS, cpu_seconds=1), sealed=False), form) == ("limit", "cpu")


def test_waiting_is_no_work(child):
    """A busy machine makes a child wait; that is not what decides."""
    ended = child("time.sleep(1.5)\nprint('done')", replace(LIMITS, cpu_seconds=1))
    assert (ended.code, ended.stopped) == (0, "")
    assert ended.cpu_seconds < 1


def test_waiting_time_is_limited(child, form):
    assert judged(child("time.sleep(60)", replace(LIMITS, wall_seconds=0.3)), form) == ("limit", "time")


def test_a_child_that_closes_its_pipes_and_stays_is_stopped(child, form):
    code = "os.close(1); os.close(2)\ntime.sleep(60)"
    assert judged(child(code, replace(LIMITS, wall_seconds=0.5)), form) == ("limit", "time")


def test_what_a_child_took_is_told(child):
    ended = child("block = bytearray(300_000_000)\nfor _ in range(10_000_000): pass")
    assert ended.cpu_seconds > 0.1
    assert 300_000_000 < ended.peak_bytes < 2_000_000_000


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
        ("os.kill(os.getpid(), 11)", ("limit", "crash")),
        ("os.kill(os.getpid(), 9)", ("limit", "killed")),
        ("os.abort()", ("limit", "crash")),
        ("raise KeyError('x')", ("limit", "crash")),
        ("bytearray(10**11)", ("limit", "memory")),
        ("", ("unreadable", "broken")),
        ("print('{}')", ("unreadable", "broken")),
        ("print('[' * 100000)", ("unreadable", "broken")),
        ("""print('{"outcome": "accepted"}')""", ("unreadable", "broken")),
    ],
)
def test_whatever_end_a_child_takes_has_a_name(child, form, code, expected):
    assert judged(child(code, sealed=False), form) == expected


def test_a_child_has_no_environment_and_no_file_but_the_drop(child, monkeypatch):
    monkeypatch.setenv("CITY_ORDER_TEST_PASSWORD", "must not be seen")
    ended = child(
        "print(json.dumps({'environ': dict(os.environ), 'cwd': os.getcwd(), 'drop': sys.stdin.read(),\n"
        "    'files': [int(n) for n in os.listdir('/proc/self/fd')], 'proc': open('/proc/self/environ').read()}))",
        sealed=False,
    )
    seen = json.loads(ended.output)
    # LC_CTYPE is set by Python itself where there is no locale.
    assert set(seen["environ"]) <= {"LC_CTYPE"}
    assert seen["proc"] == ""
    assert (seen["cwd"], seen["drop"]) == ("/", "the drop")
    # 3 is the listing itself.
    assert sorted(seen["files"]) == [0, 1, 2, 3]


def test_without_a_filter_a_child_can_still_write_no_file(child, tmp_path):
    ended = child(f"open({str(tmp_path / 'leak')!r}, 'wb', buffering=0).write(b'x' * 100)", sealed=False)
    assert b"OSError: [Errno 27]" in ended.errors
    assert (tmp_path / "leak").stat().st_size == 0


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
        "open('/etc/passwd')",
        "open(sys.argv[0], 'a')",
        "os.open('/proc/self/mem', os.O_RDWR)",
        "os.stat('/')",
        "os.listdir('/')",
        "os.mkdir('/tmp/made-by-a-drop')",
        "os.unlink(sys.argv[0])",
        "os.execv('/bin/true', ['true'])",
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.kill(os.getppid(), 0)",
        "os.kill(1, 0)",
        "os.setuid(0)",
        "os.pipe()",
        "os.dup(0)",
        "os.memfd_create('x')",
        "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
    ],
)
def test_a_sealed_child_reaches_nothing_but_its_pipes(child, attempt):
    code = (
        "try:\n"
        f"    {attempt}\n"
        "except PermissionError:\n"
        "    print('refused')\n"
    )  # fmt: skip
    ended = child(code)
    assert (ended.code, ended.output) == (0, b"refused\n"), ended.errors.decode()


@pytest.mark.parametrize(
    "number",
    # ptrace, process_vm_readv, unshare, setns, bpf, io_uring_setup, keyctl, clone3, openat2, perf_event_open,
    # userfaultfd, prctl, seccomp, mount, pidfd_open, pidfd_getfd; the last is one under another numbering.
    [101, 310, 272, 308, 321, 425, 250, 435, 437, 298, 323, 157, 317, 165, 434, 438, 0x40000000 + 41],
)
def test_the_doors_of_the_kernel_are_shut(child, number):
    code = (
        "import ctypes\n"
        "library = ctypes.CDLL(None, use_errno=True)\n"
        "confinement.seal()\n"
        f"print(library.syscall({number}, 0, 0, 0, 0, 0), ctypes.get_errno())"
    )
    if os.uname().machine != "x86_64":
        pytest.skip("the numbers are those of x86_64")
    assert child(code, sealed=False).output == b"-1 1\n"


def test_the_reader_itself_is_sealed(drop, text_file, answer, form, monkeypatch):
    """Looked at from outside while it reads: the kernel says that a filter holds (2), and that it can gain nothing."""
    seen = set()
    started = subprocess.Popen

    class Watched(started):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.watcher = threading.Thread(target=self.watch)
            self.watcher.start()

        def watch(self):
            while self.returncode is None:
                with contextlib.suppress(OSError):
                    status = Path(f"/proc/{self.pid}/status").read_text()
                    seen.update(re.findall(r"^((?:Seccomp|NoNewPrivs):\s*\d)$", status, re.MULTILINE))
                time.sleep(0.01)

    monkeypatch.setattr(sandbox.subprocess, "Popen", Watched)
    assert sandbox.read(drop(text_file(answer + answer[-1:] * 20_000)), form).outcome == "read"
    assert {"Seccomp:\t2", "NoNewPrivs:\t1"} <= seen


@pytest.mark.parametrize("kind", ["xlsx", "xls", "xlsb", "ods", "cp866", "koi8-r", "utf-16", "zip"])
def test_every_format_is_read_by_what_was_loaded_before_the_seal(drop, form, kind, answer, text_file):
    page = Page(answer, "Ответ")
    made = {"xlsx": writers.xlsx, "xls": writers.xls, "xlsb": handmade.raw_xlsb, "ods": writers.ods}
    if kind in made:
        data = made[kind](page)
    elif kind == "zip":
        data = handmade.russian_windows_zip({"Ответ.xlsx": writers.xlsx(page)})
    else:
        data = text_file([[str(cell).replace("№", "N") for cell in row] for row in answer], kind)
    reading = sandbox.read(drop(data), form)
    assert (reading.outcome, reading.reason, len(reading.lines)) == ("read", "", 2)


def test_a_kernel_that_seals_nothing_is_told_of_once(drop, form, xlsx, answer, monkeypatch, caplog, tmp_path):
    unsealed = tmp_path / "box.py"
    said = f"sys.stderr.write({UNSEALED + 'no such thing'!r})"
    unsealed.write_text(sandbox.BOX.read_text().replace("sys.stderr.write(confinement.seal())", said))
    monkeypatch.setattr(sandbox, "BOX", unsealed)
    sandbox._warn_of_no_seal.cache_clear()
    for _ in range(2):
        assert sandbox.read(drop(xlsx(answer)), form).outcome == "read"
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "drops are read with limits only, without a system call filter: no such thing."
        " Use a kernel of Linux that has seccomp"
    ]


def test_a_child_sits_in_a_session_of_its_own(child):
    ended = child("print(os.getsid(0) == os.getpid())", sealed=False)
    assert ended.output == b"True\n"


# Again, alone


@pytest.fixture
def ends(monkeypatch):
    """Let the readers of drops end as told, one after another; gives how many are left."""

    def as_told(*ended: sandbox.Ended) -> list[sandbox.Ended]:
        left = [*ended]
        monkeypatch.setattr(sandbox, "run", lambda *_: left.pop(0))
        return left

    return as_told


GOOD = sandbox.Ended(0, Reading("read", format="csv").to_json().encode(), b"")
KILLED, WAITED, CRASHED = (
    sandbox.Ended(-9, b"", b""),
    sandbox.Ended(-9, b"", b"", "time"),
    sandbox.Ended(-11, b"", b""),
)


@pytest.mark.parametrize("first", [KILLED, WAITED, CRASHED])
def test_an_odd_end_is_tried_again(drop, form, ends, first):
    left = ends(first, GOOD)
    assert sandbox.read(drop(b"x"), form).outcome == "read"
    assert left == []


@pytest.mark.parametrize("first", [KILLED, WAITED, CRASHED])
def test_a_copy_with_an_odd_end_is_tried_again(drop, ends, first):
    copied = WorkbookCopy([SheetCopy("", "Лист1", False, [["шт"]])])
    left = ends(first, sandbox.Ended(0, copied.to_json().encode(), b""))
    assert sandbox.copy(drop(b"x")) == copied
    assert left == []


@pytest.mark.parametrize(("end", "reason"), [(KILLED, "killed"), (WAITED, "time"), (CRASHED, "crash")])
def test_an_odd_end_that_comes_again_stands(drop, form, ends, end, reason):
    left = ends(end, end, GOOD)
    reading = sandbox.read(drop(b"x"), form)
    assert (reading.outcome, reading.reason, len(left)) == ("limit", reason, 1)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (sandbox.Ended(-24, b"", b"", "cpu"), "cpu"),
        (sandbox.Ended(-6, b"", b"memory allocation of 99 bytes failed"), "memory"),
        (sandbox.Ended(-9, b"", b"", "output"), "output"),
    ],
)
def test_what_the_file_itself_used_up_stands_at_once(drop, form, ends, end, reason):
    left = ends(end, GOOD)
    assert sandbox.read(drop(b"x"), form).reason == reason
    assert len(left) == 1


def test_the_second_reading_begins_at_the_beginning(drop, form, xlsx, answer, monkeypatch):
    run = sandbox.run
    ended = [KILLED]

    def killed_at_first(program, handle, *rest):
        if ended:
            os.read(handle, 1000)
            return ended.pop()
        return run(program, handle, *rest)

    monkeypatch.setattr(sandbox, "run", killed_at_first)
    assert len(sandbox.read(drop(xlsx(answer)), form).lines) == 2


def test_alone_means_that_no_other_reads():
    inside: list[str] = []
    alone_waits, others_may_go = threading.Event(), threading.Event()

    def other(name: str):
        with sandbox._turn(alone=False):
            inside.append(f"{name} in")
            others_may_go.wait(10)
            inside.append(f"{name} out")

    def alone():
        alone_waits.set()
        with sandbox._turn(alone=True):
            inside.append("alone")

    first = threading.Thread(target=other, args=["first"])
    second = threading.Thread(target=other, args=["second"])
    first.start()
    second.start()
    while len(inside) < 2:
        time.sleep(0.001)
    last = threading.Thread(target=alone)
    last.start()
    alone_waits.wait(10)
    time.sleep(0.1)
    # Who comes later stands behind the one who waits to be alone.
    late = threading.Thread(target=other, args=["late"])
    late.start()
    time.sleep(0.1)
    assert len(inside) == 2
    others_may_go.set()
    for thread in (first, second, last, late):
        thread.join(10)
    assert inside[4:] == ["alone", "late in", "late out"]


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
