"""What runs in a campaign's jobs: the driver with its Ray cluster, and nodes that are lent to it."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from rich.console import Console

from campaign.record.cancel_request import pending_request
from campaign.record.display import PLAIN_WIDTH, display
from campaign.record.events import EventLog
from campaign.run.campaign import frozen_campaign
from campaign.run.drive import execute
from campaign.run.endings import CampaignFailedError, OutOfTimeError, RunCancelledError, message_of
from campaign.run.prepare import prepared
from campaign.slurm.request import SLURM_FOLDER, job_names, request_of, worker_request
from campaign.spec.profile import Execution, RayProfile, SlurmProfile
from campaign.work.time_budget import TimeBudget
from cluster.driver.access import token_in_use
from cluster.slurm.batch_job import BatchJob, warned
from cluster.slurm.controller import QueueWatch, SlurmError
from cluster.slurm.ray_cluster import lend_node, ray_on_nodes
from cluster.slurm.sbatch import send
from cluster.slurm.worker_jobs import WorkerJobs
from results.files import write_json

log = logging.getLogger(__name__)

DURATIONS_FILE, CLUSTER_FILE, ATTEMPTS_FILE = "durations.json", "cluster.json", "attempts.json"
# Before Slurm's end, when the driver moves to the next job whatever it is at.
LAST_SECONDS = 20.0
# Jobs in a row that may end without a single finished unit before the campaign is given up.
MOST_IDLE_JOBS = 3


def drive(folder: Path, profile: SlurmProfile) -> str:
    """Run the campaign in ``folder`` in this job; when its time is over go on in the next one.

    Returns
    -------
    str
        How it ended: ``done``, ``cancelled``, or ``queued`` when it goes on in another job.

    Raises
    ------
    CampaignFailedError
        Stages failed, or several jobs in a row got nowhere.
    Exception
        Whatever kept the campaign from starting.
    """
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    if pending_request(folder) is not None:
        return "cancelled"
    job = BatchJob.here(profile.time_limit)
    budget = TimeBudget(folder / SLURM_FOLDER / DURATIONS_FILE, job.ends - profile.end_seconds)
    next_job = _NextJob(job, folder, profile, budget)
    with warned(lambda name: budget.end_now()), _at(job.ends - LAST_SECONDS, next_job.go):
        try:
            with _last_event(folder):
                _run(folder, profile, job, budget)
        except RunCancelledError:
            return "cancelled"
        except OutOfTimeError:
            next_job.go()
    if next_job.failure:
        raise CampaignFailedError(next_job.failure)
    return "queued" if next_job.is_gone else "done"


def lend(folder: Path, profile: SlurmProfile) -> str:
    """Lend this job's node to the campaign in ``folder`` until the job's time is over; returns why it ended."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    job = BatchJob.here(profile.worker_jobs.time_limit if profile.worker_jobs else profile.time_limit)
    leave = threading.Event()

    def find() -> Path | None:
        try:
            return Path(json.loads((folder / SLURM_FOLDER / CLUSTER_FILE).read_text(encoding="utf-8"))["rendezvous"])
        except FileNotFoundError:
            return None

    with warned(lambda name: leave.set()):
        end = lend_node(find, job.ends - profile.end_seconds, profile.end_seconds / 2, leave)
    print(end)
    return end


def _run(folder: Path, profile: SlurmProfile, job: BatchJob, budget: TimeBudget) -> None:
    campaign = frozen_campaign(folder)
    options = [] if profile.temp_dir is None else ["--temp-dir", str(profile.temp_dir / job.job)]
    rendezvous = folder / SLURM_FOLDER / "ray" / f"{job.job}-{job.restarts}"
    shutil.rmtree(rendezvous, ignore_errors=True)  # of a start that Slurm cut short
    with prepared(campaign, campaign.plan()) as frozen:
        _write_event(folder, "job-started", job=job.job, nodes=job.hosts, restarts=job.restarts)
        with (
            ray_on_nodes(job, rendezvous, options, dashboard=profile.dashboard) as head,
            token_in_use(Path(head.token_file)),
            _announced(folder, rendezvous),
            _worker_jobs(folder, profile),
            display(Console(width=PLAIN_WIDTH)) as listener,
        ):
            common = {name: getattr(profile, name) for name in Execution.model_fields}
            place = RayProfile(kind="ray", address=head.address, **common)
            execute(campaign, frozen, folder, place, listener, budget)


@contextmanager
def _last_event(folder: Path) -> Iterator[None]:
    """Whatever ends the run before or after its stages is its last event, for those who follow it."""
    try:
        yield
    except (CampaignFailedError, RunCancelledError, OutOfTimeError):
        raise  # written already
    except Exception as error:
        _write_event(folder, "run-ended", state="failed", message=message_of(error))
        raise


def _write_event(folder: Path, event: str, **facts: object) -> None:
    with EventLog(folder) as events:
        events.write(event, **facts)


@contextmanager
def _announced(folder: Path, rendezvous: Path) -> Iterator[None]:
    """Leave for lent nodes where the campaign's Ray cluster is at present."""
    path = folder / SLURM_FOLDER / CLUSTER_FILE
    write_json(path, {"rendezvous": str(rendezvous)})
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _worker_jobs(folder: Path, profile: SlurmProfile) -> AbstractContextManager[object]:
    if profile.worker_jobs is None:
        return nullcontext()
    request = worker_request(profile, folder)
    watch = QueueWatch(job_names([folder]))
    return WorkerJobs(watch, request, profile.worker_jobs.count, lend, folder, profile)


@contextmanager
def _at(moment: float, act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` at a time, seconds since the epoch, unless the block has been left by then."""
    timer = threading.Timer(max(0.0, moment - time.time()), act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _NextJob:
    """Sends the campaign on its way again, once: by requeueing this job, or with a job that waits for its end.

    Attributes
    ----------
    is_gone
        Whether it was sent.
    failure
        Why it was not, where it should have been.
    """

    def __init__(self, job: BatchJob, folder: Path, profile: SlurmProfile, budget: TimeBudget) -> None:
        self.is_gone = False
        self.failure = ""
        self._job, self._folder, self._profile, self._budget = job, folder, profile, budget
        self._lock = threading.Lock()

    def go(self) -> None:
        """Go on in the next job, unless somebody cancelled the run or several jobs in a row got nowhere."""
        with self._lock:
            if self.is_gone or self.failure or pending_request(self._folder) is not None:
                return
            if self._idle_jobs() >= MOST_IDLE_JOBS:
                self.failure = (
                    f"{MOST_IDLE_JOBS} jobs in a row ended before a single unit of work did; "
                    "ask for more time (time_limit) or for smaller units (rows_per_unit)"
                )
            else:
                self._send()
        if self.failure:
            _write_event(self._folder, "run-ended", state="failed", message=self.failure)

    def _send(self) -> None:
        try:
            if not self._job.is_running():
                return  # cancelled, which is the end, or preempted, and then Slurm requeues it
            self.is_gone = True
            if self._profile.requeue:
                try:
                    return self._job.requeue()
                except SlurmError as error:
                    log.warning("this job cannot be requeued, another one follows it: %s", error.said)
            request = request_of(self._profile, self._folder)
            send(request, drive, self._folder, self._profile, after=self._job.job)
        except SlurmError as error:
            self.is_gone = False
            self.failure = f"the next job could not be sent: {error}"

    def _idle_jobs(self) -> int:
        """How many jobs in a row, this one included, have finished no unit of work."""
        path = self._folder / SLURM_FOLDER / ATTEMPTS_FILE
        before = json.loads(path.read_text(encoding="ascii"))["idle"] if path.is_file() else 0
        idle = 0 if self._budget.finished else before + 1
        write_json(path, {"idle": idle})
        return idle
