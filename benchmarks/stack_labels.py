"""Mean, spread and truncation error of a stack's labels, over images of the authors' generator.

    python benchmarks/stack_labels.py weights.pickle [--physics specs/physics/authors.yaml] [--count 300] [--json]

z is drawn as for the published Data-II, uniformly from [-1, 1]. A sample is solved again with more diffraction orders,
which is what a campaign's truncation stage does.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from campaign.plan.optics import Optics, optics_of
from campaign.spec.load import load_physics
from campaign.stages.simulator import Simulator
from ganmdn.authors import load_authors_generator
from ganmdn.networks import generate_images

IMAGE_PX, LATENT = 64, (2, 2)
PUBLISHED = {"mean": 0.666, "std": 0.036}  # over the authors' data set
MORE_ORDERS = 1.4


def absorption(optics: Optics, images: np.ndarray, what: str) -> np.ndarray:
    """y of every image, (n,); NaN where there is no solution that can be trusted."""
    simulator = Simulator.from_config(optics)
    bar = Console(stderr=True)
    return np.array([simulator.row(image)["y"] for image in track(images, description=what, console=bar)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="the authors' generator")
    parser.add_argument("--physics", type=Path, default=Path("specs/physics/authors.yaml"), help="physics or campaign")
    parser.add_argument("--count", type=int, default=300, help="images")
    parser.add_argument("--sample", type=int, default=50, help="images that are solved again with more orders")
    parser.add_argument("--seed", type=int, default=0, help="of z")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of sentences")
    arguments = parser.parse_args()
    physics, orders = load_physics(arguments.physics, IMAGE_PX)
    z = np.random.default_rng(arguments.seed).uniform(-1, 1, (arguments.count, *LATENT))
    images = generate_images(load_authors_generator(arguments.weights), z)
    optics, more = optics_of(physics, orders, IMAGE_PX), round(MORE_ORDERS * orders)
    labels = absorption(optics, images, f"{orders} orders")
    again = absorption(optics.with_orders(more), images[: arguments.sample], f"{more} orders")
    moved = np.abs(again - labels[: arguments.sample])
    figures = {
        "images": arguments.count,
        "mean": float(np.nanmean(labels)),
        "std": float(np.nanstd(labels)),
        "failed": int(np.isnan(labels).sum()),
        "orders": orders,
        "orders_again": more,
        "mean_abs_difference": float(np.nanmean(moved)),
        "max_abs_difference": float(np.nanmax(moved)),
    }
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(
        f"{figures['images']} images: mean {figures['mean']:.3f}, std {figures['std']:.3f}; {figures['failed']} failed"
    )
    print(f"published: mean {PUBLISHED['mean']}, std {PUBLISHED['std']}")
    print(
        f"{more} orders instead of {orders} move it by {figures['mean_abs_difference']:.4f} on average, "
        f"{figures['max_abs_difference']:.4f} at most ({arguments.sample} images)"
    )


if __name__ == "__main__":
    main()
