"""Rigorous coupled-wave analysis (Fourier modal method) of stacks patterned by binary images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from photonics.rcwa.numerics import Numerics, SolverError

if TYPE_CHECKING:
    from photonics.rcwa.solver import solve, solve_spectrum

__all__ = ["Numerics", "SolverError", "solve", "solve_spectrum"]


def __getattr__(name: str) -> Any:
    """Solving loads torch; checks of a stack, in modules beside, need not."""
    if name in ("solve", "solve_spectrum"):
        from photonics.rcwa import solver

        return getattr(solver, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
