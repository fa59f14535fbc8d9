"""Drives a run in the foreground: what is shown meanwhile, and the exit code that it ends with."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from campaign import api
from campaign.announcing import Listener
from campaign.claims import release_all
from campaign.complaints import told
from campaign.events import EventLog
from campaign.frozen import SourceChanged
from campaign.keys import PROJECT
from campaign.progress import display, format_seconds
from campaign.run import CampaignFailed, Cancelled, ClusterGone
from campaign.terminal import BUSY, CANCELLED, FAILED, STOPPED, complain, console, print_json
from cluster.slurm.controller import SlurmError

RESTARTS_VARIABLE = "CAMPAIGN_RESTARTS"  # how often the run was begun again, as Ray had ended by itself
MOST_RESTARTS = 3
FROZEN_VARIABLE = "CAMPAIGN_FROZEN"  # set in a process that runs a run's own copy of the source


def drive(run_it: Callable[[Listener], api.FinishedRun], again: str, as_json: bool) -> None:
    """Call ``run_it`` with a display that listens, then show its table; the command ``again`` goes on later."""
    screen = console(stderr=as_json)
    started = time.monotonic()
    try:
        with display(screen) as listener, endings(again):
            run = run_it(listener)
    except ClusterGone as gone:
        _begin_again(gone, again, as_json)
    if as_json:
        print_json({"run_folder": str(run.folder), "from_cache": run.from_cache, "plan": run.plan.to_dict()})
        return
    screen.print(api.table(run.folder))
    how = "answered from the cache in" if run.from_cache else "finished in"
    screen.print(f"\n{how} {format_seconds(time.monotonic() - started)}: [bold]{run.folder}[/bold]")
    screen.print(f"report: {run.folder / 'report.html'}", soft_wrap=True)


def drive_frozen(code: Path) -> NoReturn:
    """Become this same command as the source below ``code`` has it: what a run froze when it was submitted."""
    _become(sys.argv[1:], code, {FROZEN_VARIABLE: "1"})


def _begin_again(gone: ClusterGone, again: str, as_json: bool) -> NoReturn:
    """Go on with a new Ray, as a new program: Ray ends a process that was connected to one which is gone."""
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


@contextmanager
def endings(again: str) -> Iterator[None]:
    """Tell how a run stopped before its end, and exit with the code for that; the command ``again`` goes on."""
    try:
        yield
    except CampaignFailed as error:
        _end(f"failed:\n{error}", FAILED)
    except OSError as error:
        _end(f"failed:\n{told(error)}", FAILED)
    except SourceChanged as error:
        complain(str(error))
    except api.CannotStart as error:
        _end(f"cannot start:\n{error}", FAILED)
    except api.RunBusy as error:
        _end(str(error), BUSY)
    except SlurmError as error:
        _end(f"{error}; finished work is kept: `{again}` goes on", FAILED)
    except Cancelled:
        _end(f"cancelled; finished work is kept: `{again}` goes on", CANCELLED)
    except KeyboardInterrupt:
        _end(f"\nstopped; finished work is kept: `{again}` goes on", STOPPED)


def _end(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise typer.Exit(code) from None
