"""The ``campaign`` command in this process: what a shell would see of it, without the seconds that Python takes."""

from __future__ import annotations

import contextlib
import traceback
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from campaign.cli.main import app


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def campaign(*arguments: str | Path, folder: Path | None = None) -> Answer:
    """Run a command, in a folder if one is named; an exception that it lets through is on ``stderr``."""
    with contextlib.chdir(folder) if folder is not None else contextlib.nullcontext():
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="campaign")
    stderr = result.stderr
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        stderr += "".join(traceback.format_exception(result.exception))
    return Answer(result.exit_code, result.stdout, stderr)
