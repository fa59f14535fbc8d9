"""Commands about one simulation store as a whole: verify it, export it, make one of a file or of images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign import api
from campaign.cli.image_options import Array, Fits, Threshold, White, Whites, preparation
from campaign.cli.options import (
    BUSY,
    FAILED,
    STOPPED,
    Json,
    ProfileFile,
    SpecFile,
    complain,
    console,
    errors_in_a_line,
    located_errors,
    print_json,
    writing,
)

if TYPE_CHECKING:
    from results.stores.verify import StoreCheck

SHOWN = 5  # of many units, rows or files

StorePath = Annotated[Path, typer.Argument(help="a simulation store (a .zarr folder)", metavar="STORE")]

app = typer.Typer(help="Look after a simulation store.", no_args_is_help=True)


@app.command()
def verify(
    store: StorePath,
    repair: Annotated[bool, typer.Option("--repair", help="mend what can be mended; nobody may write it")] = False,
    as_json: Json = False,
) -> None:
    """Compare every file of a store with its checksums. Exit code 1: something that was written is lost."""
    with errors_in_a_line(), writing():
        try:
            check, owner = api.check_store(store, repair)
        except api.StoreBusyError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(BUSY) from None
    if as_json:
        from dataclasses import asdict

        print_json({**asdict(check), "owner": owner or None, "sound": check.is_sound})
    else:
        for line in _lines(check, owner):
            console().print(line, soft_wrap=True, markup=False, highlight=False)
    if not check.is_sound:
        raise typer.Exit(FAILED)


def export(
    store: StorePath,
    file: Annotated[Path, typer.Argument(help="ends in .h5, .nc, .parquet or .csv", metavar="FILE")],
    authors: Annotated[bool, typer.Option("--authors", help="HDF5 in the published layout: z, x, y")] = False,
) -> None:
    """Write a store as one file, from which `campaign import` makes the same store again."""
    if not file.absolute().parent.is_dir():
        complain(f"cannot write {file}: its folder does not exist; create it first")
    with errors_in_a_line(), writing():
        rows = api.export_store(store, file, authors=authors)
    console().print(f"{rows} rows in {file}", soft_wrap=True)


def import_data(
    data: Annotated[
        Path,
        typer.Argument(
            help="what `campaign export` wrote, a data set in the published layout (.hdf5: z, x, y), or images: PNG, "
            "TIFF, .npy, HDF5, Zarr, or a folder"
        ),
    ],
    store: Annotated[Path, typer.Argument(help="the simulation store to make (.zarr)")],
    y: Annotated[
        str | None, typer.Option(help="property of each image: a .npy, .csv or .txt file, or an array beside them")
    ] = None,
    image_px: Annotated[int | None, typer.Option(help="side of the images; default: that of the first")] = None,
    array: Array = None,
    fit: Fits = None,
    threshold: Threshold = None,
    white: Whites = White.BRIGHT,
) -> None:
    """Make a simulation store of an exported file, of a published data set, or of images."""
    with errors_in_a_line(), writing():
        how = preparation(array, fit, threshold, white)
        labelled, without, words = api.import_data(data, store, how, image_px, y)
    beside = f", {without} without a label" if without else ""
    if words:
        console().print(words, soft_wrap=True, highlight=False)
    console().print(f"{labelled} labelled microstructures{beside} in {store}", soft_wrap=True)


def simulate(
    spec: SpecFile,
    images: Annotated[
        Path, typer.Argument(help="PNG, TIFF, .npy, HDF5 or Zarr, or a folder of pictures", metavar="IMAGES")
    ],
    store: Annotated[Path, typer.Argument(help="the simulation store to make (.zarr)", metavar="STORE")],
    profile: ProfileFile = None,
    dataset: Annotated[str | None, typer.Option(help="of the spec; default: the one of that image size")] = None,
    array: Array = None,
    fit: Fits = None,
    threshold: Threshold = None,
    white: Whites = White.BRIGHT,
    as_json: Json = False,
) -> None:
    """Simulate images of your own by a spec's physics; called again it goes on. Exit code 1: some failed."""
    from campaign.cache.lease import LeaseBusyError
    from campaign.record.display import counting
    from campaign.spec.load import load_profile

    with located_errors(), errors_in_a_line(), writing():
        try:
            with counting(console(stderr=True)) as progress:
                made = api.simulate(
                    spec,
                    images,
                    store,
                    profile=load_profile(profile),
                    preparation=preparation(array, fit, threshold, white),
                    dataset=dataset,
                    progress=progress,
                )
        except LeaseBusyError as error:
            print(f"{store}: {error}", file=sys.stderr)
            raise typer.Exit(BUSY) from None
        except KeyboardInterrupt:
            print("\nstopped; finished work is kept: the same command goes on", file=sys.stderr)
            raise typer.Exit(STOPPED) from None
    if as_json:
        print_json({"store": str(store), "done": made.done, "failed": made.failed, "images": made.preparation})
    else:
        console().print(f"{made.preparation}\n{made.done} simulated, {made.failed} failed: {store}", soft_wrap=True)
    if made.failed:
        raise typer.Exit(FAILED)


def _lines(check: StoreCheck, owner: str) -> list[str]:
    state = "finished" if check.finished else "not finished"
    lines = [f"{check.units - len(check.missing)} of {check.units} units written, {state}"]
    lines += [f"owner: {owner}"] if owner else []
    lines += [f"mended: {each}" for each in check.repaired]
    if check.missing:
        what = "lost" if check.finished else "still to be computed"
        lines.append(f"units {what}: {_some(check.missing)}")
    damaged = [f"{unit} ({', '.join(arrays)})" for unit, arrays in check.damaged.items()]
    lines += [f"units damaged: {_some(damaged)}"] if damaged else []
    lines += [f"files of no unit: {_some(check.strays)}"] if check.strays else []
    lines += [f"rows that repeat the image and inputs of an earlier one: {_some(check.repeated)}"] * bool(
        check.repeated
    )
    if check.finished and check.columns != "current":
        lines.append(
            f"columns laid together for queries: {check.columns}; queries read the shards; --repair makes them"
        )
    if check.is_sound:
        lines.append("every file is what was written")
    elif not check.repaired:
        lines.append("--repair mends what can be mended")
    return lines


def _some(values: list[int] | list[str] | list[Path]) -> str:
    told = ", ".join(map(str, values[:SHOWN]))
    return told if len(values) <= SHOWN else f"{told} and {len(values) - SHOWN} more"
