"""The stacks that a calibration may choose from: discrete choices, and for each a family with ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.spec.calibration import Calibration
from campaign.spec.materials import TabulatedIndex
from campaign.spec.physics import FilmLayerBlock, LayerBlock, Physics
from photonics.materials import table

if TYPE_CHECKING:
    from photonics.calibration import Family

# Ranges around the values of a physics file without a block of what to fit: the value divided and multiplied by this.
USUAL_FACTOR = 1.3


@dataclass(frozen=True)
class Choice:
    """One member of the discrete part of a family: tables by material, and diffraction orders."""

    tables: Mapping[str, str]
    orders: int


def choices_of(calibration: Calibration, orders: int) -> Iterator[Choice]:
    """Every combination of tables and orders that the family allows."""
    names = list(calibration.fit.materials)
    for M in calibration.fit.orders or (orders,):
        for tables in product(*calibration.fit.materials.values()):
            yield Choice(dict(zip(names, tables, strict=True)), M)


def family_of(calibration: Calibration, choice: Choice, image_px: int) -> Family:
    """The stacks of one choice, with what of them may vary."""
    from photonics.calibration import PERIOD, PERIOD_IN_WAVELENGTHS, WAVELENGTH, Family
    from photonics.rcwa import Numerics
    from photonics.stack import Incidence

    physics = calibration.physics
    values, ranges = _values(physics, image_px), _ranges(calibration, image_px)
    wavelengths, mean = physics.wavelengths_nm(), values[WAVELENGTH]
    (wanted,) = physics.properties()
    if PERIOD_IN_WAVELENGTHS in ranges:
        del values[PERIOD]
    return Family(
        _family_layers(physics.layers),
        {name: _material(physics, name, choice) for name in physics.used_materials()},
        physics.incident,
        physics.substrate,
        Numerics(choice.orders, **physics.numerics.model_dump(exclude={"orders"})),
        wanted.of,
        ranges,
        {name: value for name, value in values.items() if name not in ranges},
        Incidence(**physics.incidence.model_dump()),
        physics.polarization,
        tuple(wavelengths[position] / mean for position in wanted.positions),
    )


def physics_at(
    family: Family, choice: Choice, values: Sequence[float], calibration: Calibration, image_px: int, orders: int
) -> Physics:
    """The physics of one point of a family, rounded to what can be made.

    ``orders`` are those of the data set where the calibration names none; other data sets keep as many more or fewer
    as they had.
    """
    from photonics.calibration import PERIOD, WAVELENGTH

    known = family.known(np.array(values))
    physics = calibration.physics.model_dump(mode="json", exclude_none=True)
    before = calibration.physics.wavelengths_nm()
    wavelengths = [round(known[WAVELENGTH] * wavelength / float(np.mean(before)), 2) for wavelength in before]
    physics["wavelength_nm"] = wavelengths if len(wavelengths) > 1 else wavelengths[0]
    (wanted,) = calibration.physics.properties()
    if len(wanted.positions) < len(before):
        physics["property"] = {"of": wanted.of, "wavelength_nm": [wavelengths[each] for each in wanted.positions]}
    else:
        physics["property"] = wanted.of
    if "period_nm" in physics:
        physics["period_nm"] = round(known[PERIOD], 2)
    else:
        physics["pixel_nm"] = round(known[PERIOD] / image_px, 4)
    for layer in physics["layers"]:
        layer["thickness_nm"] = round(known[layer["name"]], 2)
    kept = physics["numerics"]["orders"]
    physics["numerics"]["orders"] = (
        {name: max(1, round(M * choice.orders / orders)) for name, M in kept.items()}
        if isinstance(kept, dict)
        else choice.orders
    )
    physics["materials"] |= {name: {"table": name_of_table} for name, name_of_table in choice.tables.items()}
    return Physics.model_validate(physics)


def _family_layers(layers: tuple[LayerBlock, ...]) -> tuple[Any, ...]:
    from photonics.calibration import FamilyLayer

    return tuple(
        FamilyLayer(layer.name, (layer.material,) if isinstance(layer, FilmLayerBlock) else (layer.white, layer.black))
        for layer in layers
    )


def _material(physics: Physics, name: str, choice: Choice) -> Any:
    """A table, or one complex index."""
    material = physics.materials[name]
    if name in choice.tables:
        return table(choice.tables[name])
    return material.tabulated() if isinstance(material, TabulatedIndex) else complex(material.n, material.k)


def _values(physics: Physics, image_px: int) -> dict[str, float]:
    from photonics.calibration import PERIOD, WAVELENGTH

    thicknesses = {layer.name: layer.thickness_nm for layer in physics.layers}
    return {WAVELENGTH: float(np.mean(physics.wavelengths_nm())), PERIOD: physics.cell_nm(image_px), **thicknesses}


def _ranges(calibration: Calibration, image_px: int) -> dict[str, tuple[float, float]]:
    from photonics.calibration import PERIOD

    fit = calibration.fit
    if fit == type(fit)():
        values = _values(calibration.physics, image_px)
        return {name: (value / USUAL_FACTOR, value * USUAL_FACTOR) for name, value in values.items()}
    ranges = {where[-1]: (interval.low, interval.high) for where, interval in fit.intervals()}
    if (pixel := ranges.pop("pixel_nm", None)) is not None:
        ranges[PERIOD] = pixel[0] * image_px, pixel[1] * image_px
    return ranges
