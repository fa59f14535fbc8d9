"""What a spec asks for that would run and be useless: too few orders, lengths in another unit, next to no training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from campaign.plan.optics import Optics, simulation_of
from campaign.spec.base import Model
from campaign.spec.campaign import Spec
from campaign.spec.generator import TrainedGenerator
from campaign.spec.method_entry import TargetSearchEntry
from campaign.spec.methods import LabelsBlock, MdnEntry
from campaign.spec.physics import Physics
from campaign.spec.problems import Violation

THINNEST_NM = 1.0  # of a film that still has its material's bulk index
THICKEST = 100.0  # wavelengths
ATOM_NM = 0.2
COARSEST = 0.25  # of a wavelength: a larger pixel is a structure of its own, not a point of one
CLEAR = 0.1  # k of a material in which light still goes far
FEWEST = {"steps": 100, "epochs": 10, "max_epochs": 10}  # of a training, from which on a network shows what it is
FASTEST = 0.1  # learning rate: with more these networks run away


def advice_on(spec: Spec) -> Iterator[Violation]:
    """What to think over, as rules that are not kept; none of the physics of somebody else's simulator."""
    if isinstance(spec.physics, Physics):
        yield from _in_physics(spec, spec.physics)
        yield from _sample(spec.labels)
    for at, block in _trainings(spec):
        yield from _training(at, block)
    for index, method in enumerate(spec.methods):
        if isinstance(method, TargetSearchEntry) and method.batch > method.iterations:
            rule = f"exceeds iterations, {method.iterations}, so that nothing is learnt between suggestions"
            yield Violation(("methods", index, "batch"), rule, "write fewer, or more iterations", str(method.batch))
    if "targets" not in spec.model_fields_set and (spec.methods or spec.labels.rounds > 1):
        rule = "is not written, so the paper's are aimed at"
        yield Violation(("targets",), rule, "write those of your own", ", ".join(map(str, spec.targets)))


def _in_physics(spec: Spec, physics: Physics) -> Iterator[Violation]:
    for dataset in spec.datasets:
        optics = simulation_of(spec, dataset).physics
        assert isinstance(optics, Optics)
        if found := list(_pixels(physics, optics)):  # fewer orders than propagate would be said of all of them
            yield from (replace(each, at=("physics", *each.at)) for each in (*found, *_layers(physics)))
            return
    yield from (replace(each, at=("physics", *each.at)) for each in _layers(physics))
    yield from _orders(spec, physics)


def _layers(physics: Physics) -> Iterator[Violation]:
    shortest, longest = min(physics.wavelengths_nm()), max(physics.wavelengths_nm())
    for index, layer in enumerate(physics.layers):
        at, thickness = ("layers", index, "thickness_nm"), layer.thickness_nm
        if thickness < THINNEST_NM:
            yield Violation(at, "is a few atoms thick", _in_micrometres(thickness))
        elif thickness > THICKEST * longest:
            yield Violation(at, f"is {thickness / shortest:.0f} wavelengths thick", "lengths are in nm")


def _in_micrometres(length: float) -> str:
    return f"lengths are in nm, {length:g} µm are {1e3 * length:g}"


def _pixels(physics: Physics, optics: Optics) -> Iterator[Violation]:
    wavelength, pixel = min(optics.wavelengths_nm), optics.pixel_nm
    at = ("period_nm",) if physics.pixel_nm is None else ("pixel_nm",)
    if pixel > COARSEST * wavelength:
        rule = (
            f"makes pixels of {pixel:g} nm at a wavelength of {wavelength:g} nm and a cell of {optics.period_nm:g} nm"
        )
        yield Violation(at, rule, "pixel_nm is the side of one pixel, period_nm that of the cell")
    elif pixel < ATOM_NM:
        yield Violation(at, f"makes pixels of {pixel:.2g} nm, less than an atom", _in_micrometres(optics.period_nm))


def _orders(spec: Spec, physics: Physics) -> Iterator[Violation]:
    """Fewer orders than propagate, in the half spaces or in the clearest material of a layer."""
    found = []
    for dataset in spec.datasets:
        optics = simulation_of(spec, dataset).physics
        assert isinstance(optics, Optics)
        needed, wavelength, index = max(_propagating(optics, place) for place in range(len(optics.wavelengths_nm)))
        if optics.numerics.orders < needed:
            found.append((needed, wavelength, index, optics.period_nm, dataset))
    one_for_all = isinstance(physics.numerics.orders, int)
    for needed, wavelength, index, period, dataset in [max(found)] if one_for_all and found else found:
        rule = (
            f"leaves out orders that propagate: at {wavelength:g} nm and a period of {period:g} nm there are {needed} "
            f"in an index of {index:.3g}"
        )
        at = ("physics", "numerics", "orders", *(() if one_for_all else (dataset,)))
        yield Violation(at, rule, f"write {needed} or more", str(physics.orders_of(dataset)))


def _propagating(optics: Optics, place: int) -> tuple[int, float, float]:
    """Highest order that propagates at one of the wavelengths, that wavelength, and the index in which it does."""
    names = [optics.incident, optics.substrate]
    for layer in optics.layers:
        names += [layer.white, layer.black] if layer.kind == "pattern" else [layer.material]
    materials = [optics.materials[name] for name in names]
    index = max((each.n[place] for each in materials if each.k[place] < CLEAR), default=1.0)
    wavelength = optics.wavelengths_nm[place]
    return math.floor(optics.period_nm / wavelength * index), wavelength, index


def _sample(labels: LabelsBlock) -> Iterator[Violation]:
    """More labels are to be solved again than there are; the default is cut without a word."""
    if "truncation_sample" in labels.model_fields_set and labels.truncation_sample > labels.of_prior:
        rule, fix = f"exceeds the {labels.of_prior} labels that there are", f"write {labels.of_prior} or less"
        yield Violation(("labels", "truncation_sample"), rule, fix, str(labels.truncation_sample))


def _trainings(spec: Spec) -> Iterator[tuple[tuple[str | int, ...], Model]]:
    """Blocks that say how a network is trained, of those that are."""
    if isinstance(spec.generator, TrainedGenerator):
        yield ("generator", "training"), spec.generator.training
    if any(isinstance(method, MdnEntry) for method in spec.methods):
        yield ("mdn",), spec.mdn
    yield from ((("methods", index), method) for index, method in enumerate(spec.methods))


def _training(at: tuple[str | int, ...], block: Model) -> Iterator[Violation]:
    for name, least in FEWEST.items():
        if (count := getattr(block, name, least)) < least:
            usual = type(block).model_fields[name].default
            fix = f"write {least} at least; the default is {usual}"
            yield Violation((*at, name), "is too little for a network to learn", fix, str(count))
    if (rate := getattr(block, "learning_rate", 0.0)) > FASTEST:
        usual = type(block).model_fields["learning_rate"].default
        rule = "is more than a training of these networks bears"
        yield Violation((*at, "learning_rate"), rule, f"the default is {usual:g}", f"{rate:g}")
