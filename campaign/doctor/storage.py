"""Where runs lie: room, and the promises of the file system that they rest on."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path

from campaign.doctor.check import GIB, Check
from cluster.node.temp_folder import PREFIX, default_parent, why_not_default
from cluster.node.temp_folder import check_temp_dir as refuse_if_unfit

LEAST_DISK, ENOUGH_DISK = 1 * GIB, 5 * GIB


def check_disk(runs: Path) -> Check:
    """There is room for runs."""
    folder = nearest_folder(runs)
    free = shutil.disk_usage(folder).free
    message = f"{free / GIB:.1f} GiB free for {runs}"
    if free >= ENOUGH_DISK:
        return Check("disk", "ok", message)
    fix = f"remove old runs below {runs}, or name another folder with --runs"
    return Check("disk", "warning" if free >= LEAST_DISK else "failure", message, fix)


def check_file_system(runs: Path) -> Check:
    """Runs can be written where they are to lie, and the file system keeps the promises they rest on."""
    folder = nearest_folder(runs)
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder) as scratch:
            broken = [promise for promise, kept in PROMISES.items() if not kept(Path(scratch))]
    except OSError as error:
        fix = f"make {folder} writable, or name another folder with --runs"
        return Check("file system", "failure", f"cannot write in {folder}: {error.strerror}", fix)
    if broken:
        message = f"the file system of {folder} does not keep: {', '.join(broken)}"
        return Check("file system", "failure", message, "name a folder on a local or POSIX file system with --runs")
    return Check("file system", "ok", f"{folder} is writable; rename and file times work")


def _replaces(scratch: Path) -> bool:
    """Over a file the newer one wins."""
    (scratch / "new").write_text("new", encoding="ascii")
    (scratch / "old").write_text("old", encoding="ascii")
    os.replace(scratch / "new", scratch / "old")
    return (scratch / "old").read_text(encoding="ascii") == "new"


def _renames_once(scratch: Path) -> bool:
    """A folder is renamed whole, and by one of two: the lease of a folder rests on it."""
    (scratch / "folder").mkdir()
    (scratch / "folder" / "file").write_bytes(b"")
    (scratch / "folder").rename(scratch / "first")
    try:
        (scratch / "folder").rename(scratch / "second")
    except FileNotFoundError:
        return (scratch / "first" / "file").is_file()
    return False


def _keeps_times(scratch: Path) -> bool:
    """A file shows when it was touched last: the heartbeat of a lease."""
    (scratch / "beat").write_bytes(b"")
    os.utime(scratch / "beat", (1e9, 1e9))
    return (scratch / "beat").stat().st_mtime == 1e9


PROMISES = {"atomic replacement": _replaces, "rename by one of two": _renames_once, "file times": _keeps_times}


def check_temp_dir(folder: Path | None) -> Check:
    """Ray's sockets find a place: their folder can be written, and their paths fit into what the system keeps.

    ``folder`` is the profile's own; without one Ray gets a new folder in the system's temporary one.
    """
    wanted = default_parent() / f"{PREFIX}12345678" if folder is None else folder.absolute()
    try:
        refuse_if_unfit(wanted)
    except ValueError as error:
        return Check("temp_dir", "failure", str(error), "write another temp_dir in the profile, or leave it out")
    parent = nearest_folder(wanted)
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent) as scratch:
            _bind(Path(scratch) / "socket")
    except OSError as error:
        message = f"no socket can be made in {parent}, where Ray's would be: {error.strerror or error}"
        return Check("temp_dir", "failure", message, "write temp_dir: a short folder on a local disk, in the profile")
    free = shutil.disk_usage(parent).free
    if free < LEAST_DISK:
        message = (
            f"{free / GIB:.2f} GiB free in {parent}, where Ray keeps sockets, logs and what memory has no room for"
        )
        return Check("temp_dir", "warning", message, "remove old files there, or name another temp_dir in the profile")
    instead = f". {reason}" if folder is None and (reason := why_not_default()) else ""
    return Check("temp_dir", "ok", f"{parent} takes Ray's sockets, and is short enough for their paths{instead}")


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))


def nearest_folder(path: Path) -> Path:
    """The folder itself, or the nearest one around it that is there."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())
