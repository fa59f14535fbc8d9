"""One simulation of a store again, in the foreground: its inputs, what came of it, and where it failed."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from campaign.stages.simulator import Simulator
from campaign.work.failures import FailureClass
from campaign.work.simulations import DESIGNS_ATTRIBUTE
from campaign.work.watchdog import Note, Watchdog, read_note
from results.designs.design_set import DesignSet
from results.stores.layout import Status, StoreError
from results.stores.store import SimulationStore


@dataclass(frozen=True)
class Replay:
    """A simulation that was run again.

    Attributes
    ----------
    inputs
        Scalars, the latent, and what there is to say of the image.
    recorded
        What stands in the store; empty where the unit was never written.
    outcome
        ``status`` (done or failed), the numbers or the error's class and message, and ``seconds``.
    traceback
        Where it failed, "" where it did not.
    """

    store: Path
    row: int
    inputs: Mapping[str, Any]
    recorded: Mapping[str, Any]
    outcome: Mapping[str, Any]
    traceback: str

    @property
    def failed(self) -> bool:
        """Whether it came to nothing, this time."""
        return self.outcome["status"] == "failed"


def replay(path: Path, row: int, limit_s: float) -> Replay:
    """Simulate one row of the store at ``path`` again, in a process of its own; the store is not changed.

    Parameters
    ----------
    path
        The store.
    row
        Number of the simulation.
    limit_s
        Seconds after which it is ended.

    Raises
    ------
    FileNotFoundError
        There is no store.
    StoreError
        It has no such row, no physics, or neither row nor inputs are there.
    """
    store = SimulationStore.open(path)
    if not 0 <= row < store.capacity:
        raise StoreError(f"row must be from 0 to {store.capacity - 1} in {path}, got {row}")
    physics = store.attributes.get("physics")
    if physics is None:
        raise StoreError(f"{path} does not say with what physics it was simulated, so nothing can be run again")
    columns, recorded = _row(store, row)
    outcome, trace = _simulate(physics, columns["image"], limit_s)
    return Replay(path, row, _described(columns), recorded, outcome, trace)


def _row(store: SimulationStore, row: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs of a row, and what is recorded of its outcome: from the store, or from the designs behind it."""
    inputs = ["image", *store.layout.inputs, *(["z"] if store.layout.latent_shape is not None else [])]
    if store.is_finished or store.is_done(row // store.rows_per_unit):
        columns = {name: column[0] for name, column in store.read(rows=slice(row, row + 1)).items()}
        outcome = store.read("y", "error_class", "error_message", "seconds", rows=slice(row, row + 1))
        recorded = {name: column[0] for name, column in outcome.items()}
        recorded["status"] = Status(int(columns["status"])).name.lower()
        return {name: columns[name] for name in inputs}, recorded
    designs = store.attributes.get(DESIGNS_ATTRIBUTE)
    folder = None if designs is None else (store.path.parent / designs).resolve()
    if folder is None or not folder.is_dir():
        raise StoreError(f"row {row} of {store.path} was not written, and its inputs are not there any more: {folder}")
    columns = {name: column[0] for name, column in DesignSet.open(folder).rows(slice(row, row + 1)).items()}
    return {name: columns[name] for name in inputs if name in columns}, {}


def _described(columns: Mapping[str, Any]) -> dict[str, Any]:
    image = columns["image"]
    shown = {name: value for name, value in columns.items() if name != "image"}
    return {**shown, "image": f"{len(image)} x {len(image)} px, {image.mean():.1%} white"}


def _simulate(physics: Mapping[str, Any], image: np.ndarray, limit_s: float) -> tuple[dict[str, Any], str]:
    """Outcome and traceback of one simulation; a process of its own may hang, or die."""
    processes = multiprocessing.get_context("spawn")
    receiver, sender = processes.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        note = Path(folder) / "note"
        started = time.monotonic()
        child = processes.Process(target=_solve, args=(sender, physics, image, note, limit_s))
        child.start()
        sender.close()
        try:
            return receiver.recv()
        except EOFError:  # it died and sent nothing
            child.join()
            return _death(child.exitcode or 0, read_note(note), time.monotonic() - started, limit_s)
        finally:
            child.kill()
            child.join()


def _solve(sender: Connection, physics: Mapping[str, Any], image: np.ndarray, note: Path, limit_s: float) -> None:
    simulator = Simulator.from_stored(physics)
    started = time.perf_counter()
    with Watchdog(note, limit_s) as watchdog:
        watchdog.begin(0)
        try:
            outcome, trace = {"status": "done", **simulator.solve(image)}, ""
        except Exception as error:
            outcome = {"status": "failed", "error_class": type(error).__name__, "error_message": str(error)}
            trace = traceback.format_exc()
    sender.send(({**outcome, "seconds": time.perf_counter() - started}, trace))


def _death(exit_code: int, note: Note, seconds: float, limit_s: float) -> tuple[dict[str, Any], str]:
    if note.is_timeout:
        kind, message = FailureClass.TIME_LIMIT, f"took longer than {limit_s:g} s"
    else:
        kind = FailureClass.WORKER_LOST
        message = f"its process ended with {_exit_name(exit_code)}; out of memory, or a crash in C code?"
    outcome = {"status": "failed", "error_class": str(kind), "error_message": message, "seconds": seconds}
    return outcome, note.text


def _exit_name(exit_code: int) -> str:
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
