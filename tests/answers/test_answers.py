"""The answers flow on a real warehouse: who gets which file, where, and when it is written again."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import xlsxwriter
from openpyxl import load_workbook
from psycopg2.extensions import connection as Connection

from include.city_order import answers, archive, sandbox
from include.city_order.site import Site
from include.city_order.warehouse import SQL_FOLDER
from tests.conftest import Warehouse

pytestmark = pytest.mark.warehouse

RULES, REFERENCE = "2026-09-01.rules", "2026-09-01.reference"
ENDINGS = ("csv", "json", "xlsx")
FIRST_ARRIVAL = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

REFERENCE_DATA = """
insert into reference.agency values ('dep-it');
insert into reference.agency_version
    (agency_code, valid_from, name, inn, kpp, source, source_date)
values
    ('dep-it', '2020-01-01', 'Департамент информационных технологий', '0000000019', '770001001', 'test', '2026-01-01'),
    ('dep-it', '2027-01-01', 'Департамент с новым именем', '0000000019', '770001001', 'test', '2026-01-01');
insert into reference.survey values (
    'ecb-2026', 'ecb', 'Потребность в компонентах', '2026-10-01', '2026-11-20', '2026-09-01', '2026-09-01', 'r', 'r'
);
"""


def zipped(number: int) -> bytes:
    """A ZIP with a workbook: a title, two rows of headings, six lines from row 5 on."""
    sheet = BytesIO()
    with xlsxwriter.Workbook(sheet, {"strings_to_formulas": False}) as workbook:
        rows = workbook.add_worksheet("Лист1")
        rows.write_column("B1", [f"Ответ {number}", "", "Наименование", "изделия", *["Микросхема"] * 6])
        rows.write_column("H4", ["Единица", "=cmd|x", *["шт"] * 5])
    archived = BytesIO()
    with zipfile.ZipFile(archived, "w") as members:
        members.writestr("a.xlsx", sheet.getvalue())
    return archived.getvalue()


class Town:
    """A warehouse with receipts in it, put there as reading, judging and loading leave them."""

    def __init__(self, warehouse: Warehouse, connection: Connection, archived: Path) -> None:
        self.warehouse = warehouse
        self.connection = connection
        self.archived = archived
        self.drops = 0

    def answer(self, outbox: Path, receipts: list[int]) -> list[int]:
        nowhere = outbox / "nowhere"
        site = Site(self.warehouse.ingest, nowhere, self.archived, outbox, nowhere, nowhere)
        return answers.write(site, receipts)

    def one(self, query: str, *parameters: Any) -> Any:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return cursor.fetchone()[0] if cursor.description else None

    def receipt(
        self,
        verdict: str | None,
        *,
        survey: str | None = "ecb-2026",
        agency: str | None = "dep-it",
        reason: str = "",
        accepted: int = 0,
        rejected: int = 0,
        repeats: int | None = None,
        path: str | None = None,
        day: int | None = None,
    ) -> int:
        """A receipt of its own day, in the order of the calls unless `day` says otherwise."""
        self.drops += 1
        drop = self.archived / str(self.drops)
        drop.write_bytes(zipped(self.drops))
        sha256 = archive.store(self.archived, drop, drop.stat().st_size, drop.stat().st_mtime_ns)
        arrived_at = FIRST_ARRIVAL + timedelta(days=self.drops if day is None else day)
        return self.one(
            """
            insert into landing.receipt (
                drop_key, survey_code, agency_code, drop_date, original_path, sha256, size_bytes, modified_ns,
                arrived_at, verdict, reason, repeats_submission_id, lines_delivered, lines_accepted, lines_rejected
            ) values (%s, %s, %s, %s, %s, %s, 10, 1, %s, %s, %s, %s, %s, %s, %s) returning receipt_no
            """,
            str(self.drops), survey, agency, arrived_at.date(), path or f"{survey}/{agency}/ответ {self.drops}.xlsx",
            sha256, arrived_at, verdict, reason, repeats,
            accepted + rejected, accepted, rejected,
        )  # fmt: skip

    def reading(self, receipt_no: int, left_out: list[list[Any]]) -> None:
        """A reading of the archived drop."""
        self.one(
            """
            insert into staging.reading (
                receipt_no, reading_sha256, outcome, format, encoding, lines_delivered, nil_return, missing_fields,
                ambiguous_fields, sender_inn, sender_inn_typed, sender_inn_problem, sender_inn_cell, sender_kpp,
                sender_kpp_cell, tables, left_out, encoding_ground, rows_seen, rows_recognised
            ) values (
                %s, 'r', 'read', 'zip', 'cp1251', 1, false, '{}', '{}', '', '', '', '', '', '', %s, %s, 'letters', 9, 7
            )
            """,
            receipt_no,
            json.dumps([{"member": "a.xlsx", "sheet": "Лист1", "hidden": False, "first_row": 3, "last_row": 4}]),
            json.dumps(left_out),
        )
        self.one("insert into staging.form_column values (%s, 'a.xlsx', 'Лист1', 'unit', 'H')", receipt_no)

    def judgement(self, receipt_no: int, outcome: str, accepted: int, rejected: int = 0, rules: str = RULES) -> None:
        self.one("update quality.judgement set stands = false where receipt_no = %s", receipt_no)
        self.one(
            """
            insert into quality.judgement (
                receipt_no, rules_version, reference_version, stands, outcome, reason, reading_sha256, content_sha256,
                lines_delivered, lines_accepted, lines_rejected, lines_duplicate, warnings
            ) values (%s, %s, %s, true, %s, '', 'r', 'c', %s, %s, %s, 0, 0)
            """,
            receipt_no, rules, REFERENCE, outcome, accepted + rejected, accepted, rejected,
        )  # fmt: skip

    def lines(self, receipt_no: int, *lines: tuple[str, int | None]) -> None:
        """Lines as they were read, below one another: (item, its demand in 2026)."""
        self.one("insert into staging.form_column values (%s, 'a.xlsx', 'Лист1', 'item_name', 'B')", receipt_no)
        for position, (item, demand) in enumerate(lines, 1):
            self.one(
                """
                insert into staging.line (
                    receipt_no, line_position, member, sheet, row_number, raw, cleaned_by, outside_horizon, name_key,
                    matching_key, item_name, demand_2026
                ) values (%s, %s, 'a.xlsx', 'Лист1', %s, '{}', '{}', '{}', 'Х', %s, 'Микросхема', %s)
                """,
                receipt_no, position, position + 4, item, demand,
            )  # fmt: skip

    def finds(
        self,
        receipt_no: int,
        rule: str,
        severity: str,
        cell: str,
        field: str,
        value: str,
        message: str,
        *,
        position: int = 1,
        expected: str = "",
        waiver: str = "",
        rules: str = RULES,
    ) -> None:
        """A finding about a line."""
        self.one(
            """
            insert into quality.finding (
                receipt_no, rules_version, reference_version, rule_id, severity, member, sheet, cell, line_position,
                field, value, message, expected, waiver
            ) values (%s, %s, %s, %s, %s, 'a.xlsx', 'Лист1', %s, %s, %s, %s, %s, %s, %s)
            """,
            receipt_no, rules, REFERENCE, rule, severity, cell, position, field, value, message, expected, waiver,
        )  # fmt: skip

    def refusal(self, receipt_no: int, rule: str, severity: str, position: int) -> None:
        """A finding about a line's item."""
        message = f"{rule} {severity}."
        cell = f"B{position + 4}"
        self.finds(receipt_no, rule, severity, cell, "item_name", "Микросхема", message, position=position)

    def finding(self, receipt_no: int, message: str, rules: str = RULES) -> None:
        self.finds(receipt_no, "L07", "E", "H5", "unit", "=cmd|x", message, rules=rules)

    def submission(self, receipt_no: int, items: dict[str, int | None]) -> int:
        """A submission that asks for so many of each item in 2026."""
        revision = 1 + self.one("select count(*) from core.submission")
        self.one("update core.submission set withdrawn_at = now() where superseded_by is null and withdrawn_at is null")
        submission_id = self.one(
            """
            insert into core.submission (
                survey_code, agency_code, revision, receipt_no, rules_version, reference_version, reading_sha256,
                content_sha256
            ) values ('ecb-2026', 'dep-it', %s, %s, %s, %s, 'r', 'c') returning submission_id
            """,
            revision, receipt_no, RULES, REFERENCE,
        )  # fmt: skip
        for position, (item, demand) in enumerate(items.items(), 1):
            product_id = hashlib.sha256(item.encode()).hexdigest()[:16]
            self.one("insert into core.product values (%s, 'ecb') on conflict do nothing", product_id)
            self.one(
                """
                insert into core.demand_line (
                    submission_id, line_position, receipt_no, member, sheet, row_number, raw, cleaned_by, product_id,
                    item_name, part_number, unit, demand_2026, outside_horizon
                ) values (%s, %s, %s, '', 'Лист1', %s, '{}', '{}', %s, 'Микросхема', %s, '796', %s, '{}')
                """,
                submission_id, position, receipt_no, position, product_id, item, demand,
            )  # fmt: skip
        return submission_id

    def revision(self, items: dict[str, int | None], *, rejected: int = 0, day: int | None = None) -> int:
        """A receipt that was read, judged and loaded."""
        verdict = "partly_accepted" if rejected else "accepted"
        receipt_no = self.receipt(verdict, accepted=len(items), rejected=rejected, day=day)
        self.judgement(receipt_no, "loadable", len(items), rejected)
        self.submission(receipt_no, items)
        return receipt_no


@pytest.fixture
def town(warehouse, tmp_path_factory):
    connection = psycopg2.connect(warehouse.ingest)
    town = Town(warehouse, connection, tmp_path_factory.mktemp("archive"))
    town.one(REFERENCE_DATA)
    yield town
    connection.close()


def said(path: Path) -> dict[str, str]:
    """The first sheet's values by their labels."""
    sheet = load_workbook(BytesIO(path.read_bytes()))["Протокол"]
    return {row[0]: row[1] for row in sheet.iter_rows(max_col=2, values_only=True) if row[1]}


def files(outbox: Path) -> list[str]:
    return sorted(path.relative_to(outbox).as_posix() for path in outbox.rglob("*") if path.is_file())


def test_each_verdict_is_answered_in_its_place_and_once(warehouse, town: Town, tmp_path: Path):
    accepted = town.revision({"A": 5})
    partly = town.revision({"A": 5}, rejected=1)
    town.finding(partly, "Укажите единицу измерения.")
    warned = town.revision({"A": 6})
    town.one("update landing.receipt set verdict = 'accepted_with_warnings' where receipt_no = %s", warned)
    submission = town.one("select submission_id from core.submission where receipt_no = %s", warned)
    duplicate = town.receipt("duplicate", repeats=submission)
    rejected = town.receipt("rejected", reason="F02", rejected=4)
    town.judgement(rejected, "rejected", 0, 4)
    limit = town.receipt("quarantined", reason="limit_memory")
    stranger = town.receipt("quarantined", agency="кто-то", reason="unknown_agency")
    unjudged = town.receipt(None)

    everyone = [accepted, partly, warned, duplicate, rejected, limit, stranger]
    assert town.answer(tmp_path, [accepted, unjudged]) == everyone
    home = tmp_path / "ecb-2026" / "dep-it"
    assert files(tmp_path) == sorted(
        f"{folder}/{no}-protocol.{ending}"
        for folder, no in [("_unresolved", stranger), *(("ecb-2026/dep-it", no) for no in everyone[:-1])]
        for ending in ENDINGS
    )
    decisions = {receipt_no: said(home / f"{receipt_no}-protocol.xlsx")["Решение"] for receipt_no in everyone[:-1]}
    assert list(decisions.values()) == [
        "Принят",
        "Принят частично",
        "Принят с замечаниями",
        "Повтор файла, присланного раньше",
        "Не принят",
        "Отложен до решения департамента",
    ]
    assert f"№ {warned}" in said(home / f"{duplicate}-protocol.xlsx")["Что это значит"]
    assert said(home / f"{accepted}-protocol.xlsx")["Организация"] == "Департамент информационных технологий"
    assert "Укажите единицу измерения." in said(home / f"{partly}-protocol.xlsx").values()

    for receipt_no in everyone[:-1]:
        stem = f"ecb-2026/dep-it/{receipt_no}-protocol."
        digests = [hashlib.sha256((tmp_path / (stem + ending)).read_bytes()).hexdigest() for ending in ENDINGS]
        assert town.one(
            "select array[answer_csv_sha256, answer_json_sha256, answer_sha256] = %s and answer_path = %s"
            " and answer_facts_sha256 is not null and answered_at is not null from landing.receipt"
            " where receipt_no = %s",
            digests, f"{stem}xlsx", receipt_no,
        )  # fmt: skip
        assert {stat.S_IMODE((tmp_path / (stem + ending)).stat().st_mode) for ending in ENDINGS} == {0o644}
    assert town.one("select answered_at is null from landing.receipt where receipt_no = %s", unjudged)

    written = {path: (tmp_path / path).stat().st_mtime_ns for path in files(tmp_path)}
    assert town.answer(tmp_path, everyone) == []
    assert {path: (tmp_path / path).stat().st_mtime_ns for path in files(tmp_path)} == written


def test_a_deleted_answer_is_written_again(warehouse, town: Town, tmp_path: Path):
    receipt_no = town.revision({"A": 5})
    town.answer(tmp_path, [])
    [path] = tmp_path.rglob("*.xlsx")
    content = path.read_bytes()
    path.unlink()
    assert town.answer(tmp_path, [receipt_no]) == [receipt_no]
    assert path.read_bytes() == content


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_answer_that_is_not_what_it_was_is_written_again(warehouse, town: Town, tmp_path: Path, ending: str):
    receipt_no = town.revision({"A": 5})
    town.answer(tmp_path, [])
    (path,) = tmp_path.rglob(f"*.{ending}")
    content = path.read_bytes()
    path.write_bytes(content[:100])
    assert town.answer(tmp_path, [receipt_no]) == [receipt_no]
    assert path.read_bytes() == content


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The drops that were opened to be copied."""
    opened: list[Path] = []
    plain = sandbox.copy
    monkeypatch.setattr(sandbox, "copy", lambda path: opened.append(path) or plain(path))
    return opened


def test_a_drop_is_opened_again_only_if_its_facts_changed(warehouse, town: Town, tmp_path: Path, copies: list[Path]):
    read, unread = town.revision({"A": 5}), town.receipt("rejected", reason="F01")
    town.reading(read, [])
    assert town.answer(tmp_path, []) == [read, unread]
    assert len(copies) == 1, "what was not read has no copy"
    assert town.answer(tmp_path, [read, unread]) == []
    assert len(copies) == 1
    town.finding(read, "Укажите единицу измерения.")
    assert town.answer(tmp_path, [read, unread]) == [read]
    assert len(copies) == 2


def test_new_code_that_says_the_same_leaves_the_answer(
    warehouse, town: Town, tmp_path: Path, copies: list[Path], monkeypatch: pytest.MonkeyPatch
):
    receipt_no = town.revision({"A": 5})
    town.reading(receipt_no, [])
    town.answer(tmp_path, [])
    written = {path: (tmp_path / path).stat().st_mtime_ns for path in files(tmp_path)}
    answered_at = town.one("select answered_at from landing.receipt")
    monkeypatch.setattr(answers, "_code_version", lambda: "newer")
    assert town.answer(tmp_path, [receipt_no]) == []
    assert len(copies) == 2, "it was made again, to see"
    assert {path: (tmp_path / path).stat().st_mtime_ns for path in files(tmp_path)} == written
    assert town.one("select answered_at from landing.receipt") == answered_at
    town.answer(tmp_path, [receipt_no])
    assert len(copies) == 2, "and is known now"


def test_a_restored_answer_counts_as_given(warehouse, town: Town, tmp_path: Path):
    town.revision({"A": 5})
    town.answer(tmp_path, [])
    town.one("update landing.receipt set answered_at = null, answer_facts_sha256 = null")
    assert town.answer(tmp_path, []) == []
    assert town.one("select answered_at is not null from landing.receipt")


def test_a_drop_that_the_archive_lacks_is_our_fault(warehouse, town: Town, tmp_path: Path):
    receipt_no = town.revision({"A": 5})
    town.reading(receipt_no, [])
    archive.path_of(town.archived, town.one("select sha256 from landing.receipt")).unlink()
    with pytest.raises(FileNotFoundError):
        town.answer(tmp_path, [])
    assert town.one("select answered_at is null from landing.receipt where receipt_no = %s", receipt_no)


def test_the_agency_s_own_sheet_is_marked_and_all_files_tell_the_finding(warehouse, town: Town, tmp_path: Path):
    receipt_no = town.revision({"A": 5}, rejected=1)
    town.reading(receipt_no, [["a.xlsx", "Лист1", 10, "not_recognised"]])
    town.lines(receipt_no, ("A", 5))
    town.refusal(receipt_no, "L01", "E", 1)
    told = {"expected": "шт", "waiver": "так решили"}
    town.finds(receipt_no, "L07", "W", "H5", "unit", "=cmd|x", "Укажите единицу измерения.", **told)
    town.answer(tmp_path, [])
    stem = tmp_path / f"ecb-2026/dep-it/{receipt_no}-protocol"
    workbook = load_workbook(stem.with_suffix(".xlsx"))
    own = workbook["Лист1 (a)"]
    assert (own["B1"].value, own["H5"].value, own["H5"].data_type) == ("Ответ 1", "=cmd|x", "s")
    said_there = own["H5"].comment.text
    assert said_there.startswith("Предупреждение: Укажите единицу измерения. Действует разрешение: так решили.")
    assert said_there.endswith("Введено: =cmd|x\nОжидается: шт")
    assert own["B5"].comment.text.startswith("Ошибка: L01 E.")
    assert own["A10"].comment.text.startswith("Эта строка не распознана")
    told = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    assert [(finding["cell"], finding["expected"]) for finding in told["findings"]] == [("B5", ""), ("H5", "шт")]
    assert (told["survey_code"], told["agency_code"]) == ("ecb-2026", "dep-it")
    assert (told["reading"]["rows_seen"], told["reading"]["rows_recognised"]) == (9, 7)
    assert ";'=cmd|x;шт;" in stem.with_suffix(".csv").read_text(encoding="utf-8-sig")


def test_a_field_without_a_column_is_not_called_empty(warehouse, town: Town, tmp_path: Path):
    receipt_no = town.revision({"A": 5}, rejected=1)
    town.reading(receipt_no, [])
    town.lines(receipt_no, ("A", 5))
    town.finds(receipt_no, "L07", "E", "B5", "pack_size", "", "Укажите, сколько штук в упаковке.")
    town.answer(tmp_path, [])
    remarks = load_workbook(tmp_path / f"ecb-2026/dep-it/{receipt_no}-protocol.xlsx")["Замечания"]
    assert (remarks["C2"].value, remarks["E2"].value) == ("B5", "(графы нет)")


def test_folders_of_a_drop_never_become_a_path(warehouse, town: Town, tmp_path: Path):
    outbox = tmp_path / "outbox"
    hostile = [("../..", "dep-it"), ("ecb-2026", "../../x"), ("/etc", "/etc"), ("ecb-2026", "dep-it/.."), (None, None)]
    receipts = [
        town.receipt("quarantined", survey=survey, agency=agency, reason="misplaced", path=f"{survey}/{agency}/=1+1")
        for survey, agency in hostile
    ]
    assert town.answer(outbox, []) == receipts
    assert [path.name for path in tmp_path.iterdir()] == ["outbox"]
    assert files(outbox) == sorted(f"_unresolved/{no}-protocol.{ending}" for no in receipts for ending in ENDINGS)
    assert said(outbox / "_unresolved" / f"{receipts[0]}-protocol.xlsx")["Где лежал"] == "../../dep-it/=1+1"


def test_an_answer_moves_when_its_sender_becomes_known(warehouse, town: Town, tmp_path: Path):
    receipt_no = town.receipt("quarantined", agency="dep-new", reason="unknown_agency")
    town.answer(tmp_path, [])
    town.one("insert into reference.agency values ('dep-new')")
    assert town.answer(tmp_path, [receipt_no]) == [receipt_no]
    assert files(tmp_path) == [f"ecb-2026/dep-new/{receipt_no}-protocol.{ending}" for ending in ENDINGS]


def test_only_the_standing_judgement_speaks(warehouse, town: Town, tmp_path: Path):
    receipt_no = town.receipt("partly_accepted", accepted=1, rejected=1)
    town.judgement(receipt_no, "loadable", 1, 1)
    town.finding(receipt_no, "Старая причина.")
    town.answer(tmp_path, [])
    town.judgement(receipt_no, "loadable", 2, 3, rules="newer")
    town.finding(receipt_no, "Новая причина.", rules="newer")
    assert town.answer(tmp_path, [receipt_no]) == [receipt_no]
    protocol = said(tmp_path / f"ecb-2026/dep-it/{receipt_no}-protocol.xlsx")
    assert "Новая причина." in protocol.values()
    assert "Старая причина." not in protocol.values()
    assert protocol["Что это значит"].startswith("Принято строк: 2 из 5.")


def test_what_was_read_is_told(warehouse, town: Town, tmp_path: Path):
    receipt_no = town.revision({"A": 5})
    left_out = [
        ["a.xlsx", "Лист1", 9, "total"],
        ["a.xlsx", "Лист1", 12, "total"],
        ["a.xlsx", "Лист1", 15, "not_recognised"],
        ["скан.pdf", "", 0, "unknown_format"],
    ]
    town.reading(receipt_no, left_out)
    town.answer(tmp_path, [])
    protocol = said(tmp_path / f"ecb-2026/dep-it/{receipt_no}-protocol.xlsx")
    assert protocol["Формат файла"] == (
        "архив ZIP с таблицами, кодировка Windows-1251 (выбрана по русским словам в тексте)"
    )
    assert protocol["Прочитанные листы"] == "a.xlsx: Лист1"
    assert protocol["Прочитано строк"] == "1: принято 1, не принято 0, повторов 0"
    assert protocol["Не считаются строками"] == (
        "нераспознанные строки: 1 (a.xlsx: Лист1!A15); строки итогов: 2; "
        "файлы архива, в которых нет таблиц: 1 (скан.pdf)"
    )


def test_a_repeat_names_the_first_line_that_no_rule_refused(warehouse, town: Town, tmp_path: Path):
    receipt_no = town.revision({"A": 5}, rejected=1)
    town.reading(receipt_no, [])
    town.lines(receipt_no, ("A", 5), ("A", 5), ("B", 5), ("A", 6), ("A", 5), ("A", 6))
    town.refusal(receipt_no, "L03", "E", 1)
    town.refusal(receipt_no, "D01", "W", 4)
    town.refusal(receipt_no, "D01", "E", 5)
    town.refusal(receipt_no, "D01", "E", 6)
    town.answer(tmp_path, [])
    content = (tmp_path / f"ecb-2026/dep-it/{receipt_no}-protocol.xlsx").read_bytes()
    sheet = load_workbook(BytesIO(content))["Замечания"]
    assert [(row[2], row[6]) for row in sheet.iter_rows(min_row=2, values_only=True)] == [
        ("B5", "L03 E."),
        ("B8", "D01 W. То же изделие — в ячейке a.xlsx: Лист1!B6."),
        ("B9", "D01 E. То же изделие — в ячейке a.xlsx: Лист1!B6."),
        ("B10", "D01 E. То же изделие — в ячейке a.xlsx: Лист1!B8."),
    ]


def test_answers_and_rules_agree_on_what_a_repeat_is():
    *_, view = (
        text
        for path in sorted((SQL_FOLDER / "migrations/versions").glob("*.sql"))
        if "create view staging.repeat_to_check" in (text := path.read_text(encoding="utf-8"))
    )
    view = view[view.index("create view staging.repeat_to_check") :]
    query = (SQL_FOLDER / "answers/findings.sql").read_text(encoding="utf-8")
    window = re.compile(r"(same_\w+) as \(\s*(partition by.+?order by \S+)\s*\)", re.DOTALL)
    in_view, in_query = (
        {name: " ".join(keys.split()) for name, keys in window.findall(text)[:2]} for text in (view, query)
    )
    assert in_view.keys() == {"same_item", "same_line"}
    assert in_query == in_view


def test_a_correction_names_what_leaves_and_only_looks_back(warehouse, town: Town, tmp_path: Path):
    town.revision({"A": 1, "B": 2, "C": 3, "blank": None}, day=1)
    correction = town.revision({"A": 1, "blank": None}, rejected=2, day=5)
    town.answer(tmp_path, [])
    path = tmp_path / f"ecb-2026/dep-it/{correction}-protocol.xlsx"
    protocol = said(path)
    assert protocol["Больше не в заказе: 2"] == "Микросхема, B\nМикросхема, C"
    assert "Внимание" not in protocol

    later = town.revision({"Z": 1}, day=9)
    town.one(
        "update landing.receipt set lines_superseded = lines_accepted, lines_accepted = 0 where receipt_no = %s",
        correction,
    )
    assert town.answer(tmp_path, [correction]) == [later]
    assert said(path) == protocol
    assert f"№ {correction}" in said(tmp_path / f"ecb-2026/dep-it/{later}-protocol.xlsx")["Внимание"]


def test_the_revision_before_is_that_of_the_receipts_order(warehouse, town: Town, tmp_path: Path):
    last = town.revision({"A": 1}, day=9)
    before = town.revision({"A": 1, "B": 1}, day=5)
    town.revision({"C": 1}, day=1)
    repeat = town.revision({"D": 1}, day=7)
    submission = town.one("select submission_id from core.submission where receipt_no = %s", before)
    town.one("update landing.receipt set verdict = 'duplicate', repeats_submission_id = %s where receipt_no = %s",
             submission, repeat)  # fmt: skip
    town.answer(tmp_path, [])
    protocol = said(tmp_path / f"ecb-2026/dep-it/{last}-protocol.xlsx")
    assert f"№ {before} " in protocol["Прежний ответ"]
    assert protocol["Больше не в заказе: 1"] == "Микросхема, B"


def test_what_an_earlier_reading_loaded_is_no_revision(warehouse, town: Town, tmp_path: Path):
    before = town.revision({"A": 1, "B": 1})
    town.one("update core.submission set reading_sha256 = 'older' where receipt_no = %s", before)
    town.submission(before, {"A": 1, "C": 1})
    last = town.revision({"A": 1})
    town.answer(tmp_path, [])
    assert said(tmp_path / f"ecb-2026/dep-it/{last}-protocol.xlsx")["Больше не в заказе: 1"] == "Микросхема, C"


def test_two_writers_at_once_leave_one_answer_each(warehouse, town: Town, tmp_path: Path):
    receipts = [town.revision({"A": number}) for number in range(1, 9)]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: town.answer(tmp_path, receipts), range(2))
    assert sorted(first + second) == receipts
    assert len(files(tmp_path)) == len(ENDINGS) * len(receipts)


def test_an_outbox_that_cannot_be_written_records_nothing(warehouse, town: Town, tmp_path: Path):
    receipt_no = town.revision({"A": 1})
    outbox = tmp_path / "outbox"
    outbox.write_text("a file where a folder should be")
    with pytest.raises(OSError):
        town.answer(outbox, [])
    assert town.one(
        "select answered_at is null and answer_path is null from landing.receipt where receipt_no = %s", receipt_no
    )
