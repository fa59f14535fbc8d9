from __future__ import annotations

import numpy as np
import pytest

from campaign.spec.base import Range
from campaign.spec.generator import Microstructures
from campaign.stages.generator_quality import MOST_IMAGES, MOST_SETS, judge, judge_beside, judged, quality_table
from campaign.stages.microstructures import ranges_of
from campaign.stages.seeds import seed_for
from ganmdn.microstructures import draw_microstructures

ASKED = Microstructures(volume_fraction=Range(low=0.3, high=0.6))


def draw(fields: Microstructures, count: int = 40) -> np.ndarray:
    return draw_microstructures(32, ranges_of(fields), np.random.SeedSequence(5), range(count))[0]


def test_images_of_the_kind_asked_for_are_as_near_as_chance_allows() -> None:
    quality = judge(draw(ASKED), ASKED, seed=1)
    assert quality.images == 40
    assert quality.distance["volume_fraction"] < 3 * quality.floor["volume_fraction"]
    other = judge(draw(Microstructures(volume_fraction=Range(low=0.6, high=0.7))), ASKED, seed=1)
    assert other.distance["volume_fraction"] > 0.9
    assert other.floor == quality.floor


def test_held_out_images_are_none_of_the_training_s() -> None:
    seed = seed_for(1, "microstructures")  # of the stage that draws the training images
    trained_on = draw_microstructures(32, ranges_of(ASKED), seed, range(30))[0]
    quality = judge(trained_on, ASKED, seed=1)
    assert quality.distance["spectral_density"] > 0


def test_no_more_are_compared_than_seconds_allow() -> None:
    quality = judge(draw(ASKED, MOST_IMAGES + 1), ASKED, seed=1)
    assert (quality.images, quality.sets) == (MOST_IMAGES, 1)
    many = judge(draw(ASKED, (MOST_SETS + 1) * MOST_IMAGES), ASKED, seed=1)
    assert (many.images, many.sets) == (MOST_IMAGES, MOST_SETS)


def test_the_table_gives_distances_as_multiples_of_the_floor() -> None:
    quality = judge(draw(ASKED), ASKED, seed=1)
    table = quality_table([judged("data-i", quality)])
    distance, floor = quality.distance["lineal_path"], quality.floor["lineal_path"]
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["lineal path"] == f"{distance:.3f} ({distance / floor:.1f})"
    assert float(row["similarity"]) == pytest.approx(quality.similarity / quality.held_out_similarity, abs=1e-3)
    assert table.section == "microstructures"


def test_images_of_one_s_own_are_judged_beside_themselves() -> None:
    images = draw(ASKED)
    quality = judge_beside(images, images)
    assert quality is not None
    assert (quality.images, quality.distance["volume_fraction"]) == (20, 0.0)
    smaller = judge_beside(images[:, :16, :16], images)
    assert smaller is not None
    assert smaller.distance["volume_fraction"] == 0.0


def test_too_few_or_too_small_images_judge_nothing() -> None:
    assert judge_beside(draw(ASKED), draw(ASKED, 3)) is None
    assert judge_beside(draw(ASKED), draw(ASKED)[:, :16, :16]) is None
