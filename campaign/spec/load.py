"""YAML to a checked spec or profile: every mistake at once, each with its file, line, column and likely fix."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from campaign.spec.calibration import Calibration
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import (
    BUILT_IN,
    PluginError,
    find_plugin,
    foreign_kinds,
    installed_plugins,
    spec_type,
)
from campaign.spec.physics import Physics
from campaign.spec.problems import Problem, SpecError, Violation, format_problems
from campaign.spec.profile import LAPTOP, Profile, SlurmProfile
from campaign.spec.reading.blanks import ODD_BLANK_FIX
from campaign.spec.reading.tree import Node, key_text, node_at
from campaign.spec.reading.validation import problems_of, problems_of_violations
from campaign.spec.reading.yaml_reader import TreeReader
from campaign.spec.slurm_limits import cluster_violations
from cluster.slurm.controller import has_slurm, patiently
from cluster.slurm.inventory import read_inventory

__all__ = [
    "LoadedSpec",
    "Problem",
    "SpecError",
    "UnknownDatasetError",
    "format_problems",
    "load_calibration",
    "load_physics",
    "load_profile",
    "load_spec",
]

PAPER_SIZES = {"data-i": 96, "data-ii": 64}  # images of the paper's data sets, in pixels


class UnknownDatasetError(ValueError):
    """Orders differ between data sets, and which one is meant is not known."""


@dataclass(frozen=True)
class LoadedSpec:
    """A checked spec with where it came from.

    Attributes
    ----------
    spec
        The campaign.
    path
        Its file, as given.
    text
        What stands in that file.
    sources
        Every file read, that one first and then its includes.
    located
        Gives rules that its values break their places in these files, as problems; without files, as they are.
    """

    spec: Spec
    path: Path
    text: str
    sources: tuple[Path, ...]
    located: Callable[[Iterable[Violation]], Iterable[object]] = field(default=tuple, compare=False, repr=False)


Check = Callable[[Spec], Iterable[Violation]]


def load_spec(path: str | Path, check: Check = lambda spec: ()) -> LoadedSpec:
    """Read and check a campaign's YAML file; touches nothing else.

    ``check`` gives what is wrong with a spec that keeps all rules: of files that it names.

    Relative paths in it start from its folder; ``include: FILE`` in any mapping lays the mapping's other keys over that
    file's.

    Raises
    ------
    SpecError
        With every mistake, in file order.
    """
    reader, root = _read(Path(path))
    kind, unjudged = _spec_type(reader, root)
    spec = _checked(reader, root, TypeAdapter(kind), unjudged)
    located = partial(problems_of_violations, root=root, schema=kind)
    _refuse(reader, located(check(spec)))
    return LoadedSpec(spec, Path(path), reader.texts[Path(path)], tuple(reader.texts), located)


def load_profile(path: str | Path | None = None, *, on_cluster: bool = False) -> Profile:
    """Read and check a profile; without a path, this machine with all its CPUs.

    With ``on_cluster`` a Slurm profile is also checked against the cluster of this machine, where there is one.

    Raises
    ------
    SpecError
        With every mistake, in file order.
    cluster.slurm.controller.SlurmError
        The cluster does not say what it has.
    """
    if path is None:
        return LAPTOP
    reader, root = _read(Path(path))
    adapter: TypeAdapter[Profile] = TypeAdapter(Profile)
    profile = _checked(reader, root, adapter)
    if isinstance(profile, SlurmProfile) and on_cluster and has_slurm():
        violations = cluster_violations(profile, patiently(read_inventory, "sinfo"))
        _refuse(reader, problems_of_violations(violations, root, adapter._type))
    return profile


def load_physics(path: str | Path, image_px: int, dataset: str | None = None) -> tuple[Physics, int]:
    """Physics of a campaign's spec or of a physics file, and the diffraction orders that belong to one data set.

    Parameters
    ----------
    path
        The file.
    image_px
        Side of the data set's images, which tells data sets apart.
    dataset
        Name of the data set where its images do not tell which it is.

    Raises
    ------
    SpecError
        With every mistake, in file order.
    UnknownDatasetError
        The file's orders differ between data sets, and none is named or has images of that size.
    """
    reader, root = _read(Path(path))
    if isinstance(root.content, dict) and "campaign" in root.content:
        spec = _checked(reader, root, TypeAdapter(Spec))
        sizes = {name: data.image_px for name, data in spec.datasets.items()}
        return spec.physics, _orders_of(spec.physics, sizes, image_px, dataset)
    physics = _checked(reader, root, TypeAdapter(Physics))
    return physics, _orders_of(physics, PAPER_SIZES, image_px, dataset)


def load_calibration(path: str | Path, image_px: int, dataset: str | None = None) -> tuple[Calibration, int]:
    """A calibration, or the usual one around a physics file or a campaign's physics; and orders as ``load_physics``.

    Raises
    ------
    SpecError
        With every mistake, in file order.
    UnknownDatasetError
        See ``load_physics``.
    """
    reader, root = _read(Path(path))
    if not isinstance(root.content, dict) or "physics" not in root.content or "campaign" in root.content:
        physics, orders = load_physics(path, image_px, dataset)
        return Calibration(physics=physics), orders
    calibration = _checked(reader, root, TypeAdapter(Calibration))
    return calibration, _orders_of(calibration.physics, PAPER_SIZES, image_px, dataset)


def _orders_of(physics: Physics, sizes: Mapping[str, int], image_px: int, dataset: str | None) -> int:
    orders = physics.numerics.orders
    if isinstance(orders, int):
        return orders
    fitting = [dataset] if dataset else [name for name, size in sizes.items() if size == image_px and name in orders]
    if len(fitting) != 1 or fitting[0] not in orders:
        raise UnknownDatasetError(
            f"orders differ between data sets ({', '.join(orders)}), and which one has images of {image_px} pixels is "
            f"not known; name it with --dataset"
        )
    return orders[fitting[0]]


def _spec_type(reader: TreeReader, root: Node) -> tuple[type[Spec], list[str]]:
    """The spec's type with the parts of installed packages that it names; those that cannot be had are problems.

    Blocks whose kind is not known, so that nothing in them can be judged, come second, as the beginning of their keys.
    """
    configs, unjudged = [], []
    for block, kind, at in foreign_kinds(root):
        place = node_at(root, at)
        plugin = find_plugin(block, kind)
        if plugin is None:
            known = [*BUILT_IN[block], *(each.kind for each in installed_plugins() if each.block == block)]
            rule = f"must be {'one of ' if len(known) > 1 else ''}{', '.join(map(repr, known))}"
            close = difflib.get_close_matches(kind.lower(), known, n=1)
            fix = f"did you mean '{close[0]}'?" if close else f"or install the package that brings '{kind}'"
            reader.report(place.mark, key_text(at), rule, place.shown(), fix)
            unjudged += [f"{block}."] if close != ["rcwa"] else []
            continue
        try:
            configs.append(plugin.config_type())
        except PluginError as error:
            reader.report(place.mark, key_text(at), error.rule, place.shown(), error.fix)
            unjudged.append(f"{block}.")
    return spec_type(configs), unjudged


def _read(path: Path) -> tuple[TreeReader, Node]:
    reader = TreeReader()
    root = reader.read(path)
    if root is None:
        raise SpecError(reader.problems)
    return reader, root


def _checked(reader: TreeReader, root: Node, adapter: TypeAdapter[Any], unjudged: Sequence[str] = ()) -> Any:
    """The model in the tree; problems at the keys that begin with one of ``unjudged`` are left out."""
    if any(problem.fix == ODD_BLANK_FIX for problem in reader.problems):
        _refuse(reader, reader.problems)  # the tree is another than what the text looks like
    try:
        value, problems = adapter.validate_python(root.plain()), []
    except ValidationError as error:
        value, problems = None, problems_of(error.errors(include_url=False), root, adapter._type)
    # What is wrong with the YAML of a place comes first; a second line on the same place would be an echo.
    seen = {(problem.file, problem.line, problem.column) for problem in reader.problems}
    problems = [problem for problem in problems if (problem.file, problem.line, problem.column) not in seen]
    problems = [problem for problem in problems if not problem.key.startswith(tuple(unjudged))]
    _refuse(reader, [*reader.problems, *problems])
    return value


def _refuse(reader: TreeReader, problems: Sequence[Problem]) -> None:
    """Raise all problems in file order; do nothing when there are none."""
    rank = {str(file): number for number, file in enumerate(reader.texts)}
    if problems:
        raise SpecError(
            sorted(problems, key=lambda problem: (rank.get(problem.file, len(rank)), problem.line, problem.column))
        )
