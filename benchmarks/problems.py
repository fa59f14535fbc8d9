"""The two problems on which RCWA codes are compared, and images for them."""

from __future__ import annotations

import math

import numpy as np

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


PROBLEMS = {"D": deep_problem, "S": shallow_problem}


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
