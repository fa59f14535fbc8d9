"""One run to its end, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from campaign.plan.plan import REPORT_FILE, Plan
from campaign.record.cancel_request import clear_request
from campaign.record.events import Listener
from campaign.run.campaign import Campaign
from campaign.run.freeze import FrozenRun
from campaign.run.interrupt import Interrupt, ctrl_c
from campaign.run.prepare import prepared
from campaign.spec.profile import Profile
from campaign.work.time_budget import TimeBudget


@dataclass(frozen=True)
class FinishedRun:
    """A run that is done.

    Attributes
    ----------
    folder
        Of the run, with its tables, figures and report.
    plan
        What there was to do.
    from_cache
        Whether that was nothing.
    """

    folder: Path
    plan: Plan
    from_cache: bool


def drive(campaign: Campaign, listener: Listener | None = None, *, is_successor: bool = False) -> FinishedRun:
    """Run a campaign to its report in this process, or go on with one that was interrupted.

    Parameters
    ----------
    campaign
        What to run, and where; not under a profile of Slurm.
    listener
        Called with every event.
    is_successor
        It goes on in place of a driver that lost its Ray: a request to stop that one is a request to stop this one.

    Raises
    ------
    Exception
        As ``campaign.api.submit``.
    """
    with ctrl_c() as interrupt:
        plan = campaign.plan()
        folder = Path(plan.run_folder)
        if is_finished(plan):
            return FinishedRun(folder, plan, from_cache=True)
        interrupt.raise_if_pressed()
        with prepared(campaign, plan, interrupt) as frozen:
            if not is_successor:
                clear_request(folder)
            execute(campaign, frozen, folder, campaign.profile, listener, interrupt=interrupt)
        return FinishedRun(folder, plan, from_cache=False)


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
    interrupt: Interrupt | None = None,
) -> None:
    """Drive a prepared run to its report in this process.

    Parameters
    ----------
    campaign
        Where results are kept.
    frozen
        What runs.
    folder
        The run's.
    place
        Where stages run.
    listener
        Called with every event.
    budget
        How long it may take; default: for ever.
    interrupt
        Whether the user pressed Ctrl-C; default: never.

    Raises
    ------
    campaign.run.endings.OutOfTimeError
        It would have taken longer; what is done is kept.
    Exception
        Whatever else ``campaign.api.submit`` raises.
    """
    interrupt = interrupt or Interrupt()
    with frozen.imports():
        from campaign.report.write import write_report
        from campaign.run.executor import Executor

        write = partial(write_report, folder, frozen.pipeline, campaign.cache, interrupt.raise_if_pressed)
        executor = Executor(frozen.pipeline, campaign.cache, place, folder, listener, budget, frozen.source, interrupt)
        executor.execute(write)
