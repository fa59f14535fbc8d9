"""Search spaces as plain values, and reproducible samples from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# One of ("uniform", low, high), ("loguniform", low, high), ("integer", low, high) and ("choice", values).
Dimension = Sequence[Any]
SearchSpace = Mapping[str, Dimension]

KINDS = ("uniform", "loguniform", "integer", "choice")


def check_space(space: SearchSpace) -> None:
    """Refuse a space that cannot be sampled.

    Raises:
        ValueError: naming the first dimension that is wrong.
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

    Args:
        space: see :data:`Dimension`; bounds of an integer are both included.
        count: how many.
        seed: the draw of configuration ``i`` is keyed by this seed and ``i`` alone, not by the order of the keys.
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
