"""Repeats of a method: fitted, asked for designs and judged again with another seed, on the same labels.

The first repeat has the campaign's seed and the names that stages have without repeats; the next ones count on from
that seed, and their stages are marked.
"""

from __future__ import annotations

from campaign.spec.campaign import Spec
from campaign.spec.method_entry import MethodEntry

MARK = "@repeat-"  # names of data sets and methods hold no @


def repeats_of(spec: Spec, method: MethodEntry) -> range:
    """Numbers of the repeats of a method, from 0 on."""
    return range(method.count_repeats(spec.repeats))


def marked(name: str, repeat: int) -> str:
    """Name of a repeat's stage: ``name`` for the first, ``name@repeat-2`` for the second."""
    return f"{name}{MARK}{repeat + 1}" if repeat else name


def seed_of(spec: Spec, repeat: int) -> int:
    """The seed of a repeat."""
    return spec.seed + repeat


def of_repeat(spec: Spec, repeat: int) -> Spec:
    """The campaign as the stages of a repeat take it: with its seed."""
    return spec.model_copy(update={"seed": seed_of(spec, repeat)})
