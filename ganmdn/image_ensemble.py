"""Image networks fitted by cross-validation: together they predict new images, one by one the labels it did not see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ganmdn.forward_config import EnsembleTraining, NetworkShape
from ganmdn.image_network import SYMMETRIES, ImageNetwork, low_passed, turned

ProgressReport = Callable[[int, int], None]
"""Called with the steps done and those to do; what it raises ends the work."""

WARM_UP = 0.15  # share of the steps in which the learning rate rises
IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class ImageEnsemble:
    """Fitted networks, and the scales of what goes in and comes out.

    Parameters
    ----------
    networks
        In evaluation mode, on the CPU.
    cell_px
        Of ``low_passed``.
    mean, scale
        Of the low-passed pixels.
    y_mean, y_scale
        Of the properties.
    """

    networks: list[ImageNetwork]
    cell_px: int
    mean: float
    scale: float
    y_mean: float
    y_scale: float

    def predict(self, images: np.ndarray) -> np.ndarray:
        """What each network expects of images (B, H, H), float64 (members, B).

        Each sees an image under two of the square's symmetries, so that four see it under all eight.
        """
        grids = self._grids(images)
        return np.stack([self._member(number, grids) for number in range(len(self.networks))])

    def predict_left_out(self, images: np.ndarray, folds: np.ndarray) -> np.ndarray:
        """What the network that did not learn from it expects of each label, (n,); ``folds`` (n,) tells which."""
        grids, predicted = self._grids(images), np.empty(len(images))
        for number in range(len(self.networks)):
            rows = np.flatnonzero(folds == number)
            predicted[rows] = self._member(number, grids[torch.from_numpy(rows)])
        return predicted

    def _grids(self, images: np.ndarray) -> Tensor:
        return torch.from_numpy((low_passed(images, self.cell_px) - self.mean) / self.scale)[:, None]

    def _member(self, number: int, grids: Tensor) -> np.ndarray:
        network, symmetries = self.networks[number], (2 * number % SYMMETRIES, (2 * number + 1) % SYMMETRIES)
        with torch.inference_mode():
            parts = [
                sum(network(turned(part, symmetry).contiguous()) for symmetry in symmetries) / len(symmetries)
                for part in grids.split(IMAGES_AT_ONCE)
            ]
        return self.y_mean + self.y_scale * torch.cat(parts).double().numpy()


def fit_ensemble(
    images: np.ndarray,
    y: np.ndarray,
    shape: NetworkShape,
    training: EnsembleTraining,
    seed: np.random.SeedSequence,
    report: ProgressReport | None = None,
) -> tuple[ImageEnsemble, np.ndarray]:
    """Fit networks to labelled images (n, H, H) and properties (n,), each leaving out its fold.

    Returns
    -------
    tuple
        The ensemble, and for each label the member that did not see it, (n,).
    """
    if len(y) < 2 * training.members:
        raise ValueError(
            f"there must be at least {2 * training.members} labels for {training.members} members, got {len(y)}"
        )
    folds = np.random.default_rng(seed).permutation(len(y)) % training.members
    grids = low_passed(images, shape.cell_px)
    scales = float(grids.mean()), float(grids.std()) or 1.0, float(y.mean()), float(y.std()) or 1.0
    inputs = torch.from_numpy((grids - scales[0]) / scales[1])[:, None]
    values = torch.from_numpy((y - scales[2]) / scales[3]).float()
    networks = []
    for member in range(training.members):
        rows = torch.from_numpy(np.flatnonzero(folds != member))
        key = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, member))
        progress = _part_of(report, member * training.epochs, training.members * training.epochs)
        networks.append(_fit_member((inputs[rows], values[rows]), shape, training, key, progress))
    return ImageEnsemble(networks, shape.cell_px, *scales), folds


def _fit_member(
    labels: tuple[Tensor, Tensor],
    shape: NetworkShape,
    training: EnsembleTraining,
    seed: np.random.SeedSequence,
    report: Callable[[int], None],
) -> ImageNetwork:
    """One network, by the mean squared error of images that are turned and shifted at random."""
    inputs, values = labels
    network = ImageNetwork(shape, torch.Generator().manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1)))
    rng = np.random.default_rng(seed)
    batch = min(training.batch_size, len(values))
    steps = training.epochs * (len(values) // batch)
    optimiser = torch.optim.AdamW(
        network.parameters(), training.learning_rate, weight_decay=training.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, training.learning_rate, total_steps=steps + 1, pct_start=WARM_UP
    )
    for epoch in range(training.epochs):
        for rows in torch.from_numpy(rng.permutation(len(values))).split(batch):
            if len(rows) < batch:
                continue
            loss = functional.mse_loss(network(_moved(inputs[rows], rng)), values[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"an image network diverged in epoch {epoch + 1}; try a lower learning_rate")
        report(epoch + 1)
    return network.eval()


def _moved(grids: Tensor, rng: np.random.Generator) -> Tensor:
    """A batch (B, 1, n, n) under a random symmetry of the square and a random shift round the torus."""
    down, right = rng.integers(grids.shape[-1], size=2).tolist()
    return turned(grids.roll((down, right), dims=(2, 3)), int(rng.integers(SYMMETRIES))).contiguous()


def _part_of(report: ProgressReport | None, before: int, total: int) -> Callable[[int], None]:
    return (lambda done: None) if report is None else (lambda done: report(before + done, total))
