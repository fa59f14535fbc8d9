"""Gradients of the whole solve against central finite differences, for every kind of parameter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from photonics.rcwa import Numerics, solve
from photonics.rcwa.transfer.differentiable import TensorPattern, TensorPowers, TensorStack, TensorUniform, powers
from photonics.stack import Incidence, PatternLayer, Stack, UniformLayer

ImageMaker = Callable[..., np.ndarray]
Parameters = dict[str, torch.Tensor]

METAL = 0.3 + 3.1j
STACKS = {
    "absorbing": Stack(
        650,
        1000,
        1.0,
        (
            UniformLayer("cap", 70, 1.6),
            PatternLayer("pattern", 130, 3.7 + 0.06j, 1.2 + 0.01j),
            UniformLayer("film", 210, 3.4 + 0.05j),
        ),
        METAL,
    ),
    "lossless": Stack(620, 930, 1.3, (PatternLayer("pattern", 160, 3.1, 1.0), UniformLayer("film", 120, 1.8)), 1.5),
    "metal": Stack(600, 500, 1.0, (PatternLayer("pattern", 60, METAL, 1.4), UniformLayer("film", 90, 1.5)), 0.2 + 2j),
    "two patterns": Stack(
        640,
        820,
        1.0,
        (
            PatternLayer("top", 110, 2.9 + 0.05j, 1.0),
            UniformLayer("spacer", 60, 1.7),
            PatternLayer("bottom", 80, METAL, 1.5),
        ),
        1.5,
    ),
    # Thick enough to be doubled several times.
    "thick": Stack(600, 700, 1.0, (PatternLayer("pattern", 1500, 2.6 + 0.02j, 1.1),), 1.5 + 0.1j),
}
INCIDENCES = {"normal": Incidence(), "oblique": Incidence(31, 17)}


def parameters_of(stack: Stack, image: np.ndarray) -> Parameters:
    """Everything that has a gradient, by name; the permittivity image among them."""
    tensors = TensorStack.from_stack(stack)
    named = {
        "wavelength": tensors.wavelength_nm,
        "period": tensors.period_nm,
        "incident": tensors.incident_index,
        "substrate": tensors.substrate_index,
    }
    for layer in tensors.layers:
        named[f"{layer.name} thickness"] = layer.thickness_nm
        if isinstance(layer, TensorUniform):
            named[f"{layer.name} index"] = layer.index
        else:
            named[f"{layer.name} white"], named[f"{layer.name} black"] = layer.white_index, layer.black_index
    # Grey, so that the gradient is asked for away from the two indices.
    grey = torch.from_numpy(0.1 + 0.8 * image)
    for position, layer in enumerate(tensors.patterns):
        named[f"permittivity {position}"] = layer.permittivity(grey if position == 0 else grey.T)
    return named


def figure_of_merit(
    stack: Stack, named: Parameters, numerics: Numerics, incidence: Incidence, from_indices: bool
) -> torch.Tensor:
    """A weighted sum of all fractions; patterns from their indices or from permittivities of their own."""
    layers = []
    for layer in stack.layers:
        thickness = named[f"{layer.name} thickness"]
        if isinstance(layer, UniformLayer):
            layers.append(TensorUniform(layer.name, thickness, named[f"{layer.name} index"]))
        else:
            layers.append(
                TensorPattern(layer.name, thickness, named[f"{layer.name} white"], named[f"{layer.name} black"])
            )
    tensors = TensorStack(named["wavelength"], named["period"], named["incident"], tuple(layers), named["substrate"])
    permittivities = [named[f"permittivity {i}"] for i in range(len(tensors.patterns))]
    if from_indices:
        permittivities = [
            pattern.permittivity((eps.detach().real - eps.real.min()) / 20)
            for pattern, eps in zip(tensors.patterns, permittivities, strict=True)
        ]
    result = powers(tensors, permittivities, numerics, incidence)
    weights = torch.tensor([[1.0, 0.7]], dtype=torch.float64)
    absorbed = (result.layer_absorption * torch.arange(1, 1 + len(layers))).sum(dim=-1)
    return (weights * (result.reflection + 0.4 * result.transmission + absorbed)).sum()


def central_slope(function: Callable[[torch.Tensor], torch.Tensor], value: torch.Tensor, direction: torch.Tensor):
    """Fourth-order difference quotient along ``direction``, steps relative to the size of the value."""
    step = 3e-5 * value.abs().max().item() / direction.abs().max().item()
    f = [function(value + k * step * direction).item() for k in (-2, -1, 1, 2)]
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step)


@pytest.mark.long
@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize(
    ("incidence", "orders", "truncation"),
    [
        ("oblique", 2, "square"),
        ("normal", 2, "square"),
        ("oblique", 3, "circular"),
        pytest.param("normal", 3, "circular", marks=pytest.mark.slow),
    ],
)
def test_every_gradient_is_the_finite_difference(
    make_image: ImageMaker, name: str, incidence: str, orders: int, truncation: str
) -> None:
    stack, numerics = STACKS[name], Numerics(orders, truncation)  # type: ignore[arg-type]
    named = parameters_of(stack, make_image(15, px=8))
    rng = np.random.default_rng(3)
    for parameter in named:
        from_indices = parameter.endswith(("white", "black"))

        def merit(value: torch.Tensor, parameter: str = parameter, from_indices: bool = from_indices) -> torch.Tensor:
            changed = {**named, parameter: value}
            return figure_of_merit(stack, changed, numerics, INCIDENCES[incidence], from_indices)

        value = named[parameter].detach().clone().requires_grad_()
        [gradient] = torch.autograd.grad(merit(value), value)
        direction = torch.from_numpy(np.asarray(rng.normal(size=value.shape)))
        directions = [direction] if not value.is_complex() else [direction.to(value.dtype), 1j * direction]
        for along in directions:
            with torch.no_grad():
                expected = central_slope(merit, value, along)
            got = (gradient.conj() * along).real.sum().item()
            assert got == pytest.approx(expected, rel=1e-6, abs=1e-9), (parameter, along.dtype)
            assert abs(got) > 1e-9, parameter


def test_agrees_with_solve(silicon_on_metal: Stack, make_image: ImageMaker) -> None:
    images, numerics = np.stack([make_image(seed) for seed in range(3)]), Numerics(3, solver="transfer")
    tensors = TensorStack.from_stack(silicon_on_metal)
    result = powers(tensors, tensors.permittivities(torch.from_numpy(images[:, None])), numerics, Incidence(20, 50))
    expected = solve(silicon_on_metal, images, numerics, Incidence(20, 50))
    np.testing.assert_allclose(result.reflection, expected.reflection, atol=1e-11, rtol=0)
    np.testing.assert_allclose(result.transmission, expected.transmission, atol=1e-11, rtol=0)
    np.testing.assert_allclose(result.layer_absorption, expected.layer_absorption, atol=1e-11, rtol=0)


def test_a_layer_of_no_thickness_has_a_slope(silicon_on_metal: Stack, make_image: ImageMaker) -> None:
    tensors = TensorStack.from_stack(silicon_on_metal)
    eps = tensors.permittivities(torch.from_numpy(make_image(1)[None, None]))

    def absorbed(thickness: torch.Tensor) -> torch.Tensor:
        layers = (replace(tensors.layers[0], thickness_nm=thickness), *tensors.layers[1:])
        return powers(replace(tensors, layers=layers), eps, Numerics(2)).layer_absorption[0, 0].sum()

    thickness = torch.zeros((), dtype=torch.float64, requires_grad=True)
    [slope] = torch.autograd.grad(absorbed(thickness), thickness)
    f = [absorbed(thickness.detach() + k * 1e-3).item() for k in range(3)]
    assert slope.item() == pytest.approx((4 * f[1] - 3 * f[0] - f[2]) / 2e-3, rel=1e-5)


def test_one_image_without_a_batch(silicon_on_metal: Stack) -> None:
    tensors = TensorStack.from_stack(silicon_on_metal)
    result = powers(tensors, [torch.full((4, 4), 2.0)], Numerics(1))
    assert isinstance(result, TensorPowers)
    assert result.reflection.shape == (1, 2)
    assert result.layer_absorption.shape == (1, 2, 2)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            [],
            "permittivities must hold one tensor for each of the 1 patterned layers, got 0; pass a sequence, from top "
            "to bottom",
        ),
        ([(2, 4, 5)], "permittivities must be square, (B, H, H) or (H, H), got shape (2, 4, 5)"),
        ([(4,)], "permittivities must be square, (B, H, H) or (H, H), got shape (4,)"),
    ],
)
def test_bad_permittivities_are_refused(silicon_on_metal: Stack, shapes: list[tuple[int, ...]], message: str) -> None:
    permittivities = [torch.ones(shape) for shape in shapes]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        powers(TensorStack.from_stack(silicon_on_metal), permittivities, Numerics(1))


def test_a_grazing_order_is_refused() -> None:
    stack = TensorStack.from_stack(Stack(500, 1000, 1.0, (), 1.5))
    with pytest.raises(ValueError, match=r"must let no order graze, got order \(0, -2\) grazing in index \(1\+0j\)"):
        powers(replace(stack, layers=(TensorPattern("p", *[torch.tensor(1.0)] * 3),)), [torch.ones(4, 4)], Numerics(2))
