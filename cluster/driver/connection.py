"""The driver's connection to Ray, and who is within it: a call at the moment of its end crashes the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import ray

PATIENCE_SECONDS = 15.0


class DisconnectedError(RuntimeError):
    """The driver is leaving Ray."""


class Connection:
    """Account of the threads that are within Ray. Those that stay for long look around by :meth:`raise_if_ending`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._users = 0
        self._ending = False

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the connection for a block, or for a function that this decorates.

        Raises ``DisconnectedError`` when it is ending.
        """
        with self._changed:
            self.raise_if_ending()
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def raise_if_ending(self) -> None:
        """Raise ``DisconnectedError`` when whoever uses the connection should leave."""
        if self._ending:
            raise DisconnectedError("the driver is leaving Ray")

    def end(self) -> None:
        """Disconnect as soon as nobody is within Ray; who does not leave in time is not waited for."""
        with self._changed:
            self._ending = True
            self._changed.wait_for(lambda: self._users == 0, timeout=PATIENCE_SECONDS)
        try:
            ray.shutdown()
        finally:
            self._ending = False


# Ray has one connection a process.
connection = Connection()
