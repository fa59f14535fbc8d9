from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from photonics.rcwa.convolution import convolution_matrix, fourier_coefficients
from photonics.rcwa.lattice import make_lattice
from photonics.rcwa.numerics import Numerics
from photonics.stack import Incidence, Stack

ImageMaker = Callable[..., np.ndarray]


def test_dft_coefficients_are_the_sum_over_samples(make_image: ImageMaker) -> None:
    image = make_image(1, px=9).astype(float)
    c = fourier_coefficients(torch.from_numpy(image), 3, "dft").numpy()
    y, x = np.mgrid[:9, :9] / 9
    for mx, my in [(0, 0), (1, 0), (0, 1), (-2, 3)]:
        expected = np.mean(image * np.exp(-2j * np.pi * (mx * x + my * y)))
        assert c[my + 3, mx + 3] == pytest.approx(expected, abs=1e-14)


def test_exact_coefficients_are_the_integral_over_pixels(make_image: ImageMaker) -> None:
    image = make_image(2, px=6).astype(float)
    c = fourier_coefficients(torch.from_numpy(image), 8, "exact").numpy()
    edges = np.arange(7) / 6
    for mx, my in [(0, 0), (1, 0), (0, 1), (-2, 3), (6, 1), (8, -8)]:

        def pixel_integrals(m: int) -> np.ndarray:
            if m == 0:
                return np.diff(edges)
            return np.diff(np.exp(-2j * np.pi * m * edges)) / (-2j * np.pi * m)

        expected = pixel_integrals(my) @ image @ pixel_integrals(mx)
        assert c[my + 8, mx + 8] == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("truncation", ["square", "circular"])
def test_matrix_holds_coefficients_of_differences(make_image: ImageMaker, truncation: str) -> None:
    lattice = make_lattice(Stack(600, 1000, 1.0, (), 1.0), Numerics(2, truncation), Incidence())  # type: ignore[arg-type]
    image = torch.from_numpy(make_image(3).astype(float))
    X = convolution_matrix(image, lattice, "exact")
    c = fourier_coefficients(image, 4, "exact")
    i, j = 1, len(lattice.mx) - 2
    assert X[i, j] == c[lattice.my[i] - lattice.my[j] + 4, lattice.mx[i] - lattice.mx[j] + 4]
    torch.testing.assert_close(X, X.mH)


def test_matrix_of_a_white_image_is_the_identity() -> None:
    lattice = make_lattice(Stack(600, 1000, 1.0, (), 1.0), Numerics(2), Incidence())
    X = convolution_matrix(torch.ones(8, 8, dtype=torch.float64), lattice, "exact")
    torch.testing.assert_close(X, torch.eye(len(lattice.mx), dtype=torch.complex128), atol=1e-15, rtol=0)
