"""How a stack is discretised and solved: part of a label's meaning, so all of it is explicit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

Truncation = Literal["square", "circular"]
Factorization = Literal["laurent", "li"]
Pixels = Literal["exact", "dft"]
Solver = Literal["auto", "transfer", "preconditioned", "eigen"]


# Finest and coarsest accuracy of the absorbed fraction that may be asked for.
FINEST, COARSEST = 1e-12, 1e-2


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
        ``"laurent"``: every product of permittivity and field by Laurent's rule. ``"li"``: products with a component
        of the field along x or y by Li's rule for crossed gratings (J. Opt. Soc. Am. A 14, 2758 (1997)), which is
        right at the edges of pixels.
    pixels
        ``"exact"``: Fourier coefficients of the piecewise constant image, ``"dft"``: of its point samples.
    solver
        ``"transfer"``: ``photonics.rcwa.transfer``, matrix products and LU factorisations. ``"preconditioned"``:
        ``photonics.rcwa.preconditioned``, the fastest, for one patterned layer at normal incidence. ``"eigen"``:
        ``photonics.rcwa.reference``, slow, the judge of the others. ``"auto"``: the quicker of the first two that can
        take the stack.
    accuracy
        Wanted absolute error of the absorbed fraction from the linear algebra; truncation is another matter.
    """

    orders: int
    truncation: Truncation = "circular"
    factorization: Factorization = "laurent"
    pixels: Pixels = "exact"
    solver: Solver = "auto"
    accuracy: float = 1e-9

    def __post_init__(self) -> None:
        if isinstance(self.orders, bool) or not isinstance(self.orders, int) or self.orders < 0:
            raise ValueError(f"orders must be an integer >= 0, got {self.orders!r}; 5 to 9 is usual")
        _require_choice("truncation", self.truncation, Truncation)
        _require_choice("factorization", self.factorization, Factorization)
        _require_choice("pixels", self.pixels, Pixels)
        _require_choice("solver", self.solver, Solver)
        if not (math.isfinite(self.accuracy) and FINEST <= self.accuracy <= COARSEST):
            raise ValueError(
                f"accuracy must lie between {FINEST:g} and {COARSEST:g}, got {self.accuracy!r}; "
                f"1e-6 is enough for labels"
            )
