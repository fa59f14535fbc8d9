"""Images of one's own as microstructures: cut or scaled to a size, parted into black and white, and what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from results.images.image_files import GreyImage, ImageError

Fit = Literal["crop", "resize", "tile"]


@dataclass(frozen=True)
class Preparation:
    """How images become microstructures; the fields of ``campaign.spec.generator.ImagePreparation``."""

    fit: Fit | None = None
    threshold: float | None = None
    white: Literal["bright", "dark"] = "bright"


@dataclass(frozen=True)
class PreparationFacts:
    """What was done, and what came out.

    Attributes
    ----------
    read, made
        Numbers of images.
    sizes
        How many images there were of each size, written "H x W".
    fit, parting
        In words.
    white_least, white_mean, white_most, white_standard_deviation
        Share of white pixels over the images (ddof 0).
    """

    read: int
    made: int
    image_px: int
    sizes: dict[str, int]
    fit: str
    parting: str
    white_least: float
    white_mean: float
    white_most: float
    white_standard_deviation: float

    def sentence(self) -> str:
        """All of it in words."""
        sizes = ", ".join(f"{count} of {size}" for size, count in self.sizes.items())
        return (
            f"{self.read} images read ({sizes} pixels), {self.fit}: {self.made} of {self.image_px} x {self.image_px}; "
            f"{self.parting}; white {self.white_least:.1%} to {self.white_most:.1%}, mean {self.white_mean:.1%}, "
            f"standard deviation {self.white_standard_deviation:.1%}"
        )


@dataclass(frozen=True)
class PreparedImages:
    """Square images of 0 and 1, uint8 (n, px, px), the name of each, and what was done for them."""

    images: np.ndarray
    names: tuple[str, ...]
    facts: PreparationFacts


def two_phases(
    images: Sequence[GreyImage], image_px: int, preparation: Preparation, *, allow_one_phase: bool = False
) -> PreparedImages:
    """Images as microstructures of a size.

    A set of two values is parted between them, whatever they are. Grey levels are parted at ``threshold``, in their own
    units, or each image at Otsu's threshold. Cutting and scaling come first.

    Parameters
    ----------
    images
        As :func:`read_images` gives them.
    image_px
        Side of the images that are wanted.
    preparation
        How.
    allow_one_phase
        Whether an image may be black or white as a whole: it can be simulated, and teaches a generator nothing.

    Raises
    ------
    ImageError
        An image does not fit, or is of one phase.
    """
    fitted = [each for image in images for each in _fitted(image, image_px, preparation.fit)]
    levels = _levels(images, preparation.threshold)
    if levels is not None:
        parting = f"of two values, {levels[0]:g} and {levels[1]:g}"
        thresholds = np.full(len(fitted), sum(levels) / 2)
    elif preparation.threshold is not None:
        parting = f"parted at {preparation.threshold:g}"
        thresholds = np.full(len(fitted), preparation.threshold)
    else:
        thresholds = np.array([_otsu(image) for image in fitted])
        parting = f"each parted at Otsu's threshold, {thresholds.min():.4g} to {thresholds.max():.4g}"
    grey = np.stack([image.values for image in fitted])
    made = (grey > thresholds[:, None, None]) ^ (preparation.white == "dark")
    white = made.mean(axis=(1, 2))
    one_phase = [image.name for image, share in zip(fitted, white, strict=True) if share in (0, 1)]
    if one_phase and not allow_one_phase:
        more = f" and {len(one_phase) - 1} more" if len(one_phase) > 1 else ""
        fix = "leave it out" if levels is not None else "leave it out, or choose another threshold"
        raise ImageError(f"must have two phases, {one_phase[0]}{more} is of one", fix)
    facts = _facts(images, made, _in_words(preparation), f"{parting}, {preparation.white} is white")
    return PreparedImages(made.astype(np.uint8), tuple(image.name for image in fitted), facts)


def _facts(images: Sequence[GreyImage], made: np.ndarray, fit: str, parting: str) -> PreparationFacts:
    sizes = Counter(f"{image.values.shape[0]} x {image.values.shape[1]}" for image in images)
    white = made.mean(axis=(1, 2))
    shares = (float(value) for value in (white.min(), white.mean(), white.max(), white.std()))
    return PreparationFacts(len(images), len(made), made.shape[-1], dict(sizes), fit, parting, *shares)


def _in_words(preparation: Preparation) -> str:
    words = {None: "taken as they are", "crop": "cropped around their middle", "resize": "resized"}
    return words.get(preparation.fit, "cut into tiles")


def _levels(images: Sequence[GreyImage], threshold: float | None) -> tuple[float, float] | None:
    """The two values of a set that has no others; 0 and 1 where it has one of them alone."""
    found: set[float] = set()
    for image in images:
        found |= set(np.unique(image.values).tolist())
        if len(found) > 2:
            return None
    if len(found) == 2 and threshold is None:
        return min(found), max(found)
    return (0.0, 1.0) if found <= {0, 1} and threshold is None else None


def _fitted(image: GreyImage, px: int, fit: Fit | None) -> Iterator[GreyImage]:
    """Images (px, px) in double precision made of one."""
    values = image.values.astype(np.float64)
    height, width = values.shape
    if (height, width) == (px, px):
        yield GreyImage(image.name, values)
    elif fit is None:
        rule = f"must be of {px} x {px} pixels, {image.name} is of {height} x {width}"
        raise ImageError(rule, "say how they become so: fit: crop, resize or tile, or write another image_px")
    elif fit == "resize":
        yield GreyImage(image.name, _resized(_middle(values, min(height, width)), px))
    elif min(height, width) < px:
        rule = f"must be of {px} x {px} pixels or more to {fit} them, {image.name} is of {height} x {width}"
        raise ImageError(rule, "leave it out, write fit: resize, or a smaller image_px")
    elif fit == "crop":
        yield GreyImage(image.name, _middle(values, px))
    else:
        for row in range(0, height - px + 1, px):
            for column in range(0, width - px + 1, px):
                name = f"the tile at row {row}, column {column} of {image.name}"
                yield GreyImage(name, values[row : row + px, column : column + px])


def _middle(values: np.ndarray, px: int) -> np.ndarray:
    """The square of side px around the middle."""
    row, column = ((side - px) // 2 for side in values.shape)
    return values[row : row + px, column : column + px]


def _resized(values: np.ndarray, px: int) -> np.ndarray:
    """A square image at another size, smoothed before it is made smaller; it is a period of a pattern."""
    from skimage.transform import resize

    return resize(values, (px, px), order=1, mode="wrap", anti_aliasing=px < len(values), preserve_range=True)


def _otsu(image: GreyImage) -> float:
    """Otsu's threshold: the middle between the classes, whose border scikit-image gives as the centre of a bin."""
    from skimage.filters import threshold_otsu

    values = image.values
    if values.min() == values.max():
        level = f"{values.flat[0]:g}"
        raise ImageError(
            f"must have two grey levels, {image.name} is {level} all over", "leave it out, or say threshold"
        )
    bins = 256
    border = threshold_otsu(values, bins) + (values.max() - values.min()) / (2 * bins)
    return float(values[values <= border].max() + values[values > border].min()) / 2
