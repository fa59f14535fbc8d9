from __future__ import annotations

from pathlib import Path

import numpy as np

from campaign.plan.finished import StageResults
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.latents import generate_packed
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images


def test_latents_come_with_the_images_that_the_generator_makes_of_them(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    found = DesignSet.open(results.folder("latents/data-ii"))
    z = np.asarray(found.columns["z"])
    assert z.shape == (40, 2, 2)
    assert -1 <= z.min() < z.max() <= 1
    packed = generate_packed(results.folder("generator") / WEIGHTS_FILE, z)
    np.testing.assert_array_equal(pack_images(found.images), packed)
