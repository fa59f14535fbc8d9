"""The Debian packages that the lab consists of."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = (
    "munge",
    "slurmctld",
    "slurmd",
    "slurm-client",
    "slurmdbd",
    "slurm-wlm-mysql-plugin",
    "mariadb-server",
    "iproute2",
)
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "slurmdbd", "mariadbd", "ip", "nsenter", "unshare", "setpriv")
# Debian's packages start their daemons when they are installed, unless this file says no.
START_POLICY = Path("/usr/sbin/policy-rc.d")


class LabUnavailable(Exception):
    """The lab cannot run on this machine; the message says why."""


def require() -> None:
    """Raise ``LabUnavailable`` where the lab cannot run."""
    if os.geteuid() != 0:
        raise LabUnavailable("the Slurm lab makes network namespaces and devices, which needs root")
    missing = [name for name in PROGRAMS if shutil.which(name, path=_search_path()) is None]
    if missing:
        raise LabUnavailable(f"the Slurm lab needs {', '.join(missing)}; `make debian` installs the packages")


def install() -> None:
    """Install what is missing with apt, starting nothing.

    Raises
    ------
    LabUnavailable
        Not root, no apt, or apt failed; with apt's last lines.
    """
    try:
        return require()
    except LabUnavailable:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise
    own_policy = not START_POLICY.exists()
    if own_policy:
        START_POLICY.write_text("#!/bin/sh\nexit 101\n")
        START_POLICY.chmod(0o755)
    try:
        _apt("update", "-qq")
        _apt("install", "-y", "-qq", "--no-install-recommends", *PACKAGES)
    finally:
        if own_policy:
            START_POLICY.unlink()
    require()


def _apt(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", *arguments], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        tail = " ".join(done.stderr.strip().splitlines()[-3:])
        raise LabUnavailable(f"`apt-get {arguments[0]}` failed: {tail}")


def _search_path() -> str:
    return os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
