"""What the report puts together of several kinds of stages: the table, the gallery, the morphology."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from campaign.plan.config import place_of
from campaign.report.pieces import Pieces
from campaign.spec.campaign import Spec
from ganmdn.statistics import set_statistics, volume_fraction
from results.figures.gallery import MethodDesigns, gallery
from results.figures.morphology import ImageSet, Morphology, StatisticCurve, morphology_statistics
from results.figures.truncation import TruncationSample
from results.report import Picture
from results.tables import TableRow


def table_rows(pieces: Pieces, spec: Spec) -> list[TableRow]:
    """Table 1: data set by data set, methods in the order of the spec, each with the truncation of its labels."""
    truncations = {sample.dataset: sample.error for sample in pieces.all(TruncationSample)}
    rows = [replace(row, truncation=truncations.get(row.dataset)) for row in pieces.all(TableRow)]
    return sorted(rows, key=lambda row: place_of(spec, row.dataset, row.method))


def gallery_picture(pieces: Pieces, spec: Spec) -> Picture:
    """The paper's Figure 2."""
    examples = {images.dataset: images.images[: len(spec.targets)] for images in pieces.all(ImageSet) if images.dataset}
    designs = sorted(pieces.all(MethodDesigns), key=lambda each: place_of(spec, each.dataset, each.method))
    caption = (
        "Examples of each data set, and the design of each method that comes nearest to each target, with its "
        "simulated absorption and residual error percentage (the paper's Figure 2)."
    )
    return Picture("gallery", "gallery", gallery(examples, designs), caption)


def morphology_picture(pieces: Pieces) -> Picture:
    """What the generator makes beside what it learnt from."""
    figure = morphology_statistics([_morphology(images) for images in pieces.all(ImageSet)])
    caption = "Morphology of the white phase: mean and spread over each set of images."
    return Picture("microstructures", "morphology", figure, caption)


def _morphology(given: ImageSet) -> Morphology:
    images = given.images
    curves = set_statistics(images)

    def curve(name: str, x: np.ndarray) -> StatisticCurve:
        return StatisticCurve(x, curves[name].mean, curves[name].spread)

    lags = np.arange(len(curves["two_point_correlation"].mean))
    rings = np.arange(1, len(curves["spectral_density"].mean) + 1)
    return Morphology(
        given.label,
        two_point_correlation=curve("two_point_correlation", lags),
        spectral_density=curve("spectral_density", rings / images.shape[1]),
        lineal_path=curve("lineal_path", lags),
        volume_fraction=volume_fraction(images)[:, 0],
    )
