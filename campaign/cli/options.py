"""What all commands share: options, the console, JSON, and how a command ends."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from campaign.record.display import PLAIN_WIDTH
from campaign.run.campaign import Campaign
from campaign.spec.load import SpecError, format_problems
from cluster.slurm.controller import SlurmError

FAILED, MISTAKE, BUSY, CANCELLED, STOPPED = 1, 2, 3, 4, 130

SpecFile = Annotated[
    Path, typer.Argument(help="the campaign's YAML file, or the name of a shipped one: quickstart", metavar="SPEC")
]
ProfileFile = Annotated[Path | None, typer.Option("--profile", help="where to run; default: this machine")]
Runs = Annotated[Path, typer.Option("--runs", help="folder of all runs")]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]


class Style(StrEnum):
    """How a command answers."""

    TEXT = "text"
    JSON = "json"


Format = Annotated[Style, typer.Option("--format", help="json: the answer, or a list of mistakes, for machines")]


def console(stderr: bool = False) -> Console:
    """The terminal, or lines of fixed width where there is none."""
    made = Console(stderr=stderr)
    return made if made.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)


def complain(message: str) -> NoReturn:
    """Say what is wrong with what the user wrote, and end."""
    print(message, file=sys.stderr)
    raise typer.Exit(MISTAKE)


@contextmanager
def located_errors(as_json: bool = False) -> Iterator[None]:
    """Print every mistake in a spec or profile with its place, and end; as JSON it is the command's answer."""
    try:
        yield
    except SpecError as error:
        if as_json:
            print(format_problems(error.problems, style="json"))
            raise typer.Exit(MISTAKE) from None
        complain(format_problems(error.problems))
    except SlurmError as error:
        print(f"the profile cannot be checked against the cluster: {error}", file=sys.stderr)
        raise typer.Exit(FAILED) from None


def open_campaign(spec: Path, profile: Path | None, runs: Path, as_json: bool, on_cluster: bool = False) -> Campaign:
    """Load what the user named, and print every mistake in it."""
    with located_errors(as_json):
        return Campaign.open(spec, profile, runs, on_cluster=on_cluster)


@contextmanager
def errors_in_a_line() -> Iterator[None]:
    """Print what the user can correct in one line, and end."""
    try:
        yield
    except typer.Exit:  # a RuntimeError: whoever raised it has said why
        raise
    except (ValueError, OSError) as error:
        complain(str(error))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(FAILED) from None


@contextmanager
def writing() -> Iterator[None]:
    """Say in a line which file could not be read or written, and why, and end."""
    try:
        yield
    except OSError as error:
        if error.strerror is None or error.filename is None:
            raise
        path = Path(error.filename)
        shown = path.parent if path.name.startswith(".") else path  # a file on its way has a name of its own
        complain(f"{shown}: {error.strerror}; name a place that you may read and write")


def print_json(value: Any) -> None:
    """Print a value, and nothing else, as JSON."""
    print(json.dumps(plain(value), indent=2, allow_nan=False))


def plain(value: Any) -> Any:
    """The value as JSON knows it: NumPy numbers as Python's, paths as text, not-a-number as null."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
