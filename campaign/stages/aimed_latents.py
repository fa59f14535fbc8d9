"""Latents of a second round of labels, aimed at the targets by what the first tells; they follow those of the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.config import prior_labels
from campaign.plan.footprint import Footprint, images_footprint
from campaign.plan.kind import Stage, StageKind
from campaign.spec.base import Count
from campaign.spec.campaign import Spec
from campaign.spec.targets import WrittenTarget
from campaign.stages.designs import load_generate
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.labels import STORE, label_count, read_labels
from campaign.stages.latents import LatentsConfig
from campaign.stages.seeds import seed_for
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images

if TYPE_CHECKING:
    from campaign.work.context import StageContext

ROUND = "round"  # column that tells which round a label belongs to


class AimedLatentsConfig(LatentsConfig):
    """How many latents are drawn, within which box, and what they are for."""

    count: Count
    targets: tuple[WrittenTarget, ...]


def run(config: AimedLatentsConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave latents and images of both rounds: columns ``z``, ``image`` (packed bits) and ``round``."""
    first = DesignSet.open(inputs["latents"]).columns
    z, image = context.task(aimed, config, inputs["labels"] / STORE, inputs["generator"] / WEIGHTS_FILE)
    rounds = np.repeat(np.array([1, 2], dtype=np.int64), [len(first["z"]), len(z)])
    columns = {"z": np.concatenate([first["z"], z]), "image": np.concatenate([first["image"], image])}
    DesignSet(columns | {ROUND: rounds}).save(context.folder)


def aimed(config: AimedLatentsConfig, labels: Path, weights: Path) -> tuple[np.ndarray, np.ndarray]:
    """Latents (n, h, w) and packed images of the second round; runs on a worker."""
    from ganmdn.aimed_latents import aim_latents
    from ganmdn.label_table import LabelTable

    known, generate, box = read_labels(labels), load_generate(weights), config.distribution
    if not len(known["y"]):
        raise ValueError(f"no label of {config.dataset}'s first round is known, which the second is to follow from")
    table = LabelTable(known["y"], known["image"], known["z"])
    seed = seed_for(config.seed, "aimed latents", config.dataset)
    z = aim_latents(table, generate, (box.low, box.high), config.targets, config.count, seed)
    return z, pack_images(generate(z))


class AimedLatentsKind(StageKind[AimedLatentsConfig]):
    """What the second round of labels simulates."""

    name = "aimed_latents"
    schema_version = 3
    seconds_to_start = 10.0
    seconds_in_process = 8.0  # the process's length scales
    seconds_per_work = 6.0e-7  # a pixel of a candidate, generated and predicted by some hundred labels

    def stages(self, spec: Spec) -> Iterator[Stage[AimedLatentsConfig]]:
        """One a data set, where labels come in two rounds."""
        for dataset in spec.datasets if spec.labels.rounds > 1 else ():
            config = AimedLatentsConfig.make(
                spec,
                dataset,
                seed=spec.seed,
                count=spec.labels.count - spec.labels.of_prior,
                distribution=spec.latent,
                targets=spec.targets,
            )
            inputs = {"latents": f"latents/{dataset}", "labels": prior_labels(spec, dataset), "generator": "generator"}
            yield Stage(self, config, dataset, inputs=inputs)

    def work(self, config: AimedLatentsConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """Pixels of candidates; the process takes longer the more labels it has."""
        from ganmdn.forward_config import CandidateSearch

        search = CandidateSearch.aimed(config.count)
        labels = label_count(inputs["labels"]) / 500
        return (search.pool + search.rounds * search.children) * config.image_px**2 * (1 + labels)

    def footprint(self, config: AimedLatentsConfig) -> Footprint:
        """Latents and images of this round; those of the first are as many at least."""
        return images_footprint(2 * config.count, config.image_px)
