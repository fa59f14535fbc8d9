"""One finding about this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GIB = 2**30

Status = Literal["ok", "warning", "failure"]


@dataclass(frozen=True)
class Check:
    """One finding: a failure stops a campaign, a warning may slow it; ``fix`` is empty when all is well."""

    name: str
    status: Status
    message: str
    fix: str = ""
