"""Stages, and what the rest of the system knows of a kind of stage: one descriptor, in the file that computes it."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from campaign.plan.footprint import Footprint
from campaign.plan.repeats import marked
from campaign.spec.base import Model
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import Provider

if TYPE_CHECKING:
    from campaign.plan.finished import StageResults, StageRows
    from ganmdn.targets import Target

StageConfig = TypeVar("StageConfig", bound=Model)


@dataclass(frozen=True)
class Stage(Generic[StageConfig]):
    """One unit of cached work.

    Attributes
    ----------
    descriptor
        Of its kind.
    config
        All the science in it.
    dataset, method, part
        What it is done for; ``part`` tells apart stages of the same kind, method and data set. Empty where it does not
        apply.
    repeat
        Which repeat of the method it belongs to, from 0 on.
    mark
        Ends its name, behind the data set's: of a stage of which another is the continuation.
    inputs
        Names of the stages that it reads, by role.
    files
        Files that it reads, by role; they count by content, not by path.
    simulations
        How many it runs.
    seconds_each
        What one of them is expected to take on one core; counts in no key.
    providers
        Packages outside of the project whose code computes it too.
    modules
        Modules of the project that compute it, beside its kind's and what that imports.
    """

    descriptor: StageKind[StageConfig]
    config: StageConfig
    dataset: str = ""
    method: str = ""
    part: str = ""
    repeat: int = 0
    mark: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    simulations: int = 0
    seconds_each: float = 0.0
    providers: tuple[Provider, ...] = ()
    modules: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Name of its kind."""
        return self.descriptor.name

    @property
    def name(self) -> str:
        """For example ``designs/gan-mdn/data-i``, or ``designs/gan-mdn/data-i@repeat-2``."""
        name = "/".join(filter(None, (self.kind, self.method, self.dataset, self.part)))
        return marked(name, self.repeat) + self.mark

    @property
    def cores(self) -> int | None:
        """How many it can use at once, None for all."""
        return self.descriptor.cores(self.config)

    def run(self, inputs: Mapping[str, Path], context: Any) -> None:
        """Compute it: fill ``context.folder`` from the folders and files of ``inputs``, by role."""
        self.descriptor.run(self.config, inputs, context)


def by_repeats(stages: Iterable[Stage[StageConfig]]) -> list[list[Stage[StageConfig]]]:
    """Stages that are repeats of each other, together and in their order."""
    groups: dict[tuple[str, ...], list[Stage[StageConfig]]] = {}
    for stage in sorted(stages, key=lambda stage: stage.repeat):
        groups.setdefault((stage.kind, stage.method, stage.dataset, stage.part), []).append(stage)
    return list(groups.values())


class StageKind(ABC, Generic[StageConfig]):
    """Descriptor of a kind of stage; beside it stands ``run(config, inputs, context)``, which computes one.

    A descriptor decides nothing of a result that is not in the key by itself, so its code is in no key: see
    ``fingerprint``. Its module must not load torch, Ray, Zarr or Matplotlib when it is imported, as every plan does it.

    Attributes
    ----------
    name
        Of the kind; begins the names of its stages.
    schema_version
        Of its results: raised when its files change their meaning; CHANGELOG.md says why.
    store
        File name of its store of simulations, None where it has none.
    seconds_to_start, seconds_in_process, seconds_per_work
        Time that a stage takes with next to nothing to do, on a worker of Ray and where all stages share one process;
        and of one unit of ``work`` beyond, on one core of a 2026 cloud machine; what has run here replaces them.
    """

    name: ClassVar[str]
    schema_version: ClassVar[int]
    store: ClassVar[str | None] = None
    seconds_to_start: ClassVar[float] = 1.0
    seconds_in_process: ClassVar[float] = 0.1
    seconds_per_work: ClassVar[float] = 0.0

    @property
    def module(self) -> str:
        """Where the kind is defined."""
        return type(self).__module__

    def run(self, config: StageConfig, inputs: Mapping[str, Path], context: Any) -> None:
        """Call the module's ``run``."""
        sys.modules[self.module].run(config, inputs, context)

    @abstractmethod
    def stages(self, spec: Spec) -> Iterable[Stage[StageConfig]]:
        """The stages of this kind that a spec asks for, in the spec's order."""

    def work(self, config: StageConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """How much there is to do beside simulations, in units of its own; ``inputs`` are what it reads, by role.

        A stage that simulates says by its fact ``work_seconds`` how long that took.
        """
        return 0.0

    def cores(self, config: StageConfig) -> int | None:
        """How many cores a stage can use at once, None for all."""
        return 1

    def rows_per_unit(self, config: StageConfig, usual: int) -> int:
        """Simulations that share a file of each array."""
        return usual

    def footprint(self, config: StageConfig) -> Footprint:
        """Room for what a stage leaves beside simulations and its record."""
        return Footprint()

    def warnings(self, stages: Sequence[Stage[StageConfig]], results: StageResults) -> Iterator[str]:
        """What finished stages of this kind tell against running the campaign as it stands, a sentence each."""
        return iter(())

    def rows_behind(
        self, stage: Stage[StageConfig], results: StageResults
    ) -> Iterator[tuple[Target, tuple[StageRows, ...]]]:
        """Simulations that lines of Table 1 rest on, by target; none of a stage that gives the table no line."""
        return iter(())

    def report(self, stages: Sequence[Stage[StageConfig]], results: StageResults) -> Iterator[object]:
        """What the report takes from all stages of this kind: pieces as ``campaign.report.pieces`` lists them."""
        return iter(())
