"""What the fan-out costs: simulations a second through Ray and Zarr, against the same solver in a bare loop per core.

    python benchmarks/fanout_overhead.py [--json] [--workers 2] [--simulations 4000] [--no-op-rows 1000000]

``efficiency`` is the rate through the campaign's fan-out (Ray workers, one shard a unit, checksums, fsync) divided by
that of as many bare processes that solve the same images and keep nothing. ``cpu_efficiency`` divides the processor
time that a bare simulation takes by that of one in the fan-out, driver and all of Ray's processes included: it knows
nothing of waiting, but stays meaningful on a machine that others use as well. ``rows_per_second`` is the rate of
simulations that do nothing, written to a store all the same: the ceiling of dispatcher and store together.
``driver_mb`` is the driver's memory at the end of those rows, ``driver_mb_early`` after a tenth of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from campaign.plan.cost import LEAST_SECONDS, suitable_rows
from campaign.plan.optics import optics_of
from campaign.spec.load import load_spec
from campaign.spec.profile import LocalProfile, available_cpus
from campaign.stages.simulator import Simulator
from campaign.work.context import StageContext
from campaign.work.progress import StageProgress
from campaign.work.resources import Resources
from campaign.work.simulations import simulate_designs
from cluster.driver.runtime import SINGLE_THREAD
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.stores.store import SimulationStore

SPEC = Path(__file__).resolve().parent.parent / "specs" / "quickstart.yaml"
ORDERS, IMAGE_PX, NO_OP_PX = 5, 64, 32
LATENT = (2, 2)
GOALS = {"efficiency": 0.95, "rows_per_second": 20_000.0}


@dataclass(frozen=True)
class NoOp:
    """Has the face of a simulator and does nothing."""

    layer_names: tuple[str, ...] = ("film",)
    wavelengths_nm: tuple[float, ...] = (980.0,)
    property_names: tuple[str, ...] = ("absorption",)
    at_once = 1

    def rows(self, images: np.ndarray) -> list[Mapping[str, Any]]:
        """The same row for every image."""
        return [self.row(image) for image in images]

    def row(self, image: np.ndarray) -> Mapping[str, Any]:
        """The same row for every image."""
        return NO_OP_ROW


NO_OP_ROW = {
    **dict.fromkeys(("y", "absorption", "reflection", "transmission", "error_estimate", "seconds"), 0.5),
    "layer_absorption": np.array([0.5]),
    "spectrum": np.array([0.5]),
    "status": 1,
    "error_class": "",
    "error_message": "",
}


def main() -> None:
    options = _options()
    os.environ.update(SINGLE_THREAD)  # for the bare processes; Ray's workers have it anyway
    with tempfile.TemporaryDirectory(prefix="fanout-", dir=options.folder) as name:
        folder = Path(name)
        resources = Resources(LocalProfile(kind="local", workers=options.workers, dashboard=False), 1)
        try:
            result = {
                "workers": options.workers,
                **compare(resources, folder, options.workers, options.simulations, options.rounds),
                **ceiling(resources, folder, options.workers, options.no_op_rows),
            }
        finally:
            resources.close()
    print(json.dumps(result, indent=2) if options.json else _told(result))


def compare(resources: Resources, folder: Path, workers: int, simulations: int, rounds: int) -> dict[str, float]:
    """Rates of the fan-out and of the bare loop, in turn."""
    simulator = Simulator.from_config(optics_of(load_spec(SPEC).spec.physics, ORDERS, IMAGE_PX))
    images = (np.random.default_rng(1).random((simulations, IMAGE_PX, IMAGE_PX)) < 0.4).astype(np.uint8)
    designs = save(folder / "designs", images)
    started = time.perf_counter()
    for image in images[:8]:
        simulator.row(image)
    rows = suitable_rows(simulations, (time.perf_counter() - started) / 8, workers)
    fan_out(resources, simulator, save(folder / "few", images[: 4 * workers]), folder / "warm-up", 1)
    bare, bare_cpu, through, through_cpu = [], [], [], []
    for number in range(rounds):
        seconds, cpu = bare_loops(simulator, images, workers)
        bare.append(simulations / seconds)
        bare_cpu.append(cpu)
        before = processor_seconds()
        through.append(simulations / fan_out(resources, simulator, designs, folder / f"round-{number}", rows))
        through_cpu.append(processor_seconds() - before)
    return {
        "simulations": simulations,
        "rows_per_unit": rows,
        "bare_per_second": statistics.median(bare),
        "fan_out_per_second": statistics.median(through),
        "efficiency": statistics.median(through) / statistics.median(bare),
        "cpu_efficiency": statistics.median(bare_cpu) / statistics.median(through_cpu),
    }


def ceiling(resources: Resources, folder: Path, workers: int, count: int) -> dict[str, float]:
    """Rate of simulations that do nothing, and the driver's memory meanwhile."""
    designs = save(folder / "no-op-designs", np.zeros((count, NO_OP_PX, NO_OP_PX), np.uint8))
    memory = Memory()
    with memory:
        rows = suitable_rows(count, LEAST_SECONDS, workers)
        seconds = fan_out(resources, NoOp(), designs, folder / "no-op", rows, NO_OP_PX, memory.watch)  # type: ignore[arg-type]
    return {
        "no_op_rows": count,
        "no_op_rows_per_unit": rows,
        "rows_per_second": count / seconds,
        "driver_mb": memory.last,
        "driver_mb_early": memory.early,
    }


def fan_out(
    resources: Resources,
    simulator: Simulator,
    designs: Path,
    folder: Path,
    rows_per_unit: int,
    image_px: int = IMAGE_PX,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> float:
    """Seconds that a stage takes to simulate all designs into a store."""
    folder.mkdir()
    logs = folder.with_name(f"{folder.name}-logs")

    def tell(event: str, **facts: Any) -> None:
        if event == "progress":  # others tell that a worker has begun
            watch(facts["done"], facts["total"])

    progress = StageProgress("labels", tell)
    context = StageContext(folder, resources, progress, rows_per_unit, logs)
    physics = optics_of(load_spec(SPEC).spec.physics, ORDERS, image_px)  # which the store says it was simulated with
    started = time.perf_counter()
    simulate_designs(simulator, physics, designs, "labels.zarr", context)
    seconds = time.perf_counter() - started
    assert SimulationStore.open(folder / "labels.zarr").is_complete
    return seconds


def bare_loops(simulator: Simulator, images: np.ndarray, workers: int) -> tuple[float, float]:
    """Seconds, and processor seconds, of processes that solve a share of the images each, once all are ready."""
    processes = multiprocessing.get_context("spawn")
    barrier, used = processes.Barrier(workers + 1), processes.SimpleQueue()
    shares = [images[worker::workers] for worker in range(workers)]
    children = [processes.Process(target=_loop, args=(simulator, share, barrier, used)) for share in shares]
    for child in children:
        child.start()
    barrier.wait()
    started = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - started
    for child in children:
        child.join()
    return seconds, sum(used.get() for _ in children)


def _loop(simulator: Simulator, images: np.ndarray, barrier: Any, used: Any) -> None:
    simulator.row(images[0])  # what the first one loads and caches is not counted, on neither side
    barrier.wait()
    before = time.process_time()
    for image in images:
        simulator.row(image)
    used.put(time.process_time() - before)
    barrier.wait()


def processor_seconds() -> float:
    """Of this process and all below it, so far."""
    ticks: dict[int, tuple[int, int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            ticks[int(path.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    family = {os.getpid()}
    while more := {process for process, (parent, _) in ticks.items() if parent in family} - family:
        family |= more
    return sum(ticks[process][1] for process in family) / os.sysconf("SC_CLK_TCK")


class Memory:
    """Resident memory of this process in MB: after a tenth of the rows, and at the end."""

    def __init__(self) -> None:
        self.early = self.last = 0.0
        self._stop = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> None:
        self._sampler.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._sampler.join()
        self.last = _resident_mb()

    def watch(self, done: int, total: int) -> None:
        """Take note after a tenth."""
        if done >= total / 10 and not self.early:
            self.early = _resident_mb()

    def _sample(self) -> None:
        while not self._stop.wait(0.2):
            self.last = _resident_mb()


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def save(folder: Path, images: np.ndarray) -> Path:
    """A set of designs on disk."""
    DesignSet({"image": pack_images(images), "z": np.zeros((len(images), *LATENT), np.float32)}).save(folder)
    return folder


def _told(result: Mapping[str, float]) -> str:
    lines = [
        f"{result['bare_per_second']:.1f} simulations/s in bare loops on {result['workers']} cores, "
        f"{result['fan_out_per_second']:.1f} through the fan-out: efficiency {result['efficiency']:.3f} "
        f"(goal {GOALS['efficiency']}), {result['cpu_efficiency']:.3f} by processor time",
        f"{result['rows_per_second']:,.0f} rows/s of simulations that do nothing, stored "
        f"(goal {GOALS['rows_per_second']:,.0f}), over {result['no_op_rows']:,} rows",
        f"driver: {result['driver_mb_early']:.0f} MB after a tenth of them, {result['driver_mb']:.0f} MB at the end",
    ]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--workers", type=int, default=available_cpus(), help="cores to use")
    parser.add_argument("--simulations", type=int, default=4000, help="RCWA simulations of each round")
    # So that a busy moment of the machine meets both ways.
    parser.add_argument("--rounds", type=int, default=3, help="of both ways in turn, of which the medians count")
    parser.add_argument("--no-op-rows", type=int, default=1_000_000, help="simulations that do nothing")
    parser.add_argument("--folder", type=Path, default=None, help="where to write for the time; default: /tmp")
    return parser.parse_args()


if __name__ == "__main__":
    main()
