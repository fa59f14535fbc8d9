"""Training curves: complete, smoothed without a shift, the kept epoch marked."""

from __future__ import annotations

import numpy as np
import pytest

from results.figures.training import TrainingCurve, gan_losses, mdn_training


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_every_loss_has_a_panel(count: int) -> None:
    steps = np.arange(0, 1000, 10)
    figure = gan_losses(steps, {f"loss {number}": np.full(100, float(number)) for number in range(count)})
    used = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in used] == [f"loss {number}" for number in range(count)]


def test_smoothing_keeps_a_straight_line_and_its_ends() -> None:
    steps = np.arange(200)
    figure = gan_losses(steps, {"loss": np.full(200, 3.0)})
    raw, smooth = figure.axes[0].lines
    np.testing.assert_allclose(smooth.get_ydata(), 3.0)
    np.testing.assert_array_equal(raw.get_xdata(), steps)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="loss style has 3 values for 4 steps"):
        gan_losses(np.arange(4), {"style": np.zeros(3)})
    with pytest.raises(ValueError, match="gan_losses needs at least one loss"):
        gan_losses(np.arange(4), {})


def test_the_kept_epoch_is_marked_on_the_validation_curve() -> None:
    validation = np.array([3.0, 2.0, 1.5, 1.8])
    curves = [TrainingCurve("data-i", "gan-mdn", validation - 0.1, validation, best_epoch=3)]
    (axes,) = mdn_training(curves).axes
    marker = axes.lines[-1]
    assert (marker.get_xdata()[0], marker.get_ydata()[0]) == (3, 1.5)
    assert marker.get_label() == "kept: epoch 3"


def test_a_spike_does_not_set_the_scale() -> None:
    training = np.full(200, 2.0)
    training[0] = 1e6
    validation = np.linspace(3, 2, 200)
    (axes,) = mdn_training([TrainingCurve("data-i", "direct-mdn", training, validation, best_epoch=200)]).axes
    assert axes.get_ylim()[1] < 5


def test_methods_that_a_data_set_lacks_leave_an_empty_place() -> None:
    curve = np.array([2.0, 1.0])
    curves = [TrainingCurve(d, m, curve, curve, 2) for d, m in (("i", "gan-mdn"), ("i", "pca-mdn"), ("ii", "pca-mdn"))]
    assert [axes.axison for axes in mdn_training(curves).axes] == [True, True, False, True]


def test_repeats_share_a_panel_and_their_lines_are_named_once() -> None:
    curve = np.array([2.0, 1.0, 1.5])
    (axes,) = mdn_training([TrainingCurve("i", "gan-mdn", curve, curve, best) for best in (2, 3)]).axes
    assert axes.get_legend_handles_labels()[1] == ["training", "validation", "kept: epoch 2, 3"]
    assert len(axes.lines) == 6
