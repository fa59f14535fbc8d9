"""Reading NumPy arrays out of a pickle that is not trusted: nothing in the file is ever called."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

Arrays = dict[str, np.ndarray]
ARRAY_TYPES = ("f2", "f4", "f8", "i4", "i8")


class UnsafePickleError(ValueError):
    """A pickle asked for something other than a NumPy array; nothing of it has been run."""


class _ArrayType:
    """Stands in for ``numpy.dtype``: notes the type code and byte order and hands nothing to NumPy."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code
        self.byte_order = "="

    def __setstate__(self, state: tuple) -> None:
        self.byte_order = state[1]

    def resolve(self) -> np.dtype:
        """The NumPy type, if it is one of plain numbers."""
        if self.code not in ARRAY_TYPES or self.byte_order not in ("<", ">", "="):
            raise ValueError(f"an array of type {self.byte_order}{self.code}; plain numbers only")
        return np.dtype(self.byte_order + self.code)


class _Array:
    """Stands in for ``numpy.core.multiarray._reconstruct`` and the array that it starts.

    NumPy's own ``__setstate__`` trusts the shape, type flags and buffer in a pickle; here they are only noted,
    and :meth:`resolve` checks them before an array is made.
    """

    state: tuple = ()

    def __init__(self, *_: object) -> None:
        self.state = ()

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    def resolve(self) -> np.ndarray:
        """The array, if shape, type and bytes agree."""
        _, shape, array_type, fortran, data = self.state
        dtype = array_type.resolve()
        # Python 2 pickled the bytes as a str, which encoding="latin1" turns into one character per byte.
        raw = data.encode("latin1") if isinstance(data, str) else bytes(data)
        if len(raw) != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"an array of shape {shape} and type {dtype} with {len(raw)} bytes")
        return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


# All that Python and NumPy write for an array of numbers. The values are stand-ins: none is NumPy's own.
ADMITTED_GLOBALS: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): "numpy.ndarray",
    ("numpy", "dtype"): _ArrayType,
}


class ArrayUnpickler(pickle.Unpickler):
    """Unpickler of lists, tuples, dicts, strings, numbers and NumPy arrays of numbers; no other global resolves."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__(file, encoding="latin1")
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for an admitted global.

        Raises
        ------
        UnsafePickleError
            For every other global. The match is exact, so a dotted name reaches nothing either.
        """
        try:
            return ADMITTED_GLOBALS[module, name]
        except KeyError:
            raise UnsafePickleError(
                f"{self._name} asks for {module}.{name}; only NumPy arrays of numbers are admitted. "
                "Nothing in the file was run: take weights.pickle from the authors' own repository"
            ) from None


def read_arrays(path: Path) -> tuple[Arrays, Arrays, Arrays]:
    """Read the three dictionaries (weights, biases, batch norms) of the authors' ``weights.pickle``.

    Raises
    ------
    UnsafePickleError
        If the pickle asks for anything but NumPy arrays of numbers; nothing of it is run.
    ValueError
        If it is not a pickle, or holds something else than three dictionaries of arrays.
    """
    try:
        with path.open("rb") as file:
            content = ArrayUnpickler(file, str(path)).load()
    except (UnsafePickleError, OSError):
        raise
    except Exception as error:  # a damaged pickle may raise almost anything
        raise ValueError(f"{path} is not a pickle of NumPy arrays: {error}") from error
    if not isinstance(content, list | tuple) or [type(part) for part in content] != [dict] * 3:
        raise ValueError(f"{path} must hold three dictionaries (weights, biases, batch norms), got {_kind(content)}")
    weights, biases, norms = (_resolve(part, path) for part in content)
    return weights, biases, norms


def _kind(content: object) -> str:
    """What an error says about content of the wrong kind; never its value, which is the file's to choose."""
    inside = ", ".join(type(part).__name__ for part in content[:5]) if isinstance(content, list | tuple) else ""
    return f"{type(content).__name__}({inside})"


def _resolve(records: dict, path: Path) -> Arrays:
    """Turn the noted arrays into NumPy arrays."""
    arrays = {}
    for name, record in records.items():
        if not isinstance(name, str) or not isinstance(record, _Array):
            raise ValueError(f"{path}: {name!r} must be a named array, got {type(record).__name__}")
        try:
            arrays[name] = record.resolve()
        except Exception as error:  # the noted fields are the file's to choose, so they may be of any type
            raise ValueError(f"{path}: {name} is not a sound array: {error}") from error
    return arrays
