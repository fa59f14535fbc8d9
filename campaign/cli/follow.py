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
from campaign.record.events import Follower, RunStatus, run_status
from campaign.record.logs import LogReader
from campaign.record.run_folder import is_run
from campaign.slurm.submission import Expectation, is_slurm_run
from cluster.slurm.controller import SlurmError, has_slurm

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
        _show_once(folder, run_status(folder), as_json)
    else:
        follow_to_end(folder, as_json)


def follow_to_end(folder: Path, as_json: bool) -> None:
    """Show a run until it ends, then exit with the code for how it ended."""
    follower, expectation = Follower(folder), Expectation(folder)
    news = follower.refresh()
    try:
        if as_json:
            _stream(follower, news, expectation)
        else:
            with display(console(), follower.status) as listener:
                while not expectation.is_over(follower.status):
                    time.sleep(POLL_SECONDS)
                    for event in follower.refresh():
                        listener(event)
    except KeyboardInterrupt:
        print("\nno longer watching; the run goes on", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    if not as_json:
        _show_once(folder, follower.status, as_json=False)
        console().print(_last_word(folder, follower.status), soft_wrap=True, highlight=False)
    raise typer.Exit(ENDINGS[follower.status.state])


def logs(
    run: Annotated[str | None, typer.Argument(help="a run's folder; default: the latest run", metavar="[RUN]")] = None,
    stage: Annotated[str | None, typer.Argument(help="a stage, or a kind of stages", metavar="[STAGE]")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="go on until the run ends")] = False,
    runs: Runs = api.DEFAULT_RUNS,
) -> None:
    """Show what the driver logged and workers printed: of the whole run, or of one stage with its tracebacks."""
    if run is not None and stage is None and not is_run(Path(run)) and not is_run(runs / run):
        run, stage = None, run  # `campaign logs labels` is about the latest run
    folder = chosen_run(Path(run) if run is not None else None, runs)
    status = run_status(folder)
    if stage is not None and not any(name == stage or name.startswith(f"{stage}/") for name in status.stages):
        complain(f"{folder}: has no stage {stage}; its stages: {', '.join(status.stages) or 'none yet'}")
    reader = LogReader(folder, stage)
    source = _print_lines(reader, "")
    try:
        while follow and not status.has_ended:
            time.sleep(POLL_SECONDS)
            status = run_status(folder)
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
    status = run_status(folder)
    if is_slurm_run(folder) and has_slurm():
        _cancel_jobs(folder, status, now)
        if status.state == "queued":
            return
    begins_again = status.state == "queued" and not is_slurm_run(folder)  # with a new Ray, in the same process
    if status.state != "running" and not begins_again:
        print(f"nothing to cancel: {folder} is {status.state}")
        return
    try:
        api.cancel(folder, now=now)
    except OSError as error:
        complain(f"{folder}: the request cannot be written there: {error.strerror}; only who may write can cancel")
    how = "at once" if now else "when simulations in flight have finished"
    print(f"asked the driver (process {status.process} on {status.host}) to stop {how}", flush=True)
    if wait:
        _wait_for_end(folder, status, now)


def _cancel_jobs(folder: Path, status: RunStatus, now: bool) -> None:
    """Cancel the run's jobs in Slurm; a running driver is left to stop by itself, unless it has a job no more."""
    try:
        jobs = api.cancel_jobs(folder, status, now)
    except SlurmError as error:
        complain(f"{folder}: {error}; the request to stop stands in the run's folder, so no further job will go on")
    if jobs:
        print(f"cancelled in Slurm: {', '.join(job.job for job in jobs)}", flush=True)


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
        print_json({"run_folder": str(folder), **asdict(status)})
    else:
        console().print(run_table(status))


def _stream(follower: Follower, news: list[dict], expectation: Expectation) -> None:
    while True:
        for event in news:
            print(json.dumps(event), flush=True)
        if expectation.is_over(follower.status):
            return
        time.sleep(POLL_SECONDS)
        news = follower.refresh()


def _last_word(folder: Path, status: RunStatus) -> str:
    if status.state == "done":
        return f"report: {folder / 'report.html'}"
    if status.state == "failed":
        return f"failed; `campaign logs {folder} STAGE` shows why, `campaign resume {folder}` tries again"
    gone = f"; the driver on {status.host} is gone" if status.state == "interrupted" else ""
    return f"{status.state}{gone}; finished work is kept: `campaign resume {folder}` goes on"


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
    asked = time.monotonic()
    warned = False
    try:
        while not (latest := run_status(folder)).has_ended:
            if now and not warned and time.monotonic() - asked > SLOW_SECONDS:
                warned = True
                print(f"no answer so far; if it hangs: kill -9 {status.process} on {status.host}", file=sys.stderr)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        print("\nno longer waiting; the request stands", file=sys.stderr)
        raise typer.Exit(STOPPED) from None
    goes_on = "" if latest.state == "done" else f": `campaign resume {folder}` goes on"
    print(f"{folder} is {latest.state}{goes_on}")
