"""From an image to its property with an honest error: image networks and a Gaussian process, stacked out of fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from ganmdn.diffraction import DiffractionOrders, diffraction_features
from ganmdn.epochs import ALONE
from ganmdn.feature_process import FeatureProcess
from ganmdn.forward_config import ForwardConfig
from ganmdn.image_ensemble import ImageEnsemble, fit_ensembles
from ganmdn.label_table import LabelTable
from ganmdn.session import TrainingSession

NINETY_PERCENT = 1.645  # standard deviations of a normal distribution on either side
SHARES = np.linspace(0, 1, 21)  # tried, of the variance that does not vary from image to image


@dataclass(frozen=True)
class ForwardQuality:
    """How well labels are predicted by what did not see them.

    Attributes
    ----------
    networks_r2, process_r2, stacked_r2
        Share of the variance of y that is explained: by one network, by the process, by both together.
    covered
        Share of labels within 1.645 predicted deviations of the stacked prediction; 0.9 if the errors are normal.
    """

    networks_r2: float
    process_r2: float
    stacked_r2: float
    covered: float


@dataclass(frozen=True)
class ForwardModel:
    """Predictions of an ensemble and a process, weighted, and the variance of their error.

    Parameters
    ----------
    networks, process
        The parts.
    orders
        Of the process's features.
    weight
        Of the networks' mean; the process has the rest.
    variance, constant_share
        Mean variance of the error, and the share of it that is the same for every image; the rest goes
        with the process's variance, whose mean over the labels is ``process_variance``.
    disagreement
        Mean variance between the networks; where they disagree more, the error's variance grows by the difference.
    left_out
        (n,), what is expected of each label without itself.
    """

    networks: ImageEnsemble
    process: FeatureProcess
    orders: DiffractionOrders
    weight: float
    variance: float
    constant_share: float
    process_variance: float
    disagreement: float
    left_out: np.ndarray

    def predict(self, z: np.ndarray | None, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expected properties of images (B, H, H) with latents (B, h, w), and deviations of their errors; (B,) each."""
        members = self.networks.predict(images)
        smooth, deviation = self.process.predict(process_inputs(z, images, self.orders))
        excess = np.maximum(members.var(axis=0, ddof=1) - self.disagreement, 0)
        varying = 1 + (1 - self.constant_share) * (deviation**2 / self.process_variance - 1)
        variance = self.variance * varying + self.weight**2 * excess
        return self.weight * members.mean(axis=0) + (1 - self.weight) * smooth, np.sqrt(variance)


def process_inputs(z: np.ndarray | None, images: np.ndarray, orders: DiffractionOrders) -> np.ndarray:
    """Latents, where there are any, and diffraction features side by side, float64 (B, F)."""
    features = diffraction_features(images, orders)
    return features if z is None else np.concatenate([z.reshape(len(z), -1).astype(np.float64), features], axis=1)


Predict = Callable[[np.ndarray | None, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""As ``ForwardModel.predict``, (B, D) each of several properties."""


def fit_forward_models(
    labels: LabelTable,
    config: ForwardConfig,
    seed: np.random.SeedSequence,
    session: TrainingSession = ALONE,
    steps_after: int = 0,
) -> tuple[Predict, ForwardQuality, np.ndarray]:
    """What predicts the property, or several, each by a model of its own; how well; and each label without itself.

    The quality is the mean of theirs, the labels' expectations are (n,) or (n, D); ``session`` and ``steps_after`` are
    those of ``fit_ensembles``.
    """
    if labels.y.ndim == 1:
        model, quality = fit_forward_model(labels, config, seed, session, steps_after)
        return model.predict, quality, model.left_out
    seeds = [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, p)) for p in range(labels.y.shape[1])]
    fitted = _fit(labels, list(labels.y.T), config, seeds, session, steps_after)
    models, qualities = zip(*fitted, strict=True)

    def predict(z: np.ndarray | None, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, deviation = zip(*(model.predict(z, images) for model in models), strict=True)
        return np.column_stack(mean), np.column_stack(deviation)

    quality = ForwardQuality(*np.mean([astuple(quality) for quality in qualities], axis=0).tolist())
    return predict, quality, np.column_stack([model.left_out for model in models])


def fit_forward_model(
    labels: LabelTable,
    config: ForwardConfig,
    seed: np.random.SeedSequence,
    session: TrainingSession = ALONE,
    steps_after: int = 0,
) -> tuple[ForwardModel, ForwardQuality]:
    """Fit both parts to the labels of one property, and from predictions of labels that they did not see their weights.

    Each label is predicted by the one network that left it out and by the process without it. For a new image the
    networks' mean is taken, whose error is smaller: by what they differ, less what is left of that in the mean.
    ``session`` and ``steps_after`` are those of ``fit_ensembles``.
    """
    (fitted,) = _fit(labels, [labels.y], config, [seed], session, steps_after)
    return fitted


def _fit(
    labels: LabelTable,
    properties: Sequence[np.ndarray],
    config: ForwardConfig,
    seeds: Sequence[np.random.SeedSequence],
    session: TrainingSession,
    steps_after: int,
) -> list[tuple[ForwardModel, ForwardQuality]]:
    """A model of each property (n,), with a seed of its own; the networks of all of them are one training."""
    keys = [
        [np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, key)) for key in (0, 1)] for seed in seeds
    ]
    training, first = (config.network, config.training), [each for each, _ in keys]
    ensembles = fit_ensembles(labels.images, properties, *training, first, session, steps_after)
    parts = zip(properties, ensembles, keys, strict=True)
    return [_stacked(replace(labels, y=y), config, *ensemble, key) for y, ensemble, (_, key) in parts]


def _stacked(
    labels: LabelTable, config: ForwardConfig, networks: ImageEnsemble, folds: np.ndarray, seed: np.random.SeedSequence
) -> tuple[ForwardModel, ForwardQuality]:
    """Networks and a process, weighed by how they predict the labels (n,) that they did not see."""
    process = FeatureProcess(process_inputs(labels.z, labels.images, config.orders), labels.y, config.process, seed)
    by_network, without = networks.predict_left_out(labels.images, folds), process.leave_one_out()
    disagreement = float(networks.predict(labels.images).var(axis=0, ddof=1).mean())
    errors = np.stack([by_network, without.predicted]) - labels.y
    covariance = errors @ errors.T / len(labels.y)
    weight = _least_variance_weight(covariance)  # out of fold, to judge by
    stacked = weight * by_network + (1 - weight) * without.predicted
    relative = without.deviation**2 / np.mean(without.deviation**2)
    share = _constant_share(stacked - labels.y, relative)
    deviation = np.sqrt(np.mean((stacked - labels.y) ** 2) * (1 + (1 - share) * (relative - 1)))
    quality = ForwardQuality(
        networks_r2=_explained(by_network, labels.y),
        process_r2=_explained(without.predicted, labels.y),
        stacked_r2=_explained(stacked, labels.y),
        covered=float(np.mean(np.abs(stacked - labels.y) <= NINETY_PERCENT * deviation)),
    )
    covariance[0, 0] -= min(disagreement * (1 - 1 / config.training.members), covariance[0, 0] / 2)
    weight = _least_variance_weight(covariance)
    parts = np.array([weight, 1 - weight])
    model = ForwardModel(
        networks,
        process,
        config.orders,
        weight,
        variance=float(parts @ covariance @ parts),
        constant_share=share,
        process_variance=float(np.mean(without.deviation**2)),
        disagreement=disagreement,
        left_out=stacked,
    )
    return model, quality


def _least_variance_weight(covariance: np.ndarray) -> float:
    """Weight in [0, 1] of the first of two unbiased predictions, from the covariance (2, 2) of their errors."""
    first, second, both = covariance[0, 0], covariance[1, 1], covariance[0, 1]
    spread = first + second - 2 * both  # variance of their difference
    return float(np.clip((second - both) / spread, 0, 1)) if spread > 0 else 1.0


def _constant_share(errors: np.ndarray, relative: np.ndarray) -> float:
    """The share of the errors' variance that does not follow ``relative`` (n,), of the largest likelihood."""
    mean = np.mean(errors**2)

    def loss(share: float) -> float:
        variance = mean * (1 + (1 - share) * (relative - 1))
        return float(np.mean(errors**2 / variance + np.log(variance)))

    return float(min(SHARES[1:], key=loss))  # a share of zero would trust the process with everything


def _explained(predicted: np.ndarray, y: np.ndarray) -> float:
    """Share of the variance of ``y`` that ``predicted`` explains; NaN where there is none."""
    return float(1 - np.mean((predicted - y) ** 2) / np.var(y)) if np.var(y) > 0 else float("nan")
