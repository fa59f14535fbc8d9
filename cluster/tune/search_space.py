"""What a sweep searches: a space of plain values, reproducible samples from it, and how long each is looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

# One of ("uniform", low, high), ("loguniform", low, high), ("integer", low, high) and ("choice", values).
Dimension = Sequence[Any]
SearchSpace = Mapping[str, Dimension]

KINDS = ("uniform", "loguniform", "integer", "choice")
MODES = ("min", "max")


@dataclass(frozen=True)
class Search:
    """A search at random whose unpromising trials are stopped early.

    Attributes
    ----------
    space
        ``{"learning_rate": ("loguniform", 1e-4, 1e-2), "width": ("choice", [64, 128])}``; see :data:`Dimension`.
    metric
        Key in the metrics that trials report.
    mode
        Whether small or large values are good.
    trials
        Number of configurations.
    max_epochs
        Where a trial ends.
    grace_epochs
        The first rung: before it no trial is stopped.
    reduction_factor
        One trial of so many goes on at a rung; rungs are that factor apart.
    seed
        Of the configurations.

    Raises
    ------
    ValueError
        A number out of range, or a space that cannot be sampled.
    """

    space: SearchSpace
    metric: str
    mode: Literal["min", "max"]
    trials: int
    max_epochs: int
    grace_epochs: int
    reduction_factor: float
    seed: np.random.SeedSequence

    def __post_init__(self) -> None:
        if not 1 <= self.grace_epochs <= self.max_epochs:
            raise ValueError(f"grace_epochs must be 1 to max_epochs = {self.max_epochs}, got {self.grace_epochs}")
        if self.trials < 1:
            raise ValueError(f"trials must be at least 1, got {self.trials}")
        if self.mode not in MODES:
            raise ValueError(f"mode must be 'min' or 'max', got {self.mode!r}")
        if self.reduction_factor <= 1:
            raise ValueError(f"reduction_factor must be above 1, got {self.reduction_factor}")
        check_space(self.space)

    def configs(self) -> list[dict[str, Any]]:
        """What each trial gets, by its number."""
        return sample_configs(self.space, self.trials, self.seed)


def check_space(space: SearchSpace) -> None:
    """Refuse a space that cannot be sampled.

    Raises
    ------
    ValueError
        Naming the first dimension that is wrong.
    """
    if not space:
        raise ValueError("space must have at least one dimension, got none")
    for name, dimension in space.items():
        kind, *bounds = dimension
        if kind not in KINDS:
            raise ValueError(f"space[{name!r}] must be one of {', '.join(KINDS)}; got {kind!r}")
        if kind == "choice":
            if len(bounds) != 1 or not bounds[0]:
                raise ValueError(f"space[{name!r}] must be ('choice', values) with some values; got {dimension!r}")
        elif len(bounds) != 2 or not bounds[0] <= bounds[1] or (kind == "loguniform" and bounds[0] <= 0):
            positive = "0 < low <= high" if kind == "loguniform" else "low <= high"
            raise ValueError(f"space[{name!r}] must be ({kind!r}, low, high) with {positive}; got {dimension!r}")


def sample_configs(space: SearchSpace, count: int, seed: np.random.SeedSequence) -> list[dict[str, Any]]:
    """Independent random configurations; the first ones stay the same when ``count`` grows.

    Parameters
    ----------
    space
        See :data:`Dimension`; bounds of an integer are both included.
    count
        How many.
    seed
        The draw of configuration ``i`` is keyed by this seed and ``i`` alone, not by the order of the keys.
    """
    check_space(space)
    configs = []
    for index in range(count):
        key = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, index))
        rng = np.random.default_rng(key)
        drawn = {name: _draw(space[name], rng) for name in sorted(space)}
        configs.append({name: drawn[name] for name in space})
    return configs


def _draw(dimension: Dimension, rng: np.random.Generator) -> Any:
    kind, *bounds = dimension
    if kind == "choice":
        return bounds[0][int(rng.integers(len(bounds[0])))]
    low, high = bounds
    if kind == "integer":
        return int(rng.integers(low, high, endpoint=True))
    if kind == "uniform":
        return float(rng.uniform(low, high))
    return math.exp(rng.uniform(math.log(low), math.log(high)))
