"""The Ray that a run's stages share, started here or joined, and its workers: there once a stage needs them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.spec.profile import LocalProfile, Profile, RayProfile
from campaign.work.time_budget import TimeBudget

if TYPE_CHECKING:
    from cluster.driver.runtime import RayRuntime
    from cluster.driver.source import Source
    from cluster.pool.pool import WorkerPool
    from cluster.train.training import Placement


# Distributions on which numbers or pickles depend: the same on the driver and on every node of a standing cluster.
EQUAL_VERSIONS = ("ray", "torch", "numpy", "scipy", "scikit-learn", "scikit-image", "zarr", "ax-platform", "botorch")


class InterruptedRunError(Exception):
    """The run was asked to stop, or its time is over; what is done so far is kept."""


class Resources:
    """Ray and its workers, started when the first stage needs them: a cached campaign starts nothing."""

    def __init__(
        self,
        profile: Profile,
        training_workers: int,
        budget: TimeBudget | None = None,
        shared_folders: Sequence[Path] = (),
        source: Source | None = None,
        *,
        on_start: Callable[[RayRuntime, int], None] | None = None,
        on_change: Callable[[int, int], None] | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            profile: where to run.
            training_workers: data-parallel workers that a training will ask for; a local Ray offers at least so many
                CPUs, since their number is part of the science and must not follow the machine.
            budget: how long the run may go on; default: for ever.
            shared_folders: where stages and workers write, for all nodes of a standing cluster to see.
            source: what the workers of a standing cluster run; default: this source tree where it stands.
            on_start: called with the runtime and the number of workers as soon as it is up.
            on_change: called with the numbers of CPUs and of workers when nodes have come or gone.
        """
        self.shared_folders = tuple(shared_folders)
        self.budget = budget or TimeBudget()
        self.profile = profile
        self.training_workers = training_workers
        self.stop = threading.Event()
        self._source = source
        self._on_start = on_start
        self._on_change = on_change
        self._cpus = 0
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._runtime: RayRuntime | None = None
        self._pool: WorkerPool | None = None

    @property
    def pool(self) -> WorkerPool:
        """Worker processes of one thread each."""
        from cluster.pool.pool import WorkerPool

        with self._lock:
            if self._pool is None:
                self._pool = WorkerPool(self._workers_on(self._started().cpus))
                self._stack.callback(self._pool.close)
            return self._pool

    @property
    def runtime(self) -> RayRuntime:
        """The Ray that everything runs on."""
        with self._lock:
            return self._started()

    @property
    def is_cluster_gone(self) -> bool:
        """Whether Ray's node on this machine has ended by itself; nothing can be asked of Ray any more."""
        return self._runtime is not None and self._runtime.is_gone

    def _workers_on(self, cpus: int) -> int:
        return min(self.profile.workers or cpus, cpus)

    def _started(self) -> RayRuntime:
        if self._runtime is None:
            if isinstance(self.profile, RayProfile):
                runtime = self._joined(self.profile)
            elif isinstance(self.profile, LocalProfile):
                runtime = self._begun(self.profile)
            else:
                raise TypeError("a run under Slurm is driven by its job, with the Ray there as its profile")
            self._runtime, self._cpus = runtime, runtime.cpus
            if self._on_start is not None:
                self._on_start(runtime, self._workers_on(runtime.cpus))
        return self._runtime

    def _begun(self, profile: LocalProfile) -> RayRuntime:
        from cluster.driver.runtime import start

        options = profile.ray_options()
        return self._stack.enter_context(start(**options | {"cpus": max(options["cpus"], self.training_workers)}))

    def _joined(self, profile: RayProfile) -> RayRuntime:
        from cluster.driver.node_checks import check_nodes
        from cluster.driver.runtime import join

        runtime = self._stack.enter_context(join(**profile.ray_options(), source=self._source))
        check_nodes(EQUAL_VERSIONS, self.shared_folders)
        return runtime

    def training_placement(self, workers: int) -> Placement:
        """Where the profile puts data-parallel workers; raises ``ValueError`` when the cluster has not got it."""
        from cluster.train.training import Placement

        profile, runtime = self.profile, self.runtime
        kind, offered = ("GPUs", runtime.gpus) if profile.use_gpu else ("CPUs", runtime.present_cpus() or runtime.cpus)
        if offered < workers:
            raise ValueError(
                f"the training asks for {workers} data-parallel workers, which are part of the science, with one of "
                f"the {kind} each, and Ray offers {offered}; run it where there are more"
                + (", or without use_gpu" if profile.use_gpu else "")
            )
        return Placement(use_gpu=profile.use_gpu, spread=profile.training_placement == "spread")

    def fit_pool(self) -> None:
        """Have as many workers as the cluster has CPUs by now: nodes may come and go."""
        if self._runtime is None or not (cpus := self._runtime.present_cpus()):
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
        """End workers and Ray; work in flight is given up. What a node that is gone has left, ends with the process."""
        self.stop.set()
        if self.is_cluster_gone:
            return
        with self._lock:
            self._stack.close()
