"""What the stages ``model``, ``designs`` and ``refinement`` know of an inverse method."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np

from campaign.plan.config import DataSetConfig, tuning
from campaign.plan.footprint import Footprint
from campaign.spec.base import Count, Seed
from campaign.spec.campaign import Spec
from campaign.spec.methods import SamplingName, SweepBlock
from campaign.spec.targets import WrittenTarget

if TYPE_CHECKING:
    from ganmdn.density_training import DensityFit
    from ganmdn.epochs import EpochReport
    from ganmdn.inverse import Generate, InverseModel
    from ganmdn.session import TrainingSession

HISTORY_FILE = "fit.npz"
BEST_FILE = "best.json"  # what a sweep has found


class ModelConfig(DataSetConfig):
    """What is learnt from the labels of one data set; methods add what else decides it."""

    kind: str


Config = TypeVar("Config", bound=ModelConfig)


class DesignsConfig(DataSetConfig):
    """How many designs of which method; ``implementation`` is that of a method of somebody else's package."""

    kind: str
    implementation: str | None = None
    sampling: SamplingName
    seed: Seed
    targets: tuple[WrittenTarget, ...]
    designs_per_target: Count

    def cells(self) -> np.ndarray:
        """The targets as a store keeps them."""
        from ganmdn.targets import target_column

        return target_column(self.targets)

    @classmethod
    def of_method(cls, spec: Spec, dataset: str, method: Any, **more: Any) -> Any:
        """Of a method of a spec."""
        return cls.make(
            spec,
            dataset,
            kind=method.kind,
            implementation=getattr(method, "implementation", None),
            sampling=getattr(method, "sampling", "component"),
            seed=spec.seed,
            targets=spec.targets,
            designs_per_target=spec.designs_per_target,
            **more,
        )


class InverseMethod(ABC, Generic[Config]):
    """Descriptor of one kind of method that learns an inverse model.

    Attributes
    ----------
    steps
        What a training counts as it goes on.
    config_type, sweep_type
        Of ``config`` and of what ``sweep`` returns, where there is one.
    """

    steps: ClassVar[str] = "steps"
    config_type: ClassVar[type[ModelConfig]] = ModelConfig
    sweep_type: ClassVar[type[SweepBlock]] = SweepBlock

    @abstractmethod
    def config(self, spec: Spec, dataset: str, method: Any) -> Config:
        """All that decides what is learnt, beside what is read."""

    def inputs(self, spec: Spec, dataset: str, method: Any) -> dict[str, str]:
        """Stages that a fit reads, by role."""
        labels = {"labels": f"labels/{dataset}"}
        return labels if self.sweep(spec, method) is None else labels | {"tuning": tuning(spec, method, dataset)}

    def sweep(self, spec: Spec, method: Any) -> SweepBlock | None:
        """What is tried before a fit, if anything."""
        return getattr(method, "tune", None)

    def try_once(
        self,
        config: Config,
        labels: Mapping[str, np.ndarray],
        hyperparameters: Mapping[str, Any],
        max_epochs: int,
        report: EpochReport,
    ) -> None:
        """One trial of a sweep: fit to a part of the labels; ``report`` hears every epoch's ``validation_loss``."""
        raise NotImplementedError(f"{config.kind} has no sweep")

    def epoch_work(self, config: Config, labels: int) -> float:
        """How long an epoch of a trial takes, in units of ``work``."""
        return 0.0

    def files(self, method: Any) -> dict[str, Path]:
        """Files that a fit reads, by role."""
        return {}

    def workers(self, config: Config) -> int:
        """Data-parallel workers that train it; 0 where nothing is trained that a session would have to know of."""
        return 0

    @abstractmethod
    def fit(self, config: Config, inputs: Mapping[str, Path], folder: Path, session: TrainingSession) -> dict[str, Any]:
        """Learn, and leave the model in ``folder``; facts of the fit. Runs on every worker of the session."""

    @abstractmethod
    def load(self, config: DesignsConfig, folder: Path, generator: Callable[[], Generate]) -> InverseModel:
        """Read a fitted model; ``generator`` loads the generator where the method needs one."""

    def work(self, config: Config, labels: int) -> float:
        """How long a fit takes, in labels that the fit of a small mixture density network sees; see fitting_work."""
        return 0.0

    @abstractmethod
    def footprint(self, config: Config) -> Footprint:
        """Room for the model."""


def tuned(inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Hyperparameters that a sweep has found; none where there was no sweep."""
    return json.loads((inputs["tuning"] / BEST_FILE).read_text(encoding="utf-8")) if "tuning" in inputs else {}


def keep_history(folder: Path, history: DensityFit[Any]) -> dict[str, Any]:
    """Write the losses of a fit; its facts."""
    np.savez(
        folder / HISTORY_FILE,
        train_loss=history.train_loss,
        validation_loss=history.validation_loss,
        best_epoch=history.best_epoch,
    )
    best = float(history.validation_loss[history.best_epoch - 1])
    return {"best_epoch": history.best_epoch, "validation_loss": best}


def not_here(z: np.ndarray) -> np.ndarray:
    """Stands for the generator where a model is fitted without it; the stage ``designs`` brings it."""
    raise RuntimeError("a model is fitted without the generator; the stage 'designs' brings it")
