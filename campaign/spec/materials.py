"""Materials of a spec: an index that is the same at every wavelength, or one from a published table."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from campaign.spec.base import NO_TEXT, Model
from campaign.spec.problems import Violation, refusal, suggestion
from photonics.materials import TABLES, table

# Larger than of any medium, and small enough for the solvers' arithmetic.
IndexPart = Annotated[float, Field(ge=0, le=1e6), NO_TEXT]


class ConstantIndex(Model):
    """A material of complex refractive index n + ik, the same at every wavelength; k >= 0 absorbs."""

    n: IndexPart = Field(description="refractive index; or name a table instead, as in {table: a-Si}")
    k: IndexPart = 0.0
    source: str | None = Field(default=None, description="where the value comes from")

    def violations(self) -> Iterator[Violation]:
        """An index that light can have."""
        if self.n == 0 and self.k == 0:
            yield Violation((), "must not have n and k both 0", "for vacuum write n: 1")

    @property
    def range_nm(self) -> tuple[float, float]:
        """Wavelengths at which the index is known."""
        return 0.0, math.inf

    def index(self, wavelength_nm: float) -> complex:
        """Complex refractive index n + ik."""
        return complex(self.n, self.k)


class TabulatedIndex(Model):
    """A material whose index is read from a published table, which names its source, at each wavelength."""

    table: str = Field(description="name of a table of photonics/materials", json_schema_extra={"enum": list(TABLES)})

    def violations(self) -> Iterator[Violation]:
        """The table is there."""
        if self.table not in TABLES:
            yield Violation(("table",), "must name a tabulated material", suggestion(self.table, TABLES))

    @property
    def range_nm(self) -> tuple[float, float]:
        """Wavelengths at which the index is known."""
        return table(self.table).range_nm

    @property
    def source(self) -> str:
        """Where the values come from."""
        return table(self.table).source

    def index(self, wavelength_nm: float) -> complex:
        """Complex refractive index n + ik; ValueError outside the table."""
        return table(self.table).index(wavelength_nm)


def _form(material: Any) -> str:
    """Which of the two forms is meant; a misspelt key is a mistake in the form that it belongs to."""
    if not isinstance(material, dict):
        return "table" if isinstance(material, TabulatedIndex) else "constant"
    close = difflib.get_close_matches("table", map(str, material))
    return "table" if close and not {"n", "k"} & set(material) else "constant"


def _one_form(material: Any) -> Any:
    """An index stands there, or in a table."""
    beside = [key for key in ("n", "k") if isinstance(material, dict) and key in material]
    if beside and "table" in material:
        keys = " and ".join(beside)
        raise refusal(Violation(("table",), f"must not stand beside {keys}", f"keep the table, or {keys}"))
    return material


MaterialBlock = Annotated[
    Annotated[ConstantIndex, Tag("constant")] | Annotated[TabulatedIndex, Tag("table")],
    Discriminator(_form),
    BeforeValidator(_one_form),
]
