"""The picture of a plan: every stage in it, readable however many there are, coloured by what is left to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from campaign.cache.stage_cache import StageCache
from campaign.plan.graph import COLOURS, Box, Graph
from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import STATES, make_plan
from campaign.spec.campaign import Spec
from campaign.stages import KINDS

MOST_BOXES = 20


@pytest.fixture
def graph(make_spec: Callable[..., Spec], tmp_path: Path) -> Callable[..., Graph]:
    def make(every: bool) -> Graph:
        pipeline = Pipeline.of(make_spec(targets=[0.5, 0.55, 0.6, 0.65, 0.7], repeats=2), KINDS)
        plan = make_plan(pipeline, tmp_path, StageCache(tmp_path / "cache"), workers=1)
        states = {"generator": "cached", "model/gan-mdn/data-i": "failed"}
        stages = tuple(replace(stage, state=states.get(stage.name, "new")) for stage in plan.stages)
        return Graph.of(replace(plan, stages=stages), pipeline, every)

    return make


def test_stages_of_one_kind_and_data_set_share_a_box(graph: Callable[..., Graph]) -> None:
    every, grouped = graph(True), graph(False)
    assert len(every.nodes) > 2 * MOST_BOXES > 2 * len(grouped.nodes) > 20
    assert sum(len(node.states) for node in grouped.nodes) == len(every.nodes)
    boxes = {node.name: node for node in grouped.nodes}
    assert boxes["generator"].lines == ("generator", "cached")
    _, states = boxes["model/data-i"].lines
    assert re.fullmatch(r"\d+ stages: 1 failed, \d+ new", states)
    names = [node.name for node in grouped.nodes]
    edges = {(names[read], names[reader]) for read, reader in grouped.edges}
    assert {("generator", "latents/data-i"), ("labels/data-i", "model/data-i")} <= edges
    assert ("labels/data-i", "model/data-ii") not in edges


def test_the_colour_is_that_of_what_leaves_most_to_do() -> None:
    assert Box("model", ("cached", "new", "failed")).state == "new"
    assert Box("model", ("cached", "rerun")).state == "rerun"
    assert set(COLOURS) == set(STATES)


def test_both_languages_hold_every_box_and_arrow(graph: Callable[..., Graph]) -> None:
    drawn = graph(False)
    mermaid, dot = drawn.mermaid(), drawn.dot()
    assert mermaid.startswith("flowchart LR\n")
    assert len(re.findall(r'^  s\d+\["[^"]+"\]:::\w+$', mermaid, re.MULTILINE)) == len(drawn.nodes)
    assert mermaid.count(" --> ") == dot.count(" -> ") == len(drawn.edges)
    assert len(re.findall(r"^  s\d+ \[label=", dot, re.MULTILINE)) == len(drawn.nodes)
    used = set(re.findall(r":::(\w+)", mermaid))
    assert set(re.findall(r"classDef (\w+)", mermaid)) == used


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws_it(graph: Callable[..., Graph]) -> None:
    done = subprocess.run(["dot", "-Tsvg"], input=graph(False).dot(), capture_output=True, text=True, check=True)
    assert "model/data-i" in done.stdout
