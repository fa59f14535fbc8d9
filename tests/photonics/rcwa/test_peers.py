"""All our solvers beside other codes, through the benchmark that compares them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
PEERS = ("torcwa_c128", "grcwa_c128", "fmmax_c128")


@pytest.fixture
def codes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import codes

    return codes


@pytest.fixture
def problems(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import problems

    return problems


@pytest.mark.bench
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(
    ("problem", "orders"),
    [("D", 2), ("S", 4), *(pytest.param(*each, marks=pytest.mark.slow) for each in (("D", 4), ("S", 2)))],
)
def test_absorption_equals_a_peer_at_equal_truncation(
    codes: ModuleType, problems: ModuleType, peer: str, problem: str, orders: int
) -> None:
    pytest.importorskip(peer.partition("_")[0])
    stack = problems.PROBLEMS[problem]()
    [image] = problems.random_images(1, 64)
    theirs = codes.PEERS[peer](stack, orders)(image)
    for name in ("ours_1e-9", "transfer", "eigen"):
        np.testing.assert_allclose(codes.OURS[name](stack, orders)(image), theirs, atol=1e-8, rtol=0)
    # The two polarisations differ, so that a swap would show.
    assert abs(theirs[0] - theirs[1]) > 1e-4


@pytest.mark.bench
@pytest.mark.parametrize("problem", ["D", pytest.param("S", marks=pytest.mark.slow)])
def test_benchmark_prints_every_code_as_json(problem: str) -> None:
    command = [sys.executable, BENCHMARKS / "rcwa_peers.py", "--problem", problem, "--orders", "1", "--images", "1"]
    left_out = ["fmmax_c64", "torcwa_c64", "torcwa_c128", "grcwa_c128"]  # each loads its libraries anew
    few = ["--repeats", "1", "--without", *left_out]
    done = subprocess.run([*command, *few, "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["problem"], report["orders"], report["harmonics"]) == (problem, 1, 9)
    accuracies = {"1e-3", "1e-6", "1e-9"}
    assert {f"ours_{text}" for text in accuracies} | {"transfer", "eigen"} <= set(report["seconds"])
    assert set(report["seconds"]) == set(report["absorption"])
    assert set(report["max_abs_difference"]) == accuracies
    for text, difference in report["max_abs_difference"].items():
        assert difference <= float(text)
    for peer in ("fmmax_c128", "fmmax_c64", "torcwa_c128"):
        assert set(report[f"ratio_vs_{peer}"]) == (accuracies if peer in report["seconds"] else set())
