"""Training that goes epoch by epoch, by one worker or several in step: reports, checkpoints, and going on from them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ganmdn.session import TrainingSession

EpochReport = Callable[[int, dict[str, float]], None]
"""Called after every epoch (from 1) with its losses; what it raises ends the training."""

STATE_FILE = "training.pt"
REPORT_SECONDS = 1.0  # between reports to the session
CHECKPOINT_SECONDS = 30.0  # between checkpoints, or longer:
CHECKPOINT_SHARE = 0.02  # of the time may go into writing them
NOTHING, REPORT, CHECKPOINT = range(3)


class TrainingPausedError(Exception):
    """The session asked to stop; what is done lies in its newest checkpoint."""


@dataclass(frozen=True)
class Alone:
    """The session of a bare fit: one worker, nobody who listens, nothing kept."""

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    rank: int = 0
    world_size: int = 1

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module, moved to the device."""
        return module.to(self.device)

    def latest_checkpoint(self) -> None:
        """None."""

    def report(self, metrics: dict[str, float], checkpoint: Path | None) -> None:
        """Drop them."""

    def asked_to_stop(self) -> bool:
        """Never."""
        return False


ALONE = Alone()


class EpochTraining(Protocol):
    """Networks, optimisers and data of one worker."""

    @property
    def epochs(self) -> int:
        """How many there are at most."""

    @property
    def is_over(self) -> bool:
        """Whether no more epochs are needed; the same on every worker."""

    def epoch(self) -> dict[str, float]:
        """Do the next epoch; its losses, the same on every worker."""

    def state(self) -> dict[str, Any]:
        """All that is needed to go on after this epoch: tensors and plain values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over :meth:`state`."""


def train_epochs(
    training: EpochTraining, session: TrainingSession, report: EpochReport | None = None, steps_after: int = 0
) -> None:
    """Do all epochs, going on from the session's newest checkpoint if there is one.

    Reports and checkpoints go to the session by the clock of the first worker: they change no number. Their metrics are
    ``step``, the epochs done, ``steps``, those that there are at most and ``steps_after``, and the losses.

    Parameters
    ----------
    training
        What is trained, at its beginning.
    session
        Where it runs.
    report
        Hears of every epoch, in this process; epochs before the checkpoint are left out.
    steps_after
        What follows the training and is counted with it; the end of the training then is a checkpoint too.

    Raises
    ------
    TrainingPausedError
        The session asked to stop, and was handed a checkpoint.
    """
    done = 0
    if (folder := session.latest_checkpoint()) is not None:
        state = torch.load(folder / STATE_FILE, map_location="cpu", weights_only=True)
        done = int(state["epoch"])
        training.restore(state["training"])
    clock = _Clock(session)
    while done < training.epochs and not training.is_over:
        losses = training.epoch()
        done += 1
        if report is not None:
            report(done, losses)
        stops = session.asked_to_stop()
        ends = training.is_over or done == training.epochs
        due = CHECKPOINT if stops or (ends and steps_after) else clock.due()
        if due != NOTHING:
            metrics = {"step": float(done), "steps": float(training.epochs + steps_after), **losses}
            _hand_in(training, done, metrics, session, with_checkpoint=due == CHECKPOINT)
            clock.restart(due)
        if stops:
            raise TrainingPausedError


def check_workers(workers: int, session: TrainingSession) -> None:
    """ValueError unless the session has as many workers as the configuration says."""
    if session.world_size != workers:
        raise ValueError(
            f"workers must equal the session's world size, as it changes the result, got workers {workers} "
            f"in a session of {session.world_size}"
        )


def sum_over_workers(values: Tensor, session: TrainingSession) -> Tensor:
    """The sum over all workers, the same on each of them; of one worker the very values. All of them call it."""
    if session.world_size == 1:
        return values
    total = values.double()  # whose sums do not depend on their order, but for the last digits of single precision
    torch.distributed.all_reduce(total)
    return total.to(values.dtype)


def share_of(rows: Tensor, session: TrainingSession) -> Tensor:
    """This worker's share of the rows of a batch (B,)."""
    return rows[session.rank :: session.world_size]


def of_whole_batch(loss: Tensor, share: Tensor, batch: Tensor, session: TrainingSession) -> Tensor:
    """A share's mean loss, weighed so that the mean of its gradient over the workers is that of the whole batch.

    Shares differ by a row where a batch does not split evenly.
    """
    weight = len(share) * session.world_size / len(batch)
    return loss if weight == 1 else loss * weight


class _Clock:
    """When the next report and the next checkpoint are due: by the first worker's clock, for all workers."""

    def __init__(self, session: TrainingSession) -> None:
        self._session = session
        self._asked = time.monotonic()
        self._report_at, self._checkpoint_at = self._asked, self._asked + CHECKPOINT_SECONDS

    def due(self) -> int:
        """One of NOTHING, REPORT and CHECKPOINT."""
        self._asked = now = time.monotonic()
        due = CHECKPOINT if now >= self._checkpoint_at else REPORT if now >= self._report_at else NOTHING
        if self._session.world_size == 1:
            return due
        said = torch.tensor([float(due) if self._session.rank == 0 else 0.0], device=self._session.device)
        return int(sum_over_workers(said, self._session).item())

    def restart(self, done: int) -> None:
        """What was due has been done."""
        now = time.monotonic()
        self._report_at = now + REPORT_SECONDS
        if done == CHECKPOINT:
            self._checkpoint_at = now + max(CHECKPOINT_SECONDS, (now - self._asked) / CHECKPOINT_SHARE)


def _hand_in(
    training: EpochTraining, done: int, metrics: dict[str, float], session: TrainingSession, with_checkpoint: bool
) -> None:
    if session.rank or not with_checkpoint:
        session.report(metrics, None)
        return
    with tempfile.TemporaryDirectory(prefix="epoch-checkpoint-") as folder:
        torch.save({"epoch": done, "training": training.state()}, Path(folder) / STATE_FILE)
        session.report(metrics, Path(folder))
