from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from ganmdn.generator_quality import (
    curve_distance,
    distances,
    judge_generator,
    kolmogorov_smirnov,
    mean_similarity,
)
from ganmdn.microstructures import MicrostructureRanges, draw_microstructures
from ganmdn.statistics import per_image

RANGES = MicrostructureRanges()


def draw(count: int, seed: int = 3, ranges: MicrostructureRanges = RANGES) -> np.ndarray:
    return draw_microstructures(32, ranges, np.random.SeedSequence(seed), range(count))[0]


def test_kolmogorov_smirnov_is_scipys() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=40).round(1), rng.normal(0.3, size=25).round(1)  # rounded: with ties
    assert kolmogorov_smirnov(first, second) == pytest.approx(ks_2samp(first, second).statistic)
    assert kolmogorov_smirnov(first, first) == 0
    assert kolmogorov_smirnov(np.zeros(3), np.ones(4)) == 1


def test_curve_distance_is_the_wasserstein_distance_in_standard_deviations() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(3000, 2)), rng.normal([0.5, 0.0], [1.0, 2.0], size=(3000, 2))
    expected = np.mean([wasserstein_distance(first[:, j], second[:, j]) for j in range(2)]) / first.std(axis=0).mean()
    assert curve_distance(first, second) == pytest.approx(expected, rel=0.02)
    assert curve_distance(first, first + 1.0) == pytest.approx(1 / first.std(axis=0).mean())


def test_a_reference_without_spread_is_either_met_or_infinitely_far() -> None:
    assert curve_distance(np.ones((3, 2)), np.ones((4, 2))) == 0
    assert curve_distance(np.ones((3, 2)), np.zeros((4, 2))) == np.inf


def test_similarity_is_the_mean_over_pairs() -> None:
    images = draw(7)
    pairs = [np.mean(first == second) for first, second in itertools.combinations(images, 2)]
    assert mean_similarity(images) == pytest.approx(np.mean(pairs))
    assert mean_similarity(np.stack([images[0]] * 3)) == 1
    assert mean_similarity(np.stack([images[0], 1 - images[0]])) == 0


def test_other_draws_of_the_same_images_are_as_far_as_the_floor() -> None:
    quality = judge_generator(draw(150, seed=4), draw(300))
    assert quality.images == 150
    assert quality.distance.keys() == quality.floor.keys() == per_image(draw(2)).keys()
    for name, distance in quality.distance.items():
        assert 0 < distance < 2 * quality.floor[name], name
    assert quality.similarity == pytest.approx(quality.held_out_similarity, rel=0.02)


def test_several_sets_are_judged_by_their_means() -> None:
    generated, held_out = draw(80, seed=4), draw(160)
    first, second = judge_generator(generated[:40], held_out[:80]), judge_generator(generated[40:], held_out[80:])
    both = judge_generator(generated, held_out, sets=2)
    assert (both.images, both.sets) == (40, 2)
    for name, distance in both.distance.items():
        assert distance == pytest.approx((first.distance[name] + second.distance[name]) / 2)
        assert both.floor[name] == pytest.approx((first.floor[name] + second.floor[name]) / 2)
    assert both.similarity == pytest.approx((first.similarity + second.similarity) / 2)


def test_coarser_images_are_told_by_their_curves_and_not_by_their_volume_fraction() -> None:
    coarse = MicrostructureRanges(frequency_mean_per_px=(0.2, 0.3))
    quality = judge_generator(draw(100, seed=4, ranges=coarse), draw(200))
    assert quality.distance["volume_fraction"] < 0.27  # where 99.9 % of pairs of sets of 100 lie
    assert quality.distance["spectral_density"] > 5 * quality.floor["spectral_density"]
    assert quality.distance["lineal_path"] > 2 * quality.floor["lineal_path"]


def test_a_collapsed_generator_is_told_by_every_number() -> None:
    held_out = draw(120)
    middle = held_out[[int(np.argsort(held_out.mean(axis=(1, 2)))[60])] * 60]
    quality = judge_generator(middle, held_out)
    assert quality.distance["volume_fraction"] > 0.4
    assert all(distance > 3 * quality.floor[name] for name, distance in quality.distance.items())
    assert quality.similarity == 1


def test_distances_are_zero_from_a_set_to_itself() -> None:
    assert set(distances(per_image(draw(5)), per_image(draw(5))).values()) == {0.0}


def test_sets_that_cannot_be_compared_are_refused() -> None:
    images = np.zeros((4, 8, 8), np.uint8)
    with pytest.raises(
        ValueError,
        match=r"held_out must be twice as many images as generated, of the same size, got \(4, 8, 8\) for \(3, 8, 8\)",
    ):
        judge_generator(images[:3], images)
    with pytest.raises(ValueError, match=r"of the same size, got \(4, 9, 9\) for \(2, 8, 8\)"):
        judge_generator(images[:2], np.zeros((4, 9, 9), np.uint8))
    with pytest.raises(ValueError, match="generated must be at least two 0/1 images"):
        judge_generator(images[:1], images[:2])
    with pytest.raises(ValueError, match="held_out must be at least two 0/1 images"):
        judge_generator(images[:2], images + np.uint8(255))
    for sets in (0, 3, 2):
        with pytest.raises(ValueError, match=f"sets must divide .* two or more each, got {sets} of 2"):
            judge_generator(images[:2], images, sets)
