"""What a campaign will do before it does it: cached, interrupted and new stages, simulations, cost, disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from campaign.cache import StageCache
from campaign.cost import core_seconds
from campaign.pipeline import Pipeline, Stage, build_pipeline
from campaign.spec import Spec

REPORT_FILE = "report.html"  # in a run's folder; written last
SPREAD = ("microstructures", "generator", "labels", "truncation", "tuning", "verification")
BYTES_PER_ROW = 200  # numbers and indices of one simulation; the image and z are counted apart


@dataclass(frozen=True)
class PlannedStage:
    """One line of a plan."""

    name: str
    key: str
    state: str  # cached | interrupted | new
    simulations: int
    core_seconds: float
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """All stages of a campaign with what they will cost."""

    campaign: str
    key: str
    run_folder: str
    workers: int
    stages: tuple[PlannedStage, ...]
    core_seconds: float
    wall_seconds: float
    disk_bytes: int

    @property
    def simulations(self) -> int:
        """Simulations that are left to do."""
        return sum(stage.simulations for stage in self.stages if stage.state != "cached")

    @property
    def is_cached(self) -> bool:
        """Whether every stage is done already."""
        return all(stage.state == "cached" for stage in self.stages)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON data."""
        counts = {state: sum(s.state == state for s in self.stages) for state in ("cached", "interrupted", "new")}
        return {**asdict(self), "simulations": self.simulations, "counts": counts}


def run_folder_of(spec: Spec, key: str, runs: Path) -> Path:
    """Where the run of this spec and code lies."""
    return runs / f"{spec.campaign}-{key[:8]}"


def make_plan(spec: Spec, runs: Path, cache: StageCache, workers: int) -> Plan:
    """Plan a campaign; reads the cache, writes nothing.

    Args:
        spec: the campaign.
        runs: folder of all runs.
        cache: finished stages.
        workers: cores that the run may use, for the wall time.
    """
    pipeline = build_pipeline(spec)
    stages = tuple(_planned(stage, pipeline, cache) for stage in pipeline.stages)
    left = [stage for stage in stages if stage.state != "cached"]
    return Plan(
        campaign=spec.campaign,
        key=pipeline.key,
        run_folder=str(run_folder_of(spec, pipeline.key, runs)),
        workers=workers,
        stages=stages,
        core_seconds=sum(stage.core_seconds for stage in left),
        wall_seconds=_wall_seconds(left, workers),
        disk_bytes=sum(_disk_bytes(pipeline[stage.name]) for stage in left),
    )


def _planned(stage: Stage, pipeline: Pipeline, cache: StageCache) -> PlannedStage:
    key = pipeline.keys[stage.name]
    return PlannedStage(
        name=stage.name,
        key=key,
        state=_state(stage, key, cache),
        simulations=stage.simulations,
        core_seconds=round(core_seconds(stage, pipeline, cache), 2),
        reads=tuple(stage.inputs.values()),
    )


def _state(stage: Stage, key: str, cache: StageCache) -> str:
    if cache.has(stage, key):
        return "cached"
    return "interrupted" if cache.partial(stage, key).is_dir() else "new"


def _wall_seconds(stages: list[PlannedStage], workers: int) -> float:
    """Lower bound of the wall time: all cores busy, but no faster than the longest chain of stages."""
    finish: dict[str, float] = {}
    for stage in stages:
        # Fan-outs and training spread over all workers; every other stage runs on one.
        own = stage.core_seconds / (workers if stage.name.startswith(SPREAD) else 1)
        finish[stage.name] = own + max((finish.get(name, 0.0) for name in stage.reads), default=0.0)
    total = sum(stage.core_seconds for stage in stages)
    return max(total / workers, *finish.values()) if stages else 0.0


def _disk_bytes(stage: Stage) -> int:
    pixels = stage.config.get("image_px", 0) ** 2
    rows = stage.simulations or stage.config.get("count", 0)
    return rows * (pixels // 8 + BYTES_PER_ROW)
