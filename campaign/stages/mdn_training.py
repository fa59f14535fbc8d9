"""The spec's block ``mdn`` as ``ganmdn`` takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from campaign.spec.methods import MdnTrainingBlock

if TYPE_CHECKING:
    from ganmdn.mdn_training import MdnTraining


def mdn_training(block: MdnTrainingBlock, **hyperparameters: Any) -> MdnTraining:
    """The block's training, with some of its fields replaced by what a sweep tries or has found."""
    from ganmdn.mdn_training import MdnTraining

    return MdnTraining(**block.model_dump() | hyperparameters)
