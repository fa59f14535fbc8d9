"""Cosines and sines against the orders that they are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from photonics.rcwa import Numerics
from photonics.rcwa.convolution import convolution_matrix
from photonics.rcwa.lattice import make_lattice
from photonics.rcwa.preconditioned.real_basis import RealBasis
from photonics.stack import Incidence, Stack

ImageMaker = Callable[..., np.ndarray]


@pytest.fixture(params=["square", "circular"])
def basis(request: pytest.FixtureRequest, silicon_on_metal: Stack) -> RealBasis:
    return RealBasis(make_lattice(silicon_on_metal, Numerics(3, request.param), Incidence(0, 25)))


def test_fields_survive_the_way_there_and_back(basis: RealBasis) -> None:
    fields = np.random.default_rng(0).normal(size=(2 * basis.size, 3, 2)).view(complex)[..., 0]
    np.testing.assert_allclose(basis.fields_to_orders(basis.fields_from_orders(fields)), fields, atol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(basis.fields_from_orders(fields)), np.linalg.norm(fields))


@pytest.mark.parametrize("pixels", ["exact", "dft"])
def test_convolution_matrix_is_that_of_the_orders_in_another_basis(
    silicon_on_metal: Stack, make_image: ImageMaker, pixels: str
) -> None:
    image = make_image(2)
    lattice = make_lattice(silicon_on_metal, Numerics(3, "square"), Incidence())
    basis = RealBasis(lattice)
    N = basis.size
    # Scalars stand for s components of opposite sign in a pair, so compare with them turned back.
    identity = np.eye(2 * N, dtype=complex)
    U = basis.fields_to_orders(identity)[:N, :N]
    sign = np.where([(y, x) >= (0, 0) for x, y in zip(lattice.mx, lattice.my, strict=True)], 1, -1)[:, None]
    X = convolution_matrix(torch.from_numpy(image.astype(complex))[None], lattice, pixels)[0].numpy()
    expected = (sign * U).conj().T @ X @ (sign * U)
    matrix = basis.convolution_matrices(image[None], pixels)[0]
    np.testing.assert_allclose(expected.imag, 0, atol=1e-14)
    np.testing.assert_allclose(matrix, expected.real, atol=1e-14)
    np.testing.assert_allclose(matrix, matrix.T, atol=0)


def test_oblique_incidence_is_refused(silicon_on_metal: Stack) -> None:
    lattice = make_lattice(silicon_on_metal, Numerics(2), Incidence(10, 0))
    message = r"^polar_deg must be 0 for cosines and sines to stay apart, got 10; use solver='transfer'$"
    with pytest.raises(ValueError, match=message):
        RealBasis(lattice)
