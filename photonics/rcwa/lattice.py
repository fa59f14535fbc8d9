"""Diffraction orders of a square lattice: which are kept, and their wavevectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from photonics.rcwa.numerics import Numerics
from photonics.stack import Incidence, Stack, UniformLayer

# Below this axial wavevector, in units of k0, a plane wave grazes: its admittance eps/kz or kz loses its meaning. The
# solution has a limit there, see ``photonics.rcwa.grazing``.
GRAZING = 1e-8


@dataclass(frozen=True)
class Lattice:
    """The N diffraction orders kept: indices mx, my (N,) and in-plane wavevectors kx, ky (N,) in units of k0."""

    mx: np.ndarray
    my: np.ndarray
    kx: np.ndarray
    ky: np.ndarray
    incidence: Incidence

    @property
    def zero(self) -> int:
        """Position of the order (0, 0)."""
        return int(np.flatnonzero((self.mx == 0) & (self.my == 0))[0])

    @property
    def parallel(self) -> np.ndarray:
        """Length of the in-plane wavevector of each order, (N,), in units of k0."""
        return np.hypot(self.kx, self.ky)

    def axial(self, index: complex) -> np.ndarray:
        """Axial wavevector kz (N,) in a medium of the given refractive index, with Im kz >= 0, in units of k0.

        Raises ValueError if an order grazes, for its admittance does not exist then (Rayleigh-Wood anomaly).
        """
        kz = np.sqrt(complex(index) ** 2 - self.parallel**2 + 0j)
        kz = np.where(kz.imag < 0, -kz, kz)
        self.refuse_grazing(kz, index)
        return kz

    def refuse_grazing(self, kz: np.ndarray, index: complex) -> None:
        """Raise ValueError if one of the axial wavevectors kz (N,), in a medium of ``index``, is next to 0."""
        grazing = np.flatnonzero(np.abs(kz) < GRAZING)
        if grazing.size:
            order = (int(self.mx[grazing[0]]), int(self.my[grazing[0]]))
            raise ValueError(
                f"wavelength_nm, period_nm and the incidence must let no order graze, got order {order} grazing in "
                f"index {index!r}; change the wavelength or the period by a little"
            )


def harmonics(orders: int, truncation: str) -> tuple[np.ndarray, np.ndarray]:
    """Indices (mx, my) of the harmonics kept, int64 (N,) each: see ``Numerics`` for the two truncations."""
    indices = np.arange(-orders, orders + 1)
    my, mx = (grid.ravel() for grid in np.meshgrid(indices, indices, indexing="ij"))
    kept = mx**2 + my**2 <= orders**2 if truncation == "circular" else np.ones(mx.shape, dtype=bool)
    return mx[kept], my[kept]


def lay_out(numerics: Numerics, incidence: Incidence, step: float, incident_index: float) -> Lattice:
    """Diffraction orders for light of the given incidence; ``step`` is wavelength over period."""
    mx, my = harmonics(numerics.orders, numerics.truncation)
    tangential = incident_index * math.sin(math.radians(incidence.polar_deg))
    azimuth = math.radians(incidence.azimuth_deg)
    kx = tangential * math.cos(azimuth) + step * mx
    ky = tangential * math.sin(azimuth) + step * my
    return Lattice(mx, my, kx, ky, incidence)


def make_lattice(stack: Stack, numerics: Numerics, incidence: Incidence) -> Lattice:
    """Lay out the diffraction orders of ``stack``; raises ValueError if one grazes in any of its uniform media."""
    step = stack.wavelength_nm / stack.period_nm
    lattice = lay_out(numerics, incidence, step, complex(stack.incident_index).real)
    media = [stack.incident_index, stack.substrate_index]
    media += [layer.index for layer in stack.layers if isinstance(layer, UniformLayer)]
    for index in media:
        lattice.axial(index)
    return lattice
