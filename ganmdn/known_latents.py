"""What a search knows: latents that were simulated and their property, in the unit box that it thinks in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class KnownLatents:
    """Simulations so far, in the order in which they were run.

    Attributes
    ----------
    points
        (n, M) float64, latents scaled so that the search box is [0, 1] in every dimension.
    y
        (n,) or (n, D) float64, NaN where the simulation failed.
    low, high
        The search box.
    """

    points: np.ndarray
    y: np.ndarray
    low: float
    high: float

    @classmethod
    def of(cls, z: np.ndarray, y: np.ndarray, low: float, high: float) -> KnownLatents:
        """Take in latents ``z`` (n, M) and properties ``y``, (n,) or (n, D).

        Raises
        ------
        ValueError
            If shapes disagree, ``z`` is not finite, ``y`` is infinite, or ``low`` is not below ``high``.
        """
        if z.ndim != 2 or y.ndim not in (1, 2) or len(y) != len(z):
            raise ValueError(f"z must have shape (n, M) and y (n,), got {z.shape} and {y.shape}; flatten z first")
        if not np.isfinite(z).all():
            raise ValueError(f"z must be finite, {int((~np.isfinite(z)).any(axis=1).sum())} of {len(z)} rows are not")
        if np.isinf(y).any():
            raise ValueError(
                f"y must be finite, or NaN where the simulation failed, {int(np.isinf(y).sum())} of {len(y)} are "
                "infinite"
            )
        if not (np.isfinite([low, high]).all() and low < high):
            raise ValueError(f"low must be below high, got low {low}, high {high}")
        return cls((z.astype(np.float64) - low) / (high - low), y.astype(np.float64), low, high)

    @property
    def done(self) -> np.ndarray:
        """Which simulations did not fail, (n,) bool."""
        return np.isfinite(self.y.reshape(len(self.y), -1)).all(axis=1)

    @property
    def dimension(self) -> int:
        """M, numbers in a latent."""
        return int(self.points.shape[1])

    def latents(self, points: np.ndarray) -> np.ndarray:
        """From the unit box back to latents."""
        return np.clip(self.low + (self.high - self.low) * points, self.low, self.high)

    def state(self, seed: np.random.SeedSequence) -> int:
        """A number for torch's generators, by ``seed`` and how much is known."""
        key = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, len(self.y)))
        return int(key.generate_state(1, np.uint32)[0])
