"""Screening with a forward model whose answer is known: the property is the mean latent, and its error too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganmdn.candidate_bank import CandidateBank, SpreadCurve
from ganmdn.candidate_choice import mean_distance, pixel_distances
from ganmdn.candidate_search import screen_candidates
from ganmdn.forward_config import CandidateSearch
from ganmdn.label_table import LabelTable
from ganmdn.latents import draw_latents

SEED = np.random.SeedSequence(6)
PX = 8
SEARCH = CandidateSearch(pool=300, rounds=6, children=120, reach=1.5)


def generate(z: np.ndarray) -> np.ndarray:
    """Every latent its own noise image, so that images are as different as latents."""
    seeds = np.abs(z.reshape(len(z), -1)).sum(axis=1) * 1e6
    return np.stack([np.random.default_rng(int(seed)).integers(0, 2, (PX, PX)) for seed in seeds]).astype(np.uint8)


def predict(z: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    assert images.shape == (len(z), PX, PX)
    return z.mean(axis=(1, 2)), np.full(len(z), 0.01)


@pytest.fixture(scope="module")
def labels() -> LabelTable:
    z = draw_latents((2, 2), -1, 1, np.random.SeedSequence(0), range(200))
    return LabelTable(z.mean(axis=(1, 2)), generate(z), z)


@pytest.fixture(scope="module")
def bank(labels: LabelTable) -> CandidateBank:
    return screen_candidates(labels, generate, predict, (-1, 1), SEARCH, SEED)


def test_designs_come_nearest_to_the_target(bank: CandidateBank) -> None:
    for target in (-0.5, 0.0, 0.6):
        designs = bank.choose(target, 10)
        assert np.abs(designs.z.mean(axis=(1, 2)) - target).max() < 0.02
        np.testing.assert_allclose(designs.predicted, designs.z.mean(axis=(1, 2)), rtol=1e-5)
        np.testing.assert_array_equal(generate(designs.z), designs.images)


def test_the_search_goes_beyond_labels_and_prior_but_not_beyond_its_reach(
    bank: CandidateBank, labels: LabelTable
) -> None:
    assert bank.predicted.max() > labels.y.max()
    assert 1.0 < np.abs(bank.z).max() <= 1.5
    inside = screen_candidates(labels, generate, predict, (-1, 1), CandidateSearch(300, 2, 120, reach=1.0), SEED)
    assert np.abs(inside.z).max() <= 1.0


def test_the_edge_is_searched_hardest(labels: LabelTable) -> None:
    """Where the best candidates still miss a rung, more of a round's moves go there than to rungs that many hit."""
    moved: list[np.ndarray] = []

    def heard(z: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        moved.append(z)
        return predict(z, images)

    screen_candidates(labels, generate, heard, (-1, 1), CandidateSearch(4000, 1, 400, reach=1.5), SEED)
    beyond = np.quantile(labels.y, [0.01, 0.99])
    edge = (moved[-1].mean(axis=(1, 2)) < beyond[0]) | (moved[-1].mean(axis=(1, 2)) > beyond[1])
    assert len(moved[-1]) == 400
    assert edge.mean() > 0.18  # 0.13 if every rung had as many


def test_screening_is_decided_by_its_seed_and_reported(labels: LabelTable) -> None:
    heard: list[tuple[int, int]] = []
    search = CandidateSearch(pool=600, rounds=1, children=50)

    def screen(key: int) -> CandidateBank:
        seed = np.random.SeedSequence(key)
        return screen_candidates(labels, generate, predict, (-1, 1), search, seed, lambda *step: heard.append(step))

    first = screen(1)
    assert heard == [(500, 650), (600, 650), (650, 650)]
    np.testing.assert_array_equal(first.z, screen(1).z)
    assert not np.array_equal(first.z, screen(2).z)


def test_designs_keep_the_spread_of_the_labels_near_the_target(labels: LabelTable) -> None:
    """All of the best candidates are near-copies of a few images; worse ones differ as labels do."""
    rng = np.random.default_rng(1)
    copies = np.repeat(rng.integers(0, 2, (3, PX, PX)), 40, axis=0).astype(np.uint8)
    copies[:, 0, 0] = rng.integers(0, 2, 120)
    images = np.concatenate([copies, rng.integers(0, 2, (60, PX, PX)).astype(np.uint8)])
    predicted = 0.5 + np.concatenate([np.linspace(0, 0.01, 120), np.linspace(0.02, 0.03, 60)])
    curve = SpreadCurve.of(labels)
    bank = CandidateBank(np.zeros((180, 2, 2), np.float32), images, predicted, np.full(180, 1e-3), curve)
    designs = bank.choose(0.5, 18)
    spread = mean_distance(pixel_distances(designs.images))
    near = labels.images[labels.nearest(0.5, 40)]
    assert spread >= 0.8 * mean_distance(pixel_distances(near)) * 0.98
    assert designs.predicted.min() == 0.5, "the best is kept"
    assert mean_distance(pixel_distances(images[:18])) < 0.2


def test_a_bank_is_saved_whole(bank: CandidateBank, tmp_path: Path) -> None:
    bank.save(tmp_path / "new")
    loaded = CandidateBank.load(tmp_path / "new")
    for name in ("z", "images", "predicted", "deviation"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(bank, name))
    assert loaded.spread.wanted(0.2) == bank.spread.wanted(0.2)


def test_refusals_name_the_argument(bank: CandidateBank, labels: LabelTable) -> None:
    with pytest.raises(ValueError, match=r"count must lie between 1 and the \d+ candidates, got 0"):
        bank.choose(0.5, 0)
    with pytest.raises(ValueError, match="target must be finite, got nan"):
        bank.choose(float("nan"), 3)
    with pytest.raises(ValueError, match=r"reach must be at least 1\.0, got 0\.9"):
        CandidateSearch(reach=0.9)
    with pytest.raises(ValueError, match="labels must have latents z for a search among latents"):
        screen_candidates(LabelTable(labels.y, labels.images), generate, predict, (-1, 1), SEARCH, SEED)


def test_parents_are_no_copies_of_one_image(labels: LabelTable) -> None:
    """Of two places where the property is largest, the better one must not take all of the edge's moves."""

    def two_peaks(z: np.ndarray, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        height = np.where(z[:, 0, 0] > 0, 1.0, 0.9)
        return height - np.abs(np.abs(z) - 0.5).mean(axis=(1, 2)), np.full(len(z), 0.01)

    def halves(z: np.ndarray) -> np.ndarray:
        """Images that tell the two places apart, and little else."""
        images = np.zeros((len(z), PX, PX), np.uint8)
        images[z[:, 0, 0] > 0, :, : PX // 2] = 1
        images[z[:, 0, 0] <= 0, :, PX // 2 :] = 1
        return images

    z = labels.z
    assert z is not None
    known = LabelTable(two_peaks(z, halves(z))[0], halves(z), z)
    bank = screen_candidates(known, halves, two_peaks, (-1, 1), SEARCH, SEED)
    assert bank.predicted[bank.z[:, 0, 0] <= 0].max() > 0.86  # 0.82 where copies are parents too
