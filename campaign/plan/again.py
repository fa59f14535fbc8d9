"""Stages of a run that are to be computed again though their results are there; kept in its folder until they are."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from campaign.plan.kind import Stage
from results.files import write_json

AGAIN_FILE = "rerun.json"
_WRITING = threading.Lock()  # stages of one run end in threads of one process


def stages_again(run_folder: Path) -> frozenset[str]:
    """Names of the stages that are to be computed again, whatever the cache has of them."""
    try:
        return frozenset(json.loads((run_folder / AGAIN_FILE).read_text(encoding="utf-8"))["stages"])
    except FileNotFoundError:
        return frozenset()


def ask_again(run_folder: Path, stages: Iterable[str]) -> None:
    """Have stages computed again by whoever drives the run next, with those that were asked for before."""
    with _WRITING:
        _keep(run_folder, stages_again(run_folder).union(stages))


def was_computed(run_folder: Path, stage: str) -> None:
    """One of them has its new result."""
    with _WRITING:
        _keep(run_folder, stages_again(run_folder) - {stage})


def followers(stages: Sequence[Stage[Any]], chosen: str) -> list[str]:
    """A stage, or all of a kind, and every stage that reads them at any remove; none if there is no such stage."""
    found: list[str] = []
    for stage in stages:  # each after those that it reads
        is_chosen = stage.name == chosen or stage.name.startswith(f"{chosen}/")
        if is_chosen or not set(found).isdisjoint(stage.inputs.values()):
            found.append(stage.name)
    return found


def _keep(run_folder: Path, stages: frozenset[str]) -> None:
    if stages:
        write_json(run_folder / AGAIN_FILE, {"stages": sorted(stages)})
    else:
        (run_folder / AGAIN_FILE).unlink(missing_ok=True)
