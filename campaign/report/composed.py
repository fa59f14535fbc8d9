"""What the report puts together of several kinds of stages: the table, the gallery, the morphology."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from campaign.plan.config import place_of
from campaign.report.pieces import Pieces
from campaign.spec.campaign import Spec
from campaign.spec.property import TOTAL
from ganmdn.statistics import set_statistics, volume_fraction
from results.figures.gallery import MethodDesigns, gallery
from results.figures.morphology import ImageSet, Morphology, StatisticCurve, morphology_statistics
from results.figures.targets import SearchHistory, optimization_history
from results.figures.truncation import TruncationSample
from results.report import DataTable, Picture
from results.table.intervals import HONEST
from results.table.paper import IMAGE_PX
from results.table.reach import Reach
from results.table.rows import TableRow
from results.table.truncation import TruncationError


def table_rows(pieces: Pieces, spec: Spec) -> list[TableRow]:
    """Table 1: data set by data set, methods in the order of the spec, each with what its labels are worth."""
    truncations, reaches = truncations_of(pieces), {reach.dataset: reach for reach in pieces.all(Reach)}
    rows = [
        replace(
            row,
            truncation=truncations.get(row.dataset),
            reach=reaches.get(row.dataset),
            seeds=row.seeds or (spec.seed,),
            published=is_published(spec, row.dataset),
        )
        for row in pieces.all(TableRow)
    ]
    return sorted(rows, key=lambda row: place_of(spec, row.dataset, row.method))


def truncations_of(pieces: Pieces) -> dict[str, TruncationError]:
    """What the truncation of the labels leaves out, by data set."""
    return {sample.dataset: sample.error for sample in pieces.all(TruncationSample)}


def is_published(spec: Spec, dataset: str) -> bool:
    """Whether a data set is one of the paper's by name and size, and its property the whole absorption."""
    is_absorption = getattr(spec.physics, "property", None) == TOTAL
    return is_absorption and IMAGE_PX.get(dataset) == spec.datasets[dataset].image_px


def interval_table(rows: Sequence[TableRow]) -> Iterator[DataTable]:
    """How honest the predictions of methods are that make some; none where no method does."""
    told = [row for row in rows if row.within_interval is not None]
    if not told:
        return
    cells = tuple(
        (
            row.dataset,
            row.method,
            row.target.label,
            str(row.designs - row.failed),
            _percent(row.within_interval or 0.0),
        )
        for row in told
    )
    share = sum(float(row.within_interval or 0) * (row.designs - row.failed) for row in told)
    share /= max(1, sum(row.designs - row.failed for row in told))
    honest = "honest" if HONEST[0] <= share <= HONEST[1] else "too narrow" if share < HONEST[0] else "too wide"
    caption = (
        f"Predicted 90 % intervals hold {_percent(share)} of the simulated properties: {honest} "
        f"({_percent(HONEST[0])} to {_percent(HONEST[1])} is what honest ones hold)."
    )
    yield DataTable(("data set", "method", "target", "designs", "within interval"), cells, caption, "achieved")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def gallery_picture(pieces: Pieces, spec: Spec) -> Iterator[Picture]:
    """The paper's Figure 2; none without designs."""
    examples = {images.dataset: images.images[: len(spec.targets)] for images in pieces.all(ImageSet) if images.dataset}
    designs = sorted(pieces.all(MethodDesigns), key=lambda each: place_of(spec, each.dataset, each.method))
    caption = (
        "Examples of each data set, and the design of each method that comes nearest to each target, with its "
        f"simulated {spec.property_name} and residual error percentage (the paper's Figure 2). Down a column, images "
        "that differ and come equally near show that many microstructures have the same properties."
    )
    if designs:
        yield Picture("gallery", "gallery", gallery(examples, designs, spec.property_name), caption)


def history_picture(pieces: Pieces, spec: Spec) -> Iterator[Picture]:
    """The paper's Figure 3, a row for each data set and search; none without searches."""
    found = pieces.all(SearchHistory)
    histories = sorted(found, key=lambda each: place_of(spec, each.dataset, each.method))
    caption = (
        "Searches: residual error of every simulated microstructure and the best so far, from the starting pairs on "
        f"(the paper's Figure 3). A search pays where the line goes on falling after them: {_improved(histories)}."
    )
    if len({each.method for each in histories}) > 1:
        histories = [replace(each, dataset=f"{each.dataset}\n{each.method}") for each in histories]
        caption += " Composite, random and Sobol searches have their simulations in common for all targets."
    if histories:
        yield Picture("history", "optimization-history", optimization_history(histories), caption)


def _improved(histories: Sequence[SearchHistory]) -> str:
    """In how many searches something was found that is better than every starting pair."""
    better = [each for each in histories if _least(each.rep[each.initial :]) < _least(each.rep[: each.initial])]
    return f"so {len(better)} of {len(histories)} searches did"


def _least(rep: np.ndarray) -> float:
    return float(np.nanmin(rep, initial=np.inf))


def morphology_picture(pieces: Pieces) -> Picture:
    """What the generator makes beside what it learnt from."""
    figure = morphology_statistics([_morphology(images) for images in pieces.all(ImageSet)])
    caption = (
        "Morphology of the white phase: mean and standard deviation over each set of images. Where a line leaves that "
        "of the microstructures, the generator makes something else than it was shown."
    )
    return Picture("microstructures", "morphology", figure, caption)


def _morphology(given: ImageSet) -> Morphology:
    images = given.images
    curves, side = set_statistics(images), images.shape[1]

    def curve(name: str, x: np.ndarray, scale: float = 1.0) -> StatisticCurve:
        return StatisticCurve(x, scale * curves[name].mean, scale * curves[name].spread)

    lags = np.arange(len(curves["two_point_correlation"].mean))
    rings = np.arange(1, len(curves["spectral_density"].mean) + 1)
    return Morphology(
        given.label,
        two_point_correlation=curve("two_point_correlation", lags),
        spectral_density=curve("spectral_density", rings / side, side),  # a ring is 1 / side wide
        lineal_path=curve("lineal_path", lags),
        volume_fraction=volume_fraction(images)[:, 0],
    )
