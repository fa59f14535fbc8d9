"""The Python face of a campaign; the command line is a thin layer over it.

from campaign import api
run = api.submit("specs/quickstart.yaml")
print(run.folder / "report.html")
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.cache import StageCache
from campaign.claims import Busy, claimed_at_once
from campaign.events import RunStatus, run_status
from campaign.load import LoadedSpec, load_calibration, load_physics, load_profile, load_spec
from campaign.pipeline import build_pipeline
from campaign.plan import REPORT_FILE, Plan, make_plan
from campaign.profiles import Profile
from campaign.provenance import provenance
from campaign.run import Executor, Listener, write_json
from campaign.spec import Spec

if TYPE_CHECKING:
    from rich.console import RenderableType

    from campaign.agreement import Agreement
    from campaign.calibrate import Outcome
    from campaign.replay import Replay

DEFAULT_RUNS = Path("runs")
SPEC_FILE = "spec.json"


class RunBusy(Exception):  # noqa: N818
    """Another process is running this campaign."""


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
        loaded_profile = load_profile(profile)
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

    Args:
        campaign: what to run.
        listener: is called with every event, for a display.

    Raises:
        run.CampaignFailed: stages failed.
        RunBusy: another process has this run.
        KeyboardInterrupt: stopped by the user; submit again to go on.
    """
    plan = campaign.plan()
    folder = Path(plan.run_folder)
    if plan.is_cached and (folder / REPORT_FILE).is_file():
        return FinishedRun(folder, plan, from_cache=True)
    from campaign.mending import reopen_damaged
    from campaign.reporting import write_report
    from results.layout import StoreError

    pipeline = build_pipeline(campaign.loaded.spec)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    with _only_one(folder), _log_to(folder / "logs" / "driver.log"):
        _freeze(campaign, plan, folder)

        def execute() -> None:
            Executor(pipeline, campaign.cache, campaign.profile, folder, listener).execute()
            write_report(folder, pipeline, campaign.cache)

        try:
            execute()
        except StoreError:  # the report met a store that was damaged after its stage had ended
            if not reopen_damaged(pipeline.stages, pipeline.keys, campaign.cache):
                raise
            execute()
    return FinishedRun(folder, plan, from_cache=False)


def status(run_folder: Path) -> RunStatus:
    """Where a run stands, from its event log alone."""
    return run_status(run_folder)


def find_runs(runs: Path = DEFAULT_RUNS) -> list[Path]:
    """Folders of all runs, the latest first."""
    folders = [path.parent for path in runs.glob("*/events.jsonl")]
    return sorted(folders, key=lambda folder: (folder / "events.jsonl").stat().st_mtime, reverse=True)


def _freeze(campaign: Campaign, plan: Plan, folder: Path) -> None:
    (folder / "spec.source.yaml").write_text(campaign.loaded.text, encoding="utf-8")
    write_json(folder / SPEC_FILE, campaign.loaded.spec.model_dump(mode="json"))
    write_json(folder / "plan.json", {**plan.to_dict(), "cache": str(campaign.cache.root.absolute())})
    write_json(folder / "provenance.json", provenance(campaign.loaded.spec.seed))


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    try:
        with claimed_at_once(folder / ".owner"):
            yield
    except Busy as busy:
        raise RunBusy(
            f"{folder}: {busy.owner or 'another process'} is running this campaign; follow it with "
            f"`campaign status {folder}`"
        ) from None


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path)
    handler.handleError = _ignore  # type: ignore[method-assign]  # a disk that is full is told of elsewhere
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"))
    logger = logging.getLogger("campaign")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


def _ignore(record: logging.LogRecord) -> None:
    pass


def rewrite_report(run_folder: Path) -> Path:
    """Write a finished run's tables, figures and report again.

    Raises:
        FileNotFoundError: no run lies there.
        NotFinished: some of its stages have no result.
    """
    frozen = run_folder / SPEC_FILE
    if not frozen.is_file():
        raise FileNotFoundError(f"{run_folder}: not a run's folder (no {SPEC_FILE})")
    planned = json.loads((run_folder / "plan.json").read_text(encoding="utf-8"))
    keys = {stage["name"]: stage["key"] for stage in planned["stages"]}
    pipeline = build_pipeline(Spec.model_validate_json(frozen.read_text(encoding="utf-8")), keys)
    cache = StageCache(Path(planned["cache"]))
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
