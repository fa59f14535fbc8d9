"""RCWA without an eigen-decomposition: matrix products and LU factorisations only, one image or many at a time."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import torch

from photonics.rcwa.numerics import Numerics, SolverError
from photonics.rcwa.powers import Outcome, Powers, solve_in_chunks
from photonics.rcwa.tensor_stack import TensorStack
from photonics.rcwa.transfer.arithmetic import Arithmetic, Quality, choose, double, optical_phase
from photonics.rcwa.transfer.cascade import Cascade
from photonics.stack import Incidence, Stack

# Matrices (2 N, 2 N) that one image takes at most: two of each Chebyshev polynomial, sums and operators. Measured: 21
# to 26 for one patterned layer with short polynomials, 13 more for a second one.
MATRICES, MATRICES_A_PATTERN = 48, 16
# Bytes of one matrix of every image that are worked on together on a CPU: more does not stay in its cache. Batches save
# the time between small operations, a factor of four at 13 harmonics and a third at 49 (benchmarks/rcwa_batch.py).
CACHE = 5 * 2**18
# Part of the free memory that a chunk may take.
SHARE = 0.8
# What a device that does not tell its free memory is taken to have, in bytes.
UNKNOWN_MEMORY = 2**30


class TransferSolver:
    """Solves one stack for image after image, or many at a time; any number of uniform and patterned layers.

    Raises ValueError if an order grazes in a uniform medium.
    """

    def __init__(self, stack: Stack, numerics: Numerics, incidence: Incidence, *, device: str = "cpu") -> None:
        self._stack = TensorStack.from_stack(stack, device=device)
        self._cascade = Cascade(self._stack, numerics, incidence)
        self._device, self._accuracy = torch.device(device), numerics.accuracy
        self._phase = optical_phase(stack)

    def powers_batch(self, patterns: np.ndarray, *, chunk: int | None = None) -> list[Outcome]:
        """Power fractions of every set of images, (B, P, H, W), ``chunk`` at a time, or why there are none.

        By default as many as the device's memory takes; on the CPU as many as its cache does.
        """
        return solve_in_chunks(patterns, self._chunk() if chunk is None else chunk, self._many, self._one)

    def _many(self, patterns: np.ndarray) -> list[Powers]:
        """Power fractions for images that fit into memory together; those that miss the accuracy are solved again."""
        arithmetic = choose(self._accuracy, self._phase)
        found, quality = self._attempt(patterns, arithmetic)
        poor = [i for i, powers in enumerate(found) if powers.error_estimate > self._accuracy]
        if poor:
            of_poor = Quality(*(values.expand(len(found))[poor] for values in quality))
            better = arithmetic.refined(self._accuracy, self._phase, of_poor)
            if better is not None:
                for position, powers in zip(poor, self._again(patterns[poor], better), strict=True):
                    found[position] = powers
        return found

    def _again(self, patterns: np.ndarray, arithmetic: Arithmetic) -> list[Powers]:
        """Power fractions by a better arithmetic; carefully for images whose doublings met a pole of the tangent."""
        found, quality = self._attempt(patterns, arithmetic)
        without = Quality(quality.enhancement, torch.zeros_like(quality.identity))
        least = arithmetic.error(self._phase, without).expand(len(found)).tolist()
        for position, powers in enumerate(found):
            if powers.error_estimate > max(self._accuracy, 2 * least[position]):
                with suppress(SolverError):
                    image = patterns[position : position + 1]
                    [careful], _ = self._attempt(image, arithmetic, carefully=True)
                    found[position] = min(powers, careful, key=lambda each: each.error_estimate)
        return found

    def _one(self, patterns: np.ndarray) -> Powers:
        """As ``_many`` for one set of images (P, H, W), carefully where that fails."""
        try:
            [powers] = self._many(patterns[None])
        except SolverError:
            [powers], _ = self._attempt(patterns[None], double(self._accuracy), carefully=True)
        return powers

    def _attempt(
        self, patterns: np.ndarray, arithmetic: Arithmetic, *, carefully: bool = False
    ) -> tuple[list[Powers], Quality]:
        with torch.no_grad():
            images = torch.as_tensor(patterns, dtype=torch.float64, device=self._device)
            solved, quality = self._cascade.solve(self._stack.permittivities(images), arithmetic, carefully=carefully)
        found = solved.numbers(arithmetic.error(self._phase, quality).tolist())
        # Without a pattern all images are one.
        return found * (len(patterns) // len(found)), quality

    def _chunk(self) -> int:
        n, patterns = 2 * self._cascade.order_count, len(self._stack.patterns)
        if self._device.type == "cpu":
            return max(1, CACHE // (n**2 * torch.complex128.itemsize))
        return chunk_size(n, patterns, torch.complex128, _free_memory(self._device))


def chunk_size(n: int, patterns: int, dtype: torch.dtype, free: int) -> int:
    """How many images to solve at a time in ``free`` bytes, for matrices (n, n) of the given type; at least 1."""
    matrices = MATRICES + MATRICES_A_PATTERN * patterns
    return max(1, int(SHARE * free / (matrices * n**2 * dtype.itemsize)))


def _free_memory(device: torch.device) -> int:
    """Bytes that a device has left, with those that torch holds on to without use."""
    if device.type != "cuda":
        return UNKNOWN_MEMORY
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
