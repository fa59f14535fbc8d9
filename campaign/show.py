"""Plans, runs, rows and checks as tables for the terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from campaign.events import RunStatus
from campaign.progress import format_seconds, status_line, status_table

if TYPE_CHECKING:
    from campaign.agreement import Agreement
    from campaign.doctor import Check
    from campaign.plan import Plan
    from campaign.replay import Replay

STATE_STYLES = {"cached": "blue", "interrupted": "yellow", "new": "green"}
CHECK_STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red"}
MAX_COLUMNS = 10


def plan_table(plan: Plan) -> Group:
    """A plan: one line a stage, then what it adds up to."""
    table = _table(
        ("stage", "left"), ("state", "left"), ("simulations", "right"), ("core time", "right"), ("key", "left")
    )
    for stage in plan.stages:
        left = stage.state != "cached"
        table.add_row(
            stage.name,
            Text(stage.state, style=STATE_STYLES[stage.state]),
            f"{stage.simulations:,}" if stage.simulations else "",
            format_seconds(stage.core_seconds) if left else "",
            Text(stage.key[:8], style="dim"),
        )
    states = [stage.state for stage in plan.stages]
    counts = ", ".join(f"{states.count(state)} {state}" for state in STATE_STYLES if state in states)
    summary = [
        f"{len(states)} stages: {counts}; {plan.simulations:,} simulations to do",
        f"about {format_seconds(plan.core_seconds)} of core time, at least {format_seconds(plan.wall_seconds)} "
        f"on {plan.workers} workers; {plan.disk_bytes / 1e6:,.0f} MB on disk",
        f"run folder: {plan.run_folder}",
    ]
    return Group(table, *(Text(line) for line in ("", *summary)))


def run_table(status: RunStatus) -> Group:
    """One run, stage by stage."""
    head = f"{status.state}, last event {format_seconds(time.time() - (status.updated or 0.0))} ago"
    return Group(Text(head), status_table(status, now=time.time()))


def agreement_table(found: Mapping[str, Agreement]) -> Table:
    """How simulated absorption compares with the published one, a line for each set of pairs."""
    table = _table(
        ("", "left"), ("r", "right"), ("rmse", "right"), ("bias", "right"), ("std ratio", "right"), ("pairs", "right")
    )
    for name, agreement in found.items():
        pairs = f"{agreement.n}, {agreement.failed} failed" if agreement.failed else str(agreement.n)
        figures = f"{agreement.r:.3f}", f"{agreement.rmse:.4f}", f"{agreement.bias:+.4f}", f"{agreement.std_ratio:.2f}"
        table.add_row(name, *figures, pairs)
    return table


def runs_table(states: Mapping[str, RunStatus]) -> Table | Text:
    """All runs, a line each."""
    if not states:
        return Text("no runs here; `campaign submit specs/quickstart.yaml` makes one")
    table = _table(("run", "left"), ("state", "left"), ("stages", "left"))
    for folder, status in states.items():
        table.add_row(folder, status.state, status_line(status, now=time.time()))
    return table


def rows_table(rows: Sequence[Mapping[str, Any]]) -> Group | Text:
    """Rows of a store, a line each; the count below."""
    if not rows:
        return Text("no rows")
    names = [name for name, value in rows[0].items() if not hasattr(value, "__len__") or isinstance(value, str)]
    table = _table(*((name, "right") for name in names[:MAX_COLUMNS]))
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in names[:MAX_COLUMNS]))
    return Group(table, Text(f"{len(rows)} rows"))


def replay_table(again: Replay) -> Table:
    """A simulation that was run again: inputs, what its store has of it, what came of it now."""
    table = _table(("", "left"), (f"{again.store} row {again.row}", "left"), ("", "left"))
    recorded = again.recorded or {"status": "not written"}
    for title, facts in (("inputs", again.inputs), ("recorded", recorded), ("now", again.outcome)):
        for position, (name, value) in enumerate(facts.items()):
            table.add_row(title if position == 0 else "", name, Text(_cell(value)))
    return table


def checks_table(checks: Sequence[Check]) -> Table:
    """What the doctor found, a line each."""
    table = _table(("", "left"), ("check", "left"), ("finding", "left"))
    for check in checks:
        finding = check.message if check.status == "ok" else f"{check.message}\n{check.fix}"
        table.add_row(Text(check.status, style=CHECK_STYLES[check.status]), check.name, finding)
    return table


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for title, justify in columns:
        table.add_column(title, justify=justify, overflow="fold")  # type: ignore[arg-type]
    return table


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
