from __future__ import annotations

from pathlib import Path

import torch

from ganmdn.session import LocalSession


def test_the_newest_checkpoint_replaces_the_one_before(tmp_path: Path) -> None:
    session = LocalSession(tmp_path / "kept")
    assert session.latest_checkpoint() is None
    for text in ("first", "second"):
        made = tmp_path / text
        made.mkdir()
        (made / "content").write_text(text)
        session.report({"loss": 1.0}, made)
    newest = LocalSession(tmp_path / "kept").latest_checkpoint()
    assert newest is not None
    assert (newest / "content").read_text() == "second"
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [newest.name]


def test_a_copy_that_was_cut_short_is_not_taken_for_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "kept" / "partial").mkdir(parents=True)
    session = LocalSession(tmp_path / "kept")
    assert session.latest_checkpoint() is None
    (tmp_path / "made").mkdir()
    session.report({}, tmp_path / "made")
    assert session.latest_checkpoint() is not None


def test_metrics_without_a_checkpoint_are_noted(tmp_path: Path) -> None:
    session = LocalSession(tmp_path)
    session.report({"loss": 2.0}, None)
    assert session.metrics == [{"loss": 2.0}]
    assert session.latest_checkpoint() is None


def test_one_worker_needs_no_wrapping(tmp_path: Path) -> None:
    module = torch.nn.Linear(2, 2)
    assert LocalSession(tmp_path).wrap(module) is module
