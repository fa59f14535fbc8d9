"""A patterned layer as matrices: Maxwell's equations, and C and S of half of it, by products and LU factorisations.

Notation of ``photonics.rcwa.reference``, but fields of an order are taken along its in-plane wavevector (p) and across
it (s). There K = [kp; 0], L = [0; kp]: P = diag(I - kp Ezz^-1 kp, I) is block diagonal and uniform media are diagonal.

Let z = 0 in the middle of the layer, h half its thickness, C = cos(sqrt(P Q) h), S = sin(sqrt(P Q) h) / sqrt(P Q),
C alpha the even part of e at the faces, w the odd one. Fields at the top (-) and the bottom (+) are

    e = C alpha -+ w,    h = b -+ i Q S alpha,    w = i S C^-1 P b.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from photonics.rcwa.chebyshev import BernsteinEllipse, Series, plan_series
from photonics.rcwa.convolution import convolution_matrix, li_matrices
from photonics.rcwa.linear import Factors, add_to_diagonal, one_minus
from photonics.rcwa.numerics import Numerics, SolverError
from photonics.rcwa.transfer.arithmetic import Arithmetic
from photonics.rcwa.transfer.polynomials import BY_TANGENT, cosine_and_sine
from photonics.rcwa.waves import Waves

# Largest error of C^2 + A S^2 = I by rounding, relative to the squared growth of the modes.
IDENTITY_TOLERANCE = {torch.complex128: 1e-9, torch.complex64: 1e-3}
# Ratio of permittivities up to which the eigenvalues of a dielectric pattern are bounded without looking at it.
LARGEST_CONTRAST = 36.0
# Thickness in units of 1/k0 that thinner layers are planned as, then shrunk: a layer of none has a derivative too.
THINNEST = 1e-6


# Error by rounding near a pole of the tangent, in units of tan^2: 0.02 at most over random stacks, 0.005 in the median.
POLE = 0.05


@dataclass(frozen=True)
class Slab:
    """A batch of patterned layers of one thickness: P = diag(P_pp, I), Q, A = P Q, and C and S of a part of the layer.

    P_pp is (B, N, N), the others (B, 2 N, 2 N). The part is half of a layer which, doubled ``doublings`` times, is the
    layer itself. C and S may both be times one function of A; nothing made of them feels that. ``error`` (B,) is
    the error of C^2 + A S^2 = I, with what doublings add.
    """

    P_pp: Tensor
    Q: Tensor
    A: Tensor
    C: Tensor
    S: Tensor
    doublings: int
    error: Tensor

    def SP(self) -> Tensor:
        """The product S P."""
        N = self.P_pp.shape[-1]
        return torch.cat([self.S[..., :N] @ self.P_pp, self.S[..., N:]], dim=-1)

    def doubled(self) -> Slab:
        """The whole layer. Raises SolverError if the tangent of some layer on the way has a pole.

        Doubling tan 2x = 2 tan x / (1 - tan^2 x) carries T = S C^-1 together with U = A T. Forming U anew from A each
        time would be unstable, as Newton's iteration for the matrix square root is: errors that do not commute with A
        grow. The coupled pair is stable (Higham, Functions of Matrices, chapter 6, on Denman and Beavers' iteration).
        C is not inverted in the last step, where a tangent at its very pole, C being singular, is no failure.

        Near a pole, at half-wave thicknesses, a tangent is large for one mode and rounded as coarsely for all; what
        that cost stays when it has become small again. The largest tan^2 on the way tells, and is added to ``error``.
        """
        if self.doublings == 0:
            return self
        T = Factors(self.C).solve(self.S)
        U = self.A @ T
        squared = U @ T
        largest = _size(squared)
        for _ in range(self.doublings - 1):
            factors = Factors(one_minus(squared))
            T, U = 2 * factors.solve_left(T), 2 * factors.solve(U)
            squared = U @ T
            largest = torch.maximum(largest, _size(squared))
        lost = POLE * torch.finfo(self.A.dtype).eps * largest
        return replace(self, C=one_minus(squared), S=2 * T, doublings=0, error=self.error + lost)


def _size(matrices: Tensor) -> Tensor:
    """Frobenius norms of (B, n, n), float64 (B,)."""
    return torch.linalg.matrix_norm(matrices.detach()).double()


def make_slab(
    permittivity: Tensor,
    optical_thickness: Tensor,
    waves: Waves,
    numerics: Numerics,
    arithmetic: Arithmetic,
    *,
    look: bool = False,
) -> Slab:
    """A patterned layer, before any doubling, of permittivity complex128 (B, H, H); thickness in units of 1/k0.

    With ``look`` the eigenvalues of P Q are bounded by its norm, not beforehand. Raises SolverError if the permittivity
    has a singular matrix or the eigenvalues lie outside of what was expected.
    """
    P_pp, Q, A = maxwell_matrices(permittivity, waves, numerics, arithmetic.dtype)
    expected = None if look else bound_eigenvalues(permittivity.detach(), float(waves.lattice.parallel.max()))
    planned = max(optical_thickness.item(), THINNEST)
    series = plan_series(expected or enclose_eigenvalues(A.detach()), planned / 2, arithmetic.tail, BY_TANGENT)
    C, S = cosine_and_sine(A, series, optical_thickness / planned)
    error = identity_error(A.detach(), C.detach(), S.detach(), series, arithmetic)
    return Slab(P_pp, Q, A, C, S, series.doublings, error)


def maxwell_matrices(
    permittivity: Tensor, waves: Waves, numerics: Numerics, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """The p block of P (B, N, N), Q and A = P Q (B, 2 N, 2 N).

    The field along z is continuous at every edge of the pattern, so Laurent's rule is right in P under Li's rule too.
    """
    Ezz = convolution_matrix(permittivity, waves.lattice, numerics.pixels).to(dtype)
    kp = waves.parallel.to(Ezz.real.dtype)
    K = torch.diag(kp).to(dtype).expand_as(Ezz)
    P_pp = add_to_diagonal(-kp[:, None] * Factors(Ezz).solve(K), 1)
    Exx, Eyy = Ezz, Ezz
    if numerics.factorization == "li":
        Exx, Eyy = (E.to(dtype) for E in li_matrices(permittivity, waves.lattice, numerics.pixels))
    Q = waves.rotate(Exx, Eyy) - torch.diag(torch.cat([torch.zeros_like(kp), kp**2]))
    N = len(kp)
    return P_pp, Q, torch.cat([P_pp @ Q[..., :N, :], Q[..., N:, :]], dim=-2)


def bound_eigenvalues(permittivity: Tensor, reach: float) -> BernsteinEllipse | None:
    """Where those of P Q lie for dielectrics; None for other patterns. ``reach`` is the largest wavevector.

    A bound known before any image, found by trial on 400 random layers (contrast up to 36, stripes, checkers, noise and
    random fields): no eigenvalue left it.
    """
    size, real, imag = permittivity.abs(), permittivity.real, permittivity.imag
    extremes = torch.stack([size.amax(), size.amin(), real.amax(), imag.amax(), imag.amin(), (real - imag).amin()])
    strongest, weakest, largest, loss, gain, margin = extremes.tolist()
    if gain < 0 or margin < 0 or strongest > LARGEST_CONTRAST * weakest:
        return None
    low, high = -2.1 * reach**2 - 1, 1.04 * largest
    half_width = (high - low) / 2
    # The ellipse holds the point high + i loss, where modes of an absorber lie, and 0.4 reach^2 in its middle.
    corner = math.sqrt((loss**2 + loss * math.sqrt(loss**2 + 4 * half_width**2)) / 2)
    return BernsteinEllipse(low, high, max(corner, loss + 0.4 * reach**2))


def enclose_eigenvalues(A: Tensor) -> BernsteinEllipse:
    """A disc around those of A (B, n, n), by their norms."""
    size = A.abs()
    norm = torch.sqrt(size.sum(dim=-2).amax(dim=-1) * size.sum(dim=-1).amax(dim=-1)).amax().item()
    return BernsteinEllipse(-norm, norm, norm)


def identity_error(A: Tensor, C: Tensor, S: Tensor, series: Series, arithmetic: Arithmetic) -> Tensor:
    """Error of C^2 + A S^2 = I on a probe, relative to the squared growth of the modes, (B,).

    Raises SolverError if it is beyond rounding: then eigenvalues lie outside of what was expected.
    """
    n = A.shape[-1]
    probe = torch.cos(torch.arange(n, dtype=torch.float64, device=A.device) ** 2)[:, None].to(A.dtype)
    residual = C @ (C @ probe) + A @ (S @ (S @ probe)) - probe
    error = torch.linalg.vector_norm(residual, dim=(-2, -1)) / torch.linalg.vector_norm(probe)
    # Written so that a NaN is refused too.
    if not bool((error <= (IDENTITY_TOLERANCE[A.dtype] + arithmetic.tail) * series.growth**2).all()):
        raise SolverError(
            f"the Chebyshev expansion of the patterned layer misses cos^2 + sin^2 = 1 by {error.max().item():.2g}; "
            f"use solver='eigen'"
        )
    return error.double() / series.growth**2
