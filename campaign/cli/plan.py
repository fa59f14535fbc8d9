"""Commands that say what a submission would do, and why; they write nothing."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from campaign import api
from campaign.cli.options import (
    FAILED,
    Format,
    Json,
    ProfileFile,
    Runs,
    SpecFile,
    Style,
    complain,
    console,
    open_campaign,
    print_json,
    writing,
)
from campaign.record.run_folder import DamagedRunError


class Drawing(StrEnum):
    """Languages that pictures are written in."""

    MERMAID = "mermaid"
    DOT = "dot"


def plan(
    spec: SpecFile,
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    probe: Annotated[
        int, typer.Option(help="simulate so many images of each data set first, here: reach, convergence, cost", min=0)
    ] = 0,
    as_json: Json = False,
    style: Format = Style.TEXT,
) -> None:
    """Show what a submission would do: stages, simulations, cost, and what is cached. Writes nothing."""
    as_json = as_json or style is Style.JSON
    opened = open_campaign(spec, profile, runs, as_json)
    probes = opened.probe(probe) if probe else ()
    made = replace(opened.plan(probes), warnings=opened.warnings(probes))
    if as_json:
        print_json(made.to_dict())
    else:
        from campaign.cli.tables import plan_table

        console().print(plan_table(made))
    if made.obstacles:
        raise typer.Exit(FAILED)


def graph(
    spec: SpecFile,
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    style: Annotated[Drawing, typer.Option("--format", help="language of the picture")] = Drawing.MERMAID,
    every: Annotated[bool, typer.Option("--all", help="every stage, not one box a kind and data set")] = False,
    output: Annotated[Path | None, typer.Option(help="file for it, in place of the screen")] = None,
) -> None:
    """Draw the stages and what reads what, coloured by state, as text for Mermaid or Graphviz (`dot -Tsvg`)."""
    from campaign.plan.graph import Graph

    opened = open_campaign(spec, profile, runs, as_json=False)
    drawn = Graph.of(opened.plan(), opened.pipeline, every)
    text = drawn.mermaid() if style is Drawing.MERMAID else drawn.dot()
    if output is None:
        print(text, end="")
        return
    with writing():
        output.write_text(text, encoding="utf-8")


def why(
    stage: Annotated[str, typer.Option("--stage", help="for example labels/data-i")],
    spec: Annotated[
        Path | None, typer.Argument(help="the campaign's YAML file; default: that of the latest run", metavar="[SPEC]")
    ] = None,
    profile: ProfileFile = None,
    runs: Runs = api.DEFAULT_RUNS,
    as_json: Json = False,
    style: Format = Style.TEXT,
) -> None:
    """Say why a stage is cached or not: each field, input, file and module that differs from the nearest result."""
    from campaign.cli.tables import explanation_table

    as_json = as_json or style is Style.JSON
    try:
        explanation = open_campaign(spec or api.latest_spec(runs), profile, runs, as_json).why(stage)
    except (FileNotFoundError, DamagedRunError, api.UnknownStageError) as error:
        complain(str(error))
    if as_json:
        print_json(explanation.to_dict())
    else:
        console().print(explanation_table(explanation))
