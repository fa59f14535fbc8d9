"""Whether the solver would take what a spec describes, by the solver's own checks."""

from __future__ import annotations

from campaign.spec.physics import PatternLayerBlock, Physics
from campaign.spec.problems import Violation
from photonics.rcwa.numerics import Numerics
from photonics.rcwa.preconditioned.limits import why_not
from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer


def why_refused(physics: Physics, image_px: int, orders: int) -> Violation | None:
    """What the solver would refuse of images of that side, solved with so many orders; None where it takes them."""
    try:
        reason = _misfit(physics, image_px, orders)
    except ValueError as error:
        return Violation((), str(error), "correct the physics")
    if physics.numerics.solver != "preconditioned" or reason is None:
        return None
    needed, _, came = reason.partition(", got ")
    return Violation(("numerics", "solver"), f"'preconditioned' needs {needed}", "write solver: auto", came or None)


def is_quickly_solved(physics: Physics, image_px: int, orders: int) -> bool:
    """Whether the preconditioned solver, which takes the least of time and memory, can have the stack."""
    return _misfit(physics, image_px, orders) is None


def _misfit(physics: Physics, image_px: int, orders: int) -> str | None:
    """What the preconditioned solver misses at the first wavelength that it cannot take; ValueError of bad physics."""
    numerics = Numerics(orders, **physics.numerics.model_dump(exclude={"orders"}))
    incidence = Incidence(**physics.incidence.model_dump())
    stacks = [stack_at(physics, image_px, wavelength) for wavelength in physics.wavelengths_nm()]
    return next(filter(None, (why_not(stack, numerics, incidence) for stack in stacks)), None)


def stack_at(physics: Physics, image_px: int, wavelength_nm: float) -> Stack:
    """The stack at one wavelength, under images of that side; ValueError for one that light cannot have."""
    index = {name: physics.materials[name].index(wavelength_nm) for name in physics.used_materials()}
    layers = tuple(
        PatternLayer(layer.name, layer.thickness_nm, index[layer.white], index[layer.black])
        if isinstance(layer, PatternLayerBlock)
        else UniformLayer(layer.name, layer.thickness_nm, index[layer.material])
        for layer in physics.layers
    )
    return Stack(wavelength_nm, physics.cell_nm(image_px), index[physics.incident], layers, index[physics.substrate])
