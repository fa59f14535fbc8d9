"""One stage of a run: computed in a folder of the cache that this run owns, or awaited where another computes it."""

from __future__ import annotations

import importlib
import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaign.announcing import Announcer
from campaign.cache import RecordIndex, StageCache, StageRecord
from campaign.claims import Busy, Claim
from campaign.complaints import told
from campaign.context import StageContext
from campaign.owner import Owner
from campaign.pipeline import Pipeline, Stage
from campaign.resources import Interrupted, Resources
from campaign.run_folder import link_stage
from campaign.sizing import rows_per_unit
from campaign.worker_log import stage_logs

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
        except Interrupted:
            return Outcome(stage, "interrupted")
        except Exception as error:
            if self._resources.stop.is_set():
                return Outcome(stage, "interrupted")
            log.error("failed\n%s", traceback.format_exc(), extra={"stage": stage.name})
            return Outcome(stage, "failed", message=told(error))

    def _compute(self, stage: Stage, key: str) -> Outcome:
        while not self._cache.has(stage, key):
            with self._cache.claim(stage, key, self._waiting(stage)) as claim:
                if self._cache.has(stage, key):  # another run finished it meanwhile
                    claim.discard()
                    break
                try:
                    return self._run_in(claim, stage, key)
                except Interrupted:
                    raise
                except Exception as error:
                    if not claim.is_lost:
                        if not self._resources.stop.is_set():
                            self._cache.note_failure(claim, told(error))
                        raise
                    message = "another run has taken this stage over"
                    self._announcer.tell("stage-waiting", stage=stage.name, message=message)
        record = self._cache.record(stage, key)
        return Outcome(stage, "cached", record.seconds, facts=record.facts)

    def _run_in(self, claim: Claim, stage: Stage, key: str) -> Outcome:
        self._announcer.tell("stage-started", stage=stage.name, key=key)
        link_stage(self._run_folder, stage.name, claim.folder)
        self._cache.forget_failure(claim)
        started = time.monotonic()
        context = StageContext(
            folder=claim.folder.absolute(),
            resources=self._resources,
            report_progress=self._progress_of(stage, claim),
            rows_per_unit=self._rows_per_unit(stage),
            log_folder=stage_logs(self._run_folder.absolute(), stage.name),
            name=stage.name,
        )
        inputs = {role: self._folder(name) for role, name in stage.inputs.items()} | dict(stage.files)
        # Workers of a standing cluster have working directories of their own.
        inputs = {role: path.absolute() for role, path in inputs.items()}
        importlib.import_module(f"campaign.stages.{stage.kind}").run(stage.config, inputs, context)
        seconds = time.monotonic() - started
        parts = self._pipeline.parts[stage.name]
        record = StageRecord.of(stage.name, key, parts, seconds, context.facts, context.core_seconds)
        self._cache.finish(claim, stage, record)
        return Outcome(stage, "done", seconds, facts=context.facts, core_seconds=context.core_seconds)

    def _rows_per_unit(self, stage: Stage) -> int:
        profile = self._resources.profile
        return rows_per_unit(stage, RecordIndex(self._cache), profile.planned_workers(), profile.rows_per_unit)

    def _folder(self, name: str) -> Path:
        return self._cache.folder(self._pipeline[name], self._pipeline.keys[name])

    def _progress_of(self, stage: Stage, claim: Claim) -> Callable[..., None]:
        announce = self._announcer.progress_of(stage.name)

        def progress(done: int, total: int, **facts: Any) -> None:
            claim.raise_if_lost()
            announce(done, total, **facts)

        return progress

    def _waiting(self, stage: Stage) -> Callable[[Busy], None]:
        told: set[Owner] = set()

        def waiting(busy: Busy) -> None:
            self._resources.raise_if_stopped()
            if busy.owner is not None and busy.owner not in told:
                told.add(busy.owner)
                message = f"another run is computing this stage: {busy.owner}"
                self._announcer.tell("stage-waiting", stage=stage.name, message=message)

        return waiting
