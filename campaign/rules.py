"""Rules that hold between the values of a spec: each names the value to blame and what to write instead."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from campaign.problems import Breach
from photonics.materials import TABLES

if TYPE_CHECKING:
    from campaign.spec import (
        ConstantIndex,
        DataSet,
        GanTraining,
        Latent,
        Microstructures,
        Physics,
        Range,
        Spec,
        TabulatedIndex,
        TrainedGenerator,
        Tune,
    )

PIXELS_PER_LATENT = 32  # five stride-2 layers: one latent cell becomes 32 x 32 pixels
MORE_ORDERS = 1.4
LEARNED_MODELS = {"gan-mdn", "pca-mdn", "direct-mdn"}  # methods that train an MDN on the labels


def suggestion(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` for the nearest known word, or the list of all known words."""
    words = list(known)
    close = difflib.get_close_matches(word, words, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(words) or 'none'}"


def range_rules(interval: Range) -> Iterator[Breach]:
    """Ends in order; both may be equal."""
    if interval.low > interval.high:
        pair = f"[{interval.low:g}, {interval.high:g}]"
        yield Breach((), "must be [low, high]", f"write [{interval.high:g}, {interval.low:g}]", pair)


def latent_rules(latent: Latent) -> Iterator[Breach]:
    """An interval of some width."""
    if latent.low >= latent.high:
        yield Breach(("low",), f"must be below high, {latent.high:g}", "the paper's is -1 to 1", f"{latent.low:g}")


def microstructure_rules(fields: Microstructures) -> Iterator[Breach]:
    """Frequencies that pixels can hold, and two phases."""
    fraction, mean, deviation = (
        fields.volume_fraction,
        fields.frequency_mean_per_px,
        fields.frequency_std_per_px,
    )
    if fraction.low <= 0 or fraction.high >= 1:
        yield Breach(("volume_fraction",), "must lie between 0 and 1", "for example [0.3, 0.7]")
    if mean.low <= 0 or mean.high > 0.5:
        rule = "must lie above 0 and up to 0.5, the finest wave that pixels can hold"
        yield Breach(("frequency_mean_per_px",), rule, "for example [0.04, 0.10]")
    if deviation.low <= 0:
        yield Breach(("frequency_std_per_px",), "must lie above 0", "for example [0.005, 0.02]")


def dataset_rules(dataset: DataSet) -> Iterator[Breach]:
    """The latent size belongs to the image size."""
    cells, rest = divmod(dataset.image_px, PIXELS_PER_LATENT)
    if rest:
        nearest = max(1, round(dataset.image_px / PIXELS_PER_LATENT)) * PIXELS_PER_LATENT
        yield Breach(("image_px",), f"must be a multiple of {PIXELS_PER_LATENT}", f"write {nearest}")
    elif dataset.latent != (cells, cells):
        rule = f"must be image_px / {PIXELS_PER_LATENT} in both directions"
        sides = [side * PIXELS_PER_LATENT for side in dataset.latent]
        other = f" or image_px: {sides[0]}" if sides[0] == sides[1] else ""
        yield Breach(("latent",), rule, f"write [{cells}, {cells}]{other}")


def training_rules(training: GanTraining) -> Iterator[Breach]:
    """The batch splits evenly over the workers, and batch normalisation has something to average."""
    size, workers = training.batch_size, training.workers
    if size < 2 * workers:
        rule = f"must give each of the {workers} workers at least 2 images for batch normalisation"
        yield Breach(("batch_size",), rule, f"write {2 * workers} or more, or fewer workers", str(size))
    elif size % workers:
        rule = f"must be a multiple of workers, {workers}"
        yield Breach(("batch_size",), rule, f"write {size - size % workers}", str(size))


def generator_rules(generator: TrainedGenerator) -> Iterator[Breach]:
    """The training images fit the networks and fill a batch."""
    if generator.image_px % PIXELS_PER_LATENT:
        nearest = max(1, round(generator.image_px / PIXELS_PER_LATENT)) * PIXELS_PER_LATENT
        yield Breach(("image_px",), f"must be a multiple of {PIXELS_PER_LATENT}", f"write {nearest}")
    size, count = generator.training.batch_size, generator.microstructures.count
    if size > count:
        rule = f"must not exceed microstructures.count, {count}"
        yield Breach(("training", "batch_size"), rule, f"write {count} or less, or make more images", str(size))


def tune_rules(tune: Tune) -> Iterator[Breach]:
    """The sweep's ranges make sense."""
    if tune.learning_rate.low <= 0:
        yield Breach(("learning_rate",), "must stay above 0", "for example [3e-4, 1e-2]")
    if tune.grace_epochs > tune.max_epochs:
        rule = f"must not exceed max_epochs, {tune.max_epochs}"
        yield Breach(("grace_epochs",), rule, f"write {tune.max_epochs} or less", str(tune.grace_epochs))


def means_table(material: Mapping[str, Any]) -> bool:
    """Whether a material as written, by its keys, is a tabulated one."""
    return not {"n", "k"} & set(material) and bool(difflib.get_close_matches("table", map(str, material)))


def material_form_rules(material: Mapping[str, Any]) -> Iterator[Breach]:
    """A material's index stands there, or in a table."""
    beside = [key for key in ("n", "k") if key in material]
    if "table" in material and beside:
        rule = f"must not stand beside {' and '.join(beside)}"
        yield Breach(("table",), rule, f"keep the table, or {' and '.join(beside)}")


def constant_rules(material: ConstantIndex) -> Iterator[Breach]:
    """An index that light can have."""
    if material.n == 0 and material.k == 0:
        yield Breach((), "must not have n and k both 0", "for vacuum write n: 1")


def table_rules(material: TabulatedIndex) -> Iterator[Breach]:
    """The table is there."""
    if material.table not in TABLES:
        yield Breach(("table",), "must name a tabulated material", suggestion(material.table, TABLES))


def physics_rules(physics: Physics) -> Iterator[Breach]:
    """Names refer to something, tables reach far enough, and the solver can take the stack."""
    yield from _repeats(physics.wavelengths_nm(), "wavelength_nm", "must stand once among the wavelengths")
    yield from _material_rules(physics)
    yield from _layer_name_rules(physics)
    yield from _solver_rules(physics)
    names = ["total", *(layer.name for layer in physics.layers)]
    if physics.property not in names:
        rule = "must be 'total' or the name of a layer"
        yield Breach(("property",), rule, suggestion(physics.property, names))


def _solver_rules(physics: Physics) -> Iterator[Breach]:
    patterns = sum(layer.kind == "pattern" for layer in physics.layers)
    if patterns == 0:
        fix = "add {kind: pattern, name: ..., thickness_nm: ..., white: ..., black: ...}"
        yield Breach(("layers",), "must hold a layer of kind 'pattern'", fix, f"{len(physics.layers)} films")
    if physics.numerics.solver != "preconditioned":
        return
    at, fix = ("numerics", "solver"), "write solver: auto"
    if patterns > 1:
        yield Breach(at, "'preconditioned' takes one pattern layer", fix, f"{patterns} pattern layers")
    if physics.incidence.polar_deg != 0:
        value = f"polar_deg: {physics.incidence.polar_deg:g}"
        yield Breach(at, "'preconditioned' takes normal incidence", fix, value)
    if physics.numerics.factorization != "laurent":
        value = f"factorization: {physics.numerics.factorization}"
        yield Breach(at, "'preconditioned' takes factorization: laurent", fix, value)


def material_uses(physics: Physics) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where the stack names a material, from top to bottom, and which."""
    yield ("incident",), physics.incident
    for index, layer in enumerate(physics.layers):
        for side in ("white", "black") if layer.kind == "pattern" else ("material",):
            yield ("layers", index, side), getattr(layer, side)
    yield ("substrate",), physics.substrate


def _material_rules(physics: Physics) -> Iterator[Breach]:
    for at, name in material_uses(physics):
        if name not in physics.materials:
            rule = "must be one of physics.materials"
            yield Breach(at, rule, suggestion(name, physics.materials))
    outside = list(_table_range_rules(physics))
    yield from outside
    if physics.incident in physics.materials and not outside:
        yield from _incident_rules(physics)


def _table_range_rules(physics: Physics) -> Iterator[Breach]:
    """Nothing is extrapolated: every table that the stack uses reaches every wavelength."""
    used = {name: physics.materials[name] for name in physics.used_materials() if name in physics.materials}
    for position, wavelength in enumerate(physics.wavelengths_nm()):
        at = ("wavelength_nm", position) if isinstance(physics.wavelength_nm, tuple) else ("wavelength_nm",)
        for name, material in used.items():
            low, high = material.range_nm
            if not low <= wavelength <= high:
                rule = f"must lie between {low:g} and {high:g}, where '{name}' is tabulated"
                fix = f"choose another wavelength, or give n and k of '{name}'"
                yield Breach(at, rule, fix, f"{wavelength:g}")


def _incident_rules(physics: Physics) -> Iterator[Breach]:
    for wavelength in physics.wavelengths_nm():
        index = physics.materials[physics.incident].index(wavelength)
        if index.imag > 0 or index.real == 0:
            rule = "must be a material that does not absorb (k 0, n above 0)"
            value = f"'{physics.incident}' of n {index.real:g}, k {index.imag:g}"
            where = f" at {wavelength:g} nm" if len(physics.wavelengths_nm()) > 1 else ""
            yield Breach(("incident",), rule, "light comes from there, name air or glass", value + where)
            return


def _layer_name_rules(physics: Physics) -> Iterator[Breach]:
    seen: set[str] = set()
    for index, layer in enumerate(physics.layers):
        if layer.name == "total":
            yield Breach(("layers", index, "name"), "must not be 'total', which means 1 - R - T", "rename the layer")
        elif layer.name in seen:
            yield Breach(("layers", index, "name"), "must differ from the layers above", "rename the layer")
        seen.add(layer.name)


def spec_rules(spec: Spec) -> Iterator[Breach]:
    """Blocks agree with each other."""
    kinds = [method.kind for method in spec.methods]
    yield from _repeats(kinds, "methods", "must stand once among the methods")
    yield from _repeats(spec.targets, "targets", "must stand once among the targets")
    if spec.physics.kind == "rcwa":
        yield from _order_rules(spec)
    yield from _label_rules(spec)
    if spec.tune is not None and "gan-mdn" not in kinds:
        rule = "needs 'gan-mdn' among the methods, whose MDN it tunes"
        yield Breach(("tune",), rule, "add gan-mdn to methods or remove tune", ", ".join(kinds))


def _repeats(values: Sequence[str | float], key: str, rule: str) -> Iterator[Breach]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Breach((key, index), rule, "remove it", f"'{value}'" if isinstance(value, str) else f"{value:g}")


def _order_rules(spec: Spec) -> Iterator[Breach]:
    orders, at = spec.physics.numerics.orders, ("physics", "numerics", "orders")
    missing = list(_missing_orders(spec, orders, at))
    yield from missing
    if missing:
        return
    yield from _sample_order_rules(spec)
    for name, dataset in spec.datasets.items():
        yield from _pixel_rules(spec, name, dataset.image_px, spec.physics.orders_of(name), orders, at)


def _missing_orders(spec: Spec, orders: int | Mapping[str, int], at: tuple[str, ...]) -> Iterator[Breach]:
    if isinstance(orders, int):
        return
    # Names beyond the data sets are fine: an included physics file may serve several campaigns.
    spare = [name for name in orders if name not in spec.datasets]
    for name in spec.datasets:
        if name not in orders:
            close = difflib.get_close_matches(name, spare, n=1)
            fix = f"did you mean it by '{close[0]}'?" if close else f"add '{name}: ...'"
            yield Breach((*at, name), "is missing, orders must name each data set", fix)


def more_orders(orders: int) -> int:
    """Orders that judge the truncation of a label solved with ``orders``."""
    return max(orders + 2, math.ceil(MORE_ORDERS * orders))


def _sample_order_rules(spec: Spec) -> Iterator[Breach]:
    """The sample that judges the truncation is solved with more orders than the labels."""
    asked, at = spec.labels.truncation_orders, ("labels", "truncation_orders")
    if not spec.labels.truncation_sample:
        return
    if asked is not None:
        missing = list(_missing_orders(spec, asked, at))
        yield from missing
        if missing:
            return
    for name, dataset in spec.datasets.items():
        orders, higher = spec.physics.orders_of(name), spec.truncation_orders_of(name)
        if higher <= orders:
            rule = f"must exceed the orders of the labels, {orders} for data set '{name}'"
            yield Breach(_of(asked, at, name), rule, f"write {more_orders(orders)}, or remove it", str(higher))
        else:
            yield from _pixel_rules(spec, name, dataset.image_px, higher, asked, at)


def _pixel_rules(
    spec: Spec, name: str, image_px: int, orders: int, written: int | Mapping[str, int] | None, at: tuple[str, ...]
) -> Iterator[Breach]:
    """Point samples hold no more harmonics than there are pixels: differences of orders reach 2 M each way."""
    most = (image_px - 1) // 4
    if spec.physics.numerics.pixels == "dft" and orders > most:
        rule = f"must be at most {most} for the {image_px} pixels of data set '{name}' with pixels: dft"
        yield Breach(_of(written, at, name), rule, f"write {most} or less, or pixels: exact", str(orders))


def _of(written: int | Mapping[str, int] | None, at: tuple[str, ...], dataset: str) -> tuple[str, ...]:
    return (*at, dataset) if isinstance(written, Mapping) else at


def _label_rules(spec: Spec) -> Iterator[Breach]:
    count = spec.labels.count
    training = int(count * (1 - spec.mdn.validation_fraction))
    rule = f"must not exceed the {training} labels left for training"
    fix = f"write {training} or less, or a larger labels.count"
    if spec.mdn.batch_size > training and LEARNED_MODELS & {method.kind for method in spec.methods}:
        yield Breach(("mdn", "batch_size"), rule, fix, str(spec.mdn.batch_size))
    for index, size in enumerate(spec.tune.batch_size if spec.tune else ()):
        if size > training:
            yield Breach(("tune", "batch_size", index), rule, fix, str(size))
    for index, method in enumerate(spec.methods):
        initial = getattr(method, "initial", 0)  # of optimisers
        if initial > count:
            rule = f"must not exceed labels.count, {count}"
            yield Breach(("methods", index, "initial"), rule, f"write {count} or less", str(initial))
        elif method.kind == "pca-mdn":
            widest = max(dataset.latent_dimension for dataset in spec.datasets.values())
            if widest > count:
                rule = f"must be at least {widest} for the components of pca-mdn"
                yield Breach(("labels", "count"), rule, f"write {widest} or more", str(count))
        elif method.kind == "authors-mdn":
            yield from _authors_rules(spec, index)


def _authors_rules(spec: Spec, index: int) -> Iterator[Breach]:
    for name, dataset in spec.datasets.items():
        if dataset.latent != (2, 2):
            value = f"{list(dataset.latent)} in data set '{name}'"
            rule = "was trained for latent [2, 2] only"
            yield Breach(("methods", index), rule, "remove the method or the data set", value)
