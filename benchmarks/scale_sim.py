"""What a campaign of 1e5 or 1e7 simulations on 1000 workers costs everything but its workers.

    python benchmarks/scale_sim.py                # the tables of docs/scaling.md
    python benchmarks/scale_sim.py --json
    python benchmarks/scale_sim.py --ray          # also times real Ray calls on this machine

Real: the dispatcher (``cluster.pool.fanout``), a unit's way to the shared file system
(``campaign.work.unit.simulate_unit`` into a real store, with the solver left out), the driver's threads
(``cluster.pool.pool`` with stand-in actors), the event log.
Simulated: the 1000 workers. They have the latencies of a solver, drawn from a log-normal distribution, on a clock that
jumps from one finished unit to the next; the driver's own time between them is real and delays them all.
"""

from __future__ import annotations

import argparse
import dataclasses
import heapq
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from campaign.plan.cost import UNIT_S, suitable_rows
from campaign.record.events import EventLog
from campaign.work.unit import SECONDS_AT_RISK, SimulationJob, Unit, UnitSummary, simulate_unit
from cluster.pool.fanout import fan_out
from cluster.pool.place import Outcome, Place
from cluster.pool.pool import WorkerPool
from cluster.pool.task import SharedFunction
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.stores.layout import Status
from results.stores.store import SimulationStore

IMAGE_PX, LATENT = 96, (3, 3)
LAYERS = ("pattern", "film")
SPREAD = 0.3  # standard deviation of the logarithm of a simulation's time
POLL_SECONDS = 30.0  # between two looks at Slurm's queue, for all jobs of a run at once
PROGRESS_SECONDS = 1.0  # at most one progress event a stage in this time
KINDS = {"os.mkdir": "mkdir", "os.rename": "rename", "os.remove": "remove", "os.rmdir": "rmdir"}  # audit events
MEASURED_UNITS = 4
CEILING_UNITS = 20_000


# --- the dispatcher, on a simulated clock --------------------------------------------------------------------------


class VirtualPool:
    """A pool whose workers only take time, on a clock of their own; what the driver does between takes real time.

    Finished units are handed back while the caller hands out more, which is when the real pool's threads do it too.
    """

    def __init__(self, workers: int, seconds: Callable[[int], float], call_seconds: float) -> None:
        self.workers = workers
        self.busy = 0.0  # worker-seconds of work
        self.driver = 0.0  # seconds of the driver's own time
        self.end = 0.0
        self._seconds = seconds
        self._call_seconds = call_seconds
        self._free = [0.0] * workers  # when each worker is free again
        self._running: list[tuple[float, int, Future[Any]]] = []
        self._now = 0.0  # the driver's clock
        self._real = time.process_time()
        self._count = 0

    def share(self, function: Callable[..., Any]) -> SharedFunction:
        """The function, as the dispatcher hands it back."""
        return SharedFunction("stand-in", function)

    def submit(self, function: SharedFunction, unit: Unit) -> Future[Any]:
        """Give the unit to the worker that is free first; then let the first unit in flight end, if all are busy."""
        self._take_time()
        start = max(heapq.heappop(self._free), self._now)
        seconds = self._seconds(unit.number)
        heapq.heappush(self._free, start + seconds)
        self.busy += seconds
        self._count += 1
        future: Future[Any] = Future()
        heapq.heappush(self._running, (start + seconds, self._count, future))
        if len(self._running) == 2 * self.workers:
            self._end_one()
        return future

    def end_all(self) -> None:
        """There are no more units: let those in flight end, in the order of their ends."""
        while self._running:
            self._end_one()

    def _end_one(self) -> None:
        end, _, future = heapq.heappop(self._running)
        self._now = max(self._now, end)
        self.end = max(self.end, end)
        future.set_result(UnitSummary(finished=True, simulations=1))

    def _take_time(self) -> None:
        """The driver was at work since the last call: its clock goes on, whatever the workers do."""
        real = time.process_time()  # leaves out the pauses that this machine's other work makes
        spent = real - self._real + self._call_seconds
        self._real = real
        self._now += spent
        self.driver += spent


@dataclass(frozen=True)
class Dispatch:
    """One fan-out on a simulated clock."""

    units: int
    hours: float
    utilisation: float
    driver_share: float  # of the driver's one core
    driver_mb: float  # most memory that the dispatcher itself took
    events_mb: float
    controller_calls: int


def dispatch(simulations: int, rows_per_unit: int, workers: int, seconds: float, call_seconds: float) -> Dispatch:
    """Fan ``simulations`` out over simulated workers, through the real dispatcher."""
    units = -(-simulations // rows_per_unit)
    draw = _unit_seconds(units, rows_per_unit, seconds)
    virtual = VirtualPool(workers, draw, call_seconds)

    def source() -> Iterator[Unit]:
        yield from map(Unit, range(units))
        virtual.end_all()

    before = most = _resident_mb()

    def count(unit: Unit, result: UnitSummary) -> None:
        nonlocal most
        if unit.number % 1000 == 0:
            most = max(most, _resident_mb())

    summary = fan_out(virtual, source(), _nothing, on_done=count)  # type: ignore[arg-type]
    assert summary.done == units
    return Dispatch(
        units=units,
        hours=virtual.end / 3600,
        utilisation=virtual.busy / (workers * virtual.end),
        driver_share=virtual.driver / virtual.end,
        driver_mb=most - before,
        events_mb=min(units, virtual.end / PROGRESS_SECONDS) * _event_bytes() / 1e6,
        controller_calls=int(virtual.end // POLL_SECONDS) + 1,
    )


def _unit_seconds(units: int, rows: int, seconds: float) -> Callable[[int], float]:
    """Time of every unit: the sum of its rows' log-normal times, drawn for the unit alone."""
    mean, spread = seconds * np.exp(SPREAD**2 / 2), seconds * np.sqrt(np.expm1(SPREAD**2) * np.exp(SPREAD**2))
    drawn = np.random.default_rng(0).normal(rows * mean, spread * np.sqrt(rows), units)  # central limit
    return lambda unit: max(float(drawn[unit]), 0.0)


def _event_bytes() -> float:
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder))
        facts = {"done": 123456, "total": 10**7, "failed": 12, "message": "simulations", "core_seconds": 123456.789}
        log.write("progress", stage="labels/data-ii", **facts)
        log.close()
        return (Path(folder) / "events.jsonl").stat().st_size


# --- the driver's threads ------------------------------------------------------------------------------------------


class StandInPlace(Place):
    """A worker's place in the driver whose worker answers at once."""

    is_filled = False

    def fill(self, give_up: Callable[[], bool]) -> None:
        """Have a worker."""
        self.is_filled = True  # type: ignore[misc]

    def call(self, *arguments: Any) -> Outcome:
        """Answer at once."""
        return Outcome(UnitSummary(finished=True, simulations=1))

    def kill(self) -> None:
        """Nothing to end."""

    def clear(self) -> None:
        """Have no worker any more."""
        self.is_filled = False  # type: ignore[misc]


class StandInPool(WorkerPool):
    """The real pool over such places."""

    def _make_place(self) -> Place:
        return StandInPlace()

    def _shipped(self, function: Callable[..., Any]) -> Any:
        return function


@dataclass(frozen=True)
class Ceiling:
    """The pool's threads with nothing to wait for."""

    workers: int
    units_per_second: float
    threads: int
    mb: float


def ceiling(workers: int) -> Ceiling:
    """Units a second through the real pool and dispatcher, with stand-in actors that answer at once."""
    before = _resident_mb()
    with StandInPool(workers) as pool:
        started = time.process_time()  # one process of Python has one core, whatever else the machine does
        fan_out(pool, map(Unit, range(CEILING_UNITS)), _nothing)
        rate = CEILING_UNITS / (time.process_time() - started)
        return Ceiling(workers, rate, threading.active_count(), _resident_mb() - before)


def _nothing(unit: Unit) -> None:
    """A unit without work."""


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def ray_call_seconds() -> float:
    """Driver's time for one call of a real Ray actor, with two of them, on this machine."""
    from cluster.driver import runtime
    from cluster.pool.ray_pool import RayPool

    with runtime.start(cpus=2), RayPool(2) as pool:
        fan_out(pool, map(Unit, range(200)), _nothing)  # warm
        cpu, units = time.process_time(), 4000
        fan_out(pool, map(Unit, range(units)), _nothing)
        return (time.process_time() - cpu) / units


# --- the shared file system ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StandInSolver:
    """A solver that knows its answer; everything around it is real."""

    layer_names: tuple[str, ...] = LAYERS
    at_once: int = 1

    def rows(self, images: np.ndarray) -> list[dict[str, Any]]:
        """A row for each image."""
        return [self.row(image) for image in images]

    def row(self, image: np.ndarray) -> dict[str, Any]:
        """All columns of a row."""
        y = float(image.mean())
        return {
            "y": y, "absorption": y, "reflection": 1 - y, "transmission": 0.0, "error_estimate": 1e-9,
            "layer_absorption": np.array([y / 3, 2 * y / 3]), "spectrum": np.array([y]), "seconds": 0.5,
            "status": int(Status.DONE), "error_class": "", "error_message": "",
        }  # fmt: skip


@dataclass(frozen=True)
class Footprint:
    """What one unit of work does to the file system, and what a restart reads of it."""

    rows_per_unit: int
    files: int
    kb: float
    operations: dict[str, int]
    operations_to_keep: int  # rows of a unit that is not whole yet
    check_ms: float  # a restart verifies the checksums of what is there
    list_us: float  # and lists what is done

    @property
    def metadata_operations(self) -> int:
        """Creations, renames, removals and folders: what a metadata server has to do."""
        return sum(self.operations.values())


class MetadataCount:
    """Counts what the interpreter asks of the file system below one folder, while switched on."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._folder: str | None = None
        sys.addaudithook(self._hear)

    def start(self, folder: Path) -> None:
        """Count from now on, below ``folder``."""
        self.counts.clear()
        self._folder = str(folder)

    def stop(self) -> dict[str, int]:
        """Stop; what was counted, by kind."""
        self._folder = None
        return dict(self.counts)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._folder is None or not arguments or self._folder not in str(arguments[0]):
            return
        if event == "open":
            writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            self.counts["create" if writes else "open"] += 1
        elif event in KINDS:
            self.counts[KINDS[event]] += 1


def footprint(rows_per_unit: int, count: MetadataCount) -> Footprint:
    """Write units for real, with the solver left out, and look at what they leave."""
    with tempfile.TemporaryDirectory(prefix="scale-") as name:
        folder, rows = Path(name), rows_per_unit * MEASURED_UNITS
        job = SimulationJob(StandInSolver(), folder / "designs", folder / "store" / "labels.zarr")  # type: ignore[arg-type]
        store = _new_store(job, rows, rows_per_unit)
        files, size = _measure(store.path)
        simulate_unit(job, Unit(0))  # the first one also imports
        after, grown = _measure(store.path)
        count.start(folder)
        for unit in range(1, MEASURED_UNITS):
            simulate_unit(job, Unit(unit))
        asked = {kind: round(times / (MEASURED_UNITS - 1)) for kind, times in count.stop().items() if kind != "open"}
        count.start(folder)
        checkpoint = job.checkpoint(0)
        checkpoint.add(0, job.simulator.row(np.zeros((IMAGE_PX, IMAGE_PX), np.uint8)))
        checkpoint.keep()
        checkpoint.clear()
        kept = sum(times for kind, times in count.stop().items() if kind != "open")
        started = time.process_time()
        assert store.damaged_units() == []
        check = (time.process_time() - started) / MEASURED_UNITS
        started = time.process_time()
        store.read("status")
        listing = (time.process_time() - started) / MEASURED_UNITS
    return Footprint(rows_per_unit, after - files, (grown - size) / 1e3, asked, kept, 1e3 * check, 1e6 * listing)


def _new_store(job: SimulationJob, rows: int, rows_per_unit: int) -> SimulationStore:
    random = np.random.default_rng(0)
    images = random.integers(0, 2, (rows, IMAGE_PX, IMAGE_PX), dtype=np.uint8)
    z = random.uniform(-1, 1, (rows, *LATENT)).astype(np.float32)
    DesignSet({"z": z, "image": pack_images(images)}).save(job.designs)
    job.store.parent.mkdir()
    return SimulationStore.create(
        job.store, capacity=rows, latent_shape=LATENT, image_px=IMAGE_PX, rows_per_unit=rows_per_unit,
        layers=LAYERS, wavelengths_nm=(980.0,),
    )  # fmt: skip


def _measure(folder: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


# --- the tables ----------------------------------------------------------------------------------------------------


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=0.5, help="median time of one simulation")
    parser.add_argument("--simulations", type=float, nargs="+", default=[1e5, 1e7])
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        help="rows a unit to compare; default: what a run chooses, and 10 s of work",
    )
    parser.add_argument("--call-ms", type=float, default=0.5, help="driver's time for one call of a Ray actor")
    parser.add_argument("--ray", action="store_true", help="time Ray calls on this machine and use that")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    call_seconds = ray_call_seconds() if options.ray else options.call_ms / 1e3
    count = MetadataCount()
    threads = ceiling(options.workers)
    results = []
    for simulations in map(int, options.simulations):
        for rows in options.rows or _compared_rows(simulations, options.seconds, options.workers):
            went = dispatch(simulations, rows, options.workers, options.seconds, call_seconds)
            results.append((simulations, went, footprint(rows, count)))
    if options.json:
        print(json.dumps(_plain(options, call_seconds, threads, results), indent=2))
    else:
        _print(options, call_seconds, threads, results)


def _compared_rows(simulations: int, seconds: float, workers: int) -> list[int]:
    """What a run chooses, and what it would choose if it looked at nothing but the time of a unit."""
    return sorted({suitable_rows(simulations, seconds, workers), int(UNIT_S / seconds)})


def _keeping_rate(options: Any, unit: Footprint) -> float:
    """Operations a second for rows that are kept before their unit is whole, by all workers together."""
    seconds = unit.rows_per_unit * options.seconds
    return options.workers * int(seconds // SECONDS_AT_RISK) * unit.operations_to_keep / seconds


def _plain(options: Any, call_seconds: float, threads: Ceiling, results: list[tuple[int, Dispatch, Footprint]]) -> Any:
    return {
        "workers": options.workers,
        "seconds_per_simulation": options.seconds,
        "call_ms": 1e3 * call_seconds,
        "ceiling": dataclasses.asdict(threads),
        "campaigns": [
            {"simulations": simulations, **dataclasses.asdict(went), **dataclasses.asdict(unit)}
            for simulations, went, unit in results
        ],
    }


def _print(options: Any, call_seconds: float, threads: Ceiling, results: list[tuple[int, Dispatch, Footprint]]) -> None:
    print(
        f"{options.workers} workers, {options.seconds:g} s a simulation, {1e3 * call_seconds:.2f} ms of the driver's "
        f"time a call\nthe pool's own ceiling: {threads.units_per_second:,.0f} units/s with {threads.threads} threads "
        f"in {threads.mb:.0f} MB\n"
    )
    rows: list[tuple[str, Callable[[int, Dispatch, Footprint], str]]] = [
        ("simulations", lambda n, d, f: f"{n:.0e}".replace("e+0", "e")),
        ("rows a unit", lambda n, d, f: f"{f.rows_per_unit:,}"),
        ("units", lambda n, d, f: f"{d.units:,}"),
        ("wall time (h)", lambda n, d, f: f"{d.hours:.2f}"),
        ("workers' utilisation", lambda n, d, f: f"{d.utilisation:.1%}"),
        ("driver: share of one core", lambda n, d, f: f"{d.driver_share:.2%}"),
        ("driver: memory of the dispatcher (MB)", lambda n, d, f: f"{d.driver_mb:.1f}"),
        ("event log (MB)", lambda n, d, f: f"{d.events_mb:.2f}"),
        ("controller calls", lambda n, d, f: f"{d.controller_calls:,}"),
        ("shared file system: data (GB)", lambda n, d, f: f"{d.units * f.kb / 1e6:.2f}"),
        ("shared file system: files", lambda n, d, f: f"{d.units * f.files:,}"),
        ("metadata operations a unit", lambda n, d, f: f"{f.metadata_operations}"),
        (
            "metadata operations a second, units",
            lambda n, d, f: f"{d.units * f.metadata_operations / d.hours / 3600:,.0f}",
        ),
        ("the same, rows of unfinished units", lambda n, d, f: f"{_keeping_rate(options, f):,.0f}"),
        ("restart: checking what is there (min)", lambda n, d, f: f"{d.units * f.check_ms / 6e4:.1f}"),
        ("restart: reading one column (s)", lambda n, d, f: f"{d.units * f.list_us / 1e6:.1f}"),
    ]
    for title, cell in rows:
        print(f"| {title} | " + " | ".join(cell(*each) for each in results) + " |")


if __name__ == "__main__":
    main()
