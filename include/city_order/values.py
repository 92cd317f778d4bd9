"""Text → typed values. What cannot be understood is None: nothing is guessed.

Each function returns `Cleaned(value, rule)`: the rule that changed or emptied the text, "" if it was taken as
it is or could not be understood.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple


class Cleaned(NamedTuple):
    """A value and the rule that made it."""

    value: str | Decimal | None
    rule: str


#: What people write where there is nothing to say, as `spelling` gives it.
NOTHING = frozenset(
    {
        *("", "-", "--", "---", "x", "х", "n/a", "н/д", "нд", "нет", "нет данных", "прочерк"),
        *("отсутствует", "не требуется", "не применимо", "неприменимо"),
    }
)

_DASHES = re.compile(r"[\u2010-\u2015\u2212\u2043\uff0d]")
#: A soft hyphen, a zero-width space and a byte order mark show nothing and mean nothing.
_INVISIBLE = re.compile(r"[\u00ad\u200b\ufeff]")
#: Spaces between groups of three digits: plain, no-break, thin, narrow no-break.
_GROUP_SPACE = "[ \u00a0\u2009\u202f]"
_PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")
_GROUPED_NUMBER = re.compile(rf"[+-]?[0-9]{{1,3}}(?:{_GROUP_SPACE}[0-9]{{3}})+(?:[.,][0-9]+)?")
#: The warehouse holds 15 digits before the decimal point; no survey asks for more.
_WHOLE_DIGITS = 15
#: What a spreadsheet stores never comes near this many decimals; the warehouse has a limit too.
_DECIMALS = 100
_COMMA_CODE = re.compile(r"[0-9]{2}(?:,[0-9]+)+")


def spelling(text: str) -> str:
    """What is compared of a unit or term: no case, ё, dots or extra spaces, and one kind of dash."""
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold().replace("ё", "е")
    return " ".join(_DASHES.sub("-", plain).replace(".", " ").split())


def is_nothing(text: str) -> bool:
    """Whether a text only says that there is nothing: blank, «—», «нет», «н/д»."""
    return len(text) < 40 and spelling(text) in NOTHING


def number(text: str) -> Cleaned:
    """A finite Decimal: digits, a decimal comma or point, thousands set apart by spaces. «10-15» is None."""
    if is_nothing(text):
        return Cleaned(None, "nothing")
    typed = text.strip().replace("\u2212", "-")
    rules = []
    if _GROUPED_NUMBER.fullmatch(typed):
        typed = re.sub(_GROUP_SPACE, "", typed)
        rules.append("thousands")
    elif not _PLAIN_NUMBER.fullmatch(typed):
        return Cleaned(None, "")
    if "," in typed:
        typed = typed.replace(",", ".")
        rules.append("decimal_comma")
    value = Decimal(typed)
    if value.adjusted() >= _WHOLE_DIGITS or len(typed.rpartition(".")[2]) > _DECIMALS:
        return Cleaned(None, "")
    return Cleaned(value, "+".join(rules))


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
    if found is None:
        return Cleaned(None, "")
    return Cleaned(found, "" if found == text else "spelling")


def number_text(value: Decimal) -> str:
    """One text for equal numbers: 5, 5.0 and 5.00 are `5`."""
    return format(value.normalize(), "f") if value else "0"
