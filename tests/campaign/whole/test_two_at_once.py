"""Two campaigns at the same time on two machines that share a disk: what both need is computed once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from designs_table import designs

from campaign.plan.keys import PROJECT
from campaign.record.events import read_events

PROFILE = {"kind": "local", "workers": 1, "rows_per_unit": 5, "dashboard": False}


def submitted(spec: Path, runs: Path, profile: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "campaign", "submit", str(spec), "--runs", str(runs), "--profile", str(profile)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT)


def ended_stages(folder: Path) -> dict[str, str]:
    """State of every stage, by its name."""
    return {event["stage"]: event["state"] for event in read_events(folder) if event["event"] == "stage-ended"}


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_shared_stages_are_computed_once_on_a_network_file_system(
    tiny_spec: Path, tiny_run: Path, network_mounts: list[Path], tmp_path: Path
) -> None:
    profile, other_spec = tmp_path / "profile.yaml", tmp_path / "other.yaml"
    profile.write_text(yaml.safe_dump(PROFILE))
    # The same models, asked for other targets.
    other_spec.write_text(
        yaml.safe_dump({**yaml.safe_load(tiny_spec.read_text()), "campaign": "other", "targets": [0.65]})
    )
    processes = [
        submitted(spec, mount / "runs", profile)
        for spec, mount in zip((tiny_spec, other_spec), network_mounts, strict=True)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
    ours, others = (next(iter((tmp_path / "exported" / "runs").glob(f"{name}-*"))) for name in ("tiny", "other"))
    states, other_states = ended_stages(ours), ended_stages(others)
    shared = {"microstructures", "generator", "latents/data-ii", "labels/data-ii"}
    assert shared <= states.keys()
    for name in shared:
        assert sorted((states[name], other_states[name])) == ["cached", "done"], name
    assert designs(ours) == designs(tiny_run)
