"""Training epoch by epoch: an end is the same however often it was interrupted, and workers in step stay in step."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganmdn import epochs
from ganmdn.density_config import FlowTraining
from ganmdn.epochs import ALONE, TrainingPausedError
from ganmdn.flow_posterior import fit_flow_posterior
from ganmdn.forward_config import EnsembleTraining, NetworkShape
from ganmdn.image_ensemble import fit_ensembles
from ganmdn.mdn_training import MdnTraining, fit_mdn
from ganmdn.session import LocalSession, TrainingSession

SEED = np.random.SeedSequence(7)
RNG = np.random.default_rng(0)
Y, Z = RNG.random(70), RNG.uniform(-1, 1, (70, 2, 2)).astype(np.float32)
IMAGES = (RNG.random((70, 8, 8)) < Y[:, None, None]).astype(np.uint8)
MDN = MdnTraining(components=3, max_epochs=6, batch_size=16)
ENSEMBLE = EnsembleTraining(members=2, epochs=3, batch_size=16)
SHAPE = NetworkShape(cell_px=1, channels=2, blocks=1)
State = dict[str, torch.Tensor]


def mdn_state(session: TrainingSession) -> tuple[State, list[float]]:
    fit = fit_mdn(Y, Z.reshape(70, -1), MDN, SEED, session=session)
    return fit.network.state_dict(), [*fit.train_loss, *fit.validation_loss]


def ensemble_state(session: TrainingSession) -> tuple[State, list[float]]:
    [(ensemble, _)] = fit_ensembles(IMAGES, [Y], SHAPE, ENSEMBLE, [SEED], session)
    networks = enumerate(ensemble.networks)
    return {f"{n}.{name}": value for n, net in networks for name, value in net.state_dict().items()}, []


FITS = pytest.mark.parametrize("fit", [mdn_state, ensemble_state])
Fit = Callable[[TrainingSession], tuple[State, list[float]]]


class KilledError(Exception):
    """Stands for whatever ends a training early."""


class KilledSession(LocalSession):
    """Ends the training after the fourth of its reports."""

    def report(self, metrics: dict[str, float], checkpoint: Path | None) -> None:
        super().report(metrics, checkpoint)
        if len(self.metrics) == 4:
            raise KilledError


class LeavingSession(LocalSession):
    """Asks to stop after the second epoch."""

    asked = 0

    def asked_to_stop(self) -> bool:
        self.asked += 1
        return self.asked == 2


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every epoch."""
    monkeypatch.setattr(epochs, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(epochs, "CHECKPOINT_SHARE", float("inf"))


@FITS
@pytest.mark.usefixtures("hasty")
def test_a_killed_training_goes_on_to_the_same_bits(fit: Fit, tmp_path: Path) -> None:
    expected, losses = fit(ALONE)
    with pytest.raises(KilledError):
        fit(KilledSession(tmp_path))
    resumed = LocalSession(tmp_path)
    got, again = fit(resumed)
    assert [metrics["step"] for metrics in resumed.metrics] == [5, 6]
    assert {metrics["steps"] for metrics in resumed.metrics} == {6}
    assert again == losses
    assert all(torch.equal(value, got[name]) for name, value in expected.items())


@FITS
def test_a_training_that_was_asked_to_stop_leaves_a_checkpoint(fit: Fit, tmp_path: Path) -> None:
    expected, losses = fit(ALONE)
    leaving = LeavingSession(tmp_path)
    with pytest.raises(TrainingPausedError):
        fit(leaving)
    assert leaving.metrics[-1]["step"] == 2
    got, again = fit(leaving)
    assert again == losses
    assert all(torch.equal(value, got[name]) for name, value in expected.items())


def test_an_end_that_steps_follow_is_a_checkpoint(tmp_path: Path) -> None:
    session = LocalSession(tmp_path)
    [(whole, _)] = fit_ensembles(IMAGES, [Y], SHAPE, ENSEMBLE, [SEED], session, steps_after=4)
    assert (session.metrics[-1]["step"], session.metrics[-1]["steps"]) == (6, 10)
    again = LocalSession(tmp_path)
    [(resumed, _)] = fit_ensembles(IMAGES, [Y], SHAPE, ENSEMBLE, [SEED], again, steps_after=4)
    assert again.metrics == []
    for network, other in zip(whole.networks, resumed.networks, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))


def test_a_session_of_another_size_is_refused(tmp_path: Path) -> None:
    pair = LocalSession(tmp_path, world_size=2)
    with pytest.raises(ValueError, match=r"workers must equal the session's world size, .* got workers 1 in .* of 2"):
        fit_mdn(Y, Z.reshape(70, -1), MDN, SEED, session=pair)
    with pytest.raises(ValueError, match=r"got workers 1 in a session of 2"):
        fit_ensembles(IMAGES, [Y], SHAPE, ENSEMBLE, [SEED], pair)


@dataclass
class GlooSession(LocalSession):
    """A rank whose gradients are averaged by torch alone."""

    def wrap(self, module: Any) -> Any:
        return torch.nn.parallel.DistributedDataParallel(module, broadcast_buffers=False)


def in_step(session: TrainingSession) -> dict[str, Any]:
    """A fit without batch norm and one with it, by so many workers."""
    workers = session.world_size
    flow = FlowTraining(max_epochs=3, batch_size=16, transforms=1, width=4, workers=workers)
    posterior, fit = fit_flow_posterior(Y, Z, lambda z: z, (-1, 1), flow, SEED, session=session)
    training = MdnTraining(components=3, workers=workers, batch_size=16, max_epochs=3)
    mdn = fit_mdn(Y, Z.reshape(70, -1), training, SEED, session=session)
    ensemble = EnsembleTraining(members=2, epochs=1, batch_size=16, workers=workers)
    [(networks, _)] = fit_ensembles(IMAGES, [Y], SHAPE, ensemble, [SEED], session)
    return {
        "flow": posterior.flow.state_dict(),
        "flow losses": fit.validation_loss.tolist(),
        "mdn": mdn.network.state_dict(),
        "mdn losses": mdn.validation_loss.tolist(),
        "image network": networks.networks[1].state_dict(),
    }


@pytest.mark.long
def test_workers_who_share_batches_train_one_network(tmp_path: Path) -> None:
    """Both end with the same; without batch norm it is that of a single worker, but for the last digits."""
    ranks = [subprocess.Popen([sys.executable, __file__, tmp_path, str(rank)]) for rank in range(2)]
    assert [rank.wait(timeout=600) for rank in ranks] == [0, 0]
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    alone = in_step(ALONE)
    for name in ("flow", "mdn", "image network"):
        for key, value in first[name].items():
            assert torch.equal(value, second[name][key]), key
            if name != "mdn":
                torch.testing.assert_close(value, alone[name][key], rtol=1e-3, atol=1e-4)
    assert first["mdn losses"] == second["mdn losses"]
    np.testing.assert_allclose(first["flow losses"], alone["flow losses"], rtol=1e-4)
    np.testing.assert_allclose(first["mdn losses"], alone["mdn losses"], rtol=0.2)  # of batch norms of half a batch


if __name__ == "__main__":
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.save(in_step(GlooSession(folder / str(rank), rank=rank, world_size=2)), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()
