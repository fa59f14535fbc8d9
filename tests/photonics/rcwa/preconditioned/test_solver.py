"""The fastest solver against the obvious one, and what it does not take."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from photonics.rcwa import Numerics, SolverError, solve
from photonics.rcwa.numerics import Solver
from photonics.rcwa.powers import Powers
from photonics.rcwa.preconditioned import pattern_system
from photonics.rcwa.preconditioned.limits import why_not
from photonics.rcwa.preconditioned.solver import PreconditionedSolver
from photonics.rcwa.solver import transfer_is_quicker
from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer

ImageMaker = Callable[..., np.ndarray]
NORMAL = Incidence()

dielectrics = st.builds(complex, st.floats(1, 5), st.sampled_from([0.0, 0.003, 0.06, 0.3]))
films = st.lists(st.tuples(st.floats(0, 600), dielectrics), max_size=2)


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    layers = [UniformLayer(f"above {i}", *film) for i, film in enumerate(draw(films))]
    thickness = draw(st.one_of(st.floats(0, 5), st.floats(5, 300)))
    layers.append(PatternLayer("pattern", thickness, draw(dielectrics), draw(dielectrics)))  # type: ignore[arg-type]
    layers += [UniformLayer(f"below {i}", *film) for i, film in enumerate(draw(films))]
    substrate = draw(st.sampled_from([1.5, 100j, 0.08 + 4.1j, 3.8 + 0.02j]))
    # Irrational steps between orders keep nearly every order away from grazing.
    step = draw(st.floats(0.1, 2)) * np.sqrt(2)
    return Stack(600, 600 / step, draw(st.sampled_from([1.0, 1.5])), tuple(layers), substrate)


def can_be_solved(stack: Stack, numerics: Numerics) -> bool:
    try:
        return why_not(stack, numerics, NORMAL) is None
    except ValueError:  # an index that is a multiple of the step: an order grazes
        return False


# The same examples every time: a lossless stack drawn exactly onto a resonance has no digits to compare.
@settings(max_examples=150, derandomize=True)
@given(
    stack=stacks(),
    seed=st.integers(0, 20),
    white=st.floats(0, 1),
    orders=st.integers(0, 4),
    truncation=st.sampled_from(["square", "circular"]),
    pixels=st.sampled_from(["exact", "dft"]),
    accuracy=st.sampled_from([1e-3, 1e-6, 1e-9]),
)
@pytest.mark.long
def test_agrees_with_the_eigen_solver_to_the_accuracy_asked_for(
    make_image: ImageMaker,
    stack: Stack,
    seed: int,
    white: float,
    orders: int,
    truncation: str,
    pixels: str,
    accuracy: float,
) -> None:
    if pixels == "dft":
        orders = min(orders, 3)
    numerics = Numerics(orders, truncation, pixels=pixels, solver="preconditioned", accuracy=accuracy)  # type: ignore[arg-type]
    assume(can_be_solved(stack, numerics))
    image = make_image(seed, white=white)[None]
    fast = solve(stack, image, numerics)
    try:
        slow = solve(stack, image, replace(numerics, solver="eigen"))
    except SolverError:  # a uniform pattern in which an order grazes: nothing to compare with
        reject()
    np.testing.assert_allclose(fast.reflection, slow.reflection, atol=accuracy, rtol=0)
    np.testing.assert_allclose(fast.transmission, slow.transmission, atol=accuracy, rtol=0)
    np.testing.assert_allclose(fast.layer_absorption, slow.layer_absorption, atol=accuracy, rtol=0)


@pytest.mark.parametrize(("orders", "direct"), [(3, True), (5, False)])
@pytest.mark.parametrize("accuracy", [1e-3, 1e-6, 1e-11])
def test_both_stand_ins_agree_with_the_transfer_method(
    silicon_on_metal: Stack, make_image: ImageMaker, orders: int, direct: bool, accuracy: float
) -> None:
    numerics = Numerics(orders, "square", solver="preconditioned", accuracy=accuracy)
    assert ((2 * orders + 1) ** 2 <= pattern_system.DIRECT) == direct
    images = np.stack([make_image(seed, px=32) for seed in range(3)])
    fast = solve(silicon_on_metal, images, numerics)
    sure = solve(silicon_on_metal, images, replace(numerics, solver="transfer", accuracy=1e-12))
    np.testing.assert_allclose(fast.layer_absorption, sure.layer_absorption, atol=accuracy, rtol=0)
    assert (np.abs(fast.absorption - sure.absorption).max(axis=1) <= fast.error_estimate + 1e-12).all()
    assert (fast.error_estimate <= accuracy).all()


@pytest.mark.parametrize("orders", [2, 5])
@pytest.mark.parametrize("accuracy", [1e-3, 1e-6, 1e-9])
def test_the_numbers_of_an_image_do_not_depend_on_its_batch(
    silicon_on_metal: Stack, make_image: ImageMaker, orders: int, accuracy: float
) -> None:
    solver = PreconditionedSolver(silicon_on_metal, Numerics(orders, accuracy=accuracy), NORMAL)
    # From nothing to almost everything etched, so that some take more iterations than others.
    images = np.stack([make_image(i, px=32, white=i / 6) for i in range(7)])[:, None]
    alone = solver.powers_batch(images, chunk=1)
    for chunk in (3, 100):
        for one, other in zip(alone, solver.powers_batch(images, chunk=chunk), strict=True):
            assert isinstance(one, Powers)
            assert isinstance(other, Powers)
            for left, right in zip(one, other, strict=True):
                np.testing.assert_array_equal(left, right)


def test_an_image_that_fails_leaves_the_others_alone(
    silicon_on_metal: Stack, make_image: ImageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.stack([make_image(seed) for seed in range(3)])
    images[1] = 1
    plain = pattern_system.PatternSystem.solve

    def fails_on_white(self: pattern_system.PatternSystem, part: np.ndarray, pixels: str) -> object:
        if part.all(axis=(1, 2)).any():
            raise SolverError("the iterations stopped")
        return plain(self, part, pixels)

    numerics = Numerics(3, solver="preconditioned")
    expected = solve(silicon_on_metal, images, numerics)
    monkeypatch.setattr(pattern_system.PatternSystem, "solve", fails_on_white)
    found = solve(silicon_on_metal, images, numerics, keep_failures=True)
    assert found.failures == {1: "the iterations stopped"}
    np.testing.assert_array_equal(found.absorption[[0, 2]], expected.absorption[[0, 2]])
    # Asked to choose, the solver takes the transfer method for that image.
    automatic = solve(silicon_on_metal, images, replace(numerics, solver="auto"))
    np.testing.assert_array_equal(automatic.absorption[[0, 2]], expected.absorption[[0, 2]])
    sure = solve(silicon_on_metal, images[1:2], replace(numerics, solver="transfer"))
    np.testing.assert_array_equal(automatic.absorption[1], sure.absorption[0])


def test_less_accuracy_takes_fewer_iterations(
    silicon_on_metal: Stack, make_image: ImageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int] = []

    def count(*arguments: object) -> object:
        found = block_gmres(*arguments)  # type: ignore[arg-type]
        used[-1] += int(found.iterations[0])
        return found

    block_gmres = pattern_system.block_gmres
    monkeypatch.setattr(pattern_system, "block_gmres", count)
    for accuracy in (1e-3, 1e-6, 1e-9):
        used.append(0)
        solve(silicon_on_metal, make_image(3)[None], Numerics(5, solver="preconditioned", accuracy=accuracy))
    assert 2 < used[0] < used[1] < used[2] < 25


@pytest.mark.parametrize(
    ("changes", "numerics", "incidence", "reason"),
    [
        ({}, {}, Incidence(5), "normal incidence, got polar_deg 5"),
        ({}, {"factorization": "li"}, NORMAL, "factorization 'laurent', got 'li'"),
        ({"layers": ()}, {}, NORMAL, "exactly one patterned layer, got 0"),
        (
            {"layers": (PatternLayer("p", 50, 0.1 + 4j, 1.0),)},
            {},
            NORMAL,
            "two dielectrics of loss tangents up to 0.3, got permittivities -16+0.8j, 1+0j",
        ),
        (
            {"layers": (PatternLayer("p", 50, 7.0, 1.0),)},
            {},
            NORMAL,
            "permittivities whose ratio is at most 36, got 49+0j and 1+0j",
        ),
        (
            {"layers": (PatternLayer("p", 900, 2.0, 1.0),)},
            {},
            NORMAL,
            "a thinner pattern, fewer orders or less accuracy: evanescent waves decay by exp(14.8) in the pattern, "
            "beyond an accuracy of 1e-09",
        ),
    ],
)
def test_stacks_that_do_not_suit_are_refused(
    silicon_on_metal: Stack, changes: dict, numerics: dict, incidence: Incidence, reason: str
) -> None:
    stack = replace(silicon_on_metal, **changes)
    message = f"solver 'preconditioned' needs {reason}; use solver='auto'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        PreconditionedSolver(stack, Numerics(3, "square", **numerics), incidence)


def test_auto_takes_the_transfer_method_where_iterations_fail(
    silicon_on_metal: Stack, make_image: ImageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, numerics = make_image(5)[None], Numerics(3)
    monkeypatch.setattr(pattern_system, "MOST_ITERATIONS", 1)
    monkeypatch.setattr(pattern_system, "MOST_ROUNDS", 1)
    with pytest.raises(SolverError, match=r"^image 0 of 1: the iterations of the preconditioned solver stopped at a"):
        solve(silicon_on_metal, image, replace(numerics, solver="preconditioned"))
    automatic = solve(silicon_on_metal, image, numerics)
    sure = solve(silicon_on_metal, image, replace(numerics, solver="transfer"))
    np.testing.assert_array_equal(automatic.absorption, sure.absorption)


@pytest.mark.parametrize(("thickness", "solver"), [(200, "preconditioned"), (900, "transfer")])
def test_auto_is_the_quicker_solver(
    silicon_on_metal: Stack, make_image: ImageMaker, thickness: float, solver: Solver
) -> None:
    pattern, film = silicon_on_metal.layers
    stack = replace(silicon_on_metal, layers=(replace(pattern, thickness_nm=thickness), film))
    image, numerics = make_image(5)[None], Numerics(3, accuracy=1e-6)
    automatic = solve(stack, image, numerics)
    quicker = solve(stack, image, replace(numerics, solver=solver))
    np.testing.assert_array_equal(automatic.absorption, quicker.absorption)


def test_the_transfer_method_is_quicker_for_few_orders_and_thick_layers() -> None:
    thin, thick, thickest = (Stack(980, 2000, 1.0, (PatternLayer("p", t, 1.0, 4.8),), 1.0) for t in (70, 450, 700))
    assert not transfer_is_quicker(thin, Numerics(2))
    assert transfer_is_quicker(thick, Numerics(2, accuracy=1e-9))
    assert not transfer_is_quicker(thick, Numerics(2, accuracy=1e-3))
    assert not transfer_is_quicker(thick, Numerics(3, accuracy=1e-9))
    assert transfer_is_quicker(thickest, Numerics(4, accuracy=1e-3))
    assert not transfer_is_quicker(thickest, Numerics(5))
