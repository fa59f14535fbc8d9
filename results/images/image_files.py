"""Images of one's own as they lie in files: PNG, TIFF, NumPy, HDF5 and Zarr, one by one with a name for messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

PICTURES = (".png", ".tif", ".tiff")
HDF5 = (".h5", ".hdf5", ".nc")
USUAL_ARRAYS = ("image", "images", "x")
KINDS = f"{', '.join(PICTURES)}, .npy, {', '.join(HDF5)}, a Zarr store, or a folder of such files"


class ImageError(ValueError):
    """What is wrong with images, by the rule that they break and what to do."""

    def __init__(self, rule: str, fix: str) -> None:
        self.rule, self.fix = rule, fix
        super().__init__(f"{rule}; {fix}")


@dataclass(frozen=True)
class GreyImage:
    """One image: where it comes from, and its values (H, W): truth values, integers or finite floats."""

    name: str
    values: np.ndarray


def read_images(path: Path, array: str | None = None) -> list[GreyImage]:
    """All images of a file, or of the files in a folder by name.

    Parameters
    ----------
    path
        A picture (a TIFF may have pages), an array file of shape (H, W), (n, H, W), (n, 1, H, W) or (n, H, W, 1), a
        Zarr store, ours or another, or a folder.
    array
        Name of the array in an HDF5 file or Zarr store that holds several.

    Raises
    ------
    ImageError
        For a format, shape, type or value that is none of an image's, and for a folder without images.
    OSError
        Something cannot be read.
    """
    images = list(_read(path, array))
    if not images:
        raise ImageError(f"must hold images, {path} has none", f"known: {KINDS}")
    for image in images:
        _check(image)
    return images


def _read(path: Path, array: str | None) -> Iterator[GreyImage]:
    if path.suffix.lower() in PICTURES:
        yield from _pictures(path)
    elif path.is_dir() and not is_zarr(path):
        for file in sorted(path.iterdir()):
            if file.suffix.lower() in (*PICTURES, ".npy") and not file.name.startswith("."):
                yield from _read(file, array)
    elif path.is_dir() or path.suffix.lower() in (*HDF5, ".npy"):
        name, values = _array(path, array)
        yield from _of_array(values, name)
    else:
        raise ImageError(f"must be images, {path.name} is of no known kind", f"known: {KINDS}")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr store or array, of version 3 or 2."""
    return any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray"))


def _pictures(path: Path) -> Iterator[GreyImage]:
    from PIL import Image, ImageSequence, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            for page, frame in enumerate(ImageSequence.Iterator(picture)):
                name = path.name if getattr(picture, "n_frames", 1) == 1 else f"page {page} of {path.name}"
                yield GreyImage(name, _grey(frame, name))
    except UnidentifiedImageError as error:
        raise ImageError(f"must be pictures, {path.name} is none or is cut short", "save it again as PNG") from error


def _grey(frame: Any, name: str) -> np.ndarray:
    """Grey levels of a picture; colours that are grey are taken, others are not ours to weigh."""
    if frame.mode == "P" or "transparency" in frame.info:
        frame = frame.convert("RGBA")
    values = np.asarray(frame)
    if values.ndim == 2:
        return values
    levels = values.shape[2]
    if levels in (2, 4):
        if (values[..., -1] != np.iinfo(values.dtype).max).any():
            raise ImageError(f"must be opaque, {name} is transparent somewhere", "flatten it, and save it again")
        values = values[..., :-1]
    if (values != values[..., :1]).any():
        raise ImageError(f"must be grey or black and white, {name} has colours", "save it as a grey image")
    return values[..., 0]


def read_array(path: Path, name: str | None = None) -> np.ndarray:
    """An array of a .npy, HDF5 or Zarr file: the one called ``name``, or the one that holds images."""
    return _array(path, name)[1]


def _array(path: Path, name: str | None) -> tuple[str, np.ndarray]:
    """An array of a file and what it is called in messages; ImageError where there is none."""
    if path.is_dir() and is_zarr(path):
        return _zarr(path, name)
    if path.suffix.lower() in HDF5:
        return _hdf5(path, name)
    if path.suffix.lower() != ".npy":
        raise ImageError(f"must be an array, {path.name} is of no known kind", "known: .npy, HDF5, Zarr")
    try:
        return path.name, np.load(path, allow_pickle=False)
    except ValueError as error:
        raise ImageError(f"must be an array of numbers, {path.name} is not", "write it with numpy.save") from error


def _hdf5(path: Path, name: str | None) -> tuple[str, np.ndarray]:
    import h5py

    found: dict[str, Any] = {}
    try:
        with h5py.File(path, "r") as file:
            file.visititems(lambda name, item: found.update({name: item} if isinstance(item, h5py.Dataset) else {}))
            chosen = _array_name(found, name, path)
            return f"{chosen} of {path.name}", np.asarray(found[chosen])
    except OSError as error:
        if error.errno is not None:
            raise
        raise ImageError(f"must be HDF5, {path.name} is not, or is cut short", "copy it again") from error


def _zarr(path: Path, name: str | None) -> tuple[str, np.ndarray]:
    import zarr

    from results.stores.layout import Status
    from results.stores.store import SimulationStore, StoreError

    try:
        store = SimulationStore.open(path)
    except (StoreError, FileNotFoundError, KeyError):
        opened: Any = zarr.open(path, mode="r")
        if isinstance(opened, zarr.Array):
            return path.name, np.asarray(opened)
        found = dict(opened.arrays())
        chosen = _array_name(found, name, path)
        return f"{chosen} of {path.name}", np.asarray(found[chosen])
    column = name or "image"
    written = np.flatnonzero(store.read("status")["status"] != Status.MISSING)
    return path.name, store.read(column, rows=written)[column]


def _array_name(found: dict[str, Any], wanted: str | None, path: Path) -> str:
    """The array that is wanted, one of a usual name, or the only one that could be images."""
    names = ", ".join(found) or "none"
    if wanted is not None:
        if wanted not in found:
            raise ImageError(f"must have the array '{wanted}', {path.name} has {names}", "correct its name")
        return wanted
    likely = [name for name, each in found.items() if len(each.shape) >= 2 and min(each.shape[-2:]) > 1]
    usual = [name for name in USUAL_ARRAYS if name in likely]
    if not usual and len(likely) != 1:
        raise ImageError(f"must say which array holds the images, {path.name} has {names}", "name one as array")
    return (usual or likely)[0]


def _of_array(values: np.ndarray, name: str) -> Iterator[GreyImage]:
    if values.ndim == 3 and values.shape[2] in (3, 4) and min(values.shape[:2]) > 4:
        raise ImageError(f"must have shape (n, H, W), {name} has {values.shape}, a colour image's", "make it grey")
    if values.ndim == 4 and 1 in (values.shape[1], values.shape[3]):
        values = values[:, 0] if values.shape[1] == 1 else values[..., 0]
    if values.ndim == 2:
        return iter([GreyImage(name, values)])
    if values.ndim != 3 or not values.size:
        raise ImageError(
            f"must have shape (H, W), (n, H, W) or (n, 1, H, W), {name} has {values.shape}", "write it in one of those"
        )
    return (GreyImage(f"image {number} of {name}", image) for number, image in enumerate(values))


def _check(image: GreyImage) -> None:
    kind = image.values.dtype.kind
    if kind not in "biuf":
        raise ImageError(
            f"must hold real numbers, {image.name} has {image.values.dtype}", "write grey levels, or 0 and 1"
        )
    if kind == "f" and not np.isfinite(image.values).all():
        raise ImageError(f"must hold finite numbers, {image.name} has NaN or infinity", "leave it out, or mend it")
