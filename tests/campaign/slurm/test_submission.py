"""A campaign is sent to Slurm once, found again, followed and cancelled; Slurm's commands are stand-ins."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from fake_slurm import FakeSlurm

from campaign import api
from campaign.cache import lease
from campaign.plan.fingerprint import PACKAGES, PROJECT
from campaign.record import liveness
from campaign.record.cancel_request import pending_request
from campaign.record.events import EventLog, read_events
from campaign.run import prepare
from campaign.run.freeze import FrozenRun
from campaign.slurm.request import job_name
from campaign.slurm.submission import QueuedRun
from cluster.slurm.controller import SlurmError

PROFILE = {"kind": "slurm", "cpus_per_node": 2, "time_limit": 30}
REFUSED = "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified"
BUSY = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


@pytest.fixture
def campaign(tmp_path: Path, tiny_spec: Path, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> api.Campaign:
    """The tiny campaign under a profile of Slurm, on a machine that belongs to a cluster; its code is not copied."""
    monkeypatch.setattr(prepare, "freeze", lambda pipeline, *_: FrozenRun(pipeline, PROJECT, PACKAGES))
    profile = tmp_path / "slurm.yaml"
    profile.write_text(yaml.safe_dump(PROFILE))
    fake_slurm.answer("sbatch", "Submitted batch job 17")
    return api.Campaign.open(tiny_spec, profile, tmp_path / "runs")


def sent(campaign: api.Campaign) -> QueuedRun:
    run = api.submit(campaign)
    assert isinstance(run, QueuedRun)
    return run


def test_submit_sends_one_job_and_finds_it_again(campaign: api.Campaign, fake_slurm: FakeSlurm) -> None:
    first = sent(campaign)
    assert (first.job, first.is_new) == ("17", True)
    assert fake_slurm.called().count("sbatch") == 1
    fake_slurm.jobs(("17", job_name(first.folder), "PENDING Priority"))
    assert sent(campaign) == QueuedRun(first.folder, "17", is_new=False)
    assert fake_slurm.called().count("sbatch") == 1
    assert [event["event"] for event in read_events(first.folder)] == ["run-queued"]
    assert api.status(first.folder).state == "queued"


def test_a_dry_run_shows_the_script_and_sends_nothing(
    campaign: api.Campaign, fake_slurm: FakeSlurm, tmp_path: Path, tiny_spec: Path
) -> None:
    assert "#SBATCH --cpus-per-task=2" in api.dry_run(campaign)
    assert fake_slurm.calls == []
    assert not (tmp_path / "runs").exists()
    with pytest.raises(ValueError, match="under a profile of kind slurm, got one of kind local"):
        api.dry_run(api.Campaign.open(tiny_spec, None, tmp_path / "runs"))


def test_a_refusal_is_the_runs_last_event(campaign: api.Campaign, fake_slurm: FakeSlurm) -> None:
    fake_slurm.refuse("sbatch", REFUSED)
    with pytest.raises(SlurmError):
        api.submit(campaign)
    (folder,) = api.find_runs(campaign.runs)
    status = api.status(folder)
    assert (status.state, status.message) == ("failed", f"`sbatch` failed: {REFUSED}")


@pytest.mark.parametrize(
    ("state", "error"),
    [("done", None), ("failed", api.CampaignFailedError), ("cancelled", api.RunCancelledError)],
)
def test_submit_waits_for_the_end_of_a_run_if_that_is_wanted(
    campaign: api.Campaign,
    fake_slurm: FakeSlurm,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    error: type[Exception] | None,
) -> None:
    monkeypatch.setattr(liveness, "POLL_SECONDS", 0.01)
    folder = Path(campaign.plan().run_folder)
    listed = f"17|{job_name(folder)}|PENDING|Priority||N/A|mark"
    fake_slurm.script("squeue", f"grep -q '^sbatch ' {fake_slurm.folder}/calls && echo '{listed}'\nexit 0\n")
    seen: list[str] = []

    def listen(event: dict) -> None:
        seen.append(event["event"])
        if event["event"] == "run-queued":
            with EventLog(folder) as events:
                events.write("run-ended", state=state)

    if error is None:
        assert isinstance(api.submit(campaign, listen, wait=True), api.FinishedRun)
    else:
        with pytest.raises(error):
            api.submit(campaign, listen, wait=True)
    assert seen == ["run-queued", "status", "run-ended"]


def test_ctrl_c_ends_the_patience_with_a_busy_slurm(campaign: api.Campaign, fake_slurm: FakeSlurm) -> None:
    fake_slurm.refuse("sbatch", BUSY)

    def press() -> None:
        while "sbatch" not in fake_slurm.called():
            threading.Event().wait(0.01)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=press, daemon=True)  # which a test that fails does not wait for
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        api.submit(campaign)
    thread.join()
    assert fake_slurm.called().count("sbatch") == 1
    (folder,) = api.find_runs(campaign.runs)
    assert api.status(folder).state == "interrupted"


def test_cancel_ends_the_jobs_of_a_queued_run_and_no_others(campaign: api.Campaign, fake_slurm: FakeSlurm) -> None:
    folder = sent(campaign).folder
    name = job_name(folder)
    fake_slurm.jobs(
        ("17", name, "PENDING Priority"), ("18", f"{name}-worker", "RUNNING node1"), ("9", name, "COMPLETED")
    )
    assert api.cancel(folder) == ["17", "18"]
    assert "scancel 17 18" in fake_slurm.calls
    assert api.status(folder).state == "cancelled"
    fake_slurm.jobs()
    assert api.cancel(folder) == []


def test_cancel_leaves_the_job_of_a_driver_to_end_by_itself(
    campaign: api.Campaign, fake_slurm: FakeSlurm, drive: Callable[..., Path]
) -> None:
    folder = sent(campaign).folder
    with EventLog(folder) as events:
        events.write("run-started", stages=["labels/a"], host="node1", process=7)
    drive(folder)
    name = job_name(folder)
    fake_slurm.jobs(("17", name, "RUNNING node1"), ("18", f"{name}-worker", "PENDING Priority"))
    assert api.cancel(folder, now=True) == ["18"]
    request = pending_request(folder)
    assert request is not None
    assert request.now
    assert api.status(folder).state == "running"


def test_a_driver_whose_job_was_cancelled_is_not_waited_for(
    campaign: api.Campaign, fake_slurm: FakeSlurm, drive: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > 3:
            raise WaitedError

    monkeypatch.setattr(lease, "time", SimpleNamespace(sleep=sleep))
    folder = sent(campaign).folder
    drive(folder, host="node7", machine="another", process=2**22 + 1)  # its heartbeat is fresh
    name = job_name(folder)
    fake_slurm.jobs(("17", name, "CANCELLED"))
    assert sent(campaign).is_new
    assert len(waits) == 1
    drive(folder, host="node7", machine="yet another", process=2**22 + 1)
    fake_slurm.jobs(("17", name, "COMPLETING node7"))
    with pytest.raises(WaitedError):
        api.submit(campaign)


class WaitedError(Exception):
    pass
