"""Layers as scattering matrices, for stacks in which several of them are patterned.

At every interface the field is split by one real, positive, diagonal admittance Yr, the same throughout the stack:

    e = a + b,    h = Yr (a - b),

a goes down and b goes up. What absorbs or only passes light on then never returns more than it gets, in the norm of Yr
and whatever the orders do, evanescent ones too. So the matrices stay bounded for any thickness, and 1 - r R of a layer
r on a reflector R is singular at a resonance of the stack itself only.

A layer that is symmetric in z is driven evenly or oddly from its two faces. With the notation of ``slab``, the
amplitudes that go in and come out are in the ratios

    r_even = 2 C (C - i Yr^-1 Q S)^-1 - 1,    r_odd = 1 - 2 (C - i S P Yr)^-1 C.

Joining layers is Redheffer's star product (J. Math. and Phys. 41, 1 (1962)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from photonics.rcwa.boundary import Drive, Field, Film
from photonics.rcwa.linear import Factors, add_to_diagonal, one_minus
from photonics.rcwa.transfer.slab import Slab


class Ports(NamedTuple):
    """Reflection and transmission of a layer, alike from either side: (B, 2 N, 2 N), or (2 N,) for diagonal ones."""

    reflect: Tensor
    transmit: Tensor


def reference_admittance(parallel: Tensor) -> Tensor:
    """The admittance Yr (2 N,): of the size of a wave's in vacuum, but real for every order."""
    axial = torch.sqrt(1 + parallel**2)
    return torch.cat([1 / axial, axial])


def slab_ports(slab: Slab, Yr: Tensor) -> Ports:
    """Scattering of a patterned layer, of what its C and S are half of."""
    Yr = Yr.to(slab.C.real.dtype)
    even = Factors(slab.C - 1j * (slab.Q @ slab.S) / Yr[:, None]).solve_left(slab.C)
    odd = Factors(slab.C - 1j * slab.SP() * Yr).solve(slab.C)
    return Ports(even - odd, add_to_diagonal(even + odd, -1))


def doubled_ports(slab: Slab, Yr: Tensor) -> Ports:
    """Scattering of a patterned layer that is still to be doubled, as matrices that stay bounded on the way.

    What doubles the tangent instead is quicker, but the tangent has poles where nothing happens.
    """
    r, t = slab_ports(slab, Yr)
    for _ in range(slab.doublings):
        between = Factors(one_minus(r @ r)).solve(t)
        r, t = r + t @ r @ between, t @ between
    return Ports(r, t)


def film_ports(film: Film, Yr: Tensor) -> Ports:
    """Scattering of a uniform layer, diagonal."""
    r = (Yr - film.admittance) / (Yr + film.admittance)
    passes = film.decay / (1 - r**2 * film.decay**2)
    return Ports(r * (1 - film.decay**2) / (1 - r**2 * film.decay**2), (1 - r**2) * passes)


def fields_through(layers: Sequence[Ports], above: Drive, Yb: Tensor, Yr: Tensor) -> list[Field]:
    """Fields at every interface of ``layers``, top to bottom, between ``above`` and an admittance Yb (2 N,) below.

    At least one of the layers must be patterned, so that there is a batch. Layers are joined in double precision.
    """
    R = (Yr - Yb) / (Yr + Yb)
    steps = []
    for layer in reversed(layers):
        ports = Ports(*(matrix.to(torch.complex128) for matrix in layer))
        inner = one_minus(_dense(_times(ports.reflect, R)))
        descend = Factors(inner).solve(_dense(ports.transmit).expand_as(inner))
        steps.append((descend, R))
        R = _dense(ports.reflect) + _times(ports.transmit, _times(R, descend))
    (Ya, f) = above
    a = Factors(add_to_diagonal((Ya - Yr)[:, None] * R, Ya + Yr)).solve(f.expand(len(R), -1, -1))
    fields = [_split(a, R, Yr)]
    for descend, reflector in reversed(steps):
        a = descend @ a
        fields.append(_split(a, reflector, Yr))
    return fields


def _split(a: Tensor, R: Tensor, Yr: Tensor) -> Field:
    b = _times(R, a)
    return Field(a + b, Yr[:, None] * (a - b))


def _times(left: Tensor, right: Tensor) -> Tensor:
    """Product of matrices either of which may be given by its diagonal."""
    if left.ndim == 1:
        return left * right if right.ndim == 1 else left[:, None] * right
    return left * right if right.ndim == 1 else left @ right


def _dense(matrix: Tensor) -> Tensor:
    return torch.diag(matrix)[None] if matrix.ndim == 1 else matrix
