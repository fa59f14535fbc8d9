from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from campaign.plan.config import PluggedPart
from campaign.plan.finished import StageResults
from campaign.stages.labels import STORE as LABELS
from campaign.stages.optimization import STORE, propose, run
from campaign.work.context import StageContext
from results.figures.gallery import MethodDesigns
from results.figures.targets import SearchHistory
from results.stores.store import SimulationStore
from results.table.rows import TableRow

NAME = "optimization/bayesian-optimization/data-ii/0.6"


def middle_of_best(
    z: np.ndarray, y: np.ndarray, target: float, count: int, seed: Any, low: float, high: float, **_: Any
) -> np.ndarray:
    """A search that follows from what is known: between the two best, a little aside for each of a batch."""
    best = z[np.argsort(np.abs(y - target))[:2]].mean(axis=0)
    return np.clip(best + 0.01 * np.arange(count)[:, None], low, high)


@pytest.fixture
def inputs(finished: tuple[StageResults, Path]) -> Mapping[str, Path]:
    results, _ = finished
    return {role: results.folder(name) for role, name in results.pipeline[NAME].inputs.items()}


@pytest.mark.long
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(
    finished: tuple[StageResults, Path],
    inputs: Mapping[str, Path],
    context: StageContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ganmdn.bayesian.suggest", lambda *known: SimpleNamespace(z=middle_of_best(*known)))
    config = finished[0].pipeline[NAME].config
    run(config, inputs, context)
    store = SimulationStore.open(context.folder / STORE, mode="r+")
    whole = store.read("z", "y", "iteration")
    store.discard_unit(1)  # three iterations in batches of two
    run(config, inputs, context)
    for name, column in SimulationStore.open(context.folder / STORE).read("z", "y", "iteration").items():
        np.testing.assert_array_equal(column, whole[name])
    shutil.rmtree(context.folder / STORE)


def test_a_search_in_a_trust_region_goes_on_as_if_it_had_not_been_stopped(
    finished: tuple[StageResults, Path], inputs: Mapping[str, Path], context: StageContext
) -> None:
    name = NAME.replace("bayesian", "trust-region")
    config, whole = finished[0].pipeline[name].config, SimulationStore.open(finished[0].folder(name) / STORE)
    shutil.copytree(whole.path, context.folder / STORE)
    SimulationStore.open(context.folder / STORE, mode="r+").discard_unit(1)
    run(config, inputs, context)
    for column in ("z", "y", "iteration"):
        found = SimulationStore.open(context.folder / STORE).read(column)[column]
        np.testing.assert_array_equal(found, whole.read(column)[column])


def test_the_row_counts_starting_pairs_and_the_design_is_the_best_of_all(finished: tuple[StageResults, Path]) -> None:
    results, _ = finished
    stages = [stage for stage in results.pipeline.stages if stage.kind == "optimization"]
    pieces = list(stages[0].descriptor.report(stages, results))
    row = next(piece for piece in pieces if isinstance(piece, TableRow))
    first = SimulationStore.open(results.folder("labels/data-ii") / LABELS).read("y", rows=slice(5))["y"]
    y = np.concatenate([first, SimulationStore.open(results.folder(NAME) / STORE).read("y")["y"]])
    assert (row.designs, row.mean_rep) == (8, None)
    assert row.minimum_rep == pytest.approx(100 * np.min(np.abs(y - 0.6)) / 0.6)
    best = next(piece for piece in pieces if isinstance(piece, MethodDesigns))
    assert best.designs[0].achieved == y[np.argmin(np.abs(y - 0.6))]


def too_many(z: np.ndarray, y: np.ndarray, target: float, count: int, *_: Any) -> np.ndarray:
    return np.zeros((count + 1, z.shape[1]))


def test_a_search_of_another_package_is_held_to_what_it_was_asked(
    finished: tuple[StageResults, Path], inputs: Mapping[str, Path]
) -> None:
    config, weights = finished[0].pipeline[NAME].config, inputs["generator"] / "generator.pt"
    known = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4), np.linspace(0, 1, 5)

    def asked(function: str) -> dict[str, Any]:
        plugged = PluggedPart(kind="mine", implementation=f"{__name__}:{function}", options={})
        changed = config.model_copy(update={"plugged": plugged})
        return propose(changed, weights, *known, 2, np.random.SeedSequence(1))

    assert asked("middle_of_best")["image"].shape == (2, 64, 64)
    with pytest.raises(ValueError, match=r"too_many must suggest finite latents \(2, 4\), got shape \(3, 4\)"):
        asked("too_many")


@pytest.mark.long
def test_repeats_of_a_search_are_one_row_and_a_line_of_pictures_each(repeated: StageResults) -> None:
    stages = [stage for stage in repeated.pipeline.stages if stage.name.startswith("optimization/bayesian-")]
    pieces = list(stages[0].descriptor.report(stages, repeated))
    row = next(piece for piece in pieces if isinstance(piece, TableRow))
    first = SimulationStore.open(repeated.folder("labels/data-ii") / LABELS).read("y", rows=slice(5))["y"]
    trials = [
        SimulationStore.open(repeated.folder(f"{NAME}{mark}") / STORE).read("y")["y"] for mark in ("", "@repeat-2")
    ]
    best = [100 * np.min(np.abs(np.concatenate([first, y]) - 0.6)) / 0.6 for y in trials]
    assert not np.array_equal(*trials)
    assert row.repeat_reps == pytest.approx(best)
    assert row.minimum_rep == pytest.approx(min(best))
    assert (row.designs, row.seeds, row.simulations) == (16, (1, 2), 3)
    (designs,) = [piece for piece in pieces if isinstance(piece, MethodDesigns)]
    assert [design.target.number for design in designs.designs] == [0.6, 0.7]
    histories = [piece for piece in pieces if isinstance(piece, SearchHistory)]
    assert [(each.dataset, each.target.number) for each in histories] == [
        ("data-ii", 0.6),
        ("data-ii, repeat 2", 0.6),
        ("data-ii", 0.7),
        ("data-ii, repeat 2", 0.7),
    ]
