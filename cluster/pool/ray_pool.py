"""A pool whose workers are actors of the connected Ray, processes of one CPU each."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import GetTimeoutError, OutOfMemoryError, RayError, RayTaskError

from cluster.driver.connection import connection
from cluster.driver.errors import ClusterLostError, WorkerDiedError
from cluster.driver.offer import offered_cpus
from cluster.driver.ray_errors import original_error
from cluster.driver.runtime import is_cluster_alive
from cluster.pool.place import Outcome, Place
from cluster.pool.pool import WorkerPool

# Ray sends arguments up to this size along with a call, larger ones through its object store.
INLINE_BYTES = 100 * 1024

# A worker that fails to start so often in a row will not start at all.
MAX_START_FAILURES = 3
LOOK_SECONDS = 0.2  # while a worker starts, for which the cluster may have no free CPU for long
CLUSTER_CHECK_S = 2.0


class RayPool(WorkerPool):
    """Workers of the connected Ray, at most as many as it offers CPUs."""

    def __init__(self, workers: int, *, max_attempts: int = 3) -> None:
        """Start the workers; tasks may be submitted at once.

        Raises
        ------
        ValueError
            A number out of range.
        RuntimeError
            Ray is not connected.
        """
        if not ray.is_initialized():
            raise RuntimeError("RayPool needs a connected Ray, and there is none; call runtime.start() first")
        cpus = offered_cpus()
        if not 1 <= workers <= cpus:
            raise ValueError(f"workers must be 1 to {cpus}, the CPUs that Ray offers, got {workers}")
        super().__init__(workers, max_attempts=max_attempts)

    def _make_place(self) -> Place:
        return RayPlace()

    def _shipped(self, function: Callable[..., Any]) -> Any:
        """Ray's handle of a large function; a small one goes with each call, as is cheaper."""
        if len(cloudpickle.dumps(function)) <= INLINE_BYTES:
            return function
        with connection.in_use():
            return ray.put(function)


class Worker:
    """Runs one function at a time; made a Ray actor by :class:`RayPlace`."""

    def ready(self) -> bool:
        """Answer, which shows that the process is up."""
        return True

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        """Run ``function(*args, **kwargs)``."""
        return Outcome.of(function, args, kwargs)


class RayPlace(Place):
    """A place in the driver for one actor after the other."""

    def __init__(self) -> None:
        self._actor: Any = None
        self._is_up = False
        self._has_lost = False

    @property
    def is_filled(self) -> bool:
        """Whether an actor is up, as far as is known."""
        return self._is_up

    def fill(self, give_up: Callable[[], bool]) -> None:
        """Start an actor and wait until it answers, or until ``give_up()`` says that none is wanted.

        Raises
        ------
        RuntimeError
            It failed to start several times in a row.
        ClusterLostError
            There is no node any more on which it could start.
        """
        for attempt in range(1, MAX_START_FAILURES + 1):
            if give_up():
                return
            if not ray.is_initialized():
                raise RuntimeError("Ray was shut down under a pool of workers; close the pool first")
            if self._has_lost:
                _require_cluster()  # to ask a dead one for a worker would take a minute
            self._actor = ray.remote(Worker).options(num_cpus=1, max_restarts=0).remote()
            try:
                self._is_up = self._await_answer(give_up)
            except RayError as error:
                self.clear()
                _require_cluster()
                if attempt == MAX_START_FAILURES:
                    raise RuntimeError(f"no worker starts, {attempt} attempts failed: {error}") from error
            else:
                if not self._is_up:
                    self.clear()
                return

    def _await_answer(self, give_up: Callable[[], bool]) -> bool:
        """Whether the actor answers before it is not wanted any more."""
        answer = self._actor.ready.remote()
        looked = time.monotonic()
        while not ray.wait([answer], timeout=LOOK_SECONDS)[0]:
            if give_up():
                return False
            if time.monotonic() - looked > CLUSTER_CHECK_S:
                looked = time.monotonic()
                _require_cluster()
        ray.get(answer)
        return True

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], time_limit_s: float | None) -> Outcome:
        """Run a function in the actor and wait for the outcome."""
        try:
            outcome: Outcome = ray.get(self._actor.call.remote(function, args, kwargs), timeout=time_limit_s)
        except RayTaskError as error:
            original = original_error(error)
            raise original from original.__cause__
        except RayError as error:
            self._has_lost = True
            self.clear()
            raise _death(error) from error
        return outcome

    def kill(self) -> None:
        """End the actor's process."""
        actor = self._actor
        if actor is not None and ray.is_initialized():
            ray.kill(actor)

    def clear(self) -> None:
        """End the actor's process and empty the place."""
        self.kill()
        self._is_up, self._actor = False, None


def _require_cluster() -> None:
    if not is_cluster_alive():
        raise ClusterLostError(
            "Ray ended: none of its nodes is alive any more; look into its logs, or for a lack of memory"
        )


def _death(error: RayError) -> WorkerDiedError:
    return WorkerDiedError(
        (str(error).strip() or type(error).__name__).splitlines()[0].rstrip("."),
        out_of_memory=isinstance(error, OutOfMemoryError),
        timed_out=isinstance(error, GetTimeoutError),
    )
