from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from campaign.design.candidates import Candidate, CandidateSource, NotWritableError, Writability
from campaign.stages.seeds import seed_for
from ganmdn.inverse import Designs
from ganmdn.targets import Target
from results.fabrication.connection import connection
from results.fabrication.length_scale import has_length_scale


class Sampler:
    """A model that draws other images for every seed."""

    def design(self, target: float, count: int, seed: np.random.SeedSequence) -> Designs:
        images = (np.random.default_rng(seed).random((count, 32, 32)) < target).astype(np.uint8)
        return Designs(images, np.zeros((count, 1, 1)), np.full(count, target), np.full(count, 0.01))

    def save(self, folder: Path) -> None:
        raise NotImplementedError


class Table(Sampler):
    """A model that looks twelve images up, whatever the seed."""

    size = 12

    def __len__(self) -> int:
        return self.size

    def design(self, target: float, count: int, seed: np.random.SeedSequence) -> Designs:
        if count > self.size:
            raise ValueError(f"count must lie between 1 and the {self.size} labels, got {count}")
        return super().design(0.5, count, np.random.SeedSequence(0))


HALF = Target.of(0.5)


def source(model: Sampler, **rules: int | str) -> CandidateSource:
    return CandidateSource(model, Writability(**rules), lambda what: seed_for(0, what))  # type: ignore[arg-type]


def distinct(candidates: list[Candidate]) -> int:
    return len({candidate.image.tobytes() for candidate in candidates})


@pytest.mark.parametrize("model", [Sampler(), Table()])
def test_no_candidate_comes_twice(model: Sampler) -> None:
    candidates = source(model)
    found = [*candidates.take(4, HALF), *candidates.take(3, HALF), *candidates.take(5, HALF)]
    assert len(found) == distinct(found) == 12


def test_a_table_ends() -> None:
    candidates = source(Table())
    assert len(candidates.take(8, HALF)) == 8
    assert len(candidates.take(8, HALF)) == 4
    assert candidates.take(8, HALF) == []


def test_more_than_a_table_has_is_refused_in_its_own_words() -> None:
    with pytest.raises(ValueError, match=r"^count must lie between 1 and the 12 labels, got 13$"):
        source(Table()).take(13, HALF)


def test_the_same_seed_makes_the_same_candidates() -> None:
    first, again = (source(Sampler(), min_feature_px=3).take(3, HALF) for _ in range(2))
    assert [each.image.tobytes() for each in first] == [each.image.tobytes() for each in again]


def test_another_aim_discards_what_was_proposed_for_the_last_one() -> None:
    candidates = source(Sampler())
    assert {each.aim for each in candidates.take(3, HALF)} == {HALF}
    assert {each.predicted for each in candidates.take(3, Target.of(0.2))} == {0.2}


def test_what_cannot_be_written_is_made_so_and_is_not_what_was_predicted() -> None:
    found = source(Sampler(), min_feature_px=4).take(5, HALF)
    assert len(found) == 5
    assert all(has_length_scale(each.image, 4) for each in found)
    assert all(each.moved_px > 0 and np.isnan(each.predicted) and np.isnan(each.half_width) for each in found)
    assert all(each.moved_px == 0 and each.predicted == 0.5 for each in source(Sampler()).take(5, HALF))


def test_a_connected_phase_is_one_piece() -> None:
    found = source(Sampler(), connected="white").take(5, Target.of(0.75))
    assert len(found) == 5
    assert all(connection(each.image == 1).is_whole for each in found)
    assert any(each.moved_px for each in found)  # islands are filled


def test_too_few_that_can_be_written_are_told() -> None:
    with pytest.raises(NotWritableError, match=r"^only 0 of 100 proposals for 0.20 can be made so; ask for fewer"):
        source(Sampler(), connected="white").take_all(2, Target.of(0.2))


def test_an_interval_holds_ninety_percent() -> None:
    draws = np.random.default_rng(0).normal(0.6, 0.01, 100_000)
    candidate = Candidate(np.zeros((2, 2), np.uint8), None, 0.6, 0.01, 0, Target.of(0.6))
    assert np.mean(abs(draws - candidate.predicted) < candidate.half_width) == pytest.approx(0.9, abs=0.005)


def test_lengths_become_pixels() -> None:
    assert Writability.of(60, None, 19.3, 64) == Writability(4)
    assert Writability.of(None, "black", None, 64) == Writability(1, "black")
    with pytest.raises(ValueError, match=r"^min_feature_nm needs the size of a pixel, which the run's simulator"):
        Writability.of(60, None, None, 64)
    with pytest.raises(ValueError, match=r"^min_feature_nm must be at most 640, half of a period, got 641$"):
        Writability.of(641, None, 20, 64)
