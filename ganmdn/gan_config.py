"""How the GAN is trained; field names and defaults are those of a spec's training block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from ganmdn.features import FeatureConfig, RandomFeatures, feature_config
from ganmdn.limits import check_gan_batch
from ganmdn.networks import Variant

DECAY = 0.5  # share of the steps over which a matched training's learning rate falls


@dataclass(frozen=True)
class LatentRange:
    """The latent variables are drawn uniformly and independently from [low, high)."""

    low: float = -1.0
    high: float = 1.0


@dataclass(frozen=True)
class GanConfig:
    """How the GAN is trained; the defaults are the authors', but for those of the ``matched`` variant.

    Attributes
    ----------
    steps
        Generator updates.
    batch_size
        Images per update, over all workers.
    workers
        Data-parallel workers: each computes batch statistics and pairs of images on its own share of the batch.
    learning_rate, beta1, epsilon
        Of Adam, for both networks. The ``matched`` variant lowers the rate to 0 over the second half of the steps.
    discriminator_updates
        Discriminator updates per generator update.
    variant
        ``paper``: the paper's networks and losses. ``matched``: see ``ganmdn.networks.Variant`` and
        ``ganmdn.matching``.
    collapse_weight, style_weight
        Factors of these losses beside the adversarial one.
    fraction_weight, spectrum_weight, frequency_weight
        Factors of the losses that the ``matched`` variant has beside them; the ``paper`` variant has not. The last one
        takes images of 64 pixels or more.
    features
        Feature maps on which they are computed.
    latent
        Distribution of the latent variables.
    checkpoint_every
        Generator updates between checkpoints.
    """

    steps: int = 20_000
    batch_size: int = 64
    workers: int = 1
    learning_rate: float = 5e-4
    beta1: float = 0.5
    epsilon: float = 1e-7
    discriminator_updates: int = 3
    variant: Variant = "paper"
    collapse_weight: float = 0.03
    style_weight: float = 0.03
    fraction_weight: float = 20.0
    spectrum_weight: float = 10.0
    frequency_weight: float = 0.0
    features: FeatureConfig = field(default_factory=RandomFeatures)
    latent: LatentRange = field(default_factory=LatentRange)
    checkpoint_every: int = 500

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of generator update ``step``, from 0, and of the discriminator updates before it.

        At a constant rate a generator goes to and fro around the statistics that it is to match, so that how well the
        last one does is chance; over the second half of a training of the ``matched`` variant the rate falls to 0.
        """
        left = 1 - step / self.steps
        return self.learning_rate * min(1.0, left / DECAY) if self.variant == "matched" else self.learning_rate

    def __post_init__(self) -> None:
        if self.variant not in get_args(Variant):
            raise ValueError(f"variant must be one of {', '.join(get_args(Variant))}, got {self.variant!r}")
        for name in ("steps", "workers", "discriminator_updates", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        check_gan_batch(self.batch_size, self.workers)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> GanConfig:
        """Build from nested mappings of the same names, as a spec holds them."""
        options = dict(values)
        if "features" in options:
            options["features"] = feature_config(options["features"])
        if "latent" in options:
            options["latent"] = LatentRange(**options["latent"])
        return cls(**options)
