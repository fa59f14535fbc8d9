"""Small simulation stores that the tests of this folder share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from results.stores.store import SimulationStore

IMAGE_PX = 16
LATENT_SHAPE = (2, 3)
LAYERS = ("pattern", "film")
ROWS_PER_UNIT = 8


@pytest.fixture(scope="session")
def make_store_in() -> Callable[..., SimulationStore]:
    """Factory of empty stores in a folder."""

    def make(folder: Path, name: str = "store.zarr", **changes: Any) -> SimulationStore:
        arguments: dict[str, Any] = {
            "capacity": 40,
            "latent_shape": LATENT_SHAPE,
            "image_px": IMAGE_PX,
            "rows_per_unit": ROWS_PER_UNIT,
            "layers": LAYERS,
            "inputs": {"target": np.float64},
            "attributes": {"spec_key": "abc123"},
        }
        return SimulationStore.create(folder / name, **{**arguments, **changes})

    return make


@pytest.fixture
def make_store(tmp_path: Path, make_store_in: Callable[..., SimulationStore]) -> Callable[..., SimulationStore]:
    """Factory of empty stores under a fresh folder."""
    return partial(make_store_in, tmp_path)


@pytest.fixture
def copy_store(tmp_path: Path) -> Callable[[SimulationStore], SimulationStore]:
    """Copies a store that several tests share, for one of them to change."""

    def copied(store: SimulationStore) -> SimulationStore:
        return SimulationStore.open(shutil.copytree(store.path, tmp_path / store.path.name), mode="r+")

    return copied


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., dict[str, np.ndarray]]:
    """Factory of one unit's rows, drawn from a seed."""

    def make(seed: int, count: int = ROWS_PER_UNIT) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(seed)
        absorption = rng.uniform(0.55, 0.75, count)
        return {
            "z": rng.uniform(-1, 1, (count, *LATENT_SHAPE)).astype(np.float32),
            "image": rng.integers(0, 2, (count, IMAGE_PX, IMAGE_PX), dtype=np.uint8),
            "y": absorption,
            "absorption": absorption,
            "reflection": 0.9 - absorption,
            "transmission": np.full(count, 0.1),
            "error_estimate": np.full(count, 1e-10),
            "layer_absorption": np.stack([absorption * 0.75, absorption * 0.25], axis=1),
            "status": np.ones(count, np.uint8),
            "seconds": rng.uniform(0.01, 0.1, count).astype(np.float32),
            "seed": rng.integers(0, 2**63, count).astype(np.uint64),
            "error_class": np.full(count, "", dtype=object),
            "error_message": np.full(count, "", dtype=object),
            "target": rng.choice([0.55, 0.65, 0.75], count),
        }

    return make
