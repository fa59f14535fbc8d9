"""Source that travels with the driver: workers of a standing cluster import the driver's code, not their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WILDCARD = re.compile(r"[*?\[\]\\!#]")  # with a meaning of its own in patterns of the kind that .gitignore has


@dataclass(frozen=True)
class Source:
    """Packages to ship.

    Attributes:
        folder: holds each package as a folder or a module of its own; whatever else is in it stays here.
        packages: names of the packages.
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
