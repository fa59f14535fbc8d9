"""The command line, thin over ``campaign.api``.

Exit codes: 0 done; 1 a stage failed or a check did; 2 a mistake in what the user wrote; 3 another process has the run;
4 the run was cancelled; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign import api, following
from campaign.terminal import FAILED, Json, ProfileFile, Runs, SpecFile, complain, console, located_errors, print_json

app = typer.Typer(
    name="campaign",
    help="From a wanted optical property to a microstructure that has it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.command()
def submit(spec: SpecFile, profile: ProfileFile = None, runs: Runs = api.DEFAULT_RUNS, as_json: Json = False) -> None:
    """Run a campaign to its tables, figures and report; go on with one that was interrupted."""
    from campaign.driving import drive

    campaign = _open(spec, profile, runs)
    drive(lambda listener: api.submit(campaign, listener), f"submit {spec}", as_json)


@app.command()
def resume(
    run: Annotated[Path, typer.Argument(help="a run's folder")],
    profile: Annotated[Path | None, typer.Option("--profile", help="where to go on; default: as before")] = None,
    as_json: Json = False,
) -> None:
    """Go on with a run by the spec that it froze at submission, under the same profile or another one."""
    from campaign.driving import drive

    try:
        with located_errors():
            campaign = api.frozen_campaign(run, profile)
    except (FileNotFoundError, api.CodeChanged) as error:
        complain(str(error))
    drive(lambda listener: api.submit(campaign, listener), f"resume {run}", as_json)


for command in (following.watch, following.logs, following.cancel, following.dashboard):
    app.command()(command)


@app.command()
def plan(spec: SpecFile, profile: ProfileFile = None, runs: Runs = api.DEFAULT_RUNS, as_json: Json = False) -> None:
    """Show what a submission would do: stages, simulations, cost, and what is cached. Writes nothing."""
    made = _open(spec, profile, runs).plan()
    if as_json:
        print_json(made.to_dict())
    else:
        from campaign.show import plan_table

        console().print(plan_table(made))


@app.command()
def status(
    run: Annotated[Path | None, typer.Argument(help="a run's folder; default: all runs")] = None,
    runs: Runs = api.DEFAULT_RUNS,
    as_json: Json = False,
) -> None:
    """Show where a run stands, or all runs."""
    from campaign.show import run_table, runs_table

    folders = [run] if run is not None else api.find_runs(runs)
    if run is not None and not (run / "events.jsonl").is_file():
        complain(f"{run}: not a run's folder (no events.jsonl); `campaign status` lists the runs below {runs}")
    states = {str(folder): api.status(folder) for folder in folders}
    if as_json:
        from dataclasses import asdict

        print_json({folder: asdict(state) for folder, state in states.items()})
    else:
        console().print(run_table(states[str(run)]) if run is not None else runs_table(states))


@app.command()
def query(
    store: Annotated[Path, typer.Argument(help="a simulation store (a .zarr folder)")],
    expression: Annotated[str, typer.Argument(help="for example 'abs(absorption-0.7)<0.005'")],
    limit: Annotated[int | None, typer.Option(help="at most this many rows", min=1)] = None,
    as_json: Json = False,
) -> None:
    """List the simulations of a store that satisfy an expression."""
    from campaign.show import rows_table

    try:
        rows = api.query(store, expression, limit)
    except (ValueError, FileNotFoundError) as error:
        complain(str(error))
    if as_json:
        print_json(rows)
    else:
        console().print(rows_table(rows))


@app.command()
def report(run: Annotated[Path, typer.Argument(help="a run's folder")]) -> None:
    """Write a run's tables, figures and report again from its results."""
    try:
        path = api.rewrite_report(run)
    except (FileNotFoundError, api.NotFinished) as error:
        complain(str(error))
    console().print(f"report: {path}", soft_wrap=True)


@app.command()
def schema() -> None:
    """Print the JSON Schema of specs, for editors."""
    from campaign.schema import spec_json_schema

    print_json(spec_json_schema())


@app.command()
def doctor(
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    deep: Annotated[bool, typer.Option("--deep", help="also load torch and solve with it")] = False,
    as_json: Json = False,
) -> None:
    """Say what is wrong with this machine, and how to mend it; exit code 1 when a run would fail."""
    from campaign.doctor import diagnose
    from campaign.load import load_profile
    from campaign.show import checks_table

    with located_errors():
        checks = diagnose(load_profile(profile), runs, deep=deep)
    if as_json:
        from dataclasses import asdict

        print_json([asdict(check) for check in checks])
    else:
        console().print(checks_table(checks))
    if any(check.status == "failure" for check in checks):
        raise typer.Exit(FAILED)


@app.command("verify-authors")
def verify_authors(
    weights: Annotated[Path, typer.Argument(help="weights.pickle from the authors' repository")],
    data: Annotated[Path, typer.Argument(help="their data set (.hdf5)")],
    as_json: Json = False,
) -> None:
    """Make the published images from the published latents with the published generator, and compare."""
    try:
        result = api.verify_authors(weights, data)
    except (ValueError, OSError) as error:
        complain(str(error))
    if as_json:
        print_json(result)
    else:
        console().print(
            f"{result['identical']} of {result['images']} images identical; "
            f"{result['pixel_agreement']:.6%} of all pixels agree"
        )
    if result["identical"] != result["images"]:
        raise typer.Exit(FAILED)


@app.command("import")
def import_data(
    data: Annotated[Path, typer.Argument(help="a data set in the published layout (.hdf5: z, x, y)")],
    store: Annotated[Path, typer.Argument(help="the simulation store to make (.zarr)")],
) -> None:
    """Turn a published data set into a labelled simulation store."""
    try:
        rows = api.import_data(data, store)
    except (ValueError, OSError) as error:
        complain(str(error))
    console().print(f"{rows} labelled microstructures in {store}", soft_wrap=True)


def main() -> None:
    """Entry point of the ``campaign`` command."""
    app()


def _open(spec: Path, profile: Path | None, runs: Path) -> api.Campaign:
    with located_errors():
        return api.Campaign.open(spec, profile, runs)
