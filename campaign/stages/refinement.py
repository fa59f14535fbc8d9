"""Designs that are simulated, corrected and tried again, as ``verify`` of a method asks; the best are handed over."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from campaign.plan.config import answering, inverse_methods
from campaign.plan.footprint import Footprint, images_footprint
from campaign.plan.kind import Stage, StageKind
from campaign.plan.optics import SimulatedPhysics, simulation_of
from campaign.plan.repeats import of_repeat, repeats_of
from campaign.spec.campaign import Spec
from campaign.spec.entry_points import provider_of
from campaign.spec.method_entry import VerifyBlock
from campaign.spec.plugin import InverseModelConfig
from campaign.stages.designs import DESIGNS_FOLDER, columns_of, design_seed, latents_of, load_generate, load_model
from campaign.stages.generator import WEIGHTS_FILE
from campaign.stages.inverse_methods import module_of
from campaign.stages.inverse_methods.base import DesignsConfig
from campaign.stages.labels import STORE as LABELS
from campaign.stages.labels import read_labels
from campaign.stages.seeds import seed_for
from campaign.stages.simulator import Simulator
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images, unpack_images
from results.stores.layout import Status

if TYPE_CHECKING:
    from campaign.work.context import StageContext
    from ganmdn.refinement import Proposals, Tries
    from ganmdn.targets import Target

STORE = "tries.zarr"
PROPOSALS = "proposals.npz"  # what the model proposes, until the last round is done
TYPICAL_TRIES = 5  # of a design, until it is within the tolerance
PLANNING = "planning_seconds"  # of a round or of the proposals, by target; all else in a round's file is a column


class RefinementConfig(DesignsConfig):
    """Which designs, how often each is tried, and with what physics."""

    verify: VerifyBlock
    physics: SimulatedPhysics


@dataclass(frozen=True)
class Sources:
    """Where a worker finds what it needs: model, the generator's weights, labels, proposals, and finished rounds."""

    model: Path
    weights: Path
    labels: Path
    proposals: Path
    rounds: tuple[Path, ...] = ()


def run(config: RefinementConfig, inputs: Mapping[str, Path], context: StageContext) -> None:
    """Leave the designs in ``designs/`` as the stage ``designs`` does, and every simulation in ``tries.zarr``.

    The model's proposals and every round of tries are a file each until the last is done. A round follows from these
    and the rounds before it alone, so that a stage which was killed goes on as if it had not been.
    """
    from campaign.work.failures import check_share

    weights, proposals = inputs["generator"] / WEIGHTS_FILE, context.folder / PROPOSALS
    sources = Sources(inputs["model"], weights, inputs["labels"] / LABELS, proposals)
    if not proposals.is_file():
        context.task(propose, config, sources)
    simulator = Simulator.from_config(config.physics)
    for number in range(1, config.verify.simulations_per_design + 1):
        path = context.folder / f"round-{number}.npz"
        if not path.is_file() and not _simulate_round(config, sources, simulator, path, context):
            break
        sources = replace(sources, rounds=(*sources.rounds, path))
    columns, seconds = context.task(hand_over, config, sources)
    DesignSet(columns).save(context.folder / DESIGNS_FOLDER)
    tries = _rows(sources.rounds)
    failed = int(np.count_nonzero(tries["status"] == Status.FAILED))
    check_share(failed, len(tries["status"]), context.limits)
    _keep(tries, config, simulator, context)
    context.facts |= {
        "design_seconds": seconds,
        "work_seconds": sum(seconds.values()),
        "simulations": {str(target): int(np.sum(target.rows(tries["target"]))) for target in config.targets},
        "seconds_per_simulation": float(np.mean(tries["seconds"])),
        "failed": failed,
    }
    for path in (proposals, *sources.rounds):
        path.unlink()


def _simulate_round(
    config: RefinementConfig, sources: Sources, simulator: Simulator, path: Path, context: StageContext
) -> bool:
    """Simulate the tries that follow from the rounds so far into ``path``; False where none are left to do."""
    from campaign.work.simulations import simulate_apart
    from results.files import atomic_path

    images, inputs, seconds = context.task(plan_round, config, sources)
    if not len(images):
        return False
    done, most = len(_rows(sources.rounds).get("y", ())), _most_tries(config)

    def report(more: int) -> None:
        nonlocal done
        done += more
        # Not progress(), which would raise amid simulations in flight.
        context.progress.note(done, most, message="simulations at most")

    outputs = simulate_apart(simulator, images, context, report)
    columns: dict[str, Any] = {"image": pack_images(images), PLANNING: seconds, **inputs, **outputs}
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **columns)
    context.progress(done, most, message="simulations at most")
    return True


def propose(config: RefinementConfig, sources: Sources) -> None:
    """Ask the model, once for all rounds, for its designs and as many spare ones as could be tried in their place."""
    from ganmdn.inverse import most_designs
    from results.files import atomic_path

    model, spare = load_model(config, sources.model, sources.weights), config.verify.simulations_per_design
    count = most_designs(model, config.designs_per_target * (1 + spare))
    columns: dict[str, np.ndarray] = {}
    times = [time.perf_counter()]
    for number, target in enumerate(config.targets):
        seed = seed_for(config.seed, "spare", config.kind, config.dataset, str(target))
        first = model.design(target.plain, config.designs_per_target, design_seed(config, target))
        for role, designs in (("first", first), ("spare", model.design(target.plain, count, seed))):
            fields = vars(replace(designs, z=latents_of(config, designs)))
            columns |= {f"{number}/{role}/{name}": values for name, values in fields.items() if values is not None}
        times.append(time.perf_counter())
    with atomic_path(sources.proposals) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **columns, **{PLANNING: np.diff(times)})


def plan_round(config: RefinementConfig, sources: Sources) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Images to simulate next (n, H, W), the columns that go with them, and seconds a target; runs on a worker."""
    from ganmdn.refinement import Budget, next_tries

    generate, labels = load_generate(sources.weights), read_labels(sources.labels)
    budget = Budget(config.verify.simulations_per_design, config.verify.tolerance)
    rows, times, cells = [], [time.perf_counter()], iter(config.cells())
    for target, proposals, tries in _state(config, sources):
        design, z, images = next_tries(target, proposals, tries, (labels["z"], labels["y"]), budget, generate)
        rows.append((design, z, images, np.full(len(design), next(cells))))
        times.append(time.perf_counter())
    design, z, images, targets = (np.concatenate(column) for column in zip(*rows, strict=True))
    return images, {"design": design, "z": z, "target": targets}, np.diff(times)


def hand_over(config: RefinementConfig, sources: Sources) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """The best of all tries as columns of the designs, and the seconds that each target took beside simulations."""
    from ganmdn.refinement import best_of

    seconds = np.zeros(len(config.targets))
    for path in (sources.proposals, *sources.rounds):
        with np.load(path) as rows:
            seconds += rows[PLANNING]
    designs, times = [], [time.perf_counter()]
    for target, proposals, tries in _state(config, sources):
        designs.append(best_of(target, proposals, tries))
        times.append(time.perf_counter())
    seconds += np.diff(times)
    by_target = dict(zip(map(str, config.targets), seconds.tolist(), strict=True))
    return columns_of(config, designs), by_target


def _state(config: RefinementConfig, sources: Sources) -> Iterator[tuple[Target, Proposals, Tries]]:
    """Each target, what the model proposes for it, and what was tried."""
    from ganmdn.inverse import Designs
    from ganmdn.refinement import Proposals, Tries

    rows = _rows(sources.rounds)
    with np.load(sources.proposals) as file:
        columns = dict(file)
    for number, target in enumerate(config.targets):
        designs = (
            {name.removeprefix(start): values for name, values in columns.items() if name.startswith(start)}
            for start in (f"{number}/first/", f"{number}/spare/")
        )
        proposals = Proposals(*(Designs(**fields) for fields in designs))
        tries = Tries.none(proposals.first, (target.size,) if target.size > 1 else ())
        if rows:
            own = target.rows(rows["target"])
            tries = Tries(*(rows[name][own] for name in ("design", "z", "image", "y")))
        yield target, proposals, tries


def _rows(rounds: tuple[Path, ...]) -> dict[str, np.ndarray]:
    """Columns of all tries, images unpacked; nothing before the first round."""
    parts = []
    for path in rounds:
        with np.load(path) as file:
            parts.append({name: file[name] for name in file.files if name != PLANNING})
    if not parts:
        return {}
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return columns | {"image": unpack_images(columns["image"], math.isqrt(columns["image"].shape[1] * 8))}


def _keep(
    tries: Mapping[str, np.ndarray], config: RefinementConfig, simulator: Simulator, context: StageContext
) -> None:
    """Write all tries into the stage's store."""
    from results.stores.store import SimulationStore

    path, count = context.folder / STORE, len(tries["status"])
    if path.is_dir():  # of a run that was killed while it wrote it
        shutil.rmtree(path)
    store = SimulationStore.create(
        path,
        capacity=count,
        latent_shape=config.latent,
        image_px=config.image_px,
        rows_per_unit=min(context.rows_per_unit, count),
        layers=simulator.layer_names,
        wavelengths_nm=simulator.wavelengths_nm,
        properties=simulator.property_names,
        inputs={"target": config.cells().dtype, "design": "int64"},
        attributes={"physics": config.physics.model_dump(mode="json")},
    )
    for unit in range(store.unit_count):
        rows = store.unit_rows(unit)
        store.write_unit(unit, {name: column[rows] for name, column in tries.items()})
    store.finish()


class RefinementKind(StageKind[RefinementConfig]):
    """What a method hands over after its designs were simulated and corrected."""

    name = "refinement"
    schema_version = 3
    store = STORE
    seconds_per_work = 0.02  # a try, planned and chosen from

    def stages(self, spec: Spec) -> Iterator[Stage[RefinementConfig]]:
        """One a data set and repeat of an inverse model with ``verify``."""
        for dataset in spec.datasets:
            for method in inverse_methods(spec, dataset):
                if method.verify is not None:
                    for repeat in repeats_of(spec, method):
                        yield self._stage(spec, dataset, method, repeat)

    def _stage(self, spec: Spec, dataset: str, method: Any, repeat: int) -> Stage[RefinementConfig]:
        simulation = simulation_of(spec, dataset)
        plugged = (provider_of(method),) if isinstance(method, InverseModelConfig) else ()
        config = RefinementConfig.of_method(
            of_repeat(spec, repeat), dataset, method, verify=method.verify, physics=simulation.physics
        )
        return Stage(
            self,
            config,
            dataset,
            method.method_name,
            repeat=repeat,
            inputs={
                "model": answering(spec, method, dataset, repeat),
                "labels": f"labels/{dataset}",
                "generator": "generator",
            },
            simulations=_expected_tries(config),
            seconds_each=simulation.seconds_each,
            providers=(*simulation.providers, *plugged),
            modules=(module_of(method.kind),),
        )

    def work(self, config: RefinementConfig, inputs: Mapping[str, Stage[Any]]) -> float:
        """Tries."""
        return _expected_tries(config)

    def cores(self, config: RefinementConfig) -> None:
        """All."""

    def footprint(self, config: RefinementConfig) -> Footprint:
        """The designs; tries lie in a file a round until they stand in the store."""
        count = len(config.targets) * config.designs_per_target
        rounds = config.verify.simulations_per_design
        return images_footprint(count, config.image_px) + images_footprint(rounds * count, config.image_px)


def _most_tries(config: RefinementConfig) -> int:
    return len(config.targets) * config.designs_per_target * config.verify.simulations_per_design


def _expected_tries(config: RefinementConfig) -> int:
    """As many as there usually are until designs are within a tolerance."""
    most, designs = _most_tries(config), len(config.targets) * config.designs_per_target
    return min(most, TYPICAL_TRIES * designs) if config.verify.tolerance else most
