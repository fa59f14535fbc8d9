"""Images without features that are too small, in white or in black: opening and closing on the torus, place by place.

Opening takes from white what a brush cannot paint, closing gives to white what it cannot paint of black. Done to whole
images in turn they undo each other's work for ever at many places, and thin lines of one phase all go to the other. So
every place that no brush paints is decided by itself, to white or to black, whichever moves fewer pixels and keeps the
image's share of white; and again, until nothing is left to decide.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from results.fabrication.brush import Brush
from results.fabrication.length_scale import edges_of_large_features

ROUNDS = 200  # most images are done after twenty
SMOOTHING = 0.25  # standard deviation of the blur that takes off single pixels, in brush diameters
BALANCE = 0.01  # of all pixels: at such a lack of white, white is preferred by half a brush
RESTLESSNESS = 0.15  # of a brush: random costs of a decision, so that no circle of decisions is for ever


def rounded(image: np.ndarray, diameter_px: int, rng: np.random.Generator) -> np.ndarray:
    """An image whose white and black a brush can paint, near the given one and with as much white.

    ``length_scale`` says whether it could be done: after ``ROUNDS`` decisions the rest is left as it is.

    Parameters
    ----------
    image
        uint8 0/1, (H, W), periodic.
    diameter_px
        Of the brush; see ``brush.disc``.
    rng
        Breaks circles of decisions.

    Returns
    -------
    np.ndarray
        uint8 0/1, (H, W).
    """
    brush, white = Brush(diameter_px, image.shape), int(image.sum())
    image = _smoothed(image, diameter_px, white)
    for _ in range(ROUNDS):
        open_places = _unpaintable(image, brush) | _unpaintable(1 - image, brush)
        if not open_places.any():
            break
        image = _decided(image, open_places, brush, white, rng)
    return image


def _smoothed(image: np.ndarray, diameter_px: int, white: int) -> np.ndarray:
    """Blurred, and as many of the brightest pixels white as there were."""
    grey = ndimage.gaussian_filter(image.astype(float), SMOOTHING * diameter_px, mode="wrap").ravel()
    brightest = np.argsort(-grey, kind="stable")[:white]
    smooth = np.zeros(grey.size, np.uint8)
    smooth[brightest] = 1
    return smooth.reshape(image.shape)


def _unpaintable(image: np.ndarray, brush: Brush) -> np.ndarray:
    """White pixels that the brush cannot paint without touching black, apart from edges of large features."""
    phase = image == 1
    return phase & ~brush.opened(phase) & ~edges_of_large_features(phase)


def _decided(
    image: np.ndarray, open_places: np.ndarray, brush: Brush, white: int, rng: np.random.Generator
) -> np.ndarray:
    """One touch of the brush, white or black, on each connected place that is open."""
    lack = np.clip((white - int(image.sum())) / (BALANCE * image.size), -1, 1) * brush.area / 2
    under = brush.under(image)
    noise = rng.gumbel(scale=RESTLESSNESS * brush.area, size=(2, *image.shape))
    costs = np.stack([under + lack, brush.area - under - lack]) + noise  # of painting black, of painting white
    image, (labels, _) = image.copy(), ndimage.label(open_places, np.ones((3, 3)))
    order = rng.permutation(open_places.sum())
    rows, columns = (each[order] for each in np.nonzero(open_places))
    _, first = np.unique(labels[rows, columns], return_index=True)
    for row, column in zip(rows[first], columns[first], strict=True):
        tops, lefts = (row - brush.rows) % image.shape[0], (column - brush.columns) % image.shape[1]
        colour, best = np.unravel_index(np.argmin(costs[:, tops, lefts]), (2, brush.area))
        image[(tops[best] + brush.rows) % image.shape[0], (lefts[best] + brush.columns) % image.shape[1]] = colour
    return image
