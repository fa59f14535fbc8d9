"""A whole campaign with repeats after the same without: only the further repeats are computed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from campaign.plan.keys import PROJECT
from campaign.record.events import read_events
from results.table.json_form import from_json

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
MARK = "@repeat-2"


def campaign(*arguments: object) -> str:
    command = [sys.executable, "-m", "campaign", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_further_repeats_are_all_that_is_computed(tiny_spec: Path, tmp_path: Path) -> None:
    data = yaml.safe_load(tiny_spec.read_text())
    data["generator"]["training"] |= {"workers": 1, "steps": 10, "checkpoint_every": 5}
    verified = {"kind": "gan-mdn", "name": "gan-mdn-2", "verify": {"simulations_per_design": 2}}
    data |= {"methods": ["gan-mdn", verified, "nearest-labels"], "labels": {"count": 40, "truncation_sample": 4}}
    spec, runs, profile = tmp_path / "spec.yaml", tmp_path / "runs", tmp_path / "profile.yaml"
    profile.write_text("kind: in-process")
    folders = []
    for repeats in (1, 2):
        spec.write_text(yaml.safe_dump(data | {"repeats": repeats}))
        campaign("submit", spec, "--runs", runs, "--profile", profile)
        folders += [path for path in runs.glob("tiny-*") if path not in folders]
    once, twice = folders
    ended = {event["stage"]: event["state"] for event in read_events(twice) if event["event"] == "stage-ended"}
    assert {stage for stage, state in ended.items() if state == "done"} == {
        *(f"{kind}/gan-mdn/data-ii{MARK}" for kind in ("model", "designs", "verification")),
        *(f"{kind}/gan-mdn-2/data-ii{MARK}" for kind in ("refinement", "verification")),
    }
    assert (twice / "stages" / f"verification/gan-mdn/data-ii{MARK}" / "designs.zarr").is_dir()
    before, after = (from_json((folder / "tables" / "table1.json").read_text()).rows for folder in folders)
    for first, both in zip(before, after, strict=True):
        is_repeated = both.method != "nearest-labels"
        assert both.seeds == ((3, 4) if is_repeated else (3,))
        assert both.repeat_reps[0] == first.mean_rep
        assert (both.spread_rep is not None) == is_repeated
    assert "spread" in (twice / "tables" / "table1.md").read_text()
    assert "spread" not in (once / "tables" / "table1.md").read_text()
    assert f"verification/gan-mdn-2/data-ii{MARK}" in campaign("status", twice, "--runs", runs)
