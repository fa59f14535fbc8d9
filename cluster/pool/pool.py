"""Single-threaded workers behind ``concurrent.futures``: submit from any thread, lose no task to a death."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, OutOfMemoryError, RayError, RayTaskError

from cluster.driver.errors import WorkerLostError, original_error
from cluster.pool.task import Lanes, SharedFunction, Task, share, unshared
from cluster.pool.worker import WorkerPlace


@dataclass(frozen=True)
class PoolStatistics:
    """What a pool has done so far.

    Attributes:
        tasks_done: tasks that ended, with a result or an exception.
        workers_lost: workers that died and were replaced.
        busy_seconds: time inside tasks, one number for each worker, measured by the worker.
        up_seconds: time for which a worker was ready, one number for each worker.
    """

    tasks_done: int
    workers_lost: int
    busy_seconds: tuple[float, ...]
    up_seconds: tuple[float, ...]

    @property
    def utilisation(self) -> float:
        """Share of the workers' time that went into tasks, 0 to 1."""
        up = sum(self.up_seconds)
        return sum(self.busy_seconds) / up if up else 0.0


class WorkerPool:
    """Workers of one CPU and one thread each, which run functions for any number of driver threads.

    One driver thread watches over each worker: it takes the next task, waits for the outcome, and fills the
    place again when the worker dies. Tasks of one submitting thread are taken in order, several submitting
    threads are served in turn. Leaving a ``with`` block by an exception, Ctrl-C too, ends the workers at once.
    """

    def __init__(self, workers: int, *, max_attempts: int = 3) -> None:
        """Start the workers; tasks may be submitted at once.

        Args:
            workers: number of workers, at most the CPUs of the cluster.
            max_attempts: how many workers a task may lose before its future fails with ``WorkerLostError``.

        Raises:
            ValueError: a number out of range.
            RuntimeError: Ray is not connected.
        """
        if not ray.is_initialized():
            raise RuntimeError("WorkerPool needs a connected Ray, and there is none; call runtime.start() first")
        cpus = int(ray.cluster_resources().get("CPU", 0))
        if not 1 <= workers <= cpus:
            raise ValueError(f"workers must be 1 to {cpus}, the CPUs that Ray offers, got {workers}")
        if max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, got {max_attempts}")
        self._wanted = workers
        self._max_attempts = max_attempts
        lock = threading.RLock()
        self._idle = threading.Condition(lock)  # workers wait here for tasks: one task wakes one of a thousand
        self._changed = threading.Condition(lock)  # and whoever waits for anything else here
        self._queue: Lanes[Task] = Lanes()
        self._lent = 0  # places promised to borrowers
        self._cleared = 0  # places that are empty for them already
        self._closing = False  # nothing more may be submitted
        self._cancelled: BaseException | None = None  # why what is queued will not run
        self._places: list[WorkerPlace] = []
        self._left: list[WorkerPlace] = []  # places that were given up, for the account
        self._threads: list[threading.Thread] = []
        with self._changed:
            self._add_places()

    @property
    def workers(self) -> int:
        """Number of workers that there should be."""
        return self._wanted

    def fit(self, workers: int) -> None:
        """Have so many workers from now on, because the cluster has grown or shrunk.

        New ones start at once. Of too many, those that have died are not replaced; none that lives is ended.
        """
        with self._changed:
            if self._closing or workers == self._wanted or workers < 1:
                return
            self._wanted = workers
            self._add_places()
            self._wake_all()

    def _add_places(self) -> None:
        for _ in range(self._wanted - len(self._places)):
            place = WorkerPlace()
            name = f"worker-{len(self._threads)}"
            thread = threading.Thread(target=self._serve, args=(place,), name=name, daemon=True)
            self._places.append(place)
            self._threads.append(thread)
            thread.start()

    def share(
        self, function: Callable[..., Any], *, max_attempts: int | None = None, time_limit_s: float | None = None
    ) -> SharedFunction:
        """Make a function ready for many calls: shipped to the cluster once if it is large.

        A call may lose ``max_attempts`` workers (None: as many as the pool says), and a worker that takes longer
        than ``time_limit_s`` over a call is ended and counts as lost.
        """
        return share(function, max_attempts, time_limit_s)

    def submit(self, function: Callable[..., Any] | SharedFunction, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue ``function(*args, **kwargs)`` for the next free worker. Thread-safe.

        Returns:
            Future with the result; or with the exception that the function raised, whose ``__cause__`` is
            the worker's traceback; or with ``WorkerLostError`` when the worker died ``max_attempts`` times.

        Raises:
            RuntimeError: the pool is closed, or its workers do not start.
        """
        shared = function if isinstance(function, SharedFunction) else unshared(function)
        task = Task(shared, args, kwargs, lane=threading.get_ident(), future=Future())
        with self._changed:
            if self._closing:
                raise RuntimeError("submit() needs an open pool, and this one is closed") from self._cancelled
            self._queue.append(task.lane, task)
            self._idle.notify()
        return task.future

    @contextmanager
    def lend(self, cpus: int) -> Iterator[None]:
        """Free the CPUs of so many workers for something else on the same Ray, for a ``with`` block.

        Running tasks end first; queued ones wait for the workers that stay, or for the end of the block.
        Several borrowers are served as far as there are workers, the others wait.

        Raises:
            ValueError: more CPUs than workers.
            RuntimeError: the pool was closed meanwhile.
        """
        if not 1 <= cpus <= self.workers:
            raise ValueError(f"cpus must be 1 to {self.workers}, the workers of this pool, got {cpus}")
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._lent + cpus <= max(self.workers, cpus))
            self._lent += cpus
            self._wake_all()
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._cleared >= self._lent)
                if self._closing:
                    raise RuntimeError("lend() needs an open pool, and this one is closed")
            yield
        finally:
            with self._changed:
                self._lent -= cpus
                self._changed.notify_all()

    def statistics(self) -> PoolStatistics:
        """Account of the work so far; also after :meth:`close`."""
        with self._changed:
            places = [*self._places, *self._left]
        return PoolStatistics(
            tasks_done=sum(place.tasks_done for place in places),
            workers_lost=sum(place.workers_lost for place in places),
            busy_seconds=tuple(place.busy_seconds for place in places),
            up_seconds=tuple(place.up_seconds for place in places),
        )

    def close(self, cancel: bool = True) -> None:
        """End the workers: at once, failing unfinished futures with ``CancelledError``, or after all is done."""
        self._stop(CancelledError("the pool was closed before the task ended") if cancel else None)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(cancel=error is not None)

    def _stop(self, reason: BaseException | None) -> None:
        """Take no more tasks; with a reason, fail by it those that are queued and end those that run."""
        with self._changed:
            self._closing = True
            self._cancelled = self._cancelled or reason
            abandoned = list(self._queue.drain()) if reason is not None else []
            self._wake_all()
        if reason is None:
            return
        for task in abandoned:
            if task.begin():
                task.future.set_exception(reason)
        for place in self._places:
            place.kill()

    def _serve(self, place: WorkerPlace) -> None:
        """Body of the thread that watches over one worker."""
        try:
            while (task := self._next_task(place)) is not None:
                self._run(place, task)
        except RuntimeError as error:
            self._stop(error)
        finally:
            place.clear()

    def _next_task(self, place: WorkerPlace) -> Task | None:
        """Wait, with a worker in place, for a task; None when there will be none any more."""
        while not self._finished():
            if not place.is_filled:
                place.fill(give_up=lambda: self._cancelled is not None or self._is_surplus() or self._is_owed())
            with self._changed:
                if not place.is_filled and self._is_surplus():
                    self._places.remove(place)
                    self._left.append(place)
                    return None
                if place.is_filled:
                    self._idle.wait_for(lambda: self._finished() or self._is_owed() or self._queue)
                if self._is_owed():
                    self._make_room(place)
                elif not place.is_filled:
                    continue
                elif self._queue and self._cancelled is None:
                    task = self._queue.take()
                    if task.begin():
                        return task
        return None

    def _is_surplus(self) -> bool:
        return len(self._places) > self._wanted

    def _is_owed(self) -> bool:
        """Whether a borrower waits for a place; an empty one, as of a node that has gone, serves as well."""
        return self._cleared < self._lent

    def _wake_all(self) -> None:
        self._idle.notify_all()
        self._changed.notify_all()

    def _finished(self) -> bool:
        return self._cancelled is not None or (self._closing and not self._queue)

    def _make_room(self, place: WorkerPlace) -> None:
        """Keep the place empty until a borrower returns it. Holds the lock, except while waiting."""
        place.clear()
        if self._queue:  # the task that woke this worker is another's now
            self._idle.notify()
        self._cleared += 1
        self._changed.notify_all()
        # Of places that are too many, one that is lent goes first if its node has: another is cleared in its stead.
        self._changed.wait_for(lambda: self._finished() or self._cleared > self._lent or self._is_surplus())
        self._cleared -= 1
        if self._is_owed():
            self._idle.notify_all()

    def _run(self, place: WorkerPlace, task: Task) -> None:
        try:
            value = place.call(task.function.reference, task.args, task.kwargs, task.function.time_limit_s)
        except RayTaskError as error:  # arguments or result do not survive the way
            task.future.set_exception(original_error(error))
        except RayError as error:
            self._worker_died(task, error)
        except Exception as error:
            task.future.set_exception(error)
        else:
            task.future.set_result(value)

    def _worker_died(self, task: Task, error: RayError) -> None:
        task.workers_lost += 1
        with self._changed:
            failure = self._cancelled
            if failure is None and task.workers_lost < (task.function.max_attempts or self._max_attempts):
                self._queue.put_back(task.lane, task)
                self._idle.notify()
                return
        task.future.set_exception(failure or _lost(task, error))


def _lost(task: Task, error: RayError) -> WorkerLostError:
    death = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    times = "once" if task.workers_lost == 1 else f"{task.workers_lost} times"
    return WorkerLostError(
        f"task {task.function.name} lost its worker {times}; the last one died with: {death}. "
        "Was it killed, or out of memory?",
        out_of_memory=isinstance(error, OutOfMemoryError),
        timed_out=isinstance(error, GetTimeoutError),
    )
