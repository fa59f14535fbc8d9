"""One stage of a run to its end: computed in a folder that this run owns, or awaited where another run computes it."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaign.cache.checksums import FILES_FACT, check_files, checksums
from campaign.cache.lease import Lease, LeaseBusyError
from campaign.cache.owner import Owner
from campaign.cache.stage_cache import RecordIndex, StageCache
from campaign.plan.again import stages_again, was_computed
from campaign.plan.cost import IN_PROCESS_FACT, rows_per_unit
from campaign.plan.kind import Stage
from campaign.plan.memory import PEAK_FACT
from campaign.plan.pipeline import Pipeline
from campaign.record.events import EventLog
from campaign.record.run_folder import link_stage
from campaign.record.worker_log import stage_logs
from campaign.run.endings import message_of
from campaign.work.context import StageContext
from campaign.work.progress import StageProgress
from campaign.work.resources import InterruptedRunError, Resources

log = logging.getLogger(__name__)


@dataclass
class StageOutcome:
    """How one stage ended."""

    stage: Stage
    state: str  # done | cached | failed | interrupted
    seconds: float = 0.0
    message: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    core_seconds: float = 0.0  # of this submission
    peak_bytes: int = 0  # of its largest process, 0 where that is not known


class StageRunner:
    """Runs stages of one pipeline to their end, each in the thread that calls."""

    def __init__(
        self, pipeline: Pipeline, cache: StageCache, run_folder: Path, resources: Resources, events: EventLog
    ) -> None:
        self._pipeline = pipeline
        self._cache = cache
        self._run_folder = run_folder
        self._resources = resources
        self._events = events
        self._again = stages_again(run_folder)
        self._sound: set[str] = set()  # stages whose files were looked at

    def outcome_of(self, stage: Stage) -> StageOutcome:
        """Run a stage, whatever becomes of it."""
        try:
            return self._compute(stage, self._pipeline.keys[stage.name])
        except InterruptedRunError:
            return StageOutcome(stage, "interrupted")
        except Exception as error:
            if self._resources.stop.is_set():
                return StageOutcome(stage, "interrupted")
            log.error("failed\n%s", traceback.format_exc(), extra={"stage": stage.name})
            return StageOutcome(stage, "failed", message=message_of(error))

    def _compute(self, stage: Stage, key: str) -> StageOutcome:
        is_again = stage.name in self._again
        while is_again or not self._cache.has(stage.kind, key):
            with self._cache.lease(stage.kind, key, self._waiting(stage)) as lease:
                if not is_again and self._cache.has(stage.kind, key):  # another run finished it meanwhile
                    lease.discard()
                    break
                try:
                    return self._run_in(lease, stage, key)
                except InterruptedRunError:
                    raise
                except Exception as error:
                    if not lease.is_lost:
                        if not self._resources.stop.is_set():
                            self._cache.note_failure(lease, message_of(error))
                        raise
                    message = "another run has taken this stage over"
                    self._events.write("stage-waiting", stage=stage.name, message=message)
        record = self._cache.record(stage.kind, key)
        return StageOutcome(
            stage, "cached", record.seconds, facts=record.facts, peak_bytes=record.facts.get(PEAK_FACT, 0)
        )

    def _run_in(self, lease: Lease, stage: Stage, key: str) -> StageOutcome:
        self._events.write("stage-started", stage=stage.name, key=key)
        link_stage(self._run_folder, stage.name, lease.folder)
        self._cache.forget_failure(lease)
        started = time.monotonic()
        progress = StageProgress(
            stage.name,
            self._events.write,
            raise_if_lost=lease.raise_if_lost,
            raise_if_stopped=self._resources.raise_if_stopped,
        )
        context = StageContext(
            folder=lease.folder.absolute(),
            resources=self._resources,
            progress=progress,
            rows_per_unit=self._rows_per_unit(stage),
            log_folder=stage_logs(self._run_folder.absolute(), stage.name),
            name=stage.name,
        )
        inputs = {role: self._folder(name) for role, name in stage.inputs.items()} | dict(stage.files)
        # Workers of a standing cluster have working directories of their own.
        inputs = {role: path.absolute() for role, path in inputs.items()}
        self._check(stage.inputs.values())
        try:
            stage.run(inputs, context)
        finally:
            progress.flush()
        if progress.peak_bytes:
            context.facts[PEAK_FACT] = progress.peak_bytes
        context.facts[IN_PROCESS_FACT] = context.shares_process
        context.facts[FILES_FACT] = checksums(lease.folder)
        context.facts["work"] = stage.descriptor.work(stage.config, self._pipeline.inputs_of(stage))
        seconds = time.monotonic() - started
        parts = self._pipeline.parts[stage.name]
        record = parts.record(stage.name, key, seconds, progress.core_seconds, context.facts)
        self._cache.finish(lease, stage.kind, record, replace=stage.name in self._again)
        if stage.name in self._again:
            was_computed(self._run_folder, stage.name)
        return StageOutcome(
            stage,
            "done",
            seconds,
            "",
            context.facts,
            core_seconds=progress.core_seconds,
            peak_bytes=progress.peak_bytes,
        )

    def _check(self, names: Iterable[str]) -> None:
        """Raise ``DamagedResultError`` where files of these stages are not what was written; looks at each once."""
        for name in names:
            if name not in self._sound:
                check_files(self._cache, self._pipeline[name].kind, self._pipeline.keys[name])
                self._sound.add(name)

    def _rows_per_unit(self, stage: Stage) -> int:
        profile = self._resources.profile
        return rows_per_unit(
            stage, self._pipeline, RecordIndex(self._cache), profile.planned_workers(), profile.rows_per_unit
        )

    def _folder(self, name: str) -> Path:
        return self._cache.folder(self._pipeline[name].kind, self._pipeline.keys[name])

    def _waiting(self, stage: Stage) -> Callable[[LeaseBusyError], None]:
        named: set[Owner] = set()

        def waiting(busy: LeaseBusyError) -> None:
            self._resources.raise_if_stopped()
            if busy.owner is not None and busy.owner not in named:
                named.add(busy.owner)
                message = f"another run is computing this stage: {busy.owner}"
                self._events.write("stage-waiting", stage=stage.name, message=message)

        return waiting
