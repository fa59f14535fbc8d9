"""What trainings refuse before they begin, without torch: a spec is checked by the same rules when it is read."""

from __future__ import annotations

SAMPLES = 8  # images on a contact sheet
LEAST_BATCH = 2  # images or labels of one worker, for batch normalisation


def check_gan_batch(batch_size: int, workers: int) -> None:
    """ValueError unless a batch splits evenly over data-parallel workers, with enough for each."""
    if batch_size % workers or batch_size < LEAST_BATCH * workers:
        raise ValueError(
            f"batch_size must be a multiple of workers with at least {LEAST_BATCH} images for each, "
            f"got batch_size {batch_size}, workers {workers}"
        )


def check_gan_images(count: int, batch_size: int, workers: int) -> None:
    """ValueError unless ``count`` training images fill a worker's share of a batch, and a contact sheet."""
    if count < max(batch_size // workers, SAMPLES):
        raise ValueError(
            f"there must be at least batch_size / workers and {SAMPLES} images, got {count} "
            f"for batch_size {batch_size}, workers {workers}"
        )


def held_out(count: int, validation_fraction: float) -> int:
    """Labels that early stopping holds out of ``count``."""
    return max(1, round(count * validation_fraction))


def check_mdn_batch(batch_size: int) -> None:
    """ValueError for a batch without statistics."""
    if batch_size < LEAST_BATCH:
        raise ValueError(f"batch_size must be at least {LEAST_BATCH} for batch norm, got {batch_size}")


def check_mdn_split(count: int, validation_fraction: float, batch_size: int) -> None:
    """ValueError unless the labels left for training fill a batch."""
    if count - held_out(count, validation_fraction) < batch_size:
        raise ValueError(
            f"batch_size must not exceed the labels left for training, got batch_size {batch_size} "
            f"for {count} labels of which {held_out(count, validation_fraction)} are held out; "
            f"give more labels or a smaller batch"
        )
