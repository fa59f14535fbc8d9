"""Images of one's own as a store: with a property, without, and with some that are not known."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from results.exchange.images import UNLABELLED, holds_images, import_images
from results.images.image_files import ImageError
from results.images.two_phases import Preparation
from results.stores.layout import Status

IMAGES = (np.random.default_rng(3).random((5, 12, 12)) < 0.5).astype(np.uint8)
Y = np.array([0.1, 0.2, np.nan, 0.4, 0.5])


@pytest.fixture
def images(tmp_path: Path) -> Path:
    np.save(tmp_path / "images.npy", 255 * IMAGES)
    return tmp_path / "images.npy"


def test_images_alone_have_no_label(images: Path, tmp_path: Path) -> None:
    made = import_images(images, tmp_path / "store.zarr", Preparation())
    rows = made.read()
    np.testing.assert_array_equal(rows["image"], IMAGES)
    assert (rows["status"] == Status.FAILED).all()
    assert set(rows["error_class"].tolist()) == {UNLABELLED}
    assert rows["source_image"][4] == "image 4 of images.npy"
    assert made.attributes["preparation"]["parting"] == "of two values, 0 and 255, bright is white"


@pytest.mark.parametrize("form", ["npy", "csv", "array"])
def test_a_property_comes_along(images: Path, tmp_path: Path, form: str) -> None:
    source, y = images, tmp_path / f"y.{form}"
    if form == "npy":
        np.save(y, Y)
    elif form == "csv":
        y.write_text("\n".join(map(str, Y)) + "\n")
    else:
        source, y = tmp_path / "data.h5", Path("measured")
        with h5py.File(source, "w") as file:
            file["scans"], file["measured"] = IMAGES, Y
    rows = import_images(source, tmp_path / "store.zarr", Preparation(), y=str(y)).read("y", "status")
    np.testing.assert_array_equal(rows["y"], Y)
    np.testing.assert_array_equal(rows["status"], np.where(np.isfinite(Y), Status.DONE, Status.FAILED))


def test_as_many_numbers_as_images(images: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", Y[:4])
    message = re.escape(f"y must be 5 numbers, one an image, {tmp_path / 'y.npy'} has float64 (4,)")
    with pytest.raises(ImageError, match=f"^{message}"):
        import_images(images, tmp_path / "store.zarr", Preparation(), y=str(tmp_path / "y.npy"))
    assert not (tmp_path / "store.zarr").exists()


def test_a_store_that_is_there_stays(images: Path, tmp_path: Path) -> None:
    import_images(images, tmp_path / "store.zarr", Preparation())
    with pytest.raises(FileExistsError, match="exists already; name another store"):
        import_images(images, tmp_path / "store.zarr", Preparation())


def test_published_data_and_exports_are_no_images(images: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["z"], file["x"], file["y"] = np.zeros((5, 2, 2)), IMAGES, Y
    assert not holds_images(tmp_path / "data.h5")
    assert holds_images(images)
    assert holds_images(tmp_path)
