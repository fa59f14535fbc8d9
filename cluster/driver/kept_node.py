"""A node of Ray on this machine for as long as a driver wants it: the driver's end of its keeper."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cluster.node.command import source_path

# -P: not from the working directory.
COMMAND = (sys.executable, "-P", "-m", "cluster.node.keeper")
END_SECONDS = 30.0


@contextmanager
def kept_node(arguments: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A node that ends with the block, or with this process; its keeper, and what that announces.

    Raises
    ------
    RuntimeError
        It does not start; the text is what the keeper said.
    """
    keeper = subprocess.Popen(
        [*COMMAND, *arguments, "--lifeline"],
        env=os.environ | source_path(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process alone
    )
    try:
        assert keeper.stdout is not None
        assert keeper.stderr is not None
        announcement = keeper.stdout.readline()
        if not announcement:
            raise RuntimeError(keeper.stderr.read().strip() or f"the keeper of Ray's node ended with {keeper.wait()}")
        yield keeper, json.loads(announcement)
    finally:
        _end(keeper)


def _end(keeper: subprocess.Popen[str]) -> None:
    keeper.terminate()
    try:
        keeper.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.communicate()
