"""The executor with stages of our own making: no Ray, no science, only order, failure and continuation."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from campaign.cache.stage_cache import StageCache, StageRecord
from campaign.plan.keys import KeyParts
from campaign.plan.pipeline import Pipeline, Stage
from campaign.record.cancel_request import CancelRequest
from campaign.record.events import read_events, run_status
from campaign.run import executor as run_module
from campaign.run.executor import CampaignFailedError, Executor, RunCancelledError
from campaign.spec.profile import LAPTOP
from campaign.work.context import StageContext
from results.store import SimulationStore

Run = Callable[[Mapping[str, Any], Mapping[str, Path], StageContext], None]


class StagesOnly(Pipeline):
    """A pipeline whose keys are the stages' names, so that no code is read."""

    @property
    def keys(self) -> dict[str, str]:  # type: ignore[override]
        return {stage.name: stage.name.replace("/", "-") for stage in self.stages}

    @property
    def parts(self) -> dict[str, KeyParts]:  # type: ignore[override]
        return {stage.name: KeyParts(stage.kind, stage.config, {}, {}, 1, {}) for stage in self.stages}


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Stage, ...]]:
    """Makes stages from ``name=(run, inputs)``; each becomes its own kind."""

    def make(**runs: tuple[Run, list[str]]) -> tuple[Stage, ...]:
        for kind, (run, _) in runs.items():
            module = ModuleType(f"campaign.stages.{kind}")
            module.run = run  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, module.__name__, module)
        return tuple(Stage(kind, (), {}, {name: name for name in inputs}) for kind, (_, inputs) in runs.items())

    return make


def execute(tmp_path: Path, stages: tuple[Stage, ...]) -> Executor:
    run_folder = tmp_path / "run"
    run_folder.mkdir(exist_ok=True)
    pipeline = StagesOnly(None, stages)  # type: ignore[arg-type]
    executor = Executor(pipeline, StageCache(tmp_path / "cache"), LAPTOP, run_folder)
    executor.execute()
    return executor


def writes(text: str) -> Run:
    def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        read = "".join((inputs[name] / "out").read_text() for name in sorted(inputs))
        (context.folder / "out").write_text(read + text)

    return run


def fails(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
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

    def writes_as_it_goes(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        (context.folder / "sample").write_text("so far")
        seen.append((tmp_path / "run" / "stages" / "a" / "sample").read_text())

    execute(tmp_path, stages(a=(writes_as_it_goes, [])))
    assert seen == ["so far"]
    assert (tmp_path / "run" / "stages" / "a").resolve() == tmp_path / "cache" / "a" / "a"


def test_a_failed_stage_goes_on_where_it_stopped(tmp_path: Path, stages: Any) -> None:
    with pytest.raises(CampaignFailedError):
        execute(tmp_path, stages(a=(fails, [])))

    def finish(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        (context.folder / "out").write_text((context.folder / "half").read_text())

    execute(tmp_path, stages(a=(finish, [])))
    assert (tmp_path / "cache" / "a" / "a" / "out").read_text() == "kept"


def test_independent_stages_run_at_the_same_time(tmp_path: Path, stages: Any) -> None:
    meeting = threading.Barrier(2, timeout=20)

    def meet(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        meeting.wait()

    execute(tmp_path, stages(a=(meet, []), b=(meet, [])))


def test_progress_reaches_the_log_and_failures_their_class(tmp_path: Path, stages: Any) -> None:
    def counts(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        context.progress(5, 5, failed=2, message="simulations")
        context.facts["failed"] = 2

    executor = execute(tmp_path, stages(a=(counts, [])))
    assert executor.outcomes["a"].facts == {"failed": 2}
    progress = [event for event in read_events(tmp_path / "run") if event["event"] == "progress"]
    assert [(event["done"], event["total"], event["failed"]) for event in progress] == [(5, 5, 2)]


def test_two_runs_compute_a_shared_stage_once(tmp_path: Path, stages: Any) -> None:
    calls = []
    started, release = threading.Event(), threading.Event()

    def slow(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
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
    def run(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
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
    started, heard = threading.Event(), threading.Event()

    def finishes_regardless(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        started.set()
        assert context.resources.stop.wait(60)
        heard.set()

    cancel_when(started, tmp_path / "run", now=False)
    execute(tmp_path, stages(a=(finishes_regardless, [])))
    assert heard.is_set()
    assert run_status(tmp_path / "run").state == "done"


def test_cancel_now_does_not_wait_for_stages(tmp_path: Path, stages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started, never = threading.Event(), threading.Event()
    monkeypatch.setattr(run_module, "LEAVE_SECONDS", 0.1)

    def hangs(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        started.set()
        never.wait(300)

    cancel_when(started, tmp_path / "run", now=True)
    with pytest.raises(RunCancelledError):
        execute(tmp_path, stages(a=(hangs, [])))
    never.set()
    assert run_status(tmp_path / "run").state == "cancelled"


def test_the_last_progress_of_a_stage_is_told_however_soon_it_came(tmp_path: Path, stages: Any) -> None:
    def stops_short(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        for done in range(5):
            context.progress(done, 100, message="simulations")
        raise ValueError("no such luck")

    with pytest.raises(CampaignFailedError):
        execute(tmp_path, stages(a=(stops_short, [])))
    told = [event["done"] for event in read_events(tmp_path / "run") if event["event"] == "progress"]
    assert told == [0, 4]


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


@pytest.mark.parametrize("damage", ["cut short", "emptied", "a file lost", "the unit lost"])
def test_a_damaged_store_is_found_and_repaired(tmp_path: Path, stages: Any, damage: str) -> None:
    written: list[int] = []

    def simulates(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        path = context.folder / "labels.zarr"
        if not path.is_dir():
            SimulationStore.create(path, capacity=6, latent_shape=None, image_px=8, rows_per_unit=2)
        store = SimulationStore.open(path, mode="r+")
        for unit in store.missing_units():
            written.append(unit)
            store.write_unit(unit, {"y": np.arange(2.0) + unit, "status": np.ones(2, np.uint8)})
        store.finish()

    def reads(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        total = SimulationStore.open(inputs["a"] / "labels.zarr").read("y")["y"].sum()
        (context.folder / "out").write_text(str(total))

    executor = execute(tmp_path, stages(a=(simulates, [])))
    assert written == [0, 1, 2]
    store = tmp_path / "cache" / "a" / "a" / "labels.zarr"
    shard = store / "y" / "c" / "1"
    match damage:
        case "cut short" | "emptied":
            os.truncate(shard, shard.stat().st_size - 3 if damage == "cut short" else 0)
        case "a file lost":
            shard.unlink()
        case "the unit lost":
            (store / "status" / "c" / "1").unlink()
    executor = execute(tmp_path, stages(a=(simulates, []), b=(reads, ["a"])))
    assert written == [0, 1, 2, 1]
    assert {name: outcome.state for name, outcome in executor.outcomes.items()} == {"a": "done", "b": "done"}
    assert (tmp_path / "run" / "stages" / "b" / "out").read_text() == "9.0"


def test_a_stage_that_was_taken_over_waits_for_its_new_owner(tmp_path: Path, stages: Any) -> None:
    """As if another machine had taken this process for dead."""
    calls: list[Path] = []

    def loses_its_folder(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
        calls.append(context.folder)
        if len(calls) == 1:
            context.folder.rename(context.folder.parent / "a")  # the other one finishes it at once
            record = StageRecord("a", "a", {}, {}, {}, 1, {}, 1.0, 1.0, {})
            (tmp_path / "cache" / "a" / "a" / "stage.json").write_text(json.dumps(asdict(record)))
        (context.folder / "out").write_text("mine")

    executor = execute(tmp_path, stages(a=(loses_its_folder, [])))
    assert len(calls) == 1
    assert executor.outcomes["a"].state == "cached"
    assert not (tmp_path / "cache" / "a" / "a" / "out").exists()


def test_the_second_of_two_processes_goes_on_where_the_first_was_killed(tmp_path: Path, stages: Any) -> None:
    """Two campaigns that share a stage: one computes it while the other waits; a killed one is replaced."""
    starts, gate = tmp_path / "starts", tmp_path / "gate"

    def counts_to_three(config: Mapping[str, Any], inputs: Mapping[str, Path], context: StageContext) -> None:
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


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)
