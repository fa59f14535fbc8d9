"""What is asked for: of every property a value or a range, how far designs miss it, and how that is written.

The residual error percentage (REP) of the paper, |y - target| / target, stands on one number. Here a target holds a
closed range of each property, a value being a range of no width, and

    REP = mean over the properties of (how far y lies outside of the range) / (the bound that it misses) x 100 %,

which is zero within, and the paper's for one value. Text is the same in files, on the command line and in names of
stages: ``0.7``, ``0.9..`` (at least), ``..0.1`` (at most), ``0.4..0.6``, and with commas between properties.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

BETWEEN, AND = "..", ","


@dataclass(frozen=True, order=True)
class Target:
    """A range of each of D properties.

    Parameters
    ----------
    low, high
        Bounds, D each; infinite where there is none.

    Raises
    ------
    ValueError
        There is no property, a bound is not a number, a range is empty, or one has no bound at all.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.low or len(self.low) != len(self.high):
            raise ValueError(f"low and high must be bounds of each property, got {self.low} and {self.high}")
        for low, high in zip(self.low, self.high, strict=True):
            if math.isnan(low + high) or not (math.isfinite(low) or math.isfinite(high)):
                raise ValueError(f"target must be finite, got {low:g}")
            if low > high:
                raise ValueError(f"target must be a range from low to high, got {low:g} to {high:g}")

    @classmethod
    def of(cls, target: float | Sequence[float] | np.ndarray | Target) -> Target:
        """A target as it is, or of one value, or of a value a property."""
        if isinstance(target, Target):
            return target
        values = tuple(float(value) for value in np.atleast_1d(np.asarray(target, dtype=np.float64)))
        return cls(values, values)

    @classmethod
    def parse(cls, text: str) -> Target:
        """Inverse of ``str``; ValueError where the text is none."""
        try:
            bounds = [_bounds(part) for part in text.split(AND)]
        except ValueError:
            raise ValueError(
                f"a target must be a number or a range (0.9.. for at least, ..0.1 for at most, 0.4..0.6), with commas "
                f"between several properties, got '{text}'"
            ) from None
        return cls(tuple(low for low, _ in bounds), tuple(high for _, high in bounds))

    @classmethod
    def read(cls, cell: float | str) -> Target:
        """A target as tables and stores hold it: a number where it is one value, else its text."""
        return cls.parse(cell) if isinstance(cell, str) else cls.of(cell)

    def __str__(self) -> str:
        return AND.join(_text(low, high) for low, high in self.bounds)

    @property
    def bounds(self) -> tuple[tuple[float, float], ...]:
        """Lower and upper bound of each property."""
        return tuple(zip(self.low, self.high, strict=True))

    @property
    def size(self) -> int:
        """D, how many properties."""
        return len(self.low)

    @property
    def are_values(self) -> bool:
        """Whether a value is asked of every property."""
        return self.low == self.high

    @property
    def number(self) -> float | None:
        """The value where one is asked of one property."""
        return self.low[0] if self.size == 1 and self.are_values else None

    @property
    def label(self) -> str:
        """For tables and figures: ``0.70``, ``≥ 0.90``, ``0.40 to 0.60``, with commas between properties."""
        return ", ".join(_label(low, high) for low, high in self.bounds)

    @property
    def plain(self) -> float | Target:
        """A number where one value is asked of one property, as methods of other packages take it."""
        return self if self.number is None else self.number

    def rows(self, column: np.ndarray) -> np.ndarray:
        """Which rows of a ``target_column`` are for this target, bool (n,)."""
        return np.asarray(column == (self.number if column.dtype.kind == "f" else str(self)))

    def within(self, reach: Target) -> Target:
        """This target, where it misses a range of ``reach`` with the nearest bound of that in its place."""
        pairs = zip(self.bounds, reach.bounds, strict=True)
        found = [
            (low, high) if low <= highest and high >= lowest else (min(max(low, lowest), highest),) * 2
            for (low, high), (lowest, highest) in pairs
        ]
        return Target(tuple(low for low, _ in found), tuple(high for _, high in found))

    def nearest(self, y: np.ndarray) -> np.ndarray:
        """The point within that is nearest to each y, of the shape of ``y``: (..., D), any for one property."""
        nearest = np.clip(self._rows(y), self.low, self.high)
        return nearest[..., 0] if self.size == 1 else nearest

    def relative_error(self, y: np.ndarray) -> np.ndarray:
        """REP as a fraction, (...); NaN where a property is.

        Raises
        ------
        ValueError
            A bound is not above 0: errors are relative to it.
        """
        if any(math.isfinite(bound) and bound <= 0 for bound in (*self.low, *self.high)):
            raise ValueError(f"target must be above 0, REP is relative to it, got {self}")
        below, above = self._misses(y)
        return (below / self.low + above / self.high).mean(axis=-1)

    def distance(self, y: np.ndarray) -> np.ndarray:
        """How far y lies outside, in units of the property, (...): in the order of the REP.

        Of several properties it is their mean, weighted by what their errors count in the REP.
        """
        below, above = self._misses(y)
        weights = self.weights
        return (below * weights[0] + above * weights[1]).sum(axis=-1)

    @cached_property
    def weights(self) -> np.ndarray:
        """What a miss below and above each property's range counts in the distance, (2, D)."""
        if self.number is not None:
            return np.ones((2, 1))
        bounds = np.array([self.low, self.high])
        middle = np.where(np.isfinite(bounds), bounds, np.nan)
        scale = np.sum(1 / np.nanmean(middle, axis=0))
        return np.where(np.isfinite(bounds), 1 / bounds, 0.0) / scale

    def _misses(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = self._rows(y)
        return np.maximum(np.array(self.low) - rows, 0), np.maximum(rows - np.array(self.high), 0)

    def _rows(self, y: np.ndarray) -> np.ndarray:
        """Properties along a last axis, (..., D)."""
        rows = np.asarray(y, dtype=np.float64)
        if self.size == 1:
            return rows[..., None]
        if rows.ndim < 1 or rows.shape[-1] != self.size:
            raise ValueError(f"y must end in {self.size} properties for target {self}, got shape {rows.shape}")
        return rows


def target_column(targets: Sequence[Target]) -> np.ndarray:
    """Targets as a column of a store, (n,): numbers where each is one value, else texts."""
    numbers = [target.number for target in targets]
    return np.array([str(target) for target in targets] if None in numbers else numbers)


def targets_in(column: np.ndarray) -> list[Target]:
    """The targets that stand in a ``target_column``, each once."""
    return [Target.read(cell) for cell in set(column.tolist())]


def _bounds(text: str) -> tuple[float, float]:
    low, between, high = text.partition(BETWEEN)
    if not between:
        return float(text), float(text)
    return float(low) if low else -math.inf, float(high) if high else math.inf


def _text(low: float, high: float) -> str:
    return repr(low) if low == high else "".join([_end(low), BETWEEN, _end(high)])


def _end(bound: float) -> str:
    return repr(bound) if math.isfinite(bound) else ""


def _label(low: float, high: float) -> str:
    if low == high:
        return _number(low)
    if math.isinf(high):
        return f"≥ {_number(low)}"
    return f"≤ {_number(high)}" if math.isinf(low) else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    """Two decimals, more where there are more."""
    return f"{value:.2f}" if round(value, 2) == value else str(value)
