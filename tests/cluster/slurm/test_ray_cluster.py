"""How processes come to run on other nodes of a job; whole clusters are tested on a real Slurm."""

from __future__ import annotations

import pytest

from cluster.slurm.batch_job import LAUNCHER_VARIABLE
from cluster.slurm.ray_cluster import step_on


def test_a_step_runs_in_the_container_of_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LAUNCHER_VARIABLE, raising=False)
    plain = step_on("node2", 4)
    assert plain[0] == "srun"
    assert "--nodelist=node2" in plain
    monkeypatch.setenv(LAUNCHER_VARIABLE, "apptainer exec --bind '/a b' image.sif")
    assert step_on("node2", 4) == [*plain, "apptainer", "exec", "--bind", "/a b", "image.sif"]
