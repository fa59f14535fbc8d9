"""Candidates for a target, as they would be written: what a model proposes, made writable, each image once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from campaign.design.request import Phase
from ganmdn.inverse import most_designs
from ganmdn.targets import Target
from results.fabrication.brush import pixels_of
from results.fabrication.connection import connection, without_islands
from results.fabrication.length_scale import has_length_scale
from results.fabrication.rounding import rounded
from results.table.intervals import DEVIATIONS_OF_90_PERCENT

if TYPE_CHECKING:
    from ganmdn.inverse import Designs, InverseModel

PROPOSALS_PER_DESIGN = 25  # before it is given up that enough of them can be written
LEAST_PROPOSALS = 100


class NotWritableError(RuntimeError):
    """Too few of a model's proposals can be made as they have to be."""


@dataclass(frozen=True)
class Candidate:
    """One image, and what is known of it.

    Attributes
    ----------
    image
        uint8 0/1, (H, W), as it would be written.
    z
        The latent, (h, w), of the image before it was made writable; None where there is none.
    predicted, deviation
        What the model expects, and the standard deviation of its error, (D,) of several properties; not-a-number where
        it predicts nothing, and where the image is not the one that it predicted.
    moved_px
        Pixels that making it writable exchanged.
    aim
        The property that the model was asked for.
    """

    image: np.ndarray
    z: np.ndarray | None
    predicted: float | np.ndarray
    deviation: float | np.ndarray
    moved_px: int
    aim: Target

    @property
    def half_width(self) -> float | np.ndarray:
        """Half of the interval that holds the simulated property in 90 % of all cases."""
        return DEVIATIONS_OF_90_PERCENT * self.deviation


@dataclass(frozen=True)
class Writability:
    """What a fab can write; nothing is asked of an image by default.

    Attributes
    ----------
    min_feature_px
        Width of the smallest feature, of white and of black, as ``results.fabrication.length_scale`` measures it.
    connected
        The phase that must be one piece in the infinite pattern; its islands are given to the other phase.
    """

    min_feature_px: int = 1
    connected: Phase | None = None

    @property
    def asks_nothing(self) -> bool:
        """Whether every image can be written."""
        return self == Writability()

    @classmethod
    def of(
        cls, min_feature_nm: float | None, connected: Phase | None, pixel_nm: float | None, image_px: int
    ) -> Writability:
        """From lengths; ValueError where nobody says how large a pixel is, or a feature would fill the image."""
        if min_feature_nm is None:
            return cls(connected=connected)
        if pixel_nm is None:
            raise ValueError("min_feature_nm needs the size of a pixel, which the run's simulator does not tell")
        width, most = pixels_of(min_feature_nm, pixel_nm), image_px // 2
        if width > most:
            rule = f"must be at most {pixel_nm * most:g}, half of a period"
            raise ValueError(f"min_feature_nm {rule}, got {min_feature_nm:g}")
        return cls(width, connected)

    def made(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
        """The image as it can be written; None where it cannot."""
        if self.min_feature_px > 1:
            image = rounded(image, self.min_feature_px, rng)
        if self.connected is not None:
            value = int(self.connected == "white")
            whole = without_islands(image == value)
            if whole is None:
                return None
            image = np.where(whole, value, 1 - value).astype(np.uint8)
        return image if self.holds(image) else None

    def holds(self, image: np.ndarray) -> bool:
        """Whether an image, (H, W), can be written as it is."""
        if self.connected is not None and not connection(image == int(self.connected == "white")).is_whole:
            return False
        if self.min_feature_px == 1:
            return True
        return 0 < image.mean() < 1 and has_length_scale(image, self.min_feature_px)


@dataclass
class CandidateSource:
    """Candidates around one target, in the model's order, each image once.

    Attributes
    ----------
    seed
        Makes the stream of random numbers of a batch, from its number.
    """

    model: InverseModel
    writability: Writability
    seed: Callable[[str], np.random.SeedSequence]
    _waiting: deque[Candidate] = field(default_factory=deque)
    _seen: set[bytes] = field(default_factory=set)
    _proposals: int = 0
    _batches: int = 0

    def take(self, count: int, aim: Target) -> list[Candidate]:
        """The next ``count`` candidates that the model proposes for the property ``aim``, or as many as there are.

        Raises
        ------
        ValueError
            The model has not so many.
        """
        most = self._proposals + max(LEAST_PROPOSALS, PROPOSALS_PER_DESIGN * count)
        if self._waiting and self._waiting[0].aim != aim:
            self._waiting.clear()
        while len(self._waiting) < count and self._proposals < most:
            if not self._propose(count, aim):
                break
        return [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]

    def take_all(self, count: int, aim: Target) -> list[Candidate]:
        """The next ``count`` candidates; NotWritableError where there are fewer."""
        found = self.take(count, aim)
        if len(found) < count:
            raise NotWritableError(
                f"only {len(found)} of {self._proposals} proposals for {aim.label} can be made so; ask for fewer "
                "designs, for smaller features, or for the other phase to hang together"
            )
        return found

    def written(self, designs: Designs, aim: Target) -> list[Candidate | None]:
        """Designs for ``aim`` as they would be written, each in its place; None for one that cannot be."""
        rng = np.random.default_rng(self.seed(f"rounding {self._batches}"))
        self._batches += 1
        images = [self.writability.made(image, rng) for image in designs.images]
        return [None if image is None else _candidate(designs, place, image, aim) for place, image in enumerate(images)]

    def _propose(self, count: int, aim: Target) -> bool:
        """Ask the model for ``count`` more; whether it had anything new."""
        # Models that look designs up have new ones for whoever asks for more than before, whatever the seed.
        wanted = most_designs(self.model, self._proposals + count) if self._batches else count
        try:
            designs = self.model.design(aim.plain, wanted, self.seed(f"batch {self._batches}"))
        except ValueError:
            if not self._batches:
                raise
            return False  # it has no more
        new = [place for place, image in enumerate(designs.images) if image.tobytes() not in self._seen][:count]
        self._seen |= {designs.images[place].tobytes() for place in new}
        self._waiting += [candidate for candidate in self.written(_at(designs, new), aim) if candidate is not None]
        self._proposals += len(new)
        return bool(new)


def _candidate(designs: Designs, place: int, image: np.ndarray, aim: Target) -> Candidate:
    moved = int(np.count_nonzero(image != designs.images[place]))

    def known(values: np.ndarray | None) -> float | np.ndarray:
        unknown = np.full(aim.size, np.nan) if aim.size > 1 else np.nan
        return unknown if values is None or moved else values[place]

    z = None if designs.z is None else designs.z[place]
    return Candidate(image, z, known(designs.predicted), known(designs.deviation), moved, aim)


def _at(designs: Designs, places: list[int]) -> Designs:
    z, predicted, deviation = (
        None if column is None else column[places] for column in (designs.z, designs.predicted, designs.deviation)
    )
    return replace(designs, images=designs.images[places], z=z, predicted=predicted, deviation=deviation)
