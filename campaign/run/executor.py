"""From a spec to finished results: stages run as soon as what they read is there; a killed run goes on later."""

from __future__ import annotations

import os
import platform
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.cache.stage_cache import StageCache
from campaign.plan.kind import Stage
from campaign.plan.pipeline import Pipeline
from campaign.record.cancel_request import pending_request
from campaign.record.driver import looking_around
from campaign.record.run_folder import link_stage
from campaign.record.worker_log import DRIVER_LOG, LOGS_FOLDER, remove_empty_logs, stage_logs
from campaign.run.announcer import Announcer, Listener
from campaign.run.stage_runner import Outcome, StageRunner
from campaign.spec.profile import Profile
from campaign.work.resources import Resources
from campaign.work.time_budget import TimeBudget
from results.store import SimulationStore

if TYPE_CHECKING:
    from cluster.driver.source import Source


FIT_SECONDS = 5.0  # between looks at how many CPUs the cluster has
LEAVE_SECONDS = 30.0  # for a stage's thread to notice that its workers are gone


class CampaignFailedError(Exception):
    """Some stages failed; the message names each with its reason and where the traceback is."""


class RunCancelledError(Exception):
    """The run was cancelled; what is done so far is kept."""


class OutOfTimeError(Exception):
    """The time of this process ended before the run did; what is done so far is kept."""


class ClusterGoneError(Exception):
    """Ray's node on this machine ended by itself; what is done so far is kept, and this process is of no more use."""

    def __init__(self, run_folder: Path) -> None:
        super().__init__("Ray on this machine ended by itself; somebody killed it, or the machine ran out of memory")
        self.run_folder = run_folder


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
        self._next_fit = 0.0
        self._ended: queue.Queue[Outcome] = queue.Queue()
        self._reopened: set[str] = set()
        self._cancelled: str | None = None  # "orderly" or "now" once somebody asked for it
        self._announcer = Announcer(run_folder, pipeline.stages, listener)
        shared = (cache.root, run_folder)
        self._resources = Resources(
            profile,
            pipeline.training_workers,
            budget,
            shared,
            source,
            on_start=self._announcer.cluster_started,
            on_change=self._announcer.cluster_changed,
        )
        self._runner = StageRunner(pipeline, cache, run_folder, self._resources, self._announcer)

    def execute(self, write_report: Callable[[], object] | None = None) -> None:
        """Run every stage that is not cached, then write the report.

        Raises:
            CampaignFailedError: when a stage failed; every stage that does not depend on it was still run.
            RunCancelledError: another process asked the run to stop; finished work is kept.
            OutOfTimeError: what is left would not end in time; finished work is kept.
            ClusterGoneError: Ray's node on this machine ended by itself; finished work is kept.
            KeyboardInterrupt: when the user stopped the run; finished work is kept.
        """
        threads: list[threading.Thread] = []
        state: str | None = "failed"
        with looking_around(self._look_around):
            self._announcer.tell(
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
            except RunCancelledError:
                state = "cancelled"
                raise
            except OutOfTimeError:
                state = "queued"
                raise
            except ClusterGoneError:
                state = None  # whoever drives the run may go on at once
                raise
            finally:
                self._resources.close()
                for thread in threads if state else ():  # without its cluster a thread stays in Ray for a minute
                    thread.join(timeout=LEAVE_SECONDS)
                while not self._ended.empty():
                    self._record(self._ended.get())
                self._resources.budget.save()
                if state:
                    self._announcer.tell("run-ended", state=state)
        self._announcer.close()

    def _raise_unless_complete(self) -> None:
        failures = [outcome for outcome in self.outcomes.values() if outcome.state == "failed"]
        if failures:
            self._raise_if_cluster_gone()  # the reason behind theirs
            raise CampaignFailedError(self._describe(failures))
        if len(self.outcomes) < len(self.pipeline.stages) or any(
            outcome.state == "interrupted" for outcome in self.outcomes.values()
        ):
            raise RunCancelledError if self._cancelled else OutOfTimeError

    def _raise_if_cluster_gone(self) -> None:
        if self._resources.is_cluster_gone:
            raise ClusterGoneError(self.run_folder)

    def _look_around(self) -> None:
        """What the driver does beside its stages, twice a second, in a thread of its own."""
        self._look_for_request()
        self._announcer.show_gauges()
        if time.monotonic() >= self._next_fit and not self._resources.is_cluster_gone:
            self._next_fit = time.monotonic() + FIT_SECONDS
            self._resources.fit_pool()

    def _look_for_request(self) -> None:
        """Hear what `campaign cancel` asks, from whatever node."""
        if self._cancelled == "now" or (request := pending_request(self.run_folder)) is None:
            return
        how = "now" if request.now else "orderly"
        if how != self._cancelled:
            self._announcer.tell("cancel-requested", how=how, user=request.user, host=request.host)
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
                    waiting |= self._repaired()
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

    def _repaired(self) -> dict[str, Stage]:
        """Stages to run again, once, since a store that a failed stage reads turned out to be damaged."""
        again: dict[str, Stage] = {}
        for outcome in [each for each in self.outcomes.values() if each.state == "failed"]:
            inputs = [self.pipeline[name] for name in outcome.stage.inputs.values() if name not in self._reopened]
            damaged = reopen_damaged(inputs, self.pipeline.keys, self.cache)
            if damaged:
                again |= {stage.name: stage for stage in (*damaged, outcome.stage)}
        for name in again:
            self._reopened.add(name)
            del self.outcomes[name]
            self._announcer.tell(
                "stage-reopened", stage=name, message="its store, or one that it reads, was damaged on the disk"
            )
        return again

    def _next_ended(self) -> Outcome:
        while True:  # a wait without end would hear of neither Ctrl-C nor a cancel that cannot wait nor Ray's end
            if self._cancelled == "now":
                raise RunCancelledError
            self._raise_if_cluster_gone()
            try:
                return self._ended.get(timeout=0.5)
            except queue.Empty:
                continue

    def _run_stage(self, stage: Stage) -> None:
        outcome = Outcome(stage, "failed", message="the thread that led it broke off")
        try:
            outcome = self._runner.outcome_of(stage)
        finally:
            self._ended.put(outcome)  # whoever waits for it would wait for ever

    def _record(self, outcome: Outcome) -> None:
        stage = outcome.stage
        self.outcomes[stage.name] = outcome
        remove_empty_logs(stage_logs(self.run_folder, stage.name))
        key, finished = self.pipeline.keys[stage.name], outcome.state in {"done", "cached"}
        folder = self.cache.folder(stage, key) if finished else self.cache.partial(stage, key)
        if folder.is_dir():  # one that was given up has another name than while it was worked in
            link_stage(self.run_folder, stage.name, folder)
        self._announcer.tell_progress(stage.name)
        self._announcer.tell(
            "stage-ended",
            stage=stage.name,
            state=outcome.state,
            seconds=round(outcome.seconds, 3),
            message=outcome.message,
            core_seconds=round(outcome.core_seconds, 3),
        )

    def _describe(self, failures: list[Outcome]) -> str:
        lines = [f"{outcome.stage.name}: {outcome.message}" for outcome in failures]
        held_up = [stage.name for stage in self.pipeline.stages if stage.name not in self.outcomes]
        if held_up:
            lines.append(f"not started, because they read a failed stage: {', '.join(held_up)}")
        lines.append(f"tracebacks: {self.run_folder / LOGS_FOLDER / DRIVER_LOG}")
        return "\n".join(lines)


def reopen_damaged(stages: Iterable[Stage], keys: Mapping[str, str], cache: StageCache) -> list[Stage]:
    """Look through the stores of finished stages; those with damaged shards are unfinished afterwards.

    Only what is damaged counts as missing then, so that running the stage once more computes that and no more.
    """
    return [stage for stage in stages if cache.has(stage, keys[stage.name]) and _reopen(stage, keys[stage.name], cache)]


def _reopen(stage: Stage, key: str, cache: StageCache) -> bool:
    folder = cache.folder(stage, key)
    damaged = {
        path.name: units for path in folder.glob("*.zarr") if (units := SimulationStore.open(path).damaged_units())
    }
    if damaged:
        unfinished = cache.reopen(stage, key)
        for name, units in damaged.items():
            store = SimulationStore.open(unfinished / name, mode="r+")
            for unit in units:
                store.discard_unit(unit)
    return bool(damaged)
