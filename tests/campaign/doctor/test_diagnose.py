"""The doctor: a healthy machine passes, and every failure has its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.doctor import software
from campaign.doctor.check import Check
from campaign.doctor.diagnose import diagnose
from campaign.spec.profile import LAPTOP, RayProfile


def test_this_machine_can_run_campaigns_and_no_file_stays(tmp_path: Path) -> None:
    checks = diagnose(LAPTOP, tmp_path / "runs" / "deep")

    assert [check for check in checks if check.status == "failure"] == []
    assert all(check.fix for check in checks if check.status != "ok")
    assert {"python", "packages", "cpus", "memory", "disk", "file system", "loopback", "threads"} <= {
        check.name for check in checks
    }
    assert list(tmp_path.iterdir()) == []


def test_only_a_deep_diagnosis_loads_the_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "LIBRARY_PROBE", "print('torch and Ray are fine')")

    assert "libraries" not in [check.name for check in diagnose(runs=tmp_path)]
    assert diagnose(runs=tmp_path, deep=True)[-1] == Check("libraries", "ok", "torch and Ray are fine")


def test_the_cluster_is_looked_for_under_a_ray_profile(tmp_path: Path) -> None:
    checks = diagnose(RayProfile(kind="ray", address="nowhere"), tmp_path)

    assert checks[-1] == Check(
        "cluster", "failure", "'nowhere' is no host:port", "write address: HOST:PORT in the profile"
    )
