"""The command line, thin over ``campaign.api``.

Exit codes: 0 done; 1 a stage failed or a check did, or a target is out of reach; 2 a mistake in what the user wrote;
3 another process has the run; 4 the run was cancelled; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from campaign import api
from campaign.cache.lease import release_all
from campaign.cli import bundle as packing
from campaign.cli import compare as comparing_runs
from campaign.cli import design as designing
from campaign.cli import disk as room
from campaign.cli import follow as following
from campaign.cli import plan as explaining
from campaign.cli import published as comparing
from campaign.cli import query as asking
from campaign.cli import review as reviewing
from campaign.cli import store as keeping
from campaign.cli import submit as submitting
from campaign.cli.options import (
    FAILED,
    MISTAKE,
    STOPPED,
    Json,
    ProfileFile,
    Runs,
    complain,
    console,
    located_errors,
    print_json,
)
from campaign.cli.usage import Commands
from campaign.spec.entry_points import PluginError
from cluster.node.allocation import AllocationError

app = typer.Typer(
    name="campaign",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

for command in (
    submitting.init,
    submitting.submit,
    submitting.resume,
    following.watch,
    following.logs,
    following.cancel,
    following.dashboard,
    explaining.plan,
    explaining.why,
    explaining.graph,
    submitting.rerun,
    room.du,
    room.prune,
    designing.design,
    asking.query,
    reviewing.receipt,
    reviewing.verify_table,
    comparing_runs.compare,
):
    app.command()(command)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"campaign {version('ganmdn-campaign')}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    """From a wanted optical property to a microstructure that has it."""


@app.command()
def status(
    run: Annotated[Path | None, typer.Argument(help="a run's folder; default: all runs")] = None,
    runs: Runs = api.DEFAULT_RUNS,
    as_json: Json = False,
) -> None:
    """Show where a run stands, or all runs."""
    from campaign.cli.tables import run_table, runs_table

    folders = [following.chosen_run(run, runs)] if run is not None else api.find_runs(runs)
    states = {str(folder): status for folder, status in api.statuses(folders).items()}
    if as_json:
        from dataclasses import asdict

        print_json({folder: asdict(state) for folder, state in states.items()})
    else:
        console().print(run_table(states[str(folders[0])]) if run is not None else runs_table(states))


@app.command()
def replay(
    store: Annotated[Path, typer.Argument(help="a simulation store (a .zarr folder)")],
    row: Annotated[int, typer.Argument(help="number of the simulation, as `campaign query` shows it")],
    profile: ProfileFile = None,
    as_json: Json = False,
) -> None:
    """Run one simulation of a store again, here: its inputs, its outcome, its traceback. Exit code 1: it failed again.

    The store stays as it is. The time limit is that of the profile.
    """
    from campaign.cli.tables import replay_table
    from campaign.spec.load import load_profile

    with located_errors():
        loaded = load_profile(profile)
    try:
        again = api.replay(store, row, loaded)
    except (ValueError, FileNotFoundError) as error:
        complain(str(error))
    if as_json:
        from dataclasses import asdict

        print_json(asdict(again))
    else:
        console().print(replay_table(again))
        if again.traceback:
            print(again.traceback)
    if again.failed:
        raise typer.Exit(FAILED)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="a run's folder")],
    pdf: Annotated[bool, typer.Option("--pdf", help="figures as PDF, too, for print")] = False,
) -> None:
    """Write a run's tables, figures and report again from its results."""
    try:
        path = api.rewrite_report(run, pdf=pdf)
    except (FileNotFoundError, ValueError, PluginError, api.NotFinishedError) as error:
        complain(str(error))
    except OSError as error:
        complain(f"the report of {run} cannot be written: {error.strerror}; copy the run to where you may write")
    screen = console()
    for warning in api.warnings(run):
        screen.print(f"! {warning}", style="red", markup=False, highlight=False)
    screen.print(f"report: {path}", soft_wrap=True)


@app.command()
def schema(
    markdown: Annotated[bool, typer.Option("--markdown", help="every key with its type, default and meaning")] = False,
) -> None:
    """Print the JSON Schema of specs, for editors; or their reference, for readers."""
    if markdown:
        from campaign.spec.reference import reference

        print(reference())
        return
    from campaign.spec.json_schema import spec_json_schema

    print_json(spec_json_schema())


@app.command()
def doctor(
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    deep: Annotated[bool, typer.Option("--deep", help="also load torch and solve with it")] = False,
    as_json: Json = False,
) -> None:
    """Say what is wrong with this machine, and how to repair it; exit code 1 when a run would fail."""
    from campaign.cli.tables import checks_table
    from campaign.doctor.diagnose import diagnose
    from campaign.spec.load import load_profile

    with located_errors():
        checks = diagnose(load_profile(profile), runs, deep=deep)
    if as_json:
        from dataclasses import asdict

        print_json([asdict(check) for check in checks])
    else:
        console().print(checks_table(checks))
    if any(check.status == "failure" for check in checks):
        raise typer.Exit(FAILED)


app.command("verify-authors")(comparing.verify_authors)
app.command("validate-physics")(comparing.validate_physics)
app.command("calibrate")(comparing.calibrate)
app.command("import")(keeping.import_data)
app.command("export")(keeping.export)
app.command("simulate")(keeping.simulate)
app.add_typer(keeping.app, name="store")
app.add_typer(packing.app, name="bundle")


def main() -> None:
    """Entry point of the ``campaign`` command."""
    try:
        app()
    except AllocationError as error:
        print(error, file=sys.stderr)
        raise SystemExit(MISTAKE) from None
    except SystemExit as end:
        if end.code == STOPPED:
            # Threads that Ctrl-C left behind may hold folders, and crash Python where it takes a library apart.
            release_all()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(STOPPED)
        raise
