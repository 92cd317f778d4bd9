"""Whatever a drop is named and whatever stands in its cells: the run stays green, and each receipt has a verdict."""

from __future__ import annotations

import os
import zipfile
from io import BytesIO

import pytest

from include.city_order.site import Site
from tests.intake.nights import HEADINGS, answer, collect, leave, receipts, select, verdicts

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

SQL = "'); drop table core.submission; --"
TEMPLATE = "{{ conn.warehouse_ingest.password }}{% raw %}%(receipts)s %s {0}"
FORMULA = '=HYPERLINK("http://example.org";"A")'
HOSTILE_TEXTS = (SQL, TEMPLATE, FORMULA, "@SUM(1+1)", "\\N", "\\.", "\u202egnp.exe", "a\tb", 'a"b', "\U0001f50b" * 9)

#: Typed for a quantity, and no quantity.
NO_NUMBERS = (
    "9" * 400,
    "1" + "0" * 15,
    "1e999",
    "1E5",
    "NaN",
    "nan",
    "Infinity",
    "-Infinity",
    "inf",
    "∞",
    "0x10",
    "1_000",
    "١٢",
    "1,2,3",
    "--5",
    SQL,
)
#: Numbers that the warehouse could hold, and that no agency means.
TOO_LARGE = ("9" * 15, "1" + "0" * 12, "-1")


def test_names_are_only_names(site: Site):
    good = answer({})
    leave(site, f"ecb-2026/{SQL}/a.csv", good)
    leave(site, f"{SQL}/gorsvet/a.csv", good)
    leave(site, f"{TEMPLATE}/{FORMULA}/{TEMPLATE}.csv", good)
    leave(site, f"ecb-2026/gorsvet/{SQL}{FORMULA.replace('/', '')}.csv", good)
    leave(site, f"ecb-2026/gorlift/{TEMPLATE}\n.csv", good)
    leave(site, b"ecb-2026/metro-fict/\xff\xfe\xce\xf2\xe2\xe5\xf2.csv", good)
    leave(site, b"ecb-2026/\xff\xfe/a.csv", good)
    leave(site, "../inbox/ecb-2026/school-1501/..csv", good)
    leave(site, "нет папки.csv", good)
    leave(site, "ecb-2026/gorsvet/ещё/глубже/a.csv", good)
    collect(site)
    ended = verdicts(site)
    assert len(ended) == 10
    assert sorted(ended.values()) == ["accepted"] * 4 + ["quarantined"] * 6
    assert "ecb-2026/metro-fict/\\xff\\xfe\\xce\\xf2\\xe2\\xe5\\xf2.csv" in ended


def test_a_path_of_any_length_is_received(site: Site):
    deep = "/".join(os.urandom(120).hex() for _ in range(14))
    leave(site, f"ecb-2026/gorsvet/{deep}/a.csv", answer({}))
    leave(site, b"/".join([b"ecb-2026", b"\xfe" * 250, b"\xfe" * 250]), answer({}))
    leave(site, f"ecb-2026/gorsvet/{'д' * 120}.csv", answer({}))
    collect(site)
    assert sorted(verdicts(site).values()) == ["accepted", "quarantined", "quarantined"]


@pytest.mark.parametrize("seconds", [0, -1, -62_135_596_801, 2**33, 253_402_300_800, 2**62 // 10**9])
def test_a_drop_of_any_date_is_received(site: Site, seconds: int):
    file = leave(site, "ecb-2026/gorsvet/a.csv", answer({}))
    os.utime(file, ns=(seconds * 10**9,) * 2)
    collect(site)
    assert list(verdicts(site).values()) in (["accepted"], ["accepted_with_warnings"])


def test_cells_are_only_text(site: Site):
    lines = [{"item_name": text, "part_number": text, "component_class": text} for text in HOSTILE_TEXTS]
    leave(site, "ecb-2026/gorsvet/a.csv", answer(*lines))
    collect(site)
    (receipt,) = receipts(site).values()
    assert (receipt["verdict"], receipt["lines_accepted"]) == ("accepted", len(lines))
    typed = select(site, "select raw ->> 'item_name' as name from core.demand_line order by line_position")
    assert [row["name"] for row in typed] == list(HOSTILE_TEXTS)


def test_a_number_that_is_none_is_a_finding(site: Site):
    lines = [{"part_number": f"P-{n}", "demand_2026": text} for n, text in enumerate((*NO_NUMBERS, *TOO_LARGE))]
    leave(site, "ecb-2026/gorsvet/a.csv", answer({}, *lines))
    collect(site)
    (receipt,) = receipts(site).values()
    assert (receipt["verdict"], receipt["lines_accepted"], receipt["lines_rejected"]) == (
        "partly_accepted",
        1,
        len(lines),
    )
    found = select(site, "select rule_id, field, cell, value from quality.finding order by line_position")
    assert [(row["rule_id"], row["field"], row["cell"]) for row in found] == [
        ("L05", "demand_2026", f"F{row}") for row in range(3, len(lines) + 3)
    ]
    assert [row["value"] for row in found] == [line["demand_2026"] for line in lines]


@pytest.mark.parametrize("field", ["stock", "contracted", "unit_price_rub", "pack_size"])
def test_every_number_of_a_line_is_checked(site: Site, field: str):
    named = {
        "stock": "Остаток на складе",
        "contracted": "Законтрактовано",
        "unit_price_rub": "Цена за единицу, руб.",
        "pack_size": "Количество в упаковке",
    }
    lines = [{"part_number": f"P-{n}", field: text} for n, text in enumerate((*NO_NUMBERS, *TOO_LARGE))]
    leave(site, "ecb-2026/gorsvet/a.csv", answer({}, *lines, headings={**HEADINGS, field: named[field]}))
    collect(site)
    (receipt,) = receipts(site).values()
    assert receipt["lines_rejected"] == len(lines)
    assert {row["rule_id"] for row in select(site, "select rule_id from quality.finding")} == {"L05"}


def test_a_number_with_thousands_of_decimals_does_not_stop_the_night(site: Site):
    long = ["0," + "1" * 20_000, "0," + "0" * 20_000 + "1", "0" * 20_000 + "1"]
    leave(site, "ecb-2026/gorsvet/a.csv", answer(*({"demand_2026": text, "unit": "тыс. шт"} for text in long)))
    collect(site)
    (receipt,) = receipts(site).values()
    assert receipt["verdict"] is not None


@pytest.mark.parametrize("nul", ["item_name", "demand_2026", "part_number", "unit"])
def test_a_nul_is_no_error_of_ours(site: Site, nul: str):
    leave(site, "ecb-2026/gorsvet/a.csv", answer({nul: f"1\0{1}"}, {}))
    leave(site, "ecb-2026/gorlift/b.csv", answer({}))
    collect(site)
    ended = verdicts(site)
    assert ended["ecb-2026/gorlift/b.csv"] == "accepted"
    assert ended["ecb-2026/gorsvet/a.csv"] is not None


def test_a_sheet_and_a_member_may_be_called_anything(site: Site):
    import xlsxwriter

    book_bytes = BytesIO()
    with xlsxwriter.Workbook(book_bytes, {"in_memory": True}) as book:
        sheet = book.add_worksheet("'); drop {{ 1 }}--"[:31].strip("'"))
        for number, (name, heading) in enumerate(HEADINGS.items()):
            sheet.write_string(0, number, heading)
            sheet.write_string(1, number, answer({}).decode().splitlines()[1].split(";")[number])
            if name == "demand_2027":
                sheet.write_string(1, number, "_x0000_ нет числа")
            if name == "item_name":
                sheet.write_string(1, number, "_x0000_ _xD800_ Микросхема")
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{SQL}.xlsx", book_bytes.getvalue())
        archive.writestr("etc/passwd.csv", answer({"part_number": "P-2"}))
    leave(site, "ecb-2026/gorsvet/a.zip", packed.getvalue())
    collect(site)
    (receipt,) = receipts(site).values()
    assert receipt["verdict"] == "partly_accepted"
    (finding,) = select(site, "select rule_id, member, cell from quality.finding")
    assert finding == {"rule_id": "L05", "member": f"{SQL}.xlsx", "cell": "G2"}


def test_a_member_name_of_any_length_is_read(site: Site):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"{os.urandom(4000).hex()}.csv", answer({}, {"unit": "ведро"}))
    leave(site, "ecb-2026/gorsvet/a.zip", packed.getvalue())
    collect(site)
    (receipt,) = receipts(site).values()
    assert (receipt["verdict"], receipt["lines_delivered"]) == ("partly_accepted", 2)
