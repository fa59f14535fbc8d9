from __future__ import annotations

import numpy as np
import pytest

from results.figures.contact_sheet import MOST_SHOWN, SheetDesign, contact_sheet

NAN = float("nan")


def design(number: int, **numbers: float) -> SheetDesign:
    image = (np.random.default_rng(number).random((32, 32)) < 0.4).astype(np.uint8)
    known = {"predicted": NAN, "half_width": NAN, "simulated": NAN, "rep": NAN} | numbers
    rep = known.pop("rep")
    return SheetDesign(image, number, **{name: (value,) for name, value in known.items()}, rep=rep)


@pytest.mark.parametrize(
    ("numbers", "caption"),
    [
        ({}, "no prediction\nnot simulated"),
        ({"predicted": 0.68123, "half_width": 0.0042}, "predicted 0.6812 ± 0.0042\nnot simulated"),
        (
            {"predicted": 0.68, "half_width": 0.0, "simulated": 0.6795, "rep": 0.07},
            "predicted 0.6800\nsimulated 0.6795 (0.07 %)",
        ),
    ],
)
def test_a_caption_says_what_is_known_and_what_is_not(numbers: dict[str, float], caption: str) -> None:
    assert design(0, **numbers).caption() == caption


def test_of_several_properties_all_stand_in_the_caption() -> None:
    picture = design(0).image
    told = SheetDesign(picture, 0, (0.31, 0.92), (0.02, 0.0), (0.3, 0.95), 1.5)
    assert told.caption() == "predicted 0.31 ± 0.02, 0.92\nsimulated 0.30, 0.95 (1.50 %)"


def test_every_design_is_drawn_with_its_caption_below_its_target() -> None:
    sections = [("target 0.6", [design(n, predicted=0.6) for n in range(8)]), ("target 0.7", [design(8)])]
    figure = contact_sheet("gan-mdn on data-ii", sections, "white: air")
    assert len(figure.axes) == 9
    assert [axes.get_xlabel() for axes in figure.axes] == [each.caption() for _, part in sections for each in part]
    assert [text.get_text() for text in figure.texts] == [
        "gan-mdn on data-ii",
        "target 0.6",
        "target 0.7",
        "white: air",
    ]
    np.testing.assert_array_equal(figure.axes[3].images[0].get_array(), sections[0][1][3].image)
    bottoms = [axes.get_position().y0 for axes in figure.axes]
    assert bottoms[0] == bottoms[5] > bottoms[6] > bottoms[8] > 0


@pytest.mark.long
def test_a_sheet_of_very_many_says_how_many_it_shows() -> None:
    figure = contact_sheet("", [("target 0.6", [design(n) for n in range(MOST_SHOWN + 2)])], "")
    assert len(figure.axes) == MOST_SHOWN
    assert f"target 0.6 · the first {MOST_SHOWN} of {MOST_SHOWN + 2}" in [text.get_text() for text in figure.texts]


def test_a_sheet_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a contact sheet needs at least one design$"):
        contact_sheet("", [("target 0.6", [])], "")
