from __future__ import annotations

from dataclasses import replace

from results.table.truncation import TruncationError


def test_the_share_is_told_with_what_so_small_a_sample_leaves_open() -> None:
    error = TruncationError(8, 12, 33, 1, 0.001, 0.0041, 0.0061, 0.02, 0.04)
    assert error.share_in_words == "10 ± 2 %"
    assert replace(error, sample=161).share_in_words == "10.2 ± 0.9 %"
    assert replace(error, sample=2).share_in_words == "10 %"
    assert replace(error, rms=None).share_in_words == "10 %"
    assert replace(error, spread=0.0).share_in_words is None
    assert "(10 ± 2 % of the labels' standard deviation)" in error.sentence("mine")
