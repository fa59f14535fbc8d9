"""How much of its training images a generator has learnt, in numbers beside what chance alone leaves.

Three distances between sets of images, each in a scale of its own, and a similarity within a set:

========================  ============================================================================================
volume fraction           Kolmogorov-Smirnov: the largest gap between the two sets' distribution functions, 0 to 1
the curves                Wasserstein-1 between the sets' values at each lag or frequency, in standard deviations
similarity                share of pixels in which two images of a set agree, over all pairs
========================  ============================================================================================

The curves are the two-point correlation, the spectral density and the lineal path of ``ganmdn.statistics``. Images
that were held out from the training stand for the truth; two halves of them, of which neither was learnt from, differ
too, by chance: that is the floor below which no distance means anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ganmdn.statistics import per_image

QUANTILES = 101
VOLUME_FRACTION = "volume_fraction"


@dataclass(frozen=True)
class GeneratorQuality:
    """What a generator's images are like beside images held out from its training.

    Attributes
    ----------
    images
        Number of images in each set that was compared.
    sets
        How many pairs of sets that was, none of whose images is in another; the rest are means over them.
    distance
        By name of the statistic, as ``per_image`` has it, between generated and held-out images.
    floor
        The same between the two halves of the held-out images.
    similarity, held_out_similarity
        Mean share of pixels in which two images agree, within the generated and the held-out images.
    """

    images: int
    sets: int
    distance: dict[str, float]
    floor: dict[str, float]
    similarity: float
    held_out_similarity: float


def judge_generator(generated: np.ndarray, held_out: np.ndarray, sets: int = 1) -> GeneratorQuality:
    """Compare generated images with held-out ones.

    Chance alone moves the distance of two sets of a few hundred images by a third; the mean over several sets does not
    move so far, and is still that of sets so large, where a distance of larger sets would have another floor.

    Parameters
    ----------
    generated
        Two-phase images, uint8 0/1 (n, H, W), n a multiple of ``sets`` and at least twice as many.
    held_out
        Twice as many images (2 n, H, W) of the kind that the generator learnt from, none of which it saw. One half of
        those of each set is compared with ``generated``, and with the other half for the floor.
    sets
        How many sets to cut both into.

    Returns
    -------
    GeneratorQuality
        Every distance between sets of n / ``sets`` images, so that distances and floor may be compared.

    Raises
    ------
    ValueError
        If the numbers or sizes of images do not fit, or values other than 0 and 1 occur.
    """
    _check(generated, held_out, sets)
    judged = [_judge_set(*pair) for pair in zip(np.split(generated, sets), np.split(held_out, sets), strict=True)]
    return GeneratorQuality(
        images=len(generated) // sets,
        sets=sets,
        distance=_means([each.distance for each in judged]),
        floor=_means([each.floor for each in judged]),
        similarity=float(np.mean([each.similarity for each in judged])),
        held_out_similarity=float(np.mean([each.held_out_similarity for each in judged])),
    )


def _judge_set(generated: np.ndarray, held_out: np.ndarray) -> GeneratorQuality:
    half, other = (per_image(images) for images in np.split(held_out, 2))
    return GeneratorQuality(
        images=len(generated),
        sets=1,
        distance=distances(half, per_image(generated)),
        floor=distances(half, other),
        similarity=mean_similarity(generated),
        held_out_similarity=mean_similarity(held_out),
    )


def _means(figures: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([each[name] for each in figures])) for name in figures[0]}


def distances(reference: Mapping[str, np.ndarray], others: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Distance of each statistic between two sets of images of one size, whose values ``per_image`` gave."""
    found = {name: curve_distance(values, others[name]) for name, values in reference.items()}
    fractions = (values[VOLUME_FRACTION][:, 0] for values in (reference, others))
    return found | {VOLUME_FRACTION: kolmogorov_smirnov(*fractions)}


def kolmogorov_smirnov(first: np.ndarray, second: np.ndarray) -> float:
    """Largest gap between the empirical distribution functions of two samples, (n,) and (m,)."""
    values = np.concatenate([first, second])
    below = [np.searchsorted(np.sort(sample), values, side="right") / len(sample) for sample in (first, second)]
    return float(np.abs(below[0] - below[1]).max())


def curve_distance(reference: np.ndarray, others: np.ndarray) -> float:
    """Wasserstein-1 distance between the values in each column of (B, R) and (C, R), averaged over columns.

    It is in units of the reference's standard deviation, averaged over columns: 0 for the same set, 1 for a shift by
    one standard deviation. It sees a wrong mean and a wrong spread (a collapsed generator) alike. Infinite where the
    reference has no spread and the others differ from it.
    """
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    gap = np.abs(np.quantile(reference, levels, axis=0) - np.quantile(others, levels, axis=0))
    spread = reference.std(axis=0).mean()
    return float(gap.mean() / spread) if spread > 0 else float(np.inf if gap.any() else 0.0)


def mean_similarity(images: np.ndarray) -> float:
    """Share of pixels in which two images agree, averaged over all pairs of different images of a set (B, H, W).

    1 less this is the mean pairwise pixel distance, a measure of diversity.
    """
    count, pixels = len(images), images[0].size
    white = images.sum(axis=0, dtype=np.float64)
    # A pixel that is white in w of n images agrees in w (w - 1) + (n - w) (n - w - 1) ordered pairs of them.
    agreeing = white * (white - 1) + (count - white) * (count - white - 1)
    return float(agreeing.sum() / (count * (count - 1) * pixels))


def _check(generated: np.ndarray, held_out: np.ndarray, sets: int) -> None:
    for name, images in (("generated", generated), ("held_out", held_out)):
        if images.ndim != 3 or len(images) < 2 or images.max() > 1:
            raise ValueError(
                f"{name} must be at least two 0/1 images (B, H, W), got shape {images.shape}, dtype {images.dtype}"
            )
    if generated.shape[1:] != held_out.shape[1:] or len(held_out) != 2 * len(generated):
        raise ValueError(
            "held_out must be twice as many images as generated, of the same size, "
            f"got {held_out.shape} for {generated.shape}"
        )
    if sets < 1 or len(generated) % sets or len(generated) < 2 * sets:
        raise ValueError(f"sets must divide the generated images into two or more each, got {sets} of {len(generated)}")
