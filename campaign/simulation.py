"""From images to rows of a simulation store: the work that the fan-out hands to every worker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from campaign.design_set import DesignSet
from photonics.rcwa import Numerics, solve_spectrum
from photonics.solution import POLARIZATIONS
from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer
from results.layout import Status
from results.store import SimulationStore

ENERGY_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Simulator:
    """The physics of one data set, ready to solve; built from the canonical configuration of a stage.

    ``stacks`` holds one stack a wavelength, whose layers have the indices that the materials have there.
    """

    stacks: tuple[Stack, ...]
    numerics: Numerics
    incidence: Incidence
    polarization: str
    wanted: str

    @classmethod
    def from_config(cls, physics: Mapping[str, Any]) -> Simulator:
        """Build from the ``physics`` block of a stage's configuration (see ``optics.optics_of``)."""
        stacks = [_stack(physics, position) for position in range(len(physics["wavelengths_nm"]))]
        return cls(
            tuple(stacks),
            Numerics(**physics["numerics"]),
            Incidence(**physics["incidence"]),
            physics["polarization"],
            physics["property"],
        )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, top to bottom."""
        return self.stacks[0].layer_names

    @property
    def wavelengths_nm(self) -> tuple[float, ...]:
        """Wavelengths, over which every fraction is averaged."""
        return tuple(stack.wavelength_nm for stack in self.stacks)

    def row(self, image: np.ndarray) -> dict[str, Any]:
        """Simulate one image, (H, W) of 0 and 1, to one row of a store; a failure is a row too, never an exception."""
        started = time.perf_counter()
        try:
            values = self._solve(image)
            outcome = {"status": int(Status.DONE), "error_class": "", "error_message": ""}
        except Exception as error:
            values = dict.fromkeys(("y", "absorption", "reflection", "transmission", "error_estimate"), np.nan)
            values["layer_absorption"] = np.full(len(self.layer_names), np.nan)
            values["spectrum"] = np.full(len(self.stacks), np.nan)
            outcome = {"status": int(Status.FAILED), "error_class": type(error).__name__, "error_message": str(error)}
        return {**values, **outcome, "seconds": time.perf_counter() - started}

    def _solve(self, image: np.ndarray) -> dict[str, Any]:
        solutions = solve_spectrum(self.stacks, image[None], self.numerics, self.incidence)
        reflection, transmission, layers = (  # leading axis: wavelength
            np.stack([self._polarised(getattr(solution, name)) for solution in solutions])
            for name in ("reflection", "transmission", "layer_absorption")
        )
        absorption = 1 - reflection - transmission
        balance = float(np.abs(absorption - layers.sum(axis=1)).max())
        if not np.isfinite(balance) or balance > ENERGY_TOLERANCE:
            raise FloatingPointError(f"energy balance is off by {balance:.3g}: 1 - R - T against the sum over layers")
        spectrum = absorption if self.wanted == "total" else layers[:, self.layer_names.index(self.wanted)]
        return {
            "y": float(spectrum.mean()),
            "absorption": float(absorption.mean()),
            "reflection": float(reflection.mean()),
            "transmission": float(transmission.mean()),
            "layer_absorption": layers.mean(axis=0),
            "spectrum": spectrum,
            "error_estimate": float(np.mean([solution.error_estimate[0] for solution in solutions])),
        }

    def _polarised(self, fractions: np.ndarray) -> np.ndarray:
        """The one image's fractions (1, 2, ...) in the polarisation of the light, (...)."""
        return np.tensordot(POLARIZATIONS[self.polarization], fractions[0], axes=1)


def _stack(physics: Mapping[str, Any], position: int) -> Stack:
    """The stack at one of the wavelengths."""
    index = {name: complex(m["n"][position], m["k"][position]) for name, m in physics["materials"].items()}
    return Stack(
        wavelength_nm=physics["wavelengths_nm"][position],
        period_nm=physics["period_nm"],
        incident_index=index[physics["incident"]],
        layers=tuple(_layer(layer, index) for layer in physics["layers"]),
        substrate_index=index[physics["substrate"]],
    )


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
