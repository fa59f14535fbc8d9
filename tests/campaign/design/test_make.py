from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from campaign import api
from campaign.design.fitted import FittedMethod, ModelMissingError
from campaign.design.folder import check_vacant
from campaign.design.make import OutOfReachError
from campaign.design.request import DesignRequest
from campaign.plan.finished import StageResults
from campaign.plan.optics import Optics, PluggedPhysics
from campaign.stages.labels import read_labels
from campaign.stages.simulator import Simulator
from ganmdn.inverse import Designs
from ganmdn.label_table import LabelTable
from ganmdn.nearest_labels import NearestLabels
from ganmdn.targets import Target
from results.fabrication.gds import read_gds
from results.fabrication.length_scale import minimum_length_scale
from results.stores.layout import Status
from results.stores.store import SimulationStore

pytestmark = pytest.mark.long

GAN = {"method": "gan-mdn"}
METHODS = (
    "gan-mdn, pca-mdn, direct-mdn, forward-search, flow-posterior, nearest-labels, random-labels, forward-search-2, "
    "nearest-labels-2, pca-mdn-2"
)


def within(run: Path) -> float:
    """A target that the run reaches."""
    ((low, high),) = FittedMethod.of_run(run, method="gan-mdn").reach.bounds
    return round((low + high) / 2, 4)


def facts(folder: Path) -> Any:
    return json.loads((folder / "designs.json").read_text())


def test_designs_without_simulation_start_no_workers(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaign.work.resources.backend_of", lambda *_: pytest.fail("started"))
    target = within(finished_run)
    outcome = api.design(finished_run, DesignRequest((target,), count=3, **GAN), tmp_path / "out")
    assert len(outcome) == 3
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "designs.npz", "designs.json", "designs.zarr", "images", "sheet.png",
    }  # fmt: skip
    with np.load(tmp_path / "out" / "designs.npz") as arrays:
        np.testing.assert_array_equal(arrays["image"], outcome.images)
        assert np.isnan(arrays["y"]).all()
        assert arrays["z"].shape == (3, 2, 2)
    rows = api.query(tmp_path / "out" / "designs.zarr", f"abs(target-{target})<1e-9")
    assert len(rows) == 3
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


@pytest.mark.parametrize("method", ["gan-mdn", "pca-mdn", "direct-mdn"])
def test_every_method_with_a_model_designs_for_many_targets(finished_run: Path, method: str) -> None:
    ((low, high),) = FittedMethod.of_run(finished_run, method=method).reach.bounds
    outcome = api.design(finished_run, DesignRequest((low, high), count=2, method=method))
    assert outcome.target == tuple(map(Target.of, (low, low, high, high)))
    assert outcome.images.shape == (4, 64, 64)
    assert (outcome.z is None) == (method != "gan-mdn")


def test_simulated_designs_are_told_in_every_file(finished_run: Path, tmp_path: Path) -> None:
    target, seen = within(finished_run), list[tuple[int, int, str]]()
    request = DesignRequest((target,), count=2, simulations=3, tolerance=0.0, **GAN)
    outcome = api.design(
        finished_run, request, tmp_path / "out", progress=lambda done, total, what: seen.append((done, total, what))
    )
    assert outcome.simulations == {Target.of(target): 6}
    assert seen[-1] == (6, 6, "simulations at most")
    found = facts(tmp_path / "out")
    assert found["simulations"] == {str(target): 6}
    for row, design in enumerate(found["designs"]):
        assert design["simulated_y"] == outcome.y[row]
        assert design["rep_percent"] == pytest.approx(abs(outcome.y[row] - target) / target * 100)
        with Image.open(tmp_path / "out" / design["picture"]) as picture:
            np.testing.assert_array_equal(np.asarray(picture)[4::8, 4::8] // 255, outcome.images[row])
    store = SimulationStore.open(tmp_path / "out" / "designs.zarr")
    columns = store.read("y", "status", "image", "target")
    np.testing.assert_array_equal(columns["y"], outcome.y)
    np.testing.assert_array_equal(columns["image"], outcome.images)
    assert (columns["status"] == Status.DONE).all()
    # The simulation is that of the run: the same image, the same property.
    again = api.design(finished_run, replace(request, simulations=1))
    assert np.abs(outcome.y - target).max() <= np.abs(again.y - target).max()


@pytest.mark.parametrize("method", ["gan-mdn", "pca-mdn"])  # with latents, and without
def test_designs_meet_their_targets_by_other_orders_than_those_of_the_labels(
    finished_run: Path, tmp_path: Path, method: str
) -> None:
    source = FittedMethod.of_run(finished_run, method=method)
    assert isinstance(source.physics, Optics)
    orders = source.physics.numerics.orders + 2
    request = DesignRequest((within(finished_run),), count=2, simulations=3, tolerance=0.0, method=method)
    outcome = api.design(finished_run, replace(request, orders=orders), tmp_path / "out")
    exact = Simulator.from_config(source.physics.with_orders(orders))
    np.testing.assert_array_equal(outcome.y, [exact.row(image)["y"] for image in outcome.images])
    assert facts(tmp_path / "out")["request"]["orders"] == orders
    store = SimulationStore.open(tmp_path / "out" / "designs.zarr")
    assert store.attributes["physics"]["numerics"]["orders"] == orders
    assert facts(tmp_path / "out")["simulations"] == {str(within(finished_run)): 6}


def test_a_simulator_of_somebody_elses_knows_no_orders(finished_run: Path) -> None:
    source = FittedMethod.of_run(finished_run, method="gan-mdn")
    own = PluggedPhysics(kind="own", implementation="own:Own", options={}, image_px=64, properties=("y",))
    with pytest.raises(ValueError, match=r"has a simulator of its own, which knows no orders; leave --orders out$"):
        replace(source, physics=own).at_orders(9)


def test_facts_name_what_the_designs_come_from(finished_run: Path, tmp_path: Path) -> None:
    source = FittedMethod.of_run(finished_run, method="gan-mdn")
    api.design(finished_run, DesignRequest((within(finished_run),), count=1, seed=11, **GAN), tmp_path / "out")
    found = facts(tmp_path / "out")
    assert found["run"] == str(finished_run)
    assert (found["dataset"], found["method"], found["made_by"]["seed"]) == ("data-ii", "gan-mdn", 11)
    assert found["keys"] == dict(source.keys)
    assert set(source.keys) == {"model/gan-mdn/data-ii", "generator", "labels/data-ii"}
    assert found["made_by"]["packages"]["torch"]
    assert found["designs"][0]["predicted_y"] is None
    assert (found["pixel_nm"], found["image_px"]) == (31.25, 64)


def test_a_seed_decides_all_draws(finished_run: Path) -> None:
    request = DesignRequest((within(finished_run),), count=2, min_feature_nm=90, seed=1, **GAN)
    first, again = (api.design(finished_run, request) for _ in range(2))
    other = api.design(finished_run, replace(request, seed=2))
    np.testing.assert_array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


def test_what_is_simulated_is_what_is_written(finished_run: Path, tmp_path: Path) -> None:
    request = DesignRequest((within(finished_run),), count=2, simulations=1, min_feature_nm=90, **GAN)
    gds = tmp_path / "out.gds"
    outcome = api.design(finished_run, request, tmp_path / "out", gds=gds, tile=(4, 4))
    cells = read_gds(gds, (64, 64), 31.25)
    assert set(cells) == {"DESIGN_0", "DESIGN_1"}
    for row, image in enumerate(outcome.images):
        np.testing.assert_array_equal(cells[f"DESIGN_{row}"], image)
        assert min(minimum_length_scale(image)) * 31.25 >= 90
    found = facts(tmp_path / "out")["designs"]
    assert all(min(design["min_feature_nm"].values()) >= 90 for design in found)
    store = SimulationStore.open(tmp_path / "out" / "designs.zarr")
    np.testing.assert_array_equal(store.images(), outcome.images)


def test_reach_is_what_labels_and_the_methods_own_designs_have_come_to(finished: tuple[StageResults, Path]) -> None:
    results, run = finished
    for method in ("gan-mdn", "forward-search"):
        stores = [results.folder("labels/data-ii") / "labels.zarr"]
        stores.append(results.folder(f"verification/{method}/data-ii") / "designs.zarr")
        y = np.concatenate([SimulationStore.open(store).read("y")["y"] for store in stores])
        assert FittedMethod.of_run(run, method=method).reach.bounds == ((y.min(), y.max()),)


def test_a_target_out_of_reach_is_refused_or_replaced(finished_run: Path, tmp_path: Path) -> None:
    ((low, high),) = FittedMethod.of_run(finished_run, method="gan-mdn").reach.bounds
    request = DesignRequest((within(finished_run), 0.99), count=1, **GAN)
    with pytest.raises(OutOfReachError) as refused:
        api.design(finished_run, request, tmp_path / "out")
    assert str(refused.value) == (
        f"{finished_run} reaches absorption {low:.4f} to {high:.4f} on data-ii, by what it has simulated, and not "
        f"0.99; the nearest it can do is {high:.4f}, which --nearest designs for"
    )
    assert not (tmp_path / "out").exists()
    outcome = api.design(finished_run, replace(request, nearest=True))
    assert outcome.asked == tuple(map(Target.of, (within(finished_run), 0.99)))
    assert outcome.target == tuple(map(Target.of, (within(finished_run), high)))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (("data-iii", "gan-mdn"), "has no data set called 'data-iii'; did you mean 'data-ii'?"),
        (("data-ii", "gan-mnd"), "has no method with a model called 'gan-mnd'; did you mean 'gan-mdn'?"),
        (
            (None, "bayesian-optimization"),
            f"has no method with a model called 'bayesian-optimization'; known: {METHODS}",
        ),
        (("data-ii", None), f"has more than one method with a model: {METHODS}; name one"),
    ],
)
def test_what_a_run_does_not_have_is_refused(
    finished_run: Path, named: tuple[str | None, str | None], message: str
) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        FittedMethod.of_run(finished_run, *named)
    assert str(refused.value) == f"{finished_run} {message}"


def test_a_run_that_is_not_so_far_says_what_is_missing(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = json.loads((finished_run / "plan.json").read_text())
    (tmp_path / "run").mkdir()
    for name in ("spec.json", "profile.json"):
        (tmp_path / "run" / name).write_bytes((finished_run / name).read_bytes())
    (tmp_path / "run" / "plan.json").write_text(json.dumps({**plan, "cache": str(tmp_path / "cache")}))
    with pytest.raises(ModelMissingError, match=r"no results of model/gan-mdn/data-ii, generator, labels/data-ii in "):
        FittedMethod.of_run(tmp_path / "run", method="gan-mdn")


def test_a_folder_that_holds_something_is_kept(finished_run: Path, tmp_path: Path) -> None:
    request = DesignRequest((within(finished_run),), count=1, **GAN)
    out = tmp_path / "out"
    out.mkdir()
    api.design(finished_run, request, out)  # an empty one is taken
    with pytest.raises(ValueError, match=r"out holds designs already; name another folder, or add --overwrite$"):
        api.design(finished_run, request, out)
    api.design(finished_run, replace(request, count=2), out, overwrite=True)
    assert len(facts(out)["designs"]) == 2
    assert list(tmp_path.iterdir()) == [out]
    (tmp_path / "precious").write_text("")
    with pytest.raises(ValueError, match=r"holds something that is no designs \(no designs.json\); name another"):
        check_vacant(tmp_path, overwrite=True)
    with pytest.raises(ValueError, match=r"precious is a file; name a folder for the designs$"):
        check_vacant(tmp_path / "precious", overwrite=True)


def test_a_folder_is_whole_or_not_there(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("campaign.design.folder._write_store", fail)
    with pytest.raises(OSError, match=r"^disk full$"):
        api.design(finished_run, DesignRequest((within(finished_run),), count=1, **GAN), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_a_model_predicts_is_told_with_its_interval(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = read_labels(finished_run / "stages" / "labels" / "data-ii" / "labels.zarr")
    table = LabelTable(labels["y"], labels["image"], labels["z"])

    class Unsure(NearestLabels):
        def design(self, target: float, count: int, seed: np.random.SeedSequence) -> Designs:
            return replace(super().design(target, count, seed), deviation=np.full(count, 0.01))

    monkeypatch.setattr("campaign.design.fitted.load_model", lambda *_: Unsure(table))
    target = within(finished_run)
    outcome = api.design(finished_run, DesignRequest((target,), count=3, simulations=1, **GAN), tmp_path / "out")
    nearest = labels["y"][np.argsort(np.abs(labels["y"] - target))[:3]]
    np.testing.assert_allclose(outcome.predicted, nearest, rtol=0, atol=1e-12)
    np.testing.assert_allclose(outcome.y, nearest, rtol=0, atol=1e-9)  # the simulation is the labels' own
    for row, design in enumerate(facts(tmp_path / "out")["designs"]):
        assert design["predicted_y"] == outcome.predicted[row]
        low, high = design["interval_90"]
        assert (low + high) / 2 == pytest.approx(design["predicted_y"])
        assert high - low == pytest.approx(2 * 1.6449 * 0.01)
    rows = api.query(tmp_path / "out" / "designs.zarr", f"abs(predicted-{nearest[0]})<1e-9")
    assert [row["half_width"] for row in rows] == pytest.approx([0.016449])
