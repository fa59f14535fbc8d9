"""What a person sees while a campaign runs: live bars on a terminal, one plain line a minute elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import MofNCompleteColumn, Progress, TaskID
from rich.table import Table
from rich.text import Text

from campaign.record.events import Event
from campaign.record.stage_name import StageName, narrowest
from campaign.record.status import RunStatus, StageStatus

PLAIN_SECONDS = 60.0
LINE_WIDTH = 200  # characters of a run in one line
MOST_NAMED = 4  # stages in it
MOST_SAID = 200  # characters of why a stage failed
PLAIN_WIDTH = 110  # columns where there is no terminal to ask: the widest table fits
DASHBOARD_LINE = "Ray dashboard: {} (it asks for a token, which `ray get-auth-token` prints)"
MARKS = {
    "waiting": ("·", "dim"),
    "queued": ("◦", "dim cyan"),
    "running": ("▶", "cyan"),
    "done": ("✔", "green"),
    "cached": ("✔", "blue"),
    "failed": ("✘", "bold red"),
    "interrupted": ("■", "yellow"),
    "removed": ("✘", "yellow"),
}


class Display(Protocol):
    """Shows a run by its events."""

    def __call__(self, event: Event) -> None:
        """Take in one event of ``events.jsonl``."""


@contextmanager
def display(console: Console, followed: RunStatus | None = None) -> Iterator[Display]:
    """A live display on a terminal, a plain one elsewhere; the block may call it from any thread.

    Parameters
    ----------
    console
        Where to show it.
    followed
        A status that somebody else keeps up to date by the same events; default: one of its own.
    """
    if console.is_terminal:
        with _LiveDisplay(console, followed) as live:
            yield live
    else:
        yield _PlainDisplay(console, followed)


class _LiveDisplay:
    """Redraws a table of stages."""

    def __init__(self, console: Console, followed: RunStatus | None) -> None:
        self._status = followed or RunStatus()
        self._applies = followed is None
        self._console = console
        self._live = Live(
            get_renderable=self._render, console=console, refresh_per_second=4, transient=not self._applies
        )

    def __enter__(self) -> _LiveDisplay:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        if self._applies:
            self._status.apply(event)
        for line in notices(event):
            self._console.print(line, soft_wrap=True)

    def _render(self) -> Group:
        now = time.time()
        return Group(Text(status_head(self._status, now)), status_table(self._status, now, self._console.height - 4))


class _PlainDisplay:
    """One line a minute, and one for what a person should know: logs of batch jobs stay readable."""

    def __init__(self, console: Console, followed: RunStatus | None) -> None:
        self._status = followed or RunStatus()
        self._applies = followed is None
        self._console = console
        self._last = time.monotonic()
        if not self._applies:
            self._show()

    def __call__(self, event: Event) -> None:
        if self._applies:
            self._status.apply(event)
        for line in notices(event):
            self._print(line)
        if time.monotonic() - self._last >= PLAIN_SECONDS:
            self._show()

    def _show(self) -> None:
        self._last = time.monotonic()
        self._print(status_line(self._status, now=time.time()))

    def _print(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)


def notices(event: Event) -> Iterator[str]:
    """What of an event is worth a line of its own."""
    if event["event"] == "cluster-started" and event.get("dashboard"):
        yield DASHBOARD_LINE.format(event["dashboard"])
    elif event["event"] == "cancel-requested":
        how = "at once" if event["how"] == "now" else "when simulations in flight have finished"
        yield f"cancelled by {event['user']} from {event['host']}: stops {how}"
    elif event["event"] == "status":
        yield f"{event['state']}: {event['message']}"
    elif event["event"] == "stage-ended" and event["state"] == "failed":
        yield f"failed: {event['stage']}: {event['message']}"


def status_head(status: RunStatus, now: float) -> str:
    """The run as a whole: its state, where it runs and since when, what else is to be known, and what failed."""
    if status.updated is None:
        return "waiting for the run to begin"
    facts = [status.state]
    if status.state == "running" and status.started is not None:
        cpus = f" ({status.cpus} CPUs)" if status.cpus else ""
        facts[0] += f" on {status.host}{cpus} for {format_seconds(now - status.started)}"
    if (left := status.seconds_left()) is not None:
        facts.append(f"about {format_seconds(left)} left")
    if status.message:
        facts = [*([] if status.message.startswith(status.state) else facts), status.message]
    facts.append(f"last event {format_seconds(max(0.0, now - status.updated))} ago")
    if status.failed:
        facts.append(f"{status.failed} simulations failed")
    return "; ".join(facts)


@contextmanager
def counting(console: Console) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal, a line a minute elsewhere; the block calls it with done, total, and of what."""
    if console.is_terminal:
        with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console, transient=True) as bars:
            tasks: dict[str, TaskID] = {}

            def draw(done: int, total: int, what: str) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total)
                bars.update(tasks[what], completed=done, total=total)

            yield draw
        return
    last = time.monotonic()

    def write(done: int, total: int, what: str) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_SECONDS:
            last = time.monotonic()
            console.print(Text(f"{done} of {total} {what}"), soft_wrap=True)

    yield write


def status_line(status: RunStatus, now: float) -> str:
    """A run in one line: stages done and how long still, those with most left to do, how many others run or wait."""
    running = {name: stage for name, stage in status.stages.items() if stage.state == "running"}
    left = status.seconds_left()
    slowest = sorted(running, key=lambda name: _seconds_left(running[name], now, left) or 0.0, reverse=True)
    told = [f"{name} {', '.join(_progress(running[name], now, left))}".rstrip() for name in slowest[:MOST_NAMED]]
    ended, queued = status.count("done", "cached"), status.count("queued")
    head = f"{ended} of {len(status.stages)} stages done"
    if left is not None:
        head += f", about {format_seconds(left)} left"
    while True:
        others = len(running) - len(told)
        counted = [*([f"and {others} more"] if others else []), *([f"{queued} waiting for a worker"] if queued else [])]
        line = "; ".join([head, *told, *counted])
        if len(line) <= LINE_WIDTH or len(told) <= 1:
            return line
        told.pop()


def status_table(status: RunStatus, now: float, most: int | None = None) -> Table:
    """A run as a table: one line a stage; with more than ``most`` stages, only those that run or failed."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("", no_wrap=True)
    shown = status.stages
    if most is not None and len(shown) > most:
        shown = {name: stage for name, stage in shown.items() if stage.state in {"running", "failed", "interrupted"}}
        ended, queued, waiting = status.count("done", "cached"), status.count("queued"), status.count("waiting")
        table.caption = (
            f"{ended} of {len(status.stages)} stages done, {queued} waiting for a worker, {waiting} for others"
        )
    # Names and progress give way, figures do not.
    table.add_column("stage", min_width=max(len("stage"), narrowest(shown)))
    table.add_column("progress", min_width=len("progress"))
    for title in ("time", "memory"):
        table.add_column(title, justify="right", no_wrap=True)
    left = status.seconds_left()
    for name, stage in shown.items():
        mark, style = MARKS[stage.state]
        progress = stage.message[:MOST_SAID] if stage.state == "failed" else ", ".join(_progress(stage, now, left))
        table.add_row(mark, StageName(name), progress, _elapsed(stage, now), _memory(stage), style=style)
    return table


def _progress(stage: StageStatus, now: float, run_left: float | None) -> Iterator[str]:
    """How far a stage is, how well it does, how fast and how long still, as far as it is known."""
    if stage.state == "queued":
        yield "waits for a worker"
    elif stage.total:
        yield f"{stage.done}/{stage.total} {stage.message}".rstrip()
        if stage.failed:
            yield f"{stage.failed} failed"
        if stage.best_rep is not None:
            yield f"best REP {stage.best_rep:.2g} %"
        if stage.state == "running" and stage.losses:
            name, value = next(iter(stage.losses.items()))
            name = " ".join([*(word for word in name.split("_") if word != "loss"), "loss"])
            yield f"{name} {value:.3g}"
    if (rate := stage.rate(now)) is not None:
        yield f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.1f}/min"
    if (seconds := _seconds_left(stage, now, run_left)) is not None:
        bound = "at most " if stage.is_bounded else ""
        yield f"{bound}{format_seconds(seconds)} left"


def _seconds_left(stage: StageStatus, now: float, run_left: float | None) -> float | None:
    """What a stage still takes; a bound that is longer than the whole run's ``run_left`` says nothing."""
    seconds = stage.seconds_left(now)
    if seconds is not None and run_left is not None and stage.is_bounded and seconds > run_left:
        return None
    return seconds


def _memory(stage: StageStatus) -> str:
    return f"{stage.peak_bytes / 1e9:.2f} GB" if stage.peak_bytes else ""


def _elapsed(stage: StageStatus, now: float) -> str:
    if stage.state == "running" and stage.started is not None:
        return format_seconds(now - stage.started)
    if stage.state in {"cached", "removed"}:
        return stage.state
    return format_seconds(stage.seconds) if stage.state == "done" else ""


def format_seconds(seconds: float) -> str:
    """For example ``8.2 s``, ``3 min 05 s``, ``4 h 10 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
