"""Commands about published data sets: compare with them, calibrate to them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign import api
from campaign.cli.options import (
    FAILED,
    Json,
    ProfileFile,
    Runs,
    complain,
    console,
    errors_in_a_line,
    located_errors,
    print_json,
)

DatasetName = Annotated[
    str | None, typer.Option("--dataset", help="data set whose orders to take, where image sizes leave it open")
]


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


def validate_physics(
    spec: Annotated[Path, typer.Argument(help="a campaign's YAML file, or a physics file", metavar="SPEC")],
    data: Annotated[Path, typer.Argument(help="a data set in the published layout (.hdf5: z, x, y)")],
    dataset: DatasetName = None,
    as_json: Json = False,
) -> None:
    """Simulate published microstructures under a spec's physics, and compare with their published property."""
    from campaign.record.display import counting

    with located_errors(), errors_in_a_line(), counting(console(stderr=True)) as progress:
        found = api.validate_physics(spec, data, dataset, lambda done, total: progress(done, total, "simulations"))
    if as_json:
        from dataclasses import asdict

        print_json(asdict(found))
    else:
        from campaign.cli.tables import agreement_table

        console().print(agreement_table({"all pairs": found}))


def calibrate(
    data: Annotated[Path, typer.Argument(help="a data set in the published layout (.hdf5: z, x, y)")],
    physics: Annotated[Path, typer.Option("--physics", help="a calibration, a physics file or a campaign's spec")],
    output: Annotated[Path | None, typer.Option("--output", help="write the physics file found here")] = None,
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    dataset: DatasetName = None,
    as_json: Json = False,
) -> None:
    """Fit a stack to published pairs of image and property; judged by pairs that were not fitted to."""
    from campaign.cli.endings import endings
    from campaign.cli.tables import agreement_table
    from campaign.record.display import counting
    from results.files import write_atomically

    if output is not None and not output.absolute().parent.is_dir():
        complain(f"cannot write {output}: its folder does not exist; create it first")
    again = f"campaign calibrate {data} --physics {physics}"
    command = f"campaign calibrate {data.name} --physics {physics.name}"  # a file outlives the folders of this machine
    with located_errors(), errors_in_a_line(), endings(again), counting(console(stderr=True)) as progress:
        outcome = api.calibrate(physics, data, profile, runs, dataset, progress)
        if output is not None:
            write_atomically(output, outcome.physics_file(command))
    if as_json:
        print_json(outcome.to_dict())
        return
    console().print(agreement_table({"pairs fitted to": outcome.fitted, "pairs held out": outcome.held_out}))
    print(outcome.physics_file(command) if output is None else f"physics file: {output}")
