"""The jobs of a run: their names, and the scripts that they are sent with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from campaign.plan.fingerprint import PROJECT
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
mail: {{user: me@example.org}}
"""
CONTAINER = f"""{MINIMAL}gpus_per_node: 1
container: {{image: /shared/campaign.sif, bind: [/etc/slurm, /scratch]}}
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [("minimal", MINIMAL), ("everything", EVERYTHING), ("worker", EVERYTHING), ("container", CONTAINER)],
)
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


@pytest.mark.parametrize("name", ["slurm", "slurm-gpu", "slurm-apptainer"])
def test_shipped_profiles_can_be_sent(name: str) -> None:
    profile = load_profile(PROJECT / "specs" / "profiles" / f"{name}.yaml")
    assert isinstance(profile, SlurmProfile)
    assert "#SBATCH" in script_of(request_of(profile, RUN))


def test_the_shipped_profile_names_every_setting_with_values_that_are_taken(tmp_path: Path) -> None:
    text = (PROJECT / "specs" / "profiles" / "slurm.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"^(?:# )?(\w+): ", text, re.MULTILINE))
    assert named >= set(SlurmProfile.model_fields)
    on = re.sub(r"^# (\w+: )", r"\1", text, flags=re.MULTILINE)
    (tmp_path / "all.yaml").write_text(on, encoding="utf-8")
    assert isinstance(load_profile(tmp_path / "all.yaml"), SlurmProfile)


def test_two_runs_folders_with_the_same_campaign_have_jobs_of_different_names() -> None:
    names = {job_name(Path(folder) / "table1-0123abcd") for folder in ("/shared/runs", "/shared/more")}
    assert len(names) == 2
    assert all(name.startswith("table1-0123abcd-") for name in names)


def test_a_run_is_found_by_the_names_of_all_its_jobs() -> None:
    name = job_name(RUN)
    assert job_names([RUN, Path("/shared/more/a")]).split(",")[:2] == [name, f"{name}-worker"]
