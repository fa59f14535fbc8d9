"""From images to rows of a simulation store: the work that the fan-out hands to every worker."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from photonics.rcwa import Numerics, solve
from photonics.stack import PatternLayer, Stack, UniformLayer
from results.layout import Status, unpack_images
from results.store import SimulationStore

ENERGY_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Simulator:
    """The physics of one data set, ready to solve; built from the canonical configuration of a stage."""

    stack: Stack
    numerics: Numerics
    layer_names: tuple[str, ...]
    wanted: str

    @classmethod
    def from_config(cls, physics: Mapping[str, Any]) -> Simulator:
        """Build from the ``physics`` block of a stage's configuration (see ``pipeline._physics_of``)."""
        index = {name: complex(m["n"], m["k"]) for name, m in physics["materials"].items()}
        stack = Stack(
            wavelength_nm=physics["wavelength_nm"],
            period_nm=physics["period_nm"],
            incident_index=index[physics["incident"]],
            layers=tuple(_layer(layer, index) for layer in physics["layers"]),
            substrate_index=index[physics["substrate"]],
        )
        names = tuple(layer["name"] for layer in physics["layers"])
        return cls(stack, Numerics(**physics["numerics"]), names, physics["property"])

    def row(self, image: np.ndarray) -> dict[str, Any]:
        """Simulate one image, (H, W) of 0 and 1, to one row of a store; a failure is a row too, never an exception."""
        started = time.perf_counter()
        try:
            values = self._solve(image)
            outcome = {"status": int(Status.DONE), "error_class": "", "error_message": ""}
        except Exception as error:
            values = dict.fromkeys(("y", "absorption", "reflection", "transmission"), np.nan)
            values["layer_absorption"] = np.full(len(self.layer_names), np.nan)
            outcome = {"status": int(Status.FAILED), "error_class": type(error).__name__, "error_message": str(error)}
        return {**values, **outcome, "seconds": time.perf_counter() - started}

    def _solve(self, image: np.ndarray) -> dict[str, Any]:
        solution = solve(self.stack, image[None], self.numerics).unpolarised()
        layers = solution.layer_absorption[0]
        values = {
            "absorption": float(solution.absorption[0]),
            "reflection": float(solution.reflection[0]),
            "transmission": float(solution.transmission[0]),
            "layer_absorption": layers,
        }
        balance = abs(values["absorption"] - float(layers.sum()))
        if not np.isfinite(balance) or balance > ENERGY_TOLERANCE:
            raise FloatingPointError(f"energy balance is off by {balance:.3g}: 1 - R - T against the sum over layers")
        wanted = values["absorption"] if self.wanted == "total" else layers[self.layer_names.index(self.wanted)]
        return {"y": float(wanted), **values}


def _layer(layer: Mapping[str, Any], index: Mapping[str, complex]) -> PatternLayer | UniformLayer:
    if layer["kind"] == "pattern":
        return PatternLayer(layer["name"], layer["thickness_nm"], index[layer["white"]], index[layer["black"]])
    return UniformLayer(layer["name"], layer["thickness_nm"], index[layer["material"]])


def simulate_images(simulator: Simulator, images: np.ndarray) -> dict[str, np.ndarray]:
    """Simulate images (n, H, W) one after the other; columns of a store, without the inputs."""
    rows = [simulator.row(image) for image in images]
    return {name: np.asarray([row[name] for row in rows]) for name in rows[0]}


@dataclass(frozen=True)
class SimulationJob:
    """Everything that a worker needs for any unit of one store: where inputs lie, and what to do with them."""

    simulator: Simulator
    designs: Path
    store: Path


@dataclass(frozen=True)
class UnitSummary:
    """What the coordinator hears of a finished unit."""

    unit: int
    simulations: int
    failed: int
    seconds: float


def simulate_unit(job: SimulationJob, unit: int) -> UnitSummary:
    """Read one unit's inputs, simulate them, write its shard; the caller owns the shard alone."""
    store = SimulationStore.open(job.store, mode="r+")
    rows = store.unit_rows(unit)
    inputs = DesignSet.open(job.designs).rows(rows)
    outputs = simulate_images(job.simulator, inputs["image"])
    store.write_unit(unit, {**inputs, "seed": np.arange(rows.start, rows.stop, dtype=np.uint64), **outputs})
    failed = int(np.count_nonzero(outputs["status"] == Status.FAILED))
    return UnitSummary(unit, rows.stop - rows.start, failed, float(outputs["seconds"].sum()))


@dataclass(frozen=True)
class DesignSet:
    """Microstructures waiting for their simulation: a folder of ``.npy`` columns, read through memory maps.

    Columns share their first axis: ``z`` (n, h, w), ``image`` packed bits (n, px * px / 8), and any further inputs
    that a store should keep with its rows.
    """

    columns: Mapping[str, np.ndarray]

    @classmethod
    def open(cls, folder: Path) -> DesignSet:
        """Map the columns of ``folder``; nothing is read before it is used."""
        return cls({path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))})

    def save(self, folder: Path) -> None:
        """Write every column to ``folder``, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, column in self.columns.items():
            np.save(folder / f"{name}.npy", column)

    def rows(self, rows: slice) -> dict[str, np.ndarray]:
        """A slice of every column, read into memory; ``image`` unpacked to uint8 (n, px, px)."""
        columns = {name: np.asarray(column[rows]) for name, column in self.columns.items()}
        return {**columns, "image": unpack_images(columns["image"], self.image_px)}

    @property
    def image_px(self) -> int:
        """Side of the images; a multiple of 32, so that whole bytes hold them."""
        return math.isqrt(self.columns["image"].shape[1] * 8)

    @property
    def images(self) -> np.ndarray:
        """All images, uint8 (n, px, px)."""
        return self.rows(slice(None))["image"]

    def __len__(self) -> int:
        return len(self.columns["image"])
