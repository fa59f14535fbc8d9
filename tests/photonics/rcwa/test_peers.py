"""Both solvers beside torcwa and grcwa, through the benchmark that compares them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "rcwa_agreement.py"


@pytest.fixture(scope="module")
def agreement() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rcwa_agreement", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.bench
@pytest.mark.parametrize("peer", ["torcwa", "grcwa"])
@pytest.mark.parametrize("problem", ["deep_problem", "shallow_problem"])
@pytest.mark.parametrize("orders", [2, 4])
def test_absorption_equals_a_peer_at_equal_truncation(
    agreement: ModuleType, peer: str, problem: str, orders: int
) -> None:
    pytest.importorskip(peer)
    stack = getattr(agreement, problem)()
    [image] = agreement.random_images(1, 64)
    theirs = agreement.PEERS[peer](stack, image, orders)
    for solver in ("eigen", "transfer"):
        np.testing.assert_allclose(agreement.our_code(solver)(stack, image, orders), theirs, atol=1e-8, rtol=0)
    # The two polarisations differ, so that a swap would show.
    assert abs(theirs[0] - theirs[1]) > 1e-4


@pytest.mark.bench
def test_benchmark_prints_every_code_as_json() -> None:
    command = [sys.executable, str(SCRIPT), "--orders", "1", "--images", "1", "--repeats", "1", "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert set(report["problems"]) == {"deep", "shallow"}
    for rows in report["problems"].values():
        assert {"eigen", "transfer"} <= {row["code"] for row in rows}
        assert all(row["max_absorption_difference"] < 1e-8 for row in rows)
