from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from campaign.plan.pipeline import Pipeline
from campaign.spec.campaign import Spec
from campaign.spec.generator import GanTrainingBlock, Vgg16FeaturesBlock
from campaign.stages import KINDS
from campaign.stages.generator import WEIGHTS_FILE, TrainedGeneratorConfig, gan_config
from ganmdn.features import RandomFeatures, Vgg16Features
from ganmdn.gan_checkpoint import GENERATOR_FILE


def test_the_weights_lie_where_a_training_leaves_them() -> None:
    assert WEIGHTS_FILE == GENERATOR_FILE


def test_every_field_of_the_training_block_reaches_the_gan() -> None:
    block = GanTrainingBlock(
        steps=7, batch_size=12, workers=3, learning_rate=1e-3, beta1=0.1, epsilon=1e-6, discriminator_updates=2,
        variant="matched", collapse_weight=0.5, style_weight=0.6, fraction_weight=7, spectrum_weight=8,
        frequency_weight=9, checkpoint_every=4, latent={"low": -2, "high": 3},
        features={"kind": "random", "filters": 5, "seed": 9},
    )  # fmt: skip
    made = asdict(gan_config(block, None))
    told = block.model_dump()
    assert made.pop("features") == asdict(RandomFeatures(5, 9))
    assert {name: told[name] for name in made} == made


def test_vgg_16_takes_its_file_from_the_stages_inputs(tmp_path: Path) -> None:
    block = GanTrainingBlock(features=Vgg16FeaturesBlock(kind="vgg16"))
    assert gan_config(block, tmp_path / "vgg16.pth").features == Vgg16Features(tmp_path / "vgg16.pth")
    assert gan_config(block, None).features == Vgg16Features(None)


@pytest.fixture
def generator(make_spec: Callable[..., Spec]) -> Callable[[dict[str, Any]], Any]:
    """The stage ``generator`` of the small spec with these features."""
    training = make_spec().generator.training.model_dump()  # type: ignore[union-attr]

    def make(features: dict[str, Any]) -> Any:
        spec = make_spec(**{"generator.training": {**training, "features": features}})
        return Pipeline.of(spec, KINDS)["generator"]

    return make


def test_a_file_of_weights_counts_by_content_alone(generator: Callable[[dict[str, Any]], Any], tmp_path: Path) -> None:
    (tmp_path / "vgg16.pth").write_bytes(b"w")
    stage = generator({"kind": "vgg16", "weights": tmp_path / "vgg16.pth"})
    assert isinstance(stage.config, TrainedGeneratorConfig)
    assert stage.config.training.features.weights is None
    assert dict(stage.files) == {"features": tmp_path / "vgg16.pth"}
    assert not generator({"kind": "vgg16"}).files
