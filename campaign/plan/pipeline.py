"""The stages that a spec asks for, in an order in which they can run, and what the result of each depends on.

microstructures -> generator -> latents -> labels -> model (-> low_orders) -> designs or refinement -> verification
                                              |-> tuning -^
                                              |-> truncation
                                              |-> optimization, composite_optimization, sampled_search

With two rounds of labels: latents -> labels@round-1 -> aimed_latents -> labels.

Which stages there are is for the kinds to say, one file each in ``campaign/stages/``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from campaign.plan.config import place_of
from campaign.plan.fingerprint import SCIENCE, CodeReader
from campaign.plan.keys import KeyParts, digest, file_digest
from campaign.plan.kind import Stage, StageKind
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import Provider


class PipelineError(ValueError):
    """Kinds of stages that do not fit together: two stages of one name, or one that reads what is not there."""


@dataclass(frozen=True)
class Pipeline:
    """All stages of a spec, each after the stages it reads.

    ``frozen_keys`` are those of a run that was made before, perhaps by other code, and ``frozen_parts`` what the keys
    of a run were made of when it was submitted; without them both follow the code and the files as they were when
    first asked for.
    """

    spec: Spec
    stages: tuple[Stage[Any], ...]
    frozen_keys: Mapping[str, str] | None = None
    frozen_parts: Mapping[str, KeyParts] | None = None

    @classmethod
    def of(cls, spec: Spec, kinds: Iterable[StageKind[Any]], frozen_keys: Mapping[str, str] | None = None) -> Pipeline:
        """The stages that ``spec`` asks of ``kinds``; raises ``PipelineError`` where those do not fit together."""
        return cls(spec, _ordered([stage for kind in kinds for stage in kind.stages(spec)], spec), frozen_keys)

    def __getitem__(self, name: str) -> Stage[Any]:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, Stage[Any]]:
        return {stage.name: stage for stage in self.stages}

    def inputs_of(self, stage: Stage[Any]) -> Mapping[str, Stage[Any]]:
        """The stages that one reads, by role."""
        return {role: self[name] for role, name in stage.inputs.items()}

    @cached_property
    def parts(self) -> Mapping[str, KeyParts]:
        """What every stage's key is made of, by name."""
        if self.frozen_parts is not None:
            return self.frozen_parts
        parts: dict[str, KeyParts] = {}
        reader = CodeReader()
        for stage in self.stages:
            parts[stage.name] = KeyParts(
                stage.kind,
                stage.config.model_dump(mode="json"),
                {role: parts[name].key for role, name in stage.inputs.items()},
                {role: file_digest(path) for role, path in stage.files.items()},
                stage.descriptor.schema_version,
                self.code_of(stage, reader),
            )
        return parts

    def code_of(self, stage: Stage[Any], reader: CodeReader) -> Mapping[str, str]:
        """Digests of the modules that compute ``stage``, and versions of the packages that plug in."""
        modules = [*stage.modules, *(module for provider in stage.providers for module in provider.modules)]
        science = (*SCIENCE, *(name for provider in stage.providers for name in provider.roots))
        code = reader.behind(stage.descriptor.module, *modules, science=science)
        return code | {f"version of {provider.package}": provider.version for provider in stage.providers}

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages outside of the project that compute some of the stages."""
        roots = [name for stage in self.stages for provider in stage.providers for name in provider.roots]
        return tuple(dict.fromkeys(roots))

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Where the parts come from that are not the project's own."""
        found = {(each.package, each.version): each for stage in self.stages for each in stage.providers}
        return tuple(found.values())

    @property
    def training_workers(self) -> int:
        """The largest number of data-parallel workers that a stage asks for."""
        return max((stage.cores or 1 for stage in self.stages), default=1)

    @cached_property
    def keys(self) -> Mapping[str, str]:
        """Content address of every stage, by name."""
        return self.frozen_keys or {name: parts.key for name, parts in self.parts.items()}

    @property
    def key(self) -> str:
        """Content address of the whole campaign's results."""
        return digest(self.keys)


def _ordered(stages: Sequence[Stage[Any]], spec: Spec) -> tuple[Stage[Any], ...]:
    """Data set by data set, methods in the spec's order, and each stage after those that it reads."""
    by_name = {stage.name: stage for stage in stages}
    if len(by_name) < len(stages):
        (name, count), *_ = Counter(stage.name for stage in stages).most_common(1)
        raise PipelineError(f"{count} stages are called {name}; give them a data set, method or part of their own")
    ordered: dict[str, Stage[Any]] = {}

    def add(stage: Stage[Any], readers: tuple[str, ...]) -> None:
        if stage.name in readers:
            raise PipelineError(f"stages read each other in a circle: {' <- '.join((*readers, stage.name))}")
        for name in stage.inputs.values():
            if name not in by_name:
                raise PipelineError(f"{stage.name} reads {name}, and no kind of stage makes that for this spec")
            if name not in ordered:
                add(by_name[name], (*readers, stage.name))
        ordered.setdefault(stage.name, stage)

    for stage in sorted(stages, key=lambda stage: _place(stage, spec, by_name)):
        add(stage, ())
    return tuple(ordered.values())


def _place(stage: Stage[Any], spec: Spec, by_name: Mapping[str, Stage[Any]]) -> tuple[int, int]:
    """Positions of a stage's data set and method; what belongs to none comes first, or last if it reads of some."""
    if stage.dataset:
        return place_of(spec, stage.dataset, stage.method)
    reads_of_some = any(by_name[name].dataset for name in stage.inputs.values() if name in by_name)
    return len(spec.datasets) if reads_of_some else -1, -1
