"""One of several ranks of the tests' GAN training, without Ray and undisturbed; a program.

Usage: python gan_reference.py FOLDER RANK RANKS [CHECKPOINT]; from a checkpoint it goes on where that ends.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import torch
from gan_driver import SEED, images, training_config
from torch import distributed, nn

from cluster.train.process_groups import average_exactly
from ganmdn.gan import train_gan
from ganmdn.session import LocalSession


class DistributedSession(LocalSession):
    """A rank whose gradients are averaged by torch alone."""

    begins_from: Path | None = None

    def wrap(self, module: nn.Module) -> nn.Module:
        return average_exactly(nn.parallel.DistributedDataParallel(module, broadcast_buffers=False))

    def latest_checkpoint(self) -> Path | None:
        return super().latest_checkpoint() if self.metrics else self.begins_from


if __name__ == "__main__":
    folder, rank, ranks = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'meeting'}"
    distributed.init_process_group("gloo", meeting, timedelta(minutes=10), world_size=ranks, rank=rank)
    session = DistributedSession(folder / f"rank-{rank}", rank=rank, world_size=ranks)
    session.begins_from = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    train_gan(training_config(ranks), images(), SEED, session)
    distributed.destroy_process_group()
