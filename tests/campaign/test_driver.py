"""Whether a driver lives, judged on its own machine by the process table and elsewhere by its last beat."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from campaign import driver
from campaign.driver import Driver, Presence


def test_this_process_lives_and_its_file_says_so(tmp_path: Path) -> None:
    assert Driver.of(tmp_path) is None
    here = Driver.here()
    here.write(tmp_path)
    assert Driver.of(tmp_path) == here
    assert here.is_alive
    assert replace(here, beat=0.0).is_alive  # the process table counts here, not the clock


def test_another_process_of_the_same_number_is_not_the_driver() -> None:
    assert not replace(Driver.here(), born="1").is_alive


def test_a_process_that_ended_is_gone_before_and_after_it_was_buried() -> None:
    process = subprocess.Popen(["sleep", "60"])
    born = driver._born(process.pid)
    there = replace(Driver.here(), process=process.pid, born=born)
    assert there.is_alive
    process.kill()
    deadline = time.monotonic() + 60
    while there.is_alive and time.monotonic() < deadline:  # killed, but a zombie until somebody waits for it
        time.sleep(0.01)
    assert not there.is_alive
    process.wait()
    assert not there.is_alive


@pytest.mark.parametrize(("silence", "alive"), [(1.0, True), (driver.SILENCE_SECONDS + 60, False)])
def test_elsewhere_only_its_silence_tells(silence: float, alive: bool) -> None:
    there = replace(Driver.here(), host="node7", machine="node7/pid:[1]", beat=time.time() - silence)
    assert there.is_alive is alive


def test_presence_beats_looks_around_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(driver, "BEAT_SECONDS", 0.02)
    looked = threading.Semaphore(0)
    with Presence(tmp_path, looked.release):
        first = Driver.of(tmp_path)
        assert first is not None
        for _ in range(20):
            assert looked.acquire(timeout=60)
    last = Driver.of(tmp_path)
    assert last is not None
    assert last.beat > first.beat
    assert replace(last, beat=first.beat) == first
    assert "presence" not in [thread.name for thread in threading.enumerate()]
