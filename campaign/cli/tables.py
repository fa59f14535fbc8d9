"""Plans, runs, rows and checks as tables for the terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from campaign.plan.why import shown
from campaign.record.display import format_seconds, status_head, status_line, status_table
from campaign.record.status import RunStatus

if TYPE_CHECKING:
    from campaign.doctor.diagnose import Check
    from campaign.plan.plan import Plan
    from campaign.plan.why import Difference, Explanation
    from campaign.published.agreement import Agreement
    from campaign.run.replay import Replay


STATE_STYLES = {"cached": "blue", "interrupted": "yellow", "failed": "bold red", "changed": "magenta", "new": "green"}
CHECK_STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red"}
MAX_COLUMNS = 10
WIDEST_VALUE = 40  # characters of a value in a table
NAMES_TOLD = 4  # stages that share a reason


def plan_table(plan: Plan) -> Group:
    """A plan: one line a stage, then what it adds up to, and what keeps it from starting."""
    table = _table(
        ("stage", "left"), ("state", "left"), ("simulations", "right"), ("core time", "right"), ("key", "left")
    )
    for stage in plan.stages:
        left = stage.state != "cached"
        about = "" if stage.timed else "~"
        table.add_row(
            stage.name,
            Text(stage.state, style=STATE_STYLES[stage.state]),
            f"{stage.simulations:,}" if stage.simulations else "",
            about + format_seconds(stage.core_seconds) if left else "",
            Text(stage.key[:8], style="dim"),
        )
    counts = ", ".join(f"{count} {state}" for state, count in plan.counts.items() if count)
    summary = [
        f"{len(plan.stages)} stages: {counts}; {plan.simulations:,} simulations to do",
        f"about {format_seconds(plan.core_seconds)} of core time ({plan.core_seconds / 3600:.2f} core-hours), at least "
        f"{format_seconds(plan.wall_seconds)} on {plan.workers} workers"
        + (" (~ without earlier timings)" if any(not stage.timed for stage in plan.stages) else ""),
        f"{plan.disk_bytes / 1e6:,.0f} MB in about {plan.files:,} files to be written",
        f"run folder: {plan.run_folder}",
        *(f"trial: {each.sentence()}" for each in plan.probes),
        *([f"with parts of {', '.join(plan.packages)}"] if plan.packages else []),
    ]
    reasons = [f"{_some(names, len(plan.stages))}: {reason}" for reason, names in _by_reason(plan).items()]
    warnings = [Text(f"warning: {each}", style=CHECK_STYLES["warning"]) for each in plan.warnings]
    return Group(table, *(Text(line) for line in ("", *reasons, "", *summary)), *warnings, *_obstacles(plan))


def _by_reason(plan: Plan) -> dict[str, list[str]]:
    """Stages that are left to do, together where they have the same reason."""
    found: dict[str, list[str]] = {}
    for stage in plan.stages:
        if stage.reason:
            found.setdefault(f"{stage.state}, {stage.reason}", []).append(stage.name)
    return found


def _some(names: Sequence[str], total: int) -> str:
    if len(names) == total:
        return "every stage"
    more = f" and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else ""
    return ", ".join(names[:NAMES_TOLD]) + more


def _obstacles(plan: Plan) -> list[Text]:
    lines = [f"{each.name}: {each.message}; {each.fix}" for each in plan.obstacles]
    return [Text(line, style=CHECK_STYLES["failure"]) for line in (["", "cannot start:", *lines] if lines else [])]


def explanation_table(explanation: Explanation) -> Group:
    """Why one stage is cached or not: a line for each item of its key that differs."""
    head = [f"{explanation.stage} is {explanation.state}, key {explanation.key}"]
    if explanation.state == "cached":
        return Group(Text(f"{head[0]}: every item of its key is that of the result"))
    if explanation.nearest is None:
        return Group(Text(f"{head[0]}: the cache holds nothing of its kind"))
    head.append(f"nearest result in the cache: {explanation.nearest[0]}, key {explanation.nearest[1]}")
    if not explanation.differences:
        head.append("nothing in its key differs: the result was begun and is not whole yet")
    table = _table(("", "left"), ("item", "left"), ("in the nearest result", "left"), ("now", "left"))
    _add_differences(table, explanation.differences, depth=0)
    return Group(*map(Text, head), table) if explanation.differences else Group(*map(Text, head))


def _add_differences(table: Table, differences: Sequence[Difference], depth: int) -> None:
    for each in differences:
        name = f"{each.name} ({each.stage})" if each.stage else each.name
        before, now = (_cut(shown(value)) for value in (each.before, each.now))
        table.add_row(Text(each.item, style="dim"), "  " * depth + name, before, now)
        _add_differences(table, each.because, depth + 1)


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST_VALUE else f"{text[: WIDEST_VALUE - 3]}..."


def run_table(status: RunStatus) -> Group:
    """One run, stage by stage."""
    now = time.time()
    return Group(Text(status_head(status, now)), status_table(status, now))


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
        line = status_line(status, now=time.time()) if status.stages else ""
        table.add_row(folder, status.state, "; ".join(filter(None, [line, status.message])))
    return table


def rows_table(rows: Sequence[Mapping[str, Any]], found: int, all_columns: bool = False) -> Group | Text:
    """Rows of stores, a line each; below, how many were found. Unless asked for, no column that says nothing here."""
    if not rows:
        return Text("no rows")
    names = list(rows[0])
    if not all_columns:
        names = [name for name in names if any(row[name] == row[name] != "" for row in rows)][:MAX_COLUMNS]
    table = _table(*((name, "right") for name in names))
    for row in rows:
        table.add_row(*(Text(_cell(row[name])) for name in names))
    if found > len(rows):
        return Group(table, Text(f"the first {len(rows)} of {found} rows; --limit shows others, --format csv all"))
    return Group(table, Text(f"{found} rows"))


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
