"""Driver of a GAN training over the nodes of a cluster that it heads; a program, for the tests of such trainings.

Usage: python gan_driver.py FOLDER HOST NODES CPUS RANKS KILLED_RANK
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cluster import runtime
from cluster.training import Placement, run_training

SEED = np.random.SeedSequence(5)
STEPS, CHECKPOINT_EVERY, KILL_STEP = 60, 5, 15


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
        left = len(runtime.alive_nodes())
    facts = {"checkpoint": str(result.checkpoint), "restarts": result.restarts, "nodes": left}
    (folder / "result.json").write_text(json.dumps(facts))


def train(task: dict[str, Any], session: Any) -> None:
    """One rank: note where it runs, then train; one of the ranks dies once on the way."""
    from ganmdn.features import RandomFeatures
    from ganmdn.gan import train_gan
    from ganmdn.gan_config import GanConfig
    from ganmdn.microstructures import MicrostructureRanges, draw_microstructures

    with (task["folder"] / f"hosts-{session.rank}.txt").open("a") as hosts:
        hosts.write(os.uname().nodename + "\n")
    session.report = partial(_report, session.report, session.rank, task)
    images = draw_microstructures(32, MicrostructureRanges(), np.random.SeedSequence(0), range(24))[0]
    config = GanConfig(
        steps=STEPS,
        batch_size=12,
        workers=task["ranks"],
        checkpoint_every=CHECKPOINT_EVERY,
        features=RandomFeatures(filters=4),
    )
    train_gan(config, images, SEED, session)


def _report(
    report: Any, rank: int, task: dict[str, Any], metrics: dict[str, float], checkpoint: Path | None = None
) -> None:
    report(metrics, checkpoint)
    mark = task["folder"] / "rank-killed"
    if rank == task["killed_rank"] and metrics["step"] >= KILL_STEP and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:7]))
