from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from photonics.rcwa.chebyshev import BernsteinEllipse
from photonics.rcwa.preconditioned.field_series import DOUBLE, FieldSeries, divide_by_root

value = np.polynomial.chebyshev.chebval


@settings(max_examples=50, derandomize=True)
@given(degree=st.integers(1, 40), root=st.floats(-1, 1), seed=st.integers(0, 99))
def test_division_by_a_root(degree: int, root: float, seed: int) -> None:
    coefficients = np.random.default_rng(seed).normal(size=degree + 1)
    quotient, at_root = divide_by_root(coefficients, root)
    assert len(quotient) == len(coefficients)
    assert quotient[-1] == 0
    t = np.linspace(-1, 1, 11)
    # Coefficients of the quotient grow with the degree.
    tolerance = 1e-14 * (degree + 1) ** 2
    np.testing.assert_allclose(at_root, value(root, coefficients), atol=tolerance)
    np.testing.assert_allclose((t - root) * value(t, quotient) + at_root, value(t, coefficients), atol=tolerance)


def test_weights_are_those_of_the_three_functions() -> None:
    ellipse, d = BernsteinEllipse(-5.0, 12.0, 1.0), 1.3
    series = FieldSeries(ellipse, d, 1e-12, DOUBLE)
    x = np.linspace(-5, 12, 7)
    C, S, G = (value((x - ellipse.centre) / ellipse.half_width, weights) for weights in series.weights)
    phase = d * np.sqrt(x + 0j)
    np.testing.assert_allclose(series.at_zero, 1, atol=1e-12)
    np.testing.assert_allclose(C, np.cos(phase).real, atol=1e-12)
    np.testing.assert_allclose(series.scale * S, (d * np.sinc(phase / np.pi)).real, atol=1e-12)
    np.testing.assert_allclose(x * series.scale * G, np.cos(phase).real - 1, atol=1e-11)
