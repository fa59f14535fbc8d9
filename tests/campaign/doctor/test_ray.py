"""Ray: whole, and a cluster that takes a driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.doctor import ray
from campaign.doctor.check import Check


def test_ray_is_there_whole_or_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"ray": "2.60.0", **dict.fromkeys(ray.DASHBOARD_PACKAGES, "1")}
    monkeypatch.setattr(ray, "installed_version", there.get)
    assert ray.check_ray() == Check("ray", "ok", "Ray 2.60.0 with dashboard and metrics")
    del there["prometheus-client"]
    assert ray.check_ray() == Check(
        "ray",
        "warning",
        "Ray 2.60.0 without prometheus-client: no dashboard and no metrics",
        "pip install -c constraints.txt 'ray[default]==2.60.0'",
    )
    there.clear()
    assert ray.check_ray().status == "failure"


@pytest.mark.parametrize(
    ("probe", "status", "message", "fix"),
    [
        ('print(\'{"cpus": 8, "gpus": 1, "nodes": 2}\')', "ok", "takes a driver of this environment: 8 CPUs", ""),
        (
            'print(\'{"error": "Version mismatch: The cluster was started with: Ray: 2.9"}\')',
            "failure",
            "refuses: Version mismatch: The cluster was started with: Ray: 2.9",
            "start the cluster and run `campaign` from the same environment",
        ),
        (
            'print(\'{"error": "no authentication token"}\')',
            "failure",
            "refuses: no authentication token",
            "export RAY_AUTH_TOKEN_PATH=FILE with the cluster's own token",
        ),
        ("raise SystemExit('no module named ray')", "failure", "refuses: no module named ray", "see whether it is one"),
        ("import time; time.sleep(60)", "failure", "nobody could join h:1 within 3 s", "ray status"),
    ],
)
def test_joining_a_cluster_is_tried(
    monkeypatch: pytest.MonkeyPatch, probe: str, status: str, message: str, fix: str
) -> None:
    monkeypatch.setattr(ray, "JOIN_PROBE", probe)
    if "sleep" in probe:
        monkeypatch.setattr(ray, "JOIN_SECONDS", 3.0)
    check = ray.check_joining("h:1")
    assert check.status == status
    assert message in check.message
    assert fix in check.fix


def put_command(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    command = folder / name
    command.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
