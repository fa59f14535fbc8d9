"""What methods ask of the rest of a spec: labels enough to learn from, images that networks can take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from campaign.spec.base import share_violations
from campaign.spec.method_entry import InverseEntry, MethodEntry, SearchEntry
from campaign.spec.methods import (
    BUILT_IN_METHODS,
    AuthorsMdnBlock,
    CompositeOptimizationBlock,
    FlowPosteriorBlock,
    ForwardSearchBlock,
    GanMdnBlock,
    MdnEntry,
    MdnTrainingBlock,
    NearestLabelsBlock,
    PcaMdnBlock,
    RandomLabelsBlock,
    SweepBlock,
)
from campaign.spec.problems import Violation
from ganmdn.forward_config import KEPT_EACH
from ganmdn.limits import held_out

if TYPE_CHECKING:
    from campaign.spec.campaign import Spec
    from campaign.spec.generator import DataSet

KINDS = {get_args(block.model_fields["kind"].annotation)[0] for block in BUILT_IN_METHODS}
Rule = Callable[["Spec", int, Any], Iterator[Violation]]


def method_violations(spec: Spec) -> Iterator[Violation]:
    """Rules between the methods, and between each of them and labels, data sets and designs."""
    yield from _name_violations(spec)
    yield from _dataset_violations(spec)
    yield from _target_violations(spec)
    yield from _repeat_violations(spec)
    yield from _mdn_violations(spec)
    for index, method in enumerate(spec.methods):
        for block, rule in RULES.items():
            if isinstance(method, block):
                yield from rule(spec, index, method)


def _name_violations(spec: Spec) -> Iterator[Violation]:
    """Names tell methods apart, and no two methods are the same but for their names and repeats."""
    names = [method.method_name for method in spec.methods]
    alike = [method.model_copy(update={"name": None, "repeats": None}) for method in spec.methods]
    for index, method in enumerate(spec.methods):
        at = ("methods", index, *(() if method.name is None else ("name",)))
        if names[index] in names[:index]:
            fix = "remove it, or give it a name of its own"
            yield Violation(at, "must stand once among the methods", fix, f"'{names[index]}'")
        elif method.name in KINDS - {method.kind}:
            rule = "must not be the kind of another method"
            yield Violation(at, rule, "write another name", f"'{method.name}'")
        elif alike[index] in alike[:index]:
            first = names[alike.index(alike[index])]
            rule = f"must differ from '{first}' in more than name and repeats"
            yield Violation(("methods", index), rule, "remove it", f"'{names[index]}'")


def _target_violations(spec: Spec) -> Iterator[Violation]:
    """Methods that know one number alone are asked for one."""
    if all(target.number is not None for target in spec.targets):
        return
    for index, method in enumerate(spec.methods):
        if not method.any_target:
            rule = f"must be left out where targets are ranges or several numbers: '{method.kind}' takes one value"
            fix = "remove it, or ask for one value of one property"
            yield Violation(("methods", index), rule, fix, f"'{method.method_name}'")


def _dataset_violations(spec: Spec) -> Iterator[Violation]:
    """Methods are for data sets that the spec has."""
    for index, method in enumerate(spec.methods):
        for place, name in enumerate(method.datasets or ()):
            if name not in spec.datasets:
                fix = f"write one of {', '.join(spec.datasets)}"
                yield Violation(
                    ("methods", index, "datasets", place), "must be a data set of the spec", fix, f"'{name}'"
                )


def _repeat_violations(spec: Spec) -> Iterator[Violation]:
    """Nothing is repeated on purpose that would be the same again."""
    for index, method in enumerate(spec.methods):
        if isinstance(method, InverseEntry) and not method.is_random and (method.repeats or 1) > 1:
            rule = f"must be 1 for '{method.method_name}', whose designs are the same with every seed"
            yield Violation(("methods", index, "repeats"), rule, "remove it", str(method.repeats))


def _mdn_violations(spec: Spec) -> Iterator[Violation]:
    """Batches of mixture density networks are no larger than what is left to learn from."""
    if any(isinstance(method, MdnEntry) for method in spec.methods):
        yield from _batch_violations(spec, spec.mdn.batch_size, spec.mdn.validation_fraction, ("mdn", "batch_size"))
    if spec.tune is None:
        return
    yield from _sweep_violations(spec, spec.tune, ("tune",), spec.mdn)
    if not any(isinstance(method, GanMdnBlock) for method in spec.methods):
        rule, kinds = "needs 'gan-mdn' among the methods, whose MDN it tunes", [each.kind for each in spec.methods]
        yield Violation(("tune",), rule, "add gan-mdn to methods or remove tune", ", ".join(kinds))


def _sweep_violations(
    spec: Spec, sweep: SweepBlock, at: tuple[str | int, ...], settings: MdnTrainingBlock | FlowPosteriorBlock
) -> Iterator[Violation]:
    """Every batch that is tried could be that of the settings."""
    for index, size in enumerate(sweep.batch_size):
        place = (*at, "batch_size", index)
        yield from _batch_violations(spec, size, settings.validation_fraction, place)
        for violation in share_violations(size, settings.workers, "labels"):
            yield replace(violation, at=place)


def _batch_violations(spec: Spec, size: int, validation: float, at: tuple[str | int, ...]) -> Iterator[Violation]:
    count = spec.labels.count
    training = count - held_out(count, validation)
    if size > training:
        rule = f"must not exceed the {training} labels left for training"
        yield Violation(at, rule, f"write {training} or less, or a larger labels.count", str(size))


def _flow(spec: Spec, index: int, method: FlowPosteriorBlock) -> Iterator[Violation]:
    at = ("methods", index, "batch_size")
    yield from _batch_violations(spec, method.batch_size, method.validation_fraction, at)
    if method.tune is not None:
        yield from _sweep_violations(spec, method.tune, ("methods", index, "tune"), method)


def _starts_from_labels(spec: Spec, index: int, method: SearchEntry) -> Iterator[Violation]:
    count = spec.labels.count
    if method.initial > count:
        rule = f"must not exceed labels.count, {count}"
        yield Violation(("methods", index, "initial"), rule, f"write {count} or less", str(method.initial))


def _composite(spec: Spec, index: int, method: CompositeOptimizationBlock) -> Iterator[Violation]:
    """Every target is aimed at."""
    if method.iterations < len(spec.targets):
        rule = f"must be at least the number of targets, {len(spec.targets)}"
        at = ("methods", index, "iterations")
        yield Violation(at, rule, f"write {len(spec.targets)} or more", str(method.iterations))


def _picks_labels(spec: Spec, index: int, method: NearestLabelsBlock | RandomLabelsBlock) -> Iterator[Violation]:
    count = spec.labels.of_prior if isinstance(method, RandomLabelsBlock) else spec.labels.count
    yield from _count_violations(spec, count, f"labels that '{method.method_name}' picks from")


def _count_violations(spec: Spec, most: int, of_what: str) -> Iterator[Violation]:
    if spec.designs_per_target > most:
        rule = f"must not exceed the {most} {of_what}"
        yield Violation(("designs_per_target",), rule, f"write {most} or less", str(spec.designs_per_target))


def _datasets_of(spec: Spec, method: MethodEntry) -> list[tuple[str, DataSet]]:
    return [(name, dataset) for name, dataset in spec.datasets.items() if method.is_for(name)]


def _components(spec: Spec, index: int, method: PcaMdnBlock) -> Iterator[Violation]:
    widest = max((dataset.latent_dimension for _, dataset in _datasets_of(spec, method)), default=0)
    if widest > spec.labels.count:
        rule = f"must be at least {widest} for the components of pca-mdn"
        yield Violation(("labels", "count"), rule, f"write {widest} or more", str(spec.labels.count))


def _forward(spec: Spec, index: int, method: ForwardSearchBlock) -> Iterator[Violation]:
    """Folds of two labels at least, whole cells, and candidates enough."""
    if 2 * method.members > spec.labels.count:
        rule = f"must be at most half of labels.count, {spec.labels.count}"
        fix = f"write {spec.labels.count // 2} or less, or a larger labels.count"
        yield Violation(("methods", index, "members"), rule, fix, str(method.members))
    for place, size in enumerate(method.tune.batch_size if method.tune else ()):
        for violation in share_violations(size, method.workers, "labels", least=1):
            yield replace(violation, at=("methods", index, "tune", "batch_size", place))
    for name, dataset in _datasets_of(spec, method):
        if dataset.image_px % (2 * method.cell_px):
            rule = f"must divide the {dataset.image_px} pixels of data set '{name}' into an even number of cells"
            fitting = max(size for size in range(1, method.cell_px + 1) if dataset.image_px % (2 * size) == 0)
            yield Violation(("methods", index, "cell_px"), rule, f"write {fitting}", str(method.cell_px))
    if method.low_orders is not None:
        at = ("methods", index, "low_orders")
        if spec.physics.kind != "rcwa":
            rule, fix = "needs physics of kind 'rcwa', whose orders it lowers", "remove it"
            yield Violation(at, rule, fix, f"'{spec.physics.kind}'")
        elif method.low_orders.labels > spec.labels.count:
            rule = f"must not exceed labels.count, {spec.labels.count}"
            fix = f"write {spec.labels.count} or less"
            yield Violation((*at, "labels"), rule, fix, str(method.low_orders.labels))
    candidates = min(KEPT_EACH, method.pool + method.rounds * method.children)
    yield from _count_violations(spec, candidates, f"candidates that '{method.method_name}' keeps for a target")


def _authors(spec: Spec, index: int, method: AuthorsMdnBlock) -> Iterator[Violation]:
    for name, dataset in _datasets_of(spec, method):
        if dataset.latent != (2, 2):
            value = f"{list(dataset.latent)} in data set '{name}'"
            rule = "was trained for latent [2, 2] only"
            yield Violation(("methods", index), rule, "say for which datasets: it is, or remove it", value)


RULES: Mapping[Any, Rule] = {
    FlowPosteriorBlock: _flow,
    SearchEntry: _starts_from_labels,
    CompositeOptimizationBlock: _composite,
    NearestLabelsBlock | RandomLabelsBlock: _picks_labels,
    PcaMdnBlock: _components,
    ForwardSearchBlock: _forward,
    AuthorsMdnBlock: _authors,
}
