"""A training of one rank in Ray Train's local mode, in a worker of a pool: a group of ranks takes ten seconds to start.

The loop sees the same session. Local mode is a call in its caller's process: what Ray Train's controller does beside
(checkpoints that are kept, metrics on their way to the driver, a new start when the process dies) is done here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from cluster.driver.errors import WorkerLostError
from cluster.train.kept_checkpoints import KeptCheckpoints
from cluster.train.outcome import Metrics, TrainingError, described
from cluster.train.ray_session import METRICS_SUFFIX, STOP_SUFFIX, LocalRaySession, beside

POLL_SECONDS = 0.2  # between looks at the metrics

Submit = Callable[..., "Future[Any]"]
"""Queues a function and its arguments for a worker of one thread; ``WorkerLostError`` when that dies once."""


def run_lone_rank(
    submit: Submit,
    loop: Callable[[Any, Any], None],
    config: Any,
    run_folder: Path,
    on_begin: Callable[[], None],
    on_report: Callable[[Metrics], None],
    while_waiting: Callable[[], None],
) -> tuple[Path | None, Metrics]:
    """Run ``loop(config, session)`` on a worker until it returns; the newest checkpoint, and the last metrics.

    ``on_begin`` is called once a worker has taken it, ``on_report`` with the newest of what it reported,
    ``while_waiting`` several times a second. Leaving by an exception asks the loop to stop.

    Raises
    ------
    TrainingError
        The loop raised something, or its process died.
    """
    metrics_file, last = beside(run_folder, METRICS_SUFFIX), ""
    metrics_file.unlink(missing_ok=True)
    future, has_begun = submit(train_here, loop, config, run_folder), False
    try:
        is_over = False
        while not is_over:
            is_over = bool(wait([future], timeout=POLL_SECONDS).done)
            if not has_begun and (is_over or future.running()):
                has_begun = True
                on_begin()
            with suppress(FileNotFoundError):
                if (told := metrics_file.read_text(encoding="ascii")) != last:
                    last = told
                    on_report(json.loads(told))
            if not is_over:
                while_waiting()
        future.result()
    except WorkerLostError as error:
        raise TrainingError(run_folder.name, {0: described(error)}, is_loss=True) from error
    except BaseException as error:
        if future.done() and error is future.exception():
            raise TrainingError(run_folder.name, {0: described(error)}) from error.__cause__
        with suppress(OSError):  # another may have taken the folder over
            beside(run_folder, STOP_SUFFIX).touch()
        raise
    finally:
        metrics_file.unlink(missing_ok=True)
    return KeptCheckpoints(run_folder).newest(), json.loads(last) if last else {}


def train_here(loop: Callable[[Any, LocalRaySession], None], config: Any, run_folder: Path) -> None:
    """Run a loop in this process, as the only rank of a Ray Train of its own."""
    import torch
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    torch.set_num_threads(1)
    TorchTrainer(
        lambda: loop(config, LocalRaySession(run_folder)),
        scaling_config=ScalingConfig(num_workers=0),
        run_config=RunConfig(name=run_folder.name, storage_path=str(run_folder.parent)),
    ).fit()
