"""What a spec asks for that would run and be useless: too few orders, lengths in another unit or of something else."""

from __future__ import annotations

import math
from collections.abc import Iterator

from campaign.plan.optics import Optics, simulation_of
from campaign.spec.campaign import Spec

THINNEST_NM = 1.0  # of a film that still has its material's bulk index
THICKEST = 100.0  # wavelengths
COARSEST = 0.25  # of a wavelength: a larger pixel is a structure of its own, not a point of one
CLEAR = 0.1  # k of a material in which light still goes far


def advice_on(spec: Spec) -> Iterator[str]:
    """Warnings about the physics of each data set, a line each; none for a simulator of somebody else's."""
    told: dict[str, list[str]] = {}
    for dataset in spec.datasets:
        physics = simulation_of(spec, dataset).physics
        if isinstance(physics, Optics):
            for warning in (*_layers(physics), *_pixels(physics), *_orders(physics)):
                told.setdefault(warning, []).append(dataset)
    for warning, datasets in told.items():
        yield f"{', '.join(datasets)}: {warning}"


def _layers(physics: Optics) -> Iterator[str]:
    shortest, longest = min(physics.wavelengths_nm), max(physics.wavelengths_nm)
    for layer in physics.layers:
        if 0 < layer.thickness_nm < THINNEST_NM:
            yield f"layer '{layer.name}' is {layer.thickness_nm:g} nm thick, a few atoms; lengths are in nm"
        elif layer.thickness_nm > THICKEST * longest:
            waves = layer.thickness_nm / shortest
            yield f"layer '{layer.name}' is {waves:.0f} wavelengths thick; lengths are in nm"


def _pixels(physics: Optics) -> Iterator[str]:
    if physics.pixel_nm > COARSEST * min(physics.wavelengths_nm):
        wavelength = min(physics.wavelengths_nm)
        yield (
            f"a pixel is {physics.pixel_nm:g} nm at a wavelength of {wavelength:g} nm; pixel_nm is the side of one "
            f"pixel, period_nm that of the cell, here {physics.period_nm:g} nm"
        )


def _orders(physics: Optics) -> Iterator[str]:
    """Fewer orders than propagate, in the half spaces or in the clearest material of a layer."""
    names = [physics.incident, physics.substrate]
    for layer in physics.layers:
        names += [layer.white, layer.black] if layer.kind == "pattern" else [layer.material]
    materials = [physics.materials[name] for name in names]
    for place, wavelength in enumerate(physics.wavelengths_nm):
        index = max((each.n[place] for each in materials if each.k[place] < CLEAR), default=1.0)
        needed = math.floor(physics.period_nm / wavelength * index)
        if physics.numerics.orders < needed:
            yield (
                f"orders {physics.numerics.orders} leave out some that propagate: at {wavelength:g} nm and a period of "
                f"{physics.period_nm:g} nm there are {needed} in an index of {index:.3g}"
            )
            return
