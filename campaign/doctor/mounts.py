"""The file system that runs lie on, if a campaign's processes are on several nodes: who else sees it, and how."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from campaign.doctor.check import Check
from campaign.spec.profile import InProcessProfile, LocalProfile, Profile

SHARED_KINDS = (
    "nfs",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "fuse.ceph",
    "fuse.glusterfs",
    "9p",
    "wekafs",
    "panfs",
    "cifs",
)
MOST_SKEW_SECONDS = 10.0  # an owner of a run counts as dead after a minute and a half without a beat


@dataclass(frozen=True)
class Mount:
    """One entry of the kernel's table of mounts."""

    point: Path
    kind: str
    source: str
    options: frozenset[str]

    @property
    def is_shared(self) -> bool:
        """Whether other nodes can be expected to see it."""
        return self.kind.startswith(SHARED_KINDS)


def mount_of(folder: Path) -> Mount | None:
    """The mount that holds ``folder``; None on systems without such a table."""
    table = psutil.disk_partitions(all=True)
    mounts = [Mount(Path(e.mountpoint), e.fstype, e.device, frozenset(e.opts.split(","))) for e in table]
    holding = [mount for mount in mounts if folder.resolve().is_relative_to(mount.point)]
    # The last of the longest: later mounts hide earlier ones at the same point.
    return max(reversed(holding), key=lambda mount: len(mount.point.parts), default=None)


def check_shared(folder: Path, profile: Profile) -> Check:
    """Every node sees the runs, and each sees what the others did."""
    mount = mount_of(folder)
    if mount is None:
        return Check("shared folder", "ok", "unknown: this system has no table of mounts")
    where = f"{folder} is on {mount.kind} ({mount.source})"
    if mount.is_shared:
        return _check_options(where, mount)
    if isinstance(profile, LocalProfile | InProcessProfile):
        return Check("shared folder", "ok", f"{where}, of this machine alone, as is the profile")
    fix = "name a folder on a shared file system with --runs, unless this one is exported to all nodes"
    return Check("shared folder", "warning", f"{where}, which other nodes do not see", fix)


def _check_options(where: str, mount: Mount) -> Check:
    stale = sorted(option for option in mount.options if option == "nocto" or _caches_long(option))
    if stale:
        message = f"{where}, mounted with {', '.join(stale)}: nodes see each other's files late, or never"
        fix = "ask for a mount without it, or name another folder with --runs"
        return Check("shared folder", "warning", message, fix)
    local = sorted(mount.options & {"nolock", "local_lock=all", "local_lock=flock", "localflock", "noflock"})
    locks = f"; locks hold on one node only ({', '.join(local)}), and runs need none" if local else ""
    return Check("shared folder", "ok", where + locks)


def _caches_long(option: str) -> bool:
    name, _, value = option.partition("=")
    return name in {"actimeo", "acregmax", "acdirmax"} and value.isdigit() and int(value) > 60


def check_clock(folder: Path) -> Check:
    """The file server's clock and this machine's agree: heartbeats of runs elsewhere are judged by both."""
    try:
        with tempfile.TemporaryFile(prefix=".doctor-", dir=folder) as probe:
            probe.write(b"now")
            probe.flush()
            skew = os.fstat(probe.fileno()).st_mtime - time.time()
    except OSError as error:
        return Check("clock", "ok", f"unknown: nothing can be written in {folder} ({error.strerror})")
    if abs(skew) <= MOST_SKEW_SECONDS:
        return Check("clock", "ok", f"the file server's clock and this machine's differ by {abs(skew):.1f} s")
    message = f"the file server's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
    fix = "ask for time synchronisation (chrony, ntpd); until then `campaign status` may take a live run for dead"
    return Check("clock", "warning", message, fix)
