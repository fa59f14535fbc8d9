from __future__ import annotations

import numpy as np
import torch

from ganmdn.batch_norms import with_measured_norms
from ganmdn.networks import Generator, generate_grey


def batches(count: int) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(3)
    return [torch.rand(16, 1, 2, 2, generator=rng) * 2 - 1 for _ in range(count)]


def test_norms_of_one_batch_make_its_images_as_in_training() -> None:
    generator, (z,) = Generator(torch.Generator().manual_seed(1)), batches(1)
    in_training = generator.train()(z).detach().numpy()[:, 0]
    measured = with_measured_norms(generator, [z])
    # A measured variance divides by one sample less than that of a training's batch.
    np.testing.assert_allclose(generate_grey(measured, z[:, 0].numpy()), in_training, atol=0.02)
    assert not measured.training


def test_norms_of_several_batches_are_their_mean() -> None:
    generator, parts = Generator(), batches(3)
    ones = [with_measured_norms(generator, [z]).norms[0].running_mean for z in parts]
    together = with_measured_norms(generator, parts).norms[0].running_mean
    np.testing.assert_allclose(together, torch.stack(ones).mean(dim=0), atol=1e-6)


def test_the_generator_itself_is_left_as_it_is() -> None:
    generator = Generator().train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    with_measured_norms(generator, batches(2))
    assert generator.training
    assert generator.norms[0].momentum == 0.01
    assert all(torch.equal(tensor, before[name]) for name, tensor in generator.state_dict().items())
