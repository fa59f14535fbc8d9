"""A stack whose numbers are torch tensors: what gradients are taken with respect to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from photonics.stack import Layer, PatternLayer, Stack


@dataclass(frozen=True)
class TensorUniform:
    """A uniform layer: thickness in nm, float64 (), and refractive index, complex128 ()."""

    name: str
    thickness_nm: Tensor
    index: Tensor


@dataclass(frozen=True)
class TensorPattern:
    """A patterned layer: thickness in nm, float64 (), and its two refractive indices, complex128 () each."""

    name: str
    thickness_nm: Tensor
    white_index: Tensor
    black_index: Tensor

    def permittivity(self, image: Tensor) -> Tensor:
        """Relative permittivity, complex128 like ``image`` in shape: linear in the image, white at 1, black at 0."""
        black = self.black_index**2
        return black + (self.white_index**2 - black) * image


TensorLayer = TensorUniform | TensorPattern


@dataclass(frozen=True)
class TensorStack:
    """``photonics.stack.Stack`` in tensors, all on one device: wavelength, period and incident index are float64 ().

    Values are not checked; make one from a ``Stack`` to have them checked.
    """

    wavelength_nm: Tensor
    period_nm: Tensor
    incident_index: Tensor
    layers: tuple[TensorLayer, ...]
    substrate_index: Tensor

    @classmethod
    def from_stack(cls, stack: Stack, *, device: str | torch.device = "cpu") -> TensorStack:
        """The same stack with every number a tensor of its own, without gradient: call ``requires_grad_`` on some."""

        def real(value: float) -> Tensor:
            return torch.tensor(value, dtype=torch.float64, device=device)

        def index(value: complex) -> Tensor:
            return torch.tensor(complex(value), dtype=torch.complex128, device=device)

        def layer(source: Layer) -> TensorLayer:
            if isinstance(source, PatternLayer):
                indices = index(source.white_index), index(source.black_index)
                return TensorPattern(source.name, real(source.thickness_nm), *indices)
            return TensorUniform(source.name, real(source.thickness_nm), index(source.index))

        return cls(
            real(stack.wavelength_nm),
            real(stack.period_nm),
            real(complex(stack.incident_index).real),
            tuple(layer(source) for source in stack.layers),
            index(stack.substrate_index),
        )

    @property
    def patterns(self) -> tuple[TensorPattern, ...]:
        """The patterned layers, top to bottom."""
        return tuple(layer for layer in self.layers if isinstance(layer, TensorPattern))

    def permittivities(self, images: Tensor) -> tuple[Tensor, ...]:
        """Relative permittivity of every patterned layer, complex128 (B, H, W) each, for real images (B, P, H, W)."""
        return tuple(pattern.permittivity(images[:, i]) for i, pattern in enumerate(self.patterns))

    def optical_thickness(self, layer: TensorLayer) -> Tensor:
        """Thickness of ``layer`` in units of 1/k0, without the refractive index."""
        return 2 * torch.pi * layer.thickness_nm / self.wavelength_nm


def require_permittivities(stack: TensorStack, permittivities: Sequence[Tensor]) -> list[Tensor]:
    """Check permittivities, one (B, H, H) or (H, H) for each patterned layer, and give them as complex128 (B, H, H).

    Raises ValueError for a wrong number of them, shapes that are not square or batches that do not fit together.
    """
    expected = len(stack.patterns)
    if len(permittivities) != expected:
        raise ValueError(
            f"permittivities must hold one tensor for each of the {expected} patterned layers, got "
            f"{len(permittivities)}; pass a sequence, from top to bottom"
        )
    shapes = [tuple(eps.shape) for eps in permittivities]
    for shape in shapes:
        if len(shape) not in (2, 3) or shape[-1] != shape[-2] or shape[-1] == 0:
            raise ValueError(f"permittivities must be square, (B, H, H) or (H, H), got shape {shape}")
    batched = [eps.to(torch.complex128) if eps.ndim == 3 else eps.to(torch.complex128)[None] for eps in permittivities]
    sizes = {len(eps) for eps in batched}
    if len(sizes - {1}) > 1:
        raise ValueError(f"permittivities must have equal batch sizes, or 1, got shapes {shapes}")
    return [eps.expand(max(sizes), -1, -1) for eps in batched]
