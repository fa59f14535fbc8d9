"""All of a stack that no pattern changes, made ready for pattern after pattern. In torch, differentiable.

Uniform layers are diagonal, so everything above the first patterned layer and below the last one costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

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
from photonics.rcwa.powers import TensorPowers
from photonics.rcwa.tensor_stack import TensorLayer, TensorPattern, TensorStack, TensorUniform
from photonics.rcwa.waves import make_waves
from photonics.stack import Incidence


class Surroundings:
    """Half spaces and films around the patterned layers.

    Attributes
    ----------
    waves : Waves
        The diffraction orders.
    between : sequence of TensorLayer
        Layers from the first patterned one to the last, top to bottom.
    drive : Drive
        What lies above the first patterned layer, with its light.
    admittance : Tensor
        What lies below the last one, complex128 (2 N,).

    Raises
    ------
    ValueError
        If an order grazes in a uniform medium.
    """

    def __init__(self, stack: TensorStack, numerics: Numerics, incidence: Incidence) -> None:
        self._stack = stack
        self.waves = make_waves(stack, numerics, incidence)
        places = [i for i, layer in enumerate(stack.layers) if isinstance(layer, TensorPattern)]
        first, last = (places[0], places[-1] + 1) if places else (len(stack.layers),) * 2
        self._films_above = self._films(stack.layers[:first])
        self.between = stack.layers[first:last]
        self._films_below = self._films(stack.layers[last:])
        e = incident_field(self.waves.lattice, stack.wavelength_nm.device)
        self._Y_incident = plane_wave_admittance(self.waves, stack.incident_index.to(torch.complex128))
        self._incident = Field(e, self._Y_incident[:, None] * e)
        self._drives = drives_through(self._films_above, Drive(self._Y_incident, 2 * self._incident.h))
        substrate = plane_wave_admittance(self.waves, stack.substrate_index)
        self._admittances = admittances_through(self._films_below, substrate)
        self.drive, self.admittance = self._drives[-1], self._admittances[0]

    def film(self, layer: TensorUniform) -> Film:
        """A uniform layer of the stack."""
        return make_film(self.waves, layer.index, self._stack.optical_thickness(layer))

    def _films(self, layers: Sequence[TensorLayer]) -> list[Film]:
        return [self.film(layer) for layer in layers if isinstance(layer, TensorUniform)]

    def _all_fields(self, fields: Sequence[Field]) -> list[Field]:
        """Fields at every interface of the stack, from those between first pattern's top and last one's bottom."""
        fields = list(fields)
        for film, drive in zip(reversed(self._films_above), self._drives[-2::-1], strict=True):
            fields.insert(0, film.field_above(fields[0], drive))
        for film, admittance in zip(self._films_below, self._admittances[1:], strict=True):
            fields.append(film.field_below(fields[-1], admittance))
        return fields

    def enhancement(self, fields: Sequence[Field]) -> Tensor:
        """Power of all ``fields`` over that of the incident light, (B,), the larger of both polarisations."""
        size = torch.stack([field.size() for field in fields]).sum(dim=0).detach()
        return (size / self._incident.flux().detach()).amax(dim=-1)

    def powers(self, fields: Sequence[Field]) -> TensorPowers:
        """Power fractions from the fields at every interface from first pattern's top to last one's bottom."""
        fields = self._all_fields(fields)
        incident = self._incident.flux()
        e_reflected = fields[0].e - self._incident.e
        reflected = Field(e_reflected, self._Y_incident[:, None] * e_reflected).flux_by_order() / incident[:, None]
        crossing = torch.stack([field.flux() for field in fields], dim=-1) / incident[:, None]
        transmitted = fields[-1].flux_by_order() / incident[:, None]
        if (self._stack.substrate_index**2).imag.item() != 0:
            transmitted = torch.full_like(transmitted, torch.nan)
        absorbed = crossing[..., :-1] - crossing[..., 1:]
        return TensorPowers(reflected.sum(dim=-1), crossing[..., -1], absorbed, reflected, transmitted)
