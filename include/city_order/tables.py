"""Sheets of text → the form's lines. A table is found by its headings, wherever it stands.

Runs inside the sandbox. Decides nothing about values: what the agency typed passes through as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice, pairwise

from include.city_order.formats import Sheet
from include.city_order.headings import (
    HEADING_ROWS,
    LEAST_COLUMNS,
    SEARCHED_ROWS,
    Heading,
    Headings,
    find_heading,
    folded,
    heading_key,
    heading_unit,
)
from include.city_order.readings import (
    DEMAND,
    NOTICES_KEPT,
    Form,
    LeftOut,
    Notice,
    RawLine,
    Reading,
    TableFound,
    cell_address,
    column_letter,
)
from include.city_order.vocabulary import FIELDS, Kind

#: Sums of what stands in a row: a cell merged over several rows counts once, in the first.
_ADDED_UP = frozenset({"amount_rub", "energy_kwh", *(field.name for field in FIELDS if field.kind is Kind.QUANTITY)})
#: What a form's row may hold before anything was written into it: its number, and what a list offers.
_PREPRINTED = frozenset({"line_no", "unit", "component_class", "chemistry", "battery_use", "need_kind", "country"})
#: So many filled cells, a number among them, make a row without headings over it look like a line.
_CELLS_OF_A_LINE = 4

_TOTAL = re.compile(
    r"(и ?т ?о ?г(?: ?о)?|подытог|в ?с ?е ?г ?о)\b|общий итог|общее количество|сумма\W*$"
    r"|в\s*т\.?\s*ч\b|в\s+том\s+числе\b"
)
_PART_OF_TOTAL = re.compile(r"в\s*т\.?\s*ч\b|в\s+том\s+числе\b")
_SIGNATURE = re.compile(
    r"(исполнитель|исп\.|руководител|директор|начальник|ответственн|главный|гл\.|бухгалтер|заместител|подпись|согласован"
    r"|утвержд|составил|проверил|контактн|дата\b|тел\.|телефон|м\.\s?п\.)"
)
_NOTE = re.compile(r"[*¹²³]|примеч|прим\.|справочно|внимание|раздел|подраздел|группа\b|глава|часть\s+\d|продолжение")
_GROUP = re.compile(r"(?:[\divx]{1,5}[.)]?\s*)?(?:раздел|подраздел|группа\b|глава|часть\s+\d)")
#: Within so many characters a cell says what it says: a survey, or that there is no need. The rest is a letter.
_SAID = 1000
#: Both words in one sentence.
_SENTENCE = r"(?:[^.!?;]|\bгг?\.){0,120}?"
_NIL = re.compile(
    rf"потребност{_SENTENCE}\bотсутству|\bотсутству{_SENTENCE}\bпотребност"
    r"|\b(?:нет|не име\w+|не испытыва\w+) потребност"
    rf"|\bпотребност[иь]{_SENTENCE}\b(?:нет|не имеется|не имеем|не имеет|не заявля\w+|не планируется)(?=\W*$)"
)
_NIL_EXPLAINED = re.compile(r"\bесли\b|\bпри отсутствии\b|\bукажите\b|\bнапишите\b|\bв случае\b")
_COLUMN_NUMBER = re.compile(r"\(?(\d{1,2})(?:\.\d)?\)?\.?(?:\s*=.*)?|[а-яa-z]")
#: A number, however written, and no date.
_NUMBER = re.compile(r"\s*(?![0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2})[+-]?[0-9][0-9\s.,'’]*")
_YEAR = re.compile(r"\s*20[0-9]{2}\s*")
_SENDER_LABEL = re.compile(r"\b(?:(ИНН)(?:\s*[/\\|,и]\s*(КПП))?|(КПП))\b", re.IGNORECASE)
_SURVEY_LABEL = re.compile(r"\b(?:код\s+)?обследовани[ея]\b", re.IGNORECASE)
_WORD = re.compile(r"[\w-]+")
_HYPHENS = dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212), "-")
#: The letters of a title that may be looked for within a text.
_LEAST_TITLE = 10
_BETWEEN_VALUES = re.compile(r"[\s/\\|,;()]+")
#: Latin letters that look Cyrillic in a label, one for one.
_CYRILLIC = str.maketrans("HKHkh", "НКНкн")


def read_tables(sheets: Iterable[Sheet], form: Form) -> Reading:
    """All tables of all sheets as one reading with outcome `read`, format and encoding left blank."""
    headings = Headings(form)
    parts: list[_SheetPart] = []
    for sheet in sheets:
        table = next((part.table for part in reversed(parts) if part.has_demand), None)
        parts.append(_read_sheet(sheet, headings, table))
    with_demand = [part for part in parts if part.has_demand]
    tables = with_demand or [part for part in parts if part.table]
    left_out = [row for part in with_demand or parts for row in part.left_out]
    # Lists for the form's drop-downs, catalogues and the like have such headings too, but no year.
    left_out += [
        LeftOut(part.table.member, part.table.sheet, part.table.last_row, "no_demand")
        for part in parts
        if with_demand and part.table and not part.has_demand
    ]
    # Beside a table, rows like its own on a sheet without headings are its continuation, most likely.
    continued = [row for part in parts if with_demand and not part.table for row in part.like_lines]
    left_out += continued
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
    named: dict[str, tuple[str, str]] = {}
    # What stands over the table decides, though it be blank: a sheet of instructions has the same words.
    for part in sorted(parts, key=lambda part: part.table is None):
        named = part.named | named
    inn, inn_cell = named.get("ИНН", ("", ""))
    kpp, kpp_cell = named.get("КПП", ("", ""))
    surveys = {code: cell for part in reversed(parts) for code, cell in part.surveys.items()}
    survey = next((code for code in form.surveys if code in surveys), "")
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
        sender_survey=survey,
        sender_survey_cell=surveys.get(survey, ""),
        nil_return=nil_return,
        left_out=left_out,
        cells_read=sum(part.cells_read for part in parts),
        rows_seen=sum(part.rows_seen for part in tables) + len(continued),
        rows_recognised=sum(part.rows_recognised for part in tables),
        notices=_kept(chain.from_iterable(part.notices for part in parts if part.has_demand or not part.table)),
    )


def _kept(notices: Iterable[Notice]) -> list[Notice]:
    """The notices, so many of a kind."""
    told: Counter[str] = Counter()
    kept = []
    for notice in notices:
        told[notice.what] += 1
        if told[notice.what] <= NOTICES_KEPT:
            kept.append(notice)
    return kept


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").split())


class _SheetPart:
    """What one sheet gave, while it is read. `like_lines` are rows of a sheet without headings that look like lines;
    `named` is the sender's INN and KPP, `surveys` the codes that the form names, both with their cells.
    """

    def __init__(self) -> None:
        self.table: TableFound | None = None
        self.has_demand = False
        self.missing: tuple[str, ...] = ()
        self.ambiguous: dict[str, list[str]] = {}
        self.lines: list[RawLine] = []
        self.totals: list[RawLine] = []
        self.left_out: list[LeftOut] = []
        self.like_lines: list[LeftOut] = []
        self.named: dict[str, tuple[str, str]] = {}
        self.surveys: dict[str, str] = {}
        self.nil_said = False
        self.cells_read = 0
        self.rows_seen = 0
        self.rows_recognised = 0
        self.notices: list[Notice] = []


def _read_sheet(sheet: Sheet, headings: Headings, table_before: TableFound | None) -> _SheetPart:
    part = _SheetPart()
    rows = iter(sheet.rows)
    head = list(islice(rows, SEARCHED_ROWS + HEADING_ROWS - 1))
    heading = find_heading(head, headings, sheet.merged)
    above = head[: heading.first] if heading else head
    part.named = _sender(above, sheet)
    part.surveys = _surveys(above, sheet, headings.form, labelled=not heading)
    for row in above:
        _count(row, part)
    if not heading:
        for row_number, row in enumerate(chain(head, rows), 1):
            if row_number > len(head):
                _count(row, part)
            if _is_like_a_line(row) and (not sheet.hidden or (table_before and _fits(row, table_before))):
                part.like_lines.append(LeftOut(sheet.member, sheet.name, row_number, "not_recognised"))
        if sheet.hidden and part.like_lines:
            part.notices.append(Notice(sheet.member, sheet.name, "", "hidden_sheet"))
        return part
    block = head[heading.first : heading.last + 1]
    part.cells_read += sum(bool(text.strip()) for row in block for text in row)
    _describe(heading, sheet, headings.form, part)
    body = enumerate(chain(head[heading.last + 1 :], rows), heading.last + 2)
    _Body(heading, sheet, headings, part).read(body)
    _notice(heading, sheet, part)
    return part


def _count(row: list[str], part: _SheetPart) -> None:
    filled = [text for text in row if text and not text.isspace()]
    part.cells_read += len(filled)
    part.nil_said = part.nil_said or any(map(_says_nil, filled))


def _is_like_a_line(row: list[str]) -> bool:
    filled = [text for text in row if text and not text.isspace()]
    return (
        len(filled) >= _CELLS_OF_A_LINE
        and any(map(_NUMBER.fullmatch, filled))
        and not any(text.rstrip().endswith(":") or _SENDER_LABEL.search(text) for text in filled)
    )


def _fits(row: list[str], table: TableFound) -> bool:
    """Whether a row has an item and a number where a table has its items and years. A hidden sheet is mostly a list."""
    cells = {column_letter(column): text for column, text in enumerate(row) if text and not text.isspace()}
    item = cells.get(table.columns.get("item_name", ""), "")
    years = [cells.get(letter, "") for name, letter in table.columns.items() if name.startswith(f"{DEMAND}_")]
    return bool(item) and not _NUMBER.fullmatch(item) and any(map(_NUMBER.fullmatch, years))


def _says_nil(text: str) -> bool:
    """Whether a cell says that there is no demand. To explain what to write then is not to say it."""
    if "отреб" not in text and "ОТРЕБ" not in text:
        return False
    plain = _plain(text[:_SAID])
    return bool(_NIL.search(plain)) and not _NIL_EXPLAINED.search(plain)


def _describe(heading: Heading, sheet: Sheet, form: Form, part: _SheetPart) -> None:
    def cell_of(column: int) -> str:
        return _address(sheet, heading.texts[column][-1][0], column)

    years = [name for name in heading.columns if name.startswith(f"{DEMAND}_")]
    part.has_demand = bool(years)
    part.ambiguous = {
        name: [cell_of(column) for column in columns] for name, columns in heading.columns.items() if len(columns) > 1
    }
    units = {}
    for name in (*years, "stock", "contracted"):
        for column in heading.columns.get(name, ()):
            if unit := heading_unit(text for _, text in heading.texts[column]):
                units[column] = unit
    of_years = [units.get(heading.columns[name][0]) for name in years]
    # The first cell of each unit, if there are several: nobody can tell which one counts.
    firsts = {unit.name: column for column, unit in reversed(units.items())}
    if len(firsts) > 1:
        part.ambiguous["unit"] = part.ambiguous.get("unit", []) + [
            cell_of(column) for column in sorted(firsts.values())
        ]
    given = {*heading.columns, *([DEMAND] if years else [])}
    if of_years and all(unit and unit.names_a_thing for unit in of_years):
        given.add("unit")
    part.missing = tuple(name for name in form.required if name not in given)
    part.table = TableFound(
        member=sheet.member,
        sheet=sheet.name,
        hidden=sheet.hidden,
        first_row=heading.first + 1,
        last_row=heading.last + 1,
        columns={name: column_letter(found[0]) for name, found in heading.columns.items()},
        unit_in_heading=next((unit.typed.rstrip(".") for unit in of_years if unit), ""),
    )


def _notice(heading: Heading, sheet: Sheet, part: _SheetPart) -> None:
    """What is hidden of the table, and what of it was never computed."""

    def say(what: str, cell: str = "") -> None:
        part.notices.append(Notice(sheet.member, sheet.name, cell, what))

    if not part.has_demand:
        return
    if sheet.hidden and part.lines:
        say("hidden_sheet")
    if sheet.hidden_rows:
        for line in part.lines:
            if line.row_number - 1 in sheet.hidden_rows:
                say("hidden_row", f"A{line.row_number}")
    columns = {found[0]: name for name, found in heading.columns.items()}
    filled = {name for line in part.lines for name in line.values} if sheet.hidden_columns else set()
    for column, name in sorted(columns.items()):
        if column in sheet.hidden_columns and name in filled:
            say("hidden_column", f"{column_letter(column)}{heading.texts[column][-1][0] + 1}")
    no_lines = {row.row_number for row in part.left_out}
    for row, column in sorted(sheet.uncached):
        if row > heading.last and column in columns and row + 1 not in no_lines:
            say("no_cached_value", f"{column_letter(column)}{row + 1}")


# Rows


class _Body:
    """The rows below a heading, told apart: lines, totals, notes, and what is none of these."""

    def __init__(self, heading: Heading, sheet: Sheet, headings: Headings, part: _SheetPart) -> None:
        self.heading, self.sheet, self.headings, self.part = heading, sheet, headings, part
        self.columns = {name: found[0] for name, found in heading.columns.items()}
        self.names = {column: name for name, column in self.columns.items()}
        self.item_headings = {heading_key(text) for text in headings.form.headings.get("item_name", ())}
        #: Cells merged over rows, by their first row: the last row, and the field.
        self.tall: dict[int, list[tuple[int, str]]] = {}
        #: Rows with a cell merged over three columns or more.
        self.wide: set[int] = set()
        for top, left, bottom, right in sheet.merged:
            name = self.names.get(left)
            if bottom > top > heading.last and name and not _is_added_up(name):
                self.tall.setdefault(top, []).append((bottom, name))
            if top == bottom and right - left >= 2:
                self.wide.add(top)

    def read(self, body: Iterator[tuple[int, list[str]]]) -> None:
        """Sort each row into the sheet's part."""
        part, place = self.part, (self.sheet.member, self.sheet.name)
        dates = self.sheet.dates
        pairs = list(self.columns.items())
        reaching: dict[str, tuple[int, str]] = {}
        before = "heading"
        for row_number, row in body:
            filled = [text for text in row if text and not text.isspace()]
            if not filled:
                continue
            part.cells_read += len(filled)
            width, index = len(row), row_number - 1
            values = {name: row[i] for name, i in pairs if i < width and row[i] and not row[i].isspace()}
            kind = self._kind(values, filled, row_number, row, before)
            before = kind if kind != "note" else before
            if kind != "note" or len(filled) > 1:
                part.rows_seen += 1
                part.rows_recognised += kind != "not_recognised"
            if kind == "nil":
                part.nil_said = True
                kind = "note"
            if kind:
                if kind == "total" and not _PART_OF_TOTAL.match(_total_label(values, filled)):
                    part.totals.append(RawLine(*place, row_number, values))
                part.left_out.append(LeftOut(*place, row_number, kind))
                continue
            marks = {name: "date" for name in values if (index, self.columns[name]) in dates} if dates else {}
            if reaching or index in self.tall:
                self._carry(index, values, marks, reaching)
            part.lines.append(RawLine(*place, row_number, values, marks))

    def _carry(
        self, index: int, values: dict[str, str], marks: dict[str, str], reaching: dict[str, tuple[int, str]]
    ) -> None:
        """Give a line the texts of cells that are merged over its row; `reaching` is kept from row to row."""
        for name, (last, text) in list(reaching.items()):
            if index > last:
                del reaching[name]
            elif name not in values:
                values[name], marks[name] = text, "merged"
        for last, name in self.tall.get(index, ()):
            if name in values:
                reaching[name] = (last, values[name])

    def _kind(self, values: dict[str, str], filled: list[str], row_number: int, row: list[str], before: str) -> str:
        """Why a row is no line, as in `LeftOut`, or `nil` if it says that there is no demand; "" for a line."""
        if before == "heading" and _numbers_columns(filled):
            return "numbering"
        if _total_label(values, filled):
            return "total"
        asked = [text for name, text in values.items() if name.startswith(f"{DEMAND}_")]
        item = values.get("item_name", "")
        is_named = bool(item) or "part_number" in values
        has_number = any(_NUMBER.fullmatch(text) and not _YEAR.fullmatch(text) for text in asked)
        if not any(sign in "123456789" for text in asked for sign in text) and any(map(_says_nil, filled)):
            return "nil"
        if not has_number:
            if self._is_heading(values, filled, row_number, row, before):
                return "heading"
            is_coded = is_named and values.keys() & {"unit", "okpd2_code"}
            if not is_coded and _SIGNATURE.match(_plain(filled[0][:60])):
                return "signature"
        if asked and (has_number or len(filled) > 1 or any(map(str.isdigit, asked[0]))):
            return ""
        if len(filled) == 1:
            return "note"
        if is_named:
            is_group = row_number - 1 in self.wide or _GROUP.match(_plain(item[:60]))
            return "note" if is_group and len(filled) == 2 else ""
        if _NOTE.match(_plain(filled[0][:60])) or (len(values) == len(filled) and _is_preprinted(values)):
            return "note"
        return "not_recognised"

    def _is_heading(
        self, values: dict[str, str], filled: list[str], row_number: int, row: list[str], before: str
    ) -> bool:
        """Whether a row repeats the headings. One that gives a column another meaning begins another table: told."""
        item = values.get("item_name", "")
        means = self.headings.means_exactly
        if not (item and heading_key(item) in self.item_headings):
            said = {means(text) for text in filled} - {None}
            if len(said) < LEAST_COLUMNS and not (before == "heading" and len(said) == len(filled) > 1):
                return False
        for column, text in enumerate(row):
            name = means(text) if text else None
            if name and heading_key(text) not in {heading_key(own) for _, own in self.heading.texts.get(column, ())}:
                self._compare(name, column, row_number)
        return True

    def _compare(self, name: str, column: int, row_number: int) -> None:
        """Tell of both cells if a field stands in another column than above, or a column holds another field."""
        first = self.columns.get(name, column)
        if first != column or self.names.get(column, name) != name:
            above = self.heading.texts.get(first) or [(self.heading.last, "")]
            cells = self.part.ambiguous.setdefault(name, [_address(self.sheet, above[-1][0], first)])
            cells.append(_address(self.sheet, row_number - 1, column))


def _is_added_up(name: str) -> bool:
    return name.startswith(f"{DEMAND}_") or name in _ADDED_UP


def _is_preprinted(values: dict[str, str]) -> bool:
    return values.keys() <= _PREPRINTED and any(map(str.isdigit, values.get("line_no", "0")))


def _total_label(values: dict[str, str], filled: list[str]) -> str:
    """The text by which a row is one of totals, as it is compared; "" if there is none."""
    for text in (filled[0], values.get("item_name", ""), values.get("line_no", "")):
        if text and _TOTAL.match(plain := folded(text[:60])):
            return plain
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
        and all(later in (earlier, earlier + 1) for earlier, later in pairwise(numbers))
        and numbers[-1] > len(numbers) / 2
    )


# Who sends, and in which survey


def _sender(rows: list[list[str]], sheet: Sheet) -> dict[str, tuple[str, str]]:
    """{"ИНН": (value, its cell), "КПП": …} from the block above the table, as typed, if it is there.

    A value follows its label in the same cell, or stands in the next non-blank cell of the row. What has a label and
    nowhere a value is blank.
    """
    found: dict[str, tuple[str, str]] = {}
    labelled: set[str] = set()
    for row_index, row in enumerate(rows):
        for column, text in enumerate(row):
            labels = list(_SENDER_LABEL.finditer(text.translate(_CYRILLIC)))
            for label, after in zip(labels, [*labels[1:], None], strict=False):
                names = [name.upper() for name in label.groups() if name]
                labelled.update(names)
                rest = text[label.end() : after.start() if after else None]
                values = [(value, column) for value in _within(rest, names)]
                if not values and after is None:
                    values = _following(row, column, names)
                for name, (value, at) in zip(names, values, strict=False):
                    found.setdefault(name, (value, _address(sheet, row_index, at)))
    return dict.fromkeys(labelled, ("", "")) | found


def _surveys(rows: list[list[str]], sheet: Sheet, form: Form, *, labelled: bool) -> dict[str, str]:
    """The surveys that the block above a table names, each with the first cell that holds its code, else its title.

    With `labelled`, as on a sheet without a table, only what is labelled, or the title alone in its cell.
    """
    codes = {folded(code): code for code in form.surveys}
    titles = {key: code for code, title in form.surveys.items() if len(key := heading_key(title)) >= _LEAST_TITLE}
    by_title: dict[str, str] = {}
    by_code: dict[str, str] = {}
    for row_index, row in enumerate(rows):
        after_label = False
        for column, text in enumerate(row):
            if not text or text.isspace():
                continue
            text = text[:_SAID]
            label = bool(_SURVEY_LABEL.search(text))
            key = heading_key(text)
            whole = {title for title in titles if title in key}
            # Of a title and a longer one that holds it, the longer one is meant.
            titled = [titles[title] for title in whole if not any(title in other for other in whole - {title})]
            coded = [codes[word] for word in _WORD.findall(folded(text).translate(_HYPHENS)) if word in codes]
            if not labelled or label or after_label or key in titles:
                cell = _address(sheet, row_index, column)
                by_title = dict.fromkeys(titled, cell) | by_title
                by_code = dict.fromkeys(coded, cell) | by_code
            after_label = label
    return by_title | by_code


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
        if text and (_SENDER_LABEL.search(text.translate(_CYRILLIC)) or len(values) == len(names)):
            break
        if text:
            halves = [half for half in _BETWEEN_VALUES.split(text) if half] if len(names) > 1 else [text]
            values += [(half, at) for half in halves]
    return values
