"""The code that processes run: a frozen copy wins over whatever else ``sys.path`` has, and is shipped where need be.

A run that is begun in a source tree would import what stands there at that moment, in its driver and, where they have
that tree on their path, in its workers. An importer ahead of ``sys.path`` does not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WILDCARD = re.compile(r"[*?\[\]\\!#]")  # with a meaning of its own in patterns of the kind that .gitignore has

_installed: list[Callable[[], Any]] = []  # for each `imports_from` that is entered, what does the same in a worker


@contextmanager
def imports_from(folder: Path, packages: Sequence[str]) -> Iterator[None]:
    """Import ``packages`` from ``folder`` in this process and in the workers of a Ray that it starts meanwhile.

    Code that is loaded already stays as it is; data files of packages that are loaded come from the folder too. What
    the folder lacks is not looked for elsewhere.

    Parameters
    ----------
    folder
        Holds each package as a folder or a module of its own.
    packages
        Top-level names.
    """
    install = _installer(str(folder.absolute()), tuple(packages))
    importer = install()
    _installed.append(install)
    try:
        with _specs_of_loaded(importer, packages):
            yield
    finally:
        _installed.remove(install)
        sys.meta_path.remove(importer)


@contextmanager
def _specs_of_loaded(importer: Any, packages: Sequence[str]) -> Iterator[None]:
    """Let packages that are loaded say that they lie where ``importer`` finds them: data files are looked for there."""
    before = {}
    for name, module in sys.modules.copy().items():  # another thread may be importing
        if name.split(".")[0] in packages and hasattr(module, "__path__"):
            with suppress(ModuleNotFoundError):
                spec = importer.find_spec(name)
                before[name] = module, module.__spec__, module.__path__
                module.__spec__, module.__path__ = spec, spec.submodule_search_locations
    try:
        yield
    finally:
        for module, spec, path in before.values():
            module.__spec__, module.__path__ = spec, path


def worker_setup_hook() -> Callable[[], Any] | None:
    """What a worker must call before it imports anything, None where it may import what it finds."""
    return _installed[-1] if _installed else None


def _installer(folder: str, packages: tuple[str, ...]) -> Callable[[], Any]:
    """A function that needs nothing of this tree: nested, so that Ray sends its code instead of its name."""

    def install() -> Any:
        import os
        import sys
        from importlib.machinery import PathFinder

        class Importer:
            @staticmethod
            def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
                head, *rest = name.split(".")
                if head not in packages:
                    return None
                spec = PathFinder.find_spec(name, [os.path.join(folder, head, *rest[:-1]) if rest else folder])
                if spec is None:
                    raise ModuleNotFoundError(f"No module named {name!r} in {folder}", name=name)
                return spec

            @staticmethod
            def invalidate_caches() -> None:
                PathFinder.invalidate_caches()

        sys.meta_path.insert(0, Importer)  # type: ignore[arg-type]
        return Importer

    return install


@dataclass(frozen=True)
class Source:
    """Packages to ship.

    Attributes
    ----------
    folder
        Holds each package as a folder or a module of its own; whatever else is in it stays here.
    packages
        Names of the packages.
    """

    folder: Path
    packages: tuple[str, ...]

    def runtime_env(self) -> dict[str, Any]:
        """What Ray is told: it packs the folder once, by content, and unpacks it on each node that runs a worker.

        As the working directory, the copy comes before whatever else the workers could import, and Ray leaves the
        driver's own directories out of their path.
        """
        # Named one by one: a pattern for all entries would exclude the folder itself, and ship nothing.
        ours = {*self.packages, *(f"{name}.py" for name in self.packages)}
        others = sorted(path.name for path in self.folder.iterdir() if path.name not in ours)
        excludes = [f"/{WILDCARD.sub(_escaped, name)}" for name in others]
        return {"working_dir": str(self.folder), "excludes": [*excludes, "__pycache__", "*.pyc"]}


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match[0]}"
