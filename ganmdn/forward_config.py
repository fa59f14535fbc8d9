"""What the inverse model ``forward-search`` is made of: settings and their defaults, without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from ganmdn.diffraction import DiffractionOrders

KEPT_EACH = 400  # candidates that a search keeps for each property


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of an image network.

    Attributes
    ----------
    cell_px
        Side of the cells that images are low-passed to: at a quarter of the pixels 64 x 64 keep orders up to 8.
    channels
        Of the first blocks; the last has twice as many on half the grid.
    blocks
        Residual blocks.
    """

    cell_px: int = 4
    channels: int = 16
    blocks: int = 3

    def __post_init__(self) -> None:
        for name in ("cell_px", "channels", "blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class EnsembleTraining:
    """How many networks are fitted, and how.

    Attributes
    ----------
    members
        Networks; each leaves out one in so many labels.
    epochs, batch_size
        Passes over a member's labels, and labels a step.
    learning_rate, weight_decay
        Of AdamW; the rate rises to this and falls to zero along a cosine (Smith and Topin, arXiv 1708.07120).
    workers
        Who share every batch.
    """

    members: int = 4
    epochs: int = 60
    batch_size: int = 64
    learning_rate: float = 6e-3
    weight_decay: float = 1e-4
    workers: int = 1

    def __post_init__(self) -> None:
        for name, least in (("members", 2), ("epochs", 1), ("workers", 1), ("batch_size", self.workers)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")


@dataclass(frozen=True)
class ProcessTraining:
    """How length scales are fitted.

    Attributes
    ----------
    labels
        They are fitted to so many at most, drawn at random; the cost grows with the cube.
    iterations
        Steps of Adam on the marginal likelihood.
    """

    labels: int = 800
    iterations: int = 60

    def __post_init__(self) -> None:
        for name in ("labels", "iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True)
class ForwardConfig:
    """What the forward model is made of; each part tells what it means."""

    network: NetworkShape = field(default_factory=NetworkShape)
    training: EnsembleTraining = field(default_factory=EnsembleTraining)
    orders: DiffractionOrders = field(default_factory=DiffractionOrders)
    process: ProcessTraining = field(default_factory=ProcessTraining)


@dataclass(frozen=True)
class CandidateSearch:
    """How latents are screened.

    Attributes
    ----------
    pool
        Latents drawn from the prior.
    rounds, children
        Rounds of the local search, and latents in each.
    reach
        The search's box, as a multiple of the prior's: the edges of what a generator makes lie outside its prior.
    """

    pool: int = 6000
    rounds: int = 12
    children: int = 1000
    reach: float = 1.5

    @classmethod
    def aimed(cls, count: int) -> CandidateSearch:
        """For ``count`` latents to label, in the prior's own box."""
        return cls(pool=max(1000, 3 * count), rounds=4, children=max(500, count), reach=1.0)

    def __post_init__(self) -> None:
        for name, least in (("pool", 1), ("rounds", 0), ("children", 1), ("reach", 1.0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")


@dataclass(frozen=True)
class ForwardSearchConfig:
    """The forward model and the search."""

    forward: ForwardConfig = field(default_factory=ForwardConfig)
    search: CandidateSearch = field(default_factory=CandidateSearch)
