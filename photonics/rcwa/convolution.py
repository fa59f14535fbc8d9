"""Fourier coefficients of pixel images, and products with a permittivity as matrices by Laurent's and by Li's rule."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from photonics.rcwa.lattice import Lattice
from photonics.rcwa.linear import Factors


def fourier_coefficients(image: Tensor, highest: int, pixels: str) -> Tensor:
    """Fourier coefficients of a periodic image, for harmonics up to ``highest`` in either direction.

    ``image`` is real or complex (..., n, n), f[..., row, column]; row is y. Returns complex128
    (..., 2 highest + 1, 2 highest + 1), indexed [..., my + highest, mx + highest], so that
    f(x, y) = sum c exp(2 pi i (mx x + my y) / period).

    ``pixels="dft"`` takes a pixel as a sample at its corner: c = DFT / n^2. ``"exact"`` takes it as a constant over
    its square: every sample is convolved with a box of one pixel, whose transform is a sinc with the phase of half a
    pixel.
    """
    along_x = coefficients_along(image, -1, highest, pixels)
    return coefficients_along(along_x, -2, highest, pixels)


def coefficients_along(samples: Tensor, axis: int, highest: int, pixels: str) -> Tensor:
    """Fourier coefficients along one axis, complex128, harmonics -highest to highest in place of that axis.

    ``samples`` are real or complex, of double precision. For as few harmonics as are kept a product with their waves
    takes less than a fast transform, which has to make all of them.
    """
    waves = _waves(samples.shape[axis], highest, pixels, samples.device)
    samples = samples.movedim(axis, -1)
    if samples.is_complex():
        coefficients = samples @ waves
    else:
        coefficients = torch.complex(samples @ waves.real, samples @ waves.imag)
    return coefficients.movedim(-1, axis)


@lru_cache(maxsize=16)
def _waves(side: int, highest: int, pixels: str, device: torch.device) -> Tensor:
    """exp(-2 pi i m j / side) / side for samples j and harmonics m, times the box of a pixel: complex128 (side, m)."""
    j = torch.arange(side, device=device)[:, None]
    m = torch.arange(-highest, highest + 1, device=device)
    waves = torch.exp(-2j * math.pi * (j * m % side).double() / side) / side
    if pixels == "exact":
        waves = waves * torch.sinc(m.double() / side) * torch.exp(-1j * math.pi * m.double() / side)
    return waves


def convolution_matrix(image: Tensor, lattice: Lattice, pixels: str) -> Tensor:
    """Laurent's rule as a matrix: complex128 (..., N, N) with element (i, j) the coefficient of order i - order j."""
    mx = torch.as_tensor(lattice.mx, device=image.device)
    my = torch.as_tensor(lattice.my, device=image.device)
    highest = int((mx.max() - mx.min()).item())
    coefficients = fourier_coefficients(image, highest, pixels)
    return coefficients[..., my[:, None] - my + highest, mx[:, None] - mx + highest]


def li_matrices(permittivity: Tensor, lattice: Lattice, pixels: str) -> tuple[Tensor, Tensor]:
    """Li's rule as matrices, complex128 (..., N, N) each: products of permittivity (..., n, n) with Ex and with Ey.

    Along its own axis a component jumps where the permittivity does and their product does not: there the inverse
    rule is right, along the other axis Laurent's (Li, J. Opt. Soc. Am. A 14, 2758 (1997)). It is
    right for pixels, whose edges all lie along x or y. The inverse rule takes all harmonics from -M to M in both
    truncations; from the matrix of that square the circular truncation takes the elements of its orders.

    Raises SolverError if the inverse of the permittivity along a row or a column has a singular matrix.
    """
    mx = torch.as_tensor(lattice.mx, device=permittivity.device)
    my = torch.as_tensor(lattice.my, device=permittivity.device)
    along_x = _inverse_then_laurent(permittivity, mx, my, pixels)
    return along_x, _inverse_then_laurent(permittivity.mT, my, mx, pixels)


def _inverse_then_laurent(permittivity: Tensor, along: Tensor, across: Tensor, pixels: str) -> Tensor:
    """Inverse rule along the last axis of ``permittivity``, Laurent's along the one before, for orders (N,) of both."""
    M = int(along.max().item())
    m = torch.arange(-M, M + 1, device=permittivity.device)
    inverse = coefficients_along(1 / permittivity, -1, 2 * M, pixels)
    toeplitz = inverse[..., m[:, None] - m + 2 * M]
    identity = torch.eye(len(m), dtype=toeplitz.dtype, device=toeplitz.device)
    rows = Factors(toeplitz.reshape(-1, *identity.shape)).solve(
        identity[None].expand(toeplitz[..., 0, 0].numel(), -1, -1)
    )
    products = coefficients_along(rows.reshape(toeplitz.shape), -3, 2 * M, pixels)
    return products[..., across[:, None] - across + 2 * M, along[:, None] + M, along + M]
