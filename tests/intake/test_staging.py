"""What a reading says beyond its lines is staged whole, and without personal data."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
import xlsxwriter

from include.city_order.personal_data import HIDDEN
from include.city_order.site import Site
from tests.intake.nights import HEADINGS, LINE, all_text, collect, leave, select

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

PERSON = "Сидоров А. Б."
TELEPHONE = "8 (499) 000-01-02"
FORM = {**HEADINGS, "amount_rub": "Сумма, руб.", "comment": "Примечание"}


def workbook() -> bytes:
    """A form with units over its years and a total, and a hidden one that is called like a person."""
    buffer = BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        for name in ("Форма", PERSON):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["Обследование", "battery-2026"])
            headings = {**FORM, **{year: f"{FORM[year]}, шт" for year in ("demand_2026", "demand_2027")}}
            sheet.write_row(2, 0, headings.values())
            line = {**LINE, "amount_rub": "1500,5"}
            sheet.write_row(3, 0, [line.get(field, "") for field in FORM])
            total = {"item_name": "Итого", "demand_2026": "11", "amount_rub": "1500,5", "comment": f"тел. {TELEPHONE}"}
            sheet.write_row(4, 0, [total.get(field, "") for field in FORM])
        sheet.hide()
    return buffer.getvalue()


def test_all_that_a_reading_says_is_staged_and_masked(site: Site, warehouse: Any):
    leave(site, "ecb-2026/gorsvet/a.xlsx", workbook())
    collect(site)
    masked = select(site, "select distinct sheet from staging.line where sheet <> 'Форма'")
    assert [HIDDEN in row["sheet"] for row in masked] == [True]
    (hidden,) = (row["sheet"] for row in masked)
    assert select(site, "select member, sheet, cell, what from staging.notice") == [
        {"member": "", "sheet": hidden, "cell": "", "what": "hidden_sheet"}
    ]
    totals = select(site, "select sheet, row_number, raw, stated from staging.total_row order by sheet = 'Форма' desc")
    assert [(row["sheet"], row["row_number"]) for row in totals] == [("Форма", 5), (hidden, 5)]
    for row in totals:
        assert row["stated"] == {"demand_2026": "11", "amount_rub": "1500.5"}
        assert row["raw"]["demand_2026"] == "11"
        assert HIDDEN in row["raw"]["comment"]
    lines = select(site, "select heading_unit, unit, amount_rub::text from staging.line")
    assert lines == [{"heading_unit": "796", "unit": "796", "amount_rub": "1500.5"}] * 2
    (reading,) = select(
        site,
        "select sender_survey, sender_survey_cell, rows_seen, rows_recognised, encoding_ground from staging.reading",
    )
    assert reading == {
        "sender_survey": "battery-2026",
        "sender_survey_cell": "Форма!B1",
        "rows_seen": 4,
        "rows_recognised": 4,
        "encoding_ground": "",
    }
    dumped = all_text(site, warehouse.owner)
    assert "Микроконтроллер" in dumped
    assert [text for text in ("Сидоров", "000-01-02") if text in dumped] == []


def test_the_ground_of_an_encoding_is_staged(site: Site):
    rows = ";".join(HEADINGS.values()) + "\n" + ";".join(LINE.get(field, "") for field in HEADINGS) + "\n"
    leave(site, "ecb-2026/gorsvet/a.csv", rows.encode("cp1251"))
    leave(site, "ecb-2026/gorlift/a.csv", rows.encode("utf-8-sig"))
    collect(site)
    found = select(site, "select encoding, encoding_ground from staging.reading order by encoding")
    assert [(row["encoding"], row["encoding_ground"]) for row in found] == [("cp1251", "letters"), ("utf-8", "mark")]
