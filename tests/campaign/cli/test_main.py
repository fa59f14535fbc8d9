"""The command line as a user meets it: real processes, real exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import campaign

from campaign.cli.main import main
from campaign.plan.keys import PROJECT
from campaign.plan.optics import optics_of
from campaign.spec.load import load_spec
from results.stores.store import SimulationStore

QUICKSTART = PROJECT / "specs" / "quickstart.yaml"


def test_help_names_every_command_of_the_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "campaign", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0
    for name in ("submit", "plan", "report", "doctor", "verify-authors", "import", "receipt", "compare", "bundle"):
        assert name in done.stdout


@pytest.mark.parametrize("name", ["quickstart", "table1"])
def test_plan_shows_the_shipped_specs_and_writes_nothing(name: str, tmp_path: Path) -> None:
    done = campaign("plan", PROJECT / "specs" / f"{name}.yaml", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert {state: count for state, count in plan["counts"].items() if count} == {"new": len(plan["stages"])}
    assert {"generator", "labels/data-i", "verification/gan-mdn/data-ii"} <= {stage["name"] for stage in plan["stages"]}
    assert plan["simulations"] == sum(stage["simulations"] for stage in plan["stages"])
    assert plan["core_seconds"] >= plan["wall_seconds"] > 0
    assert list(tmp_path.iterdir()) == []


def test_plan_for_people_adds_it_up(tmp_path: Path) -> None:
    done = campaign("plan", PROJECT / "specs" / "table1.yaml", folder=tmp_path)
    [told] = re.findall(r"^(\d+) stages: (\d+) new; ([\d,]+) simulations to do$", done.stdout, re.MULTILINE)
    listed = re.findall(r"^ \S+ +new ", done.stdout, re.MULTILINE)
    assert told[:2] == (str(len(listed)),) * 2
    assert int(told[2].replace(",", "")) > 2 * 4000
    assert "labels/data-i " in done.stdout


def test_any_subset_of_slurms_variables_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.delenv("SLURM_CPUS_ON_NODE", raising=False)
    assert campaign("plan", QUICKSTART, folder=tmp_path).returncode == 0
    monkeypatch.setenv("SLURM_JOB_CPUS_PER_NODE", "3(x2)")  # as in a shell of salloc
    assert json.loads(campaign("plan", QUICKSTART, "--json", folder=tmp_path).stdout)["workers"] == 3
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "many")
    message = "SLURM_CPUS_ON_NODE must be a number, got 'many'; is this environment Slurm's own?\n"
    for command in (["plan", str(QUICKSTART)], ["doctor"]):
        monkeypatch.setattr(sys, "argv", ["campaign", *command])
        with pytest.raises(SystemExit, match="2"):
            main()
        assert capsys.readouterr() == ("", message)


def test_a_bad_spec_is_told_at_once_with_exit_code_2(tmp_path: Path) -> None:
    bad = QUICKSTART.read_text().replace("seed: 2020", "seed: -1").replace("targets: [0.55", "tragets: [0.55")
    (tmp_path / "bad.yaml").write_text(bad.replace("physics/", f"{QUICKSTART.parent}/physics/"))
    done = campaign("submit", "bad.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert [line.split(": ")[0] for line in lines] == ["bad.yaml:3:7", f"bad.yaml:{line_of(bad, 'tragets')}:1"]
    assert "targets" in lines[1]
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def line_of(text: str, word: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if word in line)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("plan", "missing.yaml"), "missing.yaml"),
        (("status", "nowhere"), "nowhere: not a run's folder"),
        (("report", "nowhere"), "nowhere: not a run's folder"),
        (("query", "nowhere.zarr", "y>0"), "no simulation store at nowhere.zarr"),
        (("import", "missing.hdf5", "store.zarr"), "missing.hdf5"),
        (("verify-authors", "missing.pickle", "missing.hdf5"), "missing"),
    ],
)
def test_what_is_not_there_is_said_without_a_traceback(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = campaign(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_runs_is_no_error(tmp_path: Path) -> None:
    done = campaign("status", folder=tmp_path)
    assert done.returncode == 0
    assert "no runs here" in done.stdout


def test_schema_is_json(tmp_path: Path) -> None:
    schema = json.loads(campaign("schema", folder=tmp_path).stdout)
    assert "datasets" in schema["properties"]


def test_doctor_finds_this_machine_fit(tmp_path: Path) -> None:
    done = campaign("doctor", "--json", folder=tmp_path)
    checks = json.loads(done.stdout)
    assert {check["status"] for check in checks} <= {"ok", "warning", "failure"}
    assert done.returncode == (1 if any(check["status"] == "failure" for check in checks) else 0)


@pytest.mark.long
@pytest.mark.authors
def test_the_published_images_are_made_again_pixel_for_pixel(authors_dir: Path, tmp_path: Path) -> None:
    data = authors_dir / "dataset_z4_part.hdf5"
    done = campaign("verify-authors", authors_dir / "weights.pickle", data, "--json", folder=tmp_path)
    assert json.loads(done.stdout) == {"images": 50, "identical": 50, "pixel_agreement": 1.0}


@pytest.mark.long
@pytest.mark.authors
def test_the_published_data_can_be_imported_and_queried(authors_dir: Path, tmp_path: Path) -> None:
    done = campaign("import", authors_dir / "dataset_z4_part.hdf5", "published.zarr", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "50 labelled microstructures" in done.stdout
    found = campaign("query", "published.zarr", "abs(absorption-0.65)<0.01", "--json", folder=tmp_path)
    rows = json.loads(found.stdout)
    assert rows
    assert all(abs(row["absorption"] - 0.65) < 0.01 for row in rows)
    limited = campaign("query", "published.zarr", "y>0", "--json", "--limit", "3", folder=tmp_path)
    assert len(json.loads(limited.stdout)) == 3
    wrong = campaign("query", "published.zarr", "absorbtion>0.5", folder=tmp_path)
    assert wrong.returncode == 2
    assert "absorption" in wrong.stderr


def test_a_folder_that_cannot_be_written_is_told_in_a_line(
    tmp_path: Path, small_disk: Callable[[Path, str], None]
) -> None:
    (tmp_path / "runs").mkdir()
    small_disk(tmp_path / "runs", "1m,ro")
    done = campaign("submit", QUICKSTART, folder=tmp_path)
    assert done.returncode == 1
    assert f"folder of runs: {tmp_path / 'runs'} cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_is_told_in_a_line(tmp_path: Path, small_disk: Callable[[Path, str], None]) -> None:
    (tmp_path / "runs").mkdir()
    small_disk(tmp_path / "runs", "16k")
    done = campaign("submit", QUICKSTART, folder=tmp_path)
    assert done.returncode == 1
    assert f"GiB are free in {tmp_path / 'runs'}; make room, or name a folder on another disk" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_replay_shows_inputs_outcome_and_traceback(tmp_path: Path) -> None:
    physics = optics_of(load_spec(QUICKSTART).spec.physics, 1, 64).model_dump(mode="json")
    store = SimulationStore.create(
        tmp_path / "labels.zarr", capacity=2, latent_shape=None, image_px=64, rows_per_unit=2,
        inputs={"target": "float64"}, attributes={"physics": physics},
    )  # fmt: skip
    images = np.zeros((2, 64, 64), np.uint8)
    images[:, :32] = 1
    failed = {"status": [2, 2], "error_class": ["TimeLimit"] * 2, "error_message": ["took longer than 5 s"] * 2}
    store.write_unit(0, {"image": images, "target": [0.5, 0.6], **failed})
    done = campaign("replay", "labels.zarr", "1", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    assert again["inputs"] == {"target": 0.6, "image": "64 x 64 px, 50.0% white"}
    assert again["recorded"]["error_class"] == "TimeLimit"
    assert again["outcome"]["status"] == "done"
    assert 0 < again["outcome"]["y"] < 1

    (tmp_path / "hasty.yaml").write_text("kind: local\nlimits: {simulation_s: 0.001}\n")
    done = campaign("replay", "labels.zarr", "1", "--profile", "hasty.yaml", folder=tmp_path)
    assert done.returncode == 1
    assert "took longer than 0.001 s" in done.stdout
    assert "most recent call first" in done.stdout
    done = campaign("replay", "labels.zarr", "2", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip() == "row must be from 0 to 1 in labels.zarr, got 2"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            "init --from image",
            "campaign init: --from must be one of quickstart, spectrum, images, got 'image'; did you mean 'images'?",
        ),
        ("graph a.yaml --format svg", "campaign graph: --format must be one of mermaid, dot, got 'svg'; {help}"),
        ("plan a.yaml --probe -1", "campaign plan: --probe must be greater than or equal to 0; {help}"),
        ("plan a.yaml --probe few", "campaign plan: --probe must be a whole number; {help}"),
        ("plan", "campaign plan: missing argument 'SPEC'; {help}"),
        ("plann a.yaml", "campaign: no such command 'plann'. Did you mean 'plan'?"),
    ],
)
def test_a_wrong_argument_is_told_in_one_line(arguments: str, line: str) -> None:
    done = campaign(*arguments.split())
    assert done.returncode == 2
    assert done.stderr == line.format(help=f"`{line.partition(':')[0]} --help` says what there is") + "\n"


def test_without_a_command_the_help_is_shown_alone() -> None:
    done = campaign()
    assert (done.returncode, done.stderr) == (2, "")
    assert "Usage: campaign" in done.stdout
