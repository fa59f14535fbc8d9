"""Tasks on worker actors: order, deaths, exceptions, lending and closing."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from pathlib import Path

import pytest
import ray

from cluster.driver.errors import RemoteError, RemoteTracebackError, WorkerLostError
from cluster.pool.pool import WorkerPool
from cluster.pool.task import INLINE_BYTES
from cluster.pool.worker import WorkerPlace

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_runtime")]


@pytest.fixture(scope="module")
def pool(ray_runtime: object) -> Iterator[WorkerPool]:
    with WorkerPool(2) as shared:
        yield shared


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def hold_until(gate: Path) -> int:
    """Runs until the file is there; notes beside it which processes have tried."""
    with gate.with_suffix(".pids").open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not gate.exists():
        time.sleep(0.01)
    return os.getpid()


def die(label: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_from_several_single_threaded_processes(pool: WorkerPool) -> None:
    def probe(index: int, *, factor: int) -> tuple[int, int, str]:
        time.sleep(0.2)
        return index * factor, os.getpid(), os.environ["MKL_NUM_THREADS"]

    outcomes = [future.result() for future in [pool.submit(probe, i, factor=3) for i in range(4)]]
    assert [outcome[0] for outcome in outcomes] == [0, 3, 6, 9]
    assert len({outcome[1] for outcome in outcomes}) == 2
    assert {outcome[2] for outcome in outcomes} == {"1"}


def test_torch_has_one_thread_whoever_imports_it(pool: WorkerPool) -> None:
    import torch

    def threads(argument: torch.Tensor) -> int:
        return torch.get_num_threads()

    assert pool.submit(threads, torch.zeros(1)).result() == 1


def test_submitting_threads_are_served_in_turn(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    served: list[str] = []
    all_submitted = threading.Barrier(3)

    def submit(label: str, count: int) -> None:
        for index in range(count):
            future = pool.submit(str, f"{label}{index}")
            future.add_done_callback(lambda done: served.append(done.result()))
        # A thread that ended would leave its identity to the next one.
        all_submitted.wait()

    with WorkerPool(1) as pool:
        pool.submit(hold_until, gate)
        wait_until(gate.with_suffix(".pids").exists)
        for label, count, total in (("a", 4, 4), ("b", 2, 6)):
            threading.Thread(target=submit, args=(label, count)).start()
            wait_until(lambda total=total: len(pool._queue) == total)
        all_submitted.wait()
        gate.touch()
        wait_until(lambda: len(served) == 6)
    assert served == ["a0", "b0", "a1", "b1", "a2", "a3"]


def test_a_killed_worker_does_not_lose_its_task(pool: WorkerPool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    lost_before = pool.statistics().workers_lost
    future = pool.submit(hold_until, gate)
    pids = gate.with_suffix(".pids")
    wait_until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    victim = int(pids.read_text())
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: pids.read_text().count("\n") == 2)
    gate.touch()
    assert future.result() == int(pids.read_text().split()[1]) != victim
    assert pool.statistics().workers_lost == lost_before + 1


def test_a_task_that_kills_its_workers_fails_by_name(capfd: pytest.CaptureFixture[str]) -> None:
    with WorkerPool(1, max_attempts=2) as pool:
        deadly = pool.submit(die, "unit 7")
        harmless = pool.submit(str, 1)
        with pytest.raises(WorkerLostError, match=r"task die lost its worker 2 times; the last one died with: .*actor"):
            deadly.result()
        assert harmless.result() == "1"
    assert capfd.readouterr() == ("", "")


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
    class Stubborn(Exception):
        def __reduce__(self) -> str:
            raise TypeError("not me")

    def misbehave() -> None:
        raise Stubborn("no way home")

    def lock() -> object:
        return threading.Lock()

    with pytest.raises(RemoteError, match="Stubborn: no way home"):
        pool.submit(misbehave).result()
    with pytest.raises(TypeError, match="cannot pickle"):
        pool.submit(lock).result()
    with pytest.raises(TypeError, match=r"(?s)lock"):
        pool.submit(str, threading.Lock()).result()
    with pytest.raises(RemoteError, match="SystemExit: 3"):
        pool.submit(exit, 3).result()
    assert pool.submit(str, 5).result() == "5"


def test_a_shared_function_travels_once_when_it_is_large(pool: WorkerPool) -> None:
    table = bytes(2 * INLINE_BYTES)

    def lookup(index: int) -> int:
        return table[index]

    shared = pool.share(lookup)
    assert isinstance(shared.reference, ray.ObjectRef)
    assert pool.submit(shared, 3).result() == 0
    assert pool.share(die).reference is die


def test_a_worker_that_takes_too_long_is_ended(pool: WorkerPool) -> None:
    endless = pool.share(time.sleep, max_attempts=1, time_limit_s=0.5)
    with pytest.raises(WorkerLostError, match="lost its worker once") as caught:
        pool.submit(endless, 600).result(timeout=60)
    assert caught.value.timed_out
    assert pool.submit(str, 6).result(timeout=60) == "6"


def test_lending_frees_cpus_after_the_running_tasks(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with WorkerPool(2) as pool:
        running = pool.submit(hold_until, gate)
        wait_until(gate.with_suffix(".pids").exists)
        wait_until(lambda: all(place.is_filled for place in pool._places))
        free_before = ray.available_resources().get("CPU", 0)
        threading.Timer(0.3, gate.touch).start()
        with pool.lend(2):
            assert running.done()
            queued = pool.submit(str, "later")
            wait_until(lambda: ray.available_resources().get("CPU", 0) == free_before + 2)
            assert not queued.done()
        assert queued.result() == "later"
        with pool.lend(1):
            assert pool.submit(str, "meanwhile").result() == "meanwhile"


def test_borrowers_wait_for_each_other() -> None:
    lent: list[int] = []
    most: list[int] = []

    def borrow() -> None:
        with pool.lend(2):
            lent.append(2)
            most.append(sum(lent))
            time.sleep(0.05)
            lent.remove(2)

    with WorkerPool(2) as pool:
        threads = [threading.Thread(target=borrow) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert most == [2, 2]
        assert pool.submit(str, 1).result() == "1"


def test_closing_cancels_at_once(tmp_path: Path) -> None:
    pool = WorkerPool(1)
    running = pool.submit(hold_until, tmp_path / "never")
    queued = pool.submit(str, 1)
    wait_until((tmp_path / "never.pids").exists)
    start = time.monotonic()
    pool.close()
    assert time.monotonic() - start < 5
    with pytest.raises(CancelledError):
        running.result(timeout=0)
    with pytest.raises(CancelledError):
        queued.result(timeout=0)
    with pytest.raises(RuntimeError, match=r"submit\(\) needs an open pool, and this one is closed"):
        pool.submit(str, 1)
    pid = int((tmp_path / "never.pids").read_text())
    wait_until(lambda: not Path(f"/proc/{pid}").exists() if Path("/proc").is_dir() else True)


def test_ctrl_c_ends_running_tasks_and_a_normal_exit_waits_for_them(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), WorkerPool(1) as pool:  # noqa: PT012
        interrupted = pool.submit(hold_until, tmp_path / "never")
        wait_until((tmp_path / "never.pids").exists)
        raise KeyboardInterrupt
    with pytest.raises(CancelledError):
        interrupted.result(timeout=0)

    with WorkerPool(1) as pool:
        futures = [pool.submit(time.sleep, 0.05) for _ in range(5)]
    assert wait(futures, timeout=0).not_done == set()


def test_a_cancelled_future_is_skipped(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with WorkerPool(1) as pool:
        pool.submit(hold_until, gate)
        wait_until(gate.with_suffix(".pids").exists)
        unwanted, wanted = pool.submit((tmp_path / "trace").touch), pool.submit(str, 1)
        assert unwanted.cancel()
        gate.touch()
        assert wanted.result() == "1"
    assert not (tmp_path / "trace").exists()


def test_workers_that_cannot_start_fail_all_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = threading.Event()

    def refuse(place: WorkerPlace, give_up: Callable[[], bool]) -> None:
        ready.wait(timeout=20)
        raise RuntimeError("no worker starts, 3 attempts failed: no such interpreter")

    monkeypatch.setattr(WorkerPlace, "fill", refuse)
    with WorkerPool(1) as pool:
        future = pool.submit(str, 1)
        ready.set()
        with pytest.raises(RuntimeError, match="no worker starts, 3 attempts failed: no such interpreter"):
            future.result(timeout=20)
        with pytest.raises(RuntimeError, match=r"submit\(\) needs an open pool") as caught:
            pool.submit(str, 2)
    assert "no worker starts" in str(caught.value.__cause__)


def test_statistics_tell_the_share_of_useful_time() -> None:
    with WorkerPool(1) as pool:
        pool.submit(str, 0).result()
        for _ in range(3):
            pool.submit(time.sleep, 0.1).result()
    statistics = pool.statistics()
    assert statistics.tasks_done == 4
    assert statistics.busy_seconds[0] == pytest.approx(0.3, abs=0.1)
    assert 0.3 < statistics.utilisation <= 1


def test_numbers_out_of_range() -> None:
    with pytest.raises(ValueError, match="workers must be 1 to 4, the CPUs that Ray offers, got 5"):
        WorkerPool(5)
    with pytest.raises(ValueError, match="max_attempts must be at least 1, got 0"):
        WorkerPool(1, max_attempts=0)
    with (
        WorkerPool(1) as pool,
        pytest.raises(ValueError, match="cpus must be 1 to 1, the workers of this pool, got 2"),
        pool.lend(2),
    ):
        pytest.fail("lent more than there is")


def test_a_pool_follows_a_cluster_that_grows_and_shrinks(tmp_path: Path) -> None:
    with WorkerPool(1) as growing:
        gate = tmp_path / "gate"
        growing.fit(2)
        assert growing.workers == 2
        futures = [growing.submit(hold_until, gate) for _ in range(2)]
        pids = gate.with_suffix(".pids")
        wait_until(lambda: pids.is_file() and len(pids.read_text().split()) == 2)
        growing.fit(1)
        gate.touch()
        assert len({future.result() for future in futures}) == 2
        assert len(growing.statistics().up_seconds) == 2  # nobody who lives is ended
        with pytest.raises(WorkerLostError):
            growing.submit(die, "once").result()
        assert growing.submit(os.getpid).result() != os.getpid()
        wait_until(lambda: sum(not place.is_filled for place in growing._left) == 1)
        assert growing.workers == 1
        assert growing.statistics().tasks_done == 3


def test_a_borrower_gets_other_places_when_the_cluster_has_shrunk(pool: WorkerPool) -> None:
    with pool.lend(1):
        wait_until(lambda: ray.available_resources().get("CPU", 0) == 3, seconds=120)
        pool.fit(1)  # as after a node went, which may be the one whose CPU was lent
        wait_until(lambda: ray.available_resources().get("CPU", 0) == 4, seconds=120)
    assert pool.submit(str, 1).result(timeout=60) == "1"
    assert pool.workers == 1
    pool.fit(2)
