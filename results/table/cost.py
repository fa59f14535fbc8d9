"""What designs for a target cost, in one currency, and what a few tries come to.

A label equivalent is the cost of one label: a full solve of the labels' physics. Labels that a method learnt or started
from are shared by all targets that it is asked for; what it simulates beyond them is spent once a target.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from results.table.repeats import mean_known
from results.table.rows import TableRow

TRIES = (1, 3, 10, 30)
TARGETS = (1, 5, 50, 500)  # that a method may be asked for over its life


def rep_at_tries(rep: np.ndarray) -> tuple[float, ...]:
    """Least REP to expect of 1, 3, 10 and 30 designs that are simulated; shorter where there are fewer designs.

    The field's re-simulation error (Ren et al., NeurIPS 2020): the mean over all choices of so many of the designs,
    exact, without drawing any. ``rep`` (n,) is NaN where a simulation failed; those are left out.
    """
    known = np.sort(rep[np.isfinite(rep)])
    return tuple(float(_expected_least(known, tries)) for tries in TRIES if tries <= len(known))


def _expected_least(ascending: np.ndarray, tries: int) -> float:
    """Mean over all choices of ``tries`` of the values (n,): each is the least where the others come after it."""
    last = len(ascending) - 1
    shares = [math.comb(last - place, tries - 1) / math.comb(last + 1, tries) for place in range(last + 1)]
    return float(np.dot(shares, ascending))


@dataclass(frozen=True)
class MethodCost:
    """What one method spends on one data set, and what it comes to.

    Attributes
    ----------
    labels
        That it learnt or started from, whatever the number of targets.
    own
        Label equivalents that it spends on each target beyond those.
    mean_rep, minimum_rep
        In per cent, means over the targets; of a search the first is None.
    """

    dataset: str
    method: str
    labels: int
    own: float
    mean_rep: float | None
    minimum_rep: float | None

    def per_target(self, targets: int) -> float:
        """Label equivalents a target, when it is asked for so many."""
        return self.labels / targets + self.own

    @property
    def is_search(self) -> bool:
        """Whether it yields a single design a target."""
        return self.mean_rep is None


def method_costs(rows: Sequence[TableRow]) -> list[MethodCost]:
    """Of every method whose labels are known, in the order of the rows."""
    groups: dict[tuple[str, str], list[TableRow]] = {}
    for row in rows:
        if row.labels is not None and row.label_equivalents is not None:
            groups.setdefault((row.dataset, row.method), []).append(row)
    return [
        MethodCost(
            *place,
            labels=members[0].labels or 0,
            own=sum(row.label_equivalents or 0.0 for row in members) / len(members),
            mean_rep=mean_known([row.mean_rep for row in members]),
            minimum_rep=mean_known([row.minimum_rep for row in members]),
        )
        for place, members in groups.items()
    ]


def break_even(learnt: MethodCost, search: MethodCost) -> float | None:
    """The number of targets from which a method that learns costs less than a search does; None where it never will."""
    saved = search.own - learnt.own
    return max(1.0, (learnt.labels - search.labels) / saved) if saved > 0 else None


def tries_of(rows: Sequence[TableRow]) -> dict[tuple[str, str], tuple[float, ...]]:
    """REP at each number of tries, in per cent, mean over the targets, of every method that makes several designs."""
    groups: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for row in rows:
        if row.rep_at_tries:
            groups.setdefault((row.dataset, row.method), []).append(row.rep_at_tries)
    return {place: mean_at_tries(members) for place, members in groups.items()}


def mean_at_tries(reps: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Mean of several results of :func:`rep_at_tries`, for as many numbers of tries as all of them have."""
    common = min(map(len, reps))
    return tuple(float(np.mean([each[place] for each in reps])) for place in range(common))
