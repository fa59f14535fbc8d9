"""Simulate, correct, try again: on a forward map whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ganmdn.inverse import Designs
from ganmdn.refinement import Budget, Proposals, Tries, best_of, next_tries
from ganmdn.targets import Target

PX = 32
TARGET = 0.62


def generate(z: np.ndarray) -> np.ndarray:
    """As many white pixels as latents say, so that the share of white is curved in each and moves in small jumps."""
    share = np.clip(0.5 + 0.3 * np.tanh(z[:, 0, 0]) + 0.1 * z[:, 0, 1] ** 2, 0, 1)
    return (np.arange(PX * PX) < (share * PX * PX)[:, None]).astype(np.uint8).reshape(-1, PX, PX)


def simulate(images: np.ndarray) -> np.ndarray:
    return images.mean(axis=(1, 2))


def refine(
    proposals: Proposals,
    labels: tuple[np.ndarray, np.ndarray],
    budget: Budget,
    y: Callable = simulate,
    target: float | Target = TARGET,
) -> tuple[Designs, Tries]:
    tries = Tries.none(proposals.first, labels[1].shape[1:])
    while True:
        design, z, images = next_tries(target, proposals, tries, labels, budget, generate)
        if not len(design):
            return best_of(target, proposals, tries), tries
        tries = Tries.joined(tries, Tries(design, z, images, y(images)))


def drawn(count: int, low: float, high: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, (count, 1, 2)).astype(np.float32)


@pytest.fixture
def proposals() -> Proposals:
    first, spare = drawn(6, 0.2, 0.9, 1), drawn(60, -1, 1, 2)
    return Proposals(Designs(generate(first), first), Designs(generate(spare), spare))


@pytest.fixture
def labels() -> tuple[np.ndarray, np.ndarray]:
    z = drawn(200, -1, 1, 3)
    return z, simulate(generate(z))


def test_more_tries_come_nearer(proposals: Proposals, labels: tuple[np.ndarray, np.ndarray]) -> None:
    errors = []
    for simulations in (1, 2, 6):
        best, tries = refine(proposals, labels, Budget(simulations, 0.0))
        assert np.bincount(tries.design).max() <= simulations
        assert best.predicted is not None
        np.testing.assert_array_equal(best.predicted, simulate(best.images))
        errors.append(np.abs(best.predicted - TARGET).mean())
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 3 / PX**2  # a few pixels: no two designs share an image


def test_of_several_properties_more_tries_come_nearer(proposals: Proposals) -> None:
    def both(images: np.ndarray) -> np.ndarray:
        return np.column_stack([simulate(images), 1 - 0.8 * simulate(images)])

    z = drawn(200, -1, 1, 3)
    target = Target.parse("0.62,0.4..0.6")
    once, more = (
        refine(proposals, (z, both(generate(z))), Budget(tries, 0.0), both, target)[0].predicted for tries in (1, 4)
    )
    assert once is not None
    assert more is not None
    assert more.shape == (6, 2)
    assert target.distance(more).mean() < 0.2 * target.distance(once).mean()


def test_what_is_within_the_tolerance_is_left(proposals: Proposals, labels: tuple[np.ndarray, np.ndarray]) -> None:
    best, tries = refine(proposals, labels, Budget(10, 0.01))
    assert (np.abs(best.predicted - TARGET) <= 0.01).all()
    last = [np.flatnonzero(tries.design == design)[-1] for design in range(6)]
    missed = np.delete(np.arange(len(tries.y)), last)
    assert (np.abs(tries.y[missed] - TARGET) > 0.01).all()


def test_a_known_design_costs_nothing(labels: tuple[np.ndarray, np.ndarray], proposals: Proposals) -> None:
    near = np.argsort(np.abs(labels[1] - TARGET))[:3]
    first = Designs(generate(labels[0][near]), labels[0][near], labels[1][near], np.zeros(3))
    best, tries = refine(Proposals(first, proposals.spare), labels, Budget(3, 1.0))
    assert not len(tries.y)
    np.testing.assert_array_equal(best.images, first.images)


def test_beyond_all_that_is_known_the_slope_leads_on(proposals: Proposals) -> None:
    z = drawn(200, -1.5, 0.2, 4)
    low = np.abs(simulate(generate(z)) - 0.4) < 0.1
    labels = z[low], simulate(generate(z[low]))
    first = Designs(generate(labels[0][:4]), labels[0][:4])
    best, _ = refine(Proposals(first, first), labels, Budget(8, 0.002))
    assert labels[1].max() < TARGET - 0.1
    assert (np.abs(best.predicted - TARGET) < 0.01).all()


def test_without_latents_the_next_proposals_are_tried(
    proposals: Proposals, labels: tuple[np.ndarray, np.ndarray]
) -> None:
    blind = Proposals(
        *(Designs(each.images, np.full_like(each.z, np.nan)) for each in (proposals.first, proposals.spare))
    )
    best, tries = refine(blind, labels, Budget(3, 0.0))
    np.testing.assert_array_equal(tries.images[:6], proposals.first.images)
    spare = [image.tobytes() for image in proposals.spare.images]
    places = [spare.index(image.tobytes()) for image in tries.images[6:]]
    assert places == sorted(set(places))
    left_out = [image for image in spare[: places[-1]] if image not in {each.tobytes() for each in tries.images}]
    assert not left_out  # but images that were tried before
    assert len(places) >= 10  # unless one hits the target by chance, its design is tried twice more
    assert np.isnan(best.z).all()


def test_failed_tries_are_no_guide_and_never_the_best(
    proposals: Proposals, labels: tuple[np.ndarray, np.ndarray]
) -> None:
    def failing(images: np.ndarray) -> np.ndarray:
        y = simulate(images)
        y[:2] = np.nan
        return y

    best, tries = refine(proposals, labels, Budget(1, 0.0), failing)
    assert np.isnan(best.predicted[:2]).all()
    np.testing.assert_array_equal(best.images[:2], proposals.first.images[:2])
    assert np.isfinite(best.predicted[2:]).all()
    design, _, images = next_tries(TARGET, proposals, tries, labels, Budget(2, 0.0), generate)
    assert design.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(images[:2], proposals.spare.images[:2])
