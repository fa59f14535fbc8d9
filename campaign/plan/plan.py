"""What a campaign will do before it does it: what is cached and why the rest is not, simulations, cost, room."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from campaign.cache.stage_cache import RecordIndex, StageCache, StageRecord
from campaign.doctor.check import Check
from campaign.doctor.machine import WORKER_MEMORY
from campaign.plan.again import stages_again
from campaign.plan.cost import LIBRARIES_S, core_seconds, rows_per_unit
from campaign.plan.footprint import RUN, footprint
from campaign.plan.kind import Stage
from campaign.plan.memory import process_bytes
from campaign.plan.pipeline import Pipeline
from campaign.plan.probe import Probe
from campaign.plan.why import Explanation, differences, nearest_result, summary
from campaign.spec.campaign import Spec

REPORT_FILE = "report.html"  # in a run's folder; written last
PLAN_FILE = "plan.json"
STATES = ("cached", "rerun", "interrupted", "failed", "changed", "new")
RUNS_SEARCHED = 20  # earlier runs of a campaign, the newest first


@dataclass(frozen=True)
class PlannedStage:
    """One line of a plan.

    Attributes
    ----------
    name
        Of the stage.
    key
        Its content address.
    state
        Cached; rerun, which is computed again though it is cached; interrupted, which goes on where it stopped;
        failed, which is tried again; changed since the last run of the campaign; new.
    reason
        Why it is in that state, in one line; empty when it is cached.
    simulations
        In the whole stage.
    core_seconds
        Work in the whole stage, on one core.
    timed
        Whether that follows from earlier timings; otherwise it is a rough estimate.
    reads
        Stages that it reads.
    cores
        That it can use at once, None for all.
    process_bytes
        Memory of its largest process, 0 where nothing is known of it.
    measured
        Whether that was measured on the same stage before.
    """

    name: str
    key: str
    state: str
    reason: str
    simulations: int
    core_seconds: float
    timed: bool
    reads: tuple[str, ...]
    cores: int | None
    process_bytes: int = 0
    measured: bool = False


@dataclass(frozen=True)
class Plan:
    """All stages of a campaign with what they will cost.

    ``obstacles`` say why it cannot start here, ``warnings`` what its finished stages tell against what is left.
    """

    campaign: str
    key: str
    run_folder: str
    workers: int
    stages: tuple[PlannedStage, ...]
    core_seconds: float
    wall_seconds: float
    disk_bytes: int
    files: int
    simulation_bytes: int  # memory of the largest simulation that is left, beside that of a worker
    packages: tuple[str, ...] = ()  # that plug in, with their versions
    obstacles: tuple[Check, ...] = ()
    warnings: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()  # trial simulations, where they were asked for

    @property
    def simulations(self) -> int:
        """Simulations that are left to do."""
        return sum(stage.simulations for stage in self.stages if stage.state != "cached")

    @property
    def is_cached(self) -> bool:
        """Whether every stage is done already."""
        return all(stage.state == "cached" for stage in self.stages)

    @property
    def counts(self) -> dict[str, int]:
        """Number of stages in each state."""
        return {state: sum(stage.state == state for stage in self.stages) for state in STATES}

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON data."""
        hours = round(self.core_seconds / 3600, 3)
        return {**asdict(self), "simulations": self.simulations, "counts": self.counts, "core_hours": hours}


def run_folder_of(spec: Spec, key: str, runs: Path) -> Path:
    """Where the run of this spec and code lies."""
    return runs / f"{spec.campaign}-{key[:8]}"


def expectations(run_folder: Path) -> dict[str, Any]:
    """What the plan of a run's latest submission expects, for the run's log; nothing without a plan.

    ``planned`` has the core-seconds of each stage that was left, by name, ``planned_seconds`` wall seconds at least.
    """
    path = run_folder / PLAN_FILE
    if not path.is_file():
        return {}
    plan = json.loads(path.read_text(encoding="utf-8"))
    left = {stage["name"]: stage["core_seconds"] for stage in plan["stages"] if stage["state"] != "cached"}
    return {"planned": left, "planned_seconds": plan["wall_seconds"]}


def make_plan(
    pipeline: Pipeline,
    runs: Path,
    cache: StageCache,
    workers: int,
    rows_wanted: int | None = None,
    probes: Sequence[Probe] = (),
    in_process: bool = False,
) -> Plan:
    """Plan a campaign; reads the cache, writes nothing.

    Parameters
    ----------
    pipeline
        The campaign's.
    runs
        Folder of all runs.
    cache
        Finished stages.
    workers
        Cores that the run may use, for the wall time.
    rows_wanted
        Simulations that are to share a file, for the number of files; default: what suits each stage.
    probes
        Trial simulations, whose times count before those of earlier runs.
    in_process
        Whether all of it runs in one process, without Ray.
    """
    timings = tuple(timing for each in probes for timing in each.timings)
    spec, inquiry = pipeline.spec, Inquiry(pipeline, cache, runs, timings)
    stages = tuple(inquiry.planned(stage, in_process) for stage in pipeline.stages)
    if in_process:
        stages = _with_libraries(stages)
    left = [stage for stage in stages if stage.state != "cached"]
    room = footprint([pipeline[stage.name] for stage in left], lambda stage: inquiry.rows(stage, workers, rows_wanted))
    room += RUN
    return Plan(
        campaign=spec.campaign,
        key=pipeline.key,
        run_folder=str(run_folder_of(spec, pipeline.key, runs)),
        workers=workers,
        stages=stages,
        core_seconds=sum(stage.core_seconds for stage in left),
        wall_seconds=_wall_seconds(left, workers),
        disk_bytes=room.size if left else 0,
        files=room.files if left else 0,
        simulation_bytes=max((_simulation_bytes(stage) for stage in left), default=0),
        probes=tuple(probes),
        packages=tuple(f"{provider.package} {provider.version}" for provider in pipeline.providers),
    )


def _with_libraries(stages: tuple[PlannedStage, ...]) -> tuple[PlannedStage, ...]:
    """The first stage that is left loads for all."""
    first = next((stage for stage in stages if stage.state != "cached"), None)
    return tuple(
        replace(stage, core_seconds=stage.core_seconds + LIBRARIES_S) if stage is first else stage for stage in stages
    )


def _simulation_bytes(stage: PlannedStage) -> int:
    """What simulating takes of every worker beside what it has at its start; 0 where that is not known."""
    is_of_few = stage.measured and stage.cores is not None  # a search thinks in one process, which is its largest
    return max(0, stage.process_bytes - int(WORKER_MEMORY)) if stage.simulations and not is_of_few else 0


class _Found(NamedTuple):
    state: str
    reason: str


class Inquiry:
    """Asks the cache and earlier runs about the stages of one pipeline; reads each record once."""

    def __init__(
        self, pipeline: Pipeline, cache: StageCache, runs: Path, timings: Sequence[tuple[Any, float]] = ()
    ) -> None:
        self.pipeline = pipeline
        self.cache = cache
        self._index = RecordIndex(cache, timings)
        self._again = stages_again(run_folder_of(pipeline.spec, pipeline.key, runs))
        self._earlier = _keys_of_earlier_runs(pipeline.spec.campaign, runs)

    def planned(self, stage: Stage[Any], in_process: bool = False) -> PlannedStage:
        """One line of the plan."""
        found = self._state(stage)
        seconds, timed = core_seconds(stage, self.pipeline, self._index, in_process)
        memory, measured = process_bytes(stage, self.pipeline, self._index)
        return PlannedStage(
            name=stage.name,
            key=self.pipeline.keys[stage.name],
            state=found.state,
            reason=found.reason,
            simulations=stage.simulations,
            core_seconds=round(seconds, 2),
            timed=timed,
            reads=tuple(stage.inputs.values()),
            cores=stage.cores,
            process_bytes=memory,
            measured=measured,
        )

    def rows(self, stage: Stage[Any], workers: int, wanted: int | None) -> int:
        """Simulations of one unit of a stage that is to run."""
        return rows_per_unit(stage, self.pipeline, self._index, workers, wanted)

    def explain(self, stage: Stage[Any]) -> Explanation:
        """Everything in the stage's key that differs from the nearest result."""
        key, state = self.pipeline.keys[stage.name], self._state(stage).state
        if state in ("cached", "rerun"):
            return Explanation(stage.name, key, state, (self.cache.record(stage.kind, key).name, key), ())
        nearest = nearest_result(stage, self.pipeline.parts[stage.name], self._index)
        if nearest is None:
            return Explanation(stage.name, key, state, None, ())
        found = differences(nearest, stage, self.pipeline, self._index)
        return Explanation(stage.name, key, state, (nearest.name, nearest.key), found)

    def _state(self, stage: Stage[Any]) -> _Found:
        key = self.pipeline.keys[stage.name]
        if self.cache.has(stage.kind, key):
            is_wanted = stage.name in self._again
            return _Found("rerun", "is computed again, as was asked for") if is_wanted else _Found("cached", "")
        if (message := self.cache.failure(stage.kind, key)) is not None:
            return _Found("failed", f"is tried again; last time: {message}")
        if self.cache.partial(stage.kind, key).is_dir():
            return _Found("interrupted", "goes on where it stopped")
        before = next(
            (record for record in self._index.records(stage.kind) if self._is_of_earlier(stage, record)), None
        )
        if before is None:
            return _Found("new", "was not computed before")
        nearest = nearest_result(stage, self.pipeline.parts[stage.name], self._index) or before
        reason = summary(differences(nearest, stage, self.pipeline, self._index))
        return _Found("changed", reason or "code, or files that it reads")  # of a result that does not say its code

    def _is_of_earlier(self, stage: Stage[Any], record: StageRecord) -> bool:
        return any(keys.get(stage.name) == record.key for keys in self._earlier)


def _keys_of_earlier_runs(campaign: str, runs: Path) -> list[dict[str, str]]:
    """Keys by stage of the newest runs of a campaign."""
    plans = sorted(runs.glob(f"{campaign}-*/{PLAN_FILE}"), key=lambda path: path.stat().st_mtime, reverse=True)
    return list(_keys_in(plans[:RUNS_SEARCHED], campaign))


def _keys_in(plans: list[Path], campaign: str) -> Iterator[dict[str, str]]:
    for path in plans:
        try:
            plan = json.loads(path.read_text(encoding="utf-8"))
            if plan["campaign"] == campaign:
                yield {stage["name"]: stage["key"] for stage in plan["stages"]}
        except (OSError, ValueError, KeyError):  # removed or damaged meanwhile
            continue


def _wall_seconds(stages: list[PlannedStage], workers: int) -> float:
    """Lower bound of the wall time: all cores busy, but no faster than the longest chain of stages."""
    finish: dict[str, float] = {}
    for stage in stages:
        own = stage.core_seconds / min(workers, stage.cores or workers)
        finish[stage.name] = own + max((finish.get(name, 0.0) for name in stage.reads), default=0.0)
    total = sum(stage.core_seconds for stage in stages)
    return max(total / workers, *finish.values()) if stages else 0.0
