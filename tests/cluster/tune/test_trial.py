"""Learning curves on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.tune.trial import LearningCurve


def test_a_curve_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    curve = LearningCurve(path)
    assert (curve.last_epoch, curve.is_finished) == (0, False)
    curve.append(1, {"loss": 0.5})
    curve.append(2, {"loss": 0.25})
    assert LearningCurve(path).epochs == [(1, {"loss": 0.5}), (2, {"loss": 0.25})]
    curve.finish()
    assert LearningCurve(path).is_finished


def test_a_line_that_a_crash_cut_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "curve.jsonl"
    LearningCurve(path).append(1, {"loss": 0.5})
    with path.open("a") as file:
        file.write('{"epoch": 2, "metr')
    curve = LearningCurve(path)
    assert curve.last_epoch == 1
    curve.append(2, {"loss": 0.1})
    assert LearningCurve(path).epochs == [(1, {"loss": 0.5}), (2, {"loss": 0.1})]


def test_epochs_are_reported_one_by_one(tmp_path: Path) -> None:
    curve = LearningCurve(tmp_path / "curve.jsonl")
    with pytest.raises(ValueError, match="epoch must be 1, the one after the last report, got 5"):
        curve.append(5, {"loss": 0.5})
