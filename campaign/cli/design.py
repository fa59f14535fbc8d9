"""The command that makes new designs from a finished run."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from campaign import api
from campaign.cli.follow import RunFolder, chosen_run
from campaign.cli.options import FAILED, STOPPED, Json, Runs, complain, console, located_errors, print_json

if TYPE_CHECKING:
    import numpy as np

    from campaign.design.outcome import DesignOutcome

TILE = re.compile(r"(\d{1,9})[xX](\d{1,9})")


class ConnectedPhase(StrEnum):
    """The phase that must hang together."""

    WHITE = "white"
    BLACK = "black"


def design(
    target: Annotated[
        list[str],
        typer.Option(
            help="wanted property: a value, at least (0.9..), at most (..0.1), between (0.4..0.6), with commas between "
            "several properties; or a series such as 0.6:0.7:0.02; may be given again"
        ),
    ],
    output: Annotated[Path, typer.Option(help="folder to write the designs into")],
    run: RunFolder = None,
    dataset: Annotated[str | None, typer.Option(help="of the run; default: the only one")] = None,
    method: Annotated[str | None, typer.Option(help="of the run; default: the only one with a model")] = None,
    count: Annotated[int, typer.Option(help="designs a target")] = 12,
    verify: Annotated[int, typer.Option(help="simulate, at most so many times a design; 0: predict alone")] = 0,
    tolerance: Annotated[float, typer.Option(help="distance from the target that is near enough")] = 0.002,
    seed: Annotated[int | None, typer.Option(help="of all draws; default: the run's")] = None,
    orders: Annotated[int | None, typer.Option(help="of the simulations; default: those of the run's labels")] = None,
    nearest: Annotated[bool, typer.Option("--nearest", help="a target out of reach: design for the nearest")] = False,
    min_feature_nm: Annotated[float | None, typer.Option(help="smallest feature, of white and of black")] = None,
    connected: Annotated[
        ConnectedPhase | None, typer.Option(help="phase that must be one piece in the infinite pattern")
    ] = None,
    gds: Annotated[Path | None, typer.Option(help="also write a layout file (GDSII)")] = None,
    tile: Annotated[str, typer.Option(help="copies of each design in the layout, such as 10x10")] = "1x1",
    profile: Annotated[
        Path | None, typer.Option("--profile", help="where to simulate; default: this process, without Ray")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace designs that lie in the folder")] = False,
    runs: Runs = api.DEFAULT_RUNS,
    as_json: Json = False,
) -> None:
    """Make new designs with a finished run's models, without training. Exit code 1: a target is out of reach."""
    from campaign.design.request import DesignRequest, parse_targets
    from campaign.record.display import counting
    from campaign.spec.load import load_profile

    started = time.monotonic()
    folder = chosen_run(run, runs)
    with located_errors():
        place = load_profile(profile) if profile is not None else None
    with _errors_told():
        copies = _copies(tile)
        request = DesignRequest(
            targets=parse_targets(target),
            dataset=dataset,
            method=method,
            count=count,
            simulations=verify,
            tolerance=tolerance,
            seed=seed,
            orders=orders,
            nearest=nearest,
            min_feature_nm=min_feature_nm,
            connected=None if connected is None else connected.value,
        )
        with counting(console(stderr=True)) as progress:
            outcome = api.design(
                folder, request, output, profile=place, overwrite=overwrite, gds=gds, tile=copies, progress=progress
            )
    _show(outcome, output, gds, time.monotonic() - started, as_json)


def _copies(text: str) -> tuple[int, int]:
    match = TILE.fullmatch(text)
    if match is None:
        raise ValueError(f"--tile must be two numbers of copies, got '{text}'; write 10x10")
    return int(match[1]), int(match[2])


@contextmanager
def _errors_told() -> Iterator[None]:
    """Say in a line why there are no designs, and exit with the code for that."""
    from campaign.design.fitted import ModelMissingError
    from campaign.design.make import OutOfReachError

    try:
        yield
    except (ModelMissingError, ValueError, OSError) as error:
        complain(str(error))
    except (OutOfReachError, RuntimeError) as error:  # the latter: too little can be written, no worker lives
        print(error, file=sys.stderr)
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        print("\nstopped; no designs were written", file=sys.stderr)
        raise typer.Exit(STOPPED) from None


def _show(outcome: DesignOutcome, output: Path, gds: Path | None, seconds: float, as_json: bool) -> None:
    from campaign.design.folder import facts
    from campaign.design.make import rounded
    from campaign.record.display import format_seconds

    if as_json:
        print_json({"folder": str(output), **facts(outcome)})
        return
    screen = console()
    for asked, target in dict.fromkeys(zip(outcome.asked, outcome.target, strict=True)):
        if asked != target:
            nearest = rounded(target)
            screen.print(f"{asked} is out of reach: designed for {nearest}, the nearest that the run has seen")
    screen.print(", ".join(each.axis for each in outcome.source.spec.physics.properties()), style="dim")
    screen.print(_table(outcome))
    layout = f", layout in {gds}" if gds is not None else ""
    screen.print(f"\n{len(outcome)} designs in {format_seconds(seconds)}: {output}{layout}", soft_wrap=True)


def _table(outcome: DesignOutcome) -> Table:
    """A line a target."""
    import numpy as np

    table = Table(box=None, padding=(0, 1), header_style="dim")
    for title in ("target", "designs", "predicted", "simulated", "best REP %", "mean REP %", "simulations"):
        table.add_column(title, justify="right")
    for asked, simulations in outcome.simulations.items():
        rows = np.array([each == asked for each in outcome.asked])
        rep = outcome.rep[rows][np.isfinite(outcome.rep[rows])]
        numbers = (f"{rep.min():.3f}", f"{rep.mean():.3f}") if len(rep) else ("", "")
        spans = (_span(outcome.predicted[rows]), _span(outcome.y[rows]))
        table.add_row(asked.label, str(rows.sum()), *spans, *numbers, str(simulations or ""))
    return table


def _span(values: np.ndarray) -> str:
    """From the least to the largest of those that are numbers, (n,) or (n, D)."""
    import numpy as np

    rows = values.reshape(len(values), -1)
    known = rows[np.isfinite(rows).all(axis=1)]
    return ", ".join(f"{column.min():.4f} to {column.max():.4f}" for column in known.T) if len(known) else ""
