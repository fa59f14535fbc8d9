from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganmdn.array_pickle import UnsafePickleError, read_arrays

Content = list[dict[str, np.ndarray]]


class Calls:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


@pytest.fixture
def content() -> Content:
    rng = np.random.default_rng(0)
    return [
        {"kernel": rng.standard_normal((4, 4, 3, 2)).astype(np.float32)},
        {"bias": rng.standard_normal(3)},
        {"gamma": np.asfortranarray(rng.standard_normal((2, 3)).astype(">f4"))},
    ]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("old_names", [True, False])
def test_arrays_come_back(content: Content, tmp_path: Path, protocol: int, old_names: bool) -> None:
    data = pickle.dumps(content, protocol=protocol)
    if old_names and protocol == 3:  # names are lines of text in this protocol
        data = data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    arrays = read_arrays(write(tmp_path / "w.pickle", data))
    for read, written in zip(arrays, content, strict=True):
        assert read.keys() == written.keys()
        for name, array in read.items():
            assert array.dtype == written[name].dtype
            assert np.array_equal(array, written[name])


def test_a_python_2_pickle_comes_back(tmp_path: Path) -> None:
    """Protocol 0 with the array's bytes as an escaped str, as Python 2 writes it."""
    raw = np.array([1.5, -2.0], "<f4").tobytes().decode("latin1").encode("unicode_escape")
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\nt"
        b"cnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'" + raw + b"'\ntb"
    )
    data = b"(lp0\n(dp1\nS'a'\n" + array + b"sa(dp2\na(dp3\na."
    first, *rest = read_arrays(write(tmp_path / "w.pickle", data))
    assert np.array_equal(first["a"], [1.5, -2.0])
    assert rest == [{}, {}]


def dangerous(marker: Path) -> dict[str, bytes]:
    """Pickles that would create ``marker``, or get hold of something that runs code, if they were simply loaded."""
    touch = f"touch {marker}"
    text = str(marker)
    inner = pickle.dumps(Calls(os.system, touch))
    short = lambda value: pickle.SHORT_BINUNICODE + bytes([len(value)]) + value.encode()  # noqa: E731
    return {
        "posix.system": pickle.dumps(Calls(os.system, touch)),
        "builtins.eval": pickle.dumps(Calls(eval, f"open({text!r}, 'w').close()")),
        "builtins.getattr": pickle.dumps(Calls(getattr, Calls(__import__, "os"), "system")),
        "_pickle.loads": pickle.dumps(Calls(pickle.loads, inner)),
        "numpy.load": pickle.dumps(Calls(np.load, text, None, True)),
        "numpy.fromfile": pickle.dumps(Calls(np.fromfile, text)),
        "numpy.ndarray.tofile": b"\x80\x04" + short("numpy") + short("ndarray.tofile") + pickle.STACK_GLOBAL + b".",
        "numpy.ndarray.__class__": b"\x80\x04"
        + short("numpy")
        + short("ndarray.__class__")
        + pickle.STACK_GLOBAL
        + b".",
        "numpy.core.multiarray.sys.modules": (
            b"\x80\x04" + short("numpy.core.multiarray") + short("sys.modules") + pickle.STACK_GLOBAL + b"."
        ),
        "os.system": f"cos\nsystem\n(S'{touch}'\ntR.".encode(),
        "__builtin__.eval": f"(S'open({text!r},\"w\")'\ni__builtin__\neval\n.".encode(),
    }


@pytest.mark.parametrize("wanted", list(dangerous(Path("marker"))))
def test_nothing_but_arrays_is_resolved_and_nothing_runs(wanted: str, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    path = write(tmp_path / "bad.pickle", dangerous(marker)[wanted])
    with pytest.raises(UnsafePickleError) as caught:
        read_arrays(path)
    assert not marker.exists()
    assert str(path) in str(caught.value)
    assert "only NumPy arrays of numbers are admitted. Nothing in the file was run" in str(caught.value)
    asked = re.search(r"asks for ([\w.]+);", str(caught.value))
    assert asked is not None
    # A nested call is met at its innermost or outermost global, whichever the pickle names first.
    assert asked[1] in {wanted, "nt.system", "builtins.__import__", "numpy.load", "numpy.fromfile"}


def test_a_call_hidden_among_sound_arrays_is_found(content: Content, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    poisoned = [content[0], content[1], content[2] | {"beta": Calls(os.system, f"touch {marker}")}]
    with pytest.raises(UnsafePickleError, match=r"asks for posix\.system"):
        read_arrays(write(tmp_path / "w.pickle", pickle.dumps(poisoned)))
    assert not marker.exists()


def test_an_object_array_is_refused(content: Content, tmp_path: Path) -> None:
    content[0]["kernel"] = np.array([{}, []], dtype=object)
    with pytest.raises(ValueError, match=r"kernel is not a sound array: an array of type \|O8; plain numbers only"):
        read_arrays(write(tmp_path / "w.pickle", pickle.dumps(content, protocol=4)))


def test_a_shape_beyond_the_bytes_is_refused(tmp_path: Path) -> None:
    data = pickle.dumps([{"a": np.zeros(3, np.float32)}, {}, {}], protocol=4)
    lying = data.replace(b"K\x03\x85", b"K\x09\x85")
    assert lying != data
    with pytest.raises(
        ValueError, match=r"a is not a sound array: an array of shape \(9,\) and type float32 with 12 bytes"
    ):
        read_arrays(write(tmp_path / "w.pickle", lying))


def test_the_stand_ins_cannot_be_altered_from_a_pickle(content: Content, tmp_path: Path) -> None:
    """BUILD with slot state sets attributes on whatever it is given; here a class and a string."""
    for target in (b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\nndarray\n"):
        attack = target + b"(N(S'resolve'\nNdtb."
        with pytest.raises(ValueError, match="is not a pickle of NumPy arrays"):
            read_arrays(write(tmp_path / "attack.pickle", attack))
    assert len(read_arrays(write(tmp_path / "w.pickle", pickle.dumps(content, protocol=4)))) == 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<html>404</html>", "is not a pickle of NumPy arrays"),
        (b"", "is not a pickle of NumPy arrays"),
        (pickle.dumps([{}, {}]), r"must hold three dictionaries .*, got list\(dict, dict\)"),
        (pickle.dumps({"a": 1}), r"must hold three dictionaries .*, got dict\(\)"),
        (pickle.dumps([{"a": 3}, {}, {}]), "'a' must be a named array, got int"),
    ],
)
def test_other_content_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        read_arrays(write(tmp_path / "w.pickle", data))
