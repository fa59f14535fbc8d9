"""A training of one rank in Ray Train's local mode: the same session, the same numbers, without a group's start."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray.train
import torch

from cluster.driver.errors import WorkerDiedError, WorkerLostError
from cluster.pool.ray_pool import RayPool
from cluster.train.in_process import run_in_process
from cluster.train.lone_rank import Submit
from cluster.train.outcome import TrainingError, TrainingResult
from cluster.train.training import Placement, run_training
from ganmdn import epochs

STEPS = 6
KILL_STEP = 4


def train(config: dict[str, Any], session: Any) -> None:
    """A model whose process is killed once before ``KILL_STEP`` where ``kill`` names a mark."""
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    wrapped = session.wrap(model)
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    start = 0
    if (folder := session.latest_checkpoint()) is not None:
        state = torch.load(folder / "state.pt")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    for step in range(start, config.get("steps", STEPS)):
        mark = config.get("kill")
        if mark is not None and step == KILL_STEP and not mark.exists():
            mark.touch()
            config["how"]()
        inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(wrapped(inputs), inputs.sum(1, keepdim=True))
        loss.backward()
        optimizer.step()
        with tempfile.TemporaryDirectory() as scratch:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            torch.save(state, Path(scratch) / "state.pt")
            session.report({"step": step + 1, "loss": loss.item(), "start": start}, Path(scratch))
        if session.asked_to_stop():
            return


def die() -> None:
    raise WorkerDiedError("killed")


@pytest.fixture
def submit() -> Iterator[Submit]:
    """A thread for a worker; one whose task raises ``WorkerDiedError`` has died."""

    def called(function: Any, *arguments: Any) -> None:
        try:
            function(*arguments)
        except WorkerDiedError as error:
            raise WorkerLostError("the worker died") from error

    with ThreadPoolExecutor(1) as pool:
        yield lambda *call: pool.submit(called, *call)


@pytest.fixture
def expected(tmp_path: Path) -> TrainingResult:
    return run_in_process(train, {}, storage=tmp_path, name="expected")


def assert_same(result: TrainingResult, other: TrainingResult) -> None:
    assert result.checkpoint is not None
    assert other.checkpoint is not None
    states = [torch.load(each.checkpoint / "state.pt")["model"] for each in (result, other) if each.checkpoint]
    assert all(torch.equal(states[0][name], value) for name, value in states[1].items())


def test_a_loop_sees_one_rank_of_ray_train(tmp_path: Path, submit: Submit) -> None:
    def look(config: str, session: Any) -> None:
        assert ray.train.get_context().get_experiment_name() == "run"
        assert session.device == torch.device("cpu")
        assert session.latest_checkpoint() is None
        session.report({"ranks": session.world_size, "rank": session.rank, "threads": torch.get_num_threads()})

    begun: list[int] = []
    heard: list[Any] = []
    options: dict[str, Any] = {"on_begin": lambda: begun.append(len(heard)), "on_report": heard.append}
    result = run_training(look, "config", workers=1, submit=submit, storage=tmp_path, name="run", **options)
    assert heard == [{"ranks": 1, "rank": 0, "threads": 1}]
    assert begun == [0]
    assert result == TrainingResult(None, heard[0], 0)
    assert list(tmp_path.iterdir()) == []


def test_its_numbers_are_those_of_a_training_without_ray(
    tmp_path: Path, submit: Submit, expected: TrainingResult
) -> None:
    result = run_training(train, {}, workers=1, submit=submit, storage=tmp_path, name="run")
    assert result.metrics == expected.metrics
    assert_same(result, expected)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["step-000000005"]


def test_a_training_that_was_asked_to_stop_goes_on_to_the_same_end(
    tmp_path: Path, submit: Submit, expected: TrainingResult
) -> None:
    run = partial(run_training, train, workers=1, submit=submit, storage=tmp_path, name="run")
    stopped = run({"steps": 10**9}, stop=lambda: True)
    assert stopped.metrics["step"] < 10**9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["expected", "run"]
    on = int(stopped.metrics["step"]) + 2
    whole = run_in_process(train, {"steps": on}, storage=tmp_path, name="whole")
    assert_same(run({"steps": on}), whole)


def test_a_lost_worker_changes_nothing(tmp_path: Path, submit: Submit, expected: TrainingResult) -> None:
    config = {"kill": tmp_path / "mark", "how": die}
    result = run_training(train, config, workers=1, submit=submit, storage=tmp_path, name="run")
    assert (result.restarts, result.metrics["start"]) == (1, KILL_STEP)
    assert_same(result, expected)


def test_workers_that_die_without_a_report_between_are_given_up(tmp_path: Path) -> None:
    tries: list[int] = []

    def submit(*call: Any) -> Future[Any]:
        tries.append(1)
        future: Future[Any] = Future()
        future.set_exception(WorkerLostError("out of luck"))
        return future

    with pytest.raises(TrainingError, match=r"training 'run' failed: rank 0: .*WorkerLostError: out of luck") as caught:
        run_training(train, {}, workers=1, submit=submit, storage=tmp_path, name="run", max_failures=2)
    assert caught.value.is_loss
    assert len(tries) == 3


def test_an_exception_of_the_loop_is_told(tmp_path: Path, submit: Submit) -> None:
    def fail(config: object, session: Any) -> None:
        raise LookupError(f"rank {session.rank} of {session.world_size} has no data")

    with pytest.raises(TrainingError, match="training 'run' failed: rank 0: LookupError: rank 0 of 1") as caught:
        run_training(fail, {}, workers=1, submit=submit, storage=tmp_path, name="run")
    assert not caught.value.is_loss


def test_a_listener_that_raises_asks_the_loop_to_stop(tmp_path: Path, submit: Submit, expected: TrainingResult) -> None:
    def refuse(metrics: dict[str, float]) -> None:
        raise LookupError("of the listener")

    run = partial(run_training, workers=1, submit=submit, storage=tmp_path, name="run")
    with pytest.raises(LookupError, match="of the listener"):
        run(train, {"steps": 10**9}, on_report=refuse)
    submit(int).result(timeout=60)  # the worker is free again


def test_only_one_rank_on_a_cpu_is_alone(tmp_path: Path, submit: Submit) -> None:
    for options in ({"workers": 2}, {"workers": 1, "placement": Placement(use_gpu=True)}):
        with pytest.raises(ValueError, match=re.escape("submit is for one rank on a CPU, got workers")):
            run_training(train, {}, submit=submit, storage=tmp_path, name="run", **options)  # type: ignore[arg-type]


def fit(config: dict[str, Any], session: Any) -> None:
    """A mixture density network, whose process is killed once after the fourth report of a session that has ranks."""
    from ganmdn.mdn_training import MdnTraining, fit_mdn

    epochs.CHECKPOINT_SECONDS, epochs.CHECKPOINT_SHARE = 0.0, float("inf")  # one after every epoch
    rng, reported, heard = np.random.default_rng(0), session.report, []

    def report(metrics: dict[str, float], checkpoint: Path | None) -> None:
        reported(metrics, checkpoint)
        heard.append(metrics["step"])
        if len(heard) == 4 and not config["mark"].exists():
            config["mark"].touch()
            os.kill(os.getpid(), signal.SIGKILL)

    session.report = report
    training = MdnTraining(components=3, max_epochs=6, batch_size=16)
    found = fit_mdn(rng.random(60), rng.random((60, 4)), training, np.random.SeedSequence(1), session=session)
    with tempfile.TemporaryDirectory() as scratch:
        torch.save({"model": found.network.state_dict()}, Path(scratch) / "state.pt")
        reported({"first": heard[0], "epochs": len(found.train_loss)}, Path(scratch))


@pytest.mark.ray
@pytest.mark.long
@pytest.mark.usefixtures("ray_runtime")
def test_a_fit_whose_process_is_killed_ends_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHECKPOINT_SECONDS", "CHECKPOINT_SHARE"):
        monkeypatch.setattr(epochs, name, getattr(epochs, name))  # as the fit leaves them in this process
    config = {"mark": tmp_path / "mark"}
    with RayPool(1) as pool:

        def submit(function: Any, *arguments: Any) -> Future[Any]:
            return pool.submit(pool.share(function, max_attempts=1), *arguments)

        result = run_training(fit, config, workers=1, submit=submit, storage=tmp_path, name="run")
    assert result.restarts == 1
    assert result.metrics == {"first": 5, "epochs": 6}
    assert_same(result, run_in_process(fit, config, storage=tmp_path, name="undisturbed"))
