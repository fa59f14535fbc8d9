from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from campaign.design.candidates import Candidate
from campaign.design.verify import Attempt, corrected_aim, verify
from ganmdn.targets import Target

TARGET, REACH = Target.of(0.6), Target((0.4,), (0.8,))


def candidate(y: float, aim: Target = TARGET) -> Candidate:
    """A candidate whose simulation gives ``y``, which it carries in its only pixel."""
    return Candidate(np.array([[y]]), None, float("nan"), float("nan"), 0, aim)


def simulate(images: Sequence[np.ndarray]) -> list[dict[str, float]]:
    return [{"y": float(image[0, 0])} for image in images]


class Model:
    """Misses every aim by as much, and further candidates that it gave."""

    def __init__(self, miss: float) -> None:
        self.miss, self.aims = miss, list[Target]()

    def __call__(self, count: int, aim: Target) -> list[Candidate]:
        self.aims += [aim] * count
        return [candidate(aim.low[0] + self.miss, aim)] * count


def ys(attempts: list[Attempt]) -> list[float]:
    return [attempt.y for attempt in attempts]


def test_one_simulation_each_takes_what_came() -> None:
    model = Model(0.0)
    found = verify([candidate(0.7), candidate(0.59)], model, simulate, TARGET, 1, 0.002, REACH)
    assert ys(found.attempts) == [0.59, 0.7]
    assert (found.simulations, model.aims) == (2, [])


def test_designs_within_the_tolerance_are_not_tried_again() -> None:
    model = Model(0.0)
    found = verify([candidate(0.601), candidate(0.6)], model, simulate, TARGET, 5, 0.002, REACH)
    assert ys(found.attempts) == [0.601, 0.6]  # equally good: as they came
    assert (found.simulations, model.aims) == (2, [])


def test_misses_are_corrected_until_all_hit() -> None:
    model = Model(0.05)
    found = verify([candidate(0.65)] * 8, model, simulate, TARGET, 10, 0.003, REACH)
    assert max(abs(y - 0.6) for y in ys(found.attempts)) <= 0.003
    assert found.simulations < 80
    assert model.aims[0] < TARGET
    assert model.aims == sorted(model.aims, reverse=True)


def test_a_design_takes_as_many_simulations_as_it_may_on_average() -> None:
    found = verify([candidate(0.7)] * 4, lambda n, aim: [candidate(0.75)] * n, simulate, TARGET, 3, 0.002, REACH)
    assert found.simulations == 12
    assert ys(found.attempts) == [0.7] * 4


def test_a_model_that_has_no_more_ends_it() -> None:
    found = verify([candidate(0.7)] * 4, lambda n, aim: [], simulate, TARGET, 3, 0.002, REACH)
    assert (found.simulations, len(found.attempts)) == (4, 4)


def test_failed_simulations_are_the_last_to_be_kept() -> None:
    nan = float("nan")
    found = verify([candidate(nan), candidate(0.7)], lambda n, aim: [candidate(0.5)], simulate, TARGET, 2, 0.0, REACH)
    assert sorted(ys(found.attempts)) == [0.5, 0.7]


def test_an_aim_does_not_leave_the_reach_by_much() -> None:
    attempts = [Attempt(candidate(0.9), {"y": 0.9})] * 100
    assert corrected_aim(attempts, Target.of(0.41), REACH).number == pytest.approx(0.3)
    assert corrected_aim([], Target.of(0.5), REACH) == Target.of(0.5)


def test_of_several_properties_each_is_corrected_and_a_range_where_it_was_missed() -> None:
    reach, target = Target((0.2, 0.2), (0.8, 0.8)), Target.parse("0.5,0.6..")
    picture = np.zeros((1, 1), np.uint8)
    tried = [
        Attempt(Candidate(picture, None, np.nan, np.nan, 0, target), {"y": np.array(y)})
        for y in ([0.6, 0.5], [0.6, 0.9])
    ]
    aim = corrected_aim(tried, target, reach)
    assert aim.low == pytest.approx((0.5 - 0.2 / 5, 0.6 + 0.1 / 5))
    assert aim.high[1] == np.inf
    assert tried[1].distance(target) < tried[0].distance(target)
