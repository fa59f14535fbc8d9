from __future__ import annotations

from dataclasses import asdict

from campaign.spec.methods import MdnTrainingBlock
from campaign.stages.mdn_training import mdn_training


def test_every_field_of_the_block_reaches_the_training() -> None:
    block = MdnTrainingBlock(
        components=3, width=4, learning_rate=0.1, batch_size=5, patience=6, max_epochs=7, validation_fraction=0.2
    )
    assert asdict(mdn_training(block)) == block.model_dump()


def test_what_a_sweep_found_replaces_what_was_asked() -> None:
    made = mdn_training(MdnTrainingBlock(), components=9, batch_size=32)
    assert (made.components, made.batch_size, made.width) == (9, 32, MdnTrainingBlock().width)
