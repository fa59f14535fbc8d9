"""A campaign with repeats after the same without: only the further repeats are computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command import campaign

from campaign.record.events import read_events
from results.table.json_form import from_json

MARK = "@repeat-2"
VERIFIED = {"kind": "gan-mdn", "name": "gan-mdn-2", "verify": {"simulations_per_design": 2}}


@pytest.mark.long
def test_further_repeats_are_all_that_is_computed(submit: Callable[..., Path]) -> None:
    asked = {"methods": ["gan-mdn", VERIFIED, "nearest-labels"], "labels": {"count": 40, "truncation_sample": 4}}
    once, twice = (submit(**asked, repeats=repeats) for repeats in (1, 2))
    ended = {event["stage"]: event["state"] for event in read_events(twice) if event["event"] == "stage-ended"}
    assert {stage for stage, state in ended.items() if state == "done"} == {
        *(f"{kind}/gan-mdn/data-ii{MARK}" for kind in ("model", "designs", "verification")),
        *(f"{kind}/gan-mdn-2/data-ii{MARK}" for kind in ("refinement", "verification")),
    }
    assert (twice / "stages" / f"verification/gan-mdn/data-ii{MARK}" / "designs.zarr").is_dir()
    before, after = (from_json((folder / "tables" / "table1.json").read_text()).rows for folder in (once, twice))
    for first, both in zip(before, after, strict=True):
        is_repeated = both.method != "nearest-labels"
        assert both.seeds == ((1, 2) if is_repeated else (1,))
        assert both.repeat_reps[0] == first.mean_rep
        assert (both.spread_rep is not None) == is_repeated
    assert "spread" in (twice / "tables" / "table1.md").read_text()
    assert "spread" not in (once / "tables" / "table1.md").read_text()
    assert f"verification/gan-mdn-2/data-ii{MARK}" in campaign("status", twice).stdout
