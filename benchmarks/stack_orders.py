"""Which diffraction orders published labels follow, without any physics: what to give a calibration for its period.

    python benchmarks/stack_orders.py dataset_z4_part.hdf5 [--json]

For every shell of orders (m, n) at the same distance from the specular one: how the property correlates with the power
of the images' Fourier transform there (``correlation``), and how well three numbers predict pairs left out one by one
(``r_left_out``): the volume fraction, the power up to that shell and the power beyond. Orders that leave the stack
carry light away; those that are only guided keep it: the property falls with the power of the first and grows with
that of the others, and where the sign turns is a hint at the period in wavelengths, as good as so few pairs can give.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from results.exchange.hdf5 import read_published

FARTHEST = 6.0  # the last shell shown
RIDGE = 1.0


def order_power(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power of every order (n, px, px) of images (n, px, px), and the distance of each from the specular one."""
    px = images.shape[-1]
    m = np.fft.fftfreq(px, 1 / px)
    return np.abs(np.fft.fft2(images) / px**2) ** 2, np.hypot(m[:, None], m)


def left_out(features: np.ndarray, property_: np.ndarray) -> float:
    """Correlation of the property (n,) with its ridge prediction from features (n, k), each pair left out in turn."""
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    hat = scaled @ np.linalg.solve(scaled.T @ scaled + RIDGE * np.eye(scaled.shape[1]), scaled.T)
    centred = property_ - property_.mean()
    residual = (centred - hat @ centred) / (1 - np.diag(hat) - 1 / len(property_))
    return float(np.corrcoef(centred - residual, centred)[0, 1])


def shells(images: np.ndarray, property_: np.ndarray) -> list[dict[str, float]]:
    """One row a shell, from the innermost on."""
    power, distance = order_power(images)
    volume_fraction = images.mean(axis=(1, 2))
    rows = []
    for squared in np.unique(np.rint(distance[distance <= FARTHEST] ** 2))[1:]:
        own = power[:, np.rint(distance**2) == squared].sum(axis=1)
        near, far = (distance > 0) & (distance**2 < squared + 0.5), distance**2 > squared + 0.5
        features = np.stack([volume_fraction, power[:, near].sum(axis=1), power[:, far].sum(axis=1)], axis=1)
        rows.append(
            {
                "distance": round(float(np.sqrt(squared)), 3),
                "correlation": round(float(np.corrcoef(own, property_)[0, 1]), 3),
                "r_left_out": round(left_out(features, property_), 3),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a data set in the published layout (.hdf5: z, x, y)")
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    arguments = parser.parse_args()
    published = read_published(arguments.data)
    rows = shells(published.images, published.y)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(f"{value:.3f}" for value in row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()
