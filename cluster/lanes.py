"""A queue that serves its submitters in turn, so that a long backlog of one does not starve the others."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


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

        Raises:
            IndexError: there is none.
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
