"""Trial simulations in this process: of what a trained generator makes, else of what it would learn from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from campaign.plan.finished import StageResults
from campaign.plan.optics import Optics, effort, simulation_of
from campaign.plan.probe import Probe
from campaign.spec.campaign import Spec
from campaign.spec.generator import AuthorsGenerator, OwnImages
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.microstructures import prepare_images, ranges_of
from campaign.stages.seeds import seed_for
from campaign.stages.simulator import Simulator
from results.table.reach import reach_of
from results.wanted import known

if TYPE_CHECKING:
    from ganmdn.networks import Generator

AGAIN = 4  # every fourth trial is solved with more orders, two at least


def probe(results: StageResults, dataset: str, count: int) -> Probe:
    """Simulate ``count`` images of a data set, one after the other on one thread; writes nothing."""
    spec = results.spec
    images, words, note = _images(results, dataset, count)
    labelled = simulation_of(spec, dataset).physics
    y, seconds = _simulated(Simulator.from_config(labelled), images)
    timings = [(effort(labelled.model_dump(mode="json")), seconds)]
    change: tuple[float, ...] = ()
    if isinstance(labelled, Optics) and spec.labels.truncation_sample:
        finer = simulation_of(spec, dataset, spec.truncation_orders_of(dataset)).physics
        few = max(2, count // AGAIN)
        again, seconds_again = _simulated(Simulator.from_config(finer), images[:few])
        timings.append((effort(finer.model_dump(mode="json")), seconds_again))
        change = _mean_change(y[:few], again)
    reach = reach_of(dataset, y, (), spec.designs_per_target, names=spec.property_names)
    return Probe(dataset, words, len(y), reach, seconds, change, tuple(timings), note)


def _mean_change(y: np.ndarray, again: np.ndarray) -> tuple[float, ...]:
    """Mean absolute change of each property of (n,) or (n, D), of those that could be solved twice; none if none."""
    moved = np.abs(again - y)
    moved = moved[known(moved)]
    return tuple(np.atleast_1d(moved.mean(axis=0)).tolist()) if len(moved) else ()


def _simulated(simulator: Simulator, images: np.ndarray) -> tuple[np.ndarray, float]:
    """Property of every image, NaN where it failed, and seconds of one as workers take them: in batches."""
    step = min(simulator.at_once, len(images))
    rows = []
    with threadpool_limits(1):
        simulator.rows(images[:step])  # loads libraries, which a worker does once
        started = time.perf_counter()
        for first in range(0, len(images), step):
            rows += simulator.rows(images[first : first + step])
    return np.array([row["y"] for row in rows]), (time.perf_counter() - started) / len(images)


def _images(results: StageResults, dataset: str, count: int) -> tuple[np.ndarray, str, str]:
    """Images (count, H, W) of the data set's size, what they are, and what more there is to say of them."""
    spec, generator = results.spec, results.spec.generator
    px = spec.datasets[dataset].image_px
    if results.cache.has("generator", results.pipeline.keys["generator"]):
        return _generated(spec, dataset, count, results.folder("generator") / WEIGHTS_FILE), "generated images", ""
    if isinstance(generator, AuthorsGenerator):
        from ganmdn.authors import load_authors_generator

        return _drawn(spec, dataset, count, load_authors_generator(generator.weights)), "generated images", ""
    wanted = generator.microstructures
    if isinstance(wanted, OwnImages):
        prepared = prepare_images(wanted.path, wanted, generator.image_px)
        around = max(0, px - generator.image_px)
        images = np.pad(prepared.images[:count], ((0, 0), (0, around), (0, around)), mode="wrap")[:, :px, :px]
        return images, "images of your own", prepared.facts.sentence()
    from ganmdn.microstructures import draw_microstructures

    seed = seed_for(spec.seed, "trial", dataset)
    return draw_microstructures(px, ranges_of(wanted), seed, range(count))[0], "training microstructures", ""


def _generated(spec: Spec, dataset: str, count: int, weights: Path) -> np.ndarray:
    from ganmdn.networks import load_generator

    return _drawn(spec, dataset, count, load_generator(weights))


def _drawn(spec: Spec, dataset: str, count: int, generator: Generator) -> np.ndarray:
    """The first images that would be labelled."""
    from ganmdn.latents import draw_latents
    from ganmdn.networks import generate_images

    seed = seed_for(spec.seed, "latents", dataset)
    z = draw_latents(spec.datasets[dataset].latent, spec.latent.low, spec.latent.high, seed, range(count))
    return generate_images(generator, z)
