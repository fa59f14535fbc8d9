"""How a spec's stack compares with the authors' published labels, at several truncations.

python benchmarks/published_pairs.py dataset.hdf5 [specs/table1-authors.yaml] [--dataset data-ii] [--orders 3 4 5]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from rich.progress import track

from campaign.load import load_spec
from campaign.pipeline import build_pipeline
from campaign.simulation import Simulator
from results.hdf5 import read_published


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the authors' data set (.hdf5)")
    parser.add_argument("spec", type=Path, nargs="?", default=Path("specs/table1-authors.yaml"))
    parser.add_argument("--dataset", default="data-ii")
    parser.add_argument("--orders", type=int, nargs="+", default=[3, 4, 5, 7])
    arguments = parser.parse_args()
    published = read_published(arguments.data)
    physics = build_pipeline(load_spec(arguments.spec).spec)[f"labels/{arguments.dataset}"].config["physics"]
    print(f"published: n {len(published.y)}  mean {published.y.mean():.3f}  std {published.y.std():.3f}")
    for orders in arguments.orders:
        simulator = Simulator.from_config({**physics, "numerics": {**physics["numerics"], "orders": orders}})
        images = track(published.images, f"{orders} orders", disable=not sys.stdout.isatty())
        rows = [simulator.row(image) for image in images]
        y = np.array([row["y"] for row in rows])
        r = np.corrcoef(y, published.y)[0, 1]
        seconds = np.median([row["seconds"] for row in rows])
        print(f"orders {orders}: mean {y.mean():.3f}  std {y.std():.3f}  r {r:.3f}  {seconds * 1e3:.0f} ms an image")


if __name__ == "__main__":
    main()
