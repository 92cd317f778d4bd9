"""Which spellings mean the same thing: keys for matching.

Keys are for comparing only; what is shown is the typed form.
"""

from __future__ import annotations

import re
import unicodedata

#: Cyrillic capitals that look like Latin ones. О and 0, З and 3, Б and 6 are never folded.
_LOOKALIKES = str.maketrans("АВЕКМНОРСТУХ", "ABEKMHOPCTYX")
_DASHES_AND_SPACES = re.compile(r"[\s\u00ad\u200b\ufeff\u2043\u2212]")
_RUSSIAN_FORMS = "ао оао зао пао нпао ооо тоо одо гуп фгуп муп фгбу гбу фгау ип"
_FOREIGN_FORMS = "inc ltd llc co corp corporation company limited plc jsc pte pty gmbh ag kg sa spa srl bv nv oy ab"
_LEGAL_FORMS = frozenset((_RUSSIAN_FORMS + " " + _FOREIGN_FORMS).split())
_LEGAL_FORMS_IN_FULL = re.compile(
    r"\b(?:(?:непубличное|публичное|открытое|закрытое)\s+)?акционерное\s+общество\b"
    r"|\bобщество\s+с\s+ограниченной\s+ответственностью\b"
    r"|\b(?:федеральное\s+)?государственное\s+унитарное\s+предприятие\b"
)
_QUOTES = re.compile(r"[\"'«»„“”‘’`]")


def matching_key(part_number: str) -> str:
    """A part number for comparing: upper case, no white space or dashes, look-alike letters folded to Latin.

    Dots, commas and slashes stay: LM2596S-5.0 is not LM2596S-50.
    """
    # An accent that stood alone has come next to a letter.
    return unicodedata.normalize("NFKC", unfolded_key(part_number).translate(_LOOKALIKES))


def unfolded_key(part_number: str) -> str:
    """The same with its letters as they were typed, Cyrillic or Latin: which of them was meant by sound or by look."""
    upper = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", part_number).upper())
    kept = "".join(sign for sign in upper if unicodedata.category(sign) != "Pd")
    return _DASHES_AND_SPACES.sub("", kept)


def manufacturer_key(name: str) -> str:
    """A manufacturer's name for looking up aliases: no case, quotes, punctuation or legal form.

    «АО "НИИЭТ"» and «НИИЭТ, АО» give `нииэт`; a name that is all legal form stays whole.
    """
    plain = _QUOTES.sub(" ", unicodedata.normalize("NFKC", name).casefold().replace("ё", "е"))
    plain = _LEGAL_FORMS_IN_FULL.sub(" ", plain.replace(".", ""))
    words = re.findall(r"\w+", plain)
    named = list(words)
    while named and named[0] in _LEGAL_FORMS:
        del named[0]
    while named and named[-1] in _LEGAL_FORMS:
        del named[-1]
    return " ".join(named or words)


def name_key(item_name: str) -> str:
    """The name of a generic product for comparing: no case, quotes, extra spaces or closing punctuation."""
    plain = _QUOTES.sub(" ", unicodedata.normalize("NFKC", item_name).casefold().replace("ё", "е"))
    return " ".join(plain.split()).rstrip(" .,;:")
