"""The code behind a stage, told by its syntax trees: comments, formatting and docstrings do not count.

What counts is the science, whole folders of it. Within a stage's module the descriptor is left out: it says where and
when, what the stage costs and what the report takes from it, and whatever else it decides is in the key by itself.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("campaign", "ganmdn", "photonics", "cluster", "results")
# Whatever decides where and when something runs must not change a result, and is no science.
SCIENCE = ("ganmdn", "photonics", "campaign.stages", "results.designs", "results.images")
DESCRIPTOR = "StageKind"  # the base class of descriptors


class SourceMissingError(LookupError):
    """A module whose source is to be fingerprinted is not there."""


def code_behind(*modules: str, science: Sequence[str] = SCIENCE, root: Path | None = None) -> dict[str, str]:
    """Digests of modules and of what they import of ``science``, at any depth, by name; see :class:`CodeReader`."""
    return CodeReader(root).behind(*modules, science=science)


class CodeReader:
    """Reads the code behind one stage after the other; what several of them import is looked up once."""

    def __init__(self, root: Path | None = None) -> None:
        """Read nothing yet.

        Parameters
        ----------
        root
            Folder that holds all packages, as a frozen copy does; None looks where they are installed.
        """
        self._root = root
        self._found: dict[tuple[str, tuple[str, ...]], tuple[str, tuple[str, ...]] | None] = {}

    def behind(self, *modules: str, science: Sequence[str] = SCIENCE) -> dict[str, str]:
        """Digests of modules and of what they import, at any depth, by name.

        Parameters
        ----------
        modules
            Where to begin.
        science
            Packages and modules that count.

        Raises
        ------
        SourceMissingError
            One of ``modules`` is not there, or is no Python source.
        """
        digests: dict[str, str] = {}
        left = list(modules)
        while left:
            name = left.pop()
            if name in digests:
                continue
            found = self._module(name, tuple(science))
            if found is None:
                if name in modules:
                    raise SourceMissingError(f"{name}: there is no source at {_source_of(name, self._root)}")
                continue  # an imported name that is no module
            digests[name], imported = found
            left += imported
        return digests

    def _module(self, name: str, science: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        """Digest of a module, and names within ``science`` that it may import; None: no module."""
        if (name, science) not in self._found:
            self._found[name, science] = self._read(name, science)
        return self._found[name, science]

    def _read(self, name: str, science: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        path = _source_of(name, self._root)
        if not path.is_file():
            return None
        status = path.stat()
        digest, imported = _parsed(name, path, status.st_mtime_ns, status.st_size, science)
        read = {part for each in imported for part in _with_packages(each)}  # as Python runs a package's own code
        return digest, tuple(sorted(each for each in read if _within(each, science)))


def package_folder(name: str) -> Path:
    """Folder of a top-level package, which is not imported, or the file of a top-level module.

    Raises
    ------
    SourceMissingError
        No such package is installed.
    """
    if name in PACKAGES:
        return PROJECT / name
    spec = importlib.util.find_spec(name)
    if spec is None or not (spec.submodule_search_locations or spec.origin):
        raise SourceMissingError(f"{name}: no such package is installed")
    return Path(spec.submodule_search_locations[0] if spec.submodule_search_locations else str(spec.origin))


@lru_cache(maxsize=4096)
def _parsed(
    module: str, path: Path, changed_ns: int, size: int, science: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """Digest of a module's normalised syntax tree, and the names that may be modules it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree.body = [node for node in tree.body if not _is_descriptor(node)]
    imported = {name for node in ast.walk(tree) for name in _imports(node, package)}
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            if body and _is_docstring(body[0]):
                del body[0]
            body[:] = [each for each in body if not _is_import_of_none(each, package, science)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(imported))


def _is_descriptor(node: ast.AST) -> bool:
    """Whether this defines the descriptor of a kind of stage: a class derived from ``StageKind``, or one of it."""
    if not isinstance(node, ast.ClassDef):
        return False
    names = [part for base in node.bases for part in ast.walk(base)]
    return any(getattr(name, "id", getattr(name, "attr", None)) == DESCRIPTOR for name in names)


def _is_import_of_none(node: ast.AST, package: str, science: Sequence[str]) -> bool:
    """Whether this imports from the project what is no science, and so counts as little as that does."""
    names = list(_imports(node, package))
    return bool(names) and all(_within(name, PACKAGES) and not _within(name, science) for name in names)


def _with_packages(module: str) -> Iterator[str]:
    """A module and the packages that it lies in, of which the outermost may be none of the science."""
    parts = module.split(".")
    yield from (".".join(parts[: count + 1]) for count in range(len(parts)))


def _source_of(module: str, root: Path | None) -> Path:
    head, *rest = module.split(".")
    base = (package_folder(head) if root is None else root / head).joinpath(*rest)
    if base.is_file():  # a top-level module of its own
        return base
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _within(module: str, packages: Sequence[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    """Names that an import statement may read modules by: ``from a.b import c`` means a.b or a.b.c."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*parents, *([node.module] if node.module else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
