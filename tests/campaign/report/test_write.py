"""A report of stages that were computed here, whole."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from campaign import api
from campaign.plan.finished import StageResults
from campaign.plan.pipeline import Pipeline
from campaign.report.write import write_report
from campaign.stages import KINDS
from campaign.stages.labels import read_labels
from ganmdn.targets import Target
from results.files import write_json
from results.table.csv_form import from_csv
from results.table.json_form import from_json

SEARCHES = {"optimization", "composite_optimization", "sampled_search"}
Finished = tuple[StageResults, Path]


def test_the_table_has_every_method_and_target_in_the_specs_order(finished_run: Path, finished: Finished) -> None:
    with (finished_run / "tables" / "table1.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    judged = [stage for stage in finished[0].pipeline.stages if stage.kind in {"verification", *SEARCHES}]
    methods = dict.fromkeys(stage.method for stage in judged)
    assert {"gan-mdn", "bayesian-optimization"} <= set(methods)
    assert [(row["method"], row["target"]) for row in rows] == [(name, t) for name in methods for t in ("0.6", "0.7")]
    designs = {row["method"]: row["designs"] for row in rows}
    assert designs.pop("bayesian-optimization") == str(5 + 3)  # starting pairs and iterations
    assert designs.pop("composite-optimization") == designs.pop("trust-region-optimization") == str(5 + 3)
    assert designs.pop("random-search") == designs.pop("sobol-search") == str(5 + 4)
    assert set(designs.values()) == {"2"}
    assert {(row["truncation_orders"], row["truncation_sample"]) for row in rows} == {("1", "3")}


def test_the_json_says_what_the_rows_say_and_what_the_labels_are_worth(finished_run: Path, finished: Finished) -> None:
    table = from_json((finished_run / "tables" / "table1.json").read_text())
    rows = from_csv((finished_run / "tables" / "table1.csv").read_text(), Target.parse)
    assert [row.mean_rep for row in table.rows] == [row.mean_rep for row in rows]
    assert {row.seeds for row in table.rows} == {(1,)}
    spent = {row.method: (row.labels, row.simulations, row.label_equivalents) for row in table.rows}
    assert spent["gan-mdn"] == (40, 0, 0.0)
    assert spent["bayesian-optimization"] == spent["trust-region-optimization"] == (5, 3, 3.0)
    assert spent["composite-optimization"] == (5, 2, 1.5)  # simulations that two targets share
    assert spent["random-search"] == spent["sobol-search"] == (5, 2, 2.0)
    assert table.rows[0].diversity == rows[0].diversity
    results, _ = finished
    y = read_labels(results.folder("labels/data-ii") / "labels.zarr")["y"]
    reach = table.reach["data-ii"]
    assert (reach.lowest, reach.highest) == (y.min(), y.max())
    assert reach.share_within_1_percent == {f"{t:g}": np.mean(np.abs(y - t) <= 0.01 * t) for t in (0.6, 0.7)}
    nearest = np.sort(np.abs(y - 0.7) / 0.7 * 100)[:2]
    assert table.rows[1].oracle_rep == pytest.approx(nearest.mean())
    assert (table.truncation["data-ii"].orders, table.truncation["data-ii"].orders_again) == (1, 3)
    assert table.utilisation is not None
    assert 0 < table.utilisation <= 1
    assert table.wall_seconds is not None
    assert table.wall_seconds > 0


def test_every_section_is_there_with_its_figures(finished_run: Path) -> None:
    html = (finished_run / "report.html").read_text()
    assert re.findall(r'<section id="([^"]+)"', html) == [
        "reach", "table", "achieved", "gallery", "history", "cost", "microstructures", "labels", "training", "cores",
        "tune", "failures", "stages", "provenance", "spec",
    ]  # fmt: skip
    assert sorted(path.name for path in (finished_run / "figures").glob("*.png")) == [
        "achieved.png", "cores.png", "cost.png", "gallery.png", "gan-losses.png", "gan-samples.png", "labels.png",
        "mdn-training.png", "morphology.png", "optimization-history.png", "truncation.png",
    ]  # fmt: skip
    assert "No simulation failed." in html


@pytest.mark.long
def test_without_methods_there_are_labels_reach_and_figures(finished: Finished, tmp_path: Path) -> None:
    results, _ = finished
    spec = results.spec.model_copy(update={"methods": (), "tune": None})
    pipeline = Pipeline.of(spec, KINDS)
    kinds = {"microstructures", "generator", "latents", "labels", "truncation"}
    assert {stage.kind for stage in pipeline.stages} == kinds
    write_json(
        tmp_path / "provenance.json", {"git_sha": "3f2c1d", "gpu": None, "packages": {"torch": "2.13", "ax": None}}
    )
    (tmp_path / "spec.source.yaml").write_text("campaign: small\n")
    report = write_report(tmp_path, pipeline, results.cache).read_text()
    assert "No method was asked for." in report
    assert "What could be reached" in report
    assert "torch 2.13, ax not installed" in report
    assert "Table 1" not in report
    assert [path.name for path in (tmp_path / "tables").iterdir()] == ["table1.json"]
    assert (tmp_path / "figures" / "labels.png").is_file()
    screen = Console(width=100)
    with screen.capture() as capture:
        screen.print(api.table(tmp_path))
    assert "The labels of data-ii reach from " in capture.get()
    assert api.warnings(tmp_path) == ()
