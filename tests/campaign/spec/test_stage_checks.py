"""What a stage would refuse is refused when the spec is loaded: by the same checks, over whatever a model accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from campaign.plan.optics import optics_of
from campaign.spec.campaign import Spec
from campaign.spec.generator import Microstructures, TrainedGenerator
from campaign.spec.load import SpecError, load_spec
from campaign.spec.methods import Tune
from campaign.stages.simulator import Simulator
from campaign.stages.tuning import search_space
from cluster.tune.search_space import check_space
from ganmdn.density_training import split_labels
from ganmdn.gan import _check_inputs
from ganmdn.gan_config import GanConfig
from ganmdn.mdn_training import MdnTraining
from ganmdn.microstructures import MicrostructureRanges
from ganmdn.session import LocalSession

TINY = Path(__file__).parents[2] / "tiny.yaml"
PATTERN = "{kind: pattern, name: etch, thickness_nm: 71.7, white: air, black: silicon}"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "mdn: {batch_size: 32,",
            "mdn: {batch_size: 1,",
            "21:19: mdn.batch_size: must be at least 2, got 1; the default is 128",
        ),
        (
            "labels: {count: 60,",
            "labels: {count: 35,",
            "21:19: mdn.batch_size: must not exceed the 31 labels left for training, got 32; "
            "write 31 or less, or a larger labels.count",
        ),
        (
            "microstructures: {count: 32}\n  training: {steps: 120, batch_size: 8,",
            "microstructures: {count: 4}\n  training: {steps: 120, batch_size: 4,",
            "8:28: generator.microstructures.count: must be at least 8, the images of a contact sheet, got 4; "
            "write 8 or more",
        ),
        (
            "{count: 32}",
            "{count: 32, frequency_mean_per_px: [0.5, 0.5]}",
            "8:55: generator.microstructures.frequency_mean_per_px: must lie above 0 and below 0.5, the finest wave "
            "that pixels can hold, got [0.5, 0.5]; for example [0.04, 0.10]",
        ),
        (
            "{count: 32}",
            "{count: 32, frequency_std_per_px: [0.6, 0.7]}",
            "8:54: generator.microstructures.frequency_std_per_px: must lie above 0 and below 0.5, the finest wave "
            "that pixels can hold, got [0.6, 0.7]; for example [0.005, 0.02]",
        ),
        (
            f"{PATTERN}\n    - {{kind: film, name: film, thickness_nm: 553.7, material: silicon}}\n"
            "  substrate: mirror\n  numerics: {orders: 1}",
            f"{PATTERN.replace('air', 'mirror')}\n    - {{kind: film, name: film, thickness_nm: 553.7, "
            "material: silicon}\n  substrate: mirror\n  numerics: {orders: 1, solver: preconditioned}",
            "19:33: physics.numerics.solver: 'preconditioned' needs two dielectrics of loss tangents up to 0.3, got "
            "permittivities -1e+04+0j, 23+0.24j; write solver: auto",
        ),
        (
            "numerics: {orders: 1}",
            "numerics: {orders: 40, solver: preconditioned}",
            "19:34: physics.numerics.solver: 'preconditioned' needs a thinner pattern, fewer orders or less accuracy: "
            "evanescent waves decay by exp(12.8) in the pattern, beyond an accuracy of 1e-09, got 'preconditioned'; "
            "write solver: auto",
        ),
        (
            "numerics: {orders: 1}",
            "numerics: {orders: 200}",
            "19:22: physics.numerics.orders: must be at most 100, got 200; write a number at most 100",
        ),
        (
            "silicon: {n: 4.8,",
            "silicon: {n: 1e200,",
            "13:41: physics.materials.silicon.n: must be at most 1000000, got 1e200; write a number at most 1000000",
        ),
        (
            "  incident: air",
            "  incidence: {polar_deg: 89.9999}\n  incident: air",
            "14:26: physics.incidence.polar_deg: must be at most 89.999, got 89.9999; the default is 0",
        ),
        (
            "air: {n: 1}",
            "air: {n: 0.001}",
            "14:13: physics.incident: must be a material that does not absorb (k 0, n at least 0.01), got 'air' of "
            "n 0.001, k 0; light comes from there, name air or glass",
        ),
        (
            "targets: [0.6, 0.7]",
            "tune: {batch_size: [1, 32]}\ntargets: [0.6, 0.7]",
            "25:21: tune.batch_size[0]: must be at least 2, got 1; write a number at least 2",
        ),
        (
            "  - gan-mdn",
            "  - gan-mdn\n  - {kind: flow-posterior, batch_size: 55}",
            "24:40: methods[1].batch_size: must not exceed the 54 labels left for training, got 55; write 54 or less, "
            "or a larger labels.count",
        ),
        (
            "  - gan-mdn",
            "  - gan-mdn\n  - {kind: forward-search, members: 31}",
            "24:37: methods[1].members: must be at most half of labels.count, 60, got 31; write 30 or less, or a "
            "larger labels.count",
        ),
        (
            "  - gan-mdn",
            "  - gan-mdn\n  - {kind: forward-search, cell_px: 5}",
            "24:37: methods[1].cell_px: must divide the 64 pixels of data set 'data-ii' into an even number of cells, "
            "got 5; write 4",
        ),
        (
            "  - gan-mdn",
            "  - gan-mdn\n  - {kind: forward-search, pool: 2, rounds: 0}",
            "27:21: designs_per_target: must not exceed the 2 candidates that 'forward-search' keeps for a target, "
            "got 3; write 2 or less",
        ),
        (
            "{kind: bayesian-optimization, initial: 10, iterations: 4, batch: 2}\ntargets: [0.6, 0.7]\n"
            "designs_per_target: 3",
            "{kind: nearest-labels, name: looked-up}\ntargets: [0.6, 0.7]\ndesigns_per_target: 61",
            "26:21: designs_per_target: must not exceed the 60 labels that 'looked-up' picks from, got 61; write 60 or "
            "less",
        ),
        (
            "  - gan-mdn",
            "  - gan-mdn\n  - gan-mdn",
            "24:5: methods[1]: must stand once among the methods, got 'gan-mdn'; remove it, or give it a name of its "
            "own",
        ),
        (
            "  - gan-mdn",
            "  - gan-mdn\n  - {kind: pca-mdn, name: gan-mdn}",
            "24:27: methods[1].name: must stand once among the methods, got 'gan-mdn'; remove it, or give it a name of "
            "its own",
        ),
        (
            "  - gan-mdn",
            "  - {kind: gan-mdn, name: nearest-labels}",
            "23:27: methods[0].name: must not be the kind of another method, got 'nearest-labels'; write another name",
        ),
        (
            "  - gan-mdn",
            "  - gan-mdn\n  - {kind: gan-mdn, name: again}",
            "24:5: methods[1]: must differ from 'gan-mdn' in more than name and repeats, got 'again'; remove it",
        ),
        (
            "  - gan-mdn",
            "  - gan-mdn\n  - {kind: gan-mdn, name: again, repeats: 2}",
            "24:5: methods[1]: must differ from 'gan-mdn' in more than name and repeats, got 'again'; remove it",
        ),
        (
            "  - gan-mdn",
            "  - {kind: nearest-labels, repeats: 2}",
            "23:37: methods[0].repeats: must be 1 for 'nearest-labels', whose designs are the same with every seed, "
            "got 2; remove it",
        ),
        (
            "  - gan-mdn",
            "  - {kind: gan-mdn, verify: {simulations_per_design: 0}}",
            "23:54: methods[0].verify.simulations_per_design: must be at least 1, got 0; write a number at least 1",
        ),
    ],
)
def test_known_before_anything_runs(tmp_path: Path, old: str, new: str, line: str) -> None:
    text = TINY.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "spec.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec(path)

    assert str(caught.value) == f"{path}:{line}"


def test_an_order_that_grazes_is_simulated(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    text = TINY.read_text(encoding="utf-8").replace("wavelength_nm: 980", "wavelength_nm: 1000")
    path.write_text(text.replace("orders: 1", "orders: 2"), encoding="utf-8")
    spec = load_spec(path).spec
    image = np.zeros((64, 64), np.uint8)
    image[:20, :30] = 1
    found = []
    for wavelength in (1000, 1000 * (1 + 1e-12), 1000 * (1 - 1e-12)):
        physics = spec.physics.model_copy(update={"wavelength_nm": wavelength})
        found.append(Simulator.from_config(optics_of(physics, 2, 64)).row(image))

    assert [row["error_message"] for row in found] == ["", "", ""]
    assert np.ptp([row["y"] for row in found]) < 1e-5


def accepted(model: Any, data: dict[str, Any]) -> Any:
    try:
        return model.model_validate(data)
    except ValidationError:
        return None


def takes(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except ValueError:
        return False
    return True


INTERVALS = st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)).map(sorted)
NAMES = ("frequency_mean_per_px", "frequency_std_per_px", "volume_fraction")


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, INTERVALS)))
def test_ranges_of_microstructures_are_those_that_are_drawn_from(data: dict[str, Any]) -> None:
    block = accepted(Microstructures, data)
    assert (block is not None) == takes(lambda: MicrostructureRanges(**{name: tuple(data[name]) for name in NAMES}))


@given(st.integers(1, 20), st.integers(1, 24), st.integers(1, 4))
def test_a_gan_that_loads_can_be_trained(count: int, batch_size: int, workers: int) -> None:
    training = {"batch_size": batch_size, "workers": workers}
    block = accepted(TrainedGenerator, {"kind": "train", "microstructures": {"count": count}, "training": training})
    if block is not None:
        config = GanConfig.from_mapping(block.training.model_dump())
        _check_inputs(config, np.zeros((count, 128, 128), np.uint8), LocalSession(TINY.parent, world_size=workers))
    elif count >= max(batch_size, 8):
        assert not takes(lambda: GanConfig(**training))


@given(st.integers(1, 60), st.integers(0, 60), st.floats(0.001, 0.999), st.integers(1, 3))
def test_an_mdn_that_loads_can_be_fitted(
    small: dict[str, Any], count: int, batch_size: int, fraction: float, workers: int
) -> None:
    mdn = {"batch_size": batch_size, "validation_fraction": fraction, "workers": workers}
    data = {
        **small,
        "labels": {"count": count},
        "mdn": mdn,
        "methods": ["gan-mdn"],
    }

    def fit() -> None:
        split_labels(count, MdnTraining(**mdn), np.random.default_rng(0))  # type: ignore[arg-type]

    assert (accepted(Spec, data) is not None) == takes(fit)


@given(st.tuples(st.floats(1e-6, 1.0), st.floats(1e-6, 1.0)), st.lists(st.integers(0, 9), max_size=3))
def test_a_sweep_that_loads_has_a_space(rates: tuple[float, float], sizes: list[int]) -> None:
    block = accepted(Tune, {"learning_rate": list(rates), "batch_size": sizes})
    if block is not None:
        check_space(search_space(block))
        assert min(sizes) >= 2
    else:
        assert rates[0] > rates[1] or not sizes or min(sizes) < 2
