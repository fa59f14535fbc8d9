"""``targets`` of a spec: values, ranges and several numbers as they are written, and what is refused, and where."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from campaign.spec.campaign import Spec
from campaign.spec.load import SpecError, load_spec
from ganmdn.targets import Target

MakeSpec = Callable[..., Spec]
TWO = {"physics.property": ["reflection", "film"], "methods": ["gan-mdn"]}


def test_values_and_ranges_of_one_property(make_spec: MakeSpec) -> None:
    spec = make_spec(targets=[0.6, {"at_least": 0.9}, {"at_most": 0.1}, {"between": [0.4, 0.6]}])
    assert spec.targets == tuple(map(Target.parse, ("0.6", "0.9..", "..0.1", "0.4..0.6")))
    assert Spec.model_validate(json.loads(spec.model_dump_json())) == spec


def test_several_properties_have_a_target_each(make_spec: MakeSpec) -> None:
    spec = make_spec(**TWO, targets=[[0.3, {"at_least": 0.5}]])
    assert spec.targets == (Target.parse("0.3,0.5.."),)
    assert spec.property_names == ("reflection", "absorption of film")
    stored = json.loads(spec.model_dump_json())
    assert stored["targets"] == [[0.3, {"at_least": 0.5}]]
    assert Spec.model_validate(stored) == spec


def test_one_value_is_stored_as_a_number(make_spec: MakeSpec) -> None:
    assert json.loads(make_spec(targets=[0.6, [0.7]]).model_dump_json())["targets"] == [0.6, 0.7]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": [[0.3, 0.4]]}, r"targets.0 must name 1 number or range, got 2; y is absorption: write it alone"),
        (
            TWO | {"targets": [0.3]},
            r"targets.0 must name 2 numbers or ranges, got 1; y is reflection, absorption of film",
        ),
        ({"targets": [0.6, {"between": [0.4, 0.6]}, {"between": [0.4, 0.6]}]}, r"targets.2 must stand once"),
        (
            {"physics.property": ["reflection", "film", "reflection"]},
            r"property.2 must stand once among the properties",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make_spec: MakeSpec, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make_spec(**changes)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("1.2", "targets[0]: must be less than 1, got 1.2"),
        ("{at_least: 1.2}", "targets[0].at_least: must be less than 1, got 1.2"),
        ("{at_leat: 0.2}", "targets[0].at_leat: is not a known key, got 'at_leat'; did you mean 'at_least'?"),
        ("{between: [0.5, 0.4]}", "targets[0].between: must be [low, high], got [0.5, 0.4]; write [0.4, 0.5]"),
        ("{at_least: 0.2, at_most: 0.3}", "targets[0]: must be at_least, at_most or between, got at_least and at_most"),
        ("[0.2, {at_most: 0}]", "targets[0][1].at_most: must be greater than 0, got 0"),
        ("'0.3'", "targets[0]: must be a number, got '0.3'; remove the quotes"),
    ],
)
def test_slips_are_told_at_their_place(tmp_path: Path, small: dict[str, Any], target: str, told: str) -> None:
    path = tmp_path / "spec.yaml"
    text = yaml.safe_dump({key: value for key, value in small.items() if key != "targets"})
    path.write_text(f"{text}targets:\n  - {target}\n")
    with pytest.raises(SpecError) as refused:
        load_spec(path)
    assert told in str(refused.value)
    assert {problem.line for problem in refused.value.problems} == {len(text.splitlines()) + 2}


def test_a_method_of_one_number_is_refused_for_more(make_spec: MakeSpec, tmp_path: Path) -> None:
    (tmp_path / "weights.h5").touch()
    entry = {"kind": "authors-mdn", "weights": str(tmp_path / "weights.h5"), "datasets": ["data-ii"]}
    assert make_spec(methods=["gan-mdn", entry]).methods[1].kind == "authors-mdn"
    with pytest.raises(ValidationError, match=r"methods\.1 must be left out where targets are ranges or several"):
        make_spec(methods=["gan-mdn", entry], targets=[{"at_least": 0.6}])
