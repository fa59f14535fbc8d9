"""What only a pool on Ray has: processes that are really gone, CPUs that are really free, Ray's own limits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray

from cluster.pool.ray_pool import INLINE_BYTES, RayPlace, RayPool

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_runtime")]


@pytest.fixture(scope="module")
def pool(ray_runtime: object) -> Iterator[RayPool]:
    with RayPool(2) as shared:
        yield shared


def wait_until(condition: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def stay(pid_file: Path) -> None:
    part = pid_file.with_suffix(".part")
    part.write_text(str(os.getpid()))
    part.rename(pid_file)
    time.sleep(600)


def test_a_function_travels_once_when_it_is_large(pool: RayPool) -> None:
    table = bytes(2 * INLINE_BYTES)

    def lookup(index: int) -> int:
        return table[index]

    assert isinstance(pool.share(lookup).reference, ray.ObjectRef)
    assert pool.share(stay).reference is stay


def test_cpus_that_are_lent_are_free_in_ray(pool: RayPool) -> None:
    wait_until(lambda: all(place.is_filled for place in pool._places))
    before = ray.available_resources().get("CPU", 0)
    with pool.lend(2):
        wait_until(lambda: ray.available_resources().get("CPU", 0) == before + 2)


def test_closing_ends_the_processes(tmp_path: Path) -> None:
    pool = RayPool(1)
    pool.submit(stay, tmp_path / "pid")
    wait_until((tmp_path / "pid").exists)
    pid = int((tmp_path / "pid").read_text())
    pool.close()
    wait_until(lambda: not Path(f"/proc/{pid}").exists() if Path("/proc").is_dir() else True)


def test_workers_that_cannot_start_fail_all_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = threading.Event()

    def refuse(place: RayPlace, give_up: Callable[[], bool]) -> None:
        ready.wait(timeout=20)
        raise RuntimeError("no worker starts, 3 attempts failed: no such interpreter")

    monkeypatch.setattr(RayPlace, "fill", refuse)
    with RayPool(1) as pool:
        future = pool.submit(str, 1)
        ready.set()
        with pytest.raises(RuntimeError, match="no worker starts, 3 attempts failed: no such interpreter"):
            future.result(timeout=20)
        with pytest.raises(RuntimeError, match=r"submit\(\) needs an open pool") as caught:
            pool.submit(str, 2)
    assert "no worker starts" in str(caught.value.__cause__)


def test_ray_has_a_cpu_for_every_worker() -> None:
    with pytest.raises(ValueError, match="workers must be 1 to 4, the CPUs that Ray offers, got 5"):
        RayPool(5)
