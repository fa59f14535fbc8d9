"""Every benchmark runs, as small as it can: what is printed beside a figure must be there to be run."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from first_hour import PAGES

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.long


def answer(name: str, *arguments: str) -> Any:
    """JSON that a benchmark prints which starts processes, in one of its own."""
    command = [sys.executable, str(BENCHMARKS / name), *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a benchmark in this process; what it prints."""

    def run(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        with patch.dict(os.environ), contextlib.chdir(BENCHMARKS.parent):
            runpy.run_path(str(BENCHMARKS / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def told(printed: Callable[..., str]) -> Callable[..., Any]:
    """The same for JSON."""
    return lambda *arguments: json.loads(printed(*arguments, "--json"))


def test_ways_to_solve_a_batch() -> None:
    few = ("--orders", "1", "--batches", "1", "2", "--repeats", "1")
    rows = answer("rcwa_batch.py", "--device", "cpu", *few)["rows"]
    ways = {row["way"] for row in rows}
    assert {"one thread", "one by one", "transfer"} < ways
    assert len(rows) == 2 * len(ways)
    assert all(row["images_per_second"] > 0 for row in rows)


def test_crossover_of_the_solvers(told: Callable[..., Any]) -> None:
    few = ("--orders", "1", "--scales", "0.5", "2", "--accuracies", "1e-9", "--images", "1", "--repeats", "1")
    rows = told("rcwa_crossover.py", *few)
    assert [row["harmonics"] for row in rows] == [5, 5]
    assert rows[1]["phase"] > 3 * rows[0]["phase"]
    assert [row["auto_takes_transfer"] for row in rows] == [False, True]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("rcwa_convergence.py", ("--images", "1")),
        pytest.param("rcwa_scaling.py", (), marks=pytest.mark.slow),  # peers compile for each number of orders
    ],
)
def test_plots_over_orders(printed: Callable[..., str], name: str, more: tuple[str, ...], tmp_path: Path) -> None:
    printed(name, "--orders", "1", "2", *more, "--output", str(tmp_path))
    stem = name.removesuffix(".py")
    assert {f"{stem}.csv", f"{stem}.png"} <= {path.name for path in tmp_path.iterdir()}


def test_scale_on_paper() -> None:
    assert answer("scale_sim.py", "--workers", "10", "--simulations", "1000")


def test_what_a_suggestion_costs(told: Callable[..., Any]) -> None:
    methods = ("composite-optimization", "trust-region-optimization")
    rows = told("bo_overhead.py", "--points", "30", "--repeats", "1", "--methods", *methods)["rows"]
    assert [(row["method"], row["dimension"]) for row in rows] == [(name, d) for name in methods for d in (4, 9)]
    assert all(row["batch_seconds"] > row["suggestion_seconds"] > 0 for row in rows)


@pytest.mark.authors
def test_labels_of_a_stack(authors_dir: Path, told: Callable[..., Any]) -> None:
    physics = ("--physics", "specs/physics/oxide-texture.yaml")
    figures = told("stack_labels.py", str(authors_dir / "weights.pickle"), *physics, "--count", "4", "--sample", "2")
    assert figures["images"] == 4
    assert 0 < figures["mean"] < 1
    assert figures["failed"] == 0
    assert 0 < figures["mean_abs_difference"] <= figures["max_abs_difference"] < 0.5


@pytest.mark.authors
def test_orders_that_labels_follow(authors_dir: Path, told: Callable[..., Any]) -> None:
    shells = told("stack_orders.py", str(authors_dir / "dataset_z4_part.hdf5"))
    assert [shell["distance"] for shell in shells[:4]] == [1, 1.414, 2, 2.236]
    leaves, guided = shells[1], shells[2]
    assert leaves["correlation"] < -0.2
    assert guided["correlation"] > 0.2
    assert leaves["r_left_out"] == max(shell["r_left_out"] for shell in shells)


@pytest.mark.slow  # test_calibrate.py calibrates on Ray with every change
@pytest.mark.ray
@pytest.mark.authors
def test_families_of_stacks(authors_dir: Path, tmp_path: Path) -> None:
    family = tmp_path / "coarse.yaml"
    shipped = (BENCHMARKS.parent / "specs" / "calibration" / "families" / "etched.yaml").read_text()
    search = "starts: 4\ndescents: 1\niterations: 1\nfolds: 2"
    text = shipped.replace("include: base/search.yaml", search)
    family.write_text(text.replace("base/", f"{BENCHMARKS.parent}/specs/calibration/families/base/"))
    data = str(authors_dir / "dataset_z4_part.hdf5")
    rows = answer("stack_families.py", data, str(family), "--orders", "2", "--runs", str(tmp_path))
    assert [(row["family"], row["orders"]) for row in rows] == [("coarse", 2)]
    assert rows[0]["what"].startswith("Holes etched into a silicon film")
    assert -1 <= rows[0]["r_held_out"] <= 1
    assert 550 <= rows[0]["wavelength_nm"] <= 1000


@pytest.mark.slow  # with every change, tests/cluster does on Ray what is timed here
@pytest.mark.ray
def test_what_the_fan_out_costs() -> None:
    figures = answer("fanout_overhead.py", "--simulations", "16", "--rounds", "1", "--no-op-rows", "5000")
    assert {"efficiency", "rows_per_second", "driver_mb"} < figures.keys()
    assert all(figures[name] > 0 for name in ("efficiency", "cpu_efficiency", "rows_per_second", "driver_mb"))


def test_trial_of_a_spec(told: Callable[..., Any]) -> None:
    few = ("--microstructures", "--labels", "4", "--sample", "2", "--compared", "10")
    figures = told("spec_trial.py", "specs/quickstart.yaml", *few)
    assert list(figures) == ["data-i", "data-ii"]
    for row in figures.values():
        assert 0 < row["labels"]["lowest"] < row["labels"]["highest"] < 1
        assert 0 < row["labels"]["truncation_mean_change"] < 0.01
        assert row["labels"]["orders"] == [4, 6]
        assert row["generator"]["images"] == 10


def test_a_store_at_scale() -> None:
    figures = answer("store_scale.py", "--rows", "2000", "--units", "20", "--repeats", "1")
    assert figures["rows_found"] > 0
    assert figures["files"] > 20 * 8
    assert (figures["duckdb_seconds"] is None) == (figures["duckdb_reason"] is not None)


@pytest.mark.slow  # with every change, tests/cluster does on Ray what is timed here
@pytest.mark.ray
def test_what_ray_train_costs() -> None:
    figures = answer("ray_training.py", "--steps", "2", "--epochs", "5", "--repeats", "1")
    assert list(figures) == ["GAN", "MDN"]
    for row in figures.values():
        assert row["rate"] == pytest.approx(row["bare_seconds"] / row["seconds"])
        assert row["first_overhead_seconds"] > 0


def test_what_a_second_round_of_labels_is_worth(told: Callable[..., Any], tmp_path: Path) -> None:
    spec = tmp_path / "tiny.yaml"
    tiny = (BENCHMARKS.parent / "tests" / "tiny.yaml").read_text()
    spec.write_text(tiny.replace("steps: 120, batch_size: 8, workers: 2", "steps: 4, batch_size: 8, workers: 1"))
    few = ("--count", "20", "--designs", "2", "--methods", "nearest-labels", "random-labels")
    lines = told("label_rounds.py", str(spec), "data-ii", *few)["lines"]
    names = ("nearest-labels", "random-labels")
    assert [(line["rounds"], line["method"]) for line in lines] == [
        (rounds, name) for rounds in (1, 2) for name in names
    ]
    assert all(line["by_target"].keys() == {"0.6", "0.7"} for line in lines)
    assert all(line["mean_rep"] > 0 for line in lines)


@pytest.mark.slow  # with every change, test_wheel.py installs the wheel, and test_tutorials.py does what the pages say
@pytest.mark.timeout(1800)
def test_the_first_hour() -> None:
    steps = answer("first_hour.py", "--no-starter")
    assert [step["page"] for step in steps[:2]] == ["install", "install"]
    assert {step["page"] for step in steps} == {"install", *PAGES}
    assert {step["code"] for step in steps} == {0}
