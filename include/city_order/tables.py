"""Sheets of text → the form's lines. A table is found by its headings, wherever it stands.

Runs inside the sandbox. Decides nothing about values: what the agency typed passes through as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise
from typing import NamedTuple

from include.city_order.formats import Sheet
from include.city_order.readings import (
    DEMAND,
    Form,
    LeftOut,
    RawLine,
    Reading,
    TableFound,
    cell_address,
    column_letter,
)

#: Headings begin within so many rows from the top, and span at most so many.
SEARCHED_ROWS = 60
HEADING_ROWS = 3
#: So many columns must be recognised before a row counts as a heading: fewer happen by chance.
LEAST_COLUMNS = 3

_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d)")
_YEAR_WORDS = re.compile(r"\b(потребн\w*|год\w*|г|гг)\b")
#: Columns that name a year and are no demand.
_OTHER_SUBJECT = re.compile(r"остат|склад|цен[аеуы]|стоим|сумм|контракт|договор|закуплен|поставлен|факт|руб|ндс")
_HEADING_UNIT = re.compile(r"(?:(?:тыс|млн|сто|100)\.?\s*)?\b(?:шт(?:ук)?|компл|упак|уп|ед)\b\.?", re.IGNORECASE)
_TOTAL = re.compile(r"(итого|всего)\b|в\s*т\.?\s*ч\b|в\s+том\s+числе\b")
_SIGNATURE = re.compile(
    r"(исполнитель|руководител|директор|начальник|ответственн|главный|гл\.|бухгалтер|заместител|подпись|согласован"
    r"|утвержд|дата|тел\.|телефон|м\.\s?п\.)"
)
#: Both words in one sentence.
_SENTENCE = r"(?:[^.!?;]|\bгг?\.){0,120}?"
_NIL = re.compile(rf"потребност{_SENTENCE}\bотсутству|\bотсутству{_SENTENCE}\bпотребност")
_NIL_EXPLAINED = re.compile(r"\bесли\b|\bпри отсутствии\b|\bукажите\b|\bнапишите\b|\bв случае\b")
_COLUMN_NUMBER = re.compile(r"\(?(\d{1,2})\)?\.?(?:\s*=.*)?|[а-яa-z]")
_SENDER_LABEL = re.compile(r"\b(?:(ИНН)(?:\s*[/\\|,и]\s*(КПП))?|(КПП))\b", re.IGNORECASE)
_BETWEEN_VALUES = re.compile(r"[\s/\\|,;()]+")


class Heading(NamedTuple):
    """A heading block: its rows counted from 0, and the columns of each field, the best matching only."""

    first: int
    last: int
    columns: dict[str, list[int]]
    texts: dict[int, list[tuple[int, str]]]


def read_tables(sheets: Iterable[Sheet], form: Form) -> Reading:
    """All tables of all sheets as one reading with outcome `read`, format and encoding left blank."""
    parts = [_read_sheet(sheet, form) for sheet in sheets]
    tables = [part for part in parts if part.table]
    with_demand = [part for part in tables if part.has_demand]
    kept = [part for part in parts if part.has_demand] or parts
    left_out = [row for part in kept for row in part.left_out]
    if with_demand:
        # Lists for the form's drop-downs, catalogues and the like have such headings too, but no year.
        left_out += [
            LeftOut(part.table.member, part.table.sheet, part.table.last_row, "no_demand")
            for part in tables
            if part.table and not part.has_demand
        ]
        tables = with_demand
    lines = [line for part in tables for line in part.lines]
    nil_return = not lines and any(part.nil_said for part in parts)
    if tables:
        missing = tuple(name for name in form.required if any(name in part.missing for part in tables))
    else:
        missing = () if nil_return else form.required
    ambiguous: dict[str, list[str]] = {}
    for part in tables:
        for name, cells in part.ambiguous.items():
            ambiguous.setdefault(name, []).extend(cells)
    sender: dict[str, tuple[str, str]] = {}
    for part in parts:
        sender = part.sender | sender
    inn, inn_cell = sender.get("ИНН", ("", ""))
    kpp, kpp_cell = sender.get("КПП", ("", ""))
    return Reading(
        outcome="read",
        tables=[part.table for part in tables if part.table],
        lines=lines,
        totals=[line for part in tables for line in part.totals],
        missing_fields=missing,
        ambiguous_fields=ambiguous,
        sender_inn=inn,
        sender_inn_cell=inn_cell,
        sender_kpp=kpp,
        sender_kpp_cell=kpp_cell,
        nil_return=nil_return,
        left_out=left_out,
        cells_read=sum(part.cells_read for part in parts),
    )


def heading_key(text: str) -> str:
    """What is compared of a heading: letters and digits, without case, ё, spaces and punctuation."""
    return "".join(sign for sign in _plain(text) if sign.isalnum())


def heading_year(text: str, whole: str | None = None) -> int | None:
    """The year whose demand a column holds, or None. `whole` is `text` with the headings over it."""
    plain, around = _plain(text), _plain(text if whole is None else whole)
    named = _YEAR.findall(plain) or _YEAR.findall(around)
    if len(set(named)) != 1 or _OTHER_SUBJECT.search(around):
        return None
    rest = _YEAR.sub(" ", around)
    if _YEAR_WORDS.search(rest) or not any(sign.isalnum() for sign in rest):
        return int(named[0])
    return None


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").split())


class _SheetPart:
    """What one sheet gave, while it is read."""

    def __init__(self) -> None:
        self.table: TableFound | None = None
        self.has_demand = False
        self.missing: tuple[str, ...] = ()
        self.ambiguous: dict[str, list[str]] = {}
        self.lines: list[RawLine] = []
        self.totals: list[RawLine] = []
        self.left_out: list[LeftOut] = []
        self.sender: dict[str, tuple[str, str]] = {}
        self.nil_said = False
        self.cells_read = 0


def _read_sheet(sheet: Sheet, form: Form) -> _SheetPart:
    part = _SheetPart()
    rows = iter(sheet.rows)
    head = list(islice(rows, SEARCHED_ROWS + HEADING_ROWS - 1))
    heading = find_heading(head, form)
    above = head[: heading.first] if heading else head
    part.sender = _sender(above, sheet)
    for row in above:
        _count(row, part)
    if not heading:
        for row in rows:
            _count(row, part)
        return part
    block = head[heading.first : heading.last + 1]
    part.cells_read += sum(bool(text.strip()) for row in block for text in row)
    _describe(heading, sheet, form, part)
    columns = {name: found[0] for name, found in heading.columns.items()}
    body = enumerate(chain(head[heading.last + 1 :], rows), heading.last + 2)
    _read_body(body, columns, sheet, form, part)
    return part


def _count(row: list[str], part: _SheetPart) -> None:
    filled = [text for text in row if text.strip()]
    part.cells_read += len(filled)
    part.nil_said = part.nil_said or any(map(_says_nil, filled))


def _says_nil(text: str) -> bool:
    """Whether a cell says that there is no demand. To explain what to write then is not to say it."""
    if "тсутств" not in text and "ТСУТСТВ" not in text:
        return False
    plain = _plain(text)
    return bool(_NIL.search(plain)) and not _NIL_EXPLAINED.search(plain)


# Headings


def find_heading(rows: list[list[str]], form: Form) -> Heading | None:
    """The heading block that matches most fields; of equals the best matching, shortest and uppermost."""
    accepted = {heading_key(text): name for name, texts in form.headings.items() for text in texts}
    known = "\n".join(accepted)
    hits = [sum(_may_be_heading(text, known) for text in row) for row in rows]
    best: Heading | None = None
    best_score = (LEAST_COLUMNS - 1, 0, 0, 0)
    for first in range(min(len(rows), SEARCHED_ROWS)):
        for last in range(first, min(first + HEADING_ROWS, len(rows))):
            if not hits[last] or sum(hits[first : last + 1]) < LEAST_COLUMNS:
                continue
            if first < last and sum(bool(text.strip()) for text in rows[first]) < 2:
                # A text alone in its row is a title, whatever years it names.
                continue
            texts, strengths = _matched(rows, first, last, accepted)
            strongest = dict(sorted(strengths.values(), key=lambda match: match[1]))
            score = (
                len(strongest),
                sum(strongest.values()),
                first - last,
                -first,
            )
            if score > best_score:
                best, best_score = Heading(first, last, _best_columns(strengths), texts), score
    return _with_row_below(best, rows, accepted) if best else None


def _with_row_below(heading: Heading, rows: list[list[str]], accepted: dict[str, str]) -> Heading:
    """The heading with the row below it, if that says more about the years («количество», «сумма») and no item."""
    years = [column for name, found in heading.columns.items() if name.startswith(f"{DEMAND}_") for column in found]
    others = [column for found in heading.columns.values() for column in found if column not in years]
    if heading.last + 1 == len(rows) or heading.last - heading.first + 1 == HEADING_ROWS:
        return heading
    below = dict(enumerate(rows[heading.last + 1]))
    said = [below.get(column, "").strip() for column in years]
    if not any(said) or any(text.strip() for text in (below.get(column, "") for column in others)):
        return heading
    if any(sign.isdigit() for text in said for sign in text) or not any(text.isalpha() for text in said):
        return heading
    texts, strengths = _matched(rows, heading.first, heading.last + 1, accepted)
    return Heading(heading.first, heading.last + 1, _best_columns(strengths), texts)


def _matched(
    rows: list[list[str]], first: int, last: int, accepted: dict[str, str]
) -> tuple[dict[int, list[tuple[int, str]]], dict[int, tuple[str, int]]]:
    """What stands over each column of a heading block, and the field that it means, as `_match` says."""
    texts = _stacked(rows[first : last + 1], first)
    matches = {column: _match([text for _, text in parts], accepted) for column, parts in texts.items()}
    return texts, {column: match for column, match in matches.items() if match}


def _may_be_heading(text: str, known: str) -> bool:
    if not text or len(text) > 300 or text.isspace():
        return False
    key = heading_key(text)
    is_part = len(key) > 1 and not key.isdigit() and key in known
    return is_part or "потребн" in key or bool(_YEAR.search(text))


def _stacked(block: list[list[str]], first: int) -> dict[int, list[tuple[int, str]]]:
    """For each column the texts that stand over it, from above, each with its row.

    An upper text with text under it stands over the following blank cells that have text under them too: so a
    cell merged over several columns looks. A cell merged over rows is blank below and needs nothing.
    """
    width = max(map(len, block))
    padded = [[*(text.strip() for text in row), *[""] * (width - len(row))] for row in block]
    for upper, row in enumerate(padded[:-1]):
        spread = ""
        for column in range(width):
            under = any(below[column] for below in padded[upper + 1 :])
            if row[column]:
                spread = row[column] if under else ""
            elif spread and under:
                row[column] = spread
            else:
                spread = ""
    return {
        column: parts
        for column in range(width)
        if (parts := [(first + depth, row[column]) for depth, row in enumerate(padded) if row[column]])
    }


def _match(parts: list[str], accepted: dict[str, str]) -> tuple[str, int] | None:
    """(field, strength) of a column: 2 if all that stands over it fits, 1 if only the lowest text does."""
    whole = " ".join(parts)
    name = accepted.get(heading_key(whole))
    if name:
        return name, 2
    name = accepted.get(heading_key(parts[-1]))
    if name:
        return name, 1
    year = heading_year(parts[-1], whole)
    return (f"{DEMAND}_{year}", 2) if year else None


def _best_columns(strengths: dict[int, tuple[str, int]]) -> dict[str, list[int]]:
    columns: dict[str, list[int]] = {}
    for name in dict.fromkeys(name for name, _ in strengths.values()):
        highest = max(strength for other, strength in strengths.values() if other == name)
        columns[name] = [column for column, match in strengths.items() if match == (name, highest)]
    return columns


def _describe(heading: Heading, sheet: Sheet, form: Form, part: _SheetPart) -> None:
    years = [name for name in heading.columns if name.startswith(f"{DEMAND}_")]
    part.has_demand = bool(years)
    part.missing = tuple(
        name for name in form.required if name not in heading.columns and not (name == DEMAND and years)
    )
    part.ambiguous = {
        name: [_address(sheet, heading.texts[column][-1][0], column) for column in columns]
        for name, columns in heading.columns.items()
        if len(columns) > 1
    }
    over_years = " | ".join(text for name in years for _, text in heading.texts[heading.columns[name][0]])
    unit = _HEADING_UNIT.search(over_years)
    part.table = TableFound(
        member=sheet.member,
        sheet=sheet.name,
        hidden=sheet.hidden,
        first_row=heading.first + 1,
        last_row=heading.last + 1,
        columns={name: column_letter(found[0]) for name, found in heading.columns.items()},
        unit_in_heading=unit[0].rstrip(".") if unit else "",
    )


# Rows


def _read_body(
    body: Iterator[tuple[int, list[str]]], columns: dict[str, int], sheet: Sheet, form: Form, part: _SheetPart
) -> None:
    pairs = list(columns.items())
    headings = {heading_key(text) for text in form.headings.get("item_name", ())}
    started = False
    for row_number, row in body:
        filled = [text for text in row if text and not text.isspace()]
        if not filled:
            continue
        part.cells_read += len(filled)
        width = len(row)
        values = {name: row[i] for name, i in pairs if i < width and row[i] and not row[i].isspace()}
        line = RawLine(sheet.member, sheet.name, row_number, values)
        why = _why_no_line(values, filled, headings, numbering=not started)
        started = True
        if why == "total":
            part.totals.append(line)
        if why == "nil":
            part.nil_said = True
            why = "note"
        if why:
            part.left_out.append(LeftOut(sheet.member, sheet.name, row_number, why))
        else:
            part.lines.append(line)


def _why_no_line(values: dict[str, str], filled: list[str], headings: set[str], *, numbering: bool) -> str:
    """Why a row is no line, as in `LeftOut`, or `nil` if it says that there is no demand; "" for a line."""
    if numbering and _numbers_columns(filled):
        return "numbering"
    item = values.get("item_name", "")
    for text in (filled[0], item, values.get("line_no", "")):
        if text and _TOTAL.match(_plain(text[:60])):
            return "total"
    asked = "".join(text for name, text in values.items() if name.startswith(f"{DEMAND}_"))
    if not any(sign in "123456789" for sign in asked) and any(map(_says_nil, filled)):
        return "nil"
    if item and heading_key(item) in headings:
        return "heading"
    if asked:
        return ""
    if len(filled) == 1 or not (item or "part_number" in values):
        return "note"
    if not values.keys() & {"unit", "okpd2_code"} and _SIGNATURE.match(_plain(filled[0][:60])):
        return "note"
    return ""


def _numbers_columns(filled: list[str]) -> bool:
    """Whether a row only numbers the columns: 1 2 3 …, or А Б 1 2 …"""
    if len(filled) < LEAST_COLUMNS:
        return False
    matches = [_COLUMN_NUMBER.fullmatch(_plain(text)) for text in filled]
    numbers = [int(match[1]) for match in matches if match and match[1]]
    return (
        all(matches)
        and len(numbers) > 1
        and numbers[0] == 1
        and all(later == earlier + 1 for earlier, later in pairwise(numbers))
    )


# The sender


def _sender(rows: list[list[str]], sheet: Sheet) -> dict[str, tuple[str, str]]:
    """{"ИНН": (value, its cell), "КПП": …} from the block above the table, as typed, if it is there.

    A value follows its label in the same cell, or stands in the next non-blank cell of the row.
    """
    found: dict[str, tuple[str, str]] = {}
    for row_index, row in enumerate(rows):
        for column, text in enumerate(row):
            labels = list(_SENDER_LABEL.finditer(text))
            for label, after in zip(labels, [*labels[1:], None], strict=False):
                names = [name.upper() for name in label.groups() if name]
                rest = text[label.end() : after.start() if after else None]
                values = [(value, column) for value in _within(rest, names)]
                if not values and after is None:
                    values = _following(row, column, names)
                for name, (value, at) in zip(names, values, strict=False):
                    found.setdefault(name, (value, _address(sheet, row_index, at)))
    return found


def _address(sheet: Sheet, row: int, column: int) -> str:
    return cell_address(sheet.member, sheet.name, f"{column_letter(column)}{row + 1}")


def _within(text: str, names: list[str]) -> list[str]:
    """The values that follow a label in its own cell: all after a colon, else what begins with a digit."""
    before, colon, after = text.rpartition(":")
    value = (after if colon else before or text).strip(" \u00a0.,;/\\№–—-")
    if not value or not (colon or value[0].isdigit()):
        return []
    if len(names) > 1:
        return [half for half in _BETWEEN_VALUES.split(value) if half]
    # «7701234567, Москва»: a number ends where a word begins; anything else is taken as typed.
    return [re.split(r"[,;]|\s+(?=[^\d\s])", value)[0].strip() if value[0].isdigit() else value]


def _following(row: list[str], column: int, names: list[str]) -> list[tuple[str, int]]:
    values: list[tuple[str, int]] = []
    for at in range(column + 1, len(row)):
        text = row[at].strip()
        if text and (_SENDER_LABEL.search(text) or len(values) == len(names)):
            break
        if text:
            halves = [half for half in _BETWEEN_VALUES.split(text) if half] if len(names) > 1 else [text]
            values += [(half, at) for half in halves]
    return values
