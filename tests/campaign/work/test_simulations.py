"""Simulations that hang, eat memory, kill their worker or raise: what becomes of it all, and on Ray as in process."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from campaign.plan.optics import SimulatedPhysics, optics_of
from campaign.spec.campaign import Spec
from campaign.spec.profile import InProcessProfile, Limits, LocalProfile
from campaign.stages.simulator import Simulator
from campaign.work.context import StageContext
from campaign.work.failures import TooManyFailuresError
from campaign.work.progress import StageProgress
from campaign.work.resources import Resources
from campaign.work.simulations import simulate_apart, simulate_designs
from campaign.work.unit import UNFINISHED_FOLDER
from cluster.driver.errors import WorkerDiedError
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.stores.layout import Status
from results.stores.store import SimulationStore

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
PX, COUNT = 64, 12
LIMITS = Limits(simulation_s=10, attempts=2, failed_share=0.1)


DRIVER = os.getpid()


def hang(folder: Path) -> None:
    if os.getpid() == DRIVER:
        raise WorkerDiedError("it took longer than 10 s", timed_out=True)
    ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock


def die(folder: Path) -> None:
    if os.getpid() == DRIVER:
        raise WorkerDiedError("killed")
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(folder: Path) -> None:
    if not (folder / "died").exists():
        (folder / "died").touch()
        die(folder)


def eat(folder: Path) -> None:
    with (folder / "eaten").open("a") as stream:
        stream.write("x")
    bytearray(2**62)


def misbehave(folder: Path) -> None:
    raise KeyError("permittivity")


def diverge(folder: Path) -> None:
    raise FloatingPointError("energy balance is off by 0.3")


@dataclass(frozen=True)
class Marked:
    """The real simulator, except for images with a mark: their first row of pixels names what they do, in bits."""

    simulator: Simulator
    physics: SimulatedPhysics
    folder: Path
    mischief: tuple[Callable[[Path], None], ...] = (hang, die, die_once, eat, misbehave, diverge)

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "simulator"), name)

    def rows(self, images: np.ndarray) -> list[dict[str, Any]]:
        return [self.row(image) for image in images]

    def row(self, image: np.ndarray) -> dict[str, Any]:
        mark = int(image[0, :4] @ [1, 2, 4, 8])
        if mark == len(self.mischief):  # the last is the physics', which the real simulator turns into a row
            return self.simulator.failed_row("FloatingPointError", "energy balance is off by 0.3", 0.1)
        if mark:
            self.mischief[mark - 1](self.folder)
        return self.simulator.row(image)

    @classmethod
    def mark(cls, image: np.ndarray, mischief: Callable[[Path], None]) -> None:
        number = cls.mischief.index(mischief) + 1
        image[0, :4] = [number >> bit & 1 for bit in range(4)]


IN_PROCESS = InProcessProfile(kind="in-process", limits=LIMITS)
ON_RAY = LocalProfile(kind="local", workers=2, dashboard=False, limits=LIMITS)


# With every change, test_watchdog.py ends real processes that hang, and pools on Ray lose theirs.
WITH_RAY = pytest.param(ON_RAY, marks=[pytest.mark.ray, pytest.mark.slow])


@pytest.fixture(scope="module", params=[IN_PROCESS, WITH_RAY], ids=["here", "ray"])
def resources(request: pytest.FixtureRequest) -> Iterator[Resources]:
    if request.param is ON_RAY:
        from ray import cloudpickle

        cloudpickle.register_pickle_by_value(sys.modules[__name__])
    started = Resources(request.param)
    yield started
    started.close()


@pytest.fixture
def simulator(make_spec: Callable[..., Spec], tmp_path: Path) -> Marked:
    optics = optics_of(make_spec().physics, 1, PX)
    return Marked(Simulator.from_config(optics), optics, tmp_path)


@pytest.fixture
def images() -> np.ndarray:
    images = (np.random.default_rng(3).random((COUNT, PX, PX)) < 0.4).astype(np.uint8)
    images[:, 0, :4] = 0
    return images


@pytest.fixture
def context(resources: Resources, tmp_path: Path) -> StageContext:
    (tmp_path / "stage").mkdir()
    return StageContext(
        tmp_path / "stage",
        resources,
        StageProgress("labels", lambda *_, **__: None),
        rows_per_unit=6,
        log_folder=tmp_path / "logs",
    )


def simulate(simulator: Marked, images: np.ndarray, context: StageContext) -> dict[str, np.ndarray]:
    designs = context.folder.parent / "designs"
    DesignSet({"image": pack_images(images), "z": np.zeros((COUNT, 2, 2), np.float32)}).save(designs)
    simulate_designs(simulator, simulator.physics, designs, "labels.zarr", context)  # type: ignore[arg-type]
    store = SimulationStore.open(context.folder / "labels.zarr")
    assert store.is_complete
    assert not (context.folder / UNFINISHED_FOLDER).exists()
    return store.read()


def expected(simulator: Marked, images: np.ndarray) -> list[float]:
    return [simulator.simulator.row(image)["y"] for image in images]


@pytest.mark.parametrize(
    ("mischief", "error_class", "message"),
    [
        (hang, "TimeLimit", "took longer than 10 s"),
        (die, "WorkerLost", "2 workers died while they simulated it"),
        (eat, "OutOfMemory", "ran out of memory with no other row beside it"),
        (diverge, "FloatingPointError", "energy balance is off by 0.3"),
    ],
)
def test_a_culprit_is_quarantined_and_its_neighbours_are_done(
    mischief: Callable[[Path], None],
    error_class: str,
    message: str,
    simulator: Marked,
    images: np.ndarray,
    context: StageContext,
) -> None:
    simulator.mark(images[4], mischief)
    columns = simulate(simulator, images, context)
    failed = np.flatnonzero(columns["status"] == Status.FAILED)
    assert failed.tolist() == [4]
    assert columns["error_class"][4] == error_class
    assert columns["error_message"][4].startswith(message)
    assert np.isnan(columns["y"][4])
    np.testing.assert_array_equal(columns["image"], images)  # its inputs are kept
    others = np.delete(np.arange(COUNT), 4)
    assert columns["y"][others].tolist() == expected(simulator, images[others])
    assert context.facts["failed"] == 1


def test_memory_is_asked_for_in_smaller_chunks(
    simulator: Marked, images: np.ndarray, context: StageContext, tmp_path: Path
) -> None:
    simulator.mark(images[6], eat)  # the first of its unit
    simulate(simulator, images, context)
    assert (tmp_path / "eaten").read_text() == "xxx"  # among 6 rows, among 3, alone


def test_a_unit_whose_worker_was_killed_is_done_elsewhere(
    simulator: Marked, images: np.ndarray, context: StageContext, tmp_path: Path
) -> None:
    simulator.mark(images[8], die_once)
    columns = simulate(simulator, images, context)
    assert (tmp_path / "died").exists()
    assert columns["y"].tolist() == expected(simulator, images)


def test_an_exception_is_not_retried_names_its_row_and_keeps_finished_rows(
    simulator: Marked, images: np.ndarray, context: StageContext
) -> None:
    simulator.mark(images[3], misbehave)
    with pytest.raises(KeyError, match="permittivity") as caught:
        simulate(simulator, images, context)
    assert caught.value.__notes__ == [f"row 3 of {context.folder / 'labels.zarr'}"]
    assert "in misbehave" in str(caught.value.__cause__)
    kept = list((context.folder / UNFINISHED_FOLDER / "labels" / "0").glob("rows-*.npz"))
    assert kept
    images[3, 0, :4] = 0  # mended
    DesignSet({"image": pack_images(images)}).save(context.folder.parent / "designs")
    assert simulate(simulator, images, context)["y"].tolist() == expected(simulator, images)


def test_a_store_is_given_up_for_its_many_failures_and_tried_again_later(
    simulator: Marked, images: np.ndarray, context: StageContext, caplog: pytest.LogCaptureFixture
) -> None:
    for image in images[:2]:
        simulator.mark(image, eat)
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(TooManyFailuresError, match="2 of 12 simulations failed already"),
    ):
        simulate(simulator, images, context)
    assert "row 0 is quarantined: OutOfMemory" in caplog.text
    images[:2, 0, :4] = 0
    assert simulate(simulator, images, context)["y"].tolist() == expected(simulator, images)


def test_images_apart_are_quarantined_likewise(simulator: Marked, images: np.ndarray, context: StageContext) -> None:
    simulator.mark(images[1], hang)
    simulator.mark(images[2], die)
    columns = simulate_apart(simulator, images[:4], context)  # type: ignore[arg-type]
    assert columns["error_class"].tolist() == ["", "TimeLimit", "WorkerLost", ""]
    assert columns["y"][[0, 3]].tolist() == expected(simulator, images[[0, 3]])


def test_a_shard_that_was_cut_short_is_found_and_done_again(
    simulator: Marked, images: np.ndarray, context: StageContext
) -> None:
    whole = simulate(simulator, images, context)
    shard = context.folder / "labels.zarr" / "absorption" / "c" / "1"
    os.truncate(shard, shard.stat().st_size - 7)
    untouched = (context.folder / "labels.zarr" / "status" / "c" / "0").stat().st_mtime_ns
    again = simulate(simulator, images, context)
    assert again["absorption"].tolist() == whole["absorption"].tolist()
    assert (context.folder / "labels.zarr" / "status" / "c" / "0").stat().st_mtime_ns == untouched


def test_a_full_disk_stops_a_stage_which_goes_on_when_there_is_space(
    simulator: Marked, images: np.ndarray, context: StageContext, small_disk: Callable[[Path, str], None]
) -> None:
    small_disk(context.folder, "160k")  # the empty store and one unit
    with pytest.raises(OSError, match="No space left on device"):
        simulate(simulator, images, context)
    store = SimulationStore.open(context.folder / "labels.zarr")
    assert store.damaged_units() == []
    assert 0 < len(store.missing_units()) <= 2
    small_disk(context.folder, "16m")
    assert simulate(simulator, images, context)["y"].tolist() == expected(simulator, images)
