from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from campaign.work import progress_file as heartbeat
from campaign.work.progress_file import ProgressFile


def test_what_is_written_is_read_elsewhere(tmp_path: Path) -> None:
    writer = ProgressFile(tmp_path / "beat")
    reader = pickle.loads(pickle.dumps(writer))
    assert reader.read() is None
    writer.beat(3, 10)
    assert reader.read() == (3, 10)
    writer.clear()
    assert reader.read() is None
    assert list(tmp_path.iterdir()) == []


def test_beats_are_at_least_a_second_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now[0])
    beat = ProgressFile(tmp_path / "beat")
    for done, moment in ((1, 100.0), (2, 100.5), (3, 101.1)):
        now[0] = moment
        beat.beat(done, 3)
        assert beat.read() == (3 if done == 3 else 1, 3)
