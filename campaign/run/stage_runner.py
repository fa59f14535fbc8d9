"""One stage of a run: computed in a folder of the cache that this run owns, or awaited where another computes it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaign.cache.lease import Lease, LeaseBusyError
from campaign.cache.owner import Owner
from campaign.cache.stage_cache import RecordIndex, StageCache, StageRecord
from campaign.plan.cost import rows_per_unit
from campaign.plan.kind import Stage
from campaign.plan.pipeline import Pipeline
from campaign.record.run_folder import link_stage
from campaign.record.worker_log import stage_logs
from campaign.run.announcer import Announcer
from campaign.work.context import StageContext
from campaign.work.resources import InterruptedRunError, Resources

log = logging.getLogger(__name__)


@dataclass
class Outcome:
    """How one stage ended."""

    stage: Stage
    state: str  # done | cached | failed | interrupted
    seconds: float = 0.0
    message: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    core_seconds: float = 0.0  # of this submission


class StageRunner:
    """Runs stages of one pipeline to their end, each in the thread that asks."""

    def __init__(
        self, pipeline: Pipeline, cache: StageCache, run_folder: Path, resources: Resources, announcer: Announcer
    ) -> None:
        self._pipeline = pipeline
        self._cache = cache
        self._run_folder = run_folder
        self._resources = resources
        self._announcer = announcer

    def outcome_of(self, stage: Stage) -> Outcome:
        """Run a stage, whatever becomes of it."""
        try:
            return self._compute(stage, self._pipeline.keys[stage.name])
        except InterruptedRunError:
            return Outcome(stage, "interrupted")
        except Exception as error:
            if self._resources.stop.is_set():
                return Outcome(stage, "interrupted")
            log.error("failed\n%s", traceback.format_exc(), extra={"stage": stage.name})
            return Outcome(stage, "failed", message=told(error))

    def _compute(self, stage: Stage, key: str) -> Outcome:
        while not self._cache.has(stage, key):
            with self._cache.lease(stage, key, self._waiting(stage)) as lease:
                if self._cache.has(stage, key):  # another run finished it meanwhile
                    lease.discard()
                    break
                try:
                    return self._run_in(lease, stage, key)
                except InterruptedRunError:
                    raise
                except Exception as error:
                    if not lease.is_lost:
                        if not self._resources.stop.is_set():
                            self._cache.note_failure(lease, told(error))
                        raise
                    message = "another run has taken this stage over"
                    self._announcer.tell("stage-waiting", stage=stage.name, message=message)
        record = self._cache.record(stage, key)
        return Outcome(stage, "cached", record.seconds, facts=record.facts)

    def _run_in(self, lease: Lease, stage: Stage, key: str) -> Outcome:
        self._announcer.tell("stage-started", stage=stage.name, key=key)
        link_stage(self._run_folder, stage.name, lease.folder)
        self._cache.forget_failure(lease)
        started = time.monotonic()
        context = StageContext(
            folder=lease.folder.absolute(),
            resources=self._resources,
            report_progress=self._progress_of(stage, lease),
            rows_per_unit=self._rows_per_unit(stage),
            log_folder=stage_logs(self._run_folder.absolute(), stage.name),
            name=stage.name,
        )
        inputs = {role: self._folder(name) for role, name in stage.inputs.items()} | dict(stage.files)
        # Workers of a standing cluster have working directories of their own.
        inputs = {role: path.absolute() for role, path in inputs.items()}
        stage.run(inputs, context)
        context.facts["work"] = stage.descriptor.work(stage.config, self._pipeline.inputs_of(stage))
        seconds = time.monotonic() - started
        parts = self._pipeline.parts[stage.name]
        record = StageRecord.of(stage.name, key, parts, seconds, context.facts, context.core_seconds)
        self._cache.finish(lease, stage, record)
        return Outcome(stage, "done", seconds, facts=context.facts, core_seconds=context.core_seconds)

    def _rows_per_unit(self, stage: Stage) -> int:
        profile = self._resources.profile
        return rows_per_unit(
            stage, self._pipeline, RecordIndex(self._cache), profile.planned_workers(), profile.rows_per_unit
        )

    def _folder(self, name: str) -> Path:
        return self._cache.folder(self._pipeline[name], self._pipeline.keys[name])

    def _progress_of(self, stage: Stage, lease: Lease) -> Callable[..., None]:
        announce = self._announcer.progress_of(stage.name)

        def progress(done: int, total: int, **facts: Any) -> None:
            lease.raise_if_lost()
            announce(done, total, **facts)

        return progress

    def _waiting(self, stage: Stage) -> Callable[[LeaseBusyError], None]:
        told: set[Owner] = set()

        def waiting(busy: LeaseBusyError) -> None:
            self._resources.raise_if_stopped()
            if busy.owner is not None and busy.owner not in told:
                told.add(busy.owner)
                message = f"another run is computing this stage: {busy.owner}"
                self._announcer.tell("stage-waiting", stage=stage.name, message=message)

        return waiting


# By what the system says: stages hear of it in their own process, in workers, or in the text of a library's error.
WAYS_OUT = {
    "No space left on device": "free some space, then submit again: finished work is kept",
    "Disk quota exceeded": "free some space, then submit again: finished work is kept",
    "Read-only file system": "name a folder that can be written (--runs, or cache in the profile)",
    "Permission denied": "name a folder that can be written (--runs, or cache in the profile), or change its mode",
    "Too many open files": "raise the limit with `ulimit -n 65536`, then submit again",
}


def told(error: BaseException) -> str:
    """An exception in one line or a few, without a traceback; for example ``KeyError: 'x' (row 3 of a.zarr)``."""
    text = f"{type(error).__name__}: {error}" + "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
    ways = [way for cause, way in WAYS_OUT.items() if cause in text]
    return "; ".join([text, *ways[:1]])
