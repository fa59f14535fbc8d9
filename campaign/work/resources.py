"""What the stages of a run share: workers, made once a stage needs them, the time left, and the order to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.spec.profile import Profile
from campaign.work.backend import Backend, backend_of
from campaign.work.time_budget import TimeBudget

if TYPE_CHECKING:
    from cluster.driver.source import Source
    from cluster.pool.pool import WorkerPool


class InterruptedRunError(Exception):
    """The run was asked to stop, or its time is over; what is done so far is kept."""


class Resources:
    """A backend and its workers, started when the first stage needs them: a cached campaign starts nothing."""

    def __init__(
        self,
        profile: Profile,
        training_workers: int = 1,
        budget: TimeBudget | None = None,
        shared_folders: Sequence[Path] = (),
        source: Source | None = None,
        *,
        on_start: Callable[[Backend, int], None] | None = None,
        on_change: Callable[[int, int], None] | None = None,
    ) -> None:
        """Start nothing yet.

        Parameters
        ----------
        profile, training_workers, shared_folders, source
            See ``backend.backend_of``.
        budget
            How long the run may go on; default: for ever.
        on_start
            Called with the backend and the number of workers as soon as it is up.
        on_change
            Called with the numbers of CPUs and of workers when nodes have come or gone.
        """
        self.budget = budget or TimeBudget()
        self.profile = profile
        self.stop = threading.Event()
        self._training_workers = training_workers
        self._shared_folders = tuple(shared_folders)
        self._source = source
        self._on_start = on_start
        self._on_change = on_change
        self._cpus = 0
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._backend: Backend | None = None
        self._pool: WorkerPool | None = None

    @property
    def pool(self) -> WorkerPool:
        """Workers of one thread each."""
        with self._lock:
            if self._pool is None:
                backend = self._started()
                self._pool = backend.make_pool(self._workers_on(backend.cpus))
                self._stack.callback(self._pool.close)
            return self._pool

    @property
    def backend(self) -> Backend:
        """What everything runs on; raises ``InterruptedRunError`` when it is not up and the run was asked to stop."""
        with self._lock:
            return self._started()

    @property
    def is_cluster_gone(self) -> bool:
        """Whether Ray's node on this machine has ended by itself; nothing can be asked of Ray any more."""
        return self._backend is not None and self._backend.is_gone

    def _workers_on(self, cpus: int) -> int:
        return min(self.profile.workers or cpus, cpus)

    def _started(self) -> Backend:
        if self._backend is None:
            self.raise_if_stopped()  # nothing is started for a run that ends
            backend = backend_of(self.profile, self._training_workers, self._shared_folders, self._source)
            self._stack.callback(backend.close)
            self._backend, self._cpus = backend, backend.cpus
            if self._on_start is not None:
                self._on_start(backend, self._workers_on(backend.cpus))
        return self._backend

    def fit_pool(self) -> None:
        """Have as many workers as the cluster has CPUs by now: nodes may come and go."""
        if self._backend is None or not (cpus := self._backend.present_cpus()):
            return
        if self._pool is not None:
            self._pool.fit(self._workers_on(cpus))
        if cpus != self._cpus and self._on_change is not None:
            self._on_change(cpus, self._workers_on(cpus))
        self._cpus = cpus

    def raise_if_stopped(self) -> None:
        """Raise ``InterruptedRunError`` when the run was asked to stop."""
        if self.stop.is_set():
            raise InterruptedRunError

    def raise_unless_admitted(self, kind: str, rounds: int = 1) -> None:
        """Raise ``InterruptedRunError`` when so many pieces of work, one after the other, would not end in time."""
        self.raise_if_stopped()
        if not self.budget.admits(kind, rounds):
            raise InterruptedRunError

    def close(self) -> None:
        """End the workers and what was started for them; work in flight is given up.

        What a node that is gone has left, ends with the process.
        """
        self.stop.set()
        if self.is_cluster_gone:
            return
        with self._lock:
            self._stack.close()
