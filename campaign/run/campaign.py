"""A spec with the place where it runs, from the user's files or from the folder of a run: its plan, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path

from campaign.cache.stage_cache import StageCache
from campaign.plan.advice import advice_on
from campaign.plan.finished import StageResults
from campaign.plan.footprint import Footprint
from campaign.plan.obstacles import obstacles
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import Inquiry, Plan, make_plan
from campaign.plan.probe import Probe
from campaign.plan.why import Explanation
from campaign.record.run_folder import DEFAULT_RUNS, SOURCE_FILE, Submission
from campaign.spec.load import LoadedSpec, load_profile, load_spec
from campaign.spec.problems import suggestion
from campaign.spec.profile import InProcessProfile, Profile
from campaign.spec.shipped import found_spec
from campaign.stages import KINDS
from campaign.stages.microstructures import image_violations


class UnknownStageError(LookupError):
    """A stage is named that the campaign does not have."""


class CodeChangedError(Exception):
    """A run cannot go on as it began, because the code behind its stages is another now."""


@dataclass(frozen=True)
class Campaign:
    """A spec with the place where it runs."""

    loaded: LoadedSpec
    profile: Profile
    runs: Path
    cache: StageCache

    @classmethod
    def open(
        cls, spec: Path, profile: Path | None = None, runs: Path = DEFAULT_RUNS, *, on_cluster: bool = False
    ) -> Campaign:
        """Load and check a spec and a profile; raises ``load.SpecError`` with every mistake.

        With ``on_cluster`` a Slurm profile is checked against the cluster, too; see ``load.load_profile``.
        """
        loaded_profile = load_profile(profile, on_cluster=on_cluster)
        cache = StageCache(loaded_profile.cache or runs / "cache")
        return cls(load_spec(found_spec(spec), image_violations), loaded_profile, runs, cache)

    @cached_property
    def pipeline(self) -> Pipeline:
        """Its stages, with keys by code and input files as they were when they were first asked for."""
        return Pipeline.of(self.loaded.spec, KINDS)

    def plan(self, probes: Sequence[Probe] = ()) -> Plan:
        """What a submission would do, and what would keep it from starting; writes nothing."""
        profile, workers = self.profile, self.profile.planned_workers()
        in_process = isinstance(profile, InProcessProfile)
        plan = make_plan(self.pipeline, self.runs, self.cache, workers, profile.rows_per_unit, probes, in_process)
        if plan.is_cached:
            return plan
        room = Footprint(plan.disk_bytes, plan.files)
        ranks = max(stage.cores or 1 for stage in plan.stages if stage.state != "cached")
        found = obstacles(profile, self.runs, self.cache.root, room, ranks, plan.simulation_bytes)
        return replace(plan, obstacles=found)

    def probe(self, count: int) -> tuple[Probe, ...]:
        """So many trial simulations of every data set, in this process; writes nothing."""
        from campaign.run.probe import probe

        results = StageResults(self.pipeline, self.cache)
        return tuple(probe(results, dataset, count) for dataset in self.loaded.spec.datasets)

    def warnings(self, probes: Sequence[Probe] = ()) -> tuple[str, ...]:
        """What tells against running the spec as it stands: its numbers, trials, and results of finished stages."""
        results = StageResults(self.pipeline, self.cache)
        done = [each for each in self.pipeline.stages if self.cache.has(each.kind, self.pipeline.keys[each.name])]
        by_kind = groupby(sorted(done, key=lambda each: each.kind), key=lambda each: each.descriptor)
        told = (told for kind, stages in by_kind for told in kind.warnings(list(stages), results))
        tried = (advice for each in probes for advice in each.advice(self.loaded.spec.targets))
        advice = map(str, self.loaded.located(advice_on(self.loaded.spec)))
        return (*advice, *tried, *told)

    def refuse_unknown(self, stage: str) -> None:
        """Raise ``UnknownStageError`` where the campaign has no stage of that name."""
        names = [each.name for each in self.pipeline.stages]
        if stage not in names:
            raise UnknownStageError(f"{self.loaded.path} has no stage '{stage}'; {suggestion(stage, names)}")

    def why(self, stage: str) -> Explanation:
        """Why a stage is cached or not: every item of its key that differs from the nearest result in the cache.

        Raises
        ------
        UnknownStageError
            The campaign has no stage of that name.
        """
        self.refuse_unknown(stage)
        return Inquiry(self.pipeline, self.cache, self.runs).explain(self.pipeline[stage])


def frozen_campaign(run_folder: Path, profile: Path | None = None) -> Campaign:
    """The campaign of a run as it was submitted, under the profile that it last had or another one."""
    submitted = Submission.read(run_folder)
    place = load_profile(profile) if profile is not None else submitted.profile
    found = Campaign(submitted.loaded(), place, run_folder.parent, StageCache(place.cache or submitted.cache))
    keys = submitted.keys
    changed = [name for name, key in found.pipeline.keys.items() if keys.get(name) != key]
    if changed:
        raise CodeChangedError(
            f"{run_folder}: the code or the input files behind {', '.join(changed)} changed since it was submitted; "
            f"put them back, or `campaign submit` its spec ({run_folder / SOURCE_FILE}) for a run as they are now"
        )
    return found
