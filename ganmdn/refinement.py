"""Designs that are simulated, corrected by what that shows, and tried again.

Each design begins as its model proposes it. Where its simulated property misses the target, the nearest point that is
known to lie on the other side, a label or an earlier try, brackets a hit on the line between both latents; the next try
is where the property, taken as linear between them, meets the target (regula falsi). With nothing on the other side, as
at the edge of what a generator makes, and of several properties, which no line brings in at once, the next try follows
the local slope, fitted to the nearest known points. Of a range the nearest point within is aimed at. So the
forward map is corrected where it matters, for any model that works with latents; without, the model's next proposal is
tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ganmdn.inverse import Designs, Generate
from ganmdn.targets import Target

LINES = 4  # to as many points on the other side a design is moved, before another is tried in its place
HALFWAY = 0.5
NEIGHBOURS = 4  # known points for a slope, as a multiple of the latents' dimension
LONGEST_STEP = 0.3  # along a slope, root mean square over the latents


@dataclass(frozen=True)
class Tries:
    """Simulated images for one target.

    Parameters
    ----------
    design
        (n,), number of the design that each is a try of.
    z, images, y
        Latents (n, h, w), NaN for a method without; uint8 0/1 (n, H, H); simulated properties, (n,) or (n, D), NaN
        where the simulation failed.
    """

    design: np.ndarray
    z: np.ndarray
    images: np.ndarray
    y: np.ndarray

    @classmethod
    def none(cls, like: Designs, of_each: tuple[int, ...] = ()) -> Tries:
        """Not one, of images as ``like``; ``of_each`` is (D,) for several properties."""
        return cls(np.zeros(0, np.int64), _latents(like)[:0], like.images[:0], np.zeros((0, *of_each)))

    @classmethod
    def joined(cls, *parts: Tries) -> Tries:
        """Tries one after the other."""
        columns = ([getattr(part, name) for part in parts] for name in ("design", "z", "images", "y"))
        return cls(*(np.concatenate(column) for column in columns))


@dataclass(frozen=True)
class Proposals:
    """What a model proposes for one target; latents are not-a-number where it has none.

    Parameters
    ----------
    first
        Its designs; where their ``deviation`` is 0 their property is known and need not be simulated.
    spare
        What else it would propose, best first.
    """

    first: Designs
    spare: Designs

    def known(self, of_each: tuple[int, ...] = ()) -> Tries:
        """First designs whose property is known, as tries."""
        if self.first.predicted is None or self.first.deviation is None:
            return Tries.none(self.first, of_each)
        rows = np.flatnonzero((self.first.deviation.reshape(len(self.first.deviation), -1) == 0).all(axis=1))
        return Tries(rows, _latents(self.first)[rows], self.first.images[rows], self.first.predicted[rows])


@dataclass(frozen=True)
class Budget:
    """When a design is left as it is: after so many simulations, or within ``tolerance`` of the target."""

    simulations: int
    tolerance: float


def next_tries(
    target: float | Target,
    proposals: Proposals,
    tries: Tries,
    labels: tuple[np.ndarray, np.ndarray],
    budget: Budget,
    generate: Generate,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What to simulate next: at most one image for each design that is not left; the same arguments, the same images.

    Parameters
    ----------
    tries
        Simulated so far for this target, without those of ``Proposals.known``.
    labels
        Latents (m, h, w) and properties, (m,) or (m, D), that are known besides.

    Returns
    -------
    tuple
        Numbers of the designs (n,), latents (n, h, w) float32, images (n, H, H); none when all designs are left.
    """
    target = Target.of(target)
    known = Tries.joined(proposals.known(tries.y.shape[1:]), tries)
    designs = _unfinished(target, len(proposals.first.images), known, tries, budget)
    has_latents = bool(np.isfinite(_latents(proposals.first)).all())
    moved = _Moves(target, known, labels, generate).of(designs) if has_latents else {}
    spare = _unused(proposals.spare, [*known.images, *(image for _, image in moved.values())])
    rows: list[tuple[int, np.ndarray, np.ndarray]] = []
    for design in designs:
        if design in moved:
            rows.append((design, *moved[design]))
        elif design not in known.design:
            rows.append((design, _latents(proposals.first)[design], proposals.first.images[design]))
        elif (place := next(spare, None)) is not None:
            rows.append((design, _latents(proposals.spare)[place], proposals.spare.images[place]))
    if not rows:
        return np.zeros(0, np.int64), known.z[:0], known.images[:0]
    numbers, z, images = zip(*rows, strict=True)
    return np.array(numbers), np.stack(z).astype(np.float32), np.stack(images)


def best_of(target: float | Target, proposals: Proposals, tries: Tries) -> Designs:
    """The designs to hand over: of each the try that came nearest; as proposed where all its simulations failed.

    What was simulated stands as what is predicted, with no deviation; not-a-number where all failed.
    """
    known = Tries.joined(proposals.known(tries.y.shape[1:]), tries)
    images, z = proposals.first.images.copy(), _latents(proposals.first).copy()
    y = np.full((len(images), *known.y.shape[1:]), np.nan)
    distance = Target.of(target).distance(known.y)
    order = np.argsort(-distance, kind="stable")  # the nearest last, so that it stays
    for row in order[np.isfinite(distance[order])]:
        design = known.design[row]
        images[design], z[design], y[design] = known.images[row], known.z[row], known.y[row]
    return Designs(images, z, y, np.where(np.isfinite(y), 0.0, np.nan))


def _latents(designs: Designs) -> np.ndarray:
    if designs.z is None:
        raise ValueError("designs must have latents z, not-a-number where a method has none")
    return designs.z


def _unfinished(target: Target, count: int, known: Tries, tries: Tries, budget: Budget) -> list[int]:
    """Designs that may be tried again, and miss the target so far."""
    simulated = np.bincount(tries.design.astype(np.int64), minlength=count)
    reached = set(known.design[target.distance(known.y) <= budget.tolerance].tolist())
    return [design for design in range(count) if simulated[design] < budget.simulations and design not in reached]


def _unused(spare: Designs, images: list[np.ndarray]) -> Iterator[int]:
    """Rows of ``spare`` whose image was not tried, in their order; none twice."""
    tried = {image.tobytes() for image in images}
    for row, image in enumerate(spare.images):
        if image.tobytes() not in tried:
            tried.add(image.tobytes())
            yield row


class _Moves:
    """Moves the best try of each design towards the target."""

    def __init__(self, target: Target, known: Tries, labels: tuple[np.ndarray, np.ndarray], generate: Generate) -> None:
        self._target, self._known, self._generate = target, known, generate
        self._z = np.concatenate([known.z, labels[0]]).astype(np.float64)
        self._y = np.concatenate([known.y, labels[1]])
        self._distance = target.distance(self._y)

    def of(self, designs: list[int]) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Latents and image of the next try, by design; none of those that have none, or meet no new image."""
        ways = {design: self._ways(design) for design in designs}
        tried = {image.tobytes() for image in self._known.images}
        found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        while ways:
            z = {
                design: step.astype(np.float32) for design, way in ways.items() if (step := next(way, None)) is not None
            }
            if not z:
                break
            for design, image in zip(z, self._generate(np.stack(list(z.values()))), strict=True):
                if image.tobytes() not in tried:
                    tried.add(image.tobytes())
                    found[design] = z[design], image
            ways = {design: ways[design] for design in z if design not in found}
        return found

    def _ways(self, design: int) -> Iterator[np.ndarray]:
        """Latents to try for a design, the likeliest first; none where no try of it succeeded."""
        own = np.flatnonzero((self._known.design == design) & np.isfinite(self._distance[: len(self._known.y)]))
        if not len(own):
            return
        best = own[np.argmin(self._distance[own])]
        aim = self._target.nearest(self._y[best])
        z, missing = self._z[best], aim - self._y[best]
        distances = np.square(self._z - z).sum(axis=(1, 2))
        if self._target.size > 1:
            step = self._along_slope(z, distances, missing)
            yield from (z + share * step for share in (1.0, HALFWAY))
            return
        others = np.flatnonzero((self._y - aim) * missing > 0)
        if not len(others):
            yield z + self._along_slope(z, distances, missing)
            return
        # The image changes in jumps: a line whose crossing was tried may hold nothing nearer, another may.
        for other in others[np.argsort(distances[others], kind="stable")[:LINES]]:
            for share in (missing / (self._y[other] - self._y[best]), HALFWAY):
                yield z + share * (self._z[other] - z)

    def _along_slope(self, z: np.ndarray, distances: np.ndarray, missing: float | np.ndarray) -> np.ndarray:
        """The shortest step that gains ``missing`` by the slopes of the nearest known points, bounded in length."""
        usable = np.where(np.isfinite(self._distance), distances, np.inf)
        near = np.argsort(usable, kind="stable")[: NEIGHBOURS * z.size + 1]
        offsets = (self._z[near] - z).reshape(len(near), -1)
        slope = np.linalg.lstsq(np.column_stack([offsets, np.ones(len(near))]), self._y[near], rcond=None)[0][:-1]
        if slope.ndim == 2:  # of several properties, (M, D): those that are where they should be are left free
            wrong = np.asarray(missing) != 0
            step = np.linalg.pinv(slope[:, wrong].T) @ np.asarray(missing)[wrong]
        else:
            step = slope * missing / max(slope @ slope, float(np.finfo(np.float64).tiny))
        longest = LONGEST_STEP * np.sqrt(z.size)
        return (step * min(1.0, longest / max(float(np.linalg.norm(step)), longest))).reshape(z.shape)
