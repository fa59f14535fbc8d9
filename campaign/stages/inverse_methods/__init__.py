"""What is learnt by which method: one module a kind, named for it, with its descriptor ``METHOD``.

Modules are found by the kind's name and imported by nobody, so that the key of a stage holds the code of its own method
and not that of all others: see ``Stage.modules``.
"""

from __future__ import annotations

import importlib
from typing import Any

from campaign.spec.entry_points import BUILT_IN
from campaign.stages.inverse_methods.base import InverseMethod


def module_of(kind: str) -> str:
    """Where the method of a kind is described; those of other packages share one."""
    return f"{__name__}.{kind.replace('-', '_') if kind in BUILT_IN['methods'] else 'plugged'}"


def method_of(kind: str) -> InverseMethod[Any]:
    """The descriptor of the method of a kind."""
    return importlib.import_module(module_of(kind)).METHOD
