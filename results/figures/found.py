"""An image that a query found, for a contact sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

LINES = 2


@dataclass(frozen=True)
class FoundImage:
    """An image (px, px) of 0/1, the number of its row, and facts about it by name."""

    image: np.ndarray
    number: int
    facts: Mapping[str, Any]

    def caption(self) -> str:
        """The first facts, a line each."""
        lines = [
            f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.facts.items()
        ]
        return "\n".join([*lines, *[""] * LINES][:LINES])
