"""Personal data stays in the archive: telephones, persons' names and personal INNs are masked after it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from include.city_order.identifiers import is_personal_inn

HIDDEN = "[скрыто]"

_ALONE = r"(?<![\w.,/-])"
_ENDS = r"(?!\w|[.,/-]\w)"
_PERSONAL_INN = re.compile(rf"{_ALONE}[0-9]{{12}}{_ENDS}")

#: +7 or 8, area code, seven digits in the usual groups; a mobile number also without any sign between.
_PHONE = re.compile(
    r"(?<![\w+-])(?:"
    r"(?:\+7|8)[\s-]*\([0-9]{3,5}\)[\s-]*[0-9][0-9\s-]{3,9}[0-9]"
    r"|\+[0-9][0-9\s()-]{8,16}[0-9]"
    r"|8[\s-][0-9]{3}[\s-][0-9]{3}[\s-]?[0-9]{2}[\s-]?[0-9]{2}"
    r"|\([0-9]{3,5}\)\s?[0-9]{1,3}-[0-9]{2}-[0-9]{2}"
    r"|[78]9[0-9]{9}"
    rf"){_ENDS}"
)
_LABELLED_PHONE = re.compile(
    r"(\b(?:тел|телефон\w*|моб|сот|факс)\b[.:\s/№-]*(?:факс[.:\s]*)?)"
    r"\+?[0-9(][0-9\s()-]{3,18}[0-9](?:,?\s*доб\.?\s*[0-9]{1,6})?",
    re.IGNORECASE,
)

_WORD = r"[А-ЯЁ][А-ЯЁа-яё]+(?:-[А-ЯЁ][А-ЯЁа-яё]+)?"
_INITIALS = r"[А-ЯЁ]\.\s?[А-ЯЁ]\."
_PATRONYMIC = (
    r"(?:[А-ЯЁ][А-ЯЁа-яё]*(?i:(?:ов|ев)ич(?:а|у|ем|е)?|(?:ов|ев|ич|иничн)на|(?:ов|ев|ич)н(?:ы|е|у|ой))"
    r"|[А-ЯЁ](?i:льич|узьмич|укич|икитич|омич)(?i:а|у|ом|е)?)"
)
_NAMES = (
    # Иванов И.И.; И.И. Иванов
    re.compile(rf"(?<!\w){_WORD}\s+{_INITIALS}(?!\w)"),
    re.compile(rf"(?<![\w.]){_INITIALS}\s*{_WORD}(?!\w)"),
    # Иванов Иван Иванович; Иван Иванович Иванов; Иван Иванович
    re.compile(rf"(?<!\w){_WORD}\s+{_WORD}\s+{_PATRONYMIC}(?!\w)"),
    re.compile(rf"(?<!\w){_WORD}\s+{_PATRONYMIC}(?:\s+{_WORD})?(?!\w)"),
)
#: Institutions bear the names of people: «ГКБ им. С.П. Боткина» is no personal data.
_NAMED_AFTER = re.compile(r"(?:\bим\.|\bимени)\s*$", re.IGNORECASE)
_LABELLED_NAME = re.compile(
    r"((?i:исполнитель|исп\.|ответственный(?:\s+исполнитель)?|контактное\s+лицо|подготовил|составил"
    r"|руководитель|директор)\s*[:–—-]?\s*)"
    rf"{_WORD}(?:\s+{_WORD}){{1,2}}(?!\w)"
)
#: A label in a cell of its own says what the cell beside it holds.
_LABEL = re.compile(
    r"^\W*(?:исполнитель|исп\.|ответственный|контактное\s+лицо|подготовил|составил|руководитель|директор"
    r"|тел|телефон\w*|моб|сот|факс)\b",
    re.IGNORECASE,
)
_LABEL_CHARACTERS = 60
#: The least that a telephone or an INN, and a name, must have: most cells have neither, and cost one look.
_MANY_DIGITS = re.compile(r"[0-9(][0-9\s()-]{3,}[0-9]")
_CAPITALISED = re.compile(r"[А-ЯЁ]\.|[А-ЯЁ][А-ЯЁа-яё-]+\s+[А-ЯЁ]")


def mask(text: str) -> str:
    """`text` with telephones, names and personal INNs replaced by «[скрыто]». What is masked stays masked.

    Part numbers, codes, quantities, organisations' INNs and names of products are left alone.
    """
    if _MANY_DIGITS.search(text):
        text = _PERSONAL_INN.sub(lambda found: HIDDEN if is_personal_inn(found[0]) else found[0], text)
        text = _LABELLED_PHONE.sub(rf"\1{HIDDEN}", text)
        text = _PHONE.sub(HIDDEN, text)
    if _CAPITALISED.search(text):
        text = _LABELLED_NAME.sub(rf"\1{HIDDEN}", text)
        for names in _NAMES:
            text = names.sub(_hide_name, text)
    return text


def _hide_name(found: re.Match[str]) -> str:
    return found[0] if _NAMED_AFTER.search(found.string[: found.start()]) else HIDDEN


def mask_beside(label: str, text: str) -> str:
    """`text` of a cell, masked as `mask` does, and as what the cell to its left says that it is."""
    if len(label) <= _LABEL_CHARACTERS and _LABEL.search(label):
        before = f"{label.rstrip(' :–—-_')}: "
        both = mask(before + text)
        if both.startswith(before):
            return both.removeprefix(before)
    return mask(text)


def mask_name(name: str) -> str:
    """A file's or sheet's name, masked as `mask` does: underscores part words, and its ending is kept apart."""
    stem, dot, ending = name.rpartition(".")
    if not (dot and ending.isalnum() and len(ending) <= 5):
        stem, dot, ending = name, "", ""
    # The dot of the ending may have been that of an initial: «Иванов И.И.xlsx».
    words = stem.replace("_", " ") + "."
    masked = mask(words)
    return name if masked == words else masked.removesuffix(".") + dot + ending


def mask_names(names: Iterable[str]) -> dict[str, str]:
    """Names to names masked as `mask_name` does, which still tell the places apart: equal ones are numbered."""
    masked: dict[str, str] = {}
    for name in dict.fromkeys(names):
        plain = mask_name(name)
        number = 1
        while (told := plain if number == 1 else f"{plain} ({number})") in masked.values():
            number += 1
        masked[name] = told
    return masked


def mask_path(path: str) -> str:
    """A path whose every part is masked as `mask_name` does."""
    return "/".join(map(mask_name, path.split("/")))
