"""One YAML text as a located tree, with the values that YAML 1.2 gives its words."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from campaign.spec.reading.blanks import ODD_BLANK, ODD_BLANK_FIX, odd_blank_rule
from campaign.spec.reading.syntax import MOST_NESTED, VersionError
from campaign.spec.reading.tree import KeyPath, Mark, Node, key_text

MOST_VALUES = 100_000  # of one file, each use of an alias counted
MOST_DIGITS = 400  # of a whole number; the largest float has 309
# The core schema, section 10.3.2 of the YAML 1.2 specification.
CORE = {
    "null": re.compile(r"null|Null|NULL|~|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
}
PREFIX = "tag:yaml.org,2002:"
TAGS = {PREFIX + name for name in (*CORE, "str", "seq", "map")}
Report = Callable[[Mark, str, str, str | None, str], None]
"""Notes a problem: its place, key, rule, the value that came, the fix."""


def _type_of(text: str) -> str:
    """Name of the type that a plain scalar has."""
    return next((name for name, form in CORE.items() if form.fullmatch(text)), "str")


class _CoreResolver(VersionedResolver):
    """Types of plain scalars by the core schema, whatever version a text declares."""

    @property
    def processing_version(self) -> Any:
        return 1, 2

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is ScalarNode and implicit[0]:
            return Tag(suffix=PREFIX + _type_of(value))
        return super().resolve(kind, value, (False, False))


def parsed(text: str) -> YamlNode | None:
    """The root of a text, None if nothing stands in it.

    Raises
    ------
    ruamel.yaml.error.YAMLError
        The text is no YAML 1.2, or nests too deep.
    """
    if (version := _declared(text)) not in (None, "1.2"):
        raise VersionError(version)
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver, yaml.max_depth = _CoreResolver, MOST_NESTED
    return yaml.compose(text)


def _declared(text: str) -> str | None:
    """The version in the directive at the head of a text."""
    for line in text.splitlines():
        if line.startswith("%YAML"):
            return line.removeprefix("%YAML").partition("#")[0].strip()
        if line.strip() and not line.startswith(("#", "%")):
            break
    return None


@dataclass
class Composer:
    """Turns the YAML nodes of one file into located ones.

    Attributes
    ----------
    file
        Its name in messages.
    folder
        What relative paths in it are relative to.
    report
        Notes a problem.
    finish
        Given every mapping and its path, returns what is to stand for it: an include is resolved there.
    """

    file: str
    folder: Path
    report: Report
    finish: Callable[[Node, KeyPath], Node]
    _open: list[int] = field(default_factory=list)
    _count: int = 0

    def node(self, yaml_node: YamlNode, path: KeyPath) -> Node:
        """The located node of ``yaml_node``, which stands at ``path``."""
        mark, tag = self._mark(yaml_node), str(yaml_node.tag)
        self._count += 1
        if self._count > MOST_VALUES:
            return Node(mark, None, self.folder)  # the last one of them is a problem
        if reason := self._why_endless(yaml_node):
            self.report(mark, key_text(path), reason, "an alias", "write the value out")
            return Node(mark, None, self.folder)
        if tag not in TAGS:
            self.report(mark, key_text(path), "must not have a tag", tag, "write the value alone")
        self._open.append(id(yaml_node))
        try:
            if isinstance(yaml_node, MappingNode):
                return self._mapping(yaml_node, path)
            if isinstance(yaml_node, SequenceNode):
                entries = [self.node(entry, (*path, index)) for index, entry in enumerate(yaml_node.value)]
                return Node(mark, entries, self.folder)
            return self._scalar(cast(ScalarNode, yaml_node), mark, path)
        finally:
            self._open.pop()

    def _why_endless(self, yaml_node: YamlNode) -> str | None:
        """What is wrong where aliases lead back to themselves, or to too much."""
        if id(yaml_node) in self._open:
            return "must not contain itself"
        if len(self._open) >= MOST_NESTED:
            return f"must not nest deeper than {MOST_NESTED} levels"
        return f"must not make more than {MOST_VALUES} values" if self._count == MOST_VALUES else None

    def _mapping(self, yaml_node: MappingNode, path: KeyPath) -> Node:
        content: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        for key, value in yaml_node.value:
            mark = self._mark(key)
            if not isinstance(key, ScalarNode):
                fix = "write one word before the colon"
                self.report(mark, key_text(path), "must have plain keys", "a list or mapping", fix)
            elif key.value in keys:
                first = keys[key.value]
                rule = f"must stand once, stands first at {first.line}:{first.column}"
                self.report(mark, key_text((*path, key.value)), rule, None, "remove one of them")
            elif key.value == "<<":
                fix = "write 'include: FILE' or the keys themselves"
                rule = "must not be used, YAML 1.2 has no merge"
                self.report(mark, key_text((*path, "<<")), rule, None, fix)
            else:
                self._without_odd_blanks(key, path, is_key=True)
                keys[key.value] = mark
                content[key.value] = self.node(value, (*path, key.value))
        return self.finish(Node(self._mark(yaml_node), content, self.folder, keys=keys), path)

    def _scalar(self, yaml_node: ScalarNode, mark: Mark, path: KeyPath) -> Node:
        text, name = self._without_odd_blanks(yaml_node, path), str(yaml_node.tag).removeprefix(PREFIX)
        if text != yaml_node.value:
            name = _type_of(text)
        content: Any = text
        if name in CORE:
            content = None
            if not CORE[name].fullmatch(text) and not (name == "float" and CORE["int"].fullmatch(text)):
                self.report(mark, key_text(path), "must fit its tag", f"'{text}'", "write the value alone")
            elif name == "int" and len(text) > MOST_DIGITS:
                self.report(mark, key_text(path), "must have fewer digits", None, "write a smaller number")
            else:
                content = _value(name, text)
        return Node(mark, content, self.folder, text=yaml_node.value, quoted=bool(yaml_node.style))

    def _without_odd_blanks(self, scalar: ScalarNode, path: KeyPath, *, is_key: bool = False) -> str:
        """The text of a scalar; odd blanks of a plain one are a problem at its ends, in keys and numbers anywhere."""
        text, found = scalar.value, ODD_BLANK.search(scalar.value)
        if scalar.style or found is None:
            return text
        bare, stripped = ODD_BLANK.sub("", text), ODD_BLANK.sub(" ", text).strip()
        is_number = _type_of(bare) in ("int", "float")
        if not (is_key or is_number) and len(stripped) == len(text):
            return text
        mark = self._mark(scalar)
        at = Mark(mark.file, mark.line, mark.column + found.start())
        self.report(at, key_text((*path, stripped) if is_key else path), odd_blank_rule(found[0]), None, ODD_BLANK_FIX)
        return bare if is_number else stripped

    def _mark(self, yaml_node: YamlNode) -> Mark:
        return Mark(self.file, yaml_node.start_mark.line + 1, yaml_node.start_mark.column + 1)


def _value(name: str, text: str) -> Any:
    """What a scalar of the core schema stands for."""
    match name:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
