"""Stacks in which a diffraction order grazes exactly: their limit, where the equations themselves divide by zero.

At a Rayleigh-Wood anomaly the axial wavevector kz of an order vanishes in a uniform medium, and its admittance eps / kz
is lost. What is reflected, transmitted and absorbed has a limit there, and is smooth in kz on either side. So the stack
is solved with the permittivity of those media moved a little, which gives kz a few small values, and the polynomial
through the fractions found is taken where kz belongs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from photonics.rcwa.lattice import lay_out
from photonics.rcwa.numerics import Numerics
from photonics.solution import Solution
from photonics.stack import Incidence, Stack, UniformLayer

NEXT_TO_0 = 1e-7  # kz below which a stack is replaced by its neighbours, in units of k0; rounding leaves 1e-8 of a 0
STEPS = np.array([1.0, 2.0, 3.0, 4.0])
STEP = 5e-5  # of kz, in units of k0; errors of the polynomial grow as its fourth power, those of rounding as 1 / STEP
LEAST_STEP = 5e-8  # even in the thickest film
UNTOLD = 5.0  # errors of the limit at most, in units of what its last point changes, over 3000 random stacks
THICKEST = 20.0  # in 1/k0; in thicker films kz is smaller, for its product with the thickness to stay small


@dataclass(frozen=True)
class NearbyStacks:
    """Stacks in place of one that grazes, and where between them it lies.

    Attributes
    ----------
    stacks
        One for each of ``kz``.
    kz
        (4,), magnitude of the axial wavevector that grazes, in units of k0.
    wanted
        That of the stack itself.
    """

    stacks: tuple[Stack, ...]
    kz: np.ndarray
    wanted: float

    def limit(self, solutions: Sequence[Solution]) -> Solution:
        """The stack's own solution from those of its neighbours.

        The difference between polynomials through all of them and through all but the last is part of the estimated
        error.
        """
        weights, fewer = (_lagrange(self.kz[:count], self.wanted) for count in (len(self.kz), len(self.kz) - 1))
        fractions = ("reflection", "transmission", "layer_absorption", "reflected_orders", "transmitted_orders")
        values = {name: np.stack([getattr(each, name) for each in solutions]) for name in fractions}
        made = {name: np.tensordot(weights, value, axes=1) for name, value in values.items()}
        absorbed = 1 - values["reflection"] - values["transmission"]
        missed = np.tensordot(weights, absorbed, axes=1) - np.tensordot(fewer, absorbed[:-1], axes=1)
        errors = np.stack([each.error_estimate for each in solutions])
        estimate = np.abs(weights) @ errors + UNTOLD * np.abs(missed).max(axis=1)
        failures = {image: reason for each in solutions for image, reason in each.failures.items()}
        return replace(solutions[0], **made, error_estimate=estimate, failures=failures)  # type: ignore[arg-type]


def nearby_stacks(stack: Stack, numerics: Numerics, incidence: Incidence) -> NearbyStacks | None:
    """Stacks in which no order grazes, in place of one in which one does; None where none does."""
    step = stack.wavelength_nm / stack.period_nm
    lattice = lay_out(numerics, incidence, step, complex(stack.incident_index).real)
    media = [stack.incident_index, *(layer.index for layer in _films(stack)), stack.substrate_index]
    missing = {index: excess for index in media if (excess := _smallest(complex(index), lattice.parallel)) is not None}
    if not missing:
        return None
    nearest = min(missing.values(), key=abs)
    side = 1.0 if nearest >= 0 else -1.0
    thickest = max((stack.optical_thickness(film) for film in _films(stack) if film.index in missing), default=0.0)
    kz = STEPS * max(STEP / max(1.0, thickest / THICKEST), LEAST_STEP)
    stacks = tuple(_moved(stack, {i: side * value**2 - excess for i, excess in missing.items()}) for value in kz)
    return NearbyStacks(stacks, kz, float(np.sqrt(abs(nearest))))


def _films(stack: Stack) -> list[UniformLayer]:
    return [layer for layer in stack.layers if isinstance(layer, UniformLayer)]


def _smallest(index: complex, parallel: np.ndarray) -> float | None:
    """The real part of the smallest kz^2 of the orders in a medium where that grazes, else None."""
    squares = index**2 - parallel**2
    smallest = squares[np.argmin(np.abs(squares))]
    return float(smallest.real) if abs(smallest) < NEXT_TO_0**2 else None


def _moved(stack: Stack, by: dict[complex, float]) -> Stack:
    """The stack with the permittivity of some of its uniform media moved."""

    def moved(index: complex) -> complex:
        return complex(np.sqrt(complex(index) ** 2 + by[index])) if index in by else index

    return replace(
        stack,
        incident_index=moved(stack.incident_index),
        layers=tuple(
            replace(layer, index=moved(layer.index)) if isinstance(layer, UniformLayer) else layer
            for layer in stack.layers
        ),
        substrate_index=moved(stack.substrate_index),
    )


def _lagrange(nodes: np.ndarray, at: float) -> np.ndarray:
    """Weights of values at ``nodes`` in the polynomial through them, taken at one point."""
    others = [np.delete(nodes, i) for i in range(len(nodes))]
    return np.array([np.prod((at - rest) / (node - rest)) for node, rest in zip(nodes, others, strict=True)])
