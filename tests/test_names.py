"""A name means one thing, whatever package one reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from campaign.plan.fingerprint import PACKAGES
from campaign.plan.keys import PROJECT


def classes() -> Iterator[tuple[str, str]]:
    """Public classes of the project, each with its module."""
    for package in PACKAGES:
        for path in (PROJECT / package).rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    yield node.name, path.relative_to(PROJECT).as_posix()


def test_no_two_classes_have_the_same_name() -> None:
    found: dict[str, list[str]] = {}
    for name, module in classes():
        found.setdefault(name, []).append(module)
    assert len(found) > 200
    assert {name: modules for name, modules in found.items() if len(modules) > 1} == {}
