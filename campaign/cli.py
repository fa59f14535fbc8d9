"""The command line, thin over ``campaign.api``.

Exit codes: 0 done; 1 a stage failed or a check did; 2 a mistake in what the user wrote; 3 another process has the run;
130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from campaign import api
from campaign.load import SpecError, format_problems

PLAIN_WIDTH = 110  # columns where there is no terminal to ask: the widest table fits

app = typer.Typer(
    name="campaign",
    help="From a wanted optical property to a microstructure that has it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
FAILED, MISTAKE, BUSY, STOPPED = 1, 2, 3, 130

SpecFile = Annotated[Path, typer.Argument(help="the campaign's YAML file", metavar="SPEC")]
ProfileFile = Annotated[Path | None, typer.Option("--profile", help="where to run; default: this machine")]
Runs = Annotated[Path, typer.Option("--runs", help="folder of all runs")]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
DatasetName = Annotated[
    str | None, typer.Option("--dataset", help="data set whose orders to take, where image sizes do not tell")
]


@app.command()
def submit(spec: SpecFile, profile: ProfileFile = None, runs: Runs = api.DEFAULT_RUNS, as_json: Json = False) -> None:
    """Run a campaign to its tables, figures and report; go on with one that was interrupted."""
    from campaign.progress import display, format_seconds

    console = _console(stderr=as_json)
    campaign = _open(spec, profile, runs)
    started = time.monotonic()
    with display(console) as listener, _failures(f"campaign submit {spec}"):
        run = api.submit(campaign, listener)
    if as_json:
        _print_json({"run_folder": str(run.folder), "from_cache": run.from_cache, "plan": run.plan.to_dict()})
        return
    console.print(api.table(run.folder))
    how = "answered from the cache in" if run.from_cache else "finished in"
    console.print(f"\n{how} {format_seconds(time.monotonic() - started)}: [bold]{run.folder}[/bold]")
    console.print(f"report: {run.folder / 'report.html'}", soft_wrap=True)


@app.command()
def plan(spec: SpecFile, profile: ProfileFile = None, runs: Runs = api.DEFAULT_RUNS, as_json: Json = False) -> None:
    """Show what a submission would do: stages, simulations, cost, and what is cached. Writes nothing."""
    made = _open(spec, profile, runs).plan()
    if as_json:
        _print_json(made.to_dict())
    else:
        from campaign.show import plan_table

        _console().print(plan_table(made))


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
        _complain(f"{run}: not a run's folder (no events.jsonl); `campaign status` lists the runs below {runs}")
    states = {str(folder): api.status(folder) for folder in folders}
    if as_json:
        from dataclasses import asdict

        _print_json({folder: asdict(state) for folder, state in states.items()})
    else:
        _console().print(run_table(states[str(run)]) if run is not None else runs_table(states))


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
        _complain(str(error))
    if as_json:
        _print_json(rows)
    else:
        _console().print(rows_table(rows))


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

    with _located_errors():
        loaded = load_profile(profile)
    try:
        again = api.replay(store, row, loaded)
    except (ValueError, FileNotFoundError) as error:
        _complain(str(error))
    if as_json:
        from dataclasses import asdict

        _print_json(asdict(again))
    else:
        _console().print(replay_table(again))
        if again.traceback:
            print(again.traceback)
    if again.failed:
        raise typer.Exit(FAILED)


@app.command()
def report(run: Annotated[Path, typer.Argument(help="a run's folder")]) -> None:
    """Write a run's tables, figures and report again from its results."""
    try:
        path = api.rewrite_report(run)
    except (FileNotFoundError, api.NotFinished) as error:
        _complain(str(error))
    _console().print(f"report: {path}", soft_wrap=True)


@app.command()
def schema() -> None:
    """Print the JSON Schema of specs, for editors."""
    from campaign.schema import spec_json_schema

    _print_json(spec_json_schema())


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

    with _located_errors():
        checks = diagnose(load_profile(profile), runs, deep=deep)
    if as_json:
        from dataclasses import asdict

        _print_json([asdict(check) for check in checks])
    else:
        _console().print(checks_table(checks))
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
        _complain(str(error))
    if as_json:
        _print_json(result)
    else:
        _console().print(
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

    with _located_errors(), _told_errors(), counting(_console(stderr=True)) as progress:
        found = api.validate_physics(spec, data, dataset, lambda done, total: progress(done, total, "simulations"))
    if as_json:
        from dataclasses import asdict

        _print_json(asdict(found))
    else:
        from campaign.show import agreement_table

        _console().print(agreement_table({"all pairs": found}))


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
    from campaign.progress import counting
    from campaign.show import agreement_table
    from results.files import write_atomically

    again = f"campaign calibrate {data} --physics {physics}"
    with _located_errors(), _told_errors(), _failures(again), counting(_console(stderr=True)) as progress:
        outcome = api.calibrate(physics, data, profile, runs, dataset, progress)
        if output is not None:
            write_atomically(output, outcome.physics_file(again))
    if as_json:
        _print_json(outcome.to_dict())
        return
    _console().print(agreement_table({"pairs fitted to": outcome.fitted, "pairs held out": outcome.held_out}))
    print(outcome.physics_file(again) if output is None else f"physics file: {output}")


@app.command("import")
def import_data(
    data: Annotated[Path, typer.Argument(help="a data set in the published layout (.hdf5: z, x, y)")],
    store: Annotated[Path, typer.Argument(help="the simulation store to make (.zarr)")],
) -> None:
    """Turn a published data set into a labelled simulation store."""
    try:
        rows = api.import_data(data, store)
    except (ValueError, OSError) as error:
        _complain(str(error))
    _console().print(f"{rows} labelled microstructures in {store}", soft_wrap=True)


def main() -> None:
    """Entry point of the ``campaign`` command."""
    app()


def _console(stderr: bool = False) -> Console:
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)


def _open(spec: Path, profile: Path | None, runs: Path) -> api.Campaign:
    with _located_errors():
        return api.Campaign.open(spec, profile, runs)


@contextmanager
def _located_errors() -> Iterator[None]:
    try:
        yield
    except SpecError as error:
        print(format_problems(error.problems), file=sys.stderr)
        raise typer.Exit(MISTAKE) from None


@contextmanager
def _failures(again: str) -> Iterator[None]:
    from campaign.complaints import told
    from campaign.run import CampaignFailed

    try:
        yield
    except CampaignFailed as error:
        print(f"failed:\n{error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    except OSError as error:
        print(f"failed:\n{told(error)}", file=sys.stderr)
        raise typer.Exit(FAILED) from None
    except api.RunBusy as error:
        print(error, file=sys.stderr)
        raise typer.Exit(BUSY) from None
    except KeyboardInterrupt:
        print(f"\nstopped; finished work is kept: `{again}` goes on", file=sys.stderr)
        raise typer.Exit(STOPPED) from None


@contextmanager
def _told_errors() -> Iterator[None]:
    """What the user can mend, told in one line."""
    try:
        yield
    except (ValueError, OSError) as error:
        _complain(str(error))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(FAILED) from None


def _complain(message: str) -> None:
    print(message, file=sys.stderr)
    raise typer.Exit(MISTAKE)


def _print_json(value: Any) -> None:
    print(json.dumps(_plain(value), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    """The value as JSON knows it: NumPy numbers as Python's, paths as text, not-a-number as null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
