from __future__ import annotations

import numpy as np
import pytest
import torch

from photonics.rcwa.chebyshev import LARGEST_GROWTH, Spectrum, cosine_and_sine, plan_expansion


def matrix_in(spectrum: Spectrum, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A matrix with eigenvalues inside the ellipse, well-conditioned eigenvectors, and those eigenvalues' vectors."""
    rng = np.random.default_rng(seed)
    angle, size = rng.uniform(0, 2 * np.pi, 20), rng.uniform(0, 1, 20)
    across = spectrum.height
    along = np.hypot(spectrum.half_width, across)
    values = spectrum.centre + size * (along * np.cos(angle) + 1j * across * np.sin(angle))
    vectors = np.eye(20) + 0.1 * rng.normal(size=(20, 20))
    return values, vectors


@pytest.mark.parametrize(
    "spectrum", [Spectrum(-20, 18, 3), Spectrum(-2, 24, 20), Spectrum(-300, 300, 300), Spectrum(-1, 1, 0)]
)
@pytest.mark.parametrize("thickness", [0.0, 0.01, 1.0, 30.0])
def test_expansion_equals_functions_of_the_eigenvalues(spectrum: Spectrum, thickness: float) -> None:
    values, vectors = matrix_in(spectrum, 3)
    A = torch.from_numpy(vectors @ np.diag(values) @ np.linalg.inv(vectors))[None]
    expansion = plan_expansion(spectrum, thickness, 1e-11)
    assert expansion.half_thickness * 2 ** (expansion.doublings + 1) == thickness
    h, root = expansion.half_thickness, np.sqrt(values)
    C, S = cosine_and_sine(A, expansion)
    for matrix, function in ((C, np.cos(root * h)), (S, h * np.sinc(root * h / np.pi))):
        expected = vectors @ np.diag(function) @ np.linalg.inv(vectors)
        np.testing.assert_allclose(matrix[0].numpy(), expected, atol=1e-10)


def test_stretch_shrinks_the_layer() -> None:
    spectrum = Spectrum(-20, 18, 3)
    values, vectors = matrix_in(spectrum, 4)
    A = torch.from_numpy(vectors @ np.diag(values) @ np.linalg.inv(vectors))[None]
    shrunk = cosine_and_sine(A, plan_expansion(spectrum, 0.8, 1e-11), 0.4)
    thin = cosine_and_sine(A, plan_expansion(spectrum, 0.32, 1e-11))
    torch.testing.assert_close(shrunk, thin, atol=1e-10, rtol=0)


def test_thick_layers_are_doubled_rather_than_let_grow() -> None:
    expansion = plan_expansion(Spectrum(-400.0, 20.0, 5.0), 50.0, 1e-11)
    assert expansion.doublings > 3
    assert expansion.growth <= LARGEST_GROWTH


def test_absurd_thickness_is_refused() -> None:
    with pytest.raises(ValueError, match="thickness must be within reach of 40 doublings, got 1e\\+30 / k0"):
        plan_expansion(Spectrum(-10.0, 10.0, 1.0), 1e30, 1e-11)
