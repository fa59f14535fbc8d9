"""One run to its end, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from campaign.plan.plan import REPORT_FILE, Plan
from campaign.record.cancel_request import clear_request
from campaign.run.announcer import Listener
from campaign.run.campaign import Campaign
from campaign.run.executor import Executor
from campaign.run.freeze import FrozenRun
from campaign.run.prepare import prepared
from campaign.spec.profile import Profile
from campaign.work.time_budget import TimeBudget


@dataclass(frozen=True)
class FinishedRun:
    """A run that is done."""

    folder: Path
    plan: Plan
    from_cache: bool


def submit(campaign: Campaign, listener: Listener | None = None, *, is_successor: bool = False) -> FinishedRun:
    """Run a campaign to its report, or go on with one that was interrupted.

    Under a Slurm profile ``campaign.slurm.submission.send`` queues it instead.

    Args:
        campaign: what to run.
        listener: is called with every event, for a display.
        is_successor: it goes on in place of a driver that lost its Ray, and what that was asked, it is asked.

    Raises:
        CannotStartError: something keeps it from working here; nothing was written.
        run.CampaignFailedError: stages failed.
        run.RunCancelledError: another process cancelled it; submit again, or resume, to go on.
        run.ClusterGoneError: Ray ended by itself, and will end this process; submit again, from another, to go on.
        frozen.SourceChangedError: source was edited while the run was starting; nothing has run.
        RunBusyError: another process has this run.
        KeyboardInterrupt: stopped by the user; submit again to go on.
    """
    plan = campaign.plan()
    if not is_finished(plan):
        folder = Path(plan.run_folder)
        with prepared(campaign, plan) as frozen:
            if not is_successor:
                clear_request(folder)
            execute(campaign, frozen, folder, campaign.profile, listener)
        return FinishedRun(folder, plan, from_cache=False)
    return FinishedRun(Path(plan.run_folder), plan, from_cache=True)


def is_finished(plan: Plan) -> bool:
    """Whether there is nothing left to do, the report included."""
    return plan.is_cached and (Path(plan.run_folder) / REPORT_FILE).is_file()


def execute(
    campaign: Campaign,
    frozen: FrozenRun,
    folder: Path,
    place: Profile,
    listener: Listener | None = None,
    budget: TimeBudget | None = None,
) -> None:
    """Drive a prepared run to its report in this process.

    Args:
        campaign: where results are kept.
        frozen: what runs.
        folder: the run's.
        place: where stages run.
        listener: is called with every event.
        budget: how long it may take; default: for ever.

    Raises:
        run.OutOfTimeError: it would have taken longer; what is done is kept.
        Exception: whatever else ``submit`` raises.
    """
    pipeline, cache = frozen.pipeline, campaign.cache
    with frozen.imports():
        from campaign.report.write import write_report
        from campaign.run.executor import reopen_damaged
        from results.layout import StoreError

        write = partial(write_report, folder, pipeline, cache)
        executor = partial(Executor, pipeline, cache, place, folder, listener, budget, frozen.source)
        try:
            executor().execute(write)
        except StoreError:  # the report met a store that was damaged after its stage had ended
            if not reopen_damaged(pipeline.stages, pipeline.keys, cache):
                raise
            executor().execute(write)
