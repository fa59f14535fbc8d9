"""Images of one's own simulated by a spec's physics into a store: fanned out, and gone on with where it stopped."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from campaign.cache.lease import leased_at_once
from campaign.plan.cost import suitable_rows
from campaign.plan.keys import digest
from campaign.plan.optics import Simulation, simulation_of
from campaign.run.interrupt import ctrl_c
from campaign.spec.campaign import Spec
from campaign.spec.generator import ImagePreparation
from campaign.spec.profile import Profile
from campaign.stages.microstructures import prepare_images
from campaign.stages.simulator import Simulator
from campaign.work.context import StageContext
from campaign.work.progress import StageProgress
from campaign.work.resources import InterruptedRunError, Resources
from campaign.work.simulations import simulate_designs
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images
from results.images.two_phases import PreparedImages
from results.stores.layout import Status
from results.stores.store import SimulationStore

POLL_SECONDS = 0.2
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class SimulatedImages:
    """What came of images: their store, what was done for them in words, and numbers of simulations."""

    store: Path
    preparation: str
    done: int
    failed: int


def simulate_images(
    spec: Spec,
    images: Path,
    store: Path,
    profile: Profile,
    preparation: ImagePreparation | None = None,
    dataset: str | None = None,
    progress: Progress = lambda done, total, what: None,
) -> SimulatedImages:
    """Simulate images by the physics of a data set; the store appears when all of them are done or have failed.

    Until then the work lies beside it, and the same call goes on with it; with other images or physics it starts anew.

    Parameters
    ----------
    spec
        Whose physics it is.
    images
        File or folder; see ``results.images.image_files``.
    store
        Where the store is to be.
    profile
        Where to simulate.
    preparation
        How images become microstructures; see ``results.images.two_phases``.
    dataset
        By whose physics; default: the only one, or the one that has images of that size.
    progress
        Called with how many are done, of how many, and of what.

    Raises
    ------
    FileExistsError
        Something lies at ``store``.
    ValueError
        The spec has no such data set, or an image is none.
    campaign.cache.lease.LeaseBusyError
        Another process simulates into the same store.
    KeyboardInterrupt
        The user pressed Ctrl-C; simulations in flight have finished.
    """
    if store.exists():
        raise FileExistsError(f"{store} exists already; name another store, or remove it first")
    if dataset is not None and dataset not in spec.datasets:
        raise ValueError(f"the spec has no data set '{dataset}'; it has {', '.join(spec.datasets)}")
    preparation = preparation or ImagePreparation()
    dataset = dataset or _dataset_of(spec, images, preparation)
    prepared = prepare_images(images, preparation, spec.datasets[dataset].image_px, allow_one_phase=True)
    simulation = simulation_of(spec, dataset)
    store.parent.mkdir(parents=True, exist_ok=True)
    with leased_at_once(store.with_name(f".{store.name}.partial")) as lease:
        job = digest({"images": _digest(prepared.images), "physics": simulation.physics.model_dump(mode="json")})
        folder = lease.folder.absolute() / job
        DesignSet(_columns(prepared)).save(folder / "designs")
        _simulate(simulation, prepared, folder, store.name, profile, progress)
        (folder / store.name).rename(store)
        lease.discard()
    status = SimulationStore.open(store).read("status")["status"]
    failed = int(np.count_nonzero(status == Status.FAILED))
    return SimulatedImages(store, prepared.facts.sentence(), len(status) - failed, failed)


def _dataset_of(spec: Spec, images: Path, preparation: ImagePreparation) -> str:
    """The only data set, or the one of the size of the first image."""
    from results.images.image_files import read_images

    if len(spec.datasets) == 1:
        return next(iter(spec.datasets))
    shape = read_images(images, preparation.array)[0].values.shape
    fitting = [name for name, each in spec.datasets.items() if shape == (each.image_px, each.image_px)]
    if len(fitting) != 1:
        known = ", ".join(f"{name} of {each.image_px}" for name, each in spec.datasets.items())
        raise ValueError(f"images of {shape[0]} x {shape[1]} pixels may be of no or any data set ({known}); name one")
    return fitting[0]


def _digest(images: np.ndarray) -> str:
    return hashlib.sha256(images.tobytes()).hexdigest()


def _columns(prepared: PreparedImages) -> dict[str, np.ndarray]:
    return {"image": pack_images(prepared.images), "source_image": np.array(prepared.names)}


def _simulate(
    simulation: Simulation, prepared: PreparedImages, folder: Path, name: str, profile: Profile, progress: Progress
) -> None:
    """Fan out in a thread, so that the main one hears Ctrl-C."""
    physics, ended = simulation.physics, list[BaseException]()

    def tell(event: str, **facts: Any) -> None:
        if event == "progress":
            progress(facts["done"], facts["total"], f"simulations, {facts['failed']} failed")

    def work(context: StageContext) -> None:
        attributes = {"preparation": asdict(prepared.facts)}
        try:
            simulate_designs(Simulator.from_config(physics), physics, folder / "designs", name, context, attributes)
        except BaseException as error:
            ended.append(error)

    rows = profile.rows_per_unit or suitable_rows(
        len(prepared.images), max(simulation.seconds_each, 1e-4), profile.planned_workers()
    )
    with ctrl_c() as interrupt, closing(Resources(profile)) as resources:
        context = StageContext(folder, resources, StageProgress("simulate", tell), rows, folder / "logs", "simulate")
        thread = threading.Thread(target=work, args=(context,), daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(POLL_SECONDS)
            if interrupt.is_pressed:
                resources.stop.set()
    if ended and isinstance(ended[0], InterruptedRunError):
        raise KeyboardInterrupt
    if ended:
        raise ended[0]
