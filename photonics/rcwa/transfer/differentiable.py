"""Power fractions as torch tensors, with gradients to permittivity images, thicknesses, indices, wavelength, period.

    stack = TensorStack.from_stack(Stack(...))
    stack.wavelength_nm.requires_grad_()
    absorbed = powers(stack, stack.permittivities(images), numerics).layer_absorption
    absorbed[:, :, 0].mean().backward()

Truncation, factorisation, pixels and device mean what they do in ``photonics.rcwa.solve``; the method is always the
transfer method. First derivatives only. Powers are not checked to add up: compare 1 - R - T with the layers' sum.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from photonics.rcwa.numerics import Numerics
from photonics.rcwa.powers import TensorPowers
from photonics.rcwa.tensor_stack import TensorPattern, TensorStack, TensorUniform, require_permittivities
from photonics.rcwa.transfer.cascade import Cascade
from photonics.stack import Incidence

__all__ = ["TensorPattern", "TensorPowers", "TensorStack", "TensorUniform", "powers"]

NORMAL_INCIDENCE = Incidence()


def powers(
    stack: TensorStack,
    permittivities: Sequence[Tensor],
    numerics: Numerics,
    incidence: Incidence = NORMAL_INCIDENCE,
) -> TensorPowers:
    """Power fractions of B images, for relative permittivities (B, H, H) or (H, H), one for each patterned layer.

    Runs on the device of the tensors. Raises ValueError for permittivities that do not fit the stack and for an order
    that grazes, SolverError if the solution cannot be trusted.
    """
    return Cascade(stack, numerics, incidence).powers(require_permittivities(stack, permittivities))
