from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from campaign.report.composed import (
    gallery_picture,
    history_picture,
    interval_table,
    morphology_picture,
    table_rows,
)
from campaign.report.pieces import Pieces
from campaign.spec.campaign import Spec
from ganmdn.targets import Target
from results.figures.gallery import BestDesign, MethodDesigns
from results.figures.morphology import ImageSet
from results.figures.targets import SearchHistory
from results.figures.truncation import TruncationSample
from results.table.reach import reach_of
from results.table.rows import TableRow
from results.table.truncation import TruncationError

IMAGES = (np.random.default_rng(1).random((4, 32, 32)) < 0.5).astype(np.uint8)


@pytest.fixture
def spec(make_spec: Callable[..., Spec]) -> Spec:
    return make_spec()


def row(dataset: str, method: str, target: float) -> TableRow:
    return TableRow(dataset, method, Target.of(target), 1.0, None, None, 1.0, 3)


def test_rows_follow_the_spec_and_hold_the_truncation_of_their_data_set(spec: Spec) -> None:
    reach = reach_of("data-i", np.linspace(0.5, 0.7, 9), spec.targets, 3)
    error = TruncationError(1, 3, 8, 0, 0.1, 0.1, 0.1, 0.2, 0.03)
    given = [
        row("data-ii", "gan-mdn", 0.6),
        row("data-i", "bayesian-optimization", 0.6),
        row("data-i", "pca-mdn", 0.6),
        row("data-i", "pca-mdn", 0.7),
        TruncationSample("data-i", np.zeros(8), np.zeros(8), error),
        reach,
    ]
    rows = table_rows(Pieces(given), spec)
    assert [(each.dataset, each.method, each.target.number) for each in rows] == [
        ("data-i", "pca-mdn", 0.6),
        ("data-i", "pca-mdn", 0.7),
        ("data-i", "bayesian-optimization", 0.6),
        ("data-ii", "gan-mdn", 0.6),
    ]
    assert [each.truncation for each in rows] == [error, error, error, None]
    assert [each.reach for each in rows] == [reach, reach, reach, None]
    assert {each.seeds for each in rows} == {(1,)}


def test_searches_stand_in_the_specs_order_and_are_named_where_there_are_several(spec: Spec) -> None:
    data = {"kind": "sobol-search", "initial": 10}
    both = Spec.model_validate(spec.model_dump(mode="json") | {"methods": [data, *spec.model_dump()["methods"]]})
    rep = np.array([3.0, 1.0])
    given = [
        SearchHistory("data-i", Target.of(0.6), rep, 1, name) for name in ("bayesian-optimization", "sobol-search")
    ]
    (picture,) = history_picture(Pieces(given), both)
    labels = [axes.get_ylabel() for axes in picture.figure.axes]
    assert labels == ["data-i\nsobol-search\nREP (%)", "data-i\nbayesian-optimization\nREP (%)"]
    (alone,) = history_picture(Pieces(given[:1]), spec)
    assert [axes.get_ylabel() for axes in alone.figure.axes] == ["data-i\nREP (%)"]
    assert not list(history_picture(Pieces([]), spec))


@pytest.mark.parametrize(
    ("changes", "is_published"),
    [
        ({}, True),
        ({"datasets.data-ii": {"image_px": 96, "latent": [3, 3]}}, False),
        ({"physics.property": "etch"}, False),
    ],
)
def test_the_papers_figures_stand_beside_its_own_data_sets_and_property(
    make_spec: Callable[..., Spec], changes: dict[str, object], is_published: bool
) -> None:
    (found,) = table_rows(Pieces([row("data-ii", "gan-mdn", 0.6)]), make_spec(**changes))
    assert found.published == is_published


def test_predicted_intervals_are_told_where_a_method_makes_some() -> None:
    honest = replace(row("data-i", "forward-search", 0.6), designs=30, failed=10, within_interval=0.9)
    other = replace(honest, target=Target.of(0.7), failed=0, within_interval=0.3)
    (table,) = interval_table([row("data-i", "gan-mdn", 0.6), honest, other])
    assert table.rows == (
        ("data-i", "forward-search", "0.60", "20", "90 %"),
        ("data-i", "forward-search", "0.70", "30", "30 %"),
    )
    assert table.caption.startswith("Predicted 90 % intervals hold 54 % of the simulated properties: too narrow")
    assert ": honest (" in next(interval_table([honest])).caption
    assert list(interval_table([row("data-i", "gan-mdn", 0.6)])) == []


def test_the_gallery_shows_examples_of_data_sets_alone(spec: Spec) -> None:
    best = tuple(BestDesign(target, IMAGES[0], target.low) for target in spec.targets)
    sets = [ImageSet("microstructures", IMAGES), ImageSet("data-i, generated", IMAGES, "data-i")]
    (picture,) = gallery_picture(Pieces([*sets, MethodDesigns("data-i", "gan-mdn", best)]), spec)
    assert len(picture.figure.axes[0].images) == 2 * len(spec.targets)
    assert (picture.section, picture.name) == ("gallery", "gallery")
    assert list(gallery_picture(Pieces(sets), spec)) == []


def test_the_morphology_is_that_of_every_set(spec: Spec) -> None:
    sets = [ImageSet("microstructures", IMAGES), ImageSet("data-i, generated", 1 - IMAGES, "data-i")]
    legend = morphology_picture(Pieces(sets)).figure.axes[0].get_legend_handles_labels()[1]
    assert legend == ["microstructures", "data-i, generated"]


def test_spectral_densities_of_images_of_two_sizes_are_on_one_scale() -> None:
    noise = np.random.default_rng(1).integers(0, 2, (40, 64, 64)).astype(np.uint8)
    sets = [ImageSet(name, images, name) for name, images in (("small", noise[:, :32, :32]), ("large", noise))]
    figure = morphology_picture(Pieces(sets)).figure
    density = next(axes for axes in figure.axes if axes.get_title() == "spectral density")
    small, large = (line for line in density.lines if line.get_label() in ("small", "large"))
    for line in (small, large):  # a share for each frequency
        assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1, abs=0.1)
