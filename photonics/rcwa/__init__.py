"""Rigorous coupled-wave analysis (Fourier modal method) of stacks patterned by binary images."""

from photonics.rcwa.numerics import Numerics, SolverError
from photonics.rcwa.solver import solve, solve_spectrum

__all__ = ["Numerics", "SolverError", "solve", "solve_spectrum"]
