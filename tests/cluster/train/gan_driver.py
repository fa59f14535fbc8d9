"""Driver of a GAN training over the nodes of a cluster that it heads; a program, for the tests of such trainings.

Usage: python gan_driver.py FOLDER HOST NODES CPUS RANKS KILLED_RANK
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cluster.driver import runtime
from cluster.train.training import Placement, run_training

SEED = np.random.SeedSequence(5)
STEPS, CHECKPOINT_EVERY, KILL_STEP, HOLD_STEP = 40, 5, 10, 20
NODE_CUT = "node-cut"  # file that says that the training may pass HOLD_STEP


def main(folder: Path, host: str, nodes: int, cpus: int, ranks: int, killed_rank: int) -> None:
    """Train, and leave ``reports.jsonl`` and ``result.json`` in the folder."""
    with runtime.start(cpus=cpus, gpus=0, host=host, rendezvous=folder / "ray") as started:
        assert runtime.wait_for_nodes(nodes, timeout_s=180) == nodes, started
        with (folder / "reports.jsonl").open("w", buffering=1) as reports:
            result = run_training(
                train,
                {"ranks": ranks, "killed_rank": killed_rank, "folder": folder},
                workers=ranks,
                placement=Placement(spread=True),
                storage=folder,
                name="training",
                on_report=lambda metrics: reports.write(json.dumps(metrics) + "\n") and None,
            )
    facts = {"checkpoint": str(result.checkpoint), "restarts": result.restarts}
    (folder / "result.json").write_text(json.dumps(facts))


def train(task: dict[str, Any], session: Any) -> None:
    """One rank: note where it runs, then train; one rank dies once on the way, and all wait for a node's end."""
    from ganmdn.gan import train_gan

    with (task["folder"] / f"hosts-{session.rank}.txt").open("a") as hosts:
        hosts.write(os.uname().nodename + "\n")
    session.report = partial(_report, session.report, session.rank, task)
    train_gan(training_config(task["ranks"]), images(), SEED, session)


def images() -> np.ndarray:
    """Microstructures to train with, uint8 (24, 32, 32)."""
    from ganmdn.microstructures import MicrostructureRanges, draw_microstructures

    return draw_microstructures(32, MicrostructureRanges(), np.random.SeedSequence(0), range(24))[0]


def training_config(ranks: int) -> Any:
    """A small training for so many ranks."""
    from ganmdn.features import RandomFeatures
    from ganmdn.gan_config import GanConfig

    features = RandomFeatures(filters=4)
    return GanConfig(steps=STEPS, batch_size=12, workers=ranks, checkpoint_every=CHECKPOINT_EVERY, features=features)


def _report(
    report: Any, rank: int, task: dict[str, Any], metrics: dict[str, float], checkpoint: Path | None = None
) -> None:
    report(metrics, checkpoint)
    mark = task["folder"] / "rank-killed"
    if rank == task["killed_rank"] and metrics["step"] >= KILL_STEP and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    while metrics["step"] == HOLD_STEP and not (task["folder"] / NODE_CUT).exists():
        time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:7]))
