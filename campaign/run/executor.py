"""From a spec to finished results: stages run as soon as what they read is there; a killed run goes on later."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.cache.checksums import DamagedResultError
from campaign.cache.stage_cache import StageCache
from campaign.plan.kind import Stage
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import expectations
from campaign.record.driver import driver_facts, repeating
from campaign.record.events import EventLog, Listener
from campaign.record.logs import log_event
from campaign.record.run_folder import link_stage
from campaign.record.worker_log import remove_empty_logs, stage_logs
from campaign.run.endings import CampaignFailedError, ClusterGoneError, OutOfTimeError, RunCancelledError
from campaign.run.gauges import RunGauges
from campaign.run.interrupt import Interrupt
from campaign.run.repair import Repair
from campaign.run.stage_runner import StageOutcome, StageRunner
from campaign.run.stage_threads import POLL_SECONDS, StageThreads
from campaign.run.stop import Stop
from campaign.spec.profile import Profile
from campaign.work.resources import Resources
from campaign.work.time_budget import TimeBudget
from results.stores.layout import StoreError

if TYPE_CHECKING:
    from campaign.work.backend import Backend
    from cluster.driver.source import Source

log = logging.getLogger(__name__)

FIT_SECONDS = 5.0  # between looks at how many CPUs the cluster has
LEAVE_SECONDS = 30.0  # for workers to be ended, and for the stages' threads to notice
HASTE_SECONDS = 3.0  # the same after Ctrl-C
# None: whoever drives the run may go on at once. Whatever else ends a run has failed.
STATES: dict[type[BaseException], str | None] = {
    KeyboardInterrupt: "interrupted",
    RunCancelledError: "cancelled",
    OutOfTimeError: "queued",
    ClusterGoneError: None,
}


class Executor:
    """Runs the stages of one pipeline, independent ones side by side, each in a thread of this process.

    The threads only coordinate: simulations, training and sampling run on workers, which also decide how much happens
    at the same time.

    Attributes
    ----------
    outcomes
        How stages ended, by name.
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
        interrupt: Interrupt | None = None,
    ) -> None:
        """Run nothing yet.

        Parameters
        ----------
        pipeline, cache, profile
            What runs, where its results are kept, and where its work is done.
        run_folder
            The run; this process drives it.
        listener
            Called with every event.
        budget
            How long it may take; default: for ever.
        source
            What the workers of a standing cluster import; default: this source tree where it stands.
        interrupt
            Whether the user pressed Ctrl-C; default: never.
        """
        self.pipeline = pipeline
        self.cache = cache
        self.profile = profile
        self.run_folder = run_folder
        self.outcomes: dict[str, StageOutcome] = {}
        self._budget = budget
        self._source = source
        self._running = StageThreads()
        self._repair = Repair(pipeline.keys, cache)
        self._next_fit = 0.0
        self._gauges = RunGauges(pipeline.stages)
        listeners: list[Listener] = [log_event, self._gauges, *([] if listener is None else [listener])]
        self._events = EventLog(run_folder, listeners)
        self._interrupt = interrupt or Interrupt()
        self._stop = Stop(run_folder, self._interrupt, self._events.write)
        self._begin()

    def _begin(self) -> None:
        """Have workers once a stage needs them."""
        self._resources = Resources(
            self.profile,
            self.pipeline.training_workers,
            self._budget,
            (self.cache.root, self.run_folder),
            self._source,
            on_start=self._cluster_started,
            on_change=lambda cpus, workers: self._events.write("cluster-changed", cpus=cpus, workers=workers),
        )
        self._runner = StageRunner(self.pipeline, self.cache, self.run_folder, self._resources, self._events)

    def _cluster_started(self, backend: Backend, workers: int) -> None:
        self._gauges.gauges = backend.gauges(self.run_folder.name)
        self._events.write(
            "cluster-started",
            dashboard=backend.dashboard_url,
            token_file=os.environ.get("RAY_AUTH_TOKEN_PATH"),  # None: where Ray itself keeps it
            cpus=backend.cpus,
            gpus=backend.gpus,
            workers=workers,
        )

    def execute(self, write_report: Callable[[], object] = lambda: None) -> None:
        """Run every stage that is not cached, then write the report; finished work is kept whatever happens.

        Raises
        ------
        CampaignFailedError
            A stage failed; every stage that does not depend on it was still run.
        RunCancelledError
            Another process asked the run to stop.
        OutOfTimeError
            What is left would not end in time.
        ClusterGoneError
            Ray's node on this machine ended by itself.
        KeyboardInterrupt
            The user pressed Ctrl-C.
        """
        state: str | None = "done"
        with self._events, repeating(self._now_and_then):
            names = [stage.name for stage in self.pipeline.stages]
            self._events.write("run-started", stages=names, **expectations(self.run_folder), **driver_facts())
            try:
                self._complete(write_report)
            except BaseException as error:
                state = STATES.get(type(error), "failed")
                raise
            finally:
                self._leave(state)

    def _complete(self, write_report: Callable[[], object]) -> object:
        """Run stages, then write the report; again where a store that they read turns out to be damaged."""
        while True:
            self._run_stages()
            failed = [self.pipeline[name] for name in self._failures()]
            if self._reopen((name for stage in failed for name in stage.inputs.values()), failed):
                continue
            self._raise_unless_complete()
            self._close()  # the report needs no workers
            try:
                return write_report()
            except (StoreError, DamagedResultError):
                if not self._reopen(self.outcomes):
                    raise
            self._begin()

    def _run_stages(self) -> None:
        """Run what has no outcome, until nothing is left or it waits for a stage that failed or the run is to stop."""
        waiting = {stage.name: stage for stage in self.pipeline.stages if stage.name not in self.outcomes}
        running: set[str] = set()
        while True:
            for stage in self._ready(waiting):
                del waiting[stage.name]
                running.add(stage.name)
                self._running.start(stage, self._runner.outcome_of)
            if not running:
                return
            outcome = self._running.next_ended(self._check)
            running.discard(outcome.stage.name)
            self._record(outcome)

    def _ready(self, waiting: dict[str, Stage]) -> list[Stage]:
        if self._stop.is_ordered or self._resources.budget.seconds_left == 0.0:
            return []
        finished = {name for name, outcome in self.outcomes.items() if outcome.state in {"done", "cached"}}
        return [stage for stage in waiting.values() if finished.issuperset(stage.inputs.values())]

    def _check(self) -> None:
        """Stop handing out work once the run is to stop, and raise once nothing is to be waited for."""
        self._interrupt.listen()
        if self._stop.is_ordered:
            self._resources.stop.set()
        self._stop.raise_if_over()
        self._raise_if_cluster_gone()

    def _raise_unless_complete(self) -> None:
        self._interrupt.raise_if_pressed()
        if failures := self._failures():
            self._raise_if_cluster_gone()  # the reason behind theirs
            not_started = [stage.name for stage in self.pipeline.stages if stage.name not in self.outcomes]
            raise CampaignFailedError.of(self.run_folder, failures, not_started)
        states = {outcome.state for outcome in self.outcomes.values()}
        if len(self.outcomes) < len(self.pipeline.stages) or "interrupted" in states:
            self._stop.raise_if_ordered()
            raise OutOfTimeError

    def _raise_if_cluster_gone(self) -> None:
        if self._resources.is_cluster_gone:
            self._interrupt.raise_if_pressed()
            raise ClusterGoneError(self.run_folder)

    def _failures(self) -> dict[str, str]:
        """Why stages failed, by name."""
        return {name: outcome.message for name, outcome in self.outcomes.items() if outcome.state == "failed"}

    def _reopen(self, read: Iterable[str], readers: Iterable[Stage] = ()) -> bool:
        """Whether stages are to run again: those of ``read`` with damaged stores, and ``readers`` of these."""
        if self._stop.is_ordered:
            return False
        damaged = self._repair.reopen(self.pipeline[name] for name in read)
        again = damaged | {stage.name for stage in readers if damaged.intersection(stage.inputs.values())}
        for name in again:
            del self.outcomes[name]
            self._events.write("stage-reopened", stage=name, message="a store was damaged on the disk")
        return bool(again)

    def _record(self, outcome: StageOutcome) -> None:
        stage = outcome.stage
        self.outcomes[stage.name] = outcome
        remove_empty_logs(stage_logs(self.run_folder, stage.name))
        key = self.pipeline.keys[stage.name]
        is_there = self.cache.has(stage.kind, key)  # of one that was to be computed again, the earlier result
        folder = self.cache.folder(stage.kind, key) if is_there else self.cache.partial(stage.kind, key)
        if folder.is_dir():  # one that was given up has another name than while it was worked in
            link_stage(self.run_folder, stage.name, folder)
        self._events.write(
            "stage-ended",
            stage=stage.name,
            state=outcome.state,
            seconds=round(outcome.seconds, 3),
            message=outcome.message,
            core_seconds=round(outcome.core_seconds, 3),
            peak_bytes=outcome.peak_bytes,
        )

    def _now_and_then(self) -> None:
        """What the driver does beside its stages, twice a second, in a thread of its own."""
        self._stop.look_for_request()
        self._gauges.show()
        if time.monotonic() >= self._next_fit and not self._resources.is_cluster_gone:
            self._next_fit = time.monotonic() + FIT_SECONDS
            self._resources.fit_pool()

    def _close(self) -> None:
        """End the workers; Ctrl-C waits no longer."""
        closing = self._closing()
        while closing.is_alive():
            closing.join(POLL_SECONDS)
            self._interrupt.raise_if_pressed()

    def _closing(self) -> threading.Thread:
        def close() -> None:
            try:
                self._resources.close()
            except Exception:
                log.exception("workers were not ended as they should")

        # A thread, as it waits for a Ray that is just starting.
        thread = threading.Thread(target=close, name="closing", daemon=True)
        thread.start()
        return thread

    def _leave(self, state: str | None) -> None:
        """End what is left of the work, and write that the run has ended."""
        end = time.monotonic() + (HASTE_SECONDS if self._interrupt.is_pressed else LEAVE_SECONDS)
        threads = self._running.threads if state else []  # without its cluster a thread stays in Ray for a minute
        for thread in (self._closing(), *threads):
            self._interrupt.join(thread, end - time.monotonic())
        for outcome in self._running.ended():
            self._record(outcome)
        self._resources.budget.save()
        if state:
            self._events.write("run-ended", state=state)
