"""P and Q of a patterned layer, from the real convolution matrix of its image.

C = cos(d sqrt(P Q)) and S = sin(d sqrt(P Q)) / sqrt(P Q) describe a layer of thickness d, tildes have Q P in place of
P Q. The permittivity may be complex: E = eps_b + (eps_a - eps_b) X, and since both parts are polynomials in the real X,
its inverse is E* (E* E)^-1 with a real symmetric positive definite E* E. So all products are with real matrices.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from photonics.rcwa.numerics import SolverError
from photonics.rcwa.preconditioned.field_series import DOUBLE, SINGLE
from photonics.rcwa.preconditioned.real_basis import RealBasis, diagonal


class PatternOperator:
    """P and Q of a batch of images, ready for fields in complex64 and complex128.

    ``convolution`` holds the real matrices X of the images, (B, N, N); ``white`` and ``black`` are permittivities.
    Raises SolverError if the matrix of a permittivity is singular.
    """

    def __init__(self, basis: RealBasis, convolution: np.ndarray, white: complex, black: complex) -> None:
        self.basis, self.black, self.contrast = basis, black, white - black
        inverse, product = _inverse_permittivity(convolution, black, self.contrast)
        P = basis.between_wavevectors(black.real * inverse + self.contrast.real * product)
        diagonal(P)[...] += 1
        # Real part of P, and its imaginary part where there is one.
        self._X, self._P, self._loss = _both(convolution), _both(P), {}
        self.is_lossy = bool(black.imag or white.imag)
        if self.is_lossy:
            self._loss = _both(basis.between_wavevectors(-black.imag * inverse - self.contrast.imag * product))

    def __len__(self) -> int:
        return len(self._X[DOUBLE])

    def matrices(self, images: slice, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """The p block of P, and E, (B, N, N) each of type ``dtype``: complex64, or float32 for their real parts."""
        P, E = self._P[SINGLE][images], self._X[SINGLE][images] * scalar(self.contrast, dtype)
        if dtype == SINGLE and self.is_lossy:
            P = P + dtype.type(1j) * self._loss[SINGLE][images]
        diagonal(E)[...] += scalar(self.black, dtype)
        return P.astype(dtype, copy=False), E

    def times_P(self, fields: np.ndarray, product: np.ndarray) -> np.ndarray:
        """Write P times ``fields``, complex (B, 2 N, c), to ``product`` and return it."""
        N, dtype, real = self.basis.size, fields.dtype, fields.real.dtype
        np.matmul(self._P[dtype], fields.view(real)[:, :N], out=product.view(real)[:, :N])
        if self.is_lossy:
            turned = np.matmul(self._loss[dtype], fields.view(real)[:, :N]).view(dtype)
            product[:, :N] += np.multiply(turned, dtype.type(1j), out=turned)
        product[:, N:] = fields[:, N:]
        return product

    def times_X(self, fields: np.ndarray, product: np.ndarray) -> None:
        """Write X times both components of ``fields``, complex (B, 2 N, c), to ``product``."""
        shape, real = (len(fields), 2, self.basis.size, -1), fields.real.dtype
        X = self._X[fields.dtype][:, None]
        np.matmul(X, fields.view(real).reshape(shape), out=product.view(real).reshape(shape))


def scalar(value: complex, dtype: np.dtype) -> np.generic:
    """A number of a real or complex type, without its imaginary part in a real one."""
    return dtype.type(value if dtype.kind == "c" else value.real)


def _both(matrices: np.ndarray) -> dict[np.dtype, np.ndarray]:
    """Real matrices for fields of either precision."""
    return {SINGLE: matrices.astype(np.float32), DOUBLE: matrices}


def _inverse_permittivity(X: np.ndarray, black: complex, contrast: complex) -> tuple[np.ndarray, np.ndarray]:
    """R and X R, (B, N, N) each, with which the inverse of E = black + contrast X is black* R + contrast* X R."""
    squared = abs(contrast) ** 2 * (X @ X)
    squared += (2 * (black.conjugate() * contrast).real) * X
    diagonal(squared)[...] += abs(black) ** 2
    for matrix in squared:
        # LAPACK wants columns: what it reads and writes without a copy is the transpose.
        factor, failed = lapack.dpotrf(matrix.T, lower=1, overwrite_a=1)
        _, singular = lapack.dpotri(factor, lower=1, overwrite_c=1) if failed == 0 else (factor, failed)
        if failed or singular:
            raise SolverError("the matrix of the permittivity is singular; use solver='eigen' or other materials")
    inverse = np.where(np.tri(X.shape[-1], dtype=bool).T, squared, squared.mT)
    return inverse, X @ inverse
