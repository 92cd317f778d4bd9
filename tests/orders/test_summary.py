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


def test_a_survey_is_told_against_the_last_one_and_what_to_replace_first(desk: Any) -> None:
    sourced = {"source": "test", "source_date": "2026-09-15"}
    desk.insert("reference.domestic_country", country="Россия", **sourced)
    for code, country in (("ti", "США"), ("mikron", "Россия")):
        desk.insert("reference.manufacturer", manufacturer_code=code, name=code.upper(), country=country, **sourced)
    old = desk.survey("ecb-2020", years=range(2025, 2028))
    desk.execute(
        "update reference.survey set opens_date = '2020-01-01', closes_date = '2020-12-31' where survey_code = %s", old
    )
    lines = {"chip": 10, "relay": 5, "pump": 2, "fuse": 1}
    for name in (*lines, "lamp"):
        desk.product(name, matching_key=name.upper(), manufacturer_code="mikron" if name == "relay" else "ti")
    desk.submit("depot", [{"product": name, "demand_2026": pieces} for name, pieces in lines.items()], survey_code=old)
    desk.publish(old)
    priced = {"okpd2_code": "26.11.30.110", "unit_price_rub": "2.50"}
    desk.submit(
        "depot",
        [
            {"product": "chip", "demand_2027": 30, **priced},
            {"product": "relay", "demand_2026": 4, "demand_2027": 100, **priced},
            {"product": "pump", "demand_2026": 2},
            {"product": "lamp", "demand_2026": 1, "demand_2028": 4, **priced},
        ],
    )
    desk.publish()
    desk.execute("update reference.survey set closes_date = '2020-12-31', opens_date = '2020-01-01' where true")
    text = summary.render(desk.dsns.analyst)

    assert (
        "Against ecb-2020, in 2026–2027: 1 product new, 1 gone, 2 in greater and 0 in smaller number, 1 as before."
        in text
    )
    assert text.count("Against ") == 1
    section = text[text.index("ecb  What to replace first") :].splitlines()
    assert section[2] == "The current order: 2025 from ecb-2020; 2026, 2027, 2028, 2029, 2030 from ecb-2026."
    assert section[3] == (
        "2 products of 4 with a place: imported, in whole or in part, and priced; "
        "1 with none, as no line has a price, no manufacturer is known, or the OKPD2 code has no class."
    )
    assert section[4] == "The first 2:"
    assert [line.split() for line in section[6:]] == [
        ["chip", "TI", "1", "30", "75.00", "1", "100%", "0.62", "0", "0"],
        ["lamp", "TI", "2", "5", "12.50", "1", "100%", "0.62", "0", "0"],
    ]
