"""Commands that read stores and write reports: what is damaged, misnamed or read-only is one line and an exit code."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from campaign import api
from campaign.cli.main import app
from ganmdn.targets import Target
from results.stores.layout import DamagedStoreError
from results.stores.store import SimulationStore
from results.table.formats import write_tables
from results.table.reach import Reach, TargetReach
from results.table.rows import TableRow


def campaign(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def store(tmp_path: Path) -> SimulationStore:
    made = SimulationStore.create(
        tmp_path / "labels.zarr",
        capacity=8,
        latent_shape=None,
        image_px=16,
        rows_per_unit=4,
        attributes={"physics": {}},
    )
    for unit in (0, 1):
        rows = {"y": np.linspace(0.5, 0.8, 4), "image": np.zeros((4, 16, 16), np.uint8), "status": np.ones(4, int)}
        made.write_unit(unit, rows)
    made.finish()
    return made


@pytest.mark.long
@pytest.mark.parametrize("command", [("query", "y > 0"), ("query", "sim == 1"), ("replay", 6)])
@pytest.mark.parametrize("lost", ["y/c/1", "status/c/1"])
def test_a_copy_without_some_files_is_no_answer(store: SimulationStore, command: tuple[object, ...], lost: str) -> None:
    name, *arguments = command
    assert campaign("query", store.path, "y > 0").exit_code == 0
    (store.path / lost).unlink()
    done = campaign(name, store.path, *arguments)
    if command == ("query", "sim == 1") and lost == "y/c/1":
        assert done.exit_code == 0  # unit 0 has all that was asked for
        return
    assert done.exit_code == 2
    assert f"labels.zarr is damaged: unit 1 (rows 4 to 7): its file of array {lost.partition('/')[0]}" in done.stderr
    assert done.stderr.strip().endswith("`campaign submit` its spec, which computes what is lost")


def test_a_path_inside_a_store_is_named(store: SimulationStore) -> None:
    done = campaign("query", store.path / "y", "y > 0")
    assert (done.exit_code, done.stderr.strip()) == (
        2,
        f"{store.path}/y lies in a simulation store and is none; name the store, {store.path}",
    )


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_report_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(run: Path, *, pdf: bool) -> Path:
        raise OSError(number, "the system's reason", str(run / "tables"))

    monkeypatch.setattr(api, "rewrite_report", refuse)
    done = campaign("report", tmp_path)
    assert (done.exit_code, done.stderr) == (
        2,
        f"the report of {tmp_path} cannot be written: the system's reason; copy the run to where you may write\n",
    )


def test_a_report_over_a_damaged_store_names_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(run: Path, *, pdf: bool) -> Path:
        raise DamagedStoreError("labels.zarr is damaged: unit 3", [3])

    monkeypatch.setattr(api, "rewrite_report", refuse)
    done = campaign("report", tmp_path)
    assert (done.exit_code, done.stderr) == (2, "labels.zarr is damaged: unit 3\n")


def test_a_calibration_that_could_not_be_written_is_not_begun(tmp_path: Path) -> None:
    output = tmp_path / "nowhere" / "found.yaml"
    done = campaign("calibrate", tmp_path / "data.hdf5", "--physics", tmp_path / "family.yaml", "--output", output)
    assert (done.exit_code, done.stderr) == (
        2,
        f"cannot write {output}: its folder does not exist; create it first\n",
    )


def test_a_report_says_what_is_held_against_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reach = Reach("mine", 400, (0.3,), (0.55,), (0.04,), (TargetReach(Target.of(0.6), 0.0, 9.0, 30.0),))
    (tmp_path / "tables").mkdir()
    row = TableRow("mine", "gan-mdn", Target.of(0.6), 0.5, 9.5, 3.0, 0.035, 30, reach=reach)
    write_tables([row], tmp_path / "tables")
    monkeypatch.setattr(api, "rewrite_report", lambda run, pdf: run / "report.html")
    done = campaign("report", tmp_path)
    assert done.exit_code == 0, done.stderr
    told, where = " ".join(done.stdout.split()).split(" report: ")
    assert told.startswith("! Target 0.60 lies outside the labels of mine, 0.300 to 0.550.")
    assert where == f"{tmp_path}/report.html"
