"""Tables of refractive indices: what they say, between what they say, and beyond."""

from __future__ import annotations

import re

import numpy as np
import pytest

from photonics.materials import TABLES, table


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_physical_and_name_their_source(name: str) -> None:
    material = table(name)
    assert (np.diff(material.wavelengths_nm) > 0).all()
    assert np.isfinite(material.n).all()
    assert (material.n > 0).all()
    assert (material.k >= 0).all()
    assert re.search(r"\((19|20)\d\d\)", material.source)
    assert material.range_nm[0] <= 450
    assert material.range_nm[1] >= 999


# Values as their sources print them; those of Al from the printed table of its model.
@pytest.mark.parametrize(
    ("name", "wavelength", "index", "tolerance"),
    [
        ("a-Si", 652.6, 4.17 + 0.363j, 1e-12),
        ("c-Si", 650, 3.844 + 0.014431j, 1e-12),
        ("Ag", 659.5, 0.05 + 4.483j, 1e-12),
        ("Al", 649.74, 1.4192 + 7.4649j, 2e-3),
        ("SiO2", 587.6, 1.4585, 1e-4),
        ("ITO", 650.17, 1.864398 + 0.002718j, 1e-5),
        ("ZnO", 590, 2.0034, 2e-3),
        # d line of the data sheet; rutile at the sodium line; film near 1550 nm; as tabulated; 3.5 just below the gap.
        ("BK7", 587.56, 1.5168, 1e-4),
        ("TiO2", 589.3, 2.6124, 1e-3),
        ("Si3N4", 1550, 1.9963, 1e-3),
        ("Au", 659.5, 0.14 + 3.697j, 1e-12),
        ("GaAs", 626.23, 3.82498 + 0.20158j, 1e-12),
    ],
)
def test_values_are_those_published(name: str, wavelength: float, index: complex, tolerance: float) -> None:
    assert table(name).index(wavelength) == pytest.approx(index, abs=tolerance)


def test_n_and_k_are_linear_between_points() -> None:
    silicon = table("c-Si")
    halfway = (silicon.index(650) + silicon.index(660)) / 2
    assert silicon.index(655) == pytest.approx(halfway, abs=1e-12)


@pytest.mark.parametrize("wavelength", [249.9, 2500, float("nan")])
def test_nothing_is_extrapolated(wavelength: float) -> None:
    message = (
        f"wavelength_nm must lie between 250 and 1200, where c-Si is tabulated, got {wavelength!r}; choose another "
        f"wavelength or give n and k yourself"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        table("c-Si").index(wavelength)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("aSi", "did you mean 'a-Si'?"),
        ("silver", f"known: {', '.join(TABLES)}"),
        ("TiO3", f"known: {', '.join(TABLES)}"),
        ("tio2", "did you mean 'TiO2'?"),
        ("xx", f"known: {', '.join(TABLES)}"),
    ],
)
def test_unknown_names_are_refused_with_a_hint(name: str, hint: str) -> None:
    message = f"table must name a tabulated material, got {name!r}; {hint}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        table(name)


def test_tables_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        table("Ag").n[0] = 1.0
