"""What a campaign's generator has learnt, whether its labels reach the targets and have converged, before it is run.

    python benchmarks/spec_trial.py specs/table1.yaml [--weights generator.pt | --microstructures] [--labels 96]

Images come from a generator that is trained here, by one worker, as the spec says; from weights that a run or the
authors left (``generator.pt``, ``weights.pickle``); or they are microstructures of the spec's ranges themselves, which
tells in a minute what a stack makes of them. Of each data set: the generator's distances from held-out microstructures
as multiples of the floor, pixels unlike their four neighbours, range and spread of the labels, the share within 1 % of
each target, the mean REP of the labels nearest to the targets (``designs_per_target`` of each, in as many labels), and
what 1.4 times the orders change.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import one_core  # noqa: F401  it sets threads, so it comes before anything numerical
import torch
from rich.console import Console
from rich.progress import track

from campaign.plan.optics import simulation_of
from campaign.spec.campaign import Spec
from campaign.spec.generator import TrainedGenerator
from campaign.spec.load import load_spec
from campaign.stages.generator import gan_config
from campaign.stages.generator_quality import MOST_IMAGES, MOST_SETS, judge
from campaign.stages.microstructures import ranges_of
from campaign.stages.seeds import seed_for
from campaign.stages.simulator import Simulator
from ganmdn.authors import load_authors_generator
from ganmdn.gan import train_gan
from ganmdn.gan_checkpoint import GENERATOR_FILE
from ganmdn.latents import draw_latents
from ganmdn.microstructures import draw_microstructures
from ganmdn.networks import Generator, generate_images, load_generator
from ganmdn.session import LocalSession

BAR = Console(stderr=True)
NEAR = 0.01  # of a target
Images = Callable[[str, int], np.ndarray]
"""Images of a data set, by its name and their number."""


def trained(spec: Spec) -> Generator:
    """The spec's generator, trained here by one worker."""
    wanted = spec.generator
    if not isinstance(wanted, TrainedGenerator):
        raise SystemExit("the spec trains no generator: give --weights")
    numbers = range(wanted.microstructures.count)
    seed = seed_for(spec.seed, "microstructures")
    images, _ = draw_microstructures(wanted.image_px, ranges_of(wanted.microstructures), seed, numbers)
    config = replace(gan_config(wanted.training, None), workers=1)
    with tempfile.TemporaryDirectory() as folder:
        session = LocalSession(Path(folder))
        train_gan(config, images, seed_for(spec.seed, "generator"), session)
        checkpoint = session.latest_checkpoint()
        assert checkpoint is not None
        return load_generator(checkpoint / GENERATOR_FILE)


def images_of(spec: Spec, arguments: argparse.Namespace) -> Images:
    """Where images come from."""
    if arguments.microstructures:
        return lambda dataset, count: _microstructures(spec, dataset, count)
    if arguments.weights is None:
        generator = trained(spec)
    else:
        load = load_authors_generator if arguments.weights.suffix == ".pickle" else load_generator
        generator = load(arguments.weights)

    def generated(dataset: str, count: int) -> np.ndarray:
        seed = seed_for(spec.seed, "latents", dataset)
        z = draw_latents(spec.datasets[dataset].latent, spec.latent.low, spec.latent.high, seed, range(count))
        return generate_images(generator, z)

    return generated


def _microstructures(spec: Spec, dataset: str, count: int) -> np.ndarray:
    assert isinstance(spec.generator, TrainedGenerator)
    ranges, px = ranges_of(spec.generator.microstructures), spec.datasets[dataset].image_px
    return draw_microstructures(px, ranges, seed_for(spec.seed, "trial", dataset), range(count))[0]


def absorption(spec: Spec, dataset: str, images: np.ndarray, orders: int | None = None) -> np.ndarray:
    """y of every image, (n,); NaN where there is no solution that can be trusted."""
    simulator = Simulator.from_config(simulation_of(spec, dataset, orders).physics)
    return np.array([simulator.row(image)["y"] for image in track(images, dataset, console=BAR)])


def labels_figures(spec: Spec, dataset: str, images: np.ndarray, sample: int) -> dict[str, Any]:
    """What the labels of a data set are worth."""
    y, higher = absorption(spec, dataset, images), spec.truncation_orders_of(dataset)
    again = absorption(spec, dataset, images[:sample], higher)
    rep = {target: 100 * target.relative_error(y) for target in spec.targets}
    nearest = min(spec.designs_per_target, len(y))
    return {
        "lowest": float(np.nanmin(y)),
        "highest": float(np.nanmax(y)),
        "standard_deviation": float(np.nanstd(y)),
        "share_within_1_percent": {str(target): float(np.mean(error < 100 * NEAR)) for target, error in rep.items()},
        "oracle_rep": float(np.mean([np.sort(error)[:nearest].mean() for error in rep.values()])),
        "correlation_with_volume_fraction": float(np.corrcoef(y, images.mean(axis=(1, 2)))[0, 1]),
        "truncation_mean_change": float(np.nanmean(np.abs(again - y[:sample]))),
        "truncation_shift": float(np.nanmean(again - y[:sample])),
        "orders": [spec.physics.orders_of(dataset), higher],
    }


def lone_pixels(images: np.ndarray) -> float:
    """Pixels that are unlike all four neighbours, in the mean of periodic images (n, H, W)."""
    unlike = [images != np.roll(images, shift, axis) for axis in (1, 2) for shift in (-1, 1)]
    return float(np.logical_and.reduce(unlike).sum(axis=(1, 2)).mean())


def figures_of(spec: Spec, images: Images, count: int, sample: int, compared: int) -> dict[str, Any]:
    """Both judgements for every data set."""
    figures = {}
    for dataset in spec.datasets:
        made = images(dataset, max(count, compared))
        figures[dataset] = {"labels": labels_figures(spec, dataset, made[:count], sample)}
        if isinstance(spec.generator, TrainedGenerator):
            quality = judge(made[:compared], spec.generator.microstructures, spec.seed)
            figures[dataset]["generator"] = asdict(quality)
            lone = [lone_pixels(each) for each in (made[:compared], _microstructures(spec, dataset, compared))]
            figures[dataset]["lone_pixels"] = dict(zip(("generated", "microstructures"), lone, strict=True))
    return figures


def _print(figures: dict[str, Any]) -> None:
    for dataset, row in figures.items():
        labels = row["labels"]
        spread = labels["standard_deviation"]
        print(
            f"{dataset}: labels {labels['lowest']:.3f} to {labels['highest']:.3f}, spread {spread:.3f}, "
            f"r with volume fraction {labels['correlation_with_volume_fraction']:.3f}; "
            f"{labels['orders'][1]} orders instead of {labels['orders'][0]} move them by "
            f"{labels['truncation_mean_change']:.4f} ({labels['truncation_shift']:+.4f} in the mean), "
            f"{labels['truncation_mean_change'] / spread:.0%} of the spread; "
            f"nearest to the targets: REP {labels['oracle_rep']:.2f} %"
        )
        print("  within 1 %:", *(f"{target}: {part:.1%}" for target, part in labels["share_within_1_percent"].items()))
        if (quality := row.get("generator")) is not None:
            for name, distance in quality["distance"].items():
                print(f"  {name}: {distance:.3f}, {distance / quality['floor'][name]:.1f} x the floor")
            print(f"  similarity: {quality['similarity'] / quality['held_out_similarity']:.3f} of the microstructures'")
            lone = row["lone_pixels"]
            print(f"  lone pixels an image: {lone['generated']:.2f}, of microstructures {lone['microstructures']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", type=Path)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--weights", type=Path, help="a generator; without it one is trained")
    source.add_argument("--microstructures", action="store_true", help="no generator: microstructures of the ranges")
    parser.add_argument("--labels", type=int, default=96, help="labels of a data set")
    parser.add_argument("--sample", type=int, default=16, help="labels that are solved again with more orders")
    parser.add_argument("--compared", type=int, default=MOST_SETS * MOST_IMAGES, help="images that are judged")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of sentences")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    spec = load_spec(arguments.spec).spec
    images = images_of(spec, arguments)
    figures = figures_of(spec, images, arguments.labels, arguments.sample, arguments.compared)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        _print(figures)


if __name__ == "__main__":
    main()
