"""Training of the GAN (paper, appendix "Generative adversarial network"), by one worker or several in step."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ganmdn.batch_norms import with_measured_norms
from ganmdn.gan_checkpoint import TrainingHistory, read_checkpoint, write_checkpoint
from ganmdn.gan_config import GanConfig
from ganmdn.generator_losses import GeneratorLosses
from ganmdn.limits import SAMPLES, check_gan_images
from ganmdn.losses import adversarial_loss
from ganmdn.networks import Discriminator, Generator, generate_images, latent_shape
from ganmdn.real_style import as_grey
from ganmdn.session import Module, TrainingSession

BETA2 = 0.999
HISTORY_EVERY = 10  # generator updates between entries of the loss history, and between reports
NORM_BATCHES = 16  # batches on which the statistics of a checkpoint's generator are measured
# First element of a draw's spawn key: what is drawn.
INITIAL_WEIGHTS, BATCHES, SAMPLE_LATENTS, NORM_LATENTS = range(4)


class DiscriminatorLoss(nn.Module):
    """The discriminator and its loss as one module.

    Data-parallel wrappers average the gradients after one forward pass; the two passes of a discriminator update, on
    real and on generated images, are therefore one pass of this module.
    """

    def __init__(self, discriminator: Discriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, real: Tensor, generated: Tensor) -> Tensor:
        """Adversarial loss of both batches, (B, 1, H, W) each: the negative of V in equation 2 of the paper."""
        on_real = adversarial_loss(self.discriminator(real), real=True)
        return on_real + adversarial_loss(self.discriminator(generated), real=False)


class GanTrainer:
    """Networks, optimisers and data of one worker.

    Parameters
    ----------
    config
        How to train.
    images
        Training images, uint8 0/1 (N, H, H) with H a multiple of 32.
    seed
        Root of every draw.
    session
        This worker's session.
    """

    def __init__(
        self, config: GanConfig, images: np.ndarray, seed: np.random.SeedSequence, session: TrainingSession
    ) -> None:
        _check_inputs(config, images, session)
        self.config, self.session, self._seed = config, session, seed
        self._images = torch.from_numpy(np.ascontiguousarray(images))
        self._latent_shape = latent_shape(images.shape[-1])
        weights = torch.Generator().manual_seed(int(self._child(INITIAL_WEIGHTS).generate_state(1, np.uint64)[0] >> 1))
        self.generator = _placed(Generator(weights, config.variant), session)
        self.discriminator = _placed(Discriminator(images.shape[-1], weights), session)
        self._shared_generator = session.wrap(self.generator)
        self._discriminator_loss = session.wrap(DiscriminatorLoss(self.discriminator))
        self._losses = GeneratorLosses(config, self._images, session.device)
        self._optimisers = {"generator": self._adam(self.generator), "discriminator": self._adam(self.discriminator)}

    def _child(self, *key: int) -> np.random.SeedSequence:
        return np.random.SeedSequence(self._seed.entropy, spawn_key=(*self._seed.spawn_key, *key))

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        config = self.config
        betas = (config.beta1, BETA2)
        return torch.optim.Adam(network.parameters(), config.learning_rate, betas, config.epsilon, fused=True)

    def step(self, number: int) -> dict[str, Tensor]:
        """Do generator update ``number`` (from 0) with its discriminator updates; returns this worker's losses."""
        rng = np.random.default_rng(self._child(BATCHES, number, self.session.rank))
        for group in (group for optimiser in self._optimisers.values() for group in optimiser.param_groups):
            group["lr"] = self.config.learning_rate_at(number)
        for _ in range(self.config.discriminator_updates):
            rows = self._draw_rows(rng)
            real = as_grey(self._images[rows], self.session.device)
            discriminator = self._update_discriminator(real, self._draw_latent(rng))
        return {"discriminator": discriminator} | self._update_generator(rows, self._draw_latent(rng))

    def _draw_rows(self, rng: np.random.Generator) -> Tensor:
        """Which training images are this worker's share of a batch, (b,)."""
        rows = rng.choice(len(self._images), self.config.batch_size // self.config.workers, replace=False)
        return torch.from_numpy(rows)

    def _draw_latent(self, rng: np.random.Generator, count: int | None = None) -> Tensor:
        """Latent variables (count, 1, h, w); as many as this worker's share of a batch unless told."""
        count = count or self.config.batch_size // self.config.workers
        latent = self.config.latent
        z = rng.uniform(latent.low, latent.high, (count, 1, *self._latent_shape)).astype(np.float32)
        return torch.from_numpy(z).to(self.session.device)

    def _update_discriminator(self, real: Tensor, z: Tensor) -> Tensor:
        with torch.no_grad():
            generated = self.generator(z)
        loss = self._discriminator_loss(real, generated)
        self._apply("discriminator", loss)
        return loss.detach()

    def _update_generator(self, real_rows: Tensor, z: Tensor) -> dict[str, Tensor]:
        # The discriminator only passes the gradient on here: its own is neither needed nor shared.
        self.discriminator.requires_grad_(False)
        generated = self._shared_generator(z)
        losses = self._losses(generated, self.discriminator(generated), z, real_rows)
        self._apply("generator", self._losses.total(losses))
        self.discriminator.requires_grad_(True)
        return {name: loss.detach() for name, loss in losses.items()}

    def _apply(self, network: str, loss: Tensor) -> None:
        self._optimisers[network].zero_grad(set_to_none=True)
        loss.backward()
        self._optimisers[network].step()

    def finished_generator(self) -> Generator:
        """The generator as it is now, its batch norms measured on the same latent variables every time."""
        rng = np.random.default_rng(self._child(NORM_LATENTS))
        return with_measured_norms(self.generator, (self._draw_latent(rng) for _ in range(NORM_BATCHES)))

    def sample(self, generator: Generator) -> tuple[np.ndarray, np.ndarray]:
        """Real images and images of the same few latent variables every time; uint8 (SAMPLES, H, W) each."""
        z = self._draw_latent(np.random.default_rng(self._child(SAMPLE_LATENTS)), SAMPLES)
        return self._images[:SAMPLES].numpy(), generate_images(generator, z[:, 0].cpu().numpy())

    def state(self, step: int) -> dict[str, Any]:
        """All that the training needs to go on after ``step`` generator updates."""
        optimisers = {f"{name}_optimiser": optimiser.state_dict() for name, optimiser in self._optimisers.items()}
        networks = {"generator": self.generator.state_dict(), "discriminator": self.discriminator.state_dict()}
        return {"step": step, **networks, **optimisers}

    def restore(self, state: dict[str, Any]) -> int:
        """Take over :meth:`state`; returns its step."""
        self.generator.load_state_dict(state["generator"])
        self.discriminator.load_state_dict(state["discriminator"])
        for name, optimiser in self._optimisers.items():
            optimiser.load_state_dict(state[f"{name}_optimiser"])
        return int(state["step"])


def train_gan(
    config: GanConfig, images: np.ndarray, seed: np.random.SeedSequence, session: TrainingSession
) -> TrainingHistory:
    """Train the GAN, going on from the session's newest checkpoint if there is one.

    Batches and latent variables are keyed by step and rank, so an interrupted training ends where an uninterrupted
    one does (bit for bit on a CPU with one torch thread). A checkpoint goes to the session every
    ``checkpoint_every`` updates, at the end, and when the session asks to stop; ``gan_checkpoint`` tells what it
    holds.

    Parameters
    ----------
    config
        How to train.
    images
        Training images, uint8 0/1 (N, H, H) with H a multiple of 32.
    seed
        Root of every draw.
    session
        Where it runs; with ``config.workers`` workers.

    Returns
    -------
    TrainingHistory
        Losses and samples from the first step on. Samples are rank 0's to make.

    Raises
    ------
    ValueError
        If the images, the batch or the number of workers do not fit.
    FloatingPointError
        If a loss is no longer finite.
    """
    trainer = GanTrainer(config, images, seed, session)
    history, start = TrainingHistory(), 0
    if (folder := session.latest_checkpoint()) is not None:
        state, history = read_checkpoint(folder)
        start = trainer.restore(state)
    for number in range(start, config.steps):
        losses = trainer.step(number)
        done = number + 1
        due = done % config.checkpoint_every == 0 or done == config.steps
        if due or done % HISTORY_EVERY == 0:
            history.note_losses(done, _finite(losses, done))
            _report(trainer, history, done, with_checkpoint=due)
        if session.asked_to_stop():
            if not due:
                _leave(trainer, history, done)
            break
    return history


def _placed(network: Module, session: TrainingSession) -> Module:
    """On the session's device, its kernels channels last: a third quicker on a CPU, the same sums in another order."""
    return network.to(session.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _check_inputs(config: GanConfig, images: np.ndarray, session: TrainingSession) -> None:
    if images.ndim != 3 or images.shape[1] != images.shape[2] or images.dtype != np.uint8:
        raise ValueError(f"images must be square uint8 images (N, H, H), got {images.dtype} {images.shape}")
    check_gan_images(len(images), config.batch_size, config.workers)
    if config.frequency_weight and max(latent_shape(images.shape[-1])) < 2:
        raise ValueError(f"frequency_weight takes images of 64 pixels or more, got {images.shape[-1]}")
    if session.world_size != config.workers:
        raise ValueError(
            f"workers must equal the session's world size, as it changes the result, got workers {config.workers} "
            f"in a session of {session.world_size}"
        )


def _finite(losses: dict[str, Tensor], step: int) -> dict[str, float]:
    """The losses as numbers."""
    values = {name: float(loss) for name, loss in losses.items()}
    if not np.isfinite(list(values.values())).all():
        raise FloatingPointError(f"the GAN diverged at step {step}: {values}; try a lower learning_rate")
    return values


def _report(trainer: GanTrainer, history: TrainingHistory, step: int, with_checkpoint: bool) -> None:
    """Report the newest losses; rank 0 also hands over a checkpoint where one is due."""
    metrics = {"step": float(step)} | {name: values[-1] for name, values in history.losses.items()}
    if trainer.session.rank or not with_checkpoint:
        trainer.session.report(metrics, None)
    else:
        _hand_in(trainer, history, metrics, noted=True)


def _leave(trainer: GanTrainer, history: TrainingHistory, step: int) -> None:
    """Hand over a checkpoint between two that are due; the history holds nothing of it."""
    metrics = {"step": float(step)}
    if trainer.session.rank:
        trainer.session.report(metrics, None)
    else:
        _hand_in(trainer, history, metrics, noted=False)


def _hand_in(trainer: GanTrainer, history: TrainingHistory, metrics: dict[str, float], noted: bool) -> None:
    """Report with a checkpoint, whose samples go into the history where they are to be ``noted``."""
    step, generator = int(metrics["step"]), trainer.finished_generator()
    real, samples = trainer.sample(generator)
    if noted:
        history.note_samples(step, samples)
    with tempfile.TemporaryDirectory(prefix="gan-checkpoint-") as folder:
        images = np.concatenate([real, samples])
        write_checkpoint(Path(folder), trainer.state(step), generator.state_dict(), history, images)
        trainer.session.report(metrics, Path(folder))
