"""Stacks in which an order grazes exactly: the limit from either side, by every solver, with an honest error."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from photonics.rcwa import Numerics, solve
from photonics.rcwa.grazing import nearby_stacks
from photonics.solution import Solution
from photonics.stack import Incidence, Layer, PatternLayer, Stack, UniformLayer

SILICON, MIRROR, GLASS = 4.8 + 0.025j, 100j, 1.5 + 0j
ETCH, FILM = PatternLayer("etch", 71.7, 1.0, SILICON), UniformLayer("film", 553.7, SILICON)
CRITICAL_DEG = math.degrees(math.asin(1 / 1.5))


def stack(wavelength_nm: float, *between: Layer, incident: complex = 1.0, substrate: complex = MIRROR) -> Stack:
    return Stack(wavelength_nm, 2000.0, incident, (ETCH, *between, FILM), substrate)


NORMAL = Incidence()
CASES = {
    "in the incident medium": (stack(1000.0), NORMAL),
    "in the substrate": (stack(1000.0, substrate=1.0), NORMAL),
    "in the substrate alone": (stack(1500.0, substrate=GLASS), NORMAL),
    "in a film": (stack(1500.0, UniformLayer("glass", 300.0, GLASS)), NORMAL),
    "in a thick film": (stack(1000.0, UniformLayer("air", 30000.0, 1.0)), NORMAL),
    "in three media": (stack(1500.0, UniformLayer("g", 1300.0, GLASS), incident=GLASS, substrate=GLASS), NORMAL),
    "order 0 in a film": (
        stack(1100.0, UniformLayer("air", 300.0, 1.0), incident=GLASS),
        Incidence(CRITICAL_DEG, 0.0),
    ),
    "order 0 in the substrate": (stack(1100.0, incident=GLASS, substrate=1.0), Incidence(CRITICAL_DEG, 30.0)),
    "back along the light": (stack(750.0), Incidence(math.degrees(math.asin(0.25)), 0.0)),
}


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    blocks = np.random.default_rng(0).random((1, 8, 8)) < 0.4
    return blocks.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)


def absorbed(solution: Solution) -> np.ndarray:
    return 1 - solution.reflection - solution.transmission


def numerics(solver: str, orders: int = 2) -> Numerics:
    return Numerics(orders, truncation="square", solver=solver, accuracy=1e-10)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_solvers_agree_within_their_estimates(case: str, image: np.ndarray) -> None:
    made, incidence = CASES[case]
    orders = 3 if case == "back along the light" else 2
    assert nearby_stacks(made, numerics("eigen", orders), incidence) is not None
    judge = solve(made, image, numerics("eigen", orders), incidence)
    found = solve(made, image, numerics("auto", orders), incidence)
    assert float(judge.error_estimate[0]) < 1e-9
    assert np.abs(absorbed(found) - absorbed(judge)).max() < float(judge.error_estimate[0] + found.error_estimate[0])
    assert np.abs(absorbed(found) - found.layer_absorption.sum(axis=-1)).max() < 1e-9
    assert found.reflected_orders.min() > -1e-9


@pytest.mark.parametrize("solver", ["transfer", "eigen"])
@pytest.mark.parametrize("case", ["in the incident medium", "in the substrate", "in a film", "in a thick film"])
def test_both_sides_lead_to_the_limit(case: str, solver: str, image: np.ndarray) -> None:
    made, incidence = CASES[case]
    limit = absorbed(solve(made, image, numerics(solver), incidence))
    for side in (1, -1):
        near, nearer = (
            np.abs(absorbed(solve(moved, image, numerics(solver), incidence)) - limit).max()
            for moved in (replace(made, wavelength_nm=made.wavelength_nm * (1 + side * by)) for by in (1e-8, 1e-10))
        )
        assert nearer < 1e-4
        assert nearer < near / 5  # as kz, the root of the detuning, or faster


def test_stacks_next_to_grazing_are_taken_where_they_are(image: np.ndarray) -> None:
    """No step where the limit takes over from the equations, on either side of the anomaly."""
    made, incidence = CASES["in the incident medium"]
    for side in (1, -1):
        outside, inside = (
            absorbed(
                solve(replace(made, wavelength_nm=1000.0 * (1 + side * by)), image, numerics("transfer"), incidence)
            )
            for by in (5.1e-15 * 1.1, 5.1e-15 * 0.9)
        )
        assert np.abs(outside - inside).max() < 2e-8


def test_where_none_grazes_nothing_changes() -> None:
    assert nearby_stacks(stack(1001.0), numerics("auto"), NORMAL) is None
    assert nearby_stacks(stack(1000.0), numerics("auto", 1), NORMAL) is None
