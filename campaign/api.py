"""The Python face of a campaign; the command line is a thin layer over it.

Examples
--------
>>> from campaign import api
>>> run = api.submit(api.Campaign.open(Path("specs/quickstart.yaml")))
>>> print(run.folder / "report.html")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from campaign.plan.again import ask_again as remember_again
from campaign.plan.again import followers
from campaign.plan.plan import run_folder_of
from campaign.published.compare import calibrate, validate_physics, verify_authors
from campaign.record import needs
from campaign.record.cancel_request import CancelRequest
from campaign.record.events import EventLog, Listener
from campaign.record.liveness import Follower, run_status
from campaign.record.needs import DiskUsage, Unneeded
from campaign.record.run_folder import DEFAULT_RUNS, find_runs, latest_spec
from campaign.record.status import RunStatus
from campaign.review.finished_run import TABLE_FILE, NotFinishedError, cell_names, finished_results, read_table
from campaign.run.campaign import Campaign, CodeChangedError, UnknownStageError, frozen_campaign
from campaign.run.check_store import StoreBusyError, check_store
from campaign.run.drive import FinishedRun, drive
from campaign.run.endings import CampaignFailedError, ClusterGoneError, OutOfTimeError, RunCancelledError
from campaign.run.prepare import CannotStartError, RunBusyError
from campaign.slurm import submission
from campaign.slurm.queue import queue_of, queues_of
from campaign.slurm.submission import QueuedRun
from campaign.spec.generator import ImagePreparation
from campaign.spec.load import load_profile, load_spec
from campaign.spec.profile import Profile, SlurmProfile
from campaign.spec.shipped import found_spec

if TYPE_CHECKING:
    from rich.console import RenderableType

    from campaign.design.make import Progress
    from campaign.design.outcome import DesignOutcome
    from campaign.design.request import DesignRequest
    from campaign.review.bundle import Bundle
    from campaign.review.compare import Comparison
    from campaign.review.receipt import Receipt
    from campaign.review.verify_table import TableCheck
    from campaign.run.replay import Replay
    from campaign.run.simulate import SimulatedImages
    from results.queries.query import Answer
    from results.stores.store import SimulationStore
    from results.table.rows import TableRow

__all__ = [
    "DEFAULT_RUNS",
    "Campaign",
    "CampaignFailedError",
    "CannotStartError",
    "ClusterGoneError",
    "CodeChangedError",
    "FinishedRun",
    "NotFinishedError",
    "OutOfTimeError",
    "QueuedRun",
    "RunBusyError",
    "RunCancelledError",
    "RunStatus",
    "StoreBusyError",
    "UnknownStageError",
    "ask",
    "ask_again",
    "bundle",
    "calibrate",
    "cancel",
    "cells",
    "check_store",
    "compare",
    "design",
    "disk_usage",
    "dry_run",
    "export_store",
    "find_runs",
    "follower",
    "frozen_campaign",
    "import_data",
    "latest_spec",
    "prune",
    "query",
    "receipt",
    "replay",
    "rewrite_report",
    "simulate",
    "status",
    "statuses",
    "submit",
    "table",
    "unneeded",
    "validate_physics",
    "verify_authors",
    "verify_bundle",
    "verify_table",
    "warnings",
]


def submit(
    campaign: Campaign, listener: Listener | None = None, *, wait: bool = False, is_successor: bool = False
) -> FinishedRun | QueuedRun:
    """Run a campaign to its report, or go on with one that was interrupted; under a Slurm profile, queue it for that.

    A run goes on by what it froze with ``submit(frozen_campaign(run_folder))``, whatever has become of its spec.

    Parameters
    ----------
    campaign
        What to run, and where.
    listener
        Called with every event, for a display.
    wait
        Under Slurm: follow the run until it ends.
    is_successor
        It goes on in place of a driver that lost its Ray: a request to stop that one is a request to stop this one.

    Returns
    -------
    FinishedRun or QueuedRun
        The latter only under Slurm, without ``wait``, when there is something to do.

    Raises
    ------
    CannotStartError
        Something keeps it from working here; nothing was written.
    CampaignFailedError
        Stages failed; under Slurm with ``wait``, the run ended without its report.
    RunCancelledError
        Another process cancelled it; submit again to go on.
    ClusterGoneError
        Ray ended by itself, and will end this process; submit again, from another, to go on.
    campaign.run.freeze.SourceChangedError
        Source was edited while the run was starting; nothing has run.
    RunBusyError
        Another process has this run.
    cluster.slurm.controller.SlurmError
        Slurm refused, or was busy for too long.
    KeyboardInterrupt
        The user pressed Ctrl-C; submit again to go on.
    """
    if not isinstance(campaign.profile, SlurmProfile):
        return drive(campaign, listener, is_successor=is_successor)
    sent = submission.send(campaign)
    if isinstance(sent, FinishedRun) or not wait:
        return sent
    return _awaited(sent, campaign, listener)


def _awaited(sent: QueuedRun, campaign: Campaign, listener: Listener | None) -> FinishedRun:
    followed = follower(sent.folder)
    for event in followed.events():
        if listener is not None:
            listener(event)
    ended = followed.status
    if ended.state == "cancelled":
        raise RunCancelledError
    if ended.state != "done":
        raise CampaignFailedError(f"{sent.folder} {ended.state}: {ended.message or 'its logs lie there'}")
    return FinishedRun(sent.folder, campaign.plan(), from_cache=False)


def dry_run(campaign: Campaign) -> str:
    """The sbatch script that :func:`submit` would send; writes nothing.

    Raises
    ------
    ValueError
        The profile is not one of Slurm.
    """
    return submission.script(campaign)


def status(run_folder: Path) -> RunStatus:
    """Where a run stands: by its folder and, under Slurm, by what the queue says of its job."""
    return statuses([run_folder])[run_folder]


def statuses(run_folders: Sequence[Path]) -> Mapping[Path, RunStatus]:
    """Where runs stand, for one look at the queue at most."""
    queues = queues_of(run_folders)
    return {folder: run_status(folder, queues.get(folder)) for folder in run_folders}


def follower(run_folder: Path) -> Follower:
    """What keeps a run's status up to date, wherever it runs: by its folder and its queue."""
    return Follower(run_folder, queue_of(run_folder))


def cancel(run_folder: Path, now: bool = False) -> list[str]:
    """Stop a run, wherever it is: its driver is asked to, and jobs of it that have not begun are cancelled in Slurm.

    The driver looks twice a second; over NFS a minute may pass. Nothing happens to a run that has ended.

    Parameters
    ----------
    run_folder
        The run.
    now
        Give up simulations in flight rather than let them finish; both leave whole results alone.

    Returns
    -------
    list of str
        Ids of the jobs that were cancelled in Slurm; with a driver, that one's job ends by itself.

    Raises
    ------
    OSError
        The request cannot be written into the run's folder.
    cluster.slurm.controller.SlurmError
        Slurm does not answer; the request stands.
    """
    present = status(run_folder)
    if present.state in {"queued", "running"}:
        # First: a driver whose time ends at this moment must not go on in another job.
        CancelRequest.by_me(now).write(run_folder)
    if queue_of(run_folder) is None:
        return []
    jobs = submission.cancel_jobs(run_folder, is_driven=present.state == "running")
    if present.state == "queued":
        with EventLog(run_folder) as events:
            events.write("run-ended", state="cancelled")
    return [job.job for job in jobs]


def ask_again(campaign: Campaign, stage: str) -> list[str]:
    """Have a stage of a run, or all of a kind, and what follows from it computed again by its next submission.

    Results stay where they are until the new ones are whole. The names of all these stages.

    Raises
    ------
    UnknownStageError
        The campaign has no such stage.
    RunBusyError
        The run is under way, or queued.
    """
    names = followers(campaign.pipeline.stages, stage)
    if not names:
        campaign.refuse_unknown(stage)
    folder = run_folder_of(campaign.loaded.spec, campaign.pipeline.key, campaign.runs)
    if (state := status(folder).state) in {"queued", "running"}:
        raise RunBusyError(f"{folder} is {state}; wait for its end, or `campaign cancel {folder}`")
    remember_again(folder, names)
    return names


def disk_usage(runs: Path, cache: Path) -> DiskUsage:
    """What runs and kinds of stages take on the disk; see ``campaign.record.needs``."""
    return needs.disk_usage(runs, cache)


def unneeded(runs: Path, cache: Path, given_up: Sequence[Path] = ()) -> Unneeded:
    """What no run needs but those that are given up; removes nothing."""
    return needs.unneeded(runs, cache, given_up)


def prune(runs: Path, cache: Path, given_up: Sequence[Path] = ()) -> Unneeded:
    """Remove runs that are given up, and what no other run needs; what was removed. As ``needs.prune``."""
    return needs.prune(runs, cache, given_up)


def rewrite_report(run_folder: Path, *, pdf: bool = False) -> Path:
    """Write a finished run's tables, figures and report again; with ``pdf`` figures for print, too.

    Raises
    ------
    FileNotFoundError
        No run lies there.
    NotFinishedError
        Some of its stages have no result.
    """
    _, results = finished_results(run_folder)
    from campaign.report.write import write_report

    return write_report(run_folder, results.pipeline, results.cache, pdf=pdf)


def table(run_folder: Path) -> RenderableType:
    """The finished run's Table 1 for the terminal, with what could be reached and whether it is good.

    Without methods what could be reached alone.
    """
    from results.table.formats import reach_to_rich, to_rich
    from results.table.json_form import from_json

    if _has_no_methods(run_folder):
        return reach_to_rich(from_json((run_folder / TABLE_FILE).read_text(encoding="utf-8")))
    return to_rich(_table_rows(run_folder))


def warnings(run_folder: Path) -> tuple[str, ...]:
    """What is held against the result of a finished run, a sentence or two each; see ``results.table.verdict``."""
    from results.table.verdict import verdict

    if _has_no_methods(run_folder):
        return ()
    rows = _table_rows(run_folder)
    reaches = {row.dataset: row.reach for row in rows if row.reach is not None}
    return verdict(rows, list(reaches.values())).warnings


def _has_no_methods(run_folder: Path) -> bool:
    """Whether a finished run was of a campaign without methods, whose table has no rows."""
    table_file = run_folder / TABLE_FILE
    return table_file.is_file() and not table_file.with_suffix(".csv").is_file()


def _table_rows(run_folder: Path) -> list[TableRow]:
    from ganmdn.targets import Target
    from results.table.csv_form import from_csv

    return from_csv((run_folder / "tables" / "table1.csv").read_text(encoding="utf-8"), Target.parse)


def receipt(run_folder: Path, cell: str) -> Receipt:
    """What one cell of a finished run's Table 1 rests on, and its number computed again; see ``campaign.review``.

    Raises
    ------
    FileNotFoundError
        No run lies there.
    NotFinishedError
        It has not come to its table.
    ValueError
        The table has no such cell, or is of another version.
    """
    from campaign.review.finished_table import FinishedTable
    from campaign.review.receipt import receipt as receipt_of

    return receipt_of(FinishedTable.of_run(run_folder), cell)


def cells(run_folder: Path) -> list[str]:
    """Names of the cells of a finished run's table that have a receipt, by that table alone."""
    return list(cell_names(read_table(run_folder)))


def bundle(run_folder: Path, output: Path, progress: Progress = lambda done, total, what: None) -> Bundle:
    """Pack a finished run into one archive; see ``campaign.review.bundle.write_bundle``."""
    from campaign.review.bundle import write_bundle
    from campaign.review.finished_table import FinishedTable

    return write_bundle(FinishedTable.of_run(run_folder), output, progress)


def verify_bundle(file: Path, progress: Progress = lambda done, total, what: None) -> Bundle:
    """Compare an archive with its own checksums; see ``campaign.review.bundle.verify_bundle``."""
    from campaign.review.bundle import verify_bundle as check

    return check(file, progress)


def compare(run_folders: Sequence[Path]) -> Comparison:
    """Settings and tables of finished runs side by side; see ``campaign.review.compare.compare_runs``."""
    from campaign.review.compare import compare_runs

    return compare_runs(run_folders)


def verify_table(
    run_folder: Path,
    sample: int,
    *,
    seed: int = 0,
    tolerance: float | None = None,
    profile: Profile | None = None,
    progress: Progress = lambda done, total, what: None,
) -> TableCheck:
    """Compute a finished run's Table 1 again from its rows, and simulate some of them again.

    Parameters and errors are those of ``campaign.review.verify_table.verify_table`` and of :func:`receipt`.
    """
    from campaign.review.finished_table import FinishedTable
    from campaign.review.verify_table import verify_table as check

    return check(FinishedTable.of_run(run_folder), sample, seed, tolerance, profile, progress)


def query(store: Path, expression: str, limit: int | None = None) -> Sequence[dict[str, Any]]:
    """Rows of a store that satisfy an expression; see ``results.queries.query``."""
    from results.queries.query import query as run_query
    from results.stores.store import SimulationStore

    return run_query(SimulationStore.open(store), expression, limit=limit)


def ask(
    paths: Sequence[Path],
    expression: str = "",
    columns: Sequence[str] | None = None,
    sort: str = "",
    limit: int | None = None,
    *,
    count: bool = False,
) -> tuple[Answer, Mapping[str, SimulationStore]]:
    """Rows of stores, or of all stores of runs, that satisfy an expression, and those stores.

    See ``results.queries.query``.

    With ``count`` nothing of the rows is read but how many there are.
    """
    from results.queries.query import ALL, Question
    from results.queries.query import ask as ask_stores
    from results.stores.find import find_stores

    stores = find_stores(paths)
    question = Question(expression or ALL, () if count else columns, "" if count else sort, limit)
    return ask_stores(stores, question), stores


def export_store(store: Path, file: Path, *, authors: bool = False) -> int:
    """Write a store as one file; how many rows it has. See ``results.exchange``."""
    from results.exchange.formats import export_store as export
    from results.stores.find import find_store

    opened = find_store(store)
    export(opened, file, authors=authors)
    return sum(rows.stop - rows.start for rows in map(opened.unit_rows, opened.done_units()))


def import_data(
    data: Path,
    store: Path,
    preparation: ImagePreparation | None = None,
    image_px: int | None = None,
    y: str | None = None,
) -> tuple[int, int, str]:
    """Make a store of an exported file, a published data set, or images.

    Rows with a label, and without, and what was done for images in words. How images become microstructures, their side
    and their property are for those alone; see ``results.exchange.images``.
    """
    from results.exchange.formats import import_store
    from results.exchange.images import holds_images, import_images
    from results.images.two_phases import Preparation, PreparationFacts
    from results.stores.layout import Status

    words = ""
    if holds_images(data):
        wanted = preparation or ImagePreparation()
        how = Preparation(wanted.fit, wanted.threshold, wanted.white)
        made = import_images(data, store, how, image_px, wanted.array, y)
        words = PreparationFacts(**made.attributes["preparation"]).sentence()
    elif preparation or image_px or y:
        raise ValueError(f"{data} holds no images, so that nothing is to be said of how they are read")
    else:
        made = import_store(data, store)
    status = made.read("status")["status"]
    return int((status == Status.DONE).sum()), int((status == Status.FAILED).sum()), words


def simulate(
    spec: Path,
    images: Path,
    store: Path,
    *,
    profile: Profile | None = None,
    preparation: ImagePreparation | None = None,
    dataset: str | None = None,
    progress: Progress = lambda done, total, what: None,
) -> SimulatedImages:
    """Simulate images of one's own by the physics of a spec into a store; see ``campaign.run.simulate``.

    Raises ``campaign.spec.load.SpecError`` for a spec with mistakes, and whatever ``simulate_images`` raises.
    """
    from campaign.run.simulate import simulate_images

    place = profile or load_profile()
    return simulate_images(load_spec(found_spec(spec)).spec, images, store, place, preparation, dataset, progress)


def replay(store: Path, row: int, profile: Profile) -> Replay:
    """Run one simulation of a store again, in the foreground; see ``campaign.run.replay``."""
    from campaign.run.replay import replay as run_again

    return run_again(store, row, profile.limits.simulation_s)


def design(
    run_folder: Path,
    request: DesignRequest,
    output: Path | None = None,
    *,
    profile: Profile | None = None,
    overwrite: bool = False,
    gds: Path | None = None,
    tile: tuple[int, int] = (1, 1),
    progress: Progress = lambda done, total, what: None,
) -> DesignOutcome:
    """Designs for new targets by the models of a finished run; nothing is trained.

    Parameters
    ----------
    run_folder
        The run.
    request
        What is wanted; see ``campaign.design.request``.
    output
        Folder to write them into, whole or not at all; None to write nothing.
    profile
        Where to simulate; None for this process, without Ray.
    overwrite
        Whether designs that lie in ``output`` may go.
    gds
        Layout file to write as well.
    tile
        Copies of each design to the right and upwards in the layout.
    progress
        Called with how many are done, of how many, and of what.

    Raises
    ------
    FileNotFoundError
        No run lies there.
    ValueError
        The run has no such data set, method or orders, or ``output`` or ``gds`` cannot be written as asked.
    campaign.design.fitted.ModelMissingError
        The run is not so far.
    campaign.design.make.OutOfReachError
        A target lies outside of the labels' range, and ``request.nearest`` is not set.
    campaign.design.candidates.NotWritableError
        Too few proposals can be made as the request wants it.
    """
    from campaign.design.fitted import FittedMethod
    from campaign.design.folder import check_vacant, write_designs
    from campaign.design.layout import check_layout, write_layout
    from campaign.design.make import make_designs

    source = FittedMethod.of_run(run_folder, request.dataset, request.method)
    if request.orders is not None:
        source = source.at_orders(request.orders)
    if output is not None:
        check_vacant(output, overwrite)
    if gds is not None:
        check_layout(gds, source, tile)
    outcome = make_designs(source, request, profile, progress)
    if output is not None:
        write_designs(outcome, output, overwrite)
    if gds is not None:
        write_layout(gds, outcome, tile)
    return outcome
