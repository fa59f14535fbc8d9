"""The physics of one data set as the stages that simulate hold it: every choice explicit, every index resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaign.plan.config import PluggedPart
from campaign.spec.base import Count, Model
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import Provider, provider_of
from campaign.spec.physics import IncidenceBlock, LayerBlock, NumericsBlock, Physics
from campaign.spec.plugin import SimulatorConfig
from campaign.spec.property import Written

# Of one wavelength and one pattern layer with N harmonics, on one core of a 2026 cloud machine: GEMM, LU and
# eigenproblems grow as N^3; the preconditioned solver as N^2, from 49 to 660 harmonics within a factor of two.
SECONDS_AND_POWER = {
    "auto": (1.3e-6, 2),
    "preconditioned": (1.3e-6, 2),
    "transfer": (1.5e-8, 3),
    "eigen": (5.0e-8, 3),
}
CIRCLE_IN_SQUARE = 0.785


class ResolvedMaterial(Model):
    """A material's index at each wavelength, (W,), with its table's name and its source.

    These stand in the key, so that a corrected table makes other labels.
    """

    n: tuple[float, ...]
    k: tuple[float, ...]
    table: str | None = None
    source: str | None = None


class ResolvedNumerics(NumericsBlock):
    """Numerical choices for one data set."""

    orders: Count


class Optics(Model):
    """All that an RCWA simulation of one data set is made from; materials that the stack does not use are left out."""

    wavelengths_nm: tuple[float, ...]
    pixel_nm: float
    period_nm: float
    materials: dict[str, ResolvedMaterial]
    incident: str
    incidence: IncidenceBlock
    polarization: str
    layers: tuple[LayerBlock, ...]
    substrate: str
    property: Written
    numerics: ResolvedNumerics

    def with_orders(self, orders: int) -> Optics:
        """The same physics at another truncation."""
        return self.model_copy(update={"numerics": self.numerics.model_copy(update={"orders": orders})})

    def expected_seconds(self) -> float:
        """Rough time of one simulation on one core, for plans; earlier timings replace it."""
        in_square = (2 * self.numerics.orders + 1) ** 2
        harmonics = in_square * (CIRCLE_IN_SQUARE if self.numerics.truncation == "circular" else 1.0)
        patterns = sum(layer.kind == "pattern" for layer in self.layers)
        seconds, power = SECONDS_AND_POWER[self.numerics.solver]
        return seconds * harmonics**power * len(self.wavelengths_nm) * patterns


class PluggedPhysics(PluggedPart):
    """A simulator of somebody else's package, for images of one size."""

    image_px: Count
    properties: tuple[str, ...]


SimulatedPhysics = Optics | PluggedPhysics


@dataclass(frozen=True)
class Simulation:
    """What a simulation of one data set's images is: its physics, its rough time, and the packages behind it."""

    physics: SimulatedPhysics
    seconds_each: float
    providers: tuple[Provider, ...] = ()


def simulation_of(spec: Spec, dataset: str, orders: int | None = None) -> Simulation:
    """How ``spec`` wants the images of a data set simulated; ``orders`` instead of its own where they are given."""
    image_px = spec.datasets[dataset].image_px
    if isinstance(spec.physics, SimulatorConfig):
        names = tuple(each.name for each in spec.physics.properties())
        part = PluggedPart.of(spec.physics).model_dump()
        physics = PluggedPhysics(**part, image_px=image_px, properties=names)
        return Simulation(physics, spec.physics.expected_seconds(image_px), (provider_of(spec.physics),))
    optics = optics_of(spec.physics, spec.physics.orders_of(dataset) if orders is None else orders, image_px)
    return Simulation(optics, optics.expected_seconds())


def optics_of(physics: Physics, orders: int, image_px: int) -> Optics:
    """Resolve the physics of a spec for images of one size, with so many diffraction orders."""
    taken = {name: getattr(physics, name) for name in Optics.model_fields if name in Physics.model_fields}
    period_nm = physics.cell_nm(image_px)
    return Optics(
        **taken
        | {
            "wavelengths_nm": physics.wavelengths_nm(),
            "pixel_nm": period_nm / image_px if physics.pixel_nm is None else physics.pixel_nm,
            "period_nm": period_nm,
            "materials": {name: _resolved(physics, name) for name in physics.used_materials()},
            "numerics": ResolvedNumerics(**physics.numerics.model_dump() | {"orders": orders}),
        }
    )


def _resolved(physics: Physics, name: str) -> ResolvedMaterial:
    material = physics.materials[name]
    published, source = material.citation
    indices = [material.index(wavelength) for wavelength in physics.wavelengths_nm()]
    return ResolvedMaterial(
        n=tuple(index.real for index in indices),
        k=tuple(index.imag for index in indices),
        table=published,
        source=source,
    )


def effort(physics: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the time of a simulation follows, from its physics as plain data: numerics, wavelengths, pattern layers.

    Of a simulator of somebody else's nothing is known: the same block, the same time.
    """
    if "implementation" in physics:
        return (physics,)
    patterns = sum(layer["kind"] == "pattern" for layer in physics["layers"])
    return physics["numerics"], len(physics["wavelengths_nm"]), patterns
