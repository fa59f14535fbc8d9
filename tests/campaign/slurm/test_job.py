"""A campaign as jobs of a real Slurm: disturbed in every way, and the same numbers as on a laptop."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slurm, pytest.mark.ray, pytest.mark.heavy(3), pytest.mark.timeout(1800)]
STEPS = 120  # of the GAN's training in tiny.yaml


def test_a_job_that_is_told_to_end_goes_on_in_the_next_with_the_same_numbers(
    slurm_run: Any, laptop: list[dict[str, str]]
) -> None:
    job = slurm_run.submit()
    slurm_run.wait_for("generator", done=20)
    slurm_run.wait_to_show("running", f"job {job} runs on node[1-2]")
    slurm_run.lab.run("scancel", "--batch", "--signal=USR2", job)
    slurm_run.wait_to_show("queued", f"job {job} was requeued and waits until ")
    slurm_run.wait_for_end()
    assert slurm_run.table() == laptop
    assert slurm_run.status.cpus == 4  # two nodes of two, when the second one had joined

    # The training stopped between two checkpoints and went on at the step where it was.
    (left, done) = [event["state"] for event in slurm_run.events("run-ended")]
    assert (left, done) == ("queued", "done")
    stops = [event for event in slurm_run.events("progress") if event["stage"] == "generator"]
    second_start = slurm_run.events("run-started")[1]["time"]
    last_before = max(event["done"] for event in stops if event["time"] < second_start)
    first_after = min(event["done"] for event in stops if event["time"] > second_start)
    assert last_before < STEPS
    assert first_after > last_before
    shown = slurm_run.lab.run("scontrol", "show", "job", job).stdout
    assert "Restarts=1" in shown  # the same job, put back into the queue by itself
    assert json.loads(slurm_run.campaign("status", str(slurm_run.folder), "--json").stdout)


@pytest.mark.slow
def test_a_time_limit_without_requeue_chains_jobs_until_the_campaign_is_done(
    slurm_run: Any, longer: tuple[Path, list[dict[str, str]]]
) -> None:
    spec, expected = longer
    slurm_run.submit(spec, time_limit=2, end_seconds=60, requeue=False)
    slurm_run.wait_for_end()
    assert slurm_run.table() == expected
    ends = [event["state"] for event in slurm_run.events("run-ended")]
    assert ends[-1] == "done"
    assert set(ends[:-1]) == {"queued"}  # the time of one job is not enough
    jobs = [path.name for path in (slurm_run.folder / "slurm").iterdir() if path.name.isdecimal()]
    assert len(jobs) == len(ends)
    states = slurm_run.lab.job_states(*jobs)
    assert set(states.values()) <= {"COMPLETED", "COMPLETING", "RUNNING"}  # and none ran into its limit


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["first", "second"])
def test_a_power_cut_of_a_node_changes_no_number(slurm_run: Any, laptop: list[dict[str, str]], victim: str) -> None:
    job = slurm_run.submit()
    slurm_run.wait_for("generator", done=60)  # past the first checkpoint
    shown = slurm_run.lab.run("squeue", "--noheader", f"--jobs={job}", "--format=%B").stdout.strip()
    listed = slurm_run.lab.run("squeue", "--noheader", f"--jobs={job}", "--format=%N").stdout.strip()
    nodes = slurm_run.lab.run("scontrol", "show", "hostnames", listed).stdout.split()
    node = shown if victim == "first" else next(name for name in nodes if name != shown)
    slurm_run.lab.power_cut(node)
    slurm_run.wait_to_show("queued", f"job {job} was requeued and waits")
    assert f"{node}, which it ran on, is down" in slurm_run.shown()[1]
    slurm_run.wait_for_end()
    assert slurm_run.table() == laptop


@pytest.mark.slow
def test_scancel_is_the_end_until_somebody_submits_again(slurm_run: Any, laptop: list[dict[str, str]]) -> None:
    job = slurm_run.submit()
    slurm_run.wait_for("labels/data-ii", done=6)
    slurm_run.lab.run("scancel", job)
    deadline = time.monotonic() + 120
    while slurm_run.lab.job_states(job)[job] != "CANCELLED":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    time.sleep(5)  # nothing brings it back
    assert slurm_run.lab.job_states(job)[job] == "CANCELLED"
    again = slurm_run.submit()
    assert again != job
    slurm_run.wait_for_end()
    assert slurm_run.table() == laptop


@pytest.mark.slow
def test_a_preempted_job_comes_back_and_finishes(slurm_run: Any, laptop: list[dict[str, str]]) -> None:
    job = slurm_run.submit(nodes=3, cpus_per_node=4)
    slurm_run.wait_for("generator", done=60)
    urgent = ("sbatch", "--parsable", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 5")
    slurm_run.lab.run(*urgent, cwd=slurm_run.runs.parent)
    slurm_run.wait_for_end()
    assert slurm_run.table() == laptop
    assert "Restarts=1" in slurm_run.lab.run("scontrol", "show", "job", job).stdout


@pytest.mark.slow
def test_small_jobs_join_when_the_queue_lets_them_and_end_with_the_campaign(
    slurm_run: Any, laptop: list[dict[str, str]]
) -> None:
    slurm_run.submit(nodes=1, worker_jobs={"count": 3, "time_limit": 20})
    slurm_run.wait_for("generator", done=20)
    deadline = time.monotonic() + 300
    while slurm_run.worker_jobs_joined() < 2:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    slurm_run.wait_for_end()
    assert slurm_run.table() == laptop
    deadline = time.monotonic() + 60  # they are told after the run's last word
    while "worker" in (queue := slurm_run.lab.run("squeue", "--noheader", "--format=%j %T").stdout):
        assert time.monotonic() < deadline, queue
        time.sleep(0.5)


@pytest.mark.slow
def test_small_jobs_leave_when_their_time_ends_and_others_follow(
    slurm_run: Any, longer: tuple[Path, list[dict[str, str]]]
) -> None:
    spec, expected = longer
    slurm_run.submit(spec, nodes=1, worker_jobs={"count": 2, "time_limit": 1}, end_seconds=20)
    slurm_run.wait_for_end()
    assert slurm_run.table() == expected
    assert slurm_run.worker_jobs_joined() > 2
    assert [event["state"] for event in slurm_run.events("run-ended")] == ["done"]


@pytest.mark.slow
def test_cancel_ends_all_jobs_of_a_run_and_nothing_else(slurm_run: Any) -> None:
    other = slurm_run.lab.run(
        "sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 600", cwd=slurm_run.runs.parent
    ).stdout.strip()
    job = slurm_run.submit(nodes=1, worker_jobs={"count": 2, "time_limit": 20})
    slurm_run.wait_for("generator", done=20)
    said = slurm_run.campaign("cancel", str(slurm_run.folder))
    assert "is cancelled" in said.stdout
    deadline = time.monotonic() + 120
    while True:
        states = slurm_run.lab.job_states()
        alive = [each for each, state in states.items() if state in {"PENDING", "RUNNING", "COMPLETING"}]
        if alive == [other]:
            break
        assert time.monotonic() < deadline, states
        time.sleep(0.5)
    assert job not in alive


@pytest.mark.slow
def test_a_queued_run_is_cancelled_before_it_starts(slurm_run: Any) -> None:
    blocker = slurm_run.lab.run(
        "sbatch", "--parsable", "--nodes=3", "--exclusive", "--output=/dev/null", "--wrap=sleep 600",
        cwd=slurm_run.runs.parent,
    ).stdout.strip()  # fmt: skip
    job = slurm_run.submit()
    assert slurm_run.submit() == job  # and not a second one
    slurm_run.wait_to_show("queued", f"job {job} waits for nodes to become free")
    slurm_run.lab.run("scontrol", "hold", job)
    slurm_run.wait_to_show("queued", f"job {job} is held (JobHeld")
    said = slurm_run.campaign("cancel", str(slurm_run.folder)).stdout
    assert job in said
    assert slurm_run.status.state == "cancelled"
    states = slurm_run.lab.job_states(job, blocker)
    assert states[job] == "CANCELLED"
    assert states[blocker] in {"RUNNING", "PENDING"}


@pytest.mark.slow
def test_a_controller_that_does_not_answer_for_a_while_costs_time_and_nothing_else(slurm_run: Any) -> None:
    with slurm_run.lab.frozen_controller():
        answers: list[str] = []
        sending = threading.Thread(target=lambda: answers.append(slurm_run.submit()))
        sending.start()
        sending.join(timeout=25)
        assert sending.is_alive()  # patient
    sending.join(timeout=300)
    assert len(answers) == 1
    alive = [state for state in slurm_run.lab.job_states().values() if state in {"PENDING", "RUNNING"}]
    assert len(alive) == 1
