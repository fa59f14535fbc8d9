"""The problems on which RCWA codes and ways to solve a batch are compared, and images for them."""

from __future__ import annotations

import math

import numpy as np

from photonics.materials import table
from photonics.stack import PatternLayer, Stack, UniformLayer


def deep_problem() -> Stack:
    """D: a silicon film on a metal, etched deeply, so that many orders couple strongly."""
    silicon = 4.2 + 0.06j
    layers = (PatternLayer("pattern", 200, silicon, 1.0), UniformLayer("film", 300, silicon))
    return Stack(650, 2000, 1.0, layers, np.sqrt(-17 + 0.7j))


def shallow_problem() -> Stack:
    """S: shallow air holes in a thick silicon film, a spacer and a nearly perfect mirror; lengths in units of 1/k0."""
    silicon, unit = 4.8 + 0.025j, 650 / (2 * math.pi)
    layers = (
        PatternLayer("pattern", 0.46 * unit, 1.0, silicon),
        UniformLayer("film", 3.55 * unit, silicon),
        UniformLayer("spacer", 0.96 * unit, 2.1),
    )
    return Stack(650, 650 / 0.49, 1.0, layers, 100j)


def pillar_problem() -> Stack:
    """P: pillars that absorb strongly, on thin films on metal: the stack of specs/physics/authors.yaml, 64 pixels."""
    wavelength = 701.34
    silicon, spacer, mirror = (table(name).index(wavelength) for name in ("a-Si", "ITO", "Al"))
    layers = (
        PatternLayer("pillars", 111.15, silicon, 1.0),
        UniformLayer("film", 29.77, silicon),
        UniformLayer("spacer", 7.04, spacer),
    )
    return Stack(wavelength, 64 * 19.2974, 1.0, layers, mirror)


# On which codes are compared.
PROBLEMS = {"D": deep_problem, "S": shallow_problem}
# On which ways to solve a batch are.
BATCH_PROBLEMS = {**PROBLEMS, "P": pillar_problem}


def random_images(count: int, px: int = 64, seed: int = 2020) -> np.ndarray:
    """Periodic blobs, uint8 (count, px, px): white noise filtered by a ring in Fourier space, cut at its median."""
    f = np.fft.fftfreq(px) * px
    ring = np.exp(-((np.hypot(f[:, None], f) - 4) ** 2) / 4)
    images = []
    for child in np.random.SeedSequence(seed).spawn(count):
        noise = np.random.default_rng(child).normal(size=(px, px))
        field = np.fft.ifft2(np.fft.fft2(noise) * ring).real
        images.append(field > np.median(field))
    return np.stack(images).astype(np.uint8)
