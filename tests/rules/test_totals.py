"""What a stated total may be of, and when nothing is said of it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.intake.nights import HEADINGS, LINE, collect, leave, select, site_of

pytestmark = [pytest.mark.slow, pytest.mark.warehouse]

PARTS = ("К1986ВЕ92QI", "К1986ВЕ1QI", "1645РУ1У", "1886ВЕ7У", "К1948ВК018")
#: A line asks for this many in 2026, and for nothing in 2027.
Row = int | str | tuple[str, int | str]

#: Rows below the headings, of which a text and a number are a total, and what is told: cell → (typed, expected).
SHEETS: dict[str, tuple[Sequence[Row], dict[str, tuple[str, str]]]] = {
    "gorsvet": ([1, 2, ("Итого", 3)], {}),
    "gorlift": ([1, 2, ("Итого", 4)], {"F4": ("4", "3")}),
    # Sections, the chapters that they add up to, and all of it.
    "gkb-71": (
        [1, 2, ("Итого по разделу 1", 3), 4, ("Итого по разделу 2", 4), ("Всего по главе 1", 7),
         5, ("Итого по разделу 3", 5), ("Всего по главе 2", 5), ("Всего", 12)],
        {},
    ),
    "gkb-15-fict": ([1, ("Итого", 1), 2, ("Итого", 2), 4, ("Итого", 40)], {"F7": ("40", "7")}),
    # A total above its lines is of all of the sheet.
    "med-tech": ([("Всего", 3), 1, 2], {}),
    "data-centre": ([("Всего", 5), 1, 2], {"F2": ("5", "3")}),
    # What repeats a line is in the agency's sum, whatever becomes of it.
    "metro-fict": ([1, (PARTS[0], 1), ("Итого", 2)], {}),
    # Half a piece apart is rounding; a word for a number leaves nothing to compare with, nor does a word for a total.
    "city-cards": ([1, 2, ("Итого", "3,5")], {}),
    "video-watch": ([1, "много", ("Итого", 7)], {}),
    "traffic-centre": ([1, 2, ("Итого", "много")], {}),
}  # fmt: skip


def _form(rows: Sequence[Row]) -> bytes:
    typed = [";".join(HEADINGS.values())]
    part = iter(PARTS)
    for row in rows:
        name, quantity = row if isinstance(row, tuple) else (next(part), row)
        if name in PARTS:
            cells = {**LINE, "part_number": name, "demand_2026": str(quantity), "demand_2027": ""}
        else:
            cells = {"item_name": name, "demand_2026": str(quantity)}
        typed.append(";".join(cells.get(field, "") for field in HEADINGS))
    return "\n".join(typed).encode()


def test_a_total_is_told_where_it_is_no_sum_of_its_lines(warehouse: Any, tmp_path: Path):
    site = site_of(warehouse.ingest, tmp_path)
    for agency, (rows, _) in SHEETS.items():
        leave(site, f"ecb-2026/{agency}/1.csv", _form(rows))
    collect(site)
    told: dict[str, dict[str, tuple[str, str]]] = {agency: {} for agency in SHEETS}
    found = select(
        site,
        "select agency_code, cell, value, expected, severity, field, line_position from quality.standing_finding"
        " where rule_id = 'F06'",
    )
    for row in found:
        assert (row["severity"], row["field"], row["line_position"]) == ("W", "demand_2026", None)
        told[row["agency_code"]][row["cell"]] = (row["value"], row["expected"])
    assert told == {agency: expected for agency, (_, expected) in SHEETS.items()}


def test_a_total_of_several_sheets_is_understood(warehouse: Any, tmp_path: Path):
    """The last sheet of an archive states what all of them come to."""
    site = site_of(warehouse.ingest, tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("1.csv", _form([1, 2, ("Итого", 3)]))
        archive.writestr("2.csv", _form([3, ("Итого", 4), ("Всего по двум листам", 6)]))
    leave(site, "ecb-2026/gorsvet/1.zip", buffer.getvalue())
    collect(site)
    found = select(site, "select member, cell, expected from quality.standing_finding where rule_id = 'F06'")
    assert found == [{"member": "2.csv", "cell": "F3", "expected": "3"}]
