"""Where the work of a run goes on: on Ray, started here or joined, or in this process alone."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.spec.profile import InProcessProfile, LocalProfile, Profile, RayProfile

if TYPE_CHECKING:
    from concurrent.futures import Future

    from cluster.driver.metrics import SimulationGauges
    from cluster.driver.runtime import RayRuntime
    from cluster.driver.source import Source
    from cluster.pool.pool import WorkerPool
    from cluster.train.outcome import TrainingResult
    from cluster.tune.outcome import TuningResult
    from cluster.tune.search_space import Search


# Stages train and tune in threads of their own, and the modules of Ray Train and Tune import each other in circles:
# whoever comes second would find some of them half made.
IMPORTING = threading.Lock()

# Distributions on which numbers or pickles depend: the same on the driver and on every node of a standing cluster.
EQUAL_VERSIONS = ("ray", "torch", "numpy", "scipy", "scikit-learn", "scikit-image", "zarr", "ax-platform", "botorch")


class Backend(ABC):
    """Makes workers, trains and tunes.

    Attributes
    ----------
    cpus, gpus
        What it offered at the start.
    dashboard_url
        Address of its dashboard, or None.
    is_gone
        Whether it has ended by itself; nothing can be asked of it any more.
    """

    cpus: int = 1
    gpus: int = 0
    dashboard_url: str | None = None
    is_gone: bool = False

    @abstractmethod
    def make_pool(self, workers: int) -> WorkerPool:
        """Workers of one thread each, to be closed by the caller."""

    @abstractmethod
    def train(
        self, loop: Callable[[Any, Any], None], config: Any, *, workers: int, pool: WorkerPool, **options: Any
    ) -> TrainingResult:
        """Train with data-parallel workers in place of as many of a pool, or in one of them.

        Options are those of ``cluster.train``, except for where the workers are.

        Raises
        ------
        ValueError
            There are not so many here.
        """

    @abstractmethod
    def tune(self, trainable: Callable[..., None], search: Search, *, cpus: int, **options: Any) -> TuningResult:
        """Sweep hyperparameters on so many CPUs; options of ``cluster.tune``."""

    def present_cpus(self) -> int | None:
        """CPUs that it offers by now, since nodes may come and go; None when that is unknown or never changes."""
        return None

    def gauges(self, run: str) -> SimulationGauges | None:
        """Where numbers about simulations are told to Prometheus, None if nowhere."""
        return None

    def close(self) -> None:  # noqa: B027  (for some there is nothing to end)
        """End what was started for it."""


class RayBackend(Backend):
    """A Ray."""

    def __init__(self, runtime: RayRuntime, profile: LocalProfile | RayProfile) -> None:
        self.cpus, self.gpus, self.dashboard_url = runtime.cpus, runtime.gpus, runtime.dashboard_url
        self._runtime, self._profile = runtime, profile

    @classmethod
    def started(cls, profile: LocalProfile, training_workers: int) -> RayBackend:
        """A Ray of one's own, with at least so many CPUs."""
        from cluster.driver.runtime import start

        options = profile.ray_options()
        return cls(start(**options | {"cpus": max(options["cpus"], training_workers)}), profile)

    @classmethod
    def joined(cls, profile: RayProfile, shared_folders: Sequence[Path], source: Source | None) -> RayBackend:
        """A Ray that stands, after a look at whether its nodes can do the work."""
        from cluster.driver.node_checks import check_nodes
        from cluster.driver.runtime import join

        runtime = join(**profile.ray_options(), source=source)
        try:
            check_nodes(EQUAL_VERSIONS, shared_folders)
        except BaseException:
            runtime.close()
            raise
        return cls(runtime, profile)

    def make_pool(self, workers: int) -> WorkerPool:
        """Processes."""
        from cluster.pool.ray_pool import RayPool

        return RayPool(workers)

    def train(
        self, loop: Callable[[Any, Any], None], config: Any, *, workers: int, pool: WorkerPool, **options: Any
    ) -> TrainingResult:
        """Train with Ray Train, where the profile puts the workers; a single one on a CPU is one of the pool."""
        with IMPORTING:
            from cluster.train.training import Placement, run_training

        use_gpu = self._profile.use_gpu
        kind, offered = ("GPUs", self.gpus) if use_gpu else ("CPUs", self.present_cpus() or self.cpus)
        if offered < workers:
            raise ValueError(
                f"the training asks for {workers} data-parallel workers, which are part of the science, with one of "
                f"the {kind} each, and Ray offers {offered}; run it where there are more"
                + (", or without use_gpu" if use_gpu else "")
            )
        if workers == 1 and not use_gpu:

            def submit(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
                return pool.submit(pool.share(function, max_attempts=1, is_long=True), *arguments)

            return run_training(loop, config, workers=1, submit=submit, **options)
        placement = Placement(use_gpu=use_gpu, spread=self._profile.training_placement == "spread")
        with pool.lend(min(workers, pool.workers)):
            return run_training(loop, config, workers=workers, placement=placement, **options)

    def tune(self, trainable: Callable[..., None], search: Search, *, cpus: int, **options: Any) -> TuningResult:
        """Sweep with Ray Tune."""
        with IMPORTING:
            from cluster.tune.tuning import run_tuning

        return run_tuning(trainable, search, cpus=cpus, **options)

    @property
    def is_gone(self) -> bool:  # type: ignore[override]
        """Whether Ray's node on this machine has ended by itself."""
        return self._runtime.is_gone

    def present_cpus(self) -> int | None:
        """CPUs of the nodes that are there."""
        return self._runtime.present_cpus()

    def gauges(self, run: str) -> SimulationGauges | None:
        """Beside Ray's own metrics."""
        from cluster.driver.metrics import SimulationGauges

        return SimulationGauges(run)

    def close(self) -> None:
        """End the Ray that was started, or leave the one that was joined."""
        self._runtime.close()


class InProcessBackend(Backend):
    """This process: one worker, one training rank, one trial at a time."""

    def __init__(self, profile: InProcessProfile) -> None:
        self._profile = profile

    def make_pool(self, workers: int) -> WorkerPool:
        """Threads."""
        from cluster.pool.in_process import InProcessPool

        return InProcessPool(workers)

    def train(
        self, loop: Callable[[Any, Any], None], config: Any, *, workers: int, pool: WorkerPool, **options: Any
    ) -> TrainingResult:
        """Train in the calling thread."""
        from cluster.train.in_process import run_in_process

        if workers != 1:
            raise ValueError(
                f"the training asks for {workers} data-parallel workers, which are part of the science, and a profile "
                "of kind in-process has one; write workers: 1 in the spec, or run under kind local"
            )
        with pool.lend(1):
            return run_in_process(loop, config, use_gpu=self._profile.use_gpu, **options)

    def tune(self, trainable: Callable[..., None], search: Search, *, cpus: int, **options: Any) -> TuningResult:
        """Sweep in the calling thread, one trial after the other whatever ``cpus`` is."""
        from cluster.tune.in_process import tune_in_process

        return tune_in_process(trainable, search, **options)


def backend_of(
    profile: Profile, training_workers: int, shared_folders: Sequence[Path] = (), source: Source | None = None
) -> Backend:
    """Start or join what a profile names.

    Parameters
    ----------
    profile
        Where to run.
    training_workers
        Data-parallel workers that a training will ask for; a local Ray offers at least so many CPUs, since their
        number is part of the science and must not follow the machine.
    shared_folders
        Where stages write, for all nodes of a standing cluster to see.
    source
        What the workers of a standing cluster run; default: this source tree where it stands.

    Raises
    ------
    ValueError
        The profile is one of Slurm, whose work is driven by its job.
    """
    if isinstance(profile, InProcessProfile):
        return InProcessBackend(profile)
    if isinstance(profile, LocalProfile):
        return RayBackend.started(profile, training_workers)
    if isinstance(profile, RayProfile):
        return RayBackend.joined(profile, shared_folders, source)
    raise ValueError(
        "a profile of kind slurm is for campaigns that are submitted; here use one of kind local, ray or in-process"
    )
