"""What a run hears of its cluster, from a Ray that stands in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaign.spec.profile import LocalProfile
from campaign.work.resources import Resources


class ComingAndGoing:
    """A Ray of two CPUs, which has another number of them at every look; None when it does not answer."""

    cpus = 2

    def __init__(self, *present: int | None) -> None:
        self._present: Iterator[int | None] = iter(present)

    def present_cpus(self) -> int | None:
        return next(self._present)


def test_a_change_of_nodes_is_told_once_with_the_workers_that_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = (2, 4, 4, None, 4, 1)
    ray, started, changed = ComingAndGoing(*looks), [], []
    resources = Resources(
        LocalProfile(kind="local", workers=3),
        1,
        on_start=lambda runtime, workers: started.append((runtime, workers)),
        on_change=lambda cpus, workers: changed.append((cpus, workers)),
    )
    resources.fit_pool()  # nothing has been started
    monkeypatch.setattr(resources, "_begun", lambda profile: ray)
    assert resources.runtime is resources.runtime is ray
    assert started == [(ray, 2)]
    for _ in looks:
        resources.fit_pool()
    assert changed == [(4, 3), (1, 1)]  # the profile wants three workers at most
