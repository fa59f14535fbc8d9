"""Paths written in a spec: ``~`` and variables expanded, relative to the file they stand in, present."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from campaign.spec.problems import Violation, refusal

VARIABLE = re.compile(r"\$(?:(?P<bare>\w+)|\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\})")


class FileText(str):
    """A string read from a file, with the folder that relative paths in that file start from."""

    folder: Path

    def __new__(cls, text: str, folder: Path) -> FileText:
        """``text`` as it stands in a file of ``folder``."""
        made = super().__new__(cls, text)
        made.folder = folder
        return made


class UndefinedVariableError(ValueError):
    """A path uses an environment variable that is not set and gives no default."""

    def __init__(self, name: str) -> None:
        self.rule = f"must not use the variable {name}, which is not set"
        self.fix = f"export {name}=... or write ${{{name}:-default}}"
        super().__init__(f"{self.rule}; {self.fix}")


def expand_variables(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Replace ``$NAME``, ``${NAME}`` and ``${NAME:-default}`` as a POSIX shell does, then a leading ``~``.

    Raises
    ------
    UndefinedVariableError
        A variable is unset and has no default.
    """

    def value_of(match: re.Match[str]) -> str:
        name, default = match["bare"] or match["braced"], match["default"]
        if default is not None:
            return environment.get(name) or default
        if name not in environment:
            raise UndefinedVariableError(name)
        return environment[name]

    return os.path.expanduser(VARIABLE.sub(value_of, text))


def _expanded(text: str, at: tuple[str, ...] = ()) -> str:
    try:
        return expand_variables(text)
    except UndefinedVariableError as error:
        raise refusal(Violation(at, error.rule, error.fix)) from error


def present_file(text: FileText, at: tuple[str, ...] = ()) -> Path:
    """The file that a text names; refused, at the key ``at``, where it is not there."""
    path = Path(os.path.normpath(text.folder / _expanded(text, at)))
    if path.is_dir():
        raise refusal(Violation(at, "must be a file", f"{path} is a folder, name a file in it"))
    if not path.is_file():
        raise refusal(Violation(at, "must be a file that exists", f"there is no {path}{_hint(text)}"))
    return path


def _present_path(value: Any) -> Any:
    if not isinstance(value, FileText):
        return value
    path = Path(os.path.normpath(value.folder / _expanded(value)))
    return path if path.is_dir() else present_file(value)


def _present_file(value: Any) -> Any:
    # Only text from a file is checked: a finished run's own record must load when its inputs have moved.
    return present_file(value) if isinstance(value, FileText) else value


def _hint(text: str) -> str:
    names = [match["bare"] or match["braced"] for match in VARIABLE.finditer(text)]
    return f", correct the path or set {' and '.join(names)}" if names else ", correct the path"


def _expanded_folder(value: Any) -> Any:
    return Path(_expanded(value)) if isinstance(value, FileText) else value


def _expanded_text(value: Any) -> Any:
    return _expanded(value) if isinstance(value, FileText) else value


ExpandedText = Annotated[str, BeforeValidator(_expanded_text)]
"""Text in which environment variables are expanded."""

InputFile = Annotated[Path, BeforeValidator(_present_file)]
"""A file that is read: relative to the file that names it, and there when a spec is loaded."""

InputPath = Annotated[Path, BeforeValidator(_present_path)]
"""A file or a folder that is read, likewise."""

WorkFolder = Annotated[Path, BeforeValidator(_expanded_folder)]
"""A folder that is written: relative to the working directory, made when needed."""
