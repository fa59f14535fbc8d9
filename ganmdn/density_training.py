"""Fitting a network that gives the density of targets: Adam on the negative log-likelihood, with early stopping."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import nn

from ganmdn.density_config import EarlyStopping
from ganmdn.targets import Target

EpochReport = Callable[[int, dict[str, float]], None]
"""Called after every epoch (from 1) with ``train_loss`` and ``validation_loss``; what it raises ends the fit."""

NEAREST = 40  # labels that stand for a range, where no more lie within

Labels = tuple[torch.Tensor, torch.Tensor]  # y (n,) or (n, D), and targets (n, M)


class ConditionalDensity(nn.Module):
    """A network p(targets | y); ``known`` are the properties that it was fitted to, (n,) or (n, D), None if unknown."""

    known: torch.Tensor | None = None

    def log_prob(self, y: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Log-likelihood of ``targets`` (B, M) given ``y`` (B,) or (B, D), in nats; (B,)."""
        raise NotImplementedError


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
    device: torch.device | str = "cpu",
) -> DensityFit[Network]:
    """Fit p(targets | y); the same arguments give the same network.

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
        Hears the losses of every epoch; see ``EpochReport``.
    device
        Where to train.

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, or too few labels are left for a batch or for validation.
    FloatingPointError
        If no epoch reached a finite validation loss.
    """
    _check(y, targets)
    train, validation = split_labels(len(y), config, np.random.default_rng(seed))
    y_all, targets_all = (torch.as_tensor(array, dtype=torch.float32, device=device) for array in (y, targets))
    initial = torch.Generator().manual_seed(int(seed.generate_state(1, np.uint64)[0] >> 1))
    network = make_network(initial).to(device)
    held_out = (y_all[validation], targets_all[validation])
    network.known = torch.as_tensor(y, dtype=torch.float64)
    return _descend(network, (y_all[train], targets_all[train]), held_out, config, seed, report)


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
    held_out = max(1, round(count * config.validation_fraction))
    if count - held_out < config.batch_size:
        raise ValueError(
            f"batch_size must not exceed the labels left for training, got batch_size {config.batch_size} "
            f"for {count} labels of which {held_out} are held out; give more labels or a smaller batch"
        )
    order = rng.permutation(count)
    return order[held_out:], order[:held_out]


def _descend(
    network: Network,
    train: Labels,
    validation: Labels,
    config: EarlyStopping,
    seed: np.random.SeedSequence,
    report: EpochReport | None,
) -> DensityFit[Network]:
    """Adam until the validation loss has not improved for ``patience`` epochs; best weights at the end."""
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
    rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, 0)))
    losses: list[tuple[float, float]] = []
    best_loss, best_epoch, best_state = math.inf, 0, network.state_dict()
    for epoch in range(1, config.max_epochs + 1):
        order = torch.as_tensor(rng.permutation(len(train[0])), device=train[0].device)
        train_loss = _train_epoch(network, optimizer, train, order.split(config.batch_size))
        validation_loss = mean_loss(network, *validation, config.batch_size)
        losses.append((train_loss, validation_loss))
        if validation_loss < best_loss:
            best_loss, best_epoch = validation_loss, epoch
            best_state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
        if report is not None:
            report(epoch, {"train_loss": train_loss, "validation_loss": validation_loss})
        if epoch - best_epoch >= config.patience or not math.isfinite(train_loss):
            break
    if best_epoch == 0:
        raise FloatingPointError(
            f"validation loss was not finite in any of {len(losses)} epochs; "
            f"check the targets' scale or lower learning_rate (now {config.learning_rate:g})"
        )
    network.cpu().load_state_dict(best_state)
    train_losses, validation_losses = np.array(losses).T
    return DensityFit(network.eval(), train_losses, validation_losses, best_epoch)


def _train_epoch(
    network: ConditionalDensity,
    optimizer: torch.optim.Optimizer,
    train: Labels,
    batches: tuple[torch.Tensor, ...],
) -> float:
    """One pass over the batches; returns the mean loss. A last batch of one row has no batch statistics."""
    network.train()
    total, rows = torch.zeros((), device=train[0].device), 0
    for batch in batches:
        if len(batch) < 2:
            continue
        loss = -network.log_prob(train[0][batch], train[1][batch]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach() * len(batch)
        rows += len(batch)
    return float(total) / rows


def mean_loss(network: ConditionalDensity, y: torch.Tensor, targets: torch.Tensor, batch_size: int) -> float:
    """Mean negative log-likelihood of labels at inference, in nats."""
    network.eval()
    with torch.no_grad():
        parts = [
            network.log_prob(part_y, part_targets).sum()
            for part_y, part_targets in zip(y.split(batch_size), targets.split(batch_size), strict=True)
        ]
    return -float(torch.stack(parts).sum()) / len(y)


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
