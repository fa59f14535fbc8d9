"""Simulations that do not end by themselves, in real processes: the limit holds in C code that keeps Python's lock."""

from __future__ import annotations

import ctypes
import multiprocessing
import time
from pathlib import Path

import pytest

from campaign.work.watchdog import Note, Watchdog, is_out_of_memory, read_note

pytestmark = pytest.mark.long


def hang_in_c(note: Path) -> None:
    with Watchdog(note, 0.5) as watchdog:
        watchdog.begin(6)
        watchdog.begin(7)
        ctypes.PyDLL(None).sleep(600)  # PyDLL keeps the interpreter's lock: no Python code runs meanwhile


def run_out_of_memory(note: Path) -> None:
    with Watchdog(note, 60) as watchdog:
        watchdog.begin(3)
        bytearray(2**62)


def in_process(target: object, note: Path) -> int | None:
    process = multiprocessing.get_context("fork").Process(target=target, args=(note,))  # type: ignore[arg-type]
    process.start()
    process.join(timeout=60)
    assert process.exitcode is not None, "the watchdog did not end the process"
    return process.exitcode


def test_a_hang_in_c_code_ends_the_process_and_names_the_row_and_the_place(tmp_path: Path) -> None:
    assert in_process(hang_in_c, tmp_path / "note") == 1
    note = read_note(tmp_path / "note")
    assert (note.row, note.is_timeout, note.is_out_of_memory) == (7, True, False)
    assert "in hang_in_c" in note.text


def test_too_little_memory_ends_the_process_with_a_traceback(tmp_path: Path) -> None:
    assert in_process(run_out_of_memory, tmp_path / "note") == 1
    note = read_note(tmp_path / "note")
    assert (note.row, note.is_timeout, note.is_out_of_memory) == (3, False, True)
    assert "MemoryError" in note.text


def test_each_row_has_the_whole_limit(tmp_path: Path) -> None:
    with Watchdog(tmp_path / "note", 0.4) as watchdog:
        for row in range(6):
            watchdog.begin(row)
            time.sleep(0.2)
    assert not (tmp_path / "note").exists()


def test_other_exceptions_pass_and_leave_no_note(tmp_path: Path) -> None:
    def misbehave() -> None:
        with Watchdog(tmp_path / "note", 60) as watchdog:
            watchdog.begin(0)
            raise KeyError

    with pytest.raises(KeyError):
        misbehave()
    assert read_note(tmp_path / "note") == Note()


def test_a_note_that_was_cut_short_names_no_row(tmp_path: Path) -> None:
    (tmp_path / "note").write_bytes(b"")
    assert read_note(tmp_path / "note").row is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_what_counts_as_too_little_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
