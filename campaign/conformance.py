"""Checks that a part of one's own keeps the promises that campaigns rest on: by reading it, and by trying it.

    from campaign.conformance import check_plugin

    def test_my_part() -> None:
        check_plugin("campaign.inverse_models", "nearest-neighbour", options={"neighbours": 3})

A broken promise is an ``AssertionError`` that says which.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from campaign.plan.fingerprint import code_behind
from campaign.spec.entry_points import (
    BASES,
    BLOCKS,
    BUILT_IN,
    INVERSE_MODELS,
    OPTIMIZERS,
    SIMULATORS,
    find_plugin,
    provider_of,
)
from campaign.spec.plugin import LabelledImages, OptimizerConfig, PluginConfig, SimulatorConfig, implementation_of
from campaign.stages.simulator import PluggedSimulator

HEAVY = ("torch", "ray", "zarr", "ax", "matplotlib", "sklearn")  # what reading a spec must not load
IMAGE_PX, LATENT, LABELS = 32, (1, 1), 24
TARGET, COUNT = 0.5, 3


def check_plugin(group: str, kind: str, options: Mapping[str, Any] | None = None) -> None:
    """Check an installed part whole.

    Parameters
    ----------
    group
        ``campaign.simulators``, ``campaign.inverse_models`` or ``campaign.optimizers``.
    kind
        The name of its entry point.
    options
        Fields of its block that have no default, or that are to be tried.

    Raises
    ------
    AssertionError
        It does not keep a promise; the text says which.
    """
    assert group in BASES, f"group must be one of {', '.join(BASES)}, got {group!r}"
    assert kind not in BUILT_IN[BLOCKS[group]], f"{kind!r} is the project's own; choose another name"
    plugin = find_plugin(BLOCKS[group], kind)
    assert plugin is not None, f"no installed package offers {kind!r} in {group}"
    assert plugin.group == group, f"{kind!r} is offered in {plugin.group}, not in {group}"
    config = check_config(plugin.config_type(), options)
    _check_import_is_light(plugin.reference.partition(":")[0])
    check_implementation(group, config)


def check_config(config_type: type[PluginConfig], options: Mapping[str, Any] | None = None) -> PluginConfig:
    """Check a configuration class: strict, frozen, the same after JSON, its code found; returns it."""
    kind = config_type.model_fields["kind"].annotation.__args__[0]  # type: ignore[union-attr]
    data = {"kind": kind, **(options or {})}
    config = config_type.model_validate(data)
    stored = json.loads(json.dumps(config.model_dump(mode="json")))
    assert config_type.model_validate(stored) == config, "a block must be the same after it was stored as JSON"
    assert _refuses(lambda: config_type.model_validate({**data, "not-a-key-of-it": 1})), "unknown keys must be refused"
    assert _refuses(lambda: setattr(config, "kind", kind)), "a block must be frozen"
    provider = provider_of(config)
    found = code_behind(*provider.modules, science=provider.roots)
    assert set(provider.modules) <= set(found), "the source of its modules must be readable, for the key"
    return config


def _refuses(attempt: Callable[[], Any]) -> bool:
    try:
        attempt()
    except ValidationError:
        return True
    return False


def _check_import_is_light(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, f"{module} must be importable alone: {done.stderr.strip()}"
    assert done.stdout.strip() == "[]", f"{module} is imported for every plan and must not load {done.stdout.strip()}"


def check_implementation(group: str, config: PluginConfig) -> None:
    """Try what does the work, on little and seeded data."""
    {SIMULATORS: _check_simulator, INVERSE_MODELS: _check_inverse_model, OPTIMIZERS: _check_optimizer}[group](config)


def _check_simulator(config: PluginConfig) -> None:
    assert isinstance(config, SimulatorConfig)
    names = tuple(each.name for each in config.properties())
    assert names, "a simulator must name what it returns"
    simulator = PluggedSimulator(config.implementation, config.options(), IMAGE_PX, names)
    images = _labels().image
    before = images.copy()
    values = [simulator.row(image)["y"] for image in images]
    assert np.isfinite(values).any(), "a simulator must solve some of the images of random halves of white"
    assert np.array_equal(images, before), "a simulator must leave its image as it was"
    elsewhere = pickle.loads(pickle.dumps(simulator))
    again = [elsewhere.row(image)["y"] for image in images[::-1]][::-1]
    assert np.array_equal(values, again, equal_nan=True), "the same image must give the same y in any order"


def _check_inverse_model(config: PluginConfig) -> None:
    kind, labels, seed = implementation_of(config.implementation), _labels(), np.random.SeedSequence(1)
    options = config.options()
    model = kind.fit(options, labels, _generate, seed)
    designs = model.design(TARGET, COUNT, np.random.SeedSequence(2))
    side = labels.image.shape[1]
    assert designs.images.shape == (COUNT, side, side), f"design() must give {COUNT} images of {side} pixels a side"
    with tempfile.TemporaryDirectory(prefix="campaign-conformance-") as folder:
        model.save(Path(folder))
        read = kind.load(Path(folder), _generate)
    again = kind.fit(options, labels, _generate, seed).design(TARGET, COUNT, np.random.SeedSequence(2))
    for other, what in ((read, "saved and loaded"), (None, "fitted again")):
        images = (other.design(TARGET, COUNT, np.random.SeedSequence(2)) if other is not None else again).images
        assert np.array_equal(images, designs.images), f"a model that was {what} must make the same designs"


def _check_optimizer(config: PluginConfig) -> None:
    assert isinstance(config, OptimizerConfig)
    suggest, labels = implementation_of(config.implementation), _labels()
    z, y = labels.z.reshape(LABELS, -1), labels.y.copy()
    y[0] = np.nan  # a simulation that failed
    for count in (1, COUNT):
        question = (z.copy(), y.copy(), TARGET, count, np.random.SeedSequence(3), -1.0, 1.0)
        first, again = (np.asarray(suggest(*question, **config.options())) for _ in range(2))
        assert first.shape == (count, z.shape[1]), f"suggest() must give ({count}, {z.shape[1]}), got {first.shape}"
        assert np.isfinite(first).all(), "suggestions must be finite"
        assert (np.abs(first) <= 1).all(), "suggestions must lie within low and high"
        assert np.array_equal(first, again), "the same question must have the same answer"
        assert np.array_equal(question[0], z), "suggest() must leave its arguments as they were"


def _labels() -> LabelledImages:
    """Images whose property is their share of white, which their latent says."""
    random = np.random.default_rng(0)
    z = random.uniform(-1, 1, (LABELS, *LATENT)).astype(np.float32)
    images = _generate(z)
    return LabelledImages(images.mean(axis=(1, 2)), z, images)


def _generate(z: np.ndarray) -> np.ndarray:
    """Stripes: the larger z, the wider the white."""
    columns = np.arange(IMAGE_PX) / IMAGE_PX
    share = (z.reshape(len(z), -1).mean(axis=1) + 1) / 2
    stripes = columns[None, None, :] < share[:, None, None]
    return np.broadcast_to(stripes, (len(z), IMAGE_PX, IMAGE_PX)).astype(np.uint8)
