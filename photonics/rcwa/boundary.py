"""Uniform layers and half spaces seen from the patterned layer: admittances, diagonal in orders and polarisations.

Vectors hold the p components of all N orders, then the s components; p is along the in-plane wavevector of its order,
s is across it. In this frame a plane wave going down has h = Y e with Y = eps / kz (p) and kz (s).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from photonics.rcwa.lattice import Lattice


class Field(NamedTuple):
    """Tangential fields at one interface: e and h, complex128 (2 N, 2), columns s and p light."""

    e: Tensor
    h: Tensor


class Drive(NamedTuple):
    """What lies above an interface, with its light: h + admittance e = source there; (2 N,) and (2 N, 2)."""

    admittance: Tensor
    source: Tensor


@dataclass(frozen=True)
class Film:
    """A uniform layer: its admittance Y and its decay exp(i kz thickness), complex128 (2 N,) each.

    Inside, e = a exp(i kz z) + b exp(i kz (t - z)) with a given at the top and b at the bottom, so that only decaying
    exponentials occur.
    """

    admittance: Tensor
    decay: Tensor

    def to(self, device: torch.device) -> Film:
        """The same film on another device."""
        return Film(self.admittance.to(device), self.decay.to(device))

    def drive(self, above: Drive) -> Drive:
        """Carry a drive from the film's top to its bottom."""
        reflect, decay = self._reflection(above.admittance), self.decay
        seen = self._seen_through(reflect)
        launched = decay / (self.admittance + above.admittance)
        return Drive(seen, ((self.admittance + seen) * launched)[:, None] * above.source)

    def field_above(self, below: Field, above: Drive) -> Field:
        """Field at the film's top from that at its bottom, for the drive at the top."""
        reflect, decay = self._reflection(above.admittance)[:, None], self.decay[:, None]
        launched = above.source / (self.admittance + above.admittance)[:, None]
        b = (below.e - decay * launched) / (1 + reflect * decay**2)
        e = launched + reflect * decay * b + decay * b
        return Field(e, above.source - above.admittance[:, None] * e)

    def admittance_above(self, below: Tensor) -> Tensor:
        """Admittance h / e at the film's top for the admittance at its bottom."""
        return self._seen_through(self._reflection(below))

    def field_below(self, above: Field, below: Tensor) -> Field:
        """Field at the film's bottom from that at its top, for the admittance at the bottom."""
        reflect = self._reflection(below)
        transfer = self.decay * (1 + reflect) / (1 + reflect * self.decay**2)
        e = transfer[:, None] * above.e
        return Field(e, below[:, None] * e)

    def _reflection(self, admittance: Tensor) -> Tensor:
        return (self.admittance - admittance) / (self.admittance + admittance)

    def _seen_through(self, reflect: Tensor) -> Tensor:
        returned = reflect * self.decay**2
        return self.admittance * (1 - returned) / (1 + returned)


def plane_wave_admittance(lattice: Lattice, index: complex) -> Tensor:
    """Admittance Y (2 N,) of waves that go down, or decay, in a uniform medium."""
    kz = lattice.axial(index)
    return torch.from_numpy(np.concatenate([complex(index) ** 2 / kz, kz]))


def make_film(lattice: Lattice, index: complex, optical_thickness: float) -> Film:
    """A film of the given index and thickness, the latter in units of 1/k0."""
    decay = np.exp(1j * optical_thickness * lattice.axial(index))
    return Film(plane_wave_admittance(lattice, index), torch.from_numpy(np.tile(decay, 2)))


def incident_field(lattice: Lattice) -> Tensor:
    """Plane waves of unit amplitude, e complex128 (2 N, 2): column 0 is s light, column 1 is p light."""
    N = len(lattice.kx)
    e = torch.zeros(2 * N, 2, dtype=torch.complex128)
    e[N + lattice.zero, 0] = 1
    e[lattice.zero, 1] = math.cos(math.radians(lattice.incidence.polar_deg))
    return e


def drives_through(films: Iterable[Film], incident: Drive) -> list[Drive]:
    """Drives at every interface from the top of the stack to the bottom of ``films``, the incident one first."""
    drives = [incident]
    for film in films:
        drives.append(film.drive(drives[-1]))
    return drives


def admittances_through(films: Iterable[Film], substrate: Tensor) -> list[Tensor]:
    """Admittances at every interface from the top of ``films``, given top to bottom, down to the substrate."""
    seen = [substrate]
    for film in reversed(list(films)):
        seen.append(film.admittance_above(seen[-1]))
    return seen[::-1]
