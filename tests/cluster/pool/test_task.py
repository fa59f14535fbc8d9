"""Order in which queued items are served."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.pool.task import Lanes, SharedFunction, Task, WaitingTasks


def test_lanes_take_turns_and_each_keeps_its_order() -> None:
    lanes: Lanes[str] = Lanes()
    for item in ("a1", "a2", "a3"):
        lanes.append("a", item)
    for item in ("b1", "b2"):
        lanes.append("b", item)
    assert list(lanes.drain()) == ["a1", "b1", "a2", "b2", "a3"]


def test_an_item_that_comes_back_is_served_first() -> None:
    lanes: Lanes[str] = Lanes()
    for lane in "ab":
        lanes.append(lane, f"{lane}1")
        lanes.append(lane, f"{lane}2")
    taken = lanes.take()
    lanes.put_back("a", taken)
    assert list(lanes.drain()) == ["a1", "b1", "a2", "b2"]


def test_taking_from_nothing_is_an_error() -> None:
    with pytest.raises(IndexError, match="take\\(\\) needs a queued item, and all lanes are empty"):
        Lanes[int]().take()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers())))
def test_nobody_waits_longer_than_one_round(submitted: list[tuple[int, int]]) -> None:
    lanes: Lanes[tuple[int, int]] = Lanes()
    for lane, item in submitted:
        lanes.append(lane, (lane, item))
    served = list(lanes.drain())
    for lane in range(4):
        assert [item for item in served if item[0] == lane] == [item for item in submitted if item[0] == lane]
    # While a lane has items, it is served once among any (number of lanes) consecutive ones.
    for lane in range(4):
        places = [place for place, item in enumerate(served) if item[0] == lane]
        gaps = [later - earlier for earlier, later in zip([-1, *places], places, strict=False)]
        assert all(gap <= 4 for gap in gaps)


def a_task(lane: str, number: int, *, is_long: bool = False) -> Task:
    return Task(SharedFunction(f"{lane}{number}", None, is_long=is_long), (), {}, lane, Future())


def test_a_long_task_comes_before_or_after_all_quick_ones() -> None:
    waiting = WaitingTasks()
    for number in (1, 2):
        waiting.append(a_task("simulations", number))
        waiting.append(a_task("training", number, is_long=True))
    assert len(waiting) == 4
    first = waiting.take(long_first=True)
    assert first.function.name == "training1"
    assert waiting.take(long_first=False).function.name == "simulations1"
    waiting.put_back(first)
    assert [task.function.name for task in waiting.drain()] == ["simulations2", "training1", "training2"]


def test_who_prefers_what_is_not_there_takes_what_is() -> None:
    waiting = WaitingTasks()
    waiting.append(a_task("training", 1, is_long=True))
    waiting.append(a_task("simulations", 1))
    assert waiting.take(long_first=False).function.name == "simulations1"
    assert waiting.take(long_first=False).function.name == "training1"
    waiting.append(a_task("simulations", 2))
    assert waiting.take(long_first=True).function.name == "simulations2"
    with pytest.raises(IndexError):
        waiting.take(long_first=True)
