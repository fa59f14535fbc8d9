"""What a run hears of its cluster, from a backend that stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign.spec.profile import InProcessProfile, LocalProfile, SlurmProfile
from campaign.work import resources as module
from campaign.work.backend import Backend
from campaign.work.resources import Resources
from cluster.train.outcome import TrainingError


class ComingAndGoing(Backend):
    """A Ray of two CPUs, which has another number of them at every look; None when it does not answer."""

    cpus = 2

    def __init__(self, *present: int | None) -> None:
        self._present: Iterator[int | None] = iter(present)

    def make_pool(self, workers: int) -> Any:
        raise NotImplementedError

    def train(self, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError

    def tune(self, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError

    def present_cpus(self) -> int | None:
        return next(self._present)

    def close(self) -> None:
        pass


def test_a_change_of_nodes_is_told_once_with_the_workers_that_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = (2, 4, 4, None, 4, 1)
    ray, started, changed = ComingAndGoing(*looks), [], []
    resources = Resources(
        LocalProfile(kind="local", workers=3),
        on_start=lambda backend, workers: started.append((backend, workers)),
        on_change=lambda cpus, workers: changed.append((cpus, workers)),
    )
    resources.fit_pool()  # nothing has been started
    monkeypatch.setattr(module, "backend_of", lambda *arguments: ray)
    assert resources.backend is resources.backend is ray
    assert started == [(ray, 2)]
    for _ in looks:
        resources.fit_pool()
    assert changed == [(4, 3), (1, 1)]  # the profile wants three workers at most


@pytest.fixture
def in_process() -> Iterator[Resources]:
    resources = Resources(InProcessProfile(kind="in-process"))
    yield resources
    resources.close()


def train(resources: Resources, folder: Path, loop: Callable[[Any, Any], None], workers: int = 1) -> Any:
    options: dict[str, Any] = {"on_report": lambda metrics: None, "stop": resources.stop.is_set}
    options |= {"pool": resources.pool, "storage": folder, "name": "training"}
    return resources.backend.train(loop, {"steps": 3}, workers=workers, **options)


def test_in_process_there_is_one_worker_and_one_rank(in_process: Resources, tmp_path: Path) -> None:
    def loop(config: dict[str, int], session: Any) -> None:
        session.report({"step": config["steps"]}, None)

    assert in_process.pool.workers == 1
    assert in_process.pool.submit(str, 7).result() == "7"
    assert train(in_process, tmp_path, loop).metrics == {"step": 3}
    expected = r"asks for 2 data-parallel workers, .* kind in-process has one; write workers: 1 in the spec, or"
    with pytest.raises(ValueError, match=expected):
        train(in_process, tmp_path, loop, workers=2)
    with pytest.raises(TrainingError, match="training 'training' failed: rank 0: KeyError: 'no'"):
        train(in_process, tmp_path, lambda config, session: config["no"])


def test_slurm_has_workers_in_its_jobs_alone() -> None:
    resources = Resources(SlurmProfile(kind="slurm", cpus_per_node=2, time_limit=60))
    with pytest.raises(ValueError, match="a profile of kind slurm is for campaigns that are submitted; here use one"):
        _ = resources.pool
