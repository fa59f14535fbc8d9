"""The blocks of a spec about labels and inverse methods: what is learnt, and by which methods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from campaign.spec.base import NO_TEXT, Count, Fraction, Model, Positive, Range
from campaign.spec.paths import InputFile
from campaign.spec.physics import Orders
from campaign.spec.problems import Violation
from ganmdn.limits import LEAST_BATCH

Batch = Annotated[int, Field(ge=LEAST_BATCH), NO_TEXT]
LEARNED_MODELS = {"gan-mdn", "pca-mdn", "direct-mdn"}  # methods that train an MDN on the labels


class LabelsBlock(Model):
    """Latent vectors drawn, turned into images and simulated for each data set."""

    count: Count = 4000
    truncation_sample: Annotated[int, Field(ge=0), NO_TEXT] = Field(
        default=32, description="labels solved again with more orders, to estimate their truncation error; 0: none"
    )
    truncation_orders: Orders | None = Field(
        default=None, description="orders of that sample; default: the labels' orders x 1.4, two more at least"
    )


class MdnTrainingBlock(Model):
    """The mixture density network and its training (paper, appendix)."""

    components: Count = Field(default=40, description="Gaussians in the mixture, K in equation 5")
    width: Count = Field(default=16, description="neurons in each of the four densely connected layers")
    learning_rate: Positive = 1e-3
    batch_size: Batch = 128
    patience: Count = Field(default=50, description="epochs without improvement before training stops")
    max_epochs: Count = 2000
    validation_fraction: Fraction = 0.1


SamplingName = Literal["component", "authors"]


class GanMdnBlock(Model):
    """The paper's method: MDN from absorption to latent z, generator from z to image."""

    kind: Literal["gan-mdn"]
    sampling: SamplingName = "component"


class PcaMdnBlock(Model):
    """Baseline: principal components in place of the GAN's latent variables."""

    kind: Literal["pca-mdn"]


class DirectMdnBlock(Model):
    """Baseline: MDN from absorption straight to pixels."""

    kind: Literal["direct-mdn"]


class AuthorsMdnBlock(Model):
    """The MDN that the authors published for Data-II, as it is."""

    kind: Literal["authors-mdn"]
    weights: InputFile = Field(description="path of MDN_weights.h5 from the authors' repository")
    sampling: SamplingName = "component"


class BayesianOptimizationBlock(Model):
    """Baseline: Gaussian-process optimisation of |y - target| over the latent space, one run per target."""

    kind: Literal["bayesian-optimization"]
    initial: Count = Field(default=250, description="labelled pairs that every target starts from")
    iterations: Count = 400
    batch: Count = Field(default=8, description="suggestions simulated at the same time")


BUILT_IN_METHODS = (GanMdnBlock, PcaMdnBlock, DirectMdnBlock, AuthorsMdnBlock, BayesianOptimizationBlock)


def method_by_name(value: Any) -> Any:
    """A name alone takes the method's defaults."""
    return {"kind": value} if isinstance(value, str) else value


Method = Annotated[
    Annotated[
        GanMdnBlock | PcaMdnBlock | DirectMdnBlock | AuthorsMdnBlock | BayesianOptimizationBlock,
        Field(discriminator="kind"),
    ],
    BeforeValidator(method_by_name),
]


class Tune(Model):
    """A sweep over MDN hyperparameters with asynchronous successive halving (ASHA); the best is kept."""

    trials: Count = 16
    max_epochs: Count = 400
    grace_epochs: Count = Field(default=20, description="epochs before a trial may be stopped")
    reduction_factor: Annotated[int, Field(ge=2), NO_TEXT] = 3
    learning_rate: Range = Range(low=3e-4, high=1e-2)
    batch_size: Annotated[tuple[Batch, ...], Field(min_length=1)] = (64, 128, 256)
    components: Annotated[tuple[Count, ...], Field(min_length=1)] = (10, 20, 40)
    width: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 32, 64)

    def violations(self) -> Iterator[Violation]:
        """The sweep's ranges make sense."""
        if self.learning_rate.low <= 0:
            yield Violation(("learning_rate",), "must stay above 0", "for example [3e-4, 1e-2]")
        if self.grace_epochs > self.max_epochs:
            rule = f"must not exceed max_epochs, {self.max_epochs}"
            yield Violation(("grace_epochs",), rule, f"write {self.max_epochs} or less", str(self.grace_epochs))
