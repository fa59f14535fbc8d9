"""Images of one's own as microstructures: parted, cut, scaled, counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from results.images.image_files import GreyImage, ImageError
from results.images.two_phases import Preparation, two_phases

RNG = np.random.default_rng(2)
PATTERNS = (RNG.random((4, 32, 32)) < 0.4).astype(np.uint8)


def named(images: np.ndarray | list[np.ndarray]) -> list[GreyImage]:
    return [GreyImage(f"image {number}", image) for number, image in enumerate(images)]


def made(images: np.ndarray | list[np.ndarray], px: int = 32, **how: Any) -> np.ndarray:
    return two_phases(named(images), px, Preparation(**how)).images


@pytest.mark.parametrize("low_high", [(0, 1), (0, 255), (-3.5, 2.25), (7, 8)])
def test_two_values_are_parted_between_them(low_high: tuple[float, float]) -> None:
    images = np.where(PATTERNS == 1, low_high[1], low_high[0])
    np.testing.assert_array_equal(made(images), PATTERNS)
    np.testing.assert_array_equal(made(images, white="dark"), 1 - PATTERNS)


def test_truth_values_are_what_they_say() -> None:
    np.testing.assert_array_equal(made(PATTERNS.astype(bool)), PATTERNS)


def test_grey_levels_are_parted_image_by_image() -> None:
    noise = RNG.integers(0, 20, PATTERNS.shape)
    images = 60 + 100 * PATTERNS + noise + np.array([0, 30, 60, 0])[:, None, None]
    np.testing.assert_array_equal(made(images), PATTERNS)
    facts = two_phases(named(images), 32, Preparation()).facts
    assert facts.parting.startswith("each parted at Otsu's threshold, ")
    assert facts.white_mean == pytest.approx(PATTERNS.mean())


def test_a_threshold_is_in_units_of_the_file() -> None:
    images = np.linspace(0, 1, 32 * 32).reshape(1, 32, 32)
    assert made(images, threshold=0.75).mean() == pytest.approx(0.25, abs=2e-3)


def test_the_middle_is_cut_out() -> None:
    wide = np.zeros((40, 60), np.uint8)
    wide[4:36, 14:46] = PATTERNS[0]
    np.testing.assert_array_equal(made([wide, PATTERNS[1]], fit="crop"), PATTERNS[:2])


def test_tiles_stand_side_by_side() -> None:
    large = np.block([[PATTERNS[0], PATTERNS[1]], [PATTERNS[2], PATTERNS[3]]])
    prepared = two_phases(named([np.pad(large, ((0, 5), (0, 9)))]), 32, Preparation(fit="tile"))
    np.testing.assert_array_equal(prepared.images, PATTERNS)
    assert prepared.names[3] == "the tile at row 32, column 32 of image 0"
    assert (prepared.facts.read, prepared.facts.made) == (1, 4)


@pytest.mark.parametrize("side", [16, 64])
def test_another_size_is_the_same_picture(side: int) -> None:
    disc = (np.hypot(*np.mgrid[-32:32, -32:32] + 0.5) < 20).astype(np.uint8)
    scaled = made([disc], side, fit="resize")[0]
    assert scaled.shape == (side, side)
    assert scaled.mean() == pytest.approx(disc.mean(), abs=0.03)
    assert (scaled == scaled[::-1]).all()


def test_facts_are_a_sentence() -> None:
    facts = two_phases(named(255 * PATTERNS), 32, Preparation()).facts
    assert facts.sentence().startswith(
        "4 images read (4 of 32 x 32 pixels), taken as they are: 4 of 32 x 32; of two values, 0 and 255, bright is "
        f"white; white {PATTERNS.mean(axis=(1, 2)).min():.1%} to "
    )


ONE_PHASE = np.concatenate([PATTERNS[:1], np.zeros((2, 32, 32), np.uint8)])


@pytest.mark.parametrize(
    ("images", "how", "message"),
    [
        ([PATTERNS[0][:20]], {}, "must be of 32 x 32 pixels, image 0 is of 20 x 32; say how they become so: fit: crop"),
        ([PATTERNS[0][:20]], {"fit": "crop"}, "must be of 32 x 32 pixels or more to crop them, image 0 is of 20 x 32"),
        ([PATTERNS[0][:20]], {"fit": "tile"}, "must be of 32 x 32 pixels or more to tile them, image 0 is of 20 x 32"),
        (ONE_PHASE, {}, "must have two phases, image 1 and 1 more is of one; leave it out"),
        (PATTERNS * 0 + 7, {}, "must have two grey levels, image 0 is 7 all over; leave it out, or say threshold"),
        (PATTERNS, {"threshold": 3.0}, "must have two phases, image 0 and 3 more is of one; leave it out, or choose"),
    ],
)
def test_what_is_no_microstructure_is_refused(images: Any, how: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageError) as refusal:
        made(images, **how)
    assert str(refusal.value).startswith(message)


def test_one_phase_can_be_simulated() -> None:
    prepared = two_phases(named(ONE_PHASE), 32, Preparation(), allow_one_phase=True)
    np.testing.assert_array_equal(prepared.images, ONE_PHASE)
