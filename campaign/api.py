"""The Python face of a campaign; the command line is a thin layer over it.

from campaign import api
run = api.submit("specs/quickstart.yaml")
print(run.folder / "report.html")
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from campaign.cache import StageCache
from campaign.claims import Busy
from campaign.control import CancelRequest, clear_request
from campaign.driver import drive_alone
from campaign.events import EVENT_FILE, EventLog, RunStatus, run_status
from campaign.footprint import Footprint
from campaign.frozen import FrozenRun, freeze
from campaign.installed import read_spec
from campaign.load import LoadedSpec, load_calibration, load_physics, load_profile, load_spec
from campaign.logs import driver_log_handler
from campaign.pipeline import build_pipeline
from campaign.plan import PLAN_FILE, REPORT_FILE, Inquiry, Plan, make_plan
from campaign.preflight import obstacles
from campaign.profiles import LAPTOP, Profile
from campaign.provenance import provenance
from campaign.rules import suggestion
from campaign.run import Executor, Listener
from campaign.spec import Spec
from campaign.time_budget import TimeBudget
from campaign.why import Explanation
from campaign.worker_log import DRIVER_LOG, LOGS_FOLDER
from results.files import write_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from campaign.agreement import Agreement
    from campaign.calibrate import Outcome
    from campaign.replay import Replay
    from cluster.slurm.controller import JobState

DEFAULT_RUNS = Path("runs")
LEAVE_SECONDS, LEAVE_POLL_SECONDS = 10.0, 0.1
SPEC_FILE, SOURCE_FILE, PROFILE_FILE = "spec.json", "spec.source.yaml", "profile.json"


class RunBusy(Exception):  # noqa: N818
    """Another process is running this campaign."""


class CannotStart(Exception):  # noqa: N818
    """A campaign that cannot work here; ``plan`` says why."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        super().__init__("\n".join(f"{each.name}: {each.message}; {each.fix}" for each in plan.obstacles))


class UnknownStage(LookupError):  # noqa: N818
    """A stage is named that the campaign does not have."""


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
    def open(
        cls, spec: Path, profile: Path | None = None, runs: Path = DEFAULT_RUNS, *, on_cluster: bool = False
    ) -> Campaign:
        """Load and check a spec and a profile; raises ``load.SpecError`` with every mistake.

        With ``on_cluster`` a Slurm profile is checked against the cluster, too; see ``load.load_profile``.
        """
        loaded_profile = load_profile(profile, on_cluster=on_cluster)
        cache = StageCache(loaded_profile.cache or runs / "cache")
        return cls(load_spec(spec), loaded_profile, runs, cache)

    def plan(self) -> Plan:
        """What a submission would do, and what would keep it from starting; writes nothing."""
        profile = self.profile
        plan = make_plan(self.loaded.spec, self.runs, self.cache, profile.planned_workers(), profile.rows_per_unit)
        if plan.is_cached:
            return plan
        room = Footprint(plan.disk_bytes, plan.files)
        return replace(plan, obstacles=obstacles(profile, self.runs, self.cache.root, room))

    def why(self, stage: str) -> Explanation:
        """Why a stage is cached or not: every item of its key that differs from the nearest result in the cache.

        Raises:
            UnknownStage: the campaign has no stage of that name.
        """
        inquiry = Inquiry(build_pipeline(self.loaded.spec), self.cache, self.runs)
        names = [each.name for each in inquiry.pipeline.stages]
        if stage not in names:
            raise UnknownStage(f"{self.loaded.path} has no stage '{stage}'; {suggestion(stage, names)}")
        return inquiry.explain(inquiry.pipeline[stage])


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
        CannotStart: something keeps it from working here; nothing was written.
        run.CampaignFailed: stages failed.
        run.Cancelled: another process cancelled it; submit again, or resume, to go on.
        frozen.SourceChanged: source was edited while the run was starting; nothing has run.
        RunBusy: another process has this run.
        KeyboardInterrupt: stopped by the user; submit again to go on.
    """
    plan = campaign.plan()
    if not is_finished(plan):
        folder = Path(plan.run_folder)
        with prepared(campaign, plan) as frozen:
            clear_request(folder)
            execute(campaign, frozen, folder, campaign.profile, listener)
        return FinishedRun(folder, plan, from_cache=False)
    return FinishedRun(Path(plan.run_folder), plan, from_cache=True)


def is_finished(plan: Plan) -> bool:
    """Whether there is nothing left to do, the report included."""
    return plan.is_cached and (Path(plan.run_folder) / REPORT_FILE).is_file()


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
    with only_one(folder), _log_to(folder / LOGS_FOLDER / DRIVER_LOG):
        frozen = freeze(build_pipeline(campaign.loaded.spec), campaign.cache, folder)
        _freeze(campaign, plan, folder)
        yield frozen


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
        try:
            Executor(pipeline, cache, place, folder, listener, budget).execute(write)
        except StoreError:  # the report met a store that was damaged after its stage had ended
            if not reopen_damaged(pipeline.stages, pipeline.keys, cache):
                raise
            Executor(pipeline, cache, place, folder, listener, budget).execute(write)


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


def latest_spec(runs: Path = DEFAULT_RUNS) -> Path:
    """File of the spec that was submitted last.

    Raises:
        FileNotFoundError: no run is there, or none that says.
    """
    for folder in find_runs(runs):
        plan = folder / PLAN_FILE
        if plan.is_file() and (path := json.loads(plan.read_text(encoding="utf-8")).get("spec")):
            return Path(path)
    raise FileNotFoundError(f"no run below {runs} says what its spec was; name it: campaign why SPEC STAGE")


def _freeze(campaign: Campaign, plan: Plan, folder: Path) -> None:
    (folder / SOURCE_FILE).write_text(campaign.loaded.text, encoding="utf-8")
    write_json(folder / SPEC_FILE, campaign.loaded.spec.model_dump(mode="json"))
    write_json(folder / PROFILE_FILE, campaign.profile.model_dump(mode="json"))
    places = {"cache": str(campaign.cache.root.absolute()), "spec": str(campaign.loaded.path.absolute())}
    write_json(folder / PLAN_FILE, {**plan.to_dict(), **places})
    write_json(folder / "provenance.json", provenance(campaign.loaded.spec.seed))


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
    spec, planned = _frozen(run_folder)
    keys = _keys_of(planned)
    changed = [name for name, key in build_pipeline(spec).keys.items() if keys.get(name) != key]
    if changed:
        raise CodeChanged(
            f"{run_folder}: the code or the input files behind {', '.join(changed)} changed since it was submitted; "
            f"put them back, or `campaign submit` its spec ({run_folder / SOURCE_FILE}) for a run as they are now"
        )
    loaded_profile = load_profile(profile) if profile is not None else _frozen_profile(run_folder)
    text = (run_folder / SOURCE_FILE).read_text(encoding="utf-8")
    loaded = LoadedSpec(spec, Path(planned.get("spec", run_folder / SOURCE_FILE)), text, ())
    return Campaign(
        loaded, loaded_profile, run_folder.parent, StageCache(loaded_profile.cache or Path(planned["cache"]))
    )


def _frozen(run_folder: Path) -> tuple[Spec, dict[str, Any]]:
    """Spec and plan of a run, as it was submitted."""
    frozen = run_folder / SPEC_FILE
    if not frozen.is_file():
        raise FileNotFoundError(f"{run_folder}: not a run's folder (no {SPEC_FILE})")
    planned = json.loads((run_folder / PLAN_FILE).read_text(encoding="utf-8"))
    return read_spec(json.loads(frozen.read_text(encoding="utf-8"))), planned


def _keys_of(planned: dict[str, Any]) -> dict[str, str]:
    return {stage["name"]: stage["key"] for stage in planned["stages"]}


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
    spec, planned = _frozen(run_folder)
    pipeline, cache = build_pipeline(spec, _keys_of(planned)), StageCache(Path(planned["cache"]))
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


def verify_authors(weights: Path, data: Path) -> dict[str, Any]:
    """Compare the published generator's images with the published ones; see ``ganmdn.authors.verify_authors``."""
    from ganmdn import authors

    return asdict(authors.verify_authors(weights, data))


def validate_physics(
    spec: Path, data: Path, dataset: str | None = None, progress: Callable[[int, int], None] = lambda done, total: None
) -> Agreement:
    """Simulate a published data set under a spec's physics, and compare with its published absorption.

    Args:
        spec: a campaign's spec or a physics file.
        data: HDF5 file in the published layout.
        dataset: whose orders to take, where they differ and the size of the images does not tell.
        progress: hears how many images are done, of how many.

    Raises:
        load.SpecError, load.DatasetUnknown: see ``load.load_physics``.
        ValueError, FileNotFoundError: the data are not what they should be, or no image could be simulated.
    """
    from campaign.agreement import validate_physics as validate
    from results.hdf5 import read_published

    published = read_published(data)
    physics, orders = load_physics(spec, published.images.shape[-1], dataset)
    return validate(physics, orders, published.images, published.y, progress)


def calibrate(
    spec: Path,
    data: Path,
    profile: Path | None = None,
    runs: Path = DEFAULT_RUNS,
    dataset: str | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Outcome:
    """Fit a family of stacks to a published data set on Ray; goes on with a calibration that was interrupted.

    Args:
        spec: a calibration, or a physics file or campaign around whose values all ranges are made.
        data: HDF5 file in the published layout.
        profile: where to run; this machine by default.
        runs: folder below which results of single steps are kept.
        dataset: as for ``validate_physics``.
        progress: hears of every finished task: done, total, and of what.

    Raises:
        load.SpecError, load.DatasetUnknown, ValueError, FileNotFoundError: as ``validate_physics``.
        RuntimeError: no start could be simulated.
    """
    from campaign.calibrate import Calibrator
    from cluster.pool import WorkerPool
    from cluster.runtime import start
    from results.hdf5 import read_published

    published = read_published(data)
    calibration, orders = load_calibration(spec, published.images.shape[-1], dataset)
    calibrator = Calibrator(calibration, orders, published.images, published.y)
    where = load_profile(profile)
    with start(**where.ray_options()) as runtime, closing(WorkerPool(runtime.cpus)) as pool:
        return calibrator.run(pool, runs, progress)


def import_data(data: Path, store: Path) -> int:
    """Turn a published data set into a labelled store; the number of rows. See ``results.hdf5``."""
    from results.hdf5 import import_published

    return import_published(data, store).capacity
