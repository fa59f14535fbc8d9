"""The eigen-solver against closed forms, values of other codes and itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from photonics.rcwa import Numerics, solve
from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer

ImageMaker = Callable[..., np.ndarray]
EIGEN = Numerics(1, "square", solver="eigen")
WHITE = np.ones((1, 4, 4), dtype=np.uint8)
METAL = 0.0848 + 4.124j
OBLIQUE = [Incidence(0, 0), Incidence(37, 0), Incidence(37, 64), Incidence(81, -20)]


def fresnel(n1: float, n2: complex, polar_deg: float) -> tuple[list[float], list[float]]:
    """R and T of one interface for s and p: Born and Wolf, Principles of Optics, section 1.5."""
    tangential = n1 * math.sin(math.radians(polar_deg))
    z1, z2 = math.sqrt(n1**2 - tangential**2), np.sqrt(complex(n2) ** 2 - tangential**2)
    s, p = z1 + z2, n2**2 * z1 + n1**2 * z2
    R = [abs((z1 - z2) / s) ** 2, abs((n2**2 * z1 - n1**2 * z2) / p) ** 2]
    T = [abs(2 * z1 / s) ** 2 * z2.real / z1, abs(2 * n2**2 * z1 / p) ** 2 * (z2 / n2**2).real * n1**2 / z1]
    return R, T


def characteristic_matrices(stack: Stack, polar_deg: float, polarisation: int) -> tuple[float, float, list[float]]:
    """R, T and absorption per layer of uniform layers, by 2 x 2 matrices: Born and Wolf, section 1.6."""
    n0 = complex(stack.incident_index).real
    tangential = n0 * math.sin(math.radians(polar_deg))

    def admittance(index: complex) -> tuple[complex, complex]:
        z = np.sqrt(complex(index) ** 2 - tangential**2)
        return z, (z if polarisation == 0 else complex(index) ** 2 / z)

    _, y0 = admittance(n0)
    _, ys = admittance(stack.substrate_index)
    fields = [np.array([1, ys])]
    for layer in reversed(stack.layers):
        z, y = admittance(layer.index)
        delta = z * stack.optical_thickness(layer)
        matrix = np.array([[np.cos(delta), -1j * np.sin(delta) / y], [-1j * y * np.sin(delta), np.cos(delta)]])
        fields.append(matrix @ fields[-1])
    e, h = fields[-1]
    incident = abs((e + h / y0) / 2) ** 2 * y0.real
    crossing = [(e.conjugate() * h).real / incident for e, h in fields]
    return abs((e - h / y0) / (e + h / y0)) ** 2, crossing[0], list(-np.diff(crossing[::-1]))


@pytest.mark.parametrize("incidence", OBLIQUE)
@pytest.mark.parametrize(("n1", "n2"), [(1.0, 1.5), (1.5, 1.0), (1.0, 4.2 + 0.06j), (1.33, METAL), (1.0, 10j)])
def test_one_interface_is_fresnel(n1: float, n2: complex, incidence: Incidence) -> None:
    solution = solve(Stack(650, 430, n1, (), n2), WHITE, EIGEN, incidence)
    R, T = fresnel(n1, n2, incidence.polar_deg)
    np.testing.assert_allclose(solution.reflection, [R], atol=1e-10)
    np.testing.assert_allclose(solution.transmission, [T], atol=1e-10)


@pytest.mark.parametrize("incidence", OBLIQUE)
@pytest.mark.parametrize("substrate", [1.5, METAL])
@pytest.mark.parametrize("as_pattern", [False, True])
def test_films_are_characteristic_matrices(incidence: Incidence, substrate: complex, as_pattern: bool) -> None:
    films = [UniformLayer("a", 130, 1.7), UniformLayer("b", 210, 3.9 + 0.2j), UniformLayer("c", 25, METAL)]
    expected = Stack(650, 430, 1.2, tuple(films), substrate)
    stack = expected
    if as_pattern:
        # White everywhere, so the black index must not show.
        layers = (films[0], PatternLayer("b", 210, 3.9 + 0.2j, 1.0), films[2])
        stack = replace(expected, layers=layers)
    solution = solve(stack, WHITE, EIGEN, incidence)
    for polarisation in (0, 1):
        R, T, absorbed = characteristic_matrices(expected, incidence.polar_deg, polarisation)
        assert solution.reflection[0, polarisation] == pytest.approx(R, abs=1e-10)
        assert solution.transmission[0, polarisation] == pytest.approx(T, abs=1e-10)
        np.testing.assert_allclose(solution.layer_absorption[0, polarisation], absorbed, atol=1e-10)


def test_black_pixels_take_the_black_index() -> None:
    film = Stack(650, 430, 1.0, (UniformLayer("film", 200, 2.5 + 0.3j),), 1.5)
    pattern = replace(film, layers=(PatternLayer("film", 200, 1.0, 2.5 + 0.3j),))
    expected = solve(film, WHITE, EIGEN)
    np.testing.assert_allclose(solve(pattern, 0 * WHITE, EIGEN).reflection, expected.reflection, atol=1e-12)


@pytest.mark.parametrize("incidence", [Incidence(), Incidence(25, 40)])
def test_cutting_a_pattern_in_two_changes_nothing(make_image: ImageMaker, incidence: Incidence) -> None:
    whole = Stack(650, 1400, 1.0, (PatternLayer("p", 300, METAL, 1.8),), 1.5)
    cut = replace(whole, layers=(PatternLayer("top", 100, METAL, 1.8), PatternLayer("bottom", 200, METAL, 1.8)))
    image, numerics = make_image(4)[None], Numerics(3, solver="eigen")
    one, two = solve(whole, image, numerics, incidence), solve(cut, image, numerics, incidence)
    np.testing.assert_allclose(two.reflection, one.reflection, atol=1e-10)
    np.testing.assert_allclose(two.layer_absorption.sum(axis=2), one.layer_absorption[..., 0], atol=1e-10)


def test_patterns_of_their_own_in_every_layer(make_image: ImageMaker) -> None:
    top, bottom = make_image(5), make_image(6)
    layers = (PatternLayer("top", 120, 3.0, 1.0), PatternLayer("bottom", 90, 2.2 + 0.1j, 1.0))
    stack = Stack(650, 1400, 1.0, layers, 1.5)
    numerics = Numerics(2, solver="eigen")
    both = solve(stack, np.stack([top, bottom])[None], numerics)
    same = solve(stack, np.stack([top, top])[None], numerics)
    np.testing.assert_allclose(same.reflection, solve(stack, top[None], numerics).reflection, atol=1e-13)
    assert np.abs(both.reflection - same.reflection).max() > 1e-3


def test_very_thick_layers_stay_finite(make_image: ImageMaker) -> None:
    layers = (PatternLayer("p", 1e5, 3.5 + 0.1j, 1.2 + 0.05j), UniformLayer("film", 1e6, METAL))
    solution = solve(Stack(650, 900, 1.0, layers, 1.5), make_image(7)[None], Numerics(3, solver="eigen"))
    np.testing.assert_allclose(solution.transmission, 0, atol=1e-12)
    np.testing.assert_allclose(solution.layer_absorption[..., 0] + solution.reflection, 1, atol=1e-10)


@pytest.mark.long
@pytest.mark.authors
@pytest.mark.parametrize("solver", ["eigen", "transfer"])
@pytest.mark.parametrize(
    ("orders", "expected"),
    [(5, [0.768719665, 0.649201245, 0.675609045]), (7, [0.783776716, 0.740008810, 0.743097513])],
)
def test_published_images_give_the_values_of_other_codes(
    authors_dir: Path, orders: int, expected: list[float], solver: str
) -> None:
    # grcwa, torcwa and fmmax agree on these values to 7 digits or more.
    with h5py.File(authors_dir / "dataset_z4_part.hdf5") as file:
        images = file["x"][:3].astype(np.uint8)
    if solver == "eigen" and orders == 7:
        images, expected = images[:1], expected[:1]
    film = 4.2 + 0.06j
    layers = (PatternLayer("pattern", 200, film, 1.0), UniformLayer("film", 300, film))
    stack = Stack(650, 2000, 1.0, layers, np.sqrt(-17 + 0.7j))
    numerics = Numerics(orders, "square", pixels="dft", solver=solver)  # type: ignore[arg-type]
    np.testing.assert_allclose(solve(stack, images, numerics).unpolarised().absorption, expected, atol=1e-8)
