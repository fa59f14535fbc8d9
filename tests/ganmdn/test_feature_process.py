from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from ganmdn.feature_process import FeatureProcess
from ganmdn.forward_config import ProcessTraining

SEED = np.random.SeedSequence(5)
NOISE = 0.05
TRAINING = ProcessTraining(150, 60)


@pytest.fixture(scope="module", autouse=True)
def _quick() -> None:
    torch.set_num_threads(1)


def problem(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth function of the first two of four inputs; the third tells nothing and the fourth does not vary."""
    rng = np.random.default_rng(seed)
    inputs = np.column_stack([rng.uniform(-1, 1, (count, 3)), np.full(count, 7.0)])
    y = 0.6 + np.sin(3 * inputs[:, 0]) * inputs[:, 1]
    return inputs, y + NOISE * rng.standard_normal(count)


@pytest.fixture(scope="module")
def fitted() -> FeatureProcess:
    return FeatureProcess(*problem(250, 0), TRAINING, SEED)


def test_new_values_lie_where_it_says(fitted: FeatureProcess) -> None:
    inputs, y = problem(400, 1)
    predicted, deviation = fitted.predict(inputs)
    error = predicted - y
    assert np.sqrt(np.mean(error**2)) < 1.5 * NOISE
    assert 0.8 < np.mean(np.abs(error) < 1.645 * deviation) < 0.96


def test_the_process_is_less_sure_outside_its_labels(fitted: FeatureProcess) -> None:
    far = np.array([[3.0, 3.0, 0.0, 7.0]])
    near = np.array([[0.1, -0.2, 0.0, 7.0]])
    assert fitted.predict(far)[1] > 3 * fitted.predict(near)[1]


def test_leave_one_out_is_what_a_process_without_the_label_says() -> None:
    inputs, y = problem(30, 2)
    whole = FeatureProcess(inputs, y, TRAINING, SEED)
    without = whole.leave_one_out()
    for row in (0, 17):
        rest, kept = copy.copy(whole), np.arange(30) != row
        rest._condition(whole._inputs[kept], whole._values[kept])
        predicted, deviation = rest.predict(inputs[[row]])
        assert without.predicted[row] == pytest.approx(predicted[0], rel=1e-8)
        assert without.deviation[row] == pytest.approx(deviation[0], rel=1e-8)


def test_same_seed_same_process_and_no_global_draws() -> None:
    inputs, y = problem(60, 3)
    before = torch.random.get_rng_state()
    first, second = (FeatureProcess(inputs, y, TRAINING, SEED).predict(inputs)[0] for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(first, second)
