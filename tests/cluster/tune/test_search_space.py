"""Searches and the sampling of their configurations."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from cluster.tune.search_space import Search, sample_configs

SPACE = {
    "rate": ("loguniform", 1e-4, 1e-1),
    "dropout": ("uniform", 0.0, 0.5),
    "depth": ("integer", 1, 3),
    "width": ("choice", [64, 128]),
}


def test_a_configuration_depends_on_seed_and_number_alone() -> None:
    seed = np.random.SeedSequence(7, spawn_key=(3,))
    few, many = (
        sample_configs(SPACE, 3, seed),
        sample_configs(SPACE, 50, np.random.SeedSequence(7, spawn_key=(3,))),
    )
    assert many[:3] == few
    assert sample_configs(dict(reversed(SPACE.items())), 3, seed) == few
    assert sample_configs(SPACE, 3, np.random.SeedSequence(7)) != few


def test_samples_fill_their_ranges() -> None:
    configs = sample_configs(SPACE, 2000, np.random.SeedSequence(1))
    rates = np.log10([config["rate"] for config in configs])
    # A log-uniform variable is uniform in its logarithm: mean in the middle, variance 3²/12.
    assert -4 <= rates.min() < rates.max() <= -1
    assert np.mean(rates) == pytest.approx(-2.5, abs=4 * 3 / np.sqrt(12 * 2000))
    assert {config["depth"] for config in configs} == {1, 2, 3}
    assert {config["width"] for config in configs} == {64, 128}
    assert np.mean([config["dropout"] for config in configs]) == pytest.approx(0.25, abs=0.02)


def test_a_range_of_no_width_is_its_value() -> None:
    [config] = sample_configs(
        {"rate": ("loguniform", 1e-3, 1e-3), "x": ("uniform", 2.0, 2.0)}, 1, np.random.SeedSequence(1)
    )
    assert config == {"rate": pytest.approx(1e-3, rel=1e-15), "x": 2.0}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "space must have at least one dimension, got none"),
        (
            {"x": ("normal", 0, 1)},
            "space['x'] must be one of uniform, loguniform, integer, choice; got 'normal'",
        ),
        ({"x": ("uniform", 2, 1)}, "space['x'] must be ('uniform', low, high) with low <= high"),
        ({"x": ("loguniform", 0, 1)}, "space['x'] must be ('loguniform', low, high) with 0 < low <= high"),
        ({"x": ("choice", [])}, "space['x'] must be ('choice', values) with some values"),
    ],
)
def test_wrong_spaces_are_explained(space: dict[str, tuple[object, ...]], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        sample_configs(space, 1, np.random.SeedSequence(0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grace_epochs": 7}, "grace_epochs must be 1 to max_epochs = 6, got 7"),
        ({"trials": 0}, "trials must be at least 1, got 0"),
        ({"mode": "best"}, "mode must be 'min' or 'max', got 'best'"),
        ({"reduction_factor": 1}, "reduction_factor must be above 1, got 1"),
        ({"space": {}}, "space must have at least one dimension, got none"),
    ],
)
def test_a_search_out_of_range(changes: dict[str, Any], message: str) -> None:
    numbers = {"trials": 2, "max_epochs": 6, "grace_epochs": 1, "reduction_factor": 2, "seed": np.random.SeedSequence()}
    options = {"space": {"rate": ("uniform", 0, 1)}, "metric": "loss", "mode": "min", **numbers}
    with pytest.raises(ValueError, match=re.escape(message)):
        Search(**{**options, **changes})
