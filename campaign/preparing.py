"""Before a run: its folder owned by one driver, and everything in it that the driver works from."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from campaign.claims import Busy
from campaign.driver import drive_alone
from campaign.events import run_status
from campaign.frozen import FrozenRun, freeze
from campaign.logs import driver_log
from campaign.opening import Campaign
from campaign.pipeline import build_pipeline
from campaign.plan import Plan
from campaign.run_folder import keep_submission
from campaign.worker_log import DRIVER_LOG, LOGS_FOLDER

LEAVE_SECONDS, LEAVE_POLL_SECONDS = 10.0, 0.1


class RunBusy(Exception):  # noqa: N818
    """Another process is running this campaign."""


class CannotStart(Exception):  # noqa: N818
    """A campaign that cannot work here; ``plan`` says why."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        super().__init__("\n".join(f"{each.name}: {each.message}; {each.fix}" for each in plan.obstacles))


@contextmanager
def prepared(campaign: Campaign, plan: Plan) -> Iterator[FrozenRun]:
    """Own the run's folder, with everything in it that its driver works from.

    Raises:
        RunBusy: another process has this run.
        frozen.SourceChanged: source was edited while it was copied.
    """
    folder = Path(plan.run_folder)
    if plan.obstacles:
        raise CannotStart(plan)
    (folder / LOGS_FOLDER).mkdir(parents=True, exist_ok=True)
    with only_one(folder), driver_log(folder / LOGS_FOLDER / DRIVER_LOG):
        frozen = freeze(build_pipeline(campaign.loaded.spec), campaign.cache, folder)
        keep_submission(folder, campaign.loaded, campaign.profile, campaign.cache.root, plan)
        yield frozen


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Own a run's folder; raises ``RunBusy`` when another process has it and does not leave."""
    deadline = time.monotonic() + LEAVE_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(drive_alone(folder))
                break
            except Busy as busy:
                # A driver that has said its last word is about to leave: `campaign cancel` ends a moment before it.
                if time.monotonic() > deadline or not run_status(folder).has_ended:
                    raise RunBusy(
                        f"{folder}: {busy.owner or 'another process'} is running this campaign; follow it with "
                        f"`campaign watch {folder}`"
                    ) from None
                time.sleep(LEAVE_POLL_SECONDS)
        yield
