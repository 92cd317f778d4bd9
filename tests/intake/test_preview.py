"""A file is checked before it is dropped: what the night would say, and nothing has happened."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import psycopg2
import pytest

from include.city_order import answers, preview, warehouse
from include.city_order.site import Site
from tests.intake.nights import answer, collect, leave, receipts, select, standing

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

FIRST = answer({}, {"part_number": "К1986ВЕ1QI"})
FILES = {
    "хорошо.csv": (answer({}, {"part_number": "К1986ВЕ1QI", "demand_2026": "12"}), "accepted_with_warnings"),
    "повтор.csv": (FIRST, "duplicate"),
    "частично.csv": (answer({}, {"part_number": "К1986ВЕ1QI", "unit": "ведро"}), "partly_accepted"),
    "скан.csv": (b"%PDF-1.7", "rejected"),
    "пусто.csv": (answer(), "rejected"),
}


def everything(site: Site, owner: str) -> dict[str, tuple[str, int]]:
    """A digest of every row of every table of the warehouse."""
    with warehouse.transaction(owner) as cursor:
        cursor.execute(
            "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE'"
            " and table_schema not in ('pg_catalog', 'information_schema')"
        )
        tables = cursor.fetchall()
        assert len(tables) > 25
        found = {}
        for schema, name in tables:
            cursor.execute(
                f"select md5(coalesce(string_agg(whole::text, chr(10) order by whole::text), '')), count(*)"
                f" from {schema}.{name} as whole"
            )
            found[f"{schema}.{name}"] = cursor.fetchone()
    return found


def files(*folders: Path) -> dict[str, tuple[str, int]]:
    """Every file below the folders: what it holds, and since when."""
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def after_a_night(site: Site) -> Site:
    """One answer stands, and another waits to be received."""
    leave(site, "ecb-2026/gorsvet/первый.csv", FIRST)
    collect(site)
    with warehouse.transaction(site.warehouse) as cursor:
        answers.write(site, [], others=True)
        # A receipt of a run that was cut short: it waits for the night, and no preview may take it.
        cursor.execute(
            "insert into landing.receipt (drop_key, survey_code, agency_code, drop_date, original_path, sha256,"
            " size_bytes, modified_ns, arrived_at) values ('key', 'ecb-2026', 'video-watch', '2026-11-10', 'path',"
            " repeat('a', 64), 1, 1, now())"
        )
    leave(site, "ecb-2026/gorsvet/второй.csv", answer({"demand_2026": "7"}))
    return site


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_touched_and_the_verdict_is_told(after_a_night: Site, warehouse: Any, tmp_path: Path, name: str):
    site, (content, verdict) = after_a_night, FILES[name]
    (tmp_path / "own").mkdir()
    file = tmp_path / "own" / name
    file.write_bytes(content)
    folders = (site.inbox, site.archive, site.outbox, tmp_path / "own")
    before = everything(site, warehouse.owner), files(*folders)
    assert before[1]
    told = preview.check(site, file, "ecb-2026", "gorsvet", tmp_path / "to")
    assert told.facts.verdict == verdict
    assert (everything(site, warehouse.owner), files(*folders)) == before
    assert {path.parent for path in told.written} == {tmp_path / "to"}
    assert file.stem + "-protocol.xlsx" in {path.name for path in told.written}
    assert set(told.written) == set((tmp_path / "to").iterdir())


def test_the_night_says_the_same(site: Site, tmp_path: Path):
    # The survey is over, so whatever is left now is late: for the preview and for the night alike.
    leave(site, "ecb-2026/gorsvet/первый.csv", FIRST)
    collect(site)
    for hour, (name, (content, _)) in enumerate(FILES.items(), start=13):
        file = tmp_path / name
        file.write_bytes(content)
        told = preview.check(site, file, "ecb-2026", "gorsvet", tmp_path / "to").facts
        leave(site, f"ecb-2026/gorsvet/{name}", content, f"2026-11-10 {hour}:00")
        collect(site)
        receipt_no = receipts(site)[f"ecb-2026/gorsvet/{name}"]["receipt_no"]
        (said,) = answers.facts(site.warehouse, [receipt_no])
        assert replace(told, receipt_no=receipt_no, arrived_at=said.arrived_at) == said
    # No number was used up: an agency's receipts are counted as they come.
    assert [row["receipt_no"] for row in receipts(site).values()] == list(range(1, len(FILES) + 2))


def test_a_correction_is_compared_with_what_stands_and_does_not_replace_it(site: Site, tmp_path: Path):
    leave(site, "ecb-2026/gorsvet/первый.csv", FIRST)
    collect(site)
    stands = standing(site)
    file = tmp_path / "исправление.csv"
    file.write_bytes(answer({"demand_2026": "1"}))
    told = preview.check(site, file, "ecb-2026", "gorsvet", tmp_path / "to")
    assert told.facts.correction is not None
    assert (told.facts.correction.replaced_receipt_no, told.facts.correction.leaving) == (1, 1)
    assert standing(site) == stands


def test_the_protocol_does_not_pass_for_that_of_a_receipt(site: Site, tmp_path: Path):
    file = tmp_path / "ответ.csv"
    file.write_bytes(FIRST)
    told = preview.check(site, file, "ecb-2026", "gorsvet", tmp_path / "to")
    (book,) = (path for path in told.written if path.suffix == ".xlsx")
    texts = [str(cell.value) for row in openpyxl.load_workbook(book)["Протокол"] for cell in row if cell.value]
    assert any("предварительн" in text.casefold() for text in texts)
    assert not [text for text in texts if str(preview.RECEIPT_NO) in text]


def test_a_name_that_no_night_collects_is_refused(site: Site, tmp_path: Path):
    file = tmp_path / "~$ответ.xlsx"
    file.write_bytes(b"")
    with pytest.raises(preview.NotADrop, match="Rename it"):
        preview.check(site, file, "ecb-2026", "gorsvet", tmp_path / "to")


def test_a_run_that_is_loading_does_not_keep_it_waiting(site: Site, tmp_path: Path):
    file = tmp_path / "ответ.csv"
    file.write_bytes(FIRST)
    connection = psycopg2.connect(site.warehouse)
    try:
        for name in ("receive", "reference", "load", "answers"):
            warehouse.lock(connection.cursor(), name)
        assert preview.check(site, file, "ecb-2026", "gorsvet", tmp_path).facts.lines_accepted == 2
    finally:
        connection.close()


# The rehearsal itself


def scans(site: Site) -> list[dict[str, Any]]:
    return select(site, "select count(*) as scans from landing.scan")


SCAN = "insert into landing.scan (started_at, finished_at, drops_received) values (now(), now(), 1)"


def test_a_rehearsal_sees_its_own_work_and_nobody_else_does(site: Site):
    with warehouse.rehearsal(site.warehouse):
        with warehouse.transaction(site.warehouse) as cursor:
            cursor.execute(SCAN)
            cursor.connection.commit()
        assert scans(site) == [{"scans": 1}]
        other = psycopg2.connect(site.warehouse)
        with other, other.cursor() as cursor:
            cursor.execute("select count(*) from landing.scan")
            assert cursor.fetchone() == (0,)
        other.close()
    assert scans(site) == [{"scans": 0}]


def test_a_part_that_fails_is_undone_and_the_rest_goes_on(site: Site):
    with warehouse.rehearsal(site.warehouse):
        with warehouse.transaction(site.warehouse) as cursor:
            cursor.execute(SCAN)
        with pytest.raises(psycopg2.errors.UndefinedTable), warehouse.transaction(site.warehouse) as cursor:
            cursor.execute(SCAN)
            cursor.execute("select * from no_such_table")
        assert scans(site) == [{"scans": 1}]


def test_what_could_commit_for_good_is_refused(site: Site):
    refused: list[Exception] = []

    def in_another_thread() -> None:
        try:
            scans(site)
        except RuntimeError as error:
            refused.append(error)

    with warehouse.rehearsal(site.warehouse):
        thread = threading.Thread(target=in_another_thread)
        thread.start()
        thread.join()
        assert len(refused) == 1
        with pytest.raises(RuntimeError, match="one warehouse"), warehouse.transaction("postgresql://elsewhere"):
            pass
        with pytest.raises(RuntimeError, match="under way"), warehouse.rehearsal(site.warehouse):
            pass
    assert scans(site) == [{"scans": 0}]


def test_it_gives_up_soon_where_a_run_is_changing_the_same_row(site: Site):
    leave(site, "ecb-2026/gorsvet/первый.csv", FIRST)
    collect(site)
    change = "update landing.receipt set reason = reason"
    connection = psycopg2.connect(site.warehouse)
    try:
        connection.cursor().execute(change)
        with (
            pytest.raises(psycopg2.errors.LockNotAvailable),
            warehouse.rehearsal(site.warehouse),
            warehouse.transaction(site.warehouse) as cursor,
        ):
            cursor.execute(change)
    finally:
        connection.close()
