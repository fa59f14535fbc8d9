"""Import of the published layout: every value arrives, and what is unlike it is refused with nothing left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from results.exchange import hdf5
from results.exchange.hdf5 import ImportDataError, import_published, read_published
from results.stores.store import SimulationStore


def published(count: int = 10, **changes: Any) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    arrays = {
        "z": rng.uniform(-1, 1, (count, 2, 2)),
        "x": rng.integers(0, 2, (count, 64, 64)),
        "y": rng.uniform(0.55, 0.75, count),
        "row": np.arange(count) * 2,
    }
    return {name: values for name, values in {**arrays, **changes}.items() if values is not None}


def write_file(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path


@pytest.mark.parametrize("rows_per_unit", [4, 256])
def test_every_value_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_per_unit: int) -> None:
    monkeypatch.setattr(hdf5, "ROWS_PER_UNIT", rows_per_unit)
    arrays = published()
    import_published(write_file(tmp_path / "data.hdf5", arrays), tmp_path / "store.zarr")
    store = SimulationStore.open(tmp_path / "store.zarr")
    assert store.is_complete
    stored = store.read()
    np.testing.assert_array_equal(stored["z"], arrays["z"].astype(np.float32))
    np.testing.assert_array_equal(stored["image"], arrays["x"])
    np.testing.assert_array_equal(stored["y"], arrays["y"])
    np.testing.assert_array_equal(stored["absorption"], arrays["y"])
    np.testing.assert_array_equal(stored["published_row"], arrays["row"])
    assert np.isnan(stored["reflection"]).all()
    assert (stored["status"] == 1).all()
    assert store.attributes["source_file"] == "data.hdf5"
    assert len(store.attributes["source_sha256"]) == 64


def test_row_is_optional(tmp_path: Path) -> None:
    store = import_published(write_file(tmp_path / "data.hdf5", published(row=None)), tmp_path / "store.zarr")
    assert "published_row" not in store.names


def spoilt(name: str, row: int, value: float, dtype: Any = float) -> dict[str, np.ndarray]:
    values = published()[name].astype(dtype)
    values[row].flat[0] = value
    if values.ndim == 1:
        values[row] = value
    return {name: values}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": None}, r"data\.hdf5: no data set y \(needed: z, x, y; found: row, x, z\)"),
        ({"z": np.zeros((9, 2, 2))}, r"z must have shape \(10, h, w\), as y has 10 rows, got \(9, 2, 2\)"),
        ({"z": np.zeros((10, 0, 2))}, r"z must have shape \(10, h, w\), as y has 10 rows, got \(10, 0, 2\)"),
        ({"x": np.zeros((10, 64, 32))}, r"x must have shape \(10, px, px\).* got \(10, 64, 32\)"),
        ({"x": np.full((10, 64, 64), 255)}, "x must hold only 0 and 1, got 255 in 10 rows, the first 0, 1, 2, 3, 4"),
        (spoilt("x", 7, 2, int), "x must hold only 0 and 1, got 2 in row 7"),
        (spoilt("x", 7, np.nan), "x must hold only 0 and 1, got nan in row 7"),
        ({"y": np.full(10, np.nan)}, "y and z must be finite somewhere, and are in none of 10 rows"),
        (
            {"y": np.full(10, 66.0)},
            "y must be a fraction from 0 to 1, got 66.0 in 10 rows, the first 0, 1, 2, 3, 4",
        ),
        (spoilt("y", 3, 1 + 2e-6), r"y must be a fraction from 0 to 1, got 1\.000002 in row 3"),
        (spoilt("y", 3, np.inf), "y must be a fraction from 0 to 1, got inf in row 3"),
        (spoilt("y", 3, -0.25), r"y must be a fraction from 0 to 1, got -0\.25 in row 3"),
        ({"y": np.zeros((10, 1))}, r"y must have shape \(n,\) with n > 0, got \(10, 1\)"),
        ({"y": np.zeros(0)}, r"y must have shape \(n,\) with n > 0, got \(0,\)"),
        ({"y": np.array([b"0.5"] * 10)}, r"y must hold real numbers, got text \(\|S3\)"),
        ({"y": ["a half"] * 10}, r"y must hold real numbers, got objects or text \(object\)"),
        ({"y": np.zeros(10, [("a", float)])}, "y must hold real numbers, got a compound"),
        ({"y": np.full(10, 0.5 + 0.1j)}, r"y must hold real numbers, got complex numbers \(complex128\)"),
        ({"y": np.ones(10, bool)}, "y must hold real numbers, got truth values"),
        ({"y": h5py.Empty("f8")}, "y must hold numbers, got an empty data set"),
        ({"x": h5py.Empty("u1")}, "x must hold numbers, got an empty data set"),
        ({"x": np.full((10, 64, 64), b"1")}, r"x must hold real numbers, got text"),
        ({"z": np.full((10, 2, 2), 1j)}, "z must hold real numbers, got complex numbers"),
        (spoilt("z", 4, 1e300), r"z must hold numbers of single precision, got 1e\+300 in row 4"),
        ({"row": np.arange(3)}, r"row must be 10 integers, as y has 10 rows, got int64 \(3,\)"),
        ({"row": np.array([b"1"] * 10)}, "row must hold real numbers, got text"),
        ({"row": np.full(10, 2**64 - 1, np.uint64)}, "row must hold integers of 64 bits, got 18446744073709551615 in"),
    ],
)
def test_wrong_data_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    source = write_file(tmp_path / "data.hdf5", published(**changes))
    with pytest.raises(ImportDataError, match=message):
        import_published(source, tmp_path / "store.zarr")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(("name", "value"), [("y", np.nan), ("z", np.inf), ("z", np.nan)])
def test_rows_without_a_label_are_failed_ones(tmp_path: Path, name: str, value: float) -> None:
    source = write_file(tmp_path / "data.hdf5", published(**spoilt(name, 3, value)))
    stored = import_published(source, tmp_path / "store.zarr").read("status", "error_message", "image")
    assert stored["status"].tolist() == [1, 1, 1, 2, 1, 1, 1, 1, 1, 1]
    assert stored["error_message"][3] == "y or z is not finite in the published file"
    np.testing.assert_array_equal(stored["image"], published()["x"])
    with pytest.raises(ImportDataError, match="y and z must be finite, got NaN or infinity in row 3; leave them out"):
        read_published(source)


@pytest.mark.parametrize("y", [1 + 1e-9, -1e-9, 0.0, 1.0])
def test_absorption_may_miss_its_bounds_by_rounding(tmp_path: Path, y: float) -> None:
    store = import_published(write_file(tmp_path / "data.hdf5", published(**spoilt("y", 3, y))), tmp_path / "s.zarr")
    assert store.read("y")["y"][3] == y


@pytest.mark.parametrize("dtype", ["u1", "i4", "f4", "f8", ">f8", bool])
def test_images_may_be_of_any_type_of_number(tmp_path: Path, dtype: Any) -> None:
    arrays = published(x=published()["x"].astype(dtype))
    store = import_published(write_file(tmp_path / "data.hdf5", arrays), tmp_path / "store.zarr")
    np.testing.assert_array_equal(store.images(), published()["x"])


def test_a_file_that_was_cut_short_is_one_line(tmp_path: Path) -> None:
    source = write_file(tmp_path / "data.hdf5", published())
    source.write_bytes(source.read_bytes()[:3000])
    with pytest.raises(ImportDataError, match=r"data\.hdf5 cannot be read: .*truncated"):
        import_published(source, tmp_path / "store.zarr")


def test_missing_files_and_other_formats_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no data file at .*absent\.hdf5"):
        import_published(tmp_path / "absent.hdf5", tmp_path / "store.zarr")
    (tmp_path / "text.hdf5").write_text("z,x,y")
    with pytest.raises(ImportDataError, match=r"text\.hdf5 is not an HDF5 file"):
        import_published(tmp_path / "text.hdf5", tmp_path / "store.zarr")


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(self: SimulationStore, unit: int, rows: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(SimulationStore, "write_unit", full_disk)
    source = write_file(tmp_path / "data.hdf5", published())
    with pytest.raises(OSError, match="no space left"):
        import_published(source, tmp_path / "store.zarr")
    assert list(tmp_path.iterdir()) == [source]


def test_an_existing_store_is_kept(tmp_path: Path) -> None:
    source = write_file(tmp_path / "data.hdf5", published())
    import_published(source, tmp_path / "store.zarr")
    with pytest.raises(FileExistsError, match=r"store\.zarr exists already; name another store"):
        import_published(source, tmp_path / "store.zarr")
    assert SimulationStore.open(tmp_path / "store.zarr").is_complete


@pytest.mark.authors
def test_the_authors_file_opens_as_a_labelled_store(authors_dir: Path, tmp_path: Path) -> None:
    store = import_published(authors_dir / "dataset_z4_part.hdf5", tmp_path / "store.zarr")
    stored = store.read("y", "image", "z")
    assert stored["image"].shape == (50, 64, 64)
    assert stored["z"].shape == (50, 2, 2)
    assert 0.55 < stored["y"].min() < stored["y"].max() < 0.75
