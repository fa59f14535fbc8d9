"""Data-parallel training on a real Ray Train, judged by the same training in one process."""

from __future__ import annotations

import os
import re
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import ray
import torch

from cluster.driver.ray_private import CHECKPOINT_INDEX
from cluster.train.outcome import TrainingError
from cluster.train.training import clean_up_run, run_training

STEPS = 10
KILL_STEP = 7


def make_model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))


def make_data() -> tuple[torch.Tensor, torch.Tensor]:
    inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))
    return inputs, inputs.sum(1, keepdim=True)


def train_in_one_process() -> dict[str, torch.Tensor]:
    """The mean over all 8 samples is the average of two ranks' means over 4."""
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    inputs, targets = make_data()
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(inputs), targets).backward()
        optimizer.step()
    return model.state_dict()


def train(config: dict[str, Any], session: Any) -> None:
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    start = 0
    folder = session.latest_checkpoint()
    if folder is not None:
        state = torch.load(folder / "state.pt")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    wrapped = session.wrap(model)
    inputs, targets = (tensor.chunk(session.world_size)[session.rank] for tensor in make_data())
    for step in range(start, STEPS):
        kill = config.get("kill")
        if kill is not None and session.rank == 1 and step == KILL_STEP and not kill.exists():
            kill.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(wrapped(inputs), targets)
        loss.backward()
        optimizer.step()
        with tempfile.TemporaryDirectory() as scratch:
            if session.rank == 0:
                state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
                torch.save(state, Path(scratch) / "state.pt")
            metrics = {"step": step, "loss": float(loss), "threads": torch.get_num_threads(), "start": start}
            session.report(metrics, Path(scratch) if session.rank == 0 else None)


def assert_like_one_process(checkpoint: Path | None) -> None:
    assert checkpoint is not None
    trained = torch.load(checkpoint / "state.pt")["model"]
    for name, expected in train_in_one_process().items():
        torch.testing.assert_close(trained[name], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow  # with every change, test_chaos.py kills ranks of a campaign's training, test_whole_path.py stops it
@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_ctrl_c_and_a_killed_rank_change_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupt(metrics: dict[str, float]) -> None:
        if metrics["step"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(train, {}, workers=2, storage=tmp_path, name="run", on_report=interrupt)
    deadline = time.monotonic() + 30
    while ray.available_resources().get("CPU", 0) < 4:
        assert time.monotonic() < deadline, "the interrupted training holds its CPUs"
        time.sleep(0.1)

    heard: list[dict[str, float]] = []
    config = {"kill": tmp_path / "killed"}
    result = run_training(train, config, workers=2, storage=tmp_path, name="run", on_report=heard.append)
    assert config["kill"].exists()
    assert result.restarts == 1
    assert_like_one_process(result.checkpoint)
    assert heard[-1] == result.metrics
    starts = [metrics["start"] for metrics in heard]
    assert 3 <= starts[0] < starts[-1] <= KILL_STEP
    assert [metrics["step"] for metrics in heard if metrics["start"] == starts[-1]] == list(range(starts[-1], STEPS))
    assert {metrics["threads"] for metrics in heard} == {1}
    assert len(list((tmp_path / "run").glob("checkpoint_*/"))) == 2
    assert capfd.readouterr() == ("", "")


def train_until_asked(config: dict[str, Any], session: Any) -> None:
    folder = session.latest_checkpoint()
    step = int((folder / "step").read_text()) if folder is not None else 0
    while step < config["steps"]:
        step += 1
        if session.asked_to_stop() or step == config["steps"]:
            with tempfile.TemporaryDirectory() as scratch:
                (Path(scratch) / "step").write_text(str(step))
                session.report({"step": step}, Path(scratch) if session.rank == 0 else None)
            return
        time.sleep(0.01)


@pytest.mark.slow  # with every change, tests/campaign/slurm/test_job.py ends a job amid its training
@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_ranks_that_are_asked_to_stop_leave_at_the_same_step_and_go_on_later(tmp_path: Path) -> None:
    options: dict[str, Any] = {"workers": 2, "storage": tmp_path, "name": "run"}
    endless = 10**9
    stopped = run_training(train_until_asked, {"steps": endless}, stop=lambda: True, **options)
    reached = int(stopped.metrics["step"])
    assert reached < endless
    assert stopped.checkpoint is not None
    assert (stopped.checkpoint / "step").read_text() == str(reached)
    result = run_training(train_until_asked, {"steps": reached + 5}, **options)
    assert result.metrics["step"] == reached + 5
    assert result.restarts == 0


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_an_exception_of_the_loop_is_told(tmp_path: Path) -> None:
    def fail(config: object, session: Any) -> None:
        raise LookupError(f"rank {session.rank} of {session.world_size} has no data")

    expected = "training 'run' failed: rank 0: LookupError: rank 0 of 1 has no data"
    with pytest.raises(TrainingError, match=expected) as caught:
        run_training(fail, {}, workers=1, storage=tmp_path, name="run", max_failures=0)
    assert "in fail" in str(caught.value.__cause__)


def test_a_killed_training_is_cleaned_up(tmp_path: Path) -> None:
    run = tmp_path / "run"
    clean_up_run(run)
    for name in ("checkpoint_1", "checkpoint_2"):
        (run / name).mkdir(parents=True)
    (run / CHECKPOINT_INDEX).write_text('{"checkpoint_results": [{"checkpoint_dir_name": "checkpoint_1"}]}')
    clean_up_run(run)
    assert sorted(path.name for path in run.iterdir()) == ["checkpoint_1", CHECKPOINT_INDEX]

    (run / CHECKPOINT_INDEX).write_text('{"checkpoint_results": [{"chec')
    clean_up_run(run)
    assert not run.exists()
    assert (tmp_path / "run.torn" / "checkpoint_1").is_dir()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"workers": 1, "max_failures": -1}, "max_failures must be 0 or more, got -1"),
    ],
)
def test_numbers_out_of_range(tmp_path: Path, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        run_training(train, {}, storage=tmp_path, name="run", **options)
