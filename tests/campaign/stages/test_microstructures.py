from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from campaign.plan.keys import file_digest
from campaign.plan.pipeline import Pipeline
from campaign.spec.generator import ImagePreparation, Microstructures
from campaign.spec.load import SpecError, load_spec
from campaign.stages import KINDS
from campaign.stages.microstructures import (
    IMAGES_PER_UNIT,
    MicrostructuresConfig,
    OwnImagesConfig,
    draw,
    image_violations,
    run,
)
from campaign.work.context import StageContext
from results.designs.design_set import DesignSet
from results.designs.packed_images import pack_images


def test_images_do_not_depend_on_how_they_are_shared_out(context: StageContext) -> None:
    count = IMAGES_PER_UNIT + 3
    config = MicrostructuresConfig(seed=3, image_px=32, microstructures=Microstructures(count=count))
    run(config, {}, context)
    found = DesignSet.open(context.folder)
    assert found.columns["parameters"].shape == (count, 3)
    packed, parameters = draw(config, range(250, 259))
    np.testing.assert_array_equal(pack_images(found.images[250:259]), packed)
    np.testing.assert_array_equal(found.columns["parameters"][250:259], parameters)


def test_the_ranges_are_those_of_the_spec() -> None:
    fields = Microstructures(count=20, volume_fraction=(0.2, 0.25), frequency_mean_per_px=(0.05, 0.06))  # type: ignore[arg-type]
    _, parameters = draw(MicrostructuresConfig(seed=3, image_px=32, microstructures=fields), range(20))
    lows, highs = (0.05, 0.005, 0.2), (0.06, 0.02, 0.25)
    assert ((parameters >= lows) & (parameters <= highs)).all()


@pytest.fixture
def images(tmp_path: Path) -> np.ndarray:
    drawn, _ = draw(MicrostructuresConfig(seed=3, image_px=32, microstructures=Microstructures(count=10)), range(10))
    values = np.unpackbits(drawn, axis=1).reshape(10, 32, 32)
    (tmp_path / "scans").mkdir()
    for number, image in enumerate(values):
        np.save(tmp_path / "scans" / f"{number}.npy", 255 * image)
    return values


@pytest.fixture
def own(tmp_path: Path, tiny_spec: Path, images: np.ndarray) -> Path:
    text = tiny_spec.read_text().replace("{count: 32}", "{kind: images, path: scans}")
    (tmp_path / "own.yaml").write_text(text)
    return tmp_path / "own.yaml"


def test_images_of_one_s_own_are_what_the_generator_learns_from(
    images: np.ndarray, tmp_path: Path, context: StageContext
) -> None:
    run(OwnImagesConfig(image_px=32, preparation=ImagePreparation()), {"images": tmp_path / "scans"}, context)
    np.testing.assert_array_equal(DesignSet.open(context.folder).images, images)
    facts = json.loads((context.folder / "preparation.json").read_text())
    assert (facts["made"], facts["white_mean"]) == (10, pytest.approx(images.mean()))


def test_their_content_is_in_the_key_and_their_place_is_not(own: Path, tmp_path: Path) -> None:
    def key() -> str:
        return Pipeline.of(load_spec(own, image_violations).spec, KINDS).keys["microstructures"]

    before = key()
    (tmp_path / "scans").rename(tmp_path / "moved")
    own.write_text(own.read_text().replace("path: scans", "path: ./moved"))
    assert key() == before
    np.save(tmp_path / "moved" / "3.npy", np.load(tmp_path / "moved" / "4.npy"))
    assert key() != before


def test_a_folder_is_told_by_names_and_bytes(images: np.ndarray, tmp_path: Path) -> None:
    before = file_digest(tmp_path / "scans")
    (tmp_path / "scans" / "3.npy").rename(tmp_path / "scans" / "a.npy")
    assert file_digest(tmp_path / "scans") != before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("path: scans", "path: gone", "8:41: generator.microstructures.path: must be a file that exists, got 'gone'"),
        ("path: scans", "path: own.yaml", "8:41: generator.microstructures.path: must be images, own.yaml is of no"),
        ("image_px: 32", "image_px: 64", "8:41: generator.microstructures.path: must be of 64 x 64 pixels, 0.npy is"),
        ("batch_size: 8", "batch_size: 12", "9:38: generator.training.batch_size: must not exceed the 10 images of"),
        ("path: scans", "path: scans/0.npy", "8:41: generator.microstructures.path: must hold 8 images or more, got 1"),
    ],
)
def test_mistakes_are_told_before_anything_runs(own: Path, old: str, new: str, message: str) -> None:
    own.write_text(own.read_text().replace(old, new))
    with pytest.raises(SpecError) as refusal:
        load_spec(own, image_violations)
    assert str(refusal.value).startswith(f"{own}:{message}")
