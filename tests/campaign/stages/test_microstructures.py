from __future__ import annotations

import numpy as np

from campaign.spec.generator import Microstructures
from campaign.stages.microstructures import IMAGES_PER_UNIT, MicrostructuresConfig, draw, run
from campaign.work.context import StageContext
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images


def test_images_do_not_depend_on_how_they_are_shared_out(context: StageContext) -> None:
    count = IMAGES_PER_UNIT + 3
    config = MicrostructuresConfig(seed=3, image_px=32, microstructures=Microstructures(count=count))
    run(config, {}, context)
    found = DesignSet.open(context.folder)
    assert found.columns["parameters"].shape == (count, 3)
    packed, parameters = draw(config, range(250, 259))
    np.testing.assert_array_equal(pack_images(found.images[250:259]), packed)
    np.testing.assert_array_equal(found.columns["parameters"][250:259], parameters)


def test_the_ranges_are_those_of_the_spec() -> None:
    fields = Microstructures(count=20, volume_fraction=(0.2, 0.25), frequency_mean_per_px=(0.05, 0.06))  # type: ignore[arg-type]
    _, parameters = draw(MicrostructuresConfig(seed=3, image_px=32, microstructures=fields), range(20))
    lows, highs = (0.05, 0.005, 0.2), (0.06, 0.02, 0.25)
    assert ((parameters >= lows) & (parameters <= highs)).all()
