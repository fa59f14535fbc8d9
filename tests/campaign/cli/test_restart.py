"""A command that becomes another program: which one, with what source, and when it does not."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from campaign import api
from campaign.cli import restart
from campaign.plan.keys import PROJECT
from campaign.record.events import read_events


class BecameError(Exception):
    """Stands for another program."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.command = command
        self.environment = environment


class ExitedError(Exception):
    """Stands for the end of the process; its argument is the exit code."""


@pytest.fixture(autouse=True)
def _programs(monkeypatch: pytest.MonkeyPatch) -> None:
    def execve(path: str, command: list[str], environment: dict[str, str]) -> None:
        raise BecameError(command, environment)

    def exit_at_once(code: int) -> None:
        raise ExitedError(code)

    monkeypatch.setattr(os, "execve", execve)
    monkeypatch.setattr(os, "_exit", exit_at_once)
    monkeypatch.delenv(restart.RESTARTS_VARIABLE, raising=False)


def test_a_run_that_lost_its_ray_goes_on_by_what_it_froze(tmp_path: Path) -> None:
    with pytest.raises(BecameError) as became:
        restart.with_new_ray(api.ClusterGoneError(tmp_path), "campaign submit a.yaml", as_json=True)
    assert became.value.command == [sys.executable, "-P", "-m", "campaign", "resume", str(tmp_path), "--json"]
    assert became.value.environment[restart.RESTARTS_VARIABLE] == "1"
    assert became.value.environment["PYTHONPATH"].split(os.pathsep)[0] == str(PROJECT)
    assert [event["event"] for event in read_events(tmp_path)] == ["run-queued"]


def test_it_does_so_three_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv(restart.RESTARTS_VARIABLE, str(restart.MOST_RESTARTS))
    assert restart.is_successor()
    with pytest.raises(ExitedError, match="1"):
        restart.with_new_ray(api.ClusterGoneError(tmp_path), "campaign submit a.yaml", as_json=False)
    assert "4 times; finished work is kept: `campaign submit a.yaml` goes on" in capsys.readouterr().err
    (event,) = read_events(tmp_path)
    assert (event["event"], event["state"]) == ("run-ended", "failed")


def test_a_run_whose_code_changed_goes_on_with_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["campaign", "resume", "runs/a", "--wait"])
    with pytest.raises(BecameError) as became:
        restart.with_frozen_source(tmp_path / "code")
    assert became.value.command[4:] == ["resume", "runs/a", "--wait"]
    assert became.value.environment["PYTHONPATH"].split(os.pathsep)[0] == str(tmp_path / "code")
    assert restart.FROZEN_VARIABLE in became.value.environment
