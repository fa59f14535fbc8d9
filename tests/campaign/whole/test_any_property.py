"""Campaigns for other properties than absorption, for several, and for ranges, to their report."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from campaign import api
from campaign.design.request import DesignRequest
from campaign.run.replay import replay
from ganmdn.targets import Target
from results.stores.store import SimulationStore

pytestmark = pytest.mark.long
LABELS = {"count": 40, "truncation_sample": 4}
OPEN = {"materials": {"air": {"n": 1}, "silicon": {"n": 4.8, "k": 0.025}}, "substrate": "air"}
SEARCH = {"kind": "forward-search", "members": 2, "epochs": 1, "channels": 2, "blocks": 1, "cell_px": 8}
SCREEN = {"pool": 24, "rounds": 1, "children": 12}
START = {"initial": 5, "iterations": 2}
METHODS = [
    "gan-mdn",
    "pca-mdn",
    "nearest-labels",
    {"kind": "flow-posterior", "transforms": 1, "width": 4, "batch_size": 16, "max_epochs": 2, "patience": 2},
    SEARCH | SCREEN,
    {"kind": "gan-mdn", "name": "refined", "verify": {"simulations_per_design": 2}},
    {"kind": "trust-region-optimization", "batch": 2, **START},
    {"kind": "composite-optimization", "batch": 2, **START},
    {"kind": "sobol-search", **START},
]


@pytest.fixture
def run_of(submit: Callable[..., Path], small: dict[str, Any]) -> Callable[..., Path]:
    """Run folder of a small campaign with another physics and other targets."""

    def make(physics: dict[str, Any], **changes: Any) -> Path:
        physics = small["physics"] | OPEN | {"numerics": {"orders": 1}} | physics
        return submit(physics=physics, **{"labels": LABELS, "methods": METHODS, "designs_per_target": 3} | changes)

    return make


def rows_of(run: Path) -> list[Mapping[str, str]]:
    with (run / "tables" / "table1.csv").open() as stream:
        return list(csv.DictReader(stream))


def labels_of(run: Path) -> SimulationStore:
    return SimulationStore.open(run / "stages" / "labels" / "data-ii" / "labels.zarr")


def test_transmission(run_of: Callable[..., Path]) -> None:
    run = run_of({"property": "transmission"}, targets=[0.5, 0.6], methods=["nearest-labels"])
    store = labels_of(run)
    columns = store.read("y", "transmission", "absorption")
    np.testing.assert_array_equal(columns["y"], columns["transmission"])
    assert store.dataset()["y"].attrs["long_name"].startswith("transmission, ")
    rows = rows_of(run)
    assert {row["target"] for row in rows} == {"0.5", "0.6"}
    nearest = np.sort(np.abs(columns["y"] - 0.5))[:3].mean() / 0.5 * 100
    (looked_up,) = [row for row in rows if (row["method"], row["target"]) == ("nearest-labels", "0.5")]
    assert float(looked_up["mean_rep_percent"]) == pytest.approx(nearest)
    report = (run / "report.html").read_text()
    assert "Achieved transmission" in report
    assert "Simulated transmission of labelled microstructures" in report
    spoken = report[: report.index("<h2>Spec")] if "<h2>Spec" in report else report
    assert "absorption" not in spoken.replace("layer_absorption", "")


def test_two_wavelengths_each_with_its_target(run_of: Callable[..., Path], tmp_path: Path) -> None:
    at = [{"of": "reflection", "wavelength_nm": 900}, {"of": "total", "wavelength_nm": 980}]
    run = run_of({"wavelength_nm": [900, 980], "property": at}, targets=[[0.5, 0.05], [0.6, {"at_least": 0.04}]])
    store = labels_of(run)
    assert {"y_1", "y_2", "spectrum_1", "spectrum_2"} < set(store.names)
    columns = store.read("y", "y_1", "y_2", "spectrum_1", "spectrum_2")
    np.testing.assert_array_equal(columns["y"], np.column_stack([columns["y_1"], columns["y_2"]]))
    np.testing.assert_array_equal(columns["y_1"], columns["spectrum_1"][:, 0])
    np.testing.assert_array_equal(columns["y_2"], columns["spectrum_2"][:, 1])
    assert store.dataset()["y_2"].attrs["long_name"].startswith("absorption at 980 nm, ")
    middle = float(np.median(columns["y_1"]))
    assert len(api.query(store.path, f"y_1 > {middle} and y_2 > 0")) == 20
    again = replay(store.path, 3, limit_s=60)
    np.testing.assert_allclose(again.outcome["y"], again.recorded["y"], rtol=1e-9)
    rows = rows_of(run)
    assert {row["method"] for row in rows} >= {
        "gan-mdn",
        "refined",
        "composite-optimization",
        "trust-region-optimization",
    }
    assert {row["target"] for row in rows} == {"0.5,0.05", "0.6,0.04.."}
    assert {row["properties"] for row in rows} == {"reflection at 900 nm; absorption at 980 nm"}
    designs = SimulationStore.open(run / "stages" / "verification" / "forward-search" / "data-ii" / "designs.zarr")
    target = Target.parse("0.6,0.04..")
    found = designs.read("y", "target", "predicted")
    own = target.rows(found["target"])
    assert (own.sum(), found["predicted"].shape) == (3, (6, 2))
    (row,) = [row for row in rows if (row["method"], row["target"]) == ("forward-search", str(target))]
    y = found["y"][own]
    by_hand = 50 * (np.abs(y[:, 0] - 0.6) / 0.6 + np.maximum(0.04 - y[:, 1], 0) / 0.04)
    assert float(row["mean_rep_percent"]) == pytest.approx(by_hand.mean())
    table = json.loads((run / "tables" / "table1.json").read_text())
    assert len(table["reach"]["data-ii"]["lowest"]) == 2
    report = (run / "report.html").read_text()
    assert "reflection at 900 nm" in report
    assert "0.60, ≥ 0.04" in report
    _new_designs(run, tmp_path / "designs", np.median(columns["y"], axis=0))


def _new_designs(run: Path, folder: Path, y: np.ndarray) -> None:
    """``campaign design`` for a target of several numbers, simulated."""
    target = Target((float(y[0]), 0.9 * float(y[1])), (float(y[0]), np.inf))
    request = DesignRequest((target,), method="gan-mdn", count=2, simulations=2, tolerance=0.0)
    outcome = api.design(run, request, folder)
    assert (outcome.y.shape, outcome.target) == ((2, 2), (target, target))
    facts = json.loads((folder / "designs.json").read_text())
    assert facts["properties"] == ["reflection at 900 nm", "absorption at 980 nm"]
    assert [design["simulated_y"] for design in facts["designs"]] == outcome.y.tolist()
    assert SimulationStore.open(folder / "designs.zarr").read("target")["target"].tolist() == [str(target)] * 2
    assert (folder / "sheet.png").is_file()
    with pytest.raises(
        ValueError, match=r"must be of reflection at 900 nm, absorption at 980 nm, one for each, got 0\.5"
    ):
        api.design(run, DesignRequest((0.5,), method="gan-mdn"), folder / "other")


def test_at_least(run_of: Callable[..., Path]) -> None:
    run = run_of({"property": "reflection"}, targets=[{"at_least": 0.01}, {"at_least": 0.5}])
    y = labels_of(run).read("y")["y"]
    rows = {(row["method"], row["target"]): row for row in rows_of(run)}
    assert 0.01 < y.min() <= y.max() < 0.5
    assert {float(rows[method, "0.01.."]["minimum_rep_percent"]) for method in ("nearest-labels", "sobol-search")} == {
        0.0
    }
    assert float(rows["nearest-labels", "0.01.."]["mean_rep_percent"]) == 0.0
    nearest = np.sort(y)[-3:]
    expected = (0.5 - nearest).mean() / 0.5 * 100
    assert float(rows["nearest-labels", "0.5.."]["mean_rep_percent"]) == pytest.approx(expected)
    report = (run / "report.html").read_text()
    assert "≥ 0.50" in report
    assert "of a range 0 within it" in report
    assert (run / "figures" / "achieved.png").is_file()
