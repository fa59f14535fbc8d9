"""One suite for all inverse models: what each must do, on a problem whose answer is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ganmdn.density_config import FlowTraining
from ganmdn.diffraction import DiffractionOrders
from ganmdn.direct_mdn import DirectMdn, fit_direct_mdn
from ganmdn.epochs import TrainingPausedError
from ganmdn.forward_config import (
    CandidateSearch,
    EnsembleTraining,
    ForwardConfig,
    ForwardSearchConfig,
    NetworkShape,
    ProcessTraining,
)
from ganmdn.forward_search import ForwardSearch, fit_forward_search
from ganmdn.inverse import InverseModel
from ganmdn.label_table import LabelTable
from ganmdn.latent_mdn import LatentMdn, fit_latent_mdn
from ganmdn.latents import draw_latents
from ganmdn.mdn_training import MdnTraining
from ganmdn.nearest_labels import NearestLabels
from ganmdn.pca_mdn import PcaMdn, fit_pca_mdn
from ganmdn.random_labels import RandomLabels
from ganmdn.session import LocalSession

pytestmark = pytest.mark.long

CONFIG = MdnTraining(components=4, learning_rate=5e-3, max_epochs=40, batch_size=64)
FLOW = {"transforms": 2, "width": 16, "learning_rate": 5e-3, "max_epochs": 15}
SEARCH = ForwardSearchConfig(
    ForwardConfig(
        NetworkShape(cell_px=1, channels=4, blocks=1),
        EnsembleTraining(members=2, epochs=6),
        DiffractionOrders(2, 1),
        ProcessTraining(100, 30),
    ),
    CandidateSearch(pool=400, rounds=2, children=100),
)
PX = 8
Fit = Callable[[np.ndarray], InverseModel]


def generate(z: np.ndarray) -> np.ndarray:
    """White up to a column that the mean of z decides: a stand-in for a generator, with a known volume fraction."""
    edges = np.clip((0.5 + 0.5 * z.mean(axis=(1, 2))) * PX, 0, PX)
    return np.broadcast_to(np.arange(PX) < edges[:, None, None], (len(z), PX, PX)).astype(np.uint8)


Z = draw_latents((2, 2), -1, 1, np.random.SeedSequence(0), range(1500))
IMAGES = generate(Z)
Y = IMAGES.mean(axis=(1, 2))
SEED = np.random.SeedSequence(8)

FITS: dict[str, Fit] = {
    "gan-mdn": lambda y: fit_latent_mdn(y, Z, generate, CONFIG, SEED)[0],
    "pca-mdn": lambda y: fit_pca_mdn(y, IMAGES, 4, CONFIG, SEED)[0],
    "direct-mdn": lambda y: fit_direct_mdn(y, IMAGES, CONFIG, SEED)[0],
    "flow-posterior": lambda y: _flows().fit_flow_posterior(y, Z, generate, (-1, 1), FlowTraining(**FLOW), SEED)[0],
    "forward-search": lambda y: fit_forward_search(y, Z, IMAGES, generate, (-1, 1), SEARCH, SEED)[0],
    "nearest-labels": lambda y: NearestLabels(LabelTable(y, IMAGES, Z)),
    "random-labels": lambda y: RandomLabels(LabelTable(y, IMAGES, Z)),
}
LOADS: dict[str, Callable[[Path], InverseModel]] = {
    "gan-mdn": lambda folder: LatentMdn.load(folder, (2, 2), generate),
    "pca-mdn": PcaMdn.load,
    "direct-mdn": lambda folder: DirectMdn.load(folder, (PX, PX)),
    "flow-posterior": lambda folder: _flows().FlowPosterior.load(folder, (2, 2), generate),
    "forward-search": ForwardSearch.load,
    "nearest-labels": NearestLabels.load,
    "random-labels": RandomLabels.load,
}
WITHOUT_LATENTS = {"pca-mdn", "direct-mdn"}
LOOKED_UP = {"forward-search", "nearest-labels"}  # the seed decides nothing


def _flows() -> ModuleType:
    return pytest.importorskip("ganmdn.flow_posterior", reason="zuko is not installed", exc_type=ImportError)


@pytest.fixture(scope="module", params=FITS)
def fitted(request: pytest.FixtureRequest) -> tuple[str, InverseModel]:
    return request.param, FITS[request.param](Y)


def test_it_is_an_inverse_model(fitted: tuple[str, InverseModel]) -> None:
    assert isinstance(fitted[1], InverseModel)


def test_designs_come_nearer_to_their_targets_than_chance(fitted: tuple[str, InverseModel]) -> None:
    errors, chance = [], []
    for target in (0.3, 0.7):
        designs = fitted[1].design(target, 60, SEED)
        errors.append(np.abs(designs.images.mean(axis=(1, 2)) - target).mean())
        chance.append(np.abs(Y - target).mean())
    ratio = np.mean(errors) / np.mean(chance)
    assert 0.6 < ratio < 1.5 if fitted[0] == "random-labels" else ratio < 0.6


def test_designs_have_the_right_form(fitted: tuple[str, InverseModel]) -> None:
    name, model = fitted
    designs = model.design(0.5, 7, SEED)
    assert designs.images.shape == (7, PX, PX)
    assert designs.images.dtype == np.uint8
    if name in WITHOUT_LATENTS:
        assert designs.z is None
    else:
        assert designs.z.shape == (7, 2, 2)
        assert designs.z.dtype == np.float32
        np.testing.assert_array_equal(generate(designs.z), designs.images)
    if designs.predicted is not None:
        assert designs.predicted.shape == designs.deviation.shape == (7,)
        assert (designs.deviation >= 0).all()
        assert np.abs(designs.predicted - designs.images.mean(axis=(1, 2))).max() < 0.25


def test_same_seed_same_designs(fitted: tuple[str, InverseModel]) -> None:
    # Between two columns of the images: where one image hits the target, a well-fitted model makes nothing else.
    first, second, other = (fitted[1].design(3.5 / PX, 60, np.random.SeedSequence(key)) for key in (1, 1, 2))
    np.testing.assert_array_equal(first.images, second.images)
    assert np.array_equal(first.images, other.images) is (fitted[0] in LOOKED_UP)


def test_a_saved_model_designs_the_same(fitted: tuple[str, InverseModel], tmp_path: Path) -> None:
    name, model = fitted
    model.save(tmp_path / "new" / "folder")
    loaded = LOADS[name](tmp_path / "new" / "folder")
    np.testing.assert_array_equal(loaded.design(0.6, 5, SEED).images, model.design(0.6, 5, SEED).images)


@pytest.mark.parametrize("name", FITS)
def test_failed_simulations_are_refused(name: str) -> None:
    y = Y.copy()
    y[4] = np.nan
    with pytest.raises(ValueError, match=r"y must be finite, 1 of 1500 rows are not \(first: 4\)"):
        FITS[name](y)


def test_pca_components_reconstruct_what_scikit_learn_does() -> None:
    rng = np.random.default_rng(1)
    basis = (rng.random((3, PX, PX)) < 0.5).astype(np.uint8)
    images = basis[rng.integers(0, 3, 400)]  # three images span two principal components, with nothing left over
    model, _ = fit_pca_mdn(rng.random(400), images, 2, CONFIG, SEED)
    centred = (images - model.mean).reshape(400, -1)
    components = model.components.reshape(2, -1)
    scores = centred @ np.linalg.pinv(components)
    np.testing.assert_allclose(scores @ components, centred, atol=1e-4)
    np.testing.assert_allclose(scores.std(axis=0, ddof=1), 1.0, rtol=1e-3)


def test_progress_of_a_search_runs_to_the_last_candidate(tmp_path: Path) -> None:
    session = LocalSession(tmp_path)
    rows = slice(0, 100)
    search = replace(SEARCH, forward=replace(SEARCH.forward, training=EnsembleTraining(members=2, epochs=2)))
    fit_forward_search(Y[rows], Z[rows], IMAGES[rows], generate, (-1, 1), search, SEED, session=session)
    done = [metrics["step"] for metrics in session.metrics]
    assert done == sorted(done)
    assert done[0] == 1
    assert 4 in done
    assert {metrics["steps"] for metrics in session.metrics} == {done[-1]}


class StoppingSession(LocalSession):
    """Asks to stop once candidates are screened."""

    def asked_to_stop(self) -> bool:
        return bool(self.metrics) and self.metrics[-1]["step"] > 4


def test_a_search_that_is_stopped_amid_its_candidates_keeps_its_networks(tmp_path: Path) -> None:
    rows = slice(0, 100)
    search = replace(SEARCH, forward=replace(SEARCH.forward, training=EnsembleTraining(members=2, epochs=2)))
    given: Any = (Y[rows], Z[rows], IMAGES[rows], generate, (-1, 1), search, SEED)
    with pytest.raises(TrainingPausedError):
        fit_forward_search(*given, session=StoppingSession(tmp_path))
    session = LocalSession(tmp_path)
    model, _ = fit_forward_search(*given, session=session)
    assert session.metrics[0]["step"] > 4
    np.testing.assert_array_equal(model.bank.z, fit_forward_search(*given)[0].bank.z)


def test_refusals_name_the_argument() -> None:
    model = fit_latent_mdn(Y[:200], Z[:200], generate, MdnTraining(max_epochs=1), SEED)[0]
    with pytest.raises(ValueError, match=r"latent_shape must hold the network's 4 dimensions, got \(3, 3\)"):
        LatentMdn(model.mdn, (3, 3), generate)
    with pytest.raises(ValueError, match=r"image_shape must hold the network's 4 pixels, got \(3, 3\)"):
        DirectMdn(model.mdn, (3, 3))
    with pytest.raises(ValueError, match=r"components must have shape \(4, 6, 6\), got \(5, 6, 6\)"):
        PcaMdn(model.mdn, np.zeros((6, 6)), np.zeros((5, 6, 6)))
    with pytest.raises(ValueError, match=r"z must have shape \(n, h, w\), got \(1500, 4\)"):
        fit_latent_mdn(Y, Z.reshape(-1, 4), generate, CONFIG, SEED)
    with pytest.raises(ValueError, match="dimension must lie between 1 and 64 for 1500 images, got 65"):
        fit_pca_mdn(Y, IMAGES, 65, CONFIG, SEED)
