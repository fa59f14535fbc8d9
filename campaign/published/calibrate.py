"""Fit a family of stacks to published pairs of image and property, judged by pairs that were not fitted to.

Many starts, spread evenly over the ranges and over all choices of materials and orders, are screened: on some of the
pairs first, where the calibration has it, and those that fit these best on the others. For every fold the best of them
on the other folds descend by gradients on those, and the one that fits them best predicts the fold; nothing on the way
there has seen its pairs. The same with all pairs gives the stack that comes out. Every step is a task for a worker, and
every result is kept in a folder named after all that enters it, so that a calibration which was stopped goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.keys import code_fingerprint, digest
from campaign.published.agreement import Agreement
from campaign.published.families import choices_of, family_of, physics_at
from campaign.published.kept_results import KeptResults, Progress
from campaign.spec.calibration import Calibration, physics_yaml
from campaign.spec.physics import Physics
from campaign.stages.seeds import seed_for

if TYPE_CHECKING:
    from cluster.pool.pool import WorkerPool
    from photonics.calibration import Family


SIMULATIONS_PER_TASK = 500  # of the screening; at most so many, unless one start alone needs more
FAILED = 1e300  # the loss of a descent that could not be simulated, as JSON knows no infinity
CODE = "photonics.calibration", "campaign.stages.seeds"


@dataclass(frozen=True)
class Start:
    """A point of one choice's family, and the property of the first images or of all; NaN where the solver fails."""

    choice: int
    values: np.ndarray
    simulated: np.ndarray

    @property
    def is_known(self) -> bool:
        """Whether the solver could do them all."""
        return bool(np.isfinite(self.simulated).all())


@dataclass(frozen=True)
class CalibrationOutcome:
    """What a calibration found.

    The stack with the orders that it was fitted with; how it fits all pairs; and how well stacks fitted to the other
    folds predicted each fold, ``predictions`` (n,).
    """

    physics: Physics
    orders: int
    fitted: Agreement
    held_out: Agreement
    predictions: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {
            "fitted": asdict(self.fitted),
            "held_out": asdict(self.held_out),
            "predictions": self.predictions.tolist(),
            "orders": self.orders,
            "physics": self.physics.model_dump(mode="json"),
        }

    def physics_file(self, command: str) -> str:
        """The physics as YAML, with what was found, and by which command, at its head."""
        remarks = [f"Fitted to {self.fitted.n} published pairs by `{command}`."]
        for of, found in (("pairs fitted to", self.fitted), ("pairs held out, fold by fold", self.held_out)):
            remarks.append(f"On {of}: r {found.r:.3f}, rmse {found.rmse:.4f}, bias {found.bias:+.4f}.")
        return physics_yaml(self.physics, remarks)


class Calibrator:
    """A calibration to images (n, H, W) of published property (n,), with ``orders`` where it names none to try.

    Raises ValueError for fewer pairs than folds, or where all have the same property: nothing could be judged then.
    """

    def __init__(self, calibration: Calibration, orders: int, images: np.ndarray, published: np.ndarray) -> None:
        if len(published) < calibration.folds:
            raise ValueError(
                f"there must be at least as many pairs as folds, {calibration.folds}, got {len(published)}; "
                f"give more pairs, or write folds: {max(2, len(published))} in a calibration"
            )
        if np.ptp(published) == 0:
            raise ValueError(
                f"the published property must differ between pairs, got {published[0]:g} for all {len(published)}; "
                f"give other pairs"
            )
        self.calibration, self.orders, self.images, self.published = calibration, orders, images, published
        self.choices = list(choices_of(calibration, orders))
        self.families = [family_of(calibration, choice, images.shape[-1]) for choice in self.choices]

    @property
    def key(self) -> str:
        """Content address of all that the results depend on."""
        data = hashlib.sha256(np.ascontiguousarray(self.images).tobytes() + self.published.tobytes())
        config = {"calibration": self.calibration.model_dump(mode="json"), "orders": self.orders}
        return digest({**config, "data": data.hexdigest(), "code": code_fingerprint(*CODE)})

    def run(self, pool: WorkerPool, runs: Path, progress: Progress) -> CalibrationOutcome:
        """Calibrate on a pool of workers; results of tasks are kept below ``runs``.

        ``progress(done, total, what)`` is called after every task. Raises RuntimeError if no start could be
        simulated.
        """
        kept = KeptResults(runs / "calibrations" / self.key, pool, progress)
        folds = np.arange(len(self.images)) % self.calibration.folds
        parts = {f"fold-{fold}": folds != fold for fold in range(self.calibration.folds)}
        parts["all"] = folds >= 0
        best = self._descend(kept, self._screen(kept, parts), parts)
        checks = {part: (self.families[c], np.array([values]), self.images) for part, (c, values) in best.items()}
        checked = {part: _numbers(rows[0]) for part, rows in kept.run("checks", screened, checks).items()}
        predictions = np.array([checked[f"fold-{fold}"][i] for i, fold in enumerate(folds)])
        choice, values = best["all"]
        return CalibrationOutcome(
            self._physics(choice, values),
            self.choices[choice].orders,
            Agreement.of(checked["all"], self.published),
            Agreement.of(predictions, self.published),
            predictions,
        )

    def _screen(self, kept: KeptResults, parts: Mapping[str, np.ndarray]) -> dict[str, list[Start]]:
        """Starts with all pairs simulated, for each part those among which it may choose."""
        from photonics.calibration import starts

        count, seed, first = self.calibration.starts, self.calibration.seed, self.calibration.screening_pairs
        points = [
            Start(choice, values, np.empty(0))
            for choice, family in enumerate(self.families)
            for values in starts(family, count, int(seed_for(seed, "calibration", str(choice)).generate_state(1)[0]))
        ]
        known = [start for start in self._simulated(kept, "starts", points, self.images[:first]) if start.is_known]
        if not known:
            raise RuntimeError("no start could be simulated: widen the ranges, or move the wavelengths into the tables")
        if first is None or first >= len(self.images):
            return dict.fromkeys(parts, known)
        # By the part's own pairs alone: one that other parts brought in was chosen by pairs that this one holds out.
        own = {part: self._best(known, fits, self.calibration.finalists).tolist() for part, fits in parts.items()}
        chosen = sorted(set().union(*own.values()))
        again = self._simulated(kept, "finalists", [known[n] for n in chosen], self.images[first:])
        finalists = dict(zip(chosen, again, strict=True))
        found = {part: [finalists[n] for n in own[part] if finalists[n].is_known] for part in parts}
        if not all(found.values()):
            raise RuntimeError("no finalist could be simulated on all pairs: write more finalists")
        return found

    def _simulated(self, kept: KeptResults, what: str, points: list[Start], images: np.ndarray) -> list[Start]:
        """The points, which lie choice by choice, with these images as well."""
        size = max(1, SIMULATIONS_PER_TASK // len(images))
        groups = {}
        for choice, family in enumerate(self.families):
            own = [point for point in points if point.choice == choice]
            for i in range(0, len(own), size):
                values = np.array([point.values for point in own[i : i + size]])
                groups[f"{what}-{choice}-{i}"] = family, values, images
        rows = [row for found in kept.run(what, screened, groups).values() for row in found]
        return [
            Start(point.choice, point.values, np.append(point.simulated, _numbers(row)))
            for point, row in zip(points, rows, strict=True)
        ]

    def _best(self, starts: list[Start], chosen: np.ndarray, count: int) -> np.ndarray:
        """Positions of the starts that fit best what they know of the chosen pairs, given by a mask; best first."""
        simulated = np.array([start.simulated for start in starts])
        seen = simulated.shape[1]
        known = chosen[:seen]
        losses = np.mean((simulated[:, known] - self.published[:seen][known]) ** 2, axis=1)
        return np.argsort(losses, kind="stable")[:count]

    def _descend(
        self, kept: KeptResults, starts: Mapping[str, list[Start]], parts: Mapping[str, np.ndarray]
    ) -> dict[str, tuple[int, list[float]]]:
        """For each part of the pairs, given by a mask, the choice and the values that fit it best."""
        tasks, choice_of = {}, {}
        for part, chosen in parts.items():
            for rank, position in enumerate(self._best(starts[part], chosen, self.calibration.descents)):
                start, name = starts[part][position], f"{part}-{rank}"
                pairs = self.images[chosen], self.published[chosen]
                tasks[name] = (self.families[start.choice], start.values, *pairs, self.calibration.iterations)
                choice_of[name] = start.choice
        fits = kept.run("descents", refined, tasks)
        names = {part: [name for name in tasks if name.rpartition("-")[0] == part] for part in parts}
        winners = {part: min(names[part], key=lambda name: fits[name]["loss"]) for part in parts}
        return {part: (choice_of[name], fits[name]["values"]) for part, name in winners.items()}

    def _physics(self, choice: int, values: list[float]) -> Physics:
        family, image_px = self.families[choice], self.images.shape[-1]
        return physics_at(family, self.choices[choice], values, self.calibration, image_px, self.orders)


def screened(family: Family, values: np.ndarray, images: np.ndarray) -> list[list[float | None]]:
    """``photonics.calibration.screen`` as JSON data: None where the solver fails."""
    from photonics.calibration import screen

    rows = screen(family, values, images).tolist()
    return [[value if np.isfinite(value) else None for value in row] for row in rows]


def refined(family: Family, start: np.ndarray, images: np.ndarray, targets: np.ndarray, iterations: int) -> Any:
    """``photonics.calibration.refine`` as JSON data."""
    from photonics.calibration import refine

    fit = refine(family, start, images, targets, iterations)
    return {"values": fit.values.tolist(), "loss": fit.loss if np.isfinite(fit.loss) else FAILED}


def _numbers(row: list[float | None]) -> np.ndarray:
    return np.array(row, dtype=float)
