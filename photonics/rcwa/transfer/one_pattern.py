"""One patterned layer between uniform ones: less work than joining layers as scattering matrices.

With the notation of ``slab``, the boundaries h + Ya e = f above the layer and h = Yb e below it give, with D = Ya + Yb,
Delta = Ya - Yb and H = (2 C - i S P D)^-1 i S P,

    [2 i Q S - (D + Delta H Delta) C] alpha = -(I + Delta H) f,    w = H (f - Delta C alpha).
"""

from __future__ import annotations

import torch
from torch import Tensor

from photonics.rcwa.boundary import Drive, Field
from photonics.rcwa.linear import Factors, add_to_diagonal
from photonics.rcwa.transfer.slab import Slab


def fields_between(slab: Slab, above: Drive, below: Tensor) -> list[Field]:
    """Fields at the top and the bottom of a patterned layer between ``above`` and an admittance (2 N,) below."""
    C = slab.C
    Ya, f, Yb = above.admittance.to(C.dtype), above.source.to(C.dtype), below.to(C.dtype)
    D, delta = Ya + Yb, Ya - Yb
    iSP = 1j * slab.SP()
    H = Factors(2 * C - iSP * D).solve(iSP)
    through = delta[:, None] * H
    mixed = add_to_diagonal(through * delta, D)
    alpha = Factors(torch.baddbmm(mixed @ C, slab.Q, slab.S, beta=-1, alpha=2j)).solve(-(f + through @ f))
    even = C @ alpha
    odd = H @ (f - delta[:, None] * even)
    even, odd = even.to(torch.complex128), odd.to(torch.complex128)
    e_top, e_bottom = even - odd, even + odd
    return [Field(e_top, above.source - above.admittance[:, None] * e_top), Field(e_bottom, below[:, None] * e_bottom)]
