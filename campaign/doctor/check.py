"""One finding about this machine, and what a command of it prints."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Literal

GIB = 2**30
PROBE_SECONDS = 10.0

Status = Literal["ok", "warning", "failure"]


@dataclass(frozen=True)
class Check:
    """One finding: a failure stops a campaign, a warning may slow it; ``fix`` is empty when all is well."""

    name: str
    status: Status
    message: str
    fix: str = ""


def output_of(*command: str) -> tuple[str, str]:
    """What a command prints, and why it failed; the second is empty when it did not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        return "", f"no answer within {PROBE_SECONDS:g} s"
    except OSError as error:
        return "", error.strerror or str(error)
    reason = (done.stderr or done.stdout).strip().partition("\n")[0] or f"exit code {done.returncode}"
    return done.stdout.strip(), "" if done.returncode == 0 else reason
