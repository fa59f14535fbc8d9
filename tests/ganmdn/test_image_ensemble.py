from __future__ import annotations

import numpy as np
import pytest
import torch

from ganmdn.forward_config import EnsembleTraining, NetworkShape
from ganmdn.image_ensemble import fit_ensembles
from ganmdn.microstructures import MicrostructureRanges, draw_microstructures

SHAPE = NetworkShape(cell_px=2, channels=4, blocks=1)
TRAINING = EnsembleTraining(members=2, epochs=12, batch_size=32)
SEED = np.random.SeedSequence(4)
IMAGES, PARAMETERS = draw_microstructures(16, MicrostructureRanges(), np.random.SeedSequence(0), range(400))
Y = IMAGES.mean(axis=(1, 2))


@pytest.mark.long
def test_members_predict_the_labels_that_they_did_not_see() -> None:
    [(ensemble, folds)] = fit_ensembles(IMAGES, [Y], SHAPE, TRAINING, [SEED])
    assert np.bincount(folds).tolist() == [200, 200]
    left_out = ensemble.predict_left_out(IMAGES, folds)
    assert np.corrcoef(left_out, Y)[0, 1] > 0.9
    members = ensemble.predict(IMAGES)
    assert members.shape == (2, 400)
    np.testing.assert_allclose(left_out, members[folds, np.arange(400)], rtol=1e-5)


def test_a_label_does_not_reach_the_member_that_leaves_it_out() -> None:
    short = EnsembleTraining(members=2, epochs=1, batch_size=32)
    [(ensemble, folds)] = fit_ensembles(IMAGES, [Y], SHAPE, short, [SEED])
    other = Y.copy()
    first, second = np.flatnonzero(folds == 0)[:2]
    other[[first, second]] = other[[second, first]]  # scales stay as they were
    [(changed, _)] = fit_ensembles(IMAGES, [other], SHAPE, short, [SEED])
    same = [
        all(torch.equal(a, b) for a, b in zip(*(net.state_dict().values() for net in pair), strict=True))
        for pair in zip(ensemble.networks, changed.networks, strict=True)
    ]
    assert same == [True, False]


def test_refusals_name_the_argument() -> None:
    with pytest.raises(ValueError, match="there must be at least 4 labels for 2 members, got 3"):
        fit_ensembles(IMAGES[:3], [Y[:3]], SHAPE, TRAINING, [SEED])
    with pytest.raises(ValueError, match="members must be at least 2, got 1"):
        EnsembleTraining(members=1)
    with pytest.raises(ValueError, match="learning_rate must be above 0, got 0"):
        EnsembleTraining(learning_rate=0)
    with pytest.raises(FloatingPointError, match=r"diverged .* try a lower learning_rate"):
        fit_ensembles(IMAGES[:40], [Y[:40]], SHAPE, EnsembleTraining(members=2, epochs=3, learning_rate=1e20), [SEED])
