"""A plan as a picture: its stages and what reads what, as text for Mermaid or Graphviz."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaign.plan.pipeline import Pipeline
from campaign.plan.plan import STATES, Plan

# Of boxes, by state: fill and edge, light enough for black letters.
COLOURS = {
    "cached": ("#d6e6f5", "#0072b2"),
    "rerun": ("#e4dcf0", "#7a5195"),
    "interrupted": ("#fbe8c6", "#e69f00"),
    "failed": ("#f7d4cf", "#b3261e"),
    "changed": ("#f3d9e8", "#cc79a7"),
    "new": ("#d3ece3", "#009e73"),
}


@dataclass(frozen=True)
class Box:
    """A box: one stage, or all of one kind and data set, with the state of each."""

    name: str
    states: tuple[str, ...]

    @property
    def state(self) -> str:
        """Of several the one that leaves most to do, which the colour shows."""
        return max(self.states, key=STATES.index)

    @property
    def lines(self) -> tuple[str, str]:
        """Its name, and what state how many stages are in."""
        counts = [(state, self.states.count(state)) for state in STATES if state in self.states]
        if len(self.states) == 1:
            return self.name, self.state
        return self.name, f"{len(self.states)} stages: {', '.join(f'{count} {state}' for state, count in counts)}"


@dataclass(frozen=True)
class Graph:
    """Boxes, and which reads which: pairs of their places, from what is read to what reads."""

    nodes: Sequence[Box]
    edges: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, plan: Plan, pipeline: Pipeline, every: bool = False) -> Graph:
        """A box for every kind and data set, however many methods, targets and repeats; for every stage if wanted."""
        groups: dict[str, list[str]] = {}
        place: dict[str, str] = {}
        states = {stage.name: stage.state for stage in plan.stages}
        for stage in pipeline.stages:
            place[stage.name] = stage.name if every else "/".join(filter(None, (stage.kind, stage.dataset)))
            groups.setdefault(place[stage.name], []).append(stage.name)
        names = list(groups)
        edges = dict.fromkeys(
            (names.index(place[read]), names.index(place[stage.name]))
            for stage in pipeline.stages
            for read in stage.inputs.values()
        )
        nodes = [Box(name, tuple(states[stage] for stage in groups[name])) for name in names]
        return cls(nodes, [(read, reader) for read, reader in edges if read != reader])

    def mermaid(self) -> str:
        """For Mermaid, as GitHub and many editors draw it."""
        lines = ["flowchart LR"]
        for number, node in enumerate(self.nodes):
            name, state = node.lines
            lines.append(f'  s{number}["{name}<br/>{state}"]:::{node.state}')
        lines += [f"  s{read} --> s{reader}" for read, reader in self.edges]
        present = {node.state for node in self.nodes}
        for state, (fill, edge) in COLOURS.items():
            if state in present:
                lines.append(f"  classDef {state} fill:{fill},stroke:{edge},color:#000")
        return "\n".join(lines) + "\n"

    def dot(self) -> str:
        """For Graphviz."""
        lines = [
            "digraph campaign {",
            "  rankdir=LR;",
            '  node [shape=box style="rounded,filled" fontname="sans-serif"];',
        ]
        for number, node in enumerate(self.nodes):
            fill, edge = COLOURS[node.state]
            label = "\\n".join(node.lines)
            lines.append(f'  s{number} [label="{label}" fillcolor="{fill}" color="{edge}"];')
        lines += [f"  s{read} -> s{reader};" for read, reader in self.edges]
        return "\n".join([*lines, "}"]) + "\n"
