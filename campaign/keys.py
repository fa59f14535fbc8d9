"""Content addresses: a stage's key says everything that its result depends on, and nothing else.

A key is the SHA-256 of the stage's configuration with defaults, the contents of the files it reads, the keys of its
inputs, its schema version and the fingerprint of the code that computes it. Workers, folders and times are never in it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
SCIENCE = ("ganmdn", "photonics", "campaign.design_set", "campaign.simulation", "campaign.stages")
KEY_DIGITS = 16


def canonical_json(value: Any) -> str:
    """One spelling for equal values: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Hexadecimal content address of a JSON-like value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:KEY_DIGITS]


def file_digest(path: Path) -> str:
    """Hexadecimal content address of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:KEY_DIGITS]


def code_fingerprint(module: str) -> str:
    """Fingerprint of a module and of the science behind it: whatever it imports, at any depth, of ``SCIENCE``.

    Comments, formatting and docstrings do not count: the syntax tree is what is hashed. Code that decides where and
    when something runs does not count either, as it must not change a result.
    """
    return digest(science_behind(module))


def science_behind(module: str) -> dict[str, str]:
    """Digests of a module and of what it imports of ``SCIENCE``, by name."""
    trees: dict[str, str] = {}
    left = [module]
    while left:
        name = left.pop()
        if name not in trees:
            trees[name], imported = _parsed(name)
            left += imported
    return trees


@cache
def _parsed(module: str) -> tuple[str, tuple[str, ...]]:
    """Digest of a module's normalised syntax tree, and the modules of ``SCIENCE`` that it imports."""
    path = _source_of(module)
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imported = {name for node in ast.walk(tree) for name in _imports(node) if name.startswith(SCIENCE)}
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            del body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(imported))


def _source_of(module: str) -> Path:
    base = PROJECT.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _imports(node: ast.AST) -> list[str]:
    """Names of the modules that an import statement reads: ``from a.b import c`` may mean a.b or a.b.c."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        inner = [f"{node.module}.{alias.name}" for alias in node.names]
        return [node.module, *(name for name in inner if _source_of(name).is_file())]
    return []


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def stage_key(
    kind: str,
    config: Mapping[str, Any],
    input_keys: Mapping[str, str],
    file_keys: Mapping[str, str],
    schema: int,
    code: str,
) -> str:
    """Content address of one stage's result."""
    return digest(
        {
            "kind": kind,
            "config": config,
            "inputs": input_keys,
            "files": file_keys,
            "schema": schema,
            "code": code,
        }
    )


def seed_for(root: int, *words: str) -> np.random.SeedSequence:
    """The random stream of what ``words`` name, independent of who computes it and when.

    Args:
        root: the campaign's seed.
        words: what is computed, for example ``("latents", "data-i")``.
    """
    return np.random.SeedSequence(root, spawn_key=tuple(zlib.crc32(word.encode()) for word in words))
