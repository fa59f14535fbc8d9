"""Slurm's commands asked patiently: what is retried, how seldom the queue is read, and how a job is sent once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.slurm import controller
from cluster.slurm.controller import JobState, QueueWatch, SlurmError, call, is_hopeless, jobs_named, patiently
from cluster.slurm.sbatch import JobRequest, send
from cluster.slurm.worker_jobs import WorkerJobs

SBATCH = """#!/bin/bash
echo "sbatch $*" >> calls
tried=$(grep -c sbatch calls)
if [ "$tried" -le {failures} ]; then echo "{complaint}" >&2; exit 1; fi
echo "Submitted batch job 17"
"""
SQUEUE = """#!/bin/bash
echo "squeue $*" >> calls
{}
"""
SCANCEL = '#!/bin/bash\necho "scancel $*" >> calls\n'
BUSY = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
REFUSED = "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified"


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of commands that note how they were called in the file ``calls`` there."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    install(tmp_path, "squeue", SQUEUE.format(""))
    install(tmp_path, "scancel", SCANCEL)
    return tmp_path


def install(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.is_file() else []


def request(folder: Path) -> JobRequest:
    return JobRequest("run-1", folder / "slurm" / "%j", minutes=10, nodes=1, cpus_per_node=1)


def test_busy_is_retried_and_a_refusal_is_not() -> None:
    assert not is_hopeless(SlurmError(["sbatch"], BUSY))
    assert not is_hopeless(SlurmError(["squeue"], "slurm_load_jobs error: Unable to contact slurm controller"))
    assert not is_hopeless(SlurmError(["sbatch"], "something that nobody has seen before"))
    assert is_hopeless(SlurmError(["sbatch"], REFUSED))
    assert is_hopeless(
        SlurmError(["sbatch"], "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy")
    )


def test_pauses_grow_and_patience_ends() -> None:
    pauses: list[float] = []

    def ask() -> str:
        raise SlurmError(["squeue"], "timed out")

    with pytest.raises(SlurmError, match="`squeue` failed: timed out"):
        patiently(ask, "squeue", pauses.append)
    assert pauses == [2, 4, 8, 16, 32]


def test_a_failing_sbatch_is_asked_again_and_no_job_is_doubled(commands: Path) -> None:
    install(commands, "sbatch", SBATCH.format(failures=2, complaint=BUSY))
    pauses: list[float] = []
    assert send(request(commands), print, "hello", pause=pauses.append) == "17"
    assert pauses == [2, 4]
    # Before it is sent again, a job that a call made without saying so is looked for.
    assert calls(commands) == ["sbatch", "squeue", "sbatch", "squeue", "sbatch"]


def test_a_job_that_a_failed_call_made_is_cancelled_before_the_next(
    commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.slurm.sbatch.uuid.uuid4", lambda: type("Mark", (), {"hex": "mark"}))
    install(commands, "sbatch", SBATCH.format(failures=1, complaint=BUSY))
    install(commands, "squeue", SQUEUE.format("echo '16|run-1|PENDING|None|mark'; echo '9|run-1|RUNNING|None|other'"))
    send(request(commands), print, pause=lambda seconds: None)
    assert "scancel 16" in (commands / "calls").read_text().splitlines()


def test_a_refusal_is_told_in_slurms_words_at_once(commands: Path) -> None:
    install(commands, "sbatch", SBATCH.format(failures=9, complaint=REFUSED))
    with pytest.raises(SlurmError) as caught:
        send(request(commands), print, pause=lambda seconds: None)
    assert str(caught.value) == f"`sbatch` failed: {REFUSED}"
    assert calls(commands) == ["sbatch"]


def test_jobs_do_not_inherit_the_job_they_are_sent_from(commands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(commands, "sbatch", "#!/bin/bash\nenv | grep -c ^SLURM_ > variables\necho Submitted batch job 1\n")
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "100")
    send(request(commands), print)
    assert (commands / "variables").read_text().strip() == "0"


def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(SlurmError, match="`sinfo-of-nowhere` failed: there is no such command on this machine"):
        call("sinfo-of-nowhere")


def test_the_queue_is_read_once_in_half_a_minute_for_all_jobs(commands: Path) -> None:
    install(commands, "squeue", SQUEUE.format("echo '1|a|RUNNING|None|x'; echo '2|a-worker|PENDING|Priority|y'"))
    now = 0.0
    watch = QueueWatch("a,a-worker", clock=lambda: now)
    seen = []
    for second in range(91):
        now = float(second)
        if (jobs := watch.look()) is not None:
            seen.append(jobs)
    driver, lent = JobState("1", "a", "RUNNING", "None", "x"), JobState("2", "a-worker", "PENDING", "Priority", "y")
    assert seen == [[driver, lent]] * 4
    assert calls(commands) == ["squeue"] * 4


def test_a_busy_controller_is_read_less_and_less_often(commands: Path) -> None:
    install(commands, "squeue", SQUEUE.format("echo busy >&2; exit 1"))
    now = 0.0
    watch = QueueWatch("a", clock=lambda: now)
    asked = []
    for second in range(0, 1300, 30):
        now, before = float(second), len(calls(commands))
        assert watch.look() is None
        asked += [second] * (len(calls(commands)) - before)
    assert asked == [0, 60, 180, 420, 720, 1020]


def test_worker_jobs_are_sent_as_one_array_and_cancelled_alone(commands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.slurm.worker_jobs.WAKE_SECONDS", 0.01)
    install(commands, "sbatch", SBATCH.format(failures=0, complaint=""))
    listing = "echo '5|run-1|RUNNING|None|d'; [ -e sent ] && echo '17|run-1-worker|PENDING|None|w'; touch sent"
    install(commands, "squeue", SQUEUE.format(listing))
    worker: Any = request(commands)
    worker = JobRequest("run-1-worker", worker.folder, minutes=10, nodes=1, cpus_per_node=1)
    with WorkerJobs(QueueWatch("run-1,run-1-worker"), worker, 3, print):
        while "sbatch" not in calls(commands):
            pass
    text = (commands / "calls").read_text()
    assert text.count("sbatch ") == 1
    (script,) = (commands / "slurm").glob("*/*_submission.sh")
    assert "--array=0-2%3" in script.read_text()
    assert [line for line in text.splitlines() if line.startswith("scancel")] == ["scancel 17"]


def test_ended_jobs_are_not_alive(commands: Path) -> None:
    install(commands, "squeue", SQUEUE.format("echo '1|a|COMPLETED|None|x'; echo '2|a|CONFIGURING|None|y'"))
    assert [job.is_alive for job in jobs_named("a")] == [False, True]
    controller.cancel([])
    assert "scancel" not in calls(commands)
