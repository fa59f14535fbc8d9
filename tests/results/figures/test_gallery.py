"""The gallery shows the right image with the right figures under it."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from ganmdn.targets import Target
from results.figures.gallery import BestDesign, MethodDesigns, gallery, image_sheet

TARGETS = (0.60, 0.70)


def image(value: int) -> np.ndarray:
    picture = np.zeros((8, 8), np.uint8)
    picture.flat[:value] = 1
    return picture


def shown(figure: Figure) -> list[int]:
    return [int(image.get_array().sum()) for image in figure.axes[0].images]


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def designs(dataset: str, method: str, first: int) -> MethodDesigns:
    best = (BestDesign(Target.of(0.6), image(first), (0.603,)), BestDesign(Target.of(0.7), image(first + 1), (0.6993,)))
    return MethodDesigns(dataset, method, best)


def test_rows_are_data_set_examples_then_methods() -> None:
    originals = {"data-i": np.array([image(1), image(2), image(3)]), "data-ii": np.array([image(4), image(5)])}
    figure = gallery(originals, [designs("data-ii", "gan-mdn", 30), designs("data-i", "gan-mdn", 10)], "transmission")
    assert shown(figure) == [1, 2, 10, 11, 4, 5, 30, 31]


def test_property_and_rep_stand_under_each_design() -> None:
    figure = gallery({}, [designs("data-i", "gan-mdn", 10)], "transmission")
    said = words(figure)
    assert [each for each in said if "%" in each] == ["0.6030 · 0.50 %", "0.6993 · 0.10 %"]
    assert [each for each in said if each.startswith("target")] == ["target 0.60", "target 0.70"]
    assert "Under each design: simulated transmission · REP" in said


def test_of_several_properties_all_stand_there() -> None:
    best = BestDesign(Target.parse("0.3,0.9.."), image(3), (0.33, 0.95))
    said = words(gallery({}, [MethodDesigns("data-i", "gan-mdn", (best,))], "R and A"))
    assert {"0.330, 0.950\n5.00 %", "target\n0.30, ≥ 0.90"} < set(said)


def test_words_stand_under_their_own_picture() -> None:
    axes = gallery({}, [designs("data-i", "gan-mdn", 10)], "transmission").axes[0]
    for number, image in enumerate(axes.images):
        left, right, bottom, top = image.get_extent()
        (caption,) = (text for text in axes.texts if f"{(0.50, 0.10)[number]:.2f} %" in text.get_text())
        (target,) = (text for text in axes.texts if text.get_text() == f"target {TARGETS[number]:.2f}")
        assert caption.get_position()[0] == target.get_position()[0] == pytest.approx((left + right) / 2)
        assert caption.get_position()[1] < bottom < top < target.get_position()[1]


def test_a_target_without_a_simulated_design_says_so() -> None:
    figure = gallery({}, [MethodDesigns("data-i", "pca-mdn", (BestDesign(Target.of(0.6), None),))], "transmission")
    assert {"all designs failed", "–"} < set(words(figure))
    assert shown(figure) == []


def test_the_figure_grows_with_its_rows() -> None:
    one = gallery({}, [designs("data-i", "gan-mdn", 1)], "transmission")
    two = gallery({}, [designs("data-i", "gan-mdn", 1), designs("data-i", "pca-mdn", 1)], "transmission")
    assert two.get_figheight() > one.get_figheight() + 1
    assert two.get_figwidth() == one.get_figwidth()


def test_methods_with_other_targets_are_refused() -> None:
    other = MethodDesigns("data-i", "pca-mdn", (BestDesign(Target.of(0.65), image(1), (0.65,)),))
    with pytest.raises(ValueError, match="gallery needs the same targets, in the same order, for every method"):
        gallery({}, [designs("data-i", "gan-mdn", 1), other], "transmission")
    with pytest.raises(ValueError, match="gallery needs the designs of at least one method"):
        gallery({}, [], "transmission")


def test_a_sheet_shows_labelled_rows() -> None:
    figure = image_sheet({"real": np.array([image(1), image(2), image(3)]), "made": np.array([image(4)])}, columns=2)
    assert shown(figure) == [1, 2, 4]
    assert words(figure) == ["real", "made"]
    with pytest.raises(ValueError, match="image_sheet needs at least one row of images"):
        image_sheet({})
