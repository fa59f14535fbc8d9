"""The block ``physics`` of a spec: layers, light and numerics, and the rules that hold between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from campaign.spec.base import (
    NO_TEXT,
    LengthNm,
    Model,
    Name,
    Real,
    ThicknessNm,
    Wavelengths,
    repeats,
)
from campaign.spec.materials import MaterialBlock
from campaign.spec.problems import Violation, suggestion
from campaign.spec.property import QUANTITIES, OpticalProperty, Written, properties_of, property_violations


class PatternLayerBlock(Model):
    """A layer that carries the microstructure; where a stack has several, all carry the same."""

    kind: Literal["pattern"]
    name: Name = Field(description="of the layer, by which its absorption may be asked for")
    thickness_nm: ThicknessNm = Field(description="thickness")
    white: Name = Field(description="material where the image is 1")
    black: Name = Field(description="material where the image is 0")


class FilmLayerBlock(Model):
    """A uniform layer."""

    kind: Literal["film"]
    name: Name = Field(description="of the layer, by which its absorption may be asked for")
    thickness_nm: ThicknessNm = Field(description="thickness")
    material: Name = Field(description="one of physics.materials")


LayerBlock = Annotated[PatternLayerBlock | FilmLayerBlock, Field(discriminator="kind")]
LEAST_INCIDENT = 0.01  # refractive index
MOST_ORDERS = 100  # 40 401 harmonics: a matrix of 104 GB
Order = Annotated[int, Field(ge=1, le=MOST_ORDERS), NO_TEXT]
Orders = Annotated[
    Annotated[Order, Tag("number")] | Annotated[dict[Name, Order], Tag("mapping")],
    Discriminator(lambda value: "mapping" if isinstance(value, dict) else "number"),
]


class IncidenceBlock(Model):
    """Direction of the light: angle from the normal, in the incident medium, and azimuth from the image's x axis."""

    polar_deg: Annotated[float, Field(ge=0, le=89.999), NO_TEXT] = Field(default=0.0, description="from the normal")
    azimuth_deg: Real = Field(default=0.0, description="from the image's x axis")


class NumericsBlock(Model):
    """Numerical choices that are part of every label: truncation, factorisation rule, solver."""

    orders: Orders = Field(description="highest diffraction order M per axis; one number, or one per data set")
    truncation: Literal["square", "circular"] = Field(
        default="square", description="orders -M to M per axis, or those with m² + n² ≤ M²"
    )
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
    """An optical stack, top to bottom, lit from above, and which of its optical properties y is."""

    kind: Literal["rcwa"] = Field(default="rcwa", exclude=True, description="simulated by this project's RCWA")
    wavelength_nm: Wavelengths = Field(
        description="vacuum wavelength, or a list of them, over which y is the mean unless property says otherwise"
    )
    pixel_nm: LengthNm | None = Field(
        default=None, description="side of one image pixel: the period of each data set is its image_px x pixel_nm"
    )
    period_nm: LengthNm | None = Field(
        default=None, description="in place of pixel_nm: side of the square unit cell, the same for every image size"
    )
    materials: dict[Name, MaterialBlock] = Field(description="each material by name: {n: ..., k: ...} or {table: ...}")
    incident: Name = Field(description="material above the stack")
    incidence: IncidenceBlock = Field(default=IncidenceBlock(), description="direction of the light")
    polarization: Literal["unpolarised", "s", "p"] = Field(
        default="unpolarised", description="s: E across the plane of incidence; unpolarised: the mean of s and p"
    )
    layers: Annotated[tuple[LayerBlock, ...], Field(min_length=1)] = Field(description="the stack, top to bottom")
    substrate: Name = Field(description="material of the half space below the stack")
    property: Written = Field(
        default="total",
        description="y: 'total' (1 - R - T), 'reflection', 'transmission', or the layer whose absorption is wanted; "
        "{of: ..., wavelength_nm: ...} at some of the wavelengths; a list where y is several numbers",
    )
    numerics: NumericsBlock = Field(description="truncation and solver, which are part of every label")

    def violations(self) -> Iterator[Violation]:
        """Names refer to something, tables reach far enough, and the solver can take the stack."""
        yield from _cell_violations(self)
        yield from repeats(self.wavelengths_nm(), "wavelength_nm", "must stand once among the wavelengths")
        yield from _material_violations(self)
        yield from _layer_name_violations(self)
        yield from _solver_violations(self)
        yield from property_violations(self.property, self.wavelengths_nm(), [layer.name for layer in self.layers])

    def wavelengths_nm(self) -> tuple[float, ...]:
        """All wavelengths, one or more."""
        return self.wavelength_nm if isinstance(self.wavelength_nm, tuple) else (self.wavelength_nm,)

    def properties(self) -> tuple[OpticalProperty, ...]:
        """What y is: one property or several."""
        return properties_of(self.property, self.wavelengths_nm())

    def cell_nm(self, image_px: int) -> float:
        """The period of images of that side."""
        return self.period_nm if self.period_nm is not None else self.pixel_nm * image_px  # type: ignore[operator]

    def used_materials(self) -> tuple[str, ...]:
        """Names of the materials that the stack is made of, each once."""
        return tuple(dict.fromkeys(name for _, name in material_uses(self)))

    def orders_of(self, dataset: str) -> int:
        """Highest diffraction order used for ``dataset``."""
        return of_dataset(self.numerics.orders, dataset)


def _cell_violations(physics: Physics) -> Iterator[Violation]:
    if physics.pixel_nm is None and physics.period_nm is None:
        rule = "must hold pixel_nm, the side of a pixel, or period_nm, the side of the unit cell"
        yield Violation((), rule, "add one of the two, in nanometres", "neither")
    elif physics.pixel_nm is not None and physics.period_nm is not None:
        value = f"{physics.period_nm:g}"
        yield Violation(("period_nm",), "must not stand beside pixel_nm", "leave out one of the two", value)


def _solver_violations(physics: Physics) -> Iterator[Violation]:
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


def _material_violations(physics: Physics) -> Iterator[Violation]:
    for at, name in material_uses(physics):
        if name not in physics.materials:
            rule = "must be one of physics.materials"
            yield Violation(at, rule, suggestion(name, physics.materials))
    outside = list(_table_range_violations(physics))
    yield from outside
    if physics.incident in physics.materials and not outside:
        yield from _incident_violations(physics)


def _table_range_violations(physics: Physics) -> Iterator[Violation]:
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


def _incident_violations(physics: Physics) -> Iterator[Violation]:
    for wavelength in physics.wavelengths_nm():
        index = physics.materials[physics.incident].index(wavelength)
        if index.imag > 0 or index.real < LEAST_INCIDENT:
            rule = f"must be a material that does not absorb (k 0, n at least {LEAST_INCIDENT})"
            value = f"'{physics.incident}' of n {index.real:g}, k {index.imag:g}"
            where = f" at {wavelength:g} nm" if len(physics.wavelengths_nm()) > 1 else ""
            yield Violation(("incident",), rule, "light comes from there, name air or glass", value + where)
            return


def _layer_name_violations(physics: Physics) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, layer in enumerate(physics.layers):
        if layer.name in QUANTITIES:
            rule = f"must not be '{layer.name}', which means that of the whole stack"
            yield Violation(("layers", index, "name"), rule, "rename the layer")
        elif layer.name in seen:
            yield Violation(("layers", index, "name"), "must differ from the layers above", "rename the layer")
        seen.add(layer.name)


def of_dataset(orders: int | dict[str, int], dataset: str) -> int:
    """Orders of one data set, written for all alike or by name."""
    return orders if isinstance(orders, int) else orders[dataset]
