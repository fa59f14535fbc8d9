"""`campaign submit` and `resume`: what they say of runs that are finished, sent, or cannot be; nothing runs here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import campaign
from fake_slurm import FakeSlurm

from campaign import api
from campaign.record.events import EventLog
from campaign.record.run_folder import keep_submission


@pytest.fixture
def slurm_profile(tmp_path: Path, fake_slurm: FakeSlurm) -> Path:
    """A profile that this cluster accepts."""
    fake_slurm.answer("sbatch", "Submitted batch job 17")
    fake_slurm.answer("sinfo", "main*|up|infinite|2|4|6000|(null)")
    path = tmp_path / "slurm.yaml"
    path.write_text(yaml.safe_dump({"kind": "slurm", "cpus_per_node": 2, "time_limit": 30}))
    return path


@pytest.mark.long
def test_under_slurm_it_returns_with_the_job(slurm_profile: Path, tiny_spec: Path, tmp_path: Path) -> None:
    done = campaign("submit", tiny_spec, "--profile", slurm_profile, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = api.find_runs(tmp_path / "runs")
    assert done.stdout == f"job 17: {run}\n`campaign watch {run}` follows it\n"
    again = campaign("submit", tiny_spec, "--profile", slurm_profile, "--json", folder=tmp_path)
    assert json.loads(again.stdout) == {"run_folder": str(run), "job": "17", "is_new": True}
    resumed = campaign("resume", run, "--json", folder=tmp_path)
    assert json.loads(resumed.stdout) == {"run_folder": str(run), "job": "17", "is_new": True}


def test_a_dry_run_prints_the_script(slurm_profile: Path, tiny_spec: Path, tmp_path: Path) -> None:
    done = campaign("submit", tiny_spec, "--profile", slurm_profile, "--dry-run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("#!/bin/bash\n")
    assert not (tmp_path / "runs").exists()
    local = campaign("submit", tiny_spec, "--dry-run", folder=tmp_path)
    assert local.returncode == 2
    assert local.stderr == (
        "--dry-run shows what is sent to Slurm: a campaign is sent to Slurm under a profile of kind slurm, got one of "
        "kind local\n"
    )


def test_ctrl_c_ends_it_with_its_own_exit_code(
    tiny_spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "submit", stopped)
    done = campaign("submit", tiny_spec, folder=tmp_path)
    assert done.returncode == 130
    assert done.stderr.strip() == f"stopped; finished work is kept: `campaign submit {tiny_spec}` goes on"


def test_resume_of_a_run_whose_code_changed_says_so_where_nothing_is_frozen(tiny_spec: Path, tmp_path: Path) -> None:
    opened = api.Campaign.open(tiny_spec, None, tmp_path / "runs")
    plan = opened.plan()
    folder = Path(plan.run_folder)
    folder.mkdir(parents=True)
    EventLog(folder).write("run-queued")
    keep_submission(folder, opened.loaded, opened.profile, opened.cache.root, plan)
    kept = json.loads((folder / "plan.json").read_text())
    kept["stages"][0]["key"] = "0" * 64
    (folder / "plan.json").write_text(json.dumps(kept))
    done = campaign("resume", folder)
    assert done.returncode == 2
    assert (
        f"the code or the input files behind {kept['stages'][0]['name']} changed since it was submitted" in done.stderr
    )
