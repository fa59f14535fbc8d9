"""Commands that run a campaign: in the foreground, or as a job of Slurm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from campaign import api, following
from campaign.installed import PluginError
from campaign.slurm.profile import SlurmProfile
from campaign.terminal import (
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
    from campaign.driving import drive

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
    from campaign.driving import FROZEN_VARIABLE, RESTARTS_VARIABLE, drive, drive_frozen
    from campaign.frozen import CODE_FOLDER

    try:
        with located_errors():
            campaign = api.frozen_campaign(run, profile)
    except (FileNotFoundError, PluginError) as error:
        complain(str(error))
    except api.CodeChanged as error:
        if FROZEN_VARIABLE in os.environ or not (run / CODE_FOLDER).is_dir():
            complain(str(error))
        drive_frozen(run / CODE_FOLDER)
    if isinstance(campaign.profile, SlurmProfile):
        return _queue(campaign, f"campaign resume {run}", wait, dry_run=False, as_json=as_json)
    succeeds = RESTARTS_VARIABLE in os.environ
    drive(lambda listener: api.submit(campaign, listener, is_successor=succeeds), f"campaign resume {run}", as_json)


def _queue(campaign: api.Campaign, again: str, wait: bool, dry_run: bool, as_json: bool) -> None:
    """Send a campaign to Slurm, and tell its job."""
    from campaign.driving import endings
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
