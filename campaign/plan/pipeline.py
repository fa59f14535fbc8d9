"""The pipeline on one screen: which stages a spec asks for, what each reads, and what its result depends on.

microstructures -> generator -> latents -> labels -> model -> designs -> verification
                                              |-> tuning -^
                                              |-> truncation
                                              |-> optimization
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from campaign.plan.fingerprint import SCIENCE, code_behind
from campaign.plan.keys import KeyParts, digest, file_digest
from campaign.plan.optics import Optics, optics_of, with_orders
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import Provider, provider_of
from campaign.spec.generator import AuthorsGenerator, DataSet, TrainedGenerator
from campaign.spec.methods import AuthorsMdnBlock, BayesianOptimizationBlock, GanMdnBlock
from campaign.spec.plugin import InverseModelConfig, OptimizerConfig, PluginConfig, SimulatorConfig

# Version of each kind's result: raised when its files change their meaning; CHANGELOG.md says why.
SCHEMA_VERSIONS: Mapping[str, int] = {
    "microstructures": 1,
    "generator": 2,
    "latents": 1,
    "labels": 3,
    "truncation": 2,
    "tuning": 1,
    "model": 1,
    "designs": 1,
    "verification": 3,
    "optimization": 3,
}


@dataclass(frozen=True)
class Stage:
    """One unit of cached work. ``config`` is all the science in it; ``files`` count by content, not by path.

    ``providers`` are packages outside of the project whose code computes it too; ``seconds_each`` is what one of them
    expects a simulation to take, and counts in no key.
    """

    kind: str
    where: tuple[str, ...]
    config: Mapping[str, Any]
    inputs: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    simulations: int = 0
    providers: tuple[Provider, ...] = ()
    seconds_each: float | None = None

    @property
    def name(self) -> str:
        """For example ``designs/gan-mdn/data-i``."""
        return "/".join((self.kind, *self.where))


@dataclass(frozen=True)
class Pipeline:
    """All stages of a spec, each after the stages it reads.

    ``frozen_keys`` are those of a run that was made before, perhaps by other code, and ``frozen_parts`` what the keys
    of a run were made of when it was submitted; without them both follow the code and the files as they are.
    """

    spec: Spec
    stages: tuple[Stage, ...]
    frozen_keys: Mapping[str, str] | None = None
    frozen_parts: Mapping[str, KeyParts] | None = None

    @cached_property
    def parts(self) -> Mapping[str, KeyParts]:
        """What every stage's key is made of, by name."""
        if self.frozen_parts is not None:
            return self.frozen_parts
        parts: dict[str, KeyParts] = {}
        for stage in self.stages:
            parts[stage.name] = KeyParts(
                stage.kind,
                stage.config,
                {role: parts[name].key for role, name in stage.inputs.items()},
                {role: file_digest(path) for role, path in stage.files.items()},
                SCHEMA_VERSIONS[stage.kind],
                self.code_of(stage),
            )
        return parts

    def code_of(self, stage: Stage, root: Path | None = None) -> Mapping[str, str]:
        """Digests of the modules that compute ``stage``, and versions of the packages that plug in.

        Modules are those below ``root`` if it holds a copy of all of them.
        """
        modules = [module for provider in stage.providers for module in provider.modules]
        science = (*SCIENCE, *(name for provider in stage.providers for name in provider.roots))
        code = code_behind(f"campaign.stages.{stage.kind}", *modules, science=science, root=root)
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

    @cached_property
    def keys(self) -> Mapping[str, str]:
        """Content address of every stage, by name."""
        return self.frozen_keys or {name: parts.key for name, parts in self.parts.items()}

    @property
    def key(self) -> str:
        """Content address of the whole campaign's results."""
        return digest(self.keys)

    def __getitem__(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)


def build_pipeline(spec: Spec, frozen_keys: Mapping[str, str] | None = None) -> Pipeline:
    """The stages that ``spec`` asks for, in an order in which they can run."""
    stages = [*_generator_stages(spec)]
    for name, dataset in spec.datasets.items():
        stages += _dataset_stages(spec, name, dataset)
    return Pipeline(spec, tuple(stages), frozen_keys)


def _generator_stages(spec: Spec) -> list[Stage]:
    generator = spec.generator
    if isinstance(generator, AuthorsGenerator):
        return [Stage("generator", (), {"kind": "authors"}, files={"weights": generator.weights})]
    assert isinstance(generator, TrainedGenerator)
    images = {
        "seed": spec.seed,
        "image_px": generator.image_px,
        **generator.microstructures.model_dump(mode="json"),
    }
    features = generator.training.features
    files = {"features": features.weights} if features.kind == "vgg16" and features.weights else {}
    training = {
        "kind": "train",
        "seed": spec.seed,
        "image_px": generator.image_px,
        **generator.training.model_dump(mode="json"),
    }
    training["features"].pop("weights", None)  # counts by content, through `files`
    return [
        Stage("microstructures", (), images),
        Stage("generator", (), training, inputs={"microstructures": "microstructures"}, files=files),
    ]


def _dataset_stages(spec: Spec, name: str, dataset: DataSet) -> list[Stage]:
    size = {"dataset": name, "image_px": dataset.image_px, "latent": list(dataset.latent)}
    physics, simulators = _physics_of(spec, name, dataset)
    draw = {
        "seed": spec.seed,
        "count": spec.labels.count,
        "distribution": spec.latent.model_dump(),
        **size,
    }
    latents = Stage("latents", (name,), draw, inputs={"generator": "generator"})
    labels = Stage(
        "labels",
        (name,),
        {"physics": physics, **size},
        inputs={"latents": latents.name},
        simulations=spec.labels.count,
    )
    stages = [latents, labels, *([] if simulators else _truncation_stages(spec, name, physics, size))]
    if spec.tune is not None:
        sweep = {"seed": spec.seed, "mdn": spec.mdn.model_dump(), "tune": spec.tune.model_dump(mode="json")}
        stages.append(Stage("tuning", (name,), sweep, inputs={"labels": labels.name}))
    for method in spec.methods:
        if isinstance(method, BayesianOptimizationBlock | OptimizerConfig):
            stages += _optimization_stages(spec, name, method, physics, size)
        else:
            stages += _inverse_model_stages(spec, name, method, physics, size)
    if isinstance(spec.physics, SimulatorConfig):
        seconds = spec.physics.expected_seconds(dataset.image_px)
        return [_simulated_by(simulators, seconds, stage) for stage in stages]
    return stages


def _simulated_by(simulators: tuple[Provider, ...], seconds: float, stage: Stage) -> Stage:
    if not stage.simulations:
        return stage
    return replace(stage, providers=(*simulators, *stage.providers), seconds_each=seconds)


def _physics_of(spec: Spec, name: str, dataset: DataSet) -> tuple[Optics, tuple[Provider, ...]]:
    """What a simulation of a data set is made from, and the package that simulates, if it is not this project."""
    if isinstance(spec.physics, SimulatorConfig):
        return {**_plugged(spec.physics), "image_px": dataset.image_px}, (provider_of(spec.physics),)
    return optics_of(spec.physics, spec.physics.orders_of(name), dataset.image_px), ()


def _plugged(config: PluginConfig) -> dict[str, Any]:
    """A part of somebody else's as stages hold it."""
    return {"kind": config.kind, "implementation": config.implementation, "options": config.options()}


def _truncation_stages(spec: Spec, name: str, physics: Optics, size: dict) -> list[Stage]:
    sample = min(spec.labels.truncation_sample, spec.labels.count)
    if not sample:
        return []
    config = {"physics": with_orders(physics, spec.truncation_orders_of(name)), "sample": sample, **size}
    config["label_orders"] = spec.physics.orders_of(name)
    return [Stage("truncation", (name,), config, inputs={"labels": f"labels/{name}"}, simulations=sample)]


def _inverse_model_stages(spec: Spec, name: str, method: Any, physics: Optics, size: dict) -> list[Stage]:
    where = (method.kind, name)
    options = method.model_dump(mode="json", exclude={"weights", "sampling"})
    providers: tuple[Provider, ...] = ()
    if isinstance(method, InverseModelConfig):
        providers = (provider_of(method),)
        config = {**_plugged(method), **size, "seed": spec.seed}
        inputs = {"labels": f"labels/{name}", "generator": "generator"}
        model = Stage("model", where, config, inputs, providers=providers)
    elif isinstance(method, AuthorsMdnBlock):
        model = Stage("model", where, {**options, **size}, files={"weights": method.weights})
    else:
        inputs = {"labels": f"labels/{name}"}
        if spec.tune is not None and isinstance(method, GanMdnBlock):
            inputs["tuning"] = f"tuning/{name}"
        model = Stage("model", where, {**options, **size, "seed": spec.seed, "mdn": spec.mdn.model_dump()}, inputs)
    designs = Stage(
        "designs",
        where,
        {
            "kind": method.kind,
            **({"implementation": method.implementation} if providers else {}),
            "sampling": getattr(method, "sampling", "component"),
            "seed": spec.seed,
            "targets": list(spec.targets),
            "designs_per_target": spec.designs_per_target,
            **size,
        },
        inputs={"model": model.name, "generator": "generator"},
        providers=providers,
    )
    verification = Stage(
        "verification",
        where,
        {"physics": physics, **size},
        inputs={"designs": designs.name},
        simulations=len(spec.targets) * spec.designs_per_target,
    )
    return [model, designs, verification]


def _optimization_stages(
    spec: Spec, name: str, method: BayesianOptimizationBlock | OptimizerConfig, physics: Optics, size: dict
) -> list[Stage]:
    common = {
        "seed": spec.seed,
        "physics": physics,
        "distribution": spec.latent.model_dump(),
        **{field: getattr(method, field) for field in ("kind", "initial", "iterations", "batch")},
        **size,
    }
    providers: tuple[Provider, ...] = ()
    if isinstance(method, OptimizerConfig):
        common |= _plugged(method)
        providers = (provider_of(method),)
    return [
        Stage(
            "optimization",
            (method.kind, name, f"{target:g}"),
            {**common, "target": target},
            inputs={"labels": f"labels/{name}", "generator": "generator"},
            simulations=method.iterations,
            providers=providers,
        )
        for target in spec.targets
    ]
