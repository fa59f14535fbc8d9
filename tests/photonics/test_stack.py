from __future__ import annotations

import math
import re

import pytest

from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer


def stack(**changes: object) -> Stack:
    fields = {
        "wavelength_nm": 600.0,
        "period_nm": 900.0,
        "incident_index": 1.0,
        "layers": (UniformLayer("film", 100, 2.0),),
        "substrate_index": 1.5,
    }
    return Stack(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wavelength_nm": 0}, "wavelength_nm must be a finite number > 0, got 0; give it in nm"),
        ({"period_nm": -3.0}, "period_nm must be a finite number > 0, got -3.0; give it in nm"),
        ({"period_nm": math.nan}, "period_nm must be a finite number > 0, got nan; give it in nm"),
        ({"wavelength_nm": math.inf}, "wavelength_nm must be a finite number > 0, got inf; give it in nm"),
        (
            {"incident_index": 1.5 + 0.1j},
            "incident_index must be real and > 0, got (1.5+0.1j); light comes from a lossless medium",
        ),
        (
            {"substrate_index": complex(math.nan, 0)},
            "substrate_index must be a finite refractive index other than 0, got (nan+0j); give n + 1j*k",
        ),
        (
            {"substrate_index": 0.1 - 4j},
            "substrate_index must have an imaginary part >= 0, got (0.1-4j); with the time factor exp(-i omega t) used "
            "here an absorbing medium has Im n > 0: use its complex conjugate",
        ),
        (
            {"layers": (UniformLayer("film", 1, 2.0), UniformLayer("film", 2, 3.0))},
            "layers must have different names, got 'film' more than once; rename one of them",
        ),
    ],
)
def test_bad_stack_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        stack(**changes)


@pytest.mark.parametrize("thickness", [-1.0, math.nan, math.inf])
def test_bad_thickness_is_refused(thickness: float) -> None:
    message = f"thickness_nm of layer 'film' must be a finite number >= 0, got {thickness!r}; give it in nm"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        UniformLayer("film", thickness, 2.0)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        PatternLayer("film", thickness, 2.0, 1.0)


def test_index_of_a_pattern_names_its_colour() -> None:
    with pytest.raises(
        ValueError, match=r"^black_index of layer 'p' must be a finite refractive index other than 0, got 0"
    ):
        PatternLayer("p", 10, 2.0, 0)


@pytest.mark.parametrize("polar", [-1.0, 90.0, math.nan])
def test_polar_angle_outside_the_half_space_is_refused(polar: float) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"polar_deg must be in [0, 90), got {polar!r}; 0 is normal incidence")
    ):
        Incidence(polar_deg=polar)


def test_azimuth_must_be_finite() -> None:
    with pytest.raises(ValueError, match=r"^azimuth_deg must be finite, got nan; give it in degrees$"):
        Incidence(azimuth_deg=math.nan)


def test_layers_from_a_list_are_frozen_and_counted() -> None:
    layers = [UniformLayer("a", 100, 2.0), PatternLayer("b", 50, 2.0, 1.0)]
    made = stack(layers=layers)
    assert made.layers == tuple(layers)
    assert made.layer_names == ("a", "b")
    assert made.pattern_count == 1
    assert made.optical_thickness(layers[0]) == pytest.approx(2 * math.pi / 6)
