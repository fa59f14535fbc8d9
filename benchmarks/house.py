"""The house in numbers: files, lines, floors, circles of imports, and the files that a spec enters up to its labels.

    python benchmarks/house.py                      # this source tree
    python benchmarks/house.py --root ../elsewhere  # another one, such as an earlier commit's
    python benchmarks/house.py --way tests/tiny.yaml --profile profile.yaml   # also runs a campaign, up to its labels

A floor is a step of the longest chain of imports; imports for type checkers alone do not count.
"""

from __future__ import annotations

import argparse
import ast
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from types import FrameType
from typing import Any

PACKAGES = ("campaign", "ganmdn", "photonics", "cluster", "results")
ROOMS = ("campaign", "cluster")  # whose insides are counted


def main() -> None:
    """Print the numbers of one source tree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help="the source tree")
    parser.add_argument("--way", type=Path, help="a spec that is submitted, to see which files it enters")
    parser.add_argument("--profile", type=Path, help="where that runs; default: this machine")
    options = parser.parse_args()
    lines = {name: count_lines(options.root / name) for name in PACKAGES}
    listed = ", ".join(f"{name} {count:,}" for name, count in lines.items())
    print(f"lines: {listed}; {sum(lines.values()):,} in all")
    for name in ROOMS:
        graph = imports_within(options.root, name)
        circles = list(circles_of(graph))
        print(f"{name}: {len(graph)} files on {floors_of(graph, circles)} floors, {len(circles)} circles of imports")
        for circle in circles:
            print(f"  circle: {', '.join(sorted(circle))}")
    if options.way is not None:
        sys.path.insert(0, str(options.root))
        files, returns = way_to_labels(options.way, options.profile, options.root / "campaign")
        print(f"from submit to labels: {files} files of campaign/ entered, {returns} returns to one entered before")


def count_lines(folder: Path) -> int:
    """Lines of Python below a folder."""
    return sum(path.read_text(encoding="utf-8").count("\n") for path in folder.rglob("*.py"))


def imports_within(root: Path, package: str) -> dict[str, set[str]]:
    """What each module of a package imports of the same package, by name; functions' own imports included."""
    files = {_name(path, root): path for path in (root / package).rglob("*.py")}
    return {name: {each for each in _imported(path) if each in files and each != name} for name, path in files.items()}


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in _without_type_checking(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _without_type_checking(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _without_type_checking(node)


def circles_of(graph: Mapping[str, set[str]]) -> Iterator[set[str]]:
    """Sets of modules that all import each other, directly or through others (Tarjan's components of two or more)."""
    reach = {name: _reachable(name, graph) for name in graph}
    seen: set[str] = set()
    for name in graph:
        circle = {other for other in reach[name] if name in reach[other]}
        if len(circle) > 1 and not circle & seen:
            seen |= circle
            yield circle


def _reachable(name: str, graph: Mapping[str, set[str]]) -> set[str]:
    found, left = {name}, [name]
    while left:
        for each in graph[left.pop()] - found:
            found.add(each)
            left.append(each)
    return found


def floors_of(graph: Mapping[str, set[str]], circles: Iterable[set[str]]) -> int:
    """Length of the longest chain of imports, a circle counting once."""
    face = {name: min(circle) for circle in circles for name in circle}
    whole: dict[str, set[str]] = defaultdict(set)
    for name, others in graph.items():
        whole[face.get(name, name)] |= {face.get(other, other) for other in others} - {face.get(name, name)}
    floor: dict[str, int] = {}
    for name in TopologicalSorter(whole).static_order():
        floor[name] = 1 + max((floor[other] for other in whole[name]), default=0)
    return max(floor.values())


class _Reached(Exception):  # noqa: N818
    """The labels have begun."""


def way_to_labels(spec: Path, profile: Path | None, package: Path) -> tuple[int, int]:
    """Files of ``package`` that a submission enters until its first labels begin, and returns to an earlier one."""
    from campaign import api

    entered: list[str] = []
    at: dict[int, str] = {}  # the file that each thread is in

    def profile_calls(frame: FrameType, event: str, argument: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(str(package)) and at.get(threading.get_ident()) != file:
            at[threading.get_ident()] = file
            entered.append(file)

    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "stage-started" and event["stage"].startswith("labels/"):
            raise _Reached

    with tempfile.TemporaryDirectory() as runs:
        threading.setprofile(profile_calls)
        sys.setprofile(profile_calls)
        try:
            api.submit(api.Campaign.open(spec, profile, Path(runs)), listen)
        except Exception as error:
            if "_Reached" not in f"{type(error).__name__} {error}":
                raise
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    order = list(dict.fromkeys(entered))
    return len(order), len(entered) - len(order)


if __name__ == "__main__":
    main()
