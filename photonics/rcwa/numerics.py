"""How a stack is discretised and solved: part of a label's meaning, so all of it is explicit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Truncation = Literal["square", "circular"]
Factorization = Literal["laurent"]
Pixels = Literal["exact", "dft"]
Solver = Literal["transfer", "eigen"]


class SolverError(RuntimeError):
    """The equations of one image could not be solved to a result that can be trusted."""


def _require_choice(name: str, value: str, options: object) -> None:
    allowed = get_args(options)
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}; choose one of them")


@dataclass(frozen=True)
class Numerics:
    """Numerical choices of one RCWA calculation; raises ValueError for a value that is not allowed.

    orders
        M: harmonics (m, n) with |m|, |n| <= M (``truncation="square"``) or m^2 + n^2 <= M^2 (``"circular"``, 78 % of
        the harmonics, about half the work).
    factorization
        ``"laurent"``: every product of permittivity and field by Laurent's rule.
    pixels
        ``"exact"``: Fourier coefficients of the piecewise constant image, ``"dft"``: of its point samples.
    solver
        ``"transfer"``: ``photonics.rcwa.transfer``, fast, one patterned layer. ``"eigen"``:
        ``photonics.rcwa.reference``, slow, any stack.
    """

    orders: int
    truncation: Truncation = "circular"
    factorization: Factorization = "laurent"
    pixels: Pixels = "exact"
    solver: Solver = "transfer"

    def __post_init__(self) -> None:
        if isinstance(self.orders, bool) or not isinstance(self.orders, int) or self.orders < 0:
            raise ValueError(f"orders must be an integer >= 0, got {self.orders!r}; 5 to 9 is usual")
        _require_choice("truncation", self.truncation, Truncation)
        _require_choice("factorization", self.factorization, Factorization)
        _require_choice("pixels", self.pixels, Pixels)
        _require_choice("solver", self.solver, Solver)
