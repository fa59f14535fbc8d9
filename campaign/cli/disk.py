"""Commands about what runs take on the disk."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from campaign import api
from campaign.cache.contents import Usage
from campaign.cache.lease import LeaseBusyError
from campaign.cli.follow import chosen_run
from campaign.cli.options import BUSY, Json, ProfileFile, Runs, complain, console, located_errors, print_json, writing
from campaign.record.needs import DamagedPlanError, Unneeded
from campaign.spec.load import load_profile


def du(profile: ProfileFile = None, runs: Runs = api.DEFAULT_RUNS, as_json: Json = False) -> None:
    """Show what every run and every kind of stage takes on the disk, and what of it is shared or needed by no run."""
    from campaign.cli.tables import disk_tables

    try:
        usage = api.disk_usage(runs, _cache(profile, runs))
    except DamagedPlanError as error:
        complain(str(error))
    if as_json:
        from dataclasses import asdict

        print_json(asdict(usage))
    else:
        console().print(disk_tables(usage))


def prune(
    give_up: Annotated[
        list[Path] | None, typer.Argument(help="runs to remove as well, by their folders", metavar="[RUN]…")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="remove it; without, it is shown")] = False,
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    as_json: Json = False,
) -> None:
    """Show results that no run needs, and with --yes remove them; nothing that a run works in or points to."""
    cache, given_up = _cache(profile, runs), [chosen_run(run, runs) for run in give_up or []]
    for folder in given_up:
        if (state := api.status(folder).state) in {"queued", "running"}:
            print(f"{folder} is {state}; `campaign cancel {folder}` stops it", file=sys.stderr)
            raise typer.Exit(BUSY)
    try:
        with writing():
            found = api.prune(runs, cache, given_up) if yes else api.unneeded(runs, cache, given_up)
    except DamagedPlanError as error:
        complain(str(error))
    except LeaseBusyError as busy:
        print(f"{busy.owner or 'another process'} prunes this cache, or drives a run that is given up", file=sys.stderr)
        raise typer.Exit(BUSY) from None
    if as_json:
        print_json(_as_data(found, yes))
        return
    for line in _lines(found, yes):
        console().print(line, soft_wrap=True, markup=False, highlight=False)


def _cache(profile: Path | None, runs: Path) -> Path:
    with located_errors():
        return load_profile(profile).cache or runs / "cache"


def _lines(found: Unneeded, removed: bool) -> list[str]:
    lines = [f"{folder}: {shown(usage)}, the run itself" for folder, usage in found.runs]
    lines += [f"{entry.path}: {shown(usage)}" for entry, usage in found.entries]
    lines += [f"once a run, no longer there: {path}" for path in found.gone]
    many = "1 folder" if len(found.entries) == 1 else f"{len(found.entries)} folders"
    stay = f"runs that stay: {found.kept}"
    if not found.entries and not found.runs:
        return [*lines, f"nothing to remove ({stay})"]
    end = "removed" if removed else "`--yes` removes this"
    return [*lines, f"{many} of the cache that no run needs ({stay}), {shown(found.total)} in all: {end}"]


def shown(usage: Usage) -> str:
    """For example ``12.3 MB in 40 files``."""
    return f"{usage.size / 1e6:,.1f} MB in {usage.files:,} files"


def _as_data(found: Unneeded, removed: bool) -> dict[str, Any]:
    def row(path: Path, usage: Usage) -> dict[str, Any]:
        return {"path": path, "bytes": usage.size, "files": usage.files}

    return {
        "removed": removed,
        "bytes": found.total.size,
        "files": found.total.files,
        "entries": [row(entry.path, usage) for entry, usage in found.entries],
        "runs": [row(folder, usage) for folder, usage in found.runs],
        "runs_kept": found.kept,
        "runs_gone": list(found.gone),
    }
