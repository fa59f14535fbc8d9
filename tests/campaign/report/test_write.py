"""A report of stages that were computed here, whole."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from campaign.plan.finished import StageResults
from campaign.report.write import write_report
from results.files import write_json

Finished = tuple[StageResults, Path]


@pytest.fixture(scope="module")
def folder(finished: Finished) -> Path:
    results, run = finished
    write_json(run / "provenance.json", {"git_sha": "3f2c1d", "gpu": None, "packages": {"torch": "2.13", "ax": None}})
    (run / "spec.source.yaml").write_text("campaign: small\n")
    write_report(run, results.pipeline, results.cache)
    return run


def test_the_table_has_every_method_and_target_in_the_specs_order(folder: Path) -> None:
    with (folder / "tables" / "table1.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    methods = ["gan-mdn", "pca-mdn", "direct-mdn", "bayesian-optimization"]
    assert [(row["method"], row["target"]) for row in rows] == [(name, t) for name in methods for t in ("0.6", "0.7")]
    assert {row["designs"] for row in rows[:6]} == {"2"}
    assert {row["designs"] for row in rows[6:]} == {str(5 + 3)}  # starting pairs and iterations
    assert {(row["truncation_orders"], row["truncation_sample"]) for row in rows} == {("1", "3")}


def test_every_section_is_there_with_its_figures(folder: Path) -> None:
    html = (folder / "report.html").read_text()
    assert re.findall(r'<section id="([^"]+)"', html) == [
        "table", "achieved", "gallery", "history", "microstructures", "labels", "training", "cores", "tune",
        "failures", "stages", "provenance", "spec",
    ]  # fmt: skip
    assert sorted(path.name for path in (folder / "figures").glob("*.png")) == [
        "achieved.png", "cores.png", "gallery.png", "gan-losses.png", "gan-samples.png", "labels.png",
        "mdn-training.png", "morphology.png", "optimization-history.png", "truncation.png",
    ]  # fmt: skip
    assert "No simulation failed." in html
    assert "torch 2.13, ax not installed" in html
