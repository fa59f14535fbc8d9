"""What a campaign is: the science of one YAML spec as frozen pydantic models.

Units stand in field names; an unknown key is an error; every choice between alternatives is a union distinguished
by ``kind``. Where and on how many machines a campaign runs is not science and stands in ``profile.py``.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from campaign.spec.base import Count, Model, Name, Seed
from campaign.spec.base import repeats as duplicates
from campaign.spec.generator import DataSet, GeneratorBlock, Latent
from campaign.spec.method_rules import method_violations
from campaign.spec.methods import LabelsBlock, MdnTrainingBlock, Method, Tune
from campaign.spec.physics import Physics, of_dataset
from campaign.spec.problems import Violation
from campaign.spec.solves import why_refused
from campaign.spec.targets import WrittenTarget
from ganmdn.targets import Target

PAPER_TARGETS = (0.55, 0.60, 0.65, 0.70, 0.75)


class Spec(Model):
    """One campaign, whole."""

    campaign: Name = Field(description="name of the campaign, part of the run folder's name")
    seed: Seed = Field(default=2020, description="of every random draw: the same seed, the same numbers")
    datasets: Annotated[dict[Name, DataSet], Field(min_length=1)] = Field(
        description="image sizes by name; each is labelled, learnt and designed for on its own"
    )
    latent: Latent = Field(default=Latent(), description="how latents are drawn that are labelled and searched")
    generator: GeneratorBlock = Field(description="what turns a latent z into an image")
    physics: Physics = Field(description="what is simulated: a stack, light and numerics, or a package's own")
    labels: LabelsBlock = Field(default=LabelsBlock(), description="simulations that methods learn from")
    mdn: MdnTrainingBlock = Field(default=MdnTrainingBlock(), description="network and training of MDN methods")
    methods: tuple[Method, ...] = Field(
        description="inverse methods to compare; a name alone takes a method's defaults; [] for labels and reach alone"
    )
    tune: Tune | None = Field(default=None, description="sweep of the MDN's hyperparameters before it is fitted")
    targets: Annotated[tuple[WrittenTarget, ...], Field(min_length=1)] = Field(
        default=tuple(map(Target.of, PAPER_TARGETS)),
        json_schema_extra={"default": list(PAPER_TARGETS)},
        description="wanted y: a value, {at_least: ...}, {at_most: ...} or {between: [..., ...]}; "
        "a list of such for each target where y is several numbers",
    )
    designs_per_target: Count = Field(default=30, description="of each inverse method")
    repeats: Count = Field(
        default=1,
        description="how often every learnt method is fitted and judged, with seeds that count on from the campaign's",
    )

    def violations(self) -> Iterator[Violation]:
        """Blocks agree with each other."""
        yield from duplicates(self.targets, "targets", "must stand once among the targets")
        yield from _target_violations(self)
        yield from _round_violations(self)
        if self.physics.kind == "rcwa":
            orders = [*_order_violations(self), *_low_order_violations(self)]
            yield from orders or _solve_violations(self)
        yield from method_violations(self)

    @property
    def property_names(self) -> tuple[str, ...]:
        """What is designed for."""
        return tuple(each.name for each in self.physics.properties())

    @property
    def property_name(self) -> str:
        """The same in words."""
        return " and ".join(self.property_names)

    def truncation_orders_of(self, dataset: str) -> int:
        """Orders at which a sample of the labels of ``dataset`` is solved again."""
        written, orders = self.labels.truncation_orders, self.physics.orders_of(dataset)
        return more_orders(orders) if written is None else of_dataset(written, dataset)


def _target_violations(spec: Spec) -> Iterator[Violation]:
    """Every target says what is wanted of each property."""
    names = [each.name for each in spec.physics.properties()]
    for index, target in enumerate(spec.targets):
        if target.size != len(names):
            rule = f"must name {len(names)} {'numbers or ranges' if len(names) > 1 else 'number or range'}"
            fix = f"y is {', '.join(names)}: write {'one for each, in brackets' if len(names) > 1 else 'it alone'}"
            yield Violation(("targets", index), rule, fix, f"{target.size}")


def _round_violations(spec: Spec) -> Iterator[Violation]:
    """The second round of labels has a first one to follow from, and a label for every target."""
    labels, at = spec.labels, ("labels", "first")
    if labels.rounds == 1:
        return
    aimed = labels.count - labels.of_prior
    if labels.of_prior < LEAST_FIRST:
        rule = f"must leave the first round at least {LEAST_FIRST} of the {labels.count} labels"
        yield Violation(at, rule, "write a larger share, or a larger count", f"{labels.of_prior}")
    elif aimed < len(spec.targets):
        rule = f"must leave the second round a label for each of the {len(spec.targets)} targets"
        yield Violation(at, rule, "write a smaller share, or a larger count", f"{aimed}")


MORE_ORDERS = 1.4
LEAST_FIRST = 8  # labels that something is learnt from


def _order_violations(spec: Spec) -> Iterator[Violation]:
    orders, at = spec.physics.numerics.orders, ("physics", "numerics", "orders")
    missing = list(_missing_orders(spec, orders, at))
    yield from missing
    if missing:
        return
    yield from _sample_order_violations(spec)
    for name, dataset in spec.datasets.items():
        yield from _pixel_violations(spec, name, dataset.image_px, spec.physics.orders_of(name), orders, at)


def _missing_orders(spec: Spec, orders: int | Mapping[str, int], at: tuple[str | int, ...]) -> Iterator[Violation]:
    if isinstance(orders, int):
        return
    # Names beyond the data sets are fine: an included physics file may serve several campaigns.
    spare = [name for name in orders if name not in spec.datasets]
    for name in spec.datasets:
        if name not in orders:
            close = difflib.get_close_matches(name, spare, n=1)
            fix = f"did you mean it by '{close[0]}'?" if close else f"add '{name}: ...'"
            yield Violation((*at, name), "is missing, orders must name each data set", fix)


def more_orders(orders: int) -> int:
    """Orders that judge the truncation of a label solved with ``orders``."""
    return max(orders + 2, math.ceil(MORE_ORDERS * orders))


def _sample_order_violations(spec: Spec) -> Iterator[Violation]:
    """The sample that judges the truncation is solved with more orders than the labels."""
    written, at = spec.labels.truncation_orders, ("labels", "truncation_orders")
    if not spec.labels.truncation_sample:
        return
    if written is not None:
        missing = list(_missing_orders(spec, written, at))
        yield from missing
        if missing:
            return
    for name, dataset in spec.datasets.items():
        orders, higher = spec.physics.orders_of(name), spec.truncation_orders_of(name)
        if higher <= orders:
            rule = f"must exceed the orders of the labels, {orders} for data set '{name}'"
            yield Violation(_of(written, at, name), rule, f"write {more_orders(orders)}, or remove it", str(higher))
        else:
            yield from _pixel_violations(spec, name, dataset.image_px, higher, written, at)


def _low_order_violations(spec: Spec) -> Iterator[Violation]:
    """A cheap solve has fewer orders than the labels."""
    for index, method in enumerate(spec.methods):
        if (block := getattr(method, "low_orders", None)) is None:
            continue
        at = ("methods", index, "low_orders", "orders")
        missing = list(_missing_orders(spec, block.orders, at))
        yield from missing
        for name in () if missing else spec.datasets:
            orders, full = of_dataset(block.orders, name), spec.physics.orders_of(name)
            if method.is_for(name) and orders >= full:
                rule = f"must be below the orders of the labels, {full} for data set '{name}'"
                yield Violation(_of(block.orders, at, name), rule, f"write {max(1, full // 2)}", str(orders))


def _pixel_violations(
    spec: Spec, name: str, image_px: int, orders: int, written: int | Mapping[str, int] | None, at: tuple[str, ...]
) -> Iterator[Violation]:
    """Point samples hold no more harmonics than there are pixels: differences of orders reach 2 M each way."""
    most = (image_px - 1) // 4
    if spec.physics.numerics.pixels == "dft" and orders > most:
        rule = f"must be at most {most} for the {image_px} pixels of data set '{name}' with pixels: dft"
        yield Violation(_of(written, at, name), rule, f"write {most} or less, or pixels: exact", str(orders))


def _solve_violations(spec: Spec) -> Iterator[Violation]:
    """No solve that the spec causes would be refused: of labels, designs and searches, and of the truncation sample."""
    for name, dataset in spec.datasets.items():
        sample = [spec.truncation_orders_of(name)] if spec.labels.truncation_sample else []
        for orders in (spec.physics.orders_of(name), *sample):
            if (violation := why_refused(spec.physics, dataset.image_px, orders)) is not None:
                yield replace(violation, at=("physics", *violation.at))
                return


def _of(written: int | Mapping[str, int] | None, at: tuple[str | int, ...], dataset: str) -> tuple[str | int, ...]:
    return (*at, dataset) if isinstance(written, Mapping) else at
