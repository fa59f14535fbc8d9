"""One worker of a pool: the actor that runs functions, and the place in the driver that keeps one alive."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import RayError

from cluster.driver.errors import ClusterLostError, RemoteError, RemoteTracebackError
from cluster.driver.runtime import is_cluster_alive

# A worker that fails to start so often in a row will not start at all.
MAX_START_FAILURES = 3
CLUSTER_CHECK_S = 2.0  # while a worker starts


@dataclass(frozen=True)
class Outcome:
    """What a call came to: a value, or an error with the worker's traceback as text; and how long it took."""

    seconds: float
    value: Any = None
    error: Exception | None = None
    traceback: str = ""


class Worker:
    """Runs one function at a time; made a Ray actor by :class:`WorkerPlace`."""

    def ready(self) -> bool:
        """Answer, which shows that the process is up."""
        return True

    def call(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        """Run ``function(*args, **kwargs)``; what it raises is an outcome too, ``SystemExit`` included."""
        # Unpickling the arguments may have imported torch; the environment already keeps BLAS to one thread.
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        start = time.perf_counter()
        try:
            value = function(*args, **kwargs)
        except (Exception, SystemExit) as error:
            seconds = time.perf_counter() - start
            return Outcome(seconds, error=_portable(error), traceback=traceback.format_exc())
        return Outcome(time.perf_counter() - start, value)


class WorkerPlace:
    """Holds the actor of the moment and the account of all that held this place before it."""

    def __init__(self) -> None:
        self.tasks_done = 0
        self.workers_lost = 0
        self.busy_seconds = 0.0
        self._actor: Any = None
        self._up_since: float | None = None
        self._past_seconds = 0.0

    @property
    def is_filled(self) -> bool:
        """Whether a worker is up, as far as is known."""
        return self._up_since is not None

    @property
    def up_seconds(self) -> float:
        """Seconds for which this place had a worker that was ready."""
        current = 0.0 if self._up_since is None else time.perf_counter() - self._up_since
        return self._past_seconds + current

    def fill(self, give_up: Callable[[], bool]) -> None:
        """Start a worker and wait until it answers, or until ``give_up()`` says that none is wanted.

        Raises:
            RuntimeError: it failed to start several times in a row.
            ClusterLostError: there is no node any more on which it could start.
        """
        for attempt in range(1, MAX_START_FAILURES + 1):
            if give_up():
                return None
            if not ray.is_initialized():
                raise RuntimeError("Ray was shut down under a pool of workers; close the pool first")
            if self.workers_lost:
                _require_cluster()  # to ask a dead one for a worker would take a minute
            self._actor = ray.remote(Worker).options(num_cpus=1, max_restarts=0).remote()
            answer = self._actor.ready.remote()
            try:
                # The cluster may have no free CPU for long: look up now and then.
                looked = time.monotonic()
                while not ray.wait([answer], timeout=0.2)[0]:
                    if give_up():
                        return self.clear()
                    if time.monotonic() - looked > CLUSTER_CHECK_S:
                        looked = time.monotonic()
                        _require_cluster()
                ray.get(answer)
            except RayError as error:
                self.clear()
                _require_cluster()
                if attempt == MAX_START_FAILURES:
                    raise RuntimeError(f"no worker starts, {attempt} attempts failed: {error}") from error
            else:
                self._up_since = time.perf_counter()
                return None
        return None

    def call(
        self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], time_limit_s: float | None = None
    ) -> Any:
        """Run a function in the worker and wait for its value.

        Raises:
            Exception: whatever the function raised, with ``__cause__`` telling the worker's traceback.
            ray.exceptions.RayError: the worker died, or was ended here after ``time_limit_s``; the place is empty now.
        """
        try:
            outcome: Outcome = ray.get(self._actor.call.remote(function, args, kwargs), timeout=time_limit_s)
        except ray.exceptions.RayTaskError:
            raise
        except RayError:
            self.workers_lost += 1
            self.clear()
            raise
        self.tasks_done += 1
        self.busy_seconds += outcome.seconds
        if outcome.error is not None:
            raise outcome.error from RemoteTracebackError(outcome.traceback)
        return outcome.value

    def kill(self) -> None:
        """End the worker's process at once; a call under way in another thread raises ``RayError``."""
        actor = self._actor
        if actor is not None and ray.is_initialized():
            ray.kill(actor)

    def clear(self) -> None:
        """End the worker and empty the place."""
        self.kill()
        self._past_seconds, self._up_since, self._actor = self.up_seconds, None, None


def _require_cluster() -> None:
    if not is_cluster_alive():
        raise ClusterLostError(
            "Ray ended: none of its nodes is alive any more; look into its logs, or for a lack of memory"
        )


def _portable(error: BaseException) -> Exception:
    """Return the error itself if it survives pickling, else a :class:`RemoteError` that tells of it."""
    described = RemoteError("".join(traceback.format_exception_only(error)).strip())
    try:
        copy = cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:
        return described
    return error if isinstance(error, Exception) and type(copy) is type(error) else described
