"""Where the results of a pipeline's stages lie, and what they say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from campaign.cache.stage_cache import StageCache, StageRecord
from campaign.plan.pipeline import Pipeline
from campaign.spec.campaign import Spec


@dataclass(frozen=True)
class StageRows:
    """Some rows of the store of a finished stage."""

    stage: str
    rows: tuple[int, ...]


@dataclass(frozen=True)
class StageResults:
    """Finished stages of one pipeline, by name."""

    pipeline: Pipeline
    cache: StageCache

    @property
    def spec(self) -> Spec:
        """What was asked."""
        return self.pipeline.spec

    def folder(self, name: str) -> Path:
        """Where the result of a stage lies."""
        return self.cache.folder(self.pipeline[name].kind, self.pipeline.keys[name])

    def record(self, name: str) -> StageRecord:
        """What a stage says of itself."""
        return self.cache.record(self.pipeline[name].kind, self.pipeline.keys[name])
