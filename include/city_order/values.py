"""Text → typed values. What cannot be understood is None: nothing is guessed.

Each function returns `Cleaned(value, rule)`: the rule that changed or emptied the text, "" if it was taken as
it is or could not be understood. Of several rules the first comes first: `thousands+decimal_comma`. All are in
`RULES`; by its rules a value can be made again from what was typed.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import NamedTuple


class Cleaned(NamedTuple):
    """A value and the rule that made it."""

    value: str | Decimal | None
    rule: str


#: Every rule that changes or empties what was typed, and what it does.
RULES = {
    "nothing": "says that there is nothing: «—», «нет», «н/д»; no value",
    "spaces": "spaces, line breaks and invisible signs are put in order; in a code they go",
    "comma_for_point": "the commas of a code become the points that they stand for",
    "apostrophe": "the apostrophe goes by which a spreadsheet is told that a number is a text",
    "thousands": "the spaces or apostrophes between thousands go",
    "decimal_comma": "the decimal comma becomes a point",
    "unit_word": "the unit after a number goes, where it is the one that the column is in",
    "thousand_word": "«тыс.» after a number: times 1,000",
    "million_word": "«млн» after a number: times 1,000,000",
    "comma_or_thousands": "«1,000» may be one or a thousand; no value",
    "spelling": "a word or sign becomes its code",
    "code_and_name": "«796 — шт»: a code and a word that mean the same become the code",
    "ditto": "a ditto mark becomes the value of the line above",
    "merged": "the text of a cell merged over several rows counts in each of them",
    "unit_in_heading": "a unit that only the headings name counts for the line",
    "date_for_part": "a part number that a spreadsheet turned into a date; no value, for what it was is lost",
}

#: What people write where there is nothing to say, as `spelling` gives it.
NOTHING = frozenset(
    {
        *("", "-", "--", "---", "x", "х", "n/a", "н/д", "нд", "нет", "нет данных", "прочерк"),
        *("отсутствует", "не требуется", "не применимо", "неприменимо", "нет потребности", "не планируется"),
    }
)

_DASHES = re.compile(r"[\u2010-\u2015\u2212\u2043\uff0d]")
#: A soft hyphen, zero-width spaces, marks of direction and a byte order mark show nothing and mean nothing.
_INVISIBLE = re.compile(r"[\u00ad\u200b\u200e\u200f\u2060\ufeff]")
#: Between groups of three digits: plain, no-break, figure, thin and narrow no-break space; the apostrophe.
_GROUP_SIGN = "[ \u00a0\u2007\u2009\u202f'’]"
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")
_GROUPED_NUMBER = re.compile(rf"[+-]?[0-9]{{1,3}}(?:{_GROUP_SIGN}[0-9]{{3}})+(?:[.,][0-9]+)?")
#: The figures with which a text begins, and the word after them.
_FIGURES_AND_WORD = re.compile(rf"([+-]?[0-9](?:{_GROUP_SIGN}?[0-9])*(?:[.,][0-9]+)?)\s*([^\W\d].*)", re.DOTALL)
#: One to three digits, a comma and three more, or a point and three more of which the last is a zero, which no number
#: cell ends in: the sign may be the decimal one or part thousands.
_COMMA_OR_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3}|\.[0-9]{2}0)")
#: The word, its rule, and how many zeros it means.
_SCALES = {
    **dict.fromkeys(("тыс", "тысяча", "тысячи", "тысяч"), ("thousand_word", 3)),
    **dict.fromkeys(("млн", "миллион", "миллиона", "миллионов"), ("million_word", 6)),
}
#: The warehouse holds 15 digits before the decimal point; no survey asks for more.
_WHOLE_DIGITS = 15
#: What a spreadsheet stores never comes near this many; the warehouse has a limit too.
_DIGITS = 100
_CODE_FIRST = re.compile(r"([0-9]{3})\W+(\w.*?)\W*")
_CODE_LAST = re.compile(r"(\w.*?)\W+([0-9]{3})\W*")
_QUOTES = re.compile(r"[\"“”„«»〃]|''|’’|′′|,,|//")
#: What a ditto mark begins with, before the closer look.
_MAY_BE_DITTO = re.compile(r"[^\w.;:!?(]*[\"“”„«»″〃'’′,/]|\s*т", re.IGNORECASE)
#: Not `"-"`, a dash in quotes.
_DITTO = re.compile(r'-+"(?:-+")*-*|"-*|"(?:-+"){2,}|тоже(?:самое)?')
#: As spreadsheets write them, letter case too: «10.янв», «янв.26», "10-Jan", "Jan-26". MAR-10 is a part number.
_MONTH = "(?:янв|фев|мар|апр|май|мая|июн|июл|авг|сен|окт|ноя|дек|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY_AND_MONTH = re.compile(rf"[0-9]{{1,2}}[. -]{_MONTH}\.?(?:[. -][0-9]{{2,4}})?|{_MONTH}\.?[. -][0-9]{{2,4}}")
_TIME = "(?: [0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)?"
_CALENDAR_DATE = re.compile(rf"([0-9]{{2}})[./]([0-9]{{2}})[./]((?:19|20)[0-9]{{2}}){_TIME}")
_ISO_DATE = re.compile(rf"((?:19|20)[0-9]{{2}})-([0-9]{{2}})-([0-9]{{2}}){_TIME}")
_COMMA_CODE = re.compile(r"[0-9]{2}(?:,[0-9]+)+")


def spelling(text: str) -> str:
    """What is compared of a unit or term: no case, ё, dots or extra spaces, and one kind of dash."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold().replace("ё", "е")
    return " ".join(_DASHES.sub("-", plain).replace(".", " ").split())


def is_nothing(text: str) -> bool:
    """Whether a text only says that there is nothing: blank, «—», «нет», «н/д»."""
    return len(text) < 40 and spelling(text) in NOTHING


def number(
    text: str, unit_words: Collection[str] = (), *, may_scale: bool = False, comma_is_decimal: bool = True
) -> Cleaned:
    """A finite Decimal: digits, a decimal comma or point, thousands set apart. «10-15» and «1e5» are None.

    `unit_words` may follow the number, as `spelling` gives them, and with `may_scale` «тыс.» and «млн» before them.
    Without `comma_is_decimal`, «1,000» is not understood: thousands are a matter of a thousand times.
    """
    if text.isascii() and text.isdigit() and len(text) <= _WHOLE_DIGITS:
        return Cleaned(Decimal(text), "")
    if is_nothing(text):
        return Cleaned(None, "nothing")
    rules = []
    typed = _INVISIBLE.sub("", text).strip().replace("\u2212", "-")
    if typed[:1] in ("'", "’"):
        typed = typed[1:]
        rules.append("apostrophe")
    zeros = 0
    if with_word := _FIGURES_AND_WORD.fullmatch(typed):
        typed, words = with_word[1], spelling(with_word[2]).split()
        if may_scale and words[0] in _SCALES:
            rule, zeros = _SCALES[words.pop(0)]
            rules.append(rule)
        if words:
            if " ".join(words) not in unit_words:
                return Cleaned(None, "")
            rules.append("unit_word")
    if not comma_is_decimal and _COMMA_OR_THOUSANDS.fullmatch(typed):
        return Cleaned(None, "comma_or_thousands")
    if _GROUPED_NUMBER.fullmatch(typed):
        typed = re.sub(_GROUP_SIGN, "", typed)
        rules.append("thousands")
    elif not _PLAIN_NUMBER.fullmatch(typed):
        return Cleaned(None, "")
    if "," in typed:
        typed = typed.replace(",", ".")
        rules.append("decimal_comma")
    if len(typed) > _DIGITS or (value := Decimal(f"{typed}e{zeros}")).adjusted() >= _WHOLE_DIGITS:
        return Cleaned(None, "")
    return Cleaned(Decimal(format(value, "f")) if zeros else value, "+".join(rules))


def code(text: str) -> Cleaned:
    """A classifier code (OKPD2) without spaces; the comma that a spreadsheet puts for a point is mended."""
    if is_nothing(text):
        return Cleaned(None, "nothing")
    rules = []
    value = "".join(_INVISIBLE.sub("", text).split())
    if value != text:
        rules.append("spaces")
    if _COMMA_CODE.fullmatch(value):
        value = value.replace(",", ".")
        rules.append("comma_for_point")
    return Cleaned(value, "+".join(rules))


def collapsed(text: str) -> str:
    """Text with single spaces, no line breaks, nothing invisible, in composed letters (NFC)."""
    return " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).split())


def free_text(text: str) -> Cleaned:
    """Free text, collapsed; «—» and the like are None."""
    if is_nothing(text):
        return Cleaned(None, "nothing")
    value = collapsed(text)
    return Cleaned(value, "" if value == text else "spaces")


def term(text: str, codes: Mapping[str, str]) -> Cleaned:
    """The code of a unit or term. `codes` maps spellings, as `spelling` gives them, to codes."""
    if is_nothing(text):
        return Cleaned(None, "nothing")
    found = codes.get(spelling(text))
    if found is not None:
        return Cleaned(found, "" if found == text else "spelling")
    for both in (_CODE_FIRST, _CODE_LAST):
        if parts := both.fullmatch(spelling(text)):
            first, second = map(codes.get, parts.groups())
            if first is not None and first == second:
                return Cleaned(first, "code_and_name")
    return Cleaned(None, "")


def is_ditto(text: str) -> bool:
    """Whether a text says «the same as above»: `"`, `-"-`, `-//-`, `〃`, «то же». A dash alone says nothing."""
    if len(text) > 20 or not _MAY_BE_DITTO.match(text):
        return False
    plain = "".join(_QUOTES.sub('"', unicodedata.normalize("NFC", spelling(text))).split())
    return bool(_DITTO.fullmatch(plain))


def is_date_for_part(text: str) -> bool:
    """Whether a text is the date that a spreadsheet makes of a part number: «10.янв», «янв.10», «01.02.2026»."""
    typed = text.strip()
    if len(typed) > 20:
        return False
    typed = _DASHES.sub("-", typed)
    if _DAY_AND_MONTH.fullmatch(typed):
        return True
    try:
        if of_calendar := _CALENDAR_DATE.fullmatch(typed):
            day, month, year = map(int, of_calendar.groups())
        elif of_iso := _ISO_DATE.fullmatch(typed):
            year, month, day = map(int, of_iso.groups())
        else:
            return False
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True


def number_text(value: Decimal) -> str:
    """One text for equal numbers: 5, 5.0 and 5.00 are `5`."""
    return format(value.normalize(), "f") if value else "0"
