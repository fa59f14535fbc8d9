"""YAML to a checked spec or profile: every mistake at once, each with its file, line, column and likely fix."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from campaign.spec.calibration import Calibration
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import (
    BUILT_IN,
    PluginError,
    find_plugin,
    installed_plugins,
    kinds_asked_for,
    spec_type,
)
from campaign.spec.physics import Physics
from campaign.spec.problems import Problem, SpecError, format_problems
from campaign.spec.profile import INVENTORY, LAPTOP, Profile, SlurmProfile
from campaign.spec.reading.advice import problems_of
from campaign.spec.reading.tree import Node, key_text, node_at
from campaign.spec.reading.yaml_reader import TreeReader
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
    reader, root = _read(Path(path), overrides)
    kind, unjudged = _spec_type(reader, root)
    spec = _checked(reader, root, TypeAdapter(kind), unjudged=unjudged)
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
        return _load(Path(path), TypeAdapter(Profile), overrides, {INVENTORY: patiently(read_inventory, "sinfo")})[1]
    return profile


def load_physics(path: str | Path, image_px: int, dataset: str | None = None) -> tuple[Physics, int]:
    """Physics of a campaign's spec or of a physics file, and the diffraction orders that belong to one data set.

    Args:
        path: the file.
        image_px: side of the data set's images, which tells data sets apart.
        dataset: name of the data set where its images do not tell which it is.

    Raises:
        SpecError: with every mistake, in file order.
        UnknownDatasetError: the file's orders differ between data sets, and none is named or has images of that size.
    """
    reader, root = _read(Path(path), ())
    if isinstance(root.content, dict) and "campaign" in root.content:
        spec = _checked(reader, root, TypeAdapter(Spec))
        sizes = {name: data.image_px for name, data in spec.datasets.items()}
        return spec.physics, _orders_of(spec.physics, sizes, image_px, dataset)
    physics = _checked(reader, root, TypeAdapter(Physics))
    return physics, _orders_of(physics, PAPER_SIZES, image_px, dataset)


def load_calibration(path: str | Path, image_px: int, dataset: str | None = None) -> tuple[Calibration, int]:
    """A calibration, or the usual one around a physics file or a campaign's physics; and orders as ``load_physics``.

    Raises:
        SpecError: with every mistake, in file order.
        UnknownDatasetError: see ``load_physics``.
    """
    reader, root = _read(Path(path), ())
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


def _load(
    path: Path, adapter: TypeAdapter[Any], overrides: Sequence[str], context: dict[str, Any] | None = None
) -> tuple[TreeReader, Any]:
    reader, root = _read(path, overrides)
    return reader, _checked(reader, root, adapter, context)


def _spec_type(reader: TreeReader, root: Node) -> tuple[type[Spec], list[str]]:
    """The spec's type with the parts of installed packages that it asks for; tells those that cannot be had.

    Blocks whose kind is not known, so that nothing in them can be judged, come second, as the beginning of their keys.
    """
    configs, unjudged = [], []
    for block, kind, at in kinds_asked_for(root):
        place = node_at(root, at)
        plugin = find_plugin(block, kind)
        if plugin is None:
            known = [*BUILT_IN[block], *(each.kind for each in installed_plugins() if each.block == block)]
            rule = f"must be {'one of ' if len(known) > 1 else ''}{', '.join(map(repr, known))}"
            close = difflib.get_close_matches(kind, known, n=1)
            fix = f"did you mean '{close[0]}'?" if close else f"or install the package that brings '{kind}'"
            reader.tell(place.mark, key_text(at), rule, place.shown(), fix)
            unjudged += [f"{block}."] if close != ["rcwa"] else []
            continue
        try:
            configs.append(plugin.config_type())
        except PluginError as error:
            reader.tell(place.mark, key_text(at), error.rule, place.shown(), error.fix)
            unjudged.append(f"{block}.")
    return spec_type(configs), unjudged


def _read(path: Path, overrides: Sequence[str]) -> tuple[TreeReader, Node]:
    reader = TreeReader()
    root = reader.read(path)
    if root is None:
        raise SpecError(reader.problems)
    for assignment in overrides:
        root = reader.override(root, assignment)
    return reader, root


def _checked(
    reader: TreeReader,
    root: Node,
    adapter: TypeAdapter[Any],
    context: dict[str, Any] | None = None,
    unjudged: Sequence[str] = (),
) -> Any:
    value, problems = _validated(root, adapter, context)
    # What YAML itself says of a place comes first; a second line on the same place would be an echo.
    told = {(problem.file, problem.line, problem.column) for problem in reader.problems}
    problems = [problem for problem in problems if (problem.file, problem.line, problem.column) not in told]
    problems = [problem for problem in problems if not problem.key.startswith(tuple(unjudged))]
    if problems := [*reader.problems, *problems]:
        raise SpecError(_in_file_order(problems, reader))
    return value


def _validated(root: Node, adapter: TypeAdapter[Any], context: dict[str, Any] | None) -> tuple[Any, list[Problem]]:
    try:
        return adapter.validate_python(root.plain(), context=context), []
    except ValidationError as error:
        return None, problems_of(error.errors(include_url=False), root, adapter._type)


def _in_file_order(problems: list[Problem], reader: TreeReader) -> list[Problem]:
    rank = {str(file): number for number, file in enumerate(reader.texts)}
    return sorted(problems, key=lambda problem: (rank.get(problem.file, len(rank)), problem.line, problem.column))
