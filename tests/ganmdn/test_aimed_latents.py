"""Latents for a second round of labels, where the property is known: the white share of an image of the mean latent."""

from __future__ import annotations

import numpy as np
import pytest

from ganmdn.aimed_latents import aim_latents
from ganmdn.label_table import LabelTable
from ganmdn.latents import draw_latents
from ganmdn.targets import Target

PX = 16
SEED = np.random.SeedSequence(4)


def generate(z: np.ndarray) -> np.ndarray:
    """Stripes whose share is that of the mean latent, shifted and turned by the others."""
    place = np.linspace(0, 1, PX, endpoint=False)
    wave = np.cos(2 * np.pi * (place[None, :, None] + z[:, 0, :1, None])) * np.cos(2 * np.pi * place[None, None])
    return (wave + z.mean(axis=(1, 2))[:, None, None] * 2 > 0).astype(np.uint8)


def properties(z: np.ndarray) -> np.ndarray:
    return 0.6 + 0.3 * z.mean(axis=(1, 2), dtype=np.float64)


@pytest.fixture(scope="module")
def labels() -> LabelTable:
    z = draw_latents((2, 2), -1, 1, np.random.SeedSequence(0), range(80))
    return LabelTable(properties(z), generate(z), z)


@pytest.mark.long
def test_latents_come_nearer_to_their_targets_than_the_prior(labels: LabelTable) -> None:
    targets = [Target.of(0.5), Target.parse("0.8.."), Target.parse("0.60..0.62")]
    z = aim_latents(labels, generate, (-1, 1), targets, 31, SEED)
    assert z.shape == (31, 2, 2)
    assert z.dtype == np.float32
    assert np.abs(z).max() <= 1
    assert len(np.unique(z, axis=0)) == 31
    for target, part in zip(targets, (z[:10], z[10:20], z[20:]), strict=True):
        assert target.distance(properties(part)).mean() < 0.3 * target.distance(labels.y).mean()


@pytest.mark.long
def test_several_properties_are_aimed_at_together(labels: LabelTable) -> None:
    z = labels.z
    assert z is not None

    def both(z: np.ndarray) -> np.ndarray:
        return np.column_stack([properties(z), 0.5 + 0.2 * z[:, 0, 0]])

    target = Target((0.6, 0.6), (0.6, np.inf))
    aimed = aim_latents(LabelTable(both(z), labels.images, z), generate, (-1, 1), [target], 12, SEED)
    assert target.distance(both(aimed)).mean() < 0.4 * target.distance(both(z)).mean()


@pytest.mark.long
def test_the_same_seed_aims_alike_and_another_does_not(labels: LabelTable) -> None:
    first, again, other = (
        aim_latents(labels, generate, (-1, 1), [Target.of(0.6)], 5, np.random.SeedSequence(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_every_target_gets_a_latent(labels: LabelTable) -> None:
    with pytest.raises(ValueError, match=r"^count must be at least the number of targets, 2, got 1$"):
        aim_latents(labels, generate, (-1, 1), [Target.of(0.5), Target.of(0.6)], 1, SEED)
