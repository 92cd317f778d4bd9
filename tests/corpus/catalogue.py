"""What the corpus consists of: categories of files, each with a builder that says how they must end.

A builder gets a random generator seeded by its category and number, the number, and the agency that sends the file. It
returns a `Drop`: bytes, and the verdict, reason code, rules and lines that they must come to. It never runs the reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from tests.corpus.goods import Meant
from tests.rules.cases import Agency

WARNED = "accepted_with_warnings"
PARTLY = "partly_accepted"


@dataclass(frozen=True)
class Drop:
    """A file as it is left, and how it must end.

    `reason` is the reason code of a file that cannot be read or is quarantined. `rules` are all rules that have
    findings. `lines` is every line that must be read, with its exact values (None: not what this file is about).
    `folder` is where it is left, below the inbox, if not in its agency's own folder.
    """

    name: str
    content: bytes
    verdict: str
    reason: str = ""
    rules: frozenset[str] = frozenset()
    lines: tuple[Meant, ...] | None = None
    programme: str = "ecb"
    folder: str | None = None
    on_roster: bool = True


class Category(NamedTuple):
    """A kind of files: so many of them, made by `build`."""

    name: str
    files: int
    build: Callable[[Random, int, Agency], Drop]

    def drop(self, number: int, agency: Agency) -> Drop:
        """One of its files."""
        return self.build(Random(f"{self.name} {number}"), number, agency)


CATEGORIES: dict[str, Category] = {}


def category(files: int) -> Callable[[Callable[[Random, int, Agency], Drop]], Callable[[Random, int, Agency], Drop]]:
    """Enter a builder into the corpus; its name is the category's."""

    def enter(build: Callable[[Random, int, Agency], Drop]) -> Callable[[Random, int, Agency], Drop]:
        assert build.__name__ not in CATEGORIES
        CATEGORIES[build.__name__] = Category(build.__name__, files, build)
        return build

    return enter


def accepted(
    name: str, content: bytes, lines: tuple[Meant, ...], *, programme: str = "ecb", warned: tuple[str, ...] = ()
) -> Drop:
    """A file of which every line counts, with exactly these values; `warned` are the rules that warn."""
    verdict = WARNED if warned else "accepted"
    return Drop(name, content, verdict, rules=frozenset(warned), lines=lines, programme=programme)


def unreadable(name: str, content: bytes, reason: str) -> Drop:
    """A file that cannot be read, for this reason."""
    return Drop(name, content, "rejected", reason, frozenset({"F01"}), ())


def refused(name: str, content: bytes, *rules: str, programme: str = "ecb") -> Drop:
    """A file that can be read and is refused, under these rules."""
    return Drop(name, content, "rejected", rules=frozenset(rules), programme=programme)


def numbered() -> Iterator[tuple[Category, int, Agency]]:
    """Every file of the corpus, each with an agency of its own."""
    agencies = 0
    for found in CATEGORIES.values():
        for number in range(found.files):
            yield found, number, Agency(agencies)
            agencies += 1
