"""The blocks of a spec about labels and inverse methods: what is learnt, and by which methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from campaign.spec.base import NO_TEXT, Count, Fraction, Model, Positive, Range, share_violations
from campaign.spec.method_entry import InverseEntry, SearchEntry, TargetSearchEntry
from campaign.spec.paths import InputFile
from campaign.spec.physics import Order, Orders
from campaign.spec.problems import Violation
from ganmdn.density_config import FlowTraining
from ganmdn.forward_config import CandidateSearch, EnsembleTraining, NetworkShape
from ganmdn.limits import LEAST_BATCH

Batch = Annotated[int, Field(ge=LEAST_BATCH), NO_TEXT]
Workers = Annotated[
    Count, Field(description="data-parallel training workers, who share every batch; part of the science")
]


class LabelsBlock(Model):
    """Latent vectors drawn, turned into images and simulated for each data set."""

    count: Count = Field(default=4000, description="simulations of each data set, those of all rounds together")
    rounds: Annotated[int, Field(ge=1, le=2), NO_TEXT] = Field(
        default=1, description="1: all of the prior; 2: the second round follows from the first, see aim"
    )
    aim: Literal["targets"] = Field(
        default="targets", description="what the second round is for: latents that the first expects near the targets"
    )
    first: Fraction = Field(default=0.5, description="share of the labels that the first of two rounds has")
    truncation_sample: Annotated[int, Field(ge=0), NO_TEXT] = Field(
        default=32, description="labels solved again with more orders, to estimate their truncation error; 0: none"
    )
    truncation_orders: Orders | None = Field(
        default=None, description="orders of that sample; default: the labels' orders x 1.4, two more at least"
    )

    def violations(self) -> Iterator[Violation]:
        """A share is one of two rounds."""
        if self.rounds == 1 and self.first != type(self).model_fields["first"].default:
            yield Violation(("first",), "needs rounds: 2", "write rounds: 2, or remove it", f"{self.first:g}")

    @property
    def of_prior(self) -> int:
        """Labels whose latents are drawn from the prior: the first of all."""
        return self.count if self.rounds == 1 else round(self.first * self.count)


class MdnTrainingBlock(Model):
    """The mixture density network and its training (paper, appendix)."""

    components: Count = Field(default=40, description="Gaussians in the mixture, K in equation 5")
    width: Count = Field(default=16, description="neurons in each of the four densely connected layers")
    learning_rate: Positive = Field(default=1e-3, description="of Adam")
    batch_size: Batch = Field(default=128, description="labels per update")
    patience: Count = Field(default=50, description="epochs without improvement before training stops")
    max_epochs: Count = Field(default=2000, description="passes over the labels at most")
    validation_fraction: Fraction = Field(default=0.1, description="share of the labels held out for early stopping")
    workers: Workers = 1

    def violations(self) -> Iterator[Violation]:
        """Batches split over the workers."""
        yield from share_violations(self.batch_size, self.workers, "labels")


class SweepBlock(Model):
    """A sweep over hyperparameters with asynchronous successive halving (ASHA); the best is kept.

    Fields beside those of every sweep are settings that are tried, a range or values each.
    """

    trials: Count = Field(default=16, description="configurations that are tried")
    max_epochs: Count = Field(default=400, description="of a trial")
    grace_epochs: Count = Field(default=20, description="epochs before a trial may be stopped")
    reduction_factor: Annotated[int, Field(ge=2), NO_TEXT] = Field(
        default=3, description="one trial in so many goes on at each rung"
    )
    learning_rate: Range = Field(default=Range(low=3e-4, high=1e-2), description="tried uniformly in its logarithm")
    batch_size: Annotated[tuple[Batch, ...], Field(min_length=1)] = Field(
        default=(64, 128, 256), description="values to try"
    )

    @classmethod
    def settings(cls) -> tuple[str, ...]:
        """Names of what is tried."""
        options = ("trials", "max_epochs", "grace_epochs", "reduction_factor")
        return tuple(name for name in cls.model_fields if name not in options)

    def violations(self) -> Iterator[Violation]:
        """The sweep's ranges make sense."""
        if self.learning_rate.low <= 0:
            yield Violation(("learning_rate",), "must stay above 0", "for example [3e-4, 1e-2]")
        if self.grace_epochs > self.max_epochs:
            rule = f"must not exceed max_epochs, {self.max_epochs}"
            yield Violation(("grace_epochs",), rule, f"write {self.max_epochs} or less", str(self.grace_epochs))


Choice = Annotated[tuple[Count, ...], Field(min_length=1)]


class Tune(SweepBlock):
    """A sweep over MDN hyperparameters with asynchronous successive halving (ASHA); the best is kept."""

    components: Choice = Field(default=(10, 20, 40), description="values to try")
    width: Choice = Field(default=(16, 32, 64), description="values to try")


class FlowTune(SweepBlock):
    """A sweep over the flow's hyperparameters with ASHA; the best is kept."""

    transforms: Choice = Field(default=(2, 3, 5), description="values to try")
    width: Choice = Field(default=(32, 64, 128), description="values to try")


class ForwardTune(SweepBlock):
    """A sweep over the image networks' hyperparameters with ASHA, one network a trial; the best is kept."""

    max_epochs: Count = Field(default=EnsembleTraining.epochs, description="of a trial")
    learning_rate: Range = Field(default=Range(low=1e-3, high=2e-2), description="tried uniformly in its logarithm")
    batch_size: Choice = Field(default=(32, 64, 128), description="values to try")
    channels: Choice = Field(default=(12, 16, 24), description="values to try")
    blocks: Choice = Field(default=(2, 3, 4), description="values to try")


SamplingName = Literal["component", "authors"]


class MdnEntry(InverseEntry):
    """A method that trains a mixture density network on the labels, as the block ``mdn`` says."""


class GanMdnBlock(MdnEntry):
    """The paper's method: MDN from the property to latent z, generator from z to image."""

    not_learnt = InverseEntry.not_learnt | {"sampling"}
    kind: Literal["gan-mdn"]
    sampling: SamplingName = Field(
        default="component",
        description="component: a Gaussian is drawn for each design; authors: one for all, as their code does",
    )


class PcaMdnBlock(MdnEntry):
    """Baseline: principal components in place of the GAN's latent variables."""

    kind: Literal["pca-mdn"]


class DirectMdnBlock(MdnEntry):
    """Baseline: MDN from the property straight to pixels."""

    kind: Literal["direct-mdn"]


class AuthorsMdnBlock(InverseEntry):
    """The MDN that the authors published for Data-II, as it is."""

    not_learnt = InverseEntry.not_learnt | {"sampling"}
    learns_at_random = False
    any_target = False
    kind: Literal["authors-mdn"]
    weights: InputFile = Field(description="path of MDN_weights.h5 from the authors' repository")
    sampling: SamplingName = Field(
        default="component",
        description="component: a Gaussian is drawn for each design; authors: one for all, as their code does",
    )


class BayesianOptimizationBlock(TargetSearchEntry):
    """Baseline: Gaussian-process optimisation of |y - target| over the latent space, one run per target."""

    kind: Literal["bayesian-optimization"]


class TrustRegionOptimizationBlock(TargetSearchEntry):
    """Bayesian optimisation in a region about the best latent that grows and shrinks (TuRBO), one run per target."""

    kind: Literal["trust-region-optimization"]


class CompositeOptimizationBlock(SearchEntry):
    """Bayesian optimisation with one Gaussian process of y itself for all targets, which share every simulation."""

    kind: Literal["composite-optimization"]
    iterations: Count = Field(default=400, description="simulations, shared by all targets")
    batch: Count = Field(default=10, description="suggestions simulated at the same time, for one target after another")


class RandomSearchBlock(SearchEntry):
    """Baseline: latents drawn at random, simulated and shared by all targets."""

    kind: Literal["random-search"]
    iterations: Count = Field(default=400, description="simulations, shared by all targets")


class SobolSearchBlock(SearchEntry):
    """Baseline: latents of a scrambled Sobol sequence, simulated and shared by all targets."""

    kind: Literal["sobol-search"]
    iterations: Count = Field(default=400, description="simulations, shared by all targets")


class LowOrdersBlock(Model):
    """A cheap solve at few diffraction orders, of promising candidates and of labels that tell what it leaves out."""

    orders: Orders = Field(description="diffraction orders of the cheap solve, below those of the labels")
    candidates: Count = Field(default=200, description="most promising candidates of each target that are solved")
    labels: Annotated[int, Field(ge=20), NO_TEXT] = Field(
        default=200, description="labels that are solved, to learn from what full orders change"
    )


def _low_orders_by_number(value: Any) -> Any:
    """A number alone takes the defaults."""
    return value if value is None or isinstance(value, dict | LowOrdersBlock) else {"orders": value}


WrittenLowOrders = Annotated[
    LowOrdersBlock, BeforeValidator(_low_orders_by_number, json_schema_input_type=Order | LowOrdersBlock)
]


class ForwardSearchBlock(InverseEntry):
    """Learns the property of an image, screens many latents by it, and keeps the best for every target."""

    not_learnt = InverseEntry.not_learnt | {"low_orders"}
    kind: Literal["forward-search"]
    members: Annotated[int, Field(ge=2), NO_TEXT] = Field(
        default=EnsembleTraining.members, description="image networks, each of which leaves out one in so many labels"
    )
    epochs: Count = Field(default=EnsembleTraining.epochs, description="passes over a network's labels")
    batch_size: Count = Field(default=EnsembleTraining.batch_size, description="labels per update")
    workers: Workers = EnsembleTraining.workers
    learning_rate: Positive = Field(default=EnsembleTraining.learning_rate, description="of the optimiser")
    cell_px: Count = Field(
        default=NetworkShape.cell_px,
        description="side of the cells that images are low-passed to; divides image_px evenly",
    )
    channels: Count = Field(default=NetworkShape.channels, description="maps in the networks' first blocks")
    blocks: Count = Field(default=NetworkShape.blocks, description="residual blocks")
    pool: Count = Field(default=CandidateSearch.pool, description="latents screened from the prior")
    rounds: Annotated[int, Field(ge=0), NO_TEXT] = Field(
        default=CandidateSearch.rounds, description="rounds of the local search among latents"
    )
    children: Count = Field(default=CandidateSearch.children, description="latents screened in each round")
    reach: Annotated[float, Field(ge=1), NO_TEXT] = Field(
        default=CandidateSearch.reach, description="the search's box of latents, as a multiple of the prior's"
    )
    tune: ForwardTune | None = Field(
        default=None, description="sweep of the networks' hyperparameters before they are fitted"
    )
    low_orders: WrittenLowOrders | None = Field(
        default=None,
        description="solve the most promising candidates at few orders before choosing; a number of orders takes the "
        "defaults; counted as label equivalents",
    )

    def violations(self) -> Iterator[Violation]:
        """Batches split over the workers."""
        yield from share_violations(self.batch_size, self.workers, "labels", least=1)


class FlowPosteriorBlock(InverseEntry):
    """A neural spline flow from the property to latent z, the modern peer of the MDN."""

    kind: Literal["flow-posterior"]
    transforms: Count = Field(default=FlowTraining.transforms, description="spline transformations")
    bins: Annotated[int, Field(ge=2), NO_TEXT] = Field(default=FlowTraining.bins, description="pieces of a spline")
    width: Count = Field(default=FlowTraining.width, description="neurons in each of the two hidden layers")
    learning_rate: Positive = Field(default=FlowTraining.learning_rate, description="of the optimiser")
    batch_size: Batch = Field(default=FlowTraining.batch_size, description="labels per update")
    patience: Count = Field(
        default=FlowTraining.patience, description="epochs without improvement before training stops"
    )
    max_epochs: Count = Field(default=FlowTraining.max_epochs, description="passes over the labels at most")
    validation_fraction: Fraction = Field(
        default=FlowTraining.validation_fraction, description="share of the labels held out for early stopping"
    )
    workers: Workers = FlowTraining.workers
    tune: FlowTune | None = Field(default=None, description="sweep of the hyperparameters before it is fitted")

    def violations(self) -> Iterator[Violation]:
        """Batches split over the workers."""
        yield from share_violations(self.batch_size, self.workers, "labels")


class NearestLabelsBlock(InverseEntry):
    """Baseline: the labels whose property is nearest to the target."""

    learns_at_random = False
    designs_at_random = False
    kind: Literal["nearest-labels"]


class RandomLabelsBlock(InverseEntry):
    """Baseline: labels drawn at random."""

    learns_at_random = False
    kind: Literal["random-labels"]


BUILT_IN_METHODS = (
    GanMdnBlock,
    PcaMdnBlock,
    DirectMdnBlock,
    AuthorsMdnBlock,
    ForwardSearchBlock,
    FlowPosteriorBlock,
    NearestLabelsBlock,
    RandomLabelsBlock,
    BayesianOptimizationBlock,
    TrustRegionOptimizationBlock,
    CompositeOptimizationBlock,
    RandomSearchBlock,
    SobolSearchBlock,
)


def method_by_name(value: Any) -> Any:
    """A name alone takes the method's defaults."""
    return {"kind": value} if isinstance(value, str) else value


Method = Annotated[
    Annotated[
        GanMdnBlock
        | PcaMdnBlock
        | DirectMdnBlock
        | AuthorsMdnBlock
        | ForwardSearchBlock
        | FlowPosteriorBlock
        | NearestLabelsBlock
        | RandomLabelsBlock
        | BayesianOptimizationBlock
        | TrustRegionOptimizationBlock
        | CompositeOptimizationBlock
        | RandomSearchBlock
        | SobolSearchBlock,
        Field(discriminator="kind"),
    ],
    BeforeValidator(method_by_name),
]
