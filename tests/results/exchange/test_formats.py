"""What is exported and imported again is the same store: every array bit by bit, its facts, its missing units."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from results.exchange import contents
from results.exchange.contents import ExchangeError
from results.exchange.formats import export_store, import_store
from results.exchange.hdf5 import import_published
from results.stores.layout import DamagedStoreError
from results.stores.store import SimulationStore

pytestmark = pytest.mark.long

SUFFIXES = ["h5", "nc", "parquet", "csv"]


@pytest.fixture(scope="module")
def made(
    request: pytest.FixtureRequest,
    make_store_in: Callable[..., SimulationStore],
    make_rows: Callable[..., dict],
    tmp_path_factory: pytest.TempPathFactory,
) -> SimulationStore:
    """Failures, texts that formats trip over, numbers at the ends of their types, inputs of every kind.

    Finished, unless a test asks for one of which a unit is missing.
    """
    is_finished = getattr(request, "param", "finished") == "finished"
    made = make_store_in(
        tmp_path_factory.mktemp("made"),
        capacity=22,
        wavelengths_nm=(500.0, 600.5),
        inputs={"target": np.float64, "design": np.int64, "kind": str, "good": bool},
        attributes={"spec_key": "abc123", "nested": {"a": [1, 2.5, None]}},
    )
    for unit in range(3) if is_finished else (0, 2):
        count = made.unit_rows(unit).stop - made.unit_rows(unit).start
        rows = {**make_rows(unit, count), "good": np.arange(count) % 2 == 0}
        rows["seed"][0] = 2**64 - 1
        rows["design"] = np.full(count, -(2**63))
        rows["kind"] = np.array(['"quoted", with\na line', "# hash", "", "ü→✗"][:count] + ["x"] * (count - 4), object)
        rows["y"][:3] = np.nan, np.inf, 5e-324
        rows["seconds"][0] = np.float32(0.1)
        if unit == 2:
            rows["status"][1], rows["error_class"][1], rows["error_message"][1] = 2, "SolverError", "R + T = 1.2\r\n'"
        made.write_unit(unit, rows)
    if is_finished:
        made.finish()
    return made


def assert_same(store: SimulationStore, again: SimulationStore) -> None:
    assert again.layout == store.layout
    assert again.attributes == store.attributes
    assert (again.capacity, again.is_finished) == (store.capacity, store.is_finished)
    assert again.done_units() == store.done_units()
    for name, values in store.read().items():
        read = again.read(name)[name]
        assert read.dtype == values.dtype
        if values.dtype.kind == "T":
            assert read.tolist() == values.tolist()
        else:
            assert read.tobytes() == values.tobytes(), name


@pytest.mark.parametrize("made", ["finished", "unfinished"], indirect=True)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_round_trip_changes_nothing(
    made: SimulationStore, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "BATCH_ROWS", 16)
    file = tmp_path / f"rows.{suffix}"
    export_store(made, file)
    assert_same(made, import_store(file, tmp_path / "again.zarr"))


def test_netcdf_has_dimensions_of_its_own(made: SimulationStore, tmp_path: Path) -> None:
    export_store(made, tmp_path / "rows.nc")
    with h5py.File(tmp_path / "rows.nc") as file:
        assert [axis[0].name for axis in file["spectrum"].dims] == ["/sim", "/wavelength_nm"]
        assert file["wavelength_nm"][:].tolist() == [500.0, 600.5]
        assert file["layer"].asstr()[:].tolist() == ["pattern", "film"]
        assert file["absorption"].attrs["units"] == "1"
        np.testing.assert_array_equal(file["image"][:8], made.images(slice(8)))


@pytest.mark.parametrize("made", ["unfinished"], indirect=True)
def test_other_programs_read_the_csv_and_the_parquet(made: SimulationStore, tmp_path: Path) -> None:
    import pandas

    export_store(made, tmp_path / "rows.csv")
    export_store(made, tmp_path / "rows.parquet")
    done = made.read("status", "absorption")
    written = done["absorption"][done["status"] > 0]
    for frame in (
        pandas.read_csv(tmp_path / "rows.csv", skiprows=1),
        pandas.read_parquet(tmp_path / "rows.parquet"),
    ):
        np.testing.assert_array_equal(frame["absorption"], written)


def test_the_authors_layout_is_read_back(
    make_store: Callable[..., SimulationStore], make_rows: Callable[..., dict], tmp_path: Path
) -> None:
    made = make_store(inputs={"published_row": np.int64})
    for unit in range(5):
        rows = make_rows(unit)
        del rows["target"]
        made.write_unit(unit, {**rows, "published_row": np.arange(8) * 7 + unit})
    made.finish()
    export_store(made, tmp_path / "data.h5", authors=True)
    again = import_store(tmp_path / "data.h5", tmp_path / "again.zarr")
    for name, values in made.read("z", "image", "y", "published_row").items():
        assert again.read(name)[name].tobytes() == values.tobytes()
    export_store(import_published(tmp_path / "data.h5", tmp_path / "b.zarr"), tmp_path / "c.h5", authors=True)
    with h5py.File(tmp_path / "data.h5") as first, h5py.File(tmp_path / "c.h5") as second:
        assert {name: first[name][()].tobytes() for name in first} == {n: second[n][()].tobytes() for n in second}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_was_cut_off_makes_no_store(made: SimulationStore, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"rows.{suffix}"
    export_store(made, file)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(ValueError, match=r"rows\.") as caught:
        import_store(file, tmp_path / "again.zarr")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.zarr"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_holds_no_store_is_told(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"rows.{suffix}"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"rows\."):
        import_store(file, tmp_path / "again.zarr")
    with pytest.raises(FileNotFoundError, match="no data file at"):
        import_store(tmp_path / f"absent.{suffix}", tmp_path / "again.zarr")


def test_names_and_places_are_checked_first(made: SimulationStore, tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match=r"expected a file that ends in \.h5, \.hdf5, \.nc, \.parquet, \.csv, got"):
        export_store(made, tmp_path / "rows.xlsx")
    with pytest.raises(ExchangeError, match=r"expected a file that ends in \.h5, \.hdf5, got"):
        export_store(made, tmp_path / "rows.csv", authors=True)
    export_store(made, tmp_path / "rows.csv")
    with pytest.raises(FileExistsError, match="exists already"):
        export_store(made, tmp_path / "rows.csv")
    with pytest.raises(FileExistsError, match="exists already"):
        import_store(tmp_path / "rows.csv", made.path)


def test_a_damaged_store_is_not_exported(
    made: SimulationStore, copy_store: Callable[[SimulationStore], SimulationStore], tmp_path: Path
) -> None:
    store = copy_store(made)
    (store.path / "image" / "c" / "2" / "0").unlink()
    with pytest.raises(DamagedStoreError, match="unit 2"):
        export_store(store, tmp_path / "rows.h5")
    assert not (tmp_path / "rows.h5").exists()
