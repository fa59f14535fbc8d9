"""From images to rows of a simulation store: the physics that the fan-out's workers run."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from campaign.plan.config import DataSetConfig
from campaign.plan.optics import Optics, PluggedPhysics, SimulatedPhysics
from campaign.spec.physics import LayerBlock, PatternLayerBlock
from campaign.spec.plugin import implementation_of
from campaign.spec.property import TOTAL, OpticalProperty, properties_of
from results.stores.layout import Status

if TYPE_CHECKING:
    from photonics.rcwa import Numerics
    from photonics.solution import Solution
    from photonics.stack import Incidence, Layer, Stack

ENERGY_TOLERANCE = 1e-6
# Images solved together, and harmonics of all of them: beyond, a batch gains nothing (benchmarks/rcwa_batch.py).
MOST_AT_ONCE, HARMONICS_AT_ONCE = 32, 2000


class SimulationConfig(DataSetConfig):
    """Configuration of a stage that simulates images of one data set."""

    physics: SimulatedPhysics


class Simulator(ABC):
    """Turns images into rows of a store; layers and wavelengths are those of its arrays, none where it has none.

    ``y`` of a row is a number, or (D,) where there are several properties.
    """

    @staticmethod
    def from_config(physics: SimulatedPhysics) -> Simulator:
        """Build from the physics of a stage's configuration: this project's RCWA, or a package's own."""
        if isinstance(physics, PluggedPhysics):
            return PluggedSimulator(physics.implementation, physics.options, physics.image_px, physics.properties)
        return RcwaSimulator.from_optics(physics)

    @staticmethod
    def from_stored(physics: Mapping[str, Any]) -> Simulator:
        """Build from the physics that a store keeps, as plain data."""
        return Simulator.from_config(TypeAdapter(SimulatedPhysics).validate_python(physics))

    @property
    @abstractmethod
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, top to bottom."""

    @property
    @abstractmethod
    def wavelengths_nm(self) -> tuple[float, ...]:
        """Wavelengths, over which every fraction is averaged."""

    @property
    @abstractmethod
    def property_names(self) -> tuple[str, ...]:
        """Names of what y is, one for each number."""

    @property
    def at_once(self) -> int:
        """How many images are simulated together, where that is quicker."""
        return 1

    @abstractmethod
    def solve(self, image: np.ndarray) -> dict[str, Any]:
        """The numbers of one image's row."""

    def rows(self, images: np.ndarray) -> list[dict[str, Any]]:
        """Simulate images (n, H, W) to rows, as ``row`` does: the numbers of an image do not depend on the others."""
        return [self.row(image) for image in images]

    def row(self, image: np.ndarray) -> dict[str, Any]:
        """Simulate one image, (H, W) of 0 and 1, to one row of a store.

        Equations without a solution that can be trusted make a row too, of status FAILED. Any other exception is a
        mistake in the code or in its inputs, which the next image would meet as well: it is raised.
        """
        from photonics.rcwa import SolverError

        started = time.perf_counter()
        try:
            values = self.solve(image)
        except (SolverError, ArithmeticError, np.linalg.LinAlgError) as error:  # what an image may do to the numerics
            return self.failed_row(type(error).__name__, str(error), time.perf_counter() - started)
        return _done_row(values, time.perf_counter() - started)

    def failed_row(self, error_class: str, error_message: str, seconds: float) -> dict[str, Any]:
        """The row of a simulation that came to nothing after ``seconds``: every number of it is NaN."""
        count = len(self.property_names)
        numbers = () if count == 1 else (count,)
        shapes = {"y": numbers}
        if self.layer_names:
            shapes["layer_absorption"] = (len(self.layer_names),)
        if self.wavelengths_nm:
            shapes["spectrum"] = (*numbers, len(self.wavelengths_nm))
        return {
            **dict.fromkeys(("absorption", "reflection", "transmission", "error_estimate"), np.nan),
            **{name: np.full(shape, np.nan) for name, shape in shapes.items()},
            "status": int(Status.FAILED),
            "error_class": error_class,
            "error_message": error_message,
            "seconds": seconds,
        }


@dataclass(frozen=True)
class RcwaSimulator(Simulator):
    """The physics of one data set, ready to solve.

    ``stacks`` holds one stack a wavelength, whose layers have the indices that the materials have there; ``wanted``
    are the properties that y is.
    """

    stacks: tuple[Stack, ...]
    numerics: Numerics
    incidence: Incidence
    polarization: str
    wanted: tuple[OpticalProperty, ...]

    @classmethod
    def from_optics(cls, optics: Optics) -> RcwaSimulator:
        """Build from resolved physics: the one place where it becomes what ``photonics`` takes."""
        from photonics.rcwa import Numerics
        from photonics.stack import Incidence

        return cls(
            tuple(_stack(optics, position) for position in range(len(optics.wavelengths_nm))),
            Numerics(**optics.numerics.model_dump()),
            Incidence(optics.incidence.polar_deg, optics.incidence.azimuth_deg),
            optics.polarization,
            properties_of(optics.property, optics.wavelengths_nm),
        )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, top to bottom."""
        return self.stacks[0].layer_names

    @property
    def property_names(self) -> tuple[str, ...]:
        """Names of the properties."""
        return tuple(each.name for each in self.wanted)

    @property
    def wavelengths_nm(self) -> tuple[float, ...]:
        """Wavelengths, over which every fraction is averaged."""
        return tuple(stack.wavelength_nm for stack in self.stacks)

    @property
    def at_once(self) -> int:
        """Many at few orders, where calls between small matrices cost more than their products.

        One where its bits would depend on the others: interrupted or not, a campaign has the same numbers.
        """
        from photonics.rcwa.lattice import harmonics
        from photonics.rcwa.solver import is_batch_invariant

        if not all(is_batch_invariant(stack, self.numerics, self.incidence) for stack in self.stacks):
            return 1
        count = len(harmonics(self.numerics.orders, self.numerics.truncation)[0])
        return max(1, min(MOST_AT_ONCE, HARMONICS_AT_ONCE // count))

    def rows(self, images: np.ndarray) -> list[dict[str, Any]]:
        """See ``Simulator.rows``; each image's ``seconds`` are its share of the batch."""
        from photonics.rcwa import solve_spectrum

        if len(images) == 1:
            return [self.row(images[0])]
        started = time.perf_counter()
        solutions = solve_spectrum(self.stacks, images, self.numerics, self.incidence, keep_failures=True)
        seconds = (time.perf_counter() - started) / len(images)
        return [self._row(solutions, position, seconds) for position in range(len(images))]

    def _row(self, solutions: Sequence[Solution], position: int, seconds: float) -> dict[str, Any]:
        """Row of one image of a batch."""
        reasons = [solution.failures[position] for solution in solutions if position in solution.failures]
        if reasons:
            return self.failed_row("SolverError", reasons[0], seconds)
        try:
            return _done_row(self._numbers(solutions, position), seconds)
        except FloatingPointError as error:
            return self.failed_row(type(error).__name__, str(error), seconds)

    def solve(self, image: np.ndarray) -> dict[str, Any]:
        """The numbers of one image's row; raises what the solver raises, FloatingPointError without energy balance."""
        from photonics.rcwa import solve_spectrum

        return self._numbers(solve_spectrum(self.stacks, image[None], self.numerics, self.incidence), 0)

    def _numbers(self, solutions: Sequence[Solution], position: int) -> dict[str, Any]:
        reflection, transmission, layers = (  # leading axis: wavelength
            np.stack([self._polarised(getattr(solution, name)[position]) for solution in solutions])
            for name in ("reflection", "transmission", "layer_absorption")
        )
        absorption = 1 - reflection - transmission
        balance = float(np.abs(absorption - layers.sum(axis=1)).max())
        if not np.isfinite(balance) or balance > ENERGY_TOLERANCE:
            raise FloatingPointError(f"energy balance is off by {balance:.3g}: 1 - R - T against the sum over layers")
        known = {TOTAL: absorption, "reflection": reflection, "transmission": transmission}
        known |= dict(zip(self.layer_names, layers.T, strict=True))
        spectra = np.stack([known[each.of] for each in self.wanted])
        y = np.array(
            [spectrum[list(each.positions)].mean() for each, spectrum in zip(self.wanted, spectra, strict=True)]
        )
        return {
            "y": _plain(y),
            "absorption": float(absorption.mean()),
            "reflection": float(reflection.mean()),
            "transmission": float(transmission.mean()),
            "layer_absorption": layers.mean(axis=0),
            "spectrum": _plain(spectra),
            "error_estimate": float(np.mean([solution.error_estimate[position] for solution in solutions])),
        }

    def _polarised(self, fractions: np.ndarray) -> np.ndarray:
        """An image's fractions (2, ...) in the polarisation of the light, (...)."""
        from photonics.solution import POLARIZATIONS

        return np.tensordot(POLARIZATIONS[self.polarization], fractions, axes=1)


@dataclass(frozen=True)
class PluggedSimulator(Simulator):
    """A simulator of somebody else's package, built anew where it is needed: only what it is made from travels."""

    reference: str
    options: Mapping[str, Any]
    image_px: int
    properties: tuple[str, ...]
    layer_names = ()  # type: ignore[assignment]
    wavelengths_nm = ()  # type: ignore[assignment]

    @property
    def property_names(self) -> tuple[str, ...]:
        """As the package names them."""
        return self.properties

    def solve(self, image: np.ndarray) -> dict[str, Any]:
        """The properties of one image; FloatingPointError where one is not finite, ValueError for too few or many."""
        y = np.array(self._function(image), dtype=np.float64).reshape(-1)
        if len(y) != len(self.property_names):
            raise ValueError(f"{self.reference} must return {', '.join(self.property_names)}, got {len(y)} numbers")
        if not np.isfinite(y).all():
            raise FloatingPointError(f"the simulator returned {', '.join(map(str, y.tolist()))}")
        return {"y": _plain(y)}

    @cached_property
    def _function(self) -> Any:
        return implementation_of(self.reference)(self.options, self.image_px)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_function"}


def _plain(values: np.ndarray) -> Any:
    """The one entry of an array for a single property, the array (D, ...) for several."""
    return values[0] if len(values) == 1 else values


def _done_row(values: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    return {**values, "status": int(Status.DONE), "error_class": "", "error_message": "", "seconds": seconds}


def _stack(optics: Optics, position: int) -> Stack:
    """The stack at one of the wavelengths."""
    from photonics.stack import Stack

    index = {name: complex(each.n[position], each.k[position]) for name, each in optics.materials.items()}
    return Stack(
        wavelength_nm=optics.wavelengths_nm[position],
        period_nm=optics.period_nm,
        incident_index=index[optics.incident],
        layers=tuple(_layer(layer, index) for layer in optics.layers),
        substrate_index=index[optics.substrate],
    )


def _layer(layer: LayerBlock, index: Mapping[str, complex]) -> Layer:
    from photonics.stack import PatternLayer, UniformLayer

    if isinstance(layer, PatternLayerBlock):
        return PatternLayer(layer.name, layer.thickness_nm, index[layer.white], index[layer.black])
    return UniformLayer(layer.name, layer.thickness_nm, index[layer.material])
