"""The command that asks simulation stores."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign import api
from campaign.cli.options import Json, complain, console, errors_in_a_line, writing

if TYPE_CHECKING:
    from results.queries.query import Answer

MOST_IN_A_TABLE = 100  # rows, unless --limit says otherwise
SUFFIX = ".zarr"


class RowFormat(StrEnum):
    """How rows are told."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def query(
    what: Annotated[
        list[str],
        typer.Argument(
            help="simulation stores (.zarr folders) or runs, then an expression, such as 'abs(absorption-0.7)<0.005' "
            "or 'nearest(absorption, 0.7, 5)'; without one, every row that is done",
            metavar="STORE|RUN… [EXPRESSION]",
        ),
    ],
    columns: Annotated[str | None, typer.Option(help="columns to show, with commas; default: all")] = None,
    sort: Annotated[str, typer.Option(help="column to order by; -COLUMN from the largest down")] = "",
    limit: Annotated[int | None, typer.Option(help="at most this many rows", min=1)] = None,
    nearest: Annotated[
        str | None, typer.Option(help="COLUMN=VALUE: the rows nearest to it, the nearest first; --limit says how many")
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="only say how many rows there are")] = False,
    style: Annotated[RowFormat, typer.Option("--format", help="how to write the rows")] = RowFormat.TABLE,
    output: Annotated[Path | None, typer.Option(help="file for the rows, in place of the screen")] = None,
    images: Annotated[Path | None, typer.Option(help="also draw the images found on a sheet (.png or .pdf)")] = None,
    save: Annotated[Path | None, typer.Option(help="also save the rows with images and latents (.npz)")] = None,
    as_json: Json = False,
) -> None:
    """List the simulations that satisfy an expression, of one store, of several, or of whole runs."""
    style = RowFormat.JSON if as_json else style
    paths, expression = _split(what)
    _refuse_mistakes(style, output, images, save, nearest)
    if nearest is not None:
        expression = _with_nearest(expression, nearest, limit or 1)
    with errors_in_a_line(), writing():
        answer, stores = api.ask(paths, expression, columns.split(",") if columns else None, sort, limit, count=count)
        if count:
            print(len(answer))
            return
        _tell(answer, style, output, limit, columns is not None)
        if images is not None:
            from results.queries.answers import draw_images

            draw_images(answer, stores, images)
        if save is not None:
            from results.queries.answers import save_arrays

            save_arrays(answer, stores, save)


def _split(what: list[str]) -> tuple[list[Path], str]:
    """Paths, and the expression that may stand last."""
    last = what[-1]
    is_path = len(what) == 1 or Path(last).exists() or last.rstrip("/").endswith(SUFFIX)
    return [Path(each) for each in (what if is_path else what[:-1])], "" if is_path else last


def _with_nearest(expression: str, nearest: str, count: int) -> str:
    column, equals, value = (part.strip() for part in nearest.partition("="))
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not equals or not column.isidentifier() or number - number != 0:
        complain(f"--nearest: expected COLUMN=VALUE, such as absorption=0.7, got {nearest}")
    asked = f"nearest({column}, {number!r}, {count})"
    return f"({expression}) and {asked}" if expression else asked


def _refuse_mistakes(
    style: RowFormat, output: Path | None, images: Path | None, save: Path | None, nearest: str | None
) -> None:
    """End before anything is read, where the answer could not be written."""
    if style is RowFormat.PARQUET and output is None:
        complain("--format parquet needs a file: add --output rows.parquet")
    if style is RowFormat.TABLE and output is not None:
        complain("--output needs a format: add --format csv, json or parquet")
    if images is not None and images.suffix not in (".png", ".pdf"):
        complain(f"--images: expected a .png or .pdf file, got {images}")
    if save is not None and save.suffix != ".npz":
        complain(f"--save: expected an .npz file, got {save}")
    for path in (output, images, save):
        if path is not None and not path.absolute().parent.is_dir():
            complain(f"cannot write {path}: its folder does not exist; create it first")


def _tell(answer: Answer, style: RowFormat, output: Path | None, limit: int | None, all_columns: bool) -> None:
    from campaign.cli.tables import rows_table
    from results.queries.answers import to_csv, to_json, write_answer

    if style is RowFormat.TABLE:
        most = MOST_IN_A_TABLE if limit is None else limit
        console().print(rows_table(answer.head(most).rows(), len(answer), all_columns))
    elif output is not None:
        write_answer(answer, style.value, output)
        console(stderr=True).print(f"{len(answer)} rows in {output}", soft_wrap=True)
    else:
        print(to_csv(answer) if style is RowFormat.CSV else to_json(answer), end="")
