"""Runs beside each other: their specs, versions, code and tables."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from campaign.review.compare import compare_runs
from campaign.review.comparison_page import render_comparison


@pytest.fixture
def other_run(finished_run: Path, tmp_path: Path) -> Path:
    """A copy with another spec, other packages, one method less and one figure beyond its interval."""
    run = tmp_path / "other"
    shutil.copytree(finished_run, run, symlinks=True)
    edit(run / "spec.json", lambda spec: spec["labels"].update(count=50))
    edit(run / "spec.json", lambda spec: spec["methods"].pop(1))
    edit(run / "provenance.json", lambda facts: facts["packages"].update(numpy="1.0"))

    def worsen(table: dict[str, Any]) -> None:
        for part in ("rows", "averages"):
            table[part] = [line for line in table[part] if line["method"] != "pca-mdn"]
        first = table["rows"][0]
        low, high = first["mean_rep_interval"]
        first |= {"mean_rep": first["mean_rep"] + 2, "mean_rep_interval": [high + 1, 2 * high - low + 1]}

    edit(run / "tables" / "table1.json", worsen)
    return run


def edit(path: Path, change: Any) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_settings_are_told_by_place_and_tables_cell_by_cell(finished_run: Path, other_run: Path) -> None:
    found = compare_runs([finished_run, other_run])
    assert [(each.place, each.values) for each in found.settings if each.place == "labels.count"] == [
        ("labels.count", (40, 50))
    ]
    [method] = [each for each in found.settings if each.place != "labels.count"]
    assert (method.place, method.values[0]["kind"], method.values[1]) == ("methods.pca-mdn", "pca-mdn", None)
    assert [(each.place, each.values[1]) for each in found.versions] == [("packages.numpy", "1.0")]
    assert found.partial == ("Only A has data-ii/pca-mdn.",)
    marked = [(line.name, line.target) for line in found.lines if line.beyond[1]]
    assert marked == [("data-ii/gan-mdn", 0.6)]
    assert found.summary.startswith("1 of ")
    assert "labels/data-ii" in found.same_stages
    assert found.code is None


def test_code_is_compared_module_by_module(finished_run: Path, other_run: Path, tmp_path: Path) -> None:
    for run in (finished_run, other_run):
        package = tmp_path / "runs" / run.name / "code" / "ganmdn"
        shutil.copytree(run, package.parents[1], symlinks=True)
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "same.py").write_text("X = 1\n" if run == finished_run else "# of no matter\nX = 1\n")
        (package / "mdn.py").write_text(f"X = {len(run.name)}\n")
        (package.parent / "cluster").mkdir()
        (package.parent / "cluster" / "pool.py").write_text(f"X = {len(run.name)}\n")
    found = compare_runs([tmp_path / "runs" / run.name for run in (finished_run, other_run)])
    assert found.code == ("ganmdn.mdn",)


def test_the_page_needs_nothing_else_and_shows_all(finished_run: Path, other_run: Path) -> None:
    page = render_comparison(compare_runs([finished_run, other_run]))
    assert not re.findall(r'(?:src|href)="(?!#|data:)', page)
    assert "Only A has data-ii/pca-mdn." in page
    assert re.findall(r'<td class="failed">([^<]+)</td>', page) == ["+2.00*"]
    assert "<td>min REP" not in page
    assert "<th>mean REP A</th><th>mean REP B</th>" in page


def test_too_few_runs_and_folders_without_a_run_are_refused(finished_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a comparison takes from 2 to 26 runs, got 1; name other folders"):
        compare_runs([finished_run, finished_run])
    with pytest.raises(FileNotFoundError, match="not a run's folder"):
        compare_runs([finished_run, tmp_path])
