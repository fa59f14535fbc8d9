"""What a calibration is: a stack, and what of it may differ, as the frozen model of one YAML file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Annotated

from pydantic import Field

from campaign.spec.base import Count, Model, Name, Range, Seed
from campaign.spec.materials import table_hint
from campaign.spec.physics import Order, Physics
from campaign.spec.problems import Violation, suggestion
from photonics.materials import TABLES


class Ranges(Model):
    """What is free, and between which values; lengths in nm."""

    wavelength_nm: Range | None = Field(default=None, description="of several, their mean; the ratios stay")
    pixel_nm: Range | None = Field(default=None, description="side of a pixel")
    period_wavelengths: Range | None = Field(
        default=None, description="the period by the wavelength, in place of pixel_nm: which orders propagate"
    )
    thickness_nm: dict[Name, Range] = Field(default={}, description="by layer")
    materials: dict[Name, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default={}, description="tables to try for a material of the stack"
    )
    orders: tuple[Order, ...] = Field(
        default=(), description="truncations to try, for this data set; default: the one of the stack"
    )

    def intervals(self) -> Iterator[tuple[tuple[str, ...], Range]]:
        """Every range, with the keys that lead to it."""
        for name in ("wavelength_nm", "pixel_nm", "period_wavelengths"):
            if (interval := getattr(self, name)) is not None:
                yield (name,), interval
        for name, interval in self.thickness_nm.items():
            yield ("thickness_nm", name), interval


class Calibration(Model):
    """A family of stacks: one of them, and what may differ from it."""

    physics: Physics = Field(description="the stack to start from")
    fit: Ranges = Field(default=Ranges(), description="what may differ from it, and how far")
    starts: Count = Field(default=256, description="starts for each choice of materials")
    screening_pairs: Annotated[int, Field(ge=2)] | None = Field(
        default=None, description="pairs, the first ones, that all starts are tried on; default: all pairs"
    )
    finalists: Count = Field(
        default=64, description="best starts that are tried on the other pairs too, for each fold and for all pairs"
    )
    descents: Count = Field(default=3, description="best starts that descend, for each fold and for all pairs")
    iterations: Count = Field(default=12, description="steps of a descent")
    folds: Annotated[int, Field(ge=2)] = Field(default=5, description="parts, each of which is held out once")
    seed: Seed = Field(default=2020, description="of the starts")

    def violations(self) -> Iterator[Violation]:
        """Ranges are of what the stack has."""
        physics, fit = self.physics, self.fit
        layers = [layer.name for layer in physics.layers]
        for name in fit.thickness_nm:
            if name not in layers:
                yield Violation(("fit", "thickness_nm", name), "must be a layer of the stack", suggestion(name, layers))
        if fit.pixel_nm is not None and fit.period_wavelengths is not None:
            yield Violation(("fit", "period_wavelengths"), "must not stand beside pixel_nm", "leave out one of the two")
        if isinstance(physics.property, tuple) and len(physics.property) > 1:
            yield Violation(("physics", "property"), "must be one, as that of published pairs is", "choose one of them")
        for where, interval in fit.intervals():
            if not 0 < interval.low < interval.high:
                yield Violation(("fit", *where), "must be [low, high] with 0 < low < high", "for example [100, 300]")
        yield from self._table_violations()

    def _table_violations(self) -> Iterator[Violation]:
        known = self.physics.materials
        for name, tables in self.fit.materials.items():
            at = ("fit", "materials", name)
            if name not in known:
                yield Violation(at, "must be a material of the stack", suggestion(name, known))
            for position, choice in enumerate(tables):
                if choice not in TABLES:
                    yield Violation((*at, position), "must name a tabulated material", table_hint(choice))


def physics_yaml(physics: Physics, comments: Sequence[str]) -> str:
    """A physics file with ``comments`` at its head; values that are the default stay out."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 110
    text = StringIO()
    yaml.dump(physics.model_dump(mode="json", exclude_none=True, exclude_defaults=True), text)
    return "".join(f"# {line}\n" for line in comments) + text.getvalue()
