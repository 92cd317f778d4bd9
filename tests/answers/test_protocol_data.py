"""The protocol for machines: what it says, that its page tells all of its keys, and that no spreadsheet runs it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from include.city_order import protocol_data
from include.city_order.protocol_facts import Correction, Finding, LeftOut, ProtocolFacts, Table

PAGE = (Path(__file__).resolve().parents[2] / "docs/protocol.md").read_text(encoding="utf-8")
UNIT = Finding("L07", "E", "", "Лист1", "H5", 3, "unit", "коробка", "Укажите единицу; по ОКЕИ.", expected="шт")
FACTS = ProtocolFacts(
    receipt_no=15,
    verdict="partly_accepted",
    reason="",
    original_path="ecb-2026/dep-it/Ответ.xlsx",
    arrived_at=datetime(2026, 11, 10, 21, 30, tzinfo=UTC),
    sha256="ab" * 32,
    survey_code="ecb-2026",
    survey_title="Потребность",
    agency_code="dep-it",
    agency_name="Департамент",
    closes_date=date(2026, 11, 20),
    format="xlsx",
    tables=(Table("", "Лист1", False, 4, 5),),
    rows_seen=12,
    rows_recognised=11,
    lines_accepted=8,
    lines_rejected=1,
    left_out=(LeftOut("not_recognised", 1, places=(("", "Лист1", 20),)), LeftOut("note", 2)),
    findings=(UNIT, replace(UNIT, cell="H4", line_position=2, severity="W", waiver="так решили")),
)


def said(facts: ProtocolFacts) -> dict:
    return json.loads(protocol_data.as_json(facts))


def rows(facts: ProtocolFacts) -> list[list[str]]:
    content = protocol_data.as_csv(facts)
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


def test_the_json_holds_all_facts():
    told = said(FACTS)
    assert (told["format"], told["version"], told["receipt_no"]) == ("city-order-protocol", 1, 15)
    assert told["arrived_at"] == "2026-11-11T00:30:00+03:00"
    assert told["closes_date"] == "2026-11-20"
    assert (told["verdict"], told["verdict_text"]) == ("partly_accepted", "Принят частично")
    assert told["todo"].startswith("Исправьте строки с ошибками")
    assert told["lines"] == {"read": 9, "accepted": 8, "rejected": 1, "duplicate": 0}
    assert told["reading"]["tables"] == [
        {"member": "", "sheet": "Лист1", "hidden": False, "first_row": 4, "last_row": 5}
    ]
    assert told["reading"]["left_out"] == [
        {"why": "not_recognised", "rows": 1, "members": [], "first": ["Лист1!A20"]},
        {"why": "note", "rows": 2, "members": [], "first": []},
    ]
    assert told["correction"] is None
    assert [finding["cell"] for finding in told["findings"]] == ["H4", "H5"]
    assert told["findings"][1] == {
        "receipt_no": 15, "severity": "E", "rule_id": "L07", "member": "", "sheet": "Лист1", "cell": "H5",
        "line_position": 3, "field": "unit", "heading": "Единица измерения", "value": "коробка", "expected": "шт",
        "message": UNIT.message, "waiver": "", "repeats": "",
    }  # fmt: skip


def test_the_csv_holds_the_same_findings():
    keys, *told = rows(FACTS)
    assert keys == list(protocol_data.FINDING_KEYS)
    for row, finding in zip(told, said(FACTS)["findings"], strict=True):
        assert row == [str(value) for value in finding.values()]


def test_a_file_without_findings_has_files_too():
    facts = replace(FACTS, verdict="accepted", findings=())
    assert rows(facts) == [list(protocol_data.FINDING_KEYS)]
    assert said(facts)["findings"] == []


@pytest.mark.parametrize(
    "value",
    ["=1+1", "+1", "-40", "@x", "\t=1", "\n=1", "  =1", "＝1", "'", "'=1", "''", "\u00a0=cmd|' /C calc'!A0"],
)
def test_no_spreadsheet_takes_a_cell_for_a_formula(value: str):
    finding = replace(UNIT, member=value, sheet=value, value=value, message=value, expected=value, waiver=value)
    _, told = rows(replace(FACTS, findings=(finding,)))
    for key, cell in zip(protocol_data.FINDING_KEYS, told, strict=True):
        assert cell.lstrip()[:1] not in tuple("=+-@＝") and cell[:1] not in ("\t", "\n")
        if key in ("member", "sheet", "value", "message", "expected", "waiver"):
            assert cell.removeprefix(protocol_data.GUARD) == value, "reversible"


@pytest.mark.parametrize("value", ["коробка", "10;20", 'а"б', "а\nб", "12-34", "a=b", ""])
def test_other_cells_stay_as_they_are(value: str):
    _, told = rows(replace(FACTS, findings=(replace(UNIT, value=value),)))
    assert told[protocol_data.FINDING_KEYS.index("value")] == value


def test_what_no_encoding_holds_is_taken_out():
    facts = replace(FACTS, original_path="а\ud800", findings=(replace(UNIT, value="а\x00б\ud800\u202eв"),))
    assert (said(facts)["findings"][0]["value"], said(facts)["original_path"]) == ("абв", "а")
    assert rows(facts)[1][protocol_data.FINDING_KEYS.index("value")] == "абв"


def test_the_order_of_the_findings_changes_nothing():
    turned = replace(FACTS, findings=FACTS.findings[::-1])
    assert protocol_data.as_json(turned) == protocol_data.as_json(FACTS)
    assert protocol_data.as_csv(turned) == protocol_data.as_csv(FACTS)


def test_the_page_tells_every_key_and_no_other():
    correction = Correction(12, FACTS.arrived_at, 20, 10, 5, ("Микросхема",))
    told = said(replace(FACTS, correction=correction))
    of_a_finding, besides = PAGE.split("The JSON besides:")
    listed = {key for line in of_a_finding.splitlines() for key in re.findall(r"^\| `(\w+)` \| ", line)}
    assert listed == set(protocol_data.FINDING_KEYS)
    first_cells = [line.split(" | ")[0] for line in besides.splitlines() if line.startswith("| `")]
    assert {key for cell in first_cells for key in re.findall(r"`(\w+)`", cell)} == set(told)
    for nested in ("correction", "reading", "lines"):
        (line,) = (line for line in besides.splitlines() if line.startswith(f"| `{nested}`"))
        assert set(re.findall(r"`(\w+)`", line)) - {nested} == set(told[nested])
