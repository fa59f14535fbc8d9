"""From a spec to finished results: stages run as soon as what they read is there; a killed run goes on later."""

from __future__ import annotations

import importlib
import json
import logging
import os
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaign.cache import StageCache, StageRecord
from campaign.claims import Busy, Claim
from campaign.complaints import told
from campaign.context import Resources, StageContext
from campaign.events import EventLog
from campaign.owner import Owner
from campaign.pipeline import Pipeline, Stage
from campaign.profiles import Profile
from campaign.sizing import rows_per_unit

log = logging.getLogger(__name__)
PROGRESS_SECONDS = 1.0  # at most one progress event a stage in this time

Listener = Callable[[dict[str, Any]], None]


class CampaignFailed(Exception):  # noqa: N818  (reads as what happened)
    """Some stages failed; the message names each with its reason and where the traceback is."""


@dataclass
class Outcome:
    """How one stage ended."""

    stage: Stage
    state: str  # done | cached | failed | interrupted
    seconds: float = 0.0
    message: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    core_seconds: float = 0.0  # of this submission


class Executor:
    """Runs the stages of one pipeline, independent ones side by side, each in a thread of this process.

    The threads only coordinate: simulations, training and sampling run on Ray workers, which also decide how much
    happens at the same time.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        cache: StageCache,
        profile: Profile,
        run_folder: Path,
        listener: Listener | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.cache = cache
        self.profile = profile
        self.run_folder = run_folder
        self.outcomes: dict[str, Outcome] = {}
        self._events = EventLog(run_folder)
        self._listener = listener
        self._ended: queue.Queue[Outcome] = queue.Queue()
        self._reopened: set[str] = set()
        self._resources = self._new_resources()
        self._revivals = 0

    def execute(self) -> None:
        """Run every stage that is not cached.

        Raises:
            CampaignFailed: when a stage failed; every stage that does not depend on it was still run.
            KeyboardInterrupt: when the user stopped the run; finished work is kept.
        """
        self._emit("run-started", stages=[stage.name for stage in self.pipeline.stages], process=os.getpid())
        threads: list[threading.Thread] = []
        state = "failed"
        try:
            self._run_all(threads)
            failures = [outcome for outcome in self.outcomes.values() if outcome.state == "failed"]
            if failures:
                raise CampaignFailed(self._describe(failures))
            state = "done"
        except KeyboardInterrupt:
            state = "interrupted"
            raise
        finally:
            self._resources.close()
            for thread in threads:
                thread.join(timeout=30)
            while not self._ended.empty():
                self._record(self._ended.get())
            self._emit("run-ended", state=state)
            self._events.close()

    def _run_all(self, threads: list[threading.Thread]) -> None:
        waiting = {stage.name: stage for stage in self.pipeline.stages}
        running: set[str] = set()
        while True:
            for stage in self._ready(waiting):
                del waiting[stage.name]
                running.add(stage.name)
                thread = threading.Thread(target=self._run_stage, args=(stage,), name=stage.name, daemon=True)
                threads.append(thread)
                thread.start()
            if not running:
                waiting |= self._mended() or self._revived()
                if not self._ready(waiting):
                    return  # nothing is left, or it waits for a stage that failed
                continue
            outcome = self._next_ended()
            running.discard(outcome.stage.name)
            self._record(outcome)

    def _ready(self, waiting: dict[str, Stage]) -> list[Stage]:
        finished = {name for name, outcome in self.outcomes.items() if outcome.state in {"done", "cached"}}
        return [stage for stage in waiting.values() if finished.issuperset(stage.inputs.values())]

    def _mended(self) -> dict[str, Stage]:
        """Stages to run again, once, since a store that a failed stage reads turned out to be damaged."""
        from campaign.mending import reopen_damaged

        again: dict[str, Stage] = {}
        for outcome in [each for each in self.outcomes.values() if each.state == "failed"]:
            inputs = [self.pipeline[name] for name in outcome.stage.inputs.values() if name not in self._reopened]
            damaged = reopen_damaged(inputs, self.pipeline.keys, self.cache)
            if damaged:
                again |= {stage.name: stage for stage in (*damaged, outcome.stage)}
        for name in again:
            self._reopened.add(name)
            del self.outcomes[name]
            self._emit("stage-reopened", stage=name, message="its store, or one that it reads, was damaged on the disk")
        return again

    def _revived(self) -> dict[str, Stage]:
        """Failed stages to run again, since the Ray under them ended; they get a new one."""
        failed = {name: outcome.stage for name, outcome in self.outcomes.items() if outcome.state == "failed"}
        if not failed or self._revivals >= self.profile.limits.attempts or not self._resources.is_lost:
            return {}
        self._revivals += 1
        self._resources.close()
        self._resources = self._new_resources()
        for name in failed:
            del self.outcomes[name]
            self._emit("stage-reopened", stage=name, message="Ray ended under it; it goes on with a new one")
        return failed

    def _new_resources(self) -> Resources:
        return Resources(self.profile, training_workers(self.pipeline), self._cluster_started)

    def _next_ended(self) -> Outcome:
        while True:  # a wait without end would not hear Ctrl-C
            try:
                return self._ended.get(timeout=0.5)
            except queue.Empty:
                continue

    def _run_stage(self, stage: Stage) -> None:
        try:
            outcome = self._compute(stage, self.pipeline.keys[stage.name])
        except Exception as error:
            if self._resources.stop.is_set():
                outcome = Outcome(stage, "interrupted")
            else:
                log.error("stage %s failed\n%s", stage.name, traceback.format_exc())
                outcome = Outcome(stage, "failed", message=told(error))
        self._ended.put(outcome)

    def _compute(self, stage: Stage, key: str) -> Outcome:
        while not self.cache.has(stage, key):
            with self.cache.claim(stage, key, self._waiting(stage)) as claim:
                if self.cache.has(stage, key):  # another run finished it meanwhile
                    claim.discard()
                    break
                try:
                    return self._run_in(claim, stage, key)
                except Exception:
                    if not claim.is_lost:
                        raise
                    self._emit("stage-waiting", stage=stage.name, message="another run has taken this stage over")
        record = self.cache.record(stage, key)
        return Outcome(stage, "cached", record.seconds, facts=record.facts)

    def _run_in(self, claim: Claim, stage: Stage, key: str) -> Outcome:
        self._emit("stage-started", stage=stage.name, key=key)
        self._link(stage, claim.folder)
        started = time.monotonic()
        progress = self._progress_of(stage, claim)
        rows = rows_per_unit(stage, self.cache, self.profile)
        context = StageContext(claim.folder, self._resources, progress, rows)
        inputs = {role: self._folder(name) for role, name in stage.inputs.items()} | dict(stage.files)
        importlib.import_module(f"campaign.stages.{stage.kind}").run(stage.config, inputs, context)
        seconds = time.monotonic() - started
        input_keys = {role: self.pipeline.keys[name] for role, name in stage.inputs.items()}
        record = StageRecord(
            stage.name, key, dict(stage.config), input_keys, seconds, context.facts, context.core_seconds
        )
        self.cache.finish(claim, stage, record)
        return Outcome(stage, "done", seconds, facts=context.facts, core_seconds=context.core_seconds)

    def _folder(self, name: str) -> Path:
        return self.cache.folder(self.pipeline[name], self.pipeline.keys[name])

    def _record(self, outcome: Outcome) -> None:
        stage = outcome.stage
        self.outcomes[stage.name] = outcome
        if outcome.state in {"done", "cached"}:
            self._link(stage, self._folder(stage.name))
        self._emit(
            "stage-ended",
            stage=stage.name,
            state=outcome.state,
            seconds=round(outcome.seconds, 3),
            message=outcome.message,
            core_seconds=round(outcome.core_seconds, 3),
        )

    def _link(self, stage: Stage, folder: Path) -> None:
        """Show a stage's folder in the run, also while it works: ``<run>/stages/<name>`` points into the cache."""
        link = self.run_folder / "stages" / stage.name
        link.parent.mkdir(parents=True, exist_ok=True)
        target = os.path.relpath(folder.resolve(), link.parent.resolve())
        if link.is_symlink():
            link.unlink()
        link.symlink_to(target)

    def _progress_of(self, stage: Stage, claim: Claim) -> Callable[..., None]:
        last = 0.0

        def progress(done: int, total: int, **facts: Any) -> None:
            nonlocal last
            claim.raise_if_lost()
            now = time.monotonic()
            if done >= total or now - last >= PROGRESS_SECONDS:
                last = now
                self._emit("progress", stage=stage.name, done=done, total=total, **facts)

        return progress

    def _waiting(self, stage: Stage) -> Callable[[Busy], None]:
        told: set[Owner] = set()

        def waiting(busy: Busy) -> None:
            self._resources.raise_if_stopped()
            if busy.owner is not None and busy.owner not in told:
                told.add(busy.owner)
                message = f"another run is computing this stage: {busy.owner}"
                self._emit("stage-waiting", stage=stage.name, message=message)

        return waiting

    def _cluster_started(self, runtime: Any) -> None:
        self._emit(
            "cluster-started",
            dashboard=runtime.dashboard_url,
            cpus=runtime.cpus,
            gpus=runtime.gpus,
            workers=self._resources.workers_of(runtime),
        )

    def _emit(self, event: str, **facts: Any) -> None:
        self._events.write(event, **facts)
        if self._listener is not None:
            self._listener({"time": time.time(), "event": event, **facts})

    def _describe(self, failures: list[Outcome]) -> str:
        lines = [f"{outcome.stage.name}: {outcome.message}" for outcome in failures]
        held_up = [stage.name for stage in self.pipeline.stages if stage.name not in self.outcomes]
        if held_up:
            lines.append(f"not started, because they read a failed stage: {', '.join(held_up)}")
        lines.append(f"tracebacks: {self.run_folder / 'logs' / 'driver.log'}")
        return "\n".join(lines)


def training_workers(pipeline: Pipeline) -> int:
    """The largest number of data-parallel workers that a stage trains with."""
    return max((stage.config.get("workers", 1) for stage in pipeline.stages), default=1)


def write_json(path: Path, value: Any) -> None:
    """Write JSON under a temporary name and rename it."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
