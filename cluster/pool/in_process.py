"""A pool whose workers are threads of this process: the same promises as Ray's, without another process.

Work is pickled on its way, as to another process, so that what would not survive that is found here too. Work that
raises ``WorkerDiedError`` loses its worker. A thread cannot be killed: one whose call was given up gets an exception
at its next instruction of Python, and is not heard any more if it goes on all the same.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import cloudpickle
from threadpoolctl import threadpool_limits

from cluster.driver.errors import WorkerDiedError
from cluster.node.command import SINGLE_THREAD
from cluster.pool.place import Outcome, Place
from cluster.pool.pool import WorkerPool

PATIENCE_SECONDS = 5.0


class InProcessPool(WorkerPool):
    """Workers that are threads of this process; as long as the pool is open, linear algebra has one thread in it."""

    def __init__(self, workers: int = 1, *, max_attempts: int = 3, patience_s: float = PATIENCE_SECONDS) -> None:
        """Start the workers; tasks may be submitted at once.

        Parameters
        ----------
        workers
            Number of workers.
        max_attempts
            How many workers a task may lose before its future fails with ``WorkerLostError``.
        patience_s
            How long to wait, when the pool is closed, for threads whose call was given up.

        Raises
        ------
        ValueError
            A number out of range.
        """
        self._patience_s = patience_s
        self._left: list[threading.Thread] = []
        self._settings = ExitStack()
        super().__init__(workers, max_attempts=max_attempts)
        self._settings.enter_context(single_threaded())

    def close(self, cancel: bool = True) -> None:
        """End the workers: at once, failing unfinished futures with ``CancelledError``, or after all is done."""
        super().close(cancel)
        deadline = time.monotonic() + self._patience_s
        for thread in self._left:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._settings.close()

    def _make_place(self) -> Place:
        return InProcessPlace(self._left)

    def _shipped(self, function: Callable[..., Any]) -> Any:
        return cloudpickle.dumps(function)

    _sent = _shipped


class InProcessPlace(Place):
    """A place whose worker is a new thread for every call."""

    def __init__(self, left: list[threading.Thread]) -> None:
        """Make an empty place; threads whose call is given up are added to ``left``."""
        self._left = left
        self._lock = threading.Lock()
        self._is_up = False
        self._call: _Call | None = None

    @property
    def is_filled(self) -> bool:
        """Whether a worker is up."""
        return self._is_up

    def fill(self, give_up: Callable[[], bool]) -> None:
        """Be ready for calls, unless ``give_up()`` says that nothing is wanted."""
        self._is_up = not give_up()

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], time_limit_s: float | None) -> Outcome:
        """Run a function in a thread and wait for the outcome."""
        call = _Call(function, cloudpickle.dumps((args, kwargs)))
        with self._lock:
            if not self._is_up:
                raise WorkerDiedError("it was ended")
            self._call = call
        call.start()
        if not call.over.wait(time_limit_s):
            call.give_up(WorkerDiedError(f"it took longer than {time_limit_s:g} s", timed_out=True))
        with self._lock:
            self._call = None
        if call.death is not None:
            self._left.append(call)
            self.clear()
            raise call.death
        return call.outcome()

    def kill(self) -> None:
        """Give up the call that is under way."""
        with self._lock:
            self._is_up = False
            if self._call is not None:
                self._call.give_up(WorkerDiedError("it was ended"))

    def clear(self) -> None:
        """Empty the place."""
        self.kill()


class _GivenUpError(WorkerDiedError):
    """Ends a call from another thread."""

    def __init__(self) -> None:
        super().__init__("it was given up")


class _Call(threading.Thread):
    """One call, whose outcome counts unless it was given up before."""

    def __init__(self, function: bytes, arguments: bytes) -> None:
        super().__init__(name="in-process call", daemon=True)
        self.over = threading.Event()
        self.death: WorkerDiedError | None = None
        self._function, self._arguments = function, arguments
        self._lock = threading.Lock()
        self._outcome = b""
        self._error: Exception | None = None
        self._is_at_work = True

    def run(self) -> None:
        try:
            self._work()
            with self._lock:
                self._is_at_work = False
            time.sleep(0)  # here comes what was sent before
        except _GivenUpError:
            pass

    def _work(self) -> None:
        if self.over.is_set():
            return
        outcome, error, death = b"", None, None
        try:
            args, kwargs = cloudpickle.loads(self._arguments)
            outcome = cloudpickle.dumps(Outcome.of(cloudpickle.loads(self._function), args, kwargs))
        except WorkerDiedError as died:
            death = died
        except Exception as raised:  # the result does not survive the way
            error = raised
        self._end(outcome, error, death)

    def give_up(self, death: WorkerDiedError) -> None:
        """Let whoever waits hear of a death, and end the thread as soon as it runs Python."""
        self._end(b"", None, death)
        with self._lock:
            if self._is_at_work and self.ident is not None:
                thread, error = ctypes.c_ulong(self.ident), ctypes.py_object(_GivenUpError)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, error)

    def outcome(self) -> Outcome:
        """What the call came to; raises what kept it from coming back."""
        if self._error is not None:
            raise self._error
        outcome: Outcome = cloudpickle.loads(self._outcome)
        return outcome

    def _end(self, outcome: bytes, error: Exception | None, death: WorkerDiedError | None) -> None:
        with self._lock:
            if not self.over.is_set():
                self._outcome, self._error, self.death = outcome, error, death
                self.over.set()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Give linear algebra one thread in this process, as in a worker of its own, for a ``with`` block."""
    before = {name: os.environ.get(name) for name in SINGLE_THREAD}
    os.environ.update(SINGLE_THREAD)  # for libraries that are loaded meanwhile
    torch = sys.modules.get("torch")
    torch_threads = torch.get_num_threads() if torch is not None else None
    try:
        with threadpool_limits(1):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if torch is not None:
            torch.set_num_threads(torch_threads)
