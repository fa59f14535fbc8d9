"""Materials of a spec: an index that is the same at every wavelength, or one from a table, published or one's own."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Discriminator, Field, Tag

from campaign.spec.base import NO_TEXT, Model
from campaign.spec.index_file import IndexFileError, Points, read_index_file
from campaign.spec.paths import FileText, present_file
from campaign.spec.problems import Violation, refusal
from photonics.materials import TABLES, TabulatedMaterial, same_table, table

# Larger than of any medium, and small enough for the solvers' arithmetic.
IndexPart = Annotated[float, Field(ge=0, le=1e6), NO_TEXT]


class ConstantIndex(Model):
    """A material of complex refractive index n + ik, the same at every wavelength; k >= 0 absorbs."""

    n: IndexPart = Field(description="refractive index; or name a table instead, as in {table: a-Si}")
    k: IndexPart = Field(default=0.0, description="extinction coefficient; absorbs where above 0")
    source: str | None = Field(default=None, description="where the value comes from")

    def violations(self) -> Iterator[Violation]:
        """An index that light can have."""
        if self.n == 0 and self.k == 0:
            yield Violation((), "must not have n and k both 0", "for vacuum write n: 1")

    @property
    def citation(self) -> tuple[str | None, str | None]:
        """Name of the published table, here none, and where the value comes from."""
        return None, self.source

    @property
    def range_nm(self) -> tuple[float, float]:
        """Wavelengths at which the index is known."""
        return 0.0, math.inf

    def index(self, wavelength_nm: float) -> complex:
        """Complex refractive index n + ik."""
        return complex(self.n, self.k)


class TabulatedIndex(Model):
    """A material whose index is read from a table at each wavelength: a published one, or a file of one's own."""

    table: str = Field(
        description="name of a table of photonics/materials, or a file of nm, n, k, relative to this one",
        json_schema_extra={"anyOf": [{"enum": list(TABLES)}, {"pattern": "[./$~]"}]},
    )
    points: Points | None = Field(default=None, description="what the file holds, (nm, n, k) each; read from there")
    source: str | None = Field(default=None, description="where the values of a file come from")

    def violations(self) -> Iterator[Violation]:
        """The table is there."""
        if self.points is None and self.table not in TABLES:
            yield Violation(("table",), "must name a tabulated material", table_hint(self.table))

        if self.points is None and self.source is not None:
            yield Violation(("source",), "must not stand beside a published table, which has its own", "remove it")

    @property
    def citation(self) -> tuple[str | None, str | None]:
        """Name of the published table, and where the values come from; a file counts by content, not by name."""
        return (self.table, table(self.table).source) if self.points is None else (None, self.source)

    def tabulated(self) -> TabulatedMaterial:
        """The table."""
        if self.points is None:
            return table(self.table)
        return TabulatedMaterial(Path(self.table).stem, self.source or "", *np.array(self.points, dtype=float).T)

    @property
    def range_nm(self) -> tuple[float, float]:
        """Wavelengths at which the index is known."""
        return self.tabulated().range_nm

    def index(self, wavelength_nm: float) -> complex:
        """Complex refractive index n + ik; ValueError outside the table."""
        return self.tabulated().index(wavelength_nm)


def table_hint(name: str) -> str:
    """What there is; another spelling of the same name is told, another material never."""
    return f"did you mean '{same}'?" if (same := same_table(name)) else f"known: {', '.join(TABLES)}, or a file.csv"


def _read(material: Any) -> Any:
    """A file is read where the spec is: a finished run's own record holds what was in it."""
    name = material.get("table") if isinstance(material, dict) else None
    if not isinstance(name, FileText) or "points" in material or not set(name) & set("./$~"):
        return material
    path = present_file(name, ("table",))
    try:
        source, points = read_index_file(path)
    except IndexFileError as error:
        raise refusal(Violation(("table",), error.rule, error.fix)) from error
    except OSError as error:
        raise refusal(Violation(("table",), "must be a file that can be read", error.strerror or str(error))) from error
    return {"source": source, **material, "points": points}


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
    BeforeValidator(_read),
    BeforeValidator(_one_form),
]
