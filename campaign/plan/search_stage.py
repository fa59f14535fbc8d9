"""The stage of one search, for every kind of search."""

from __future__ import annotations

from typing import Any

from campaign.plan.kind import Stage, StageConfig, StageKind
from campaign.plan.optics import simulation_of
from campaign.plan.repeats import seed_of
from campaign.spec.campaign import Spec
from campaign.spec.method_entry import SearchEntry


def search_stage(
    descriptor: StageKind[StageConfig],
    config: Any,
    spec: Spec,
    dataset: str,
    method: SearchEntry,
    repeat: int,
    part: str = "",
    **more: Any,
) -> Stage[StageConfig]:
    """What a search reads and simulates.

    Parameters
    ----------
    config
        Class of its configuration, with the fields that every search has; ``more`` are its others.
    part
        Tells apart the searches of one method, data set and repeat.
    """
    simulation = simulation_of(spec, dataset)
    made = config.make(
        spec,
        dataset,
        physics=simulation.physics,
        seed=seed_of(spec, repeat),
        distribution=spec.latent,
        initial=method.initial,
        iterations=method.iterations,
        **more,
    )
    return Stage(
        descriptor,
        made,
        dataset,
        method.method_name,
        part,
        repeat=repeat,
        inputs={"labels": f"labels/{dataset}", "generator": "generator"},
        simulations=method.iterations,
        seconds_each=simulation.seconds_each,
        providers=simulation.providers,
    )
