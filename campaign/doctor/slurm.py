"""Slurm: whether it answers, how old it is, and whether its plugins do what campaigns rest on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping

from campaign.doctor.check import Check, Status, output_of
from campaign.spec.profile import Profile

OLDEST = (20, 11)  # the first whose job steps share their job's nodes with --overlap
TRIED = (22, 5)


def check_slurm(profile: Profile) -> Iterator[Check]:
    """Slurm as this profile needs it: where it sends jobs what is wrong stops a run, elsewhere it is worth knowing."""
    wanted = profile.kind == "slurm"
    broken: Status = "failure" if wanted else "warning"
    if shutil.which("sbatch") is None:
        if wanted:
            fix = "run `campaign` on a login node of the cluster, or load the module that has sbatch"
            yield Check("slurm", "failure", "the profile sends jobs to Slurm, which is not on this machine", fix)
        else:
            yield Check("slurm", "ok", "not on this machine")
        return
    listed, error = output_of("sinfo", "--noheader", "--format=%P %a %D")
    if error:
        fix = "ask whether the controller is up: scontrol ping"
        yield Check("slurm", broken, f"sbatch is there but sinfo fails: {error}", fix)
        return
    yield Check("slurm", "ok", f"partitions (name, state, nodes): {'; '.join(listed.splitlines())}")
    yield _check_version(broken)
    yield from _check_plugins(broken)


def _check_version(broken: Status) -> Check:
    printed, error = output_of("sinfo", "--version")
    found = re.search(r"(\d+)\.(\d+)", printed)
    if error or found is None:
        return Check("slurm version", "warning", f"unknown: {error or printed}", "ask who keeps the cluster")
    version = (int(found[1]), int(found[2]))
    if version < OLDEST:
        message = f"{printed} lacks steps that share nodes (--overlap), {OLDEST[0]}.{OLDEST[1]:02d} is needed"
        return Check("slurm version", broken, message, "ask for a newer Slurm, or run on a Ray cluster of your own")
    return Check("slurm version", "ok", f"{printed}; {TRIED[0]}.{TRIED[1]:02d} was tried")


def _check_plugins(broken: Status) -> Iterator[Check]:
    printed, error = output_of("scontrol", "show", "config")
    if error:
        yield Check("slurm plugins", "warning", f"unknown: {error}", "ask whether the controller is up: scontrol ping")
        return
    settings = parse_config(printed)
    found = list(_shortcomings(settings, broken))
    yield from found
    if not found:
        shown = ", ".join(settings.get(name, "?") for name in ("SelectType", "TaskPlugin", "ProctrackType"))
        yield Check("slurm plugins", "ok", f"{shown}; accounts are kept, jobs may be requeued")


def _shortcomings(settings: Mapping[str, str], broken: Status) -> Iterator[Check]:
    select = settings.get("SelectType", "")
    if select == "select/linear":
        message = "SelectType=select/linear gives out whole nodes: a job takes all CPUs of its nodes, whatever it asks"
        yield Check(
            "slurm select", "warning", message, "write cpus_per_node as the nodes have them, and exclusive: true"
        )
    if "none" in settings.get("TaskPlugin", "none"):
        message = "TaskPlugin is none: jobs are not held to the CPUs that they asked for"
        yield Check("slurm tasks", "warning", message, "ask for TaskPlugin=task/cgroup or task/affinity")
    if settings.get("ProctrackType", "") == "proctrack/pgid":
        message = "ProctrackType=proctrack/pgid lets processes outlive their job: Ray's make groups of their own"
        yield Check("slurm processes", broken, message, "ask for proctrack/cgroup or proctrack/linuxproc")
    if "none" in settings.get("AccountingStorageType", "none"):
        message = "no accounting: what became of a job is known for minutes only, accounts and QOS are not checked"
        yield Check("slurm accounts", "warning", message, "ask for AccountingStorageType=accounting_storage/slurmdbd")
    if settings.get("JobRequeue", "1") == "0":
        message = "JobRequeue=0: a job that reaches its time limit cannot requeue itself"
        yield Check("slurm requeue", "warning", message, "write requeue: false in the profile: the next job is chained")


def parse_config(printed: str) -> dict[str, str]:
    """Settings from ``scontrol show config``, by name."""
    pairs = (line.partition("=") for line in printed.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
