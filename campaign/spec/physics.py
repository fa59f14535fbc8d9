"""The block ``physics`` of a spec: materials, layers, numerics, and the rules that hold between them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from campaign.spec.base import (
    NO_TEXT,
    Count,
    LengthNm,
    Model,
    Name,
    NotNegative,
    Real,
    ThicknessNm,
    Wavelengths,
    repeats,
)
from campaign.spec.problems import Violation, refuse, suggestion
from photonics.materials import TABLES, table


class ConstantIndex(Model):
    """A material of complex refractive index n + ik, the same at every wavelength; k >= 0 absorbs."""

    n: NotNegative = Field(description="refractive index; or name a table instead, as in {table: a-Si}")
    k: NotNegative = 0.0
    source: str | None = Field(default=None, description="where the value comes from")

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        refuse(constant_rules(self))
        return self

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

    @model_validator(mode="after")
    def _exists(self) -> Self:
        refuse(table_rules(self))
        return self

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


def _material_form(value: Any) -> str:
    """Which of the two forms of a material is meant; a misspelt key is told by the form that it belongs to."""
    if not isinstance(value, dict):
        return "table" if isinstance(value, TabulatedIndex) else "constant"
    return "table" if means_table(value) else "constant"


def _one_form(value: Any) -> Any:
    if isinstance(value, dict):
        refuse(material_form_rules(value))
    return value


MaterialBlock = Annotated[
    Annotated[ConstantIndex, Tag("constant")] | Annotated[TabulatedIndex, Tag("table")],
    Discriminator(_material_form),
    BeforeValidator(_one_form),
]


class PatternLayerBlock(Model):
    """A layer that carries the microstructure; where a stack has several, all carry the same."""

    kind: Literal["pattern"]
    name: Name
    thickness_nm: ThicknessNm
    white: Name = Field(description="material where the image is 1")
    black: Name = Field(description="material where the image is 0")


class FilmLayerBlock(Model):
    """A uniform layer."""

    kind: Literal["film"]
    name: Name
    thickness_nm: ThicknessNm
    material: Name


LayerBlock = Annotated[PatternLayerBlock | FilmLayerBlock, Field(discriminator="kind")]
Orders = Annotated[
    Annotated[Count, Tag("number")] | Annotated[dict[Name, Count], Tag("mapping")],
    Discriminator(lambda value: "mapping" if isinstance(value, dict) else "number"),
]


class IncidenceBlock(Model):
    """Direction of the light: angle from the normal, in the incident medium, and azimuth from the image's x axis."""

    polar_deg: Annotated[float, Field(ge=0, lt=90), NO_TEXT] = 0.0
    azimuth_deg: Real = 0.0


class NumericsBlock(Model):
    """Numerical choices that are part of every label: truncation, factorisation rule, solver."""

    orders: Orders = Field(description="highest diffraction order M per axis; one number, or one per data set")
    truncation: Literal["square", "circular"] = "square"
    factorization: Literal["laurent", "li"] = Field(
        default="laurent", description="li: right at the edges of pixels, converges sooner at high contrast"
    )
    pixels: Literal["exact", "dft"] = Field(
        default="exact", description="Fourier transform of the piecewise-constant image, or of point samples"
    )
    solver: Literal["auto", "transfer", "preconditioned", "eigen"] = Field(
        default="auto",
        description="transfer: any stack; preconditioned: the fastest, one pattern layer at normal incidence; "
        "auto: the quicker of the two that can; eigen: slow, the reference",
    )
    accuracy: Annotated[float, Field(ge=1e-12, le=1e-2), NO_TEXT] = Field(
        default=1e-9, description="wanted error of the absorbed fraction from the linear algebra, truncation apart"
    )


class Physics(Model):
    """An optical stack, top to bottom, lit from above; y is its absorption, the mean over the wavelengths."""

    kind: Literal["rcwa"] = Field(default="rcwa", exclude=True, description="simulated by this project's RCWA")
    wavelength_nm: Wavelengths = Field(description="vacuum wavelength, or a list of them over which y is the mean")
    pixel_nm: LengthNm = Field(description="side of one image pixel; the period is image_px x pixel_nm")
    materials: dict[Name, MaterialBlock] = Field(description="each material by name: {n: ..., k: ...} or {table: ...}")
    incident: Name = Field(description="material above the stack")
    incidence: IncidenceBlock = IncidenceBlock()
    polarization: Literal["unpolarised", "s", "p"] = Field(
        default="unpolarised", description="s: E across the plane of incidence; unpolarised: the mean of s and p"
    )
    layers: Annotated[tuple[LayerBlock, ...], Field(min_length=1)] = Field(description="the stack, top to bottom")
    substrate: Name = Field(description="material of the half space below the stack")
    property: Name = Field(
        default="total",
        description="y: 'total' (1 - R - T), or the name of the layer whose absorption is wanted",
    )
    numerics: NumericsBlock

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        refuse(physics_rules(self))
        return self

    def wavelengths_nm(self) -> tuple[float, ...]:
        """All wavelengths, one or more."""
        return self.wavelength_nm if isinstance(self.wavelength_nm, tuple) else (self.wavelength_nm,)

    def used_materials(self) -> tuple[str, ...]:
        """Names of the materials that the stack is made of, each once."""
        return tuple(dict.fromkeys(name for _, name in material_uses(self)))

    def orders_of(self, dataset: str) -> int:
        """Highest diffraction order used for ``dataset``."""
        return of_dataset(self.numerics.orders, dataset)


def means_table(material: Mapping[str, Any]) -> bool:
    """Whether a material as written, by its keys, is a tabulated one."""
    return not {"n", "k"} & set(material) and bool(difflib.get_close_matches("table", map(str, material)))


def material_form_rules(material: Mapping[str, Any]) -> Iterator[Violation]:
    """A material's index stands there, or in a table."""
    beside = [key for key in ("n", "k") if key in material]
    if "table" in material and beside:
        rule = f"must not stand beside {' and '.join(beside)}"
        yield Violation(("table",), rule, f"keep the table, or {' and '.join(beside)}")


def constant_rules(material: ConstantIndex) -> Iterator[Violation]:
    """An index that light can have."""
    if material.n == 0 and material.k == 0:
        yield Violation((), "must not have n and k both 0", "for vacuum write n: 1")


def table_rules(material: TabulatedIndex) -> Iterator[Violation]:
    """The table is there."""
    if material.table not in TABLES:
        yield Violation(("table",), "must name a tabulated material", suggestion(material.table, TABLES))


def physics_rules(physics: Physics) -> Iterator[Violation]:
    """Names refer to something, tables reach far enough, and the solver can take the stack."""
    yield from repeats(physics.wavelengths_nm(), "wavelength_nm", "must stand once among the wavelengths")
    yield from _material_rules(physics)
    yield from _layer_name_rules(physics)
    yield from _solver_rules(physics)
    names = ["total", *(layer.name for layer in physics.layers)]
    if physics.property not in names:
        rule = "must be 'total' or the name of a layer"
        yield Violation(("property",), rule, suggestion(physics.property, names))


def _solver_rules(physics: Physics) -> Iterator[Violation]:
    patterns = sum(layer.kind == "pattern" for layer in physics.layers)
    if patterns == 0:
        fix = "add {kind: pattern, name: ..., thickness_nm: ..., white: ..., black: ...}"
        yield Violation(("layers",), "must hold a layer of kind 'pattern'", fix, f"{len(physics.layers)} films")
    if physics.numerics.solver != "preconditioned":
        return
    at, fix = ("numerics", "solver"), "write solver: auto"
    if patterns > 1:
        yield Violation(at, "'preconditioned' takes one pattern layer", fix, f"{patterns} pattern layers")
    if physics.incidence.polar_deg != 0:
        value = f"polar_deg: {physics.incidence.polar_deg:g}"
        yield Violation(at, "'preconditioned' takes normal incidence", fix, value)
    if physics.numerics.factorization != "laurent":
        value = f"factorization: {physics.numerics.factorization}"
        yield Violation(at, "'preconditioned' takes factorization: laurent", fix, value)


def material_uses(physics: Physics) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where the stack names a material, from top to bottom, and which."""
    yield ("incident",), physics.incident
    for index, layer in enumerate(physics.layers):
        for side in ("white", "black") if layer.kind == "pattern" else ("material",):
            yield ("layers", index, side), getattr(layer, side)
    yield ("substrate",), physics.substrate


def _material_rules(physics: Physics) -> Iterator[Violation]:
    for at, name in material_uses(physics):
        if name not in physics.materials:
            rule = "must be one of physics.materials"
            yield Violation(at, rule, suggestion(name, physics.materials))
    outside = list(_table_range_rules(physics))
    yield from outside
    if physics.incident in physics.materials and not outside:
        yield from _incident_rules(physics)


def _table_range_rules(physics: Physics) -> Iterator[Violation]:
    """Nothing is extrapolated: every table that the stack uses reaches every wavelength."""
    used = {name: physics.materials[name] for name in physics.used_materials() if name in physics.materials}
    for position, wavelength in enumerate(physics.wavelengths_nm()):
        at = ("wavelength_nm", position) if isinstance(physics.wavelength_nm, tuple) else ("wavelength_nm",)
        for name, material in used.items():
            low, high = material.range_nm
            if not low <= wavelength <= high:
                rule = f"must lie between {low:g} and {high:g}, where '{name}' is tabulated"
                fix = f"choose another wavelength, or give n and k of '{name}'"
                yield Violation(at, rule, fix, f"{wavelength:g}")


def _incident_rules(physics: Physics) -> Iterator[Violation]:
    for wavelength in physics.wavelengths_nm():
        index = physics.materials[physics.incident].index(wavelength)
        if index.imag > 0 or index.real == 0:
            rule = "must be a material that does not absorb (k 0, n above 0)"
            value = f"'{physics.incident}' of n {index.real:g}, k {index.imag:g}"
            where = f" at {wavelength:g} nm" if len(physics.wavelengths_nm()) > 1 else ""
            yield Violation(("incident",), rule, "light comes from there, name air or glass", value + where)
            return


def _layer_name_rules(physics: Physics) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, layer in enumerate(physics.layers):
        if layer.name == "total":
            yield Violation(("layers", index, "name"), "must not be 'total', which means 1 - R - T", "rename the layer")
        elif layer.name in seen:
            yield Violation(("layers", index, "name"), "must differ from the layers above", "rename the layer")
        seen.add(layer.name)


def of_dataset(orders: int | dict[str, int], dataset: str) -> int:
    """Orders of one data set, written for all alike or by name."""
    return orders if isinstance(orders, int) else orders[dataset]
