"""What can go wrong with work done elsewhere: the failures of machines, kept apart from those of the code."""

from __future__ import annotations


class WorkerDiedError(BaseException):
    """A worker ended before it answered. Work that shares its process with the driver raises it to lose its worker.

    Like ``KeyboardInterrupt`` it is no ``Exception``: work that catches its own mistakes does not survive its worker.

    Attributes
    ----------
    out_of_memory
        It ended because its node ran out of memory.
    timed_out
        It was ended because the call took longer than it may.
    """

    def __init__(self, message: str, *, out_of_memory: bool = False, timed_out: bool = False) -> None:
        super().__init__(message)
        self.out_of_memory = out_of_memory
        self.timed_out = timed_out


class WorkerLostError(RuntimeError):
    """The process that ran a task died (killed, out of memory, node gone) as often as was allowed.

    Attributes
    ----------
    out_of_memory
        Ray ended it because its node ran out of memory.
    timed_out
        It was ended because the task took longer than it may.
    """

    def __init__(self, message: str, *, out_of_memory: bool = False, timed_out: bool = False) -> None:
        super().__init__(message)
        self.out_of_memory = out_of_memory
        self.timed_out = timed_out


class ClusterLostError(RuntimeError):
    """No node of the cluster is left: work can go on only on another one."""


class RemoteError(RuntimeError):
    """Stands for an exception of a worker that cannot be pickled; the text names its type and message."""


class RemoteTracebackError(Exception):
    """Carries the worker's traceback as text; hung on ``__cause__`` of the exception that is raised here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}" if self.args else ""
