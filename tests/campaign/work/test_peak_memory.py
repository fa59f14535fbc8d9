"""The peak of a process counts from a moment on, and comes to whoever asks for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from campaign.work.peak_memory import PeakTold, told_peak

# A process of its own: nothing else in it may grow meanwhile.
PROGRAM = """
from campaign.work.peak_memory import peak_bytes, reset_peak
before = peak_bytes()
big = b"x" * 200_000_000
after = peak_bytes()
del big
reset_peak()
print(before, after, peak_bytes())
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux lets the count begin anew")
def test_what_was_held_before_does_not_count() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, after, anew = map(int, done.stdout.split())
    assert after - before > 190_000_000
    assert anew < after - 190_000_000


def test_a_training_leaves_its_peak_whatever_becomes_of_it(tmp_path: Path) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("diverged")

    assert PeakTold(lambda config, session: config, tmp_path)(7, None) == 7
    with pytest.raises(RuntimeError, match="diverged"):
        PeakTold(fail, tmp_path)(7, None)
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "peak-cut.bytes").write_text("")  # by a process that was killed
    assert told_peak(tmp_path) > 1_000_000
    assert (told_peak(tmp_path), list(tmp_path.iterdir())) == (0, [])
