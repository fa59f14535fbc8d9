"""Drives a run in the foreground: what is shown meanwhile, and the exit code that it ends with."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from campaign import api
from campaign.progress import display, format_seconds
from campaign.run import CampaignFailed, Cancelled, Listener
from campaign.terminal import BUSY, CANCELLED, FAILED, STOPPED, console, print_json


def drive(run_it: Callable[[Listener], api.FinishedRun], again: str, as_json: bool) -> None:
    """Call ``run_it`` with a display that listens, then show its table; ``campaign <again>`` would go on later."""
    screen = console(stderr=as_json)
    started = time.monotonic()
    with display(screen) as listener, _endings(again):
        run = run_it(listener)
    if as_json:
        print_json({"run_folder": str(run.folder), "from_cache": run.from_cache, "plan": run.plan.to_dict()})
        return
    screen.print(api.table(run.folder))
    how = "answered from the cache in" if run.from_cache else "finished in"
    screen.print(f"\n{how} {format_seconds(time.monotonic() - started)}: [bold]{run.folder}[/bold]")
    screen.print(f"report: {run.folder / 'report.html'}", soft_wrap=True)


@contextmanager
def _endings(again: str) -> Iterator[None]:
    try:
        yield
    except CampaignFailed as error:
        _end(f"failed:\n{error}", FAILED)
    except api.RunBusy as error:
        _end(str(error), BUSY)
    except Cancelled:
        _end(f"cancelled; finished work is kept: `campaign {again}` goes on", CANCELLED)
    except KeyboardInterrupt:
        _end(f"\nstopped; finished work is kept: `campaign {again}` goes on", STOPPED)


def _end(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise typer.Exit(code) from None
