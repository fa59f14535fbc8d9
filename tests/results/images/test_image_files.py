"""Images of one's own: every format and shape that is read, and what is refused in which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from PIL import Image

from results.images.image_files import ImageError, read_images
from results.stores.layout import Status
from results.stores.store import SimulationStore

IMAGES = np.random.default_rng(1).integers(0, 2, (3, 8, 8)).astype(np.uint8)


def pictures(folder: Path, suffix: str, values: np.ndarray) -> Path:
    folder.mkdir()
    for number, image in enumerate(values):
        Image.fromarray(image).save(folder / f"{number}.{suffix}")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_text("of this series")
    return folder


def pages(path: Path) -> Path:
    first, *others = (Image.fromarray(255 * image) for image in IMAGES)
    first.save(path, save_all=True, append_images=others)
    return path


def hdf5(path: Path, **arrays: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path


def zarr_group(path: Path, **arrays: np.ndarray) -> Path:
    group = zarr.create_group(path)
    for name, values in arrays.items():
        group.create_array(name, data=values)
    return path


def numpy(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


def store(path: Path) -> Path:
    made = SimulationStore.create(path, capacity=3, latent_shape=None, image_px=8, rows_per_unit=3)
    made.write_unit(0, {"image": IMAGES, "status": np.full(3, Status.DONE)})
    made.finish()
    return path


FORMATS: dict[str, Callable[[Path], Path]] = {
    "png": lambda folder: pictures(folder / "a", "png", 255 * IMAGES),
    "tiff": lambda folder: pictures(folder / "a", "tif", 255 * IMAGES),
    "pages": lambda folder: pages(folder / "a.tiff"),
    "float tiff": lambda folder: pictures(folder / "a", "tif", IMAGES.astype(np.float32)),
    "npy": lambda folder: numpy(folder / "a.npy", IMAGES),
    "truth values": lambda folder: numpy(folder / "a.npy", IMAGES.astype(bool)),
    "one channel": lambda folder: numpy(folder / "a.npy", IMAGES[:, None]),
    "channel last": lambda folder: numpy(folder / "a.npy", IMAGES[..., None]),
    "hdf5": lambda folder: hdf5(folder / "a.h5", images=IMAGES, y=np.ones(3)),
    "hdf5 of another name": lambda folder: hdf5(folder / "a.hdf5", scans=IMAGES, y=np.ones(3)),
    "zarr": lambda folder: zarr_group(folder / "a.zarr", x=IMAGES, y=np.ones(3)),
    "our store": lambda folder: store(folder / "a.zarr"),
    "grey in colours": lambda folder: pictures(folder / "a", "png", np.stack([255 * IMAGES] * 3, axis=-1)),
}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_holds_the_same_images(form: str, tmp_path: Path) -> None:
    found = np.stack([image.values for image in read_images(FORMATS[form](tmp_path))])
    np.testing.assert_array_equal(found > 0, IMAGES > 0)


def test_one_image_alone_is_one(tmp_path: Path) -> None:
    (image,) = read_images(numpy(tmp_path / "a.npy", IMAGES[0]))
    np.testing.assert_array_equal(image.values, IMAGES[0])


def test_an_array_is_taken_by_its_name(tmp_path: Path) -> None:
    path = hdf5(tmp_path / "a.h5", images=IMAGES, masks=1 - IMAGES)
    np.testing.assert_array_equal(read_images(path, "masks")[0].values, 1 - IMAGES[0])


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing": (lambda folder: pictures(folder / "a", "png", IMAGES[:0]), "must hold images, .*/a has none"),
    "another kind": (lambda folder: hdf5(folder / "a.csv", x=IMAGES), "must be images, a.csv is of no known kind"),
    "cut short": (lambda folder: (folder / "a.png").write_bytes(b"\x89PNG") and folder / "a.png", "must be pictures"),
    "colours": (
        lambda folder: pictures(folder / "a", "png", np.dstack([IMAGES[0]] * 2 + [1 - IMAGES[0]])[None] * 255),
        "must be grey or black and white, 0.png has colours",
    ),
    "transparent": (
        lambda folder: pictures(folder / "a", "png", np.dstack([IMAGES[0]] * 4)[None] * 100),
        "must be opaque, 0.png is transparent somewhere",
    ),
    "NaN": (lambda folder: numpy(folder / "a.npy", np.full((2, 4, 4), np.nan)), "must hold finite numbers, image 0 of"),
    "complex": (lambda folder: numpy(folder / "a.npy", np.ones((2, 4, 4), complex)), "must hold real numbers"),
    "text": (lambda folder: numpy(folder / "a.npy", np.array([["a", "b"]] * 2)), "must hold real numbers"),
    "volumes": (
        lambda folder: numpy(folder / "a.npy", np.ones((2, 4, 4, 4))),
        r"must have shape \(H, W\), \(n, H, W\)",
    ),
    "one line": (lambda folder: numpy(folder / "a.npy", np.ones(9)), r"must have shape \(H, W\), \(n, H, W\)"),
    "a colour image": (
        lambda folder: numpy(folder / "a.npy", np.ones((9, 9, 3))),
        r"must have shape \(n, H, W\), a.npy has \(9, 9, 3\), a colour image's; make it grey",
    ),
    "no HDF5": (lambda folder: (folder / "a.h5").write_text("text") and folder / "a.h5", "must be HDF5, a.h5 is not"),
    "two arrays": (
        lambda folder: hdf5(folder / "a.h5", p=IMAGES, q=IMAGES),
        "must say which array holds the images, a.h5 has p, q; name one as array",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_files_are_refused_in_a_line(case: str, tmp_path: Path) -> None:
    make, message = REFUSED[case]
    with pytest.raises(ImageError, match=f"^{message}") as refusal:
        read_images(make(tmp_path))
    assert "\n" not in str(refusal.value)


def test_an_absent_array_is_told_with_those_there_are(tmp_path: Path) -> None:
    message = re.escape("must have the array 'z', a.h5 has x; correct its name")
    with pytest.raises(ImageError, match=f"^{message}$"):
        read_images(hdf5(tmp_path / "a.h5", x=IMAGES), "z")
