"""Threads of this process that lead a run's stages, one a stage."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

from campaign.plan.pipeline import Stage
from campaign.run.stage_runner import StageOutcome

POLL_SECONDS = 0.2


class StageThreads:
    """Stages that were started, and outcomes of those that have ended.

    Attributes
    ----------
    threads
        All that were ever started; they end with the process.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self.threads: list[threading.Thread] = []
        self._ended: queue.Queue[StageOutcome] = queue.Queue()

    def start(self, stage: Stage, outcome_of: Callable[[Stage], StageOutcome]) -> None:
        """Lead a stage to its outcome, in a thread of its own."""

        def lead() -> None:
            outcome = StageOutcome(stage, "failed", message="its thread broke off")
            try:
                outcome = outcome_of(stage)
            finally:
                self._ended.put(outcome)  # whoever waits for it would wait for ever

        thread = threading.Thread(target=lead, name=stage.name, daemon=True)
        self.threads.append(thread)
        thread.start()

    def next_ended(self, check: Callable[[], None]) -> StageOutcome:
        """Wait for the next outcome; what ``check`` raises, five times a second, ends the wait."""
        while True:
            check()
            try:
                return self._ended.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue

    def ended(self) -> Iterator[StageOutcome]:
        """Outcomes that nobody has taken so far."""
        while not self._ended.empty():
            yield self._ended.get()
