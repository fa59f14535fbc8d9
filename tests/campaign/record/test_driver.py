"""Whether a driver lives, judged on its own machine by the process table and elsewhere by its last beat."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.cache.lease import LeaseBusyError, leased
from campaign.cache.owner import Owner
from campaign.record import driver
from campaign.record.driver import (
    count_driver_as_dead,
    count_earlier_driver_as_dead,
    drive_alone,
    has_driver,
    repeating,
)
from campaign.record.events import EventLog

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


def test_a_driver_acts_now_and_then_until_it_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "PAUSE_SECONDS", 0.01)
    acts = threading.Semaphore(0)
    with repeating(acts.release):
        for _ in range(5):
            assert acts.acquire(timeout=60)
    assert "now and then" not in [thread.name for thread in threading.enumerate()]


def test_an_error_does_not_end_what_a_driver_does_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "PAUSE_SECONDS", 0.01)
    errors = iter([OSError("stale file handle"), OSError("stale file handle"), None])
    all_well = threading.Event()

    def act() -> None:
        error = next(errors, None)
        if error is not None:
            raise error
        all_well.set()

    with caplog.at_level("ERROR", logger="campaign.record.driver"), repeating(act):
        assert all_well.wait(30)
    assert [record.getMessage() for record in caplog.records] == ["what the driver does now and then failed"]


class TiredOfWaitingError(Exception):
    pass


def test_waiting_for_a_driver_that_may_live_can_be_given_up(tmp_path: Path, drive: Drive) -> None:
    drive(tmp_path, host="node7", machine="another", process=2**22 + 1)

    def give_up() -> None:
        raise TiredOfWaitingError

    with pytest.raises(TiredOfWaitingError), drive_alone(tmp_path, give_up):
        pass


ELSEWHERE = {"host": "node7", "process": 2**22 + 1, "process_started": "1", "machine": "another"}


def elsewhere(base: Path, drive: Drive) -> None:
    """Somebody on another machine owns a folder."""
    drive(base.parent, **ELSEWHERE).parent.rename(base.with_name(f"{base.name}-token"))


def takes(base: Path) -> bool:
    """Whether a folder can be had without waiting for heartbeats."""

    def give_up(busy: LeaseBusyError) -> None:
        raise busy

    try:
        with leased(base, give_up):
            return True
    except LeaseBusyError:
        return False


@pytest.mark.parametrize(
    ("last_events", "is_dead"),
    [((), False), (("run-started",), True), (("run-started", "run-ended"), False), (("run-started", "x"), True)],
)
def test_a_driver_that_was_killed_keeps_no_stage_waiting(
    tmp_path: Path, drive: Drive, last_events: tuple[str, ...], is_dead: bool
) -> None:
    (tmp_path / "cache").mkdir()
    stage = tmp_path / "cache" / "a.partial"
    elsewhere(stage, drive)
    with EventLog(tmp_path) as log:
        for name in last_events:
            log.write(name, stages=[], **ELSEWHERE)
    count_earlier_driver_as_dead(tmp_path)
    assert takes(stage) is is_dead


def test_a_driver_whose_job_is_gone_is_not_waited_for(tmp_path: Path, drive: Drive) -> None:
    drive(tmp_path, **ELSEWHERE)
    with drive_alone(tmp_path, lambda: count_driver_as_dead(tmp_path)):
        pass


def test_one_that_is_here_is_judged_by_its_process(tmp_path: Path, drive: Drive) -> None:
    drive(tmp_path)
    count_driver_as_dead(tmp_path)
    with pytest.raises(LeaseBusyError), drive_alone(tmp_path):
        pass
