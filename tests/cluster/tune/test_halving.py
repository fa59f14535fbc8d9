"""Successive halving by itself: its rungs, and Ray's ASHA with one bracket as its judge."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from cluster.tune.halving import Halving


def halving(mode: Literal["min", "max"] = "min", max_epochs: int = 9, grace: int = 1, reduction: float = 3) -> Halving:
    return Halving(mode=mode, max_epochs=max_epochs, grace_epochs=grace, reduction_factor=reduction)


def test_who_is_worse_than_most_at_a_rung_ends_there() -> None:
    judge = halving()
    assert [judge.stops(0, epoch, 1.0) for epoch in range(1, 10)] == [False] * 8 + [True]  # the last epoch ends all
    assert judge.stops(1, 1, 2.0)
    assert not judge.stops(2, 1, 0.5)
    assert not judge.stops(2, 2, 9.0)  # no rung
    assert judge.stops(2, 3, 1.5)


def test_what_is_not_finite_ends_and_counts_for_nobody() -> None:
    judge = halving()
    assert judge.stops(0, 1, math.nan)
    assert judge.stops(1, 1, math.inf)
    judge.note_end(1, 1, math.inf)
    assert not judge.stops(2, 1, 100.0)


def of_ray(
    curves: list[list[float]], mode: Literal["min", "max"], max_epochs: int, grace: int, reduction: float
) -> list[int]:
    """Epochs that Ray's scheduler gives each trial, one after the other."""
    options = {"max_t": max_epochs, "grace_period": grace, "reduction_factor": reduction}
    scheduler = ASHAScheduler(time_attr="epoch", metric="value", mode=mode, **options)
    given = []
    for index, curve in enumerate(curves):
        trial = SimpleNamespace(trial_id=str(index))
        scheduler.on_trial_add(None, trial)
        for epoch, value in enumerate(curve, start=1):
            result = {"epoch": epoch, "value": value}
            if scheduler.on_trial_result(None, trial, result) == TrialScheduler.STOP:
                break
        scheduler.on_trial_complete(None, trial, result)
        given.append(epoch)
    return given


def of_ours(
    curves: list[list[float]], mode: Literal["min", "max"], max_epochs: int, grace: int, reduction: float
) -> list[int]:
    judge, given = halving(mode, max_epochs, grace, reduction), []
    for index, curve in enumerate(curves):
        for epoch, value in enumerate(curve, start=1):
            if judge.stops(index, epoch, value):
                break
        judge.note_end(index, epoch, value)
        given.append(epoch)
    return given


@given(
    st.integers(1, 12).flatmap(
        lambda last: st.tuples(
            st.lists(st.lists(st.integers(0, 6).map(float), min_size=1, max_size=last), min_size=1, max_size=10),
            st.sampled_from(["min", "max"]),
            st.just(last),
            st.integers(1, last),
            st.sampled_from([1.3, 2, 2.5, 3, 4]),
        )
    )
)
def test_it_decides_as_rays_asha(case: tuple[list[list[float]], Literal["min", "max"], int, int, float]) -> None:
    assert of_ours(*case) == of_ray(*case)
