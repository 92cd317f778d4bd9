"""INN and KPP: identifiers of organisations. Text, never numbers."""

from __future__ import annotations

import re

from stdnum.ru import inn

from include.city_order.values import Cleaned

_KPP = re.compile(r"[0-9]{4}[0-9A-Z]{2}[0-9]{3}")
#: A spreadsheet's way to show a long number; a Cyrillic Е comes of retyping it.
_SCIENTIFIC = re.compile(r"[0-9]+(?:[.,][0-9]+)?[EeЕе]\+?[0-9]{1,2}")


def is_inn(text: str) -> bool:
    """Whether `text` is an organisation's INN: ten digits, the last one right, not all zeros."""
    return _digits(text, 10) and inn.is_valid(text)


def is_personal_inn(text: str) -> bool:
    """Whether `text` is a person's INN: twelve digits, the last two right, not all zeros. Personal data."""
    return _digits(text, 12) and inn.is_valid(text)


def is_of_a_person(text: str) -> bool:
    """Whether `text` has the twelve digits of a person's INN, right or mistyped: not to be stored either way."""
    return _digits("".join(text.split()), 12)


def is_kpp(text: str) -> bool:
    """Whether `text` is a KPP: nine signs, the fifth and sixth also capital Latin letters."""
    return bool(_KPP.fullmatch(text)) and set(text) != {"0"}


def restore_inn(text: str) -> Cleaned:
    """An organisation's INN without spaces; one leading zero that a spreadsheet took is put back."""
    compact = "".join(text.split())
    if is_inn(compact):
        return Cleaned(compact, "" if compact == text else "spaces")
    if _digits(compact, 9) and is_inn("0" + compact):
        return Cleaned("0" + compact, "leading_zero")
    return Cleaned(None, "")


def _digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit() and set(text) != {"0"}


def inn_problem(text: str) -> str:
    """What is wrong with a typed INN by itself: `scientific` (7.7E+09), `length`, `zeros`, `checksum`.

    "" if nothing, or nothing was typed.
    """
    if not text or restore_inn(text).value:
        return ""
    digits = "".join(text.split())
    if _SCIENTIFIC.fullmatch(digits):
        return "scientific"
    if len(digits) != 10 or not digits.isascii() or not digits.isdigit():
        return "length"
    return "zeros" if set(digits) == {"0"} else "checksum"
