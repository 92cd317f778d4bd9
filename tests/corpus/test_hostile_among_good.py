"""A thousand good answers come to the same, to the last row, whether or not hostile files lie among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.city_order import sandbox
from include.city_order.readings import Form, Reading
from include.city_order.site import Site
from tests.corpus.catalogue import CATEGORIES, Drop
from tests.corpus.conftest import collect, leave, prepare
from tests.intake.nights import select
from tests.rules.cases import Agency

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

GOOD = 1000
#: Good answers are of so many contents: each is read once, and what it gave is given again.
CONTENTS = 20
HOSTILE = (
    "hostile_text", "hostile_codes", "bombs", "sparse_sheets", "document_types", "unsafe_names", "misplaced",
    "unknown_surveys", "numbers_that_are_none", "broken_files", "encodings_that_nobody_knows", "long_tables",
)  # fmt: skip

#: Every row of the good agencies, without numbers that only tell in what order things came.
RECEIPTS = """
select to_jsonb(receipt) - '{receipt_no,received_at,judged_at}'::text[] as row
from landing.receipt where agency_code = any(%s) order by original_path
"""
FINDINGS = """
select
    receipt.original_path, finding.rule_id, finding.severity, finding.sheet, finding.cell, finding.value,
    finding.message
from quality.standing_finding as finding inner join landing.receipt using (receipt_no)
where receipt.agency_code = any(%s) order by 1, 2, 3, 4, 5, 6, 7
"""
LINES = """
select receipt.original_path, to_jsonb(line) - '{submission_id,receipt_no}'::text[] as row
from core.demand_line as line inner join landing.receipt using (receipt_no)
where receipt.agency_code = any(%s) order by 1, line.line_position
"""


def test_a_thousand_good_answers_do_not_notice_hostile_ones(
    corpus_site: Callable[[str], Site], monkeypatch: pytest.MonkeyPatch
):
    _read_equal_files_once(monkeypatch)
    answers = [CATEGORIES["plain_answers"].drop(number, Agency(number)) for number in range(CONTENTS)]
    alone = _night(corpus_site("alone"), answers, ())
    among = _night(corpus_site("among"), answers, HOSTILE)
    assert len(alone["receipts"]) == GOOD
    assert {row["row"]["verdict"] for row in alone["receipts"]} == {"accepted"}
    assert alone == among


def _night(site: Site, answers: list[Drop], hostile: tuple[str, ...]) -> dict[str, Any]:
    """What became of the good answers of a night."""
    site.inbox.mkdir()
    good = [Agency(number) for number in range(GOOD)]
    others = [Agency(GOOD + number) for number in range(len(HOSTILE))]
    prepare(site, [(agency, True) for agency in (*good, *others)])
    for agency in good:
        drop = answers[agency.number % CONTENTS]
        leave(site.inbox, f"{drop.programme}-corpus/{agency.code}/{drop.name}", drop.content, agency.number)
    for agency, name in zip(others, hostile, strict=False):
        drop = CATEGORIES[name].drop(0, agency)
        folder = f"{drop.programme}-corpus/{agency.code}" if drop.folder is None else drop.folder
        leave(site.inbox, f"{folder}/{drop.name}".lstrip("/"), drop.content, agency.number)
    collect(site)
    codes = [agency.code for agency in good]
    (total,) = select(site, "select count(*) as receipts from landing.receipt")
    assert total["receipts"] == GOOD + len(hostile)
    return {
        "receipts": select(site, RECEIPTS, [codes]),
        "findings": select(site, FINDINGS, [codes]),
        "lines": select(site, LINES, [codes]),
    }


def _read_equal_files_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal bytes give an equal reading: a thousand readers would show nothing more than twenty do."""
    read = sandbox.read
    seen: dict[tuple[str, str], Reading] = {}

    def once(path: Path, form: Form, *rest: Any) -> Reading:
        key = path.name, form.programme
        if key not in seen:
            seen[key] = read(path, form, *rest)
        return seen[key]

    monkeypatch.setattr(sandbox, "read", once)
