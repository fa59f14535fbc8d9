"""The harmonics as cosines and sines, in which the operators of a lossless pattern at normal incidence are real.

Orders m and -m pair up into sqrt 2 cos(m r) and sqrt 2 sin(m r); the order 0 stays alone. In this basis the convolution
matrix X of a real image is real symmetric, and so is its inverse. A pair shares one direction p, that of its first
order, and its length of the in-plane wavevector, so films and half spaces stay diagonal, and with E = X for brevity

    P = diag(I - kp E' kp, I),    Q = R^T (E (+) E) R - diag(0, kp^2),    R = [px, -py; py, px],

where E' is the inverse of E with cosines and sines exchanged (a derivative makes one of the other).
"""

from __future__ import annotations

import math

import numpy as np
import torch

from photonics.rcwa.convolution import fourier_coefficients
from photonics.rcwa.lattice import Lattice


def diagonal(matrices: np.ndarray) -> np.ndarray:
    """The diagonals (..., n) of matrices (..., n, n), to be written to."""
    return np.einsum("...ii->...i", matrices)


class RealBasis:
    """N = 2 K + 1 harmonics of a lattice at normal incidence: the constant, K cosines, K sines.

    ``parallel`` is the length of the in-plane wavevector of every harmonic, ``px`` and ``py`` its direction, (N,) each.
    Vectors of fields hold the p components of all harmonics, then the s components. Raises ValueError at oblique
    incidence, where m and -m have wavevectors of different length.
    """

    def __init__(self, lattice: Lattice) -> None:
        if lattice.incidence.polar_deg != 0:
            raise ValueError(
                f"polar_deg must be 0 for cosines and sines to stay apart, got {lattice.incidence.polar_deg!r}; "
                f"use solver='transfer'"
            )
        order = {(int(x), int(y)): position for position, (x, y) in enumerate(zip(lattice.mx, lattice.my, strict=True))}
        first = [(x, y) for x, y in order if (y, x) > (0, 0)]
        self._zero = lattice.zero
        self._plus = np.array([order[x, y] for x, y in first], dtype=int)
        self._minus = np.array([order[-x, -y] for x, y in first], dtype=int)
        azimuth = math.radians(lattice.incidence.azimuth_deg)
        angle = np.concatenate([[azimuth], np.arctan2(lattice.ky, lattice.kx)[self._plus]])
        self.parallel = self._pairwise(np.concatenate([[0.0], lattice.parallel[self._plus]]))
        self.px, self.py = self._pairwise(np.cos(angle)), self._pairwise(np.sin(angle))
        # Cosine and sine of the angle between the directions of two harmonics: how Q mixes p and s.
        self._turns = tuple(
            turn.astype(np.float32)
            for turn in (
                np.outer(self.px, self.px) + np.outer(self.py, self.py),
                np.outer(self.py, self.px) - np.outer(self.px, self.py),
            )
        )
        mx, my = np.concatenate([[0], lattice.mx[self._plus]]), np.concatenate([[0], lattice.my[self._plus]])
        self._highest = 2 * int(np.abs(lattice.mx).max())
        self._differences = self._flat(mx[:, None] - mx, my[:, None] - my)
        self._sums = self._flat(mx[:, None] + mx, my[:, None] + my)

    @property
    def size(self) -> int:
        """Number of harmonics N."""
        return len(self.parallel)

    def convolution_matrices(self, images: np.ndarray, pixels: str) -> np.ndarray:
        """Laurent's rule for real images (B, H, H): real symmetric, float64 (B, N, N); see ``fourier_coefficients``."""
        values = torch.from_numpy(np.asarray(images, dtype=np.float64))
        coefficients = fourier_coefficients(values, self._highest, pixels).numpy().reshape(len(images), -1)
        # <cos_i, f cos_j> = Re (c_(i-j) + c_(i+j)), <cos_i, f sin_j> = Im (c_(i-j) - c_(i+j)) and so on.
        real, imag = coefficients.real, coefficients.imag
        re_minus, re_plus = real[:, self._differences], real[:, self._sums]
        mixed = imag[:, self._differences] - imag[:, self._sums]
        K = len(self._plus)
        matrices = np.empty((len(images), self.size, self.size))
        matrices[:, : K + 1, : K + 1] = re_minus + re_plus
        matrices[:, K + 1 :, K + 1 :] = (re_minus - re_plus)[:, 1:, 1:]
        matrices[:, : K + 1, K + 1 :] = mixed[:, :, 1:]
        matrices[:, 0] /= math.sqrt(2)
        matrices[:, : K + 1, 0] /= math.sqrt(2)
        matrices[:, K + 1 :, : K + 1] = matrices[:, : K + 1, K + 1 :].mT
        return matrices

    def exchange(self, matrix: np.ndarray) -> np.ndarray:
        """d/dp ``matrix`` d/dp but for the wavevectors: cosines and sines swapped, with signs; 0 for the constant.

        ``matrix`` is (..., N, N).
        """
        cosines, sines = slice(1, len(self._plus) + 1), slice(len(self._plus) + 1, None)
        swapped = np.zeros_like(matrix)
        swapped[..., cosines, cosines] = matrix[..., sines, sines]
        swapped[..., sines, sines] = matrix[..., cosines, cosines]
        swapped[..., sines, cosines] = -matrix[..., cosines, sines]
        swapped[..., cosines, sines] = -matrix[..., sines, cosines]
        return swapped

    def between_wavevectors(self, inverse: np.ndarray) -> np.ndarray:
        """-kp E' kp for the inverse (..., N, N) of a permittivity matrix: P's p block less the identity."""
        product = self.exchange(inverse)
        product *= -self.parallel
        product *= self.parallel[:, None]
        return product

    def curl_matrix(self, E: np.ndarray, out: np.ndarray) -> None:
        """Write Q (..., 2 N, 2 N) for permittivity matrices E (..., N, N), in single precision."""
        N = self.size
        along, across = self._turns
        np.multiply(along, E, out=out[..., :N, :N])
        np.multiply(across, E, out=out[..., :N, N:])
        out[..., N:, N:] = out[..., :N, :N]
        np.negative(out[..., :N, N:], out=out[..., N:, :N])
        diagonal(out)[..., N:] -= (self.parallel**2).astype(np.float32)

    def from_orders(self, values: np.ndarray) -> np.ndarray:
        """Values that both orders of a pair share, such as admittances, (2 N,) by order: (2 N,) in this basis."""
        p, s = np.split(values, 2)
        kept = np.concatenate([[self._zero], self._plus])
        return np.concatenate([self._pairwise(p[kept]), self._pairwise(s[kept])])

    def fields_from_orders(self, fields: np.ndarray) -> np.ndarray:
        """Fields by order in the frame of p and s, (2 N, c): (2 N, c) in this basis."""
        parts = []
        for part in np.split(fields, 2):
            # The direction p of the order -m is opposite to that of m, and so is s.
            plus, minus = part[self._plus], -part[self._minus]
            parts += [part[self._zero][None], (plus + minus) / math.sqrt(2), 1j * (plus - minus) / math.sqrt(2)]
        return np.concatenate(parts)

    def fields_to_orders(self, fields: np.ndarray) -> np.ndarray:
        """Inverse of ``fields_from_orders``, for (..., 2 N, c)."""
        K = len(self._plus)
        parts = []
        for part in np.split(fields, 2, axis=-2):
            cosine, sine = part[..., 1 : K + 1, :], part[..., K + 1 :, :]
            orders = np.empty_like(part)
            orders[..., self._zero, :] = part[..., 0, :]
            orders[..., self._plus, :] = (cosine - 1j * sine) / math.sqrt(2)
            orders[..., self._minus, :] = -(cosine + 1j * sine) / math.sqrt(2)
            parts.append(orders)
        return np.concatenate(parts, axis=-2)

    @staticmethod
    def _pairwise(values: np.ndarray) -> np.ndarray:
        """Values of the constant and of K pairs (K + 1,), to those of N harmonics."""
        return np.concatenate([values, values[1:]])

    def _flat(self, mx: np.ndarray, my: np.ndarray) -> np.ndarray:
        """Positions in the flattened array of Fourier coefficients."""
        return (my + self._highest) * (2 * self._highest + 1) + mx + self._highest
