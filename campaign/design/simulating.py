"""Simulations of a few images, here or under a profile, whose rows a store can keep."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from campaign.plan.optics import SimulatedPhysics
from campaign.spec.profile import InProcessProfile, Profile
from campaign.stages.simulator import Simulator
from campaign.work.context import StageContext
from campaign.work.progress import StageProgress
from campaign.work.resources import Resources
from campaign.work.simulations import simulate_apart

Row = Mapping[str, Any]
Simulate = Callable[[Sequence[np.ndarray]], list[Row]]
SimulateBy = Callable[[SimulatedPhysics, Sequence[np.ndarray]], list[Row]]


@contextmanager
def simulating(profile: Profile | None, report: Callable[[int], None]) -> Iterator[SimulateBy]:
    """What turns physics and images (H, W) into rows of a store, in the same order; workers start with the first image.

    Parameters
    ----------
    profile
        Where; None for this process.
    report
        Called with the number of simulations that have ended since the last call.
    """
    resources = Resources(profile or InProcessProfile(kind="in-process"))
    with tempfile.TemporaryDirectory(prefix="design-") as folder, closing(resources):
        progress = StageProgress("design", lambda *_, **__: None)
        context = StageContext(Path(folder), resources, progress, 1, Path(folder) / "logs", "design")

        def simulate(physics: SimulatedPhysics, images: Sequence[np.ndarray]) -> list[Row]:
            if not images:
                return []
            columns = simulate_apart(Simulator.from_config(physics), np.stack(images), context, lambda done: report(1))
            return [{name: column[place] for name, column in columns.items()} for place in range(len(images))]

        yield simulate
