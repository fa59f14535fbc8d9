"""Features of two-phase images that a periodic structure's optics sees and that its symmetries leave alone.

Light at normal incidence, averaged over polarisations, does not change when an image is shifted round its torus,
flipped, or transposed. Amplitudes c_k of the diffraction orders do; what stays is the volume fraction c_0, the powers
|c_k|^2 and the triple products c_k c_l c_m with k + l + m = 0 (the bispectrum), averaged over the eight symmetries of
the square. They are what the first orders of a perturbation series in the pattern's contrast are made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Order = tuple[int, int]
IMAGES_AT_ONCE = 256  # bounds the memory of the Fourier transforms
SYMMETRIES: tuple[Callable[[int, int], Order], ...] = tuple(
    (lambda a, b, i=i, j=j, turn=turn: (i * b, j * a) if turn else (i * a, j * b))  # type: ignore[misc]
    for i in (1, -1)
    for j in (1, -1)
    for turn in (False, True)
)


@dataclass(frozen=True)
class DiffractionOrders:
    """Which features are taken.

    Attributes
    ----------
    powers, triples
        Largest |k|, in cycles per image, of the orders in powers and in triple products.
    """

    powers: float = 8.0
    triples: float = 3.0


def diffraction_features(images: np.ndarray, orders: DiffractionOrders) -> np.ndarray:
    """Volume fraction, powers, then triple products of images (B, H, W), float64 (B, F).

    The number F depends on ``orders`` alone; powers and triple products lie in rising order of |k|.
    """
    chunks = range(0, len(images), IMAGES_AT_ONCE)
    return np.concatenate([_features(images[start : start + IMAGES_AT_ONCE], orders) for start in chunks])


def _features(images: np.ndarray, orders: DiffractionOrders) -> np.ndarray:
    amplitudes = np.fft.fft2(images.astype(np.float64)) / (images.shape[1] * images.shape[2])
    columns = [amplitudes[:, 0, 0].real[:, None]]
    for members, membership in (_powers(orders.powers), _triples(orders.triples)):
        product = np.ones((len(images), len(membership)), dtype=np.complex128)
        for order in members:
            product *= amplitudes[:, order[:, 0], order[:, 1]]
        columns.append(product.real @ membership)
    return np.concatenate(columns, axis=1)


@lru_cache(maxsize=8)
def _powers(highest: float) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Pairs (k, -k), and how they average."""
    return _orbits((k, (-k[0], -k[1])) for k in _disc(highest))


@lru_cache(maxsize=8)
def _triples(highest: float) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Triples of orders that sum to zero, and how they average; without order 0, which makes powers of them."""
    disc = set(_disc(highest))
    sums = ((k, q, (-k[0] - q[0], -k[1] - q[1])) for k in disc for q in disc)
    return _orbits(triple for triple in sums if triple[2] in disc)


def _disc(highest: float) -> list[Order]:
    """Orders with 0 < |k| <= highest."""
    side = range(-int(highest), int(highest) + 1)
    return [(a, b) for a in side for b in side if 0 < a * a + b * b <= highest**2]


def _orbits(groups: Iterable[tuple[Order, ...]]) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Distinct groups of orders, and the matrix that averages over those that the square's symmetries join.

    Returns
    -------
    tuple
        One array (n, 2) for each place in a group, and (n, F) with columns that sum to 1.
    """
    members = sorted({tuple(sorted(group)) for group in groups})
    orbit_of = {group: min(tuple(sorted(turn(*k) for k in group)) for turn in SYMMETRIES) for group in members}
    orbits = sorted(set(orbit_of.values()), key=lambda orbit: (max(a * a + b * b for a, b in orbit), orbit))
    column = {orbit: index for index, orbit in enumerate(orbits)}
    membership = np.zeros((len(members), len(orbits)))
    for row, group in enumerate(members):
        membership[row, column[orbit_of[group]]] = 1.0
    places = tuple(np.array(place) for place in zip(*members, strict=True))
    return places, membership / membership.sum(axis=0)
