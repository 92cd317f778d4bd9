"""Delimited text: bytes → text by an encoding that is known, text → rows by the delimiter that cuts it best.

An encoding is never guessed where it could be another: text that reads as Russian in two ways is refused.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import operator
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import NamedTuple

from include.city_order.readings import Limits, Unreadable

DELIMITERS = ";\t|,"

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16-be"),
)
#: The encodings of Russian text with a byte a letter.
_SINGLE_BYTE = ("cp1251", "cp866", "koi8-r")
#: Of old Macs, never read: it shares its small letters with Windows, and is told from that by what would be capitals.
_OLD_MAC = "mac-cyrillic"
# The reader may not open files, and a codec is one: all are here before it begins.
for _name in (*_SINGLE_BYTE, _OLD_MAC, *(codec for _, codec, _ in _BOMS), "utf-16-le", "utf-16-be", "cp437"):
    codecs.lookup(_name)

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")
#: Put after the last record, to see whether the last quote was closed.
_END = "\x1e"
#: Excel's way to keep a number as text: ="0012".
_KEPT_AS_TEXT = re.compile(r'="([^"]*)"')

_LETTERS = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"
_OF_A_THOUSAND = (
    110, 85, 80, 74, 67, 63, 55, 47, 45, 44, 35, 32, 30, 28, 26, 20, 19, 17, 17, 16, 16, 14, 12, 10, 9, 7, 6, 5, 4, 3,
    3, 1, 1,
)  # fmt: skip
#: Signs that stand beside letters in Russian tables.
_SIGNS = "№«»—–…°±µ·×“”„‘’‰€§®©²³½¼¬•\u00a0\u00ad"
_SIGN, _STRANGE_LETTER, _STRANGE_SIGN, _ODD_PAIR = 5.0, 9.0, 12.0, 4.0
#: How surprising a sign is in Russian text: the logarithm of how seldom it stands there.
_SURPRISE = {letter: -math.log(often / 1000) for letter, often in zip(_LETTERS, _OF_A_THOUSAND, strict=True)}
_SURPRISE |= {letter.upper(): surprise for letter, surprise in _SURPRISE.items()}
_SURPRISE |= dict.fromkeys(_SIGNS, _SIGN)
#: A capital after a small letter, and two alphabets in small letters side by side, are signs of a wrong encoding.
_ODD = re.compile(r"[а-яё][А-ЯЁ]|[a-z][а-яё]|[а-яё][a-z]")
#: Of two letters side by side in Russian words four in five are one of these.
_COMMON_PAIRS = (
    "аб ав ад ае аз ай ак ал ам ан ап ар ас ат ая бл бо бр ва ве ви вк вл вн во вт вы го гр да де ди дн до ев ед "
    "ей ек ел ем ен ер ес ет же за зн ив ид ие из ии ий ик ил им ин ио ис ит иц ич ия ка ки ко кр кт ку ла ле ли "
    "ло лу ль ля ма ме ми мо мп му на не ни нн но нт ну ны ня об ов ог од ое ож ой ок ол ом он оп ор ос от оч па "
    "пе пи пл по пр пу ра ре ри рн ро рт ру ры са св се си ск сл со сп ст ся та тв те ти тн то тр тс ты ть ук ул "
    "уп ус уч фо хо це ци ча че чи чн ые ый ьн эл ят"
)
_PAIRS = frozenset(_COMMON_PAIRS.split())
_PAIR = -1.0
#: Words that stand in nearly every answer: a reading that holds them is the right one.
_WORDS = (
    "потребност", "отсутств", "наименование", "издели", "обозначени", "единица", "количеств", "примечани", "микросхем",
    "аккумулятор", "батаре", "организаци", "итого",
)  # fmt: skip
_WORD = -8.0
#: Russian text comes to 2 to 3 on average, letters without sense to 4.
_RUSSIAN = 3.6
#: A foreign name may stand in a large answer; in a small one its letters say that the encoding is another.
_STRANGE_SHARE = 0.02
#: By so much in all, and by so much for each sign in which they differ, the best reading must beat each other.
_SURE, _SURE_EACH = 10.0, 0.8
#: So many signs are enough to be sure.
_ENOUGH = 60
_RUNS = re.compile(rb"[\x00-\x7f]?[\x80-\xff]+[\x00-\x7f]?")
_RUNS_LOOKED_AT = 5_000
#: UTF-8 within a text of another encoding: two texts were put together.
_FOREIGN_UTF8 = re.compile(rb"(?:[\xd0\xd1][\x80-\xbf]){6}")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")


class Decoded(NamedTuple):
    """A text, its encoding, and why it was taken for that: `mark`, `strict` or `letters`, as `Reading` says."""

    text: str
    encoding: str
    ground: str


def decode(data: bytes) -> Decoded:
    """The text of a file. Raises Unreadable if it is none, or if its encoding cannot be known."""
    decoded = _by_mark(data) or (_by_zeros(data) if b"\0" in data else _by_letters(data))
    if "\0" in decoded.text or len(_CONTROL.findall(decoded.text)) > len(decoded.text) / 100:
        raise Unreadable("unknown_format")
    # DOS ended its texts with a sign of its own.
    return decoded._replace(text=decoded.text.rstrip("\x1a"))


def _by_mark(data: bytes) -> Decoded | None:
    for mark, codec, name in _BOMS:
        if data.startswith(mark):
            try:
                return Decoded(data.decode(codec), name, "mark")
            except UnicodeDecodeError:
                raise Unreadable("broken") from None
    return None


def _by_zeros(data: bytes) -> Decoded:
    """UTF-16 without a mark: in Latin, Russian and common signs every second byte is one of a few."""
    high = (b"\x00\x04\x20\x21\x22", (1, "utf-16-le"), (0, "utf-16-be"))
    common, *orders = high
    fitting = []
    for first, codec in orders:
        half = data[first::2]
        share = sum(map(half.count, common)) / max(len(half), 1)
        # The other half holds letters, which are no zeros.
        if len(data) % 2 == 0 and share > 0.95 and data[1 - first :: 2].count(0) < len(half) / 20:
            fitting.append(codec)
    if len(fitting) != 1:
        raise Unreadable("unknown_format")
    try:
        return Decoded(data.decode(fitting[0]), fitting[0], "letters")
    except UnicodeDecodeError:
        raise Unreadable("unknown_encoding") from None


def _by_letters(data: bytes) -> Decoded:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _single_byte(data)
    if not text.isascii():
        _demand_no_chance(data, text)
    return Decoded(text, "utf-8", "strict")


def _demand_no_chance(data: bytes, text: str) -> None:
    """Raise Unreadable where UTF-8 is only how it looks: a short text of code page 866, or a text encoded twice."""
    if not _CYRILLIC.search(text):
        other = b"".join(_RUNS.findall(data)).decode("cp866")
        if all(sign.isascii() or sign in _SURPRISE for sign in other):
            raise Unreadable("unknown_encoding")
    begin = "".join(sign for sign in text[:5000] if not sign.isascii())
    try:
        twice = codecs.getincrementaldecoder("utf-8")().decode(begin.encode("cp1251"))
    except UnicodeError:
        return
    if len(_CYRILLIC.findall(twice)) > len(begin) / 4:
        raise Unreadable("unknown_encoding")


def _single_byte(data: bytes) -> Decoded:
    sample = b"\n".join(match[0] for match in islice(_RUNS.finditer(data), _RUNS_LOOKED_AT))
    readings: dict[str, tuple[float, str]] = {}
    for codec in _SINGLE_BYTE:
        try:
            text = sample.decode(codec)
        except UnicodeDecodeError:
            continue
        if text not in readings:
            readings[text] = (_surprise(text), codec)
    (best, codec, text), *others = sorted((surprise, codec, text) for text, (surprise, codec) in readings.items())
    sure = _is_russian(text) and all(
        other - best >= max(_SURE, _SURE_EACH * min(_differing(text, other_text), _ENOUGH))
        for other, _, other_text in others
    )
    if codec == "cp1251":
        sure = sure and _surprise(sample.decode(_OLD_MAC)) >= best
    if not sure or _FOREIGN_UTF8.search(data):
        raise Unreadable("unknown_format" if _is_binary(data) else "unknown_encoding")
    try:
        return Decoded(data.decode(codec), codec, "letters")
    except UnicodeDecodeError:
        raise Unreadable("unknown_encoding") from None


def _differing(text: str, other: str) -> int:
    """In how many signs two readings of the same bytes differ: a byte is a sign in each."""
    return sum(map(operator.ne, text, other))


def _surprise(text: str) -> float:
    """How surprising a text is as a Russian one, in all."""
    counts = Counter(sign for sign in text if not sign.isascii())
    plain = text.casefold()
    return (
        sum(_surprise_of(sign) * count for sign, count in counts.items())
        + _ODD_PAIR * len(_ODD.findall(text))
        + _PAIR * sum(first + second in _PAIRS for first, second in pairwise(plain))
        + _WORD * sum(word in plain for word in _WORDS)
    )


def _surprise_of(sign: str) -> float:
    return _SURPRISE.get(sign) or (_STRANGE_LETTER if sign.isalpha() else _STRANGE_SIGN)


def _is_russian(text: str) -> bool:
    """Whether the letters of a text are as Russian letters are; a text of signs alone is of no other language."""
    said = "".join(sign for sign in text if sign not in _SIGNS)
    letters = sum(not sign.isascii() for sign in said)
    strange = sum(not sign.isascii() and sign not in _SURPRISE for sign in said)
    return not letters or (_surprise(said) / letters < _RUSSIAN and strange <= _STRANGE_SHARE * letters)


def _is_binary(data: bytes) -> bool:
    return len(data) - len(data.translate(None, _CONTROL_BYTES)) > len(data) / 100


_CONTROL_BYTES = bytes(sign for sign in range(256) if _CONTROL.fullmatch(chr(sign)))


# Rows


def text_rows(text: str, limits: Limits) -> Iterator[list[str]]:
    """The records of a delimited text. Quotes that do not close would swallow lines unseen: `broken`."""
    csv.field_size_limit(1 << 20)
    # Excel's own first line, which it does not show.
    named = re.match(r"sep=([;,\t|])\r?\n", text)
    if named:
        text = text[named.end() :]
    delimiter = named[1] if named else _delimiter(text)
    width = 0
    for number, record in enumerate(_records(text, delimiter), start=1):
        if record and record[-1].endswith(_END):
            if record != [_END]:
                raise Unreadable("broken")
            return
        # Two stray quotes in one column pair up over the rows between them.
        if width > 2 and any("\n" in value and value.count(delimiter) >= width - 1 for value in record):
            raise Unreadable("broken")
        width = max(width, len(record))
        joined = "".join(record)
        if len(joined) > limits.cell_characters and max(map(len, record)) > limits.cell_characters:
            raise Unreadable("long_cell")
        if number > limits.rows and joined.strip():
            raise Unreadable("too_many_rows")
        if len(record) > limits.columns and "".join(record[limits.columns :]).strip():
            raise Unreadable("too_many_columns")
        if '="' in joined:
            record = [kept[1] if (kept := _KEPT_AS_TEXT.fullmatch(value)) else value for value in record]
        yield record


def _records(text: str, delimiter: str) -> Iterator[list[str]]:
    """The records, and after them one that holds `_END` alone if every quote was closed."""
    whole = text if text.endswith(("\n", "\r")) else text + "\n"
    try:
        yield from csv.reader(io.StringIO(whole + _END, newline=""), delimiter=delimiter)
    except csv.Error:
        # The only error without strict quoting: a cell that never ends.
        longest = max(map(len, whole.splitlines()))
        raise Unreadable("long_cell" if longest > 1 << 20 else "broken") from None


def _delimiter(text: str) -> str:
    """The sign that cuts most records into the same number of cells, three or more; else the one that cuts most.

    The comma comes last: in these files it is the decimal sign first of all.
    """
    sample = text[:100_000]
    fallback, most = ";", 0
    for delimiter in DELIMITERS:
        try:
            records = [record for record in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if record]
        except csv.Error:
            continue
        width, count = max(Counter(map(len, records)).items(), key=lambda pair: (pair[0] - 1) * pair[1], default=(0, 0))
        if width > 2 and count > len(records) / 2:
            return delimiter
        if (width - 1) * count > most:
            fallback, most = delimiter, (width - 1) * count
    return fallback
