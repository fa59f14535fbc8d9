"""How ranks reach each other, and that the mean of their gradients is the same whichever rank holds which share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, nn

from cluster.train.process_groups import average_exactly, interface_of

RANKS, WEIGHTS = 3, 5000


class Weighted(nn.Module):
    """A module whose gradient is what it is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(WEIGHTS))

    def forward(self, share: torch.Tensor) -> torch.Tensor:
        return (self.weight * share).sum()


def shares() -> torch.Tensor:
    """One gradient for each rank, of very different sizes, float32 (RANKS, WEIGHTS)."""
    draw = torch.Generator().manual_seed(3)
    return torch.randn(RANKS, WEIGHTS, generator=draw) * 10 ** torch.randn(RANKS, WEIGHTS, generator=draw)


def average(folder: Path, rank: int) -> None:
    """Average every share once, whichever rank it is with, and leave what came out."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/meeting", world_size=RANKS, rank=rank)
    module = average_exactly(nn.parallel.DistributedDataParallel(Weighted()))
    for shift in range(RANKS):
        module.zero_grad()
        module(shares()[(rank + shift) % RANKS]).backward()
        if rank == 0:
            np.save(folder / f"{shift}.npy", module.module.weight.grad.numpy())
    distributed.destroy_process_group()


@pytest.mark.long
def test_a_mean_over_ranks_does_not_depend_on_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    # Programs of their own: a fork of this process would hold the locks of torch's threads, and not the threads.
    ranks = [subprocess.Popen([sys.executable, __file__, tmp_path, str(rank)]) for rank in range(RANKS)]
    assert [rank.wait(timeout=300) for rank in ranks] == [0] * RANKS
    expected = shares().double().mean(dim=0).float().numpy()
    for shift in range(RANKS):
        np.testing.assert_array_equal(np.load(tmp_path / f"{shift}.npy"), expected)


def test_one_rank_has_nothing_to_average() -> None:
    module = Weighted()
    assert average_exactly(module) is module


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="interfaces are looked up on Linux")
def test_an_interface_is_found_by_its_address() -> None:
    assert interface_of("127.0.0.1") == "lo"
    assert interface_of("203.0.113.9") is None  # nobody's address (RFC 5737)


if __name__ == "__main__":
    average(Path(sys.argv[1]), int(sys.argv[2]))
