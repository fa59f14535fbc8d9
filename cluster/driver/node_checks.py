"""Whether the nodes of a standing cluster can do a driver's work: the same versions, and the same files."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

ANSWER_SECONDS = 300.0  # the first task on a node also unpacks the source


class NodesDifferError(RuntimeError):
    """Nodes of the cluster lack what the driver has; the message has a line for each difference."""


@dataclass(frozen=True)
class NodeFacts:
    """What one node has: versions by package name, None for what is missing, and which probe files it sees."""

    versions: dict[str, str | None]
    seen: tuple[bool, ...]


def check_nodes(packages: Sequence[str], folders: Sequence[Path]) -> None:
    """Ask every node that has CPUs for tasks.

    Parameters
    ----------
    packages
        Distributions whose versions must be the driver's, since numbers or pickles depend on them.
    folders
        Where work is written and read, which every node must see.

    Raises
    ------
    NodesDifferError
        With all differences and what to do about them.
    """
    with ExitStack() as stack:
        probes = [stack.enter_context(_probe(folder)) for folder in folders]
        own = facts(packages, probes)
        asked = {_name(node): _ask(node, packages, probes) for node in _working_nodes()}
        answers = {name: _answer(question) for name, question in asked.items()}
    if problems := differences(own, answers, folders):
        raise NodesDifferError("\n".join(["this cluster cannot do the work as it is:", *problems]))


def differences(own: NodeFacts, answers: Mapping[str, NodeFacts | str], folders: Sequence[Path]) -> list[str]:
    """A line for each thing that a node lacks; ``answers`` holds, by its name, what it has or why that is unknown."""
    lines = []
    for name, there in answers.items():
        if isinstance(there, str):
            lines.append(f"{name}: {there}")
            continue
        for package, here in own.versions.items():
            if (found := there.versions[package]) != here:
                fix = "install the same version on both"
                lines.append(f"{name}: {package} is {found or 'missing'} there, {here or 'missing'} here; {fix}")
        for folder, is_seen in zip(folders, there.seen, strict=True):
            if not is_seen:
                lines.append(f"{name}: does not see {folder.absolute()}; name a folder that all share (--runs, cache:)")
    return lines


def facts(packages: Sequence[str], probes: Sequence[Path]) -> NodeFacts:
    """What the machine has on which this is called."""
    versions: dict[str, str | None] = {"Python": platform.python_version()}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return NodeFacts(versions, tuple(probe.is_file() for probe in probes))


@contextmanager
def _probe(folder: Path) -> Iterator[Path]:
    """A file in the folder for as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".probe-{secrets.token_hex(8)}"
    probe.touch()
    try:
        yield probe.absolute()
    finally:
        probe.unlink(missing_ok=True)


def _working_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) > 0]


def _name(node: dict[str, Any]) -> str:
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def _ask(node: dict[str, Any], packages: Sequence[str], probes: Sequence[Path]) -> Any:
    there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return ray.remote(facts).options(num_cpus=0, scheduling_strategy=there).remote(packages, probes)


def _answer(question: Any) -> NodeFacts | str:
    try:
        facts_there: NodeFacts = ray.get(question, timeout=ANSWER_SECONDS)
    except GetTimeoutError:
        return f"runs no task within {ANSWER_SECONDS:g} s; look at its raylet.out and runtime_env_agent.log"
    except RayError as error:
        return f"cannot run a task: {str(error).strip().splitlines()[-1]}"
    return facts_there
