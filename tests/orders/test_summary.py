from __future__ import annotations

from typing import Any

import pytest

from include.city_order import summary

from .conftest import SURVEY

pytestmark = pytest.mark.warehouse


def test_nothing_known_is_said(warehouse: Any) -> None:
    assert summary.render(warehouse.analyst) == "The warehouse knows no survey yet."


def test_a_survey_without_receipts_and_release_says_so(desk: Any) -> None:
    text = summary.render(desk.dsns.analyst)
    assert "No receipts." in text
    assert "No release is published." in text


def test_the_summary_tells_receipts_lines_order_and_exclusions(desk: Any) -> None:
    battery = desk.survey("battery-2026", programme="battery")
    desk.insert(
        "reference.unit", okei_code="839", symbol="компл", name="Комплект", source="test", source_date="2026-01-01"
    )
    desk.product("block", programme="battery", battery_use="stationary", voltage_v=12, capacity_ah="7.2")
    block = {"product": "block", "item_name": "Батарея\nсвинцовая", "unit_price_rub": "1500.50", "stock": 400}
    desk.submit("depot", [{**block, "demand_2026": 1}], survey_code=battery)
    kit = {"product": "kit", "unit": "839", "demand_2027": "2.5"}
    desk.submit("depot", [{**block, "demand_2026": 1000}, kit], survey_code=battery, rejected=3)
    release_id = desk.publish(battery)
    desk.receipt("park", battery)
    desk.receipt("park", "ecb-1999")
    text = summary.render(desk.dsns.analyst)

    assert "3 receipts: 2 accepted, 1 without a verdict yet." in text
    assert "Lines: 6 delivered = 2 accepted + 3 rejected + 1 superseded + 0 duplicate." in text
    assert f"Release {release_id} is published: built 20" in text
    assert f"1 order line, figures {desk.figures(release_id)[:12]}." in text
    (line,) = [line for line in text.splitlines() if "Батарея" in line]
    assert line.split() == ["Батарея", "свинцовая", "2026", "1,000", "600", "86.4", "1,500,500.00"]
    (left_out,) = [line for line in text.splitlines() if "no_way_to_pieces" in line]
    assert left_out.split() == ["no_way_to_pieces", "компл", "1", "2.5"]
    assert f"{SURVEY}  Опрос" in text
    assert text.count("No release is published.") == 1
    assert "Of no survey that we know\n1 receipt, in the folders: " in text


def test_a_summary_stays_short(desk: Any) -> None:
    desk.submit("depot", [{"product": f"chip {number:02}", "demand_2026": 1} for number in range(12)])
    desk.publish()
    text = summary.render(desk.dsns.analyst)
    assert "12 order lines" in text
    assert "The first 10 order lines:" in text
    assert "chip 09" in text
    assert "chip 10" not in text
