"""Which names look like a known one, how much, and why: for a person to judge.

Pure. Nothing here says that two names mean the same. Digits are what tells designations apart, and a letter is a
package, a group or an acceptance: so another digit (К1986ВЕ1QI, К1986ВЕ3QI), a letter for a digit where both stand in
designations (STM32F103CBT6, STM32F103C8T6), and a letter that is no slip of the hand (К1986ВЕ92QI, К1986ВЕ92FI) are not
proposed at all. A letter that is only mistaken for a digit is (O for 0), and two digits exchanged are, with the lowest
score. What is proposed is explained by one cause.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy
from rapidfuzz import process
from rapidfuzz.distance import OSA

from include.city_order.identity import matching_key, unfolded_key

#: Raise it when the same names would be judged otherwise: all are compared anew then.
VERSION = 1

#: What scores less is no proposal, or none of two names that nobody knows; how many of the best a name gets.
LISTED_FROM, TWINS_FROM = 40, 60
BEST = 3

#: Names shorter than this say too little; the score of those that are still short is lowered.
SHORTEST, SHORT, SHORT_COSTS = 4, 6, 15
#: Where others are as near, each is less likely.
AMBIGUITY_COSTS, AS_NEAR = 15, 5
#: How many slips of the hand two names may be apart (one at a time: rapidfuzz's optimal string alignment).
SLIPS = 2
#: Cells of a matrix of distances that is held at a time, a byte each.
CELLS = 8_000_000

_LATIN = "A B V G D E E ZH Z I I K L M N O P R S T U F H C CH SH SCH _ Y _ E YU YA"
_CYRILLIC = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
_SOUNDS = dict(zip(_CYRILLIC, _LATIN.split(), strict=True))
_BY_SOUND = str.maketrans({letter: sound.replace("_", "") for letter, sound in _SOUNDS.items()})
#: Letters that share a key of the keyboard; those that share it with a sign of punctuation are left out.
_BY_KEYBOARD = str.maketrans("ЙЦУКЕНГШЩЗФЫВАПРОЛДЯЧСМИТЬ", "QWERTYUIOPASDFGHJKLZXCVBNM")
#: What people mistake in reading and typing. B and 8, S and 5 are not here: both stand in designations, and differ.
_LOOK_ALIKE = str.maketrans("OILЗБ", "01136")
_PUNCTUATION = frozenset(".,/\\+#()[]_:;*&'\"°")
#: «АЕЯР.431280.123ТУ»: by which technical conditions a part is delivered.
_TECHNICAL_CONDITIONS = re.compile(r"[A-ZА-Я]{2,5}\.?\d{3}\.?\d{3}\.?\d{3}(-?\d\d)?(T[YU])?")
#: Letters that stand together in a family's name (ATMEGA), where a wrong one is a slip; fewer are a code (IRFZ, IRLZ).
_FAMILY_NAME = 5


@dataclass(frozen=True)
class Name:
    """A part number or a manufacturer's name: as it is compared, and as somebody writes it."""

    key: str
    spelled: str


@dataclass(frozen=True)
class Likeness:
    """How much a name looks like a known one (0 to 100), and why, in words."""

    score: int
    reason: str


#: What may stand behind an orderable part: reels and tapes, lead-free finish. T and R alone are packages, too.
_BEHIND = {
    **dict.fromkeys(("TR", "RL", "REEL", "REEL7", "T&R", "TAPE"), Likeness(90, "reel or tape")),
    **dict.fromkeys(("+", "#", "PBF", "#PBF", "/NOPB"), Likeness(80, "lead-free finish")),
    **dict.fromkeys(("+T", "#TR", "#TRPBF", "TRPBF"), Likeness(75, "lead-free finish, on a reel")),
}


@dataclass(frozen=True)
class Proposal:
    """Perhaps `typed` means `known`."""

    typed: Name
    known: Name
    score: int
    reason: str


def part_proposals(typed: Sequence[Name], known: Sequence[Name]) -> list[Proposal]:
    """The known part numbers that each typed one looks like: the best few, best first."""
    by_typed: dict[int, list[Proposal]] = defaultdict(list)
    for place, other in sorted(_part_pairs(typed, known)):
        if found := part_likeness(typed[place], known[other]):
            by_typed[place].append(Proposal(typed[place], known[other], found.score, found.reason))
    return _best(by_typed)


def twin_proposals(new: Sequence[Name], all_typed: Sequence[Name]) -> list[Proposal]:
    """Typed part numbers, a new one among them, that look like each other: the later one by its key beside the earlier.

    What is found does not depend on which of the two is new.
    """
    found: dict[tuple[str, str], Proposal] = {}
    for place, other in _part_pairs(new, all_typed):
        known, typed = sorted((new[place], all_typed[other]), key=lambda name: name.key)
        if (like := part_likeness(typed, known)) and like.score >= TWINS_FROM:
            found[typed.key, known.key] = Proposal(typed, known, like.score, like.reason)
    return sorted(found.values(), key=lambda proposal: (-proposal.score, proposal.typed.key, proposal.known.key))


def manufacturer_proposals(
    typed: Sequence[Name], known: Mapping[str, Sequence[Name]], makers_of: Mapping[str, Collection[str]]
) -> list[tuple[str, Proposal]]:
    """The manufacturers whose names each typed one looks like, by their code.

    `known` has the names of each manufacturer; `makers_of` says of a typed key who makes the parts asked under it.
    """
    names = [(code, name) for code, spellings in known.items() for name in spellings]
    by_typed: dict[int, dict[str, Proposal]] = defaultdict(dict)
    for place, other in sorted(_near(typed, [name for _, name in names]) | set(_sharing_a_word(typed, names))):
        code, name = names[other]
        found = manufacturer_likeness(typed[place], name, code in makers_of.get(typed[place].key, ()))
        if found and found.score > by_typed[place].get(code, Proposal(name, name, 0, "")).score:
            by_typed[place][code] = Proposal(typed[place], name, found.score, found.reason)
    code_of = {name.key: code for code, name in names}
    best = _best({place: list(proposals.values()) for place, proposals in by_typed.items()})
    return [(code_of[proposal.known.key], proposal) for proposal in best]


def part_likeness(typed: Name, known: Name) -> Likeness | None:
    """How much a typed part number looks like a known one, or None if a person need not be asked."""
    one, other = typed.key, known.key
    if one == other or min(len(one), len(other)) < SHORTEST or not _digits(one):
        return None
    found = (
        _other_letters(typed, known)
        or _look_alike(one, other)
        or (_with_more(one, other) if len(one) > len(other) else _with_less(one, other))
        or _slip(one, other)
    )
    if found and min(len(one), len(other)) < SHORT:
        found = Likeness(found.score - SHORT_COSTS, f"{found.reason}; a short designation")
    return found if found and found.score >= LISTED_FROM else None


def manufacturer_likeness(typed: Name, known: Name, makes_its_parts: bool) -> Likeness | None:
    """The same of a manufacturer's name; `makes_its_parts`: whether the known one makes a part asked under it."""
    one, other = typed.key, known.key
    if one == other or min(len(one), len(other)) < SHORTEST:
        return None
    slips = OSA.distance(one, other)
    if by_sound(one) == by_sound(other):
        found = Likeness(85, "the same by sound, in other letters")
    elif slips <= (1 if min(len(one), len(other)) < 10 else SLIPS):
        found = Likeness(80, "differs by one or two slips of the hand" if slips > 1 else "differs by one letter")
    elif set(other.split()) < set(one.split()):
        found = Likeness(70, f"more words than «{known.spelled}»")
    elif set(one.split()) < set(other.split()):
        found = Likeness(60, f"fewer words than «{known.spelled}»")
    else:
        return None
    if makes_its_parts:
        found = Likeness(found.score + 10, f"{found.reason}; parts asked under it are known of this manufacturer")
    else:
        found = Likeness(found.score - 20, f"{found.reason}; no part asked under it is known of this manufacturer")
    return found if found.score >= LISTED_FROM else None


def by_sound(text: str) -> str:
    """A name in capitals as it is written in Latin letters by sound: the same for «Миландр» and Milandr."""
    return unfolded_key(text).translate(_BY_SOUND)


def _best(by_typed: Mapping[int, list[Proposal]]) -> list[Proposal]:
    """The best few of each name; where several are as near, each says so and counts less."""
    best: list[Proposal] = []
    for place in sorted(by_typed):
        ranked = sorted(by_typed[place], key=lambda proposal: (-proposal.score, proposal.known.key))
        rivals = sum(ranked[0].score - proposal.score <= AS_NEAR for proposal in ranked) - 1
        for proposal in ranked[:BEST]:
            if rivals and ranked[0].score - proposal.score <= AS_NEAR:
                said = f"{proposal.reason}; {rivals} other{'s are' if rivals > 1 else ' is'} as near"
                proposal = replace(proposal, score=proposal.score - AMBIGUITY_COSTS, reason=said)
            if proposal.score >= LISTED_FROM:
                best.append(proposal)
    return sorted(best, key=lambda proposal: (-proposal.score, proposal.typed.key, proposal.known.key))


# Which pairs are looked at


def _part_pairs(typed: Sequence[Name], known: Sequence[Name]) -> set[tuple[int, int]]:
    """Pairs of places, typed and known, that may have something to say. All others are not looked at."""
    pairs = _near(typed, known)
    for reading in (by_sound, _by_keyboard):
        places = defaultdict(list)
        for other, name in enumerate(known):
            places[reading(name.spelled)].append(other)
        pairs.update((place, other) for place, name in enumerate(typed) for other in places[reading(name.spelled)])
    places = defaultdict(list)
    for other, name in enumerate(known):
        places[name.key].append(other)
    forwards = sorted(places)
    backwards = sorted(key[::-1] for key in places)
    for place, name in enumerate(typed):
        key = name.key
        inside = {key[:end] for end in range(SHORTEST, len(key))} | {key[start:] for start in range(1, len(key))}
        around = [*_beginning(forwards, key), *(found[::-1] for found in _beginning(backwards, key[::-1]))]
        pairs.update((place, other) for found in (*inside, *around) for other in places.get(found, ()))
    return pairs


def _near(typed: Sequence[Name], known: Sequence[Name]) -> set[tuple[int, int]]:
    """Pairs at most a few slips of the hand apart."""
    pairs: set[tuple[int, int]] = set()
    if not typed or not known:
        return pairs
    keys = [name.key for name in known]
    step = max(1, CELLS // len(keys))
    for start in range(0, len(typed), step):
        some = [name.key for name in typed[start : start + step]]
        distances = process.cdist(some, keys, scorer=OSA.distance, score_cutoff=SLIPS, dtype=numpy.uint8, workers=1)
        for row, column in numpy.argwhere(distances <= SLIPS):
            pairs.add((start + int(row), int(column)))
    return pairs


def _beginning(ordered: Sequence[str], start: str) -> Iterator[str]:
    """Those of the ordered texts that begin so."""
    if len(start) >= SHORTEST:
        for place in range(bisect_left(ordered, start), len(ordered)):
            if not ordered[place].startswith(start):
                return
            yield ordered[place]


def _sharing_a_word(typed: Sequence[Name], names: Sequence[tuple[str, Name]]) -> Iterator[tuple[int, int]]:
    """Pairs of manufacturers' names with a word in common, or of the same sound."""
    places = defaultdict(set)
    for other, (_, name) in enumerate(names):
        for word in (*name.key.split(), by_sound(name.key)):
            places[word].add(other)
    for place, name in enumerate(typed):
        for word in (*name.key.split(), by_sound(name.key)):
            yield from ((place, other) for other in places.get(word, ()))


# Why one may be the other


def _by_keyboard(text: str) -> str:
    return matching_key(unfolded_key(text).translate(_BY_KEYBOARD))


def _other_letters(typed: Name, known: Name) -> Likeness | None:
    """Cyrillic for Latin or the other way round: by sound, or with the keyboard left in the other language."""
    if by_sound(typed.spelled) == by_sound(known.spelled) or _by_sound_here_and_there(typed, known):
        return Likeness(95, "the same by sound: Latin letters for Cyrillic ones, or the other way round")
    if _by_keyboard(typed.spelled) == _by_keyboard(known.spelled):
        return Likeness(95, "the same keys: typed with the keyboard in the other language")
    return None


def _by_sound_here_and_there(typed: Name, known: Name) -> bool:
    """Each sign is the known one by look or by sound: К1986ВЕ92QI as K1986BE92QI, K1986VE92QI or K1986VЕ92QI."""
    one, other = unfolded_key(typed.spelled), unfolded_key(known.spelled)
    return len(one) == len(other) and all(
        matching_key(mine) == matching_key(theirs) or _sound(mine) == _sound(theirs)
        for mine, theirs in zip(one, other, strict=True)
    )


def _sound(sign: str) -> str:
    return _SOUNDS.get(sign, sign)


def _look_alike(one: str, other: str) -> Likeness | None:
    if one.translate(_LOOK_ALIKE) != other.translate(_LOOK_ALIKE):
        return None
    signs = sorted({pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]})
    said = ", ".join(f"«{mine}» for «{theirs}»" for mine, theirs in signs)
    return Likeness(75 if all(_is_letters(*pair) for pair in signs) else 90, f"signs that look alike: {said}")


def _with_more(one: str, other: str) -> Likeness | None:
    """The typed one holds the known one, and more before or behind it."""
    if one.startswith(other):
        more = one[len(other) :]
        if _TECHNICAL_CONDITIONS.fullmatch(more):
            return Likeness(95, f"the technical conditions stand behind it: «{more}»")
        if more in _BEHIND:
            return Likeness(_BEHIND[more].score, f"more by «{more}»: {_BEHIND[more].reason}")
        if _is_words(more):
            return Likeness(85, f"words stand behind it: «{more}»")
        if not _cuts_a_number(other, more) and _is_most(other, one):
            return Likeness(50, f"more by «{more}»: perhaps another package, temperature range or acceptance")
    elif one.endswith(other):
        more = one[: -len(other)]
        if _is_words(more):
            return Likeness(85, f"words stand before it: «{more}»")
        if not _cuts_a_number(more, other) and _is_most(other, one):
            return Likeness(45, f"more by «{more}» in front: perhaps another acceptance, package or series")
    return None


def _with_less(one: str, other: str) -> Likeness | None:
    """The typed one is a part of the known one: something is not stated."""
    if not _is_most(one, other):
        return None
    if other.startswith(one) and not _cuts_a_number(one, other[len(one) :]):
        less = other[len(one) :]
        if less in _BEHIND:
            return Likeness(_BEHIND[less].score, f"less by «{less}»: {_BEHIND[less].reason}")
        return Likeness(50, f"less by «{less}»: package, temperature range or acceptance is not stated; ask the agency")
    if other.endswith(one) and not _cuts_a_number(other[: -len(one)], one):
        less = other[: -len(one)]
        return Likeness(45, f"less by «{less}» in front: perhaps another acceptance, package or series")
    return None


def _slip(one: str, other: str) -> Likeness | None:
    """One slip of the hand, and nothing else."""
    start = next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    if start is None:
        return None
    mine, theirs = one[start:], other[start:]
    while mine and theirs and mine[-1] == theirs[-1]:
        mine, theirs = mine[:-1], theirs[:-1]
    if not mine or not theirs:
        return _slip_of_more_or_less(other if theirs else one, mine or theirs, start, bool(mine))
    if len(mine) == len(theirs) == 2 and mine == theirs[::-1]:
        if mine.isdigit():
            return Likeness(40, f"digits «{theirs}» exchanged: usually another part")
        # A letter among digits is a decimal point (4K7), or a code.
        return Likeness(85, f"«{theirs}» exchanged") if _is_letters(*mine) else None
    if len(mine) == len(theirs) == 1:
        if {mine, theirs} == {",", "."}:
            return Likeness(93, "a comma for a point, or the other way round")
        if {mine, theirs} <= _PUNCTUATION:
            return Likeness(85, f"«{mine}» for «{theirs}»")
        if _is_letters(mine, theirs) and _word_around(other, start) >= _FAMILY_NAME:
            return Likeness(65, f"a letter differs within a word: «{mine}» for «{theirs}»")
    return None


def _slip_of_more_or_less(longer: str, sign: str, place: int, more: bool) -> Likeness | None:
    """Signs that only one of the two has, in its middle."""
    how = "more" if more else "less"
    around = longer[place - 1 : place], longer[place + len(sign) : place + len(sign) + 1]
    if set(sign) <= _PUNCTUATION:
        if all(side.isdigit() for side in around):
            return Likeness(40, f"«{sign}» {how} between digits: 5.0 is not 50")
        return Likeness(82, f"«{sign}» {how}")
    if len(sign) > 1 or not sign.isalpha():
        return None
    if sign in around:
        return Likeness(75, f"«{sign}» once {how}: a doubled letter")
    if _word_around(longer, place) > _FAMILY_NAME and _is_letters(*around):
        return Likeness(70, f"one letter {how} within a word: «{sign}»")
    return Likeness(45, f"one letter {how}: «{sign}»; usually another version")


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdigit())


def _is_letters(*signs: str) -> bool:
    return all(sign.isalpha() for sign in signs)


def _is_words(text: str) -> bool:
    """Whether it is a word of Russian, and no code: it has a letter that Latin has not."""
    return text.isalpha() and len(text) >= SHORTEST and any(letter in _CYRILLIC for letter in text)


def _is_most(part: str, whole: str) -> bool:
    return len(part) >= SHORTEST + 1 and 2 * len(part) >= len(whole)


def _cuts_a_number(before: str, after: str) -> bool:
    return before[-1].isdigit() and after[0].isdigit()


def _word_around(text: str, place: int) -> int:
    """How many letters stand together there."""
    return next(len(word.group()) for word in re.finditer(r"[^\W\d_]+", text) if word.start() <= place < word.end())
