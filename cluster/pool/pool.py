"""Single-threaded workers behind ``concurrent.futures``: submit from any thread, lose no task to a death."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

from cluster.driver.errors import WorkerDiedError, WorkerLostError
from cluster.pool.place import Place
from cluster.pool.task import SharedFunction, Task, WaitingTasks, name_of

Pool = TypeVar("Pool", bound="WorkerPool")


class WorkerPool(ABC):
    """Workers of one thread each, which run functions for any number of driver threads, whatever they are made of.

    Functions, arguments, results and exceptions are pickled on their way, so that worker and driver share nothing.
    One driver thread watches over each worker: it takes the next task, waits for the outcome, and fills the
    place again when the worker dies. Tasks of one submitting thread are taken in order, several submitting
    threads are served in turn; every second worker takes long tasks before quick ones, the others after them. So a
    training does not hold up thousands of simulations, nor is it begun when all else is done. Leaving a ``with`` block
    by an exception, Ctrl-C too, ends the workers at once.
    """

    def __init__(self, workers: int, *, max_attempts: int = 3) -> None:
        """Start the workers; tasks may be submitted at once.

        Parameters
        ----------
        workers
            Number of workers.
        max_attempts
            How many workers a task may lose before its future fails with ``WorkerLostError``.

        Raises
        ------
        ValueError
            A number out of range.
        """
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        if max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, got {max_attempts}")
        self._wanted = workers
        self._max_attempts = max_attempts
        lock = threading.RLock()
        self._idle = threading.Condition(lock)  # workers wait here for tasks: one task wakes one of a thousand
        self._changed = threading.Condition(lock)  # and whoever waits for anything else here
        self._queue = WaitingTasks()
        self._lent = 0  # places promised to borrowers
        self._cleared = 0  # places that are empty for them already
        self._closing = False  # nothing more may be submitted
        self._cancelled: BaseException | None = None  # why what is queued will not run
        self._places: list[Place] = []
        self._threads: list[threading.Thread] = []
        with self._changed:
            self._add_places()

    @abstractmethod
    def _make_place(self) -> Place:
        """An empty place for a worker."""

    @abstractmethod
    def _shipped(self, function: Callable[..., Any]) -> Any:
        """A function as the workers take it many times."""

    def _sent(self, function: Callable[..., Any]) -> Any:
        """A function as the workers take it once."""
        return function

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
            place = self._make_place()
            number = len(self._threads)
            arguments = place, number % 2 == 1
            thread = threading.Thread(target=self._serve, args=arguments, name=f"worker-{number}", daemon=True)
            self._places.append(place)
            self._threads.append(thread)
            thread.start()

    def share(
        self,
        function: Callable[..., Any],
        *,
        max_attempts: int | None = None,
        time_limit_s: float | None = None,
        on_begin: Callable[[], None] = lambda: None,
        is_long: bool = False,
    ) -> SharedFunction:
        """Make a function ready for many calls.

        A call may lose ``max_attempts`` workers (None: as many as the pool says), and a worker that takes longer
        than ``time_limit_s`` over a call is ended and counts as lost. ``on_begin`` is called whenever a worker has
        taken a call, in a thread of the pool. ``is_long`` tells that a call keeps its worker for minutes.
        """
        shipped = self._shipped(function)
        return SharedFunction(name_of(function), shipped, max_attempts, time_limit_s, on_begin, is_long)

    def submit(self, function: Callable[..., Any] | SharedFunction, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue ``function(*args, **kwargs)`` for the next free worker. Thread-safe.

        Returns
        -------
        Future[Any]
            Future with the result; or with the exception that the function raised, whose ``__cause__`` is
            the worker's traceback; or with ``WorkerLostError`` when the worker died ``max_attempts`` times.

        Raises
        ------
        RuntimeError
            The pool is closed, or its workers do not start.
        """
        if not isinstance(function, SharedFunction):
            function = SharedFunction(name_of(function), self._sent(function))
        task = Task(function, args, kwargs, lane=threading.get_ident(), future=Future())
        with self._changed:
            if self._closing:
                raise RuntimeError("submit() needs an open pool, and this one is closed") from self._cancelled
            self._queue.append(task)
            self._idle.notify()
        return task.future

    @contextmanager
    def lend(self, cpus: int) -> Iterator[None]:
        """Free the CPUs of so many workers for something else, for a ``with`` block.

        Running tasks end first; queued ones wait for the workers that stay, or for the end of the block.
        Several borrowers are served as far as there are workers, the others wait.

        Raises
        ------
        ValueError
            More CPUs than workers.
        RuntimeError
            The pool was closed meanwhile.
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

    def close(self, cancel: bool = True) -> None:
        """End the workers: at once, failing unfinished futures with ``CancelledError``, or after all is done."""
        self._stop(CancelledError("the pool was closed before the task ended") if cancel else None)
        for thread in self._threads:
            thread.join()

    def __enter__(self: Pool) -> Pool:
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

    def _serve(self, place: Place, long_first: bool) -> None:
        """Body of the thread that watches over one worker."""
        try:
            while (task := self._next_task(place, long_first)) is not None:
                self._run(place, task)
        except RuntimeError as error:
            self._stop(error)
        finally:
            place.clear()

    def _next_task(self, place: Place, long_first: bool) -> Task | None:
        """Wait, with a worker in place, for a task; None when there will be none any more."""
        while not self._finished():
            if not place.is_filled:
                place.fill(give_up=lambda: self._cancelled is not None or self._is_surplus() or self._is_owed())
            with self._changed:
                if not place.is_filled and self._is_surplus():
                    self._places.remove(place)
                    return None
                if place.is_filled:
                    self._idle.wait_for(lambda: self._finished() or self._is_owed() or self._queue)
                if self._is_owed():
                    self._make_room(place)
                elif not place.is_filled:
                    continue
                elif self._queue and self._cancelled is None:
                    task = self._queue.take(long_first=long_first)
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

    def _make_room(self, place: Place) -> None:
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

    def _run(self, place: Place, task: Task) -> None:
        function = task.function
        try:
            function.on_begin()
            value = place.call(function.reference, task.args, task.kwargs, function.time_limit_s).result()
        except WorkerDiedError as death:
            self._worker_died(task, death)
        except Exception as error:
            task.future.set_exception(error)
        else:
            task.future.set_result(value)

    def _worker_died(self, task: Task, death: WorkerDiedError) -> None:
        task.workers_lost += 1
        with self._changed:
            failure = self._cancelled
            if failure is None and task.workers_lost < (task.function.max_attempts or self._max_attempts):
                self._queue.put_back(task)
                self._idle.notify()
                return
        task.future.set_exception(failure or _lost(task, death))


def _lost(task: Task, death: WorkerDiedError) -> WorkerLostError:
    times = "once" if task.workers_lost == 1 else f"{task.workers_lost} times"
    return WorkerLostError(
        f"task {task.function.name} lost its worker {times}; the last one died with: {death}. "
        "Was it killed, or out of memory?",
        out_of_memory=death.out_of_memory,
        timed_out=death.timed_out,
    )
