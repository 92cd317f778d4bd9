"""Where a sheet's table begins: its heading rows, and the field that each column holds.

Headings are compared by their letters, so that case, spaces, line breaks, punctuation and Latin letters that look
Cyrillic do not matter; abbreviations with dots and notes in brackets are understood if they fit one field only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from include.city_order.readings import DEMAND, Form

#: Headings begin within so many rows from the top, and span at most so many.
SEARCHED_ROWS = 60
HEADING_ROWS = 3
#: So many columns must be recognised before a row counts as a heading: fewer happen by chance.
LEAST_COLUMNS = 3

#: What is longer is no heading.
_LONGEST = 300
#: A word under a heading («количество», «тыс. шт.») is no longer.
_WORD_LENGTH = 30

#: First row, first column, last row, last column, from 0.
Merged = tuple[int, int, int, int]

_YEAR = re.compile(r"(?<!\d)20\d\d(?!\d)")
_YEAR_WORDS = re.compile(
    r"\b(потребн\w*|потреб\.|потр\.|год\w*|г|гг|план\w*|прогноз\w*|кол-?во|количеств\w*|заявк\w*|заявлен\w*|требу\w*"
    r"|необходим\w*|нужно|спрос\w*|объем\w*|заказ\w*)"
)
_LEADING_IN = re.compile(r"\b(на|в)\b")
#: Columns that name a year and are no demand.
_OTHER_SUBJECT = re.compile(
    r"остат|склад|цен[аеуы]|стоим|сумм|контракт|договор|закуплен|поставлен|факт|руб|ндс|квт|расход|списан|приобретен"
    r"|получен|исполнен|выполнен|использован|потреблен|\bдол[яи]\b|процент|%|обоснован|источник|выпуск|изготовл|\bввод"
    r"|прирост|отклонен|аналог|наименован|обозначен"
)
#: Fields of the whole row: «сумма» or «остаток» under a year is something else.
_OF_A_ROW = frozenset({"stock", "contracted", "unit_price_rub", "amount_rub"})
#: A part of a year, or of its demand: taken only where no column holds the whole.
_PART_OF_YEAR = re.compile(
    r"квартал|\bкв\b|полугод|месяц|\bмес\b|январ|феврал|апрел|июн[ья]|июл[ья]|август|сентябр|октябр|ноябр|декабр"
    r"|\bв\s*т\.?\s*ч|том числе"
)

_TIMES = r"(?:тыс(?:яч\w*)?|млн|миллион\w*|сто|сотен|100)\.?\s*"
#: The stem of a unit's name, and what may follow it.
_NOUNS = {
    "шт": r"шт(?:ук(?:а|и|ах)?)?",
    "компл": r"компл(?:ект(?:а|ов|ы)?)?|к-т",
    "упак": r"упак(?:ов(?:ка|ки|ок))?|уп",
    "ед": r"ед(?:иниц[аы]?)?",
    "наб": r"наб(?:ор(?:а|ов|ы)?)?",
    "пар": r"пар[аы]?",
    "рул": r"рул(?:он(?:а|ов|ы)?)?",
    "боб": r"боб(?:ин[аы]?)?",
    "изд": r"изд(?:ели[еяй])?",
    "элем": r"элем(?:ент(?:а|ов|ы)?)?",
    "секц": r"секц(?:и[яий])?",
    "дюж": r"дюж(?:ин[аы]?)?",
}
_NOUN = "|".join(_NOUNS.values())
#: Pieces wherever they stand; another unit, or «тыс.» alone, between signs or ends.
_PIECES = re.compile(rf"(?<!\w)((?:{_TIMES})?)({_NOUNS['шт']})(?!\w)", re.IGNORECASE)
_OTHER_UNIT = re.compile(
    rf"(?:^|[,;:(/])\s*((?:{_TIMES})?)({_NOUN})(?=\.?\s*(?:$|[,;:)/]))"
    rf"|(?:^|[,;:(/])\s*((?:тыс|млн)\.?)()(?=\s*(?:$|[,;:)/]))",
    re.IGNORECASE,
)
#: What may follow a heading without changing what it means. No «тыс. руб.», no «мА·ч», no «без НДС».
_NOTE = re.compile(
    rf"[\s,;(/–—-]+(?:(?:{_TIMES})?(?:{_NOUN})|руб(?:\.|лей|ли)?|рублей рф|руб\.? с ндс|с ндс|с учетом ндс"
    r"|в|вольт|а[·*-]?ч|квт[·*-]?ч|при наличии|если есть|если известен|если известно|по океи|по окпд ?2|обязательно"
    r"|заполняется обязательно|выбрать из списка|полностью|полное)[\s.,;)*]*$"
)
_FOOTNOTE = re.compile(r"[¹²³⁰⁴-⁹*]+|(?<=\D)\d\)$")
_ABBREVIATED = re.compile(r"([^\W_]+)(\.?)")

_LOOK_ALIKES = str.maketrans("abcehkmoptxyё", "авсенкмортхуе")


class Heading(NamedTuple):
    """A heading block: its rows counted from 0, and the columns of each field, the best matching only.

    `texts` gives for each column what stands over it, from above, each with its row.
    """

    first: int
    last: int
    columns: dict[str, list[int]]
    texts: dict[int, list[tuple[int, str]]]


class HeadingUnit(NamedTuple):
    """A unit that a heading names: as typed, and by a name that its spellings share («тыс шт»)."""

    typed: str
    name: str

    @property
    def names_a_thing(self) -> bool:
        """Whether it is more than «тыс.»: thousands of what?"""
        return self.name not in ("тыс", "млн")


def folded(text: str) -> str:
    """A text without case, ё, extra spaces, and Latin letters that look Cyrillic."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_LOOK_ALIKES).split())


def heading_key(text: str) -> str:
    """What is compared of a heading: letters and digits, without case, ё, spaces, punctuation and look-alikes."""
    return "".join(sign for sign in folded(text) if sign.isalnum())


def heading_year(text: str, whole: str | None = None) -> int | None:
    """The year whose demand a column holds, or None. `whole` is `text` with the headings over it."""
    lowest, around = folded(text), folded(text if whole is None else whole)
    named = _YEAR.findall(lowest) or _YEAR.findall(around)
    if len(set(named)) != 1 or _OTHER_SUBJECT.search(around):
        return None
    rest = _OTHER_UNIT.sub(" ", _PIECES.sub(" ", _YEAR.sub(" ", around)))
    if _YEAR_WORDS.search(rest) or not any(sign.isalnum() for sign in _LEADING_IN.sub("", rest)):
        return int(named[0])
    return None


def heading_unit(texts: Iterable[str]) -> HeadingUnit | None:
    """The unit of a column's quantities that the texts over it name, the first if there are several."""
    for text in texts:
        if found := _PIECES.search(text) or _OTHER_UNIT.search(text):
            times, noun = (part.casefold() for part in found.groups() if part is not None)
            stem = next((stem for stem, pattern in _NOUNS.items() if re.fullmatch(pattern, noun)), "")
            zeros = {"т": "тыс", "м": "млн"}.get(times[:1], "сто" if times else "")
            return HeadingUnit("".join(part or "" for part in found.groups()).strip(), f"{zeros} {stem}".strip())
    return None


class Headings:
    """The headings that a form accepts. Answers for a text are kept: a column's texts come again and again."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self._exact: dict[str, str] = {}
        without_notes: dict[str, set[str]] = {}
        self._words: list[tuple[list[str], str]] = []
        for name, accepted in form.headings.items():
            for text in accepted:
                self._exact[heading_key(text)] = name
                without_notes.setdefault(heading_key(_without_notes(text)), set()).add(name)
                self._words.append(([word for word, _ in _words(text)], name))
        self._without_notes = {key: names.pop() for key, names in without_notes.items() if len(names) == 1}
        self._joined = "\n".join(self._exact)
        self._answers: dict[str, str | None] = {}
        self._exact_answers: dict[str, str | None] = {}

    def field(self, text: str) -> str | None:
        """The field that a heading means by itself; a year of demand is none."""
        if len(text) > _LONGEST:
            return None
        if text in self._answers:
            return self._answers[text]
        key = heading_key(_FOOTNOTE.sub("", text))
        name = self._exact.get(key) or self._without_notes.get(heading_key(_without_notes(text)))
        if name is None and "." in text:
            name = self._abbreviated(text)
        if len(self._answers) < 10_000:
            self._answers[text] = name
        return name

    def means_exactly(self, text: str) -> str | None:
        """The field or year of demand (`demand_<year>`) of a heading that is written as accepted; quick."""
        if text in self._exact_answers:
            return self._exact_answers[text]
        if len(text) > _LONGEST:
            return None
        name = self._exact.get(heading_key(text))
        if name is None and _YEAR.search(text) and (year := heading_year(text)):
            name = f"{DEMAND}_{year}"
        if len(self._exact_answers) < 10_000:
            self._exact_answers[text] = name
        return name

    def may_be(self, text: str) -> bool:
        """Whether a text may be a heading, or a part of one over several rows."""
        if not text or len(text) > _LONGEST or text.isspace():
            return False
        key = heading_key(text)
        is_part = len(key) > 1 and not key.isdigit() and key in self._joined
        return is_part or "потр" in key or bool(_YEAR.search(text)) or self.field(text) is not None

    def _abbreviated(self, text: str) -> str | None:
        """«Наим. изд.»: each word begins that of an accepted heading, and of one field only."""
        words = _words(text)
        names = {
            name
            for accepted, name in self._words
            if len(accepted) == len(words)
            and all(
                word == whole or (cut and len(word) > 1 and whole.startswith(word))
                for (word, cut), whole in zip(words, accepted, strict=True)
            )
        }
        return names.pop() if len(names) == 1 else None


def find_heading(rows: list[list[str]], headings: Headings, merged: Sequence[Merged] = ()) -> Heading | None:
    """The heading block that matches most fields; of equals the best matching, shortest and uppermost."""
    merged = [area for area in merged if area[0] < len(rows)]
    hits = [sum(headings.may_be(text) for text in row) for row in rows]
    best: Heading | None = None
    best_score = (LEAST_COLUMNS - 1, 0, 0, 0)
    for first in range(min(len(rows), SEARCHED_ROWS)):
        for last in range(first, min(first + HEADING_ROWS, len(rows))):
            if not hits[last] or sum(hits[first : last + 1]) < LEAST_COLUMNS:
                continue
            if first < last and sum(bool(text.strip()) for text in rows[first]) < 2:
                # A text alone in its row is a title, whatever years it names.
                continue
            texts, strengths = _matched(rows, first, last, headings, merged)
            strongest = dict(sorted(strengths.values(), key=lambda match: match[1]))
            score = (
                len(strongest),
                sum(strongest.values()),
                first - last,
                -first,
            )
            if score > best_score:
                best, best_score = Heading(first, last, _best_columns(strengths), texts), score
    if best:
        best = _with_row_above(_with_row_below(best, rows, headings, merged), rows, headings, merged)
    return best


def _written_out(text: str) -> str:
    return re.sub(r"\bкол-?во\b", "количество", folded(_FOOTNOTE.sub("", text)))


def _without_notes(text: str) -> str:
    plain = _written_out(text)
    while (shorter := _NOTE.sub("", plain)) != plain:
        plain = shorter
    return plain


def _words(text: str) -> list[tuple[str, bool]]:
    """The words of a heading, and whether a dot cut each short."""
    return [(word, bool(dot)) for word, dot in _ABBREVIATED.findall(_written_out(text))]


def _with_row_above(heading: Heading, rows: list[list[str]], headings: Headings, merged: Sequence[Merged]) -> Heading:
    """The heading with the row above it, if that stands over the years and not over the first column, as a title does.

    The fields stay where they are: it is for the unit that such a row may name.
    """
    years = [column for name, found in heading.columns.items() if name.startswith(f"{DEMAND}_") for column in found]
    first = min(heading.texts)
    if not years or heading.first == 0 or heading.last - heading.first + 1 == HEADING_ROWS:
        return heading
    said = {column: text for column, text in enumerate(rows[heading.first - 1]) if text.strip()}
    if not said or min(said) <= first or min(said) > max(years):
        return heading
    if any(len(text) > _WORD_LENGTH for column, text in said.items() if column < min(years)):
        return heading
    texts, strengths = _matched(rows, heading.first - 1, heading.last, headings, merged)
    if _best_columns(strengths) != heading.columns:
        return heading
    return Heading(heading.first - 1, heading.last, heading.columns, texts)


def _with_row_below(heading: Heading, rows: list[list[str]], headings: Headings, merged: Sequence[Merged]) -> Heading:
    """The heading with the row below it, if that says more about the years («количество», «шт.») and no item."""
    if heading.last + 1 == len(rows) or heading.last - heading.first + 1 == HEADING_ROWS:
        return heading
    below = {column: text.strip() for column, text in enumerate(rows[heading.last + 1]) if text.strip()}
    fields = {column: name for name, found in heading.columns.items() for column in found}
    said = [text for column, text in below.items() if fields.get(column, "").startswith(f"{DEMAND}_")]
    items = [column for column in below if fields.get(column) in ("line_no", "item_name", "part_number")]
    if not any(any(map(str.isalpha, text)) for text in said) or items:
        return heading
    if any(len(text) > _WORD_LENGTH or any(map(str.isdigit, text)) for text in below.values()):
        return heading
    texts, strengths = _matched(rows, heading.first, heading.last + 1, headings, merged)
    columns = _best_columns(strengths)
    for name, found in heading.columns.items():
        if not name.startswith(f"{DEMAND}_"):
            columns[name] = found
    return Heading(heading.first, heading.last + 1, columns, texts)


def _matched(
    rows: list[list[str]], first: int, last: int, headings: Headings, merged: Sequence[Merged]
) -> tuple[dict[int, list[tuple[int, str]]], dict[int, tuple[str, int]]]:
    """What stands over each column of a heading block, and the field that it means, as `_match` says."""
    texts = _stacked(rows[first : last + 1], first, merged)
    matches = {column: _match([text for _, text in parts], headings) for column, parts in texts.items()}
    return texts, {column: match for column, match in matches.items() if match}


def _stacked(block: list[list[str]], first: int, merged: Sequence[Merged]) -> dict[int, list[tuple[int, str]]]:
    """For each column the texts that stand over it, from above, each with its row.

    An upper text stands over the columns that its cell is merged over, where those have text under it. Where the
    format tells of no merged cell, it stands over the following blank cells that have text under them too: so a
    merged cell looks. A cell merged over rows is blank below and needs nothing.
    """
    width = max(map(len, block))
    padded = [[*(text.strip() for text in row), *[""] * (width - len(row))] for row in block]
    spans = [area for area in merged if first <= area[0] < first + len(block) and area[1] < min(area[3], width)]
    for depth, row in reversed(list(enumerate(padded[:-1]))):
        under = [any(below[column] for below in padded[depth + 1 :]) for column in range(width)]
        if spans:
            reach = {start: end for top, start, _, end in spans if top == first + depth}
        else:
            reach = dict.fromkeys(range(width), width)
        spread, until = "", -1
        for column in range(width):
            if row[column]:
                spread, until = (row[column], reach.get(column, column)) if under[column] or spans else ("", -1)
            elif spread and under[column] and column <= until:
                row[column] = spread
            elif not spans:
                spread = ""
    return {
        column: parts
        for column in range(width)
        if (parts := [(first + depth, row[column]) for depth, row in enumerate(padded) if row[column]])
    }


def _match(parts: list[str], headings: Headings) -> tuple[str, int] | None:
    """(field, strength) of a column: 2 if all that stands over it fits, 1 if only the lowest text or a part of it."""
    if any(len(text) > _LONGEST for text in parts):
        return None
    whole = " ".join(parts)
    name = headings.field(whole)
    if name:
        return name, 2
    name = headings.field(parts[-1])
    if name and not (name in _OF_A_ROW and _YEAR.search(whole)):
        return name, 1
    year = heading_year(parts[-1], whole)
    return (f"{DEMAND}_{year}", 1 if _PART_OF_YEAR.search(folded(whole)) else 2) if year else None


def _best_columns(strengths: dict[int, tuple[str, int]]) -> dict[str, list[int]]:
    columns: dict[str, list[int]] = {}
    for name in dict.fromkeys(name for name, _ in strengths.values()):
        highest = max(strength for other, strength in strengths.values() if other == name)
        columns[name] = [column for column, match in strengths.items() if match == (name, highest)]
    return columns
