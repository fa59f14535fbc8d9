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
from campaign.record.stage_name import StageName, narrowest
from campaign.record.status import RunStatus

if TYPE_CHECKING:
    from campaign.cache.contents import Usage
    from campaign.doctor.diagnose import Check
    from campaign.plan.plan import Plan, PlannedStage
    from campaign.plan.why import Difference, Explanation
    from campaign.published.agreement import Agreement
    from campaign.record.needs import DiskUsage
    from campaign.review.receipt import Receipt
    from campaign.run.replay import Replay


STATE_STYLES = {
    "cached": "blue",
    "rerun": "cyan",
    "interrupted": "yellow",
    "failed": "bold red",
    "changed": "magenta",
    "new": "green",
}
CHECK_STYLES = {"ok": "green", "warning": "yellow", "failure": "bold red"}
MAX_COLUMNS = 10
WIDEST_VALUE = 40  # characters of a value in a table
MOST_ROWS = 30  # of one store in a receipt, which --json tells whole
LEAST_ACCOUNTED_S = 60.0  # below, a cost in core-hours would read 0.0
NAMES_TOLD = 4  # stages that share a reason


def plan_table(plan: Plan) -> Group:
    """A plan: one line a stage, then what it adds up to, and what keeps it from starting."""
    table = _table(
        *(("stage", "left"), ("state", "left"), ("simulations", "right")),
        *(("core time", "right"), ("memory", "right"), ("key", "left")),
    )
    table.columns[0].min_width = narrowest(stage.name for stage in plan.stages)
    for stage in plan.stages:
        left = stage.state != "cached"
        about = "" if stage.timed else "~"
        table.add_row(
            StageName(stage.name),
            Text(stage.state, style=STATE_STYLES[stage.state]),
            f"{stage.simulations:,}" if stage.simulations else "",
            about + format_seconds(stage.core_seconds) if left else "",
            _gigabytes(stage) if left else "",
            Text(stage.key[:8], style="dim"),
        )
    counts = ", ".join(f"{count} {state}" for state, count in plan.counts.items() if count)
    summary = [
        f"{len(plan.stages)} stages: {counts}; {plan.simulations:,} simulations to do",
        f"about {format_seconds(plan.core_seconds)} of core time{_in_hours(plan.core_seconds)}, at least "
        f"{format_seconds(plan.wall_seconds)} on {plan.workers} worker{'' if plan.workers == 1 else 's'}"
        + (" (~ not measured before)" if any(not stage.timed for stage in plan.stages) else ""),
        f"{plan.disk_bytes / 1e6:,.0f} MB in about {plan.files:,} files to be written",
        f"run folder: {plan.run_folder}",
        *(f"trial: {each.sentence()}" for each in plan.probes),
        *([f"with parts of {', '.join(plan.packages)}"] if plan.packages else []),
    ]
    reasons = [f"{_some(names, len(plan.stages))}: {reason}" for reason, names in _by_reason(plan).items()]
    warnings = [Text(f"warning: {each}", style=CHECK_STYLES["warning"]) for each in plan.warnings]
    return Group(table, *(Text(line) for line in ("", *reasons, "", *summary)), *warnings, *_obstacles(plan))


def _in_hours(core_seconds: float) -> str:
    """The unit that clusters account in, where there is enough of it."""
    return f" ({core_seconds / 3600:.2f} core-hours)" if core_seconds >= LEAST_ACCOUNTED_S else ""


def _gigabytes(stage: PlannedStage) -> str:
    """Memory of one process, marked where it was not measured."""
    return f"{'' if stage.measured else '~'}{stage.process_bytes / 1e9:.2f} GB" if stage.process_bytes else ""


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
    if explanation.state in ("cached", "rerun"):
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
    return Group(Text(status_head(status, now)), *([status_table(status, now)] if status.stages else []))


def agreement_table(found: Mapping[str, Agreement]) -> Table:
    """How a simulated property compares with the published one, a line for each set of pairs."""
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
        return Text("no runs here; `campaign submit quickstart` makes one")
    table = _table(("run", "left"), ("state", "left"), ("stages", "left"))
    for folder, status in states.items():
        line = status_line(status, now=time.time()) if status.stages else ""
        table.add_row(folder, status.state, "; ".join(filter(None, [line, status.message])))
    return table


def disk_tables(usage: DiskUsage) -> Group:
    """What runs take, and below what kinds of stages take."""
    runs = _table(("run", "left"), *((name, "right") for name in ("its folder", "results alone", "shared")))
    for run in usage.runs:
        runs.add_row(str(run.folder), *map(_megabytes, (run.own, run.alone, run.shared)))
    kinds = _table(("kind", "left"), *((name, "right") for name in ("results", "files", "size", "needed by no run")))
    for each in usage.kinds:
        files = f"{each.all.files:,}"
        kinds.add_row(each.kind, str(each.results), files, _megabytes(each.all), _megabytes(each.unneeded))
    told = "Giving a run up (`campaign prune RUN`) frees its folder and the results that it needs alone."
    return Group(runs, Text(""), kinds, Text(told))


def _megabytes(usage: Usage) -> str:
    return f"{usage.size / 1e6:,.1f} MB" if usage.size else ""


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


def _properties(y: float | Sequence[float]) -> str:
    """One property, or several."""
    return ", ".join(f"{each:.6f}" for each in (y if isinstance(y, list | tuple) else [y]))


def receipt_table(found: Receipt) -> Group:
    """A figure, as it stands in the table and as its rows make it; these rows, and the stages behind them."""
    state = "the same" if found.agrees else Text("which is another", style=CHECK_STYLES["failure"])
    told = [
        Text(f"{found.cell} is {_figure(found.value)}"),
        Text.assemble(f"computed again from its rows: {_figure(found.again)}, ", state),
        Text(f"seeds {', '.join(map(str, found.seeds))}; git commit {found.git_commit or 'not known'}"),
    ]
    rows = _table(("rows of", "left"), ("target", "right"), ("row", "right"), ("y", "right"), ("REP %", "right"))
    for each in found.rows:
        for row, y, rep in list(zip(each.rows, each.y, each.rep, strict=True))[:MOST_ROWS]:
            rows.add_row(each.stage, str(each.target), str(row), _properties(y), f"{rep:.4f}")
        if len(each.rows) > MOST_ROWS:
            left = f"{len(each.rows) - MOST_ROWS} more, to row {max(each.rows)}"
            rows.add_row(each.stage, str(each.target), left, "", "")
    stages = _table(("stage", "left"), ("key", "left"), ("code", "left"), ("schema", "right"), ("seed", "right"))
    for stage in found.stages:
        seed = "" if stage.seed is None else str(stage.seed)
        stages.add_row(stage.name, stage.key, stage.code, str(stage.schema), seed)
    stores = dict.fromkeys(str(each.store) for each in found.rows)
    return Group(*told, Text(), rows, Text(), stages, Text(), *(Text(f"store: {each}") for each in stores))


def _figure(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_figure, value))}]"
    return "nothing" if value is None else f"{value:.6g}"


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
        whole = max(map(len, title.split()), default=0)  # no heading breaks inside a word
        table.add_column(title, justify=justify, overflow="fold", min_width=whole)  # type: ignore[arg-type]
    return table


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
