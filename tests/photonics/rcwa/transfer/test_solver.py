"""The fast solver against the obvious one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from photonics.rcwa import Numerics, SolverError, solve
from photonics.rcwa.chebyshev import BernsteinEllipse, plan_series
from photonics.rcwa.transfer import slab as slab_module
from photonics.rcwa.transfer.polynomials import BY_TANGENT
from photonics.stack import Incidence, Layer, PatternLayer, Stack, UniformLayer

ImageMaker = Callable[..., np.ndarray]

dielectrics = st.builds(complex, st.floats(1, 6), st.sampled_from([0.0, 0.01, 0.3, 2.0]))
metals = st.builds(complex, st.floats(0.05, 2), st.floats(2, 10))
materials = st.one_of(dielectrics, metals)
thicknesses = st.one_of(st.floats(0, 50), st.floats(50, 3000))
films = st.lists(st.tuples(st.floats(0, 600), materials), max_size=2)


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    above, below = draw(films), draw(films)
    layers = [UniformLayer(f"above {i}", *film) for i, film in enumerate(above)]
    layers.append(PatternLayer("pattern", draw(thicknesses), draw(materials), draw(materials)))
    layers += [UniformLayer(f"below {i}", *film) for i, film in enumerate(below)]
    # Irrational steps between orders keep every order away from grazing.
    step = draw(st.floats(0.15, 3)) * np.sqrt(2)
    return Stack(600, 600 / step, draw(st.sampled_from([1.0, 1.5])), tuple(layers), draw(materials))


def assert_agree(stack: Stack, images: np.ndarray, numerics: Numerics, incidence: Incidence, tolerance: float) -> None:
    fast = solve(stack, images, replace(numerics, solver="transfer"), incidence)
    try:
        slow = solve(stack, images, replace(numerics, solver="eigen"), incidence)
    except SolverError:  # a uniform pattern in which an order grazes: nothing to compare with
        reject()
    np.testing.assert_allclose(fast.reflection, slow.reflection, atol=tolerance, rtol=0)
    np.testing.assert_allclose(fast.transmission, slow.transmission, atol=tolerance, rtol=0)
    np.testing.assert_allclose(fast.layer_absorption, slow.layer_absorption, atol=tolerance, rtol=0)
    np.testing.assert_allclose(fast.reflected_orders, slow.reflected_orders, atol=tolerance, rtol=0)
    np.testing.assert_allclose(fast.transmitted_orders, slow.transmitted_orders, atol=tolerance, rtol=0)


# The same examples every time: a lossless stack drawn exactly onto a resonance has no digits to compare.
@pytest.mark.long
@settings(max_examples=120, derandomize=True)
@given(
    stack=stacks(),
    seed=st.integers(0, 20),
    white=st.floats(0, 1),
    orders=st.integers(0, 3),
    truncation=st.sampled_from(["square", "circular"]),
    factorization=st.sampled_from(["laurent", "li"]),
    incidence=st.builds(Incidence, st.sampled_from([0.0, 12.3, 71.0]), st.sampled_from([0.0, 33.0, 123.0])),
)
def test_agrees_with_the_eigen_solver(
    make_image: ImageMaker,
    stack: Stack,
    seed: int,
    white: float,
    orders: int,
    truncation: str,
    factorization: str,
    incidence: Incidence,
) -> None:
    numerics = Numerics(orders, truncation, factorization)  # type: ignore[arg-type]
    assert_agree(stack, make_image(seed, white=white)[None], numerics, incidence, 1e-9)


@pytest.mark.parametrize("orders", [5, 6])
def test_agrees_at_more_orders(silicon_on_metal: Stack, make_image: ImageMaker, orders: int) -> None:
    assert_agree(silicon_on_metal, make_image(1, px=32)[None], Numerics(orders), Incidence(), 1e-11)


@pytest.mark.parametrize("thickness", [3e3, 3e4, 1e6])
def test_doubling_stays_stable_in_thick_evanescent_layers(make_image: ImageMaker, thickness: float) -> None:
    # Decay of exp(-800) and more over the pattern: doubling without carrying U = A T loses six digits here.
    layers = (PatternLayer("pattern", thickness, 1.21 + 9.74j, 1.0),)
    stack = Stack(600, 215, 1.0, layers, 0.68 + 5.46j)
    assert_agree(stack, make_image(14)[None], Numerics(2, "square"), Incidence(), 1e-10)


@pytest.mark.parametrize("half_waves", [1, 2, 4, 8])
def test_half_wave_films_are_no_obstacle(half_waves: int) -> None:
    # cos(n k0 d / 2) = 0 for one half wave: C is singular, and must not be inverted.
    layers = (PatternLayer("pattern", half_waves * 150, 2.0, 1.0),)
    white = np.ones((1, 4, 4), dtype=np.uint8)
    assert_agree(Stack(600, 430, 1.0, layers, 1.5), white, Numerics(1), Incidence(), 1e-12)


@st.composite
def patterned_stacks(draw: st.DrawFn) -> Stack:
    """Two or three patterned layers with up to one uniform layer above, below and between them."""
    layers: list[Layer] = []
    for i in range(draw(st.integers(2, 3))):
        if draw(st.booleans()):
            layers.append(UniformLayer(f"film {i}", *draw(st.tuples(thicknesses, materials))))
        layers.append(PatternLayer(f"pattern {i}", draw(thicknesses), draw(materials), draw(materials)))
    if draw(st.booleans()):
        layers.append(UniformLayer("last", *draw(st.tuples(thicknesses, materials))))
    step = draw(st.floats(0.15, 3)) * np.sqrt(2)
    return Stack(600, 600 / step, draw(st.sampled_from([1.0, 1.5])), tuple(layers), draw(materials))


@pytest.mark.long
@settings(max_examples=80, derandomize=True)
@given(
    stack=patterned_stacks(),
    seed=st.integers(0, 20),
    orders=st.integers(0, 2),
    truncation=st.sampled_from(["square", "circular"]),
    factorization=st.sampled_from(["laurent", "li"]),
    incidence=st.builds(Incidence, st.sampled_from([0.0, 12.3, 71.0]), st.sampled_from([0.0, 33.0, 123.0])),
)
def test_several_patterns_agree_with_the_eigen_solver(
    make_image: ImageMaker,
    stack: Stack,
    seed: int,
    orders: int,
    truncation: str,
    factorization: str,
    incidence: Incidence,
) -> None:
    images = np.stack([make_image(seed + i, white=0.3 + 0.2 * i) for i in range(stack.pattern_count)])
    numerics = Numerics(orders, truncation, factorization)  # type: ignore[arg-type]
    assert_agree(stack, images[None], numerics, incidence, 1e-9)


def test_cutting_a_pattern_in_two_changes_nothing(make_image: ImageMaker) -> None:
    whole = Stack(650, 1400, 1.0, (PatternLayer("p", 300, 0.08 + 4.1j, 1.8),), 1.5)
    cut = (PatternLayer("top", 100, 0.08 + 4.1j, 1.8), PatternLayer("bottom", 200, 0.08 + 4.1j, 1.8))
    image, numerics = make_image(4)[None], Numerics(4, solver="transfer")
    one = solve(whole, image, numerics, Incidence(25, 40))
    two = solve(replace(whole, layers=cut), image, numerics, Incidence(25, 40))
    np.testing.assert_allclose(two.reflection, one.reflection, atol=1e-11)
    np.testing.assert_allclose(two.layer_absorption.sum(axis=2), one.layer_absorption[..., 0], atol=1e-11)


@pytest.mark.parametrize("incidence", [Incidence(), Incidence(50, 20)])
def test_no_pattern_at_all(incidence: Incidence) -> None:
    layers = (UniformLayer("a", 90, 1.7), UniformLayer("b", 140, 3.9 + 0.2j))
    images = np.zeros((2, 0, 4, 4), dtype=np.uint8)
    assert_agree(Stack(600, 430, 1.2, layers, 0.1 + 4j), images, Numerics(1), incidence, 1e-12)


def test_eigenvalues_beyond_the_bound_is_noticed(
    monkeypatch: pytest.MonkeyPatch, silicon_on_metal: Stack, make_image: ImageMaker
) -> None:
    thickness = silicon_on_metal.optical_thickness(silicon_on_metal.layers[0])
    narrow = plan_series(BernsteinEllipse(-0.5, 0.5), thickness / 2, 1e-9, BY_TANGENT)
    monkeypatch.setattr(slab_module, "plan_series", lambda *_: narrow)
    message = r"^image 0 of 1: the Chebyshev expansion of the patterned layer misses cos\^2 \+ sin\^2 = 1 by "
    with pytest.raises(SolverError, match=message):
        solve(silicon_on_metal, make_image(1)[None], Numerics(2, solver="transfer"))
