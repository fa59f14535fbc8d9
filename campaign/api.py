"""The Python face of a campaign; the command line is a thin layer over it.

from campaign import api
run = api.submit(api.Campaign.open(Path("specs/quickstart.yaml")))
print(run.folder / "report.html")
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.cache.stage_cache import StageCache
from campaign.plan.pipeline import Pipeline
from campaign.published.compare import calibrate, import_data, validate_physics, verify_authors
from campaign.record.cancel_request import CancelRequest
from campaign.record.events import EventLog, RunStatus, run_status
from campaign.record.run_folder import DEFAULT_RUNS, Submission, find_runs, latest_spec
from campaign.run.announcer import Listener
from campaign.run.campaign import Campaign, CodeChangedError, UnknownStageError, frozen_campaign
from campaign.run.drive import FinishedRun, submit
from campaign.run.prepare import CannotStartError, RunBusyError
from campaign.spec.profile import Profile
from campaign.stages import KINDS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from campaign.run.replay import Replay
    from cluster.slurm.controller import JobState


__all__ = [
    "DEFAULT_RUNS",
    "Campaign",
    "CannotStartError",
    "CodeChangedError",
    "FinishedRun",
    "NotFinishedError",
    "RunBusyError",
    "UnknownStageError",
    "calibrate",
    "cancel",
    "cancel_jobs",
    "find_runs",
    "frozen_campaign",
    "import_data",
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


class NotFinishedError(Exception):
    """A run has no results yet where they are needed."""


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
        CodeChangedError: stages would be computed by other code than at submission.
        Exception: whatever ``submit`` raises.
    """
    return submit(frozen_campaign(run_folder, profile), listener)


def rewrite_report(run_folder: Path) -> Path:
    """Write a finished run's tables, figures and report again.

    Raises:
        FileNotFoundError: no run lies there.
        NotFinishedError: some of its stages have no result.
    """
    submitted = Submission.read(run_folder)
    pipeline, cache = Pipeline.of(submitted.spec, KINDS, submitted.keys), StageCache(submitted.cache)
    missing = [stage.name for stage in pipeline.stages if not cache.has(stage, pipeline.keys[stage.name])]
    if missing:
        raise NotFinishedError(f"{run_folder}: no results of {', '.join(missing)}; `campaign submit` its spec first")
    from campaign.report.write import write_report

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
    """Run one simulation of a store again, in the foreground; see ``campaign.run.replay``."""
    from campaign.run.replay import replay as run_again

    return run_again(store, row, profile.limits.simulation_s)
