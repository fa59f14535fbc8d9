"""Many images at a time: the path of a GPU, run on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np
import pytest
import torch

from photonics.rcwa import Numerics, SolverError
from photonics.rcwa.powers import Outcome, Powers
from photonics.rcwa.transfer.arithmetic import double
from photonics.rcwa.transfer.solver import MATRICES, MATRICES_A_PATTERN, SHARE, TransferSolver, chunk_size
from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer

ImageMaker = Callable[..., np.ndarray]


def assert_same(one: list[Outcome], other: list[Outcome], tolerance: float) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert isinstance(a, Powers)
        assert isinstance(b, Powers)
        for left, right in zip(a[:-1], b[:-1], strict=True):
            np.testing.assert_allclose(left, right, atol=tolerance, rtol=0)


@pytest.fixture(scope="module")
def two_patterns() -> Stack:
    """Two patterned layers, doubled several times, with films between and below."""
    layers = (
        PatternLayer("top", 700, 2.9 + 0.05j, 1.0),
        UniformLayer("spacer", 60, 1.7),
        PatternLayer("bottom", 80, 0.3 + 3j, 1.5),
        UniformLayer("film", 90, 2.0 + 0.3j),
    )
    return Stack(640, 820, 1.0, layers, 1.5)


@pytest.mark.parametrize("chunk", [2, 5, 100])
@pytest.mark.parametrize("accuracy", [1e-9, 1e-3])
@pytest.mark.parametrize("factorization", ["laurent", "li"])
def test_numbers_do_not_depend_on_the_chunk(
    make_image: ImageMaker, two_patterns: Stack, chunk: int, accuracy: float, factorization: str
) -> None:
    numerics = Numerics(2, factorization=factorization, accuracy=accuracy)  # type: ignore[arg-type]
    solver = TransferSolver(two_patterns, numerics, Incidence(20, 10))
    patterns = np.stack([[make_image(2 * i), make_image(2 * i + 1)] for i in range(5)])
    one_by_one = solver.powers_batch(patterns, chunk=1)
    tolerance = 1e-11 if accuracy == 1e-9 else 1e-5
    assert_same(one_by_one, [*chain.from_iterable(solver.powers_batch(images[None]) for images in patterns)], 0)
    assert_same(one_by_one, solver.powers_batch(patterns, chunk=chunk), tolerance)


@pytest.mark.usefixtures("two_threads")
def test_batches_are_right_with_several_threads_set(make_image: ImageMaker, silicon_on_metal: Stack) -> None:
    solver = TransferSolver(silicon_on_metal, Numerics(4), Incidence())
    patterns = np.stack([make_image(i) for i in range(4)])[:, None]
    assert_same(solver.powers_batch(patterns), solver.powers_batch(patterns, chunk=4), 1e-12)
    assert torch.get_num_threads() == 2


def test_no_pattern_and_no_image() -> None:
    solver = TransferSolver(Stack(600, 430, 1.0, (UniformLayer("a", 90, 1.7),), 4j), Numerics(1), Incidence())
    found = solver.powers_batch(np.zeros((3, 0, 4, 4), dtype=np.uint8), chunk=2)
    assert_same(found, [found[0]] * 3, 0)
    assert solver.powers_batch(np.zeros((0, 0, 4, 4), dtype=np.uint8)) == []


@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_a_failure_is_that_of_its_image_in_any_chunk(chunk: int) -> None:
    # With one order and permittivities +1 and -1, half white makes a mean permittivity of zero.
    stack = Stack(600, 430, 1.0, (PatternLayer("p", 100, 1.0, 1j),), 1.5)
    images = np.ones((4, 1, 4, 4), dtype=np.uint8)
    images[2, :, :, :2] = 0
    solver = TransferSolver(stack, Numerics(0), Incidence())
    found = solver.powers_batch(images, chunk=chunk)
    assert isinstance(found[2], SolverError)
    assert str(found[2]).startswith("a matrix of the transfer method is singular")
    del found[2]
    assert_same(found, solver.powers_batch(images[[0, 1, 3]]), 1e-12)


def test_one_at_a_pole_does_not_spoil_the_others() -> None:
    # White is exactly at a pole of the tangent, see test_poles_of_the_tangent_are_gone_round.
    stack = Stack(600, 430, 1.0, (PatternLayer("p", 900, 2.0, 1.0),), 1.5)
    images = np.ones((3, 1, 4, 4), dtype=np.uint8)
    images[0, :, :, :2] = images[2, :, 1:] = 0
    solver = TransferSolver(stack, Numerics(1), Incidence())
    found = solver.powers_batch(images, chunk=3)
    assert_same(found, [*chain.from_iterable(solver.powers_batch(image[None]) for image in images)], 1e-12)
    assert isinstance(found[1], Powers)
    np.testing.assert_allclose(found[1].reflection, 0.04, atol=1e-12)


def test_chunks_fill_a_share_of_the_memory() -> None:
    per_image = (MATRICES + MATRICES_A_PATTERN) * 298**2 * 16
    free = int(10.5 * per_image / SHARE)
    assert chunk_size(298, 1, torch.complex128, free) == 10
    assert chunk_size(298, 1, torch.complex64, free) == 21
    assert chunk_size(596, 1, torch.complex128, free) == 2
    assert chunk_size(298, 5, torch.complex128, free) == 5
    assert chunk_size(10**5, 1, torch.complex128, 10**6) == 1


@pytest.mark.parametrize("factorization", ["laurent", "li"])
def test_every_tensor_is_made_on_the_device_asked_for(
    make_image: ImageMaker, two_patterns: Stack, factorization: str
) -> None:
    # Tensors on "meta", the default device here, have no values and mix with no others: a GPU that is always at hand.
    patterns = np.stack([[make_image(2 * i), make_image(2 * i + 1)] for i in range(2)])
    numerics = Numerics(2, factorization=factorization)  # type: ignore[arg-type]
    expected = TransferSolver(two_patterns, numerics, Incidence(20, 10)).powers_batch(patterns)
    with torch.device("meta"):
        solver = TransferSolver(two_patterns, numerics, Incidence(20, 10), device="cpu")
        assert_same(solver.powers_batch(patterns, chunk=2), expected, 1e-11)
        assert len(solver._attempt(patterns, double(1e-9), carefully=True)[0]) == 2
