"""Commands about finished runs: what a figure rests on, and whether a table is true."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign import api
from campaign.cli.options import (
    FAILED,
    STOPPED,
    Json,
    complain,
    console,
    errors_in_a_line,
    located_errors,
    print_json,
    writing,
)
from campaign.spec.entry_points import PluginError

if TYPE_CHECKING:
    from campaign.review.verify_table import TableCheck

SHOWN = 10  # disagreeing figures or rows, of many

FinishedRun = Annotated[Path, typer.Argument(help="a finished run's folder", metavar="RUN")]


@contextmanager
def run_errors() -> Iterator[None]:
    """Say in a line why a run cannot be looked at, and end."""
    with errors_in_a_line(), writing():
        try:
            yield
        except (api.NotFinishedError, PluginError) as error:
            complain(str(error))
        except KeyboardInterrupt:
            print("\nstopped", file=sys.stderr)
            raise typer.Exit(STOPPED) from None


def _cells(context: typer.Context, incomplete: str) -> list[str]:
    """What a shell may complete a cell to: the part up to the next slash, as with paths."""
    try:
        named = api.cells(Path(context.params["run"]))
    except Exception:  # whatever it is, the command itself says it better
        return []
    depth = incomplete.count("/") + 1
    parts = dict.fromkeys("/".join(each.split("/")[:depth]) for each in named if each.startswith(incomplete))
    return [each if each.count("/") == 3 else f"{each}/" for each in parts]


def receipt(
    run: FinishedRun,
    cell: Annotated[
        str,
        typer.Argument(
            help="such as data-ii/gan-mdn/0.65/mean_rep; the target may be `average`",
            metavar="DATASET/METHOD/TARGET/COLUMN",
            autocompletion=_cells,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Show what one figure of Table 1 rests on, and compute it again. Exit code 1: it comes out different."""
    with run_errors():
        found = api.receipt(run, cell)
    if as_json:
        from dataclasses import asdict

        print_json(asdict(found))
    else:
        from campaign.cli.tables import receipt_table

        console().print(receipt_table(found))
    if not found.agrees:
        raise typer.Exit(FAILED)


def verify_table(
    run: FinishedRun,
    sample: Annotated[int, typer.Option(help="how many designs to simulate again", min=0)] = 20,
    seed: Annotated[int, typer.Option(help="of the choice among them", min=0)] = 0,
    tolerance: Annotated[
        float | None, typer.Option(help="largest difference of the property; default: twice the spec's accuracy")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="where to simulate; default: this process, without Ray")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compute Table 1 again from its rows, and simulate some of them again. Exit code 1: something disagrees."""
    from campaign.record.display import counting
    from campaign.spec.load import load_profile

    if tolerance is not None and not (math.isfinite(tolerance) and tolerance >= 0):
        complain(f"--tolerance must be a number from 0 on, got {tolerance:g}")
    with located_errors():
        place = load_profile(profile) if profile is not None else None
    with run_errors(), counting(console(stderr=True)) as progress:
        check = api.verify_table(run, sample, seed=seed, tolerance=tolerance, profile=place, progress=progress)
    if as_json:
        print_json(_plain(check))
    else:
        for line in _lines(check):
            console().print(line, soft_wrap=True, markup=False, highlight=False)
    if not check.is_true:
        raise typer.Exit(FAILED)


def _plain(check: TableCheck) -> dict[str, Any]:
    from dataclasses import asdict

    simulated = [{**asdict(each), "agrees": each.agrees} for each in check.simulated]
    return {**asdict(check), "simulated": simulated, "is_true": check.is_true}


def _lines(check: TableCheck) -> Iterator[str]:
    yield f"{check.figures - len(check.wrong)} of {check.figures} figures follow from the stored rows"
    for wrong in check.wrong[:SHOWN]:
        yield f"  {wrong.cell}: the table says {wrong.stored}, its rows {wrong.again}"
    if len(check.wrong) > SHOWN:
        yield f"  and {len(check.wrong) - SHOWN} more"
    bad, count = check.disagreeing, len(check.simulated)
    if count:
        largest = max((each.difference for each in check.simulated if each.agrees), default=0.0)
        within = f"within {check.simulated[0].tolerance:.3g} (the largest difference of these is {largest:.3g})"
        yield f"{count - len(bad)} of {count} designs come out as stored when they are simulated again, {within}"
    for each in bad[:SHOWN]:
        differ = f"stored {each.stored!r}, now {each.again!r}, tolerance {each.tolerance:.3g}"
        yield f"  {each.line}: {each.stage} row {each.row}: {differ}"
    if len(bad) > SHOWN:
        yield f"  and {len(bad) - SHOWN} more"
    if bad and check.code_changed:
        yield f"  the code behind {', '.join(check.code_changed)} is another now than the run's"
    yield "the table is as its designs are" if check.is_true else "the table is refused"
