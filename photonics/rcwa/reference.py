"""RCWA by eigenmodes, written to be checked by eye: the judge of every faster solver.

Fields are expanded in diffraction orders; e = (Ex, Ey) and h = (Hy, -Hx) are vectors of 2 N coefficients, H in units of
E over the impedance of free space, z downwards in units of 1/k0. With K = [Kx; Ky], L = [-Ky; Kx] and the matrices Exx,
Eyy, Ezz of products of the permittivity with the components of the field, Maxwell's equations read

    e' = i P h,  P = I - K Ezz^-1 K^T,        h' = i Q e,  Q = Exx (+) Eyy - L L^T

(Noponen and Turunen, J. Opt. Soc. Am. A 11, 2494 (1994); Liu and Fan, Comput. Phys. Commun. 183, 2233 (2012), in other
notations). Under Laurent's rule all three are the same convolution matrix, under Li's Exx and Eyy are not. Modes are
eigenvectors of P Q with eigenvalues kz^2. Layers are joined from the bottom up by the enhanced transmittance matrix
method (Moharam, Pommet, Grann and Gaylord, J. Opt. Soc. Am. A 12, 1077 (1995)), in which only decaying exponentials
occur, so that it is stable for any thickness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from photonics.rcwa.convolution import convolution_matrix, li_matrices
from photonics.rcwa.lattice import Lattice, make_lattice
from photonics.rcwa.numerics import Numerics, SolverError
from photonics.rcwa.powers import Outcome, Powers, check_powers
from photonics.stack import Incidence, PatternLayer, Stack

# Of eigenvalues, relative to the largest.
ROUNDING = 1e-13
# Estimated error of a solution that is still worth having.
LARGEST_ERROR = 1e-3


@dataclass(frozen=True)
class Modes:
    """Modes of one layer: e = W (a + b), h = V (a - b), where a goes down as exp(i kz z) and b goes up.

    kz is ``exact`` where it follows from a formula.
    """

    W: np.ndarray
    V: np.ndarray
    kz: np.ndarray
    exact: bool = False

    def loss_of_digits(self) -> float:
        """Factor by which rounding errors grow.

        Eigenvectors are as good as their condition; the two waves of a mode that grazes are as large as 1 / kz and
        cancel, and where kz is the root of an eigenvalue, it has lost as many digits itself.
        """
        least = np.abs(self.kz).min()
        return float(max(np.linalg.cond(self.W, 1), 1 / least if self.exact else 1 / least**2))


@dataclass(frozen=True)
class Junction:
    """One layer with everything below it, for a field known up to coefficients c at the layer's bottom.

    ``down`` maps c to the downward amplitudes at the bottom of the layer, ``reflect`` those to the upward ones there,
    and ``decay`` is exp(i kz thickness).
    """

    modes: Modes
    down: np.ndarray
    reflect: np.ndarray
    decay: np.ndarray


class EigenSolver:
    """Solves one stack for image after image; any number of uniform and patterned layers."""

    def __init__(self, stack: Stack, numerics: Numerics, incidence: Incidence) -> None:
        self.stack = stack
        self.pixels, self.factorization = numerics.pixels, numerics.factorization
        self.lattice = make_lattice(stack, numerics, incidence)
        self.Y_incident = halfspace_admittance(self.lattice, stack.incident_index)
        self.Y_substrate = halfspace_admittance(self.lattice, stack.substrate_index)
        self.e_incident = incident_field(self.lattice)

    def powers_batch(self, patterns: np.ndarray) -> list[Outcome]:
        """Power fractions of every set of images, (B, P, H, W), or why there are none."""
        return [self._outcome(images) for images in patterns]

    def _outcome(self, patterns: np.ndarray) -> Outcome:
        try:
            powers = self.powers(patterns)
            if powers.error_estimate > LARGEST_ERROR:
                raise SolverError("a mode of a layer grazes, which leaves no digits; use solver='transfer'")
            check_powers(powers)
        except (SolverError, np.linalg.LinAlgError) as error:
            return SolverError(str(error))
        return powers

    def powers(self, patterns: np.ndarray) -> Powers:
        """Power fractions for one set of images (P, H, W), one image for each patterned layer from top to bottom."""
        junctions, F, G = self._join_layers(patterns)
        # Above the stack e = e_inc + e_r and h = Y (e_inc - e_r), so Y e + h = 2 Y e_inc.
        Y = self.Y_incident
        c = np.linalg.solve(Y @ F + G, 2 * Y @ self.e_incident)
        fields = [(F @ c, G @ c)]
        for junction in reversed(junctions):
            # At the top of the layer c is the downward amplitude; it decays on the way to the bottom.
            a = junction.decay[:, None] * c
            b = junction.reflect @ a
            fields.append((junction.modes.W @ (a + b), junction.modes.V @ (a - b)))
            c = np.linalg.solve(junction.down, a)
        worst = max((junction.modes.loss_of_digits() for junction in junctions), default=1.0)
        return self._powers(fields, float(np.finfo(float).eps * worst))

    def _join_layers(self, patterns: np.ndarray) -> tuple[list[Junction], np.ndarray, np.ndarray]:
        """Climb from the substrate to the top: junctions from bottom to top, and e = F c, h = G c at the top."""
        F, G = np.eye(2 * len(self.lattice.kx), dtype=complex), self.Y_substrate
        junctions = []
        for layer, modes in reversed(list(zip(self.stack.layers, self._modes(patterns), strict=True))):
            # W (a + b) = F c and V (a - b) = G c at the layer's bottom.
            e_part = np.linalg.solve(modes.W, F)
            h_part = np.linalg.solve(modes.V, G)
            down = (e_part + h_part) / 2
            reflect = np.linalg.solve(down.T, (e_part - h_part).T / 2).T
            decay = np.exp(1j * modes.kz * self.stack.optical_thickness(layer))
            junctions.append(Junction(modes, down, reflect, decay))
            # At its top the upward amplitude is X r X times the downward one, which becomes the new c.
            returned = decay[:, None] * reflect * decay
            F = modes.W + modes.W @ returned
            G = modes.V - modes.V @ returned
        return junctions, F, G

    def _modes(self, patterns: np.ndarray) -> list[Modes]:
        """Modes of every layer, from top to bottom."""
        remaining = iter(patterns)
        found = []
        for layer in self.stack.layers:
            if isinstance(layer, PatternLayer):
                image = torch.as_tensor(next(remaining), dtype=torch.float64)
                white, black = complex(layer.white_index) ** 2, complex(layer.black_index) ** 2
                found.append(self._pattern_modes(black + (white - black) * image))
            else:
                found.append(uniform_modes(self.lattice, layer.index))
        return found

    def _pattern_modes(self, permittivity: torch.Tensor) -> Modes:
        Ezz = convolution_matrix(permittivity, self.lattice, self.pixels).numpy()
        if self.factorization == "laurent":
            return pattern_modes(self.lattice, Ezz, Ezz, Ezz)
        Exx, Eyy = li_matrices(permittivity, self.lattice, self.pixels)
        return pattern_modes(self.lattice, Exx.numpy(), Eyy.numpy(), Ezz)

    def _powers(self, fields: list[tuple[np.ndarray, np.ndarray]], error_estimate: float) -> Powers:
        """Power fractions from (e, h) at every interface, top to bottom, each (2 N, 2)."""
        incident = flux(self.e_incident, self.Y_incident @ self.e_incident)
        e_reflected = fields[0][0] - self.e_incident
        reflected = self._by_order(e_reflected, self.Y_incident @ e_reflected) / incident[:, None]
        transmitted = self._by_order(*fields[-1]) / incident[:, None]
        if (complex(self.stack.substrate_index) ** 2).imag != 0:
            transmitted = np.full_like(transmitted, np.nan)
        crossing = np.stack([flux(e, h) for e, h in fields]) / incident
        absorbed = (crossing[:-1] - crossing[1:]).T
        return Powers(reflected.sum(axis=1), crossing[-1], absorbed, reflected, transmitted, error_estimate)

    def _by_order(self, e: np.ndarray, h: np.ndarray) -> np.ndarray:
        """Downward power of each column in each order, (2, N)."""
        return np.real(e.conj() * h).reshape(2, -1, 2).sum(axis=0).T


def flux(e: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Downward power Re(Ex Hy* - Ey Hx*) of each column, up to a factor that all share."""
    return np.real(np.sum(e.conj() * h, axis=0))


def maxwell_matrices(
    lattice: Lattice, Exx: np.ndarray, Eyy: np.ndarray, Ezz: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """P and Q of the module's docstring, (2 N, 2 N) each, for products of the permittivity with Ex, Ey, Ez (N, N)."""
    Kx, Ky = np.diag(lattice.kx), np.diag(lattice.ky)
    K, L = np.vstack([Kx, Ky]), np.vstack([-Ky, Kx])
    P = np.eye(len(K)) - K @ np.linalg.solve(Ezz, K.T)
    zero = np.zeros_like(Exx)
    Q = np.block([[Exx, zero], [zero, Eyy]]) - L @ L.T
    return P, Q


def pattern_modes(lattice: Lattice, Exx: np.ndarray, Eyy: np.ndarray, Ezz: np.ndarray) -> Modes:
    """Modes of a layer by its permittivity matrices: eigenvectors W of P Q; i kz V = i Q W gives V."""
    P, Q = maxwell_matrices(lattice, Exx, Eyy, Ezz)
    squares, W = np.linalg.eig(P @ Q)
    kz = np.sqrt(squares)
    # A propagating mode goes down for kz > 0 whatever the sign that rounding gave the imaginary part of its square:
    # turned round, it would be the upward one, and a junction with the same medium below it singular.
    propagates = (squares.real > 0) & (np.abs(squares.imag) <= ROUNDING * np.abs(squares).max())
    kz = np.where((kz.imag < 0) & ~propagates, -kz, kz)
    return Modes(W, Q @ W / kz, kz)


def uniform_modes(lattice: Lattice, index: complex) -> Modes:
    """Modes of a uniform layer: every order and every in-plane direction of e is a mode of its own."""
    E = complex(index) ** 2 * np.eye(len(lattice.kx))
    _, Q = maxwell_matrices(lattice, E, E, E)
    kz = np.tile(lattice.axial(index), 2)
    return Modes(np.eye(len(Q), dtype=complex), Q / kz, kz, exact=True)


def halfspace_admittance(lattice: Lattice, index: complex) -> np.ndarray:
    """Matrix Y (2 N, 2 N) with h = Y e for waves that go down, or decay, in a uniform medium."""
    return uniform_modes(lattice, index).V


def incident_field(lattice: Lattice) -> np.ndarray:
    """Plane waves of unit amplitude as e, (2 N, 2): column 0 is s light, column 1 is p light."""
    polar, azimuth = math.radians(lattice.incidence.polar_deg), math.radians(lattice.incidence.azimuth_deg)
    e = np.zeros((2 * len(lattice.kx), 2), dtype=complex)
    rows = [lattice.zero, len(lattice.kx) + lattice.zero]
    e[rows, 0] = -math.sin(azimuth), math.cos(azimuth)
    e[rows, 1] = math.cos(polar) * math.cos(azimuth), math.cos(polar) * math.sin(azimuth)
    return e
