"""Rows as CSV and back."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from ganmdn.targets import Target
from results.table.csv_form import from_csv, to_csv
from results.table.reach import Reach, TargetReach
from results.table.rows import TableRow
from results.table.truncation import TruncationError

REACH = Reach(
    "data-ii",
    60,
    (0.5,),
    (0.7,),
    (0.03,),
    (TargetReach(Target.of(0.55), 0.1, 0.4, 9.0, 0.3), TargetReach(Target.of(0.6), *[None] * 4)),
    0.4,
)
ERROR = TruncationError(8, 12, 32, 1, -0.001, 0.002, 0.0025, None, 0.03)
WHOLE = TableRow(
    *("data-ii", "gan-mdn", Target.of(0.55), 0.12, 5.0, 3.0, 0.035),
    designs=30,
    failed=2,
    truncation=ERROR,
    reach=REACH,
    seeds=(7, 8, 9),
    repeat_reps=(4.0, None, 6.0),
    labels=59,
    simulations=90,
    label_equivalents=3.5,
    mean_achieved=(0.56,),
    distance=0.3,
    copies=1,
    within_interval=0.9,
    rep_at_tries=(5.0, 2.0),
    mean_rep_interval=(4.5, 5.5),
    average_interval=(4.75, 5.25),
)
SEARCH = TableRow(
    "data-ii", "bayesian-optimization", Target.of(0.6), 0.5, None, None, 911.0, 1, truncation=ERROR, reach=REACH
)
BARE = TableRow("mine", "other", Target.of(0.6), 0.5, 1.0, 1.0, 911.0, 1, published=False)


def test_what_is_written_is_read_back() -> None:
    assert from_csv(to_csv([WHOLE, SEARCH, BARE]), Target.parse) == [WHOLE, SEARCH, BARE]


def test_ranges_and_several_properties_are_read_back() -> None:
    target = Target.parse("0.3,0.9..")
    names = ("mean reflection at 450 and 550 nm", "absorption")
    reach = Reach("mine", 60, (0.2, 0.5), (0.4, 0.9), (0.03, 0.1), (TargetReach(target, 0.1, 0.0, 9.0),), 0.4, names)
    row = replace(WHOLE, dataset="mine", target=target, reach=reach, mean_achieved=(0.3, 0.95), published=False)
    assert from_csv(to_csv([row]), Target.parse) == [row]


def test_it_is_tidy_with_the_paper_beside_its_own_data() -> None:
    first, search, bare = csv.DictReader(io.StringIO(to_csv([WHOLE, SEARCH, BARE])))
    assert (first["dataset"], first["method"], float(first["target"])) == ("data-ii", "gan-mdn", 0.55)
    assert float(first["mean_rep_percent"]) == 5.0
    assert float(first["paper_mean_rep_percent"]) == 16.19
    assert float(first["diversity"]) == pytest.approx(0.75)
    assert (first["oracle_rep_percent"], first["random_label_rep_percent"]) == ("0.4", "9.0")
    assert first["truncation_labels_standard_deviation"] == "0.03"
    assert (search["mean_rep_percent"], search["diversity"]) == ("", "")
    assert bare["paper_seconds"] == ""
    assert (first["repeat_reps_percent"], float(first["spread_rep_percent"])) == ("4.0 - 6.0", pytest.approx(2**0.5))


def test_a_run_whose_property_is_not_the_papers_stays_so() -> None:
    (again,) = from_csv(to_csv([replace(WHOLE, published=False)]), Target.parse)
    assert again.paper is None
