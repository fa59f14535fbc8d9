"""The loader: seeded mistakes with the whole line that each must print, includes, paths."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.spec.generator import AuthorsGenerator, TrainedGenerator
from campaign.spec.load import LoadedSpec, Problem, SpecError, format_problems, load_spec
from campaign.spec.methods import BayesianOptimizationBlock, GanMdnBlock
from campaign.spec.physics import PatternLayerBlock

VALID = """\
campaign: small
seed: 7
datasets:
  data-i: {image_px: 96, latent: [3, 3]}
  data-ii:
    image_px: 64
    latent: [2, 2]
latent: {low: -1, high: 1}
generator:
  kind: train
  image_px: 64
  microstructures:
    count: 512
    volume_fraction: [0.3, 0.7]
  training:
    steps: 300
    batch_size: 32
    workers: 2
    features: {kind: random, filters: 32}
physics:
  wavelength_nm: 980
  pixel_nm: 31.25
  materials:
    air: {n: 1}
    silicon: {n: 4.8, k: 0.025}
    silver: {n: 0.04, k: 6.9}
  incident: air
  layers:
    - {kind: pattern, name: etch, thickness_nm: 71.7, white: air, black: silicon}
    - {kind: film, name: film, thickness_nm: 553.7, material: silicon}
  substrate: silver
  property: total
  numerics:
    orders: {data-i: 4, data-ii: 3}
    solver: transfer
labels: {count: 600}
mdn: {batch_size: 64}
methods:
  - gan-mdn
  - pca-mdn
  - {kind: bayesian-optimization, initial: 40, iterations: 16}
tune: {trials: 4, learning_rate: [1e-3, 1e-2], batch_size: [32, 64]}
targets: [0.55, 0.65]
designs_per_target: 10
"""

NAME_RULE = "must be lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit"
METHODS = (
    "'gan-mdn', 'pca-mdn', 'direct-mdn', 'authors-mdn', 'forward-search', 'flow-posterior', 'nearest-labels', "
    "'random-labels', 'bayesian-optimization', 'trust-region-optimization', 'composite-optimization', "
    "'random-search', 'sobol-search'"
)
TOP_KEYS = (
    "campaign, seed, datasets, latent, generator, physics, labels, mdn, methods, tune, targets, designs_per_target, "
    "repeats"
)
METHOD_KEYS = "kind, name, datasets, repeats, verify"
NEWER = "; a spec for a newer version of this program needs that version"

# what stands in VALID, what stands there instead, the lines that must be printed (each after "spec.yaml:")
MISTAKES = [
    # keys
    ("seed: 7", "sede: 7", "2:1: sede: is not a known key, got 'sede'; did you mean 'seed'?"),
    ("seed: 7", "colour: 7", f"2:1: colour: is not a known key, got 'colour'; known: {TOP_KEYS}{NEWER}"),
    ("seed: 7", "seed: 7\nseed: 8", "3:1: seed: must stand once, stands first at 2:1; remove one of them"),
    (
        "labels: {count: 600}",
        "seed: 8\nlabels: {count: 600, count: 700}",
        "36:1: seed: must stand once, stands first at 2:1; remove one of them\n"
        "37:22: labels.count: must stand once, stands first at 37:10; remove one of them",
    ),
    (
        "campaign: small\n",
        "",
        "1:1: campaign: is missing; add 'campaign: ...', name of the campaign, part of the run folder's name",
    ),
    (
        "  wavelength_nm: 980\n",
        "",
        "20:1: physics.wavelength_nm: is missing; add 'wavelength_nm: ...', vacuum wavelength, "
        "or a list of them, over which y is the mean unless property says otherwise",
    ),
    (
        "image_px: 96, ",
        "",
        "4:11: datasets.data-i.image_px: is missing; "
        "add 'image_px: ...', side of the square image in pixels; latent size x 32",
    ),
    (
        "thickness_nm: 553.7",
        "thicknes_nm: 553.7",
        "30:32: physics.layers[1].thicknes_nm: is not a known key, got 'thicknes_nm'; did you mean 'thickness_nm'?",
    ),
    (
        "seed: 7",
        "? [a]\n: 7",
        "2:3: (top level): must have plain keys, got a list or mapping; write one word before the colon",
    ),
    # kinds
    (
        "kind: train",
        "kind: trian",
        "10:9: generator.kind: must be one of 'train', 'authors', got 'trian'; did you mean 'train'?",
    ),
    (
        "  kind: train\n",
        "",
        "9:1: generator.kind: is missing; add 'kind: train', one of 'train', 'authors'",
    ),
    (
        "  - pca-mdn",
        "  - pca_mdn",
        f"40:5: methods[1]: must be one of {METHODS}, got 'pca_mdn'; did you mean 'pca-mdn'?",
    ),
    (
        "  - pca-mdn",
        "  - {kind: pca-mdn, width: 4}",
        "40:21: methods[1].width: is not a known key, got 'width'; it is a key of mdn, methods.tune, tune; "
        f"known: {METHOD_KEYS}",
    ),
    (
        "  - pca-mdn",
        "  - authors-mdn",
        "40:5: methods[1].weights: is missing; write {kind: authors-mdn, weights: ...}",
    ),
    # types
    ("seed: 7", 'seed: "7"', "2:7: seed: must be a whole number, got '7'; remove the quotes"),
    ("seed: 7", "seed: yes", "2:7: seed: must be a whole number, got 'yes'; the default is 2020"),
    ("seed: 7", "seed: true", "2:7: seed: must be a whole number, got true; the default is 2020"),
    ("seed: 7", "seed: 7.5", "2:7: seed: must be a whole number, got 7.5; write 7 or 8"),
    ("campaign: small", "campaign: 2020", '1:11: campaign: must be text, got 2020; write "2020" in quotes'),
    ("campaign: small", "campaign: Table 1", f"1:11: campaign: {NAME_RULE}, got 'Table 1'; write table-1"),
    ("  data-i: {im", "  Data I: {im", f"4:3: datasets.Data I: {NAME_RULE}, got 'Data I'; write data-i"),
    (
        "labels: {count: 600}",
        "labels: 600",
        "36:9: labels: must be a mapping, got 600; write 'key: value' below it; its keys: count, rounds, aim, "
        "first, truncation_sample, truncation_orders",
    ),
    (
        "labels: {count: 600}",
        "labels:",
        "36:1: labels: must be a mapping, got nothing; add keys below it, or remove it for the defaults",
    ),
    ("targets: [0.55, 0.65]", "targets: 0.55", "43:10: targets: must be a list, got 0.55; write [0.55]"),
    (
        "targets: [0.55, 0.65]",
        "targets: []",
        "43:10: targets: must not be empty, got []; add one, or remove the key for its default",
    ),
    (
        "latent: [3, 3]",
        "latent: [3]",
        "4:34: datasets.data-i.latent: must hold 2 values, got [3]; write 2 values in brackets",
    ),
    (
        "volume_fraction: [0.3, 0.7]",
        "volume_fraction: 0.3",
        "14:22: generator.microstructures.volume_fraction: must be [low, high], got 0.3; write two numbers in brackets",
    ),
    (
        "volume_fraction: [0.3, 0.7]",
        "volume_fraction: [0.3, much]",
        "14:28: generator.microstructures.volume_fraction[1]: must be a number, got 'much'; write a number alone",
    ),
    (
        "solver: transfer",
        "solver: tranfer",
        "35:13: physics.numerics.solver: must be one of 'auto', 'transfer', "
        "'preconditioned', 'eigen', got 'tranfer'; did you mean 'transfer'?",
    ),
    (
        "orders: {data-i: 4, data-ii: 3}",
        "orders: high",
        "34:13: physics.numerics.orders: must be a whole number, got 'high'; write a number alone",
    ),
    # magnitudes
    (
        "wavelength_nm: 980",
        "wavelength_nm: 9.8e-7",
        "21:18: physics.wavelength_nm: must be at least 1, got 9.8e-7; looks like metres, write 980",
    ),
    (
        "wavelength_nm: 980",
        "wavelength_nm: 0.98",
        "21:18: physics.wavelength_nm: must be at least 1, got 0.98; looks like micrometres, write 980",
    ),
    (
        "wavelength_nm: 980",
        "wavelength_nm: 0.98 um",
        "21:18: physics.wavelength_nm: must be a number, got '0.98 um'; write 980",
    ),
    (
        "wavelength_nm: 980",
        "wavelength_nm: .inf",
        "21:18: physics.wavelength_nm: must be finite, got .inf; write a number",
    ),
    (
        "pixel_nm: 31.25",
        "pixel_nm: 3.125e-8",
        "22:13: physics.pixel_nm: must be at least 1, got 3.125e-8; looks like metres, write 31.25",
    ),
    (
        "thickness_nm: 553.7",
        "thickness_nm: 5.537e-7",
        "30:46: physics.layers[1].thickness_nm: must be at least 0.1, got 5.537e-7; looks like metres, write 553.7",
    ),
    ("seed: 7", "seed: 1e99", "2:7: seed: must have fewer digits, got 1e99; the default is 2020"),
    ("seed: 7", "seed: -7", "2:7: seed: must be at least 0, got -7; write 7"),
    (
        "k: 0.025",
        "k: -0.025",
        "25:26: physics.materials.silicon.k: must be at least 0, got -0.025; write 0.025",
    ),
    (
        "targets: [0.55, 0.65]",
        "targets: [0.55, 65]",
        "43:17: targets[1]: must be less than 1, got 65; looks like per cent, write 0.65",
    ),
    ("targets: [0.55, 0.65]", "targets: [55%]", "43:11: targets[0]: must be a number, got '55%'; write 0.55"),
    (
        "data-ii: 3}",
        "data-ii: 0}",
        "34:34: physics.numerics.orders.data-ii: must be at least 1, got 0; write a number at least 1",
    ),
    # light, materials and numerics
    (
        "pixel_nm: 31.25",
        "period_nm: 2.0e-6",
        "22:14: physics.period_nm: must be at least 1, got 2.0e-6; looks like metres, write 2000",
    ),
    (
        "pixel_nm: 31.25",
        "pixel_nm: 31.25\n  period_nm: 1200",
        "23:14: physics.period_nm: must not stand beside pixel_nm, got 1200; leave out one of the two",
    ),
    (
        "  pixel_nm: 31.25\n",
        "",
        "20:1: physics: must hold pixel_nm, the side of a pixel, or period_nm, the side of the unit cell, "
        "got neither; add one of the two, in nanometres",
    ),
    (
        "pixel_nm: 31.25",
        "pixel: 31.25",
        "22:3: physics.pixel: is not a known key, got 'pixel'; did you mean 'pixel_nm'?",
    ),
    ("wavelength_nm: 980", "wavelength_nm: []", "21:18: physics.wavelength_nm: must not be empty, got []; add one"),
    (
        "wavelength_nm: 980",
        "wavelength_nm: [980, 9.9e-7]",
        "21:24: physics.wavelength_nm[1]: must be at least 1, got 9.9e-7; looks like metres, write 990",
    ),
    (
        "wavelength_nm: 980",
        "wavelength_nm: [980, 980]",
        "21:24: physics.wavelength_nm[1]: must stand once among the wavelengths, got 980; remove it",
    ),
    (
        "{n: 4.8, k: 0.025}",
        "{table: a-si}",
        "25:22: physics.materials.silicon.table: must name a tabulated material, got 'a-si'; did you mean 'a-Si'?",
    ),
    (
        "{n: 4.8, k: 0.025}",
        "{tabel: a-Si}",
        "25:15: physics.materials.silicon.tabel: is not a known key, got 'tabel'; did you mean 'table'?",
    ),
    (
        "{n: 4.8, k: 0.025}",
        "{table: a-Si, n: 4.8}",
        "25:22: physics.materials.silicon.table: must not stand beside n, got 'a-Si'; keep the table, or n",
    ),
    (
        "{n: 4.8, k: 0.025}",
        "{k: 0.1}",
        "25:14: physics.materials.silicon.n: is missing; add 'n: ...', refractive index; "
        "or name a table instead, as in {table: a-Si}",
    ),
    (
        "wavelength_nm: 980\n  pixel_nm: 31.25\n  materials:\n    air: {n: 1}\n    silicon: {n: 4.8, k: 0.025}",
        "wavelength_nm: [500, 98000]\n  pixel_nm: 31.25\n  materials:\n    air: {n: 1}\n    silicon: {table: a-Si}",
        "21:24: physics.wavelength_nm[1]: must lie between 248 and 2066, where 'silicon' is tabulated, got 98000; "
        "choose another wavelength, or give n and k of 'silicon'",
    ),
    (
        "property: total",
        "incidence: {polar_deg: 95}",
        "32:26: physics.incidence.polar_deg: must be at most 89.999, got 95; the default is 0",
    ),
    (
        "property: total",
        "incidence: {polar: 10}",
        "32:15: physics.incidence.polar: is not a known key, got 'polar'; did you mean 'polar_deg'?",
    ),
    (
        "property: total",
        "polarization: unpolarized",
        "32:17: physics.polarization: must be one of 'unpolarised', 's', 'p', got 'unpolarized'; "
        "did you mean 'unpolarised'?",
    ),
    (
        "solver: transfer",
        "factorization: Li",
        "35:20: physics.numerics.factorization: must be one of 'laurent', 'li', got 'Li'; did you mean 'li'?",
    ),
    (
        "solver: transfer",
        "accuracy: 1",
        "35:15: physics.numerics.accuracy: must be at most 0.01, got 1; the default is 1e-09",
    ),
    (
        "labels: {count: 600}",
        "labels: {count: 600, truncation_sample: -1}",
        "36:41: labels.truncation_sample: must be at least 0, got -1; write 1",
    ),
    (
        "labels: {count: 600}",
        "labels: {count: 600, truncation_orders: {data-i: 3, data-ii: 9}}",
        "36:50: labels.truncation_orders.data-i: must exceed the orders of the labels, 4 for data set 'data-i', got 3; "
        "write 6, or remove it",
    ),
    (
        "targets: [0.55, 0.65]",
        "targets: [0.55, -0.65]",
        "43:17: targets[1]: must be greater than 0, got -0.65; write 0.65",
    ),
    (
        "targets: [0.55, 0.65]",
        "targets: [1.0]",
        "43:11: targets[0]: must be less than 1, got 1.0; write a number less than 1",
    ),
    # parts that no package brings
    (
        "physics:\n",
        "physics:\n  kind: rcwaa\n",
        "21:9: physics.kind: must be 'rcwa', got 'rcwaa'; did you mean 'rcwa'?",
    ),
    (
        "  - pca-mdn",
        "  - {kind: nowhere}",
        f"40:12: methods[1].kind: must be one of {METHODS}, got 'nowhere'; "
        "or install the package that brings 'nowhere'",
    ),
    # rules between values
    (
        "latent: [3, 3]",
        "latent: [2, 2]",
        "4:34: datasets.data-i.latent: must be image_px / 32 in both directions, got [2, 2]; "
        "write [3, 3] or image_px: 64",
    ),
    (
        "image_px: 96",
        "image_px: 100",
        "4:22: datasets.data-i.image_px: must be a multiple of 32, got 100; write 96",
    ),
    (
        "volume_fraction: [0.3, 0.7]",
        "volume_fraction: [0.7, 0.3]",
        "14:22: generator.microstructures.volume_fraction: must be [low, high], got [0.7, 0.3]; write [0.3, 0.7]",
    ),
    (
        "batch_size: 32",
        "batch_size: 33",
        "17:17: generator.training.batch_size: must be a multiple of workers, 2, got 33; write 32",
    ),
    (
        "batch_size: 32",
        "batch_size: 1024",
        "17:17: generator.training.batch_size: must not exceed microstructures.count, 512, got 1024; "
        "write 512 or less, or make more images",
    ),
    (
        "batch_size: 32",
        "frequency_weight: 5",
        "17:23: generator.training.frequency_weight: is of variant matched alone, got variant paper; "
        "write variant: matched, or leave it out",
    ),
    (
        "64\n  microstructures:\n    count: 512\n    volume_fraction: [0.3, 0.7]\n  training:\n",
        "32\n  training:\n    variant: matched\n    frequency_weight: 5\n",
        "14:23: generator.training.frequency_weight: takes images of 64 pixels or more: smaller ones have no second "
        "latent variable, got image_px 32; write a larger image_px, or leave frequency_weight out",
    ),
    (
        "material: silicon",
        "material: silikon",
        "30:63: physics.layers[1].material: must be one of physics.materials, got 'silikon'; did you mean 'silicon'?",
    ),
    (
        "incident: air",
        "incident: silver",
        "27:13: physics.incident: must be a material that does not absorb (k 0, n at least 0.01), "
        "got 'silver' of n 0.04, k 6.9; light comes from there, name air or glass",
    ),
    (
        "name: film",
        "name: etch",
        "30:26: physics.layers[1].name: must differ from the layers above, got 'etch'; rename the layer",
    ),
    (
        "property: total",
        "property: films",
        "32:13: physics.property: must be 'total', 'reflection', 'transmission' or the name of a layer, got 'films'; "
        "did you mean 'film'?",
    ),
    (
        "solver: transfer",
        "solver: preconditioned\n    factorization: li",
        "35:13: physics.numerics.solver: 'preconditioned' takes factorization: laurent, got factorization: li; "
        "write solver: auto",
    ),
    (
        "data-ii: 3}",
        "data-2: 3}",
        "34:13: physics.numerics.orders.data-ii: is missing, orders must name each data set; "
        "did you mean it by 'data-2'?",
    ),
    (
        "labels: {count: 600}",
        "labels: {count: 36}",
        "37:19: mdn.batch_size: must not exceed the 32 labels left for training, got 64; "
        "write 32 or less, or a larger labels.count\n"
        "41:44: methods[2].initial: must not exceed labels.count, 36, got 40; write 36 or less\n"
        "42:65: tune.batch_size[1]: must not exceed the 32 labels left for training, got 64; "
        "write 32 or less, or a larger labels.count",
    ),
    (
        "  - gan-mdn\n",
        "",
        "41:7: tune: needs 'gan-mdn' among the methods, whose MDN it tunes, got pca-mdn, bayesian-optimization; "
        "add gan-mdn to methods or remove tune",
    ),
    (
        "targets: [0.55, 0.65]",
        "targets: [0.55, 0.55]",
        "43:17: targets[1]: must stand once among the targets, got 0.55; remove it",
    ),
    # files
    (
        "  - pca-mdn",
        "  - {kind: authors-mdn, weights: $GANMDN_NOWHERE/x.h5}",
        "40:34: methods[1].weights: must not use the variable GANMDN_NOWHERE, which is not set, "
        "got '$GANMDN_NOWHERE/x.h5'; export GANMDN_NOWHERE=... or write ${GANMDN_NOWHERE:-default}",
    ),
    # YAML itself
    (
        "seed: 7",
        "\tseed: 7",
        "2:1: (file): must be valid YAML: found character '\\t' that cannot start any token while scanning for "
        "the next token; indent with spaces, not tabs",
    ),
    (
        "[3, 3]",
        "[3, 3",
        "4:39: (file): must be valid YAML: expected ',' or ']', but got '}' while parsing a flow sequence; "
        "close the bracket opened at 4:34",
    ),
    ("seed: 7", "seed: !!int many", "2:7: seed: must fit its tag, got 'many'; write the value alone"),
    ("seed: 7", "seed: !own 7", "2:7: seed: must not have a tag, got !own; write the value alone"),
    (
        "seed: 7",
        "<<: 7",
        "2:1: <<: must not be used, YAML 1.2 has no merge; write 'include: FILE' or the keys themselves",
    ),
    (
        "seed: 7",
        "seed: &seed [*seed]",
        "2:7: seed[0]: must not contain itself, got an alias; write the value out",
    ),
    ("seed: 7", "seed: 1_000", "2:7: seed: must be a whole number, got '1_000'; write 1000"),
    ("seed: 7", "seed: 1 000", "2:7: seed: must be a whole number, got '1 000'; write 1000"),
    (
        "seed: 7",
        "seed: 1,000",
        "2:7: seed: must be a whole number, got '1,000'; write 1000, or a point before decimals",
    ),
    ("seed: 7", "seed: 1:30", "2:7: seed: must be a whole number, got '1:30'; the default is 2020"),
    ("seed: 7", f"seed: {'9' * 401}", "2:7: seed: must have fewer digits; write a smaller number"),
    ("seed: 7", "seed:\u00a07", "2:6: (file): must not hold a no-break space (U+00A0); write plain spaces"),
    ("seed: 7", "seed: 7\u00a0", "2:8: seed: must not hold a no-break space (U+00A0); write plain spaces"),
    ("seed: 7", "seed: \u202f7", "2:7: seed: must not hold a narrow no-break space (U+202F); write plain spaces"),
    (
        "    latent: [2, 2]",
        "\u00a0\u00a0\u00a0\u00a0latent: [2, 2]",
        "7:1: latent: must not hold a no-break space (U+00A0); write plain spaces",
    ),
    (
        "latent: {low: -1, high: 1}",
        "latent:\n\u00a0 low: -1",
        "9:1: low: must not hold a no-break space (U+00A0); write plain spaces",
    ),
    ("seed: 7", f"seed: {'[' * 3000}", "2:66: (file): must not nest deeper than 60 levels; remove brackets"),
    (
        "seed: 7",
        "\x07seed: 7",
        "2:1: (file): must be printable text, got the character U+0007; delete the character",
    ),
    (
        "seed: 7",
        "seed: \x07",
        "2:7: (file): must be printable text, got the character U+0007; delete the character",
    ),
]


def write(folder: Path, text: str, name: str = "spec.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, so that messages name files shortly."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANMDN_NOWHERE", raising=False)
    return tmp_path


def refused(path: str | Path = "spec.yaml") -> str:
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert str(caught.value) == format_problems(caught.value.problems)
    return str(caught.value)


def test_valid_spec_loads_with_every_block(in_folder: Path) -> None:
    loaded = load_spec(write(in_folder, VALID))

    assert isinstance(loaded, LoadedSpec)
    assert loaded.text == VALID
    assert loaded.sources == (in_folder / "spec.yaml",)
    spec = loaded.spec
    assert isinstance(spec.generator, TrainedGenerator)
    assert spec.generator.microstructures.volume_fraction.high == 0.7
    assert isinstance(spec.physics.layers[0], PatternLayerBlock)
    assert spec.physics.orders_of("data-ii") == 3
    assert [type(method) for method in spec.methods][::2] == [GanMdnBlock, BayesianOptimizationBlock]
    assert spec.tune is not None
    assert spec.tune.learning_rate.low == 1e-3
    assert [target.number for target in spec.targets] == [0.55, 0.65]


@pytest.mark.parametrize(("old", "new", "lines"), MISTAKES, ids=[row[1][:40] or f"no {row[0]}" for row in MISTAKES])
def test_mistake_is_told(in_folder: Path, old: str, new: str, lines: str) -> None:
    assert VALID.count(old) >= 1
    write(in_folder, VALID.replace(old, new, 1))

    assert refused() == "\n".join(f"spec.yaml:{line}" for line in lines.splitlines())


def test_numbers_of_yaml_1_2_are_numbers(in_folder: Path) -> None:
    text = VALID.replace("seed: 7", "seed: 1e3").replace("[1e-3, 1e-2]", "[9.8e-7, 1e0]")

    spec = load_spec(write(in_folder, text)).spec

    assert spec.seed == 1000
    assert spec.tune is not None
    assert spec.tune.learning_rate.low == 9.8e-7


def test_all_mistakes_are_told_at_once_in_file_order_and_nothing_is_written(in_folder: Path) -> None:
    text = VALID
    for old, new in (
        ("seed: 7", "sede: 7"),
        ("latent: [2, 2]", "latent: [2, 3]"),
        ("kind: random", "kind: vgg"),
        ("wavelength_nm: 980", "wavelength_nm: 9.8e-7"),
        ("  substrate: silver\n", ""),
        ("targets: [0.55, 0.65]", "targets: [0.55, high]"),
    ):
        text = text.replace(old, new, 1)
    write(in_folder, text)

    assert refused().splitlines() == [
        "spec.yaml:2:1: sede: is not a known key, got 'sede'; did you mean 'seed'?",
        "spec.yaml:7:13: datasets.data-ii.latent: must be image_px / 32 in both directions, got [2, 3]; write [2, 2]",
        "spec.yaml:19:22: generator.training.features.kind: must be one of 'random', 'vgg16', got 'vgg'; "
        "did you mean 'vgg16'?",
        "spec.yaml:20:1: physics.substrate: is missing; "
        "add 'substrate: ...', material of the half space below the stack",
        "spec.yaml:21:18: physics.wavelength_nm: must be at least 1, got 9.8e-7; looks like metres, write 980",
        "spec.yaml:42:17: targets[1]: must be a number, got 'high'; write a number alone",
    ]
    assert [path.name for path in in_folder.iterdir()] == ["spec.yaml"]


def test_problems_as_json_hold_what_the_lines_say(in_folder: Path) -> None:
    write(in_folder, VALID.replace("seed: 7", "sede: 7"))
    with pytest.raises(SpecError) as caught:
        load_spec("spec.yaml")

    assert caught.value.problems == [
        Problem("spec.yaml", 2, 1, "sede", "is not a known key", "'sede'", "did you mean 'seed'?")
    ]
    assert json.loads(format_problems(caught.value.problems, style="json")) == [
        {
            "file": "spec.yaml",
            "line": 2,
            "column": 1,
            "key": "sede",
            "rule": "is not a known key",
            "value": "'sede'",
            "fix": "did you mean 'seed'?",
        }
    ]


# --- whole files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "1:1: (file): must not be empty; write the keys, or start from a file in specs/"),
        (
            b"# only a comment\n",
            "1:1: (file): must not be empty; write the keys, or start from a file in specs/",
        ),
        (b"- 1\n", "1:1: (top level): must be a mapping, got [1]; write 'key: value' below it"),
        (
            "campaign: caf\u00e9\nseed: \u00fc".encode("latin-1"),
            "1:14: (file): must be UTF-8 text, got byte 0xe9; save the file with the encoding UTF-8",
        ),
        (
            b"campaign: x\n---\ncampaign: y\n",
            "2:1: (file): must be valid YAML: expected a single document in the stream but found another document; "
            "keep one document in a file, remove '---'",
        ),
        (
            b"campaign: 'x\nseed: 7\n",
            "1:11: (file): must be valid YAML: found unexpected end of stream while scanning a quoted scalar; "
            "close the quote opened at 1:11",
        ),
        (
            b"campaign: x\n seed: 7\n",
            "2:6: (file): must be valid YAML: mapping values are not allowed here; "
            "indent the keys of one mapping equally, and quote text that holds ': '",
        ),
    ],
)
def test_file_that_is_no_mapping_is_one_problem(in_folder: Path, content: bytes, line: str) -> None:
    (in_folder / "spec.yaml").write_bytes(content)

    assert refused() == f"spec.yaml:{line}"


def test_byte_order_mark_and_windows_lines_are_read(in_folder: Path) -> None:
    (in_folder / "spec.yaml").write_bytes(b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode())

    assert load_spec("spec.yaml").spec.campaign == "small"


def test_missing_file_names_a_similar_one(in_folder: Path) -> None:
    write(in_folder, VALID, "specs/table1.yaml")

    assert refused("specs/tabel1.yaml") == (
        "specs/tabel1.yaml:1:1: (file): must be a file that exists, got 'specs/tabel1.yaml'; "
        "did you mean 'specs/table1.yaml'?"
    )
    assert refused("nowhere/x.yaml").endswith("; there is no folder 'nowhere'")
    assert refused("quikstart").endswith("; did you mean 'quickstart'?")  # which comes with the package


def test_folder_is_no_spec(in_folder: Path) -> None:
    (in_folder / "specs").mkdir()

    assert refused("specs") == "specs:1:1: (file): must be a file, got 'specs'; it is a folder, name a YAML file in it"


FRAGMENTS = [
    "[",
    "]",
    "{",
    "}",
    ":",
    " ",
    "\n",
    "\t",
    "&a ",
    "*a",
    "!x ",
    "- ",
    "null",
    '"',
    "'",
    "#",
    "|",
    "5",
    "31e92",
]
FRAGMENTS += ["-1", ".nan", "true", "{a: 1}", "kind", "include: x\n", "<<: 1\n", "? ", "!!float q", "---\n", "\x00"]


@pytest.mark.long
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(VALID)), st.integers(0, 20), st.sampled_from(FRAGMENTS))
def test_damaged_text_is_refused_in_our_words_or_read(in_folder: Path, start: int, cut: int, fragment: str) -> None:
    write(in_folder, VALID[:start] + fragment + VALID[start + cut :])
    try:
        assert load_spec("spec.yaml").spec.campaign
    except SpecError as error:
        for problem in error.problems:
            assert problem.line >= 1
            assert problem.column >= 1
            assert "campaign schema" not in problem.fix  # the words for an error that advice.py does not know


# --- include ----------------------------------------------------------------------------------------------------

PHYSICS = "".join(line[2:] for line in VALID.splitlines(keepends=True)[20:35])


def including(block: str) -> str:
    lines = VALID.splitlines(keepends=True)
    return "".join([*lines[:19], block, *lines[35:]])


def test_include_is_merged_below_its_siblings(in_folder: Path) -> None:
    write(in_folder, PHYSICS, "physics/film.yaml")
    write(in_folder, including("physics: {include: physics/film.yaml, numerics: {orders: 2}}\n"), "specs/a.yaml")
    write(in_folder, "include: ../physics/film.yaml\npixel_nm: 40\n", "specs/physics/film.yaml")
    write(in_folder, PHYSICS, "specs/physics/physics/film.yaml")
    (in_folder / "specs" / "physics" / "film.yaml").write_text(
        "include: physics/film.yaml\npixel_nm: 40\n", encoding="utf-8"
    )

    loaded = load_spec("specs/a.yaml")

    assert loaded.spec.physics.numerics.orders == 2
    assert loaded.spec.physics.numerics.solver == "transfer"
    assert loaded.spec.physics.pixel_nm == 40
    assert loaded.spec.physics.wavelength_nm == 980
    assert list(map(str, loaded.sources)) == [
        "specs/a.yaml",
        "specs/physics/film.yaml",
        "specs/physics/physics/film.yaml",
    ]
    assert loaded.text == (in_folder / "specs" / "a.yaml").read_text(encoding="utf-8")


def test_mistake_in_an_included_file_is_told_there(in_folder: Path) -> None:
    write(in_folder, PHYSICS.replace("980", "-980").replace("property:", "proprety:"), "film.yaml")
    write(in_folder, including("physics:\n  include: film.yaml\n  numerics: {orders: 0}\n"))

    assert refused().splitlines() == [
        "spec.yaml:22:22: physics.numerics.orders: must be at least 1, got 0; write a number at least 1",
        "film.yaml:1:16: physics.wavelength_nm: must be at least 1, got -980; write 980",
        "film.yaml:12:1: physics.proprety: is not a known key, got 'proprety'; did you mean 'property'?",
    ]


def test_another_kind_replaces_the_included_one(in_folder: Path) -> None:
    write(in_folder, "kind: train\nimage_px: 64\n", "generator.yaml")
    write(in_folder, "", "weights.pickle")
    lines = VALID.splitlines(keepends=True)
    block = "generator: {include: generator.yaml, kind: authors, weights: weights.pickle}\n"
    write(in_folder, "".join([*lines[:8], block, *lines[19:]]))

    assert load_spec("spec.yaml").spec.generator == AuthorsGenerator(
        kind="authors", weights=in_folder / "weights.pickle"
    )


def test_include_in_a_circle_names_the_chain(in_folder: Path) -> None:
    write(in_folder, including("physics: {include: a.yaml}\n"))
    write(in_folder, "include: b.yaml\n", "a.yaml")
    write(in_folder, "pixel_nm: 1\ninclude: a.yaml\n", "b.yaml")

    assert refused() == (
        "b.yaml:2:10: physics.include: must not lead back to a file that includes it, "
        "got spec.yaml -> a.yaml -> b.yaml -> a.yaml; remove one include"
    )


@pytest.mark.parametrize(
    ("include", "line"),
    [
        (
            "nowhere.yaml",
            "physics.include: must be a file that exists, got 'nowhere.yaml'; correct the path",
        ),
        ("[a, b]", "physics.include: must be the path of a YAML file, got ['a', 'b']; write one path"),
        (
            "$GANMDN_NOWHERE/a.yaml",
            "physics.include: must not use the variable GANMDN_NOWHERE, which is not set, "
            "got '$GANMDN_NOWHERE/a.yaml'; export GANMDN_NOWHERE=... or write ${GANMDN_NOWHERE:-default}",
        ),
    ],
)
def test_broken_include_is_one_problem(in_folder: Path, include: str, line: str) -> None:
    write(in_folder, including(f"physics:\n  include: {include}\n"))

    assert refused() == f"spec.yaml:21:12: {line}"


def test_included_list_is_refused_where_it_stands(in_folder: Path) -> None:
    write(in_folder, "- 1\n", "list.yaml")
    write(in_folder, including("physics: {include: list.yaml}\n"))

    assert refused() == (
        "list.yaml:1:1: physics.include: must name a file that holds a mapping, got [1]; "
        "write 'key: value' lines in the included file"
    )


# --- paths ------------------------------------------------------------------------------------------------------


def with_weights(path: str) -> str:
    lines = VALID.splitlines(keepends=True)
    return "".join([*lines[:8], f"generator: {{kind: authors, weights: {path}}}\n", *lines[19:]])


def weights_of(loaded: LoadedSpec) -> Path:
    assert isinstance(loaded.spec.generator, AuthorsGenerator)
    return loaded.spec.generator.weights


def test_paths_start_from_the_file_that_names_them(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = write(in_folder, "", "data/weights.pickle")
    write(in_folder, with_weights("../data/weights.pickle"), "specs/a.yaml")
    write(in_folder, with_weights(str(weights)), "specs/b.yaml")
    write(in_folder, with_weights('"${GANMDN_DATA:-../data}/weights.pickle"'), "specs/c.yaml")
    write(in_folder, with_weights("$GANMDN_DATA/weights.pickle"), "specs/d.yaml")
    write(in_folder, with_weights("~/data/weights.pickle"), "specs/e.yaml")
    monkeypatch.setenv("HOME", str(in_folder))
    monkeypatch.delenv("GANMDN_DATA", raising=False)

    assert weights_of(load_spec("specs/a.yaml")) == weights
    assert weights_of(load_spec("specs/b.yaml")) == weights
    assert weights_of(load_spec("specs/c.yaml")) == weights
    monkeypatch.setenv("GANMDN_DATA", str(in_folder / "data"))
    assert weights_of(load_spec("specs/c.yaml")) == weights
    assert weights_of(load_spec("specs/d.yaml")) == weights
    assert weights_of(load_spec("specs/e.yaml")) == weights


def test_absent_file_is_told_with_the_place_looked_at(in_folder: Path) -> None:
    (in_folder / "folder").mkdir()
    write(in_folder, with_weights("no.pickle"), "a.yaml")
    write(in_folder, with_weights('"${GANMDN_DATA:-data}/no.pickle"'), "b.yaml")
    write(in_folder, with_weights("folder"), "c.yaml")
    write(in_folder, with_weights("5"), "d.yaml")

    assert refused("a.yaml") == (
        "a.yaml:9:37: generator.weights: must be a file that exists, got 'no.pickle'; "
        f"there is no {in_folder}/no.pickle, correct the path"
    )
    assert refused("b.yaml") == (
        "b.yaml:9:37: generator.weights: must be a file that exists, got '${GANMDN_DATA:-data}/no.pickle'; "
        f"there is no {in_folder}/data/no.pickle, correct the path or set GANMDN_DATA"
    )
    assert refused("c.yaml") == (
        f"c.yaml:9:37: generator.weights: must be a file, got 'folder'; {in_folder}/folder is a folder, "
        "name a file in it"
    )
    assert refused("d.yaml") == "d.yaml:9:37: generator.weights: must be a path, got 5; write the name of a file"


# --- cost -------------------------------------------------------------------------------------------------------


def test_loading_is_quick(in_folder: Path) -> None:
    path = write(in_folder, VALID)
    load_spec(path)
    started = time.process_time()
    load_spec(path)

    assert time.process_time() - started < 0.1


def test_there_are_plenty_of_seeded_mistakes() -> None:
    assert len(MISTAKES) >= 80
