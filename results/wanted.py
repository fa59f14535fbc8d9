"""What results know of a target: how it is written, what it asks for, and how far from it a property lies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

Figure = TypeVar("Figure")


class Wanted(Protocol):
    """A range of each property, a value being one of no width; ``campaign`` hands over ``ganmdn.targets.Target``."""

    @property
    def low(self) -> tuple[float, ...]:
        """Lower bound of each property, minus infinity where there is none."""

    @property
    def high(self) -> tuple[float, ...]:
        """Upper bound of each property, infinity where there is none."""

    @property
    def number(self) -> float | None:
        """The value where one is asked of one property."""

    @property
    def label(self) -> str:
        """For tables and figures; ``str`` is for files and programs."""

    def relative_error(self, y: np.ndarray) -> np.ndarray:
        """REP as a fraction, (n,), of properties (n,) or (n, D)."""

    def distance(self, y: np.ndarray) -> np.ndarray:
        """How far they lie outside, (n,), in units of the property."""

    def rows(self, column: np.ndarray) -> np.ndarray:
        """Which rows of a store's column ``target`` are for this target, bool (n,)."""


def known(y: np.ndarray) -> np.ndarray:
    """Rows of properties (n,) or (n, D) whose simulation did not fail, bool (n,)."""
    return np.isfinite(y) if y.ndim == 1 else np.isfinite(y).all(axis=1)


def ordered(targets: Sequence[Wanted]) -> list[Wanted]:
    """Targets from the lowest up, each once."""
    return sorted(dict.fromkeys(targets), key=lambda target: (target.low, target.high))


def cell(target: Wanted) -> float | str:
    """A target as tables of files hold it: a number where it is one value."""
    return str(target) if target.number is None else target.number


def plain(values: Sequence[Figure]) -> Figure | tuple[Figure, ...]:
    """Figures of each property, as they are handed on: the one of a single property."""
    return values[0] if len(values) == 1 else tuple(values)


def in_words(values: Sequence[float], decimals: int) -> str:
    """Figures of each property with so many decimals, with commas between."""
    return ", ".join(f"{value:.{decimals}f}" for value in values)
