"""Before a run: its folder owned by one driver, and everything in it that the driver works from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from campaign.cache.contents import wait_while_pruned
from campaign.cache.lease import LeaseBusyError
from campaign.plan.plan import Plan
from campaign.record.driver import count_earlier_driver_as_dead, drive_alone
from campaign.record.liveness import run_status
from campaign.record.logs import driver_log
from campaign.record.run_folder import keep_submission
from campaign.record.worker_log import DRIVER_LOG, LOGS_FOLDER
from campaign.run.campaign import Campaign
from campaign.run.freeze import FrozenRun, freeze
from campaign.run.interrupt import Interrupt

LEAVE_SECONDS, LEAVE_POLL_SECONDS = 10.0, 0.1


class RunBusyError(Exception):
    """Another process is running this campaign."""


class CannotStartError(Exception):
    """A campaign that cannot work here; ``plan`` says why."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        super().__init__("\n".join(f"{each.name}: {each.message}; {each.fix}" for each in plan.obstacles))


@contextmanager
def prepared(
    campaign: Campaign,
    plan: Plan,
    interrupt: Interrupt | None = None,
    while_waiting: Callable[[], None] = lambda: None,
) -> Iterator[FrozenRun]:
    """Own the run's folder, with everything in it that its driver works from.

    Parameters
    ----------
    campaign, plan
        What is to run, and what that will do.
    interrupt
        Whether the user pressed Ctrl-C; default: never.
    while_waiting
        Called now and then while it is not known whether an earlier driver lives.

    Raises
    ------
    CannotStartError
        Something keeps the campaign from working here; nothing was written.
    RunBusyError
        Another process has this run.
    campaign.run.freeze.SourceChangedError
        Source was edited while it was copied.
    KeyboardInterrupt
        The user pressed Ctrl-C.
    """
    folder, interrupt = Path(plan.run_folder), interrupt or Interrupt()
    if plan.obstacles:
        raise CannotStartError(plan)
    (folder / LOGS_FOLDER).mkdir(parents=True, exist_ok=True)
    with only_one(folder, interrupt, while_waiting), driver_log(folder / LOGS_FOLDER / DRIVER_LOG):
        count_earlier_driver_as_dead(folder)
        wait_while_pruned(campaign.cache.root, interrupt.raise_if_pressed)
        frozen = freeze(campaign.pipeline, campaign.cache, folder)
        interrupt.raise_if_pressed()
        keep_submission(folder, campaign.loaded, campaign.profile, campaign.cache.root, plan)
        wait_while_pruned(campaign.cache.root, interrupt.raise_if_pressed)
        interrupt.raise_if_pressed()
        yield frozen


@contextmanager
def only_one(folder: Path, interrupt: Interrupt, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Own a run's folder; raises ``RunBusyError`` when another process has it and does not leave."""
    deadline = time.monotonic() + LEAVE_SECONDS

    def wait() -> None:
        interrupt.raise_if_pressed()
        while_waiting()

    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(drive_alone(folder, wait))
                break
            except LeaseBusyError as busy:
                # A driver that has written its last event is about to leave: `campaign cancel` ends a moment before it.
                if time.monotonic() > deadline or not run_status(folder).has_ended:
                    raise RunBusyError(
                        f"{folder}: {busy.owner or 'another process'} is running this campaign; follow it with "
                        f"`campaign watch {folder}`"
                    ) from None
                interrupt.sleep(LEAVE_POLL_SECONDS)
        yield
