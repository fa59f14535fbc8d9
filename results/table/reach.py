"""What a method could have reached: how far the labels reach, and how near the nearest of them come to each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from results.table.diversity import mean_pixel_distance
from results.wanted import Wanted, known

NEAR = 0.01  # of a target: labels that lie so near count as hits


@dataclass(frozen=True)
class TargetReach:
    """What the labels of one data set hold for one target; REPs in percent, None where no label is known.

    Attributes
    ----------
    target
        The property that is asked for.
    share_within_1_percent
        Share of the prior's labels, whose latents were drawn at random, within 1 % of the target.
    oracle_rep
        Mean REP of the labels nearest to the target, as many as there are designs: what looking up can reach.
    random_rep
        Mean REP of the prior's labels: what is to be expected of one taken at random.
    nearest_distance
        Mean pairwise pixel distance of those nearest labels, None without their images.
    """

    target: Wanted
    share_within_1_percent: float | None
    oracle_rep: float | None
    random_rep: float | None
    nearest_distance: float | None = None


@dataclass(frozen=True)
class Reach:
    """How far the labels of one data set reach.

    Attributes
    ----------
    dataset
        Its name.
    labels
        How many did not fail.
    lowest, highest, standard_deviation
        Of each labelled property (ddof 0); none where no label is known.
    names
        Of the properties, where there are several.
    targets
        What they hold for each target.
    distance
        Mean pairwise pixel distance of the prior's labels, the scale of every diversity; None without images.
    """

    dataset: str
    labels: int
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    standard_deviation: tuple[float, ...]
    targets: tuple[TargetReach, ...]
    distance: float | None = None
    names: tuple[str, ...] = ()

    def at(self, target: Wanted) -> TargetReach | None:
        """What the labels hold for one of the targets."""
        return next((each for each in self.targets if each.target == target), None)

    def is_outside(self, target: Wanted, margin: float = 0.0) -> bool:
        """Whether of a property all that is wanted lies below the lowest label or above the highest.

        By more than ``margin`` standard deviations of the labels.
        """
        spans = zip(self.lowest, self.highest, self.standard_deviation, strict=True)
        bounds = zip(target.low, target.high, spans, strict=bool(self.lowest))
        return any(
            high < lowest - margin * deviation or low > highest + margin * deviation
            for low, high, (lowest, highest, deviation) in bounds
        )

    @property
    def outside(self) -> tuple[Wanted, ...]:
        """The targets that lie outside the labels."""
        return tuple(each.target for each in self.targets if self.is_outside(each.target))

    def sentence(self) -> str:
        """Range and standard deviation in words."""
        if not self.lowest:
            return f"No label of {self.dataset} is known."
        return f"The {self.labels:,} labels of {self.dataset} reach {self.spans()}."

    def spans(self) -> str:
        """Where the labels lie, property by property."""
        spans = zip(self._named(), self.lowest, self.highest, self.standard_deviation, strict=True)
        return ", ".join(
            f"{name}from {low:.3f} to {high:.3f} (standard deviation {deviation:.4f})"
            for name, low, high, deviation in spans
        )

    def _named(self) -> list[str]:
        """What stands before the figures of each property."""
        return [f"in {name} " for name in self.names] or [""] * len(self.lowest)

    def outside_sentence(self) -> str:
        """Which targets lie outside the labels; empty where none does."""
        if not self.outside:
            return ""
        named = [f"({each.label})" if len(each.low) > 1 else each.label for each in self.outside]
        subject = f"Target {named[0]} lies" if len(named) == 1 else f"Targets {', '.join(named)} lie"
        spans = zip(self._named(), self.lowest, self.highest, strict=True)
        reach = ", ".join(f"{name}{low:.3f} to {high:.3f}" for name, low, high in spans)
        return f"{subject} outside the labels of {self.dataset}, {reach}."


def reach_of(
    dataset: str,
    y: np.ndarray,
    targets: Sequence[Wanted],
    designs: int,
    images: np.ndarray | None = None,
    names: Sequence[str] = (),
    of_prior: int | None = None,
) -> Reach:
    """What labels have for some targets.

    Parameters
    ----------
    dataset
        Name of the data set.
    y
        Labelled property, (n,) or (n, D); NaN where the simulation failed.
    targets
        What is asked for, above 0.
    designs
        How many designs a target gets.
    images
        Of the labels, (n, H, W), 0 and 1, for their distances.
    names
        Of the properties.
    of_prior
        How many labels, the first ones, were drawn from the prior; default: all.
    """
    done = known(y)
    prior = int(np.count_nonzero(done[:of_prior]))
    y, images = y[done], None if images is None else images[done]
    columns = list(y.reshape(len(y), -1).T) if len(y) else []
    return Reach(
        dataset,
        labels=len(y),
        lowest=tuple(float(column.min()) for column in columns),
        highest=tuple(float(column.max()) for column in columns),
        standard_deviation=tuple(float(column.std()) for column in columns),
        targets=tuple(_for_target(y, target, designs, images, prior) for target in targets),
        distance=None if images is None else mean_pixel_distance(images[:prior]),
        names=tuple(names),
    )


def _for_target(y: np.ndarray, target: Wanted, designs: int, images: np.ndarray | None, prior: int) -> TargetReach:
    if not len(y):
        return TargetReach(target, None, None, None)
    distance = target.relative_error(y)
    nearest = np.argsort(distance, kind="stable")[:designs]
    return TargetReach(
        target,
        share_within_1_percent=float(np.mean(distance[:prior] <= NEAR)) if prior else None,
        oracle_rep=float(100 * distance[nearest].mean()),
        random_rep=float(100 * distance[:prior].mean()) if prior else None,
        nearest_distance=None if images is None else mean_pixel_distance(images[nearest]),
    )
