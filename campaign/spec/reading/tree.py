"""A tree of plain data in which every key and every value knows the file, line and column where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from campaign.spec.paths import FileText

KeyPath = tuple[str | int, ...]
WIDEST_VALUE = 60  # characters of a value that a message repeats


@dataclass(frozen=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True)
class Node:
    """A value with its place.

    Attributes
    ----------
    mark
        Where the value starts.
    content
        A scalar, a list of nodes, or a dict of nodes.
    folder
        What relative paths in this value are relative to.
    text
        A scalar as written, without its quotes.
    quoted
        Whether a scalar stood in quotes.
    keys
        For a mapping, where each key stands.
    incomplete
        Whether an include of this mapping failed, so that missing keys are no news.
    """

    mark: Mark
    content: Any
    folder: Path
    text: str = ""
    quoted: bool = False
    keys: dict[str, Mark] = field(default_factory=dict)
    incomplete: bool = False

    def child(self, part: str | int) -> Node | None:
        """The value under a key or at an index, None if there is none."""
        if isinstance(self.content, dict):
            return self.content.get(part)
        if isinstance(self.content, list) and isinstance(part, int) and part < len(self.content):
            return self.content[part]
        return None

    def plain(self) -> Any:
        """The same as plain Python data; strings are ``FileText``."""
        if isinstance(self.content, dict):
            return {key: node.plain() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.plain() for node in self.content]
        return FileText(self.content, self.folder) if isinstance(self.content, str) else self.content

    def shown(self) -> str:
        """The value as a message repeats it: short, and as written."""
        if isinstance(self.content, dict):
            return "a mapping"
        if isinstance(self.content, list):
            listed = f"[{', '.join(node.shown() for node in self.content)}]"
            return listed if len(listed) <= WIDEST_VALUE else f"a list of {len(self.content)}"
        if self.content is None:
            return "nothing"
        text = self.text if len(self.text) <= WIDEST_VALUE else f"{self.text[: WIDEST_VALUE - 3]}..."
        return f"'{text}'" if isinstance(self.content, str) else text


def key_text(path: Sequence[str | int]) -> str:
    """``("physics", "layers", 1, "name")`` as ``physics.layers[1].name``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "(top level)"


def node_at(root: Node, path: KeyPath) -> Node:
    """The node at a path that is there."""
    for part in path:
        child = root.child(part)
        assert child is not None
        root = child
    return root


def merge(base: Node, over: Node) -> Node:
    """``over`` laid over ``base``, mapping by mapping; anything else in ``over`` replaces what is below it.

    Two mappings of a different ``kind`` have nothing to share, so there too ``over`` replaces.
    """
    if not isinstance(base.content, dict) or not isinstance(over.content, dict):
        return over
    kinds = base.child("kind"), over.child("kind")
    if kinds[0] and kinds[1] and kinds[0].content != kinds[1].content:
        return over
    content = dict(base.content)
    for key, node in over.content.items():
        content[key] = merge(content[key], node) if key in content else node
    incomplete = base.incomplete or over.incomplete
    return replace(over, content=content, keys={**base.keys, **over.keys}, incomplete=incomplete)
