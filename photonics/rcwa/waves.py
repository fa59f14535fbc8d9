"""Wavevectors and directions of the diffraction orders in torch, differentiable in wavelength, period and index."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from photonics.rcwa.lattice import Lattice, lay_out
from photonics.rcwa.numerics import Numerics
from photonics.rcwa.tensor_stack import TensorStack
from photonics.stack import Incidence

# In-plane wavevector, in units of k0, below which an order counts as normal.
NORMAL = 1e-12


@dataclass(frozen=True)
class Waves:
    """In-plane wavevectors of N orders: length and the cosine and sine of their azimuth, float64 (N,) each.

    ``lattice`` holds the same orders as numbers. Lengths are in units of k0.
    """

    lattice: Lattice
    parallel: Tensor
    cosine: Tensor
    sine: Tensor

    def axial(self, index: Tensor) -> Tensor:
        """Axial wavevector kz, complex128 (N,), of waves that go down or decay. Raises ValueError if an order grazes.

        Im kz >= 0 in media with Im n >= 0. The branch Re kz + Im kz >= 0 is smooth at lossless media from either side,
        as gradients and steps of an optimiser across Im n = 0 need.
        """
        kz = torch.sqrt(index**2 - self.parallel**2)
        value = kz.detach()
        self.lattice.refuse_grazing(value.cpu().numpy(), complex(index.item()))
        return kz * torch.where(value.real + value.imag < 0, -1.0, 1.0)

    def rotate(self, Exx: Tensor, Eyy: Tensor) -> Tensor:
        """The matrix Exx (+) Eyy, (..., 2 N, 2 N), from the axes x and y to p, along the wavevector, and s, across it.

        Exx and Eyy are (..., N, N); if they are the same tensor, the cosines and sines of differences do.
        """
        c, s = self.cosine.to(Exx.real.dtype), self.sine.to(Exx.real.dtype)
        cc, ss, cs, sc = (a[:, None] * b for a, b in ((c, c), (s, s), (c, s), (s, c)))
        if Exx is Eyy:
            along, across = (cc + ss) * Exx, (sc - cs) * Exx
            blocks = [[along, across], [-across, along]]
        else:
            blocks = [
                [cc * Exx + ss * Eyy, sc * Eyy - cs * Exx],
                [cs * Eyy - sc * Exx, ss * Exx + cc * Eyy],
            ]
        return torch.cat([torch.cat(row, dim=-1) for row in blocks], dim=-2)


def make_waves(stack: TensorStack, numerics: Numerics, incidence: Incidence) -> Waves:
    """The orders of ``stack``. The order along the normal has no direction; it takes that of the plane of incidence."""
    step = stack.wavelength_nm / stack.period_nm
    lattice = lay_out(numerics, incidence, step.item(), stack.incident_index.item())
    azimuth = math.radians(incidence.azimuth_deg)
    tangential = stack.incident_index * math.sin(math.radians(incidence.polar_deg))
    kx = tangential * math.cos(azimuth) + step * torch.as_tensor(lattice.mx, device=step.device)
    ky = tangential * math.sin(azimuth) + step * torch.as_tensor(lattice.my, device=step.device)
    normal = torch.as_tensor(lattice.parallel < NORMAL, device=step.device)
    # The inner 1 keeps the derivative of the root finite where it is not used.
    length = torch.sqrt(torch.where(normal, 1.0, kx**2 + ky**2))
    cosine = torch.where(normal, math.cos(azimuth), kx / length)
    sine = torch.where(normal, math.sin(azimuth), ky / length)
    return Waves(lattice, torch.where(normal, 0.0, length), cosine, sine)
