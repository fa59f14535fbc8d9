"""YAML files read into a located tree, each with all that it includes."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ruamel.yaml.error import YAMLError

from campaign.spec.paths import UndefinedVariableError, expand_variables
from campaign.spec.problems import Problem
from campaign.spec.reading.composer import Composer, parsed
from campaign.spec.reading.syntax import WHOLE_FILE, syntax_problem
from campaign.spec.reading.tree import KeyPath, Mark, Node, key_text, merge
from campaign.spec.shipped import shipped_names

INCLUDE = "include"


@dataclass
class TreeReader:
    """Reads a root file with all that it includes; collects problems in place of raising them."""

    problems: list[Problem] = field(default_factory=list)
    texts: dict[Path, str] = field(default_factory=dict)  # files in the order in which they were opened

    def read(
        self, path: Path, at: KeyPath = (), chain: tuple[Path, ...] = (), included_at: Mark | None = None
    ) -> Node | None:
        """Tree of a file, None if it holds none.

        Parameters
        ----------
        path
            The file, as messages are to name it.
        at
            Keys from the root to what the file holds.
        chain
            Files that include it, outermost first.
        included_at
            Where its ``include:`` stands; a file that cannot be opened is a problem there.
        """
        key = key_text((*at, INCLUDE)) if included_at else WHOLE_FILE
        text = self._text_of(path, included_at or Mark(str(path), 1, 1), key)
        if text is None:
            return None
        self.texts[path] = text
        try:
            root = parsed(text)
        except YAMLError as error:
            self.problems.append(syntax_problem(error, text, str(path)))
            return None
        if root is None:
            fix = "write the keys, or start from a file in specs/"
            self.report(Mark(str(path), 1, 1), WHOLE_FILE, "must not be empty", None, fix)
            return None
        finish = partial(self._with_include, chain=(*chain, path))
        return Composer(str(path), path.absolute().parent, self.report, finish).node(root, at)

    def report(self, mark: Mark, key: str, rule: str, value: str | None, fix: str) -> None:
        """Note one problem."""
        self.problems.append(Problem(mark.file, mark.line, mark.column, key, rule, value, fix))

    def _with_include(self, mapping: Node, path: KeyPath, chain: tuple[Path, ...]) -> Node:
        """The mapping laid over the file that its ``include`` names, if it names one."""
        if INCLUDE not in mapping.content:
            return mapping
        siblings = replace(mapping, content={k: v for k, v in mapping.content.items() if k != INCLUDE})
        base = self._included(mapping.content[INCLUDE], path, chain)
        if base is None:
            return replace(siblings, incomplete=True)
        return merge(base, siblings) if siblings.content else base  # then what it lacks is missing in that file

    def _included(self, named: Node, path: KeyPath, chain: tuple[Path, ...]) -> Node | None:
        key = key_text((*path, INCLUDE))
        if not isinstance(named.content, str):
            self.report(named.mark, key, "must be the path of a YAML file", named.shown(), "write one path")
            return None
        try:
            # Joined to the file's name as given, so that messages stay as short as what the user typed.
            target = Path(os.path.normpath(chain[-1].parent / expand_variables(named.content)))
        except UndefinedVariableError as error:
            self.report(named.mark, key, error.rule, named.shown(), error.fix)
            return None
        if target.absolute() in [file.absolute() for file in chain]:
            circle = " -> ".join(map(str, (*chain, target)))
            rule = "must not lead back to a file that includes it"
            self.report(named.mark, key, rule, circle, "remove one include")
            return None
        base = self.read(target, path, chain, named.mark)
        if base is not None and not isinstance(base.content, dict):
            fix = "write 'key: value' lines in the included file"
            self.report(base.mark, key, "must name a file that holds a mapping", base.shown(), fix)
            return None
        return base

    def _text_of(self, path: Path, mark: Mark, key: str) -> str | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            self.report(mark, key, "must be a file that exists", f"'{path}'", _similar_file(path))
        except IsADirectoryError:
            self.report(mark, key, "must be a file", f"'{path}'", "it is a folder, name a YAML file in it")
        except OSError as error:
            self.report(mark, key, "must be readable", f"'{path}'", f"the system says: {error.strerror}")
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
            self.report(mark, WHOLE_FILE, "must be UTF-8 text", byte, "save the file with the encoding UTF-8")
            return None


def _similar_file(path: Path) -> str:
    names = [entry.name for entry in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    if not path.suffix and path.name == str(path):
        names += shipped_names()
    close = difflib.get_close_matches(path.name, names, n=1)
    if close:
        return f"did you mean '{path.with_name(close[0])}'?"
    return f"there is no folder '{path.parent}'" if not path.parent.is_dir() else "correct the path"
