"""Processes below this one: found by parenthood, ended whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cluster.node.processes import descendants, has_node_of

# A tree of three processes, of which the middle one ends; its child is then the root's, which adopts orphans.
TREE = """
import os, subprocess, sys, time
from cluster.node.processes import adopt_orphans, descendants, kill_descendants

adopt_orphans()
sleeper = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
middle = f"import subprocess; print(subprocess.Popen({sleeper!r}, stdout=subprocess.PIPE).stdout.readline())"
subprocess.run([sys.executable, "-c", middle], check=True, stdout=subprocess.PIPE)
other = subprocess.Popen(sleeper, stdout=subprocess.PIPE)
other.stdout.readline()
before = descendants(os.getpid())
print(len(before), kill_descendants(), descendants(os.getpid()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="orphans are adopted on Linux alone")
def test_all_processes_below_are_ended_orphans_too() -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", TREE], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.stdout == "2 [] []\n", done.stderr


def test_a_process_that_is_not_there_has_none() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert descendants(ended.pid) == []


def test_a_machine_without_a_raylet_of_that_head_is_no_node() -> None:
    assert not has_node_of("127.0.0.1:1")
