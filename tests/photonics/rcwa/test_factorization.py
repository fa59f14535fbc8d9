"""Li's rule: its matrices by hand, limits known in closed form, convergence, and what it must keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from photonics.rcwa import Numerics, SolverError, solve
from photonics.rcwa.convolution import convolution_matrix, li_matrices
from photonics.rcwa.lattice import make_lattice
from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer

ImageMaker = Callable[..., np.ndarray]
SOLVERS = ["eigen", "transfer"]


def li(orders: int, solver: str, **choices: str) -> Numerics:
    return Numerics(orders, factorization="li", solver=solver, **choices)  # type: ignore[arg-type]


def grating(px: int = 16, white: int = 8) -> np.ndarray:
    """Stripes along y: permittivity depends on x only."""
    image = np.zeros((px, px), dtype=np.uint8)
    image[:, :white] = 1
    return image


@pytest.mark.parametrize("truncation", ["square", "circular"])
@pytest.mark.parametrize("pixels", ["exact", "dft"])
def test_matrices_are_inverse_along_and_laurent_across(make_image: ImageMaker, truncation: str, pixels: str) -> None:
    lattice = make_lattice(Stack(600, 1000, 1.0, (), 1.0), Numerics(2, truncation), Incidence())  # type: ignore[arg-type]
    side = 9
    eps = 2.0 + 3j * make_image(3, px=side) + np.arange(side)
    Exx, Eyy = li_matrices(torch.from_numpy(eps), lattice, pixels)

    def coefficient(values: np.ndarray, m: int) -> np.ndarray:
        """Along the first axis, as an integral over pixels or a sum over samples."""
        left = np.exp(-2j * np.pi * m * np.arange(side) / side) / side
        if pixels == "exact" and m:
            left = left * (1 - np.exp(-2j * np.pi * m / side)) / (2j * np.pi * m / side)
        return np.tensordot(left, values, axes=1)

    m = np.arange(-2, 3)
    rows = np.array([[[coefficient(1 / row, i - j) for j in m] for i in m] for row in eps])
    inverses = np.linalg.inv(rows)
    for i, j in [(0, 0), (1, 7), (7, 1), (3, 12), (11, 5)]:
        across = lattice.my[i] - lattice.my[j]
        expected = coefficient(inverses[:, lattice.mx[i] + 2, lattice.mx[j] + 2], across)
        assert Exx[i, j].item() == pytest.approx(expected, abs=1e-12)
    swapped = replace(lattice, mx=lattice.my, my=lattice.mx)
    torch.testing.assert_close(Eyy, li_matrices(torch.from_numpy(eps.T), swapped, pixels)[0])


def test_a_uniform_permittivity_is_a_multiple_of_the_identity() -> None:
    lattice = make_lattice(Stack(600, 1000, 1.0, (), 1.0), Numerics(3), Incidence())
    eps = torch.full((8, 8), 3 + 0.2j, dtype=torch.complex128)
    for E in li_matrices(eps, lattice, "exact"):
        torch.testing.assert_close(E, (3 + 0.2j) * torch.eye(len(lattice.mx), dtype=torch.complex128))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("incidence", [Incidence(), Incidence(40, 25)])
def test_a_uniform_pattern_is_a_film(solver: str, incidence: Incidence) -> None:
    film = Stack(650, 430, 1.0, (UniformLayer("p", 200, 2.5 + 0.3j),), 1.5)
    pattern = replace(film, layers=(PatternLayer("p", 200, 2.5 + 0.3j, 1.0),))
    white = np.ones((1, 8, 8), dtype=np.uint8)
    expected, got = (
        solve(film, white[:, None][:, :0], li(2, solver), incidence),
        solve(pattern, white, li(2, solver), incidence),
    )
    np.testing.assert_allclose(got.reflection, expected.reflection, atol=1e-11)
    np.testing.assert_allclose(got.transmission, expected.transmission, atol=1e-11)


@pytest.mark.parametrize("solver", SOLVERS)
def test_fine_gratings_are_effective_media(solver: str) -> None:
    # Period far below the wavelength: mean permittivity along the stripes, harmonic mean across them.
    high, low = 12.0, 1.0
    period, white = 0.01, np.ones((1, 16, 16), dtype=np.uint8)
    stack = Stack(600, period, 1.0, (PatternLayer("p", 80, high**0.5, low**0.5),), 1.5)
    fine = solve(stack, grating()[None], li(3, solver))
    laurent = solve(stack, grating()[None], replace(li(3, solver), factorization="laurent"))
    # Polarisation s is along y at azimuth 0, p along x.
    for polarisation, eps in ((0, (high + low) / 2), (1, 2 / (1 / high + 1 / low))):
        medium = replace(stack, period_nm=370, layers=(PatternLayer("p", 80, eps**0.5, 1.0),))
        expected = solve(medium, white, Numerics(1, solver=solver)).reflection[0, polarisation]  # type: ignore[arg-type]
        assert fine.reflection[0, polarisation] == pytest.approx(expected, abs=3e-6)
        if polarisation == 1:
            assert abs(laurent.reflection[0, 1] - expected) > 0.01


def lamellar_p(stack: Stack, duty: float, orders: int) -> float:
    """Reflection of a lamellar grating for light across its stripes, one dimension, inverse rule.

    Lalanne and Morris, J. Opt. Soc. Am. A 13, 779 (1996), in admittances: E' = i (1 - K eps^-1 K) H, H' = i A^-1 E.
    """
    [pattern] = stack.layers
    k = stack.wavelength_nm / stack.period_nm * np.arange(-orders, orders + 1)

    def toeplitz(white: complex, black: complex) -> np.ndarray:
        m = np.arange(2 * orders + 1)[:, None] - np.arange(2 * orders + 1)
        coefficients = duty * np.sinc(m * duty) * np.exp(-1j * np.pi * m * duty)
        return black * np.eye(len(m)) + (white - black) * coefficients

    white, black = pattern.white_index**2, pattern.black_index**2
    P = np.eye(len(k)) - k[:, None] * np.linalg.solve(toeplitz(white, black), np.diag(k))
    Q = np.linalg.inv(toeplitz(1 / white, 1 / black))
    squares, W = np.linalg.eig(P @ Q)
    kz = np.sqrt(squares + 0j)
    kz = np.where(kz.imag < 0, -kz, kz)
    V, decay = Q @ W / kz, np.exp(1j * kz * stack.optical_thickness(pattern))

    def halfspace(index: complex) -> np.ndarray:
        return np.diag(index**2 / np.sqrt(index**2 - k**2 + 0j))

    Y0, Ys = halfspace(stack.incident_index), halfspace(stack.substrate_index)
    # Downward amplitudes a at the top, upward ones b at the bottom.
    top, bottom = [Y0 @ W + V, (Y0 @ W - V) * decay], [(V - Ys @ W) * decay, -V - Ys @ W]
    e_incident = np.eye(len(k))[orders]
    source = np.concatenate([2 * Y0 @ e_incident, np.zeros(len(k))])
    a, b = np.split(np.linalg.solve(np.block([top, bottom]), source), 2)
    e_reflected = W @ (a + decay * b) - e_incident
    return float(np.sum(np.abs(e_reflected) ** 2 * np.diag(Y0).real) / np.diag(Y0)[orders].real)


@pytest.mark.long
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("index", [3.5, 0.22 + 6.71j], ids=["silicon", "gold"])
def test_gratings_converge_far_faster_than_with_laurent(solver: str, index: complex) -> None:
    stack = Stack(1000, 1100, 1.0, (PatternLayer("p", 300, index, 1.0),), 1.5)
    exact = lamellar_p(stack, 0.5, 120)
    numerics = li(5, solver)
    error = abs(solve(stack, grating()[None], numerics).reflection[0, 1] - exact)
    laurent = abs(solve(stack, grating()[None], replace(numerics, factorization="laurent")).reflection[0, 1] - exact)
    assert abs(lamellar_p(stack, 0.5, 60) - exact) < 1e-3
    assert error < 0.01
    assert laurent > 4 * error
    # The same orders in one dimension are the same numbers.
    assert solve(stack, grating()[None], numerics).reflection[0, 1] == pytest.approx(
        lamellar_p(stack, 0.5, 5), abs=1e-10
    )


@pytest.mark.parametrize("solver", SOLVERS)
def test_stripes_the_other_way_swap_the_polarisations(solver: str) -> None:
    stack = Stack(1000, 1100, 1.0, (PatternLayer("p", 300, 0.22 + 6.71j, 1.0),), 1.5)
    along_y, along_x = (solve(stack, image[None], li(3, solver)) for image in (grating(), grating().T))
    np.testing.assert_allclose(along_x.reflection[:, ::-1], along_y.reflection, atol=1e-12)


def test_a_permittivity_without_an_inverse_is_refused() -> None:
    # 1/eps of +1 and -1 in equal parts has a mean of zero.
    stack = Stack(600, 430, 1.0, (PatternLayer("p", 100, 1.0, 1j),), 1.5)
    with pytest.raises(SolverError, match=r"^image 0 of 1: a matrix of the transfer method is singular"):
        solve(stack, grating(4, 2)[None], li(0, "transfer"))


@pytest.mark.parametrize("pixels", ["exact", "dft"])
def test_laurent_is_the_limit_without_contrast(make_image: ImageMaker, pixels: str) -> None:
    lattice = make_lattice(Stack(600, 1000, 1.0, (), 1.0), Numerics(2), Incidence())
    eps = 2 + 1e-6 * torch.from_numpy(make_image(2).astype(complex))
    for E in li_matrices(eps, lattice, pixels):
        torch.testing.assert_close(E, convolution_matrix(eps, lattice, pixels), atol=1e-11, rtol=0)
