"""Commands that run a campaign: in the foreground, or as a job of Slurm."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from campaign import api
from campaign.cache.lease import release_all
from campaign.cli import follow as following
from campaign.cli.options import (
    BUSY,
    CANCELLED,
    FAILED,
    STOPPED,
    Format,
    Json,
    ProfileFile,
    Runs,
    SpecFile,
    Style,
    complain,
    console,
    located_errors,
    open_campaign,
    print_json,
)
from campaign.plan.keys import PROJECT
from campaign.record.display import display, format_seconds
from campaign.record.events import EventLog
from campaign.run.announcer import Listener
from campaign.run.executor import CampaignFailedError, ClusterGoneError, RunCancelledError
from campaign.run.freeze import SourceChangedError
from campaign.run.stage_runner import told
from campaign.spec.entry_points import PluginError
from campaign.spec.profile import SlurmProfile
from cluster.slurm.controller import SlurmError

Wait = Annotated[bool, typer.Option("--wait", help="under Slurm: follow the run until it ends")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="under Slurm: show the sbatch script and send nothing")]


def submit(
    spec: SpecFile,
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    wait: Wait = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    style: Format = Style.TEXT,
) -> None:
    """Run a campaign to its tables, figures and report; go on with one that was interrupted."""
    as_json = as_json or style is Style.JSON
    campaign = open_campaign(spec, profile, runs, as_json, on_cluster=True)
    if isinstance(campaign.profile, SlurmProfile):
        return _queue(campaign, f"campaign submit {spec}", wait, dry_run, as_json)
    if dry_run:
        complain("--dry-run shows what is sent to Slurm; it needs a profile of kind slurm")
    drive(lambda listener: api.submit(campaign, listener), f"campaign submit {spec}", as_json)


def resume(
    run: Annotated[Path, typer.Argument(help="a run's folder")],
    profile: Annotated[Path | None, typer.Option("--profile", help="where to go on; default: as before")] = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Go on with a run by the spec and the code that it froze, under the same profile or another one."""
    from campaign.run.freeze import CODE_FOLDER

    try:
        with located_errors():
            campaign = api.frozen_campaign(run, profile)
    except (FileNotFoundError, PluginError) as error:
        complain(str(error))
    except api.CodeChangedError as error:
        if FROZEN_VARIABLE in os.environ or not (run / CODE_FOLDER).is_dir():
            complain(str(error))
        drive_frozen(run / CODE_FOLDER)
    if isinstance(campaign.profile, SlurmProfile):
        return _queue(campaign, f"campaign resume {run}", wait, dry_run=False, as_json=as_json)
    succeeds = RESTARTS_VARIABLE in os.environ
    drive(lambda listener: api.submit(campaign, listener, is_successor=succeeds), f"campaign resume {run}", as_json)


def _queue(campaign: api.Campaign, again: str, wait: bool, dry_run: bool, as_json: bool) -> None:
    """Send a campaign to Slurm, and tell its job."""
    from campaign.slurm import submission

    if dry_run:
        print(submission.script(campaign))
        return
    with endings(again):
        run = submission.send(campaign)
    if isinstance(run, api.FinishedRun):
        if as_json:
            print_json({"run_folder": str(run.folder), "from_cache": True, "plan": run.plan.to_dict()})
        else:
            console().print(api.table(run.folder))
            console().print(f"answered from the cache: {run.folder}", soft_wrap=True)
        return
    if as_json and not wait:
        print_json({"run_folder": str(run.folder), "job": run.job, "is_new": run.is_new})
    elif not as_json:
        console().print(f"{'job' if run.is_new else 'queued before as job'} {run.job}: {run.folder}", soft_wrap=True)
    if wait:
        following.follow_to_end(run.folder, as_json)
    elif not as_json:
        console().print(f"`campaign watch {run.folder}` follows it", soft_wrap=True)


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
    except ClusterGoneError as gone:
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


def _begin_again(gone: ClusterGoneError, again: str, as_json: bool) -> NoReturn:
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
    except CampaignFailedError as error:
        _end(f"failed:\n{error}", FAILED)
    except OSError as error:
        _end(f"failed:\n{told(error)}", FAILED)
    except SourceChangedError as error:
        complain(str(error))
    except api.CannotStartError as error:
        _end(f"cannot start:\n{error}", FAILED)
    except api.RunBusyError as error:
        _end(str(error), BUSY)
    except SlurmError as error:
        _end(f"{error}; finished work is kept: `{again}` goes on", FAILED)
    except RunCancelledError:
        _end(f"cancelled; finished work is kept: `{again}` goes on", CANCELLED)
    except KeyboardInterrupt:
        _end(f"\nstopped; finished work is kept: `{again}` goes on", STOPPED)


def _end(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise typer.Exit(code) from None
