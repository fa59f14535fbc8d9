"""Profiles: defaults, files, located errors, and what they hand to Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.spec.load import SpecError, load_profile
from campaign.spec.profile import LAPTOP, LocalProfile, RayProfile, SlurmProfile
from cluster.node.allocation import available_cpus

PROFILES = Path(__file__).parents[3] / "specs" / "profiles"


def write(folder: Path, text: str) -> Path:
    path = folder / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_this_machine_is_used_whole() -> None:
    profile = load_profile()

    assert profile == LAPTOP
    assert profile.planned_workers() == available_cpus()
    assert profile.ray_options() == {"cpus": available_cpus(), "dashboard": True, "temp_dir": None}
    assert (profile.rows_per_unit, profile.cache) == (None, None)


def test_shipped_laptop_profile_is_the_built_in_one() -> None:
    assert load_profile(PROFILES / "laptop.yaml") == LAPTOP


def test_shipped_ray_profile_takes_its_address_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert load_profile(PROFILES / "ray.yaml") == RayProfile(kind="ray", address="auto")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.7:6379")
    assert load_profile(PROFILES / "ray.yaml").ray_options() == {"address": "10.0.0.7:6379", "token": None, "pip": ()}


def test_folders_are_expanded_and_stay_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRATCH", "/scratch/ada")
    path = write(tmp_path, "kind: local\nworkers: 3\ncache: runs/shared\ntemp_dir: $SCRATCH/ray\ndashboard: false\n")

    profile = load_profile(path)

    assert profile == LocalProfile(
        kind="local", workers=3, cache=Path("runs/shared"), temp_dir=Path("/scratch/ada/ray"), dashboard=False
    )
    assert profile.ray_options() == {"cpus": 3, "dashboard": False, "temp_dir": Path("/scratch/ada/ray")}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "kind: local\nworkers: 0\ndashbord: yes\n",
            "2:10: workers: must be at least 1, got 0; write a number at least 1\n"
            "3:1: dashbord: is not a known key, got 'dashbord'; did you mean 'dashboard'?",
        ),
        ("workers: 2\n", "1:1: kind: is missing; add 'kind: local', one of 'local', 'in-process', 'ray', 'slurm'"),
        (
            "kind: slrum\n",
            "1:7: kind: must be one of 'local', 'in-process', 'ray', 'slurm', got 'slrum'; did you mean 'slurm'?",
        ),
        (
            "kind: local\ndashboard: 7\n",
            "2:12: dashboard: must be true or false, got 7; write true or false, without quotes",
        ),
        (
            "kind: ray\naddress: 6379\n",
            '2:10: address: must be text, got 6379; write "6379" in quotes',
        ),
        (
            "kind: local\ncache: $GANMDN_NOWHERE/x\n",
            "2:8: cache: must not use the variable GANMDN_NOWHERE, which is not set, got '$GANMDN_NOWHERE/x'; "
            "export GANMDN_NOWHERE=... or write ${GANMDN_NOWHERE:-default}",
        ),
    ],
)
def test_mistake_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, lines: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANMDN_NOWHERE", raising=False)
    write(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        load_profile("profile.yaml")

    assert str(caught.value) == "\n".join(f"profile.yaml:{line}" for line in lines.splitlines())


@pytest.mark.parametrize(
    ("written", "minutes"), [("45", 45), ("010", 10), ("12:00:00", 720), ("1:30", 2), ("2-00:00:00", 2880)]
)
def test_times_are_read_as_slurm_reads_them(tmp_path: Path, written: str, minutes: int) -> None:
    profile = load_profile(write(tmp_path, f"kind: slurm\ncpus_per_node: 1\nend_seconds: 1\ntime_limit: {written}\n"))

    assert isinstance(profile, SlurmProfile)
    assert profile.time_limit == minutes


def test_an_older_yaml_is_refused_before_its_times_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "%YAML 1.1\n---\nkind: slurm\ncpus_per_node: 1\ntime_limit: 12:00:00\n")
    with pytest.raises(SpecError) as caught:
        load_profile("profile.yaml")

    assert str(caught.value) == (
        "profile.yaml:1:1: (file): must be YAML 1.2, got YAML 1.1; remove the line '%YAML 1.1'"
    )
