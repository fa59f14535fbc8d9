"""Fourier coefficients of pixel images and the convolution matrices made of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from photonics.rcwa.lattice import Lattice


def fourier_coefficients(image: Tensor, highest: int, pixels: str) -> Tensor:
    """Fourier coefficients of a periodic image, for harmonics up to ``highest`` in either direction.

    ``image`` is a real (n, n) tensor f[row, column]; row is y. Returns complex128 (2 highest + 1, 2 highest + 1),
    indexed [my + highest, mx + highest], so that f(x, y) = sum c exp(2 pi i (mx x + my y) / period).

    ``pixels="dft"`` takes a pixel as a sample at its corner: c = DFT / n^2. ``"exact"`` takes it as a constant over
    its square: every sample is convolved with a box of one pixel, whose transform is a sinc with the phase of half a
    pixel.
    """
    side = image.shape[-1]
    m = torch.arange(-highest, highest + 1, device=image.device)
    samples = torch.fft.fft2(image.to(torch.complex128)) / side**2
    coefficients = samples[m % side][:, m % side]
    if pixels == "exact":
        box = torch.sinc(m.double() / side) * torch.exp(-1j * math.pi * m.double() / side)
        coefficients = coefficients * box[:, None] * box[None, :]
    return coefficients


def convolution_matrix(image: Tensor, lattice: Lattice, pixels: str) -> Tensor:
    """Laurent's rule as a matrix: complex128 (N, N) with element (i, j) the coefficient of order i - order j."""
    mx = torch.as_tensor(lattice.mx, device=image.device)
    my = torch.as_tensor(lattice.my, device=image.device)
    highest = int((mx.max() - mx.min()).item())
    coefficients = fourier_coefficients(image, highest, pixels)
    return coefficients[my[:, None] - my + highest, mx[:, None] - mx + highest]
