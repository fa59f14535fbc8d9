"""From a spec to finished results: stages run as soon as what they read is there; a killed run goes on later."""

from __future__ import annotations

import importlib
import logging
import os
import platform
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.cache import RecordIndex, StageCache, StageRecord
from campaign.claims import Busy, Claim
from campaign.complaints import told
from campaign.context import StageContext
from campaign.control import pending_request
from campaign.driver import looking_around
from campaign.events import EventLog, RunStatus
from campaign.owner import Owner
from campaign.pipeline import Pipeline, Stage
from campaign.profiles import Profile
from campaign.resources import Interrupted, Resources
from campaign.sizing import rows_per_unit
from campaign.time_budget import TimeBudget
from campaign.worker_log import DRIVER_LOG, LOGS_FOLDER, remove_empty_logs, stage_logs

if TYPE_CHECKING:
    from cluster.metrics import SimulationGauges
    from cluster.shipping import Source

log = logging.getLogger(__name__)
GAUGE_SECONDS = 5.0
FIT_SECONDS = 5.0  # between looks at how many CPUs the cluster has
LEAVE_SECONDS = 30.0  # for a stage's thread to notice that its workers are gone
PROGRESS_SECONDS = 1.0  # at most one progress event a stage in this time

Listener = Callable[[dict[str, Any]], None]


class CampaignFailed(Exception):  # noqa: N818  (reads as what happened)
    """Some stages failed; the message names each with its reason and where the traceback is."""


class Cancelled(Exception):  # noqa: N818
    """The run was cancelled; what is done so far is kept."""


class OutOfTime(Exception):  # noqa: N818
    """The time of this process ended before the run did; what is done so far is kept."""


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
        budget: TimeBudget | None = None,
        source: Source | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.cache = cache
        self.profile = profile
        self.run_folder = run_folder
        self.outcomes: dict[str, Outcome] = {}
        self._events = EventLog(run_folder)
        self._listener = listener
        self._status = RunStatus()
        self._gauges: SimulationGauges | None = None
        self._gauges_shown = 0.0
        self._next_fit = 0.0
        self._ended: queue.Queue[Outcome] = queue.Queue()
        self._untold: dict[str, dict[str, Any]] = {}  # progress between two events, by stage
        self._reopened: set[str] = set()
        self._cancelled: str | None = None  # "orderly" or "now" once somebody asked for it
        shared = (cache.root, run_folder)
        self._resources = Resources(profile, training_workers(pipeline), self._cluster_started, budget, shared, source)

    def execute(self, write_report: Callable[[], object] | None = None) -> None:
        """Run every stage that is not cached, then write the report.

        Raises:
            CampaignFailed: when a stage failed; every stage that does not depend on it was still run.
            Cancelled: another process asked the run to stop; finished work is kept.
            OutOfTime: what is left would not end in time; finished work is kept.
            KeyboardInterrupt: when the user stopped the run; finished work is kept.
        """
        threads: list[threading.Thread] = []
        state = "failed"
        with looking_around(self._look_around):
            self._emit(
                "run-started",
                stages=[stage.name for stage in self.pipeline.stages],
                host=platform.node(),
                process=os.getpid(),
            )
            try:
                self._run_all(threads)
                self._raise_unless_complete()
                self._resources.close()  # the report needs no cluster
                if write_report is not None:
                    write_report()
                state = "done"
            except KeyboardInterrupt:
                state = "interrupted"
                raise
            except Cancelled:
                state = "cancelled"
                raise
            except OutOfTime:
                state = "queued"
                raise
            finally:
                self._resources.close()
                for thread in threads:
                    thread.join(timeout=LEAVE_SECONDS)
                while not self._ended.empty():
                    self._record(self._ended.get())
                self._resources.budget.save()
                self._emit("run-ended", state=state)
        self._events.close()

    def _raise_unless_complete(self) -> None:
        failures = [outcome for outcome in self.outcomes.values() if outcome.state == "failed"]
        if failures:
            raise CampaignFailed(self._describe(failures))
        if len(self.outcomes) < len(self.pipeline.stages) or any(
            outcome.state == "interrupted" for outcome in self.outcomes.values()
        ):
            raise Cancelled if self._cancelled else OutOfTime

    def _look_around(self) -> None:
        """What the driver does beside its stages, twice a second, in a thread of its own."""
        self._look_for_request()
        self._show_gauges()
        if time.monotonic() >= self._next_fit:
            self._next_fit = time.monotonic() + FIT_SECONDS
            self._resources.fit_pool()

    def _look_for_request(self) -> None:
        """Hear what `campaign cancel` asks, from whatever node."""
        if self._cancelled == "now" or (request := pending_request(self.run_folder)) is None:
            return
        how = "now" if request.now else "orderly"
        if how != self._cancelled:
            self._emit("cancel-requested", how=how, user=request.user, host=request.host)
            self._cancelled = how
            self._resources.stop.set()  # no more work is handed out; what is in flight ends by itself

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
                if not self._resources.stop.is_set():
                    waiting |= self._mended()
                if not self._ready(waiting):
                    return  # nothing is left, or it waits for a stage that failed, or the run was asked to stop
                continue
            outcome = self._next_ended()
            running.discard(outcome.stage.name)
            self._record(outcome)

    def _ready(self, waiting: dict[str, Stage]) -> list[Stage]:
        if self._resources.stop.is_set() or self._resources.budget.seconds_left == 0.0:
            return []
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

    def _next_ended(self) -> Outcome:
        while True:  # a wait without end would hear neither Ctrl-C nor a cancel that cannot wait
            if self._cancelled == "now":
                raise Cancelled
            try:
                return self._ended.get(timeout=0.5)
            except queue.Empty:
                continue

    def _run_stage(self, stage: Stage) -> None:
        try:
            outcome = self._compute(stage, self.pipeline.keys[stage.name])
        except Interrupted:
            outcome = Outcome(stage, "interrupted")
        except Exception as error:
            if self._resources.stop.is_set():
                outcome = Outcome(stage, "interrupted")
            else:
                log.error("failed\n%s", traceback.format_exc(), extra={"stage": stage.name})
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
                except Interrupted:
                    raise
                except Exception as error:
                    if not claim.is_lost:
                        if not self._resources.stop.is_set():
                            self.cache.note_failure(claim, told(error))
                        raise
                    self._emit("stage-waiting", stage=stage.name, message="another run has taken this stage over")
        record = self.cache.record(stage, key)
        return Outcome(stage, "cached", record.seconds, facts=record.facts)

    def _run_in(self, claim: Claim, stage: Stage, key: str) -> Outcome:
        self._emit("stage-started", stage=stage.name, key=key)
        self._link(stage, claim.folder)
        self.cache.forget_failure(claim)
        started = time.monotonic()
        context = StageContext(
            folder=claim.folder.absolute(),
            resources=self._resources,
            report_progress=self._progress_of(stage, claim),
            rows_per_unit=self._rows_per_unit(stage),
            log_folder=stage_logs(self.run_folder.absolute(), stage.name),
            name=stage.name,
        )
        inputs = {role: self._folder(name) for role, name in stage.inputs.items()} | dict(stage.files)
        # Workers of a standing cluster have working directories of their own.
        inputs = {role: path.absolute() for role, path in inputs.items()}
        importlib.import_module(f"campaign.stages.{stage.kind}").run(stage.config, inputs, context)
        seconds = time.monotonic() - started
        parts = self.pipeline.parts[stage.name]
        record = StageRecord.of(stage.name, key, parts, seconds, context.facts, context.core_seconds)
        self.cache.finish(claim, stage, record)
        return Outcome(stage, "done", seconds, facts=context.facts, core_seconds=context.core_seconds)

    def _rows_per_unit(self, stage: Stage) -> int:
        return rows_per_unit(stage, RecordIndex(self.cache), self.profile.planned_workers(), self.profile.rows_per_unit)

    def _folder(self, name: str) -> Path:
        return self.cache.folder(self.pipeline[name], self.pipeline.keys[name])

    def _record(self, outcome: Outcome) -> None:
        stage = outcome.stage
        self.outcomes[stage.name] = outcome
        remove_empty_logs(stage_logs(self.run_folder, stage.name))
        finished = outcome.state in {"done", "cached"}
        folder = self._folder(stage.name) if finished else self.cache.partial(stage, self.pipeline.keys[stage.name])
        if folder.is_dir():  # one that was given up has another name than while it was worked in
            self._link(stage, folder)
        self._tell_progress(stage)
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

        def progress(done: int, total: int, *, best_rep: float | None = None, **facts: Any) -> None:
            nonlocal last
            claim.raise_if_lost()
            if best_rep is not None:
                facts["best_rep"] = best_rep
            self._untold[stage.name] = {"done": done, "total": total, **facts}
            now = time.monotonic()
            if done >= total or now - last >= PROGRESS_SECONDS:
                last = now
                self._tell_progress(stage)

        return progress

    def _tell_progress(self, stage: Stage) -> None:
        """The latest progress of a stage, if it has not been told."""
        if (facts := self._untold.pop(stage.name, None)) is not None:
            self._emit("progress", stage=stage.name, **facts)

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
        from cluster.metrics import SimulationGauges

        self._gauges = SimulationGauges(self.run_folder.name)
        self._emit(
            "cluster-started",
            dashboard=runtime.dashboard_url,
            token_file=os.environ.get("RAY_AUTH_TOKEN_PATH"),  # None: where Ray itself keeps it
            cpus=runtime.cpus,
            gpus=runtime.gpus,
            workers=self._resources.workers_of(runtime),
        )

    def _emit(self, event: str, **facts: Any) -> None:
        self._events.write(event, **facts)
        heard = {"time": time.time(), "event": event, **facts}
        self._status.apply(heard)
        if event != "progress":
            told = " ".join(
                f"{name}={value}" for name, value in facts.items() if name not in {"stage", "stages"} and value
            )
            log.info("%s %s", event, told, extra={"stage": facts.get("stage", "")})
        if self._listener is not None:
            self._listener(heard)

    def _show_gauges(self) -> None:
        """Tell Ray's metrics how far each stage is; Ray forgets what it has not heard for twenty seconds."""
        now = time.time()
        if self._gauges is None or now - self._gauges_shown < GAUGE_SECONDS:
            return
        self._gauges_shown = now
        for stage in self.pipeline.stages:
            status = self._status.stages[stage.name]
            if stage.simulations and status.total:
                self._gauges.set(
                    stage.name,
                    done=status.done,
                    failed=status.failed,
                    total=status.total,
                    per_second=status.rate(now) or 0.0,
                    best_rep=status.best_rep,
                )

    def _describe(self, failures: list[Outcome]) -> str:
        lines = [f"{outcome.stage.name}: {outcome.message}" for outcome in failures]
        held_up = [stage.name for stage in self.pipeline.stages if stage.name not in self.outcomes]
        if held_up:
            lines.append(f"not started, because they read a failed stage: {', '.join(held_up)}")
        lines.append(f"tracebacks: {self.run_folder / LOGS_FOLDER / DRIVER_LOG}")
        return "\n".join(lines)


def training_workers(pipeline: Pipeline) -> int:
    """The largest number of data-parallel workers that a stage trains with."""
    return max((stage.config.get("workers", 1) for stage in pipeline.stages), default=1)
