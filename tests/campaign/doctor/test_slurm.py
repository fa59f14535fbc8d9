"""Slurm: there, old enough, set up for campaigns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign.doctor import check as command
from campaign.doctor import slurm
from campaign.doctor.check import Check
from campaign.spec.profile import LAPTOP

PutCommand = Callable[[str, str], None]

HEALTHY = {
    "SelectType": "select/cons_tres",
    "TaskPlugin": "task/affinity",
    "ProctrackType": "proctrack/cgroup",
    "AccountingStorageType": "accounting_storage/slurmdbd",
    "JobRequeue": "1",
}


def put_slurm(put_command: PutCommand, version: str = "22.05.8", **settings: str) -> None:
    put_command("sbatch", "exit 0")
    put_command(
        "sinfo",
        f"if [ \"$1\" = --version ]; then echo 'slurm-wlm {version}'; else echo 'debug* up 3'; fi",
    )
    lines = "; ".join(f"echo '{name:<23} = {value}'" for name, value in {**HEALTHY, **settings}.items())
    put_command("scontrol", f"echo 'Configuration data as of now'; {lines}")


class SlurmLike:
    """A profile that sends jobs to Slurm, as far as these checks ask."""

    kind = "slurm"


SENDS_JOBS: Any = SlurmLike()


def test_a_healthy_slurm_is_shown(put_command: PutCommand) -> None:
    put_slurm(put_command)
    assert list(slurm.check_slurm(SENDS_JOBS)) == [
        Check("slurm", "ok", "partitions (name, state, nodes): debug* up 3"),
        Check("slurm version", "ok", "slurm-wlm 22.05.8; 22.05 was tried"),
        Check(
            "slurm plugins",
            "ok",
            "select/cons_tres, task/affinity, proctrack/cgroup; accounts are kept, jobs may be requeued",
        ),
    ]


def test_no_slurm_matters_to_a_profile_that_needs_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert list(slurm.check_slurm(LAPTOP)) == [Check("slurm", "ok", "not on this machine")]
    (check,) = slurm.check_slurm(SENDS_JOBS)
    assert check.status == "failure"
    assert "login node" in check.fix


@pytest.mark.parametrize(("profile", "status"), [(LAPTOP, "warning"), (SENDS_JOBS, "failure")])
def test_a_dead_controller_is_told(
    monkeypatch: pytest.MonkeyPatch, profile: Any, status: str, put_command: PutCommand
) -> None:
    put_slurm(put_command)
    put_command("sinfo", "exec sleep 60")
    monkeypatch.setattr(command, "PROBE_SECONDS", 0.2)
    assert list(slurm.check_slurm(profile)) == [
        Check(
            "slurm",
            status,  # type: ignore[arg-type]
            "sbatch is there but sinfo fails: no answer within 0.2 s",
            "ask whether the controller is up: scontrol ping",
        )
    ]


@pytest.mark.parametrize(
    ("settings", "name", "status"),
    [
        ({"version": "20.02.7"}, "slurm version", "failure"),
        ({"version": "?"}, "slurm version", "warning"),
        ({"SelectType": "select/linear"}, "slurm select", "warning"),
        ({"TaskPlugin": "task/none"}, "slurm tasks", "warning"),
        ({"ProctrackType": "proctrack/pgid"}, "slurm processes", "failure"),
        ({"AccountingStorageType": "accounting_storage/none"}, "slurm accounts", "warning"),
        ({"JobRequeue": "0"}, "slurm requeue", "warning"),
    ],
)
def test_each_ailment_of_slurm_is_named_with_its_remedy(
    settings: dict[str, str], name: str, status: str, put_command: PutCommand
) -> None:
    put_slurm(put_command, **settings)
    (check,) = [check for check in slurm.check_slurm(SENDS_JOBS) if check.status != "ok"]
    assert (check.name, check.status) == (name, status)
    assert check.fix
    assert {check.status for check in slurm.check_slurm(LAPTOP)} <= {"ok", "warning"}  # nothing there would fail


def test_a_slurm_that_does_not_show_its_settings_is_a_warning(put_command: PutCommand) -> None:
    put_slurm(put_command)
    put_command("scontrol", "echo 'slurm_load_ctl_conf error' >&2; exit 1")
    assert list(slurm.check_slurm(SENDS_JOBS))[-1].message == "unknown: slurm_load_ctl_conf error"
