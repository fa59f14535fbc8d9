"""The patterned layers of a stack and what lies between them, joined: the transfer method in torch, differentiable."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from photonics.rcwa.boundary import Field
from photonics.rcwa.numerics import Numerics
from photonics.rcwa.powers import TensorPowers
from photonics.rcwa.surroundings import Surroundings
from photonics.rcwa.tensor_stack import TensorStack, TensorUniform
from photonics.rcwa.threads import one_thread
from photonics.rcwa.transfer.arithmetic import Arithmetic, Quality, double
from photonics.rcwa.transfer.one_pattern import fields_between
from photonics.rcwa.transfer.scattering import (
    doubled_ports,
    fields_through,
    film_ports,
    reference_admittance,
    slab_ports,
)
from photonics.rcwa.transfer.slab import Slab, make_slab
from photonics.stack import Incidence


class Cascade:
    """A stack made ready for pattern after pattern. Raises ValueError if an order grazes in a uniform medium."""

    def __init__(self, stack: TensorStack, numerics: Numerics, incidence: Incidence) -> None:
        self.numerics = numerics
        self.surroundings = Surroundings(stack, numerics, incidence)
        self._thicknesses = [stack.optical_thickness(pattern) for pattern in stack.patterns]

    @property
    def order_count(self) -> int:
        """Number of diffraction orders N."""
        return len(self.surroundings.waves.parallel)

    def powers(self, permittivities: Sequence[Tensor]) -> TensorPowers:
        """Power fractions for permittivities complex128 (B, H, H), one for each patterned layer from top to bottom.

        Raises SolverError if the method fails at one of them.
        """
        return self.solve(permittivities, double(self.numerics.accuracy))[0]

    def solve(
        self, permittivities: Sequence[Tensor], arithmetic: Arithmetic, *, carefully: bool = False
    ) -> tuple[TensorPowers, Quality]:
        """As ``powers``, and how good they are.

        ``carefully`` takes several times as long and fails at resonances of the stack itself only.
        """
        with one_thread():
            slabs = [
                make_slab(eps, thickness, self.surroundings.waves, self.numerics, arithmetic, look=carefully)
                for eps, thickness in zip(permittivities, self._thicknesses, strict=True)
            ]
            if not carefully:
                slabs = [slab.doubled() for slab in slabs]
            fields = self._pattern_fields(slabs, carefully)
            powers = self.surroundings.powers(fields)
        enhancement = self.surroundings.enhancement(fields)
        identity = sum((slab.error for slab in slabs), torch.zeros_like(enhancement))
        return powers, Quality(enhancement, identity)

    def _pattern_fields(self, slabs: list[Slab], carefully: bool) -> list[Field]:
        """Fields at every interface from the top of the first patterned layer to the bottom of the last one."""
        above, Yb = self.surroundings.drive, self.surroundings.admittance
        if not slabs:
            e = above.source / (above.admittance + Yb)[:, None]
            return [Field(e[None], (Yb[:, None] * e)[None])]
        if len(slabs) == 1 and not carefully:
            return fields_between(slabs[0], above, Yb)
        Yr, remaining = reference_admittance(self.surroundings.waves.parallel.detach()), iter(slabs)
        layers = []
        for layer in self.surroundings.between:
            if isinstance(layer, TensorUniform):
                layers.append(film_ports(self.surroundings.film(layer), Yr))
            elif carefully:
                layers.append(doubled_ports(next(remaining), Yr))
            else:
                layers.append(slab_ports(next(remaining), Yr))
        return fields_through(layers, above, Yb, Yr)
