"""Waiting for what other processes and threads do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")
PATIENCE_S = 300.0  # only a test that fails waits so long


def wait_until(look: Callable[[], Seen], what: str = "what did not come", patience_s: float = PATIENCE_S) -> Seen:
    """The first true thing that is seen."""
    deadline = time.monotonic() + patience_s
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.1)
    return seen
