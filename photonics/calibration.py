"""Fit the physical parameters of a family of stacks to images of a known property, by gradients from many starts.

A family fixes what the layers are made of; free are the wavelength, the period and the thicknesses, each between two
bounds. Its landscape is full of resonances, so a cheap screening of many starts comes first (``screen``), with the
fastest solver, and descents by autograd through the transfer method from the best of them (``refine``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.stats import qmc
from torch import Tensor

from photonics.materials import TabulatedMaterial
from photonics.rcwa import Numerics, SolverError, solve
from photonics.rcwa.transfer.differentiable import TensorPattern, TensorStack, TensorUniform, powers
from photonics.solution import POLARIZATIONS
from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer

Material = complex | TabulatedMaterial
Fractions = TypeVar("Fractions", np.ndarray, Tensor)
Length = TypeVar("Length", float, Tensor)
NORMAL_INCIDENCE = Incidence()
WAVELENGTH, PERIOD = "wavelength_nm", "period_nm"
PERIOD_IN_WAVELENGTHS = "period_wavelengths"  # the period by the wavelength, which decides what orders propagate


@dataclass(frozen=True)
class FamilyLayer:
    """A layer by the names of its materials: ``(white, black)`` of a pattern, ``(material,)`` of a film."""

    name: str
    materials: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Stacks alike in their materials.

    ``bounds`` holds lowest and highest value of every free parameter, ``fixed`` the values of the others; together they
    name the wavelength, the period, in nm or in wavelengths, and every layer, whose value is its thickness in nm.
    ``wanted`` is what is compared: 'total' absorption, 'reflection', 'transmission' or a layer, for what it absorbs;
    ``polarization`` is a key of ``POLARIZATIONS``. It is the mean over light of the wavelength times each number of
    ``band``.
    """

    layers: tuple[FamilyLayer, ...]
    materials: Mapping[str, Material]
    incident: str
    substrate: str
    numerics: Numerics
    wanted: str
    bounds: Mapping[str, tuple[float, float]]
    fixed: Mapping[str, float]
    incidence: Incidence = NORMAL_INCIDENCE
    polarization: str = "unpolarised"
    band: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        given = [*self.bounds, *self.fixed]
        period = PERIOD_IN_WAVELENGTHS if PERIOD_IN_WAVELENGTHS in given else PERIOD
        wanted = {WAVELENGTH, period, *(layer.name for layer in self.layers)}
        if sorted(given) != sorted(wanted):
            raise ValueError(
                f"bounds and fixed must together name each of {', '.join(sorted(wanted))} once, got "
                f"{', '.join(sorted(given))}"
            )
        if not self.bounds:
            raise ValueError("bounds must leave at least one parameter free, got none; widen the range of one")
        for name, (low, high) in self.bounds.items():
            if not 0 < low < high:
                raise ValueError(
                    f"bounds of {name!r} must be two numbers with 0 < low < high, got {low!r} and {high!r}"
                )

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free parameters, in the order of every vector of values."""
        return tuple(self.bounds)

    def values(self, unit: np.ndarray) -> np.ndarray:
        """Parameters (..., P) from positions in the unit cube: lengths are spread evenly in their logarithm."""
        low, high = np.log(np.array(list(self.bounds.values()))).T
        return np.exp(low + unit * (high - low))

    def unit(self, values: np.ndarray) -> np.ndarray:
        """Inverse of ``values``."""
        low, high = np.log(np.array(list(self.bounds.values()))).T
        return (np.log(values) - low) / (high - low)

    def known(self, values: np.ndarray) -> dict[str, float]:
        """Every parameter by name, fixed or free, lengths in nm."""
        return _with_period({**self.fixed, **dict(zip(self.free, values.tolist(), strict=True))})

    def stack(self, values: np.ndarray, of_band: float = 1.0) -> Stack:
        """The stack of one vector of parameters (P,), in light of the wavelength times ``of_band``.

        Raises ValueError for a wavelength outside of a table.
        """
        known = self.known(values)
        known[WAVELENGTH] *= of_band
        index = {
            name: material.index(known[WAVELENGTH]) if isinstance(material, TabulatedMaterial) else material
            for name, material in self.materials.items()
        }

        def layer(source: FamilyLayer) -> PatternLayer | UniformLayer:
            kind = PatternLayer if len(source.materials) == 2 else UniformLayer
            return kind(source.name, known[source.name], *(index[name] for name in source.materials))

        return Stack(
            known[WAVELENGTH],
            known[PERIOD],
            index[self.incident],
            tuple(layer(source) for source in self.layers),
            index[self.substrate],
        )

    def tensor_stack(self, values: Tensor, of_band: float = 1.0) -> TensorStack:
        """``stack`` in tensors, differentiable in the parameters, float64 (P,)."""
        known: dict[str, Tensor] = dict(zip(self.free, values, strict=True))
        known |= {name: torch.tensor(value, dtype=torch.float64) for name, value in self.fixed.items()}
        known = _with_period(known)
        known[WAVELENGTH] = known[WAVELENGTH] * of_band
        index = {name: _index(material, known[WAVELENGTH]) for name, material in self.materials.items()}

        def layer(source: FamilyLayer) -> TensorPattern | TensorUniform:
            kind = TensorPattern if len(source.materials) == 2 else TensorUniform
            return kind(source.name, known[source.name], *(index[name] for name in source.materials))

        return TensorStack(
            known[WAVELENGTH],
            known[PERIOD],
            index[self.incident].real,
            tuple(layer(source) for source in self.layers),
            index[self.substrate],
        )

    def property_of(self, reflection: Fractions, transmission: Fractions, layer_absorption: Fractions) -> Fractions:
        """The property, (B,), of power fractions (B, 2), and (B, 2, layers) by layer; arrays or tensors."""
        if self.wanted == "total":
            fraction = 1 - reflection - transmission
        elif self.wanted in ("reflection", "transmission"):
            fraction = reflection if self.wanted == "reflection" else transmission
        else:
            fraction = layer_absorption[..., [layer.name for layer in self.layers].index(self.wanted)]
        s, p = POLARIZATIONS[self.polarization]
        return fraction[:, 0] * s + fraction[:, 1] * p


def _with_period(known: dict[str, Length]) -> dict[str, Length]:
    """The parameters with the period in nm, if it was given in wavelengths."""
    if PERIOD_IN_WAVELENGTHS not in known:
        return known
    lengths = {name: value for name, value in known.items() if name != PERIOD_IN_WAVELENGTHS}
    return {**lengths, PERIOD: known[PERIOD_IN_WAVELENGTHS] * known[WAVELENGTH]}


def _index(material: Material, wavelength: Tensor) -> Tensor:
    """Refractive index, complex128 (), differentiable in the wavelength."""
    if not isinstance(material, TabulatedMaterial):
        return torch.tensor(complex(material), dtype=torch.complex128)
    # A tangent of the table's broken line: its value here and its slope to either side.
    at, points = wavelength.item(), material.wavelengths_nm
    left = int(np.clip(np.searchsorted(points, at, side="right") - 1, 0, len(points) - 2))
    table = material.n + 1j * material.k
    slope = complex((table[left + 1] - table[left]) / (points[left + 1] - points[left]))
    return material.index(at) + slope * (wavelength - at)


def starts(family: Family, count: int, seed: int) -> np.ndarray:
    """Parameters to start from, (count, P): a scrambled Sobol sequence that fills the bounds evenly."""
    sequence = qmc.Sobol(len(family.free), seed=np.random.default_rng(seed))
    # A power of two of them: less is not even.
    return family.values(sequence.random_base2((count - 1).bit_length())[:count])


def screen(family: Family, values: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Property of images (B, H, W) for each row of parameters (S, P), (S, B); NaN rows where the solver fails."""
    property_ = np.full((len(values), len(images)), np.nan)
    for row, parameters in zip(property_, values, strict=True):
        try:
            stacks = [family.stack(parameters, of_band) for of_band in family.band]
            solutions = [solve(stack, images, family.numerics, family.incidence) for stack in stacks]
        except (ValueError, SolverError):
            continue  # an order grazes, or a wavelength lies outside of a table: no stack to start from
        fractions = [(each.reflection, each.transmission, each.layer_absorption) for each in solutions]
        row[:] = np.mean([family.property_of(*each) for each in fractions], axis=0)
    return property_


def loss_and_gradient(
    family: Family, values: np.ndarray, images: np.ndarray, targets: np.ndarray
) -> tuple[float, np.ndarray]:
    """Mean squared error of the property of images (B, H, W) against targets (B,), and its gradient (P,)."""
    parameters = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    loss, gradient = 0.0, np.zeros(len(values))
    # Image by image, for their intermediate results would fill the memory; each builds its stack anew.
    for image, target in zip(images, targets, strict=True):
        stacks = [family.tensor_stack(parameters, of_band) for of_band in family.band]
        absorbed = torch.cat([_property(family, stack, image) for stack in stacks]).mean()
        error = (absorbed - float(target)) ** 2 / len(images)
        loss += error.item()
        gradient += torch.autograd.grad(error, parameters)[0].numpy()
    return loss, gradient


def _property(family: Family, stack: TensorStack, image: np.ndarray) -> Tensor:
    pattern = torch.as_tensor(image, dtype=torch.float64).expand(1, len(stack.patterns), -1, -1)
    solved = powers(stack, stack.permittivities(pattern), family.numerics, family.incidence)
    return family.property_of(solved.reflection, solved.transmission, solved.layer_absorption)


@dataclass(frozen=True)
class Fit:
    """Parameters (P,) found and the mean squared error there."""

    values: np.ndarray
    loss: float


def refine(family: Family, start: np.ndarray, images: np.ndarray, targets: np.ndarray, iterations: int) -> Fit:
    """Descend from parameters (P,) by L-BFGS within the bounds; the best point met, even if a later one fails."""
    best = Fit(start, np.inf)

    def objective(unit: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best
        values = family.values(unit)
        try:
            loss, gradient = loss_and_gradient(family, values, images, targets)
        except (ValueError, SolverError):
            return np.inf, np.zeros_like(unit)
        if loss < best.loss:
            best = Fit(values, loss)
        low, high = np.log(np.array(list(family.bounds.values()))).T
        return loss, gradient * values * (high - low)

    unit = np.clip(family.unit(start), 0, 1)
    bounds = [(0.0, 1.0)] * len(unit)
    options = {"maxiter": iterations, "maxfun": 2 * iterations}
    minimize(objective, unit, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return best
