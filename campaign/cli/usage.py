"""How a mistake in a command's arguments is told: one line, without the words of the libraries that found it."""

from __future__ import annotations

import re
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from campaign.spec.problems import suggestion

UsageError: Any = typer.BadParameter.__mro__[1]  # of click, which typer has had within itself since 0.20
CHOICE = re.compile(r"(?P<came>'[^']*') is not one of (?P<choices>.*)\.$")
# In place of what pydantic says, by which typer reads arguments.
WORDS = {
    "Value error, ": "",
    "Input should be a valid integer, unable to parse string as an integer": "must be a whole number",
    "Input should be a valid number, unable to parse string as a number": "must be a number",
    "Input should be": "must be",
}
INVALID = re.compile(r"Invalid value for '?(?P<name>[^':]*)'?: ")


class Commands(TyperGroup):
    """All commands; a wrong argument is told in one line."""

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command that is asked for and end with its exit code, 2 where the arguments are wrong."""
        try:
            ended = super().main(*args, **(extra | {"standalone_mode": False}))
        except UsageError as error:
            if not standalone_mode:
                raise
            if line := usage_line(error):
                print(line, file=sys.stderr)
            sys.exit(error.exit_code)
        if standalone_mode:
            sys.exit(ended if isinstance(ended, int) else 0)
        return ended


def usage_line(error: Any) -> str:
    """What is wrong and what to do, after the command's name; empty where the help was shown already."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return ""
    told = error.format_message()
    for theirs, ours in WORDS.items():
        told = told.replace(theirs, ours)
    told = CHOICE.sub(_choice, INVALID.sub(lambda found: f"{found['name']} ", told)).rstrip(".")
    command = error.ctx.command_path if error.ctx else "campaign"
    fix = "" if "did you mean" in told.lower() else f"; `{command} --help` says what there is"
    return f"{command}: {told[:1].lower()}{told[1:]}{fix}"


def _choice(found: re.Match[str]) -> str:
    came, choices = found["came"].strip("'"), re.findall("'([^']*)'", found["choices"])
    meant = suggestion(came, choices)
    return f"must be one of {', '.join(choices)}, got '{came}'" + (f"; {meant}" if meant.startswith("did") else "")
