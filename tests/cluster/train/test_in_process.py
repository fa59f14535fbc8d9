"""Training by one worker in this process: it goes on where it stopped, and ends as if it had not."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from cluster.driver.errors import WorkerDiedError
from cluster.train.in_process import run_in_process
from cluster.train.outcome import TrainingError, TrainingResult

STEPS = 10


def train(config: dict[str, Any], session: Any) -> None:
    """A model whose steps draw from a generator of their own; ``die_at`` says at which step to lose the worker once."""
    torch.manual_seed(0)
    model = session.wrap(torch.nn.Linear(3, 1))
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    start = 0
    if (folder := session.latest_checkpoint()) is not None:
        state = torch.load(folder / "state.pt")
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    for step in range(start, STEPS):
        if step == config.get("die_at") and not config["mark"].exists():
            config["mark"].touch()
            raise WorkerDiedError("killed")
        inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(inputs), inputs.sum(1, keepdim=True))
        loss.backward()
        optimizer.step()
        with tempfile.TemporaryDirectory() as scratch:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            torch.save(state, Path(scratch) / "state.pt")
            session.report({"step": step + 1, "loss": loss.item(), "start": start}, Path(scratch))
        if session.asked_to_stop():
            return


def weights(result: TrainingResult) -> dict[str, torch.Tensor]:
    assert result.checkpoint is not None
    model: dict[str, torch.Tensor] = torch.load(result.checkpoint / "state.pt")["model"]
    return model


def assert_same(result: TrainingResult, other: TrainingResult) -> None:
    assert result.metrics["loss"] == other.metrics["loss"]
    for name, tensor in weights(other).items():
        assert torch.equal(weights(result)[name], tensor)


@pytest.fixture
def undisturbed(tmp_path: Path) -> TrainingResult:
    return run_in_process(train, {}, storage=tmp_path, name="undisturbed")


def test_a_loop_sees_one_rank_and_its_newest_checkpoint_is_kept(tmp_path: Path, undisturbed: TrainingResult) -> None:
    seen: list[Any] = []

    def look(config: None, session: Any) -> None:
        session.report({"rank": session.rank, "ranks": session.world_size, "threads": torch.get_num_threads()}, None)
        assert session.device == torch.device("cpu")
        assert session.latest_checkpoint() is None

    result = run_in_process(look, None, storage=tmp_path, name="run", on_report=seen.append)
    assert seen == [{"rank": 0, "ranks": 1, "threads": 1}]
    assert result == TrainingResult(None, seen[0], 0)
    assert undisturbed.metrics["step"] == STEPS
    assert [path.name for path in (tmp_path / "undisturbed").iterdir()] == ["step-000000009"]


def test_a_training_that_was_asked_to_stop_goes_on_to_the_same_end(tmp_path: Path, undisturbed: TrainingResult) -> None:
    heard: list[float] = []
    options: dict[str, Any] = {"storage": tmp_path, "name": "run"}
    stopped = run_in_process(train, {}, stop=lambda: len(heard) == 4, on_report=heard.append, **options)
    assert stopped.metrics["step"] == 4
    result = run_in_process(train, {}, **options)
    assert result.metrics["start"] == 4
    assert_same(result, undisturbed)


def test_a_listener_may_end_it_and_it_goes_on_to_the_same_end(tmp_path: Path, undisturbed: TrainingResult) -> None:
    def interrupt(metrics: dict[str, float]) -> None:
        if metrics["step"] == 6:
            raise LookupError("of the listener")

    with pytest.raises(LookupError, match="of the listener"):
        run_in_process(train, {}, storage=tmp_path, name="run", on_report=interrupt)
    assert_same(run_in_process(train, {}, storage=tmp_path, name="run"), undisturbed)


def test_a_lost_worker_changes_nothing(tmp_path: Path, undisturbed: TrainingResult) -> None:
    config = {"die_at": 7, "mark": tmp_path / "mark"}
    result = run_in_process(train, config, storage=tmp_path, name="run")
    assert (tmp_path / "mark").exists()
    assert (result.restarts, result.metrics["start"]) == (1, 7)
    assert_same(result, undisturbed)


def test_workers_that_die_without_a_report_between_are_given_up(tmp_path: Path) -> None:
    def die(config: Path, session: Any) -> None:
        with config.open("a") as file:
            file.write("x")
        raise WorkerDiedError("out of luck")

    with pytest.raises(TrainingError, match=r"training 'run' failed: rank 0: .*WorkerDiedError: out of luck") as caught:
        run_in_process(die, tmp_path / "calls", storage=tmp_path, name="run", max_failures=2)
    assert caught.value.is_loss
    assert (tmp_path / "calls").read_text() == "xxx"


def test_an_exception_of_the_loop_is_told(tmp_path: Path) -> None:
    def fail(config: object, session: Any) -> None:
        raise LookupError(f"rank {session.rank} of {session.world_size} has no data")

    with pytest.raises(TrainingError, match="training 'run' failed: rank 0: LookupError: rank 0 of 1") as caught:
        run_in_process(fail, {}, storage=tmp_path, name="run")
    assert not caught.value.is_loss
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_checkpoint_that_was_cut_short_is_none(tmp_path: Path, undisturbed: TrainingResult) -> None:
    (tmp_path / "run" / "partial").mkdir(parents=True)
    (tmp_path / "run" / "partial" / "state.pt").write_text("half of it")
    assert_same(run_in_process(train, {}, storage=tmp_path, name="run"), undisturbed)
