"""YAML to a checked spec or profile: every mistake at once, each with its file, line, column and likely fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from campaign.problems import Problem, SpecError, format_problems
from campaign.profiles import LAPTOP, Profile
from campaign.reading.files import TreeReader
from campaign.reading.messages import problems_of
from campaign.reading.tree import Node
from campaign.slurm.profile import INVENTORY, SlurmProfile
from campaign.spec import Spec
from cluster.slurm.controller import has_slurm
from cluster.slurm.inventory import read_inventory

__all__ = ["LoadedSpec", "Problem", "SpecError", "format_problems", "load_profile", "load_spec"]


@dataclass(frozen=True)
class LoadedSpec:
    """A checked spec with where it came from.

    Attributes:
        spec: the campaign.
        path: its file, as given.
        text: what stands in that file.
        sources: every file read, that one first and then its includes.
        overrides: assignments that were laid over it.
    """

    spec: Spec
    path: Path
    text: str
    sources: tuple[Path, ...]
    overrides: tuple[str, ...] = ()


def load_spec(path: str | Path, overrides: Sequence[str] = ()) -> LoadedSpec:
    """Read and check a campaign's YAML file; touches nothing else.

    Args:
        path: the file. Relative paths in it start from its folder; ``include: FILE`` in any mapping lays the
            mapping's other keys over that file's.
        overrides: assignments such as ``"physics.numerics.orders=4"`` or ``"targets[0]=0.5"``; the values are YAML.

    Raises:
        SpecError: with every mistake, in file order.
    """
    reader, spec = _load(Path(path), TypeAdapter(Spec), overrides)
    text, sources = reader.texts[Path(path)], tuple(reader.texts)
    return LoadedSpec(spec, Path(path), text, sources, tuple(overrides))


def load_profile(path: str | Path | None = None, overrides: Sequence[str] = (), *, on_cluster: bool = False) -> Profile:
    """Read and check a profile; without a path, this machine with all its CPUs.

    Args:
        path: the file.
        overrides: assignments that are laid over it.
        on_cluster: also check a Slurm profile against the cluster of this machine, where there is one.

    Raises:
        SpecError: with every mistake, in file order.
        cluster.slurm.controller.SlurmError: the cluster does not say what it has.
    """
    if path is None:
        return LAPTOP
    profile: Profile = _load(Path(path), TypeAdapter(Profile), overrides)[1]
    if isinstance(profile, SlurmProfile) and on_cluster and has_slurm():
        return _load(Path(path), TypeAdapter(Profile), overrides, {INVENTORY: read_inventory()})[1]
    return profile


def _load(
    path: Path, adapter: TypeAdapter[Any], overrides: Sequence[str], context: dict[str, Any] | None = None
) -> tuple[TreeReader, Any]:
    reader = TreeReader()
    root = reader.read(path)
    if root is None:
        raise SpecError(reader.problems)
    for assignment in overrides:
        root = reader.override(root, assignment)
    value, problems = _validated(root, adapter, context)
    # What YAML itself says of a place comes first; a second line on the same place would be an echo.
    told = {(problem.file, problem.line, problem.column) for problem in reader.problems}
    problems = [problem for problem in problems if (problem.file, problem.line, problem.column) not in told]
    if problems := [*reader.problems, *problems]:
        raise SpecError(_in_file_order(problems, reader))
    return reader, value


def _validated(root: Node, adapter: TypeAdapter[Any], context: dict[str, Any] | None) -> tuple[Any, list[Problem]]:
    try:
        return adapter.validate_python(root.plain(), context=context), []
    except ValidationError as error:
        return None, problems_of(error.errors(include_url=False), root, adapter._type)


def _in_file_order(problems: list[Problem], reader: TreeReader) -> list[Problem]:
    rank = {str(file): number for number, file in enumerate(reader.texts)}
    return sorted(problems, key=lambda problem: (rank.get(problem.file, len(rank)), problem.line, problem.column))
