"""What a campaign is: the science of one YAML spec as frozen pydantic models.

Units stand in field names; an unknown key is an error; every choice between alternatives is a union told apart
by ``kind``. Where and on how many machines a campaign runs is not science and stands in ``profiles.py``.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from campaign import rules
from campaign.paths import InputFile
from campaign.problems import Breach, refusal, refuse
from photonics.materials import TABLES, table


def _no_text(value: Any) -> Any:
    # pydantic would take "12" and true for numbers; in a spec they are slips.
    if isinstance(value, bool | str):
        raise PydanticCustomError("number_type", "must be a number")
    return value


NO_TEXT = BeforeValidator(_no_text)
Real = Annotated[float, NO_TEXT]
Positive = Annotated[float, Field(gt=0), NO_TEXT]
NotNegative = Annotated[float, Field(ge=0), NO_TEXT]
Fraction = Annotated[float, Field(gt=0, lt=1), NO_TEXT]
LengthNm = Annotated[float, Field(ge=1, le=1e6), NO_TEXT]
ThicknessNm = Annotated[float, Field(ge=0.1, le=1e6), NO_TEXT]
Count = Annotated[int, Field(ge=1), NO_TEXT]
Seed = Annotated[int, Field(ge=0), NO_TEXT]
Wavelengths = Annotated[
    Annotated[LengthNm, Tag("number")] | Annotated[tuple[LengthNm, ...], Field(min_length=1), Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list | tuple) else "number"),
]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]


class Model(BaseModel):
    """Frozen, and strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Range(Model):
    """A closed interval from which a value is drawn uniformly; written ``[low, high]`` in YAML."""

    low: Real
    high: Real

    @model_validator(mode="before")
    @classmethod
    def _from_pair(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) == 2:
            return {"low": value[0], "high": value[1]}
        if not isinstance(value, dict | Range):
            raise refusal(Breach((), "must be [low, high]", "write two numbers in brackets"))
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        refuse(rules.range_rules(self))
        return self


# --- data sets and generator -----------------------------------------------------------------------------------


class DataSet(Model):
    """One image size, with the latent size that generates it (paper, section 3.1)."""

    image_px: Count = Field(description="side of the square image in pixels; latent size x 32")
    latent: tuple[Count, Count] = Field(description="rows and columns of the latent z")

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        refuse(rules.dataset_rules(self))
        return self

    @property
    def latent_dimension(self) -> int:
        """Number of latent variables, M in equation 5 of the paper."""
        return self.latent[0] * self.latent[1]


class Latent(Model):
    """Distribution of the latent variables: uniform on [low, high], independently."""

    low: Real = -1.0
    high: Real = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        refuse(rules.latent_rules(self))
        return self


class Microstructures(Model):
    """Gaussian random fields that the GAN learns from (paper, section 3.1).

    The spectral density is a Gaussian ring; its mean and standard deviation (cycles per pixel) and the volume
    fraction of the white phase are drawn per image from these ranges.
    """

    count: Count = 2000
    # A GAN that learns from these makes textures as fine as the authors' published images.
    frequency_mean_per_px: Range = Range(low=0.09, high=0.14)
    frequency_std_per_px: Range = Range(low=0.005, high=0.02)
    volume_fraction: Range = Range(low=0.27, high=0.42)

    @model_validator(mode="after")
    def _in_bounds(self) -> Self:
        refuse(rules.microstructure_rules(self))
        return self


class RandomFeatures(Model):
    """Feature maps of a fixed, seeded multi-scale random-filter bank (Ustyuzhaninov et al., arXiv 1606.00021)."""

    kind: Literal["random"] = "random"
    filters: Count = 16
    seed: Seed = 0


class Vgg16Features(Model):
    """Feature maps of the first four convolution layers of VGG-16."""

    kind: Literal["vgg16"]
    weights: InputFile | None = Field(
        default=None,
        description="torchvision state dict (.pth) or Keras no-top file (.h5); without it torch.hub fetches it",
    )


Features = Annotated[RandomFeatures | Vgg16Features, Field(discriminator="kind")]


class GanTraining(Model):
    """Optimisation of the GAN; the number of workers changes the arithmetic, so it is part of the science."""

    steps: Count = Field(default=20_000, description="generator updates")
    batch_size: Count = Field(default=64, description="images per update over all workers")
    workers: Count = Field(default=2, description="data-parallel training workers")
    learning_rate: Positive = 5e-4
    beta1: Annotated[float, Field(ge=0, lt=1), NO_TEXT] = 0.5
    epsilon: Positive = 1e-7
    discriminator_updates: Count = Field(default=3, description="discriminator updates per generator update")
    collapse_weight: NotNegative = 0.03
    style_weight: NotNegative = 0.03
    features: Features = RandomFeatures()
    latent: Latent = Latent()
    checkpoint_every: Count = Field(default=500, description="generator updates between checkpoints")

    @model_validator(mode="after")
    def _batch_splits(self) -> Self:
        refuse(rules.training_rules(self))
        return self


class TrainedGenerator(Model):
    """A GAN trained by the campaign on its own microstructures."""

    kind: Literal["train"]
    image_px: Count = Field(default=128, description="side of the training images; the authors used 128")
    microstructures: Microstructures = Microstructures()
    training: GanTraining = GanTraining()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        refuse(rules.generator_rules(self))
        return self


class AuthorsGenerator(Model):
    """The generator that the authors published, read from their ``weights.pickle``."""

    kind: Literal["authors"]
    weights: InputFile = Field(description="path of weights.pickle from the authors' repository")


Generator = Annotated[TrainedGenerator | AuthorsGenerator, Field(discriminator="kind")]


# --- physics ----------------------------------------------------------------------------------------------------


class ConstantIndex(Model):
    """A material of complex refractive index n + ik, the same at every wavelength; k >= 0 absorbs."""

    n: NotNegative = Field(description="refractive index; or name a table instead, as in {table: a-Si}")
    k: NotNegative = 0.0
    source: str | None = Field(default=None, description="where the value comes from")

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        refuse(rules.constant_rules(self))
        return self

    @property
    def range_nm(self) -> tuple[float, float]:
        """Wavelengths at which the index is known."""
        return 0.0, math.inf

    def index(self, wavelength_nm: float) -> complex:
        """Complex refractive index n + ik."""
        return complex(self.n, self.k)


class TabulatedIndex(Model):
    """A material whose index is read from a published table, which names its source, at each wavelength."""

    table: str = Field(description="name of a table of photonics/materials", json_schema_extra={"enum": list(TABLES)})

    @model_validator(mode="after")
    def _exists(self) -> Self:
        refuse(rules.table_rules(self))
        return self

    @property
    def range_nm(self) -> tuple[float, float]:
        """Wavelengths at which the index is known."""
        return table(self.table).range_nm

    @property
    def source(self) -> str:
        """Where the values come from."""
        return table(self.table).source

    def index(self, wavelength_nm: float) -> complex:
        """Complex refractive index n + ik; ValueError outside the table."""
        return table(self.table).index(wavelength_nm)


def _material_form(value: Any) -> str:
    """Which of the two forms of a material is meant; a misspelt key is told by the form that it belongs to."""
    if not isinstance(value, dict):
        return "table" if isinstance(value, TabulatedIndex) else "constant"
    return "table" if rules.means_table(value) else "constant"


def _one_form(value: Any) -> Any:
    if isinstance(value, dict):
        refuse(rules.material_form_rules(value))
    return value


Material = Annotated[
    Annotated[ConstantIndex, Tag("constant")] | Annotated[TabulatedIndex, Tag("table")],
    Discriminator(_material_form),
    BeforeValidator(_one_form),
]


class PatternLayer(Model):
    """A layer that carries the microstructure; where a stack has several, all carry the same."""

    kind: Literal["pattern"]
    name: Name
    thickness_nm: ThicknessNm
    white: Name = Field(description="material where the image is 1")
    black: Name = Field(description="material where the image is 0")


class FilmLayer(Model):
    """A uniform layer."""

    kind: Literal["film"]
    name: Name
    thickness_nm: ThicknessNm
    material: Name


Layer = Annotated[PatternLayer | FilmLayer, Field(discriminator="kind")]


Orders = Annotated[
    Annotated[Count, Tag("number")] | Annotated[dict[Name, Count], Tag("mapping")],
    Discriminator(lambda value: "mapping" if isinstance(value, dict) else "number"),
]


class Incidence(Model):
    """Direction of the light: angle from the normal, in the incident medium, and azimuth from the image's x axis."""

    polar_deg: Annotated[float, Field(ge=0, lt=90), NO_TEXT] = 0.0
    azimuth_deg: Real = 0.0


class Numerics(Model):
    """Numerical choices that are part of every label: truncation, factorisation rule, solver."""

    orders: Orders = Field(description="highest diffraction order M per axis; one number, or one per data set")
    truncation: Literal["square", "circular"] = "square"
    factorization: Literal["laurent", "li"] = Field(
        default="laurent", description="li: right at the edges of pixels, converges sooner at high contrast"
    )
    pixels: Literal["exact", "dft"] = Field(
        default="exact", description="Fourier transform of the piecewise-constant image, or of point samples"
    )
    solver: Literal["auto", "transfer", "preconditioned", "eigen"] = Field(
        default="auto",
        description="transfer: any stack; preconditioned: the fastest, one pattern layer at normal incidence; "
        "auto: the quicker of the two that can; eigen: slow, the reference",
    )
    accuracy: Annotated[float, Field(ge=1e-12, le=1e-2), NO_TEXT] = Field(
        default=1e-9, description="wanted error of the absorbed fraction from the linear algebra, truncation apart"
    )


class Physics(Model):
    """An optical stack, top to bottom, lit from above; y is its absorption, the mean over the wavelengths."""

    kind: Literal["rcwa"] = Field(default="rcwa", exclude=True, description="simulated by this project's RCWA")
    wavelength_nm: Wavelengths = Field(description="vacuum wavelength, or a list of them over which y is the mean")
    pixel_nm: LengthNm = Field(description="side of one image pixel; the period is image_px x pixel_nm")
    materials: dict[Name, Material] = Field(description="each material by name: {n: ..., k: ...} or {table: ...}")
    incident: Name = Field(description="material above the stack")
    incidence: Incidence = Incidence()
    polarization: Literal["unpolarised", "s", "p"] = Field(
        default="unpolarised", description="s: E across the plane of incidence; unpolarised: the mean of s and p"
    )
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)] = Field(description="the stack, top to bottom")
    substrate: Name = Field(description="material of the half space below the stack")
    property: Name = Field(
        default="total",
        description="y: 'total' (1 - R - T), or the name of the layer whose absorption is wanted",
    )
    numerics: Numerics

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        refuse(rules.physics_rules(self))
        return self

    def wavelengths_nm(self) -> tuple[float, ...]:
        """All wavelengths, one or more."""
        return self.wavelength_nm if isinstance(self.wavelength_nm, tuple) else (self.wavelength_nm,)

    def used_materials(self) -> tuple[str, ...]:
        """Names of the materials that the stack is made of, each once."""
        return tuple(dict.fromkeys(name for _, name in rules.material_uses(self)))

    def orders_of(self, dataset: str) -> int:
        """Highest diffraction order used for ``dataset``."""
        return _of_dataset(self.numerics.orders, dataset)


def _of_dataset(orders: int | dict[str, int], dataset: str) -> int:
    return orders if isinstance(orders, int) else orders[dataset]


# --- labels and methods -----------------------------------------------------------------------------------------


class Labels(Model):
    """Latent vectors drawn, turned into images and simulated for each data set."""

    count: Count = 4000
    truncation_sample: Annotated[int, Field(ge=0), NO_TEXT] = Field(
        default=32, description="labels solved again with more orders, to estimate their truncation error; 0: none"
    )
    truncation_orders: Orders | None = Field(
        default=None, description="orders of that sample; default: the labels' orders x 1.4, two more at least"
    )


class MdnTraining(Model):
    """The mixture density network and its training (paper, appendix)."""

    components: Count = Field(default=40, description="Gaussians in the mixture, K in equation 5")
    width: Count = Field(default=16, description="neurons in each of the four densely connected layers")
    learning_rate: Positive = 1e-3
    batch_size: Count = 128
    patience: Count = Field(default=50, description="epochs without improvement before training stops")
    max_epochs: Count = 2000
    validation_fraction: Fraction = 0.1


Sampling = Literal["component", "authors"]


class GanMdn(Model):
    """The paper's method: MDN from absorption to latent z, generator from z to image."""

    kind: Literal["gan-mdn"]
    sampling: Sampling = "component"


class PcaMdn(Model):
    """Baseline: principal components in place of the GAN's latent variables."""

    kind: Literal["pca-mdn"]


class DirectMdn(Model):
    """Baseline: MDN from absorption straight to pixels."""

    kind: Literal["direct-mdn"]


class AuthorsMdn(Model):
    """The MDN that the authors published for Data-II, as it is."""

    kind: Literal["authors-mdn"]
    weights: InputFile = Field(description="path of MDN_weights.h5 from the authors' repository")
    sampling: Sampling = "component"


class BayesianOptimization(Model):
    """Baseline: Gaussian-process optimisation of |y - target| over the latent space, one run per target."""

    kind: Literal["bayesian-optimization"]
    initial: Count = Field(default=250, description="labelled pairs that every target starts from")
    iterations: Count = 400
    batch: Count = Field(default=8, description="suggestions simulated at the same time")


BUILT_IN_METHODS = (GanMdn, PcaMdn, DirectMdn, AuthorsMdn, BayesianOptimization)


def method_by_name(value: Any) -> Any:
    """A name alone takes the method's defaults."""
    return {"kind": value} if isinstance(value, str) else value


Method = Annotated[
    Annotated[GanMdn | PcaMdn | DirectMdn | AuthorsMdn | BayesianOptimization, Field(discriminator="kind")],
    BeforeValidator(method_by_name),
]


class Tune(Model):
    """A sweep over MDN hyperparameters with asynchronous successive halving (ASHA); the best is kept."""

    trials: Count = 16
    max_epochs: Count = 400
    grace_epochs: Count = Field(default=20, description="epochs before a trial may be stopped")
    reduction_factor: Annotated[int, Field(ge=2), NO_TEXT] = 3
    learning_rate: Range = Range(low=3e-4, high=1e-2)
    batch_size: Annotated[tuple[Count, ...], Field(min_length=1)] = (64, 128, 256)
    components: Annotated[tuple[Count, ...], Field(min_length=1)] = (10, 20, 40)
    width: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 32, 64)

    @model_validator(mode="after")
    def _in_bounds(self) -> Self:
        refuse(rules.tune_rules(self))
        return self


class Spec(Model):
    """One campaign, whole."""

    campaign: Name = Field(description="name of the campaign, part of the run folder's name")
    seed: Seed = 2020
    datasets: Annotated[dict[Name, DataSet], Field(min_length=1)] = Field(
        description="image sizes by name; each is labelled, learnt and designed for on its own"
    )
    latent: Latent = Latent()
    generator: Generator = Field(description="what turns a latent z into an image")
    physics: Physics
    labels: Labels = Labels()
    mdn: MdnTraining = MdnTraining()
    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = Field(
        description="inverse methods to compare; a name alone takes the method's defaults"
    )
    tune: Tune | None = None
    targets: Annotated[tuple[Fraction, ...], Field(min_length=1)] = (0.55, 0.60, 0.65, 0.70, 0.75)
    designs_per_target: Count = 30

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse(rules.spec_rules(self))
        return self

    def truncation_orders_of(self, dataset: str) -> int:
        """Orders at which a sample of the labels of ``dataset`` is solved again."""
        asked, orders = self.labels.truncation_orders, self.physics.orders_of(dataset)
        return rules.more_orders(orders) if asked is None else _of_dataset(asked, dataset)
