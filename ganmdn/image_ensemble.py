"""Image networks fitted by cross-validation: together they predict new images, one by one the labels it did not see."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ganmdn.epochs import ALONE, EpochReport, check_workers, of_whole_batch, share_of, sum_over_workers, train_epochs
from ganmdn.forward_config import EnsembleTraining, NetworkShape
from ganmdn.image_network import SYMMETRIES, ImageNetwork, low_passed, turned
from ganmdn.session import TrainingSession

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


def fit_ensembles(
    images: np.ndarray,
    properties: Sequence[np.ndarray],
    shape: NetworkShape,
    training: EnsembleTraining,
    seeds: Sequence[np.random.SeedSequence],
    session: TrainingSession = ALONE,
    steps_after: int = 0,
) -> list[tuple[ImageEnsemble, np.ndarray]]:
    """Fit networks to labelled images (n, H, H) and each of several properties (n,), each leaving out its fold.

    Several workers each take a share of every batch; ``session`` and ``steps_after`` are those of ``train_epochs``.

    Returns
    -------
    list
        For each property the ensemble, and for each label the member that did not see it, (n,).

    Raises
    ------
    ValueError
        If labels are too few, or the session has another number of workers.
    FloatingPointError
        If a network diverged.
    TrainingPausedError
        The session asked to stop.
    """
    count = len(images)
    if count < 2 * training.members:
        raise ValueError(
            f"there must be at least {2 * training.members} labels for {training.members} members, got {count}"
        )
    grids = low_passed(images, shape.cell_px)
    of_pixels = float(grids.mean()), float(grids.std()) or 1.0
    inputs = torch.from_numpy((grids - of_pixels[0]) / of_pixels[1])[:, None]
    of_y = [(float(y.mean()), float(y.std()) or 1.0) for y in properties]
    folds = [np.random.default_rng(seed).permutation(count) % training.members for seed in seeds]
    tasks = [
        _Task(
            torch.from_numpy((y - mean) / scale).float(),
            torch.from_numpy(np.flatnonzero(fold != member)),
            np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, member)),
        )
        for y, (mean, scale), fold, seed in zip(properties, of_y, folds, seeds, strict=True)
        for member in range(training.members)
    ]
    members = _Members(inputs, tasks, shape, training, session)
    train_epochs(members, session, steps_after=steps_after)
    networks = [network.cpu() for network in members.networks]
    return [
        (ImageEnsemble(networks[first : first + training.members], shape.cell_px, *of_pixels, *scales), fold)
        for first, scales, fold in zip(range(0, len(networks), training.members), of_y, folds, strict=True)
    ]


def try_network(
    images: np.ndarray,
    properties: Sequence[np.ndarray],
    shape: NetworkShape,
    training: EnsembleTraining,
    seed: np.random.SeedSequence,
    report: EpochReport,
) -> None:
    """Fit one network to each property but for a fold of the labels; ``report`` hears how well that is predicted.

    Its ``validation_loss`` is the mean squared error of the fold in units of the labels' variance, the mean over
    properties. Parameters are those of ``fit_ensembles``; one worker.
    """
    grids = low_passed(images, shape.cell_px)
    inputs = torch.from_numpy((grids - float(grids.mean())) / (float(grids.std()) or 1.0))[:, None]
    held_out = torch.from_numpy(np.random.default_rng(seed).permutation(len(images)) % training.members == 0)
    networks, wanted = [], []
    for place, y in enumerate(properties):
        values = torch.from_numpy((y - y.mean()) / (float(y.std()) or 1.0)).float()
        key = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, place))
        networks.append(_Member((inputs[~held_out], values[~held_out]), shape, training, key, ALONE))
        wanted.append(values[held_out])
    for epoch in range(1, training.epochs + 1):
        for network in networks:
            network.epoch()
        losses = [network.loss_of(inputs[held_out], y) for network, y in zip(networks, wanted, strict=True)]
        report(epoch, {"validation_loss": float(np.mean(losses))})


class _Task(NamedTuple):
    """What one network learns: standardised properties of all labels (n,), the rows that it sees, and its seed."""

    values: Tensor
    rows: Tensor
    seed: np.random.SeedSequence


class _Member:
    """One network on its way: by the mean squared error of images that are turned and shifted at random."""

    def __init__(
        self,
        labels: tuple[Tensor, Tensor],
        shape: NetworkShape,
        training: EnsembleTraining,
        seed: np.random.SeedSequence,
        session: TrainingSession,
    ) -> None:
        self._labels, self._session = labels, session
        network = ImageNetwork(shape, torch.Generator().manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1)))
        self.network = network.to(session.device)
        self._shared = session.wrap(self.network)
        self._rng = np.random.default_rng(seed)
        self._batch = min(training.batch_size, len(labels[1]))
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), training.learning_rate, weight_decay=training.weight_decay, fused=True
        )
        steps = training.epochs * (len(labels[1]) // self._batch)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimiser, training.learning_rate, total_steps=steps + 1, pct_start=WARM_UP
        )

    def epoch(self) -> float:
        """One pass over the labels; the loss of its last batch."""
        inputs, values = self._labels
        session, last = self._session, torch.zeros(())
        for rows in torch.from_numpy(self._rng.permutation(len(values))).split(self._batch):
            if len(rows) < self._batch:
                continue
            moved = _moved(inputs[rows], self._rng)  # all of them, so that every worker draws the same
            share = share_of(torch.arange(len(rows)), session)
            wanted = values[rows[share]].to(session.device)
            loss = functional.mse_loss(self._shared(moved[share].to(session.device)), wanted)
            self._optimiser.zero_grad()
            of_whole_batch(loss, share, rows, session).backward()
            self._optimiser.step()
            self._schedule.step()
            last = loss.detach() * (len(share) / len(rows))
        return float(sum_over_workers(last, session))

    def loss_of(self, inputs: Tensor, values: Tensor) -> float:
        """Mean squared error of other labels."""
        with torch.inference_mode():
            parts = [self.network(part) for part in inputs.split(IMAGES_AT_ONCE)]
        return float(functional.mse_loss(torch.cat(parts), values))

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {
            "network": self.network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "draws": json.dumps(self._rng.bit_generator.state),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over :meth:`state`."""
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self._rng.bit_generator.state = json.loads(state["draws"])


class _Members:
    """All networks, one after the other."""

    is_over = False

    def __init__(
        self,
        inputs: Tensor,
        tasks: Sequence[_Task],
        shape: NetworkShape,
        training: EnsembleTraining,
        session: TrainingSession,
    ) -> None:
        check_workers(training.workers, session)
        self.epochs = len(tasks) * training.epochs
        self.networks: list[ImageNetwork] = []
        self._inputs, self._tasks = inputs, tasks
        self._shape, self._training, self._session = shape, training, session
        self._member, self._done = self._begun(0), 0

    def _begun(self, number: int) -> _Member:
        values, rows, seed = self._tasks[number]
        labels = self._inputs[rows], values[rows]
        return _Member(labels, self._shape, self._training, seed, self._session)

    def epoch(self) -> dict[str, float]:
        """One pass of the network whose turn it is."""
        loss = self._member.epoch()
        self._done += 1
        if not np.isfinite(loss):
            epoch = (self._done - 1) % self._training.epochs + 1
            raise FloatingPointError(f"an image network diverged in epoch {epoch}; try a lower learning_rate")
        if self._done % self._training.epochs == 0:
            self.networks.append(self._member.network.eval())
            if self._done < self.epochs:
                self._member = self._begun(len(self.networks))
        return {"loss": loss}

    def state(self) -> dict[str, Any]:
        """See ``EpochTraining.state``."""
        networks = [network.state_dict() for network in self.networks]
        return {"networks": networks, "member": self._member.state(), "done": self._done}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See ``EpochTraining.restore``."""
        self._done = state["done"]
        for weights in state["networks"]:
            network = ImageNetwork(self._shape, torch.Generator())
            network.load_state_dict(weights)
            self.networks.append(network.eval())
        if self._done < self.epochs:
            self._member = self._begun(len(self.networks))
            self._member.restore(state["member"])


def _moved(grids: Tensor, rng: np.random.Generator) -> Tensor:
    """A batch (B, 1, n, n) under a random symmetry of the square and a random shift round the torus."""
    down, right = rng.integers(grids.shape[-1], size=2).tolist()
    return turned(grids.roll((down, right), dims=(2, 3)), int(rng.integers(SYMMETRIES))).contiguous()
