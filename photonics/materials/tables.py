"""Refractive indices from the literature, one table a material, each with its source."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np

TABLES = ("a-Si", "c-Si", "GaAs", "Ag", "Al", "Au", "SiO2", "Si3N4", "TiO2", "ZnO", "ITO", "BK7")


@dataclass(frozen=True, eq=False)
class TabulatedMaterial:
    """Complex refractive index n + ik of one material: wavelengths_nm, n and k, float64 (K,), wavelengths ascending."""

    name: str
    source: str
    wavelengths_nm: np.ndarray
    n: np.ndarray
    k: np.ndarray

    @property
    def range_nm(self) -> tuple[float, float]:
        """First and last wavelength of the table, in nm."""
        return float(self.wavelengths_nm[0]), float(self.wavelengths_nm[-1])

    def index(self, wavelength_nm: float) -> complex:
        """Index at a vacuum wavelength, n and k linear between the points of the table.

        Raises ValueError outside of the table: nothing is extrapolated.
        """
        low, high = self.range_nm
        # Written so that a NaN is refused too.
        if not low <= wavelength_nm <= high:
            raise ValueError(
                f"wavelength_nm must lie between {low:g} and {high:g}, where {self.name} is tabulated, got "
                f"{wavelength_nm!r}; choose another wavelength or give n and k yourself"
            )
        return complex(
            np.interp(wavelength_nm, self.wavelengths_nm, self.n), np.interp(wavelength_nm, self.wavelengths_nm, self.k)
        )


def same_table(name: str) -> str | None:
    """The table of the same letters and figures as ``name``; another material is never what was meant."""
    return next((each for each in TABLES if _letters(each) == _letters(name)), None)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()


@lru_cache(maxsize=len(TABLES))
def table(name: str) -> TabulatedMaterial:
    """The table called ``name``, one of ``TABLES``. Raises ValueError for another name."""
    if name not in TABLES:
        same = same_table(name)
        hint = f"did you mean {same!r}?" if same else f"known: {', '.join(TABLES)}"
        raise ValueError(f"table must name a tabulated material, got {name!r}; {hint}")
    text = files(__package__).joinpath("data", f"{name}.csv").read_text(encoding="utf-8")
    lines = text.splitlines()
    remarks = dict(line.lstrip("# ").split(": ", 1) for line in lines if line.startswith("#"))
    rows = list(csv.reader(line for line in lines if not line.startswith("#")))
    wavelengths, n, k = np.array(rows[1:], dtype=float).T
    for column in (wavelengths, n, k):
        column.flags.writeable = False
    return TabulatedMaterial(name, remarks["source"], wavelengths, n, k)
