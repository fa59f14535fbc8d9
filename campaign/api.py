"""The Python face of a campaign; the command line is a thin layer over it.

from campaign import api
run = api.submit("specs/quickstart.yaml")
print(run.folder / "report.html")
"""

from __future__ import annotations

import fcntl
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from campaign.cache import StageCache
from campaign.control import CancelRequest, clear_request
from campaign.events import EVENT_FILE, RunStatus, run_status
from campaign.load import LoadedSpec, load_profile, load_spec
from campaign.logs import driver_log_handler
from campaign.pipeline import build_pipeline
from campaign.plan import REPORT_FILE, Plan, make_plan
from campaign.profiles import LAPTOP, Profile
from campaign.provenance import provenance
from campaign.run import Executor, Listener, write_json
from campaign.spec import Spec
from campaign.time_budget import TimeBudget
from campaign.worker_log import DRIVER_LOG, LOGS_FOLDER

if TYPE_CHECKING:
    from rich.console import RenderableType

DEFAULT_RUNS = Path("runs")
LEAVE_SECONDS, LEAVE_POLL_SECONDS = 10.0, 0.1
SPEC_FILE, SOURCE_FILE, PROFILE_FILE = "spec.json", "spec.source.yaml", "profile.json"


class RunBusy(Exception):  # noqa: N818
    """Another process is running this campaign."""


class CodeChanged(Exception):  # noqa: N818
    """A run cannot go on as it began, because the code behind its stages is another now."""


class NotFinished(Exception):  # noqa: N818
    """A run has no results yet where they are needed."""


@dataclass(frozen=True)
class Campaign:
    """A spec with the place where it runs."""

    loaded: LoadedSpec
    profile: Profile
    runs: Path
    cache: StageCache

    @classmethod
    def open(cls, spec: Path, profile: Path | None = None, runs: Path = DEFAULT_RUNS) -> Campaign:
        """Load and check a spec and a profile; raises ``load.SpecError`` with every mistake."""
        loaded_profile = load_profile(profile, on_cluster=True)
        cache = StageCache(loaded_profile.cache or runs / "cache")
        return cls(load_spec(spec), loaded_profile, runs, cache)

    def plan(self) -> Plan:
        """What a submission would do; writes nothing."""
        return make_plan(self.loaded.spec, self.runs, self.cache, self.profile.planned_workers())


@dataclass(frozen=True)
class FinishedRun:
    """A run that is done."""

    folder: Path
    plan: Plan
    from_cache: bool


def submit(campaign: Campaign, listener: Listener | None = None) -> FinishedRun:
    """Run a campaign to its report, or go on with one that was interrupted.

    Under a Slurm profile ``campaign.slurm.submission.send`` queues it instead.

    Args:
        campaign: what to run.
        listener: is called with every event, for a display.

    Raises:
        run.CampaignFailed: stages failed.
        run.Cancelled: another process cancelled it; submit again, or resume, to go on.
        RunBusy: another process has this run.
        KeyboardInterrupt: stopped by the user; submit again to go on.
    """
    plan = campaign.plan()
    if not is_finished(plan):
        folder = Path(plan.run_folder)
        with prepared(campaign, plan):
            clear_request(folder)
            execute(campaign, folder, campaign.profile, listener)
        return FinishedRun(folder, plan, from_cache=False)
    return FinishedRun(Path(plan.run_folder), plan, from_cache=True)


def is_finished(plan: Plan) -> bool:
    """Whether there is nothing left to do, the report included."""
    return plan.is_cached and (Path(plan.run_folder) / REPORT_FILE).is_file()


@contextmanager
def prepared(campaign: Campaign, plan: Plan) -> Iterator[None]:
    """Own the run's folder, with everything in it that a driver finds there; raises ``RunBusy``."""
    folder = Path(plan.run_folder)
    (folder / LOGS_FOLDER).mkdir(parents=True, exist_ok=True)
    with only_one(folder):
        _freeze(campaign, plan, folder)
        yield


def execute(
    campaign: Campaign,
    folder: Path,
    place: Profile,
    listener: Listener | None = None,
    budget: TimeBudget | None = None,
) -> None:
    """Drive a prepared run to its report in this process.

    Args:
        campaign: the run's spec and cache.
        folder: the run's.
        place: where stages run.
        listener: is called with every event.
        budget: how long it may take; default: for ever.

    Raises:
        run.OutOfTime: it would have taken longer; what is done is kept.
        Exception: whatever else ``submit`` raises.
    """
    from campaign.reporting import write_report

    pipeline = build_pipeline(campaign.loaded.spec)
    with _log_to(folder / LOGS_FOLDER / DRIVER_LOG):
        executor = Executor(pipeline, campaign.cache, place, folder, listener, budget)
        executor.execute(partial(write_report, folder, pipeline, campaign.cache))


def status(run_folder: Path) -> RunStatus:
    """Where a run stands, from its event log alone."""
    return run_status(run_folder)


def find_runs(runs: Path = DEFAULT_RUNS) -> list[Path]:
    """Folders of all runs, the latest first."""
    folders = [path.parent for path in runs.glob(f"*/{EVENT_FILE}")]
    return sorted(folders, key=lambda folder: (folder / EVENT_FILE).stat().st_mtime, reverse=True)


def cancel(run_folder: Path, now: bool = False) -> None:
    """Ask the driver of a run, wherever it is, to stop; it hears within seconds, or a minute over NFS.

    Args:
        run_folder: the run.
        now: give up simulations in flight rather than let them finish; both leave whole results alone.
    """
    CancelRequest.by_me(now).write(run_folder)


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


def _freeze(campaign: Campaign, plan: Plan, folder: Path) -> None:
    (folder / SOURCE_FILE).write_text(campaign.loaded.text, encoding="utf-8")
    write_json(folder / SPEC_FILE, campaign.loaded.spec.model_dump(mode="json"))
    write_json(folder / PROFILE_FILE, campaign.profile.model_dump(mode="json"))
    write_json(folder / "plan.json", {**plan.to_dict(), "cache": str(campaign.cache.root.absolute())})
    write_json(folder / "provenance.json", provenance(campaign.loaded.spec.seed))


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Own a run's folder; raises ``RunBusy`` when another process has it and does not leave."""
    deadline = time.monotonic() + LEAVE_SECONDS
    with (folder / ".lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # A driver that has said its last word is about to leave: `campaign cancel` ends a moment before it.
                if time.monotonic() > deadline or not run_status(folder).has_ended:
                    raise RunBusy(
                        f"{folder}: another process is running this campaign; follow it with `campaign watch {folder}`"
                    ) from None
                time.sleep(LEAVE_POLL_SECONDS)
        yield


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    handler = driver_log_handler(path)
    logger = logging.getLogger("campaign")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


def frozen_campaign(run_folder: Path, profile: Path | None = None) -> Campaign:
    """The campaign of a run as it was submitted, under the profile that it last had or another one."""
    spec, keys, cache = _frozen(run_folder)
    changed = [name for name, key in build_pipeline(spec).keys.items() if keys.get(name) != key]
    if changed:
        raise CodeChanged(
            f"{run_folder}: the code or input files behind {', '.join(changed)} changed since it was submitted; "
            f"`campaign submit` its spec ({run_folder / SOURCE_FILE}) makes a run by the code as it is now"
        )
    loaded_profile = load_profile(profile) if profile is not None else _frozen_profile(run_folder)
    text = (run_folder / SOURCE_FILE).read_text(encoding="utf-8")
    loaded = LoadedSpec(spec, run_folder / SOURCE_FILE, text, ())
    return Campaign(loaded, loaded_profile, run_folder.parent, StageCache(loaded_profile.cache or cache))


def _frozen(run_folder: Path) -> tuple[Spec, dict[str, str], Path]:
    """Spec, keys by stage and cache of a run, as it was submitted."""
    frozen = run_folder / SPEC_FILE
    if not frozen.is_file():
        raise FileNotFoundError(f"{run_folder}: not a run's folder (no {SPEC_FILE})")
    planned = json.loads((run_folder / "plan.json").read_text(encoding="utf-8"))
    keys = {stage["name"]: stage["key"] for stage in planned["stages"]}
    return Spec.model_validate_json(frozen.read_text(encoding="utf-8")), keys, Path(planned["cache"])


def _frozen_profile(run_folder: Path) -> Profile:
    path = run_folder / PROFILE_FILE
    if not path.is_file():  # a run of an earlier version
        return LAPTOP
    return TypeAdapter(Profile).validate_json(path.read_text(encoding="utf-8"))


def rewrite_report(run_folder: Path) -> Path:
    """Write a finished run's tables, figures and report again.

    Raises:
        FileNotFoundError: no run lies there.
        NotFinished: some of its stages have no result.
    """
    spec, keys, root = _frozen(run_folder)
    pipeline, cache = build_pipeline(spec, keys), StageCache(root)
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


def verify_authors(weights: Path, data: Path) -> dict[str, Any]:
    """Compare the published generator's images with the published ones; see ``ganmdn.authors.verify_authors``."""
    from ganmdn import authors

    return asdict(authors.verify_authors(weights, data))


def import_data(data: Path, store: Path) -> int:
    """Turn a published data set into a labelled store; the number of rows. See ``results.hdf5``."""
    from results.hdf5 import import_published

    return import_published(data, store).capacity
