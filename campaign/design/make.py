"""From a request to designs: propose, make writable, simulate, keep."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from campaign.design.candidates import CandidateSource, Writability
from campaign.design.fitted import FittedMethod
from campaign.design.outcome import DesignOutcome
from campaign.design.request import DesignRequest
from campaign.design.simulating import simulating
from campaign.design.verify import Attempt, RunKnowledge, Verified, verify
from campaign.spec.profile import Profile
from campaign.stages.seeds import seed_for
from ganmdn.refinement import Budget
from ganmdn.targets import Target

Progress = Callable[[int, int, str], None]


class OutOfReachError(Exception):
    """A target lies outside of what the run's labels, and simulated designs of the method, reach."""


def make_designs(
    source: FittedMethod, request: DesignRequest, profile: Profile | None, progress: Progress
) -> DesignOutcome:
    """Designs for every target of a request; nothing is simulated, and nothing started, unless it is asked for.

    Parameters
    ----------
    source
        The run's method.
    request
        What is wanted.
    profile
        Where to simulate; None for this process.
    progress
        Called with how many are done, of at most how many, and of what.

    Raises
    ------
    OutOfReachError
        A target is out of reach, and the nearest one was not asked for.
    candidates.NotWritableError
        Too few proposals can be made as they have to be.
    ValueError
        The model has not so many designs, or nobody says how large a pixel is.
    """
    targets = _reachable(source, request)
    writability = Writability.of(request.min_feature_nm, request.connected, source.pixel_nm, source.config.image_px)
    seed = source.spec.seed if request.seed is None else request.seed
    model = source.load()
    sources = {key: CandidateSource(model, writability, partial(_seed, seed, source, key[1])) for key in targets}
    first = {}
    for place, (key, candidates) in enumerate(sources.items()):
        progress(place, len(sources), "targets designed for")
        first[key] = candidates.take_all(request.count, key[1])
    progress(len(sources), len(sources), "targets designed for")
    if not request.simulations:
        found = {key: Verified([Attempt(candidate) for candidate in each], 0) for key, each in first.items()}
        return DesignOutcome.of(source, request, seed, found)
    most, done = request.simulations * request.count * len(sources), 0

    def report(more: int) -> None:
        nonlocal done
        done += more
        progress(done, most, "simulations at most")

    known = RunKnowledge(*source.labels(), source.load_generate(), source.simulates_as_labels)
    budget = Budget(request.simulations, request.tolerance)
    with simulating(profile, report) as simulate_by:
        simulate = partial(simulate_by, source.physics)
        found = {key: verify(first[key], each, known, simulate, budget) for key, each in sources.items()}
    return DesignOutcome.of(source, request, seed, found)


def _reachable(source: FittedMethod, request: DesignRequest) -> list[tuple[Target, Target]]:
    """Targets as asked for, each with the one to design for."""
    for target in request.targets:
        if target.size != source.reach.size:
            names = ", ".join(source.spec.property_names)
            raise ValueError(f"a target of {source.run} must be of {names}, one for each, got {target}")
        if target.number is None and not source.any_target:
            raise ValueError(f"{source.method} takes one value as a target, got {target}")
    targets = [(target, target.within(source.reach)) for target in request.targets]
    beyond = [(asked, target) for asked, target in targets if asked != target]
    if beyond and not request.nearest:
        spans = zip(source.spec.property_names, source.reach.bounds, strict=True)
        reach = ", ".join(f"{name} {low:.4f} to {high:.4f}" for name, (low, high) in spans)
        names = ", ".join(str(asked) for asked, _ in beyond)
        nearest = ", ".join(dict.fromkeys(rounded(target) for _, target in beyond))
        raise OutOfReachError(
            f"{source.run} reaches {reach} on {source.dataset}, by what it has simulated, and not {names}; the nearest "
            f"it can do is {nearest}, which --nearest designs for"
        )
    return targets


def rounded(target: Target) -> str:
    """A target as told: four decimals where it is one value."""
    return str(target) if target.number is None else f"{target.number:.4f}"


def _seed(seed: int, source: FittedMethod, target: Target, what: str) -> np.random.SeedSequence:
    return seed_for(seed, "campaign design", source.method, source.dataset, str(target), what)
