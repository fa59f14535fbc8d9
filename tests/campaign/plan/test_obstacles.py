"""What keeps a run from starting: told before anything is written."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign import api
from campaign.cache.stage_cache import StageCache
from campaign.plan import obstacles as preflight
from campaign.plan.footprint import Footprint
from campaign.plan.obstacles import obstacles, visible_gpus
from campaign.spec.campaign import Spec
from campaign.spec.load import LoadedSpec
from campaign.spec.profile import LAPTOP, InProcessProfile, LocalProfile, RayProfile, SlurmProfile

LITTLE = Footprint(1000, 10)


def told(profile: Any, runs: Path, cache: Path | None = None, needed: Footprint = LITTLE) -> list[str]:
    found = obstacles(profile, runs, cache or runs / "cache", needed)
    assert all(each.fix for each in found)
    return [f"{each.name}: {each.message}" for each in found]


def test_this_machine_has_no_obstacles(tmp_path: Path) -> None:
    assert told(LAPTOP, tmp_path / "runs") == []
    assert list(tmp_path.iterdir()) == []


def test_several_training_workers_need_several_processes(tmp_path: Path) -> None:
    profile = InProcessProfile(kind="in-process")
    assert obstacles(profile, tmp_path / "runs", tmp_path / "cache", LITTLE, training_workers=1) == ()
    (found,) = obstacles(profile, tmp_path / "runs", tmp_path / "cache", LITTLE, training_workers=2)
    assert found.message == "2 workers train together, which is part of the science, and this process is one"
    assert obstacles(LAPTOP, tmp_path / "runs", tmp_path / "cache", LITTLE, training_workers=2) == ()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("50%", "'%'"), ("a\\b", "'\\\\'"), ("a:b", "':'"), ("a\n:", "'\\n', ':'"), ("it's $5, 'ä'", "")],
)
def test_names_that_jobs_give_a_meaning_are_refused_under_slurm(tmp_path: Path, name: str, shown: str) -> None:
    profile, runs = SlurmProfile(kind="slurm", cpus_per_node=2, time_limit=30), tmp_path / name
    message = f"folder of runs: {runs} has {shown} in its name, which file names of jobs or PYTHONPATH give a meaning"
    assert told(profile, runs) == ([message] if shown else [])
    assert told(LAPTOP, runs) == []


def test_a_disk_that_is_too_small_is_told_with_both_sizes(tmp_path: Path) -> None:
    (message,) = told(LAPTOP, tmp_path / "runs", needed=Footprint(2**60, 10))
    assert message.startswith("disk of cache: 1073741824.00 GiB will be written, ")
    assert message.endswith(f"GiB are free in {tmp_path}")


def test_too_few_inodes_are_told(tmp_path: Path) -> None:
    if not os.statvfs(tmp_path).f_files:
        pytest.skip("this file system has no limit of files")
    (message,) = told(LAPTOP, tmp_path / "runs", needed=Footprint(10, 2**60))
    assert message.startswith("files of cache: 1,152,921,504,606,846,976 files will be written, ")


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    assert f"folder of runs: {tmp_path}/runs is a file, where a folder is needed" in told(LAPTOP, tmp_path / "runs")
    assert told(LAPTOP, tmp_path, cache=tmp_path / "runs" / "cache") == [
        f"folder of cache: {tmp_path}/runs is a file, where a folder is needed"
    ]


def test_a_folder_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # root may write anywhere, so the system's answer is stood in for
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    assert told(LAPTOP, tmp_path / "runs") == [
        f"folder of runs: {tmp_path} cannot be written: permission denied",
        f"folder of cache: {tmp_path} cannot be written: permission denied",
    ]


def test_a_read_only_file_system_is_told(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "none", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("a read-only file system can be mounted by root only")
    try:
        assert f"folder of runs: {tmp_path} cannot be written: its file system is read-only" in told(LAPTOP, tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_gpus_that_are_asked_for_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    asked = LocalProfile(kind="local", gpus=2)
    assert visible_gpus() == 0
    assert told(asked, tmp_path) == ["gpu: the profile asks for 2, this machine shows 0"]
    assert told(LocalProfile(kind="local", gpus=0), tmp_path) == []

    (tmp_path / "bin").mkdir()
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.write_text(f"#!{shutil.which('sh', path='/bin:/usr/bin')}\necho 'GPU 0: A'\necho 'GPU 1: B'\n")
    driver.chmod(0o755)
    assert told(asked, tmp_path) == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert told(asked, tmp_path) == ["gpu: the profile asks for 2, this machine shows 1"]
    driver.write_text("#!/nowhere/sh\n")
    assert visible_gpus() == 0


def test_a_cluster_that_does_not_answer_is_told(tmp_path: Path) -> None:
    (message,) = told(RayProfile(kind="ray", address="127.0.0.1:1"), tmp_path)
    assert message.startswith("cluster: nothing answers at 127.0.0.1:1")


def test_a_campaign_with_obstacles_is_refused_and_leaves_nothing(
    make_spec: Callable[..., Spec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "visible_gpus", lambda: 0)
    loaded = LoadedSpec(make_spec(), Path("small.yaml"), "", ())
    runs = tmp_path / "runs"
    campaign = api.Campaign(loaded, LocalProfile(kind="local", gpus=1), runs, StageCache(runs / "cache"))
    with pytest.raises(api.CannotStartError) as refused:
        api.submit(campaign)
    assert str(refused.value) == ("gpu: the profile asks for 1, this machine shows 0; leave gpus out of the profile")
    assert list(tmp_path.iterdir()) == []
