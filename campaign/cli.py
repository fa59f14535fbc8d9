"""The command line, thin over ``campaign.api``.

Exit codes: 0 done; 1 a stage failed or a check did; 2 a mistake in what the user wrote; 3 another process has the run;
4 the run was cancelled; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from campaign import api, following
from campaign.installed import PluginError
from campaign.slurm.profile import SlurmProfile
from campaign.terminal import (
    FAILED,
    Format,
    Json,
    ProfileFile,
    Runs,
    SpecFile,
    Style,
    complain,
    console,
    located_errors,
    print_json,
    told_errors,
)

app = typer.Typer(
    name="campaign",
    help="From a wanted optical property to a microstructure that has it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

DatasetName = Annotated[
    str | None, typer.Option("--dataset", help="data set whose orders to take, where image sizes do not tell")
]


Wait = Annotated[bool, typer.Option("--wait", help="under Slurm: follow the run until it ends")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="under Slurm: show the sbatch script and send nothing")]


@app.command()
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
    campaign = _open(spec, profile, runs, as_json, on_cluster=True)
    if isinstance(campaign.profile, SlurmProfile):
        return _queue(campaign, f"campaign submit {spec}", wait, dry_run, as_json)
    if dry_run:
        complain("--dry-run shows what is sent to Slurm; it needs a profile of kind slurm")
    drive(lambda listener: api.submit(campaign, listener), f"campaign submit {spec}", as_json)


@app.command()
def resume(
    run: Annotated[Path, typer.Argument(help="a run's folder")],
    profile: Annotated[Path | None, typer.Option("--profile", help="where to go on; default: as before")] = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Go on with a run by the spec and the code that it froze, under the same profile or another one."""
    from campaign.driving import FROZEN_VARIABLE, drive, drive_frozen
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
    drive(lambda listener: api.submit(campaign, listener), f"campaign resume {run}", as_json)


for command in (following.watch, following.logs, following.cancel, following.dashboard):
    app.command()(command)


@app.command()
def plan(
    spec: SpecFile,
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    as_json: Json = False,
    style: Format = Style.TEXT,
) -> None:
    """Show what a submission would do: stages, simulations, cost, and what is cached. Writes nothing."""
    as_json = as_json or style is Style.JSON
    made = _open(spec, profile, runs, as_json).plan()
    if as_json:
        print_json(made.to_dict())
    else:
        from campaign.show import plan_table

        console().print(plan_table(made))
    if made.obstacles:
        raise typer.Exit(FAILED)


@app.command()
def why(
    spec: Annotated[str, typer.Argument(help="the campaign's YAML file; left out: that of the latest run")],
    stage: Annotated[str | None, typer.Argument(help="for example labels/data-i")] = None,
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    as_json: Json = False,
    style: Format = Style.TEXT,
) -> None:
    """Say why a stage is cached or not: each field, input, file and module that differs from the nearest result."""
    from campaign.show import explanation_table

    as_json = as_json or style is Style.JSON
    try:
        file, name = (api.latest_spec(runs), spec) if stage is None else (Path(spec), stage)
        explanation = _open(file, profile, runs, as_json).why(name)
    except (FileNotFoundError, api.UnknownStage) as error:
        complain(str(error))
    if as_json:
        print_json(explanation.to_dict())
    else:
        console().print(explanation_table(explanation))


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
def replay(
    store: Annotated[Path, typer.Argument(help="a simulation store (a .zarr folder)")],
    row: Annotated[int, typer.Argument(help="number of the simulation, as `campaign query` shows it")],
    profile: ProfileFile = None,
    as_json: Json = False,
) -> None:
    """Run one simulation of a store again, here: its inputs, its outcome, its traceback. Exit code 1: it failed again.

    The store stays as it is. The time limit is that of the profile.
    """
    from campaign.load import load_profile
    from campaign.show import replay_table

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
def report(run: Annotated[Path, typer.Argument(help="a run's folder")]) -> None:
    """Write a run's tables, figures and report again from its results."""
    try:
        path = api.rewrite_report(run)
    except (FileNotFoundError, PluginError, api.NotFinished) as error:
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


@app.command("validate-physics")
def validate_physics(
    spec: Annotated[Path, typer.Argument(help="a campaign's YAML file, or a physics file", metavar="SPEC")],
    data: Annotated[Path, typer.Argument(help="a data set in the published layout (.hdf5: z, x, y)")],
    dataset: DatasetName = None,
    as_json: Json = False,
) -> None:
    """Simulate published microstructures under a spec's physics, and compare with their published absorption."""
    from campaign.progress import counting

    with located_errors(), told_errors(), counting(console(stderr=True)) as progress:
        found = api.validate_physics(spec, data, dataset, lambda done, total: progress(done, total, "simulations"))
    if as_json:
        from dataclasses import asdict

        print_json(asdict(found))
    else:
        from campaign.show import agreement_table

        console().print(agreement_table({"all pairs": found}))


@app.command()
def calibrate(
    data: Annotated[Path, typer.Argument(help="a data set in the published layout (.hdf5: z, x, y)")],
    physics: Annotated[Path, typer.Option("--physics", help="a calibration, a physics file or a campaign's spec")],
    output: Annotated[Path | None, typer.Option("--output", help="write the physics file found here")] = None,
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    dataset: DatasetName = None,
    as_json: Json = False,
) -> None:
    """Fit a stack to published pairs of image and absorption; judged by pairs that were not fitted to."""
    from campaign.driving import endings
    from campaign.progress import counting
    from campaign.show import agreement_table
    from results.files import write_atomically

    again = f"campaign calibrate {data} --physics {physics}"
    command = f"campaign calibrate {data.name} --physics {physics.name}"  # a file outlives the folders of this machine
    with located_errors(), told_errors(), endings(again), counting(console(stderr=True)) as progress:
        outcome = api.calibrate(physics, data, profile, runs, dataset, progress)
        if output is not None:
            write_atomically(output, outcome.physics_file(command))
    if as_json:
        print_json(outcome.to_dict())
        return
    console().print(agreement_table({"pairs fitted to": outcome.fitted, "pairs held out": outcome.held_out}))
    print(outcome.physics_file(command) if output is None else f"physics file: {output}")


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


def _open(spec: Path, profile: Path | None, runs: Path, as_json: bool, on_cluster: bool = False) -> api.Campaign:
    with located_errors(as_json):
        return api.Campaign.open(spec, profile, runs, on_cluster=on_cluster)
