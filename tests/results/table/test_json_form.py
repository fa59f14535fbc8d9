"""The table for programs, held to its schema by a validator that is not ours."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from pydantic import ValidationError

from ganmdn.targets import Target
from results.table.generator import JudgedGenerator
from results.table.json_form import from_json, json_table, json_table_schema, to_json
from results.table.reach import Reach, TargetReach
from results.table.rows import TableRow
from results.table.truncation import TruncationError

REACH = Reach(
    "data-ii",
    60,
    (0.5,),
    (0.7,),
    (0.03,),
    (TargetReach(Target.of(0.55), 0.1, 0.4, 9.0, 0.3), TargetReach(Target.of(0.6), 0, 1, 2)),
    0.4,
)
EMPTY = Reach("data-i", 0, (), (), (), (TargetReach(Target.of(0.55), None, None, None),))
ERROR = TruncationError(8, 12, 32, 1, -0.001, 0.002, 0.0025, 0.004, 0.03)
GENERATOR = JudgedGenerator("data-ii", 300, 5, {"spectral_density": 0.2}, {}, 1.01)
ROWS = [
    TableRow(
        *("data-ii", "gan-mdn", Target.of(0.55), 0.12, 5.0, 3.0, 0.035),
        designs=30,
        failed=2,
        reach=REACH,
        seeds=(7, 8, 9, 10),
        repeat_reps=(4.5, 5.5, None, 5.0),
        mean_rep_interval=(4.0, 6.0),
        average_interval=(4.25, 5.75),
        labels=59,
        simulations=0,
        label_equivalents=0.0,
        distance=0.3,
        rep_at_tries=(5.0, 2.0),
    ),
    TableRow(
        "data-i",
        "bayesian-optimization",
        Target.of(0.55),
        None,
        None,
        None,
        911.0,
        1,
        failed=1,
        reach=EMPTY,
        seeds=(7,),
    ),
]


def test_it_holds_what_its_schema_says() -> None:
    text = to_json(
        json_table(
            ROWS,
            [REACH, EMPTY],
            {"data-ii": ERROR},
            utilisation=0.9,
            wall_seconds=61.5,
            planned_core_seconds=100.0,
            spent_core_seconds=90.5,
            generators=[GENERATOR],
        )
    )
    assert json.loads(text) == {
        "rows": [
            {
                "dataset": "data-ii",
                "method": "gan-mdn",
                "target": 0.55,
                "seeds": [7, 8, 9, 10],
                "min_rep": 0.12,
                "mean_rep": 5.0,
                "std_rep": 3.0,
                "mean_rep_interval": [4.0, 6.0],
                "spread_rep": pytest.approx(0.5),
                "repeat_reps": [4.5, 5.5, None, 5.0],
                "designs": 30,
                "oracle_rep": 0.4,
                "rep_at_tries": {"1": 5.0, "3": 2.0},
                "diversity": pytest.approx(0.75),
                "design_seconds": 0.035,
                "simulations": 0,
                "label_equivalents": 0.0,
                "labels": 59,
                "failed": 2,
            },
            {
                "dataset": "data-i",
                "method": "bayesian-optimization",
                "target": 0.55,
                "seeds": [7],
                "min_rep": None,
                "mean_rep": None,
                "std_rep": None,
                "mean_rep_interval": None,
                "spread_rep": None,
                "repeat_reps": [],
                "designs": 1,
                "oracle_rep": None,
                "rep_at_tries": {},
                "diversity": None,
                "design_seconds": 911.0,
                "simulations": None,
                "label_equivalents": None,
                "labels": None,
                "failed": 1,
            },
        ],
        "averages": [
            {
                "dataset": "data-ii",
                "method": "gan-mdn",
                "min_rep": 0.12,
                "mean_rep": 5.0,
                "mean_rep_interval": [4.25, 5.75],
                "spread_rep": pytest.approx(0.5),
            },
            {
                "dataset": "data-i",
                "method": "bayesian-optimization",
                "min_rep": None,
                "mean_rep": None,
                "mean_rep_interval": None,
                "spread_rep": None,
            },
        ],
        "reach": {
            "data-ii": {
                "properties": [],
                "lowest": 0.5,
                "highest": 0.7,
                "standard_deviation": 0.03,
                "share_within_1_percent": {"0.55": 0.1, "0.6": 0},
                "outside": [],
            },
            "data-i": {
                "properties": [],
                "lowest": None,
                "highest": None,
                "standard_deviation": None,
                "share_within_1_percent": {"0.55": None},
                "outside": [],
            },
        },
        "truncation": {
            "data-ii": {"mean_change": 0.002, "orders": 8, "orders_again": 12},
            "data-i": {"mean_change": None, "orders": None, "orders_again": None},
        },
        "generator": {
            "data-ii": {
                "images": 300,
                "sets": 5,
                "distance": {"spectral_density": 0.2},
                "floor": {},
                "similarity": 1.01,
            }
        },
        "utilisation": 0.9,
        "wall_seconds": 61.5,
        "planned_core_seconds": 100.0,
        "spent_core_seconds": 90.5,
    }
    jsonschema.validate(json.loads(text), json_table_schema())


def test_it_is_read_back() -> None:
    table = json_table(ROWS, [REACH, EMPTY], {})
    assert from_json(to_json(table)) == table
    assert (table.utilisation, table.wall_seconds) == (None, None)


@pytest.mark.parametrize("change", [{"mean_rep": -1}, {"mean_rep": "much"}, {"mean_rep_percent": 1.0}])
def test_what_is_not_of_the_schema_is_refused(change: dict[str, object]) -> None:
    data = json.loads(to_json(json_table(ROWS, [REACH], {})))
    data["rows"][0] |= change
    with pytest.raises(ValidationError, match=r"rows\.0\.mean_rep"):
        from_json(json.dumps(data))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, json_table_schema())


def test_every_field_of_a_row_says_what_it_is() -> None:
    for part in ("JsonRow", "JsonAverage"):
        fields = json_table_schema()["$defs"][part]["properties"]
        assert all(field.get("description") for field in fields.values())


def test_the_schema_lies_in_the_package() -> None:
    shipped = files("results").joinpath("data/table1.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == json_table_schema(), "write json_table_schema() into it again"


def test_the_example_in_the_documents_is_of_the_schema() -> None:
    document = Path(__file__).parents[3] / "docs" / "tables.md"
    (example,) = re.findall(r"```json\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
    assert from_json(example).rows[0].mean_rep == 4.5
    text = document.read_text(encoding="utf-8")
    named = {part: set(json_table_schema()["$defs"][part]["properties"]) for part in ("JsonRow", "JsonAverage")}
    shown = json.loads(example)
    assert named == {"JsonRow": set(shown["rows"][0]), "JsonAverage": set(shown["averages"][0])}
    assert "results/data/table1.schema.json" in text
