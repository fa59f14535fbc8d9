"""A place for one worker at a time, as a pool sees it, and what a call of a function comes to there."""

from __future__ import annotations

import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cloudpickle

from cluster.driver.errors import RemoteError, RemoteTracebackError


@dataclass(frozen=True)
class Outcome:
    """What a call came to: a value, or an error with the worker's traceback as text."""

    value: Any = None
    error: Exception | None = None
    traceback: str = ""

    @classmethod
    def of(cls, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
        """Call the function; what it raises is an outcome too, ``SystemExit`` included."""
        # Unpickling the arguments may have imported torch; the environment already keeps BLAS to one thread.
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        try:
            return cls(function(*args, **kwargs))
        except (Exception, SystemExit) as error:
            return cls(error=_portable(error), traceback=traceback.format_exc())

    def result(self) -> Any:
        """The value; raises the error, with the worker's traceback as ``__cause__``."""
        if self.error is not None:
            raise self.error from RemoteTracebackError(self.traceback)
        return self.value


class Place(ABC):
    """Holds the worker of the moment."""

    @property
    @abstractmethod
    def is_filled(self) -> bool:
        """Whether a worker is up, as far as is known."""

    @abstractmethod
    def fill(self, give_up: Callable[[], bool]) -> None:
        """Start a worker and wait until it answers, or until ``give_up()`` says that none is wanted.

        Raises
        ------
        RuntimeError
            No worker will start here.
        """

    @abstractmethod
    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], time_limit_s: float | None) -> Outcome:
        """Run a function, as the pool has made it ready, in the worker and wait for the outcome.

        Raises
        ------
        WorkerDiedError
            The worker died, or was ended here after ``time_limit_s``; the place is empty now.
        Exception
            Arguments or result do not survive the way.
        """

    @abstractmethod
    def kill(self) -> None:
        """End the worker at once; a call under way in another thread raises ``WorkerDiedError``."""

    @abstractmethod
    def clear(self) -> None:
        """End the worker and empty the place."""


def _portable(error: BaseException) -> Exception:
    """Return the error itself if it survives pickling, else a :class:`RemoteError` that tells of it."""
    described = RemoteError("".join(traceback.format_exception_only(error)).strip())
    try:
        copy = cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:
        return described
    return error if isinstance(error, Exception) and type(copy) is type(error) else described
