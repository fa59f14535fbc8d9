"""The physics of one data set as the stages that simulate hold it: every choice explicit, every index resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaign.spec.materials import TabulatedIndex
from campaign.spec.physics import Physics

Optics = dict[str, Any]


def optics_of(physics: Physics, orders: int, image_px: int) -> Optics:
    """Canonical configuration of a simulation, plain JSON data; what it holds is in the key of every label.

    Materials carry n and k at each wavelength, and a table's name and source beside them, so that a corrected table
    makes other labels. Materials that the stack does not use are left out.

    Args:
        physics: the spec's block.
        orders: highest diffraction order, for this data set.
        image_px: side of its images.
    """
    config = physics.model_dump(mode="json", exclude={"wavelength_nm", "materials"})
    config["wavelengths_nm"] = list(physics.wavelengths_nm())
    config["materials"] = {name: _resolved(physics, name) for name in physics.used_materials()}
    config["numerics"]["orders"] = orders
    config["period_nm"] = physics.pixel_nm * image_px
    return config


def with_orders(optics: Mapping[str, Any], orders: int) -> Optics:
    """The same physics at another truncation."""
    return {**optics, "numerics": {**optics["numerics"], "orders": orders}}


def _resolved(physics: Physics, name: str) -> dict[str, Any]:
    material = physics.materials[name]
    indices = [material.index(wavelength) for wavelength in physics.wavelengths_nm()]
    return {
        "n": [index.real for index in indices],
        "k": [index.imag for index in indices],
        "table": material.table if isinstance(material, TabulatedIndex) else None,
        "source": material.source,
    }
