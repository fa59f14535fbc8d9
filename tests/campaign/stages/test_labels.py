from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from campaign.plan.finished import StageResults
from campaign.stages.labels import STORE, read_labels
from campaign.stages.simulator import Simulator
from ganmdn.targets import Target
from results.designs.design_set import DesignSet
from results.stores.store import SimulationStore


def test_labels_are_what_the_simulator_says_of_the_latents_images(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    labels = read_labels(results.folder("labels/data-ii") / STORE)
    images = DesignSet.open(results.folder("latents/data-ii")).images
    np.testing.assert_array_equal(labels["image"], images)
    simulator = Simulator.from_config(results.pipeline["labels/data-ii"].config.physics)
    assert labels["y"][7] == simulator.row(images[7])["y"]


def test_targets_outside_of_labels_that_are_there_are_warned_of(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    y = read_labels(results.folder("labels/data-ii") / STORE)["y"]
    inside, outside = map(Target.of, (np.median(y), y.max() + 0.01))
    spec = results.spec.model_copy(update={"targets": (inside, outside)})
    asked = StageResults(replace(results.pipeline, spec=spec), results.cache)
    stage = results.pipeline["labels/data-ii"]
    (warning,) = stage.descriptor.warnings([stage], asked)
    assert warning == (
        f"Target {outside} lies outside the labels of data-ii, in absorption {y.min():.3f} to {y.max():.3f}."
    )
    nothing = StageResults(
        replace(results.pipeline, spec=spec.model_copy(update={"targets": (inside,)})), results.cache
    )
    assert list(stage.descriptor.warnings([stage], nothing)) == []


def test_a_store_says_with_what_physics_it_was_simulated(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    store = SimulationStore.open(results.folder("labels/data-ii") / STORE)
    optics = results.pipeline["labels/data-ii"].config.physics
    assert Simulator.from_stored(store.attributes["physics"]) == Simulator.from_config(optics)


def test_failed_labels_are_not_learnt_from(tmp_path: Path) -> None:
    store = SimulationStore.create(tmp_path / STORE, capacity=3, latent_shape=(1, 1), image_px=8, rows_per_unit=3)
    y = np.array([0.5, np.nan, 0.7])
    store.write_unit(0, {"y": y, "z": np.zeros((3, 1, 1), np.float32), "status": np.array([1, 2, 1], np.uint8)})
    labels = read_labels(tmp_path / STORE)
    assert labels["y"].tolist() == [0.5, 0.7]
    assert set(labels) == {"y", "z", "image"}
