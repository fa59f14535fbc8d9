"""Jobs that lend a node each: as many as there should be, and none afterwards."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fake_slurm import FakeSlurm

from cluster.slurm.controller import QueueWatch
from cluster.slurm.sbatch import JobRequest
from cluster.slurm.worker_jobs import WorkerJobs


def test_worker_jobs_are_sent_as_one_array_and_cancelled_alone(
    fake_slurm: FakeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.slurm.worker_jobs.WAKE_SECONDS", 0.01)
    fake_slurm.answer("sbatch", "Submitted batch job 17")
    sent = tmp_path / "sent"
    fake_slurm.script(
        "squeue",
        "echo '5|run-1|RUNNING|None|node1|N/A|d'\n"
        f"[ -e {sent} ] && echo '17|run-1-worker|PENDING|None||N/A|w'; touch {sent}\n",
    )
    worker = JobRequest("run-1-worker", tmp_path / "slurm" / "%j", minutes=10, nodes=1, cpus_per_node=1)
    deadline = time.monotonic() + 60
    with WorkerJobs(QueueWatch("run-1,run-1-worker"), worker, 3, print):
        while "sbatch" not in fake_slurm.called():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert fake_slurm.called().count("sbatch") == 1
    (script,) = (tmp_path / "slurm").glob("*/*_submission.sh")
    assert "--array=0-2%3" in script.read_text()
    assert [call for call in fake_slurm.calls if call.startswith("scancel")] == ["scancel 17"]
