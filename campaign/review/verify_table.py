"""Whether Table 1 is true: its figures against the stored rows, and some of these rows against new simulations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from campaign.design.simulating import simulating
from campaign.plan.finished import StageRows
from campaign.plan.optics import Optics, SimulatedPhysics, simulation_of
from campaign.review.finished_table import FinishedTable, TracedMethod
from campaign.review.receipt import agrees
from campaign.spec.profile import Profile
from ganmdn.targets import Target
from results.wanted import plain

Progress = Callable[[int, int, str], None]
WITHOUT_ACCURACY = 1e-9  # tolerance where a simulator of somebody else's says nothing of its accuracy


@dataclass(frozen=True)
class WrongFigure:
    """A figure of the table that does not follow from the rows behind it."""

    cell: str
    stored: Any
    again: Any


@dataclass(frozen=True)
class SimulatedAgain:
    """A row behind a line of the table, and its property, or several, by a second simulation (NaN if that failed)."""

    line: str
    stage: str
    row: int
    stored: float | tuple[float, ...]
    again: float | tuple[float, ...]
    tolerance: float

    @property
    def difference(self) -> float:
        """How far apart they are, at most."""
        return float(np.max(np.abs(np.subtract(self.stored, self.again))))

    @property
    def agrees(self) -> bool:
        """Whether both are the same within the tolerance."""
        return self.difference <= self.tolerance


@dataclass(frozen=True)
class TableCheck:
    """What came of checking a table: figures that were compared, those that are wrong, rows that were simulated."""

    figures: int
    wrong: tuple[WrongFigure, ...]
    simulated: tuple[SimulatedAgain, ...]
    code_changed: tuple[str, ...]

    @property
    def disagreeing(self) -> tuple[SimulatedAgain, ...]:
        """Rows whose second simulation says something else."""
        return tuple(each for each in self.simulated if not each.agrees)

    @property
    def is_true(self) -> bool:
        """Whether nothing disagrees."""
        return not self.wrong and not self.disagreeing


def verify_table(
    traced: FinishedTable,
    sample: int,
    seed: int = 0,
    tolerance: float | None = None,
    profile: Profile | None = None,
    progress: Progress = lambda done, total, what: None,
) -> TableCheck:
    """Compute every figure again from its rows, and simulate ``sample`` of the designs again.

    Designs are spread over the lines of the table; of a search its best simulation comes first, as the line rests on
    it. Physics is that of the run's frozen spec, code that of this program.

    Parameters
    ----------
    traced
        The table.
    sample
        How many designs at most.
    seed
        Of the choice among them.
    tolerance
        Largest difference of the property; None for twice the accuracy that the spec asks of the solver.
    profile
        Where to simulate; None for this process.
    progress
        Called with how many simulations are done, of how many, and of what.
    """
    chosen = list(_choice(traced, sample, np.random.default_rng(seed)))
    simulated: list[SimulatedAgain] = []
    done = 0

    def report(more: int) -> None:
        nonlocal done
        done += more
        progress(done, len(chosen), "designs simulated again")

    with simulating(profile, report) as simulate:
        for dataset in dict.fromkeys(method.dataset for method, _, _ in chosen):
            physics = simulation_of(traced.results.spec, dataset).physics
            own = [each for each in chosen if each[0].dataset == dataset]
            images = [traced.column(part, "image")[0] for _, _, part in own]
            again = [_figures(row["y"]) for row in simulate(physics, images)]
            allowed = _tolerance(physics) if tolerance is None else tolerance
            for (method, target, part), y in zip(own, again, strict=True):
                line, stored = f"{dataset}/{method.method}/{target}", _figures(traced.column(part, "y")[0])
                simulated.append(SimulatedAgain(line, part.stage, part.rows[0], stored, y, allowed))
    figures, wrong = _compared(traced)
    return TableCheck(figures, wrong, tuple(simulated), _changed(traced, simulated))


def _tolerance(physics: SimulatedPhysics) -> float:
    """Both simulations may be off by the accuracy asked for."""
    return 2 * physics.numerics.accuracy if isinstance(physics, Optics) else WITHOUT_ACCURACY


def _figures(y: Any) -> float | tuple[float, ...]:
    """A simulated property, or several."""
    return plain(np.atleast_1d(y).tolist())


def _choice(
    traced: FinishedTable, sample: int, rng: np.random.Generator
) -> Iterator[tuple[TracedMethod, Target, StageRows]]:
    """Rows to simulate, one each: line by line over the whole table until there are enough, none twice."""
    lines = [(method, target) for method in traced.methods.values() for target in method.rows]
    candidates = [list(_candidates(method, target, rng)) for method, target in lines]
    # Evenly over the lines: every k-th of them, from a random one on, then those that are left.
    step = max(1, len(lines) // max(1, sample))
    start = int(rng.integers(len(lines)))
    order = [(start + offset + each) % len(lines) for offset in range(step) for each in range(0, len(lines), step)]
    seen: set[tuple[str, int]] = set()
    while len(seen) < sample and any(candidates):
        for position in dict.fromkeys(order):
            left = candidates[position]
            while left and (left[0].stage, left[0].rows[0]) in seen:  # searches share starting pairs and simulations
                left.pop(0)
            if left and len(seen) < sample:
                part = left.pop(0)
                seen.add((part.stage, part.rows[0]))
                yield (*lines[position], part)


def _candidates(method: TracedMethod, target: Target, rng: np.random.Generator) -> Iterator[StageRows]:
    """The rows behind a line whose simulation succeeded, in random order; of a search the best one first."""
    parts = [part for repeat in method.rows[target] for part in repeat]
    rows = [(part.stage, row) for part in parts for row in part.rows]
    y = np.concatenate([method.traced.column(part, "y") for part in parts])
    order = rng.permutation(len(rows))
    distance = target.distance(y)
    order = order[np.isfinite(distance[order])]
    if method.is_search and len(order):
        best = order[np.argmin(distance[order])]
        order = np.concatenate([[best], order[order != best]])
    for position in order.tolist():
        stage, row = rows[position]
        yield StageRows(stage, (row,))


def _compared(traced: FinishedTable) -> tuple[int, tuple[WrongFigure, ...]]:
    """How many figures there are, and those that do not follow from their rows."""
    figures = [
        WrongFigure(f"{line.name}/{column}", getattr(line.stored, column), again)
        for line in traced.lines
        for column, again in line.figures.items()
    ]
    return len(figures), tuple(each for each in figures if not agrees(each.stored, each.again))


def _changed(traced: FinishedTable, simulated: Sequence[SimulatedAgain]) -> tuple[str, ...]:
    """Those of the stages looked at whose code is another now, which may be why something disagrees."""
    fresh = traced.results.pipeline.parts
    stages = dict.fromkeys(each.stage for each in simulated)
    return tuple(name for name in stages if dict(fresh[name].code) != dict(traced.results.record(name).code))
