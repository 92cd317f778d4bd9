"""The sandbox's child: shuts itself in, reads one drop from its standard input, answers on standard output.

Started by path (`python -I -S box.py <header>`), never imported by the flows. The header is JSON: the limits, the two
directories to import from, and the form; without a form the answer is a copy of the sheets. All that it needs is
imported before it shuts itself in, for what it reads was written by strangers. Exit codes: 0 answered, 3 ended by an
exception (named on standard error; MemoryError means that the limit was met).
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

HEADER = json.loads(sys.argv[1])
sys.path += HEADER["import_from"]

from include.city_order import confinement, formats, tables  # noqa: E402
from include.city_order.readings import Form, LeftOut, Limits, Reading, SheetCopy, WorkbookCopy  # noqa: E402


def drop(limits: Limits) -> bytes:
    """All of standard input, if it is not too much."""
    data = sys.stdin.buffer.read(limits.upload_bytes + 1)
    if len(data) > limits.upload_bytes:
        raise formats.Unreadable("too_large")
    return data


def read(form: Form, limits: Limits) -> Reading:
    """What the drop holds of the form."""
    kind = ""
    try:
        opened = formats.open_drop(drop(limits), limits)
        kind = opened.format
        reading = tables.read_tables(opened.sheets, form)
    except formats.Unreadable as fault:
        return Reading("unreadable", fault.reason, format=kind)
    skipped = [LeftOut(name, "", 0, "unknown_format") for name in opened.skipped]
    return replace(
        reading,
        format=kind,
        encoding=opened.encoding,
        encoding_ground=opened.encoding_ground,
        left_out=[*reading.left_out, *skipped],
        notices=[*reading.notices, *opened.notices],
    )


def copy(limits: Limits) -> WorkbookCopy:
    """The drop's sheets as values only, each whole or not at all."""
    sheets: list[SheetCopy] = []
    whole = True
    room = limits.copy_cells
    try:
        for sheet in formats.open_drop(drop(limits), limits, formats.copied_value).sheets:
            rows = trimmed(sheet.rows, room)
            if rows is None:
                whole = False
                continue
            room -= sum(map(len, rows))
            sheets.append(SheetCopy(sheet.member, sheet.name, sheet.hidden, rows))
    except formats.Unreadable:
        return WorkbookCopy([], whole=False)
    return WorkbookCopy(sheets, whole)


def trimmed(rows: Iterable[list[Any]], room: int) -> list[list[Any]] | None:
    """Rows without the blanks at their ends, and without blank rows at the end; None if they are more than `room`."""
    kept: list[list[Any]] = []
    last = 0
    for row in rows:
        width = len(row)
        while width and row[width - 1] == "":
            width -= 1
        kept.append(row[:width])
        if width:
            last = len(kept)
            room -= width
            if room < 0:
                return None
    return kept[:last]


if __name__ == "__main__":
    limits = Limits.from_json(HEADER["limits"])
    confinement.limit(limits)
    sys.stderr.write(confinement.seal())
    try:
        answer = copy(limits) if HEADER["form"] is None else read(Form.from_json(HEADER["form"]), limits)
        said = answer.to_json().encode("utf-8", errors="replace")
    except Exception as error:
        # The type and the place, never the message: it may quote the drop.
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else "?"
        sys.stderr.write(f"{type(error).__name__} at {place}\n")
        sys.exit(3)
    sys.stdout.buffer.write(said)
    sys.stdout.buffer.flush()
