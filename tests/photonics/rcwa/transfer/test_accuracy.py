"""What accuracy is asked for, what precision follows, what error is said to be left, and what really is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from photonics.rcwa import Numerics, solve
from photonics.rcwa.tensor_stack import TensorStack
from photonics.rcwa.transfer import cascade as cascade_module
from photonics.rcwa.transfer.arithmetic import Arithmetic, Quality, choose, optical_phase
from photonics.rcwa.transfer.cascade import Cascade
from photonics.solution import Solution
from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer

ImageMaker = Callable[..., np.ndarray]

dielectrics = st.builds(complex, st.floats(1, 6), st.sampled_from([0.0, 0.01, 0.3, 2.0]))
metals = st.builds(complex, st.floats(0.05, 2), st.floats(2, 10))
materials = st.one_of(dielectrics, dielectrics, metals)


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    """One or two patterned layers and some films."""
    layers: list[UniformLayer | PatternLayer] = []
    for i in range(draw(st.integers(1, 2))):
        if draw(st.booleans()):
            layers.append(UniformLayer(f"film {i}", draw(st.floats(0, 600)), draw(materials)))
        thickness = draw(st.one_of(st.floats(0, 50), st.floats(50, 2000)))
        layers.append(PatternLayer(f"pattern {i}", thickness, draw(materials), draw(materials)))
    step = draw(st.floats(0.15, 2)) * np.sqrt(2)
    return Stack(600, 600 / step, 1.0, tuple(layers), draw(materials))


def error_of(solution: Solution, judge: Solution) -> float:
    """Largest error of the absorbed fraction of one image, by layers and as a sum."""
    by_layer = np.abs(solution.layer_absorption - judge.layer_absorption).max(initial=0)
    return max(by_layer, np.abs(solution.absorption - judge.absorption).max())


@pytest.mark.long
@settings(max_examples=60, derandomize=True)
@given(
    stack=stacks(),
    seed=st.integers(0, 20),
    orders=st.integers(0, 3),
    accuracy=st.sampled_from([1e-2, 1e-3, 1e-5, 1e-7, 1e-10]),
    incidence=st.builds(Incidence, st.sampled_from([0.0, 41.0]), st.just(33.0)),
)
def test_estimates_cover_the_errors(
    make_image: ImageMaker, stack: Stack, seed: int, orders: int, accuracy: float, incidence: Incidence
) -> None:
    image, numerics = make_image(seed)[None], Numerics(orders, solver="transfer", accuracy=accuracy)
    solution = solve(stack, image, numerics, incidence)
    judge = solve(stack, image, replace(numerics, solver="eigen"), incidence)
    error = error_of(solution, judge)
    [estimate] = solution.error_estimate
    assert error <= 10 * (estimate + judge.error_estimate[0])
    # Sharp resonances of lossless stacks take more digits than there are; they are to be said.
    assert error <= accuracy or estimate > accuracy / 10


@pytest.mark.parametrize(
    ("accuracy", "phase", "dtype"),
    [
        (1e-9, 0.0, torch.complex128),
        (9e-6, 0.0, torch.complex128),
        (1e-5, 5.0, torch.complex64),
        (1e-5, 200.0, torch.complex128),
        (1e-3, 200.0, torch.complex64),
    ],
)
def test_precision_follows_accuracy_and_phase(accuracy: float, phase: float, dtype: torch.dtype) -> None:
    assert choose(accuracy, phase) == Arithmetic(dtype, accuracy / 4)


def test_phase_ends_where_light_is_absorbed() -> None:
    def phase(thickness: float, white: complex, black: complex) -> float:
        return optical_phase(Stack(2 * np.pi, 100, 1.0, (PatternLayer("p", thickness, white, black),), 1.0))

    assert phase(3.0, 4.0, 1.0) == pytest.approx(12.0)
    assert phase(3.0, 4.0 + 2j, 1.0) == pytest.approx(3.0)
    assert phase(1e9, 4.0 + 2j, 2.0 + 2j) == pytest.approx(2.0)


def test_error_grows_with_everything_that_spoils_it() -> None:
    def error(
        dtype: torch.dtype = torch.complex128, tail: float = 1e-12, phase: float = 1.0, **quality: float
    ) -> float:
        values = {"enhancement": 2.0, "identity": 1e-14, **quality}
        return (
            Arithmetic(dtype, tail).error(phase, Quality(*(torch.tensor([value]) for value in values.values()))).item()
        )

    least = error()
    assert 1e-16 < least < 1e-12
    assert error(torch.complex64) > 1e6 * least
    assert all(more > 5 * least for more in (error(tail=1e-9), error(enhancement=1e3), error(identity=1e-9)))
    assert error(phase=1e4) > 5 * least


def test_single_precision_is_used_and_redone_where_it_is_poor(
    monkeypatch: pytest.MonkeyPatch, make_image: ImageMaker, silicon_on_metal: Stack
) -> None:
    seen: list[torch.dtype] = []
    plain = Cascade.solve

    def spy(self: Cascade, permittivities, arithmetic: Arithmetic, **choices: bool):
        seen.append(arithmetic.dtype)
        return plain(self, permittivities, arithmetic, **choices)

    monkeypatch.setattr(Cascade, "solve", spy)
    image, numerics = make_image(3)[None], Numerics(3, solver="transfer", accuracy=1e-5)
    judge = solve(silicon_on_metal, image, replace(numerics, solver="eigen"))
    solution = solve(silicon_on_metal, image, numerics)
    assert seen == [torch.complex64]
    assert 1e-9 < error_of(solution, judge) < 1e-6
    assert solution.error_estimate[0] < 1e-5
    # Between two mirrors light goes to and fro and gathers every error each time.
    mirror = UniformLayer("top", 60, 0.02 + 4j)
    cavity = Stack(600, 390, 1.0, (mirror, PatternLayer("p", 154, 1.5, 1.5), replace(mirror, name="low")), 1.5)
    seen.clear()
    sharp = solve(cavity, image, replace(numerics, orders=1))
    assert seen == [torch.complex64, torch.complex128]
    assert error_of(sharp, solve(cavity, image, Numerics(1, solver="eigen"))) < 1e-6
    assert sharp.error_estimate[0] < 1e-5


def test_what_nothing_improves_is_not_tried_again() -> None:
    quality = Quality(torch.tensor([1e3, 4.0]), torch.zeros(2))
    single, double = Arithmetic(torch.complex64, 1e-6), Arithmetic(torch.complex128, 1e-6)
    assert double.refined(1e-8, 1.0, quality) == Arithmetic(
        torch.complex128, pytest.approx(1e-6 * 1e-8 / double.error(1.0, quality)[0].item() / 10)
    )
    assert single.refined(1e-5, 1.0, quality) is not None
    assert Arithmetic(torch.complex128, 1e-13).refined(1e-12, 1e4, quality) is None


@pytest.mark.parametrize("half_waves", [6, 12, 26, 192])
def test_poles_of_the_tangent_are_gone_round(monkeypatch: pytest.MonkeyPatch, half_waves: int) -> None:
    # A film of whole half waves, halved often enough, has cos(n k0 d / 2^j) = 0: exactly at a pole of the tangent.
    seen: list[int] = []
    plain = cascade_module.doubled_ports
    monkeypatch.setattr(
        cascade_module, "doubled_ports", lambda slab, Yr: seen.append(slab.doublings) or plain(slab, Yr)
    )
    stack = Stack(600, 430, 1.0, (PatternLayer("p", half_waves * 150, 2.0, 1.0),), 1.5)
    white = np.ones((1, 4, 4), dtype=np.uint8)
    solution = solve(stack, white, Numerics(1, solver="transfer"))
    assert len(seen) == 1
    assert seen[0] >= 1
    assert error_of(solution, solve(stack, white, Numerics(1, solver="eigen"))) < 1e-13
    # Whole half waves are not there, optically: Fresnel's 4 % of the substrate alone.
    np.testing.assert_allclose(solution.reflection, 0.04, atol=1e-12)
    np.testing.assert_allclose(solution.transmission, 0.96, atol=1e-12)


@pytest.mark.parametrize("incidence", [Incidence(), Incidence(35, 20)])
def test_the_careful_way_is_the_quick_way(
    make_image: ImageMaker, lossless: Stack, silicon_on_metal: Stack, incidence: Incidence
) -> None:
    thick = Stack(600, 500, 1.0, (PatternLayer("p", 5000, 0.3 + 3j, 2.5),), 1.5)
    for stack in (lossless, silicon_on_metal, thick):
        numerics = Numerics(3)
        tensors = TensorStack.from_stack(stack)
        cascade = Cascade(tensors, numerics, incidence)
        eps = tensors.permittivities(torch.from_numpy(make_image(5)[None, None].astype(float)))
        quick, _ = cascade.solve(eps, Arithmetic(torch.complex128, 1e-11))
        careful, _ = cascade.solve(eps, Arithmetic(torch.complex128, 1e-11), carefully=True)
        torch.testing.assert_close(careful.reflection, quick.reflection, atol=1e-11, rtol=0)
        torch.testing.assert_close(careful.layer_absorption, quick.layer_absorption, atol=1e-11, rtol=0)
