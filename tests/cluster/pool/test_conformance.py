"""What every pool promises, whatever its workers are: order, deaths, exceptions, time limits, lending and closing."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.driver.errors import RemoteError, RemoteTracebackError, WorkerDiedError, WorkerLostError
from cluster.pool.in_process import InProcessPool
from cluster.pool.pool import WorkerPool


@dataclass(frozen=True)
class Kind:
    """One kind of pool: how to make it, how its workers die, and what tells two of them apart."""

    make: Callable[..., WorkerPool]
    die: Callable[[], Any]
    worker: Callable[[], int]


def kill_own_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_alone() -> None:
    raise WorkerDiedError("as if its process had been killed")


def make_on_ray(workers: int, **options: Any) -> WorkerPool:
    from cluster.pool.ray_pool import RayPool

    return RayPool(workers, **options)


def make_in_process(workers: int, **options: Any) -> WorkerPool:
    return InProcessPool(workers, patience_s=0.0, **options)


KINDS = {
    "in-process": Kind(make_in_process, die_alone, threading.get_ident),
    "ray": Kind(make_on_ray, kill_own_process, os.getpid),
}


@pytest.fixture(scope="module", params=["in-process", pytest.param("ray", marks=pytest.mark.ray)])
def kind(request: pytest.FixtureRequest) -> Kind:
    if request.param == "ray":
        request.getfixturevalue("ray_runtime")
    return KINDS[request.param]


# For what the queue promises, which is the same code whatever the workers are: on Ray that is tried now and then.
QUEUE = pytest.mark.parametrize(
    "kind", ["in-process", pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.slow])], indirect=True
)


@pytest.fixture(scope="module")
def pool(kind: Kind) -> Iterator[WorkerPool]:
    with kind.make(2) as shared:
        yield shared


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


class Gate:
    """Holds whoever runs through it, on any worker, until it is opened; knows who came."""

    def __init__(self, folder: Path, worker: Callable[[], int]) -> None:
        self.folder, self.worker = folder, worker

    def __call__(self, label: object = "") -> int:
        with (self.folder / "comers").open("a") as file:
            file.write(f"{label}{self.worker()}\n")
        while not (self.folder / "open").exists():
            time.sleep(0.005)
        return self.worker()

    def open(self) -> None:
        (self.folder / "open").touch()

    @property
    def comers(self) -> list[str]:
        """Those of whom there is a whole line."""
        path = self.folder / "comers"
        return path.read_text().split("\n")[:-1] if path.exists() else []


@pytest.fixture
def gate(kind: Kind, tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path, kind.worker)
    yield made
    made.open()


def test_as_many_functions_run_at_a_time_as_there_are_workers(pool: WorkerPool, gate: Gate) -> None:
    futures = [pool.submit(gate) for _ in range(3)]
    wait_until(lambda: len(gate.comers) == 2)
    assert len(set(gate.comers)) == 2
    gate.open()
    assert all(future.result() for future in futures)
    assert len(gate.comers) == 3


def test_arguments_and_results_travel(pool: WorkerPool) -> None:
    def scale(index: int, *, factor: int) -> tuple[int, str]:
        return index * factor, os.environ["MKL_NUM_THREADS"]

    assert [pool.submit(scale, i, factor=3).result() for i in range(4)] == [(0, "1"), (3, "1"), (6, "1"), (9, "1")]


def test_worker_and_driver_share_nothing(pool: WorkerPool) -> None:
    def fill(target: list[int]) -> list[int]:
        target.append(1)
        return target

    mine: list[int] = []
    assert pool.submit(fill, mine).result() == [1]
    assert mine == []


def test_torch_has_one_thread_whoever_imports_it(pool: WorkerPool) -> None:
    import torch

    def threads(argument: torch.Tensor) -> int:
        return torch.get_num_threads()

    assert pool.submit(threads, torch.zeros(1)).result() == 1


@QUEUE
def test_submitting_threads_are_served_in_turn(kind: Kind, gate: Gate) -> None:
    served: list[str] = []
    all_submitted = threading.Barrier(3)

    def submit(label: str, count: int) -> None:
        for index in range(count):
            future = pool.submit(str, f"{label}{index}")
            future.add_done_callback(lambda done: served.append(done.result()))
        # A thread that ended would leave its identity to the next one.
        all_submitted.wait()

    with kind.make(1) as pool:
        pool.submit(gate)
        wait_until(lambda: gate.comers)
        for label, count, total in (("a", 4, 4), ("b", 2, 6)):
            threading.Thread(target=submit, args=(label, count)).start()
            wait_until(lambda total=total: len(pool._queue) == total)
        all_submitted.wait()
        gate.open()
        wait_until(lambda: len(served) == 6)
    assert served == ["a0", "b0", "a1", "b1", "a2", "a3"]


@QUEUE
def test_one_worker_of_two_takes_what_is_long_first(kind: Kind, tmp_path: Path) -> None:
    gates = [Gate(tmp_path / name, kind.worker) for name in ("first", "second")]
    for gate in gates:
        gate.folder.mkdir()
    served: list[str] = []

    with kind.make(2) as pool:
        for gate in gates:
            pool.submit(gate)
            wait_until(lambda gate=gate: gate.comers)
        training = pool.share(str, is_long=True)
        for call, label in ((str, "quick1"), (training, "long1"), (training, "long2"), (str, "quick2")):
            pool.submit(call, label).add_done_callback(lambda done: served.append(done.result()))
        gates[0].open()
        wait_until(lambda: len(served) == 4)
        gates[1].open()
    assert served in (["quick1", "quick2", "long1", "long2"], ["long1", "long2", "quick1", "quick2"])


def test_a_worker_that_dies_does_not_lose_its_task(pool: WorkerPool, kind: Kind, tmp_path: Path) -> None:
    def die_once(mark: Path) -> str:
        if not mark.exists():
            mark.touch()
            kind.die()
        return "done by another"

    assert pool.submit(die_once, tmp_path / "died").result() == "done by another"


def test_a_task_that_kills_its_workers_fails_by_name(kind: Kind, capfd: pytest.CaptureFixture[str]) -> None:
    with kind.make(1, max_attempts=2) as pool:
        deadly = pool.submit(kind.die)
        harmless = pool.submit(str, 1)
        message = rf"task {kind.die.__name__} lost its worker 2 times; the last one died with: .+\. Was it killed"
        with pytest.raises(WorkerLostError, match=message) as caught:
            deadly.result()
        assert (caught.value.out_of_memory, caught.value.timed_out) == (False, False)
        assert harmless.result() == "1"
    assert capfd.readouterr() == ("", "")


@QUEUE
def test_it_is_told_that_a_worker_has_taken_a_call_and_not_while_it_waits(pool: WorkerPool, gate: Gate) -> None:
    begun: list[int] = []
    busy = [pool.submit(gate) for _ in range(2)]
    wait_until(lambda: len(gate.comers) == 2)
    waiting = pool.submit(pool.share(int, on_begin=lambda: begun.append(1)))
    assert begun == []
    gate.open()
    assert (waiting.result(), begun) == (0, [1])
    assert len([future.result() for future in busy]) == 2


def test_a_function_may_be_allowed_fewer_deaths(pool: WorkerPool, kind: Kind) -> None:
    with pytest.raises(WorkerLostError, match="lost its worker once"):
        pool.submit(pool.share(kind.die, max_attempts=1)).result()


def test_an_exception_keeps_its_type_and_traceback_and_is_not_retried(pool: WorkerPool, tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    def misbehave() -> None:
        with calls.open("a") as file:
            file.write("x")
        raise KeyError("permittivity")

    with pytest.raises(KeyError, match="permittivity") as caught:
        pool.submit(misbehave).result()
    assert type(caught.value) is KeyError
    assert isinstance(caught.value.__cause__, RemoteTracebackError)
    assert "in misbehave" in str(caught.value.__cause__)
    assert calls.read_text() == "x"


def test_what_cannot_be_pickled_is_described(pool: WorkerPool) -> None:
    class StubbornError(Exception):
        def __reduce__(self) -> str:
            raise TypeError("not me")

    def misbehave() -> None:
        raise StubbornError("no way home")

    def lock() -> object:
        return threading.Lock()

    with pytest.raises(RemoteError, match="StubbornError: no way home"):
        pool.submit(misbehave).result()
    with pytest.raises(TypeError, match="cannot pickle"):
        pool.submit(lock).result()
    with pytest.raises(TypeError, match=r"(?s)lock"):
        pool.submit(str, threading.Lock()).result()
    with pytest.raises(RemoteError, match="SystemExit: 3"):
        pool.submit(exit, 3).result()
    assert pool.submit(str, 5).result() == "5"


def test_a_large_function_is_shared(pool: WorkerPool) -> None:
    table = bytes(range(256)) * 1024

    def lookup(index: int) -> int:
        return table[index]

    shared = pool.share(lookup)
    assert [pool.submit(shared, index).result() for index in (3, 300)] == [3, 44]


def test_a_worker_that_takes_too_long_is_ended(pool: WorkerPool, gate: Gate) -> None:
    endless = pool.share(gate, max_attempts=1, time_limit_s=0.2)
    with pytest.raises(WorkerLostError, match="lost its worker once") as caught:
        pool.submit(endless).result(timeout=60)
    assert caught.value.timed_out
    assert pool.submit(str, 6).result(timeout=60) == "6"


@QUEUE
def test_lending_waits_for_the_running_tasks_and_holds_the_others(kind: Kind, gate: Gate) -> None:
    with kind.make(2) as pool:
        running = pool.submit(gate)
        wait_until(lambda: gate.comers)
        threading.Timer(0.1, gate.open).start()
        with pool.lend(2):
            assert running.done()
            queued = pool.submit(str, "later")
            assert len(pool._queue) == 1
            assert not any(place.is_filled for place in pool._places)
            assert not queued.done()
        assert queued.result() == "later"
        with pool.lend(1):
            assert pool.submit(str, "meanwhile").result() == "meanwhile"


@QUEUE
def test_borrowers_wait_for_each_other(kind: Kind) -> None:
    lent: list[int] = []
    most: list[int] = []

    def borrow() -> None:
        with pool.lend(2):
            lent.append(2)
            most.append(sum(lent))
            time.sleep(0.02)
            lent.remove(2)

    with kind.make(2) as pool:
        threads = [threading.Thread(target=borrow) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert most == [2, 2]
        assert pool.submit(str, 1).result() == "1"


def test_closing_cancels_at_once(kind: Kind, gate: Gate) -> None:
    pool = kind.make(1)
    running = pool.submit(gate)
    queued = pool.submit(str, 1)
    wait_until(lambda: gate.comers)
    pool.close()  # though nobody opens the gate
    with pytest.raises(CancelledError):
        running.result(timeout=0)
    with pytest.raises(CancelledError):
        queued.result(timeout=0)
    with pytest.raises(RuntimeError, match=r"submit\(\) needs an open pool, and this one is closed"):
        pool.submit(str, 1)
    with pytest.raises(RuntimeError, match=r"lend\(\) needs an open pool, and this one is closed"), pool.lend(1):
        pytest.fail("lent by a closed pool")


def test_ctrl_c_ends_running_tasks_and_a_normal_exit_waits_for_them(kind: Kind, gate: Gate) -> None:
    with pytest.raises(KeyboardInterrupt), kind.make(1) as pool:  # noqa: PT012
        interrupted = pool.submit(gate)
        wait_until(lambda: gate.comers)
        raise KeyboardInterrupt
    with pytest.raises(CancelledError):
        interrupted.result(timeout=0)

    with kind.make(1) as pool:
        futures = [pool.submit(time.sleep, 0.02) for _ in range(5)]
    assert wait(futures, timeout=0).not_done == set()


@QUEUE
def test_a_cancelled_future_is_skipped(kind: Kind, gate: Gate, tmp_path: Path) -> None:
    with kind.make(1) as pool:
        pool.submit(gate)
        wait_until(lambda: gate.comers)
        unwanted, wanted = pool.submit((tmp_path / "trace").touch), pool.submit(str, 1)
        assert unwanted.cancel()
        gate.open()
        assert wanted.result() == "1"
    assert not (tmp_path / "trace").exists()


@QUEUE
def test_a_pool_follows_a_cluster_that_grows_and_shrinks(kind: Kind, gate: Gate) -> None:
    with kind.make(1) as growing:
        growing.fit(2)
        assert growing.workers == 2
        futures = [growing.submit(gate) for _ in range(2)]
        wait_until(lambda: len(set(gate.comers)) == 2)
        growing.fit(1)
        gate.open()
        assert all(future.result() for future in futures)
        assert len(growing._places) == 2  # nobody who lives is ended
        with pytest.raises(WorkerLostError):
            growing.submit(kind.die).result()
        assert growing.submit(str, 1).result() == "1"
        wait_until(lambda: len(growing._places) == 1)
        assert growing.workers == 1


@QUEUE
def test_a_borrower_gets_other_places_when_the_cluster_has_shrunk(kind: Kind) -> None:
    with kind.make(2) as pool:
        with pool.lend(1):
            wait_until(lambda: sum(place.is_filled for place in pool._places) == 1)
            pool.fit(1)  # as after a node went, which may be the one whose CPU was lent
            wait_until(lambda: not any(place.is_filled for place in pool._places))
        assert pool.submit(str, 1).result(timeout=60) == "1"
        assert pool.workers == 1


@QUEUE
def test_numbers_out_of_range(kind: Kind) -> None:
    with pytest.raises(ValueError, match=r"workers must be .*, got 0"):
        kind.make(0)
    with pytest.raises(ValueError, match="max_attempts must be at least 1, got 0"):
        kind.make(1, max_attempts=0)
    with (
        kind.make(1) as pool,
        pytest.raises(ValueError, match="cpus must be 1 to 1, the workers of this pool, got 2"),
        pool.lend(2),
    ):
        pytest.fail("lent more than there is")
