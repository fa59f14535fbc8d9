"""Commands that go on as a new program: with the source that a run froze, or with a new Ray when theirs has ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from campaign import api
from campaign.cache.lease import release_all
from campaign.cli.options import FAILED
from campaign.plan.keys import PROJECT
from campaign.record.events import EventLog

RESTARTS_VARIABLE = "CAMPAIGN_RESTARTS"  # how often the run was begun again, as Ray had ended by itself
MOST_RESTARTS = 3
FROZEN_VARIABLE = "CAMPAIGN_FROZEN"  # set in a process that runs a run's own copy of the source


def is_successor() -> bool:
    """Whether this program took the place of one that lost its Ray."""
    return RESTARTS_VARIABLE in os.environ


def is_frozen() -> bool:
    """Whether this program runs the source that a run froze."""
    return FROZEN_VARIABLE in os.environ


def with_frozen_source(code: Path) -> NoReturn:
    """Become this same command as the source below ``code`` has it: what a run froze when it was submitted."""
    _become(sys.argv[1:], code, {FROZEN_VARIABLE: "1"})


def with_new_ray(gone: api.ClusterGoneError, again: str, as_json: bool) -> NoReturn:
    """Go on with a new Ray, as a new program: Ray ends a process that was connected to one which is gone.

    Parameters
    ----------
    gone
        What happened.
    again
        The command that goes on when that happens too often.
    as_json
        Whether this command's output is JSON.
    """
    restarts, events = int(os.environ.get(RESTARTS_VARIABLE, "0")), EventLog(gone.run_folder)
    release_all()
    if restarts == MOST_RESTARTS:
        events.write("run-ended", state="failed", message=str(gone))
        print(f"failed:\n{gone}, {restarts + 1} times; finished work is kept: `{again}` goes on", file=sys.stderr)
        sys.stderr.flush()
        os._exit(FAILED)  # what runs at a usual exit would wait for Ray
    events.write("run-queued", message="begins again")
    print(f"{gone}; going on with a new one", file=sys.stderr)
    # By what it froze: the spec may be another by now.
    resume = ["resume", str(gone.run_folder), *["--json"] * as_json]
    _become(resume, PROJECT, {RESTARTS_VARIABLE: str(restarts + 1)})


def _become(arguments: Sequence[str], code: Path, variables: Mapping[str, str]) -> NoReturn:
    """Exchange this process's program for another command of ours, from the source below ``code``."""
    path = os.pathsep.join(part for part in (str(code.absolute()), os.environ.get("PYTHONPATH", "")) if part)
    sys.stdout.flush()
    sys.stderr.flush()
    # -P: the working directory may hold the source as it is now.
    command = [sys.executable, "-P", "-m", "campaign", *arguments]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path, **variables})
