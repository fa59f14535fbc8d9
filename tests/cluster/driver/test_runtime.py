"""Starting, joining and leaving Ray."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.driver import runtime
from cluster.driver.errors import RemoteTracebackError
from cluster.driver.ray_errors import original_error
from cluster.node.command import SINGLE_THREAD

PROJECT = Path(__file__).parents[3]
# A driver of its own, whose Ray outlives the thread that starts it; prints one line of JSON and nothing else.
LOCAL_DRIVER = """
import json, threading, urllib.request
import ray
from cluster.driver import runtime
made = []
thread = threading.Thread(target=lambda: made.append(runtime.start(cpus=1, dashboard={dashboard})))
thread.start()
thread.join()
with made[0] as started:
    folder = started.token_file.parent
    answer = ray.get(ray.remote(lambda: 6 * 7).remote(), timeout=60)
    pages = []
    if started.dashboard_url:
        pages.append(urllib.request.urlopen(started.dashboard_url, timeout=30).status)
print(json.dumps([started.address, answer, pages, folder.exists()]))
"""

JOINING_DRIVER = """
import json, os
import ray
from cluster.driver import runtime
def probe():
    import cluster
    return os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]
with runtime.join({address!r}) as joined:
    print(json.dumps([joined.address, joined.cpus, ray.get(ray.remote(probe).remote())]))
"""


def _start_driver(script: str, folder: Path = PROJECT) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _answer(driver: subprocess.Popen[str]) -> list[object]:
    stdout, stderr = driver.communicate(timeout=120)
    assert driver.returncode == 0, stderr
    assert stderr == ""
    assert stdout.count("\n") == 1
    return list(json.loads(stdout))


@pytest.mark.ray
def test_two_processes_each_have_a_quiet_ray_of_their_own() -> None:
    first = _start_driver(LOCAL_DRIVER.format(dashboard=True))
    second = _start_driver(LOCAL_DRIVER.format(dashboard=False))
    first_address, first_result, first_pages, first_folder_stays = _answer(first)
    second_address, second_result, second_pages, second_folder_stays = _answer(second)
    assert first_address != second_address
    assert first_result == second_result == 42
    assert first_pages == [200]
    assert second_pages == []
    assert not first_folder_stays
    assert not second_folder_stays


@pytest.mark.ray
def test_a_driver_that_joins_leaves_the_cluster_alive(ray_runtime: runtime.RayRuntime) -> None:
    import ray

    address, cpus, environment = _answer(_start_driver(JOINING_DRIVER.format(address=ray_runtime.address)))
    assert address == ray_runtime.address
    assert cpus == ray_runtime.cpus == 4
    assert environment == ["1", "1"]
    assert ray.get(ray.remote(lambda: "alive").remote(), timeout=60) == "alive"


@pytest.mark.ray
def test_a_process_has_one_ray(ray_runtime: runtime.RayRuntime) -> None:
    with pytest.raises(RuntimeError, match="this process already runs Ray, and can run one only; close it first"):
        runtime.start()


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_a_remote_exception_comes_back_as_itself() -> None:
    import ray

    def fail() -> None:
        raise FileNotFoundError(2, "no such material", "index.csv")

    with pytest.raises(ray.exceptions.RayTaskError) as caught:
        ray.get(ray.remote(fail).remote())
    error = original_error(caught.value)
    assert type(error) is FileNotFoundError
    assert error.filename == "index.csv"
    assert isinstance(error.__cause__, RemoteTracebackError)
    assert "in fail" in str(error.__cause__)


def test_workers_have_one_thread_and_find_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    environment = runtime.worker_runtime()["env_vars"]
    assert {environment[name] for name in SINGLE_THREAD} == {"1"}
    assert environment["PYTHONPATH"] == f"{Path(runtime.__file__).parents[2]}:/elsewhere"


SHADOWED = ("numpy", "sympy", "skimage", "cmath")
DRIVER_BESIDE_ODD_MODULES = """
import ray
from cluster.driver import runtime

@ray.remote
def imported():
    import importlib
    return [importlib.import_module(name).__name__ for name in {names}]

with runtime.start(cpus=1):
    print(" ".join(ray.get(imported.remote())))
"""


@pytest.mark.ray
def test_workers_import_nothing_from_the_working_folder(tmp_path: Path) -> None:
    for name in SHADOWED:
        (tmp_path / f"{name}.py").write_text("raise ImportError('this is the user's own')")
    driver = _start_driver(DRIVER_BESIDE_ODD_MODULES.format(names=SHADOWED), tmp_path)
    stdout, stderr = driver.communicate(timeout=300)
    assert stdout.split() == list(SHADOWED), stderr


@pytest.mark.long
def test_a_cluster_that_is_not_there_is_told() -> None:
    told = "no Ray answers at 127.0.0.1:1; start it there with `ray start --head`, or correct the address"
    driver = _start_driver("from cluster.driver import runtime; runtime.join('127.0.0.1:1')")
    _, errors = driver.communicate(timeout=120)
    assert errors.rstrip().endswith(f"ConnectionError: {told}")
