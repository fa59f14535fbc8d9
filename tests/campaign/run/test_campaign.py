"""A campaign asks the stages that are finished what they tell against it."""

from __future__ import annotations

from pathlib import Path

from campaign.cache.stage_cache import StageCache
from campaign.plan.finished import StageResults
from campaign.run.campaign import Campaign
from campaign.spec.load import LoadedSpec
from campaign.spec.profile import InProcessProfile
from ganmdn.targets import Target


def test_finished_labels_warn_of_targets_that_they_do_not_reach(
    finished: tuple[StageResults, Path], tmp_path: Path
) -> None:
    results, _ = finished
    path = tmp_path / "far.yaml"
    far = LoadedSpec(
        results.spec.model_copy(update={"targets": (Target.of(0.0001), Target.of(0.9999))}), path, "", (path,)
    )
    profile = InProcessProfile(kind="in-process")
    *advice, warning = Campaign(far, profile, tmp_path, results.cache).warnings()
    assert warning.startswith("Targets 0.0001, 0.9999 lie outside the labels of data-ii, in absorption 0.")
    assert Campaign(far, profile, tmp_path, StageCache(tmp_path)).warnings() == tuple(advice)
