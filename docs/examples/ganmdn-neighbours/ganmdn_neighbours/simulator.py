"""The share of white pixels as the property of an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def simulator(options: Mapping[str, Any], image_px: int) -> Callable[[np.ndarray], float]:
    """A function of one image (image_px, image_px) of 0 and 1."""

    def simulate(image: np.ndarray) -> float:
        return options["offset"] + options["gain"] * float(image.mean())

    return simulate
