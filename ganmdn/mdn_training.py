"""Fitting a mixture density network by equation 4 of the paper."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ganmdn.density_config import EarlyStopping
from ganmdn.density_training import DensityFit, fit_density
from ganmdn.epochs import ALONE, EpochReport
from ganmdn.mdn import MdnShape, MixtureDensityNetwork
from ganmdn.session import TrainingSession

MdnFit = DensityFit[MixtureDensityNetwork]


@dataclass(frozen=True)
class MdnTraining(EarlyStopping):
    """Size and training of the network; the defaults are the paper's where it prints them (appendix)."""

    components: int = 40
    width: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("components", "width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


def fit_mdn(
    y: np.ndarray,
    targets: np.ndarray,
    config: MdnTraining,
    seed: np.random.SeedSequence,
    report: EpochReport | None = None,
    session: TrainingSession = ALONE,
) -> MdnFit:
    """Fit p(targets | y) on properties ``y``, (n,) or (n, D), and ``targets`` (n, M); see ``fit_density``."""
    shape = MdnShape(targets.shape[-1], config.components, config.width, y.shape[1] if y.ndim == 2 else 1)
    return fit_density(partial(MixtureDensityNetwork, shape), y, targets, config, seed, report, session)
