from __future__ import annotations

import math

import numpy as np
import pytest

from photonics.rcwa.lattice import harmonics, make_lattice
from photonics.rcwa.numerics import Numerics
from photonics.stack import Incidence, Stack, UniformLayer


def test_square_truncation_keeps_every_pair() -> None:
    mx, my = harmonics(2, "square")
    assert set(zip(mx.tolist(), my.tolist(), strict=True)) == {(i, j) for i in range(-2, 3) for j in range(-2, 3)}


def test_circular_truncation_keeps_a_disc() -> None:
    mx, my = harmonics(9, "circular")
    assert (mx**2 + my**2).max() == 81
    assert len(mx) / 19**2 == pytest.approx(math.pi / 4 * 18**2 / 19**2, rel=0.03)


def test_wavevectors_follow_the_incidence() -> None:
    stack = Stack(600, 1000, 1.5, (), 1.0)
    lattice = make_lattice(stack, Numerics(1, "square"), Incidence(30, 90))
    assert lattice.kx[lattice.zero] == pytest.approx(0, abs=1e-15)
    assert lattice.ky[lattice.zero] == pytest.approx(0.75)
    np.testing.assert_allclose(np.unique(lattice.kx), [-0.6, 0, 0.6], atol=1e-15)


@pytest.mark.parametrize("index", [1.5, 0.1 + 4j, 10j, 2 + 0.001j])
def test_axial_wavevector_decays_or_goes_down(index: complex) -> None:
    lattice = make_lattice(Stack(610, 400, 1.0, (), 1.0), Numerics(3, "square"), Incidence(20, 10))
    kz = lattice.axial(index)
    np.testing.assert_allclose(kz**2 + lattice.parallel**2, index**2, atol=1e-12)
    assert (kz.imag >= 0).all()
    assert (kz.real >= -1e-12).all()


@pytest.mark.parametrize(
    "stack", [Stack(500, 500, 1.0, (), 1.5), Stack(500, 250, 1.0, (UniformLayer("f", 9, 2.0),), 1.5)]
)
def test_grazing_order_is_refused(stack: Stack) -> None:
    message = r"must let no order graze, got order \(0, -1\) grazing in index [12].0; change the wavelength"
    with pytest.raises(ValueError, match=message):
        make_lattice(stack, Numerics(1), Incidence())
