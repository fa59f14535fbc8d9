"""What a method could have reached: how far the labels reach, and how near the nearest of them come to each target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from results.diversity import mean_pixel_distance

NEAR = 0.01  # of a target: labels that lie so near count as hits


@dataclass(frozen=True)
class TargetReach:
    """What the labels of one data set hold for one target; REPs in percent, None where no label is known.

    Attributes
    ----------
    target
        The property that is asked for.
    share_within_1_percent
        Share of the labels within 1 % of the target: of the prior, whose latents are drawn at random.
    oracle_rep
        Mean REP of the labels nearest to the target, as many as there are designs: what looking up can reach.
    random_rep
        Mean REP of all labels: what is to be expected of one taken at random.
    nearest_distance
        Mean pairwise pixel distance of those nearest labels, None without their images.
    """

    target: float
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
        Of the labelled property (ddof 0); None where no label is known.
    targets
        What they hold for each target.
    distance
        Mean pairwise pixel distance of all labels' images, the scale of every diversity; None without images.
    """

    dataset: str
    labels: int
    lowest: float | None
    highest: float | None
    standard_deviation: float | None
    targets: tuple[TargetReach, ...]
    distance: float | None = None

    def at(self, target: float) -> TargetReach | None:
        """What the labels hold for one of the targets."""
        return next((each for each in self.targets if each.target == target), None)

    def is_outside(self, target: float) -> bool:
        """Whether a target lies below the lowest label or above the highest."""
        return self.lowest is not None and self.highest is not None and not self.lowest <= target <= self.highest

    @property
    def outside(self) -> tuple[float, ...]:
        """The targets that lie outside the labels."""
        return tuple(each.target for each in self.targets if self.is_outside(each.target))

    def sentence(self) -> str:
        """Range and standard deviation in words."""
        if self.lowest is None or self.highest is None or self.standard_deviation is None:
            return f"No label of {self.dataset} is known."
        return (
            f"The {self.labels:,} labels of {self.dataset} reach from {self.lowest:.3f} to {self.highest:.3f} "
            f"(standard deviation {self.standard_deviation:.4f})."
        )

    def outside_sentence(self) -> str:
        """Which targets lie outside the labels; empty where none does."""
        if not self.outside:
            return ""
        named = ", ".join(map(format_target, self.outside))
        subject = f"Target {named} lies" if len(self.outside) == 1 else f"Targets {named} lie"
        return f"{subject} outside the labels of {self.dataset}, {self.lowest:.3f} to {self.highest:.3f}."


def format_target(target: float) -> str:
    """A target as printed: two decimals, more where it has more."""
    return f"{target:.2f}" if round(target, 2) == target else str(target)


def reach_of(
    dataset: str, y: np.ndarray, targets: Sequence[float], designs: int, images: np.ndarray | None = None
) -> Reach:
    """What labels have for some targets.

    Parameters
    ----------
    dataset
        Name of the data set.
    y
        Labelled property, (n,); NaN where the simulation failed.
    targets
        What is asked for, above 0.
    designs
        How many designs a target gets.
    images
        Of the labels, (n, H, W), 0 and 1, for their distances.
    """
    known = np.isfinite(y)
    y, images = y[known], None if images is None else images[known]
    return Reach(
        dataset,
        labels=len(y),
        lowest=float(y.min()) if len(y) else None,
        highest=float(y.max()) if len(y) else None,
        standard_deviation=float(y.std()) if len(y) else None,
        targets=tuple(_for_target(y, target, designs, images) for target in targets),
        distance=None if images is None else mean_pixel_distance(images),
    )


def _for_target(y: np.ndarray, target: float, designs: int, images: np.ndarray | None) -> TargetReach:
    if not len(y):
        return TargetReach(target, None, None, None)
    distance = np.abs(y - target) / target
    nearest = np.argsort(distance, kind="stable")[:designs]
    return TargetReach(
        target,
        share_within_1_percent=float(np.mean(distance <= NEAR)),
        oracle_rep=float(100 * distance[nearest].mean()),
        random_rep=float(100 * distance.mean()),
        nearest_distance=None if images is None else mean_pixel_distance(images[nearest]),
    )
