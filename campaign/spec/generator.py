"""The blocks of a spec about images: data sets, microstructures, the generator and its training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from campaign.spec.base import NO_TEXT, Count, Model, NotNegative, Positive, Range, Real, Seed, share_violations
from campaign.spec.paths import InputFile, InputPath
from campaign.spec.problems import Violation
from ganmdn.limits import SAMPLES
from ganmdn.microstructures import NYQUIST_PER_PX

PIXELS_PER_LATENT = 32  # five stride-2 layers: one latent cell becomes 32 x 32 pixels


class DataSet(Model):
    """One image size, with the latent size that generates it (paper, section 3.1)."""

    image_px: Count = Field(description="side of the square image in pixels; latent size x 32")
    latent: tuple[Count, Count] = Field(description="rows and columns of the latent z")

    def violations(self) -> Iterator[Violation]:
        """The latent size belongs to the image size."""
        cells = self.image_px // PIXELS_PER_LATENT
        yield from _multiple_violations(self.image_px)
        if self.image_px % PIXELS_PER_LATENT == 0 and self.latent != (cells, cells):
            rule = f"must be image_px / {PIXELS_PER_LATENT} in both directions"
            sides = [side * PIXELS_PER_LATENT for side in self.latent]
            other = f" or image_px: {sides[0]}" if sides[0] == sides[1] else ""
            yield Violation(("latent",), rule, f"write [{cells}, {cells}]{other}")

    @property
    def latent_dimension(self) -> int:
        """Number of latent variables, M in equation 5 of the paper."""
        return self.latent[0] * self.latent[1]


class Latent(Model):
    """Distribution of the latent variables: uniform on [low, high], independently."""

    low: Real = Field(default=-1.0, description="lower end")
    high: Real = Field(default=1.0, description="upper end")

    def violations(self) -> Iterator[Violation]:
        """An interval of some width."""
        if self.low >= self.high:
            yield Violation(("low",), f"must be below high, {self.high:g}", "the paper's is -1 to 1", f"{self.low:g}")


class Microstructures(Model):
    """Gaussian random fields that the GAN learns from (paper, section 3.1).

    The spectral density is a Gaussian ring; its mean and standard deviation (cycles per pixel) and the volume
    fraction of the white phase are drawn per image from these ranges.
    """

    kind: Literal["random-fields"] = Field(default="random-fields", exclude=True, description="drawn by the campaign")
    count: Count = Field(default=2000, description="images")
    # A GAN that learns from these makes textures as fine as the authors' published images.
    frequency_mean_per_px: Range = Field(
        default=Range(low=0.09, high=0.14), description="radius of the ring, cycles per pixel: how fine the texture is"
    )
    frequency_std_per_px: Range = Field(
        default=Range(low=0.005, high=0.02), description="width of the ring, cycles per pixel: how irregular it is"
    )
    volume_fraction: Range = Field(default=Range(low=0.27, high=0.42), description="share of white")

    def violations(self) -> Iterator[Violation]:
        """Frequencies that pixels can hold, and two phases."""
        fraction, mean, deviation = self.volume_fraction, self.frequency_mean_per_px, self.frequency_std_per_px
        if fraction.low <= 0 or fraction.high >= 1:
            yield Violation(("volume_fraction",), "must lie between 0 and 1", "for example [0.3, 0.7]")
        rule = f"must lie above 0 and below {NYQUIST_PER_PX}, the finest wave that pixels can hold"
        if mean.low <= 0 or mean.high >= NYQUIST_PER_PX:
            yield Violation(("frequency_mean_per_px",), rule, "for example [0.04, 0.10]")
        if deviation.low <= 0 or deviation.high >= NYQUIST_PER_PX:
            yield Violation(("frequency_std_per_px",), rule, "for example [0.005, 0.02]")


class ImagePreparation(Model):
    """How images of one's own become microstructures, square and of two phases."""

    array: str | None = Field(default=None, description="name of the array, in a file or store that holds several")
    fit: Literal["crop", "resize", "tile"] | None = Field(
        default=None,
        description="what becomes of images of another size: crop cuts the middle out, resize scales the largest "
        "square in the middle, tile cuts as many as there is room for, side by side; default: they are refused",
    )
    threshold: Real | None = Field(
        default=None,
        description="grey level, in units of the file, above which a pixel is bright; default: between the values of "
        "images that have two, else Otsu's threshold of each image",
    )
    white: Literal["bright", "dark"] = Field(default="bright", description="which pixels are 1")


class OwnImages(ImagePreparation):
    """Images of one's own, that the GAN learns from: each is one period of a pattern of two phases."""

    kind: Literal["images"]
    path: InputPath = Field(
        description="PNG, TIFF, .npy, HDF5 or Zarr, or a folder of PNG, TIFF and .npy, relative to this file"
    )


def _microstructures_kind(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind or "random-fields"


MicrostructuresBlock = Annotated[
    Annotated[Microstructures, Tag("random-fields")] | Annotated[OwnImages, Tag("images")],
    Discriminator(_microstructures_kind),
]


class RandomFeaturesBlock(Model):
    """Feature maps of a fixed, seeded multi-scale random-filter bank (Ustyuzhaninov et al., arXiv 1606.00021)."""

    kind: Literal["random"] = "random"
    filters: Count = Field(default=16, description="filters of each scale")
    seed: Seed = Field(default=0, description="of the filters' weights")


class Vgg16FeaturesBlock(Model):
    """Feature maps of the first four convolution layers of VGG-16."""

    kind: Literal["vgg16"]
    weights: InputFile | None = Field(
        default=None,
        description="torchvision state dict (.pth) or Keras no-top file (.h5); without it torch.hub fetches it",
    )


Features = Annotated[RandomFeaturesBlock | Vgg16FeaturesBlock, Field(discriminator="kind")]


class GanTrainingBlock(Model):
    """Optimisation of the GAN; the number of workers changes the arithmetic, so it is part of the science."""

    steps: Count = Field(default=20_000, description="generator updates")
    batch_size: Count = Field(default=64, description="images per update over all workers")
    workers: Count = Field(default=2, description="data-parallel training workers")
    learning_rate: Positive = Field(default=5e-4, description="of Adam, for both networks")
    beta1: Annotated[float, Field(ge=0, lt=1), NO_TEXT] = Field(default=0.5, description="decay of Adam's first moment")
    epsilon: Positive = Field(default=1e-7, description="of Adam, against division by zero")
    discriminator_updates: Count = Field(default=3, description="discriminator updates per generator update")
    variant: Literal["paper", "matched"] = Field(
        default="paper",
        description="paper: its networks and losses; matched: volume fractions and spectral densities of generated "
        "images spread as the training images' do, and the first latent variable tells the volume fraction",
    )
    collapse_weight: NotNegative = Field(default=0.03, description="factor of the loss against like images")
    style_weight: NotNegative = Field(default=0.03, description="factor of the loss of texture")
    fraction_weight: NotNegative = Field(
        default=20.0, description="factor of variant matched's loss of volume fraction"
    )
    spectrum_weight: NotNegative = Field(
        default=10.0, description="factor of variant matched's loss of spectral density"
    )
    frequency_weight: NotNegative = Field(
        default=0.0, description="factor of variant matched's loss of dominant frequency, which the second latent tells"
    )
    features: Features = Field(default=RandomFeaturesBlock(), description="maps that the loss of texture compares")
    latent: Latent = Field(default=Latent(), description="how latents are drawn in training")
    checkpoint_every: Count = Field(default=500, description="generator updates between checkpoints")

    def violations(self) -> Iterator[Violation]:
        """The batch splits evenly over the workers, batch normalisation has something to average, no weight is idle."""
        yield from share_violations(self.batch_size, self.workers, "images")
        if self.frequency_weight and self.variant != "matched":
            fix = "write variant: matched, or leave it out"
            yield Violation(("frequency_weight",), "is of variant matched alone", fix, f"variant {self.variant}")


class TrainedGenerator(Model):
    """A GAN trained by the campaign on its own microstructures."""

    kind: Literal["train"]
    image_px: Count = Field(default=128, description="side of the training images; the authors used 128")
    microstructures: MicrostructuresBlock = Field(default=Microstructures(), description="what the GAN learns from")
    training: GanTrainingBlock = Field(default=GanTrainingBlock(), description="optimisation of the GAN")

    def violations(self) -> Iterator[Violation]:
        """The training images fit the networks, fill a batch, and have the latent variables that losses speak of."""
        yield from _multiple_violations(self.image_px)
        if self.training.frequency_weight and self.image_px < 2 * PIXELS_PER_LATENT:
            rule = (
                f"takes images of {2 * PIXELS_PER_LATENT} pixels or more: smaller ones have no second latent variable"
            )
            fix = "write a larger image_px, or leave frequency_weight out"
            yield Violation(("training", "frequency_weight"), rule, fix, f"image_px {self.image_px}")
        if isinstance(self.microstructures, Microstructures):
            yield from self.count_violations(self.microstructures.count)

    def count_violations(self, count: int) -> Iterator[Violation]:
        """So many images make a contact sheet, and fill a batch."""
        size, is_own = self.training.batch_size, isinstance(self.microstructures, OwnImages)
        if is_own and count < SAMPLES:
            fix = "give more images, or larger ones and fit: tile"
            yield Violation(("microstructures", "path"), f"must hold {SAMPLES} images or more", fix, str(count))
        elif is_own and size > count:
            rule = f"must not exceed the {count} images of microstructures.path"
            yield Violation(("training", "batch_size"), rule, f"write {count} or less, or give more images", str(size))
        elif count < SAMPLES:
            rule = f"must be at least {SAMPLES}, the images of a contact sheet"
            yield Violation(("microstructures", "count"), rule, f"write {SAMPLES} or more", str(count))
        elif size > count:
            rule = f"must not exceed microstructures.count, {count}"
            yield Violation(("training", "batch_size"), rule, f"write {count} or less, or make more images", str(size))


class AuthorsGenerator(Model):
    """The generator that the authors published, read from their ``weights.pickle``."""

    kind: Literal["authors"]
    weights: InputFile = Field(description="path of weights.pickle from the authors' repository")


GeneratorBlock = Annotated[TrainedGenerator | AuthorsGenerator, Field(discriminator="kind")]


def _multiple_violations(image_px: int) -> Iterator[Violation]:
    """The networks double the latent five times."""
    if image_px % PIXELS_PER_LATENT:
        nearest = max(1, round(image_px / PIXELS_PER_LATENT)) * PIXELS_PER_LATENT
        yield Violation(("image_px",), f"must be a multiple of {PIXELS_PER_LATENT}", f"write {nearest}")
