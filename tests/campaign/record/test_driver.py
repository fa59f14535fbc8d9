"""Whether a driver lives, judged on its own machine by the process table and elsewhere by its last beat."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.cache.lease import LeaseBusyError
from campaign.cache.owner import Owner
from campaign.record import driver
from campaign.record.driver import drive_alone, has_driver, looking_around

Drive = Callable[..., Path]


def test_a_run_has_a_driver_while_it_is_driven(tmp_path: Path) -> None:
    assert not has_driver(tmp_path)
    with drive_alone(tmp_path):
        assert has_driver(tmp_path)
        with pytest.raises(LeaseBusyError), drive_alone(tmp_path):
            pass
    assert not has_driver(tmp_path)


def test_here_the_process_counts_and_not_the_clock(tmp_path: Path, drive: Drive) -> None:
    os.utime(drive(tmp_path), (0, 0))
    assert has_driver(tmp_path)


def test_another_process_of_the_same_number_is_not_the_driver(tmp_path: Path, drive: Drive) -> None:
    drive(tmp_path, process_started="1")
    assert not has_driver(tmp_path)


def test_a_process_that_was_killed_is_gone(tmp_path: Path, drive: Drive) -> None:
    process = subprocess.Popen(["sleep", "60"])
    drive(tmp_path, process=process.pid, process_started=Owner.here("token", process.pid).process_started)
    assert has_driver(tmp_path)
    process.kill()
    process.wait()
    assert not has_driver(tmp_path)


@pytest.mark.parametrize(("silence", "alive"), [(1.0, True), (driver.SILENCE_SECONDS + 60, False)])
def test_elsewhere_only_its_silence_tells(tmp_path: Path, drive: Drive, silence: float, alive: bool) -> None:
    path = drive(tmp_path, host="node7", machine="another", process=2**22 + 1)
    os.utime(path, (time.time() - silence,) * 2)
    assert has_driver(tmp_path) is alive


def test_half_an_owner_is_none(tmp_path: Path, drive: Drive) -> None:
    path = drive(tmp_path)
    path.write_text('{"host": ')
    assert not has_driver(tmp_path)
    assert Owner.read(path) is None


def test_a_driver_looks_around_until_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "LOOK_SECONDS", 0.01)
    looked = threading.Semaphore(0)
    with looking_around(looked.release):
        for _ in range(5):
            assert looked.acquire(timeout=60)
    assert "lookout" not in [thread.name for thread in threading.enumerate()]


def test_trouble_on_the_way_does_not_end_the_looking_around(caplog: pytest.LogCaptureFixture) -> None:
    looks = iter([OSError("stale file handle"), OSError("stale file handle"), None])
    all_well = threading.Event()

    def look() -> None:
        trouble = next(looks, None)
        if trouble is not None:
            raise trouble
        all_well.set()

    with caplog.at_level("ERROR", logger="campaign.record.driver"), looking_around(look):
        assert all_well.wait(30)
    assert [record.getMessage() for record in caplog.records] == ["could not look around"]
