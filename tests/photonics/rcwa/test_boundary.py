from __future__ import annotations

import torch

from photonics.rcwa.boundary import Drive, Field, Film, admittances_through, drives_through


def column(*values: complex) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.complex128)


def test_quarter_wave_film_inverts_the_admittance() -> None:
    film = Film(column(2.0), column(1j))
    torch.testing.assert_close(film.admittance_above(column(1.5)), column(2.0**2 / 1.5))


def test_thick_absorbing_film_hides_what_lies_below() -> None:
    film = Film(column(2.0 + 0.5j), column(0.0))
    seen = admittances_through([Film(column(3.0), column(1j)), film], column(7.0))
    torch.testing.assert_close(seen[1], film.admittance)
    torch.testing.assert_close(seen[0], 9.0 / film.admittance)
    torch.testing.assert_close(seen[2], column(7.0))


def test_fields_carried_down_and_up_are_the_same() -> None:
    film = Film(column(2.0 + 0.1j, 1.3j), column(0.6 + 0.5j, 0.2))
    incident = Drive(column(1.0, 0.4j), torch.tensor([[2.0], [0.3]], dtype=torch.complex128))
    substrate = column(1.5, 0.9 + 0.2j)
    drive = drives_through([film], incident)[-1]
    # At the bottom h + Ya e = f and h = Yb e.
    e = drive.source / (drive.admittance + substrate)[:, None]
    top = film.field_above(Field(e, substrate[:, None] * e), incident)
    torch.testing.assert_close(top.h, film.admittance_above(substrate)[:, None] * top.e)
    torch.testing.assert_close(film.field_below(top, substrate).e, e)
