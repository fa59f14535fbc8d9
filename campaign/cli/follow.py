"""Commands that look at a run from outside, from any node that sees its folder and without a Ray connection."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from campaign import api
from campaign.cli.dashboard import NoDashboardError, find_dashboard
from campaign.cli.options import CANCELLED, FAILED, STOPPED, Json, Runs, complain, console, print_json
from campaign.record.display import display
from campaign.record.logs import LogReader
from campaign.record.run_folder import is_run
from campaign.record.status import RunStatus
from cluster.slurm.controller import SlurmError

POLL_SECONDS = 1.0
SLOW_SECONDS = 60.0  # a driver that has not stopped at once by then needs a person
ENDINGS = {"done": 0, "failed": FAILED, "interrupted": FAILED, "cancelled": CANCELLED}

RunFolder = Annotated[Path | None, typer.Argument(help="a run's folder; default: the latest run", metavar="[RUN]")]


def watch(
    run: RunFolder = None,
    runs: Runs = api.DEFAULT_RUNS,
    once: Annotated[bool, typer.Option("--once", help="show where it stands and end")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="every event as a line of JSON; with --once the status")
    ] = False,
) -> None:
    """Follow a run until it ends, from any node; exit code 0 done, 1 failed or interrupted, 4 cancelled."""
    folder = chosen_run(run, runs)
    if once:
        _show_once(folder, api.status(folder), as_json)
    else:
        follow_to_end(folder, as_json)


def follow_to_end(folder: Path, as_json: bool) -> None:
    """Show a run until it ends, then exit with the code for how it ended."""
    follower = api.follower(folder)
    status = follower.status
    try:
        if as_json:
            for event in follower.events():
                print(json.dumps(event), flush=True)
        else:
            follower.refresh()
            with display(console(), status) as show:
                for event in follower.events():
                    show(event)
    except KeyboardInterrupt:
        print("\nno longer watching; the run goes on", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    if not as_json:
        _show_once(folder, status, as_json=False)
        console().print(_last_word(folder, status), soft_wrap=True, highlight=False)
    raise typer.Exit(ENDINGS[status.state])


def logs(
    run: RunFolder = None,
    stage: Annotated[str | None, typer.Option("--stage", help="only of a stage, or of a kind of stages")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="go on until the run ends")] = False,
    runs: Runs = api.DEFAULT_RUNS,
) -> None:
    """Show what the driver logged and workers printed: of the whole run, or of one stage with its tracebacks."""
    folder = chosen_run(run, runs)
    follower = api.follower(folder)
    follower.refresh()
    status = follower.status
    if stage is not None and not any(name == stage or name.startswith(f"{stage}/") for name in status.stages):
        complain(f"{folder}: has no stage {stage}; its stages: {', '.join(status.stages) or 'none yet'}")
    reader = LogReader(folder, stage)
    source = _print_lines(reader, "")
    try:
        while follow and not status.has_ended:  # its last lines are there when it has: they are read afterwards
            time.sleep(POLL_SECONDS)
            follower.refresh()
            source = _print_lines(reader, source)
    except KeyboardInterrupt:
        raise typer.Exit(STOPPED) from None
    if not source:
        print(_silence(folder, stage, status), file=sys.stderr)


def cancel(
    run: RunFolder = None,
    runs: Runs = api.DEFAULT_RUNS,
    now: Annotated[
        bool, typer.Option("--now", help="give up simulations in flight; they are done again later")
    ] = False,
    wait: Annotated[bool, typer.Option(help="wait until the run has stopped")] = True,
) -> None:
    """Stop a run from any node: simulations in flight finish, or are discarded whole. `campaign resume` goes on."""
    folder = chosen_run(run, runs)
    status = api.status(folder)
    try:
        jobs = api.cancel(folder, now)
    except SlurmError as error:
        complain(f"{folder}: {error}; the request to stop stands in the run's folder, so no further job will go on")
    except OSError as error:
        complain(f"{folder}: the request cannot be written there: {error.strerror}; only who may write can cancel")
    if jobs:
        print(f"cancelled in Slurm: {', '.join(jobs)}", flush=True)
    if status.state == "running" or (status.state == "queued" and not jobs):  # it begins again, with a new Ray
        how = "at once" if now else "when simulations in flight have finished"
        print(f"asked the driver (process {status.process} on {status.host}) to stop {how}", flush=True)
        if wait:
            _wait_for_end(folder, status, now)
    elif not jobs:
        print(f"nothing to cancel: {folder} is {status.state}")


def dashboard(
    run: RunFolder = None,
    runs: Runs = api.DEFAULT_RUNS,
    port: Annotated[int, typer.Option(help="port on your own machine", min=1, max=65535)] = 8265,
    as_json: Json = False,
) -> None:
    """Show how to reach the Ray dashboard of a running campaign: the ssh tunnel, the address and the token."""
    try:
        found = find_dashboard(chosen_run(run, runs), port)
    except NoDashboardError as error:
        complain(str(error))
    if as_json:
        print_json(asdict(found))
        return
    print(f"on your own machine:  {found.tunnel}")
    print(f"then open:            {found.page}")
    print(f"token:                {found.token or found.token_hint}")
    if found.url:
        print(f"without a tunnel:     {found.url} (on {found.host} itself)")


def chosen_run(run: Path | None, runs: Path) -> Path:
    """The folder that a user named, by its path or by its name below ``runs``; the latest run if none was named."""
    if run is None:
        folders = api.find_runs(runs)
        if not folders:
            complain(f"no runs below {runs}; name a run's folder, or the folder of all runs with --runs")
        return folders[0]
    for folder in (run, runs / run):
        if is_run(folder):
            return folder
    complain(f"{run}: not a run's folder (no events.jsonl); `campaign status` lists the runs below {runs}")


def _show_once(folder: Path, status: RunStatus, as_json: bool) -> None:
    from campaign.cli.tables import run_table

    if as_json:
        print_json({"run_folder": str(folder), "seconds_left": status.seconds_left(), **asdict(status)})
    else:
        console().print(run_table(status))


def _last_word(folder: Path, status: RunStatus) -> str:
    if status.state == "done":
        return f"report: {folder / 'report.html'}"
    if status.state == "failed":
        return f"failed; `campaign logs {folder} --stage STAGE` shows why, `campaign resume {folder}` tries again"
    return f"{status.state}; finished work is kept: `campaign resume {folder}` goes on"


def _print_lines(reader: LogReader, source: str) -> str:
    """Print new lines, with a heading wherever their source changes, as `tail` does; the last source."""
    for origin, line in reader.new():
        if origin != source:
            print(f"{'' if not source else chr(10)}==> {origin} <==")
            source = origin
        print(line)
    sys.stdout.flush()
    return source


def _silence(folder: Path, stage: str | None, status: RunStatus) -> str:
    if stage is not None and {status.stages[name].state for name in status.stages if name == stage} == {"cached"}:
        return f"{stage} was answered from the cache; its log is in the run that computed it"
    return f"nothing was logged{f' about {stage}' if stage else ''} in {folder} so far"


def _wait_for_end(folder: Path, status: RunStatus, now: bool) -> None:
    asked, follower = time.monotonic(), api.follower(folder)
    follower.refresh()
    is_late = False
    try:
        while not follower.status.has_ended:
            if now and not is_late and time.monotonic() - asked > SLOW_SECONDS:
                is_late = True
                print(f"no answer so far; if it hangs: kill -9 {status.process} on {status.host}", file=sys.stderr)
            time.sleep(POLL_SECONDS)
            follower.refresh()
    except KeyboardInterrupt:
        print("\nno longer waiting; the request stands", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    state = follower.status.state
    print(f"{folder} is {state}" + ("" if state == "done" else f": `campaign resume {folder}` goes on"))
