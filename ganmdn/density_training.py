"""Fitting a network that gives the density of targets: Adam on the negative log-likelihood, with early stopping."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ganmdn.density_config import EarlyStopping
from ganmdn.epochs import ALONE, EpochReport, check_workers, of_whole_batch, share_of, sum_over_workers, train_epochs
from ganmdn.limits import LEAST_BATCH, check_mdn_split, held_out
from ganmdn.session import TrainingSession
from ganmdn.targets import Target

NEAREST = 40  # labels that stand for a range, where no more lie within

Labels = tuple[Tensor, Tensor]  # y (n,) or (n, D), and targets (n, M)


class ConditionalDensity(nn.Module):
    """A network p(targets | y); ``known`` are the properties that it was fitted to, (n,) or (n, D), None if unknown."""

    known: Tensor | None = None

    def log_prob(self, y: Tensor, targets: Tensor) -> Tensor:
        """Log-likelihood of ``targets`` (B, M) given ``y`` (B,) or (B, D), in nats; (B,)."""
        raise NotImplementedError

    def measure_norms(self, y: Tensor) -> None:
        """Give batch norms, where there are any, the statistics of all properties ``y`` that are trained on."""


Network = TypeVar("Network", bound=ConditionalDensity)


@dataclass(frozen=True)
class DensityFit(Generic[Network]):
    """A fitted network and how it got there.

    Parameters
    ----------
    network
        With the weights of ``best_epoch``, in evaluation mode, on the CPU.
    train_loss, validation_loss
        (epochs,), mean negative log-likelihood in nats. The training loss is the mean over an epoch's batches,
        seen with batch statistics while the weights still moved.
    best_epoch
        The epoch, from 1, with the lowest validation loss.
    """

    network: Network
    train_loss: np.ndarray
    validation_loss: np.ndarray
    best_epoch: int


def fit_density(
    make_network: Callable[[torch.Generator], Network],
    y: np.ndarray,
    targets: np.ndarray,
    config: EarlyStopping,
    seed: np.random.SeedSequence,
    report: EpochReport | None = None,
    session: TrainingSession = ALONE,
) -> DensityFit[Network]:
    """Fit p(targets | y); the same arguments give the same network, however often it is interrupted.

    Several workers each take a share of every batch. Their gradients are averaged, so that one step is that of the
    whole batch, but for batch norms: each worker normalises by its own share, as the GAN's do. Their statistics for
    inference are measured after every epoch, on all labels that are trained on.

    Parameters
    ----------
    make_network
        From the source of its initial weights.
    y
        (n,) or (n, D), properties.
    targets
        (n, M), what the network learns to predict from them.
    seed
        Decides the held-out labels, the initial weights and the order of the batches.
    report
        Hears ``validation_loss`` and ``train_loss`` of every epoch; see ``EpochReport``.
    session
        Where it runs, with ``config.workers`` workers; see ``train_epochs``.

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, too few labels are left for a batch or for validation, or the session
        has another number of workers.
    FloatingPointError
        If no epoch reached a finite validation loss.
    TrainingPausedError
        The session asked to stop.
    """
    _check(y, targets)
    descent = _Descent(make_network, y, targets, config, seed, session)
    train_epochs(descent, session, report)
    fit = descent.fit()
    fit.network.known = torch.as_tensor(y, dtype=torch.float64)
    return fit


def conditions(
    network: ConditionalDensity, target: float | Target, count: int, seed: np.random.SeedSequence
) -> np.ndarray:
    """The properties to ask a network for: (1,) or (1, D) for values, ``count`` rows where a range is wanted.

    p(targets | range) is the mean of p(targets | y) over what the network knows of the range: each row is one of the
    labels within, or of the ``NEAREST`` to it, drawn at random and moved to the nearest point of the range.

    Raises
    ------
    ValueError
        The network has not so many properties, or knows no labels to take a range from.
    """
    target = Target.of(target)
    if target.are_values:
        values = np.array(target.low)
        return values if target.size == 1 else values[None]
    if network.known is None:
        raise ValueError(f"target must be a value for a network whose labels are not known, got {target}")
    known = network.known.numpy()
    distance = target.distance(known)
    pool = np.flatnonzero(distance <= np.sort(distance)[min(NEAREST, len(distance)) - 1])
    rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 0)))
    return target.nearest(known[rng.choice(pool, count, replace=len(pool) < count)])


def split_labels(count: int, config: EarlyStopping, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and the validation labels, drawn at random without replacement."""
    check_mdn_split(count, config.validation_fraction, config.batch_size)
    validation = held_out(count, config.validation_fraction)
    order = rng.permutation(count)
    return order[validation:], order[:validation]


class _Loss(nn.Module):
    """Mean negative log-likelihood of a share of a batch, as a module: data-parallel wrappers want a forward pass."""

    def __init__(self, network: ConditionalDensity) -> None:
        super().__init__()
        self.network = network

    def forward(self, y: Tensor, targets: Tensor) -> Tensor:
        return -self.network.log_prob(y, targets).mean()


class _Descent(Generic[Network]):
    """Adam until the validation loss has not improved for ``patience`` epochs; best weights at the end."""

    def __init__(
        self,
        make_network: Callable[[torch.Generator], Network],
        y: np.ndarray,
        targets: np.ndarray,
        config: EarlyStopping,
        seed: np.random.SeedSequence,
        session: TrainingSession,
    ) -> None:
        check_workers(config.workers, session)
        self.epochs, self._config, self._session = config.max_epochs, config, session
        train, validation = split_labels(len(y), config, np.random.default_rng(seed))
        labels = tuple(torch.as_tensor(array, dtype=torch.float32, device=session.device) for array in (y, targets))
        self._train, self._held_out = ((labels[0][rows], labels[1][rows]) for rows in (train, validation))
        initial = torch.Generator().manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
        self._network = make_network(initial).to(session.device)
        self._loss = session.wrap(_Loss(self._network))
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=config.learning_rate, fused=True)
        self._rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 0)))
        self._losses: list[tuple[float, float]] = []
        self._best_loss, self._best_epoch, self._best = math.inf, 0, self._network.state_dict()

    @property
    def is_over(self) -> bool:
        """Whether patience has run out, or the weights are past recovery."""
        done = len(self._losses)
        return done > 0 and (done - self._best_epoch >= self._config.patience or not math.isfinite(self._losses[-1][0]))

    def epoch(self) -> dict[str, float]:
        """One pass over the batches, and a look at the labels held out."""
        train_loss = self._pass()
        self._network.measure_norms(self._train[0])
        validation_loss = self._validate()
        self._losses.append((train_loss, validation_loss))
        if validation_loss < self._best_loss:
            self._best_loss, self._best_epoch = validation_loss, len(self._losses)
            self._best = {name: value.detach().cpu().clone() for name, value in self._network.state_dict().items()}
        return {"validation_loss": validation_loss, "train_loss": train_loss}

    def _order(self) -> np.ndarray:
        return self._rng.permutation(len(self._train[0]))

    def _pass(self) -> float:
        """The mean loss. A last batch that leaves some worker without batch statistics is left out."""
        session = self._session
        self._network.train()
        total, rows = torch.zeros((), device=session.device), 0
        order = torch.as_tensor(self._order(), device=session.device)
        for batch in order.split(self._config.batch_size):
            if len(batch) < LEAST_BATCH * session.world_size:
                continue
            share = share_of(batch, session)
            loss = self._loss(self._train[0][share], self._train[1][share])
            self._optimizer.zero_grad()
            of_whole_batch(loss, share, batch, session).backward()
            self._optimizer.step()
            total += loss.detach() * len(share)
            rows += len(batch)
        return float(sum_over_workers(total, session)) / rows

    def _validate(self) -> float:
        """Mean negative log-likelihood of the labels held out at inference, in nats."""
        self._network.eval()
        y, targets = (values[self._session.rank :: self._session.world_size] for values in self._held_out)
        size = self._config.batch_size
        with torch.no_grad():
            parts = [
                self._network.log_prob(*part).sum() for part in zip(y.split(size), targets.split(size), strict=True)
            ]
        return -float(sum_over_workers(torch.stack(parts).sum(), self._session)) / len(self._held_out[0])

    def state(self) -> dict[str, Any]:
        """See ``EpochTraining.state``."""
        return {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "losses": self._losses,
            "best": (self._best_loss, self._best_epoch, self._best),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """See ``EpochTraining.restore``."""
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._losses = list(state["losses"])
        self._best_loss, self._best_epoch, self._best = state["best"]
        for _ in self._losses:
            self._order()  # drawn before

    def fit(self) -> DensityFit[Network]:
        """What it came to."""
        if self._best_epoch == 0:
            raise FloatingPointError(
                f"validation loss was not finite in any of {len(self._losses)} epochs; "
                f"check the targets' scale or lower learning_rate (now {self._config.learning_rate:g})"
            )
        self._network.cpu().load_state_dict(self._best)
        train_losses, validation_losses = np.array(self._losses).T
        return DensityFit(self._network.eval(), train_losses, validation_losses, self._best_epoch)


def _check(y: np.ndarray, targets: np.ndarray) -> None:
    """Refuse labels that do not pair up or hold a value that is not finite."""
    if y.ndim not in (1, 2) or targets.ndim != 2 or len(y) != len(targets):
        raise ValueError(f"y must have shape (n,) or (n, D) and targets (n, M), got {y.shape} and {targets.shape}")
    for name, values in (("y", y), ("targets", targets)):
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"{name} must be finite, {int((~finite).sum())} of {len(y)} rows are not "
                f"(first: {int(np.flatnonzero(~finite)[0])}); drop the failed simulations first"
            )
