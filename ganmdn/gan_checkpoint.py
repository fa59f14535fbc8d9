"""What a GAN training leaves behind: loss history, sample images, and the state from which it continues."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

LOSSES = ("discriminator", "adversarial", "collapse", "style")  # of every variant
NOT_LOSSES = ("step", "sample_step", "samples")  # of the arrays of a history file
STATE_FILE = "training.pt"
GENERATOR_FILE = "generator.pt"
HISTORY_FILE = "history.npz"
SAMPLES_FILE = "samples.png"
FRAME_GREY = 128


@dataclass
class TrainingHistory:
    """Losses and sample images as training went on.

    Attributes
    ----------
    step
        Generator updates done when the losses were noted.
    losses
        Per name in ``LOSSES``, and per loss that the variant has beside those, the value at each of ``step`` (rank 0's
        batch; unweighted).
    sample_step
        Generator updates done when the samples were made.
    samples
        Two-phase images of the same latent variables each time, uint8 (B, H, W) per entry of ``sample_step``.
    """

    step: list[int] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in LOSSES})
    sample_step: list[int] = field(default_factory=list)
    samples: list[np.ndarray] = field(default_factory=list)

    def note_losses(self, step: int, losses: dict[str, float]) -> None:
        """Append the losses, by name and the same names every time, after ``step`` updates."""
        self.step.append(step)
        for name, value in losses.items():
            self.losses.setdefault(name, []).append(value)

    def note_samples(self, step: int, images: np.ndarray) -> None:
        """Append sample images, uint8 (B, H, W), after ``step`` updates."""
        self.sample_step.append(step)
        self.samples.append(images)

    def save(self, path: Path) -> None:
        """Write to ``path`` as compressed .npz."""
        arrays: dict[str, Any] = {name: np.array(values) for name, values in self.losses.items()}
        arrays |= {"step": self.step, "sample_step": self.sample_step}
        np.savez_compressed(path, samples=np.array(self.samples, dtype=np.uint8), **arrays)

    @classmethod
    def load(cls, path: Path) -> TrainingHistory:
        """Read what :meth:`save` wrote."""
        with np.load(path) as arrays:
            return cls(
                step=arrays["step"].tolist(),
                losses={name: arrays[name].tolist() for name in arrays if name not in NOT_LOSSES},
                sample_step=arrays["sample_step"].tolist(),
                samples=list(arrays["samples"]),
            )


def write_checkpoint(
    folder: Path, state: dict[str, Any], generator: dict[str, Tensor], history: TrainingHistory, images: np.ndarray
) -> None:
    """Write a checkpoint into an existing, empty ``folder``.

    Parameters
    ----------
    folder
        Where to write.
    state
        State dicts and numbers to continue from.
    generator
        State dict of the generator as it is to be used, written by itself: its batch norms are not those in ``state``.
    history
        Written whole.
    images
        A contact sheet of two rows: training images, and as many samples of now; uint8 (2 B, H, W).
    """
    import torch
    from skimage.io import imsave

    torch.save(state, folder / STATE_FILE)
    torch.save(generator, folder / GENERATOR_FILE)
    history.save(folder / HISTORY_FILE)
    sheet = contact_sheet(images, columns=len(images) // 2)
    imsave(folder / SAMPLES_FILE, sheet, check_contrast=False)


def read_checkpoint(folder: Path) -> tuple[dict[str, Any], TrainingHistory]:
    """State and history of a checkpoint; only tensors and plain values are unpickled."""
    import torch

    state = torch.load(folder / STATE_FILE, map_location="cpu", weights_only=True)
    return state, TrainingHistory.load(folder / HISTORY_FILE)


def contact_sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """Lay 0/1 images (B, H, W) out in rows of ``columns``, white on black in a grey frame; uint8 (h, w)."""
    if not columns or len(images) % columns:
        raise ValueError(f"columns must divide the number of images, got {columns} columns for {len(images)} images")
    framed = np.pad(images * np.uint8(255), ((0, 0), (1, 1), (1, 1)), constant_values=FRAME_GREY)
    rows, height, width = len(images) // columns, *framed.shape[1:]
    return framed.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)
