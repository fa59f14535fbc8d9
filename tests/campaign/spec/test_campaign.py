"""The models by themselves: what they accept, what they refuse, and that they can be stored and read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from campaign.spec.base import Range
from campaign.spec.campaign import Spec
from campaign.spec.generator import AuthorsGenerator, DataSet, GanTrainingBlock
from campaign.spec.methods import FlowPosteriorBlock, ForwardSearchBlock, GanMdnBlock, MdnTrainingBlock, Tune
from campaign.spec.physics import Physics
from campaign.spec.problems import VIOLATIONS, Violation

PHYSICS: dict[str, Any] = {
    "wavelength_nm": 980,
    "pixel_nm": 31.25,
    "materials": {"air": {"n": 1}, "silicon": {"n": 4.8, "k": 0.025}},
    "incident": "air",
    "layers": [{"kind": "pattern", "name": "etch", "thickness_nm": 70, "white": "air", "black": "silicon"}],
    "substrate": "silicon",
    "numerics": {"orders": 3},
}
SPEC: dict[str, Any] = {
    "campaign": "small",
    "datasets": {"data-ii": {"image_px": 64, "latent": [2, 2]}},
    "generator": {"kind": "authors", "weights": "weights.pickle"},
    "physics": PHYSICS,
    "methods": ["gan-mdn"],
}


def violations(error: pytest.ExceptionInfo[ValidationError]) -> list[Violation]:
    [detail] = error.value.errors()
    assert detail["type"] == VIOLATIONS
    return list(detail["ctx"][VIOLATIONS])


def test_defaults_are_those_of_the_paper() -> None:
    spec = Spec.model_validate(SPEC)

    assert (spec.labels.count, spec.designs_per_target, spec.mdn.components, spec.mdn.width) == (4000, 30, 40, 16)
    assert [target.number for target in spec.targets] == [0.55, 0.60, 0.65, 0.70, 0.75]
    assert (spec.latent.low, spec.latent.high) == (-1, 1)
    assert spec.methods == (GanMdnBlock(kind="gan-mdn", sampling="component"),)


def test_spec_is_the_same_after_json() -> None:
    spec = Spec.model_validate({**SPEC, "tune": {"learning_rate": [1e-3, 1e-2]}})

    assert Spec.model_validate(json.loads(json.dumps(spec.model_dump(mode="json")))) == spec


def test_record_of_a_run_loads_when_its_files_have_gone() -> None:
    generator = Spec.model_validate(SPEC).generator

    assert isinstance(generator, AuthorsGenerator)
    assert generator.weights == Path("weights.pickle")


def test_models_are_frozen() -> None:
    spec = Spec.model_validate(SPEC)
    with pytest.raises(ValidationError, match="frozen"):
        spec.seed = 1  # type: ignore[misc]


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_latent_and_image_agree_exactly_when_the_networks_do(cells: int, rows: int, columns: int) -> None:
    accepted = (rows, columns) == (cells, cells)
    values = {"image_px": 32 * cells, "latent": [rows, columns]}
    if accepted:
        assert DataSet.model_validate(values).latent_dimension == cells**2
    else:
        with pytest.raises(ValidationError):
            DataSet.model_validate(values)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_range_accepts_a_pair_in_order_and_nothing_else(first: float, second: float) -> None:
    if first <= second:
        assert Range.model_validate([first, second]) == Range(low=first, high=second)
    else:
        with pytest.raises(ValidationError):
            Range.model_validate([first, second])


@given(st.integers(2, 64), st.integers(1, 64))
def test_batch_is_accepted_exactly_when_every_worker_gets_an_equal_share(size: int, workers: int) -> None:
    blocks: list[tuple[Any, int, dict[str, str]]] = [
        (GanTrainingBlock, 2, {}),
        (MdnTrainingBlock, 2, {}),
        (FlowPosteriorBlock, 2, {"kind": "flow-posterior"}),
        (ForwardSearchBlock, 1, {"kind": "forward-search"}),  # without batch norm
    ]
    for block, least, kind in blocks:
        if size % workers == 0 and size // workers >= least:
            assert block(batch_size=size, workers=workers, **kind).batch_size == size
        else:
            with pytest.raises(ValidationError):
                block(batch_size=size, workers=workers, **kind)


def test_a_sweep_tries_no_batch_that_the_fit_after_it_could_not_take(small: dict[str, Any]) -> None:
    blocks = {"mdn": {"batch_size": 30, "workers": 3}, "tune": {"batch_size": [30, 32]}}
    with pytest.raises(ValidationError, match=r"tune.batch_size.1 must be a multiple of workers, 3, got 32; write 30"):
        Spec.model_validate(small | blocks)


@pytest.mark.parametrize("value", ["7", True, "seven"])
def test_text_and_switches_are_no_numbers(value: object) -> None:
    with pytest.raises(ValidationError, match="must be a number"):
        Spec.model_validate({**SPEC, "seed": value})


def test_every_broken_rule_of_a_stack_is_told_with_the_value_to_blame() -> None:
    film = {"kind": "film", "name": "etch", "thickness_nm": 5, "material": "silicone"}
    with pytest.raises(ValidationError) as error:
        Physics.model_validate({**PHYSICS, "layers": [film, film], "substrate": "gold", "property": "total-r"})

    assert [violation.at for violation in violations(error)] == [
        ("layers", 0, "material"),
        ("layers", 1, "material"),
        ("substrate",),
        ("layers", 1, "name"),
        ("layers",),
        ("property",),
    ]
    assert str(violations(error)[0]) == ("layers.0.material must be one of physics.materials; did you mean 'silicon'?")


def test_vacuum_without_an_index_is_refused() -> None:
    with pytest.raises(ValidationError, match="must not have n and k both 0; for vacuum write n: 1"):
        Physics.model_validate({**PHYSICS, "materials": {**PHYSICS["materials"], "void": {"n": 0}}})


def test_orders_may_name_more_data_sets_than_a_campaign_has() -> None:
    physics = {**PHYSICS, "numerics": {"orders": {"data-i": 4, "data-ii": 3}}}

    assert Spec.model_validate({**SPEC, "physics": physics}).physics.orders_of("data-ii") == 3


def test_grace_longer_than_the_trial_is_refused() -> None:
    with pytest.raises(ValidationError, match="grace_epochs must not exceed max_epochs, 10, got 20"):
        Tune(max_epochs=10)


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"methods": ["gan-mdn", "gan-mdn"]}, ("methods", 1)),
        ({"methods": ["pca-mdn"], "tune": {}}, ("tune",)),
        ({"targets": [0.6, 0.7, 0.6]}, ("targets", 2)),
        ({"labels": {"count": 100}}, ("mdn", "batch_size")),
        ({"physics": {**PHYSICS, "numerics": {"orders": {"data-i": 4}}}}, ("physics", "numerics", "orders", "data-ii")),
        (
            {"labels": {"count": 200}, "methods": ["gan-mdn", "bayesian-optimization"]},
            ("methods", 1, "initial"),
        ),
        (
            {"methods": ["gan-mdn", {"kind": "composite-optimization", "iterations": 1}], "targets": [0.6, 0.7]},
            ("methods", 1, "iterations"),
        ),
        (
            {"labels": {"count": 200}, "methods": ["gan-mdn", "sobol-search"]},
            ("methods", 1, "initial"),
        ),
        (
            {
                "datasets": {"data-i": {"image_px": 96, "latent": [3, 3]}},
                "methods": [{"kind": "authors-mdn", "weights": "x.h5"}],
            },
            ("methods", 0),
        ),
        (
            {
                "datasets": {"wide": {"image_px": 640, "latent": [20, 20]}},
                "labels": {"count": 300},
                "methods": ["pca-mdn"],
            },
            ("labels", "count"),
        ),
    ],
)
def test_blocks_that_disagree_are_refused(changes: dict[str, Any], at: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as error:
        Spec.model_validate({**SPEC, **changes})

    assert [violation.at for violation in violations(error)] == [at]


@pytest.mark.parametrize(
    ("block", "at"),
    [
        ({"volume_fraction": [0, 0.7]}, "volume_fraction"),
        ({"frequency_mean_per_px": [0.1, 0.6]}, "frequency_mean_per_px"),
        ({"frequency_std_per_px": [0, 0.1]}, "frequency_std_per_px"),
    ],
)
def test_fields_that_pixels_cannot_hold_are_refused(block: dict[str, Any], at: str) -> None:
    with pytest.raises(ValidationError) as error:
        Spec.model_validate({**SPEC, "generator": {"kind": "train", "microstructures": block}})

    assert [violation.at for violation in violations(error)] == [(at,)]
