"""The jobs of a run: their names, and the scripts that they are sent with."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.slurm.request import job_name, job_names, request_of, worker_request
from campaign.spec.load import load_profile
from campaign.spec.profile import SlurmProfile
from cluster.slurm.sbatch import script_of

GOLDEN = Path(__file__).parent / "golden"
RUN = Path("/shared/runs/table1-0123abcd")
MINIMAL = "kind: slurm\ncpus_per_node: 2\ntime_limit: 1:00:00\n"
EVERYTHING = f"""{MINIMAL}partition: main
account: optics
qos: high
nodes: 2
gpus_per_node: 1
memory_gb_per_node: 4.5
exclusive: true
constraint: a100
modules: [python/3.11, "odd name"]
setup: ["source ~/venv/bin/activate"]
requeue: false
end_seconds: 90
worker_jobs: {{count: 3, time_limit: 30, partition: short}}
"""


@pytest.mark.parametrize(("name", "text"), [("minimal", MINIMAL), ("everything", EVERYTHING), ("worker", EVERYTHING)])
def test_sbatch_scripts_are_the_golden_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr("sys.executable", "/usr/bin/python3")
    profile = load_profile(path)
    assert isinstance(profile, SlurmProfile)
    request = worker_request(profile, RUN) if name == "worker" else request_of(profile, RUN)
    assert script_of(request) == (GOLDEN / f"{name}.sh").read_text(encoding="utf-8")


def test_two_runs_folders_with_the_same_campaign_have_jobs_of_different_names() -> None:
    names = {job_name(Path(folder) / "table1-0123abcd") for folder in ("/shared/runs", "/shared/more")}
    assert len(names) == 2
    assert all(name.startswith("table1-0123abcd-") for name in names)


def test_a_run_is_found_by_the_names_of_all_its_jobs() -> None:
    name = job_name(RUN)
    assert job_names([RUN, Path("/shared/more/a")]).split(",")[:2] == [name, f"{name}-worker"]
