"""Commands that pack a finished run into one archive, and check such an archive."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from campaign import api
from campaign.cli.options import FAILED, Json, complain, console, print_json
from campaign.cli.review import FinishedRun, run_errors
from campaign.record.display import counting

if TYPE_CHECKING:
    from campaign.review.bundle import Bundle

PACK = "pack"  # what `campaign bundle RUN` means


class _PackUnlessTold(TyperGroup):
    """``campaign bundle RUN`` beside ``campaign bundle verify FILE``: what names no command is a run to pack."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *context.help_option_names}:
            args = [PACK, *args]
        return super().parse_args(context, args)


app = typer.Typer(
    cls=_PackUnlessTold, help="Pack a finished run into one archive: campaign bundle RUN.", no_args_is_help=True
)


@app.command(PACK)
def pack(
    run: FinishedRun,
    output: Annotated[Path | None, typer.Option(help="file to write; default: RUN's name with .zip, here")] = None,
    as_json: Json = False,
) -> None:
    """Pack spec, frozen code, tables, figures, stores, versions and receipts of a run: `campaign bundle RUN`."""
    file = output if output is not None else Path(f"{run.resolve().name}.zip")
    if not file.absolute().parent.is_dir():
        complain(f"cannot write {file}: its folder does not exist; create it first")
    with run_errors(), counting(console(stderr=True)) as progress:
        made = api.bundle(run, file, progress)
    _tell(made, as_json, "")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="an archive that `campaign bundle` wrote")], as_json: Json = False
) -> None:
    """Compare every file in an archive with its checksums; unpacks nothing. Exit code 1: one disagrees."""
    with run_errors(), counting(console(stderr=True)) as progress:
        found = api.verify_bundle(file, progress)
    if found.wrong and not as_json:
        print(f"{file}: {found.wrong}", file=sys.stderr)
    else:
        _tell(found, as_json, ", all as they were packed")
    if found.wrong:
        raise typer.Exit(FAILED)


def _tell(found: Bundle, as_json: bool, state: str) -> None:
    if as_json:
        from dataclasses import asdict

        print_json(asdict(found))
        return
    told = (
        f"{found.files} files of {found.size / 1e6:.1f} MB in {found.file}{state}; list of checksums {found.checksum}"
    )
    console().print(told, soft_wrap=True, markup=False, highlight=False)
