"""A fitted inverse model of a finished run, with all that is needed to ask it for designs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from campaign.cache.checksums import check_files
from campaign.cache.stage_cache import StageCache
from campaign.plan.config import designing, inverse_methods
from campaign.plan.finished import StageResults
from campaign.plan.optics import Optics, SimulatedPhysics, simulation_of
from campaign.plan.pipeline import Pipeline
from campaign.record.run_folder import Submission
from campaign.spec.campaign import Spec
from campaign.spec.problems import suggestion
from campaign.stages import KINDS
from campaign.stages.designs import DesignsConfig, load_generate, load_model
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.labels import STORE, read_labels
from campaign.stages.verification import STORE as DESIGNS
from ganmdn.targets import Target
from results.stores.layout import Status
from results.stores.store import SimulationStore

if TYPE_CHECKING:
    from ganmdn.inverse import Generate, InverseModel


class ModelMissingError(Exception):
    """A run has not come so far that its model could be asked."""


@dataclass(frozen=True)
class FittedMethod:
    """One method on one data set of a run.

    Attributes
    ----------
    run
        Its folder.
    method
        Name of the method.
    config
        Of the stage that made the run's own designs.
    keys
        Of the stages behind new ones: model, generator and labels.
    physics
        By which designs are judged.
    reach
        Least and largest of each property of the labels and of the method's own simulated designs: what the run has
        seen, and nothing says that there is more.
    any_target
        Whether the method takes more than one value as a target.
    """

    run: Path
    method: str
    spec: Spec
    config: DesignsConfig
    keys: Mapping[str, str]
    physics: SimulatedPhysics
    reach: Target
    model_folder: Path
    weights: Path
    labels_store: Path
    any_target: bool = True

    @classmethod
    def of_run(cls, run: Path, dataset: str | None = None, method: str | None = None) -> FittedMethod:
        """Look up what a run has of a method on a data set; either may be left out where there is one alone.

        Raises
        ------
        FileNotFoundError
            No run lies there.
        ValueError
            It has no such data set or method, or several and none is named.
        ModelMissingError
            It is not so far.
        """
        submitted = Submission.read(run)
        spec = submitted.spec
        dataset = _one_of(dataset, list(spec.datasets), "data set", run)
        methods = {each.method_name: each for each in inverse_methods(spec, dataset)}
        method = _one_of(method, [*methods], "method with a model", run)
        results = StageResults(Pipeline.of(spec, KINDS, submitted.keys), StageCache(submitted.cache))
        stage = results.pipeline[designing(methods[method], dataset)]
        behind = {**stage.inputs, "labels": f"labels/{dataset}"}
        pipeline = results.pipeline
        missing = [name for name in behind.values() if not results.cache.has(pipeline[name].kind, pipeline.keys[name])]
        if missing:
            raise ModelMissingError(
                f"{run}: no results of {', '.join(missing)} in {results.cache.root}; `campaign resume {run}` goes on"
            )
        for name in behind.values():
            check_files(results.cache, pipeline[name].kind, pipeline.keys[name])
        labels = results.folder(behind["labels"]) / STORE
        verified = [
            results.folder(stage.name) / DESIGNS
            for stage in pipeline.stages
            if (stage.kind, stage.dataset, stage.method) == ("verification", dataset, method)
            and results.cache.has(stage.kind, pipeline.keys[stage.name])
        ]
        return cls(
            run,
            method,
            spec,
            stage.config,
            {name: pipeline.keys[name] for name in behind.values()},
            simulation_of(spec, dataset).physics,
            _reach([labels, *verified]),
            results.folder(behind["model"]),
            results.folder(behind["generator"]) / WEIGHTS_FILE,
            labels,
            methods[method].any_target,
        )

    def at_orders(self, orders: int) -> FittedMethod:
        """The same method, with designs simulated with other diffraction orders than the run's labels were.

        Raises
        ------
        ValueError
            The run's simulator is somebody else's, which knows no orders.
        """
        if not isinstance(self.physics, Optics):
            raise ValueError(f"{self.run} has a simulator of its own, which knows no orders; leave --orders out")
        return replace(self, physics=self.physics.with_orders(orders))

    @property
    def simulates_as_labels(self) -> bool:
        """Whether designs are simulated by the physics that the run's labels are of."""
        return self.physics == simulation_of(self.spec, self.dataset).physics

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.config.dataset

    @property
    def pixel_nm(self) -> float | None:
        """Side of a pixel; None for a simulator of somebody else's, which does not say."""
        return self.physics.pixel_nm if isinstance(self.physics, Optics) else None

    def load(self) -> InverseModel:
        """Read the model, and the generator where it needs one."""
        return load_model(self.config, self.model_folder, self.weights)

    def load_generate(self) -> Generate:
        """Read the generator."""
        return load_generate(self.weights)

    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """Latents (n, h, w) and properties, (n,) or (n, D), of the labels."""
        columns = read_labels(self.labels_store)
        return columns["z"], columns["y"]


def _one_of(name: str | None, known: list[str], what: str, run: Path) -> str:
    if name is None:
        if len(known) == 1:
            return known[0]
        raise ValueError(
            f"{run} has more than one {what}: {', '.join(known)}; name one" if known else f"{run} has no {what}"
        )
    if name not in known:
        raise ValueError(f"{run} has no {what} called '{name}'; {suggestion(name, known)}")
    return name


def _reach(stores: Sequence[Path]) -> Target:
    columns = [SimulationStore.open(store).read("y", "status") for store in stores]
    y = np.concatenate([each["y"][each["status"] == Status.DONE] for each in columns])
    low, high = (np.atleast_1d(part(y, axis=0)).tolist() for part in (np.min, np.max))
    return Target(tuple(low), tuple(high))
