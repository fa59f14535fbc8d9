"""Uniform layers and half spaces: admittances, diagonal in orders and polarisations. Differentiable throughout.

Vectors hold the p components of all N orders, then the s components; p is along the in-plane wavevector of its order,
s is across it. In this frame a plane wave going down has h = Y e with Y = eps / kz (p) and kz (s).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from photonics.rcwa.lattice import Lattice
from photonics.rcwa.waves import Waves


class Field(NamedTuple):
    """Tangential fields at one interface: e and h, complex (B, 2 N, 2), columns s and p light."""

    e: Tensor
    h: Tensor

    def flux(self) -> Tensor:
        """Downward power of each column, (B, 2), up to a factor that all share."""
        return (self.e.conj() * self.h).sum(dim=-2).real

    def size(self) -> Tensor:
        """Squared norm of each column, e and h together, (B, 2)."""
        return (self.e.abs() ** 2 + self.h.abs() ** 2).sum(dim=-2)

    def flux_by_order(self) -> Tensor:
        """Downward power of each column in each order, (B, 2, N), in a medium that absorbs nothing."""
        flux = (self.e.conj() * self.h).real
        return flux.unflatten(-2, (2, -1)).sum(dim=-3).mT


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


def plane_wave_admittance(waves: Waves, index: Tensor) -> Tensor:
    """Admittance Y (2 N,) of waves that go down, or decay, in a uniform medium."""
    kz = waves.axial(index)
    return torch.cat([index**2 / kz, kz])


def make_film(waves: Waves, index: Tensor, optical_thickness: Tensor) -> Film:
    """A film of the given index and thickness, the latter in units of 1/k0."""
    kz = waves.axial(index)
    return Film(torch.cat([index**2 / kz, kz]), torch.exp(1j * optical_thickness * kz).repeat(2))


def incident_field(lattice: Lattice, device: torch.device) -> Tensor:
    """Plane waves of unit amplitude, e complex128 (2 N, 2): column 0 is s light, column 1 is p light."""
    N = len(lattice.kx)
    e = torch.zeros(2 * N, 2, dtype=torch.complex128, device=device)
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
