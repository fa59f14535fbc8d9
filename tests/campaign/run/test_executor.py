"""The executor with stages of our own making: no Ray, no science, only order, failure and continuation."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from waiting import wait_until

from campaign.cache.stage_cache import StageCache
from campaign.plan.again import ask_again, followers, stages_again
from campaign.plan.keys import KeyParts
from campaign.plan.kind import Stage, StageKind
from campaign.plan.pipeline import Pipeline
from campaign.record.cancel_request import CancelRequest
from campaign.record.events import read_events
from campaign.record.liveness import run_status
from campaign.run import executor as run_module
from campaign.run import stop
from campaign.run.endings import CampaignFailedError, OutOfTimeError, RunCancelledError
from campaign.run.executor import Executor
from campaign.run.interrupt import Interrupt, ctrl_c
from campaign.spec.base import Model
from campaign.spec.campaign import Spec
from campaign.spec.profile import LAPTOP
from campaign.work.context import StageContext
from campaign.work.resources import InterruptedRunError
from results.files import write_json
from results.stores.layout import StoreError
from results.stores.store import SimulationStore

Run = Callable[[Model, Mapping[str, Path], StageContext], None]


class StagesOnly(Pipeline):
    """A pipeline whose keys are the stages' names, so that no code is read."""

    @property
    def keys(self) -> dict[str, str]:  # type: ignore[override]
        return {stage.name: stage.name.replace("/", "-") for stage in self.stages}

    @property
    def parts(self) -> dict[str, KeyParts]:  # type: ignore[override]
        return {stage.name: KeyParts(stage.kind, {}, {}, {}, 1, {}) for stage in self.stages}


class KindOfTest(StageKind[Model]):
    """A kind that does what a test says."""

    schema_version = 1

    def __init__(self, name: str, run: Run) -> None:
        self.name = name  # type: ignore[misc]
        self.run = run  # type: ignore[method-assign]

    def stages(self, spec: Spec) -> list[Stage[Model]]:
        return []


@pytest.fixture
def stages() -> Callable[..., tuple[Stage, ...]]:
    """Makes stages from ``name=(run, inputs)``; each becomes its own kind."""

    def make(**runs: tuple[Run, list[str]]) -> tuple[Stage, ...]:
        return tuple(
            Stage(KindOfTest(kind, run), Model(), inputs={name: name for name in inputs})
            for kind, (run, inputs) in runs.items()
        )

    return make


def execute(
    tmp_path: Path,
    stages: tuple[Stage, ...],
    write_report: Callable[[], object] = lambda: None,
    interrupt: Interrupt | None = None,
) -> Executor:
    run_folder = tmp_path / "run"
    run_folder.mkdir(exist_ok=True)
    pipeline = StagesOnly(None, stages)  # type: ignore[arg-type]
    executor = Executor(pipeline, StageCache(tmp_path / "cache"), LAPTOP, run_folder, interrupt=interrupt)
    executor.execute(write_report)
    return executor


def writes(text: str) -> Run:
    def run(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        read = "".join((inputs[name] / "out").read_text() for name in sorted(inputs))
        (context.folder / "out").write_text(read + text)

    return run


def fails(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
    (context.folder / "half").write_text("kept")
    raise ValueError("no such luck")


def test_a_stage_reads_what_its_inputs_wrote(tmp_path: Path, stages: Any) -> None:
    execute(tmp_path, stages(a=(writes("1"), []), b=(writes("2"), []), c=(writes("3"), ["a", "b"])))
    assert (tmp_path / "run" / "stages" / "c" / "out").read_text() == "123"
    assert run_status(tmp_path / "run").state == "done"


def test_a_second_run_takes_everything_from_the_cache(tmp_path: Path, stages: Any) -> None:
    execute(tmp_path, stages(a=(writes("1"), []), b=(writes("2"), ["a"])))
    again = execute(tmp_path, stages(a=(fails, []), b=(fails, ["a"])))
    assert {outcome.state for outcome in again.outcomes.values()} == {"cached"}


def test_a_failed_stage_holds_up_only_what_reads_it(tmp_path: Path, stages: Any) -> None:
    with pytest.raises(CampaignFailedError) as failed:
        execute(tmp_path, stages(a=(fails, []), b=(writes("2"), []), c=(writes("3"), ["a"]), d=(writes("4"), ["b"])))
    assert str(failed.value).splitlines() == [
        "a: ValueError: no such luck",
        "not started, because they read a failed stage: c",
        f"tracebacks: {tmp_path / 'run' / 'logs' / 'driver.log'}",
    ]
    states = {name: stage.state for name, stage in run_status(tmp_path / "run").stages.items()}
    assert states == {"a": "failed", "b": "done", "c": "waiting", "d": "done"}


def test_a_working_stage_can_be_watched_in_the_run_folder(tmp_path: Path, stages: Any) -> None:
    seen = []

    def writes_as_it_goes(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        (context.folder / "sample").write_text("so far")
        seen.append((tmp_path / "run" / "stages" / "a" / "sample").read_text())

    execute(tmp_path, stages(a=(writes_as_it_goes, [])))
    assert seen == ["so far"]
    assert (tmp_path / "run" / "stages" / "a").resolve() == tmp_path / "cache" / "a" / "a"


def test_a_failed_stage_goes_on_where_it_stopped(tmp_path: Path, stages: Any) -> None:
    with pytest.raises(CampaignFailedError):
        execute(tmp_path, stages(a=(fails, [])))

    def finish(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        (context.folder / "out").write_text((context.folder / "half").read_text())

    execute(tmp_path, stages(a=(finish, [])))
    assert (tmp_path / "cache" / "a" / "a" / "out").read_text() == "kept"


def test_independent_stages_run_at_the_same_time(tmp_path: Path, stages: Any) -> None:
    meeting = threading.Barrier(2, timeout=20)

    def meet(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        meeting.wait()

    execute(tmp_path, stages(a=(meet, []), b=(meet, [])))


def test_progress_reaches_the_log(tmp_path: Path, stages: Any) -> None:
    def counts(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        context.progress(5, 5, failed=2, message="simulations")
        context.facts["failed"] = 2

    executor = execute(tmp_path, stages(a=(counts, [])))
    assert executor.outcomes["a"].facts == {"failed": 2, "in_process": False, "work": 0.0, "files": {}}
    progress = [event for event in read_events(tmp_path / "run") if event["event"] == "progress"]
    assert [(event["done"], event["total"], event["failed"]) for event in progress] == [(5, 5, 2)]


def test_two_runs_compute_a_shared_stage_once(tmp_path: Path, stages: Any) -> None:
    calls = []
    started, release = threading.Event(), threading.Event()

    def slow(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        calls.append(1)
        started.set()
        release.wait(timeout=20)

    made = stages(a=(slow, []))
    cache = StageCache(tmp_path / "cache")
    executors = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        executors.append(Executor(StagesOnly(None, made), cache, LAPTOP, tmp_path / name))  # type: ignore[arg-type]
    threads = [threading.Thread(target=executor.execute) for executor in executors]
    threads[0].start()
    assert started.wait(timeout=20)
    threads[1].start()
    while not any(event["event"] == "stage-waiting" for event in read_events(tmp_path / "two")):
        threads[1].join(timeout=0.05)
    release.set()
    for thread in threads:
        thread.join(timeout=20)
    assert len(calls) == 1
    assert [executor.outcomes["a"].state for executor in executors] == ["done", "cached"]


def counts_until_stopped(started: threading.Event) -> Run:
    def run(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        for done in range(10**9):
            (context.folder / "rows").write_text(str(done))
            context.progress(done, 10**9, message="simulations")
            started.set()
            threading.Event().wait(0.01)

    return run


def cancel_when(started: threading.Event, run_folder: Path, now: bool) -> None:
    def ask() -> None:
        assert started.wait(60)
        CancelRequest.by_me(now).write(run_folder)

    threading.Thread(target=ask).start()


def test_a_cancelled_run_ends_its_stages_and_starts_no_more(tmp_path: Path, stages: Any) -> None:
    started = threading.Event()
    cancel_when(started, tmp_path / "run", now=False)
    with pytest.raises(RunCancelledError):
        execute(tmp_path, stages(a=(counts_until_stopped(started), []), b=(writes("2"), ["a"])))
    status = run_status(tmp_path / "run")
    assert status.state == "cancelled"
    assert {name: stage.state for name, stage in status.stages.items()} == {"a": "interrupted", "b": "waiting"}
    assert status.message.startswith("cancelled by ")
    assert (tmp_path / "cache" / "a" / "a.partial" / "rows").is_file()


def test_an_orderly_cancel_lets_work_in_flight_finish_and_what_finished_all_is_done(
    tmp_path: Path, stages: Any
) -> None:
    started, seen = threading.Event(), threading.Event()

    def finishes_regardless(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        started.set()
        assert context.resources.stop.wait(60)
        seen.set()

    cancel_when(started, tmp_path / "run", now=False)
    execute(tmp_path, stages(a=(finishes_regardless, [])))
    assert seen.is_set()
    assert run_status(tmp_path / "run").state == "done"


def test_cancel_now_does_not_wait_for_stages(tmp_path: Path, stages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started, never = threading.Event(), threading.Event()
    monkeypatch.setattr(run_module, "LEAVE_SECONDS", 0.1)

    def hangs(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        started.set()
        never.wait(300)

    cancel_when(started, tmp_path / "run", now=True)
    with pytest.raises(RunCancelledError):
        execute(tmp_path, stages(a=(hangs, [])))
    never.set()
    assert run_status(tmp_path / "run").state == "cancelled"


def test_the_last_progress_of_a_stage_is_written_however_soon_it_came(tmp_path: Path, stages: Any) -> None:
    def stops_short(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        for done in range(5):
            context.progress(done, 100, message="simulations")
        raise ValueError("no such luck")

    with pytest.raises(CampaignFailedError):
        execute(tmp_path, stages(a=(stops_short, [])))
    written = [event["done"] for event in read_events(tmp_path / "run") if event["event"] == "progress"]
    assert written == [0, 4]


def test_the_report_is_part_of_the_run(tmp_path: Path, stages: Any, drive: Callable[..., Path]) -> None:
    run_folder = tmp_path / "run"
    drive(run_folder)
    seen = []

    def write_report() -> None:
        seen.append(run_status(run_folder).state)
        raise OSError("disk full")

    pipeline = StagesOnly(None, stages(a=(writes("1"), [])))  # type: ignore[arg-type]
    executor = Executor(pipeline, StageCache(tmp_path / "cache"), LAPTOP, run_folder)
    with pytest.raises(OSError, match="disk full"):
        executor.execute(write_report)
    assert seen == ["running"]
    assert run_status(run_folder).state == "failed"


class Moments:
    """Points of a run, counted as it passes them; Ctrl-C is pressed at one of them."""

    def __init__(self, press_at: int | None = None) -> None:
        self.passed = 0
        self.pressed_at: float | None = None
        self._press_at = press_at
        self._lock = threading.Lock()

    def here(self) -> None:
        with self._lock:
            self.passed += 1
            if self.passed == self._press_at:
                self.pressed_at = time.monotonic()
                os.kill(os.getpid(), signal.SIGINT)

    def counts(self, units: int, worked: list[tuple[Path, int]]) -> Run:
        """A stage of so many units, which goes on where it stopped and notes what it does."""

        def run(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
            for unit in range(units):
                if not (context.folder / str(unit)).exists():
                    self.here()
                    (context.folder / str(unit)).touch()
                    worked.append((context.folder.with_suffix(""), unit))
                context.progress(unit + 1, units, message="units")

        return run

    def run(self, tmp_path: Path, stages: Any, worked: list[tuple[Path, int]]) -> None:
        """Drive a run of four stages and a report of three figures in this process, as a user would."""
        counts = self.counts(4, worked)
        made = stages(a=(counts, []), b=(counts, ["a"]), c=(counts, ["a"]), d=(counts, ["b", "c"]))
        (tmp_path / "run").mkdir(parents=True, exist_ok=True)

        def write_report(interrupt: Interrupt) -> None:
            for _ in range(3):
                interrupt.raise_if_pressed()
                self.here()
            interrupt.raise_if_pressed()

        def listen(event: dict[str, Any]) -> None:
            if event["event"] not in {"run-ended", "progress"}:  # of the latter a slow machine has more
                self.here()

        with ctrl_c() as interrupt:
            executor = Executor(
                StagesOnly(None, made),  # type: ignore[arg-type]
                StageCache(tmp_path / "cache"),
                LAPTOP,
                tmp_path / "run",
                listen,
                interrupt=interrupt,
            )
            executor.execute(lambda: write_report(interrupt))


def test_ctrl_c_ends_a_run_at_every_moment(tmp_path: Path, stages: Any) -> None:
    calm, worked = Moments(), list[tuple[Path, int]]()
    calm.run(tmp_path / "calm", stages, worked)
    assert len(worked) == 16
    for number in range(20):
        folder, worked = tmp_path / str(number), []
        moment = Moments(press_at=1 + number * (calm.passed - 1) // 19)  # the first, the last, and some between
        with pytest.raises(KeyboardInterrupt):
            moment.run(folder, stages, worked)
        assert moment.pressed_at is not None
        assert time.monotonic() - moment.pressed_at < 10
        status = run_status(folder / "run")
        assert status.state == "interrupted"
        assert "failed" not in {stage.state for stage in status.stages.values()}
        Moments().run(folder, stages, worked)
        assert run_status(folder / "run").state == "done"
        assert len(set(worked)) == len(worked) == 16  # nothing that was finished is done again


def test_the_first_ctrl_c_lets_work_in_flight_finish(tmp_path: Path, stages: Any) -> None:
    interrupt = Interrupt()

    def finishes(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        interrupt.press()
        assert context.resources.stop.wait(60)
        (context.folder / "out").write_text("whole")

    with pytest.raises(KeyboardInterrupt):
        execute(tmp_path, stages(a=(finishes, []), b=(writes("2"), ["a"])), interrupt=interrupt)
    states = {name: stage.state for name, stage in run_status(tmp_path / "run").stages.items()}
    assert states == {"a": "done", "b": "waiting"}


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_waits_for_no_stage_that_hangs(
    tmp_path: Path, stages: Any, monkeypatch: pytest.MonkeyPatch, presses: int
) -> None:
    interrupt, never, over = Interrupt(), threading.Event(), threading.Event()
    monkeypatch.setattr(stop, "GRACE_SECONDS", 0.1 if presses == 1 else 300)
    monkeypatch.setattr(run_module, "HASTE_SECONDS", 0.1)

    def hangs(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        for _ in range(presses):
            with suppress(KeyboardInterrupt):  # the handler would raise it in the main thread
                interrupt.press()
        never.wait(300)
        over.set()

    with pytest.raises(KeyboardInterrupt):
        execute(tmp_path, stages(a=(hangs, [])), interrupt=interrupt)
    # At a second press there is no time for a last event: that the driver is gone says enough.
    assert [event["event"] for event in read_events(tmp_path / "run")][2:] == ["run-ended"] * (2 - presses)
    assert run_status(tmp_path / "run").state == "interrupted"
    never.set()
    assert over.wait(60)


def simulates_into(written: list[int]) -> Run:
    """A stage with a store of three units, which notes those that it writes."""

    def run(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        path = context.folder / "labels.zarr"
        if not path.is_dir():
            SimulationStore.create(path, capacity=6, latent_shape=None, image_px=8, rows_per_unit=2)
        store = SimulationStore.open(path, mode="r+")
        for unit in store.missing_units():
            written.append(unit)
            store.write_unit(unit, {"y": np.arange(2.0) + unit, "status": np.ones(2, np.uint8)})
        store.finish()

    return run


def damage(tmp_path: Path) -> None:
    """Cut the second unit of that stage short."""
    shard = tmp_path / "cache" / "a" / "a" / "labels.zarr" / "y" / "c" / "1"
    os.truncate(shard, shard.stat().st_size - 3)


def test_a_store_that_a_stage_finds_damaged_is_repaired(tmp_path: Path, stages: Any) -> None:
    written: list[int] = []
    simulates = simulates_into(written)

    def reads(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        total = SimulationStore.open(inputs["a"] / "labels.zarr").read("y")["y"].sum()
        (context.folder / "out").write_text(str(total))

    executor = execute(tmp_path, stages(a=(simulates, [])))
    assert written == [0, 1, 2]
    damage(tmp_path)
    # Both of its readers meet it, and what reads one of those has not begun.
    executor = execute(
        tmp_path, stages(a=(simulates, []), b=(reads, ["a"]), c=(reads, ["a"]), d=(writes("4"), ["b", "c"]))
    )
    assert written == [0, 1, 2, 1]
    assert {name: outcome.state for name, outcome in executor.outcomes.items()} == dict.fromkeys("abcd", "done")
    assert (tmp_path / "run" / "stages" / "d" / "out").read_text() == "9.09.04"


def test_a_store_that_the_report_finds_damaged_is_repaired(tmp_path: Path, stages: Any) -> None:
    written: list[int] = []
    made, totals = stages(a=(simulates_into(written), []), b=(writes("2"), ["b0"]), b0=(writes("1"), [])), []
    execute(tmp_path, made)
    damage(tmp_path)

    def write_report() -> None:
        totals.append(0.0)
        totals[-1] = SimulationStore.open(tmp_path / "run" / "stages" / "a" / "labels.zarr").read("y")["y"].sum()

    executor = execute(tmp_path, made, write_report)
    assert written == [0, 1, 2, 1]
    assert totals == [0.0, 9.0]
    states = {name: outcome.state for name, outcome in executor.outcomes.items()}
    assert states == {"a": "done", "b": "cached", "b0": "cached"}
    assert run_status(tmp_path / "run").state == "done"


def test_what_is_damaged_again_and_again_is_given_up(tmp_path: Path, stages: Any) -> None:
    written: list[int] = []
    made = stages(a=(simulates_into(written), []))

    def write_report() -> None:
        damage(tmp_path)
        SimulationStore.open(tmp_path / "run" / "stages" / "a" / "labels.zarr").read("y")

    with pytest.raises(StoreError):
        execute(tmp_path, made, write_report)
    assert written == [0, 1, 2, 1]
    assert run_status(tmp_path / "run").state == "failed"


def test_a_file_that_was_overwritten_in_the_cache_is_read_by_nobody(tmp_path: Path, stages: Any) -> None:
    def interrupted(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        raise InterruptedRunError

    with pytest.raises(OutOfTimeError):
        execute(tmp_path, stages(a=(writes("1"), []), b=(interrupted, ["a"])))
    (tmp_path / "run" / "stages" / "a" / "out").write_text("overwritten")
    execute(tmp_path, stages(a=(writes("1"), []), b=(writes("2"), ["a"])))
    assert (tmp_path / "run" / "stages" / "a" / "out").read_text() == "1"
    assert (tmp_path / "run" / "stages" / "b" / "out").read_text() == "12"
    reopened = [event["stage"] for event in read_events(tmp_path / "run") if event["event"] == "stage-reopened"]
    assert sorted(reopened) == ["a", "b"]


def test_what_is_asked_for_again_is_computed_though_cached(tmp_path: Path, stages: Any) -> None:
    made = stages(a=(writes("1"), []), b=(writes("2"), ["a"]), c=(writes("3"), []))
    execute(tmp_path, made)
    assert followers(made, "a") == ["a", "b"]
    ask_again(tmp_path / "run", ["a", "b"])
    again = execute(tmp_path, stages(a=(writes("4"), []), b=(writes("5"), ["a"]), c=(fails, [])))
    assert {name: outcome.state for name, outcome in again.outcomes.items()} == {
        "a": "done",
        "b": "done",
        "c": "cached",
    }
    assert (tmp_path / "run" / "stages" / "b" / "out").read_text() == "45"
    assert stages_again(tmp_path / "run") == frozenset()
    assert [path.name for path in (tmp_path / "cache" / "a").iterdir()] == ["a"]


def test_the_earlier_result_stays_until_the_new_one_is_whole(tmp_path: Path, stages: Any) -> None:
    execute(tmp_path, stages(a=(writes("1"), [])))
    ask_again(tmp_path / "run", ["a"])
    with pytest.raises(CampaignFailedError):
        execute(tmp_path, stages(a=(fails, [])))
    assert (tmp_path / "run" / "stages" / "a" / "out").read_text() == "1"
    assert stages_again(tmp_path / "run") == {"a"}  # whoever goes on tries again
    execute(tmp_path, stages(a=(writes("2"), [])))
    assert (tmp_path / "run" / "stages" / "a" / "out").read_text() == "2"


def test_a_stage_that_was_taken_over_waits_for_its_new_owner(tmp_path: Path, stages: Any) -> None:
    """As if another machine had taken this process for dead."""
    calls: list[Path] = []

    def loses_its_folder(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        calls.append(context.folder)
        if len(calls) == 1:
            context.folder.rename(context.folder.parent / "a")  # the other one finishes it at once
            record = KeyParts("a", {}, {}, {}, 1, {}).record("a", "a", 1.0, 1.0, {})
            write_json(tmp_path / "cache" / "a" / "a" / "stage.json", asdict(record))
        (context.folder / "out").write_text("mine")

    executor = execute(tmp_path, stages(a=(loses_its_folder, [])))
    assert len(calls) == 1
    assert executor.outcomes["a"].state == "cached"
    assert not (tmp_path / "cache" / "a" / "a" / "out").exists()


def test_the_second_of_two_processes_goes_on_where_the_first_was_killed(tmp_path: Path, stages: Any) -> None:
    """Two campaigns that share a stage: one computes it while the other waits; a killed one is replaced."""
    starts, gate = tmp_path / "starts", tmp_path / "gate"

    def counts_to_three(config: Model, inputs: Mapping[str, Path], context: StageContext) -> None:
        with starts.open("a") as stream:
            stream.write(f"{os.getpid()}\n")
        for number in range(3):
            if not (context.folder / str(number)).exists():
                (context.folder / str(number)).write_text(str(os.getpid()))
                while number == 1 and not gate.exists():
                    time.sleep(0.01)

    made = stages(a=(counts_to_three, []))

    def run(name: str) -> None:
        (tmp_path / name).mkdir()
        cache = StageCache(tmp_path / "cache")
        Executor(StagesOnly(None, made), cache, LAPTOP, tmp_path / name).execute()  # type: ignore[arg-type]

    def waits(name: str) -> bool:
        return any(event["event"] == "stage-waiting" for event in read_events(tmp_path / name))

    first, second = (multiprocessing.get_context("fork").Process(target=run, args=(name,)) for name in ("one", "two"))
    first.start()
    wait_until(lambda: list(tmp_path.glob("cache/a/*/1")))
    second.start()
    wait_until(lambda: waits("two"))
    first.kill()
    wait_until(lambda: starts.read_text().count("\n") == 2)
    gate.touch()
    second.join(timeout=60)
    assert second.exitcode == 0
    assert [path.read_text() for path in sorted((tmp_path / "cache" / "a" / "a").glob("[012]"))] == [
        str(first.pid), str(first.pid), str(second.pid),
    ]  # fmt: skip
    message = next(event["message"] for event in read_events(tmp_path / "two") if event["event"] == "stage-waiting")
    assert message.startswith(f"another run is computing this stage: process {first.pid} on ")
    assert sorted(path.name for path in (tmp_path / "cache" / "a").iterdir()) == ["a"]
