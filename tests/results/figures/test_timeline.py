from __future__ import annotations

import numpy as np
import pytest

from results.figures.timeline import MOST_STEPS, Bar, busy_cores, core_timeline

BARS = [Bar("labels/a", 0.0, 10.0, 2.0), Bar("labels/b", 5.0, 20.0, 1.0), Bar("model/a", 30.0, 40.0, 0.5)]


def test_cores_of_all_stages_add_up_over_time() -> None:
    edges, cores = busy_cores(BARS)
    assert list(edges) == [0, 5, 10, 20, 30, 40]
    assert list(cores) == [2, 3, 1, 0, 0.5]
    work = sum(bar.cores * (bar.end - bar.start) for bar in BARS)
    assert np.sum(cores * np.diff(edges)) == pytest.approx(work)


def test_a_stage_that_took_no_time_can_be_drawn() -> None:
    edges, cores = busy_cores([Bar("a", 3.0, 3.0, 0.0)])
    assert (len(edges), list(cores)) == (2, [0])
    core_timeline([Bar("a", 3.0, 3.0, 0.0)], workers=2)


@pytest.mark.parametrize(("factor", "unit"), [(1, "(s)"), (60, "(min)"), (3600, "(h)")])
def test_every_stage_has_a_row_and_time_its_unit(factor: float, unit: str) -> None:
    bars = [Bar(bar.stage, bar.start * factor, bar.end * factor, bar.cores) for bar in BARS]
    above, below = core_timeline(bars, workers=4).axes
    assert [label.get_text() for label in below.get_yticklabels()] == ["labels/a", "labels/b", "model/a"]
    assert below.get_xlabel().endswith(unit)
    assert above.get_ylim()[1] > 4


def test_nothing_at_work_is_refused() -> None:
    with pytest.raises(ValueError, match="core_timeline needs at least one stage at work"):
        core_timeline([], workers=2)


@pytest.mark.long
def test_of_many_stages_and_steps_a_picture_shows_what_it_can_and_loses_no_work() -> None:
    bars = [Bar(f"stage {row % 70}", 2.0 * row, 2.0 * row + 3.0, 1.0 + row % 70) for row in range(700)]
    edges, cores = busy_cores(bars)
    assert len(cores) == MOST_STEPS
    assert np.sum(cores * np.diff(edges)) == pytest.approx(sum(3.0 * bar.cores for bar in bars))
    _, below = core_timeline(bars, workers=4).axes
    assert [label.get_text() for label in below.get_yticklabels()] == [f"stage {row}" for row in range(10, 70)]
    assert below.get_xlabel().endswith("(min); 10 stages that took less have no row")
