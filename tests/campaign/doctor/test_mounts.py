"""Who sees the file system of the runs, and how."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from campaign.doctor import mounts
from campaign.spec.profile import LAPTOP, RayProfile


def mounted(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, source: str, options: str) -> None:
    table = [mount("/", "ext4", "/dev/sda", "rw"), mount(str(folder), kind, source, options)]
    monkeypatch.setattr(mounts.psutil, "disk_partitions", lambda all: table)


def mount(point: str, kind: str, source: str, options: str) -> SimpleNamespace:
    return SimpleNamespace(mountpoint=point, fstype=kind, device=source, opts=options)


RAY_ELSEWHERE = RayProfile(kind="ray", address="h:1")


@pytest.mark.parametrize(
    ("kind", "source", "options", "profile", "status", "message"),
    [
        ("nfs4", "server:/export", "rw,vers=4.2,hard", RAY_ELSEWHERE, "ok", "is on nfs4 (server:/export)"),
        (
            "nfs",
            "server:/export",
            "rw,nolock",
            RAY_ELSEWHERE,
            "ok",
            "locks hold on one node only (nolock)",
        ),
        (
            "nfs",
            "server:/export",
            "rw,nocto",
            RAY_ELSEWHERE,
            "warning",
            "mounted with nocto: nodes see each",
        ),
        ("nfs4", "server:/export", "rw,acregmax=600", RAY_ELSEWHERE, "warning", "mounted with acregmax=600"),
        ("lustre", "mds@tcp:/scratch", "rw,localflock", RAY_ELSEWHERE, "ok", "is on lustre"),
        ("tmpfs", "tmpfs", "rw", RAY_ELSEWHERE, "warning", "is on tmpfs (tmpfs), which other nodes do not see"),
        ("tmpfs", "tmpfs", "rw", LAPTOP, "ok", "of this machine alone, as is the profile"),
    ],
)
def test_the_file_system_of_runs_is_judged_by_who_has_to_see_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    source: str,
    options: str,
    profile: Any,
    status: str,
    message: str,
) -> None:
    mounted(tmp_path, monkeypatch, kind, source, options)
    check = mounts.check_shared(tmp_path, profile)
    assert check.status == status
    assert message in check.message
    assert bool(check.fix) == (status != "ok")


def test_a_system_without_a_table_of_mounts_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts.psutil, "disk_partitions", lambda all: [])
    assert mounts.check_shared(tmp_path, RAY_ELSEWHERE).status == "ok"


@pytest.mark.parametrize(("ahead", "words"), [(60.0, "60 s behind"), (-60.0, "60 s ahead of"), (0.0, "differ by")])
def test_clocks_that_differ_are_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead: float, words: str
) -> None:
    real = mounts.time.time
    monkeypatch.setattr(mounts.time, "time", lambda: real() + ahead)
    check = mounts.check_clock(tmp_path)
    assert check.status == ("warning" if ahead else "ok")
    assert words in check.message
    assert list(tmp_path.iterdir()) == []
    assert mounts.check_clock(tmp_path / "none").message.startswith("unknown: nothing can be written")
