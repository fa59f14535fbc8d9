"""A small whole spec that tests change one thing of."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from secure_shell import SecureShell, why_not

from campaign.cache import owner
from campaign.cache.lease import owner_file
from campaign.cache.owner import Owner
from campaign.cache.stage_cache import StageCache
from campaign.plan.finished import StageResults
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import PLAN_FILE, make_plan
from campaign.record.driver import OWNER_NAME
from campaign.record.run_folder import keep_submission
from campaign.spec.base import Model
from campaign.spec.campaign import Spec
from campaign.spec.load import LoadedSpec
from campaign.spec.profile import InProcessProfile
from campaign.stages import KINDS
from campaign.stages.simulator import RcwaSimulator
from campaign.work.context import StageContext
from campaign.work.progress import StageProgress
from campaign.work.resources import Resources

FilledOnce = Callable[[Path, Callable[[Path], object]], Path]  # of the fixture filled_once
SMALL: dict[str, Any] = {
    "campaign": "small",
    "seed": 1,
    "datasets": {"data-i": {"image_px": 96, "latent": [3, 3]}, "data-ii": {"image_px": 64, "latent": [2, 2]}},
    "generator": {
        "kind": "train",
        "image_px": 32,
        "microstructures": {"count": 64},
        "training": {
            "steps": 6,
            "batch_size": 16,
            "workers": 2,
            "checkpoint_every": 2,
            "features": {"kind": "random", "filters": 4},
        },
    },
    "physics": {
        "wavelength_nm": 980,
        "pixel_nm": 31.25,
        "materials": {"air": {"n": 1}, "silicon": {"n": 4.8, "k": 0.025}, "mirror": {"n": 0, "k": 100}},
        "incident": "air",
        "layers": [
            {"kind": "pattern", "name": "etch", "thickness_nm": 71.7, "white": "air", "black": "silicon"},
            {"kind": "film", "name": "film", "thickness_nm": 553.7, "material": "silicon"},
        ],
        "substrate": "mirror",
        "numerics": {"orders": {"data-i": 2, "data-ii": 1}},
    },
    "labels": {"count": 80},
    "mdn": {"batch_size": 32, "max_epochs": 6, "patience": 3},
    "methods": [
        "gan-mdn",
        "pca-mdn",
        "direct-mdn",
        {"kind": "bayesian-optimization", "initial": 10, "iterations": 4, "batch": 2},
    ],
    "targets": [0.6, 0.7],
    "designs_per_target": 3,
}
SMALL_SEARCH: dict[str, Any] = {
    "kind": "forward-search",
    "members": 2,
    "epochs": 2,
    "channels": 2,
    "blocks": 1,
    "cell_px": 8,
    "pool": 30,
    "rounds": 1,
    "children": 20,
}
SMALL_SEARCHES: list[dict[str, Any]] = [
    {"kind": "trust-region-optimization", "initial": 5, "iterations": 3, "batch": 2},
    {"kind": "composite-optimization", "initial": 5, "iterations": 3, "batch": 2},
    {"kind": "random-search", "initial": 5, "iterations": 4},
    {"kind": "sobol-search", "initial": 5, "iterations": 4},
]
SMALL_FLOW: dict[str, Any] = {
    "kind": "flow-posterior",
    "transforms": 1,
    "width": 4,
    "batch_size": 16,
    "max_epochs": 3,
    "patience": 2,
}


@pytest.fixture(scope="session")
def small() -> dict[str, Any]:
    """A copy of the small spec as plain data."""
    return copy.deepcopy(SMALL)


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, str], None]]:
    """Puts a disk of its own, of a size such as "300k", under a folder; asked again, it changes the size.

    Options may follow the size: ``disk(folder, "300k,ro")``. Root alone may mount, so others skip.
    """
    mounted: set[Path] = set()

    def mount(folder: Path, size: str) -> None:
        again = ["remount"] if folder in mounted else []
        options = ",".join([*again, f"size={size}"])
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a disk of its own needs the right to mount one: {done.stderr.strip()}")
        mounted.add(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="session")
def secure_shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureShell]:
    """A real ssh server on this machine, or a skip that says why there is none."""
    if reason := why_not():
        pytest.skip(reason)
    shell = SecureShell(tmp_path_factory.mktemp("ssh"))
    yield shell
    shell.close()


@pytest.fixture
def network_mounts(secure_shell: SecureShell, tmp_path: Path) -> list[Path]:
    """One folder as two machines of a cluster see it, each through a mount of its own."""
    (tmp_path / "exported").mkdir()
    mounts = [tmp_path / "on-node-1", tmp_path / "on-node-2"]
    for at in mounts:
        secure_shell.mount(tmp_path / "exported", at)
    return mounts


@pytest.fixture
def make_spec() -> Callable[..., Spec]:
    """Builds the small spec with changes given as dotted keys: ``make_spec(**{"labels.count": 90})``."""

    def make(**changes: Any) -> Spec:
        data = copy.deepcopy(SMALL)
        for dotted, value in changes.items():
            *parents, last = dotted.split(".")
            block = data
            for parent in parents:
                block = block[parent]
            block[last] = value
        return Spec.model_validate(data)

    return make


@pytest.fixture(autouse=True)
def _no_owner_is_known_to_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, "_ENDED", set())


@pytest.fixture(scope="session")
def finished(session_folder: Path, filled_once: FilledOnce) -> tuple[StageResults, Path]:
    """Every kind of stage of a spec with one data set, computed in a process; results, and the run's folder.

    It has its tables, figures and report. The tests of all workers share it, so none may change it or its cache.
    """
    data = copy.deepcopy(SMALL) | {
        "datasets": {"data-ii": {"image_px": 64, "latent": [2, 2]}},
        "labels": {"count": 40, "truncation_sample": 3},
        "tune": {"trials": 2, "max_epochs": 3, "grace_epochs": 1, "batch_size": [16], "components": [2, 3]},
        "mdn": {"batch_size": 16, "max_epochs": 3, "patience": 2, "components": 2},
        "designs_per_target": 2,
    }
    data["physics"]["numerics"] = {"orders": 1}
    data["generator"]["training"] |= {"workers": 1, "steps": 4, "batch_size": 4}
    data["methods"][-1] |= {"initial": 5, "iterations": 3}
    data["methods"] += [SMALL_SEARCH, SMALL_FLOW, "nearest-labels", "random-labels", *SMALL_SEARCHES]
    verify = {"simulations_per_design": 2, "tolerance": 0}
    data["methods"].append(SMALL_SEARCH | {"name": "forward-search-2", "verify": verify})
    data["methods"] += [{"kind": kind, "name": f"{kind}-2", "verify": verify} for kind in ("nearest-labels", "pca-mdn")]
    spec = Spec.model_validate(data)

    def fill(folder: Path) -> None:
        _submitted(spec, StageCache(folder / "cache"), folder / "run")

    folder = filled_once(session_folder / "finished", fill)
    return StageResults(Pipeline.of(spec, KINDS), StageCache(folder / "cache")), folder / "run"


@pytest.fixture(scope="session")
def finished_run(finished: tuple[StageResults, Path]) -> Path:
    """Folder of that run."""
    return finished[1]


@pytest.fixture(scope="session")
def repeated(finished: tuple[StageResults, Path], session_folder: Path, filled_once: FilledOnce) -> StageResults:
    """The same with two repeats of all methods, searches included; the first is that of ``finished``."""
    results, _ = finished
    methods = tuple(
        method.model_copy(update={"repeats": 2}) if method.kind == "bayesian-optimization" else method
        for method in results.spec.methods
    )
    spec = results.spec.model_copy(update={"methods": methods, "repeats": 2})

    def fill(folder: Path) -> None:
        shutil.copytree(results.cache.root, folder / "cache")
        _executed(spec, StageCache(folder / "cache"), folder / "run")

    folder = filled_once(session_folder / "repeated", fill)
    return StageResults(Pipeline.of(spec, KINDS), StageCache(folder / "cache"))


@pytest.fixture(scope="session")
def vary(
    finished: tuple[StageResults, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tuple[Spec, StageCache, Path]]:
    """Another campaign than ``finished``, which shares its generator: ``vary(labels=..., methods=[...])``."""
    results, _ = finished
    cache = StageCache(shutil.copytree(results.cache.root, tmp_path_factory.mktemp("varied") / "cache"))

    def make(**changes: Any) -> tuple[Spec, StageCache, Path]:
        data = results.spec.model_dump(mode="json", exclude_none=True) | {"tune": None} | changes
        return Spec.model_validate(data), cache, tmp_path_factory.mktemp("varied") / "run"

    return make


@pytest.fixture(scope="session")
def execute(vary: Callable[..., tuple[Spec, StageCache, Path]]) -> Callable[..., StageResults]:
    """Computes such a campaign, without a report: ``execute(labels=..., methods=[...])``."""
    return lambda **changes: _executed(*vary(**changes))


@pytest.fixture(scope="session")
def submit(vary: Callable[..., tuple[Spec, StageCache, Path]]) -> Callable[..., Path]:
    """Folder of such a campaign's run, as a submission leaves it: ``submit(labels=..., methods=[...])``."""

    def make(**changes: Any) -> Path:
        _submitted(*(arguments := vary(**changes)))
        return arguments[2]

    return make


@pytest.fixture(scope="session")
def in_two_rounds(execute: Callable[..., StageResults]) -> StageResults:
    """Labels of two rounds, and the methods that look them up."""
    labels = {"count": 30, "rounds": 2, "first": 2 / 3, "truncation_sample": 3}
    return execute(labels=labels, methods=["nearest-labels", "random-labels"])


def _executed(spec: Spec, cache: StageCache, folder: Path) -> StageResults:
    """A campaign computed in this process, with a search that does not think."""
    from campaign.run.executor import Executor

    pipeline = Pipeline.of(spec, KINDS)
    folder.mkdir()

    def suggest(z: np.ndarray, y: np.ndarray, target: float, count: int, seed: Any, low: float, high: float) -> Any:
        return SimpleNamespace(z=np.random.default_rng(seed).uniform(low, high, (count, z.shape[1])))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganmdn.bayesian.suggest", suggest)  # where Ax would take seconds to think
        Executor(pipeline, cache, InProcessProfile(kind="in-process"), folder).execute()
    return StageResults(pipeline, cache)


def _submitted(spec: Spec, cache: StageCache, folder: Path) -> None:
    """The same with its report, as a submission leaves it."""
    from campaign.report.write import write_report

    results = _executed(spec, cache, folder)
    loaded = LoadedSpec(spec, folder / "spec.yaml", "", ())
    plan = make_plan(results.pipeline, folder.parent, cache, workers=1)
    keep_submission(folder, loaded, InProcessProfile(kind="in-process"), cache.root, plan)
    write_report(folder, results.pipeline, cache)


@pytest.fixture(scope="session")
def copy_run(finished_run: Path) -> Callable[[Path], Path]:
    """Copies it into a folder, with a cache of its own: ``copy_run(folder)``; the copy."""

    def copied(folder: Path) -> Path:
        shutil.copytree(finished_run, folder / "run", symlinks=True)
        shutil.copytree(finished_run.parent / "cache", folder / "cache", symlinks=True)
        plan = folder / "run" / PLAN_FILE
        plan.write_text(json.dumps(json.loads(plan.read_text()) | {"cache": str(folder / "cache")}))
        return plan.parent

    return copied


@pytest.fixture
def own_run(copy_run: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A copy of it for a test to change."""
    return copy_run(tmp_path / "own")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[StageContext]:
    """What a stage is given, with this process as its only worker."""
    (tmp_path / "stage").mkdir()
    resources = Resources(InProcessProfile(kind="in-process"))
    progress = StageProgress("stage", lambda *_, **__: None)
    yield StageContext(tmp_path / "stage", resources, progress, rows_per_unit=6, log_folder=tmp_path / "logs")
    resources.close()


@pytest.fixture
def run_after_a_stop(context: StageContext, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Runs a stage that is stopped as it solves for the second time, and again: how many images each solve had."""
    rows, seen = RcwaSimulator.rows, list[int]()

    def counted(self: RcwaSimulator, images: np.ndarray) -> list[dict[str, Any]]:
        seen.append(len(images))
        return rows(self, images)

    def stopped(self: RcwaSimulator, images: np.ndarray) -> list[dict[str, Any]]:
        if seen:
            raise InterruptedError
        return counted(self, images)

    def run_twice(run: Callable[..., None], config: Model, inputs: Mapping[str, Path]) -> list[int]:
        monkeypatch.setattr(RcwaSimulator, "rows", stopped)
        with pytest.raises(InterruptedError):
            run(config, inputs, context)
        monkeypatch.setattr(RcwaSimulator, "rows", counted)
        run(config, inputs, context)
        return seen

    return run_twice


@pytest.fixture
def drive() -> Callable[..., Path]:
    """Makes this process the driver of a run, or another one: ``drive(folder, process=...)``; the owner's file."""

    def make(folder: Path, **changes: Any) -> Path:
        path = owner_file(folder / f"{OWNER_NAME}-token")
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(Owner.here("token"), **changes).write(path)
        return path

    return make
