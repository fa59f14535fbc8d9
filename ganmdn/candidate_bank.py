"""Screened candidates with predicted properties, from which designs for any target are picked at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ganmdn.candidate_choice import PixelDistances, choose_spread, expected_error, mean_distance, pixel_distances
from ganmdn.inverse import Designs
from ganmdn.label_table import LabelTable
from ganmdn.ladder import rungs
from ganmdn.targets import Target

BANK = "bank.npz"
CANDIDATES_PER_DESIGN = 40  # among which the spread is looked for
KEPT_SPREAD = 0.8  # of the mean pixel distance of the labels nearest to the target
NEIGHBOURS = 40  # labels that tell that distance


@dataclass(frozen=True)
class SpreadCurve:
    """How much the labelled images nearest to a property differ from each other.

    Attributes
    ----------
    y
        (g,), properties, rising; (g, D) of several, all over those of the labels.
    distance
        (g,), mean pixel distance of the ``NEIGHBOURS`` labels nearest to each.
    """

    y: np.ndarray
    distance: np.ndarray

    @classmethod
    def of(cls, labels: LabelTable, points: int = 65) -> SpreadCurve:
        """From labels, at ``points`` properties over their range."""
        y = rungs(labels.y, points)
        count = min(NEIGHBOURS, len(labels.y))
        images = (labels.images[labels.nearest(value, count)] for value in y)
        return cls(y, np.array([mean_distance(pixel_distances(each)) for each in images]))

    def wanted(self, target: float | Target) -> float:
        """Mean pixel distance that designs for ``target`` should have."""
        target = Target.of(target)
        if target.number is not None:
            return KEPT_SPREAD * float(np.interp(target.number, self.y, self.distance))
        away = target.distance(self.y)
        return KEPT_SPREAD * float(self.distance[away == away.min()].mean())


@dataclass(frozen=True)
class CandidateBank:
    """Images of known latents whose property is predicted.

    Parameters
    ----------
    z
        float32, (n, h, w).
    images
        uint8 0/1, (n, H, W).
    predicted, deviation
        (n,) or (n, D), expected property and standard deviation of its error.
    spread
        What the spread of designs is measured by.
    """

    z: np.ndarray
    images: np.ndarray
    predicted: np.ndarray
    deviation: np.ndarray
    spread: SpreadCurve

    def choose(self, target: float | Target, count: int) -> Designs:
        """Designs of :meth:`rows`."""
        chosen = self.rows(target, count)
        return Designs(self.images[chosen], self.z[chosen], self.predicted[chosen], self.deviation[chosen])

    def rows(self, target: float | Target, count: int, candidates_each: int = CANDIDATES_PER_DESIGN) -> np.ndarray:
        """Numbers of the ``count`` candidates of least expected error that keep their spread; see ``choose_spread``.

        The spread is looked for among ``candidates_each`` times as many, the best.

        Raises
        ------
        ValueError
            If ``count`` is not between 1 and the number of candidates, or the target is not finite.
        """
        target = Target.of(target)
        if not 1 <= count <= len(self.z):
            raise ValueError(f"count must lie between 1 and the {len(self.z)} candidates, got {count}")
        errors = expected_error(self.predicted, self.deviation, target)
        best = np.argsort(errors, kind="stable")[: count * candidates_each]
        return best[choose_spread(PixelDistances(self.images[best]), count, self.spread.wanted(target))]

    def without(self, rows: np.ndarray) -> CandidateBank:
        """The other candidates."""
        names = ("z", "images", "predicted", "deviation")
        return replace(self, **{name: np.delete(getattr(self, name), rows, axis=0) for name in names})

    def save(self, folder: Path) -> None:
        """Write into ``folder``, made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(
            folder / BANK,
            z=self.z,
            images=np.packbits(self.images, axis=-1),
            width=self.images.shape[-1],
            predicted=self.predicted,
            deviation=self.deviation,
            spread_y=self.spread.y,
            spread_distance=self.spread.distance,
        )

    @classmethod
    def load(cls, folder: Path) -> CandidateBank:
        """Read what ``save`` wrote."""
        with np.load(folder / BANK, allow_pickle=False) as arrays:
            images = np.unpackbits(arrays["images"], axis=-1, count=int(arrays["width"]))
            spread = SpreadCurve(arrays["spread_y"], arrays["spread_distance"])
            return cls(arrays["z"], images, arrays["predicted"], arrays["deviation"], spread)
