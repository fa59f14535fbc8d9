"""Which stacks the preconditioned solver takes: known before anything is solved, without torch."""

from __future__ import annotations

import math

import numpy as np

from photonics.rcwa.lattice import lay_out
from photonics.rcwa.numerics import Numerics
from photonics.stack import Incidence, PatternLayer, Stack

# Relative error of one application in single precision, in units of its rounding and of the growth of the modes.
ROUNDING = 5.0
# Noise of single precision above which a round gains too little.
LARGEST_NOISE = 0.02
# The absorbed fraction misses by less than this times the relative residual, over random stacks up to resonances.
SAFETY = 3.0
# Permittivities that the real stand-in resembles: dielectrics whose loss tangent stays below this.
LARGEST_LOSS_TANGENT = 0.3
LARGEST_CONTRAST = 36.0


def why_not(stack: Stack, numerics: Numerics, incidence: Incidence) -> str | None:
    """What the stack would need for this solver, or None if it can be taken."""
    patterns = patterns_of(stack)
    if len(patterns) != 1:
        return f"exactly one patterned layer, got {len(patterns)}"
    if incidence.polar_deg != 0:
        return f"normal incidence, got polar_deg {incidence.polar_deg:g}"
    if numerics.factorization != "laurent":
        return f"factorization 'laurent', got {numerics.factorization!r}"
    [pattern] = patterns
    step, incident = stack.wavelength_nm / stack.period_nm, complex(stack.incident_index).real
    return misfit(
        complex(pattern.white_index) ** 2,
        complex(pattern.black_index) ** 2,
        stack.optical_thickness(pattern),
        float(lay_out(numerics, incidence, step, incident).parallel.max()),
        numerics.accuracy,
    )


def patterns_of(stack: Stack) -> list[PatternLayer]:
    """Patterned layers, top to bottom."""
    return [layer for layer in stack.layers if isinstance(layer, PatternLayer)]


def noise(thickness: float, parallel: float, real: type) -> float:
    """Relative error of the operator in ``real``: rounding, amplified by exp(kappa d) of the fastest evanescent mode.

    The thickness is in units of 1/k0, the longest in-plane wavevector ``parallel`` in k0. Series are planned for
    eigenvalues down to -parallel^2 - 1: where periods are long, no mode decays as fast, but their terms grow as if one
    did.
    """
    return ROUNDING * float(np.finfo(real).eps) * math.exp(min(thickness * math.hypot(parallel, 1), 700.0))


def misfit(white: complex, black: complex, thickness: float, parallel: float, accuracy: float) -> str | None:
    """What a pattern would need for this method, or None if it is made for it.

    ``white`` and ``black`` are permittivities, ``thickness`` is in 1/k0, ``parallel`` the longest in-plane wavevector.
    """
    eps = white, black
    if not all(e.real > 0 and 0 <= e.imag <= LARGEST_LOSS_TANGENT * e.real for e in eps):
        got = f"got permittivities {white:.3g}, {black:.3g}"
        return f"two dielectrics of loss tangents up to {LARGEST_LOSS_TANGENT}, {got}"
    if max(map(abs, eps)) > LARGEST_CONTRAST * min(map(abs, eps)):
        return f"permittivities whose ratio is at most {LARGEST_CONTRAST:g}, got {white:.3g} and {black:.3g}"
    single, double = (noise(thickness, parallel, real) for real in (np.float32, np.float64))
    if single > LARGEST_NOISE or double > accuracy / SAFETY:
        return (
            f"a thinner pattern, fewer orders or less accuracy: evanescent waves decay by "
            f"exp({thickness * math.hypot(parallel, 1):.3g}) in the pattern, beyond an accuracy of {accuracy:g}"
        )
    return None
