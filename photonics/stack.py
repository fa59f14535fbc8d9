"""What is lit: a stack of uniform and patterned layers, and the direction that the light comes from."""

from __future__ import annotations

import cmath
import math
from collections import Counter
from dataclasses import dataclass


def _require_positive(name: str, value: float, unit: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number > 0, got {value!r}; give it in {unit}")


def _require_thickness(layer: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"thickness_nm of layer {layer!r} must be a finite number >= 0, got {value!r}; give it in nm")


def _require_index(name: str, value: complex) -> None:
    if not cmath.isfinite(value) or value == 0:
        raise ValueError(f"{name} must be a finite refractive index other than 0, got {value!r}; give n + 1j*k")
    if complex(value).imag < 0:
        raise ValueError(
            f"{name} must have an imaginary part >= 0, got {value!r}; with the time factor exp(-i omega t) used here "
            f"an absorbing medium has Im n > 0: use its complex conjugate"
        )


@dataclass(frozen=True)
class UniformLayer:
    """A layer of one material.

    Raises ValueError for a thickness that is negative or not finite, or an index of 0, not finite or with Im n < 0.
    """

    name: str
    thickness_nm: float
    index: complex

    def __post_init__(self) -> None:
        _require_thickness(self.name, self.thickness_nm)
        _require_index(f"index of layer {self.name!r}", self.index)


@dataclass(frozen=True)
class PatternLayer:
    """A layer of two materials, laid out by an image: ``white_index`` where it is 1, ``black_index`` where it is 0.

    Raises ValueError as ``UniformLayer`` does.
    """

    name: str
    thickness_nm: float
    white_index: complex
    black_index: complex

    def __post_init__(self) -> None:
        _require_thickness(self.name, self.thickness_nm)
        _require_index(f"white_index of layer {self.name!r}", self.white_index)
        _require_index(f"black_index of layer {self.name!r}", self.black_index)


Layer = UniformLayer | PatternLayer


@dataclass(frozen=True)
class Stack:
    """Layers from top to bottom between two half spaces, periodic over a square cell of side ``period_nm``.

    The incident medium, on top, is lossless. Raises ValueError for a wavelength or period that is not positive, an
    incident index that is not real and positive, a substrate index as in ``UniformLayer``, or layers of equal name.
    """

    wavelength_nm: float
    period_nm: float
    incident_index: complex
    layers: tuple[Layer, ...]
    substrate_index: complex

    def __post_init__(self) -> None:
        _require_positive("wavelength_nm", self.wavelength_nm, "nm")
        _require_positive("period_nm", self.period_nm, "nm")
        incident = complex(self.incident_index)
        if incident.imag != 0 or not (math.isfinite(incident.real) and incident.real > 0):
            raise ValueError(
                f"incident_index must be real and > 0, got {self.incident_index!r}; light comes from a lossless medium"
            )
        _require_index("substrate_index", self.substrate_index)
        object.__setattr__(self, "layers", tuple(self.layers))
        repeated = [name for name, count in Counter(self.layer_names).items() if count > 1]
        if repeated:
            raise ValueError(
                f"layers must have different names, got {repeated[0]!r} more than once; rename one of them"
            )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers, top to bottom."""
        return tuple(layer.name for layer in self.layers)

    @property
    def pattern_count(self) -> int:
        """How many layers are patterned."""
        return sum(isinstance(layer, PatternLayer) for layer in self.layers)

    def optical_thickness(self, layer: Layer) -> float:
        """Thickness of ``layer`` in units of 1/k0: 2 pi thickness / wavelength, without the refractive index."""
        return 2 * math.pi * layer.thickness_nm / self.wavelength_nm


@dataclass(frozen=True)
class Incidence:
    """Direction of the incident plane wave: angle from the normal, in the incident medium, and azimuth from the x axis.

    Raises ValueError for a polar angle outside [0, 90) or an azimuth that is not finite.
    """

    polar_deg: float = 0.0
    azimuth_deg: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.polar_deg < 90:
            raise ValueError(f"polar_deg must be in [0, 90), got {self.polar_deg!r}; 0 is normal incidence")
        if not math.isfinite(self.azimuth_deg):
            raise ValueError(f"azimuth_deg must be finite, got {self.azimuth_deg!r}; give it in degrees")
