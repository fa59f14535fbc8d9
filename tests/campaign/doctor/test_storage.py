"""Where runs lie and sockets go: room, and the promises of the file system."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.doctor import storage
from campaign.doctor.check import GIB, Check
from campaign.doctor.diagnose import diagnose
from campaign.spec.profile import LocalProfile


@pytest.mark.parametrize(("free", "status"), [(9 * GIB, "ok"), (2 * GIB, "warning"), (0.5 * GIB, "failure")])
def test_disk_space(tmp_path: Path, free: float, status: str, disk_with_free: Callable[[float], None]) -> None:
    disk_with_free(free)

    check = storage.check_disk(tmp_path / "runs")

    assert check.status == status
    assert check.message == f"{free / GIB:.1f} GiB free for {tmp_path / 'runs'}"
    assert bool(check.fix) == (status != "ok")


def test_folder_that_cannot_be_written_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(storage.tempfile, "TemporaryDirectory", refuse)

    assert storage.check_file_system(tmp_path / "runs") == Check(
        "file system",
        "failure",
        f"cannot write in {tmp_path}: Permission denied",
        f"make {tmp_path} writable, or name another folder with --runs",
    )


def test_file_system_without_file_times_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.os, "utime", lambda path, times: None)  # as on mounts that keep no times

    check = storage.check_file_system(tmp_path)

    assert check.status == "failure"
    assert check.message == f"the file system of {tmp_path} does not keep: file times"


@pytest.mark.long
def test_long_temp_dir_is_a_failure(tmp_path: Path) -> None:
    long = Path("/tmp") / ("x" * 80)

    check = diagnose(LocalProfile(kind="local", temp_dir=long), tmp_path)[-1]

    assert check.name == "temp_dir"
    assert check.status == "failure"
    assert str(long) in check.message
    assert diagnose(LocalProfile(kind="local", temp_dir=Path("/tmp/r")), tmp_path)[-1].status == "ok"


def test_without_a_temp_dir_the_systems_own_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Path(f"/tmp/r{os.getpid()}")
    assert storage.check_temp_dir(None).status == "ok"

    def refuse(*arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(storage, "_bind", refuse)
    check = storage.check_temp_dir(tmp_path)
    assert check.status == "failure" or "must have at most" in check.message
    short = storage.check_temp_dir(missing)
    assert short.message == "no socket can be made in /tmp, where Ray's would be: Operation not supported"


def test_a_tmpdir_that_ray_cannot_read_is_named_with_the_folder_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="zoé", dir="/tmp") as unfit:
        monkeypatch.setattr(tempfile, "tempdir", unfit)
        check = storage.check_temp_dir(None)
    assert check.status == "ok"
    assert check.message.startswith("/tmp takes Ray's sockets")
    assert "TMPDIR is not used for Ray: temp_dir must be written in ASCII" in check.message
    assert unfit in check.message


def test_a_full_temp_dir_is_a_warning(disk_with_free: Callable[[float], None]) -> None:
    disk_with_free(0.1 * GIB)
    assert storage.check_temp_dir(Path("/tmp/r")).status == "warning"
