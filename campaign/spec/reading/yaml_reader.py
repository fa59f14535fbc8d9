"""YAML files read into a located tree: syntax, duplicate keys, encodings, ``include:`` and overrides."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.reader import ReaderError

from campaign.spec.paths import UndefinedVariableError, expand_variables
from campaign.spec.problems import Problem
from campaign.spec.reading.tree import KeyPath, Mark, Node, assign, key_text, merge

INCLUDE = "include"
TYPED_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")}
TAGS = TYPED_TAGS | {f"tag:yaml.org,2002:{name}" for name in ("str", "timestamp", "value", "merge", "seq", "map")}


@dataclass(frozen=True)
class _Source:
    """A text that is being read: its name in messages, the folder its paths start from, what includes it."""

    file: str
    folder: Path
    chain: tuple[Path, ...] = ()


@dataclass
class TreeReader:
    """Reads a root file with all that it includes; collects problems in place of raising them."""

    problems: list[Problem] = field(default_factory=list)
    texts: dict[Path, str] = field(default_factory=dict)  # files in the order in which they were opened

    def read(
        self, path: Path, at: KeyPath = (), chain: tuple[Path, ...] = (), asked_at: Mark | None = None
    ) -> Node | None:
        """Tree of a file, None if it holds none.

        Args:
            path: the file, as it is to be named in messages.
            at: keys from the root to what the file holds.
            chain: files that include it, outermost first.
            asked_at: where its ``include:`` stands; a file that cannot be opened is told there.
        """
        key = key_text((*at, INCLUDE)) if asked_at else WHOLE_FILE
        text = self._text_of(path, asked_at or Mark(str(path), 1, 1), key)
        if text is None:
            return None
        self.texts[path] = text
        return self._parsed(text, at, _Source(str(path), path.absolute().parent, (*chain, path)))

    def override(self, root: Node, assignment: str) -> Node:
        """``root`` with one ``key.path=value`` applied; the value is YAML, its paths start here."""
        dotted, equals, text = assignment.partition("=")
        file = f"--set {assignment}"
        path = re.findall(r"[^.\[\]]+", dotted)
        if not equals or not path:
            rule = "must be written key.path=value"
            self.tell(Mark(file, 1, 1), "--set", rule, f"'{assignment}'", "for example labels.count=100")
            return root
        mark = Mark(file, 1, len(dotted) + 2)
        value: Node | None = Node(mark, None, Path.cwd())
        if text.strip():
            # Blanks in front keep the columns those of the argument itself.
            value = self._parsed(" " * (len(dotted) + 1) + text, tuple(path), _Source(file, Path.cwd()))
        try:
            return root if value is None else assign(root, path, value)
        except LookupError as error:
            self.tell(Mark(file, 1, 1), dotted, "must name an entry that exists", f"'{dotted}'", str(error))
            return root

    def tell(self, mark: Mark, key: str, rule: str, value: str | None, fix: str) -> None:
        """Note one problem."""
        self.problems.append(Problem(mark.file, mark.line, mark.column, key, rule, value, fix))

    def include(self, node: Node, path: KeyPath, chain: tuple[Path, ...]) -> Node:
        """The mapping ``node`` laid over the file that its ``include`` names."""
        siblings = replace(node, content={k: v for k, v in node.content.items() if k != INCLUDE})
        base = self._included(node.content[INCLUDE], path, chain)
        return replace(siblings, incomplete=True) if base is None else merge(base, siblings)

    def _included(self, asked: Node, path: KeyPath, chain: tuple[Path, ...]) -> Node | None:
        key = key_text((*path, INCLUDE))
        if not isinstance(asked.content, str):
            self.tell(asked.mark, key, "must be the path of a YAML file", asked.shown(), "write one path")
            return None
        try:
            # Joined to the file's name as given, so that messages stay as short as what the user typed.
            including = chain[-1].parent if chain else Path()
            target = Path(os.path.normpath(including / expand_variables(asked.content)))
        except UndefinedVariableError as error:
            self.tell(asked.mark, key, error.rule, asked.shown(), error.fix)
            return None
        if target.absolute() in [file.absolute() for file in chain]:
            circle = " -> ".join(map(str, (*chain, target)))
            self.tell(asked.mark, key, "must not lead back to a file that includes it", circle, "remove one include")
            return None
        base = self.read(target, path, chain, asked.mark)
        if base is not None and not isinstance(base.content, dict):
            fix = "write 'key: value' lines in the included file"
            self.tell(base.mark, key, "must name a file that holds a mapping", base.shown(), fix)
            return None
        return base

    def _text_of(self, path: Path, mark: Mark, key: str) -> str | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            self.tell(mark, key, "must be a file that exists", f"'{path}'", _similar_file(path))
        except IsADirectoryError:
            self.tell(mark, key, "must be a file", f"'{path}'", "it is a folder, name a YAML file in it")
        except OSError as error:
            self.tell(mark, key, "must be readable", f"'{path}'", f"the system says: {error.strerror}")
        else:
            return self._decoded(data, str(path))
        return None

    def _decoded(self, data: bytes, file: str) -> str | None:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            start = data.rfind(b"\n", 0, error.start) + 1
            column = len(data[start : error.start].decode("utf-8", "replace")) + 1
            mark = Mark(file, data.count(b"\n", 0, error.start) + 1, column)
            byte = f"byte 0x{data[error.start]:02x}"
            self.tell(mark, WHOLE_FILE, "must be UTF-8 text", byte, "save the file with the encoding UTF-8")
            return None

    def _parsed(self, text: str, at: KeyPath, source: _Source) -> Node | None:
        yaml = YAML(typ="safe", pure=True)
        try:
            root = yaml.compose(text)
        except YAMLError as error:
            self.problems.append(syntax_problem(error, text, source.file))
            return None
        if root is None:
            fix = "write the keys, or start from a file in specs/"
            self.tell(Mark(source.file, 1, 1), WHOLE_FILE, "must not be empty", None, fix)
            return None
        return _Composer(self, yaml.constructor.construct_object, source).node(root, at)


@dataclass
class _Composer:
    """Turns the YAML nodes of one file into located ones."""

    reader: TreeReader
    typed: Callable[[YamlNode], Any]
    source: _Source
    open_nodes: list[int] = field(default_factory=list)

    def node(self, yaml_node: YamlNode, path: KeyPath) -> Node:
        """The located node of ``yaml_node``, which stands at ``path``."""
        mark, tag = self._mark(yaml_node), str(yaml_node.tag)
        if id(yaml_node) in self.open_nodes:
            self.reader.tell(mark, key_text(path), "must not contain itself", "an alias", "write the value out")
            return Node(mark, None, self.source.folder)
        if tag not in TAGS:
            self.reader.tell(mark, key_text(path), "must not have a tag", tag, "write the value alone")
        self.open_nodes.append(id(yaml_node))
        try:
            if isinstance(yaml_node, MappingNode):
                return self._mapping(yaml_node, path)
            if isinstance(yaml_node, SequenceNode):
                entries = [self.node(entry, (*path, index)) for index, entry in enumerate(yaml_node.value)]
                return Node(mark, entries, self.source.folder)
            return self._scalar(cast(ScalarNode, yaml_node), mark, path)
        finally:
            self.open_nodes.pop()

    def _mapping(self, yaml_node: MappingNode, path: KeyPath) -> Node:
        content: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        for key, value in yaml_node.value:
            mark = self._mark(key)
            if not isinstance(key, ScalarNode):
                fix = "write one word before the colon"
                self.reader.tell(mark, key_text(path), "must have plain keys", "a list or mapping", fix)
            elif key.value in keys:
                first = keys[key.value]
                rule = f"must stand once, stands first at {first.line}:{first.column}"
                self.reader.tell(mark, key_text((*path, key.value)), rule, None, "remove one of them")
            elif key.value == "<<":
                fix = f"write '{INCLUDE}: FILE' or the keys themselves"
                self.reader.tell(mark, key_text((*path, "<<")), "must not be used, YAML 1.2 has no merge", None, fix)
            else:
                keys[key.value] = mark
                content[key.value] = self.node(value, (*path, key.value))
        made = Node(self._mark(yaml_node), content, self.source.folder, keys=keys)
        return self.reader.include(made, path, self.source.chain) if INCLUDE in content else made

    def _scalar(self, yaml_node: ScalarNode, mark: Mark, path: KeyPath) -> Node:
        content, tag = yaml_node.value, str(yaml_node.tag)
        if tag in TYPED_TAGS:
            try:
                content = self.typed(yaml_node)
            except (ValueError, KeyError):  # an explicit tag such as !!int before a word
                self.reader.tell(mark, key_text(path), "must fit its tag", f"'{content}'", "write the value alone")
        return Node(mark, content, self.source.folder, text=yaml_node.value, quoted=bool(yaml_node.style))

    def _mark(self, yaml_node: YamlNode) -> Mark:
        return Mark(self.source.file, yaml_node.start_mark.line + 1, yaml_node.start_mark.column + 1)


def _similar_file(path: Path) -> str:
    names = [entry.name for entry in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    close = difflib.get_close_matches(path.name, names, n=1)
    if close:
        return f"did you mean '{path.with_name(close[0])}'?"
    return f"there is no folder '{path.parent}'" if not path.parent.is_dir() else "correct the path"


WHOLE_FILE = "(file)"  # the key of problems that are about no key


def syntax_problem(error: YAMLError, text: str, file: str) -> Problem:
    """The one problem that keeps ``text`` from being read at all.

    Args:
        error: what the YAML parser raised.
        text: what it was given.
        file: name of the file in messages.
    """
    if isinstance(error, ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        character = f"the character U+{ord(text[error.position]):04X}"
        return Problem(file, line, column, WHOLE_FILE, "must be printable text", character, "delete the character")
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Problem(file, 1, 1, WHOLE_FILE, "must be valid YAML", None, str(error))
    line, column = error.problem_mark.line + 1, error.problem_mark.column + 1
    context = error.context or ""
    said = f"{error.problem} {context}" if context.startswith("while") else f"{context} {error.problem}".strip()
    return Problem(file, line, column, WHOLE_FILE, f"must be valid YAML: {said}", None, _syntax_fix(error, text))


def _syntax_fix(error: MarkedYAMLError, text: str) -> str:
    lines = text.splitlines()
    line = lines[error.problem_mark.line] if error.problem_mark.line < len(lines) else ""
    if "\t" in line[: error.problem_mark.column + 1]:
        return "indent with spaces, not tabs"
    if "mapping values" in error.problem:
        return "indent the keys of one mapping equally, and quote text that holds ': '"
    if "flow" in (error.context or ""):
        return f"close the bracket opened at {error.context_mark.line + 1}:{error.context_mark.column + 1}"
    if "quoted" in (error.context or ""):
        return f"close the quote opened at {error.context_mark.line + 1}:{error.context_mark.column + 1}"
    if "document" in error.problem:
        return "keep one document in a file, remove '---'"
    return "write 'key: value', with a blank after the colon, and quote special characters"
