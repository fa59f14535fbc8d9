"""What is computed: one module a kind of stage, with its descriptor and ``run(config, inputs, context)``.

A kind of stage is there once its module is. Beside them stand the simulator and the random streams that several use.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

from campaign.plan.kind import StageKind


def find_kinds() -> Iterator[StageKind[Any]]:
    """A descriptor of each kind that a module of this package defines, by the modules' names."""
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        for kind in vars(module).values():
            if inspect.isclass(kind) and issubclass(kind, StageKind) and kind.__module__ == module.__name__:
                yield kind()


KINDS: tuple[StageKind[Any], ...] = tuple(find_kinds())
