"""The test cluster itself: what the other tests on Slurm take for granted."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from slurm_lab import SlurmLab
from waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.heavy]  # with every change, a campaign runs on it


def test_job_runs_on_nodes_of_its_own(slurm_lab: SlurmLab, shared_path: Path) -> None:
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="of-the-host-") as ours:
        script = f"hostname; ls {ours.name} 2>/dev/null; pwd; df --output=target /dev/shm | tail -1"
        done = slurm_lab.run("srun", "--nodes=3", "bash", "-c", script, cwd=shared_path)
    assert sorted(done.stdout.split()) == sorted([*slurm_lab.nodes, *[str(shared_path), "/dev/shm"] * 3])


def test_gpus_are_those_of_the_job(slurm_lab: SlurmLab) -> None:
    done = slurm_lab.run("srun", "--gpus-per-node=1", "bash", "-c", "echo $CUDA_VISIBLE_DEVICES")
    assert done.stdout.strip() in {"0", "1"}


def test_accounts_are_checked_and_jobs_are_remembered(slurm_lab: SlurmLab) -> None:
    refused = slurm_lab.run("srun", "--account=nobody", "true", check=False)
    assert "Invalid account" in refused.stderr
    job = slurm_lab.run("sbatch", "--parsable", "--wait", "--output=/dev/null", "--wrap=exit 3", check=False).stdout
    query = ("sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={job.strip()}", "--format=State,ExitCode")
    wait_until(lambda: slurm_lab.run(*query).stdout.strip() == "FAILED|3:0")


def test_power_cut_kills_the_job_and_the_node_comes_back(slurm_lab: SlurmLab, shared_path: Path) -> None:
    script = f"hostname > {shared_path}/began; sleep 300"
    batch = ("sbatch", "--parsable", "--no-requeue", "--output=/dev/null", "--wrap", script)
    job = slurm_lab.run(*batch).stdout.strip()
    wait_until(lambda: (shared_path / "began").is_file() and (shared_path / "began").read_text() != "")
    node = (shared_path / "began").read_text().strip()
    slurm_lab.power_cut(node)
    wait_until(lambda: slurm_lab.job_states(job)[job] == "NODE_FAIL")
    slurm_lab.power_on(node)
    slurm_lab.wait_for_nodes()


def test_two_labs_stand_side_by_side(slurm_lab: SlurmLab) -> None:
    other = SlurmLab(f"{slurm_lab.configuration.name}-b", nodes=1, gpus=0)
    try:
        other.start(with_parent=True)
        assert other.run("srun", "hostname").stdout.split() == ["node1"]
        assert other.configuration.subnet != slurm_lab.configuration.subnet
        assert len(slurm_lab.run("srun", "--nodes=3", "hostname").stdout.split()) == 3
    finally:
        other.stop()
    assert not other.folder.exists()
