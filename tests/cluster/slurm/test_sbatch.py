"""How a job is sent, and sent once, however busy Slurm is."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_slurm import FakeSlurm

from cluster.slurm.controller import SlurmError
from cluster.slurm.sbatch import JobRequest, send

BUSY = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
REFUSED = "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified"


@pytest.fixture
def request_(tmp_path: Path) -> JobRequest:
    return JobRequest("run-1", tmp_path / "slurm" / "%j", minutes=10, nodes=1, cpus_per_node=1)


def test_a_failing_sbatch_is_called_again_and_no_job_is_doubled(fake_slurm: FakeSlurm, request_: JobRequest) -> None:
    fake_slurm.refuse("sbatch", BUSY, times=2)
    pauses: list[float] = []
    assert send(request_, print, "hello", pause=pauses.append) == "17"
    assert pauses == [2, 4]
    # Before it is sent again, a job that a call made without saying so is looked for.
    assert fake_slurm.called() == ["sbatch", "squeue", "sbatch", "squeue", "sbatch"]


def test_a_job_that_a_failed_call_made_is_cancelled_before_the_next(
    fake_slurm: FakeSlurm, request_: JobRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.slurm.sbatch.uuid.uuid4", lambda: type("Mark", (), {"hex": "mark-16"}))
    fake_slurm.refuse("sbatch", BUSY, times=1)
    fake_slurm.jobs(("16", "run-1", "PENDING"), ("9", "run-1", "RUNNING node1"))
    send(request_, print, pause=lambda seconds: None)
    assert "scancel 16" in fake_slurm.calls


def test_a_refusal_is_passed_on_in_slurms_words_at_once(fake_slurm: FakeSlurm, request_: JobRequest) -> None:
    fake_slurm.refuse("sbatch", REFUSED)
    with pytest.raises(SlurmError) as caught:
        send(request_, print, pause=lambda seconds: None)
    assert str(caught.value) == f"`sbatch` failed: {REFUSED}"
    assert fake_slurm.called() == ["sbatch"]


def test_jobs_do_not_inherit_the_job_they_are_sent_from(
    fake_slurm: FakeSlurm, request_: JobRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_slurm.script("sbatch", f"env | grep -c ^SLURM_ > {tmp_path}/variables\necho Submitted batch job 1\n")
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "100")
    send(request_, print)
    assert (tmp_path / "variables").read_text().strip() == "0"
