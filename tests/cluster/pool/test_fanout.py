"""Many units through a pool: back-pressure, losses, exceptions."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from cluster.driver.errors import WorkerDiedError
from cluster.pool.fanout import FanOutError, fan_out
from cluster.pool.in_process import InProcessPool
from cluster.pool.pool import WorkerPool


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with InProcessPool(2, max_attempts=2) as shared:
        yield shared


def double(unit: int) -> int:
    return 2 * unit


def test_every_unit_is_done_once_and_told_in_the_calling_thread(pool: WorkerPool) -> None:
    results: dict[int, int] = {}
    threads = set()

    def keep(unit: int, result: int) -> None:
        assert unit not in results
        results[unit] = result
        threads.add(threading.current_thread())

    summary = fan_out(pool, range(100), double, on_done=keep)
    assert results == {unit: 2 * unit for unit in range(100)}
    assert threads == {threading.current_thread()}
    assert (summary.done, summary.failed_units) == (100, ())
    assert summary.seconds > 0


@pytest.mark.parametrize(("in_flight", "expected"), [(None, 4), (1, 1), (3, 3)])
def test_units_are_taken_no_sooner_than_there_is_room(pool: WorkerPool, in_flight: int | None, expected: int) -> None:
    taken = done = most = 0

    def units() -> Iterator[int]:
        nonlocal taken, most
        for unit in itertools.count():
            taken += 1
            most = max(most, taken - done)
            yield unit

    def count(unit: int, result: int) -> None:
        nonlocal done
        done += 1

    summary = fan_out(pool, units(), double, in_flight=in_flight, on_done=count, stop=lambda: done >= 50)
    assert most == expected
    assert 50 <= summary.done <= 50 + expected


def test_lost_workers_cost_only_their_units(pool: WorkerPool) -> None:
    done = []

    def work(unit: int) -> int:
        if unit in (3, 6):
            raise WorkerDiedError("killed")
        return unit

    expected = r"2 units lost their workers again and again, 7 are done; lost: [36], [36]\. Run again"
    with pytest.raises(FanOutError, match=expected) as caught:
        fan_out(pool, range(9), work, on_done=lambda unit, _: done.append(unit))
    assert sorted(done) == [0, 1, 2, 4, 5, 7, 8]
    assert sorted(caught.value.summary.failed_units) == [3, 6]


def test_units_that_follow_from_others_are_done_too(pool: WorkerPool) -> None:
    def work(unit: int) -> int:
        if unit == 3:
            raise WorkerDiedError("killed")
        return unit

    done = []

    def count_down(unit: int, result: int) -> list[int]:
        done.append(unit)
        return [unit - 1] if 10 < unit <= 12 else []

    summary = fan_out(pool, [1, 3, 12], work, on_done=count_down, on_lost=lambda unit, error: [unit + 1, unit + 2])
    assert sorted(done) == [1, 4, 5, 10, 11, 12]
    assert (summary.done, summary.failed_units) == (6, ())


def test_an_exception_of_the_work_stops_after_what_is_in_flight(pool: WorkerPool) -> None:
    done = []

    def work(unit: int) -> int:
        if unit >= 5:
            raise ZeroDivisionError(f"unit {unit}")
        return unit

    with pytest.raises(ZeroDivisionError, match=r"unit [567]"):
        fan_out(pool, itertools.count(), work, in_flight=2, on_done=lambda unit, _: done.append(unit))
    assert sorted(done) == [0, 1, 2, 3, 4]


def test_an_exception_of_the_listener_cancels_what_is_queued(pool: WorkerPool) -> None:
    def refuse(unit: int, result: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fan_out(pool, itertools.count(), double, in_flight=50, on_done=refuse)
    # Queued units of the fan-out above would have to be served before this one.
    assert pool.submit(double, 4).result(timeout=20) == 8


def test_in_flight_must_be_positive(pool: WorkerPool) -> None:
    with pytest.raises(ValueError, match="in_flight must be at least 1, got 0"):
        fan_out(pool, [1], double, in_flight=0)
