"""What a package of one's own builds on to bring a simulator, an inverse model or an optimiser into campaigns.

A package offers its parts through entry points, each under the ``kind`` that a spec names it by::

    [project.entry-points."campaign.inverse_models"]
    nearest-neighbour = "my_package.config:NearestNeighbour"

The entry point is a configuration class, derived from one of those below; it is imported while a spec is read, so its
module must not load torch or Ray. The class names in ``implementation`` what does the work, which workers import when
they need it. The code of both, and of whatever they import of the package, is part of the key of every result.
``campaign.conformance`` checks a part by trying it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from campaign.spec.base import Model
from campaign.spec.method_entry import InverseEntry, TargetSearchEntry
from campaign.spec.property import Property


class PluginConfig(Model):
    """One block of a spec: frozen, strict about unknown keys, distinguished by ``kind``, a ``Literal`` of one name."""

    kind: str
    implementation: ClassVar[str]
    """Where the work is done, written ``"package.module:name"``."""

    def options(self) -> dict[str, Any]:
        """The block's own fields as plain JSON data: what the implementation is given."""
        return self.model_dump(mode="json", exclude=set(self.not_options()))

    @classmethod
    def not_options(cls) -> frozenset[str]:
        """Fields that every part of its sort has."""
        sorts = (SimulatorConfig, InverseModelConfig, OptimizerConfig)
        return frozenset({"kind"}.union(*(sort.model_fields for sort in sorts if issubclass(cls, sort))))


class SimulatorConfig(PluginConfig):
    """Stands in ``physics:``. Its implementation is a ``SimulatorFactory``."""

    def properties(self) -> tuple[Property, ...]:
        """Name and unit of each number that it returns, as they are to stand on axes and in tables."""
        return (Property("property"),)

    def expected_seconds(self, image_px: int) -> float:
        """Rough time of one simulation on one core, for plans; earlier timings replace it."""
        return 0.1


class InverseModelConfig(InverseEntry, PluginConfig):
    """Stands in ``methods:``. Its implementation is an ``InverseModelClass``."""

    any_target = False


class OptimizerConfig(TargetSearchEntry, PluginConfig):
    """Stands in ``methods:``, one search a target. Its implementation is a ``Suggest``; its options, other fields."""

    any_target = False


SimulatorFactory = Callable[[Mapping[str, Any], int], Callable[[np.ndarray], float | np.ndarray]]
"""From options and image_px to a function of one image, (image_px, image_px) uint8 of 0 and 1, that returns y.

y is one number, or as many as ``SimulatorConfig.properties`` names.
An ``ArithmeticError`` or a y that is not finite quarantines that image; any other exception fails the stage."""

Suggest = Callable[..., np.ndarray]
"""``suggest(z, y, target, count, seed, low, high, **options)``: the next latents to try, (count, M) within [low, high].

``z`` is (n, M) and ``y`` (n,), NaN where the simulation failed; ``seed`` is a ``SeedSequence``. The same arguments must
give the same answer: a search that was interrupted goes on by asking again. With ``any_target``, ``y`` may be (n, D)
and ``target`` a ``ganmdn.targets.Target``, whose ``distance(y)`` is to become 0."""


@dataclass(frozen=True)
class LabelledImages:
    """What an inverse model learns from: ``y`` (n,), ``z`` (n, h, w) float32, ``image`` (n, H, W) uint8 of 0 and 1.

    Of several properties, which a model with ``any_target`` alone is handed, ``y`` is (n, D).
    """

    y: np.ndarray
    z: np.ndarray
    image: np.ndarray


Generate = Callable[[np.ndarray], np.ndarray]
"""From latents (n, h, w) float32 to images (n, H, W) uint8 of 0 and 1."""


class FittedModel(Protocol):
    """An inverse model that has learnt; see ``ganmdn.inverse`` for ``Designs``."""

    def design(self, target: Any, count: int, seed: np.random.SeedSequence) -> Any:
        """``ganmdn.inverse.Designs``: ``count`` microstructures for the property ``target``, the same for a seed.

        ``target`` is a float, or with ``any_target`` a ``ganmdn.targets.Target`` where it is not one value.
        """

    def save(self, folder: Path) -> None:
        """Write everything that ``load`` needs; no pickles."""


class InverseModelClass(Protocol):
    """The class, or anything with these two functions, behind an ``InverseModelConfig``."""

    def fit(
        self, options: Mapping[str, Any], labels: LabelledImages, generate: Generate, seed: np.random.SeedSequence
    ) -> FittedModel:
        """Learn from labels that were simulated without failure."""

    def load(self, folder: Path, generate: Generate) -> FittedModel:
        """Read what ``save`` wrote."""


def implementation_of(reference: str) -> Any:
    """What ``"package.module:name"`` stands for."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)
