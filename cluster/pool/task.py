"""What a pool is asked to do, and in what order it is done: in turn between those who ask, quick apart from long."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class SharedFunction:
    """A function made ready for many calls.

    Attributes
    ----------
    name
        The function's own, for messages.
    reference
        The function as the pool's workers take it.
    max_attempts
        How many workers a call may lose; None for the pool's own number.
    time_limit_s
        Seconds that a call may take before its worker is ended; None for ever.
    on_begin
        Called whenever a worker has taken a call, in a thread of the pool.
    is_long
        Whether a call keeps its worker for minutes, as a training does.
    """

    name: str
    reference: Any
    max_attempts: int | None = None
    time_limit_s: float | None = None
    on_begin: Callable[[], None] = lambda: None
    is_long: bool = False


@dataclass
class Task:
    """A function that some thread submitted, on its way to a worker."""

    function: SharedFunction
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    lane: Hashable
    future: Future[Any]
    workers_lost: int = 0

    def begin(self) -> bool:
        """Mark the future as running; False when its owner has cancelled it."""
        # After a lost worker it is marked already.
        return self.workers_lost > 0 or self.future.set_running_or_notify_cancel()


def name_of(function: Callable[..., Any]) -> str:
    """What messages call a function."""
    return getattr(function, "__qualname__", None) or repr(function)


class Lanes(Generic[Item]):
    """First in, first out within a lane; round-robin between lanes. Not locked: the owner does that."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[Hashable, deque[Item]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes.values())

    def append(self, lane: Hashable, item: Item) -> None:
        """Put an item at the end of its lane."""
        self._lanes.setdefault(lane, deque()).append(item)

    def put_back(self, lane: Hashable, item: Item) -> None:
        """Put an item that was taken before at the head of its lane, and its lane first."""
        self._lanes.setdefault(lane, deque()).appendleft(item)
        self._lanes.move_to_end(lane, last=False)

    def take(self) -> Item:
        """Take the oldest item of the lane whose turn it is.

        Raises
        ------
        IndexError
            There is none.
        """
        if not self._lanes:
            raise IndexError("take() needs a queued item, and all lanes are empty")
        lane, items = self._lanes.popitem(last=False)
        item = items.popleft()
        if items:
            self._lanes[lane] = items
        return item

    def drain(self) -> Iterator[Item]:
        """Take all items, in the order in which they would be served."""
        while self._lanes:
            yield self.take()


class WaitingTasks:
    """Long tasks and quick ones, each in turn between those who submitted them. Not locked: the owner does that."""

    def __init__(self) -> None:
        self._quick, self._long = Lanes[Task](), Lanes[Task]()

    def __len__(self) -> int:
        return len(self._quick) + len(self._long)

    def append(self, task: Task) -> None:
        """Put a task behind those of its lane."""
        self._of(task).append(task.lane, task)

    def put_back(self, task: Task) -> None:
        """Put a task that was taken before ahead of all others of its length."""
        self._of(task).put_back(task.lane, task)

    def take(self, *, long_first: bool) -> Task:
        """Take a long task before all quick ones, or after them.

        Raises
        ------
        IndexError
            There is none.
        """
        first, then = (self._long, self._quick) if long_first else (self._quick, self._long)
        return (first or then).take()

    def drain(self) -> Iterator[Task]:
        """Take all."""
        yield from self._quick.drain()
        yield from self._long.drain()

    def _of(self, task: Task) -> Lanes[Task]:
        return self._long if task.function.is_long else self._quick
