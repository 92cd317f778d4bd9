"""The attacker: knows every published figure of every release, who is in which, and what did not change between them.

It knows more than anybody can: which agencies ask for which product in which year, that each asks for at least a piece,
which of their figures are the same as before (under another name, or in another unit, too), and what enters each
published sum. It does not know the figures, and asks a linear program how low and how high each can be. An insider also
knows all that one agency asks for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import block_diag, csr_matrix

#: A figure, as an agency typed it: two figures that are the same text are one of these.
Typed = int

#: How much of each typed figure is in a published sum.
Sum = Mapping[Typed, Fraction]


@dataclass
class Knowledge:
    """What the attacker has to go by. `truth` is used to make the sums, and to tell whether a guess is right."""

    truth: Mapping[Typed, Fraction]
    agency_of: Mapping[Typed, str]
    sums: dict[tuple[tuple[Typed, Fraction], ...], None] = field(default_factory=dict)

    def learn(self, published: Iterable[Sum]) -> None:
        for terms in published:
            if terms:
                self.sums[tuple(sorted(terms.items()))] = None

    def bounds(self, targets: Sequence[Sum], insider: str | None = None) -> list[tuple[float, float]]:
        """The least and the most that each combination of figures can be, given all that is known."""
        unknown = [name for name in self.truth if self.agency_of[name] != insider]
        column = {name: place for place, name in enumerate(unknown)}
        knows = np.zeros((len(self.sums), len(unknown)))
        for row, terms in enumerate(self.sums):
            for name, weight in terms:
                if name in column:
                    knows[row, column[name]] = float(weight)
        # The unknowns are what a figure is beyond its one piece.
        beyond = np.array([float(self.truth[name] - 1) for name in unknown])
        aims = np.zeros((len(targets), len(unknown)))
        for row, target in enumerate(targets):
            for name, weight in target.items():
                aims[row, column[name]] = float(weight)
        pieces = aims.sum(axis=1)
        low, high = (pieces + sign * _best(sign * aims, knows, knows @ beyond) for sign in (1, -1))
        return list(zip(low, high, strict=True))

    def targets(self) -> list[Sum]:
        """Every figure that is in something published, and every agency's share of each published sum."""
        found: dict[tuple[tuple[Typed, Fraction], ...], None] = {}
        for terms in self.sums:
            of_agency: dict[str, list[tuple[Typed, Fraction]]] = defaultdict(list)
            for name, weight in terms:
                found[((name, Fraction(1)),)] = None
                of_agency[self.agency_of[name]].append((name, weight))
            for share in of_agency.values():
                found[tuple(share)] = None
        return [dict(terms) for terms in found]

    def located(self, insider: str | None = None, within: float = 0.1) -> list[Sum]:
        """The figures that are told to within ±10 % by what they can be at most, or at least.

        That is stricter than an interval: an estimate that cannot be told to be good counts. What everybody knows (that
        who asks for a piece asks for one) is not told by anything published.
        """
        targets = [target for target in self.targets() if insider not in {self.agency_of[name] for name in target}]
        found = []
        for target, (low, high) in zip(targets, self.bounds(targets, insider), strict=True):
            truth = float(sum(weight * self.truth[name] for name, weight in target.items()))
            known_anyhow = float(sum(target.values()))
            told_from_below = low > known_anyhow + 1e-6 and low > (1 - within) * truth + 1e-6
            if high < (1 + within) * truth - 1e-6 or told_from_below:
                found.append(target)
        return found


def _best(aims: np.ndarray, knows: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The least of each aim by itself: as many programs in one, that have nothing to do with each other."""
    copies, unknowns = aims.shape
    if not copies:
        return np.zeros(0)
    found = linprog(
        aims.ravel(),
        A_eq=block_diag([csr_matrix(knows)] * copies, format="csr"),
        b_eq=np.tile(right, copies),
        bounds=(0, None),
        method="highs",
    )
    assert found.status == 0, found.message
    return (aims * found.x.reshape(copies, unknowns)).sum(axis=1)
