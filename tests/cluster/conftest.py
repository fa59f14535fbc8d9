"""One local Ray for all tests of a file: starting one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def ray_runtime() -> Iterator[object]:
    """A Ray with four CPUs (tasks here mostly sleep), shared by the tests of a file; nobody may close it."""
    from cluster.driver import runtime

    with runtime.start(cpus=4) as started:
        yield started


@pytest.fixture(scope="module", autouse=True)
def _ship_test_functions(request: pytest.FixtureRequest) -> None:
    """Pickle functions of a test module by value, since workers cannot import the module."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(request.module)
