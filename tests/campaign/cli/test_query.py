"""``campaign query``, ``export``, ``import`` and ``store verify``: what is asked is told, mistakes are one line."""

from __future__ import annotations

import csv
import errno
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from campaign.cache.owner import Owner
from campaign.cli.main import app
from results.stores.store import SimulationStore

pytestmark = pytest.mark.long


def campaign(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def make(path: Path, seed: int, inputs: dict[str, object]) -> SimulationStore:
    path.parent.mkdir(parents=True, exist_ok=True)
    store = SimulationStore.create(
        path, capacity=8, latent_shape=(1, 1), image_px=16, rows_per_unit=4, inputs=inputs, attributes={"physics": {}}
    )
    rng = np.random.default_rng(seed)
    for unit in (0, 1):
        y = rng.uniform(0.5, 0.8, 4)
        rows = {"y": y, "absorption": y, "image": rng.integers(0, 2, (4, 16, 16)), "z": rng.random((4, 1, 1))}
        store.write_unit(unit, {**rows, **{name: np.full(4, 0.65) for name in inputs}, "status": [1, 1, 1, 2 - unit]})
    store.finish()
    return store


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make(folder / "cache" / "labels.zarr", 1, {})
    (folder / "run" / "stages" / "labels").mkdir(parents=True)
    (folder / "run" / "stages" / "labels" / "data-ii").symlink_to("../../../cache")
    make(folder / "run" / "stages" / "verification" / "gan-mdn" / "data-ii" / "designs.zarr", 2, {"target": float})
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A run's folder with two stores, one of them by a link."""
    shutil.copytree(made, tmp_path, symlinks=True, dirs_exist_ok=True)
    return tmp_path / "run"


@pytest.fixture
def labels(run: Path) -> Path:
    return run / "stages" / "labels" / "data-ii" / "labels.zarr"


LABELS, DESIGNS = "labels/data-ii/labels.zarr", "verification/gan-mdn/data-ii/designs.zarr"


def rows_of(*arguments: object) -> list[dict]:
    done = campaign("query", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_is_asked_as_one(run: Path) -> None:
    rows = rows_of(run, "y > 0")
    assert [row["store"] for row in rows] == [LABELS] * 7 + [DESIGNS] * 7
    assert {row["target"] for row in rows if row["store"] == LABELS} == {None}
    assert {row["store"] for row in rows_of(run, "target == 0.65")} == {DESIGNS}
    assert campaign("query", run, "--count").stdout == "14\n"


def test_the_nearest_of_all_stores_come_first(run: Path) -> None:
    everything = rows_of(run, "y > 0")
    wanted = sorted(everything, key=lambda row: abs(row["y"] - 0.7))[:3]
    assert rows_of(run, "nearest(absorption, 0.7, 3)") == wanted
    assert rows_of(run, "--nearest", "absorption=0.7", "--limit", "3") == wanted
    below = [row for row in sorted(everything, key=lambda row: abs(row["y"] - 0.7)) if row["y"] < 0.65][:2]
    assert rows_of(run, "nearest(y, 0.7, 2) and y < 0.65") == below


def test_rows_are_ordered_and_cut(labels: Path) -> None:
    ys = [row["y"] for row in rows_of(labels)]
    assert [row["y"] for row in rows_of(labels, "y > 0", "--sort=-y", "--limit", "3")] == sorted(ys)[::-1][:3]
    found = rows_of(labels, "--sort", "y", "--columns", "y,status")
    assert [list(row) for row in found] == [["sim", "y", "status"]] * 7
    assert [row["y"] for row in found] == sorted(ys)
    assert [row["sim"] for row in rows_of(labels, "y > 0", "--limit", "2")] == [0, 1]


def test_formats_say_the_same(labels: Path, tmp_path: Path) -> None:
    rows = rows_of(labels, "y > 0.6")
    told = campaign("query", labels, "y > 0.6", "--format", "csv")
    read = list(csv.DictReader(io.StringIO(told.stdout)))
    assert [float(row["y"]) for row in read] == [row["y"] for row in rows]
    done = campaign("query", labels, "y > 0.6", "--format", "parquet", "--output", tmp_path / "rows.parquet")
    assert done.exit_code == 0, done.stderr
    assert pyarrow.parquet.read_table(tmp_path / "rows.parquet")["y"].to_pylist() == [row["y"] for row in rows]
    table = campaign("query", labels, "y > 0.6").stdout
    assert table.strip().endswith(f"{len(rows)} rows")
    assert "reflection" not in table  # it says nothing here


def test_images_and_arrays_are_saved(run: Path, tmp_path: Path) -> None:
    sheet, arrays = tmp_path / "sheet.png", tmp_path / "rows.npz"
    done = campaign("query", run, "nearest(y, 0.7, 5)", "--images", sheet, "--save", arrays)
    assert done.exit_code == 0, done.stderr
    assert Image.open(sheet).size[0] > 300
    saved = np.load(arrays)  # without pickles
    assert saved["image"].shape == (5, 16, 16)
    assert saved["z"].shape == (5, 1, 1)
    for place, (store, sim) in enumerate(zip(saved["store"], saved["sim"], strict=True)):
        opened = SimulationStore.open(run / "stages" / str(store))
        np.testing.assert_array_equal(saved["image"][place], opened.images(rows=[int(sim)])[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("y > 0", "--columns", "absorbtion"), "no column absorbtion (did you mean absorption?)"),
        (("y > 0", "--sort", "yy"), "no column yy (did you mean y?)"),
        (("absorbtion > 0",), "no column absorbtion (did you mean absorption?)"),
        (("nearest(absorbtion, 0.7, 5)",), "no column of numbers absorbtion (did you mean absorption?)"),
        (("nearest(y, 0.7)",), "write nearest(COLUMN, VALUE, COUNT)"),
        (("nearest(y, 0.7, 0)",), "COUNT is a whole number from 1, got 0"),
        (("y > 0 or nearest(y, 0.7, 5)",), "nearest(...) stands once, alone or joined to a condition by `and`"),
        (("--nearest", "y"), "--nearest: expected COLUMN=VALUE, such as absorption=0.7, got y"),
        (("--format", "parquet"), "--format parquet needs a file: add --output rows.parquet"),
        (("--images", "sheet.gif"), "--images: expected a .png or .pdf file, got sheet.gif"),
        (("--save", "nowhere/rows.npz"), "cannot write nowhere/rows.npz: its folder does not exist"),
        (("y > 2", "--images", "sheet.png"), "no row was found, so that sheet.png has nothing to show"),
        (("nowhere.zarr", "y > 0"), "no simulation store at nowhere.zarr"),
    ],
)
def test_mistakes_are_one_line(labels: Path, arguments: tuple[str, ...], message: str) -> None:
    done = campaign("query", labels, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("suffix", ["h5", "csv"])
def test_what_is_exported_is_imported(labels: Path, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"rows.{suffix}"
    assert campaign("export", labels, file).stdout.split() == ["8", "rows", "in", str(file)]
    done = campaign("import", file, tmp_path / "again.zarr")
    assert done.stdout.startswith("7 labelled microstructures, 1 without a label in"), done.stderr
    assert rows_of(tmp_path / "again.zarr") == rows_of(labels)
    again = campaign("export", labels, file)
    assert (again.exit_code, again.stderr.strip()) == (
        2,
        f"{file} exists already; name another file, or remove it first",
    )


def test_verify_says_what_is_lost_and_mends_it(labels: Path) -> None:
    assert campaign("store", "verify", labels).exit_code == 0
    (labels / "y" / "c" / "1").write_bytes(b"damaged")
    done = campaign("store", "verify", labels)
    assert done.exit_code == 1
    assert "units damaged: 1 (y)" in done.stdout
    done = campaign("store", "verify", labels, "--repair")
    assert done.exit_code == 0
    assert "mended: unit 1: y restored from the columns laid together" in done.stdout
    assert json.loads(campaign("store", "verify", labels, "--json").stdout)["sound"] is True


def test_a_store_that_is_being_written_is_not_repaired(tmp_path: Path) -> None:
    folder = tmp_path / "key.partial-abc"
    store = make(folder / "labels.zarr", 1, {})
    Owner.here("abc").write(folder / "owner-abc.json")
    assert "owner: process" in campaign("store", "verify", store.path).stdout
    done = campaign("store", "verify", store.path, "--repair")
    assert done.exit_code == 3
    assert "is being written by process" in done.stderr


def test_a_place_that_cannot_be_written_is_one_line(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path / "rows.csv"))

    monkeypatch.setattr("results.files.Path.write_bytes", refuse)
    done = campaign("query", labels, "--format", "csv", "--output", tmp_path / "rows.csv")
    assert (done.exit_code, done.stderr) == (
        2,
        f"{tmp_path}/rows.csv: Read-only file system; name a place that you may read and write\n",
    )
