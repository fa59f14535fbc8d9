"""Tests of the lab leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_jobs_left(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "slurm_lab" in request.fixturenames:
        request.getfixturevalue("slurm_lab").clear()
