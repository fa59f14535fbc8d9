"""The minimum length scale of an image: how wide a brush can be that still draws it.

Chen et al., "Validation and characterization of algorithms and software for photonics inverse design", JOSA B 41, A161
(2024), section 4: the largest diameter d such that each phase is unchanged by opening with a disc of diameter d, where
pixels at the edges of large features do not count, since no disc of pixels fits them. Images are periodic here.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from results.fabrication.brush import Brush

GAP = 10  # wider brushes that may draw what one cannot: drawable by d + k is not always drawable by d
SQUARE = np.ones((3, 3), bool)
NEAR = np.ones((5, 5), bool)  # of an interior pixel: two pixels away, corners left out
NEAR[::4, ::4] = False


def minimum_length_scale(image: np.ndarray) -> tuple[int, int]:
    """Of white and of black, in pixels; the image's side for a phase that is everything or nothing.

    Parameters
    ----------
    image
        0/1, (H, W), periodic.
    """
    return _of_phase(image == 1), _of_phase(image == 0)


def has_length_scale(image: np.ndarray, diameter_px: int) -> bool:
    """Whether a brush of that diameter, or one of the ``GAP`` next wider ones, draws both phases of an image (H, W)."""
    return not (violations(image == 1, diameter_px).any() or violations(image == 0, diameter_px).any())


def violations(phase: np.ndarray, diameter_px: int) -> np.ndarray:
    """Pixels of a phase, bool (H, W), that none of these brushes can paint without leaving it: bool (H, W)."""
    return _Painted(phase).violations(diameter_px)


def edges_of_large_features(phase: np.ndarray) -> np.ndarray:
    """Pixels with the other phase all along a side or around a corner, near pixels that lie wholly inside.

    Parameters
    ----------
    phase
        bool (H, W), periodic.
    """
    other = {(y, x): ~np.roll(phase, (-y, -x), axis=(0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)}
    on_edge = np.zeros_like(phase)
    for step in (-1, 1):
        on_edge |= other[step, -1] & other[step, 0] & other[step, 1]
        on_edge |= other[-1, step] & other[0, step] & other[1, step]
        for across in (-1, 1):
            on_edge |= other[step, 0] & other[0, across] & other[step, across]
    interior = _wrapped(ndimage.binary_erosion, phase, SQUARE)
    return phase & on_edge & ~interior & _wrapped(ndimage.binary_dilation, interior, NEAR)


class _Painted:
    """What brushes can paint of a phase, each looked at once."""

    def __init__(self, phase: np.ndarray) -> None:
        self._phase, self._side = phase, min(phase.shape)
        self._inside = phase & ~edges_of_large_features(phase)
        self._unpainted: dict[int, np.ndarray] = {}

    def violations(self, diameter_px: int) -> np.ndarray:
        left = self._inside
        for diameter in range(diameter_px, min(diameter_px + GAP, self._side + 1)):
            if not left.any():
                break
            left = left & self._not_by(diameter)
        return left

    def _not_by(self, diameter_px: int) -> np.ndarray:
        if diameter_px not in self._unpainted:
            self._unpainted[diameter_px] = ~Brush(diameter_px, self._phase.shape).opened(self._phase)
        return self._unpainted[diameter_px]


def _of_phase(phase: np.ndarray) -> int:
    side = min(phase.shape)
    if phase.all() or not phase.any():
        return side
    found, painted = 1, _Painted(phase)
    for diameter in range(2, side + 1):
        if not painted.violations(diameter).any():
            found = diameter
        elif diameter > found + GAP:
            break
    return found


def _wrapped(operation: np.ufunc, phase: np.ndarray, brush: np.ndarray) -> np.ndarray:
    """An operation of ``scipy.ndimage`` on the torus: on the image with as much of its neighbours as it looks at."""
    margin = len(brush)
    around = np.pad(phase, margin, mode="wrap")
    return operation(around, brush)[margin:-margin, margin:-margin]
