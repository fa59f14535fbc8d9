"""What is kept of a run's words: the driver's by stage, the workers' by stage and host."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from campaign.plan.keys import PROJECT
from campaign.record.logs import LogReader, driver_log_handler
from campaign.record.worker_log import remove_empty_logs, stage_logs


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with words of the driver about two stages, and of the workers of two hosts."""
    (tmp_path / "logs").mkdir()
    handler = driver_log_handler(tmp_path / "logs" / "driver.log")
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.info("run-started", extra={"stage": ""})
    logger.error("failed\nTraceback:\n  ValueError", extra={"stage": "labels/a"})
    logger.info("stage-started", extra={"stage": "model/a"})
    handler.close()
    for host, words in (("node1", "from one\n"), ("node2", "from two\nstill being wri")):
        folder = stage_logs(tmp_path, "labels/a")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{host}.log").write_text(words)
    return tmp_path


def lines(reader: LogReader) -> list[tuple[str, str]]:
    """Lines without the time that the driver puts before them."""
    return [(source, line.partition(" [")[2] or line) for source, line in reader.new()]


def test_a_stage_has_its_tracebacks_and_what_its_workers_printed(run: Path) -> None:
    assert lines(LogReader(run, "labels/a")) == [
        ("driver", "labels/a] failed"),
        ("driver", "Traceback:"),
        ("driver", "  ValueError"),
        ("labels/a on node1", "from one"),
        ("labels/a on node2", "from two"),
    ]


def test_a_kind_of_stages_can_be_asked_for_and_no_other_stage_of_the_same_beginning(run: Path) -> None:
    assert len(lines(LogReader(run, "labels"))) == 5
    assert lines(LogReader(run, "label")) == []
    assert lines(LogReader(run, "model")) == [("driver", "model/a] stage-started")]


def test_without_a_stage_everything_is_shown(run: Path) -> None:
    assert [source for source, _ in lines(LogReader(run))] == ["driver"] * 5 + [
        "labels/a on node1",
        "labels/a on node2",
    ]


def test_only_new_whole_lines_come(run: Path) -> None:
    reader = LogReader(run, "labels/a")
    lines(reader)
    with (stage_logs(run, "labels/a") / "node2.log").open("a") as stream:
        stream.write("tten\n")
    assert lines(reader) == [("labels/a on node2", "still being written")]
    assert lines(reader) == []


def test_hosts_that_said_nothing_leave_no_file(run: Path) -> None:
    silent = stage_logs(run, "model/a")
    silent.mkdir(parents=True)
    (silent / "node1.log").touch()
    remove_empty_logs(silent)
    assert not silent.exists()
    remove_empty_logs(silent)  # nothing there is nothing to do
    remove_empty_logs(stage_logs(run, "labels/a"))
    assert len(list(stage_logs(run, "labels/a").iterdir())) == 2


WORKER = """
import ctypes, os, pathlib, sys
from campaign.record.worker_log import Logged
folders = [pathlib.Path(sys.argv[1]) / name for name in "abc"]
print("before")
Logged(lambda: print("python says"), folders[0])()
Logged(lambda: os.system("echo a child says"), folders[0])()
ctypes.CDLL(None).dprintf(2, b"C says\\n")
Logged(lambda: print("another stage"), folders[1])()
folders[2].write_text("a file where the folder should be")
assert Logged(lambda: 42, folders[2])() == 42
"""


def test_all_that_a_worker_prints_goes_to_its_stage(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(tmp_path)], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "before\n"
    (a,), (b,) = (list((tmp_path / name).iterdir()) for name in "ab")
    assert a.read_text() == "python says\na child says\nC says\n"
    assert b.read_text() == "another stage\n"
