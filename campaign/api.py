"""The Python face of a campaign; the command line is a thin layer over it.

from campaign import api
run = api.submit(api.Campaign.open(Path("specs/quickstart.yaml")))
print(run.folder / "report.html")
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.announcing import Listener
from campaign.cache import StageCache
from campaign.control import CancelRequest, clear_request
from campaign.events import EventLog, RunStatus, run_status
from campaign.frozen import FrozenRun
from campaign.opening import Campaign, CodeChanged, UnknownStage, frozen_campaign
from campaign.pipeline import build_pipeline
from campaign.plan import REPORT_FILE, Plan
from campaign.preparing import CannotStart, RunBusy, prepared
from campaign.profiles import Profile
from campaign.published import calibrate, import_data, validate_physics, verify_authors
from campaign.run import Executor
from campaign.run_folder import DEFAULT_RUNS, Submission, find_runs, latest_spec
from campaign.time_budget import TimeBudget

if TYPE_CHECKING:
    from rich.console import RenderableType

    from campaign.replay import Replay
    from cluster.slurm.controller import JobState

__all__ = [
    "DEFAULT_RUNS",
    "Campaign",
    "CannotStart",
    "CodeChanged",
    "FinishedRun",
    "NotFinished",
    "RunBusy",
    "UnknownStage",
    "calibrate",
    "cancel",
    "cancel_jobs",
    "execute",
    "find_runs",
    "frozen_campaign",
    "import_data",
    "is_finished",
    "latest_spec",
    "query",
    "replay",
    "resume",
    "rewrite_report",
    "status",
    "submit",
    "table",
    "validate_physics",
    "verify_authors",
]


class NotFinished(Exception):  # noqa: N818
    """A run has no results yet where they are needed."""


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
        CannotStart: something keeps it from working here; nothing was written.
        run.CampaignFailed: stages failed.
        run.Cancelled: another process cancelled it; submit again, or resume, to go on.
        run.ClusterGone: Ray ended by itself, and will end this process; submit again, from another, to go on.
        frozen.SourceChanged: source was edited while the run was starting; nothing has run.
        RunBusy: another process has this run.
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
        run.OutOfTime: it would have taken longer; what is done is kept.
        Exception: whatever else ``submit`` raises.
    """
    pipeline, cache = frozen.pipeline, campaign.cache
    with frozen.imports():
        from campaign.mending import reopen_damaged
        from campaign.reporting import write_report
        from results.layout import StoreError

        write = partial(write_report, folder, pipeline, cache)
        executor = partial(Executor, pipeline, cache, place, folder, listener, budget, frozen.source)
        try:
            executor().execute(write)
        except StoreError:  # the report met a store that was damaged after its stage had ended
            if not reopen_damaged(pipeline.stages, pipeline.keys, cache):
                raise
            executor().execute(write)


def status(run_folder: Path) -> RunStatus:
    """Where a run stands, from its event log alone."""
    return run_status(run_folder)


def cancel(run_folder: Path, now: bool = False) -> None:
    """Ask the driver of a run, wherever it is, to stop; it hears within seconds, or a minute over NFS.

    Args:
        run_folder: the run.
        now: give up simulations in flight rather than let them finish; both leave whole results alone.
    """
    CancelRequest.by_me(now).write(run_folder)


def cancel_jobs(run_folder: Path, status: RunStatus, now: bool = False) -> list[JobState]:
    """Cancel a run's jobs in Slurm, and nothing else; those that were. A driver that runs stops by :func:`cancel`.

    Raises:
        cluster.slurm.controller.SlurmError: Slurm does not answer.
    """
    from campaign.slurm import submission

    # The request first: a driver whose time ends at this moment must not go on in another job.
    cancel(run_folder, now)
    driven = status.state == "running"
    jobs = submission.cancel_jobs(run_folder, driven)
    if jobs and not driven:
        with closing(EventLog(run_folder)) as events:
            events.write("run-ended", state="cancelled")
    return jobs


def resume(run_folder: Path, profile: Path | None = None, listener: Listener | None = None) -> FinishedRun:
    """Go on with a run by the spec that it froze at submission, whatever has become of the spec's file.

    Args:
        run_folder: the run.
        profile: where to go on; default: where it ran before.
        listener: is called with every event, for a display.

    Raises:
        FileNotFoundError: no run lies there.
        CodeChanged: stages would be computed by other code than at submission.
        Exception: whatever ``submit`` raises.
    """
    return submit(frozen_campaign(run_folder, profile), listener)


def rewrite_report(run_folder: Path) -> Path:
    """Write a finished run's tables, figures and report again.

    Raises:
        FileNotFoundError: no run lies there.
        NotFinished: some of its stages have no result.
    """
    submitted = Submission.read(run_folder)
    pipeline, cache = build_pipeline(submitted.spec, submitted.keys), StageCache(submitted.cache)
    missing = [stage.name for stage in pipeline.stages if not cache.has(stage, pipeline.keys[stage.name])]
    if missing:
        raise NotFinished(f"{run_folder}: no results of {', '.join(missing)}; `campaign submit` its spec first")
    from campaign.reporting import write_report

    return write_report(run_folder, pipeline, cache)


def table(run_folder: Path) -> RenderableType:
    """The finished run's Table 1 for the terminal, ours beside the paper's."""
    from results.table_formats import from_csv, to_rich

    return to_rich(from_csv((run_folder / "tables" / "table1.csv").read_text(encoding="utf-8")))


def query(store: Path, expression: str, limit: int | None = None) -> Sequence[dict[str, Any]]:
    """Rows of a store that satisfy an expression; see ``results.query``."""
    from results.query import query as run_query
    from results.store import SimulationStore

    return run_query(SimulationStore.open(store), expression, limit=limit)


def replay(store: Path, row: int, profile: Profile) -> Replay:
    """Run one simulation of a store again, in the foreground; see ``campaign.replay``."""
    from campaign.replay import replay as run_again

    return run_again(store, row, profile.limits.simulation_s)
