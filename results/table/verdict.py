"""Whether the result of a run is good, in words: against the oracle, a random label, truncation, reach, the paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from results.table.lines import MethodGroup, method_groups
from results.table.reach import Reach
from results.table.rows import BASELINES, TableRow
from results.table.truncation import CONVERGED, TruncationError

GOOD, FAIR = 0.8, 0.4  # of the way from a random label to the oracle
NO_BETTER = 0.9  # of a random label's REP: a method above that has learnt next to nothing
SLOPE_MARGIN = 0.5  # of the slope of achieved on asked from 1
RATINGS = ("good", "fair", "poor")
OUT_OF_REACH = (
    " What was learnt from these labels can hardly be expected to get there: choose targets within, or other physics."
)


@dataclass(frozen=True)
class Verdict:
    """A run's result in words.

    Attributes
    ----------
    opening
        Whether it is good, in one sentence.
    best
        The method that comes closest and what it is judged by, a sentence a data set.
    labels
        What the labels are worth, a sentence or two a data set.
    warnings
        What keeps the result from being taken at its word, a sentence or two each.
    """

    opening: str
    best: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def verdict(
    rows: Sequence[TableRow], reaches: Sequence[Reach], truncations: Mapping[str, TruncationError] | None = None
) -> Verdict:
    """Judge a table.

    Parameters
    ----------
    rows
        Of the table, of all data sets.
    reaches
        How far the labels reach, a data set each.
    truncations
        What the labels' truncation leaves out, by data set; default: what the rows say.
    """
    known = {row.dataset: row.truncation for row in rows if row.truncation} | dict(truncations or {})
    groups = method_groups(rows)
    warnings = (
        *_not_converged(known),
        *(reach.outside_sentence() + OUT_OF_REACH for reach in reaches if reach.outside),
        *_not_following(rows),
        *_no_better(groups),
    )
    judged = [_Judged.of(dataset, groups) for dataset in dict.fromkeys(group.dataset for group in groups)]
    found = [each for each in judged if each is not None]
    opening = _opening(found, known) if groups else "No method was asked for."
    best = tuple(each.sentence + _below_truncation(each, rows, known.get(each.dataset)) for each in found)
    return Verdict(opening, best, tuple(_labels(reaches, known)), warnings)


def _opening(found: Sequence[_Judged], truncations: Mapping[str, TruncationError]) -> str:
    """The worst data set names the whole."""
    if not found:
        return "No method produced a design that could be simulated."
    if any(not error.is_converged for error in truncations.values()):
        return "This run's result cannot be relied on yet: its labels have not converged."
    ratings = [each.rating for each in found if each.rating is not None]
    if not ratings:
        return "This run's result can be judged by no labels."
    return f"This run's result is {max(ratings, key=RATINGS.index)}."


@dataclass(frozen=True)
class _Judged:
    """The best method of one data set, and what it is judged by; REPs in percent over all targets."""

    dataset: str
    group: MethodGroup

    @classmethod
    def of(cls, dataset: str, groups: Sequence[MethodGroup]) -> _Judged | None:
        """The method of lowest mean REP, or of lowest best REP where all yield one design; None without a figure."""
        own = [group for group in groups if group.dataset == dataset]
        own = [group for group in own if not group.is_baseline] or own
        means = [group for group in own if group.average.ours.mean_rep is not None]
        known = means or [group for group in own if group.average.ours.minimum_rep is not None]
        return min((cls(dataset, group) for group in known), key=lambda each: each.rep, default=None)

    @property
    def rep(self) -> float:
        """Mean REP, or that of the best design where there is one alone."""
        ours = self.group.average.ours
        return float(ours.mean_rep if ours.mean_rep is not None else ours.minimum_rep or 0.0)

    @property
    def rating(self) -> str | None:
        """Good, fair or poor: how far from a random label to the oracle the method goes; None without labels."""
        standing = self.group.average.standing
        oracle, random = standing.oracle_rep, standing.random_rep
        if oracle is None or random is None:
            return None
        if self.rep > NO_BETTER * random:
            return "poor"
        share = (random - self.rep) / (random - oracle) if random > oracle else 1.0
        return "good" if share >= GOOD else "fair" if share >= FAIR else "poor"

    @property
    def sentence(self) -> str:
        """The figures that the rating is taken from."""
        group, standing = self.group, self.group.average.standing
        over = "1 target" if len(group.lines) == 1 else f"{len(group.lines)} targets"
        repeats = group.average.repeat_reps
        if group.average.spread_rep is not None:
            over += f" and {len(repeats)} repeats, between which it spreads by {group.average.spread_rep:.2f} %"
        figure = "mean REP" if group.average.ours.mean_rep is not None else "best REP"
        others = []
        if standing.oracle_rep is not None and standing.random_rep is not None:
            oracle, random = f"{standing.oracle_rep:.2f} %", f"{standing.random_rep:.2f} %"
            others.append(f"the nearest labels have {oracle}, a random label {random}")
        paper = group.average.paper
        if paper is not None and figure == "mean REP" and paper.mean_rep is not None:
            others.append(f"the paper reports {paper.mean_rep:.2f} %")
        beside = f" ({'; '.join(others)})" if others else ""
        rated = "" if self.rating is None else f" is {self.rating}"
        closest = f"{group.method} comes closest, {figure} {self.rep:.2f} % over {over}{beside}."
        return f"{self.dataset}{rated}: {closest}"


def _below_truncation(judged: _Judged, rows: Sequence[TableRow], error: TruncationError | None) -> str:
    """That designs are nearer to their targets than more orders would leave them; nothing where they are not."""
    targets = {row.target.number for row in rows if row.dataset == judged.dataset} - {None, 0.0}
    if error is None or error.mean_absolute is None or not targets:
        return ""
    moved = fmean(100 * error.mean_absolute / number for number in targets if number is not None)
    if judged.rep >= moved:
        return ""
    return f" That is less than what {error.higher_orders} orders move labels by, {moved:.1f} % of these targets."


def _labels(reaches: Sequence[Reach], truncations: Mapping[str, TruncationError]) -> Iterator[str]:
    """What the labels are worth, in a sentence or two a data set."""
    for reach in reaches:
        error = truncations.get(reach.dataset)
        share = error.share_in_words if error is not None else None
        moved = f" More orders move them by {share} of that." if share is not None else ""
        yield reach.sentence() + moved


def _not_converged(truncations: Mapping[str, TruncationError]) -> Iterator[str]:
    for dataset, error in truncations.items():
        if error.share is not None and not error.is_converged:
            yield (
                f"Labels of {dataset} have not converged: orders up to {error.higher_orders} instead of {error.orders} "
                f"move them by {error.share_in_words} of their standard deviation ({100 * CONVERGED:.0f} % at most "
                "would be small). Raise the orders, or take a stack that needs fewer."
            )


def _not_following(rows: Sequence[TableRow]) -> Iterator[str]:
    """Methods whose designs change too little, or too much, from target to target; data set by data set."""
    for dataset in dict.fromkeys(row.dataset for row in rows):
        own = [row for row in rows if row.dataset == dataset and row.method not in BASELINES]
        methods = dict.fromkeys(row.method for row in own)
        slopes = {method: slope_of([row for row in own if row.method == method]) for method in methods}
        far = [
            f"{method} {slope:.2f}"
            for method, slope in slopes.items()
            if slope is not None and abs(slope - 1) > SLOPE_MARGIN
        ]
        if far:
            yield (
                f"On {dataset}, designs do not follow the target: slope of what they achieve on what was asked for "
                f"{', '.join(far)}, where 1 is right."
            )


def slope_of(rows: Sequence[TableRow]) -> float | None:
    """Slope of the mean achieved property on the target, by least squares; None with fewer than two targets.

    Targets count that ask for a value. Of several properties it is the slope that is farthest from 1.
    """
    known = [(row.target, row.mean_achieved) for row in rows if row.mean_achieved]
    slopes = []
    for place in range(len(known[0][1]) if known else 0):
        pairs = [(t.low[place], achieved[place]) for t, achieved in known if t.low[place] == t.high[place]]
        if len({asked for asked, _ in pairs}) > 1:
            asked_for, achieved_of = np.array(pairs).T
            slopes.append(float(np.polyfit(asked_for, achieved_of, 1)[0]))
    return max(slopes, key=lambda slope: abs(slope - 1), default=None)


def _no_better(groups: Sequence[MethodGroup]) -> Iterator[str]:
    """Methods that hardly beat a label taken at random, data set by data set."""
    for dataset in dict.fromkeys(group.dataset for group in groups):
        own = [group for group in groups if group.dataset == dataset and not group.is_baseline]
        found = [f"{group.method} ({group.average.ours.mean_rep:.2f} %)" for group in own if _is_no_better(group)]
        if found:
            expected = own[0].average.standing.random_rep
            verb = "is" if len(found) == 1 else "are"
            yield (
                f"On {dataset}, {' and '.join(found)} {verb} hardly better than a label taken at random "
                f"({expected:.2f} %), if at all."
            )


def _is_no_better(group: MethodGroup) -> bool:
    mean, random = group.average.ours.mean_rep, group.average.standing.random_rep
    return mean is not None and random is not None and mean > NO_BETTER * random
