"""What is designed for: one number of a simulation or several, each an optical property that has a name and a unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from campaign.spec.base import Model, Name, Wavelengths
from campaign.spec.problems import Violation, suggestion

TOTAL = "total"
QUANTITIES = {TOTAL: "absorption", "reflection": "reflection", "transmission": "transmission"}
FRACTION = "fraction of the light"


@dataclass(frozen=True)
class Property:
    """A property as it stands on axes and in tables; the unit is empty where there is none to tell."""

    name: str
    unit: str = ""

    @property
    def axis(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class OpticalProperty(Property):
    """What becomes of the light, as a fraction of it.

    Attributes
    ----------
    of
        ``total``, ``reflection``, ``transmission``, or the layer whose absorption it is.
    positions
        Among the stack's wavelengths, over which it is the mean.
    """

    of: str = TOTAL
    positions: tuple[int, ...] = (0,)


class PropertyBlock(Model):
    """One property, at some of the stack's wavelengths."""

    of: Name = Field(description="'total' (1 - R - T), 'reflection', 'transmission', or a layer, for what it absorbs")
    wavelength_nm: Wavelengths | None = Field(
        default=None, description="among those of the stack, the mean where there are several; default: all"
    )

    def wavelengths_nm(self, known: Sequence[float]) -> tuple[float, ...]:
        """Its wavelengths, of those that are ``known``."""
        if self.wavelength_nm is None:
            return tuple(known)
        return self.wavelength_nm if isinstance(self.wavelength_nm, tuple) else (self.wavelength_nm,)


def _form(value: object) -> str:
    return "list" if isinstance(value, list | tuple) else "name" if isinstance(value, str) else "mapping"


One = Annotated[
    Annotated[Name, Tag("name")] | Annotated[PropertyBlock, Tag("mapping")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "mapping"),
]
Written = Annotated[
    Annotated[Name, Tag("name")]
    | Annotated[PropertyBlock, Tag("mapping")]
    | Annotated[tuple[One, ...], Field(min_length=1), Tag("list")],
    Discriminator(_form),
]
"""A name alone, for its mean over all wavelengths; a name and wavelengths; or a list of such."""


def properties_of(
    written: str | PropertyBlock | tuple[str | PropertyBlock, ...], known: Sequence[float]
) -> tuple[OpticalProperty, ...]:
    """The properties that a spec asks for, of a stack with the wavelengths ``known``."""
    entries = written if isinstance(written, tuple) else (written,)
    return tuple(_property(_block(entry), known) for entry in entries)


def _block(entry: str | PropertyBlock) -> PropertyBlock:
    return PropertyBlock(of=entry) if isinstance(entry, str) else entry


def _property(block: PropertyBlock, known: Sequence[float]) -> OpticalProperty:
    chosen = block.wavelengths_nm(known)
    name = QUANTITIES.get(block.of, f"absorption of {block.of}")
    if len(chosen) > 1:
        name = f"mean {name}"
    if len(chosen) < len(known):
        name += f" at {' and '.join(f'{wavelength:g}' for wavelength in chosen)} nm"
    return OpticalProperty(name, FRACTION, block.of, tuple(known.index(wavelength) for wavelength in chosen))


def property_violations(
    written: str | PropertyBlock | tuple[str | PropertyBlock, ...], known: Sequence[float], layers: Sequence[str]
) -> Iterator[Violation]:
    """Every property is one of the stack's, at wavelengths of the stack, and stands there once."""
    names, seen = [*QUANTITIES, *layers], []
    for index, entry in enumerate(written if isinstance(written, tuple) else (written,)):
        at: tuple[str | int, ...] = ("property", index) if isinstance(written, tuple) else ("property",)
        block = _block(entry)
        if block.of not in names:
            place = at if isinstance(entry, str) else (*at, "of")
            rule = f"must be {', '.join(map(repr, QUANTITIES))} or the name of a layer"
            yield Violation(place, rule, suggestion(block.of, names))
        chosen = block.wavelengths_nm(known)
        for position, wavelength in enumerate(chosen if block.wavelength_nm is not None else ()):
            place = (*at, "wavelength_nm", *((position,) if isinstance(block.wavelength_nm, tuple) else ()))
            if wavelength not in known:
                listed = ", ".join(f"{each:g}" for each in known)
                yield Violation(place, "must be a wavelength of the stack", f"known: {listed}", f"{wavelength:g}")
            elif wavelength in chosen[:position]:
                yield Violation(place, "must stand once among the wavelengths", "remove it", f"{wavelength:g}")
        if (block.of, chosen) in seen:
            yield Violation(at, "must stand once among the properties", "remove it")
        seen.append((block.of, chosen))
