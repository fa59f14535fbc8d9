"""Seconds of a GAN's step, the direct MDN's epoch and an image network's step, beside the same plainly in PyTorch.

    python benchmarks/training_step.py [--image-px 128 64] [--mdn-px 64 96] [--network-px 64 96] [--steps 5] [--json]

Plain means: autograd through every line, tensors as PyTorch lays them out, features of real images computed anew in
every step, ``torch.distributions`` for the mixture, torch's circular padding. Processor seconds on one core, the
median; the machine may be busy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import one_core  # noqa: F401  it sets threads, so it comes before anything numerical
import torch
from rich import print
from torch import Tensor
from torch.nn import functional

from ganmdn.features import BANK_KERNEL
from ganmdn.forward_config import EnsembleTraining, NetworkShape
from ganmdn.gan import GanTrainer
from ganmdn.gan_config import GanConfig
from ganmdn.image_network import ImageNetwork, PeriodicConvolution, low_passed
from ganmdn.losses import COLLAPSE_SCALE, IMAGE_CHANNELS, STYLE_SCALE, adversarial_loss
from ganmdn.mdn import MdnShape, MixtureDensityNetwork
from ganmdn.microstructures import MicrostructureRanges, draw_microstructures
from ganmdn.real_style import as_grey
from ganmdn.session import LocalSession

CPU = torch.device("cpu")
SEED = np.random.SeedSequence(0)
IMAGES = 256
BATCHES, BATCH = 5, 128  # of an epoch of the direct MDN
SETTLING_EPOCHS = 8  # after which most images have one Gaussian of their own, as for most of a training


class PlainGan:
    """The networks of a trainer, stepped by a loop that anybody would write first."""

    def __init__(self, trainer: GanTrainer, images: np.ndarray) -> None:
        self.generator = trainer.generator.to(memory_format=torch.contiguous_format)
        self.discriminator = trainer.discriminator.to(memory_format=torch.contiguous_format)
        self.bank, self.config, self.images = trainer._losses.features, trainer.config, torch.from_numpy(images)
        self.optimisers = [torch.optim.Adam(network.parameters(), 5e-4) for network in self._networks]

    @property
    def _networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        return self.generator, self.discriminator

    def step(self) -> None:
        """One generator update and its discriminator updates, as ``GanTrainer.step``."""
        batch, side = self.config.batch_size, self.images.shape[-1] // 32
        for _ in range(self.config.discriminator_updates):
            real = as_grey(self.images[torch.randperm(len(self.images))[:batch]], CPU)
            with torch.no_grad():
                generated = self.generator(torch.rand(batch, 1, side, side))
            loss = adversarial_loss(self.discriminator(real), True)
            self._apply(1, loss + adversarial_loss(self.discriminator(generated), False))
        generated = self.generator(torch.rand(batch, 1, side, side))
        made, wanted = self._features(generated), self._features(real)
        loss = adversarial_loss(self.discriminator(generated), True)
        self._apply(0, loss + 0.03 * _plain_collapse(made) + 0.03 * _plain_style(made, wanted, real[0].numel()))

    def _apply(self, which: int, loss: Tensor) -> None:
        self.optimisers[which].zero_grad()
        loss.backward()
        self.optimisers[which].step()

    def _features(self, images: Tensor) -> list[Tensor]:
        maps, pad = [], BANK_KERNEL // 2
        for octave, filters in enumerate(self.bank.filters):
            images = functional.avg_pool2d(images, 2) if octave else images
            wrapped = functional.pad(images, (pad,) * 4, mode="circular")
            maps.append(torch.relu(functional.conv2d(wrapped, filters * 2**octave, self.bank.bias * 2**octave)))
        return maps


def _plain_collapse(features: list[Tensor]) -> Tensor:
    loss, batch = torch.zeros(()), len(features[0])
    for layer in features:
        directions = functional.normalize(layer.flatten(1), dim=1)
        similarity = (directions @ directions.T).square()
        loss = loss + (similarity.sum() - similarity.diagonal().sum()) / (batch * (batch - 1))
    return COLLAPSE_SCALE * loss


def _plain_style(made: list[Tensor], wanted: list[Tensor], pixels: int) -> Tensor:
    def gram(layer: Tensor) -> Tensor:
        centred = (layer - layer.mean(dim=1, keepdim=True)).flatten(2)
        return centred @ centred.transpose(1, 2)

    layers = [(gram(m) - gram(w)).square().sum(dim=(1, 2)).mean() for m, w in zip(made, wanted, strict=True)]
    return STYLE_SCALE / (4 * IMAGE_CHANNELS**2 * pixels**2) * torch.stack(layers).sum()


def processor_seconds(run: Callable[[], object], times: int) -> float:
    """Median of ``times`` runs, one thread, after one that is not counted."""
    return seconds_in_turn([run], times)[0]


def seconds_in_turn(runs: Sequence[Callable[[], object]], times: int) -> list[float]:
    """The same of several that take turns, so that whatever slows the machine slows all of them."""
    seconds: list[list[float]] = [[] for _ in runs]
    for _ in range(times + 1):
        for run, own in zip(runs, seconds, strict=True):
            started = time.process_time()
            run()
            own.append(time.process_time() - started)
    return [statistics.median(own[1:]) for own in seconds]


def gan(image_px: int, steps: int) -> dict[str, float]:
    """Seconds of a step with the defaults (batch 64, random features), and of the plain one."""
    images = draw_microstructures(image_px, MicrostructureRanges(), SEED, range(IMAGES))[0]
    with tempfile.TemporaryDirectory() as folder:
        trainer = GanTrainer(GanConfig(), images, SEED, LocalSession(Path(folder)))
    trainer._losses.real_style.grams(torch.arange(IMAGES))  # as after the first pass over the training images
    numbers = iter(range(1000))
    ours = processor_seconds(lambda: trainer.step(next(numbers)), steps)
    plain = PlainGan(trainer, images)
    return {"seconds": ours, "plain_seconds": processor_seconds(plain.step, steps)}


def direct_mdn(image_px: int, epochs: int) -> dict[str, float]:
    """Seconds of an epoch over 640 images with the paper's network, and of the plain one; first epochs beside."""
    images, parameters = draw_microstructures(image_px, MicrostructureRanges(), SEED, range(BATCHES * BATCH))
    rows = torch.from_numpy(images.reshape(len(images), -1)).float()
    y = torch.from_numpy(parameters[:, 2]).float()
    mdn = MixtureDensityNetwork(MdnShape(rows.shape[1]), torch.Generator().manual_seed(0))
    optimiser = torch.optim.Adam(mdn.parameters(), 1e-3, fused=True)

    def epoch(log_prob: Callable[[Tensor, Tensor], Tensor]) -> None:
        for batch in torch.randperm(len(rows)).split(BATCH):
            optimiser.zero_grad()
            (-log_prob(y[batch], rows[batch]).mean()).backward()
            optimiser.step()

    first = processor_seconds(lambda: epoch(mdn.log_prob), 1)
    for _ in range(SETTLING_EPOCHS):
        epoch(mdn.log_prob)
    return {
        "first_seconds": first,
        "seconds": processor_seconds(lambda: epoch(mdn.log_prob), epochs),
        "plain_seconds": processor_seconds(lambda: epoch(lambda y, x: mdn(y).log_prob(x)), 1),
    }


def image_network(image_px: int, steps: int) -> dict[str, float]:
    """Seconds of a training step of 64 labels, and of the plain one."""
    images, parameters = draw_microstructures(
        image_px, MicrostructureRanges(), SEED, range(EnsembleTraining.batch_size)
    )
    grids, y = torch.from_numpy(low_passed(images, NetworkShape.cell_px))[:, None], torch.from_numpy(parameters[:, 2])

    def training(network: ImageNetwork) -> Callable[[], None]:
        optimiser = torch.optim.AdamW(network.parameters(), EnsembleTraining.learning_rate, fused=True)

        def step() -> None:
            optimiser.zero_grad()
            functional.mse_loss(network(grids), y.float()).backward()
            optimiser.step()

        return step

    def plain(self: PeriodicConvolution, maps: Tensor, factor: Tensor | None = None) -> Tensor:
        made = self.convolution(functional.pad(maps, (self.border,) * 4, mode="circular"))
        return made if factor is None else factor * made

    ours, theirs = (ImageNetwork(NetworkShape(), torch.Generator().manual_seed(0)) for _ in range(2))
    theirs.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    plain_step = training(theirs)

    def patched_step() -> None:
        with patch.object(PeriodicConvolution, "forward", plain):
            plain_step()

    seconds, plain_seconds = seconds_in_turn([training(ours), patched_step], steps)
    return {"seconds": seconds, "plain_seconds": plain_seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image-px", type=int, nargs="*", default=[128, 64], help="sizes of the GAN's images")
    parser.add_argument("--mdn-px", type=int, nargs="*", default=[64, 96], help="sizes of the direct MDN's images")
    parser.add_argument("--network-px", type=int, nargs="*", default=[64, 96], help="sizes of the network's images")
    parser.add_argument("--steps", type=int, default=5, help="steps and epochs that are timed")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of sentences")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    figures = {f"GAN step, {px} px": gan(px, arguments.steps) for px in arguments.image_px}
    figures |= {f"direct MDN, epoch of 640, {px} px": direct_mdn(px, arguments.steps) for px in arguments.mdn_px}
    figures |= {f"image network, step, {px} px": image_network(px, arguments.steps) for px in arguments.network_px}
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, row in figures.items():
        ratio = row["plain_seconds"] / row["seconds"]
        print(f"{name}: {row['seconds']:.3f} s; plain {row['plain_seconds']:.3f} s, {ratio:.1f} times as long")


if __name__ == "__main__":
    main()
