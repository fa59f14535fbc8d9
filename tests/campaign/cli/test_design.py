from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command import campaign

from campaign.design.fitted import FittedMethod
from campaign.plan.keys import PROJECT
from ganmdn.targets import Target


@pytest.fixture
def target(finished_run: Path) -> str:
    """One that the run reaches."""
    return f"{sum(FittedMethod.of_run(finished_run, method='gan-mdn').reach.bounds[0]) / 2:.4f}"


@pytest.mark.long
def test_designs_are_made_told_and_found_again(finished_run: Path, target: str, tmp_path: Path) -> None:
    done = campaign(
        "design", finished_run, "--dataset", "data-ii", "--method", "gan-mdn", "--target", target, "--count", "2",
        "--verify", "2", "--gds", "out.gds", "--tile", "3x3", "--output", "out", folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    named, heading, line, *_ = done.stdout.splitlines()
    assert named == "absorption (fraction of the light)"
    assert heading.split() == [
        "target",
        "designs",
        "predicted",
        "simulated",
        "best",
        "REP",
        "%",
        "mean",
        "REP",
        "%",
        "simulations",
    ]
    assert line.split()[:2] == [Target.parse(target).label, "2"]
    assert done.stdout.rstrip().endswith("out, layout in out.gds")
    assert (tmp_path / "out.gds").is_file()
    found = campaign("query", "out/designs.zarr", "y>0", "--json", folder=tmp_path)
    assert len(json.loads(found.stdout)) == 2
    again = campaign(
        "design", finished_run, "--method", "gan-mdn", "--target", target, "--output", "out", folder=tmp_path
    )
    assert again.returncode == 2
    assert again.stderr.strip() == "out holds designs already; name another folder, or add --overwrite"


def test_the_answer_as_json(finished_run: Path, target: str, tmp_path: Path) -> None:
    arguments = ("--method", "gan-mdn", "--target", target, "--count", "1", "--output", "out", "--json")
    done = campaign("design", finished_run, *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"folder": "out", **json.loads((tmp_path / "out" / "designs.json").read_text())}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--target", "0.999"), 1, "the nearest it can do is"),
        (("--target", "x"), 2, "a target must be a number or a range (0.9.. for at least"),
        (("--target", "0.6", "--count", "0"), 2, "count must be at least 1, got 0"),
        (
            ("--target", "0.6", "--orders", "9"),
            2,
            "orders are those that designs are simulated with, got 9 without --verify",
        ),
        (("--target", "0.6", "--verify", "1", "--orders", "0"), 2, "orders must be at least 1, got 0"),
        (("--target", "0.6", "--tile", "ten"), 2, "--tile must be two numbers of copies, got 'ten'; write 10x10"),
        (("--target", "0.6", "--dataset", "data-i"), 2, "has no data set called 'data-i'; did you mean 'data-ii'?"),
        (("--target", "0.6", "--method", "x"), 2, "has no method with a model called 'x'"),
        (("--target", "0.6", "--profile", "missing.yaml"), 2, "missing.yaml"),
        (("--target", "0.6", "--gds", "nowhere/a.gds"), 2, "cannot write nowhere/a.gds: its folder does not exist"),
        (("--target", "0.6", "--gds", "a.gds", "--tile", "0x1"), 2, "tile must be from 1x1 to"),
    ],
)
def test_mistakes_are_told_in_a_line(
    finished_run: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    named = () if "--method" in arguments else ("--method", "gan-mdn")
    done = campaign("design", finished_run, *named, *arguments, "--output", "out", folder=tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_target_out_of_reach_is_designed_for_at_the_nearest(finished_run: Path, tmp_path: Path) -> None:
    arguments = ("--method", "gan-mdn", "--target", "0.999", "--nearest", "--count", "1", "--output", "out")
    done = campaign("design", finished_run, *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0.999 is out of reach: designed for 0.")


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    done = campaign("design", "nowhere", "--target", "0.6", "--output", "out", folder=tmp_path)
    assert done.returncode == 2
    assert "nowhere: not a run's folder" in done.stderr


@pytest.mark.long
def test_it_needs_no_ray(finished_run: Path, target: str, tmp_path: Path) -> None:
    program = "import sys; sys.modules['ray'] = None; from campaign.cli.main import main; main()"
    options = f"--method gan-mdn --target {target} --count 2 --verify 1 --output".split()
    command = [sys.executable, "-c", program, "design", finished_run, *options, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    assert "\n2 designs in " in done.stdout
