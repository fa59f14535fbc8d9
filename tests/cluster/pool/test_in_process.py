"""What only workers have that are threads: they are ended from within, and share the settings of the process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from cluster.driver.errors import WorkerLostError
from cluster.pool.in_process import InProcessPool

PROJECT = Path(__file__).parents[3]
# A process that ends while a worker is amid torch's gradients, which no interpreter may tear down.
ENDING = """
import sys, threading
import torch
from cluster.pool.in_process import InProcessPool

began = threading.Event()
sys.modules["began"] = began

def work():
    x = torch.randn(60, 60, requires_grad=True)
    while True:
        torch.linalg.eigvals(x @ x.T).abs().sum().backward()
        sys.modules["began"].set()

pool = InProcessPool(1)
pool.submit(work)
began.wait()
pool.close()
sys.exit(130)
"""


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


def spin(folder: Path) -> None:
    (folder / "began").touch()
    try:
        while True:
            pass
    finally:
        (folder / "ended").touch()


def test_a_call_that_is_given_up_ends_at_its_next_instruction(tmp_path: Path) -> None:
    pool = InProcessPool(1)
    pool.submit(spin, tmp_path)
    wait_until((tmp_path / "began").exists)
    pool.close()
    assert (tmp_path / "ended").exists()


def test_so_does_one_that_takes_too_long(tmp_path: Path) -> None:
    with InProcessPool(1) as pool:
        with pytest.raises(WorkerLostError, match=r"the last one died with: it took longer than 0\.05 s"):
            pool.submit(pool.share(spin, max_attempts=1, time_limit_s=0.05), tmp_path).result()
        wait_until(lambda: (tmp_path / "ended").exists() or not (tmp_path / "began").exists())


@pytest.mark.long
def test_a_process_may_end_whatever_its_workers_do() -> None:
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run([sys.executable, "-c", ENDING], env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (130, "")


def test_linear_algebra_has_one_thread_while_a_pool_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    torch_threads = torch.get_num_threads()
    with threadpool_limits(2, user_api="blas"):
        with InProcessPool(1) as pool:
            assert {library["num_threads"] for library in threadpool_info()} == {1}
            assert os.environ["OMP_NUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "1"
            assert pool.submit(torch.get_num_threads).result() == 1
        assert 2 in {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}
    assert "OMP_NUM_THREADS" not in os.environ
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert torch.get_num_threads() == torch_threads
