"""Memory of simulations: as measured, and refused where a machine does not have it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from campaign.doctor import machine
from campaign.plan.memory import simulation_bytes
from campaign.spec.campaign import Spec
from campaign.spec.profile import LocalProfile, RayProfile, SlurmProfile

GIB = 2**30
MakeSpec = Callable[..., Spec]
PEAK = """
import sys
from pathlib import Path
import numpy as np
from photonics.rcwa import Numerics, solve
from photonics.stack import PatternLayer, Stack, UniformLayer
silicon = 4.8 + 0.025j
layers = (PatternLayer("etch", 71.7, 1.0, silicon), UniformLayer("film", 553.7, silicon))
stack, image = Stack(980.0, 2000.0, 1.0, layers, 100j), np.zeros((1, 64, 64), np.uint8)
image[0, :20, :30] = 1
def peak(orders):
    solve(stack, image, Numerics(orders, truncation="square", solver=sys.argv[1]))
    # Not getrusage: a program's peak there begins with that of the process which started it.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024
before = peak(1)
print(peak(int(sys.argv[2])) - before)
"""


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of a process in /proc")
@pytest.mark.parametrize(("solver", "orders"), [("transfer", 8), ("eigen", 7), ("auto", 11)])
def test_the_estimate_is_what_a_solve_takes(make_spec: MakeSpec, solver: str, orders: int) -> None:
    physics = make_spec(**{"physics.numerics": {"orders": orders, "solver": solver}}).physics
    done = subprocess.run([sys.executable, "-c", PEAK, solver, str(orders)], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(simulation_bytes(physics, 64, orders), rel=0.35, abs=5e6)


def test_memory_grows_with_orders_patterns_and_solver(make_spec: MakeSpec) -> None:
    def size(orders: int, **numerics: str) -> float:
        return simulation_bytes(make_spec(**{"physics.numerics": {"orders": orders, **numerics}}).physics, 64, orders)

    assert size(14, solver="transfer") == pytest.approx(0.93e9, rel=0.01)
    assert size(14) == pytest.approx(0.17e9, rel=0.02)  # by the preconditioned solver
    assert size(14, factorization="li") == size(14, solver="transfer")
    assert size(14, truncation="circular", solver="transfer") < 0.6 * size(14, solver="transfer")
    assert size(100, solver="transfer") > 1e12


def memory(monkeypatch: pytest.MonkeyPatch, free_gib: float) -> None:
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: SimpleNamespace(available=free_gib * GIB))
    monkeypatch.setattr(machine, "_available_memory", lambda: free_gib * GIB)


@pytest.mark.parametrize(
    ("simulation_gib", "status", "fix"),
    [
        (0.0, "ok", ""),
        (0.1, "ok", ""),
        (1.2, "failure", "write workers: 3 in the profile"),
        (50.0, "failure", "write fewer orders, or take a larger machine"),
    ],
)
def test_workers_need_room_for_their_simulations(
    monkeypatch: pytest.MonkeyPatch, simulation_gib: float, status: str, fix: str
) -> None:
    memory(monkeypatch, 8.0)
    check = machine.check_memory(LocalProfile(kind="local", workers=8), int(simulation_gib * GIB))
    assert (check.status, check.fix) == (status, fix)
    assert machine.check_memory(RayProfile(kind="ray", workers=8), int(simulation_gib * GIB)).status == "ok"


def test_nodes_of_a_job_need_it_too() -> None:
    def checked(**changes: float) -> tuple[str, str]:
        profile = SlurmProfile.model_validate({"kind": "slurm", "cpus_per_node": 4, "time_limit": 60, **changes})
        check = machine.check_memory(profile, 2 * GIB)
        return check.status, check.fix

    assert checked() == ("ok", "")
    assert checked(memory_gb_per_node=12) == ("ok", "")
    assert checked(memory_gb_per_node=8) == (
        "failure",
        "write memory_gb_per_node: 12 in the profile, or fewer workers",
    )
    assert checked(memory_gb_per_node=8, nodes=2, workers=4) == ("ok", "")
