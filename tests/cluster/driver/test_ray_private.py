"""Private parts of Ray stand in one module, and its version has an upper bound."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cluster.driver.ray_private import CHECKPOINT_INDEX, named_checkpoints

PROJECT = Path(__file__).parents[3]
ALLOWED = PROJECT / "cluster" / "driver" / "ray_private.py"
FOLDERS = ("campaign", "cluster", "ganmdn", "photonics", "results", "benchmarks")
PRIVATE = re.compile(r"(^|\.)(_\w+|core\.generated(\..*)?)(\.|$)")
PRIVATE_METHODS = {"_execute_action"}  # of objects that Ray hands over


def _dotted(node: ast.AST) -> str:
    """Name of an attribute of an attribute, and so on, of a name; what else it is of is left out."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def private_uses(source: str) -> Iterator[str]:
    """Names of Ray's private parts that a module imports or reaches for."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [_dotted(node)]
            if node.attr in PRIVATE_METHODS:
                yield node.attr
        else:
            continue
        yield from (name for name in names if name.startswith("ray.") and PRIVATE.search(name))


def test_private_parts_are_found() -> None:
    source = """
import ray._raylet
from ray._private import worker
from ray.train.torch.config import _TorchBackend
from ray.train.v2._internal.execution import context
from ray.core.generated.gcs_pb2 import PlacementGroupTableData
ray._private.worker.switch = 1
controller._execute_action(trial, action)
from ray.train import Checkpoint
ray.util.get_node_ip_address()
self._ray
"""
    assert set(private_uses(source)) == {
        "ray._raylet",
        "ray._private",
        "ray._private.worker",
        "ray._private.worker.switch",
        "ray.train.torch.config._TorchBackend",
        "ray.train.v2._internal.execution.context",
        "ray.core.generated.gcs_pb2.PlacementGroupTableData",
        "_execute_action",
    }


@pytest.mark.long
def test_nobody_else_touches_them() -> None:
    found = {
        str(path.relative_to(PROJECT)): uses
        for folder in FOLDERS
        for path in (PROJECT / folder).rglob("*.py")
        if path != ALLOWED and (uses := list(private_uses(path.read_text(encoding="utf-8"))))
    }
    assert found == {}


def test_the_version_is_bounded_and_the_installed_one_is_within() -> None:
    told = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    (ray,) = [requirement for requirement in map(Requirement, told) if requirement.name == "ray"]
    assert {"<", ">="} <= {bound.operator for bound in ray.specifier}
    assert version("ray") in ray.specifier


def test_an_index_of_checkpoints_names_them_or_is_torn(tmp_path: Path) -> None:
    assert named_checkpoints(tmp_path) == set()
    index = tmp_path / CHECKPOINT_INDEX
    index.write_text(json.dumps({"checkpoint_results": [{"checkpoint_dir_name": "checkpoint_1"}]}))
    assert named_checkpoints(tmp_path) == {"checkpoint_1"}
    for torn in ('{"checkpoint_results": [{"chec', "{}", '{"checkpoint_results": 7}'):
        index.write_text(torn)
        with pytest.raises(ValueError, match="is torn, or not what Ray Train writes there"):
            named_checkpoints(tmp_path)
