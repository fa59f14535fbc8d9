"""What a training loop asks of the place where it runs, and the in-process answer."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)
CHECKPOINT_PREFIX = "checkpoint_"


class TrainingSession(Protocol):
    """One of ``world_size`` workers that train a model together.

    Attributes
    ----------
    rank, world_size
        Which worker this is, and of how many.
    device
        Where the worker's tensors live.
    """

    @property
    def rank(self) -> int:
        """Number of this worker, from 0."""

    @property
    def world_size(self) -> int:
        """Number of workers."""

    @property
    def device(self) -> torch.device:
        """Where this worker's tensors live."""

    def wrap(self, module: Module) -> nn.Module:
        """Return a module whose gradients are averaged over the workers (itself if there is one worker)."""

    def latest_checkpoint(self) -> Path | None:
        """Folder of the newest checkpoint, or None; the same on every worker."""

    def report(self, metrics: dict[str, float], checkpoint: Path | None) -> None:
        """Hand in metrics and perhaps a checkpoint folder, which is copied before this returns.

        Every worker calls it, with the same keys; rank 0 alone passes a folder.
        """

    def asked_to_stop(self) -> bool:
        """Whether the training should hand in a checkpoint and return, to go on later.

        The same on every worker; all of them ask equally often.
        """


@dataclass
class LocalSession:
    """A training session in this process: one worker, checkpoints in a folder.

    Attributes
    ----------
    folder
        Where checkpoints are kept; made when the first one comes.
    device
        Where tensors live.
    metrics
        Everything reported by this object, in order.
    """

    folder: Path
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    metrics: list[dict[str, float]] = field(default_factory=list)
    rank: int = 0
    world_size: int = 1

    def wrap(self, module: Module) -> Module:
        """Return ``module``, moved to the device."""
        return module.to(self.device)

    def latest_checkpoint(self) -> Path | None:
        """Folder of the newest checkpoint, or None."""
        return max(self.folder.glob(f"{CHECKPOINT_PREFIX}*"), default=None, key=lambda path: path.name)

    def report(self, metrics: dict[str, float], checkpoint: Path | None) -> None:
        """Note ``metrics`` and keep a copy of ``checkpoint`` as the newest, in place of the one before."""
        self.metrics.append(dict(metrics))
        if checkpoint is None:
            return
        previous = self.latest_checkpoint()
        number = 0 if previous is None else int(previous.name.removeprefix(CHECKPOINT_PREFIX)) + 1
        # Copied under another name first: a folder called checkpoint_* is always whole.
        partial = self.folder / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(checkpoint, partial)
        partial.rename(self.folder / f"{CHECKPOINT_PREFIX}{number:06d}")
        if previous is not None:
            shutil.rmtree(previous)

    def asked_to_stop(self) -> bool:
        """Never: whoever called is waiting here."""
        return False
