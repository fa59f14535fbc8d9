"""Stacks and images that the physics tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from photonics.stack import PatternLayer, Stack, UniformLayer

ImageMaker = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def make_image() -> ImageMaker:
    """Maker of random blobs, uint8 (px, px): a smooth periodic Gaussian field cut at a quantile."""

    def make(seed: int, px: int = 16, white: float = 0.5) -> np.ndarray:
        noise = np.random.default_rng(np.random.SeedSequence(20, spawn_key=(seed,))).normal(size=(px, px))
        f = np.fft.fftfreq(px) * px
        field = np.fft.ifft2(np.fft.fft2(noise) * np.exp(-(f[:, None] ** 2 + f**2) / 8)).real
        return (field > np.quantile(field, 1 - white)).astype(np.uint8)

    return make


@pytest.fixture
def two_threads() -> Iterator[None]:
    """torch computes on two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def silicon_on_metal() -> Stack:
    """An etched absorbing film on a metal: a small deep problem with every kind of loss."""
    film = 4.2 + 0.06j
    layers = (PatternLayer("pattern", 200, film, 1.0), UniformLayer("film", 300, film))
    return Stack(650, 2000, 1.0, layers, 0.0848 + 4.124j)


@pytest.fixture(scope="session")
def lossless() -> Stack:
    """A high-contrast stack that absorbs nothing, with films above and below the pattern."""
    layers = (
        UniformLayer("cap", 90, 1.7),
        PatternLayer("pattern", 240, 3.4, 1.0),
        UniformLayer("spacer", 130, 1.45),
    )
    return Stack(620, 1130, 1.0, layers, 1.5)
