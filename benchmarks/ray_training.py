"""What Ray Train costs: a GAN's steps and an MDN's fit by one worker of a pool, beside bare PyTorch loops without Ray.

    python benchmarks/ray_training.py [--steps 50] [--epochs 100] [--repeats 3] [--json]

Both run in the same worker of one thread. ``rate`` is the share of the bare loop's rate that is kept, by processor
seconds of the training alone (the machine may be busy), ``overhead_seconds`` what is spent around the training in wall
time, from the call to the result; the first one of a worker loads Ray Train.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import one_core  # noqa: F401  it sets threads, so it comes before anything numerical
from rich import print

from cluster.driver import runtime
from cluster.pool.ray_pool import RayPool
from cluster.train.training import run_training

SEED = np.random.SeedSequence(0)
IMAGE_PX, IMAGES, BATCH = 64, 64, 16
LABELS, LATENT = 600, 16


def gan_task(steps: int) -> tuple[Any, np.ndarray]:
    """A training that neither reports nor keeps anything in between, and its images."""
    from ganmdn.gan_config import GanConfig
    from ganmdn.microstructures import MicrostructureRanges, draw_microstructures

    images = draw_microstructures(IMAGE_PX, MicrostructureRanges(), SEED, range(IMAGES))[0]
    return GanConfig(steps=steps, batch_size=BATCH, workers=1, checkpoint_every=steps), images


def bare_gan(steps: int) -> float:
    """Processor seconds of the steps in a loop."""
    from ganmdn.epochs import ALONE
    from ganmdn.gan import GanTrainer

    task = gan_task(steps)

    def train() -> None:
        trainer = GanTrainer(*task, SEED, ALONE)
        for number in range(steps):
            trainer.step(number)

    return _timed(train)


def ray_gan(steps: int, session: Any) -> None:
    """The same as a campaign trains: with reports, and a checkpoint at the end."""
    from ganmdn.gan import train_gan

    task = gan_task(steps)
    _hand_in(session, lambda: train_gan(*task, SEED, session))


def mdn_labels() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random(LABELS), rng.uniform(-1, 1, (LABELS, LATENT))


def bare_mdn(epochs: int) -> float:
    """Processor seconds of a fit that anybody would write first, with a look at held-out labels and the best kept."""
    import torch

    from ganmdn.mdn import MdnShape, MixtureDensityNetwork

    y, targets = (torch.from_numpy(values).float() for values in mdn_labels())
    held_out, train = slice(0, LABELS // 10), slice(LABELS // 10, LABELS)
    network = MixtureDensityNetwork(MdnShape(LATENT), torch.Generator().manual_seed(0))
    adam = torch.optim.Adam(network.parameters(), 1e-3, fused=True)

    def fit() -> None:
        best, kept = float("-inf"), {}
        for _ in range(epochs):
            network.train()
            for rows in torch.randperm(LABELS - LABELS // 10).split(128):
                adam.zero_grad()
                (-network.log_prob(y[train][rows], targets[train][rows]).mean()).backward()
                adam.step()
            with torch.no_grad():
                seen = network.eval().log_prob(y[held_out], targets[held_out]).mean().item()
            if seen > best:
                best, kept = seen, {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(kept)

    return _timed(fit)


def ray_mdn(epochs: int, session: Any) -> None:
    """The same as a campaign fits."""
    from ganmdn.mdn_training import MdnTraining, fit_mdn

    labels, config = mdn_labels(), MdnTraining(max_epochs=epochs, patience=epochs)
    _hand_in(session, lambda: fit_mdn(*labels, config, SEED, session=session))


def _timed(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def _hand_in(session: Any, run: Callable[[], object]) -> None:
    wall, processor = time.perf_counter(), _timed(run)
    metrics = {"processor_seconds": processor, "wall_seconds": time.perf_counter() - wall}
    with tempfile.TemporaryDirectory() as folder:
        session.report(metrics, Path(folder))


def compare(pool: RayPool, bare: Callable[[int], float], trained: Any, size: int, repeats: int) -> dict[str, float]:
    """Medians of both in turn, and what was spent around the training."""

    def submit(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return pool.submit(pool.share(function, max_attempts=1), *arguments)

    plain, ours, around = [], [], []
    pool.submit(bare, 1).result()  # loads what both need
    with tempfile.TemporaryDirectory() as folder:
        for number in range(repeats + 1):
            plain.append(pool.submit(bare, size).result())
            started = time.perf_counter()
            result = run_training(trained, size, workers=1, submit=submit, storage=Path(folder), name=f"run-{number}")
            around.append(time.perf_counter() - started - result.metrics["wall_seconds"])
            ours.append(result.metrics["processor_seconds"])
    plain_seconds, seconds = statistics.median(plain[1:]), statistics.median(ours[1:])
    return {
        "bare_seconds": plain_seconds,
        "seconds": seconds,
        "rate": plain_seconds / seconds,
        "first_overhead_seconds": around[0],
        "overhead_seconds": statistics.median(around[1:]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50, help="of the GAN, with one checkpoint")
    parser.add_argument("--epochs", type=int, default=100, help="of the MDN")
    parser.add_argument("--repeats", type=int, default=3, help="of each, after one that is not counted")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of sentences")
    arguments = parser.parse_args()
    figures = {}
    with runtime.start(cpus=1, gpus=0):
        for name, bare, trained, size in (
            ("GAN", bare_gan, ray_gan, arguments.steps),
            ("MDN", bare_mdn, ray_mdn, arguments.epochs),
        ):
            with RayPool(1) as pool:
                figures[name] = compare(pool, bare, trained, size, arguments.repeats)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, row in figures.items():
        print(
            f"{name}: {row['seconds']:.2f} s beside {row['bare_seconds']:.2f} s of a bare loop, {row['rate']:.2f} of "
            f"its rate; {row['overhead_seconds']:.2f} s around it, {row['first_overhead_seconds']:.2f} s the first time"
        )


if __name__ == "__main__":
    main()
