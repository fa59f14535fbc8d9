from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.io import imread

from ganmdn.features import RandomFeatures, Vgg16Features
from ganmdn.gan import GanTrainer, train_gan
from ganmdn.gan_checkpoint import (
    GENERATOR_FILE,
    HISTORY_FILE,
    LOSSES,
    SAMPLES_FILE,
    TrainingHistory,
    contact_sheet,
    read_checkpoint,
)
from ganmdn.gan_config import GanConfig, LatentRange
from ganmdn.generator_quality import kolmogorov_smirnov
from ganmdn.microstructures import MicrostructureRanges, draw_microstructures
from ganmdn.networks import Variant, generate_images, load_generator
from ganmdn.session import LocalSession

SEED = np.random.SeedSequence(11)
MATCHED = [*LOSSES, "fraction", "spectrum"]
SMALL = GanConfig(steps=6, batch_size=4, checkpoint_every=2, features=RandomFeatures(filters=4))


class InterruptedRunError(Exception):
    """Stands for whatever ends a training early."""


class StoppingSession(LocalSession):
    """Ends the training after its first checkpoint is kept."""

    def report(self, metrics: dict[str, float], checkpoint: Path | None) -> None:
        super().report(metrics, checkpoint)
        raise InterruptedRunError


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return draw_microstructures(32, MicrostructureRanges(), np.random.SeedSequence(0), range(24))[0]


def final_state(session: LocalSession) -> dict[str, torch.Tensor]:
    folder = session.latest_checkpoint()
    assert folder is not None
    state, _ = read_checkpoint(folder)
    flat = {}
    for name in ("generator", "discriminator"):
        flat |= {f"{name}.{key}": tensor for key, tensor in state[name].items()}
        for index, values in state[f"{name}_optimiser"]["state"].items():
            flat |= {f"{name}.{index}.{key}": value for key, value in values.items()}
    return flat


@pytest.mark.long
def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(images: np.ndarray, tmp_path: Path) -> None:
    whole = LocalSession(tmp_path / "whole")
    history = train_gan(SMALL, images, SEED, whole)
    with pytest.raises(InterruptedRunError):
        train_gan(SMALL, images, SEED, StoppingSession(tmp_path / "parts"))
    resumed = LocalSession(tmp_path / "parts")
    resumed_history = train_gan(SMALL, images, SEED, resumed)
    assert [metrics["step"] for metrics in resumed.metrics] == [4, 6]
    expected, got = final_state(whole), final_state(resumed)
    assert expected.keys() == got.keys()
    assert all(torch.equal(tensor, got[name]) for name, tensor in expected.items())
    assert resumed_history.losses == history.losses
    assert np.array_equal(resumed_history.samples, history.samples)


class LeavingSession(LocalSession):
    """Asks to stop after the first step, which is before the first checkpoint, and again two steps later."""

    asked = 0

    def asked_to_stop(self) -> bool:
        self.asked += 1
        return self.asked in {1, 3}


@pytest.mark.long
def test_a_training_that_was_asked_to_stop_loses_no_step(images: np.ndarray, tmp_path: Path) -> None:
    whole = LocalSession(tmp_path / "whole")
    history = train_gan(SMALL, images, SEED, whole)
    leaving = LeavingSession(tmp_path / "parts")
    train_gan(SMALL, images, SEED, leaving)
    train_gan(SMALL, images, SEED, leaving)
    assert [metrics["step"] for metrics in leaving.metrics] == [1, 2, 3]
    resumed = LocalSession(tmp_path / "parts")
    resumed_history = train_gan(SMALL, images, SEED, resumed)
    assert [metrics["step"] for metrics in resumed.metrics] == [4, 6]
    expected, got = final_state(whole), final_state(resumed)
    assert all(torch.equal(tensor, got[name]) for name, tensor in expected.items())
    assert resumed_history.losses == history.losses
    assert np.array_equal(resumed_history.samples, history.samples)


@pytest.mark.long
def test_the_matched_variant_is_trained_on_its_own_losses_and_goes_on_as_exactly(
    images: np.ndarray, tmp_path: Path
) -> None:
    config = replace(SMALL, variant="matched")
    whole = LocalSession(tmp_path / "whole")
    history = train_gan(config, images, SEED, whole)
    assert list(history.losses) == MATCHED
    with pytest.raises(InterruptedRunError):
        train_gan(config, images, SEED, StoppingSession(tmp_path / "parts"))
    resumed = LocalSession(tmp_path / "parts")
    assert train_gan(config, images, SEED, resumed).losses == history.losses
    expected, got = final_state(whole), final_state(resumed)
    assert all(torch.equal(tensor, got[name]) for name, tensor in expected.items())
    folder = resumed.latest_checkpoint()
    assert folder is not None
    assert load_generator(folder / GENERATOR_FILE).matched
    unweighted = replace(config, fraction_weight=0.0, spectrum_weight=0.0)
    assert (
        train_gan(unweighted, images, SEED, LocalSession(tmp_path / "un")).losses["adversarial"]
        != (history.losses["adversarial"])
    )


def test_the_loss_of_frequency_takes_images_with_a_second_latent_variable(images: np.ndarray, tmp_path: Path) -> None:
    config = replace(SMALL, variant="matched", steps=1, frequency_weight=1.0)
    with pytest.raises(ValueError, match="takes images of 64 pixels or more, got 32"):
        train_gan(config, images, SEED, LocalSession(tmp_path))
    larger = np.tile(images, (1, 2, 2))
    assert list(train_gan(config, larger, SEED, LocalSession(tmp_path)).losses) == [*MATCHED, "frequency"]


def test_a_finished_training_is_not_done_again(images: np.ndarray, tmp_path: Path) -> None:
    train_gan(SMALL, images, SEED, LocalSession(tmp_path))
    again = LocalSession(tmp_path)
    assert train_gan(SMALL, images, SEED, again).step[-1] == SMALL.steps
    assert again.metrics == []


def test_seeds_differ_and_the_global_state_is_left_alone(images: np.ndarray, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    one, other = LocalSession(tmp_path / "1"), LocalSession(tmp_path / "2")
    config = replace(SMALL, steps=1)
    train_gan(config, images, SEED, one)
    train_gan(config, images, np.random.SeedSequence(12), other)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(
        final_state(one)["generator.convolutions.0.weight"], final_state(other)["generator.convolutions.0.weight"]
    )


def test_a_checkpoint_holds_generator_history_and_samples(images: np.ndarray, tmp_path: Path) -> None:
    session = LocalSession(tmp_path)
    train_gan(replace(SMALL, steps=5), images, SEED, session)
    folder = session.latest_checkpoint()
    assert folder is not None
    history = TrainingHistory.load(folder / HISTORY_FILE)
    assert history.step == history.sample_step == [2, 4, 5]
    assert set(history.losses) == set(LOSSES)
    assert all(len(values) == 3 and np.isfinite(values).all() for values in history.losses.values())
    assert np.array(history.samples).shape == (3, 8, 32, 32)
    assert imread(folder / SAMPLES_FILE).shape == (2 * 34, 8 * 34)
    state, _ = read_checkpoint(folder)
    for name, tensor in load_generator(folder / GENERATOR_FILE).state_dict().items():
        # Batch norms are measured for use, and go on as they were in training.
        same = torch.equal(tensor, state["generator"][name])
        assert same is not ("running" in name or "tracked" in name), name
    assert session.metrics[-1] == {"step": 5.0} | {name: values[-1] for name, values in history.losses.items()}


def test_each_network_learns_in_its_own_turn_only(images: np.ndarray, tmp_path: Path) -> None:
    """A generator update must leave no gradient with the discriminator, nor the other way round."""
    trainer = GanTrainer(replace(SMALL, discriminator_updates=1), images, SEED, LocalSession(tmp_path))
    taught: list[str] = []

    def note(name: str) -> None:
        taught.append(name)

    for name, network in (("generator", trainer.generator), ("discriminator", trainer.discriminator)):
        for parameter in network.parameters():
            parameter.register_post_accumulate_grad_hook(lambda _, name=name: note(name))
    trainer.step(0)
    counts = {name: len(list(getattr(trainer, name).parameters())) for name in ("generator", "discriminator")}
    assert taught == ["discriminator"] * counts["discriminator"] + ["generator"] * counts["generator"]


WORKER = """
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from ganmdn.features import RandomFeatures
from ganmdn.gan import GanTrainer
from ganmdn.gan_config import GanConfig
from ganmdn.generator_quality import kolmogorov_smirnov
from ganmdn.microstructures import MicrostructureRanges, draw_microstructures
from ganmdn.session import LocalSession


@dataclass
class GlooSession(LocalSession):
    def wrap(self, module):
        return DistributedDataParallel(module, broadcast_buffers=False)


rank, folder = int(sys.argv[1]), Path(sys.argv[2])
torch.set_num_threads(1)
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
images, _ = draw_microstructures(32, MicrostructureRanges(), np.random.SeedSequence(0), range(24))
config = GanConfig(batch_size=8, workers=2, features=RandomFeatures(filters=4))
session = GlooSession(folder, rank=rank, world_size=2)
trainer = GanTrainer(config, images, np.random.SeedSequence(1), session)
losses = [{name: float(loss) for name, loss in trainer.step(number).items()} for number in range(3)]
torch.save({"losses": losses, "state": trainer.state(3)}, folder / f"rank{rank}.pt")
torch.distributed.destroy_process_group()
"""


@pytest.mark.long
def test_two_workers_stay_in_step(tmp_path: Path) -> None:
    """Each sees its own batches, yet both end with the same weights; their batch statistics are their own."""
    commands = [[sys.executable, "-c", WORKER, str(rank), str(tmp_path)] for rank in range(2)]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    errors = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(errors)
    first, second = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2))
    assert first["losses"] != second["losses"]
    for network in ("generator", "discriminator"):
        for name, tensor in first["state"][network].items():
            same = torch.equal(tensor, second["state"][network][name])
            assert same is not ("running" in name), name


@pytest.mark.long
def test_a_short_training_finds_the_length_scale(tmp_path: Path) -> None:
    """Neighbouring pixels of noise agree half the time; those of the microstructures nine times in ten."""
    ranges = MicrostructureRanges((0.06, 0.06), (0.01, 0.01), (0.5, 0.5))
    images, _ = draw_microstructures(32, ranges, np.random.SeedSequence(0), range(64))
    config = GanConfig(steps=150, batch_size=16, features=RandomFeatures(filters=8))
    samples = train_gan(config, images, SEED, LocalSession(tmp_path)).samples[-1]
    agreement = np.mean(samples[:, :, 1:] == samples[:, :, :-1])
    assert 0.75 < agreement < 0.97
    assert 0.25 < samples.mean() < 0.75


@pytest.mark.long
def test_a_short_training_of_the_matched_variant_finds_the_volume_fractions(tmp_path: Path) -> None:
    """They follow the first latent variable, over most of their range, at the training's size and at a larger one.

    Of a single cell, at 32 pixels, the shared variables are its own, and it would not learn to tell them apart.
    """
    ranges = MicrostructureRanges((0.06, 0.06), (0.01, 0.01), (0.3, 0.7))
    images, _ = draw_microstructures(64, ranges, np.random.SeedSequence(0), range(64))
    few = RandomFeatures(filters=8)
    config = GanConfig(steps=80, batch_size=16, variant="matched", discriminator_updates=1, features=few)
    session = LocalSession(tmp_path)
    train_gan(config, images, SEED, session)
    folder = session.latest_checkpoint()
    assert folder is not None
    generator = load_generator(folder / GENERATOR_FILE)
    for size in (2, 3):
        z = np.random.default_rng(0).uniform(-1, 1, (200, size, size))
        fractions = generate_images(generator, z).mean(axis=(1, 2))
        assert np.corrcoef(fractions, z[:, 0, 0])[0, 1] > 0.9
        assert kolmogorov_smirnov(fractions, images.mean(axis=(1, 2))) < 0.3


def test_a_matched_training_comes_to_rest() -> None:
    config = GanConfig(steps=8, variant="matched", learning_rate=0.4)
    rates = [config.learning_rate_at(step) for step in range(8)]
    assert rates == pytest.approx([0.4, 0.4, 0.4, 0.4, 0.4, 0.3, 0.2, 0.1])
    assert GanConfig(steps=8, learning_rate=0.4).learning_rate_at(7) == 0.4


def test_config_reads_a_training_block() -> None:
    block = {
        "steps": 3,
        "features": {"kind": "vgg16", "weights": None},
        "latent": {"low": 0.0, "high": 1.0},
    }
    config = GanConfig.from_mapping(block)
    assert (config.steps, config.features, config.latent) == (3, Vgg16Features(), LatentRange(0.0, 1.0))
    assert GanConfig.from_mapping({}) == GanConfig()


def test_what_cannot_be_trained_is_refused(images: np.ndarray, tmp_path: Path) -> None:
    session = LocalSession(tmp_path)
    with pytest.raises(
        ValueError,
        match="batch_size must be a multiple of workers with at least 2 images for each, got batch_size 5, workers 2",
    ):
        GanConfig(batch_size=5, workers=2)
    with pytest.raises(ValueError, match="variant must be one of paper, matched, got 'other'"):
        GanConfig(variant="other")
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        GanConfig(steps=0)
    with pytest.raises(
        ValueError, match=r"workers must equal the session's world size, .* got workers 2 in a session of 1"
    ):
        train_gan(replace(SMALL, workers=2), images, SEED, session)
    with pytest.raises(ValueError, match=r"images must be square uint8 images \(N, H, H\), got float64 \(24, 32, 32\)"):
        train_gan(SMALL, images.astype(float), SEED, session)
    with pytest.raises(ValueError, match="there must be at least batch_size / workers and 8 images, got 7"):
        train_gan(SMALL, images[:7], SEED, session)


@pytest.mark.parametrize("variant", ["paper", "matched"])
def test_divergence_is_an_error(images: np.ndarray, tmp_path: Path, variant: Variant) -> None:
    with pytest.raises(FloatingPointError, match=r"the GAN diverged at step .*; try a lower learning_rate"):
        train_gan(replace(SMALL, learning_rate=1e30, variant=variant), images, SEED, LocalSession(tmp_path))


def test_contact_sheet_lays_images_out_in_rows() -> None:
    images = np.zeros((4, 3, 3), np.uint8)
    images[3] = 1
    sheet = contact_sheet(images, columns=2)
    assert sheet.shape == (10, 10)
    assert (sheet[6:9, 6:9] == 255).all()
    assert (sheet[1:4, 1:4] == 0).all()
    assert sheet[0, 0] == 128
    with pytest.raises(ValueError, match="columns must divide the number of images, got 3 columns for 4 images"):
        contact_sheet(images, columns=3)
