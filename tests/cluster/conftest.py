"""One local Ray for all tests of this folder that a process runs in a row: starting one takes seconds."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CPUS = 4
_shared: list[Any] = []  # the Ray, once a test has asked for it


@pytest.fixture(scope="module")
def ray_runtime(request: pytest.FixtureRequest) -> object:
    """A Ray with four CPUs (tasks here mostly sleep), the same for many files; nobody may close it.

    A test that ends it all the same costs the next file a start. Functions of the file that asks are pickled by
    value, since workers cannot import it.
    """
    import ray
    from ray import cloudpickle

    from cluster.driver import runtime

    cloudpickle.register_pickle_by_value(request.module)
    if _shared and not ray.is_initialized():
        _shared.pop().close()
    if not _shared:
        _shared.append(runtime.start(cpus=CPUS))
    return _shared[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    """End it after the last test of this folder: others start their own, and a process has one at a time."""
    yield
    if _shared and (nextitem is None or HERE not in nextitem.path.parents):
        _shared.pop().close()
