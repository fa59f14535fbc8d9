from __future__ import annotations

import numpy as np
import pytest

from ganmdn import forward_model
from ganmdn.diffraction import DiffractionOrders
from ganmdn.forward_config import EnsembleTraining, ForwardConfig, NetworkShape, ProcessTraining
from ganmdn.forward_model import ForwardModel, ForwardQuality, fit_forward_model
from ganmdn.label_table import LabelTable
from ganmdn.microstructures import MicrostructureRanges, draw_microstructures

CONFIG = ForwardConfig(
    NetworkShape(cell_px=2, channels=6, blocks=1),
    EnsembleTraining(members=2, epochs=15),
    DiffractionOrders(3, 2),
    ProcessTraining(150, 30),
)
NOISE = 0.01


def labels(count: int, seed: int) -> LabelTable:
    """A property of the volume fraction and of one power, and noise that no image explains."""
    images, _ = draw_microstructures(16, MicrostructureRanges(), np.random.SeedSequence(seed), range(count))
    first = np.abs(np.fft.fft2(images)[:, [0, 1], [1, 0]]).mean(axis=1) / 256
    noise = NOISE * np.random.default_rng(seed).standard_normal(count)
    return LabelTable(0.3 + 0.5 * images.mean(axis=(1, 2)) + 0.3 * first + noise, images)


@pytest.fixture(scope="module")
def fitted() -> tuple[ForwardModel, ForwardQuality]:
    return fit_forward_model(labels(400, 0), CONFIG, np.random.SeedSequence(1))


def test_new_images_are_predicted_with_an_honest_error(fitted: tuple[ForwardModel, ForwardQuality]) -> None:
    new = labels(500, 2)
    predicted, deviation = fitted[0].predict(None, new.images)
    error = predicted - new.y
    assert np.mean(error**2) < 0.2 * np.var(new.y)
    assert 0.84 < np.mean(np.abs(error) < 1.645 * deviation) < 0.96


def test_quality_is_that_of_unseen_labels(fitted: tuple[ForwardModel, ForwardQuality]) -> None:
    quality = fitted[1]
    assert 0.7 < quality.stacked_r2 < 0.97, "noise is a part of what there is to explain"
    assert quality.stacked_r2 >= max(quality.networks_r2, quality.process_r2) - 1e-9
    assert 0.84 < quality.covered < 0.96


@pytest.mark.parametrize(("first", "second", "weight"), [(1.0, 1.0, 0.5), (1.0, 3.0, 0.75), (0.1, 1e9, 1.0)])
def test_independent_predictions_are_weighed_by_their_variance(first: float, second: float, weight: float) -> None:
    assert forward_model._least_variance_weight(np.diag([first, second])) == pytest.approx(weight, abs=1e-6)


def test_a_prediction_that_adds_nothing_gets_no_weight() -> None:
    assert forward_model._least_variance_weight(np.array([[1.0, 1.0], [1.0, 4.0]])) == 1.0
    assert forward_model._least_variance_weight(np.array([[2.0, 2.0], [2.0, 2.0]])) == 1.0


@pytest.mark.parametrize("constant", [0.2, 0.9])
def test_the_varying_share_of_the_variance_is_found(constant: float) -> None:
    rng = np.random.default_rng(0)
    relative = rng.gamma(1.0, 1.0, 20_000)
    errors = rng.standard_normal(20_000) * np.sqrt(constant + (1 - constant) * relative)
    assert forward_model._constant_share(errors, relative / relative.mean()) == pytest.approx(constant, abs=0.051)
