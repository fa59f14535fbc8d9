"""The JSON Schema agrees with the loader on what it can see."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from campaign.spec.json_schema import spec_json_schema

SPECS = Path(__file__).parents[3] / "specs"
SPEC = """\
campaign: small
datasets: {data-i: {image_px: 96, latent: [3, 3]}}
generator:
  kind: train
  microstructures: {volume_fraction: [0.3, 0.7]}
  training: {features: {kind: random}}
physics:
  include: physics/film.yaml
  numerics: {orders: {data-i: 4}}
methods: [gan-mdn, {kind: bayesian-optimization, initial: 40}]
tune: {learning_rate: {low: 1e-3, high: 1e-2}}
"""


def parse(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@cache
def validator() -> jsonschema.Draft202012Validator:
    schema = spec_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def refused_paths(document: Any) -> list[list[str | int]]:
    return sorted(list(error.absolute_path) for error in validator().iter_errors(document))


def test_own_spec_is_accepted() -> None:
    assert refused_paths(parse(SPEC)) == []


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_specs_are_accepted(path: Path) -> None:
    assert refused_paths(parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["campaign"], "Table 1"),
        (["seed"], -1),
        (["colour"], "red"),
        (["datasets", "data-i", "image_px"], "96"),
        (["datasets", "Data I"], {"image_px": 96, "latent": [3, 3]}),
        (["datasets", "include"], 5),
        (["generator", "kind"], "trian"),
        (["generator", "microstructures", "volume_fraction"], [0.3]),
        (["physics", "wavelength_nm"], 9.8e-7),
        (["physics", "numerics", "orders"], 0),
        (["methods"], ["authors-mdn"]),
        (["targets"], [55]),
    ],
)
def test_mistake_is_refused(path: list[str], value: object) -> None:
    document = copy.deepcopy(parse(SPEC))
    block = document
    for key in path[:-1]:
        block = block[key]
    block[path[-1]] = value

    assert len(refused_paths(document)) == 1


def test_keys_are_required_where_nothing_is_included() -> None:
    document = parse(SPEC)
    del document["campaign"], document["physics"]["include"]

    assert refused_paths(document) == [[], *[["physics"]] * 5]


def test_descriptions_come_from_the_models_and_titles_do_not_repeat_keys() -> None:
    schema = spec_json_schema()
    physics = schema["$defs"]["Physics"]

    assert schema["title"] == "Campaign spec"
    assert physics["properties"]["pixel_nm"]["description"].startswith("side of one image pixel")
    assert physics["description"].startswith("An optical stack, top to bottom")
    assert "title" not in physics["properties"]["pixel_nm"]
    assert physics["properties"]["pixel_nm"]["anyOf"][0]["minimum"] == 1
