"""Commands that run a campaign: in the foreground, or as a job of Slurm."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from campaign import api
from campaign.cli import restart
from campaign.cli.endings import endings
from campaign.cli.follow import follow_to_end
from campaign.cli.options import (
    BUSY,
    Format,
    Json,
    ProfileFile,
    Runs,
    SpecFile,
    Style,
    complain,
    console,
    errors_in_a_line,
    located_errors,
    open_campaign,
    print_json,
    writing,
)
from campaign.record.display import display, format_seconds
from campaign.record.run_folder import DamagedRunError
from campaign.run.freeze import CODE_FOLDER
from campaign.run.interrupt import ctrl_c
from campaign.spec.entry_points import PluginError
from campaign.spec.profile import SlurmProfile
from campaign.spec.shipped import write_starter

Wait = Annotated[bool, typer.Option("--wait", help="under Slurm: follow the run until it ends")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="only say where the run lies, and what went wrong")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="under Slurm: show the sbatch script and send nothing")]


def submit(
    spec: SpecFile,
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    wait: Wait = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: Json = False,
    style: Format = Style.TEXT,
) -> None:
    """Run a campaign to its tables, figures and report; go on with one that was interrupted."""
    as_json, started = as_json or style is Style.JSON, time.monotonic()
    with ctrl_c():
        campaign = open_campaign(spec, profile, runs, as_json, on_cluster=True)
        if not dry_run:
            run = _submitted(campaign, f"campaign submit {spec}", as_json, quiet)
    if not dry_run:
        return _show(run, time.monotonic() - started, wait, as_json, quiet)
    try:
        print(api.dry_run(campaign))
    except ValueError as error:
        complain(f"--dry-run shows what is sent to Slurm: {error}")


class Starter(StrEnum):
    """What to start from."""

    QUICKSTART = "quickstart"
    SPECTRUM = "spectrum"
    IMAGES = "images"


def init(
    file: Annotated[Path, typer.Argument(help="the spec to write", metavar="[FILE]")] = Path("campaign.yaml"),
    start: Annotated[
        Starter, typer.Option("--from", help="quickstart; spectrum: a mean over wavelengths; images: of your own")
    ] = Starter.QUICKSTART,
) -> None:
    """Write a commented spec to start from; its first run takes minutes."""
    with errors_in_a_line(), writing():
        written = write_starter(start.value, file)
    screen = console()
    screen.print(f"written: {', '.join(map(str, written))}", soft_wrap=True)
    screen.print(f"next: `campaign plan {file} --probe 16`, then `campaign submit {file}`", soft_wrap=True)


def resume(
    run: Annotated[Path, typer.Argument(help="a run's folder")],
    profile: Annotated[Path | None, typer.Option("--profile", help="where to go on; default: as before")] = None,
    wait: Wait = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Go on with a run by the spec and the code that it froze, under the same profile or another one."""
    started = time.monotonic()
    with ctrl_c():
        going_on = _submitted(_frozen(run, profile), f"campaign resume {run}", as_json, quiet)
    _show(going_on, time.monotonic() - started, wait, as_json, quiet)


def rerun(
    run: Annotated[Path, typer.Argument(help="a run's folder")],
    stage: Annotated[str, typer.Argument(help="for example labels/data-i, or a kind of stages")],
    profile: Annotated[Path | None, typer.Option("--profile", help="where; default: as before")] = None,
    wait: Wait = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compute a stage of a run again, and all that follows from it; what there is stays until the new is whole."""
    started = time.monotonic()
    with ctrl_c():
        campaign = _frozen(run, profile)
        try:
            with writing():
                api.ask_again(campaign, stage)
        except api.UnknownStageError as error:
            complain(str(error))
        except api.RunBusyError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(BUSY) from None
        going_on = _submitted(campaign, f"campaign resume {run}", as_json, quiet)
    _show(going_on, time.monotonic() - started, wait, as_json, quiet)


def _frozen(run: Path, profile: Path | None) -> api.Campaign:
    try:
        with located_errors():
            return api.frozen_campaign(run, profile)
    except (FileNotFoundError, PluginError, DamagedRunError) as error:
        complain(str(error))
    except api.CodeChangedError as error:
        if restart.is_frozen() or not (run / CODE_FOLDER).is_dir():
            complain(str(error))
        restart.with_frozen_source(run / CODE_FOLDER)


def _submitted(campaign: api.Campaign, again: str, as_json: bool, quiet: bool) -> api.FinishedRun | api.QueuedRun:
    """Submit, with a display of what happens here; the command ``again`` goes on when it stops before its end."""
    is_sent = isinstance(campaign.profile, SlurmProfile)
    try:
        with nullcontext() if is_sent or quiet else display(console(stderr=as_json)) as listener, endings(again):
            return api.submit(campaign, listener, is_successor=restart.is_successor())
    except api.ClusterGoneError as gone:
        restart.with_new_ray(gone, again, as_json)


def _show(run: api.FinishedRun | api.QueuedRun, seconds: float, wait: bool, as_json: bool, quiet: bool) -> None:
    """Say what came of a submission after so many seconds; follow one that was sent to Slurm, if that is wanted."""
    if quiet and not as_json and not (wait and isinstance(run, api.QueuedRun)):
        return print(run.folder)
    if isinstance(run, api.FinishedRun):
        return _show_finished(run, seconds, as_json)
    if as_json and not wait:
        print_json({"run_folder": str(run.folder), "job": run.job, "is_new": run.is_new})
    elif not as_json:
        console().print(f"{'job' if run.is_new else 'queued before as job'} {run.job}: {run.folder}", soft_wrap=True)
    if wait:
        follow_to_end(run.folder, as_json)
    elif not as_json:
        console().print(f"`campaign watch {run.folder}` follows it", soft_wrap=True)


def _show_finished(run: api.FinishedRun, seconds: float, as_json: bool) -> None:
    if as_json:
        return print_json({"run_folder": str(run.folder), "from_cache": run.from_cache, "plan": run.plan.to_dict()})
    screen = console()
    screen.print(api.table(run.folder))
    how = "answered from the cache" if run.from_cache else "finished"
    screen.print(f"\n{how} in {format_seconds(seconds)}: [bold]{run.folder}[/bold]")
    screen.print(f"report: {run.folder / 'report.html'}", soft_wrap=True)
