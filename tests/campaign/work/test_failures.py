"""What becomes of a unit whose worker died; no Ray, only the decisions."""

from __future__ import annotations

import pytest

from campaign.spec.profile import Limits
from campaign.work.failures import FailureClass, TooManyFailuresError, check_share, treat
from campaign.work.unit import Unit
from campaign.work.watchdog import MEMORY_MARK, Note
from cluster.driver.errors import WorkerLostError

LIMITS = Limits(simulation_s=5, attempts=3)
DIED = WorkerLostError("killed")
HANGING = Note(
    17, 'Timeout (0:00:05)!\nThread 0x01 (most recent call first):\n  File "/a/solver.py", line 31 in solve\n'
)
HUNGRY = Note(17, MEMORY_MARK + "\nTraceback ...")


def test_a_row_that_takes_too_long_is_given_up_at_once() -> None:
    treatment = treat(Unit(0, deaths=2), DIED, HANGING, 32, LIMITS)
    assert treatment.unit == Unit(0)
    assert treatment.quarantine is not None
    assert treatment.quarantine.row == 17
    assert treatment.quarantine.error_class == FailureClass.TIME_LIMIT
    assert treatment.quarantine.message == "took longer than 5 s, in solve (solver.py:31)"


def test_a_batch_that_takes_too_long_goes_on_row_by_row() -> None:
    treatment = treat(Unit(0), DIED, HANGING, 32, LIMITS, together=8)
    assert (treatment.unit, treatment.quarantine) == (Unit(0, deaths=1), None)
    alone = treat(treatment.unit, DIED, HANGING, 32, LIMITS, together=8)
    assert alone.quarantine is not None
    assert treat(Unit(0), DIED, HANGING, 1, LIMITS, together=8).quarantine is not None


def test_a_worker_that_the_driver_had_to_end_counts_as_too_slow() -> None:
    treatment = treat(Unit(0), WorkerLostError("ended", timed_out=True), Note(4), 32, LIMITS)
    assert treatment.quarantine is not None
    assert (treatment.quarantine.row, treatment.quarantine.error_class) == (4, FailureClass.TIME_LIMIT)


@pytest.mark.parametrize("error", [DIED, WorkerLostError("memory monitor", out_of_memory=True)])
def test_too_little_memory_halves_the_chunk_down_to_a_row_alone(error: WorkerLostError) -> None:
    note = HUNGRY if error is DIED else Note(17)
    unit, chunks = Unit(0), []
    for tried in (32, 16, 8, 4, 2):
        unit = treat(unit, error, note, tried, LIMITS).unit
        chunks.append(unit.chunk)
    assert chunks == [16, 8, 4, 2, 1]
    last = treat(unit, error, note, 1, LIMITS)
    assert last.quarantine is not None
    assert (last.quarantine.row, last.quarantine.error_class) == (17, FailureClass.OUT_OF_MEMORY)


def test_a_lost_worker_is_replaced_then_rows_go_one_by_one_then_the_culprit_is_given_up() -> None:
    unit, tried, seen = Unit(0), 32, []
    while (treatment := treat(unit, DIED, Note(17), tried, LIMITS)).quarantine is None:
        unit = treatment.unit
        tried = min(tried, unit.chunk or tried)
        seen.append((unit.chunk, unit.deaths))
    assert seen == [(None, 1), (None, 2), (1, 0), (1, 1), (1, 2)]
    assert treatment.quarantine.error_class == FailureClass.WORKER_LOST
    assert "3 workers died while they simulated it" in treatment.quarantine.message


def test_workers_that_die_before_they_simulate_are_no_simulations_fault() -> None:
    assert treat(Unit(0, deaths=1), DIED, Note(), 32, LIMITS).unit.deaths == 2
    with pytest.raises(WorkerLostError, match="killed"):
        treat(Unit(0, deaths=2), DIED, Note(), 32, LIMITS)


def test_a_store_of_failures_is_given_up() -> None:
    check_share(20, 100, LIMITS)
    with pytest.raises(TooManyFailuresError, match=r"21 of 100 .* more than the 20% that limits.failed_share"):
        check_share(21, 100, LIMITS)
