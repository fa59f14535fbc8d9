"""What a training loop sees of Ray Train, in one rank of several or alone in a pool's worker."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import ray.train
from ray.train import Checkpoint

from cluster.train.kept_checkpoints import KeptCheckpoints
from cluster.train.outcome import Metrics

if TYPE_CHECKING:
    import torch

# Files beside a training's folder: one asks its ranks to stop, the other tells the newest metrics of a lone rank.
STOP_SUFFIX, METRICS_SUFFIX = ".stop", ".metrics"
LOOK_SECONDS, TELL_SECONDS = 0.5, 0.5  # between looks for the one, and changes of the other


def beside(run_folder: Path, suffix: str) -> Path:
    """Such a file."""
    return run_folder.with_name(run_folder.name + suffix)


class RayTrainingSession:
    """What a training loop sees of the cluster, in one rank.

    Attributes
    ----------
    rank
        Number of this process, 0 to ``world_size - 1``.
    world_size
        Number of ranks.
    device
        The torch device of this rank.
    """

    def __init__(self, run_folder: Path) -> None:
        self._stop_file, self._stop, self._next_look = beside(run_folder, STOP_SUFFIX), False, 0.0
        context = ray.train.get_context()
        self.rank: int = context.get_world_rank()
        self.world_size: int = context.get_world_size()
        self.device: torch.device = self._find_device()

    def _find_device(self) -> torch.device:
        import ray.train.torch

        return ray.train.torch.get_device()

    def wrap(self, module: torch.nn.Module) -> torch.nn.Module:
        """Move a module to the device; with several ranks its gradients are averaged over them.

        Buffers, such as running means, stay each rank's own: broadcasting them in every forward pass would
        change them under a second pass of the same step, as adversarial training does.
        """
        import ray.train.torch

        from cluster.train.process_groups import average_exactly

        options = {"broadcast_buffers": False, "find_unused_parameters": False}
        wrapped = ray.train.torch.prepare_model(module, move_to_device=self.device, parallel_strategy_kwargs=options)
        return average_exactly(wrapped)

    def latest_checkpoint(self) -> Path | None:
        """Folder to resume from, or None at a first start; the same on all ranks. Read it before reporting."""
        checkpoint = ray.train.get_checkpoint()
        return None if checkpoint is None else Path(checkpoint.path)

    def report(self, metrics: Metrics, checkpoint: Path | None = None) -> None:
        """Tell the driver, from all ranks together; rank 0 alone may pass a folder, which is copied and kept."""
        folder = None if checkpoint is None else Checkpoint.from_directory(str(checkpoint))
        ray.train.report(metrics, checkpoint=folder)

    def asked_to_stop(self) -> bool:
        """Whether to hand in a checkpoint and return; the same on all ranks, which all ask equally often."""
        import torch

        if self.rank == 0 and time.monotonic() >= self._next_look:
            self._stop = self._stop_file.exists()
            self._next_look = time.monotonic() + LOOK_SECONDS
        if self.world_size == 1:
            return self._stop
        answer = torch.tensor([self._stop], dtype=torch.uint8, device=self.device)
        torch.distributed.broadcast(answer, src=0)
        return bool(answer.item())


class LocalRaySession(RayTrainingSession):
    """The only rank of a training in Ray Train's local mode, which keeps no checkpoint and tells nobody.

    So they are kept here, and the newest metrics are told by a file that the driver reads.
    """

    def __init__(self, run_folder: Path) -> None:
        super().__init__(run_folder)
        self._kept = KeptCheckpoints(run_folder)
        self._metrics_file, self._next_tell = beside(run_folder, METRICS_SUFFIX), 0.0

    def _find_device(self) -> torch.device:
        import torch

        return torch.device("cpu")  # in local mode Ray would take a GPU that nobody has given

    def latest_checkpoint(self) -> Path | None:
        """Folder to resume from, or None at a first start."""
        return self._kept.newest()

    def report(self, metrics: Metrics, checkpoint: Path | None = None) -> None:
        """Keep a copy of the folder, if one is passed, in place of the one before; then tell the metrics."""
        super().report(metrics, None if checkpoint is None else self._kept.keep(checkpoint))
        if checkpoint is not None or time.monotonic() >= self._next_tell:
            self._tell(metrics)

    def _tell(self, metrics: Metrics) -> None:
        partial = beside(self._metrics_file, ".new")
        partial.write_text(json.dumps(metrics), encoding="ascii")
        os.replace(partial, self._metrics_file)
        self._next_tell = time.monotonic() + TELL_SECONDS
