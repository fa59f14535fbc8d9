"""How conditional densities are trained: settings and their defaults, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from ganmdn.limits import LEAST_BATCH, check_mdn_batch


@dataclass(frozen=True)
class EarlyStopping:
    """How a density is fitted, whatever the network; the defaults are the paper's where it prints them (appendix).

    It prints neither ``max_epochs`` nor ``validation_fraction``, the share of labels held out for early stopping.
    ``workers``, who share every batch, change the arithmetic.
    """

    learning_rate: float = 1e-3
    batch_size: int = 128
    patience: int = 50
    max_epochs: int = 2000
    validation_fraction: float = 0.1
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("patience", "max_epochs", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        check_mdn_batch(self.batch_size)
        if self.batch_size % self.workers or self.batch_size < LEAST_BATCH * self.workers:
            raise ValueError(
                f"batch_size must be a multiple of workers with at least {LEAST_BATCH} labels for each, "
                f"got batch_size {self.batch_size}, workers {self.workers}"
            )
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must lie between 0 and 1, got {self.validation_fraction}")


@dataclass(frozen=True)
class FlowTraining(EarlyStopping):
    """Size and training of the flow.

    Attributes
    ----------
    transforms, bins
        Spline transformations, and pieces of each spline.
    width
        Neurons in each of the two hidden layers that give a transformation's splines.
    """

    transforms: int = 3
    bins: int = 8
    width: int = 64

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("transforms", 1), ("bins", 2), ("width", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
