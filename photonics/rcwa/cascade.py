"""A stack made ready for pattern after pattern, and its powers: the transfer method in torch, differentiable.

Uniform layers are diagonal, so everything above the first patterned layer and below the last one costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from photonics.rcwa.arithmetic import Arithmetic, Quality, double
from photonics.rcwa.boundary import (
    Drive,
    Field,
    Film,
    admittances_through,
    drives_through,
    incident_field,
    make_film,
    plane_wave_admittance,
)
from photonics.rcwa.numerics import Numerics
from photonics.rcwa.one_pattern import fields_between
from photonics.rcwa.powers import TensorPowers
from photonics.rcwa.scattering import doubled_ports, fields_through, film_ports, reference_admittance, slab_ports
from photonics.rcwa.slab import Slab, make_slab
from photonics.rcwa.tensor_stack import TensorLayer, TensorPattern, TensorStack, TensorUniform
from photonics.rcwa.threads import one_thread
from photonics.rcwa.waves import make_waves
from photonics.stack import Incidence


class Cascade:
    """All of a stack that no pattern changes. Raises ValueError if an order grazes in a uniform medium."""

    def __init__(self, stack: TensorStack, numerics: Numerics, incidence: Incidence) -> None:
        self.stack, self.numerics = stack, numerics
        self.waves = make_waves(stack, numerics, incidence)
        places = [i for i, layer in enumerate(stack.layers) if isinstance(layer, TensorPattern)]
        first, last = (places[0], places[-1] + 1) if places else (len(stack.layers),) * 2
        self._films_above = self._films(stack.layers[:first])
        self._between = stack.layers[first:last]
        self._films_below = self._films(stack.layers[last:])
        self._thicknesses = [stack.optical_thickness(pattern) for pattern in stack.patterns]
        e = incident_field(self.waves.lattice, stack.wavelength_nm.device)
        self._Y_incident = plane_wave_admittance(self.waves, stack.incident_index.to(torch.complex128))
        self._incident = Field(e, self._Y_incident[:, None] * e)
        self._drives = drives_through(self._films_above, Drive(self._Y_incident, 2 * self._incident.h))
        substrate = plane_wave_admittance(self.waves, stack.substrate_index)
        self._admittances = admittances_through(self._films_below, substrate)

    def _films(self, layers: Sequence[TensorLayer]) -> list[Film]:
        return [self._film(layer) for layer in layers if isinstance(layer, TensorUniform)]

    def _film(self, layer: TensorUniform) -> Film:
        return make_film(self.waves, layer.index, self.stack.optical_thickness(layer))

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
                make_slab(eps, thickness, self.waves, self.numerics, arithmetic, look=carefully)
                for eps, thickness in zip(permittivities, self._thicknesses, strict=True)
            ]
            fields = self._pattern_fields(slabs, carefully)
            powers = self.powers_of(fields)
        size = torch.stack([field.size() for field in fields]).sum(dim=0).detach()
        enhancement = (size / self._incident.flux().detach()).amax(dim=-1)
        identity = sum((slab.error for slab in slabs), torch.zeros_like(enhancement))
        return powers, Quality(enhancement, identity)

    @property
    def surroundings(self) -> tuple[Drive, Tensor]:
        """What lies above the first patterned layer, and the admittance (2 N,) below the last one."""
        return self._drives[-1], self._admittances[0]

    def powers_of(self, fields: list[Field]) -> TensorPowers:
        """Power fractions from the fields at every interface from the first pattern's top to the last one's bottom."""
        fields = list(fields)
        for film, drive in zip(reversed(self._films_above), self._drives[-2::-1], strict=True):
            fields.insert(0, film.field_above(fields[0], drive))
        for film, admittance in zip(self._films_below, self._admittances[1:], strict=True):
            fields.append(film.field_below(fields[-1], admittance))
        return self._tally(fields)

    def _pattern_fields(self, slabs: list[Slab], carefully: bool) -> list[Field]:
        """Fields at every interface from the top of the first patterned layer to the bottom of the last one."""
        above, Yb = self.surroundings
        if not slabs:
            e = above.source / (above.admittance + Yb)[:, None]
            return [Field(e[None], (Yb[:, None] * e)[None])]
        if len(slabs) == 1 and not carefully:
            return fields_between(slabs[0].doubled(), above, Yb)
        Yr, remaining = reference_admittance(self.waves.parallel.detach()), iter(slabs)
        layers = []
        for layer in self._between:
            if isinstance(layer, TensorUniform):
                layers.append(film_ports(self._film(layer), Yr))
            elif carefully:
                layers.append(doubled_ports(next(remaining), Yr))
            else:
                layers.append(slab_ports(next(remaining).doubled(), Yr))
        return fields_through(layers, above, Yb, Yr)

    def _tally(self, fields: list[Field]) -> TensorPowers:
        """Power fractions from the fields at every interface."""
        incident = self._incident.flux()
        e_reflected = fields[0].e - self._incident.e
        reflected = Field(e_reflected, self._Y_incident[:, None] * e_reflected).flux_by_order() / incident[:, None]
        crossing = torch.stack([field.flux() for field in fields], dim=-1) / incident[:, None]
        transmitted = fields[-1].flux_by_order() / incident[:, None]
        if (self.stack.substrate_index**2).imag.item() != 0:
            transmitted = torch.full_like(transmitted, torch.nan)
        absorbed = crossing[..., :-1] - crossing[..., 1:]
        return TensorPowers(reflected.sum(dim=-1), crossing[..., -1], absorbed, reflected, transmitted)
