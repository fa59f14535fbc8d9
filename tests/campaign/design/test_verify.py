"""Of a world of stripes, as wide and placed as two latents say, whose property is the share of white."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from campaign.design.candidates import Candidate, CandidateSource, Writability
from campaign.design.verify import Attempt, RunKnowledge, Verified, corrected_aim, verify
from campaign.stages.seeds import seed_for
from ganmdn.inverse import Designs
from ganmdn.refinement import Budget
from ganmdn.targets import Target

SIDE = 64
TARGET = Target.of(0.6)
LABELS = np.linspace(0.2, 0.9, 8)
LABELS_Z = np.stack([LABELS, np.zeros(8)], axis=1).reshape(-1, 1, 2)


def generate(z: np.ndarray) -> np.ndarray:
    """The first latent is the share of white, the second the row where it begins."""
    pixels = SIDE * SIDE
    images = [np.roll(np.arange(pixels) < pixels * share, round(SIDE * row) * SIDE) for share, row in z.reshape(-1, 2)]
    return np.reshape(images, (-1, SIDE, SIDE)).astype(np.uint8)


def simulate(images: Sequence[np.ndarray]) -> list[dict[str, float]]:
    return [{"y": float(image.mean())} for image in images]


class Model:
    """Misses every target by as much, a little more for every design; ``latents`` as ``gan-mdn`` has, or none."""

    def __init__(self, miss: float, latents: bool = True, most: int = 10_000) -> None:
        self.miss, self.latents, self.most = miss, latents, most

    def design(self, target: float | Target, count: int, seed: np.random.SeedSequence) -> Designs:
        if count > self.most:
            raise ValueError("no more")
        assert isinstance(target, float)
        places = np.arange(count)
        z = np.stack([target + self.miss + 0.002 * places, 0.1 * places], axis=1).reshape(-1, 1, 2)
        return Designs(generate(z), z if self.latents else None)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def verified(
    model: Model,
    simulations: int,
    *,
    count: int = 3,
    tolerance: float = 0.001,
    simulate: object = simulate,
    same_physics: bool = True,
    **rules: int,
) -> Verified:
    source = CandidateSource(model, Writability(**rules), lambda what: seed_for(0, what))
    known = RunKnowledge(LABELS_Z, LABELS, generate, same_physics)
    return verify(source.take_all(3, TARGET), source, known, simulate, Budget(simulations, tolerance))  # type: ignore[arg-type]


def picture(aim: Target) -> Candidate:
    return Candidate(np.zeros((1, 1), np.uint8), None, np.nan, np.nan, 0, aim)


def misses(found: Verified) -> np.ndarray:
    return np.array([attempt.distance(TARGET) for attempt in found.attempts])


def test_one_simulation_each_takes_what_came_the_nearest_first() -> None:
    found = verified(Model(-0.05), 1)
    assert found.simulations == 3
    np.testing.assert_allclose(misses(found), [0.046, 0.048, 0.05], atol=2e-4)


def test_designs_that_miss_are_moved_towards_labels_on_the_other_side_until_they_hit() -> None:
    found = verified(Model(-0.05), 3)
    assert misses(found).max() <= 0.001
    assert 3 < found.simulations <= 9


def test_designs_within_the_tolerance_are_not_tried_again() -> None:
    found = verified(Model(0.0), 5, tolerance=0.01)
    assert found.simulations == 3
    np.testing.assert_allclose([attempt.y for attempt in found.attempts], [0.6, 0.602, 0.604], atol=2e-4)


def test_without_latents_the_model_is_asked_again_for_a_corrected_property() -> None:
    found = verified(Model(-0.05, latents=False), 4)
    aims = [attempt.candidate.aim for attempt in found.attempts]
    assert TARGET < max(aims) < Target.of(0.65)
    assert misses(found).max() < 0.02
    assert found.simulations == 12


def test_a_model_that_has_no_more_ends_it() -> None:
    found = verified(Model(-0.05, latents=False, most=3), 3)
    assert (found.simulations, len(found.attempts)) == (3, 3)


def test_a_design_whose_simulation_fails_is_replaced_by_another_proposal() -> None:
    calls = list[int]()

    def failing_at_first(images: Sequence[np.ndarray]) -> list[dict[str, float]]:
        calls.append(len(images))
        rows = simulate(images)
        return [{"y": float("nan")}, *rows[1:]] if len(calls) == 1 else rows

    found = verified(Model(-0.05), 3, simulate=failing_at_first)
    assert calls[0] == 3
    assert np.isfinite(misses(found)).all()


def test_what_is_made_writable_is_moved_and_simulated_as_it_will_be_written() -> None:
    seen = list[np.ndarray]()

    def watched(images: Sequence[np.ndarray]) -> list[dict[str, float]]:
        seen.extend(images)
        return [{"y": float(image.mean()) - 0.03} for image in images]  # as if writing took that much

    found = verified(Model(-0.05), 3, simulate=watched, tolerance=0.004, min_feature_px=4)
    assert all(Writability(4).holds(image) for image in seen)
    assert misses(found).max() < 0.02
    assert all(attempt.candidate.z is not None for attempt in found.attempts)


def test_labels_of_other_physics_are_taken_to_be_off_as_the_first_designs_are() -> None:
    def lower(images: Sequence[np.ndarray]) -> list[dict[str, float]]:
        return [{"y": float(image.mean()) - 0.1} for image in images]

    trusting, knowing = (
        verified(Model(0.0), 2, simulate=lower, tolerance=1e-9, same_physics=same) for same in (True, False)
    )
    assert misses(knowing).mean() < 0.7 * misses(trusting).mean()


@pytest.mark.parametrize("simulations", [1, 2])
def test_an_image_that_cannot_be_written_is_not_simulated(simulations: int) -> None:
    seen = list[bytes]()

    def watched(images: Sequence[np.ndarray]) -> list[dict[str, float]]:
        seen.extend(image.tobytes() for image in images)
        return simulate(images)

    source = CandidateSource(Model(-0.05), Writability(2), lambda what: seed_for(0, what))
    first = source.take_all(3, TARGET)

    def nothing_else(designs: Designs, aim: Target) -> list[None]:
        return [None] * len(designs.images)

    source.written = nothing_else  # type: ignore[method-assign, assignment]
    known = RunKnowledge(LABELS_Z, LABELS, generate)
    found = verify(first, source, known, watched, Budget(simulations, 0.001))
    assert found.simulations == len(seen) == len(set(seen)) == 3


def test_an_aim_does_not_leave_the_reach_by_much() -> None:
    attempts = [Attempt(picture(TARGET), {"y": 0.9})] * 100
    assert corrected_aim(attempts, Target.of(0.41), np.array([0.4, 0.8])).number == pytest.approx(0.3)
    assert corrected_aim([], Target.of(0.5), np.array([0.4, 0.8])) == Target.of(0.5)


def test_of_several_properties_each_is_corrected_and_a_range_where_it_was_missed() -> None:
    target = Target.parse("0.5,0.6..")
    tried = [Attempt(picture(target), {"y": np.array(y)}) for y in ([0.6, 0.5], [0.6, 0.9])]
    aim = corrected_aim(tried, target, np.array([[0.2, 0.2], [0.8, 0.8]]))
    assert aim.low == pytest.approx((0.5 - 0.2 / 5, 0.6 + 0.1 / 5))
    assert aim.high[1] == np.inf
    assert tried[1].distance(target) < tried[0].distance(target)
